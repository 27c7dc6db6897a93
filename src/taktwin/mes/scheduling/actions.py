"""Orders: deciders of their changes, and the only writers of scheduling's table."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.scheduling.tables import Request, Schedule
from taktwin.storage.book import Book, Reading

RELEASED, COMPLETED, CANCELLED = "Released", "Completed", "Cancelled"  # B2MML's RequestState


def change_order(book: Reading, wish: commands.ChangeOrder, asking: Asking) -> Iterator[Fact]:
    """Change dates and priority of an order, if nobody changed it since the person looked."""
    request = book.get(Request, wish.request)
    if request is None:
        raise unknown("order", wish.request)
    if wish.version and request.version != wish.version:
        raise Refused("conflict", f"order {wish.request}", f"version {request.version}",
                      f"version {wish.version}: somebody changed it meanwhile", row=request)  # fmt: skip
    if request.state != RELEASED:
        raise Refused(
            "state", f"order {wish.request}", request.state, "an order that is Released", row=request
        )
    yield Fact(
        events.OperationsRequestChanged(request=wish.request, due_ns=wish.due_ns, priority=wish.priority,
                                        customer=wish.customer or request.customer),
        asking.now_ns,
    )  # fmt: skip


def _received(book: Book, event: events.OperationsRequestReceived, at_ns: int) -> None:
    book.put(Request(request=event.request, product=event.product, quantity=event.quantity,
                     due_ns=event.due_ns, priority=event.priority, customer=event.customer, state=RELEASED,
                     received_ns=at_ns, version=1,
                     definition=event.definition))  # fmt: skip


def _changed(book: Book, event: events.OperationsRequestChanged, at_ns: int) -> None:
    request = book.get(Request, event.request)
    assert request is not None, "decided on an order that is there"
    book.put(msgspec.structs.replace(request, due_ns=event.due_ns, priority=event.priority,
                                     customer=event.customer, version=request.version + 1))  # fmt: skip


def _completed(book: Book, event: events.OperationsRequestCompleted, at_ns: int) -> None:
    request = book.get(Request, event.request)
    assert request is not None, "decided on an order that is there"
    book.put(msgspec.structs.replace(request, state=COMPLETED, version=request.version + 1))


def _cancelled(book: Book, event: events.OperationsRequestCancelled, at_ns: int) -> None:
    request = book.get(Request, event.request)
    assert request is not None, "decided on an order that is there"
    book.put(msgspec.structs.replace(request, state=CANCELLED, version=request.version + 1))


def _published(book: Book, event: events.SchedulePublished, at_ns: int) -> None:
    book.put(Schedule(
        schedule=event.schedule, version=event.version, published_ns=at_ns, by=event.by, cause=event.cause,
        state=event.state, moved_on=event.moved_on, inside=msgspec.json.encode(event.inside).decode(),
        jobs=msgspec.json.encode(event.jobs).decode(),
    ))  # fmt: skip


RULES = Rules(
    deciders={commands.ChangeOrder.command_name: change_order},
    projectors={
        events.OperationsRequestReceived: _received,
        events.OperationsRequestChanged: _changed,
        events.OperationsRequestCompleted: _completed,
        events.OperationsRequestCancelled: _cancelled,
        events.SchedulePublished: _published,
    },
)
