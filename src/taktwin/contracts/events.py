"""The catalogue of facts: CloudEvents 1.0 with typed data.

`source`+`id` is the idempotency key, `sequence` is monotonic per source. An event enters this
catalogue when something emits it; a test enumerates the catalogue and finds the emitter.
Unknown enumeration values decode as `UNKNOWN`, never as an error.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from taktwin.instants import parse_rfc3339, rfc3339

PREFIX = "org.taktwin."


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all event data; a subclass names its type once."""

    event_type: ClassVar[str]
    major: ClassVar[int] = 1


class ConnectorStateChanged(EventData, frozen=True, kw_only=True):
    """A connection to a source was made, lost or refused. `time` is when it became so.

    For `lost` the time is the last instant at which the source was known to be alive.
    """

    event_type: ClassVar[str] = "connector.state.changed"
    connector: str
    state: str  # connecting | running | degraded | lost | stopped
    reason: str = ""
    work_units: list[str] = []


class AlarmRaised(EventData, frozen=True, kw_only=True):
    """An alarm condition became true: a level-2 alarm, a limit, a silence."""

    event_type: ClassVar[str] = "equipment.alarm.raised"
    alarm: str  # stable id: <signal or equipment id>:<condition>
    equipment: str
    kind: str  # limit | machine | silence
    priority: int  # 1, 2, 3
    message: str
    response: str
    consequence: str
    owner_role: str
    cause: str = ""  # the supply or source that it is grouped by
    signal: str = ""
    value: Any = None
    limit: float | None = None


class AlarmCleared(EventData, frozen=True, kw_only=True):
    """The condition is no longer true."""

    event_type: ClassVar[str] = "equipment.alarm.cleared"
    alarm: str
    equipment: str


class AlarmAcknowledged(EventData, frozen=True, kw_only=True):
    """A person took notice. This acknowledges nothing in the machine."""

    event_type: ClassVar[str] = "equipment.alarm.acknowledged"
    alarm: str
    person: str
    comment: str = ""


class AlarmShelved(EventData, frozen=True, kw_only=True):
    """A person put an alarm aside until an instant, with a reason."""

    event_type: ClassVar[str] = "equipment.alarm.shelved"
    alarm: str
    person: str
    until_ns: int
    comment: str = ""


class AlarmUnshelved(EventData, frozen=True, kw_only=True):
    """A person brought a shelved alarm back, or its time was over."""

    event_type: ClassVar[str] = "equipment.alarm.unshelved"
    alarm: str
    person: str = ""


class AlarmCommented(EventData, frozen=True, kw_only=True):
    """A person added a comment to an alarm."""

    event_type: ClassVar[str] = "equipment.alarm.commented"
    alarm: str
    person: str
    comment: str


class SnapshotTaken(EventData, frozen=True, kw_only=True):
    """The twin stored its state together with its stream positions."""

    event_type: ClassVar[str] = "twin.snapshot.taken"
    state_hash: str
    registry_hash: str
    positions: dict[str, int]


class OperationsRequestReceived(EventData, frozen=True, kw_only=True):
    """An order came in (ISA-95 OperationsRequest): so many of a product until an instant."""

    event_type: ClassVar[str] = "operations.request.received"
    request: str
    product: str
    quantity: int
    due_ns: int
    priority: int = 0  # higher runs first
    customer: str = ""


class OperationsRequestChanged(EventData, frozen=True, kw_only=True):
    """An order is now wanted otherwise; the quantity of what runs already stays."""

    event_type: ClassVar[str] = "operations.request.changed"
    request: str
    due_ns: int
    priority: int
    customer: str


class OperationsRequestCompleted(EventData, frozen=True, kw_only=True):
    """Every job of an order has ended."""

    event_type: ClassVar[str] = "operations.request.completed"
    request: str


class OperationsRequestCancelled(EventData, frozen=True, kw_only=True):
    """No job of an order is left, and none has ended: nothing will be made of it."""

    event_type: ClassVar[str] = "operations.request.cancelled"
    request: str


class JobOrderStored(EventData, frozen=True, kw_only=True):
    """A job order exists: one operation of an order. It may not start yet."""

    event_type: ClassVar[str] = "job.order.stored"
    job: str
    request: str
    operation: int  # 10, 20, 30, ... along the route
    name: str
    product: str
    equipment_class: str
    quantity: int
    due_ns: int
    priority: int
    last_operation: bool


class JobOrderUpdated(EventData, frozen=True, kw_only=True):
    """A job order that has not started has a place, or other dates."""

    event_type: ClassVar[str] = "job.order.updated"
    job: str
    work_unit: str
    due_ns: int
    priority: int


class JobOrderAllowed(EventData, frozen=True, kw_only=True):
    """A job order may start. This starts no machine."""

    event_type: ClassVar[str] = "job.order.allowed"
    job: str
    work_unit: str


class JobOrderRevoked(EventData, frozen=True, kw_only=True):
    """A job order may not start any more."""

    event_type: ClassVar[str] = "job.order.revoked"
    job: str
    work_unit: str


class JobOrderStarted(EventData, frozen=True, kw_only=True):
    """Execution of a job order began."""

    event_type: ClassVar[str] = "job.order.started"
    job: str
    work_unit: str


class JobOrderPaused(EventData, frozen=True, kw_only=True):
    """Execution was interrupted: Held by a cause of its own, Suspended by one from outside."""

    event_type: ClassVar[str] = "job.order.paused"
    job: str
    work_unit: str
    sub_state: str


class JobOrderResumed(EventData, frozen=True, kw_only=True):
    """Execution goes on."""

    event_type: ClassVar[str] = "job.order.resumed"
    job: str
    work_unit: str


class JobOrderEnded(EventData, frozen=True, kw_only=True):
    """Execution ended: Completed with all its parts, Closed before that by a person."""

    event_type: ClassVar[str] = "job.order.ended"
    job: str
    work_unit: str
    sub_state: str
    good: int
    scrap: int


class JobOrderAborted(EventData, frozen=True, kw_only=True):
    """A job order was given up."""

    event_type: ClassVar[str] = "job.order.aborted"
    job: str
    work_unit: str


class JobOrderCancelled(EventData, frozen=True, kw_only=True):
    """A job order that had not started was taken out of the list."""

    event_type: ClassVar[str] = "job.order.cancelled"
    job: str


class JobOrderCleared(EventData, frozen=True, kw_only=True):
    """A job order that had ended was taken out of the list."""

    event_type: ClassVar[str] = "job.order.cleared"
    job: str


class MaterialCounted(EventData, frozen=True, kw_only=True):
    """A machine's own counter went on. Without a job the parts are counted, and nobody's."""

    event_type: ClassVar[str] = "material.counted"
    work_unit: str
    signal: str
    kind: str  # good | reject
    quantity: int
    counter: int  # what the machine's counter said
    job: str = ""
    unit: str = ""  # serial number, where the machine said one


class CounterRestarted(EventData, frozen=True, kw_only=True):
    """A machine's counter was heard for the first time, or fell: nothing is booked for it."""

    event_type: ClassVar[str] = "material.counter.restarted"
    work_unit: str
    signal: str
    counter: int


class MaterialScrapped(EventData, frozen=True, kw_only=True):
    """A person reported scrap that no machine had counted."""

    event_type: ClassVar[str] = "material.scrapped"
    report: str
    job: str
    quantity: int
    cause: str
    unit: str = ""


class MaterialScrapUndone(EventData, frozen=True, kw_only=True):
    """A report of scrap was taken back; both stay on record."""

    event_type: ClassVar[str] = "material.scrap.undone"
    report: str
    job: str


class LotReceived(EventData, frozen=True, kw_only=True):
    """A material lot is in the plant."""

    event_type: ClassVar[str] = "lot.received"
    lot: str
    product: str
    quantity: float
    location: str = ""  # a storage zone or unit; "" = nobody said where it lies


class LotLoaded(EventData, frozen=True, kw_only=True):
    """A lot stands at a work unit: what is built there takes from it."""

    event_type: ClassVar[str] = "lot.loaded"
    lot: str
    product: str
    work_unit: str


class LotMoved(EventData, frozen=True, kw_only=True):
    """So much of a lot lies in another place from here on: a storage zone or unit, or a work unit."""

    event_type: ClassVar[str] = "lot.moved"
    lot: str
    product: str
    source: str  # "" = where nobody knew it
    target: str
    quantity: float


class StockCounted(EventData, frozen=True, kw_only=True):
    """What of a lot was counted in a place; a difference puts the stock right."""

    event_type: ClassVar[str] = "stock.counted"
    lot: str
    product: str
    location: str
    before: float
    after: float
    cause: str
    count: str  # id of the command
    person: str = ""


class AssetRegistered(EventData, frozen=True, kw_only=True):
    """A physical asset is known, or its nameplate was put right."""

    event_type: ClassVar[str] = "asset.registered"
    asset: str
    name: str
    kind: str
    manufacturer: str
    model: str
    serial_number: str
    location: str = ""  # of a new one


class AssetMounted(EventData, frozen=True, kw_only=True):
    """A physical asset fulfils a role of equipment (ISA-95 EquipmentAssetMapping)."""

    event_type: ClassVar[str] = "asset.mounted"
    asset: str
    role: str
    equipment: str
    since_ns: int  # from then on; it may be said later than it was done
    order: str = ""  # the maintenance order in which it was done


class AssetDismounted(EventData, frozen=True, kw_only=True):
    """A physical asset no longer fulfils the role that it did."""

    event_type: ClassVar[str] = "asset.dismounted"
    asset: str
    role: str
    equipment: str
    since_ns: int
    cause: str
    location: str = ""  # where it lies now
    order: str = ""


class AssetStored(EventData, frozen=True, kw_only=True):
    """A physical asset that is not mounted lies in another place."""

    event_type: ClassVar[str] = "asset.stored"
    asset: str
    location: str


class AssetRetired(EventData, frozen=True, kw_only=True):
    """A physical asset is out of use for good."""

    event_type: ClassVar[str] = "asset.retired"
    asset: str
    cause: str


class ToolInspected(EventData, frozen=True, kw_only=True):
    """A fixture was inspected: it may be used again, or not."""

    event_type: ClassVar[str] = "tool.inspected"
    tool: str
    kind: str
    work_unit: str
    passed: bool
    found: str = ""


class LotDispositionChanged(EventData, frozen=True, kw_only=True):
    """A lot may be used (UnRestricted) or not (Restricted)."""

    event_type: ClassVar[str] = "lot.disposition.changed"
    lot: str
    disposition: str
    cause: str


class UnitCreated(EventData, frozen=True, kw_only=True):
    """A serialised unit exists from here on."""

    event_type: ClassVar[str] = "unit.created"
    unit: str
    product: str
    request: str
    job: str
    work_unit: str


class UnitMoved(EventData, frozen=True, kw_only=True):
    """A serialised unit passed an operation."""

    event_type: ClassVar[str] = "unit.moved"
    unit: str
    job: str
    operation: int
    work_unit: str
    good: bool


class UnitConsumed(EventData, frozen=True, kw_only=True):
    """Material went into a unit. Without a lot it is known what, but not which."""

    event_type: ClassVar[str] = "unit.consumed"
    unit: str
    component: str
    lot: str
    quantity: float
    job: str
    operation: int
    work_unit: str


class UnitFinished(EventData, frozen=True, kw_only=True):
    """A unit passed its last operation."""

    event_type: ClassVar[str] = "unit.finished"
    unit: str
    work_unit: str


class UnitScrapped(EventData, frozen=True, kw_only=True):
    """A unit is scrap."""

    event_type: ClassVar[str] = "unit.scrapped"
    unit: str
    cause: str


class UnitHeld(EventData, frozen=True, kw_only=True):
    """A unit may not go on until somebody has decided."""

    event_type: ClassVar[str] = "unit.held"
    unit: str
    cause: str


class UnitReleased(EventData, frozen=True, kw_only=True):
    """A unit that was held may go on."""

    event_type: ClassVar[str] = "unit.released"
    unit: str
    cause: str


class ResultRecorded(EventData, frozen=True, kw_only=True):
    """A characteristic of a part was measured, by its machine or by a person, with the limits of then."""

    event_type: ClassVar[str] = "quality.result.recorded"
    result: str
    characteristic: str
    name: str
    product: str
    job: str
    operation: int
    work_unit: str
    verdict: str  # OK | NOK
    unit: str = ""  # serial number; "" = nobody said which part it was
    value: float | None = None  # None: a yes or no
    unit_of_measure: str = ""
    lower: float | None = None
    upper: float | None = None
    signal: str = ""  # the machine's own word; "" = a person measured
    person: str = ""
    gauge: str = ""
    made: int = 0  # good parts that the work unit had made for job orders by then
    nonconformance: str = ""  # the one that it belongs to
    suspects: int = 0  # of NOK: parts since the last good result, this one included


class NonconformanceOpened(EventData, frozen=True, kw_only=True):
    """A part is not as specified: somebody with the right must decide what becomes of it."""

    event_type: ClassVar[str] = "quality.nonconformance.opened"
    nonconformance: str
    number: int
    result: str
    characteristic: str
    cause: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str = ""  # "" = parts without a serial number
    suspects: int = 1
    good_ns: int = 0  # the last good result before; 0: there was none


class NonconformanceDisposed(EventData, frozen=True, kw_only=True):
    """Somebody decided on a nonconformance; after `rework` it stays open."""

    event_type: ClassVar[str] = "quality.nonconformance.disposed"
    nonconformance: str
    disposition: str  # use-as-is | rework | scrap | return
    cause: str
    person: str
    quantity: int = 0  # of scrap


class NonconformanceClosed(EventData, frozen=True, kw_only=True):
    """Nothing is left to decide."""

    event_type: ClassVar[str] = "quality.nonconformance.closed"
    nonconformance: str


class SuspectsHeld(EventData, frozen=True, kw_only=True):
    """All units that share something were held at once; each of them says so in an event of its own."""

    event_type: ClassVar[str] = "quality.suspects.held"
    suspicion: str
    number: int
    kind: str  # lot | tool | work_unit | nonconformance
    about: str
    cause: str
    from_ns: int  # 0: from the beginning
    to_ns: int
    suspects: int
    held: int  # those that nothing held before


class SuspectsReleased(EventData, frozen=True, kw_only=True):
    """What a suspicion still held was let go."""

    event_type: ClassVar[str] = "quality.suspects.released"
    suspicion: str
    cause: str
    released: int


class ReworkStepPlanned(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a rework route as it was ordered."""

    name: str
    equipment_class: str


class ReworkOrdered(EventData, frozen=True, kw_only=True):
    """A unit has to take a rework route, and goes on from an operation of its own route."""

    event_type: ClassVar[str] = "rework.ordered"
    rework: str
    nonconformance: str
    unit: str
    route: str
    steps: list[ReworkStepPlanned]
    back_to: int  # operation
    operation: int  # the one before it


class ReworkStepDone(EventData, frozen=True, kw_only=True):
    """A step of a rework route was done."""

    event_type: ClassVar[str] = "rework.step.done"
    rework: str
    unit: str
    step: int
    name: str
    work_unit: str
    good: bool


class ReworkEnded(EventData, frozen=True, kw_only=True):
    """A rework route is over: done, or given up."""

    event_type: ClassVar[str] = "rework.ended"
    rework: str
    unit: str
    done: bool
    cause: str = ""


class LotSplit(EventData, frozen=True, kw_only=True):
    """A part of a lot has a number of its own from here on."""

    event_type: ClassVar[str] = "lot.split"
    lot: str
    into: str
    quantity: float
    transfer: str
    location: str | None = None  # where it was taken and lies; None = from wherever the lot lay


class LotMerged(EventData, frozen=True, kw_only=True):
    """What was left of a lot is part of another one from here on."""

    event_type: ClassVar[str] = "lot.merged"
    lot: str
    into: str
    quantity: float
    transfer: str


class JobOrderSplit(EventData, frozen=True, kw_only=True):
    """A part of a job order's quantity is a job order of its own from here on."""

    event_type: ClassVar[str] = "job.order.split"
    job: str
    into: str
    quantity: int


class JobOrderMerged(EventData, frozen=True, kw_only=True):
    """A job order that had not started is part of another one from here on."""

    event_type: ClassVar[str] = "job.order.merged"
    job: str
    into: str
    quantity: int


class CredentialsChanged(EventData, frozen=True, kw_only=True):
    """What proves that somebody is a person was set or withdrawn; what it is, no event says."""

    event_type: ClassVar[str] = "person.credentials.changed"
    person: str
    pin: bool  # a PIN was set
    badge: bool  # a badge was set
    withdrawn: bool


class PersonNotRecognised(EventData, frozen=True, kw_only=True):
    """A wrong PIN was given for a person."""

    event_type: ClassVar[str] = "person.not.recognised"
    person: str
    wrong: int  # in a row
    locked_until_ns: int  # 0: not locked
    work_unit: str = ""


class CertificateGranted(EventData, frozen=True, kw_only=True):
    """A person is certified for a skill until an instant."""

    event_type: ClassVar[str] = "person.certificate.granted"
    certificate: str
    person: str
    skill: str
    valid_until_ns: int


class CertificateRevoked(EventData, frozen=True, kw_only=True):
    """A certificate was taken away before its end."""

    event_type: ClassVar[str] = "person.certificate.revoked"
    certificate: str
    person: str
    skill: str
    cause: str


class LabourLoggedOn(EventData, frozen=True, kw_only=True):
    """A person works at a work unit from here on."""

    event_type: ClassVar[str] = "labour.logged.on"
    stay: str
    person: str
    work_unit: str
    proof: str  # badge | pin


class LabourIndirectStarted(EventData, frozen=True, kw_only=True):
    """A person does something from here on that is no work on an order."""

    event_type: ClassVar[str] = "labour.indirect.started"
    stay: str
    person: str
    activity: str


class LabourLoggedOff(EventData, frozen=True, kw_only=True):
    """A stay of a person ended: at a work unit, or in indirect time."""

    event_type: ClassVar[str] = "labour.logged.off"
    stay: str
    person: str
    work_unit: str


class ShiftNoteWritten(EventData, frozen=True, kw_only=True):
    """Somebody left a note for the next shift."""

    event_type: ClassVar[str] = "shift.note.written"
    note: str
    work_unit: str
    person: str
    text: str


class ShiftNoteRead(EventData, frozen=True, kw_only=True):
    """Somebody of the next shift has read a note."""

    event_type: ClassVar[str] = "shift.note.read"
    note: str
    work_unit: str
    person: str


class RecordSigned(EventData, frozen=True, kw_only=True):
    """A person signed something as it was at this place of the journal (21 CFR 11.50)."""

    event_type: ClassVar[str] = "record.signed"
    signature: str
    kind: str
    record: str
    meaning: str
    person: str
    printed_name: str
    digest: str = ""  # SHA-256 of what was looked at, where it has one


class DocumentStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a work instruction as it was released."""

    title: str
    text: str
    picture: str  # <SHA-256 of the file>.<suffix>; "": none


class DocumentReleased(EventData, frozen=True, kw_only=True):
    """A revision of a work instruction is in force from an instant on; the whole of it, for ever."""

    event_type: ClassVar[str] = "document.released"
    document: str
    revision: int  # 1, 2, 3
    title: str
    products: list[str]
    operation: str
    required: bool  # nobody begins who has not read it
    digest: str  # SHA-256 of content and files
    steps: list[DocumentStep]
    pdf: str  # <SHA-256 of the file>.pdf; "": none
    effective_from_ns: int
    effective_to_ns: int  # 0: until another revision


class DocumentWithdrawn(EventData, frozen=True, kw_only=True):
    """A revision is out of force, and no older one takes its place."""

    event_type: ClassVar[str] = "document.withdrawn"
    document: str
    revision: int
    cause: str


class DocumentAcknowledged(EventData, frozen=True, kw_only=True):
    """Somebody has read a revision."""

    event_type: ClassVar[str] = "document.acknowledged"
    document: str
    revision: int
    person: str


class MaintenancePlanBegun(EventData, frozen=True, kw_only=True):
    """A plan of the plant folder was seen for the first time: its interval counts from here."""

    event_type: ClassVar[str] = "maintenance.plan.begun"
    plan: str
    work_unit: str


class MaintenanceOrderOpened(EventData, frozen=True, kw_only=True):
    """A maintenance order exists (ISA-95 JobOrder, OperationsType Maintenance)."""

    event_type: ClassVar[str] = "maintenance.order.opened"
    order: str
    number: int
    kind: str  # WorkType: corrective | preventive | tool_change
    work_unit: str
    about: str
    plan: str = ""  # of preventive
    tool_kind: str = ""  # of tool_change
    priority: int = 0
    due_ns: int = 0
    stops: bool
    by: str  # who asked


class MaintenanceOrderAssigned(EventData, frozen=True, kw_only=True):
    """A maintenance order is somebody's, and may start."""

    event_type: ClassVar[str] = "maintenance.order.assigned"
    order: str
    work_unit: str
    person: str


class MaintenanceOrderStarted(EventData, frozen=True, kw_only=True):
    """Work on a maintenance order began; while it `stops` its work unit, no job order begins there."""

    event_type: ClassVar[str] = "maintenance.order.started"
    order: str
    work_unit: str
    stops: bool


class MaintenanceOrderCompleted(EventData, frozen=True, kw_only=True):
    """The work was done: what was found, what was done."""

    event_type: ClassVar[str] = "maintenance.order.completed"
    order: str
    work_unit: str
    found: str
    done: str


class MaintenanceOrderAborted(EventData, frozen=True, kw_only=True):
    """A maintenance order was given up."""

    event_type: ClassVar[str] = "maintenance.order.aborted"
    order: str
    work_unit: str
    cause: str


class SpareReceived(EventData, frozen=True, kw_only=True):
    """Spare parts came into the store."""

    event_type: ClassVar[str] = "spare.received"
    spare: str
    quantity: int


class SpareCounted(EventData, frozen=True, kw_only=True):
    """Somebody counted what is in the store."""

    event_type: ClassVar[str] = "spare.counted"
    spare: str
    quantity: int


class SpareConsumed(EventData, frozen=True, kw_only=True):
    """Spare parts went into a work unit (ISA-95 MaterialActual of the maintenance order)."""

    event_type: ClassVar[str] = "spare.consumed"
    spare: str
    quantity: int
    order: str
    work_unit: str


class ToolMounted(EventData, frozen=True, kw_only=True):
    """A tool is in a work unit from here on (ISA-95 EquipmentAssetMapping)."""

    event_type: ClassVar[str] = "tool.mounted"
    tool: str
    kind: str
    work_unit: str


class ToolDismounted(EventData, frozen=True, kw_only=True):
    """A tool was taken out."""

    event_type: ClassVar[str] = "tool.dismounted"
    tool: str
    kind: str
    work_unit: str
    cause: str


class ToolServiced(EventData, frozen=True, kw_only=True):
    """A tool was dressed or reground in place."""

    event_type: ClassVar[str] = "tool.serviced"
    tool: str
    work_unit: str


class GaugeCalibrated(EventData, frozen=True, kw_only=True):
    """A gauge was calibrated, and holds until an instant if it passed."""

    event_type: ClassVar[str] = "gauge.calibrated"
    gauge: str
    kind: str
    until_ns: int
    passed: bool


class GaugeUsed(EventData, frozen=True, kw_only=True):
    """Somebody measured with a gauge that was in calibration."""

    event_type: ClassVar[str] = "gauge.used"
    gauge: str
    work_unit: str


class StopBegun(EventData, frozen=True, kw_only=True):
    """A machine stands for longer than its threshold, by its own states. Its time is when it began."""

    event_type: ClassVar[str] = "equipment.stop.begun"
    stop: str
    work_unit: str
    from_ns: int
    to_ns: int  # 0: it still stands
    time_class: str  # delay_own | blocked | starved
    code: str = ""  # the machine's own
    like: str = ""  # the stop that late data took this one from: its reason goes on


class StopEnded(EventData, frozen=True, kw_only=True):
    """A machine stands no longer, or nobody knows whether it does."""

    event_type: ClassVar[str] = "equipment.stop.ended"
    stop: str
    work_unit: str
    to_ns: int


class StopCorrected(EventData, frozen=True, kw_only=True):
    """Late data of the machine say otherwise; what people said of the stop is kept."""

    event_type: ClassVar[str] = "equipment.stop.corrected"
    stop: str
    work_unit: str
    from_ns: int
    to_ns: int
    time_class: str
    code: str = ""
    withdrawn: bool = False  # the machine did not stand


class StopRecoded(EventData, frozen=True, kw_only=True):
    """A person gave a stop its reason, or another one."""

    event_type: ClassVar[str] = "equipment.stop.recoded"
    stop: str
    work_unit: str
    before: str  # "" = it had none
    reason: str
    person: str
    cause: str = ""  # why it is another one


class StopSplit(EventData, frozen=True, kw_only=True):
    """A person cut a stop at an instant; what comes after it is a stop of its own."""

    event_type: ClassVar[str] = "equipment.stop.split"
    stop: str
    work_unit: str
    at_ns: int
    into: str
    person: str
    cause: str = ""


class StopsMerged(EventData, frozen=True, kw_only=True):
    """A person took two neighbours for one; each keeps its own times."""

    event_type: ClassVar[str] = "equipment.stops.merged"
    stop: str  # the one whose name goes on
    other: str
    work_unit: str
    reason: str
    person: str
    cause: str = ""


class AccountOpened(EventData, frozen=True, kw_only=True):
    """Somebody may get a password and sign in."""

    event_type: ClassVar[str] = "account.opened"
    account: str
    printed_name: str
    language: str


class AccountInvited(EventData, frozen=True, kw_only=True):
    """An account got a code with which its password is chosen; the one before counts no more."""

    event_type: ClassVar[str] = "account.invited"
    account: str
    code: str  # fingerprint
    until_ns: int


class AccountPasswordSet(EventData, frozen=True, kw_only=True):
    """A password was chosen; which one, no event says."""

    event_type: ClassVar[str] = "account.password.set"
    account: str
    by: str  # code | password | set_up


class AccountRoleGranted(EventData, frozen=True, kw_only=True):
    """An account got a role in a part of the plant."""

    event_type: ClassVar[str] = "account.role.granted"
    account: str
    role: str
    scope: str


class AccountRoleWithdrawn(EventData, frozen=True, kw_only=True):
    """An account lost a role in a part of the plant."""

    event_type: ClassVar[str] = "account.role.withdrawn"
    account: str
    role: str
    scope: str


class AccountClosed(EventData, frozen=True, kw_only=True):
    """Nobody signs in as this account any more; its sessions and tokens have ended."""

    event_type: ClassVar[str] = "account.closed"
    account: str
    cause: str


class AccountSignedIn(EventData, frozen=True, kw_only=True):
    """A session began."""

    event_type: ClassVar[str] = "account.signed.in"
    account: str
    session: str  # fingerprint
    until_ns: int


class AccountSignedOut(EventData, frozen=True, kw_only=True):
    """A session was ended by whose it was."""

    event_type: ClassVar[str] = "account.signed.out"
    account: str
    session: str


class AccountSessionsEnded(EventData, frozen=True, kw_only=True):
    """All sessions of an account were ended by somebody else."""

    event_type: ClassVar[str] = "account.sessions.ended"
    account: str
    cause: str


class AccountNotRecognised(EventData, frozen=True, kw_only=True):
    """Somebody tried to sign in and was refused. A name that nobody has is not said: it may be a password."""

    event_type: ClassVar[str] = "account.not.recognised"
    account: str  # "unknown" = of nobody here
    wrong: int  # in a row
    locked_until_ns: int  # 0: not locked


class AccountTokenIssued(EventData, frozen=True, kw_only=True):
    """A program may ask under an account's name."""

    event_type: ClassVar[str] = "account.token.issued"
    token: str  # fingerprint
    account: str
    name: str
    actions: list[str]
    until_ns: int


class AccountTokenRevoked(EventData, frozen=True, kw_only=True):
    """A token counts no more."""

    event_type: ClassVar[str] = "account.token.revoked"
    token: str
    account: str


class CommandGiven(EventData, frozen=True, kw_only=True):
    """The MES gave the commander a command for a machine, which may not have heard of it yet."""

    event_type: ClassVar[str] = "command.given"
    command: str
    name: str
    work_unit: str
    by: str  # who wants it
    why: str
    deadline_ns: int
    content: str  # JSON of the command's own struct
    request: str = ""
    job: str = ""


class ValueReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was wanted of a signal and what the machine said afterwards."""

    signal: str
    wanted: bool | int | float | str
    found: bool | int | float | str | None = None  # None: it was not read back
    same: bool = False
    status: str = ""


class CommandExecuted(EventData, frozen=True, kw_only=True):
    """A machine did what it was told, and said so when it was asked afterwards."""

    event_type: ClassVar[str] = "command.executed"
    command: str
    name: str
    work_unit: str
    job: str = ""
    values: list[ValueReadBack] = []


class CommandFailed(EventData, frozen=True, kw_only=True):
    """A machine was not told, said no, said something else afterwards, or did not answer."""

    event_type: ClassVar[str] = "command.failed"
    command: str
    name: str
    work_unit: str
    outcome: str  # contracts.machine_commands.Outcome
    place: str
    found: str
    right: str
    job: str = ""
    values: list[ValueReadBack] = []


class InterlockRequested(EventData, frozen=True, kw_only=True):
    """A cell asked whether a part may be built in."""

    event_type: ClassVar[str] = "equipment.interlock.requested"
    work_unit: str
    unit: str  # serial number as the cell said it
    number: int  # of the request


class InterlockAnswered(EventData, frozen=True, kw_only=True):
    """The MES decided on a question of a cell. Whether the answer reached it, its command says."""

    event_type: ClassVar[str] = "equipment.interlock.answered"
    work_unit: str
    unit: str
    number: int
    code: int  # contracts.interlock.Answer
    may: bool
    cause: str
    job: str = ""
    command: str = ""  # "": the cell had given up by then, and was told nothing


class ParameterWritten(EventData, frozen=True, kw_only=True):
    """A parameter of an operation was loaded into a machine, or not: wanted and found say which."""

    event_type: ClassVar[str] = "equipment.parameter.written"
    work_unit: str
    signal: str
    parameter: str
    job: str
    product: str
    wanted: float
    found: float | None
    same: bool
    unit_of_measure: str
    by: str


class MachineReceiverChanged(EventData, frozen=True, kw_only=True):
    """A machine that takes job orders is reached again, or no longer."""

    event_type: ClassVar[str] = "machine.receiver.changed"
    work_unit: str
    reachable: bool
    cause: str  # why it is not reached


class MachineJobReported(EventData, frozen=True, kw_only=True):
    """What a machine says of a job order; no state: it does not have it (any more)."""

    event_type: ClassVar[str] = "machine.job.reported"
    job: str
    work_unit: str
    state: str
    sub_state: str


class ChecklistAnswered(EventData, frozen=True, kw_only=True):
    """Somebody did a step by hand, or answered a question of a checklist; with the limits of then."""

    event_type: ClassVar[str] = "checklist.answered"
    answer: str
    checklist: str
    item: str
    question: str
    job: str
    operation: int
    work_unit: str
    person: str
    verdict: str  # OK | NOK
    done: bool | None = None
    value: float | None = None
    text: str = ""
    unit_of_measure: str = ""
    lower: float | None = None
    upper: float | None = None


class PhotoAttached(EventData, frozen=True, kw_only=True):
    """A photo was kept under the hash of its content, without what the camera knew of the place."""

    event_type: ClassVar[str] = "photo.attached"
    photo: str
    file: str  # <SHA-256>.<suffix>
    record_kind: str  # unit | job | nonconformance
    record: str
    job: str  # "" = none
    work_unit: str
    caption: str
    person: str
    checklist: str = ""
    item: str = ""


class BookingSetAside(EventData, frozen=True, kw_only=True):
    """A late booking of a terminal is to be looked at: it was not booked, or something came of it."""

    event_type: ClassVar[str] = "booking.set_aside"
    booking: str
    terminal: str
    terminal_sequence: int
    command: str
    content: str  # its data, without a photo
    work_unit: str
    person: str
    said_ns: int  # when it was touched, by the terminal
    booked: bool
    code: str
    place: str
    found: str
    right: str


class BookingSettled(EventData, frozen=True, kw_only=True):
    """Somebody has looked at a late booking and said what was done about it."""

    event_type: ClassVar[str] = "booking.settled"
    booking: str
    person: str
    cause: str


class ScheduledJob(msgspec.Struct, frozen=True, kw_only=True):
    """Where, when and as which one there a job order is to run."""

    job: str
    work_unit: str
    sequence: int  # 1, 2, 3, ... on its work unit
    begin_ns: int
    end_ns: int


class SchedulePublished(EventData, frozen=True, kw_only=True):
    """A schedule is in force from here on, the whole of it, in the place of the one before."""

    event_type: ClassVar[str] = "schedule.published"
    schedule: str
    version: int  # 1, 2, 3, ...
    by: str
    cause: str
    state: str  # digest of the job orders that it was made from; "" = nobody said
    moved_on: bool  # they had changed since, and it was possible all the same
    inside: list[str]  # job orders that it changed within the frozen zone
    jobs: list[ScheduledJob]


# What the MES may say, and nobody else.
MES_EVENTS: tuple[type[EventData], ...] = (
    OperationsRequestReceived, OperationsRequestChanged, OperationsRequestCompleted,
    OperationsRequestCancelled,
    JobOrderStored, JobOrderUpdated, JobOrderAllowed, JobOrderRevoked, JobOrderStarted, JobOrderPaused,
    JobOrderResumed, JobOrderEnded, JobOrderAborted, JobOrderCancelled, JobOrderCleared,
    MaterialCounted, CounterRestarted, MaterialScrapped, MaterialScrapUndone,
    LotReceived, LotLoaded, LotMoved, LotDispositionChanged, StockCounted,
    AssetRegistered, AssetMounted, AssetDismounted, AssetStored, AssetRetired, ToolInspected,
    UnitCreated, UnitMoved, UnitConsumed, UnitFinished, UnitScrapped, UnitHeld, UnitReleased,
    CredentialsChanged, PersonNotRecognised, CertificateGranted, CertificateRevoked,
    LabourLoggedOn, LabourIndirectStarted, LabourLoggedOff, ShiftNoteWritten, ShiftNoteRead, RecordSigned,
    DocumentReleased, DocumentWithdrawn, DocumentAcknowledged,
    MaintenancePlanBegun, MaintenanceOrderOpened, MaintenanceOrderAssigned, MaintenanceOrderStarted,
    MaintenanceOrderCompleted, MaintenanceOrderAborted, SpareReceived, SpareCounted, SpareConsumed,
    ToolMounted, ToolDismounted, ToolServiced, GaugeCalibrated, GaugeUsed,
    CommandGiven, CommandExecuted, CommandFailed, InterlockRequested, InterlockAnswered, ParameterWritten,
    ResultRecorded, NonconformanceOpened, NonconformanceDisposed, NonconformanceClosed,
    StopBegun, StopEnded, StopCorrected, StopRecoded, StopSplit, StopsMerged,
    AccountOpened, AccountInvited, AccountPasswordSet, AccountRoleGranted, AccountRoleWithdrawn,
    AccountClosed, AccountSignedIn, AccountSignedOut, AccountSessionsEnded, AccountNotRecognised,
    AccountTokenIssued, AccountTokenRevoked,
    SuspectsHeld, SuspectsReleased, ReworkOrdered, ReworkStepDone, ReworkEnded,
    LotSplit, LotMerged, JobOrderSplit, JobOrderMerged,
    MachineReceiverChanged, MachineJobReported,
    ChecklistAnswered, PhotoAttached, BookingSetAside, BookingSettled,
    SchedulePublished,
)  # fmt: skip

_ALL: tuple[type[EventData], ...] = (
    ConnectorStateChanged,
    AlarmRaised,
    AlarmCleared,
    AlarmAcknowledged,
    AlarmShelved,
    AlarmUnshelved,
    AlarmCommented,
    SnapshotTaken,
    *MES_EVENTS,
)
CATALOGUE: dict[str, type[EventData]] = {kind.event_type: kind for kind in _ALL}


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The envelope in structured mode, exactly the attributes of CloudEvents 1.0 plus ours."""

    id: str
    source: str  # /<enterprise>/<site>/<process>[/<connector>]
    type: str  # org.taktwin.<name>.v<major>
    time: str  # RFC 3339: when it happened at its source
    specversion: str  # "1.0", always written
    datacontenttype: str = "application/json"
    subject: str = ""  # equipment id, alarm id: what it is about
    sequence: str = ""  # 20 digits, zero-padded
    ingesttime: str = ""
    recordedtime: str = ""
    correlationid: str = ""
    causationid: str = ""
    authid: str = ""
    data: msgspec.Raw  # JSON of the event type's own struct

    @property
    def key(self) -> tuple[str, str]:
        """Return the idempotency key."""
        return (self.source, self.id)

    @property
    def name(self) -> str:
        """Return the catalogue name, without prefix and major version."""
        return self.type.removeprefix(PREFIX).rpartition(".v")[0]

    @property
    def time_ns(self) -> int:
        """Return when it happened, in nanoseconds."""
        return parse_rfc3339(self.time)


def make(
    content: EventData,
    *,
    source: str,
    sequence: int,
    time_ns: int,
    subject: str = "",
    event_id: str = "",
    authid: str = "",
) -> CloudEvent:
    """Return the event of some content. Its id defaults to the sequence, unique within the source."""
    return CloudEvent(
        id=event_id or f"{sequence:020d}",
        source=source,
        specversion="1.0",
        type=f"{PREFIX}{content.event_type}.v{content.major}",
        time=rfc3339(time_ns),
        subject=subject,
        sequence=f"{sequence:020d}",
        authid=authid,
        data=msgspec.Raw(msgspec.json.encode(content)),
    )


_decoder = msgspec.json.Decoder(CloudEvent)


def encode(event: CloudEvent) -> bytes:
    """Return the structured JSON of an event."""
    return msgspec.json.encode(event)


def decode(payload: bytes) -> CloudEvent:
    """Return the event of a payload. Raises msgspec.DecodeError where it is none."""
    return _decoder.decode(payload)


def content_of(event: CloudEvent) -> EventData | None:
    """Return the typed data, or None for a type that this release does not know."""
    kind = CATALOGUE.get(event.name)
    return None if kind is None else msgspec.json.decode(event.data, type=kind)
