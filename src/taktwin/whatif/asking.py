"""A question made ready: its limits, its scenarios in the simulation's words, or a refusal. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from taktwin.contracts.whatif import (
    CHANGES_MAX,
    DEADLINE_S_MAX,
    HORIZON_S_MAX,
    REPLICATIONS_MAX,
    SCENARIOS_MAX,
    Note,
    Question,
)
from taktwin.contracts.whatif import Scenario as Asked
from taktwin.errors import Refusal
from taktwin.simulation.changes import Change
from taktwin.simulation.check import Finding, ModelError
from taktwin.simulation.experiment import AS_IT_IS
from taktwin.simulation.scenario import Scenario, unique
from taktwin.whatif.naming import Names


def checked(question: Question) -> None:
    """Refuse a question that no plant could answer.

    Raises
    ------
    Refusal
        With place, what was found, and what would be right.
    """
    if question.at_ns < 0:
        raise Refusal("at_ns", str(question.at_ns), "an instant of the past, or 0: now")
    if not 1 <= len(question.scenarios) <= SCENARIOS_MAX:
        raise Refusal("scenarios", str(len(question.scenarios)), f"1 to {SCENARIOS_MAX}")
    bounds = (
        ("horizon_s", question.horizon_s, 60, HORIZON_S_MAX),
        ("replications", question.replications, 1, REPLICATIONS_MAX),
        ("deadline_s", question.deadline_s, 0.1, DEADLINE_S_MAX),
    )
    for name, found, least, most in bounds:
        if not least <= found <= most:
            raise Refusal(name, f"{found:g}", f"{least:g} to {most:g}")
    names = {each.name for each in question.scenarios}
    for each in question.scenarios:
        if each.against and (each.against not in names or each.against == each.name):
            raise Refusal(
                f"scenario {each.name}, against", repr(each.against),
                "another one of the question, or nothing",
            )  # fmt: skip
    if len(set(question.indicators)) < len(question.indicators):
        raise Refusal("indicators", ", ".join(question.indicators), "each once")


def scenarios(asked: Sequence[Asked], names: Names) -> tuple[Scenario, ...]:
    """Return the scenarios of a question.

    Raises
    ------
    ModelError
        With every mistake, in the plant's names.
    """
    findings: list[Finding] = []
    found = []
    for each in asked:
        if not each.name or each.name == AS_IT_IS:
            findings.append(Finding("scenario name", repr(each.name), f"a name, other than {AS_IT_IS!r}"))
            continue
        if len(each.changes) > CHANGES_MAX:
            findings.append(
                Finding(f"scenario {each.name}", f"{len(each.changes)} changes", f"at most {CHANGES_MAX}")
            )
        changes: list[Change] = []
        added = [name for change in each.changes if (name := _added(change))]
        for number, change in enumerate(each.changes, 1):
            try:
                changes += names.read(change, f"scenario {each.name}, change {number}", added)
            except ModelError as error:
                findings += error.findings
        found.append(Scenario(each.name, tuple(changes), each.asks))
    if findings:
        raise ModelError(findings)
    return unique(found)


def stay(asked: Sequence[Asked], names: Names) -> list[Note]:
    """Return a note of the orders that stay where a scenario takes back all; [] where there is none."""
    all_go = {"change": "order_removed", "order": "@all"}
    takes_all = any(all_go.items() <= change.items() for each in asked for change in each.changes)
    if not takes_all or not names.all_begun:
        return []
    orders = ", ".join(names.all_begun)
    text = f"order {orders}: every part is begun: not taken back with all orders"
    return [Note(code="stay", subjects=names.all_begun, text=text)]


def _added(change: Mapping[str, Any]) -> str:
    """Return the work center that a change adds; "" where it adds none."""
    center = change.get("center") if change.get("change") == "center_added" else None
    return str(center.get("name", "")) if isinstance(center, Mapping) else ""


@contextlib.contextmanager
def in_plain_names(names: Names) -> Iterator[None]:
    """Say what the simulation refuses in the plant's names for units."""
    try:
        yield
    except ModelError as error:
        plain = (
            Finding(names.plain(each.place), names.plain(each.found), names.plain(each.expected))
            for each in error.findings
        )
        raise ModelError(plain) from error


def known(question: Question, name: str) -> tuple[Asked, ...]:
    """Return the scenario of a question with a name, nothing for "": doing nothing.

    Raises
    ------
    Refusal
        If the question has none of that name.
    """
    if not name:
        return ()
    found = tuple(each for each in question.scenarios if each.name == name)
    if not found:
        told = ", ".join(each.name for each in question.scenarios)
        raise Refusal("scenario", f"{name!r}, which the question does not have", f"one of {told}")
    return found
