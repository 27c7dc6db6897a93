"""Commands to machines: how they are given, what came of them, and the only writer of their tables.

A command is a fact of the journal before anybody sends it. The service sends what is open, as often as it
takes until the commander answers: under one id it is carried once. The first answer counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import events
from taktwin.contracts.machine_commands import MachineCommand, MachineData, MachineResult, Outcome
from taktwin.mes.decision import Asking, Fact, Rules
from taktwin.mes.machines.tables import LoadedParameter, MachineOrder
from taktwin.storage.book import Book, Reading


def give(
    wish: MachineData, asking: Asking, *, command: str, work_unit: str, why: str, deadline_ns: int,
    by: str = "mes", request: str = "", job: str = "",
) -> Fact:  # fmt: skip
    """Return the fact that a machine is to be told something. `command` is an id that nothing else has."""
    return Fact(
        events.CommandGiven(
            command=command, name=wish.command_name, work_unit=work_unit, by=by, why=why, job=job,
            deadline_ns=deadline_ns, content=msgspec.json.encode(wish).decode(), request=request,
        ),
        asking.now_ns,
    )  # fmt: skip


def open_orders(book: Reading) -> list[MachineOrder]:
    """Return the commands of which nobody knows yet what came of them, the oldest first."""
    return sorted(book.where(MachineOrder, outcome=""), key=lambda row: row.given_ns)


def envelope(row: MachineOrder) -> MachineCommand:
    """Return a command as the commander takes it, always the same for the same row."""
    return MachineCommand(
        id=row.command, name=row.name, work_unit=row.work_unit, actor=row.by, reason=row.why,
        actor_type="service" if row.by == "mes" else "human", request=row.request, job=row.job,
        deadline_ns=row.deadline_ns, data=msgspec.Raw(row.content.encode()),
    )  # fmt: skip


def answered(row: MachineOrder, result: MachineResult, asking: Asking) -> Iterator[Fact]:
    """Yield what came of a command that is open."""
    values = [
        events.ValueReadBack(signal=each.signal, wanted=each.wanted, found=each.found, same=each.same,
                             status=each.status)
        for each in result.values
    ]  # fmt: skip
    if result.outcome is Outcome.DONE:
        yield Fact(
            events.CommandExecuted(
                command=row.command, name=row.name, work_unit=row.work_unit, job=row.job, values=values
            ),
            asking.now_ns,
        )
        return
    yield Fact(
        events.CommandFailed(
            command=row.command, name=row.name, work_unit=row.work_unit, job=row.job, values=values,
            outcome=result.outcome.value, place=result.place, found=result.found, right=result.right,
        ),
        asking.now_ns,
    )  # fmt: skip


# Projectors


def _given(book: Book, event: events.CommandGiven, at_ns: int) -> None:
    book.put(MachineOrder(
        command=event.command, name=event.name, work_unit=event.work_unit, request=event.request,
        job=event.job, by=event.by, why=event.why, deadline_ns=event.deadline_ns, given_ns=at_ns,
        content=event.content, outcome="", place="", found="", right="", read_back="[]", ended_ns=0,
    ))  # fmt: skip


def _executed(book: Book, event: events.CommandExecuted, at_ns: int) -> None:
    book.put(msgspec.structs.replace(
        _known(book, event.command), outcome=Outcome.DONE.value, ended_ns=at_ns,
        read_back=msgspec.json.encode(event.values).decode(),
    ))  # fmt: skip


def _failed(book: Book, event: events.CommandFailed, at_ns: int) -> None:
    book.put(msgspec.structs.replace(
        _known(book, event.command), outcome=event.outcome, place=event.place, found=event.found,
        right=event.right, ended_ns=at_ns, read_back=msgspec.json.encode(event.values).decode(),
    ))  # fmt: skip


def _parameter(book: Book, event: events.ParameterWritten, at_ns: int) -> None:
    book.put(LoadedParameter(
        place=f"{event.work_unit}/{event.signal}", work_unit=event.work_unit, parameter=event.parameter,
        job=event.job, product=event.product, wanted=event.wanted, found=event.found, same=event.same,
        unit_of_measure=event.unit_of_measure, by=event.by, at_ns=at_ns,
    ))  # fmt: skip


def _known(book: Book, command: str) -> MachineOrder:
    row = book.get(MachineOrder, command)
    assert row is not None, "a command is given before it ends"
    return row


RULES = Rules(
    projectors={
        events.CommandGiven: _given,
        events.CommandExecuted: _executed,
        events.CommandFailed: _failed,
        events.ParameterWritten: _parameter,
    }
)
