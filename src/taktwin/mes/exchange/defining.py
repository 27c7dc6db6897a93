"""Bills and routings: those in force as an ERP reads them, and an ERP's taken over as versions.

What says no version is compared with the plant folder: accepted where it says the same, and each difference
named. What says one is taken in, whole or not at all; who approves it says `mastering`.
"""

from __future__ import annotations

from collections.abc import Sequence

from taktwin.contracts import commands
from taktwin.contracts.commands import ImportedRow
from taktwin.mes.definitions.routes import Definition, Definitions, Operation
from taktwin.mes.definitions.tables import Master
from taktwin.mes.definitions.versions import APPROVED, in_force, operations_of
from taktwin.mes.desk import Desk
from taktwin.mes.exchange.asking import done, refused
from taktwin.mes.mastering import comparing
from taktwin.mes.mastering.actions import OUTSIDE, event_of
from taktwin.mes.mastering.comparing import differences
from taktwin.standards.b2mml import DefinitionIn, Line, NotRead, ProductDefinition, Segment
from taktwin.storage.book import Reading
from taktwin.storage.stores import Store

DIFFERENCES_SHOWN = 8


def shown(book: Reading, definitions: Definitions, now_ns: int) -> list[ProductDefinition]:
    """Return each product that is made here as a new order would follow it now."""
    masters: dict[str, list[Master]] = {}
    for row in book.where(Master):
        masters.setdefault(row.product, []).append(row)
    found = []
    for product in sorted({*definitions.products, *masters}):
        now = in_force(masters.get(product, ()), now_ns)
        if now is not None:
            found.append(received(now))
        elif product in definitions.products:
            found.append(own(definitions.products[product]))
    return found


def received(row: Master) -> ProductDefinition:
    """Return a version as it came in."""
    return ProductDefinition(
        product=row.product, version=row.definition, name=row.name, effective_ns=row.effective_ns,
        until_ns=row.until_ns, serialised=row.serialised, setup_family=row.setup_family,
        segments=tuple(
            Segment(
                name=step.name, equipment_class=step.equipment_class, work_units=tuple(step.work_units),
                time_s=step.standard_time_s, batch=step.batch, setup_s=step.setup_s,
                components=tuple(Line(each.product, each.quantity, each.unit) for each in step.components),
                skills=tuple(step.skills), tools=tuple(step.tools), segment=step.segment,
            )
            for step in operations_of(row)
        ),
    )  # fmt: skip


def own(made: Definition) -> ProductDefinition:
    """Return a product as the plant folder defines it. It has one version: what the folder says now."""
    return ProductDefinition(
        product=made.product, version="", name=made.name, effective_ns=0, until_ns=0,
        serialised=made.serialised, setup_family=made.setup_family,
        segments=tuple(_segment(each) for each in made.operations),
    )  # fmt: skip


def _segment(step: Operation) -> Segment:
    return Segment(
        name=step.name, equipment_class=step.equipment_class, work_units=step.work_units,
        time_s=step.standard_time_s, batch=step.batch, setup_s=step.setup_s,
        components=tuple(Line(each.product, each.quantity, each.unit) for each in step.components),
        skills=step.skills, tools=step.tools, segment=step.segment,
    )  # fmt: skip


class Masters:
    """Takes definitions in as versions. Every method raises StoreError: send it again."""

    def __init__(self, desk: Desk, store: Store, definitions: Definitions) -> None:
        self._desk = desk
        self._store = store
        self._definitions = definitions

    def take(
        self, said: Sequence[DefinitionIn | NotRead], *, delete: bool, key: str, actor: str, actor_type: str
    ) -> list[ImportedRow]:
        """Return what became of each definition of a message; with `delete` they are withdrawn."""
        rows: dict[int, ImportedRow] = {}
        good = {number: each for number, each in enumerate(said) if isinstance(each, DefinitionIn)}
        for number in _parts_first(good):
            each = good[number]
            if delete:
                rows[number] = self._withdrawn(each, actor, actor_type)
            elif not each.definition.version:
                with self._store.begin() as transaction:
                    rows[number] = _compared(transaction.book, each, self._definitions)
            else:
                wish = _wish(each.definition)
                rows[number] = done(self._desk, wish, name=each.definition.product, key=[key, wish],
                                    remark=each.remark, actor=actor, actor_type=actor_type)  # fmt: skip
        return [rows[number] if isinstance(each, DefinitionIn) else refused(each)
                for number, each in enumerate(said)]  # fmt: skip

    def _withdrawn(self, each: DefinitionIn, actor: str, actor_type: str) -> ImportedRow:
        """Take a version back: what is approved only where its sender is the owner of definitions."""
        product, version = each.definition.product, each.definition.version
        with self._store.begin() as transaction:
            row = transaction.book.get(Master, f"{product}:{version}")
        if row is not None and row.state == APPROVED and self._definitions.owner not in OUTSIDE:
            reason = f"definition {row.master}: found {APPROVED}; expected who approved it to withdraw it"
            return ImportedRow(request=product, accepted=False, code="owner", reason=reason)
        wish = commands.WithdrawDefinition(product=product, definition=version, cause=f"deleted by {actor}",
                                           version=0 if row is None else row.version)  # fmt: skip
        return done(self._desk, wish, name=product, key=["delete", wish], remark=each.remark, actor=actor,
                    actor_type=actor_type)  # fmt: skip


def _parts_first(good: dict[int, DefinitionIn]) -> list[int]:
    """Return the places of definitions, each behind those of what goes into it."""
    places: dict[str, list[int]] = {}
    for number, each in good.items():
        places.setdefault(each.definition.product, []).append(number)
    found: dict[int, None] = {}
    begun: set[int] = set()

    def put(number: int) -> None:
        if number in begun:
            return
        begun.add(number)
        for segment in good[number].definition.segments:
            for line in segment.components:
                for below in places.get(line.product, ()):
                    put(below)
        found[number] = None

    for number in good:
        put(number)
    return list(found)


def _wish(said: ProductDefinition) -> commands.ReceiveDefinition:
    return commands.ReceiveDefinition(
        product=said.product, definition=said.version, name=said.name, serialised=said.serialised,
        setup_family=said.setup_family, effective_ns=said.effective_ns, until_ns=said.until_ns,
        operations=[
            commands.DefinedOperation(
                name=each.name, equipment_class=each.equipment_class, standard_time_s=each.time_s,
                work_units=list(each.work_units), batch=each.batch, setup_s=each.setup_s,
                components=[
                    commands.BillLine(product=line.product, quantity=line.quantity, unit=line.unit)
                    for line in each.components
                ],
                skills=list(each.skills), tools=list(each.tools), segment=each.segment,
            )
            for each in said.segments
        ],
    )  # fmt: skip


def _compared(book: Reading, said: DefinitionIn, definitions: Definitions) -> ImportedRow:
    """Return whether a definition without a version is the plant's, or what is different in it."""
    made = definitions.products.get(said.definition.product)
    if made is None:
        found = ["the plant folder does not define it"]
    else:
        wanted = event_of(book, _wish(said.definition), definitions)
        found = [
            f"{each.what}: found {each.now or 'nothing'}; expected {each.before or 'nothing'}, "
            "as the plant folder has it"
            for each in differences(wanted, comparing.own(made), definitions)
        ]
    if not found:
        return ImportedRow(request=said.definition.product, accepted=True, remark=said.remark)
    more = len(found) - DIFFERENCES_SHOWN
    texts = found[:DIFFERENCES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
    reason = f"Version: found nothing; expected the name of the new version: {'; '.join(texts)}"
    return ImportedRow(request=said.definition.product, accepted=False, code="invalid", reason=reason)
