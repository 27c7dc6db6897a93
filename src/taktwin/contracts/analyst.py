"""What the analyst says: predictions on the namespace, and what it answers about its models.

A prediction is the retained document `_state_v1.prediction.<id>` of its work unit, JSON. Queries,
MessagePack: `status` -> `Status`, `predictions` -> [Predicted], `unmeasured` -> [Unmeasured]. One message,
JSON on `_cmd_v1.analyst.promote`: a person lets a version go live. The analyst has no account that could ask
for anything to be done.
"""

from __future__ import annotations

import msgspec

from taktwin.contracts.recommendation import Words

OWNER = "analyst"
STATUS = "status"
PREDICTIONS = "predictions"
UNMEASURED = "unmeasured"
PROMOTE = "promote"
# After so much plant time without a word a prediction is old: it is said anew every two minutes.
OLD_AFTER_NS = 15 * 60 * 1_000_000_000
PREDICTION = "prediction"  # kind of entity of the retained documents


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction, never without its interval; None: beyond what the model looks ahead."""

    id: str  # <model>.<subject>
    model: str
    version: str
    shadow: bool  # nobody has let it go live: it is shown as tried, and nothing rests on it
    work_unit: str
    subject: str
    at_ns: int
    unit: str  # of the values
    median: float | None
    low: float | None  # 10 %
    high: float | None  # 90 %
    evidence: list[Words]
    facts: dict[str, float] = {}
    names: dict[str, str] = {}
    pace_s: float | None = None  # of work at the unit for one of the values; None: they are no work
    reason: str = ""  # why there is no value


class ScoreDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How good predictions are on what the model has not seen."""

    name: str  # of the model, or of a naive rival
    predictions: int
    whole: int  # whose outcome was seen, and is no lower bound
    crps: float | None
    coverage: float | None  # of the 80 % interval
    pinball: float | None
    bias: float | None


class VersionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model, with its card."""

    model: str
    version: str
    stage: str  # shadow | live | retired
    code_version: str
    data_from_ns: int
    data_to_ns: int
    made_ns: int
    error: float | None  # as a share, of what it has not seen; None: there was too little to tell
    judged: int  # lives that were seen to their end, and that the judged model had not seen
    scores: list[ScoreDocument]
    purpose: str
    not_for: str
    owner: str
    source: str
    learnt_from: str = ""  # which history; "": this installation's own
    promoted_by: str = ""
    promoted_ns: int = 0
    promoted_why: str = ""


class ModelDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One model of this plant, as it is built in now: a version that other code learnt cannot go live."""

    model: str
    code_version: str
    subjects: int  # of this plant that it speaks about
    limits: dict[str, float] = {}  # class of proposals that rests on it -> the largest error it may have


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the analyst has, and why it is silent where it is."""

    state: str  # starting | running
    models: list[ModelDocument] = []
    versions: list[VersionDocument] = []  # of each model, by the end of their data
    silent: dict[str, str] = {}  # class, or class at subject -> why nothing is proposed
    proposed: dict[str, str] = {}  # class at subject -> id of the newest recommendation
    at_ns: int = 0


class Unmeasured(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is measured yet of a recommendation that was carried out."""

    recommendation: str
    says: Words  # what it waits for, or why it will never be measured
    until_ns: int = 0  # when it is measured at the latest; 0: nobody knows
    over: bool = False  # nothing that it could wait for will come
    at_ns: int = 0  # when it was looked at


class Promote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person lets a version of a model go live, the one before retires."""

    model: str
    version: str
    person: str
    instead_of: str | None = None  # the live version that the person saw, "" where none was; None: any
    why: str = ""


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was done, or why not: in words, and what was found where what was expected."""

    accepted: bool
    reason: str = ""
    code: str = ""  # unknown | conflict | invalid
    place: str = ""
    found: str = ""
    right: str = ""
