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

KINDS: tuple[type[EventData], ...] = (events.JobOrderStored, events.JobOrderSplit, events.JobOrderEnded)
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
    said : instants and facts of `KINDS`, in their sequence
    """
    place_of: dict[str, tuple[str, int]] = {}  # job order -> order, operation
    made: dict[tuple[str, int], int] = {}  # order, operation -> good parts of job orders that are over
    before: dict[str, list[int]] = defaultdict(list)  # order -> its operations
    # Of what was split nobody tells at which unit it was lost, and it is known when all of it is over.
    pieces: Counter[tuple[str, int]] = Counter()
    left: Counter[tuple[str, int]] = Counter()
    found: dict[str, Lost] = defaultdict(Lost)
    for _, content in said:
        match content:
            case events.JobOrderStored() as new:
                place_of[new.job] = new.request, new.operation
                before[new.request].append(new.operation)
                pieces[place_of[new.job]] += 1
                left[place_of[new.job]] += 1
            case events.JobOrderSplit() as split if split.job in place_of:
                here_too = place_of[split.into] = place_of[split.job]
                pieces[here_too] += 1
                left[here_too] += 1
            case events.JobOrderEnded() as ended if ended.job in place_of:
                request, number = place_of[ended.job]
                made[request, number] = made.get((request, number), 0) + ended.good
                left[request, number] -= 1
                earlier = [each for each in before[request] if each < number]
                here = found[ended.work_unit]
                if not earlier:
                    here.spoilt += ended.scrap > 0
                    here.whole += ended.scrap > 0 and ended.sub_state == SubState.COMPLETED.value
                    continue
                if pieces[request, number] > 1 or left[request, max(earlier)]:
                    continue
                if (came := made.get((request, max(earlier)))) is not None and came >= ended.good:
                    here.came += came
                    here.lost += came - ended.good
    return dict(found)
