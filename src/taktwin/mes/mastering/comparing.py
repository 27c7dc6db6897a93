"""What one definition of a product says otherwise than another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from taktwin.contracts.events import DefinitionReceived, ReceivedLine, ReceivedOperation
from taktwin.mes.definitions.routes import Definition, Definitions
from taktwin.mes.definitions.versions import candidates
from taktwin.plant.routes import STEP
from taktwin.standards.b2mml import PIECES


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise; what is there in one only is "" in the other."""

    what: str
    now: str
    before: str
    operation: int  # its number; 0: it is about the whole definition
    field: str  # of the operation, or of the definition


def own(made: Definition) -> DefinitionReceived:
    """Return the plant folder's definition as if it had come in."""
    return DefinitionReceived(
        master=f"{made.product}:", product=made.product, definition="", name=made.name,
        serialised=made.serialised, setup_family=made.setup_family, effective_ns=0, until_ns=0,
        operations=[
            ReceivedOperation(
                name=step.name, equipment_class=step.equipment_class, standard_time_s=step.standard_time_s,
                work_units=list(step.work_units), batch=step.batch, setup_s=step.setup_s,
                components=[
                    ReceivedLine(product=line.product, quantity=line.quantity, unit=line.unit)
                    for line in step.components
                ],
                skills=list(step.skills), tools=list(step.tools), segment="",
            )
            for step in made.operations
        ],
    )  # fmt: skip


def differences(
    now: DefinitionReceived, before: DefinitionReceived, definitions: Definitions
) -> Iterator[Difference]:
    """Yield what a definition says otherwise than the one before; operations are paired by name."""
    for field, what, new, old in (
        ("name", "Description", now.name, before.name),
        ("serialised", "Serialised", str(now.serialised), str(before.serialised)),
        ("setup_family", "SetupFamily", now.setup_family, before.setup_family),
        ("operations", "operations", _names(now), _names(before)),
    ):
        if new != old:
            yield Difference(what, new, old, 0, field)
    earlier = {step.name: step for step in reversed(before.operations)}
    for number, step in enumerate(now.operations, start=1):
        was = earlier.get(step.name)
        if was is not None:
            yield from _of_operation(number * STEP, step, was, definitions)


def _names(said: DefinitionReceived) -> str:
    return ", ".join(step.name for step in said.operations)


def _of_operation(
    number: int, now: ReceivedOperation, before: ReceivedOperation, definitions: Definitions
) -> Iterator[Difference]:
    for field, what, new, old in (
        ("equipment_class", "equipment class", now.equipment_class, before.equipment_class),
        (
            "work_units",
            "work units",
            _listed(candidates(now, definitions)),
            _listed(candidates(before, definitions)),
        ),
        ("standard_time_s", "Duration in s", f"{now.standard_time_s:.12g}", f"{before.standard_time_s:.12g}"),
        ("batch", "BatchSize", str(now.batch), str(before.batch)),
        ("setup_s", "SetupTime in s", f"{now.setup_s:.12g}", f"{before.setup_s:.12g}"),
        ("skills", "skills", _listed(now.skills), _listed(before.skills)),
        ("tools", "tools", _listed(now.tools), _listed(before.tools)),
        ("components", "material", _bill(now.components), _bill(before.components)),
    ):
        if new != old:
            yield Difference(f"operation {number}, {what}", new, old, number, field)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _bill(lines: Iterable[ReceivedLine]) -> str:
    return _listed(
        f"{each.quantity:.12g} {'parts' if each.unit in PIECES else each.unit} of {each.product}"
        for each in lines
    )
