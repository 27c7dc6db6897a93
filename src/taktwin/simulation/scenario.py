"""A what-if as a value: a name and the changes that make one plant of another, written down and read again.

Scenarios compose (`a.then(b)`) and multiply (`grid`); what they mean for a plant is `applied`, which never
touches the plant that it was given.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taktwin.simulation.changes import KINDS, Change, OrderChange, Unfit, Walk, bounds, kind_of, sizes
from taktwin.simulation.check import Finding, ModelError
from taktwin.simulation.model import Plant
from taktwin.simulation.written import as_json, one_of, read

VERSION = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """What shall be different, applied one after the other; no change at all is doing nothing."""

    name: str
    changes: tuple[Change, ...] = ()
    asks: str = ""  # the question, in a sentence

    def then(self, other: Scenario) -> Scenario:
        """Return both, this one first."""
        asks = " ".join(each for each in (self.asks, other.asks) if each)
        return Scenario(f"{self.name}, {other.name}", self.changes + other.changes, asks)


def applied(plant: Plant, scenario: Scenario) -> Plant:
    """Return the plant with all changes of a scenario.

    Raises
    ------
    ModelError
        With every change that this plant cannot have: place, what was found, what would be right. What
        the changes make of the plant together is checked when it is compiled. Or that it brings more jobs,
        units or people than `changes.sizes` allows.
    """
    findings: list[Finding] = []
    before = sizes(plant)
    numbered = enumerate(scenario.changes, 1)
    for of_orders, several in itertools.groupby(numbered, lambda told: isinstance(told[1], OrderChange)):
        # Changes of single orders come by the thousand, one of each part: they are made in one walk.
        walk = Walk(plant) if of_orders else None
        for number, change in several:
            wrong = bounds(change)
            if not wrong:
                try:
                    if walk is not None and isinstance(change, OrderChange):
                        change.among(walk)
                    else:
                        plant = change.on(plant)
                except Unfit as unfit:
                    wrong = list(unfit.findings)
            place = f"scenario {scenario.name}, change {number} ({kind_of(type(change))})"
            findings += [Finding(f"{place}, {each.place}", each.found, each.expected) for each in wrong]
        plant = plant if walk is None else walk.plant
        if too_large := _too_large(scenario, sizes(plant), before):
            raise ModelError([*findings, *too_large])  # the next change might multiply it
    if findings:
        raise ModelError(findings)
    return plant


def _too_large(
    scenario: Scenario, now: Mapping[str, tuple[int, int]], before: Mapping[str, tuple[int, int]]
) -> list[Finding]:
    """Return of what a scenario has brought too much so far."""
    more = {what: now[what][0] - before[what][0] for what in now}
    return [
        Finding(f"scenario {scenario.name}", f"{more[what]:,} {what} more", f"at most {most:,} more")
        for what, (_, most) in now.items() if more[what] > most
    ]  # fmt: skip


def each(kind: type[Change], **values: Any) -> tuple[Scenario, ...]:
    """Return a scenario for each value of the fields that are given as a list, named after them.

    >>> [s.name for s in each(QueueSized, center="mill", queue_max=[2, 4])]
    ['queue_max 2', 'queue_max 4']
    """
    several = {name: value for name, value in values.items() if isinstance(value, list)}
    rest = {name: value for name, value in values.items() if name not in several}
    found = []
    for chosen in itertools.product(*several.values()):
        told = dict(zip(several, chosen, strict=True))
        name = ", ".join(f"{field} {as_json(value)}" for field, value in told.items()) or kind_of(kind)
        found.append(Scenario(name, (kind(**rest, **told),)))
    return tuple(found)


def grid(*axes: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """Return every combination of one scenario of each axis, the last axis fastest."""
    found = []
    for chosen in itertools.product(*axes):
        whole = chosen[0] if chosen else Scenario("")
        for other in chosen[1:]:
            whole = whole.then(other)
        found.append(whole)
    return tuple(found)


def change_json(change: Change) -> dict[str, Any]:
    """Return a change as JSON has it: its kind and its fields."""
    return {"change": kind_of(type(change)), **as_json(change)}


def scenario_json(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as JSON has it."""
    return {
        "version": VERSION,
        "name": scenario.name,
        **({"asks": scenario.asks} if scenario.asks else {}),
        "changes": [change_json(change) for change in scenario.changes],
    }


def scenario_from_json(document: Any) -> Scenario:
    """Return the scenario that `scenario_json`, or a person, wrote.

    Raises
    ------
    ModelError
        With every mistake: its place, what was found, what would be right.
    """
    if not isinstance(document, Mapping):
        raise ModelError([Finding("scenario", repr(document), "a mapping with name and changes")])
    name = document.get("name")
    place = f"scenario {name}" if isinstance(name, str) and name else "scenario"
    findings = [
        Finding(f"{place}.{key}", "an unknown field", one_of(key, ("version", "name", "asks", "changes")))
        for key in document
        if key not in ("version", "name", "asks", "changes")
    ]
    if document.get("version") != VERSION:
        findings.append(Finding(f"{place}.version", repr(document.get("version")), str(VERSION)))
    if not (isinstance(name, str) and name):
        findings.append(Finding(f"{place}.name", repr(name), "a text"))
    asks = document.get("asks", "")
    if not isinstance(asks, str):
        findings.append(Finding(f"{place}.asks", repr(asks), "a text"))
    listed = document.get("changes", [])
    if not isinstance(listed, list | tuple):
        findings.append(Finding(f"{place}.changes", repr(listed), "a list"))
        listed = []
    changes = []
    for number, each_ in enumerate(listed):
        try:
            changes.append(change_from_json(each_, f"{place}.changes[{number}]"))
        except ModelError as error:
            findings += error.findings
    if findings:
        raise ModelError(findings)
    return Scenario(str(name), tuple(changes), str(asks))


def change_from_json(document: Any, place: str = "change") -> Change:
    """Return one change.

    Raises
    ------
    ModelError
        With every mistake: its place, what was found, what would be right.
    """
    if not isinstance(document, Mapping):
        raise ModelError([Finding(place, repr(document), "a mapping with the kind of change and its fields")])
    kind = document.get("change")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ModelError([Finding(f"{place}.change", repr(kind), one_of(kind, KINDS))])
    rest = {key: value for key, value in document.items() if key != "change"}
    change: Change = read(KINDS[kind], rest, place)
    if wrong := bounds(change):
        raise ModelError([Finding(f"{place}.{each_.place}", each_.found, each_.expected) for each_ in wrong])
    return change


def digest(plant: Plant) -> str:
    """Return the version of a model: the hash of all that it says."""
    return fingerprint(as_json(plant))


def fingerprint(document: Any) -> str:
    """Return the hash of a document as JSON has it, whatever the sequence of its names; 2.0 is 2."""
    text = json.dumps(_plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _plain(document: Any) -> Any:
    if isinstance(document, Mapping):
        return {key: _plain(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_plain(value) for value in document]
    return int(document) if isinstance(document, float) and document.is_integer() else document


def unique(scenarios: Iterable[Scenario]) -> tuple[Scenario, ...]:
    """Return the scenarios.

    Raises
    ------
    ModelError
        If two have one name.
    """
    told = tuple(scenarios)
    seen: set[str] = set()
    for scenario in told:
        if scenario.name in seen:
            raise ModelError(
                [Finding(f"scenario {scenario.name}", "a second one of this name", "each name once")]
            )
        seen.add(scenario.name)
    return told
