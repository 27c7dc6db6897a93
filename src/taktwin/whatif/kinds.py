"""What a scenario may change, described for a form: each kind with its fields, and what it may name. Pure.

Kinds and fields come out of the simulation's own classes, so that a new kind is in the form at once; only
its words are here, and a kind without words is a red test.
"""

from __future__ import annotations

import dataclasses
import inspect
from types import NoneType
from typing import Any, get_args, get_origin

from taktwin.contracts.whatif import ChangeField, ChangeKind, NameOf
from taktwin.simulation import changes as c
from taktwin.simulation.check import declared
from taktwin.simulation.model import Rule
from taktwin.simulation.written import as_json
from taktwin.whatif.naming import SELECTORS, Names, what_of

# group -> kind -> label
WORDS: dict[str, dict[str, str]] = {
    "machines": {
        "unit_down": "A machine is down",
        "center_down": "All machines of a group are down",
        "units_added": "More or fewer machines",
        "pace_scaled": "Faster or slower",
        "uptime_set": "Another availability",
        "failure_scaled": "Failures and repairs",
        "tools_scaled": "Tool life and tool changes",
        "center_added": "A new machine",
    },
    "times": {
        "shift_added": "An extra shift",
        "shift_cut": "A shift less",
        "shift_stretched": "Longer or shorter shifts",
        "calendar_set": "Another calendar",
        "setup_scaled": "Longer or shorter set-ups",
        "work_scaled": "Another time of an operation",
        "work_spread": "Times that spread more or less",
        "move_set": "Another time to the next operation",
        "move_scaled": "Longer or shorter ways",
    },
    "people": {
        "operators_added": "More people",
        "operator_absent": "Somebody is away",
        "people_absent": "A share is away",
        "skill_learned": "Somebody learns something",
        "crew_sized": "Another repair crew",
    },
    "orders": {
        "order_series": "Rush orders",
        "order_added": "One more order",
        "order_removed": "An order less",
        "order_changed": "An order is changed",
        "release_shifted": "Orders come later or sooner",
        "due_shifted": "Orders are due later or sooner",
        "lot_sized": "Another lot size",
        "demand_scaled": "More or less is wanted",
        "demand_mix": "Another mix",
        "demand_moved": "Wanted of another product",
    },
    "products": {
        "variant_added": "A new variant",
        "product_added": "A new product",
        "yield_set": "Another yield",
        "yield_scaled": "A better or worse yield",
        "rework_set": "Another rework",
    },
    "material": {
        "delivery_shifted": "A supplier is late",
        "delivery_scaled": "A supplier delivers less",
        "stock_set": "Another stock at the beginning",
    },
    "rules": {
        "rule_set": "Another rule of the queue",
        "queue_sized": "Another buffer",
        "step_moved": "An operation elsewhere",
        "alternative_added": "A machine more for an operation",
    },
}
LABELS = {
    "unit": "machine",
    "center": "machine or group",
    "from_s": "from",
    "to_s": "to",
    "every_s": "again every",
    "by_s": "by",
    "order": "order",
    "due_s": "due",
    "quantity": "parts in all",
    "priority": "priority",
    "release_s": "released",
    "name": "name",
    "product": "product",
    "count": "how many",
    "first_s": "the first",
    "due_after_s": "due after",
    "size": "parts at most",
    "times": "factor",
    "shares": "shares",
    "to": "to product",
    "share": "share",
    "skills": "skills",
    "operator": "person",
    "skill": "skill",
    "crew": "crew",
    "people": "people",
    "rule": "rule",
    "queue_max": "places",
    "time_to_times": "factor of the time to a failure",
    "repair_times": "factor of repairs",
    "life_times": "factor of the life",
    "change_times": "factor of a change",
    "repair_s": "repair of what never failed",
    "like": "like",
    "work_times": "factor of its times",
    "good_times": "factor of its yield",
    "family": "set-up family",
    "step": "operation",
    "good": "share that is good",
    "rework_to": "goes back to",
    "rework_max": "times at most",
    "cv": "spread over the mean",
    "move_s": "takes",
    "material": "material",
    "stock": "pieces",
    "calendar": "calendar",
}
KEYS = {
    "work unit": "unit", "work center": "center", "product": "product", "operation": "step", "order": "order",
    "operator": "operator", "crew": "crew", "material": "material", "delivered material": "delivered",
    "skill": "skill", "calendar": "calendar",
}  # fmt: skip
SAYS = {
    "@all": "all", "@bottleneck": "the bottleneck", "@second": "the second", "@idlest": "the idlest",
    "@most": "the one most wanted", "@least": "the one least wanted", "@longest": "the longest",
    "@first": "the first", "@last": "the last", "@largest": "the largest",
}  # fmt: skip
ORDER = [kind for kinds in WORDS.values() for kind in kinds]


def kinds() -> list[ChangeKind]:
    """Return every kind of change, group by group."""
    return [_kind(group, name, label) for group, mine in WORDS.items() for name, label in mine.items()]


def _kind(group: str, name: str, label: str) -> ChangeKind:
    kind = c.KINDS[name]
    hints = declared(kind)
    text = " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
    described = [_field(kind, each, hints[each.name]) for each in dataclasses.fields(kind)]
    return ChangeKind(change=name, group=group, label=label, text=text, fields=described)


def _field(kind: type[c.Change], field: dataclasses.Field[Any], hint: Any) -> ChangeField:
    choices = (
        [each for each in get_args(hint) if each is not NoneType] if NoneType in get_args(hint) else [hint]
    )
    said, what = choices[0], KEYS.get(what_of(kind, field.name), "")
    if kind is c.CalendarSet and field.name == "calendar":
        said, what = str, "calendar"
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    least, is_allowed, most = c.bound(kind, field.name) or (None, True, None)
    if said is Rule:
        what = "rule"
    return ChangeField(
        name=field.name, label=LABELS[field.name], type=_type(said, what), unit=_unit(field.name, said),
        names=what, required=required, nullable=len(get_args(hint)) > 0 and NoneType in get_args(hint),
        default=None if required else as_json(field.default), least=least, least_allowed=is_allowed,
        most=most if most is not None and most < float("inf") else None, many=get_origin(said) is frozenset,
    )  # fmt: skip


def _type(said: Any, what: str) -> str:
    if what:
        return "name"
    return {float: "number", int: "integer", bool: "bool", str: "text"}.get(said, "object")


def _unit(name: str, said: Any) -> str:
    if name.endswith("_s"):
        return "s"
    return "1" if said is float else ""


def names(known: Names) -> dict[str, list[NameOf]]:
    """Return what may be named in this plant, with the words that choose by themselves."""
    found = {}
    for what, key in KEYS.items():
        picks = [NameOf(name=each, text=SAYS[each]) for each in SELECTORS.get(what, ())]
        found[key] = [NameOf(name=each, text=known.title(what, each)) for each in known.known[what]] + picks
    found["rule"] = [NameOf(name=each.value, text=each.value) for each in Rule]
    return found
