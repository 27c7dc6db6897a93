"""What the analyst predicts, and the versions of the models that it predicts with; times in ms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taktwin.portal.models.advice import WordsModel
from taktwin.portal.models.base import Model, Request


class PredictedModel(Model):
    """One prediction with its interval; null: beyond what the model looks ahead, or `reason` says why."""

    id: str
    model: str
    version: str
    shadow: bool
    work_unit: str
    subject: str
    at_ms: int
    unit: str
    median: float | None
    low: float | None = Field(description="10 %")
    high: float | None = Field(description="90 %")
    evidence: list[WordsModel]
    facts: dict[str, float]
    names: dict[str, str]
    pace_s: float | None = Field(description="seconds of work at the unit for one of the values")
    reason: str


class UnmeasuredModel(Model):
    """Why nothing is measured yet of what was carried out."""

    recommendation: str
    says: WordsModel = Field(description="what it waits for, or why it will never be measured")
    until_ms: int = Field(description="when it is measured at the latest; 0: nobody knows")
    over: bool = Field(description="nothing that it could wait for will come")
    at_ms: int = Field(description="when the analyst looked")


class InstantsModel(Model):
    """When something is reached: by 10, 50 and 90 of 100; null: beyond what is planned or looked ahead."""

    low_ms: int | None
    median_ms: int | None
    high_ms: int | None


class WindowModel(Model):
    """When a work unit does not work by its schedule; `risk`: the chance that it is too late by then."""

    from_ms: int
    to_ms: int
    why: Literal["set-up", "gap", "off"]
    risk: float


class WorkModel(Model):
    """A job order on a work unit, as it is planned or runs."""

    job: str
    from_ms: int
    to_ms: int


class RiskModel(Model):
    """A tool or an asset that will need somebody: predicted, or by its fixed life or interval alone."""

    id: str
    kind: Literal["prediction", "tool", "plan"]
    work_unit: str
    name: str
    about: str = Field(description="the characteristic that leaves its window; empty: nothing is predicted")
    tool_kind: str
    used: float | None = Field(description="share of the fixed life or interval that is used up")
    parts: int
    life_parts: int | None
    due_ms: int = Field(description="of an interval in hours; 0: it goes by parts")
    stock: int | None = Field(
        description="tools of this kind that are not mounted and not worn; null: no tool"
    )
    order: str = Field(description="the maintenance order that is open for it")
    advice: str = Field(description="the recommendation that waits for a decision on it")
    says: WordsModel | None
    prediction: PredictedModel | None
    instants: InstantsModel | None
    scheduled: bool = Field(description="instants are by the schedule; else by work without a stop")
    windows: list[WindowModel]
    work: list[WorkModel]


class RisksModel(Model):
    """What needs somebody next, the soonest first; `away`: who did not answer, so its part is missing."""

    rows: list[RiskModel]
    old_after_ms: int
    away: list[str]
    at_ms: int


class ScoreModel(Model):
    """How good predictions are on what the model, or a naive rival, had not seen; null: nobody knows."""

    name: str
    predictions: int
    whole: int = Field(description="of them, whose outcome was seen and is no lower bound")
    crps: float | None
    coverage: float | None = Field(description="of the 80 % interval")
    pinball: float | None
    bias: float | None


class VersionModel(Model):
    """A version of a model with its card, the span of its data, its scores, and who let it go live."""

    model: str
    version: str
    stage: Literal["shadow", "live", "retired"]
    code_version: str
    data_from_ms: int
    data_to_ms: int
    made_ms: int
    error: float | None = Field(description="as a share, of what it has not seen; null: too little to tell")
    judged: int
    scores: list[ScoreModel]
    purpose: str
    not_for: str
    owner: str
    source: str
    learnt_from: str = Field(description="which history; empty: this installation's own")
    promoted_by: str
    promoted_ms: int
    promoted_why: str


class ModelModel(Model):
    """A model of this plant; `limits`: the largest error at which each class of advice rests on it."""

    model: str
    code_version: str
    subjects: int
    limits: dict[str, float]


class AnalystModel(Model):
    """What the analyst has, and why it is silent where it is."""

    state: Literal["starting", "running"]
    models: list[ModelModel]
    versions: list[VersionModel]
    silent: dict[str, str]
    proposed: dict[str, str]
    at_ms: int


class PromotionWish(Request):
    """A person's decision that advice shall rest on a version from now on."""

    version: str = Field(min_length=1, max_length=100)
    instead_of: str = Field(
        description="the live version that whoever decides has seen, empty: there was none"
    )
    why: str = Field(min_length=1, max_length=500)
