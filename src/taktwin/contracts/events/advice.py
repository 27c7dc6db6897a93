"""What the ledger says: the life of a recommendation, and how much each class may do by itself."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData
from taktwin.contracts.recommendation import AdviceClass, Level, Outcome, Proposal, Words
from taktwin.contracts.whatif import PastError


class AdviceClassDeclared(EventData, frozen=True, kw_only=True):
    """There is a class of recommendations, or its rules are others now."""

    event_type: ClassVar[str] = "advice.class.declared"
    advice_class: str
    card: AdviceClass


class AdviceClassChecked(EventData, frozen=True, kw_only=True):
    """How far a class may be trusted, found anew."""

    event_type: ClassVar[str] = "advice.class.checked"
    advice_class: str
    error: PastError | None = None
    drifting: bool
    why: str


class AdviceClassMoved(EventData, frozen=True, kw_only=True):
    """A class may do more by a person's decision, or less; where it fell by itself, `person` is empty."""

    event_type: ClassVar[str] = "advice.class.moved"
    advice_class: str
    before: Level
    after: Level
    why: Words
    person: str = ""


class RecommendationValidated(EventData, frozen=True, kw_only=True):
    """A recommendation with a proof that holds is kept."""

    event_type: ClassVar[str] = "recommendation.validated"
    recommendation: str
    work_unit: str
    proposal: Proposal
    level: Level  # of its class
    approvals_needed: int
    signature_needed: bool


class RecommendationProposed(EventData, frozen=True, kw_only=True):
    """A person may decide on it from here on."""

    event_type: ClassVar[str] = "recommendation.proposed"
    recommendation: str
    work_unit: str
    expires_ns: int


class RecommendationApproved(EventData, frozen=True, kw_only=True):
    """A person said yes."""

    event_type: ClassVar[str] = "recommendation.approved"
    recommendation: str
    work_unit: str
    person: str
    signature: str
    signer: str  # the number of who signed, "" where none was asked for
    reason: str


class RecommendationAccepted(EventData, frozen=True, kw_only=True):
    """As many persons as it needs said yes; the last of them has it carried to the MES."""

    event_type: ClassVar[str] = "recommendation.accepted"
    recommendation: str
    work_unit: str
    person: str


class RecommendationRejected(EventData, frozen=True, kw_only=True):
    """A person said no, and why."""

    event_type: ClassVar[str] = "recommendation.rejected"
    recommendation: str
    work_unit: str
    person: str
    reason: str


class RecommendationExpired(EventData, frozen=True, kw_only=True):
    """Nobody decided in time."""

    event_type: ClassVar[str] = "recommendation.expired"
    recommendation: str
    work_unit: str


class RecommendationSuperseded(EventData, frozen=True, kw_only=True):
    """The plant became another one than it was proven for, or its proof no longer holds."""

    event_type: ClassVar[str] = "recommendation.superseded"
    recommendation: str
    work_unit: str
    why: Words
    cause: str = ""  # <source>:<id> of the event that made it void


class RecommendationDispatched(EventData, frozen=True, kw_only=True):
    """It is on its way to the MES, under a person's name."""

    event_type: ClassVar[str] = "recommendation.dispatched"
    recommendation: str
    work_unit: str
    carried_as: str  # id of the command
    person: str


class RecommendationAcknowledged(EventData, frozen=True, kw_only=True):
    """The MES has it."""

    event_type: ClassVar[str] = "recommendation.acknowledged"
    recommendation: str
    work_unit: str
    made: str  # what came of it in the MES, such as maintenance order M7
    cause: str  # <source>:<id> of the MES's event
    at_ns: int = 0  # when the MES took it; 0: nobody noted it, it was heard at the time of the entry


class RecommendationDone(EventData, frozen=True, kw_only=True):
    """It was carried out: from here on its effect counts."""

    event_type: ClassVar[str] = "recommendation.done"
    recommendation: str
    work_unit: str
    cause: str
    at_ns: int = 0  # when it was done, by the MES; 0: nobody noted it, it was heard at the time of the entry


class RecommendationFailed(EventData, frozen=True, kw_only=True):
    """The MES refused it, or gave it up: place, found and right are its words."""

    event_type: ClassVar[str] = "recommendation.failed"
    recommendation: str
    work_unit: str
    place: str
    found: str
    right: str
    cause: str = ""


class RecommendationMeasured(EventData, frozen=True, kw_only=True):
    """What it really came to."""

    event_type: ClassVar[str] = "recommendation.measured"
    recommendation: str
    work_unit: str
    outcome: Outcome


class RecommendationAbandoned(EventData, frozen=True, kw_only=True):
    """Nobody measured what it came to, or compared it with what came, within its class's time."""

    event_type: ClassVar[str] = "recommendation.abandoned"
    recommendation: str
    work_unit: str
    what: str  # measure | assess
    since_ns: int  # when it was carried out, or came to its end


class RecommendationAssessed(EventData, frozen=True, kw_only=True):
    """Nobody acted: whether what was foretold came."""

    event_type: ClassVar[str] = "recommendation.assessed"
    recommendation: str
    work_unit: str
    came_true: bool
    how: Words
