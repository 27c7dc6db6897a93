"""Which job orders are of one operation of an order: one that was split is several until they are merged.

Pure.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from taktwin.contracts import events
from taktwin.contracts.events import EventData

KINDS: tuple[type[EventData], ...] = (
    events.JobOrderStored,
    events.JobOrderSplit,
    events.JobOrderMerged,
    events.JobOrderEnded,
)


class Place(NamedTuple):
    """Where in an order a job order is."""

    request: str
    operation: int


class Pieces:
    """The job orders that an MES spoke of, by order and operation."""

    def __init__(self) -> None:
        self._place_of: dict[str, Place] = {}
        self._of: Counter[Place] = Counter()
        self._left: Counter[Place] = Counter()  # that are not over

    def hear(self, content: EventData) -> None:
        """Take a fact, in the sequence of the MES; those of other kinds, and of strangers, say nothing."""
        match content:
            case events.JobOrderStored() as new:
                self._comes(new.job, Place(new.request, new.operation))
            case events.JobOrderSplit() as split if split.job in self._place_of:
                self._comes(split.into, self._place_of[split.job])
            case events.JobOrderMerged() as merged if merged.job in self._place_of:
                self._of[self._place_of[merged.job]] -= 1
                self._left[self._place_of[merged.job]] -= 1
            case events.JobOrderEnded() as ended if ended.job in self._place_of:
                self._left[self._place_of[ended.job]] -= 1

    def _comes(self, job: str, place: Place) -> None:
        self._place_of[job] = place
        self._of[place] += 1
        self._left[place] += 1

    def place_of(self, job: str) -> Place | None:
        """Return where a job order is; None if nobody said that it came."""
        return self._place_of.get(job)

    def is_over(self, place: Place) -> bool:
        """Return whether no job order of an operation is open any more."""
        return not self._left[place]

    def is_split(self, place: Place) -> bool:
        """Return whether an operation has several job orders."""
        return self._of[place] > 1
