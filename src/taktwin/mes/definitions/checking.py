"""Is a definition that came in whole and true of this plant? Every mistake by place, found and right. Pure.

What only the plant folder knows is asked of it: classes and work units, skills, tools, how material is
counted. A definition with one mistake is taken over with none of its parts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from taktwin.contracts.events import DefinitionReceived, ReceivedOperation
from taktwin.contracts.mistake import Mistake
from taktwin.mes.definitions.routes import Definitions, Tracking
from taktwin.mes.definitions.versions import candidates, twin_of
from taktwin.plant.routes import STEP
from taktwin.standards.b2mml import PIECES

OPERATIONS_MAX = 200
LINES_MAX = 2_000
ONCE = "one operation of it: instructions, checklists and parameters go by it"
SECONDS_MAX = 10_000_000.0
INSTANT_MAX = 1 << 62
Tracked = Callable[[str], Tracking | None]  # product -> how it is counted; None: nobody knows it
Parts = Callable[[str], Iterable[str]]  # product -> what goes into it, as its definition in force says


def mistakes(
    said: DefinitionReceived, definitions: Definitions, tracked: Tracked, parts: Parts
) -> Iterator[Mistake]:
    """Yield everything that keeps a definition from being taken over.

    Parameters
    ----------
    tracked : how a product or material is counted here
    parts : what goes into a product, for whatever contains itself
    """
    yield from _whole(said, tracked(said.product))
    if not 1 <= len(said.operations) <= OPERATIONS_MAX:
        yield _mistake("operations", len(said.operations), f"1 to {OPERATIONS_MAX}")
    for what, values in (
        ("name", [each.name for each in said.operations]),
        ("ID", [each.segment for each in said.operations if each.segment]),
    ):
        for value, count in Counter(values).items():
            if count > 1:
                yield _mistake(f"operations, {what}", f"{value!r} {count} times", ONCE)
    for number, step in enumerate(said.operations, start=1):
        place = f"operation {number * STEP}"
        for each in (*_work(said.product, step, definitions), *_bill(step, definitions, tracked)):
            yield Mistake(place=f"{place}, {each.place}", found=each.found, right=each.right)
    circle = _circle(said, parts)
    if circle:
        yield _mistake("bill", " > ".join(circle), f"parts that do not contain {said.product}")


def _mistake(place: str, found: object, right: str) -> Mistake:
    return Mistake(place=place, found=str(found)[:200], right=right)


def _is_name(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isprintable() and text == text.strip()


def _whole(said: DefinitionReceived, known: Tracking | None) -> Iterator[Mistake]:
    for place, text, longest in (("product", said.product, 80), ("Version", said.definition, 40)):
        if not _is_name(text, longest) or ":" in text:
            yield _mistake(place, repr(text), f"1 to {longest} printable characters without a colon")
    if not _is_name(said.name, 200):
        yield _mistake("Description", repr(said.name), "the product's name: 1 to 200 printable characters")
    if len(said.setup_family) > 80 or not said.setup_family.isprintable():
        yield _mistake("SetupFamily", repr(said.setup_family), "80 printable characters at most")
    for place, at_ns in (("EffectiveStartDate", said.effective_ns), ("EffectiveEndDate", said.until_ns)):
        if not 0 <= at_ns < INSTANT_MAX:
            yield _mistake(place, at_ns, "an instant, or none")
    if said.until_ns and said.until_ns <= said.effective_ns:
        yield _mistake("EffectiveEndDate", "not after its beginning", "an instant after EffectiveStartDate")
    if known is None:
        return
    if not known.made:
        yield _mistake("product", repr(said.product), "one that is made: the plant folder says it is bought")
    if said.serialised != known.serialised:
        yield _mistake("Serialised", said.serialised, f"{known.serialised}, as it is here")


def _work(product: str, step: ReceivedOperation, definitions: Definitions) -> Iterator[Mistake]:
    """Yield what is wrong with where and how an operation is done."""
    if not _is_name(step.name, 80):
        yield _mistake("name", repr(step.name), "1 to 80 printable characters")
    if len(step.segment) > 40 or not step.segment.isprintable():
        yield _mistake("ID", repr(step.segment), "40 printable characters at most")
    for place, value, right, good in (
        ("Duration in s", step.standard_time_s, "more than 0", 0 < step.standard_time_s <= SECONDS_MAX),
        ("SetupTime in s", step.setup_s, "0 or more", 0 <= step.setup_s <= SECONDS_MAX),
        ("BatchSize", step.batch, "a whole number from 1", 1 <= step.batch <= 1_000_000),
    ):
        if not good:  # also what is no number: it compares with nothing
            yield _mistake(place, value, f"{right} and at most {SECONDS_MAX:,.0f}")
    classes = sorted(set(definitions.classes.values()))
    here = sorted(unit for unit, kind in definitions.classes.items() if kind == step.equipment_class)
    if not here:
        yield _mistake("equipment class", repr(step.equipment_class), f"one of {', '.join(classes)}")
        return
    for unit, count in Counter(step.work_units).items():
        if unit not in here:
            yield _mistake("work units", repr(unit), f"some of {', '.join(here)}, or none for any of them")
        elif count > 1:
            yield _mistake("work units", f"{unit!r} {count} times", "each once")
    own, may = twin_of(product, step, definitions), candidates(step, definitions)
    beyond = [] if own is None or not own.set_points else [unit for unit in may if unit not in own.work_units]
    if own is not None and beyond:
        names = ", ".join(each.name for each in own.set_points)
        right = f"some of {', '.join(own.work_units)}: only they have its machine parameters ({names})"
        yield _mistake("work units", ", ".join(beyond), right)
    for skill in step.skills:
        if skill not in definitions.skills:
            yield _mistake("skills", repr(skill), f"some of {', '.join(sorted(definitions.skills))}")
    for kind in step.tools:
        without = [unit for unit in may if kind not in definitions.tools_at.get(unit, ())]
        if kind not in definitions.tools or without:
            kinds = sorted({each for unit in may for each in definitions.tools_at.get(unit, ())})
            right = f"what {', '.join(may)} works with: {', '.join(kinds) or 'nothing'}"
            yield _mistake("tools", repr(kind), right)


def _bill(step: ReceivedOperation, definitions: Definitions, tracked: Tracked) -> Iterator[Mistake]:
    """Yield what is wrong with what goes in at an operation."""
    if len(step.components) > LINES_MAX:
        yield _mistake("material", len(step.components), f"{LINES_MAX} lines at most")
        return
    for name, count in Counter(line.product for line in step.components).items():
        if count > 1:
            yield _mistake("material", f"{name!r} {count} times", "one line of it")
    for line in step.components:
        known = tracked(line.product)
        if known is None:
            yield _mistake("material", repr(line.product), "a product with a definition, or one of the plant "
                           f"folder: {', '.join(sorted(definitions.tracking)[:20])}")  # fmt: skip
            continue
        if line.unit != known.unit and not (line.unit in PIECES and known.unit in PIECES):
            word = "parts" if known.unit in PIECES else known.unit
            yield _mistake(f"unit of {line.product}", repr(line.unit), f"{word}, in which it is counted here")
        if not (0 < line.quantity <= 1e9 and math.isfinite(line.quantity)):
            yield _mistake(f"quantity of {line.product}", line.quantity, "more than 0, and 1e9 at most")


def _circle(said: DefinitionReceived, parts: Parts) -> list[str]:
    """Return the way from a product through its parts back to itself, [] where there is none."""
    first = [line.product for step in said.operations for line in step.components]
    waiting: list[Sequence[str]] = [(said.product, name) for name in dict.fromkeys(first)]
    seen: set[str] = set()
    while waiting:
        way = waiting.pop()
        if way[-1] == said.product:
            return list(way)
        if way[-1] not in seen:
            seen.add(way[-1])
            waiting += [(*way, name) for name in parts(way[-1])]
    return []
