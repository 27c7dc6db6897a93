"""The device history record of a unit: what it is made of, where, when, how, by whom; exceptions first.

Made of the rows and the journal, for people and for programs of others; equal facts make equal bytes.
Times are RFC 3339 in UTC, "" = not yet or not known. `device-history.v1` is released as JSON Schema.
"""

from __future__ import annotations

import hashlib

import msgspec

VERSION = "device-history.v1"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of a record."""


class Mark(Part, frozen=True, kw_only=True):
    """Where something stands in the journal, and who said so."""

    sequence: int
    at: str
    actor: str
    person: str  # on whose behalf; "" = nobody was named
    reason: str


class Deviation(Part, frozen=True, kw_only=True):
    """Something that a reviewer has to look at.

    `kind` is one of rejected, scrapped, unscrapped, held, released, nonconformance, out_of_limit,
    not_measured, gauge_not_valid, gauge_failed_later, missing_step, repeated_step, unknown_lot,
    lot_restricted, no_instruction, not_read, rework, journal_changed, answered_nok, parameter_differs,
    not_certified.
    """

    kind: str
    subject: str  # the operation, characteristic, lot, document, nonconformance that it is about
    detail: str
    at: str
    by: str = ""


class Looked(Part, frozen=True, kw_only=True):
    """What was looked at, how often, and how often it was an exception. Nothing looked at proves nothing."""

    check: str  # steps | untold | plan | measurements | materials
    # instructions | gauges | holds | journal; and where there is something of the kind: checklists |
    # parameters | certificates
    looked_at: int
    exceptions: int


class Read(Part, frozen=True, kw_only=True):
    """A work instruction that was in force at a step; revision 0: none was."""

    document: str
    revision: int
    digest: str
    required: bool
    readers: list[str]  # who had read it by then


class Parameter(Part, frozen=True, kw_only=True):
    """What a machine was told to hold for a job order, and what it says that it holds; null: nothing."""

    parameter: str
    wanted: float
    found: float | None
    same: bool
    unit_of_measure: str
    at: str
    by: str


class Certified(Part, frozen=True, kw_only=True):
    """A certificate that somebody at the cell held then, and whether the operation asks for its skill."""

    person: str
    skill: str
    until: str
    needed: bool


# What came later into the contract is left out where there is none of it: a record of before has the digest
# that its reviewers signed.
class Step(Part, frozen=True, kw_only=True, omit_defaults=True):
    """The unit at an operation."""

    operation: int
    name: str
    job: str
    work_unit: str
    at: str
    good: bool
    begun_by: str  # who began the job order
    crew: list[str]  # who was logged on there
    tools: list[str]  # what was mounted there
    instructions: list[Read]
    parameters: list[Parameter] = []  # loaded for its job order, the last before the part
    certificates: list[Certified] = []


class Answer(Part, frozen=True, kw_only=True):
    """What a person answered to an item of a checklist, with the limits of then; all answers, in order.

    One of `done`, `value` and `text` is the answer; a photo is among the photos.
    """

    checklist: str
    item: str
    question: str
    job: str
    work_unit: str
    verdict: str  # OK | NOK
    done: bool | None
    value: float | None
    text: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    person: str
    at: str


class Photograph(Part, frozen=True, kw_only=True):
    """A photo. `file` is `<SHA-256>.<suffix>`: whoever has the picture can prove that it is this one."""

    file: str
    caption: str
    kind: str  # unit | job | nonconformance: what it is of
    record: str
    work_unit: str
    person: str
    at: str


class Material(Part, frozen=True, kw_only=True):
    """What went in. Without a lot it is known what, but not which."""

    component: str
    name: str
    quantity: float
    lot: str
    disposition: str
    reason: str
    work_unit: str
    at: str
    origins: list[str] = []  # lots that were split or merged into that lot
    below: list[Material] = []  # where the lot is a unit of ours: what went into that


class Measurement(Part, frozen=True, kw_only=True):
    """What was measured once, with the limits of then. `value` null: a yes or no."""

    result: str
    characteristic: str
    name: str
    value: float | None
    unit_of_measure: str
    lower: float | None
    upper: float | None
    verdict: str
    operation: int
    work_unit: str
    at: str
    by: str  # a person, or the machine's own signal
    gauge: str
    gauge_until: str  # how long its calibration held then
    nonconformance: str


class Happening(Part, frozen=True, kw_only=True):
    """A hold, a release, scrap, scrap taken back, a step of rework."""

    what: str  # name of the event
    detail: str
    mark: Mark


class Signed(Part, frozen=True, kw_only=True):
    """An electronic signature. `digest` is of the record that was looked at, "" = of none."""

    printed_name: str
    person: str
    meaning: str
    at: str
    digest: str = ""


class Decision(Part, frozen=True, kw_only=True):
    """What was decided on a nonconformance."""

    disposition: str
    cause: str
    person: str
    at: str


class Nonconforming(Part, frozen=True, kw_only=True):
    """A nonconformance of this unit, what was decided, and who signed that."""

    nonconformance: str
    cause: str
    opened: str
    state: str
    decisions: list[Decision]
    signatures: list[Signed]


class Evidence(Part, frozen=True, kw_only=True):
    """The entries of the journal that this record is made of: `taktwin verify-audit` proves them."""

    entries: int
    first: int
    last: int
    last_hash: str


class DeviceHistory(Part, frozen=True, kw_only=True, omit_defaults=True):
    """The record of one unit, exceptions first."""

    schema: str
    site: str
    unit: str
    product: str
    name: str
    order: str
    customer: str
    disposition: str
    reason: str
    created: str
    finished: str
    exceptions: list[Deviation]
    looked: list[Looked]
    steps: list[Step]
    materials: list[Material]
    measurements: list[Measurement]
    happenings: list[Happening]
    nonconformances: list[Nonconforming]
    journal: Evidence
    definition: str = ""  # version of bill and routing; left out: the plant folder's, as in old records
    answers: list[Answer] = []  # checklists of the job orders that made it
    photos: list[Photograph] = []


class DeviceHistoryFile(Part, frozen=True, kw_only=True):
    """What is handed out: the record, its digest, and who reviewed it.

    `digest` is the SHA-256 of `record` as compact JSON in the order of its fields. A review whose digest
    is another one looked at the record as it was before.
    """

    digest: str
    reviews: list[Signed]
    record: DeviceHistory


def digest_of(record: DeviceHistory) -> str:
    """Return the SHA-256 of a record."""
    return hashlib.sha256(msgspec.json.encode(record)).hexdigest()


def encode(file: DeviceHistoryFile) -> bytes:
    """Return the compact JSON of what is handed out."""
    return msgspec.json.encode(file)
