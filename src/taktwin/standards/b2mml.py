"""B2MML 0701: orders in, orders and confirmations out, as the XML of ISA-95 part 5 transactions. Pure.

The Business To Manufacturing Markup Language (B2MML) is used courtesy of MESA International.

Comes in: bytes of a `ProcessOperationsSchedule` (or of our own `ShowOperationsSchedule`). Goes out:
what each `OperationsRequest` wants, or what is wrong with it and what would be right; and the XML of
answers, whose elements stand in the order that the schema demands.
"""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from taktwin.instants import parse_rfc3339, rfc3339

NAMESPACE = "http://www.mesa.org/xml/B2MML"
RELEASE = "0701"
PRODUCED, CONSUMED = "Produced", "Consumed"
PIECES = ("", "{part}", "C62", "EA", "H87", "PCE", "each")  # what a count of parts is called (UCUM, UN/ECE)
_CUSTOMER = "Customer"  # B2MML's order has no field for it: a parameter of the segment carries it
ET.register_namespace("b2mml", NAMESPACE)
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
_IN = ("ProcessOperationsSchedule", "ShowOperationsSchedule")


class B2mmlError(Exception):
    """A document that cannot be read at all: place, found, right."""

    def __init__(self, place: str, found: object, right: str) -> None:
        super().__init__(f"{place}: found {found}; expected {right}")
        self.place = place
        self.found = str(found)
        self.right = right


@dataclass(frozen=True, slots=True)
class OrderIn:
    """One OperationsRequest that can be read; times in nanoseconds since 1970 UTC."""

    request: str
    product: str
    quantity: int
    due_ns: int
    priority: int
    customer: str
    change: bool = False  # of an order that came before


@dataclass(frozen=True, slots=True)
class NotRead:
    """One OperationsRequest that cannot be read."""

    request: str
    place: str
    found: str
    right: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """A message with orders; `bod` is what makes sending it twice harmless."""

    bod: str
    requests: tuple[OrderIn | NotRead, ...]
    source: ET.Element


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one OperationsRequest."""

    request: str
    accepted: bool
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderOut:
    """An order as it stands."""

    request: str
    product: str
    quantity: int
    due_ns: int
    priority: int
    customer: str
    state: str  # Released | Completed | Cancelled


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
class JobOut:
    """A job order as it is planned; 0: in no schedule."""

    job: str
    name: str
    product: str
    quantity: int
    priority: int
    state: str  # B2MML's word, from job_control.b2mml
    equipment: str  # "" = not placed
    begin_ns: int
    end_ns: int
    version: int


@dataclass(frozen=True, slots=True)
class LotOut:
    """A lot with something left, and how much of it lies where."""

    lot: str
    product: str
    quantity: float
    disposition: str
    places: Mapping[str, float]  # place -> how much of it lies there; what is in none, nobody knows where


# In


def read_operations_schedule(payload: bytes) -> Schedule:
    """Return the orders of a message, each by itself: a bad one keeps no good one out.

    Raises
    ------
    B2mmlError
        If it is no UTF-8 XML, has a document type (which could pull in anything), or is another message.
    """
    root = _root(payload)
    name = _local(root)
    if name not in _IN or not root.tag.startswith(f"{{{NAMESPACE}}}"):
        raise B2mmlError("root element", repr(name), f"{' or '.join(_IN)} of {NAMESPACE}")
    data = root.find(_q("DataArea"))
    if data is None:
        raise B2mmlError(name, "no DataArea", "ApplicationArea and DataArea")
    change = _action(data) == "Change"
    found: list[OrderIn | NotRead] = []
    for at, schedule in enumerate(data.findall(_q("OperationsSchedule")), start=1):
        for number, request in enumerate(schedule.findall(_q("OperationsRequest")), start=1):
            found.append(_request(request, f"OperationsSchedule[{at}]/OperationsRequest[{number}]", change))
    if not found:
        raise B2mmlError("DataArea", "no OperationsRequest", "OperationsSchedule with one or more")
    return Schedule(_text(root, "ApplicationArea/BODID"), tuple(found), root)


def _action(data: ET.Element) -> str:
    """Return what is to be done with all orders of a message: Add, which needs no word, or Change."""
    codes = {each.get("actionCode", "") for each in data.iter(_q("ActionExpression"))} or {"Add"}
    if len(codes) > 1 or not codes <= {"Add", "Change"}:
        raise B2mmlError("ActionExpression", f"actionCode {', '.join(map(repr, sorted(codes)))}",
                         "Add or Change, one of them for all orders of a message")  # fmt: skip
    return codes.pop()


def _root(payload: bytes) -> ET.Element:
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise B2mmlError("encoding", f"byte {error.start} is no UTF-8", "XML in UTF-8") from error
    if "<!DOCTYPE" in text.upper():
        raise B2mmlError("document", "a document type", "XML without one")
    try:
        return ET.fromstring(text.encode())
    except ET.ParseError as error:
        line, column = error.position
        raise B2mmlError(f"line {line}, column {column + 1}", str(error), "well-formed XML") from error


def _request(element: ET.Element, place: str, change: bool) -> OrderIn | NotRead:
    name = _text(element, "ID")

    def wrong(at: str, found: object, right: str) -> NotRead:
        return NotRead(name, f"{place}/{at}", repr(found), right)

    if not name:
        return wrong("ID", "", "the order's number")
    made = [
        each
        for each in element.iter(_q("MaterialRequirement"))
        if _text(each, "MaterialUse") in (PRODUCED, "Material Produced")
    ]
    if len(made) != 1:
        return wrong(
            "SegmentRequirement/MaterialRequirement", f"{len(made)} that are Produced", "exactly one"
        )
    product, quantity = _text(made[0], "MaterialDefinitionID"), _text(made[0], "Quantity/QuantityString")
    unit, due, priority = (
        _text(made[0], "Quantity/UnitOfMeasure"),
        _text(element, "EndTime"),
        _text(element, "Priority"),
    )
    if not product:
        return wrong("MaterialRequirement/MaterialDefinitionID", "", "the product")
    whole = _whole(quantity)
    if whole is None:
        return wrong("MaterialRequirement/Quantity/QuantityString", quantity, "a whole number")
    if unit not in PIECES:
        return wrong("MaterialRequirement/Quantity/UnitOfMeasure", unit, "parts: {part}, C62, EA, H87 or PCE")
    rank = _whole(priority or "0")
    if rank is None:
        return wrong("Priority", priority, "a whole number; higher runs first")
    try:
        due_ns = parse_rfc3339(due)
    except ValueError:
        return wrong("EndTime", due, "when it is due, with a time zone, such as 2026-12-24T14:00:00Z")
    return OrderIn(name, product, whole, due_ns, rank, _customer(element), change)


def _whole(text: str) -> int | None:
    """Return a whole number, also one that is written 310.0 or 3.1E2; None where it is none."""
    if _NUMBER.fullmatch(text) is None:  # Python itself would take 1_000 for a thousand
        return None
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else None


def _customer(element: ET.Element) -> str:
    for each in element.iter(_q("SegmentParameter")):
        if _text(each, "ID") == _CUSTOMER:
            return _text(each, "Value/ValueString")
    return ""


# Out


def acknowledge_operations_schedule(
    schedule: Schedule, verdicts: Iterable[Verdict], *, sender: str, at_ns: int
) -> bytes:
    """Return the AcknowledgeOperationsSchedule: each request accepted or rejected with its reason."""
    root, data = _message("AcknowledgeOperationsSchedule", sender, at_ns, f"{schedule.bod}-acknowledge")
    acknowledge = _add(data, "Acknowledge")
    original = schedule.source.find(_q("ApplicationArea"))
    if original is not None:
        echoed = copy.deepcopy(original)
        echoed.tag = _q("OriginalApplicationArea")
        acknowledge.append(echoed)
    for verdict in verdicts:
        criteria = _add(acknowledge, "ResponseCriteria")
        expression = _add(criteria, "ResponseExpression", verdict.request)
        expression.set("actionCode", "Accepted" if verdict.accepted else "Rejected")
        if not verdict.accepted:
            status = _add(criteria, "ChangeStatus")
            _add(status, "Code", verdict.code)
            _add(status, "Description", verdict.reason)
    for each in schedule.source.iterfind(f"{_q('DataArea')}/{_q('OperationsSchedule')}"):
        data.append(copy.deepcopy(each))
    return _bytes(root)


def show_operations_schedule(orders: Iterable[OrderOut], *, sender: str, at_ns: int) -> bytes:
    """Return all orders as one OperationsSchedule; read again, it gives the same orders."""
    root, data = _message("ShowOperationsSchedule", sender, at_ns, f"{sender}-{at_ns}")
    _add(data, "Show")
    schedule = _add(data, "OperationsSchedule")
    _add(schedule, "ID", sender)
    _add(schedule, "PublishedDate", rfc3339(at_ns))
    _add(schedule, "OperationsType", "Production")
    for order in orders:
        request = _add(schedule, "OperationsRequest")
        _add(request, "ID", order.request)
        _add(request, "EndTime", rfc3339(order.due_ns))
        _add(request, "OperationsType", "Production")
        _add(request, "Priority", str(order.priority))
        _add(request, "RequestState", order.state)
        segment = _add(request, "SegmentRequirement")
        _add(segment, "ID", f"{order.request}-0")
        _add(segment, "ProcessSegmentID", order.product)
        _add(segment, "OperationsDefinitionID", order.product)
        _add(segment, "OperationsSegmentID", order.product)
        if order.customer:
            parameter = _add(segment, "SegmentParameter")
            _add(parameter, "ID", _CUSTOMER)
            _add(_add(parameter, "Value"), "ValueString", order.customer)
        _material(segment, "MaterialRequirement", order.product, "", PRODUCED, order.quantity)
    return _bytes(root)


def show_operations_performance(
    order: OrderOut, segments: Iterable[SegmentOut], *, sender: str, at_ns: int
) -> bytes:
    """Return what was made of an order, where, when and from what: the confirmation."""
    root, data = _message("ShowOperationsPerformance", sender, at_ns, f"{order.request}-{at_ns}")
    _add(data, "Show")
    performance = _add(data, "OperationsPerformance")
    _add(performance, "ID", order.request)
    _add(performance, "PublishedDate", rfc3339(at_ns))
    _add(performance, "OperationsType", "Production")
    response = _add(performance, "OperationsResponse")
    _add(response, "ID", order.request)
    _add(response, "OperationsType", "Production")
    _add(response, "OperationsRequestID", order.request)
    _add(response, "OperationsDefinitionID", order.product)
    performed = list(segments)
    begun = any(each.started_ns for each in performed)
    over = {"Completed": "Completed", "Cancelled": "Aborted"}.get(order.state)
    _add(response, "ResponseState", over or ("Running" if begun else "Waiting"))
    for each in performed:
        segment = _add(response, "SegmentResponse")
        _add(segment, "ID", each.segment)
        if each.started_ns:
            _add(segment, "ActualStartTime", rfc3339(each.started_ns))
        if each.ended_ns:
            _add(segment, "ActualEndTime", rfc3339(each.ended_ns))
        _add(segment, "OperationsType", "Production")
        _add(segment, "ProcessSegmentID", each.name)
        _add(segment, "OperationsRequestID", order.request)
        _add(segment, "OperationsDefinitionID", order.product)
        _add(segment, "SegmentState", each.state)
        if each.equipment:
            equipment = _add(segment, "EquipmentActual")
            _add(equipment, "ID", each.equipment)
            _add(equipment, "EquipmentID", each.equipment)
        _material(segment, "MaterialActual", order.product, "", PRODUCED, each.good)
        if each.scrap:
            _material(segment, "MaterialActual", order.product, "", "Other", each.scrap, other="Scrap")
        for (product, lot), quantity in sorted(each.consumed.items()):
            _material(segment, "MaterialActual", product, lot, CONSUMED, quantity)
    return _bytes(root)


def show_job_list(jobs: Iterable[JobOut], *, schedule: str, sender: str, at_ns: int) -> bytes:
    """Return the job orders of a schedule, where and when each is to run; those in none have no times."""
    root, data = _message("ShowJobList", sender, at_ns, f"{sender}-{at_ns}")
    _add(data, "Show")
    listed = _add(data, "JobList")
    _add(listed, "ID", schedule)
    _add(listed, "PublishedDate", rfc3339(at_ns))
    _add(listed, "WorkType", "Production")
    for each in jobs:
        job = _add(listed, "JobOrder")
        _add(job, "ID", each.job)
        _add(job, "Description", each.name)
        _add(job, "Version", str(each.version))
        if each.begin_ns:
            _add(job, "StartTime", rfc3339(each.begin_ns))
            _add(job, "EndTime", rfc3339(each.end_ns))
        _add(job, "WorkType", "Production")
        _add(job, "WorkMasterID", each.product)
        _add(job, "Priority", str(each.priority))
        _add(job, "DispatchStatus", each.state)
        if each.equipment:
            equipment = _add(job, "EquipmentRequirement")
            _add(equipment, "ID", each.equipment)
            _add(equipment, "EquipmentID", each.equipment)
        _material(job, "MaterialRequirement", each.product, "", PRODUCED, each.quantity)
    return _bytes(root)


def show_material_lots(lots: Iterable[LotOut], *, sender: str, at_ns: int) -> bytes:
    """Return the stock by lot and place. The schema wants at least one lot."""
    root, data = _message("ShowMaterialLot", sender, at_ns, f"{sender}-{at_ns}")
    _add(data, "Show")
    for each in lots:
        lot = _add(data, "MaterialLot")
        _add(lot, "ID", each.lot)
        _add(lot, "MaterialDefinitionID", each.product)
        _add(lot, "Disposition", each.disposition)
        whole = len(each.places) == 1 and abs(sum(each.places.values()) - each.quantity) < 1e-6
        for place, quantity in () if whole else sorted(each.places.items()):
            # ISA-95: a part of a lot that lies by itself is a sub-lot.
            part = _add(lot, "MaterialSubLot")
            _add(part, "ID", f"{each.lot}@{place}")
            _add(part, "Disposition", each.disposition)
            _storage(part, place)
            _quantity(part, quantity)
        if whole:
            _storage(lot, *each.places)
        _quantity(lot, each.quantity)
    return _bytes(root)


def _storage(parent: ET.Element, place: str) -> None:
    storage = _add(parent, "StorageLocation")
    _add(storage, "Location", place)
    _add(storage, "LocationType", "Equipment")


def _quantity(parent: ET.Element, quantity: float) -> None:
    amount = _add(parent, "Quantity")
    _add(amount, "QuantityString", repr(quantity))
    _add(amount, "DataType", "double")


def _material(
    parent: ET.Element, name: str, product: str, lot: str, use: str, quantity: float, *, other: str = ""
) -> None:
    material = _add(parent, name)
    _add(material, "ID", "-".join(each for each in (product, lot, other or use) if each))
    _add(material, "MaterialDefinitionID", product)
    if lot:
        _add(material, "MaterialLotID", lot)
    word = _add(material, "MaterialUse", use)
    if other:
        word.set("OtherValue", other)
    amount = _add(material, "Quantity")
    _add(amount, "QuantityString", repr(quantity))
    _add(amount, "DataType", "integer" if isinstance(quantity, int) else "double")


def _message(name: str, sender: str, at_ns: int, bod: str) -> tuple[ET.Element, ET.Element]:
    root = ET.Element(_q(name), {"releaseID": RELEASE})
    area = _add(root, "ApplicationArea")
    _add(_add(area, "Sender"), "LogicalID", sender)
    _add(area, "CreationDateTime", rfc3339(at_ns))
    _add(area, "BODID", bod)
    return root, _add(root, "DataArea")


def _add(parent: ET.Element, name: str, text: str = "") -> ET.Element:
    child = ET.SubElement(parent, _q(name))
    if text:
        child.text = text
    return child


def _bytes(root: ET.Element) -> bytes:
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _q(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ET.Element, path: str) -> str:
    found = element.find("/".join(_q(name) for name in path.split("/")))
    return "" if found is None or found.text is None else found.text.strip()
