"""Bills and routings: the plant's own as an ERP reads them, and an ERP's compared with the plant's. Pure.

A product is defined in one place, the plant folder, where its work units, parameters and tools are. What an
ERP sends is taken over by nobody: it is accepted where it says the same, and each difference is named.
"""

from __future__ import annotations

from collections.abc import Iterator

from taktwin.contracts.commands import ImportedRow
from taktwin.mes.definitions.routes import Component, Definition, Definitions, Operation
from taktwin.standards.b2mml import PIECES, DefinitionIn, Line, ProductDefinition, Segment

DIFFERENCES_SHOWN = 8


def own(definition: Definition) -> ProductDefinition:
    """Return a product as the plant folder defines it. It has one version: what the folder says now."""
    return ProductDefinition(
        product=definition.product, version="", name=definition.name, effective_ns=0, until_ns=0,
        serialised=definition.serialised, setup_family=definition.setup_family,
        segments=tuple(_segment(each) for each in definition.operations),
    )  # fmt: skip


def _segment(step: Operation) -> Segment:
    return Segment(
        name=step.name, equipment_class=step.equipment_class, work_units=step.work_units,
        time_s=step.standard_time_s, batch=step.batch, setup_s=step.setup_s,
        components=tuple(Line(each.product, each.quantity, each.unit) for each in step.components),
        skills=step.skills, tools=step.tools,
    )  # fmt: skip


def compared(said: DefinitionIn, definitions: Definitions, *, delete: bool) -> ImportedRow:
    """Return whether an ERP's definition is the plant's, or what is different in it."""
    wanted = said.definition
    made = definitions.products.get(wanted.product)
    if made is None or delete:
        found = f"{'Delete of ' if delete else ''}{wanted.product!r}"
        reason = f"product: found {found}; expected one that is made here: the plant folder defines products"
        return ImportedRow(request=wanted.product, accepted=False, code="owner", reason=reason)
    different = list(_differences(wanted, made))
    if different:
        more = len(different) - DIFFERENCES_SHOWN
        shown = different[:DIFFERENCES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        return ImportedRow(request=wanted.product, accepted=False, code="owner", reason="; ".join(shown))
    return ImportedRow(request=wanted.product, accepted=True, remark=said.remark)


def _differences(wanted: ProductDefinition, made: Definition) -> Iterator[str]:
    here = own(made)
    whole: tuple[tuple[str, object, object], ...] = (
        ("Serialised", wanted.serialised, here.serialised),
        ("SetupFamily", wanted.setup_family, here.setup_family),
        ("operations", [each.name for each in wanted.segments], [each.name for each in here.segments]),
    )
    for what, found, right in whole:
        if found != right:
            yield _difference(what, found, right)
    if len(wanted.segments) != len(here.segments):
        return
    for step, segment, ours in zip(made.operations, wanted.segments, here.segments, strict=True):
        place = f"operation {step.number}"
        units = segment.work_units or ours.work_units
        parts: tuple[tuple[str, object, object], ...] = (
            ("equipment class", segment.equipment_class, ours.equipment_class),
            ("work units", sorted(units), sorted(ours.work_units)),
            ("Duration in s", segment.time_s, ours.time_s),
            ("BatchSize", segment.batch, ours.batch),
            ("SetupTime in s", segment.setup_s, ours.setup_s),
            ("skills", sorted(segment.skills), sorted(ours.skills)),
            ("tools", sorted(segment.tools), sorted(ours.tools)),
            ("material", _bill(segment.components), _bill(step.components)),
        )
        for what, found, right in parts:
            if found != right:
                yield _difference(f"{place}, {what}", found, right)


def _difference(what: str, found: object, right: object) -> str:
    return f"{what}: found {found}; expected {right}, as the plant folder has it"


def _bill(lines: tuple[Line, ...] | tuple[Component, ...]) -> list[str]:
    return sorted(
        f"{each.quantity:g} {'parts' if each.unit in PIECES else each.unit} of {each.product}"
        for each in lines
    )
