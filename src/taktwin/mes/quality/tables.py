"""Rows of quality. Only quality's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row

OPEN, REWORK, OVER = "Open", "Rework", "Closed"  # states of a nonconformance


class Result(Row, frozen=True, kw_only=True):
    """What was measured once (ISA-95 TestResult), with the limits of then."""

    table: ClassVar[str] = "results"
    result: str  # a person's: id of the command; a machine's: <characteristic>:<work unit>:<nanoseconds>
    characteristic: str
    name: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str  # serial number; "" = nobody said which part it was
    verdict: str  # engine.Verdict
    value: float | None  # None: a yes or no
    unit_of_measure: str
    lower: float | None
    upper: float | None
    signal: str  # "" = a person measured
    person: str
    gauge: str
    nonconformance: str
    at_ns: int


class Nonconformance(Row, frozen=True, kw_only=True):
    """Something that is not as specified, until somebody with the right has decided on it."""

    table: ClassVar[str] = "nonconformances"
    nonconformance: str  # NC-<number>
    number: int
    characteristic: str
    cause: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str  # serial number; "" = the suspects of a job order
    result: str  # the first that said so
    results: int  # how many belong to it
    suspects: int  # parts since the last good result
    good_ns: int  # the last good result; 0: there was none
    opened_ns: int
    person: str  # who measured; "" = the machine
    signal: str
    state: str  # OPEN | REWORK | OVER
    disposition: str  # use-as-is | rework | scrap | return; "" = not yet
    reason: str
    decided_by: str
    decided_ns: int
    version: int


class Inspection(Row, frozen=True, kw_only=True):
    """Where the sampling of a characteristic stands at a work unit."""

    table: ClassVar[str] = "inspections"
    inspection: str  # <characteristic>:<work unit>
    characteristic: str
    work_unit: str
    result: str  # the last one
    made: int  # good parts that the work unit had made for job orders by then
    at_ns: int
    good_made: int  # the same of the last good result
    good_ns: int  # 0: there was none


class Rework(Row, frozen=True, kw_only=True):
    """A unit on a rework route, with the steps as they were ordered."""

    table: ClassVar[str] = "reworks"
    rework: str  # <nonconformance>-R<number>
    nonconformance: str
    unit: str
    route: str
    steps: str  # JSON list of events.ReworkStepPlanned
    done: int  # steps
    back_to: int  # operation that it has to pass next afterwards
    operation: int  # the one before that
    state: str  # Ordered | Done | Ended
    ordered_ns: int
    version: int


class Suspicion(Row, frozen=True, kw_only=True):
    """Units that were held at once, and why."""

    table: ClassVar[str] = "suspicions"
    suspicion: str  # SU-<number>
    number: int
    kind: str  # lot | tool | work_unit | nonconformance
    about: str
    cause: str
    from_ns: int
    to_ns: int
    suspects: int
    held: int  # those that nothing held before
    held_ns: int
    released: bool
    version: int
