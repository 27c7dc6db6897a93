"""A message with orders becomes commands of the desk, one each; a report says what became of which.

Sending a message again changes nothing: each of its orders has an id made of what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from taktwin.contracts import commands
from taktwin.contracts.commands import Command, CommandData, ImportedRow, ImportReport
from taktwin.mes.desk import Desk
from taktwin.mes.exchange.csv_orders import CsvError, read_csv
from taktwin.standards import b2mml
from taktwin.standards.b2mml import B2mmlError, NotRead, OrderIn, Verdict


class Importer:
    """Takes orders from an ERP. Every method raises StoreError where the database is away: send it again."""

    def __init__(self, desk: Desk, *, sender: str, time_zone: str) -> None:
        self._desk = desk
        self._sender = sender
        self._time_zone = time_zone

    def take(self, kind: str, content: bytes, *, actor: str, actor_type: str, at_ns: int) -> ImportReport:
        """Return what became of the orders of a message; `kind` is csv or b2mml."""
        if kind == "csv":
            return self._take_csv(content, actor, actor_type)
        if kind == "b2mml":
            return self._take_b2mml(content, actor, actor_type, at_ns)
        return ImportReport(place="format", found=repr(kind), right="csv or b2mml")

    def _take_csv(self, content: bytes, actor: str, actor_type: str) -> ImportReport:
        try:
            orders = read_csv(content, self._time_zone)
        except CsvError as error:
            return ImportReport(place=error.place, found=error.found, right=error.right)
        return ImportReport(rows=self._order(orders, "csv", actor, actor_type))

    def _take_b2mml(self, content: bytes, actor: str, actor_type: str, at_ns: int) -> ImportReport:
        try:
            schedule = b2mml.read_operations_schedule(content)
        except B2mmlError as error:
            return ImportReport(place=error.place, found=error.found, right=error.right)
        key = schedule.bod or hashlib.sha256(content).hexdigest()
        rows = self._order(schedule.requests, key, actor, actor_type)
        verdicts = [Verdict(row.request, row.accepted, row.code, row.reason) for row in rows]
        answer = b2mml.acknowledge_operations_schedule(schedule, verdicts, sender=self._sender, at_ns=at_ns)
        return ImportReport(rows=rows, document=answer.decode())

    def _order(
        self, orders: Sequence[OrderIn | NotRead], key: str, actor: str, actor_type: str
    ) -> list[ImportedRow]:
        rows = []
        for order in orders:
            if isinstance(order, NotRead):
                reason = f"{order.place}: found {order.found}; expected {order.right}"
                rows.append(ImportedRow(request=order.request, accepted=False, code="invalid", reason=reason))
                continue
            answer = self._desk.execute(
                Command(
                    id=_id(key, order), name=_wish(order).command_name, actor=actor, actor_type=actor_type,
                    data=msgspec.Raw(msgspec.json.encode(_wish(order))),
                )
            )  # fmt: skip
            reason = (
                "" if answer.accepted else f"{answer.place}: found {answer.found}; expected {answer.right}"
            )
            rows.append(
                ImportedRow(request=order.request, accepted=answer.accepted, code=answer.code, reason=reason)
            )
        return rows


def _wish(order: OrderIn) -> CommandData:
    if order.change:
        return commands.ChangeOrder(request=order.request, version=0, due_ns=order.due_ns,
                                    priority=order.priority, customer=order.customer)  # fmt: skip
    return commands.DropOrder(
        request=order.request, product=order.product, quantity=order.quantity, due_ns=order.due_ns,
        priority=order.priority, customer=order.customer,
    )  # fmt: skip


def _id(key: str, order: OrderIn) -> str:
    said = msgspec.json.encode([key, _wish(order), order.change])
    return f"import:{hashlib.sha256(said).hexdigest()[:40]}"
