"""Back-tests: what was predicted beside what came, and how far predictions may be trusted."""

from __future__ import annotations

from pydantic import Field

from taktwin.contracts.backtest import DAYS_MAX, EVERY_S_MAX, EVERY_S_MIN, RUNS_MAX, RUNS_MIN
from taktwin.portal.models.base import Model, Request
from taktwin.portal.models.whatif import WhatIfNote


class BackTestWish(Request):
    """A back-test: epochs one after the other, each from the plant as it stood when it began."""

    from_ms: int = Field(default=0, ge=0, description="0: so that it ends now")
    days: float = Field(default=1.0, gt=0, le=DAYS_MAX)
    every_s: float = Field(default=86_400.0, ge=EVERY_S_MIN, le=EVERY_S_MAX, description="length of an epoch")
    runs: int = Field(default=199, ge=RUNS_MIN, le=RUNS_MAX)
    seed: int = Field(default=1, ge=0, le=2**53)


class BackTestBegun(Model):
    """Whether it began: `begun` with so many epochs, `running` (another one), or `starting`."""

    state: str
    reason: str
    of: int


class ScoredModel(Model):
    """One indicator of one epoch; `below` and `equal` are runs beside what came."""

    indicator: str
    unit: str
    actual: float
    mean: float
    p50: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float
    runs: int
    below: int
    equal: int
    crps: float
    scale: float


class EpochModel(Model):
    """One prediction. Nothing in `scored`: it was left out, and `left_out` says why."""

    epoch_id: str
    from_ms: int
    to_ms: int
    snapshot: str
    scored: list[ScoredModel]
    left_out: list[WhatIfNote]
    notes: list[WhatIfNote]


class FigureModel(Model):
    """One indicator over all epochs; shares of what came. `ranks` are epochs by tenths of the runs."""

    indicator: str
    unit: str
    epochs: int
    error: float
    bias: float
    half_width: float | None
    apart: float
    limit: float
    covered_80: float
    covered_95: float
    crps: float
    ranks: list[float]
    uniform_p: float


class BackTestRecord(Model):
    """A back-test as it is kept; `record_id` is the hash of all the rest."""

    version: int
    record_id: str
    by: str
    made_ms: int
    model_version: str
    calibration_id: str
    calibrated_to_ms: int
    every_s: float
    runs: int
    seed: int
    epochs: list[EpochModel]
    took_s: float


class BackTestsModel(Model):
    """What is known: errors over `days` days with their limit, and why nothing may be recommended."""

    state: str
    reason: str
    done: int
    of: int
    limit: float
    days: int
    model_version: str
    calibration_id: str
    back_tested: bool
    may_recommend: bool
    warnings: list[WhatIfNote]
    figures: list[FigureModel]
    epochs: list[EpochModel]
    last: BackTestRecord | None
    next_ms: int
    damaged: list[str]
