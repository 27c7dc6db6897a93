"""The device history record of a unit, from rows and journal. Writes nothing; knows no clock.

Comes in: what is on record. Goes out: `contracts.device_history`, with everything that a reviewer has to
look at in front. Nothing is left out because it is unknown: what is unknown is an exception.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from taktwin.contracts import events
from taktwin.contracts.device_history import (
    VERSION,
    Answer,
    Certified,
    Decision,
    Deviation,
    DeviceHistory,
    DeviceHistoryFile,
    Evidence,
    Happening,
    Looked,
    Mark,
    Material,
    Measurement,
    Nonconforming,
    Parameter,
    Photograph,
    Read,
    Signed,
    Step,
    digest_of,
)
from taktwin.instants import rfc3339
from taktwin.mes.checklists.engine import OK
from taktwin.mes.checklists.tables import ChecklistAnswer, Photo
from taktwin.mes.definitions.routes import Definition, Definitions
from taktwin.mes.definitions.versions import followed, name_of
from taktwin.mes.documents.queries import in_force
from taktwin.mes.documents.tables import Acknowledgement, DocumentRevision
from taktwin.mes.execution.tables import ScrapReport
from taktwin.mes.quality.queries import results_of
from taktwin.mes.quality.tables import Nonconformance, Result, Rework
from taktwin.mes.records.tables import Signature
from taktwin.mes.resources.tables import Certificate, Stay
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tooling.tables import Mounting
from taktwin.mes.tracking.queries import Eaten, genealogy
from taktwin.mes.tracking.tables import RESTRICTED, Passage, Unit
from taktwin.storage.book import Reading
from taktwin.storage.journal import Entry, Trail, intact

DAY_NS = 86_400_000_000_000
UNIT, NONCONFORMANCE = "unit", "nonconformance"  # kinds of signed records
BEGINNINGS = (events.JobOrderStarted.event_type, events.JobOrderResumed.event_type)
CERTIFYING = (events.CertificateGranted.event_type, events.CertificateRevoked.event_type)
HAPPENINGS = {
    events.UnitHeld.event_type: "held",
    events.UnitReleased.event_type: "released",
    events.UnitScrapped.event_type: "scrapped",
    events.MaterialScrapUndone.event_type: "unscrapped",
    events.ReworkOrdered.event_type: "rework",
    events.ReworkStepDone.event_type: "rework",
    events.ReworkEnded.event_type: "rework",
}  # an event -> the exception that it is


@dataclass(frozen=True, slots=True)
class Found:
    """All that is on record of a unit, before anybody judges it."""

    unit: Unit
    definition: Definition | None
    passages: tuple[Passage, ...]
    eaten: tuple[Eaten, ...]
    results: list[Result]
    entries: list[Entry]  # about the unit, its scrap and its nonconformances, in order
    begun: dict[str, list[Entry]]  # job order -> who began it, and resumed it
    calibrated: dict[str, list[Entry]]  # gauge -> its calibrations
    nonconformances: list[Nonconformance]
    loaded: dict[str, list[Entry]]  # job order -> the parameters that were loaded for it
    answers: list[ChecklistAnswer]
    photos: list[Photo]


def device_history(
    book: Reading, trail: Trail, definitions: Definitions, serial: str, *, site: str
) -> DeviceHistoryFile | None:
    """Return the record of a unit with its digest and its reviews, None where nobody knows the unit."""
    found = _found(book, trail, definitions, serial)
    if found is None:
        return None
    record = _record(book, trail, found, definitions, site)
    reviews = [
        Signed(printed_name=row.printed_name, person=row.person, meaning=row.meaning,
               at=rfc3339(row.at_ns), digest=row.digest)
        for row in _signatures(book, UNIT, serial)
    ]  # fmt: skip
    return DeviceHistoryFile(digest=digest_of(record), reviews=reviews, record=record)


def _found(book: Reading, trail: Trail, definitions: Definitions, serial: str) -> Found | None:
    known = genealogy(book, serial)
    if known is None:
        return None
    nonconformances = sorted(book.where(Nonconformance, unit=serial), key=lambda row: row.number)
    reports = {row.report for row in book.where(ScrapReport, unit=serial)}
    reworks = {row.rework for row in book.where(Rework, unit=serial)}
    about = {serial, *reports, *reworks, *(row.nonconformance for row in nonconformances)}
    # What reviewers signed is no part of what they look at.
    entries = [
        entry
        for entry in trail.about(sorted(about))
        if entry.event_type != events.RecordSigned.event_type or not _is_of(entry, UNIT)
    ]
    results = results_of(book, serial)
    jobs = sorted({stay.job for stay in known.passages})
    of = [(UNIT, serial), *(("job", job) for job in jobs),
          *((NONCONFORMANCE, row.nonconformance) for row in nonconformances)]  # fmt: skip
    photos = [row for kind, record in of for row in book.where(Photo, record_kind=kind, record=record)]
    answers = [row for job in jobs for row in book.where(ChecklistAnswer, job=job)]
    return Found(
        known.unit, followed(book, definitions, known.unit), known.passages, known.eaten, results,
        entries,
        _by_subject(trail.about(jobs, BEGINNINGS)),
        _by_subject(trail.about(
            sorted({row.gauge for row in results if row.gauge}), (events.GaugeCalibrated.event_type,)
        )),
        nonconformances,
        _by_subject(trail.about(jobs, (events.ParameterWritten.event_type,))),
        sorted(answers, key=lambda row: (row.at_ns, row.answer)),
        sorted(photos, key=lambda row: (row.at_ns, row.photo)),
    )  # fmt: skip


def _is_of(entry: Entry, kind: str) -> bool:
    return bool(msgspec.json.decode(entry.content).get("kind") == kind)


def _by_subject(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.subject, []).append(entry)
    return found


def _signatures(book: Reading, kind: str, record: str) -> list[Signature]:
    rows = [row for row in book.where(Signature, record=record) if row.kind == kind]
    return sorted(rows, key=lambda row: (row.at_ns, row.signature))


def _record(book: Reading, trail: Trail, found: Found, definitions: Definitions, site: str) -> DeviceHistory:
    unit = found.unit
    request = book.get(Request, unit.request)
    steps = [_step(book, trail, found, stay) for stay in found.passages]
    materials = [_material(each, definitions) for each in found.eaten]
    measurements = [_measurement(found, row) for row in found.results]
    judged = list(_judged(book, trail, found, definitions, steps, materials, measurements))
    exceptions = [each for _, each in judged if each is not None]
    looked = Tally(check for check, _ in judged)
    wrong = Tally(check for check, each in judged if each is not None)
    checks = (
        "steps",
        "untold",
        "plan",
        "measurements",
        "materials",
        "instructions",
        "gauges",
        "holds",
        "journal",
        # Later than the first records: where there is nothing of the kind, a record is as it was before.
        *(name for name in ("checklists", "parameters", "certificates") if looked[name]),
    )
    return DeviceHistory(
        schema=VERSION, site=site, unit=unit.unit, product=unit.product,
        name=name_of(book, definitions, unit.product) or "", order=unit.request,
        customer="" if request is None else request.customer, disposition=unit.disposition,
        reason=unit.reason, created=_instant(unit.created_ns), finished=_instant(unit.finished_ns),
        exceptions=exceptions,
        looked=[Looked(check=name, looked_at=looked[name], exceptions=wrong[name]) for name in checks],
        steps=steps, materials=materials, measurements=measurements,
        happenings=[
            Happening(what=entry.event_type, detail=_detail(entry), mark=_mark(entry))
            for entry in found.entries
            if entry.event_type in HAPPENINGS
        ],
        nonconformances=[_nonconforming(book, found, row) for row in found.nonconformances],
        journal=Evidence(
            entries=len(found.entries), first=found.entries[0].sequence, last=found.entries[-1].sequence,
            last_hash=found.entries[-1].hash,
        ),
        definition=unit.definition,
        answers=[_answer(row) for row in found.answers],
        photos=[
            Photograph(file=row.file, caption=row.caption, kind=row.record_kind, record=row.record,
                       work_unit=row.work_unit, person=row.person, at=rfc3339(row.at_ns))
            for row in found.photos
        ],
    )  # fmt: skip


# What happened, as it is on record


def _step(book: Reading, trail: Trail, found: Found, stay: Passage) -> Step:
    begun = [entry for entry in found.begun.get(stay.job, []) if entry.time_ns <= stay.at_ns]
    name = _operation_name(found.definition, stay.operation)
    begun_by, crew = _person(begun[-1]) if begun else "", _crew(book, stay.work_unit, stay.at_ns)
    return Step(
        operation=stay.operation, name=name, job=stay.job, work_unit=stay.work_unit,
        at=rfc3339(stay.at_ns), good=stay.good, begun_by=begun_by, crew=crew,
        tools=[
            row.tool
            for row in book.where(Mounting, work_unit=stay.work_unit)
            if row.mounted_ns <= stay.at_ns and (not row.dismounted_ns or stay.at_ns < row.dismounted_ns)
        ],
        instructions=_instructions(book, found.unit.product, name, stay.at_ns),
        parameters=_parameters(found, stay),
        certificates=[
            Certified(person=person, skill=skill, until=rfc3339(until_ns),
                      needed=skill in _skills(found.definition, stay.operation))
            for person in sorted({*crew, begun_by})
            for skill, until_ns in sorted(_held(book, trail, person, stay.at_ns).items())
        ],
    )  # fmt: skip


def _parameters(found: Found, stay: Passage) -> list[Parameter]:
    """Return what was loaded for a job order at its machine, the last of each before the part."""
    newest: dict[str, Parameter] = {}
    for entry in found.loaded.get(stay.job, []):
        said = msgspec.json.decode(entry.content, type=events.ParameterWritten)
        if said.work_unit == stay.work_unit and entry.time_ns <= stay.at_ns:
            newest[said.signal] = Parameter(
                parameter=said.parameter, wanted=said.wanted, found=said.found, same=said.same,
                unit_of_measure=said.unit_of_measure, at=rfc3339(entry.time_ns), by=said.by,
            )  # fmt: skip
    return [each for _, each in sorted(newest.items())]


def _held(book: Reading, trail: Trail, person: str, at_ns: int) -> dict[str, int]:
    """Return until when the certificates counted that a person held at an instant, by skill."""
    names = sorted(row.certificate for row in book.where(Certificate, person=person)) if person else []
    held: dict[str, int] = {}
    for entry in trail.about(names, CERTIFYING) if names else []:
        if entry.time_ns > at_ns:
            continue
        if entry.event_type == events.CertificateGranted.event_type:
            granted = msgspec.json.decode(entry.content, type=events.CertificateGranted)
            held[granted.skill] = granted.valid_until_ns
        else:
            held.pop(msgspec.json.decode(entry.content, type=events.CertificateRevoked).skill, None)
    return {skill: until_ns for skill, until_ns in held.items() if until_ns > at_ns}


def _skills(definition: Definition | None, number: int) -> tuple[str, ...]:
    steps = () if definition is None else definition.operations
    return next((step.skills for step in steps if step.number == number), ())


def _answer(row: ChecklistAnswer) -> Answer:
    return Answer(
        checklist=row.checklist, item=row.item, question=row.question, job=row.job, work_unit=row.work_unit,
        verdict=row.verdict, done=row.done, value=row.value, text=row.text,
        unit_of_measure=row.unit_of_measure, lower=row.lower, upper=row.upper, person=row.person,
        at=rfc3339(row.at_ns),
    )  # fmt: skip


def _operation_name(definition: Definition | None, number: int) -> str:
    steps = () if definition is None else definition.operations
    return next((step.name for step in steps if step.number == number), "")


def _crew(book: Reading, work_unit: str, at_ns: int) -> list[str]:
    # A stay lasts a shift: it ended on that day, on the next one, or goes on.
    day = at_ns // DAY_NS
    stays = [
        *book.where(Stay, work_unit=work_unit, to_ns=0),
        *(row for each in (day, day + 1) for row in book.where(Stay, work_unit=work_unit, ended_day=each)),
    ]
    here = {row.person for row in stays if row.from_ns <= at_ns and (not row.to_ns or at_ns <= row.to_ns)}
    return sorted(here)


def _instructions(book: Reading, product: str, operation: str, at_ns: int) -> list[Read]:
    revisions: dict[str, list[DocumentRevision]] = {}
    for row in book.where(DocumentRevision, operation=operation) if operation else []:
        if product in msgspec.json.decode(row.products, type=list[str]) and row.released_ns <= at_ns:
            # As it was then: what was withdrawn later was in force.
            then = row if row.withdrawn_ns <= at_ns else msgspec.structs.replace(row, withdrawn_ns=0)
            revisions.setdefault(row.document, []).append(then)
    found = []
    for document, rows in sorted(revisions.items()):
        now = in_force(rows, at_ns)
        newest = max(rows, key=lambda row: row.revision)
        readers = [] if now is None else [
            row.person
            for row in book.where(Acknowledgement, document=document, revision=now.revision)
            if row.at_ns <= at_ns
        ]  # fmt: skip
        found.append(Read(
            document=document, revision=0 if now is None else now.revision,
            digest="" if now is None else now.digest, required=newest.required, readers=sorted(readers),
        ))  # fmt: skip
    return found


def _material(each: Eaten, definitions: Definitions) -> Material:
    row = each.row
    return Material(
        component=row.component, name=definitions.materials.get(row.component, ""), quantity=row.quantity,
        lot=row.lot, disposition="" if each.lot is None else each.lot.disposition,
        reason="" if each.lot is None else each.lot.reason, work_unit=row.work_unit, at=rfc3339(row.at_ns),
        origins=list(each.origins), below=[_material(below, definitions) for below in each.below],
    )  # fmt: skip


def _measurement(found: Found, row: Result) -> Measurement:
    return Measurement(
        result=row.result, characteristic=row.characteristic, name=row.name, value=row.value,
        unit_of_measure=row.unit_of_measure, lower=row.lower, upper=row.upper, verdict=row.verdict,
        operation=row.operation, work_unit=row.work_unit, at=rfc3339(row.at_ns),
        by=row.signal or row.person, gauge=row.gauge,
        gauge_until=_instant(until) if (until := _calibration(found, row)[0]) else "",
        nonconformance=row.nonconformance,
    )  # fmt: skip


def _calibration(found: Found, row: Result) -> tuple[int, bool, Entry | None]:
    """Return until when a result's gauge was calibrated then, if it passed, and the next calibration."""
    until_ns, passed = 0, False
    for entry in found.calibrated.get(row.gauge, []):
        if entry.time_ns > row.at_ns:
            return until_ns, passed, entry
        said = msgspec.json.decode(entry.content, type=events.GaugeCalibrated)
        until_ns, passed = said.until_ns, said.passed
    return until_ns, passed, None


def _nonconforming(book: Reading, found: Found, row: Nonconformance) -> Nonconforming:
    decided = [
        (entry, msgspec.json.decode(entry.content, type=events.NonconformanceDisposed))
        for entry in found.entries
        if entry.subject == row.nonconformance
        and entry.event_type == events.NonconformanceDisposed.event_type
    ]
    return Nonconforming(
        nonconformance=row.nonconformance, cause=row.cause, opened=rfc3339(row.opened_ns), state=row.state,
        decisions=[
            Decision(disposition=said.disposition, cause=said.cause, person=said.person,
                     at=rfc3339(entry.time_ns))
            for entry, said in decided
        ],
        signatures=[
            Signed(printed_name=each.printed_name, person=each.person, meaning=each.meaning,
                   at=rfc3339(each.at_ns))
            for each in _signatures(book, NONCONFORMANCE, row.nonconformance)
        ],
    )  # fmt: skip


# What a reviewer has to look at: pairs of the check, and the exception or None where it is in order


def _judged(
    book: Reading, trail: Trail, found: Found, definitions: Definitions, steps: list[Step],
    materials: list[Material],
    measurements: list[Measurement],
) -> Iterator[tuple[str, Deviation | None]]:  # fmt: skip
    yield from _judged_steps(found, definitions)
    yield from _judged_plan(found, definitions)
    for row, each in zip(found.results, measurements, strict=True):
        bad = each.verdict != "OK"
        about = f"{each.name} ({each.result})"
        yield "measurements", _deviation("out_of_limit", each.characteristic, about, each.at, each.by, bad)
        if row.gauge:
            yield "gauges", _judged_gauge(found, row)
    yield from _judged_materials(materials, definitions)
    for step in steps:
        for read in step.instructions:
            if not read.required:
                continue
            if not read.revision:
                yield "instructions", _deviation("no_instruction", read.document, step.name, step.at)
            else:
                unread = not set(read.readers) & {step.begun_by, *step.crew}
                about = f"revision {read.revision}, {step.name}"
                yield "instructions", _deviation("not_read", read.document, about, step.at, "", unread)
    for step, stay in zip(steps, found.passages, strict=True):
        yield from _judged_people(book, trail, found.definition, step, stay)
        for held in step.parameters:
            found_value = "–" if held.found is None else f"{held.found:.7g}"
            yield "parameters", _deviation(
                "parameter_differs", held.parameter, f"{held.wanted:.7g}, {found_value}, {step.name}",
                held.at, held.by, not held.same,
            )  # fmt: skip
    for answer in found.answers:
        about, bad = f"{answer.job}, {answer.work_unit}", answer.verdict != OK
        at = rfc3339(answer.at_ns)
        yield "checklists", _deviation("answered_nok", answer.question, about, at, answer.person, bad)
    for entry in found.entries:
        kind = HAPPENINGS.get(entry.event_type)
        if kind is not None:
            yield "holds", _deviation(kind, found.unit.unit, _detail(entry), rfc3339(entry.time_ns),
                                      _person(entry))  # fmt: skip
        changed = f"entry {entry.sequence}"
        yield "journal", _deviation("journal_changed", changed, entry.event_type, rfc3339(entry.time_ns),
                                    "", not intact(entry))  # fmt: skip
    for nc in found.nonconformances:
        about = f"{nc.cause}; {nc.state}{f', {nc.disposition}' if nc.disposition else ''}"
        yield "holds", _deviation("nonconformance", nc.nonconformance, about, rfc3339(nc.opened_ns),
                                  nc.decided_by)  # fmt: skip


def _deviation(
    kind: str, subject: str, detail: str, at: str, by: str = "", is_one: bool = True
) -> Deviation | None:
    return Deviation(kind=kind, subject=subject, detail=detail, at=at, by=by) if is_one else None


def _judged_steps(found: Found, definitions: Definitions) -> Iterator[tuple[str, Deviation | None]]:
    last = max((stay.operation for stay in found.passages), default=0)
    telling = set(definitions.serials.values())
    seen = Tally(stay.operation for stay in found.passages if stay.good)
    for step in () if found.definition is None else found.definition.operations:
        if step.number < last or found.unit.finished_ns:
            here = [stay for stay in found.passages if stay.operation == step.number]
            if not here and not telling & set(step.work_units):
                yield "untold", None  # no machine there says a number: of no unit is it on record
                continue
            yield "steps", _deviation("missing_step", f"{step.number}", step.name, "", "", not here)
        if seen[step.number] > 1:
            times = [stay.at_ns for stay in found.passages if stay.operation == step.number]
            yield "steps", _deviation("repeated_step", f"{step.number}", step.name, rfc3339(times[-1]))
    for stay in found.passages:
        name = _operation_name(found.definition, stay.operation)
        yield "steps", _deviation("rejected", f"{stay.operation}", f"{name}, {stay.work_unit}",
                                  rfc3339(stay.at_ns), "", not stay.good)  # fmt: skip


def _judged_people(
    book: Reading, trail: Trail, definition: Definition | None, step: Step, stay: Passage
) -> Iterator[tuple[str, Deviation | None]]:
    """Look whether somebody there held what the operation asks for, where that was checked by then."""
    for skill in _skills(definition, stay.operation):
        names = sorted(row.certificate for row in book.where(Certificate, skill=skill))
        granted = trail.about(names, CERTIFYING) if names else []
        if not any(entry.time_ns <= stay.at_ns for entry in granted):
            continue  # the first certificate came later: nobody was asked for one
        held = any(each.skill == skill for each in step.certificates)
        people = ", ".join(sorted({*step.crew, step.begun_by} - {""}))
        yield "certificates", _deviation("not_certified", skill, f"{step.name}, {step.work_unit}", step.at,
                                         people, not held)  # fmt: skip


def _judged_plan(found: Found, definitions: Definitions) -> Iterator[tuple[str, Deviation | None]]:
    """Look whether everything was measured that is measured on every part."""
    measured = {(row.operation, row.characteristic) for row in found.results}
    for step in () if found.definition is None else found.definition.operations:
        here = [stay for stay in found.passages if stay.operation == step.number]
        for plan in definitions.inspected(found.unit.product, step.equipment_class) if here else ():
            if plan.signal or plan.sample_every == 1:
                missing = (step.number, plan.id) not in measured
                about = f"{plan.name}, {step.name}"
                yield "plan", _deviation("not_measured", plan.id, about, rfc3339(here[-1].at_ns), "", missing)


def _judged_gauge(found: Found, row: Result) -> Deviation | None:
    until_ns, passed, later = _calibration(found, row)
    at = rfc3339(row.at_ns)
    if not passed or until_ns <= row.at_ns:
        return _deviation("gauge_not_valid", row.gauge, row.name, at, row.person)
    if later is not None and not msgspec.json.decode(later.content, type=events.GaugeCalibrated).passed:
        return _deviation("gauge_failed_later", row.gauge, row.name, at, row.person)
    return None


def _judged_materials(
    materials: list[Material], definitions: Definitions
) -> Iterator[tuple[str, Deviation | None]]:
    for each in materials:
        about = f"{each.quantity:.6g} {each.name or each.component}"
        if not each.lot:
            yield "materials", _deviation("unknown_lot", each.component, about, each.at)
        else:
            bad = each.disposition == RESTRICTED
            detail = f"{about}: {each.reason}" if bad else about
            yield "materials", _deviation("lot_restricted", each.lot, detail, each.at, "", bad)
        yield from _judged_materials(each.below, definitions)


def _mark(entry: Entry) -> Mark:
    return Mark(sequence=entry.sequence, at=rfc3339(entry.time_ns), actor=entry.actor,
                person=entry.on_behalf_of, reason=entry.reason)  # fmt: skip


def _person(entry: Entry) -> str:
    return entry.on_behalf_of or entry.actor


def _detail(entry: Entry) -> str:
    said = msgspec.json.decode(entry.content)
    rework = [str(said[name]) for name in ("rework", "route", "name", "work_unit") if said.get(name)]
    return str(said.get("cause") or said.get("report") or ", ".join(rework) or entry.reason)


def _instant(at_ns: int) -> str:
    return rfc3339(at_ns) if at_ns else ""
