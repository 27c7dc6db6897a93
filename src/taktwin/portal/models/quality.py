"""Results, the inspection plan, nonconformances and suspicions."""

from __future__ import annotations

from taktwin.portal.models.base import Model
from taktwin.portal.models.checklists import PhotoModel


class ResultModel(Model):
    """What was measured once, with the limits of then."""

    result: str
    characteristic: str
    name: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str
    verdict: str  # OK | NOK
    value: float | None
    unit_of_measure: str
    lower: float | None
    upper: float | None
    signal: str
    person: str
    gauge: str
    nonconformance: str
    at_ms: int


class CheckModel(Model):
    """A characteristic that people measure here. `left`: 1 = the next part, 0 = this one, less = late."""

    characteristic: str
    name: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    nominal: float | None
    attribute: bool
    sample_every: int
    left: int
    last: ResultModel | None


class CharacteristicModel(Model):
    """A line of the inspection plan with its last results, in order of time."""

    characteristic: str
    name: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    nominal: float | None
    attribute: bool
    equipment_class: str
    signal: str
    sample_every: int
    products: list[str]
    results: list[ResultModel]


class NonconformanceModel(Model):
    """Something that is not as specified."""

    nonconformance: str
    number: int
    characteristic: str
    cause: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str
    result: str
    results: int
    suspects: int
    good_ms: int
    opened_ms: int
    person: str
    signal: str
    state: str  # Open | Rework | Closed
    disposition: str
    reason: str
    decided_by: str
    decided_ms: int
    version: int


class QualityModel(Model):
    """Nonconformances, open ones first; the inspection plan with its last results."""

    nonconformances: list[NonconformanceModel]
    signed: bool  # a disposition wants a number and a PIN
    characteristics: list[CharacteristicModel]
    at_ms: int


class ReworkRouteModel(Model):
    """A rework route that this part may take."""

    route: str
    name: str


class NonconformancePage(Model):
    """A nonconformance with its results, the newest first, and the units that are suspect with it."""

    nonconformance: NonconformanceModel
    results: list[ResultModel]
    suspect_units: list[str]
    routes: list[ReworkRouteModel]
    photos: list[PhotoModel]


class SuspicionModel(Model):
    """Units that were held at once; `units` are those that it still holds."""

    suspicion: str
    number: int
    kind: str  # lot | tool | work_unit | nonconformance
    about: str
    cause: str
    from_ms: int
    to_ms: int
    suspects: int
    held: int
    held_ms: int
    released: bool
    version: int
    units: list[str]


class SuspicionsModel(Model):
    """The last suspicions, the newest first."""

    suspicions: list[SuspicionModel]


class HoldModel(Model):
    """A lot or a unit that nobody may use."""

    kind: str  # lot | unit
    id: str
    product: str
    name: str
    remaining: float
    request: str
    work_unit: str  # where the unit was last
    reason: str
    since_ms: int  # 0: from before the journal
    person: str
    is_person: bool  # else a machine or a rule said so
    nonconformance: str  # open: it decides; "" = none


class HoldsModel(Model):
    """What is on hold, the last held first; at most 200 of each kind."""

    holds: list[HoldModel]
    lots: int
    units: int
