"""OperationsPerformance and WorkPerformance: what was made, by whom, where, from what. Pure.

The first is by operation for whoever ordered, the second by job order with all that took part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from taktwin.instants import rfc3339
from taktwin.standards.b2mml.message import (
    CONSUMED,
    PRODUCED,
    Noun,
    add,
    amount,
    material,
    quantity_of,
    read,
    start,
    written,
)
from taktwin.standards.b2mml.orders import OrderOut

SCRAP = "Scrap"
SECONDS = "s"


@dataclass(frozen=True, slots=True)
class SegmentOut:
    """One operation of an order as it was performed; 0: not yet."""

    segment: str
    name: str
    state: str  # B2MML's word, from job_control.b2mml
    equipment: str
    started_ns: int
    ended_ns: int
    good: int
    scrap: int
    consumed: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (product, lot) -> quantity


@dataclass(frozen=True, slots=True)
class JobResponse:
    """What became of one job order; instants in nanoseconds since 1970 UTC, 0: not yet."""

    job: str
    name: str
    product: str
    definition: str  # version of its product's definition; "" = the plant's own
    state: str  # B2MML's word, from job_control.b2mml
    started_ns: int
    ended_ns: int
    good: int
    scrap: int
    units: tuple[str, ...] = ()  # serial numbers of the good ones
    equipment: Mapping[str, float] = field(default_factory=dict)  # work unit -> seconds that it ran there
    people: Mapping[str, float] = field(default_factory=dict)  # number -> seconds of labour
    consumed: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (product, lot) -> quantity


def show_operations_performance(
    order: OrderOut, segments: Iterable[SegmentOut], *, sender: str, at_ns: int
) -> bytes:
    """Return what was made of an order, where, when and from what: the confirmation."""
    root, data = start(
        "ShowOperationsPerformance", sender=sender, at_ns=at_ns, bod=f"{order.request}-{at_ns}"
    )
    performance = add(data, "OperationsPerformance")
    add(performance, "ID", order.request)
    add(performance, "PublishedDate", rfc3339(at_ns))
    add(performance, "OperationsType", "Production")
    response = add(performance, "OperationsResponse")
    add(response, "ID", order.request)
    add(response, "OperationsType", "Production")
    add(response, "OperationsRequestID", order.request)
    add(response, "OperationsDefinitionID", order.product)
    performed = list(segments)
    add(response, "ResponseState", _state(order.state, any(each.started_ns for each in performed)))
    for each in performed:
        segment = add(response, "SegmentResponse")
        add(segment, "ID", each.segment)
        if each.started_ns:
            add(segment, "ActualStartTime", rfc3339(each.started_ns))
        if each.ended_ns:
            add(segment, "ActualEndTime", rfc3339(each.ended_ns))
        add(segment, "OperationsType", "Production")
        add(segment, "ProcessSegmentID", each.name)
        add(segment, "OperationsRequestID", order.request)
        add(segment, "OperationsDefinitionID", order.product)
        add(segment, "SegmentState", each.state)
        if each.equipment:
            equipment = add(segment, "EquipmentActual")
            add(equipment, "ID", each.equipment)
            add(equipment, "EquipmentID", each.equipment)
        material(segment, "MaterialActual", order.product, "", PRODUCED, each.good)
        _scrap_and_consumed(segment, order.product, each.scrap, each.consumed)
    return written(root)


def read_operations_performance(payload: bytes) -> tuple[SegmentOut, ...]:
    """Return the operations of a ShowOperationsPerformance of ours. Raises B2mmlError or Unreadable."""
    return tuple(
        SegmentOut(
            segment=noun.text("ID"), name=noun.raw("ProcessSegmentID"), state=noun.text("SegmentState"),
            equipment=noun.text("EquipmentActual/EquipmentID"),
            started_ns=noun.instant("ActualStartTime", "an instant", needed=False),
            ended_ns=noun.instant("ActualEndTime", "an instant", needed=False),
            good=_made(noun, PRODUCED), scrap=_made(noun, "Other"), consumed=_consumed(noun),
        )
        for noun in read(payload).nouns("OperationsResponse", "SegmentResponse")
    )  # fmt: skip


def show_work_performance(
    order: OrderOut, responses: Iterable[JobResponse], *, schedule: str, sender: str, at_ns: int
) -> bytes:
    """Return what became of each job order of an order, with all that took part."""
    root, data = start("ShowWorkPerformance", sender=sender, at_ns=at_ns, bod=f"{order.request}-work-{at_ns}")
    performance = add(data, "WorkPerformance")
    add(performance, "ID", order.request)
    add(performance, "PublishedDate", rfc3339(at_ns))
    add(performance, "WorkType", "Production")
    add(performance, "WorkScheduleID", schedule)
    response = add(performance, "WorkResponse")
    add(response, "ID", order.request)
    add(response, "WorkType", "Production")
    add(response, "WorkRequestID", order.request)
    done = list(responses)
    add(response, "ResponseState", _state(order.state, any(each.started_ns for each in done)))
    for each in done:
        _response(response, each)
    return written(root)


def _response(parent: Element, each: JobResponse) -> None:
    job = add(parent, "JobResponse")
    add(job, "ID", each.job)
    add(job, "Description", each.name)
    if each.started_ns:
        add(job, "StartTime", rfc3339(each.started_ns))
    if each.ended_ns:
        add(job, "EndTime", rfc3339(each.ended_ns))
    add(job, "WorkType", "Production")
    add(job, "JobOrderID", each.job)
    add(job, "WorkMasterID", each.product)
    if each.definition:
        add(job, "WorkMasterVersion", each.definition)
    add(job, "JobState", each.state)
    for person, labour_s in sorted(each.people.items()):
        actual = add(job, "PersonnelActual")
        add(actual, "ID", person)
        add(actual, "PersonID", person)
        amount(actual, labour_s, SECONDS)
    for work_unit, run_s in sorted(each.equipment.items()):
        actual = add(job, "EquipmentActual")
        add(actual, "ID", work_unit)
        add(actual, "EquipmentID", work_unit)
        amount(actual, run_s, SECONDS)
    made = add(job, "MaterialActual")
    add(made, "ID", f"{each.product}-{PRODUCED}")
    add(made, "MaterialDefinitionID", each.product)
    for unit in each.units:
        add(made, "MaterialSubLotID", unit)
    add(made, "MaterialUse", PRODUCED)
    amount(made, each.good)
    _scrap_and_consumed(job, each.product, each.scrap, each.consumed)


def read_work_performance(payload: bytes) -> tuple[JobResponse, ...]:
    """Return the job responses of a ShowWorkPerformance of ours. Raises B2mmlError or Unreadable."""
    return tuple(
        JobResponse(
            job=noun.text("JobOrderID"), name=noun.raw("Description"), product=noun.text("WorkMasterID"),
            definition=noun.text("WorkMasterVersion"), state=noun.text("JobState"),
            started_ns=noun.instant("StartTime", "an instant", needed=False),
            ended_ns=noun.instant("EndTime", "an instant", needed=False),
            good=_made(noun, PRODUCED), scrap=_made(noun, "Other"),
            units=tuple(
                unit for made in noun.every("MaterialActual") if made.text("MaterialUse") == PRODUCED
                for unit in made.texts("MaterialSubLotID")
            ),
            equipment={each.text("EquipmentID"): quantity_of(each) for each in noun.every("EquipmentActual")},
            people={each.text("PersonID"): quantity_of(each) for each in noun.every("PersonnelActual")},
            consumed=_consumed(noun),
        )
        for noun in read(payload).nouns("WorkResponse", "JobResponse")
    )  # fmt: skip


def _state(order: str, begun: bool) -> str:
    over = {"Completed": "Completed", "Cancelled": "Aborted"}.get(order)
    return over or ("Running" if begun else "Waiting")


def _scrap_and_consumed(
    parent: Element, product: str, scrap: int, consumed: Mapping[tuple[str, str], float]
) -> None:
    if scrap:
        material(parent, "MaterialActual", product, "", "Other", scrap, other=SCRAP)
    for (component, lot), quantity in sorted(consumed.items()):
        material(parent, "MaterialActual", component, lot, CONSUMED, quantity)


def _made(noun: Noun, use: str) -> int:
    found = [each for each in noun.every("MaterialActual") if each.text("MaterialUse") == use]
    return sum(each.whole("Quantity/QuantityString", "a whole number") for each in found)


def _consumed(noun: Noun) -> dict[tuple[str, str], float]:
    return {
        (each.text("MaterialDefinitionID"), each.text("MaterialLotID")): quantity_of(each)
        for each in noun.every("MaterialActual")
        if each.text("MaterialUse") == CONSUMED
    }
