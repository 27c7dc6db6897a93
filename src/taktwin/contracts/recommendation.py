"""What the twin advises: the proposal with its proof, what became of it, and who says what about it.

Three speak with the ledger, each over subjects that only it may use (`bus.rights`):

- the **analyst** declares a class, says how far it may be trusted, proposes with proof, takes back, measures;
- a **person**, through the portal, accepts or rejects, and moves a class up or down its ladder;
- the **MES** says what happened, in its events; nobody else is believed about that.

The ledger answers each message with an `Answer`, and says what became of a recommendation in events
(`contracts.events.advice`). It asks nobody to do anything: what a person accepted, the portal carries to
the MES under that person's name, once.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from taktwin.contracts.whatif import Note, PastError, Spread

OWNER = "ledger"
COMMAND_IDS = "advice:"  # what the ids of commands begin with that come of a recommendation, and no others

# Questions: subject `_qry_v1.ledger.<name>`, MessagePack.
INBOX = "inbox"  # {} -> Inbox
ONE = "one"  # {recommendation} -> Recommendation, {} where nobody knows it
CLASSES = "classes"  # {} -> [ClassRecord]
RECORD = "record"  # {advice_class} -> ClassRecord with its outcomes, {} where nobody knows it
# {} -> [Recommendation]: what was carried out, then what came to its end with nobody acting, and is neither
# measured nor given up; of each the oldest first, 200 at most.
DUE = "due"
UNCARRIED = "uncarried"  # {} -> [id]: accepted, and nobody knows yet that the MES has it
TRAIL = "trail"  # {recommendation} -> Trail: its entries of the journal, and whether the whole chain holds
AUDIT = "audit"  # {after} -> the next entries of the ledger's journal, as they are


class State(StrEnum):
    """Where a recommendation stands. A `Draft` has no proof yet: it stays with who thinks of it."""

    DRAFT = "Draft"
    VALIDATED = "Validated"  # proven; shown to nobody as long as its class only observes
    PROPOSED = "Proposed"  # a person may decide
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    EXPIRED = "Expired"  # nobody decided in time
    SUPERSEDED = "Superseded"  # the plant became another one, or the proof no longer holds
    DISPATCHED = "Dispatched"  # on its way to the MES, under the person's name
    ACKNOWLEDGED = "Acknowledged"  # the MES says that it has it
    FAILED = "Failed"  # the MES refused it, or gave it up
    MEASURED = "Measured"


class Result(StrEnum):
    """What a recommendation that was carried out came to."""

    EFFECTIVE = "Effective"
    NEUTRAL = "Neutral"
    HARMFUL = "Harmful"


class Level(StrEnum):
    """How much a class may do by itself."""

    OBSERVE = "observe"  # its recommendations are kept and compared with what came; nobody is asked
    ADVISE = "advise"  # a person decides, with all that the class asks for
    ONE_CLICK = "one-click"  # a person decides with one touch
    AUTO_WITH_VETO = "auto-with-veto"  # designed in, and off: nobody may climb to it


class Risk(StrEnum):
    """What may happen if a recommendation is wrong."""

    LOW = "low"  # time
    MEDIUM = "medium"  # parts, or a machine's time
    HIGH = "high"  # people or the machine itself: two persons, and never more than `advise`


# What is said in words


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence: by its code and values in the reader's language, and once in full for who has none."""

    code: str  # such as tool_change.headline; a page's own words
    text: str  # English, complete, with its figures
    values: dict[str, str | int | float] = {}  # what the sentence is filled with


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that is not known exactly."""

    mean: float
    p10: float
    p90: float  # p10 <= p90


# The proposal: what the analyst says


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that speaks for it, with the way to where it can be looked at."""

    says: Words
    kind: str  # signal | result | event | tool | job | order | model
    reference: str  # id of the signal, characteristic, event, tool, ... of that kind
    from_ns: int = 0  # the span to look at; 0 and 0: the whole of it
    to_ns: int = 0
    share: Range | None = None  # how much of what is seen it explains, 0 to 1


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What comes if nothing is done: when a limit is reached. The figure counts from `Proof.state_ns`."""

    says: Words
    indicator: str  # such as the characteristic that leaves its window
    in_s: Range  # seconds; p90 may lie beyond the horizon
    coverage: float = 0.8  # of the interval, as it is claimed


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """The command that the MES is to get if a person accepts: its name and data (`contracts.commands`)."""

    command: str  # such as maintenance.request
    data: dict[str, Any]  # of the command's own struct, instants in nanoseconds
    says: Words


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What something costs; None where nobody knows, and the page then says so."""

    units: Range | None = None
    minutes: Range | None = None  # of a work unit's standing
    money: Range | None = None
    currency: str = ""  # ISO 4217, where there is money


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One figure with the action and without, run by run with the same luck."""

    indicator: str
    unit: str
    more_is_better: bool
    nothing: Spread  # if nothing is done
    action: Spread
    difference: Spread  # action less nothing, in each run that both have
    better: float  # share of those runs in which the action is better
    same: float
    worse: float


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that could be done instead, and what it came to on the twin."""

    name: str
    says: Words
    effects: list[Effect]  # the first is the one that decided; [] only of doing nothing itself
    replications: int
    significant: bool  # better than doing nothing, beyond chance
    best: float = 0.0  # probability that nothing else that was tried is better


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What of the MES the proof rests on: an event of that type with these fields makes it void."""

    event_type: str  # such as tool.mounted
    where: dict[str, str | int] = {}  # fields of the event's data that must be equal; {}: any


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The model that thought of it."""

    name: str
    version: str
    data_from_ns: int  # what it was trained on
    data_to_ns: int
    shadow: bool = False  # not promoted by a person yet: nothing of it may be proposed


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the twin found when it tried all alternatives on a copy of the plant as it stood."""

    scenario_id: str
    snapshot_id: str
    snapshot_hash: str
    state_ns: int  # plant time of the copy
    model_version: str  # of the simulation
    calibration_id: str
    seed: int
    horizon_s: float
    common_random_numbers: bool
    chosen: str  # name of the alternative that is proposed
    alternatives: list[Alternative]  # doing nothing among them
    validity: PastError  # back-test of the indicator that decided
    simulation: list[PastError] = []  # back-tests of the twin's own figures; []: nobody has compared them
    unknowns: list[Note] = []  # of the plant, at that instant


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A recommendation as it is proposed, whole: nothing of it changes afterwards."""

    id: str  # the same id again is the same recommendation
    advice_class: str
    work_unit: str  # where it is about; "": the site as a whole
    says: Words  # the headline
    evidence: list[Evidence]  # at least one
    against: list[Words]  # what speaks against it
    forecast: Forecast
    action: Action
    effects: list[Effect]  # of the chosen alternative, the first is the one that decides
    inaction: Cost  # of doing nothing, over the horizon
    waiting: Cost  # of deciding an hour later: lists are sorted by it
    expires_ns: int
    risk: Risk
    roll_back: Words  # how it is undone, or that it cannot be
    roll_back_until_ns: int = 0  # 0: until it is carried out
    watches: list[Watch]  # at least one: what of the MES would make it void
    model: Model
    proof: Proof


# What became of it: what the ledger says


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's yes."""

    person: str
    at_ns: int
    signature: str = ""  # id of the record.signed of the MES, where the class asks for one
    signer: str = ""  # the number of who signed


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What people decided."""

    accepted: bool
    person: str  # who decided last
    at_ns: int
    reason: str = ""
    approvals: list[Approval] = []


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What the MES made of it."""

    command: str  # id of the command that the MES got: one for each recommendation
    dispatched_ns: int
    acknowledged_ns: int = 0  # by the MES, as the instant below: the ledger may hear of it hours later
    subject: str = ""  # what came of it in the MES, such as maintenance order M7
    done_ns: int = 0  # when it was carried out; from then on its effect counts
    failed_ns: int = 0
    place: str = ""  # why it failed, in the MES's words
    found: str = ""
    right: str = ""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of what really came of it, beside what was promised."""

    indicator: str
    unit: str
    promised: Range  # the difference that was proposed
    measured: Range  # the difference that is measured, against the twin's counterfactual


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The measured effect."""

    result: Result
    observed_effect: list[Observed]  # the first is the one that decides
    measured_how: Words  # against which counterfactual and which untreated periods
    counterfactual_id: str  # scenario id of the re-simulation without the action
    from_ns: int
    to_ns: int
    at_ns: int = 0


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's document of one recommendation."""

    id: str
    proposal: Proposal
    state: State
    version: int  # one more with each step; a person decides on the version that was seen
    level: Level  # of its class when it was proposed
    approvals_needed: int
    signature_needed: bool
    proposed_ns: int
    changed_ns: int
    decision: Decision | None = None
    execution: Execution | None = None
    ended_by: Words | None = None  # why it was superseded, expired or failed
    came_true: bool | None = None  # what was foretold without it, where nobody acted
    outcome: Outcome | None = None
    abandoned_ns: int = 0  # when it was given up: nobody measured or compared it within its class's time


class InboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list."""

    id: str
    advice_class: str
    work_unit: str
    state: State
    version: int
    says: Words
    effect: Effect
    waiting: Cost
    expires_ns: int
    signature_needed: bool
    changed_ns: int
    person: str = ""  # who decided
    reason: str = ""
    result: str = ""  # Result, where it is measured
    promised: Range | None = None
    measured: Range | None = None
    abandoned_ns: int = 0  # given up: nobody measured or compared it within its class's time


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a person, by cost of waiting; what was decided, the newest first."""

    waiting: list[InboxRow]
    decided: list[InboxRow]
    observed: int  # proven, and shown to nobody because the class only observes
    silent: list[Words]  # why the twin does not advise on something today
    at_ns: int


# Classes and what they may do


class AdviceClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class of recommendations, as the analyst declares it. The ledger's floors stand above it."""

    name: str
    says: Words
    commands: list[str]  # what its actions may be
    risk: Risk
    signature: bool  # below one-click: whether an acceptance is signed in the MES
    indicator: str  # whose back-test counts
    backtest_error_max: float  # share; beyond it the class advises nothing
    starts_at: Level = Level.ADVISE  # observe or advise: higher only by climbing
    cases: int = 10  # measured outcomes that a climb needs, at least the ledger's floor
    effective_share: float = 0.8  # of them
    measure_within_s: float = 172_800.0  # after it was carried out, or came to its end: then it is given up


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """How far a class may be trusted, as it was found last."""

    error: PastError | None = None  # of the back-test; None: never back-tested
    drifting: bool = False
    why: str = ""  # what drifts
    at_ns: int = 0


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One move on the ladder."""

    at_ns: int
    before: Level
    after: Level
    why: Words
    person: str = ""  # "": it fell by itself


class ClassRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A class, what it may do, and what came of its advice."""

    advice_class: AdviceClass
    level: Level
    trust: Trust
    effective: int = 0  # these and what follows from them count what advice is about once: the first outcome
    neutral: int = 0
    harmful: int = 0
    rejected: int = 0
    expired: int = 0
    foretold: int = 0  # without anybody acting, compared with what came
    came_true: int = 0
    promised: float | None = None  # mean of the difference that decides, over all measured
    measured: float | None = None
    covered_80: float | None = None  # share of measured means within the promised interval
    since_move: int = 0  # cases that count for the next climb: what advice came to, or what was foretold
    good_since_move: int = 0
    harmful_since_move: int = 0
    unproven_since_move: int = 0  # rejected, or carried out and not measured within its time
    needed: int = 0  # how many it takes
    obstacles: list[Words] = []  # why it may not climb now; []: a person may let it
    moves: list[Rung] = []
    outcomes: list[InboxRow] = []  # the newest first
    abandoned: int = 0  # carried out, and not measured within its time


# The journal, as whoever asks for proof sees it


class TrailEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the ledger's journal."""

    sequence: int
    event_type: str
    time_ns: int
    actor: str
    actor_type: str  # human | service | ai
    person: str
    reason: str
    correlation: str  # of what it came: a message's id, or stream and number of the event of the MES
    content: str  # JSON of the event, as it was written and as the hash binds it
    previous_hash: str
    hash: str


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What proving the ledger's whole journal found."""

    entries: int  # that hold, from the first one
    last_hash: str
    anchors: int  # kept apart from the database, that agree
    anchored: (
        int  # the last entry that one of them is behind; what comes after it is bound by the chain alone
    )
    broken_at: int = 0  # with broken_what: the first entry that does not hold
    broken_what: str = ""  # "": the chain holds


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the journal says of one recommendation, in order."""

    entries: list[TrailEntry]
    chain: Chain


# Messages to the ledger: subject `_cmd_v1.ledger.<name>`, JSON


class AdviceMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all messages to the ledger; a subclass names itself once, and who may send it."""

    message_name: ClassVar[str]
    sender: ClassVar[str]  # analyst | portal: the bus lets nobody else say it


class Declare(AdviceMessage, frozen=True, kw_only=True):
    """There is such a class. Said at each start of the analyst; the same again changes nothing."""

    message_name: ClassVar[str] = "declare"
    sender: ClassVar[str] = "analyst"
    advice_class: AdviceClass


class Check(AdviceMessage, frozen=True, kw_only=True):
    """How far a class may be trusted: after each back-test, and when its model drifts."""

    message_name: ClassVar[str] = "check"
    sender: ClassVar[str] = "analyst"
    advice_class: str
    error: PastError | None = None
    drifting: bool = False
    why: str = ""


class Propose(AdviceMessage, frozen=True, kw_only=True):
    """A recommendation with its proof."""

    message_name: ClassVar[str] = "propose"
    sender: ClassVar[str] = "analyst"
    proposal: Proposal


class Withdraw(AdviceMessage, frozen=True, kw_only=True):
    """The proof no longer holds."""

    message_name: ClassVar[str] = "withdraw"
    sender: ClassVar[str] = "analyst"
    recommendation: str
    why: Words


class Measure(AdviceMessage, frozen=True, kw_only=True):
    """What a recommendation that was carried out really came to."""

    message_name: ClassVar[str] = "measure"
    sender: ClassVar[str] = "analyst"
    recommendation: str
    outcome: Outcome


class Assess(AdviceMessage, frozen=True, kw_only=True):
    """Whether what was foretold came, of a recommendation that nobody acted upon."""

    message_name: ClassVar[str] = "assess"
    sender: ClassVar[str] = "analyst"
    recommendation: str
    came_true: bool
    how: Words


class Decide(AdviceMessage, frozen=True, kw_only=True):
    """A person accepts or rejects."""

    message_name: ClassVar[str] = "decide"
    sender: ClassVar[str] = "portal"
    recommendation: str
    version: int  # that the person saw
    accept: bool
    reason: str = ""  # a rejection needs one
    signature: str = ""  # id of the person's record.signed in the MES
    grant: str = ""  # the portal's seal that this person wants this: without it it carries nothing


class Carry(AdviceMessage, frozen=True, kw_only=True):
    """The portal takes an accepted recommendation on its way to the MES; said again, it is the same way."""

    message_name: ClassVar[str] = "carry"
    sender: ClassVar[str] = "portal"
    recommendation: str


class Refuse(AdviceMessage, frozen=True, kw_only=True):
    """The MES refused what was carried to it, or nobody may carry it any more."""

    message_name: ClassVar[str] = "refuse"
    sender: ClassVar[str] = "portal"
    recommendation: str
    place: str
    found: str
    right: str


class Move(AdviceMessage, frozen=True, kw_only=True):
    """A person moves a class on its ladder: up by one, where its outcomes allow it, or down."""

    message_name: ClassVar[str] = "move"
    sender: ClassVar[str] = "portal"
    advice_class: str
    level: Level
    reason: str


MESSAGES: dict[str, type[AdviceMessage]] = {
    kind.message_name: kind
    for kind in (Declare, Check, Propose, Withdraw, Measure, Assess, Decide, Carry, Refuse, Move)
}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope."""

    id: str  # made by whoever sends: sent again under the same id it is answered again and done once
    name: str
    actor: str  # the person's account, or `analyst`
    actor_type: str  # human | ai
    data: msgspec.Raw


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be carried to the MES, as the answer to `carry`."""

    recommendation: str
    command_id: str  # the command's id: the MES does it once, however often it is carried
    person: str  # under whose name
    reason: str
    action: Action
    grants: list[str]  # the seal of each who approved it


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a message. Refused: place, found and right say why."""

    accepted: bool
    code: str = ""  # unknown | state | conflict | invalid | not_ready | denied | away
    place: str = ""
    found: str = ""
    right: str = ""
    state: str = ""  # of the recommendation, after it
    version: int = 0
    level: str = ""  # of the class, after it
    carried: Carried | None = None


def make(content: AdviceMessage, *, message_id: str, actor: str, actor_type: str) -> Message:
    """Return the message of some content."""
    return Message(id=message_id, name=content.message_name, actor=actor, actor_type=actor_type,
                   data=msgspec.Raw(msgspec.json.encode(content)))  # fmt: skip


def command_id(recommendation: str) -> str:
    """Return the id under which the MES is asked for a recommendation: one, so that it is done once."""
    return f"{COMMAND_IDS}{recommendation}"


def digest(proposal: Proposal) -> str:
    """Return what a person signs: the hash of the whole proposal as it was shown."""
    return hashlib.sha256(msgspec.json.encode(proposal, order="sorted")).hexdigest()


def shown(document: Recommendation) -> str:
    """Return what names all that a person decides on: the proposal, and what it takes to accept it."""
    said = f"{digest(document.proposal)} {document.approvals_needed} {document.signature_needed}"
    return hashlib.sha256(said.encode()).hexdigest()


_encoder = msgspec.json.Encoder()
_messages = msgspec.json.Decoder(Message)
_answers = msgspec.json.Decoder(Answer)


def encode(document: Message | Answer) -> bytes:
    """Return the JSON of a message or an answer."""
    return _encoder.encode(document)


def decode(payload: bytes) -> Message:
    """Return the message of a payload. Raises msgspec.DecodeError where it is none."""
    return _messages.decode(payload)


def decode_answer(payload: bytes) -> Answer:
    """Return the answer of a payload. Raises msgspec.DecodeError where it is none."""
    return _answers.decode(payload)
