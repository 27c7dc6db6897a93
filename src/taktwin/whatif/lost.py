"""What became of the parts that came to a job order: in come the facts of an MES, go out shares by unit.

Not every loss is counted by a machine: some count no rejects at all, and parts fall down before they are
taken. The job orders of one order tell it all the same: what one of them made and the next did not is
lost. At the first operation nothing comes in, and what was bad there is made again where the job order goes
on until all its good parts are there. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.standards.job_control import SubState
from taktwin.whatif.pieces import Pieces, Place

ENDS_MIN = 5  # job orders with scrap, from which it is told what becomes of it


@dataclass(slots=True)
class Lost:
    """The job orders that ended at one work unit."""

    came: int = 0  # parts, as the operation before made them
    lost: int = 0  # of them, whoever counted it
    spoilt: int = 0  # job orders of first operations that had scrap
    whole: int = 0  # of them those that made all their parts nevertheless

    @property
    def is_remade(self) -> bool:
        """Return whether what is bad here is made again."""
        return self.spoilt >= ENDS_MIN and 2 * self.whole > self.spoilt


def losses(said: Iterable[tuple[int, EventData]]) -> dict[str, Lost]:
    """Return what became of parts at each work unit.

    Parameters
    ----------
    said : instants and facts of `pieces.KINDS`, in their sequence
    """
    pieces = Pieces()
    made: Counter[Place] = Counter()  # good parts of job orders that are over
    before: dict[str, list[int]] = defaultdict(list)  # order -> its operations
    found: dict[str, Lost] = defaultdict(Lost)
    for _, content in said:
        pieces.hear(content)
        if isinstance(content, events.JobOrderStored):
            before[content.request].append(content.operation)
        if not isinstance(content, events.JobOrderEnded):
            continue
        place = pieces.place_of(content.job)
        if place is None:
            continue
        made[place] += content.good
        earlier = [each for each in before[place.request] if each < place.operation]
        here = found[content.work_unit]
        if not earlier:
            here.spoilt += content.scrap > 0
            here.whole += content.scrap > 0 and content.sub_state == SubState.COMPLETED.value
            continue
        last = Place(place.request, max(earlier))
        # Of what was split nobody tells at which unit it was lost, and it is known when all of it is over.
        if pieces.is_split(place) or not pieces.is_over(last):
            continue
        if last in made and made[last] >= content.good:
            here.came += made[last]
            here.lost += made[last] - content.good
    return dict(found)
