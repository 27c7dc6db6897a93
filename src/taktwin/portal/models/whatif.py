"""What if: the question and all futures side by side; the contract's fields, instants in milliseconds."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from taktwin.contracts.whatif import (
    CHANGES_MAX,
    DEADLINE_S_MAX,
    HORIZON_S_MAX,
    REPLICATIONS_MAX,
    REPLICATIONS_MIN,
    SCENARIOS_MAX,
)
from taktwin.portal.models.base import Model, Request


class ScenarioModel(Request):
    """What shall be different: changes with the plant's names, as `GET /whatif/changes` describes them."""

    name: str = Field(min_length=1)
    changes: list[dict[str, Any]] = Field(max_length=CHANGES_MAX)
    asks: str = ""
    against: str = Field(default_factory=str, description="another one of the question; empty: doing nothing")


class WhatIfQuestion(Request):
    """What would be in each of these futures, beside doing nothing."""

    scenarios: list[ScenarioModel] = Field(min_length=1, max_length=SCENARIOS_MAX)
    horizon_s: float = Field(default=86_400.0, ge=60, le=HORIZON_S_MAX)
    replications: int = Field(default=30, ge=REPLICATIONS_MIN, le=REPLICATIONS_MAX)
    seed: int = Field(default=1, ge=0, le=2**53)
    deadline_s: float = Field(default=8.0, ge=0.1, le=DEADLINE_S_MAX, description="of wall time")
    race: bool = Field(default=False, description="who is behind the best for sure gets no more runs")
    at_ms: int = Field(default=0, ge=0, description="0: now")
    indicators: list[str] = Field(
        default=[], description="the standard ones if empty; a race is about the first"
    )


class WhatIfNote(Model):
    """Something that was not known or is not in the model; `text` says what was taken instead."""

    code: str
    text: str
    subjects: list[str]


class SpreadModel(Model):
    """One figure over all runs; the half-width is that of the mean's 95 % interval."""

    mean: float
    half_width: float
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    dots: list[float]


class EffectModel(Model):
    """One figure in one scenario; `difference` and shares run by run against doing nothing."""

    scenario: str
    outcome: SpreadModel
    difference: SpreadModel
    better: float
    same: float
    worse: float
    best: float = Field(description="probability that nothing else that was asked has a better mean")
    replications: int
    out_after: int = Field(description="runs after which a race left it behind; 0: it was not")


class IndicatorModel(Model):
    """One figure of all futures; effects in the sequence of the question's scenarios."""

    name: str
    unit: str
    more_is_better: bool | None
    base: SpreadModel
    effects: list[EffectModel]


class OutlookModel(Model):
    """How an order comes out in one future; an instant of 0 is not within the horizon."""

    late: float
    done_ms: int
    done_p10_ms: int
    done_p90_ms: int
    is_there: bool


class OrderOutlookModel(Model):
    """One open order, or one that a scenario adds, in all futures."""

    order: str
    product: str
    due_ms: int
    base: OutlookModel
    scenarios: list[OutlookModel]


class SharesModel(Model):
    """What a work unit does with its time; together 1, or 0 where the unit is not there."""

    working: float
    setup: float
    blocked: float
    starved: float
    failed: float
    off: float
    no_crew: float
    upkeep: float


class UnitSharesModel(Model):
    """One work unit in all futures."""

    unit: str
    base: SharesModel
    scenarios: list[SharesModel]


class BottleneckModel(Model):
    """The work unit that is busy for most of the time that it is on."""

    base: str
    scenarios: list[str]


class PictureModel(Model):
    """The picture of the plant from which the answer was made."""

    snapshot_id: str
    state_ms: int
    hash: str
    unknowns: list[WhatIfNote]


class PastErrorModel(Model):
    """How far predictions of an indicator were off when they were compared with what came."""

    indicator: str
    error: float
    limit: float
    epochs: int
    covered_80: float
    covered_95: float


class ValidityModel(Model):
    """How far the answer may be trusted; `notes` is what the model does not have."""

    back_tested: bool
    calibrated: bool
    may_recommend: bool
    errors: list[PastErrorModel]
    notes: list[WhatIfNote]


class ComparisonModel(Model):
    """The answer. Where `state` is not `ready` there is none, and `reason` says why."""

    state: str
    reason: str
    snapshot: PictureModel | None
    scenario_id: str
    model_version: str
    calibration_id: str
    scenarios: list[ScenarioModel]
    horizon_s: float
    warmup_s: float
    replications: int
    seed: int
    common_random_numbers: bool
    indicators: list[IndicatorModel]
    orders: list[OrderOutlookModel]
    orders_open: int
    units: list[UnitSharesModel]
    bottleneck: BottleneckModel
    is_cut: bool
    validity: ValidityModel | None
    took_s: float


class WhatIfStatus(Model):
    """Whether the room can answer: `ready` or `starting`; `units` are the machines to ask about."""

    state: str
    reason: str
    units: list[str]


class SensitivityQuestionModel(Request):
    """Which guess, if it is wrong, moves an indicator most."""

    question: WhatIfQuestion
    scenario: str = Field(default="", description="a name of the question; empty: doing nothing")
    indicator: str


class BarModel(Model):
    """One guess, and the indicator's mean when it is wrong the one way and the other."""

    code: str
    text: str
    subjects: list[str]
    low_says: str
    high_says: str
    low: float
    high: float
    half_width: float


class SensitivityModel(Model):
    """The tornado; bars in the sequence of how far they reach."""

    state: str
    reason: str
    scenario: str
    indicator: str
    unit: str
    mean: float
    bars: list[BarModel]
    replications: int
    is_cut: bool
    took_s: float


class ReplayQuestionModel(Request):
    """One run of one future, to be looked at."""

    question: WhatIfQuestion
    scenario: str = Field(default="", description="a name of the question; empty: doing nothing")
    replication: int = Field(default=0, ge=0)


class ReplaySpanModel(Model):
    """What a work unit does from an instant to another."""

    from_ms: int
    to_ms: int
    time_class: str
    product: str
    order: str


class ReplayUnitModel(Model):
    """The course of a work unit, without a gap."""

    unit: str
    spans: list[ReplaySpanModel]


class ReplayBufferModel(Model):
    """How many jobs wait where a buffer is, from each instant on."""

    buffer: str
    from_ms: list[int]
    content: list[int]


class ReplayOrderModel(Model):
    """When an order is done; 0: not within the run."""

    order: str
    done_ms: int


class ReplayModel(Model):
    """One run of one future."""

    state: str
    reason: str
    scenario: str
    replication: int
    start_ms: int
    end_ms: int
    units: list[ReplayUnitModel]
    buffers: list[ReplayBufferModel]
    orders: list[ReplayOrderModel]
    took_s: float


class LibraryScenarioModel(Model):
    """A question that others ask too; it shows nothing within less than `horizon_s`."""

    name: str
    changes: list[dict[str, Any]]
    asks: str
    group: str
    horizon_s: float


class WhatIfLibrary(Model):
    """The library of new-model introduction, as it fits the plant as it stands."""

    state: str
    reason: str
    scenarios: list[LibraryScenarioModel]


class ChangeFieldModel(Model):
    """One field of a kind of change; `names` is a key of the names that it takes."""

    name: str
    label: str
    type: str = Field(description="text, number, integer, bool, name or object")
    unit: str
    names: str
    required: bool
    nullable: bool
    default: Any
    least: float | None
    least_allowed: bool
    most: float | None
    many: bool


class ChangeKindModel(Model):
    """One kind of change."""

    change: str
    group: str
    label: str
    text: str
    fields: list[ChangeFieldModel]


class NameModel(Model):
    """Something of the plant that a change may name, or a word that chooses by itself."""

    name: str
    text: str


class WhatIfChanges(Model):
    """What a scenario may change of this plant."""

    state: str
    reason: str
    kinds: list[ChangeKindModel]
    names: dict[str, list[NameModel]]
