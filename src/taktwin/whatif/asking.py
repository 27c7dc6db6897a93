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
    REPLICATIONS_MIN,
    SCENARIOS_MAX,
    Note,
    Question,
)
from taktwin.contracts.whatif import Scenario as Asked
from taktwin.errors import Refusal
from taktwin.simulation.changes import JOBS_MAX, Change, OrderAdded
from taktwin.simulation.check import Finding, ModelError
from taktwin.simulation.experiment import AS_IT_IS
from taktwin.simulation.scenario import Scenario, applied, unique
from taktwin.whatif.naming import Names
from taktwin.whatif.present import Present

QUESTION_MAX = 10 * JOBS_MAX  # jobs that come or are changed one by one, in all scenarios of a question


def checked(question: Question, *, runs_min: int = REPLICATIONS_MIN) -> None:
    """Refuse a question that no plant could answer.

    Parameters
    ----------
    runs_min : 1 where no run is held against another one

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
        ("replications", question.replications, runs_min, REPLICATIONS_MAX),
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
    size = 0
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
            place = f"scenario {each.name}, change {number}"
            try:
                told = names.read(change, place, added)
            except ModelError as error:
                findings += error.findings
                continue
            changes += told
            size += sum(one.order.lots if isinstance(one, OrderAdded) else 1 for one in told)
            if size > QUESTION_MAX:  # nobody reads on: memory and time of all others are in it
                text = f"{size:,} jobs that are changed or come, in the scenarios so far"
                raise ModelError([*findings, Finding(place, text, f"at most {QUESTION_MAX:,} in a question")])
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


def idle(asked: Sequence[Asked], here: Present) -> list[Note]:
    """Return a note of the changes that change nothing in the plant as it stands; [] where all do.

    The scenarios are those of a question that can be asked.
    """
    found = []
    for each in asked:
        plant = here.plant
        added = [name for change in each.changes if (name := _added(change))]
        for number, change in enumerate(each.changes, 1):
            told = here.names.read(change, f"scenario {each.name}, change {number}", added)
            after = applied(plant, Scenario(each.name, told))
            if after == plant:
                found.append(f"{each.name} {number} ({change['change']})")
            plant = after
    if not found:
        return []
    text = f"{', '.join(found)}: changes nothing in this plant as it stands"
    return [Note(code="idle", subjects=found, text=text)]


def _added(change: Mapping[str, Any]) -> str:
    """Return the work center or product that a change adds; "" where it adds none."""
    kind = change.get("change")
    if kind == "variant_added":
        return str(change.get("name", ""))
    new = change.get({"center_added": "center", "product_added": "product"}.get(str(kind), ""))
    return str(new.get("name", "")) if isinstance(new, Mapping) else ""


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
