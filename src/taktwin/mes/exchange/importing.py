"""A message of an ERP becomes commands of the desk; a report says what became of which of its parts.

Sending a message again changes nothing: each of its orders has an id made of what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData, ImportedRow, ImportReport
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import Desk
from taktwin.mes.exchange.asking import done, refused
from taktwin.mes.exchange.csv_definitions import is_definitions, read_definitions
from taktwin.mes.exchange.csv_orders import read_orders
from taktwin.mes.exchange.csv_rows import CsvError, CsvFile, read_rows
from taktwin.mes.exchange.defining import Masters
from taktwin.mes.exchange.placing import JobLists
from taktwin.standards import b2mml
from taktwin.standards.b2mml import RELEASED, B2mmlError, NotRead, OrderIn, Transaction, Verdict
from taktwin.storage.stores import Store

NOUNS = ("OperationsSchedule", "JobList", "OperationsDefinition", "OperationsDefinitionInformation")


class Importer:
    """Takes what an ERP sends. Every method raises StoreError where the database is away: send it again."""

    def __init__(
        self, desk: Desk, store: Store, definitions: Definitions, *, sender: str, time_zone: str
    ) -> None:
        self._desk = desk
        self._sender = sender
        self._time_zone = time_zone
        self._job_lists = JobLists(desk, store)
        self._masters = Masters(desk, store, definitions)

    def take(self, kind: str, content: bytes, *, actor: str, actor_type: str, at_ns: int) -> ImportReport:
        """Return what became of the parts of a message; `kind` is csv or b2mml."""
        try:
            if kind == "csv":
                return ImportReport(rows=self._take_csv(read_rows(content), actor, actor_type))
            if kind == "b2mml":
                return self._take_b2mml(content, actor, actor_type, at_ns)
        except (CsvError, B2mmlError) as error:
            return ImportReport(place=error.place, found=error.found, right=error.right)
        return ImportReport(place="format", found=repr(kind), right="csv or b2mml")

    def _take_csv(self, file: CsvFile, actor: str, actor_type: str) -> list[ImportedRow]:
        if is_definitions(file):
            return self._masters.take(
                read_definitions(file, self._time_zone), delete=False, key="csv", actor=actor,
                actor_type=actor_type,
            )  # fmt: skip
        return self._order(read_orders(file, self._time_zone), "csv", actor, actor_type)

    def _take_b2mml(self, content: bytes, actor: str, actor_type: str, at_ns: int) -> ImportReport:
        message = b2mml.read(content)
        key = message.bod or hashlib.sha256(content).hexdigest()
        rows = self._rows(message, key, actor, actor_type)
        verdicts = [Verdict(row.request, row.accepted, row.code, row.reason, row.remark) for row in rows]
        answer = b2mml.acknowledge(message, verdicts, sender=self._sender, at_ns=at_ns)
        return ImportReport(rows=rows, document=answer.decode())

    def _rows(self, message: Transaction, key: str, actor: str, actor_type: str) -> list[ImportedRow]:
        if message.noun == "OperationsSchedule":
            return self._order(b2mml.operations_schedule(message).requests, key, actor, actor_type)
        if message.noun == "JobList":
            return self._job_lists.take(
                b2mml.job_list(message), delete=message.action == "Delete", key=key,
                cause=f"job list {message.bod} of {actor}", actor=actor, actor_type=actor_type,
            )  # fmt: skip
        if message.noun in NOUNS:
            return self._masters.take(
                b2mml.definitions(message), delete=message.action == "Delete", key=key, actor=actor,
                actor_type=actor_type,
            )  # fmt: skip
        raise B2mmlError("root element", repr(message.verb + message.noun),
                         f"Process, Sync or Show with one of {', '.join(NOUNS)}")  # fmt: skip

    def _order(
        self, orders: Sequence[OrderIn | NotRead], key: str, actor: str, actor_type: str
    ) -> list[ImportedRow]:
        rows = []
        for order in orders:
            if isinstance(order, NotRead):
                rows.append(refused(order))
            elif order.state != RELEASED:
                reason = f"RequestState: found {order.state!r}; expected {RELEASED}: what is to be made"
                rows.append(ImportedRow(request=order.request, accepted=False, code="state", reason=reason))
            else:
                wish = _wish(order)
                rows.append(done(self._desk, wish, name=order.request, key=[key, wish, order.change],
                                 remark=order.remark, actor=actor, actor_type=actor_type))  # fmt: skip
        return rows


def _wish(order: OrderIn) -> CommandData:
    if order.change:
        return commands.ChangeOrder(request=order.request, version=0, due_ns=order.due_ns,
                                    priority=order.priority, customer=order.customer)  # fmt: skip
    return commands.DropOrder(
        request=order.request, product=order.product, quantity=order.quantity, due_ns=order.due_ns,
        priority=order.priority, customer=order.customer, definition=order.definition,
    )  # fmt: skip
