"""Stops, elements and figures of performance: what the MES answers, as the page takes it."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class ElementsModel(Model):
    """Sums of ISO 22400. The eight times from `production_ms` to `unknown_ms` are the calendar time."""

    production_ms: int
    set_up_ms: int
    delay_own_ms: int
    blocked_ms: int
    starved_ms: int
    down_no_order_ms: int
    planned_down_ms: int
    unknown_ms: int
    short_ms: int  # of the three delays: stops below the threshold
    produced: int
    good: int
    scrap: int
    planned_run_ms: int  # PRU x PQ
    unrated: int  # parts without a planned run time
    unseen: int  # parts made while nobody saw the machine: in no effectiveness
    calendar_ms: int
    planned_busy_ms: int
    unit_busy_ms: int
    delay_ms: int


Figures = dict[str, float | None]
# Why a figure is None: unknown (nobody knows anything of more than `unknown_max` of the time), unrated (a
# part has no planned run time), too_short (one part is over a tenth of the production time), nothing.
Withheld = dict[str, str]


class StopModel(Model):
    """A stop: its times are the machine's, its reason is a person's."""

    stop: str
    work_unit: str
    from_ms: int
    to_ms: int  # 0: it still stands
    known_ms: int
    stood_ms: int
    time_class: str
    code: str
    reason: str
    person: str
    coded_ms: int
    cause: str
    part_of: str
    cut: bool
    withdrawn: bool
    version: int
    changes: int
    parts: int
    recommended: str
    wants_reason: bool
    repair: str  # the maintenance order that was worked on meanwhile


class StopChangeModel(Model):
    """One step in the history of a stop."""

    change: str
    stop: str
    number: int
    at_ms: int
    what: str
    before: str
    after: str
    person: str
    cause: str


class StopPage(Model):
    """A stop with its history."""

    stop: StopModel
    history: list[StopChangeModel]


class StopReasonModel(Model):
    """A reason of the plant folder."""

    code: str
    name: str
    planned: bool
    element: str


class StopGroupModel(Model):
    """A branch of the tree of reasons."""

    group: str
    name: str
    reasons: list[StopReasonModel]


class StandingModel(Model):
    """What a terminal asks about: the stop of now, and those that have no reason yet."""

    work_unit: str
    stops: list[StopModel]
    reasons: list[StopGroupModel]
    at_ms: int


class StripModel(Model):
    """A stretch of a work unit in one class."""

    from_ms: int
    to_ms: int
    time_class: str
    stop: str


class CountModel(Model):
    """What was made for a job order, "" for none."""

    job: str
    product: str
    good: int
    scrap: int


class ReasonTimeModel(Model):
    """How long a reason took; "" = stops that nobody gave one."""

    reason: str
    time_class: str
    took_ms: int


class RepairModel(Model):
    """A maintenance order that was worked on, and for how long the machine did not produce meanwhile."""

    order: str
    about: str
    kind: str
    down_ms: int


class ProductTimeModel(Model):
    """The elements and figures of one product; "" = no job order ran."""

    product: str
    elements: ElementsModel
    figures: Figures
    withheld: Withheld


class ReliabilityModel(Model):
    """MTBF and MTTR of a work unit; None: fewer than two failures, or too much of the time is unknown."""

    failures: int  # stops whose time is its own delay
    mtbf_s: float | None
    mttr_s: float | None


class UnitTimeModel(Model):
    """A work unit in a shift, a production day or a week of them."""

    work_unit: str
    name: str
    seen: bool  # it tells its state
    short_stop_s: float
    elements: ElementsModel
    figures: Figures
    withheld: Withheld
    strip: list[StripModel]
    counts: list[CountModel]
    reasons: list[ReasonTimeModel]
    short_stops: int
    reliability: ReliabilityModel
    repairs: list[RepairModel]
    products: list[ProductTimeModel]


class WindowModel(Model):
    """A shift or a production day."""

    name: str
    day: str
    from_ms: int
    to_ms: int
    until_ms: int  # so far it is counted
    before_ms: int  # an instant of the one before
    after_ms: int  # of the one after, 0: that has not begun


class TooFastModel(Model):
    """Parts that came faster than planned: what an effectiveness above 1 is made of."""

    work_unit: str
    product: str
    parts: int
    effectiveness: float
    planned_ms: int  # the planned run time of one part
    took_ms: int  # the production time that one took


class PerformanceModel(Model):
    """A shift or production day of a machine or a line."""

    scope: str
    name: str
    lines: dict[str, list[str]]
    window: WindowModel
    units: list[UnitTimeModel]
    products: list[ProductTimeModel]
    elements: ElementsModel
    figures: Figures
    withheld: Withheld
    without: list[str]  # work units whose machine tells no state: not in the sums
    unknown_max: float  # share of unknown time above which no figure of it is given
    too_fast: list[TooFastModel]
    stops: list[StopModel]
    reasons: list[StopGroupModel]
    at_ms: int
