"""Advice: what is proposed with its proof, what became of it, what each class may do; times in ms."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from taktwin.portal.models.base import Model, Request
from taktwin.portal.models.whatif import PastErrorModel, SpreadModel, WhatIfNote


class WordsModel(Model):
    """A sentence: by its code and values in the page's language, and once in full in English."""

    code: str
    text: str
    values: dict[str, str | int | float]


class RangeModel(Model):
    """A figure with the interval in which 80 of 100 such figures lie."""

    mean: float
    p10: float
    p90: float


class EvidenceModel(Model):
    """One thing that speaks for it, with the way to it; 0 and 0: the whole of it."""

    says: WordsModel
    kind: str
    reference: str
    from_ms: int
    to_ms: int
    share: RangeModel | None


class ForecastModel(Model):
    """What comes if nothing is done; counts from the copy's instant."""

    says: WordsModel
    indicator: str
    in_s: RangeModel
    coverage: float


class ActionModel(Model):
    """What the MES is asked if a person accepts."""

    command: str
    data: dict[str, Any]
    says: WordsModel


class CostModel(Model):
    """What something costs; null where nobody knows."""

    units: RangeModel | None
    minutes: RangeModel | None
    money: RangeModel | None
    currency: str


class AdviceEffectModel(Model):
    """One figure with the action and without, run by run with the same luck."""

    indicator: str
    unit: str
    more_is_better: bool
    nothing: SpreadModel
    action: SpreadModel
    difference: SpreadModel
    better: float
    same: float
    worse: float


class AlternativeModel(Model):
    """One thing that could be done instead."""

    name: str
    says: WordsModel
    effects: list[AdviceEffectModel]
    replications: int
    significant: bool
    best: float


class ProofModel(Model):
    """What the twin found on a copy of the plant."""

    scenario_id: str
    snapshot_id: str
    snapshot_hash: str
    state_ms: int
    model_version: str
    calibration_id: str
    seed: int
    horizon_s: float
    common_random_numbers: bool
    chosen: str
    alternatives: list[AlternativeModel]
    validity: PastErrorModel
    simulation: list[PastErrorModel]
    unknowns: list[WhatIfNote]


class WatchModel(Model):
    """What of the MES would make it void."""

    event_type: str
    where: dict[str, str | int]


class AdviceModelModel(Model):
    """The model that thought of it."""

    name: str
    version: str
    data_from_ms: int
    data_to_ms: int
    shadow: bool


class ProposalModel(Model):
    """A recommendation as it was proposed."""

    id: str
    advice_class: str
    work_unit: str
    says: WordsModel
    evidence: list[EvidenceModel]
    against: list[WordsModel]
    forecast: ForecastModel
    action: ActionModel
    effects: list[AdviceEffectModel]
    inaction: CostModel
    waiting: CostModel
    expires_ms: int
    risk: str
    roll_back: WordsModel
    roll_back_until_ms: int
    watches: list[WatchModel]
    model: AdviceModelModel
    proof: ProofModel


class ApprovalModel(Model):
    """One person's yes."""

    person: str
    at_ms: int
    signature: str
    signer: str


class AdviceDecisionModel(Model):
    """What people decided."""

    accepted: bool
    person: str
    at_ms: int
    reason: str
    approvals: list[ApprovalModel]


class ExecutionModel(Model):
    """What the MES made of it; an instant of 0 has not come."""

    command: str
    dispatched_ms: int
    acknowledged_ms: int
    subject: str
    done_ms: int
    failed_ms: int
    place: str
    found: str
    right: str


class ObservedModel(Model):
    """Promised beside measured."""

    indicator: str
    unit: str
    promised: RangeModel
    measured: RangeModel


class OutcomeModel(Model):
    """The measured effect."""

    result: str
    observed_effect: list[ObservedModel]
    measured_how: WordsModel
    counterfactual_id: str
    from_ms: int
    to_ms: int
    at_ms: int


class RecommendationModel(Model):
    """A recommendation, whole."""

    id: str
    proposal: ProposalModel
    state: str
    version: int
    level: str
    approvals_needed: int
    signature_needed: bool
    proposed_ms: int
    changed_ms: int
    decision: AdviceDecisionModel | None
    execution: ExecutionModel | None
    ended_by: WordsModel | None
    came_true: bool | None
    outcome: OutcomeModel | None
    abandoned_ms: int
    shown: str = Field(description="names all that is decided on; a yes says it back")


class InboxRowModel(Model):
    """One line of the list."""

    id: str
    advice_class: str
    work_unit: str
    state: str
    version: int
    says: WordsModel
    effect: AdviceEffectModel
    waiting: CostModel
    expires_ms: int
    signature_needed: bool
    changed_ms: int
    person: str
    reason: str
    result: str
    promised: RangeModel | None
    measured: RangeModel | None
    abandoned_ms: int


class InboxModel(Model):
    """What waits, by cost of waiting; what was decided, the newest first; why the twin is silent."""

    waiting: list[InboxRowModel]
    decided: list[InboxRowModel]
    observed: int
    silent: list[WordsModel]
    at_ms: int


class AdviceClassModel(Model):
    """A class of recommendations."""

    name: str
    says: WordsModel
    commands: list[str]
    risk: str
    signature: bool
    indicator: str
    backtest_error_max: float
    starts_at: str
    cases: int
    effective_share: float
    measure_within_s: float


class TrustModel(Model):
    """How far a class may be trusted; an error of null was never measured."""

    error: PastErrorModel | None
    drifting: bool
    why: str
    at_ms: int


class RungModel(Model):
    """One move on the ladder; nobody's name: it fell by itself."""

    at_ms: int
    before: str
    after: str
    why: WordsModel
    person: str


class ClassRecordModel(Model):
    """What a class may do, what came of its advice, and what stands against more."""

    advice_class: AdviceClassModel
    level: str
    trust: TrustModel
    effective: int
    neutral: int
    harmful: int
    rejected: int
    expired: int
    foretold: int
    came_true: int
    promised: float | None
    measured: float | None
    covered_80: float | None
    since_move: int
    good_since_move: int
    harmful_since_move: int
    unproven_since_move: int
    needed: int
    obstacles: list[WordsModel]
    moves: list[RungModel]
    outcomes: list[InboxRowModel]
    abandoned: int


class TrailEntryModel(Model):
    """An entry of the ledger's journal about a recommendation; `content` as the hash binds it."""

    sequence: int
    event_type: str
    time_ms: int
    actor: str
    actor_type: str
    person: str
    reason: str
    correlation: str
    content: str
    previous_hash: str
    hash: str


class ChainModel(Model):
    """What proving the ledger's whole journal found just now; `broken_what` empty: it holds."""

    entries: int
    last_hash: str
    anchors: int
    anchored: int
    broken_at: int
    broken_what: str


class TrailModel(Model):
    """What the journal says of one recommendation, in order, and whether the journal holds."""

    entries: list[TrailEntryModel]
    chain: ChainModel


class DecisionWish(Request):
    """A person's yes or no to the version that was seen; where it is signed, who signs and the proof."""

    accept: bool
    version: int = Field(ge=1)
    shown: str = Field(default="", max_length=64, description="of what was seen; a yes needs it")
    reason: str = Field(default="", max_length=500)
    signer: str = Field(default="", max_length=80, description="number of who signs")
    pin: str = Field(default="", max_length=80)
    badge: str = Field(default="", max_length=200)
    idempotency_key: str = Field(min_length=8, max_length=100)

    def __repr__(self) -> str:
        return f"DecisionWish(accept={self.accept}, ...)"  # no text shows what proves


class LevelWish(Request):
    """A person's decision on how much a class may do."""

    level: Literal["observe", "advise", "one-click", "auto-with-veto"]
    reason: str = Field(min_length=1, max_length=500)
    idempotency_key: str = Field(min_length=8, max_length=100)
