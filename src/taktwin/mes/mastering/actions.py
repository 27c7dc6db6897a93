"""Bills and routings as versions: deciders of what comes in, is approved or withdrawn; their table's writers.

What comes in is checked against the plant, whole: one mistake, and nothing of it is taken. Whose word
counts says the plant folder (`authority: product.definition`): an ERP's own versions need no approval.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.mistake import Mistake
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.checking import mistakes
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.tables import Master
from taktwin.mes.definitions.versions import (
    APPROVED,
    RECEIVED,
    WITHDRAWN,
    Routes,
    in_force_of,
    name_of,
    operations_of,
    tracking_of,
)
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

MAKEABLE = (APPROVED,)  # states of what goes into what is to be made
OUTSIDE = ("erp", "plm")  # owners of definitions whose word counts without anybody's approval


def receive(book: Reading, wish: commands.ReceiveDefinition, asking: Asking) -> Iterator[Fact]:
    """Take a version in, if all of it is right; the same again changes nothing."""
    event = event_of(book, wish, asking.definitions)
    before = book.get(Master, event.master)
    if before is not None:
        if said(before) != event:
            raise Refused("conflict", f"definition {event.master}", "another bill or routing",
                          "a new version: one says one thing for ever", row=before)  # fmt: skip
        if before.state == WITHDRAWN:
            raise Refused("state", f"definition {event.master}", f"{WITHDRAWN}: {before.reason}",
                          "a new version", row=before)  # fmt: skip
        return
    _refuse(book, event, asking, (RECEIVED, APPROVED))
    yield Fact(event, asking.now_ns)
    row = book.get(Master, event.master)
    if asking.definitions.owner in OUTSIDE and row is not None and not _found(book, event, asking, MAKEABLE):
        yield Fact(_approval(row, asking), asking.now_ns)


def event_of(
    book: Reading, wish: commands.ReceiveDefinition, definitions: Definitions
) -> events.DefinitionReceived:
    """Return what came in, with what the plant folder says where nothing was said."""
    own = definitions.products.get(wish.product)
    known = tracking_of(book, definitions, wish.product, (RECEIVED, APPROVED))
    serialised = known is not None and known.serialised if wish.serialised is None else wish.serialised
    family = "" if own is None else own.setup_family
    return events.DefinitionReceived(
        master=f"{wish.product}:{wish.definition}", product=wish.product, definition=wish.definition,
        name=wish.name or name_of(book, definitions, wish.product) or wish.product,
        serialised=serialised, setup_family=family if wish.setup_family is None else wish.setup_family,
        effective_ns=wish.effective_ns, until_ns=wish.until_ns,
        operations=[
            events.ReceivedOperation(
                name=step.name, equipment_class=step.equipment_class, standard_time_s=step.standard_time_s,
                work_units=step.work_units, batch=step.batch, setup_s=step.setup_s,
                components=[
                    events.ReceivedLine(product=line.product, quantity=line.quantity, unit=line.unit)
                    for line in step.components
                ],
                skills=step.skills, tools=step.tools, segment=step.segment,
            )
            for step in wish.operations
        ],
    )  # fmt: skip


def said(row: Master) -> events.DefinitionReceived:
    """Return what a version said when it came in."""
    return events.DefinitionReceived(
        master=row.master, product=row.product, definition=row.definition, name=row.name,
        serialised=row.serialised, setup_family=row.setup_family, effective_ns=row.effective_ns,
        until_ns=row.until_ns, operations=operations_of(row),
    )  # fmt: skip


def _found(
    book: Reading, event: events.DefinitionReceived, asking: Asking, states: tuple[str, ...]
) -> list[Mistake]:
    routes = Routes(book, asking.definitions)

    @functools.cache
    def parts(product: str) -> Iterable[str]:
        row = in_force_of(book, product, asking.now_ns)
        made = routes.version(product, "" if row is None else row.definition)
        steps = () if made is None else made.operations
        return tuple(line.product for step in steps for line in step.components)

    tracked = functools.partial(tracking_of, book, asking.definitions, states=states)
    return list(mistakes(event, asking.definitions, tracked, parts))


def _refuse(book: Reading, event: events.DefinitionReceived, asking: Asking, states: tuple[str, ...]) -> None:
    found = _found(book, event, asking, states)
    if found:
        first, *rest = found
        raise Refused("invalid", first.place, first.found, first.right, also=tuple(rest),
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip


def refuse_unmakeable(book: Reading, row: Master, asking: Asking) -> None:
    """Return only if the plant is, now too, as a version needs it, and what goes in can be had."""
    _refuse(book, said(row), asking, MAKEABLE)


def approve(book: Reading, wish: commands.ApproveDefinition, asking: Asking) -> Iterator[Fact]:
    """Let new orders follow a version, if the plant still is as it needs it."""
    row = _master(book, wish.product, wish.definition, wish.version)
    if row.state != RECEIVED:
        raise Refused("state", f"definition {row.master}", row.state, f"one that is {RECEIVED}", row=row)
    if row.until_ns and row.until_ns <= asking.now_ns:
        raise Refused(
            "state", f"definition {row.master}", "over already", "one whose end is to come", row=row
        )
    refuse_unmakeable(book, row, asking)
    yield Fact(_approval(row, asking), asking.now_ns)


def _approval(row: Master, asking: Asking) -> events.DefinitionApproved:
    # What was to count earlier counts from now on: no order of before follows it.
    return events.DefinitionApproved(master=row.master, product=row.product, definition=row.definition,
                                     from_ns=max(row.effective_ns, asking.now_ns))  # fmt: skip


def withdraw(book: Reading, wish: commands.WithdrawDefinition, asking: Asking) -> Iterator[Fact]:
    """Refuse a version, or take it out of force."""
    row = _master(book, wish.product, wish.definition, wish.version)
    if row.state == WITHDRAWN:
        raise Refused("state", f"definition {row.master}", row.state, "one that is not withdrawn", row=row)
    if not wish.cause.strip() or len(wish.cause) > 500:
        raise Refused("invalid", "reason", repr(wish.cause[:80]), "why nobody shall make it so",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    yield Fact(
        events.DefinitionWithdrawn(master=row.master, product=row.product, definition=row.definition,
                                   cause=wish.cause.strip()),
        asking.now_ns,
    )  # fmt: skip


def _master(book: Reading, product: str, definition: str, version: int) -> Master:
    row = book.get(Master, f"{product}:{definition}")
    if row is None:
        raise unknown("definition", f"{product}:{definition}")
    if row.version != version:
        raise Refused("conflict", f"definition {row.master}", f"version {row.version}",
                      f"version {version}: somebody changed it meanwhile", row=row)  # fmt: skip
    return row


# Projectors


def _received(book: Book, event: events.DefinitionReceived, at_ns: int) -> None:
    book.put(Master(
        master=event.master, product=event.product, definition=event.definition, name=event.name,
        serialised=event.serialised, setup_family=event.setup_family,
        operations=msgspec.json.encode(event.operations).decode(), effective_ns=event.effective_ns,
        until_ns=event.until_ns, state=RECEIVED, from_ns=0, received_ns=at_ns, decided_ns=0, reason="",
        version=1,
    ))  # fmt: skip


def _approved(book: Book, event: events.DefinitionApproved, at_ns: int) -> None:
    row = book.get(Master, event.master)
    assert row is not None, "decided on a definition that is there"
    book.put(msgspec.structs.replace(row, state=APPROVED, from_ns=event.from_ns, decided_ns=at_ns,
                                     version=row.version + 1))  # fmt: skip


def _withdrawn(book: Book, event: events.DefinitionWithdrawn, at_ns: int) -> None:
    row = book.get(Master, event.master)
    assert row is not None, "decided on a definition that is there"
    book.put(msgspec.structs.replace(row, state=WITHDRAWN, decided_ns=at_ns, reason=event.cause,
                                     version=row.version + 1))  # fmt: skip


RULES = Rules(
    deciders={
        commands.ReceiveDefinition.command_name: receive,
        commands.ApproveDefinition.command_name: approve,
        commands.WithdrawDefinition.command_name: withdraw,
    },
    projectors={
        events.DefinitionReceived: _received,
        events.DefinitionApproved: _approved,
        events.DefinitionWithdrawn: _withdrawn,
    },
)
