"""OperationsSchedule: orders, in and out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taktwin.instants import rfc3339
from taktwin.standards.b2mml.message import (
    CHANGE,
    DELETE,
    PIECES,
    PRODUCED,
    B2mmlError,
    NotRead,
    Noun,
    Transaction,
    Unreadable,
    add,
    material,
    read,
    refused,
    start,
    written,
)

NOUN = "OperationsSchedule"
RELEASED = "Released"
# B2MML's order has no field for them: parameters of the segment carry them
_CUSTOMER, _DEFINITION = "Customer", "OperationsDefinitionVersion"


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
    state: str = RELEASED  # B2MML's RequestState
    remark: str = ""  # what of it was not used
    definition: str = ""  # version of the product's definition; "": the one in force


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
    definition: str = ""  # version of the product's definition; "": the plant's own


@dataclass(frozen=True, slots=True)
class Schedule:
    """A message with orders; `bod` is what makes sending it twice harmless."""

    bod: str
    requests: tuple[OrderIn | NotRead, ...]
    message: Transaction


def read_operations_schedule(payload: bytes) -> Schedule:
    """Return the orders of a message, each by itself. Raises B2mmlError as `read` does."""
    return operations_schedule(read(payload))


def operations_schedule(message: Transaction) -> Schedule:
    """Return the orders of a message, each by itself: a bad one keeps no good one out.

    Raises
    ------
    B2mmlError
        If it is another message, has no order, or wants them deleted: that is done at job orders.
    """
    if message.noun != NOUN or message.verb not in ("Process", "Sync", "Show", "Change"):
        raise B2mmlError("root element", repr(message.verb + message.noun), f"Process{NOUN} or Show{NOUN}")
    if message.action == DELETE:
        raise B2mmlError("ActionExpression", f"actionCode {DELETE!r}", "Add or Change")
    change = message.action == CHANGE or message.verb == "Change"
    found = [_request(each, change) for each in message.nouns("OperationsRequest")]
    if not found:
        raise B2mmlError("DataArea", "no OperationsRequest", "OperationsSchedule with one or more")
    return Schedule(message.bod, tuple(found), message)


def _request(noun: Noun, change: bool) -> OrderIn | NotRead:
    try:
        return _order(noun, change)
    except Unreadable as wrong:
        return refused(noun, wrong)


def _order(noun: Noun, change: bool) -> OrderIn:
    name = noun.text("ID")
    if not name:
        raise Unreadable("ID", repr(name), "the order's number")
    made = [
        each
        for each in noun.below("MaterialRequirement")
        if each.peek("MaterialUse") in (PRODUCED, "Material Produced")
    ]
    if len(made) != 1:
        raise Unreadable(
            "SegmentRequirement/MaterialRequirement", f"{len(made)} that are Produced", "exactly one"
        )
    product, unit = made[0].text("MaterialDefinitionID"), made[0].text("Quantity/UnitOfMeasure")
    for path in ("ID", "MaterialUse", "Quantity/DataType"):
        made[0].text(path)
    if not product:
        raise Unreadable("MaterialRequirement/MaterialDefinitionID", "''", "the product")
    if unit not in PIECES:
        raise Unreadable(
            "MaterialRequirement/Quantity/UnitOfMeasure", repr(unit), "parts: {part}, C62, EA, H87 or PCE"
        )
    for each in noun.every("SegmentRequirement"):  # names of ours, which say the product once more
        each.text("ID")  # of a part, and says nothing
        for path in ("ProcessSegmentID", "OperationsDefinitionID", "OperationsSegmentID"):
            if each.peek(path) == product:
                each.text(path)
    if noun.peek("OperationsType") in ("", "Production"):
        noun.text("OperationsType")
    return OrderIn(
        request=name, product=product,
        quantity=_of(made[0]), due_ns=noun.instant("EndTime", "when it is due"),
        priority=noun.whole("Priority", "a whole number; higher runs first", otherwise="0"),
        customer=_parameter(noun, _CUSTOMER), definition=_parameter(noun, _DEFINITION).strip(),
        change=change, state=noun.text("RequestState") or RELEASED,
        remark=noun.remark(),
    )  # fmt: skip


def _of(made: Noun) -> int:
    try:
        return made.whole("Quantity/QuantityString", "a whole number")
    except Unreadable as wrong:
        raise Unreadable(f"MaterialRequirement/{wrong.place}", wrong.found, wrong.right) from None


def _parameter(noun: Noun, name: str) -> str:
    for each in noun.below("SegmentParameter"):
        if each.peek("ID") == name:
            each.text("ID")
            return each.raw("Value/ValueString")
    return ""


def show_operations_schedule(orders: Iterable[OrderOut], *, sender: str, at_ns: int) -> bytes:
    """Return all orders as one OperationsSchedule; read again, it gives the same orders."""
    root, data = start(f"Show{NOUN}", sender=sender, at_ns=at_ns, bod=f"{sender}-{at_ns}")
    schedule = add(data, NOUN)
    add(schedule, "ID", sender)
    add(schedule, "PublishedDate", rfc3339(at_ns))
    add(schedule, "OperationsType", "Production")
    for order in orders:
        request = add(schedule, "OperationsRequest")
        add(request, "ID", order.request)
        add(request, "EndTime", rfc3339(order.due_ns))
        add(request, "OperationsType", "Production")
        add(request, "Priority", str(order.priority))
        add(request, "RequestState", order.state)
        segment = add(request, "SegmentRequirement")
        add(segment, "ID", f"{order.request}-0")
        add(segment, "ProcessSegmentID", order.product)
        add(segment, "OperationsDefinitionID", order.product)
        add(segment, "OperationsSegmentID", order.product)
        for name, text in ((_CUSTOMER, order.customer), (_DEFINITION, order.definition)):
            if text:
                parameter = add(segment, "SegmentParameter")
                add(parameter, "ID", name)
                add(add(parameter, "Value"), "ValueString", text)
        material(segment, "MaterialRequirement", order.product, "", PRODUCED, order.quantity)
    return written(root)
