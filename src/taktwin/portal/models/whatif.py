"""What if: the question and both futures side by side."""

from __future__ import annotations

from pydantic import Field

from taktwin.contracts.whatif import CHANGES_MAX, HORIZON_S_MAX, REPLICATIONS_MAX
from taktwin.portal.models.base import Model


class DownModel(Model):
    """A machine that cannot work for a while."""

    unit: str
    for_s: float = Field(gt=0, le=HORIZON_S_MAX)
    from_s: float = Field(default=0.0, ge=0, le=HORIZON_S_MAX, description="after now")


class WhatIfQuestion(Model):
    """What would be if all these came together, beside nothing of it."""

    down: list[DownModel] = Field(min_length=1, max_length=CHANGES_MAX)
    horizon_s: float = Field(default=86_400.0, ge=60, le=HORIZON_S_MAX)
    replications: int = Field(default=30, ge=1, le=REPLICATIONS_MAX)
    seed: int = Field(default=1, ge=0, le=2**53)


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
    p50: float
    p90: float
    dots: list[float]


class IndicatorModel(Model):
    """One figure without and with the change; shares of runs in which the change is better, same, worse."""

    name: str
    unit: str
    more_is_better: bool
    base: SpreadModel
    scenario: SpreadModel
    difference: SpreadModel
    better: float
    same: float
    worse: float


class OutlookModel(Model):
    """One open order: how often it is late and when it is done in the middle run, without and with."""

    order: str
    product: str
    due_ms: int
    late: float
    late_then: float
    done_ms: int
    done_then_ms: int


class PictureModel(Model):
    """The picture of the plant from which the answer was made."""

    snapshot_id: str
    state_ms: int
    hash: str
    unknowns: list[WhatIfNote]


class ValidityModel(Model):
    """How far the answer may be trusted; `notes` is what the model does not have."""

    back_tested: bool
    calibrated: bool
    error: float | None
    notes: list[WhatIfNote]


class ComparisonModel(Model):
    """The answer. Where `state` is not `ready` there is none, and `reason` says why."""

    state: str
    reason: str
    snapshot: PictureModel | None
    scenario_id: str
    model_version: str
    calibration_id: str
    changes: list[DownModel]
    horizon_s: float
    warmup_s: float
    replications: int
    seed: int
    common_random_numbers: bool
    indicators: list[IndicatorModel]
    orders: list[OutlookModel]
    orders_open: int
    validity: ValidityModel | None
    took_s: float


class WhatIfStatus(Model):
    """Whether the room can answer: `ready` or `starting`; `units` are the machines to ask about."""

    state: str
    reason: str
    units: list[str]
