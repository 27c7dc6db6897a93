"""Calibrations: which parameter sets there are, what each parameter rests on, who took which into use."""

from __future__ import annotations

from pydantic import Field

from taktwin.contracts.calibration import DAYS_MAX, WHY_MAX
from taktwin.portal.models.base import Model, Request
from taktwin.portal.models.whatif import WhatIfNote


class CalibrationEntry(Model):
    """A set was `proposed`, or is `in_use` since then: by `person`, `configuration`, `command` or `night`."""

    number: int
    what: str
    calibration: str
    by: str
    at_ms: int
    who: str
    why: str
    reasons: list[WhatIfNote]


class CalibrationHead(Model):
    """A set at a glance; one that is proposed changes no answer."""

    calibration: str
    hash: str
    source: str
    from_ms: int
    to_ms: int
    parameters: int
    observations: int
    drifted: int
    pooled: int
    is_proposed: bool
    heard: float | None = Field(description="share of the range in which a machine was heard; null: not said")


class CalibrationParameter(Model):
    """One parameter with what it rests on. `seen` and `fitted` are quantiles at 1/20, 2/20 ..."""

    name: str
    kind: str
    subjects: list[str]
    unit: str
    value: float
    low: float | None
    high: float | None
    family: str
    says: str
    n: int
    running: int
    n_own: int
    pooled: str
    pooled_of: str
    pooled_units: int
    drifted: bool
    few: bool
    fits: bool
    p: float | None
    far_out: int
    from_ms: int
    to_ms: int
    seen: list[float]
    fitted: list[float]
    beside: float | None
    moved: bool


class CalibrationModel(Model):
    """One set; with `beside`, held against another."""

    state: str
    reason: str
    head: CalibrationHead | None
    beside: CalibrationHead | None
    parameters: list[CalibrationParameter]
    gone: list[str]
    missing: list[WhatIfNote]


class CalibrationNewer(Model):
    """A proposed set with newer data than the one in use, and what has moved in it."""

    calibration: str
    at_ms: int
    reasons: list[WhatIfNote]
    moved: list[str]
    added: int
    gone: int


class CalibrationsModel(Model):
    """Which sets there are, which one answers are made with, and how far a new one is."""

    state: str
    reason: str
    done: int
    of: int
    at_ms: int
    in_use: str
    used: CalibrationEntry | None
    sets: list[CalibrationHead]
    newer: CalibrationNewer | None
    entries: list[CalibrationEntry]
    every_days: float
    is_automatic: bool
    next_ms: int
    damaged: list[str]


class CalibrationWishModel(Request):
    """A new calibration, out of the last days of history."""

    days: float = Field(
        default=0.0, ge=0, le=DAYS_MAX, description="0: all that there is, half a year at most"
    )


class CalibrationBegunModel(Model):
    """Whether it began: `begun`, or `running` (another one)."""

    state: str
    reason: str


class CalibrationUseModel(Request):
    """A set that shall be taken into use, or `standard-times`."""

    calibration: str
    instead_of: str = Field(description="the one in use that whoever decides has seen")
    why: str = Field(default="", max_length=WHY_MAX)
