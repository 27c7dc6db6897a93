"""Results, nonconformances, suspicions and rework."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.events.envelope import EventData


class ResultRecorded(EventData, frozen=True, kw_only=True):
    """A characteristic of a part was measured, by its machine or by a person, with the limits of then."""

    event_type: ClassVar[str] = "quality.result.recorded"
    result: str
    characteristic: str
    name: str
    product: str
    job: str
    operation: int
    work_unit: str
    verdict: str  # OK | NOK
    unit: str = ""  # serial number; "" = nobody said which part it was
    value: float | None = None  # None: a yes or no
    unit_of_measure: str = ""
    lower: float | None = None
    upper: float | None = None
    signal: str = ""  # the machine's own word; "" = a person measured
    person: str = ""
    gauge: str = ""
    made: int = 0  # good parts that the work unit had made for job orders by then
    nonconformance: str = ""  # the one that it belongs to
    suspects: int = 0  # of NOK: parts since the last good result, this one included


class NonconformanceOpened(EventData, frozen=True, kw_only=True):
    """A part is not as specified: somebody with the right must decide what becomes of it."""

    event_type: ClassVar[str] = "quality.nonconformance.opened"
    nonconformance: str
    number: int
    result: str
    characteristic: str
    cause: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str = ""  # "" = parts without a serial number
    suspects: int = 1
    good_ns: int = 0  # the last good result before; 0: there was none


class NonconformanceDisposed(EventData, frozen=True, kw_only=True):
    """Somebody decided on a nonconformance; after `rework` it stays open."""

    event_type: ClassVar[str] = "quality.nonconformance.disposed"
    nonconformance: str
    disposition: str  # use-as-is | rework | scrap | return
    cause: str
    person: str
    quantity: int = 0  # of scrap


class NonconformanceClosed(EventData, frozen=True, kw_only=True):
    """Nothing is left to decide."""

    event_type: ClassVar[str] = "quality.nonconformance.closed"
    nonconformance: str


class SuspectsHeld(EventData, frozen=True, kw_only=True):
    """All units that share something were held at once; each of them says so in an event of its own."""

    event_type: ClassVar[str] = "quality.suspects.held"
    suspicion: str
    number: int
    kind: str  # lot | tool | work_unit | nonconformance
    about: str
    cause: str
    from_ns: int  # 0: from the beginning
    to_ns: int
    suspects: int
    held: int  # those that nothing held before


class SuspectsReleased(EventData, frozen=True, kw_only=True):
    """What a suspicion still held was let go."""

    event_type: ClassVar[str] = "quality.suspects.released"
    suspicion: str
    cause: str
    released: int


class ReworkStepPlanned(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a rework route as it was ordered."""

    name: str
    equipment_class: str


class ReworkOrdered(EventData, frozen=True, kw_only=True):
    """A unit has to take a rework route, and goes on from an operation of its own route."""

    event_type: ClassVar[str] = "rework.ordered"
    rework: str
    nonconformance: str
    unit: str
    route: str
    steps: list[ReworkStepPlanned]
    back_to: int  # operation
    operation: int  # the one before it


class ReworkStepDone(EventData, frozen=True, kw_only=True):
    """A step of a rework route was done."""

    event_type: ClassVar[str] = "rework.step.done"
    rework: str
    unit: str
    step: int
    name: str
    work_unit: str
    good: bool


class ReworkEnded(EventData, frozen=True, kw_only=True):
    """A rework route is over: done, or given up."""

    event_type: ClassVar[str] = "rework.ended"
    rework: str
    unit: str
    done: bool
    cause: str = ""
