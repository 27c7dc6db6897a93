"""Orders, job orders, lots and units: what the MES answers, as the page takes it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from taktwin.portal.models.base import Model


class ObstacleModel(Model):
    """The one thing in the way of a job order."""

    kind: str  # hold | material | document | load | maintenance | tool | skill | before | turn
    subject: str
    detail: str


class JobModel(Model):
    """A job order: one operation of an order. States are words of ISA-95 job control."""

    job: str
    request: str
    operation: int
    name: str
    product: str
    equipment_class: str
    work_unit: str
    quantity: int
    due_ms: int
    priority: int
    last_operation: bool
    state: str
    sub_state: str
    good: int
    scrap: int
    started_ms: int
    ended_ms: int
    reason: str
    version: int


class OverdueModel(Model):
    """A measurement that should have been made so many parts ago."""

    characteristic: str
    name: str
    parts: int


class PlaceModel(Model):
    """Where and when a job order is to run, and as which one there; sequence 0: in no schedule."""

    work_unit: str
    sequence: int
    begin_ms: int
    end_ms: int


class LineModel(JobModel):
    """A job order on the board: where it may run, what is in its way, and what is late while it runs."""

    candidates: list[str]
    setup_family: str
    projected_begin_ms: int  # by a forward pass over finite capacity; 0: it can run nowhere
    projected_end_ms: int
    order_end_ms: int  # when its whole order will be done; 0: it will not
    planned: PlaceModel | None  # its place in the schedule in force
    obstacle: ObstacleModel | None
    overdue: list[OverdueModel]


class BoardModel(Model):
    """The dispatch board."""

    lines: list[LineModel]
    over: list[JobModel]
    at_ms: int


class MoveModel(Model):
    """A job order that a planner puts somewhere: on a work unit, not before an instant."""

    job: str = Field(max_length=120)
    work_unit: str = Field(max_length=80)
    begin_ms: int = Field(ge=0, le=253_402_300_799_000)


class MovesModel(Model):
    """All moves of a planner since the schedule in force."""

    moves: list[MoveModel] = Field(max_length=500)


class PublishedModel(Model):
    """A schedule that was published: by whom, when, why."""

    schedule: str
    version: int
    published_ms: int
    by: str
    cause: str
    moved_on: bool  # job orders had changed since the planner looked
    inside: list[str]  # job orders that it changed within the frozen zone


class OffModel(Model):
    """A span in which nothing is planned to run."""

    from_ms: int
    to_ms: int


class ScheduledUnitModel(Model):
    """A row of the schedule."""

    work_unit: str
    name: str
    line: str
    frozen_until_ms: int  # 0: nothing is frozen there
    off: list[OffModel]


class ScheduledJobModel(Model):
    """A job order in the schedule: as planned, as it will be, as it is proposed."""

    job: str
    request: str
    operation: int
    name: str
    product: str
    quantity: int
    good: int
    state: str
    work_unit: str
    candidates: list[str]
    setup_family: str
    setup_s: float
    due_ms: int
    started_ms: int
    planned: PlaceModel | None
    proposed: PlaceModel | None
    projected: PlaceModel | None
    obstacle: str


class DecidesModel(Model):
    """What the end of an order waits for."""

    kind: str  # behind | work | nowhere, or an obstacle
    job: str
    subject: str
    work_unit: str


class ScheduledOrderModel(Model):
    """An order with its dates; 0: not all of it is planned."""

    request: str
    product: str
    quantity: int
    due_ms: int
    planned_end_ms: int
    projected_end_ms: int
    proposed_end_ms: int
    late: bool
    decides: DecidesModel


class InsideModel(Model):
    """A proposed change within the frozen zone."""

    job: str
    what: str
    until_ms: int


class ScheduleModel(Model):
    """The schedule in force, what it will come to, and what moves would make of it."""

    schedule: PublishedModel | None
    history: list[PublishedModel]
    state: str  # digest of the job orders that all this was made from
    work_units: list[ScheduledUnitModel]
    jobs: list[ScheduledJobModel]
    orders: list[ScheduledOrderModel]
    inside: list[InsideModel]
    unknown: list[str]  # moved job orders that are over, or never were
    at_ms: int


class LotHere(Model):
    """A component at a work unit, and the lot that stands there."""

    product: str
    name: str
    quantity: float
    unit: str
    tracked: bool
    lot: str
    remaining: float
    disposition: str
    in_stock: list[str]


class ScrapModel(Model):
    """A report of scrap that can still be taken back."""

    report: str
    job: str
    quantity: int
    reason: str
    unit: str
    at_ms: int
    undone: bool


class ImportedModel(Model):
    """What became of one order of a message."""

    request: str
    accepted: bool
    code: str
    reason: str


class ImportModel(Model):
    """What became of a message with orders."""

    rows: list[ImportedModel]


class DocumentStepModel(Model):
    """One step of a work instruction."""

    title: str
    text: str
    picture: str  # name of a file of /mes/files; "": none


class InstructionModel(Model):
    """The work instruction that is in force for the job order at a work unit; revision 0: none is."""

    document: str
    revision: int
    title: str
    required: bool
    readers: list[str]
    steps: list[DocumentStepModel]
    pdf: str


class ReaderModel(Model):
    """Who has read a revision, and when."""

    person: str
    at_ms: int


class RevisionModel(Model):
    """A revision of a work instruction, as it was released."""

    document: str
    revision: int
    title: str
    operation: str
    required: bool
    digest: str
    steps: list[DocumentStepModel]
    pdf: str
    effective_from_ms: int
    effective_to_ms: int  # 0: until another revision
    released_ms: int
    withdrawn_ms: int  # 0: never
    reason: str
    readers: list[ReaderModel]


class DraftModel(Model):
    """A work instruction as it is written now; its digest says to a release what was looked at."""

    digest: str
    steps: list[DocumentStepModel]
    pdf: str


class DocumentModel(Model):
    """A work instruction: its draft, if that differs from the newest revision, and its revisions."""

    document: str
    title: str
    operation: str
    products: list[str]
    required: bool
    draft: DraftModel | None  # null: nothing to release
    in_force: int  # revision; 0: none
    revisions: list[RevisionModel]


class MistakeModel(Model):
    """What is wrong with a draft, and what would be right."""

    file: str
    line: int
    field: str
    found: str
    expected: str


class DocumentsModel(Model):
    """All work instructions."""

    documents: list[DocumentModel]
    mistakes: list[MistakeModel]
    at_ms: int


class ResultModel(Model):
    """What was measured once, with the limits of then."""

    result: str
    characteristic: str
    name: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str
    verdict: str  # OK | NOK
    value: float | None
    unit_of_measure: str
    lower: float | None
    upper: float | None
    signal: str
    person: str
    gauge: str
    nonconformance: str
    at_ms: int


class CheckModel(Model):
    """A characteristic that people measure here. `left`: 1 = the next part, 0 = this one, less = late."""

    characteristic: str
    name: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    nominal: float | None
    attribute: bool
    sample_every: int
    left: int
    last: ResultModel | None


class CharacteristicModel(Model):
    """A line of the inspection plan with its last results, in order of time."""

    characteristic: str
    name: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    nominal: float | None
    attribute: bool
    equipment_class: str
    signal: str
    sample_every: int
    products: list[str]
    results: list[ResultModel]


class NonconformanceModel(Model):
    """Something that is not as specified."""

    nonconformance: str
    number: int
    characteristic: str
    cause: str
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str
    result: str
    results: int
    suspects: int
    good_ms: int
    opened_ms: int
    person: str
    signal: str
    state: str  # Open | Rework | Closed
    disposition: str
    reason: str
    decided_by: str
    decided_ms: int
    version: int


class QualityModel(Model):
    """Nonconformances, open ones first; the inspection plan with its last results."""

    nonconformances: list[NonconformanceModel]
    signed: bool  # a disposition wants a number and a PIN
    characteristics: list[CharacteristicModel]
    at_ms: int


class ReworkRouteModel(Model):
    """A rework route that this part may take."""

    route: str
    name: str


class AnswerModel(Model):
    """What a person answered to an item of a checklist, with the limits of then."""

    answer: str
    checklist: str
    item: str
    question: str
    job: str
    operation: int
    work_unit: str
    person: str
    verdict: str
    done: bool | None
    value: float | None
    text: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    at_ms: int


class QuestionModel(Model):
    """An item of a checklist at a job order. `required`: the job order is not completed without it."""

    checklist: str
    name: str
    required: bool
    item: str
    text: str
    kind: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    answer: AnswerModel | None


class PhotoModel(Model):
    """A photo: what it is of, and its file (`/mes/files/{file}`)."""

    photo: str
    file: str
    record_kind: str
    record: str
    job: str
    work_unit: str
    caption: str
    person: str
    checklist: str
    item: str
    at_ms: int


class NonconformancePage(Model):
    """A nonconformance with its results, the newest first, and the units that are suspect with it."""

    nonconformance: NonconformanceModel
    results: list[ResultModel]
    suspect_units: list[str]
    routes: list[ReworkRouteModel]
    photos: list[PhotoModel]


class SuspicionModel(Model):
    """Units that were held at once; `units` are those that it still holds."""

    suspicion: str
    number: int
    kind: str  # lot | tool | work_unit | nonconformance
    about: str
    cause: str
    from_ms: int
    to_ms: int
    suspects: int
    held: int
    held_ms: int
    released: bool
    version: int
    units: list[str]


class SuspicionsModel(Model):
    """The last suspicions, the newest first."""

    suspicions: list[SuspicionModel]


class RouteStateModel(Model):
    """Whether a unit may be worked on at a work unit now."""

    may: bool
    code: str  # ok | rework | unknown | held | scrap | finished | elsewhere | repeated | skipped
    detail: str
    operation: int
    rework: str


class ReasonModel(Model):
    """A defect code; without a name the page has its own word for it."""

    code: str
    name: str


class SetAsideModel(Model):
    """A late booking that somebody has to look at, or has looked at."""

    booking: str
    terminal: str
    terminal_sequence: int
    command: str
    content: str
    work_unit: str
    person: str
    said_ms: int
    booked: bool
    code: str
    place: str
    found: str
    right: str
    at_ms: int
    settled_by: str
    settled_ms: int
    settled: str


class LateModel(Model):
    """Late bookings to be looked at, the oldest first, and those that were looked at last."""

    waiting: list[SetAsideModel]
    settled: list[SetAsideModel]
    at_ms: int


class LateBookingModel(Model):
    """A command that a terminal kept while nobody answered it."""

    id: str = Field(pattern=r"^[!-~]{8,100}$")
    sequence: int = Field(ge=1, le=2**53)
    name: str = Field(pattern=r"^[^\x00]{1,60}$")
    at_ms: int = Field(ge=0, le=2**53)
    data: dict[str, Any]
    on_behalf_of: str = Field(default="", pattern=r"^[^\x00]{0,80}$")


class BroughtModel(Model):
    """Some of what a terminal kept, in any order. `first`: the lowest sequence that it still keeps."""

    first: int = Field(ge=1, le=2**53)
    bookings: list[LateBookingModel] = Field(max_length=200)


class BookedModel(Model):
    """What became of a late booking: booked, look (somebody has to), or waiting for one before it."""

    id: str
    state: str
    events: list[str]
    reason: str


class SyncModel(Model):
    """What became of what a terminal brought."""

    bookings: list[BookedModel]


class TerminalModel(Model):
    """What an operator needs at one work unit."""

    work_unit: str
    name: str
    job: LineModel | None
    next: list[LineModel]
    lots: list[LotHere]
    reports: list[ScrapModel]
    reasons: list[ReasonModel]
    checks: list[CheckModel]
    last_unit: str
    documents: list[InstructionModel]
    checklists: list[QuestionModel]
    set_aside: list[SetAsideModel]
    at_ms: int


class OrderModel(Model):
    """An order as it came in."""

    request: str
    product: str
    quantity: int
    due_ms: int
    priority: int
    customer: str
    state: str
    received_ms: int
    version: int


class OrdersModel(Model):
    """A page of the orders, by number."""

    orders: list[OrderModel]
    next: str  # `after` of the next page; "" = that was all


class SerialModel(Model):
    """A serialised unit."""

    unit: str
    product: str
    request: str
    disposition: str
    reason: str
    operation: int
    created_ms: int
    finished_ms: int
    version: int


class OrderPage(Model):
    """An order with its job orders and units."""

    order: OrderModel
    jobs: list[JobModel]
    units: list[SerialModel]
    unit_count: int
    answers: list[AnswerModel]
    photos: list[PhotoModel]


class ReworkStepModel(Model):
    """A step of a rework route, and where it may be done."""

    name: str
    work_units: list[str]


class ReworkModel(Model):
    """A unit on a rework route."""

    rework: str
    nonconformance: str
    unit: str
    route: str
    steps: list[ReworkStepModel]
    done: int
    back_to: int
    operation: int
    state: str
    ordered_ms: int
    version: int


class PassageModel(Model):
    """A unit at an operation."""

    passage: str
    unit: str
    job: str
    operation: int
    work_unit: str
    good: bool
    at_ms: int


class EatenModel(Model):
    """Something that went into a unit."""

    consumption: str
    unit: str
    component: str
    lot: str
    quantity: float
    job: str
    work_unit: str
    at_ms: int
    name: str
    disposition: str
    reason: str
    sisters: int
    origins: list[str]  # lots that were split or merged into this one
    below: list[EatenModel]


class SerialPage(Model):
    """A unit, its way, and all that went into it."""

    unit: SerialModel
    passages: list[PassageModel]
    eaten: list[EatenModel]
    parents: list[str]
    results: list[ResultModel]
    rework: ReworkModel | None  # that it is in
    scrap: list[ScrapModel]  # reports that stand
    answers: list[AnswerModel]
    photos: list[PhotoModel]


class LotModel(Model):
    """A material lot."""

    lot: str
    product: str
    quantity: float
    remaining: float
    disposition: str
    reason: str
    received_ms: int
    version: int


class LotsModel(Model):
    """A page of the lots, by number."""

    lots: list[LotModel]
    next: str  # `after` of the next page; "" = that was all


class RecalledModel(SerialModel):
    """A unit of a recall, and who ordered it."""

    customer: str


class RecalledOrder(Model):
    """A customer's order with so many units of a recall."""

    request: str
    customer: str
    units: int


class RecallModel(Model):
    """A lot, the lots that it went into, every unit that it went into, and whose order that is of."""

    lot: LotModel
    lots: list[str]
    units: list[RecalledModel]
    orders: list[RecalledOrder]


class CertificateModel(Model):
    """A certificate. `why` is why it does not count now, "" where it does."""

    certificate: str
    person: str
    skill: str
    valid_until_ms: int
    granted_ms: int
    revoked: bool
    reason: str
    version: int
    why: str


class StayModel(Model):
    """Where a person is: a work unit, or an activity that is no work on an order."""

    stay: str
    person: str
    work_unit: str
    activity: str
    proof: str
    from_ms: int
    to_ms: int
    ended_day: int


class CrewMember(Model):
    """Somebody logged on at a work unit, and the first skill that they lack for what is next there."""

    person: str
    from_ms: int
    lacks: str
    why: str


class NoteModel(Model):
    """What somebody left for the next shift."""

    note: str
    work_unit: str
    person: str
    text: str
    at_ms: int
    read_by: str
    read_ms: int


class CrewModel(Model):
    """Who works at a work unit. `needs` are the skills that are checked for what runs or is next."""

    work_unit: str
    people: list[CrewMember]
    needs: list[str]
    notes: list[NoteModel]
    activities: list[str]
    badge_prefix: str
    at_ms: int


class PersonModel(Model):
    """A person by number."""

    person: str
    classes: list[str]
    shift_group: str
    pin: bool
    badge: bool
    locked_until_ms: int
    stay: StayModel | None
    certificates: list[CertificateModel]


class PeopleModel(Model):
    """Everybody. `expiring` ends within 30 days, or has ended and was not revoked."""

    people: list[PersonModel]
    skills: dict[str, str]
    expiring: list[CertificateModel]
    at_ms: int


class ShareModel(Model):
    """A piece of somebody's time, and what it was for."""

    person: str
    work_unit: str
    job: str
    activity: str
    from_ms: int
    to_ms: int


class LabourModel(Model):
    """Labour time, the oldest first. What goes on ends now."""

    rows: list[ShareModel]
    at_ms: int


class SignatureModel(Model):
    """An electronic signature."""

    signature: str
    kind: str
    record: str
    meaning: str
    person: str
    printed_name: str
    at_ms: int
    digest: str  # SHA-256 of the record that was looked at; "" = of none


class SignaturesModel(Model):
    """The signatures of a record."""

    signatures: list[SignatureModel]


class Wish(Model):
    """A command of a person. Fields of `data` are those of the command; its times are `..._ms`."""

    data: dict[str, Any]
    reason: str = ""
    on_behalf_of: str = ""  # number of whoever stands at the terminal; must be logged on there
    idempotency_key: str = Field(min_length=8, max_length=100)


class Granted(Model):
    """The facts that came of a command."""

    status: int
    sequence: int
    events: list[str]
    subject: str
