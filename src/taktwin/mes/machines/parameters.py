"""Parameter sets: what a machine must hold before a job order begins there, loaded and read back.

Whoever begins a job order asks for its parameters first; it begins by itself, under that person's name,
once the machine has said that it holds each of them. What it holds otherwise keeps the job order waiting.
Whoever lets an interrupted one go on, after another one ran there, waits for them too; and a machine that
begins by itself without them is paused, for what it makes is not what the product wants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from taktwin.contracts import events
from taktwin.contracts.machine_commands import LoadParameters, MachineResult, Wanted
from taktwin.mes.decision import Asking, Fact, Refused
from taktwin.mes.definitions.routes import Definitions, SetPoint
from taktwin.mes.definitions.versions import Following, followed
from taktwin.mes.machines.actions import give
from taktwin.mes.machines.tables import LoadedParameter, MachineOrder
from taktwin.storage.book import Reading

PATIENCE_NS = 60 * 1_000_000_000  # plant time: later nobody at the terminal waits for it


def set_points(
    book: Reading, definitions: Definitions, each: Following, operation: int
) -> tuple[SetPoint, ...]:
    """Return what a machine must hold for an operation of a job order."""
    definition = followed(book, definitions, each)
    return () if definition is None else definition.operation(operation).set_points


def load(
    book: Reading, asking: Asking, points: Sequence[SetPoint], *, job: str, request: str, work_unit: str
) -> Iterator[Fact]:
    """Yield the command that loads the parameters of a job order; nothing where it has none.

    Raises Refused while an earlier one is under way.
    """
    if not points:
        return
    for row in book.where(MachineOrder, work_unit=work_unit, outcome=""):
        if row.name == LoadParameters.command_name and row.deadline_ns >= asking.now_ns:
            raise Refused("not_ready", f"parameters of {work_unit}", f"being loaded for {row.job}",
                          "what the machine says to them")  # fmt: skip
    wish = LoadParameters(
        values=[
            Wanted(signal=each.signal, value=float(each.wanted(work_unit)), tolerance=each.tolerance)
            for each in points
        ]
    )
    yield give(
        wish, asking, command=f"parameters:{asking.command}", work_unit=work_unit, job=job, request=request,
        why=f"{job} begins", by=asking.person or "mes", deadline_ns=asking.now_ns + PATIENCE_NS,
    )  # fmt: skip


def verified(book: Reading, points: Sequence[SetPoint], *, job: str, work_unit: str) -> bool:
    """Return whether a machine has said that it holds what a job order wants, and was told nothing since.

    What it holds for another job order is not that: who takes turns on a machine is loaded each time.
    """
    for each in points:
        row = book.get(LoadedParameter, f"{work_unit}/{each.signal}")
        if row is None or not row.same or row.job != job or row.wanted != float(each.wanted(work_unit)):
            return False
    return True


def written(
    row: MachineOrder, result: MachineResult, points: Sequence[SetPoint], *, product: str, asking: Asking
) -> Iterator[Fact]:
    """Yield, for each parameter of a command that has ended, what was wanted and what the machine holds."""
    found = {each.signal: each for each in result.values}
    wanted = msgspec.json.decode(row.content, type=LoadParameters).values
    targets = {each.signal: float(each.value) for each in wanted}
    for point in points:
        if point.signal not in targets:
            continue  # the plant model has changed meanwhile
        back = found.get(point.signal)
        value = None if back is None or not isinstance(back.found, int | float) else float(back.found)
        yield Fact(
            events.ParameterWritten(
                work_unit=row.work_unit, signal=point.signal, parameter=point.name, job=row.job,
                product=product, wanted=targets[point.signal], found=value,
                same=back is not None and back.same, unit_of_measure=point.unit, by=row.by,
            ),
            asking.now_ns,
        )  # fmt: skip


def differing(book: Reading, work_unit: str, job: str) -> list[LoadedParameter]:
    """Return the parameters of a job order that the machine does not hold as wanted."""
    return [row for row in book.where(LoadedParameter, work_unit=work_unit, job=job) if not row.same]
