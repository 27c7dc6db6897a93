"""What may be asked of an owner who can change something: the MES.

A `Command` says who asks, why, and which version of the thing they saw; its id makes asking twice
harmless. The `Answer` is the fact that came of it, or why not, with what would be right. Words of
job control are those of the standard (`standards.job_control`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec


class CommandData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all command data; a subclass names its command once."""

    command_name: ClassVar[str]


class DropOrder(CommandData, frozen=True, kw_only=True):
    """Take an order in and make its job orders, one for each operation of the product's route."""

    command_name: ClassVar[str] = "order.drop"
    request: str
    product: str
    quantity: int
    due_ns: int
    priority: int = 0
    customer: str = ""


class ChangeOrder(CommandData, frozen=True, kw_only=True):
    """Change dates and priority of an order. `version` is the one that the person saw."""

    command_name: ClassVar[str] = "order.change"
    request: str
    version: int  # 0: whatever it is now; an ERP owns its orders
    due_ns: int
    priority: int
    customer: str = ""


class DispatchJob(CommandData, frozen=True, kw_only=True):
    """Give a job order its work unit and permit it to start (Update, then Start)."""

    command_name: ClassVar[str] = "job.dispatch"
    job: str
    work_unit: str
    version: int


class ControlJob(CommandData, frozen=True, kw_only=True):
    """Call a method of job control on a job order."""

    command_name: ClassVar[str] = "job.control"
    job: str
    method: str  # standards.job_control.Method
    work_unit: str = ""  # of Update: where; "" = unchanged
    version: int = 0  # 0: whatever it is now


class SaidJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job order as a machine has it."""

    job: str
    state: str
    sub_state: str = ""


class ReportMachineJobs(CommandData, frozen=True, kw_only=True):
    """Tell what a machine says of its job orders: the commander's word, of its subscription."""

    command_name: ClassVar[str] = "machine.jobs.report"
    work_unit: str
    reachable: bool
    cause: str = ""  # why it is not reached
    jobs: list[SaidJob] = []


class BeginJob(CommandData, frozen=True, kw_only=True):
    """Begin execution at the work unit: the operator's one touch, or a machine's own word."""

    command_name: ClassVar[str] = "job.begin"
    job: str


class ReportScrap(CommandData, frozen=True, kw_only=True):
    """Report scrap that no machine counted; the command's id is the report's."""

    command_name: ClassVar[str] = "scrap.report"
    job: str
    cause: str
    quantity: int = 1
    unit: str = ""


class UndoScrap(CommandData, frozen=True, kw_only=True):
    """Take a report of scrap back."""

    command_name: ClassVar[str] = "scrap.undo"
    report: str


class SplitJob(CommandData, frozen=True, kw_only=True):
    """Give a part of a job order's quantity to a new one, which may run elsewhere."""

    command_name: ClassVar[str] = "job.split"
    job: str
    quantity: int  # of the new one
    version: int


class MergeJobs(CommandData, frozen=True, kw_only=True):
    """Put a job order that has not started into another one of the same operation."""

    command_name: ClassVar[str] = "job.merge"
    job: str  # is gone afterwards
    into: str
    version: int


class SplitLot(CommandData, frozen=True, kw_only=True):
    """Take a part of a lot away under a number of its own."""

    command_name: ClassVar[str] = "lot.split"
    lot: str
    into: str
    quantity: float
    location: str | None = None  # where it was taken; None = the lot says it by itself


class MergeLots(CommandData, frozen=True, kw_only=True):
    """Put what is left of a lot into another one of the same product."""

    command_name: ClassVar[str] = "lot.merge"
    lot: str
    into: str


class HoldSuspects(CommandData, frozen=True, kw_only=True):
    """Hold at once all units that share a lot, a tool, a work unit's time, or a nonconformance."""

    command_name: ClassVar[str] = "hold.suspects"
    kind: str  # lot | tool | work_unit | nonconformance
    id: str
    cause: str
    from_ns: int = 0  # 0: from the beginning
    to_ns: int = 0  # 0: until now


class ReleaseSuspects(CommandData, frozen=True, kw_only=True):
    """Let all units go that a suspicion still holds."""

    command_name: ClassVar[str] = "hold.release_suspects"
    suspicion: str
    cause: str


class ReportRework(CommandData, frozen=True, kw_only=True):
    """Say that a step of a rework route was done."""

    command_name: ClassVar[str] = "rework.report"
    rework: str
    step: int  # 1, 2, 3
    work_unit: str
    good: bool = True  # false: it cannot be put right, and quality decides anew


class ReceiveLot(CommandData, frozen=True, kw_only=True):
    """Take a material lot into stock."""

    command_name: ClassVar[str] = "lot.receive"
    lot: str
    product: str
    quantity: float
    location: str = ""  # a storage zone or unit; "" = nobody says where it lies


class LoadLot(CommandData, frozen=True, kw_only=True):
    """Put a lot at a work unit: the operator scanned it there.

    What of it lies in a store comes along: all of the one place, or that of the work unit's own line.
    """

    command_name: ClassVar[str] = "lot.load"
    lot: str
    work_unit: str
    source: str | None = None  # where it was taken from; None = the lot says it by itself
    quantity: float = 0.0  # that was brought; 0: all that lay there


class MoveLot(CommandData, frozen=True, kw_only=True):
    """Bring a lot, or a part of it, from one place to another: storage zones and units, work units."""

    command_name: ClassVar[str] = "lot.move"
    lot: str
    target: str
    source: str | None = None  # None = the only place where it lies; "" = where nobody knows it
    quantity: float = 0.0  # 0: all that lies there


class CountStock(CommandData, frozen=True, kw_only=True):
    """Say how much of a lot was counted in a place, and why it was. `version` is the one that was seen."""

    command_name: ClassVar[str] = "stock.count"
    lot: str
    location: str  # "" = where nobody knows it
    quantity: float
    cause: str
    version: int = 0  # of what was said to lie there; 0 = nothing was


class RegisterAsset(CommandData, frozen=True, kw_only=True):
    """Take a physical asset into the list, or put its nameplate right."""

    command_name: ClassVar[str] = "asset.register"
    asset: str
    name: str
    kind: str = ""  # spindle, robot, motor; what a role of a class of equipment may want
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    location: str = ""  # of a new one: the storage zone or unit where it lies
    version: int = 0  # 0: it is new


class MountAsset(CommandData, frozen=True, kw_only=True):
    """Let a physical asset fulfil a role of equipment from an instant on."""

    command_name: ClassVar[str] = "asset.mount"
    asset: str
    role: str  # turn1/spindle; furnace1 = the equipment itself
    at_ns: int = 0  # 0: now; it may be said later
    order: str = ""  # the maintenance order in which it was done


class DismountAsset(CommandData, frozen=True, kw_only=True):
    """Take a physical asset out of the role that it fulfils, with the reason."""

    command_name: ClassVar[str] = "asset.dismount"
    asset: str
    cause: str
    location: str = ""  # the storage zone or unit where it lies now; "" = nobody says
    at_ns: int = 0
    order: str = ""


class StoreAsset(CommandData, frozen=True, kw_only=True):
    """Say where a physical asset lies that is not mounted."""

    command_name: ClassVar[str] = "asset.store"
    asset: str
    location: str


class RetireAsset(CommandData, frozen=True, kw_only=True):
    """Take a physical asset out of use for good; its history stays."""

    command_name: ClassVar[str] = "asset.retire"
    asset: str
    cause: str


class InspectTool(CommandData, frozen=True, kw_only=True):
    """Say how the inspection of a fixture ended; one that failed lets nothing begin."""

    command_name: ClassVar[str] = "tool.inspect"
    tool: str
    passed: bool
    found: str = ""  # what is wrong; wanted where it failed


class Hold(CommandData, frozen=True, kw_only=True):
    """Restrict a lot or a unit: nobody may build it in."""

    command_name: ClassVar[str] = "hold.set"
    kind: str  # lot | unit
    id: str
    cause: str


class Release(CommandData, frozen=True, kw_only=True):
    """Lift the restriction of a lot or a unit."""

    command_name: ClassVar[str] = "hold.release"
    kind: str  # lot | unit
    id: str
    cause: str


class RecordResult(CommandData, frozen=True, kw_only=True):
    """Book what a person measured: a number with its unit, or yes or no; the command's id is the result's."""

    command_name: ClassVar[str] = "result.record"
    job: str
    characteristic: str
    value: float | None = None
    passed: bool | None = None  # of a characteristic that is a yes or no
    unit_of_measure: str = ""  # UCUM: what the person believes to have measured in
    unit: str = ""  # serial number, where the part has one
    gauge: str = ""  # what it was measured with


class Proving(CommandData, frozen=True, kw_only=True):
    """Base of what carries a proof of who somebody is: a badge, or a number with its PIN.

    What proves is looked at once and kept nowhere; no text of such a command shows it.
    """

    person: str = ""  # number; "" = whose badge it is
    pin: str = ""
    badge: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(person={self.person!r}, ...)"


class Dispose(Proving, frozen=True, kw_only=True):
    """Decide on a nonconformance, and sign it. `version` is the one that the person saw."""

    command_name: ClassVar[str] = "nonconformance.dispose"
    nonconformance: str
    disposition: str  # use-as-is | rework | scrap | return
    cause: str
    version: int
    quantity: int = 0  # of scrap, where the parts have no serial number
    route: str = ""  # of rework: a rework route of the plant model


class RestoreScrap(Proving, frozen=True, kw_only=True):
    """Take a report of scrap back at any time, signed; its unit is held until quality lets it go."""

    command_name: ClassVar[str] = "scrap.restore"
    report: str
    cause: str


class SetCredentials(Proving, frozen=True, kw_only=True):
    """Give a person a PIN, a badge, a printed name; what is left empty stays as it is."""

    command_name: ClassVar[str] = "person.credentials"
    printed_name: str = ""
    withdraw: bool = False  # nobody can prove any more to be this person


class GrantCertificate(CommandData, frozen=True, kw_only=True):
    """Grant a certificate of a skill, or renew it. `version` is the one that was seen; 0 = none."""

    command_name: ClassVar[str] = "certificate.grant"
    person: str
    skill: str
    valid_until_ns: int
    version: int = 0


class RevokeCertificate(CommandData, frozen=True, kw_only=True):
    """Take a certificate away before its end."""

    command_name: ClassVar[str] = "certificate.revoke"
    person: str
    skill: str
    cause: str
    version: int


class LogOn(Proving, frozen=True, kw_only=True):
    """Log a person on at a work unit, by badge or by number and PIN."""

    command_name: ClassVar[str] = "labour.log_on"
    work_unit: str


class LogOff(CommandData, frozen=True, kw_only=True):
    """Log a person off: at a work unit, or wherever they are."""

    command_name: ClassVar[str] = "labour.log_off"
    person: str
    work_unit: str = ""


class StartIndirect(CommandData, frozen=True, kw_only=True):
    """Let a person who is logged on do something that is no work on an order."""

    command_name: ClassVar[str] = "labour.indirect"
    person: str
    activity: str
    work_unit: str = ""


class WriteNote(CommandData, frozen=True, kw_only=True):
    """Leave a note for the next shift at a work unit."""

    command_name: ClassVar[str] = "shift.note.write"
    work_unit: str
    person: str
    text: str


class ReadNote(CommandData, frozen=True, kw_only=True):
    """Say that one has read a note of the shift before."""

    command_name: ClassVar[str] = "shift.note.read"
    note: str
    person: str


class Sign(Proving, frozen=True, kw_only=True):
    """Sign something: who (number or badge) and, each time anew, the PIN."""

    command_name: ClassVar[str] = "record.sign"
    kind: str  # order | job | unit | lot | note
    record: str
    meaning: str
    digest: str = ""  # of a unit's device history record that was looked at


class ReleaseDocument(CommandData, frozen=True, kw_only=True):
    """Put the draft of a work instruction in force: from then on it is what the floor works by."""

    command_name: ClassVar[str] = "document.release"
    document: str
    digest: str  # of the draft that the person looked at
    effective_from_ns: int = 0  # 0: at once
    effective_to_ns: int = 0  # 0: until another revision


class WithdrawDocument(CommandData, frozen=True, kw_only=True):
    """Take a revision out of force: nobody works by it any more, nor by an older one."""

    command_name: ClassVar[str] = "document.withdraw"
    document: str
    revision: int
    cause: str


class AcknowledgeDocument(CommandData, frozen=True, kw_only=True):
    """Say that one has read a revision."""

    command_name: ClassVar[str] = "document.acknowledge"
    document: str
    revision: int


class RequestMaintenance(CommandData, frozen=True, kw_only=True):
    """Ask for a repair, or for another tool at the next set-up."""

    command_name: ClassVar[str] = "maintenance.request"
    work_unit: str
    about: str = ""  # what is wrong; may be left out where a tool is to be changed
    kind: str = "corrective"  # corrective | tool_change
    tool_kind: str = ""  # of tool_change
    priority: int = 0  # higher comes first
    due_ns: int = 0  # 0: as soon as somebody can


class AssignMaintenance(CommandData, frozen=True, kw_only=True):
    """Give a maintenance order to somebody. `version` 0: whatever it is now."""

    command_name: ClassVar[str] = "maintenance.assign"
    order: str
    person: str
    version: int = 0


class StartMaintenance(CommandData, frozen=True, kw_only=True):
    """Begin work on a maintenance order; whoever begins it has it."""

    command_name: ClassVar[str] = "maintenance.start"
    order: str
    stops: bool | None = None  # whether job orders wait meanwhile; None: as the order says


class CompleteMaintenance(CommandData, frozen=True, kw_only=True):
    """Say what was found and done, and which spare parts it took."""

    command_name: ClassVar[str] = "maintenance.complete"
    order: str
    done: str
    found: str = ""
    spare_parts: dict[str, int] = {}


class AbortMaintenance(CommandData, frozen=True, kw_only=True):
    """Give a maintenance order up, with the reason. A plan then counts its interval anew."""

    command_name: ClassVar[str] = "maintenance.abort"
    order: str
    cause: str
    version: int = 0


class ReceiveSpare(CommandData, frozen=True, kw_only=True):
    """Put spare parts into the store."""

    command_name: ClassVar[str] = "spare.receive"
    spare: str
    quantity: int


class CountSpare(CommandData, frozen=True, kw_only=True):
    """Say how many of a spare part were counted in the store."""

    command_name: ClassVar[str] = "spare.count"
    spare: str
    quantity: int


class MountTool(CommandData, frozen=True, kw_only=True):
    """Put a tool into a work unit: it was scanned there. One of its kind that was there comes out."""

    command_name: ClassVar[str] = "tool.mount"
    tool: str
    work_unit: str
    kind: str = ""  # of a tool that nobody knows yet, unless its code says so


class DismountTool(CommandData, frozen=True, kw_only=True):
    """Take a tool out."""

    command_name: ClassVar[str] = "tool.dismount"
    tool: str
    cause: str


class ServiceTool(CommandData, frozen=True, kw_only=True):
    """Say that a tool was dressed or reground in place."""

    command_name: ClassVar[str] = "tool.service"
    tool: str


class ChangeTool(CommandData, frozen=True, kw_only=True):
    """Confirm a tool change order: the new tool is in, and its life begins."""

    command_name: ClassVar[str] = "tool.change"
    order: str
    tool: str = ""  # "": a new one without a code of its own


class CalibrateGauge(CommandData, frozen=True, kw_only=True):
    """Enter the calibration of a gauge; a gauge that nobody knows is known from then on."""

    command_name: ClassVar[str] = "gauge.calibrate"
    gauge: str
    kind: str = ""  # of a gauge that nobody knows yet
    until_ns: int = 0  # 0: as long as the plant folder says for its kind
    passed: bool = True


class UseGauge(CommandData, frozen=True, kw_only=True):
    """Measure with a gauge: refused where its calibration has expired."""

    command_name: ClassVar[str] = "gauge.use"
    gauge: str
    work_unit: str = ""


class RecodeStop(CommandData, frozen=True, kw_only=True):
    """Give a stop a reason of the plant folder, or another one. `version` is the one that was seen."""

    command_name: ClassVar[str] = "stop.recode"
    stop: str
    reason: str  # "" = take it away
    version: int
    cause: str = ""  # why, where it had another one


class SplitStop(CommandData, frozen=True, kw_only=True):
    """Cut a stop at an instant: it had two reasons, one after the other."""

    command_name: ClassVar[str] = "stop.split"
    stop: str
    at_ns: int
    version: int
    cause: str = ""


class MergeStops(CommandData, frozen=True, kw_only=True):
    """Take a stop and its neighbour for one."""

    command_name: ClassVar[str] = "stop.merge"
    stop: str
    other: str
    version: int
    other_version: int
    cause: str = ""


# Roles of accounts; whoever is signed in may look at everything, also without one.
ROLES = ("operator", "leader", "planner", "quality", "maintenance", "engineer", "manager", "admin")


class OpenAccount(CommandData, frozen=True, kw_only=True):
    """Let somebody sign in: they get a code, and choose a password with it."""

    command_name: ClassVar[str] = "account.open"
    account: str  # a person's number where the plant folder has them
    code: str  # fingerprint of the code
    printed_name: str = ""
    language: str = ""  # en | de; "" = the browser's


class InviteAccount(CommandData, frozen=True, kw_only=True):
    """Give an account a new code. Its password and its sessions end."""

    command_name: ClassVar[str] = "account.invite"
    account: str
    code: str  # fingerprint of the code


class GrantRole(CommandData, frozen=True, kw_only=True):
    """Give an account a role in a part of the plant."""

    command_name: ClassVar[str] = "account.grant"
    account: str
    role: str
    scope: str = ""  # enterprise/site[/area[/line[/cell]]]; "" = the whole site


class WithdrawRole(CommandData, frozen=True, kw_only=True):
    """Take a role away from an account, in that part of the plant."""

    command_name: ClassVar[str] = "account.withdraw"
    account: str
    role: str
    scope: str = ""


class CloseAccount(CommandData, frozen=True, kw_only=True):
    """Let nobody sign in as this account any more; its sessions and tokens end."""

    command_name: ClassVar[str] = "account.close"
    account: str
    cause: str


class EndSessions(CommandData, frozen=True, kw_only=True):
    """End all sessions of an account."""

    command_name: ClassVar[str] = "account.end"
    account: str
    cause: str


class Secret(CommandData, frozen=True, kw_only=True):
    """Base of what carries a password: it is looked at once and kept nowhere; no text shows it."""

    account: str
    password: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class SetUp(Secret, frozen=True, kw_only=True):
    """Make the first admin of a plant that has none, with the code that its console showed."""

    command_name: ClassVar[str] = "account.set_up"
    code: str  # fingerprint


class SetPassword(Secret, frozen=True, kw_only=True):
    """Choose a password, with a code or with the one before."""

    command_name: ClassVar[str] = "account.password"
    code: str = ""  # fingerprint
    before: str = ""  # the password until now


class SignIn(Secret, frozen=True, kw_only=True):
    """Begin a session."""

    command_name: ClassVar[str] = "account.sign_in"
    session: str  # fingerprint of what the browser will show


class SignOut(CommandData, frozen=True, kw_only=True):
    """End one's own session."""

    command_name: ClassVar[str] = "account.sign_out"
    session: str  # fingerprint


class IssueToken(CommandData, frozen=True, kw_only=True):
    """Let a program ask under an account's name."""

    command_name: ClassVar[str] = "token.issue"
    token: str  # fingerprint of what the program will show
    account: str
    name: str  # what it is for
    actions: list[str]  # of those that the account may; [] = looking only
    until_ns: int


class RevokeToken(CommandData, frozen=True, kw_only=True):
    """Let a token count no more."""

    command_name: ClassVar[str] = "token.revoke"
    token: str  # fingerprint


class AnswerChecklist(CommandData, frozen=True, kw_only=True):
    """Answer an item of a checklist; the command's id is the answer's. One of the four, as the item asks."""

    command_name: ClassVar[str] = "checklist.answer"
    job: str
    checklist: str
    item: str
    done: bool | None = None  # of a step, and of a question for yes or no
    value: float | None = None
    unit_of_measure: str = ""  # UCUM: what the person believes to have measured in
    text: str = ""


class AttachPhoto(CommandData, frozen=True, kw_only=True):
    """Keep a photo of a unit, a job order or a nonconformance; the command's id is the photo's."""

    command_name: ClassVar[str] = "photo.attach"
    kind: str  # unit | job | nonconformance
    record: str
    content: bytes  # JPEG or PNG; Base64 in JSON
    caption: str = ""
    checklist: str = ""  # of a job order: the item whose answer it is
    item: str = ""


class SettleBooking(CommandData, frozen=True, kw_only=True):
    """Say what was done about a late booking that was to be looked at."""

    command_name: ClassVar[str] = "booking.settle"
    booking: str
    cause: str


class PlannedJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and when a job order is to run."""

    job: str
    work_unit: str
    begin_ns: int
    end_ns: int


class PublishSchedule(CommandData, frozen=True, kw_only=True):
    """Put a schedule in force, whole. It is refused where it changes anything in the frozen zone."""

    command_name: ClassVar[str] = "schedule.publish"
    version: int  # of the schedule that it was made from; 0: there was none
    jobs: list[PlannedJob]  # a job order that is left out is planned no more
    cause: str  # why: for whoever reads it later
    state: str = ""  # digest of the job orders that it was made from, as the schedule's answer gives it


class PublishFrozen(PublishSchedule, frozen=True, kw_only=True):
    """Put a schedule in force that also changes what is in the frozen zone; the cause says why it must."""

    command_name: ClassVar[str] = "schedule.publish_frozen"


CATALOGUE: dict[str, type[CommandData]] = {
    kind.command_name: kind
    for kind in (
        DropOrder, ChangeOrder, DispatchJob, ControlJob, BeginJob, ReportScrap, UndoScrap, ReceiveLot,
        LoadLot, Hold, Release, MoveLot, CountStock, InspectTool,
        RegisterAsset, MountAsset, DismountAsset, StoreAsset, RetireAsset,
        SetCredentials, GrantCertificate, RevokeCertificate, LogOn, LogOff, StartIndirect, WriteNote,
        ReadNote, Sign,
        ReleaseDocument, WithdrawDocument, AcknowledgeDocument,
        RequestMaintenance, AssignMaintenance, StartMaintenance, CompleteMaintenance, AbortMaintenance,
        ReceiveSpare, CountSpare, MountTool, DismountTool, ServiceTool, ChangeTool, CalibrateGauge, UseGauge,
        ReportMachineJobs,
        RecordResult, Dispose,
        RecodeStop, SplitStop, MergeStops,
        OpenAccount, InviteAccount, GrantRole, WithdrawRole, CloseAccount, EndSessions,
        SetUp, SetPassword, SignIn, SignOut, IssueToken, RevokeToken,
        RestoreScrap, SplitJob, MergeJobs, SplitLot, MergeLots, HoldSuspects, ReleaseSuspects, ReportRework,
        AnswerChecklist, AttachPhoto, SettleBooking,
        PublishSchedule, PublishFrozen,
    )
}  # fmt: skip


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a command."""

    id: str  # made by whoever asks: asking again under the same id changes nothing
    name: str
    actor: str
    actor_type: str = "human"  # human | service | ai
    on_behalf_of: str = ""  # the person who stands at the terminal that asks; must be logged on
    reason: str = ""
    reach: list[str] | None = None  # parts of the plant in which the actor may ask this; None: everywhere
    data: msgspec.Raw  # JSON of the command's own struct


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a command. Refused: place, found and right say why; `current` is what another
    person made of the thing meanwhile, and `changed_by` who."""

    accepted: bool
    status: int = 0  # job control's ReturnStatus, where a method was called
    code: str = ""  # unknown | state | conflict | invalid | not_ready | denied
    place: str = ""
    found: str = ""
    right: str = ""
    sequence: int = 0  # of the last event that came of it
    events: list[str] = []  # types of the events that came of it, in order
    subject: str = ""
    current: dict[str, Any] = {}
    changed_by: str = ""
    changed_ns: int = 0


class ImportOrders(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data of the command `order.import`: a message with orders, which become commands of their own."""

    format: str  # csv | b2mml
    content: bytes


IMPORT_ORDERS = "order.import"


class ImportedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one order of a message."""

    request: str
    accepted: bool
    code: str = ""
    reason: str = ""


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message; place, found and right only where it could not be read at all."""

    rows: list[ImportedRow] = []
    document: str = ""  # B2MML's own answer
    place: str = ""
    found: str = ""
    right: str = ""


class LateBooking(msgspec.Struct, frozen=True, kw_only=True):
    """A command that a terminal kept while the server was away."""

    id: str  # the command's, made at the terminal
    sequence: int  # in which it was touched there, from 1; a terminal that lost its memory has a new name
    name: str
    at_ns: int  # by the terminal's clock, corrected by how far it was from the server's when last seen
    on_behalf_of: str = ""
    reason: str = ""
    denied: str = ""  # what whoever brings it has no right to; "" = they may
    reach: list[str] | None = None  # as that of a command
    data: msgspec.Raw


class BookLate(msgspec.Struct, frozen=True, kw_only=True):
    """The data of `terminal.sync`: some of what a terminal kept, in any order, as often as it likes."""

    terminal: str
    first: int  # the lowest sequence that the terminal still keeps: nothing below it will come
    bookings: list[LateBooking]


SYNC = "terminal.sync"


class BookedLate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a late booking."""

    id: str
    state: str  # booked | look (kept for somebody to look at) | waiting (for one that was touched before)
    events: list[str] = []
    reason: str = ""


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what a terminal brought; place, found and right only where nothing of it was taken."""

    bookings: list[BookedLate] = []
    code: str = ""
    place: str = ""
    found: str = ""
    right: str = ""


_encoder = msgspec.json.Encoder()
_commands = msgspec.json.Decoder(Command)
_answers = msgspec.json.Decoder(Answer)


def encode(document: Command | Answer | ImportReport | SyncReport) -> bytes:
    """Return the JSON of a command, an answer or a report."""
    return _encoder.encode(document)


def decode(payload: bytes) -> Command:
    """Return the command of a payload. Raises msgspec.DecodeError where it is none."""
    return _commands.decode(payload)


def decode_answer(payload: bytes) -> Answer:
    """Return the answer of a payload. Raises msgspec.DecodeError where it is none."""
    return _answers.decode(payload)


def make(content: CommandData, *, command_id: str, actor: str, actor_type: str = "human",
         reason: str = "", on_behalf_of: str = "") -> Command:  # fmt: skip
    """Return the command of some content."""
    return Command(
        id=command_id, name=content.command_name, actor=actor, actor_type=actor_type, reason=reason,
        on_behalf_of=on_behalf_of,
        data=msgspec.Raw(msgspec.json.encode(content)),
    )  # fmt: skip
