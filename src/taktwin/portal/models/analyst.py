"""What the analyst predicts, and the versions of the models that it predicts with; times in ms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taktwin.portal.models.advice import WordsModel
from taktwin.portal.models.base import Model


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
    reason: str


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


class PromotionWish(Model):
    """A person's decision that advice shall rest on a version from now on."""

    version: str = Field(min_length=1, max_length=100)
    instead_of: str = Field(
        description="the live version that whoever decides has seen, empty: there was none"
    )
    why: str = Field(min_length=1, max_length=500)
