"""Which definition an order, a job order or a unit follows, and which one a new order does. Writes nothing.

The plant folder's definition of a product is the version without a name. Others came in from outside and
lie in the book, whole; what they say of operations is joined here with what only the plant folder knows:
which work units there are, how material is followed, what machines must hold.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from taktwin.contracts.events import ReceivedLine, ReceivedOperation
from taktwin.mes.definitions.routes import (
    Component,
    Definition,
    Definitions,
    Operation,
    SetPoint,
    Tracking,
)
from taktwin.mes.definitions.tables import Master
from taktwin.plant.routes import number_of
from taktwin.storage.book import Reading

RECEIVED, APPROVED, WITHDRAWN = "Received", "Approved", "Withdrawn"
STATES = (RECEIVED, APPROVED, WITHDRAWN)  # of a version


class Following(Protocol):
    """An order, a job order, a unit, or what was made of one."""

    @property
    def product(self) -> str:
        """Return what is made."""
        ...

    @property
    def definition(self) -> str:
        """Return the version by which it is made; "": the plant folder's."""
        ...


class Routes:
    """The definitions that one look into the book needs, each read once."""

    def __init__(self, book: Reading, definitions: Definitions) -> None:
        self._book = book
        self._definitions = definitions
        self._found: dict[tuple[str, str], Definition | None] = {}

    def of(self, each: Following) -> Definition | None:
        """Return the definition that something follows; None: nobody knows it any more."""
        return self.version(each.product, each.definition)

    def version(self, product: str, definition: str) -> Definition | None:
        """Return a product's definition in a version; "": the plant folder's."""
        if not definition:
            return self._definitions.products.get(product)
        key = (product, definition)
        if key not in self._found:
            row = self._book.get(Master, f"{product}:{definition}")
            self._found[key] = None if row is None else made_of(self._book, row, self._definitions)
        return self._found[key]


def followed(book: Reading, definitions: Definitions, each: Following) -> Definition | None:
    """Return the definition that one thing follows; None: nobody knows it any more."""
    return Routes(book, definitions).of(each)


def in_force(rows: Sequence[Master], at_ns: int) -> Master | None:
    """Return the version that a new order follows at an instant; None: the plant folder's.

    Of those that count then it is the one that began to count last. Pure.
    """
    now = [
        row
        for row in rows
        if row.state == APPROVED and row.from_ns <= at_ns and (not row.until_ns or at_ns < row.until_ns)
    ]
    return max(now, key=lambda row: (row.from_ns, row.decided_ns, row.master), default=None)


def in_force_of(book: Reading, product: str, at_ns: int) -> Master | None:
    """Return the version of a product that a new order follows; None: the plant folder's, if it has one."""
    return in_force(book.where(Master, product=product), at_ns)


def name_of(book: Reading, definitions: Definitions, product: str) -> str | None:
    """Return what a product or material is called; None: nobody knows it."""
    if product in definitions.materials:
        return definitions.materials[product]
    newest = _newest(book, product, STATES)
    return None if newest is None else newest.name


def tracking_of(
    book: Reading, definitions: Definitions, product: str, states: Collection[str] = STATES
) -> Tracking | None:
    """Return how a product or material is counted and followed; None: nobody knows it.

    What only a version defines is made here, in parts. `states` are those in which a version counts.
    """
    if product in definitions.tracking:
        return definitions.tracking[product]
    newest = _newest(book, product, states)
    return None if newest is None else Tracking(True, "{part}", lots=False, serialised=newest.serialised)


def _newest(book: Reading, product: str, states: Collection[str]) -> Master | None:
    known = [row for row in book.where(Master, product=product) if row.state in states]
    return max(known, key=lambda row: (row.received_ns, row.master), default=None)


def operations_of(row: Master) -> list[ReceivedOperation]:
    """Return the operations of a version as they came in."""
    return _decoded(row.operations)


@functools.lru_cache(maxsize=512)
def _decoded(text: str) -> list[ReceivedOperation]:
    return msgspec.json.decode(text, type=list[ReceivedOperation])


def made_of(book: Reading, row: Master, definitions: Definitions) -> Definition:
    """Return a version as orders follow it: what came in, on the plant as it is now."""
    steps = operations_of(row)
    return Definition(
        product=row.product, name=row.name, serialised=row.serialised, setup_family=row.setup_family,
        version=row.definition,
        operations=tuple(
            Operation(
                number=number_of(number), name=step.name, equipment_class=step.equipment_class,
                work_units=candidates(step, definitions), standard_time_s=step.standard_time_s,
                batch=step.batch, setup_s=step.setup_s,
                components=tuple(
                    _component(line, tracking_of(book, definitions, line.product))
                    for line in step.components
                ),
                skills=tuple(step.skills), last=number == len(steps) - 1, tools=tuple(step.tools),
                set_points=set_points(row.product, step, definitions), segment=step.segment,
            )
            for number, step in enumerate(steps)
        ),
    )  # fmt: skip


def _component(line: ReceivedLine, known: Tracking | None) -> Component:
    return Component(line.product, line.quantity, line.unit, known is not None and known.lots,
                     known is not None and known.serialised)  # fmt: skip


def candidates(step: ReceivedOperation, definitions: Definitions) -> tuple[str, ...]:
    """Return the work units of this plant on which an operation may run."""
    here = sorted(unit for unit, kind in definitions.classes.items() if kind == step.equipment_class)
    return tuple(unit for unit in step.work_units if unit in here) if step.work_units else tuple(here)


def set_points(product: str, step: ReceivedOperation, definitions: Definitions) -> tuple[SetPoint, ...]:
    """Return what machines must hold: of the plant folder's operation of the same name and class."""
    own = twin_of(product, step, definitions)
    return () if own is None else own.set_points


def twin_of(product: str, step: ReceivedOperation, definitions: Definitions) -> Operation | None:
    """Return the plant folder's operation that is this one: same product, name and class of equipment."""
    definition = definitions.products.get(product)
    for each in () if definition is None else definition.operations:
        if (each.name, each.equipment_class) == (step.name, step.equipment_class):
            return each
    return None
