"""What is laid beside each other where all processes play the same weeks: what was decided, by insert."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from taktwin.contracts.recommendation import Carry
from taktwin.storage.stores import MemoryStore
from tests.closed_loop import shipped
from tests.closed_loop.shipped import Decided
from tests.support_advice import HOUR, SECOND, START_NS, Office, proposal


def ledger(*, accepts: bool = True, due_ns: int = START_NS + HOUR) -> list[Decided]:
    """Return what a real ledger holds of one insert: proposed, and accepted or left to expire."""
    store = MemoryStore()
    office = Office(store).begun()
    evidence = [msgspec.structs.replace(each, from_ns=START_NS - 5 * HOUR) for each in proposal().evidence]
    action = proposal().action
    action = msgspec.structs.replace(action, data={**action.data, "due_ns": due_ns})
    assert office.propose("r1", evidence=evidence, action=action).accepted
    if accepts:
        assert office.accept().accepted
        office.granted(Carry(recommendation="r1"))
        assert office.opened() == 1
    return shipped.decided(json.loads(msgspec.json.encode(each)) for each in store.entries)


def test_a_ledgers_journal_says_what_was_decided_on_each_insert() -> None:
    [one] = ledger()
    assert (one.unit, one.begin_ns, one.due_ns) == ("turn1", START_NS - 5 * HOUR, START_NS + HOUR)
    assert (one.chosen, one.accepted, one.promised, one.measured) == ("next_setup", True, -12.0, None)
    assert START_NS < one.shown_ns < START_NS + 60 * SECOND
    assert not ledger(accepts=False)[0].accepted


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"due_ns": START_NS + HOUR + 1800 * SECOND}, True),
        ({"due_ns": START_NS + 3 * HOUR}, False),
        ({"accepts": False}, False),
    ],
)
def test_a_decision_is_the_same_where_it_was_taken_alike_and_falls_due_alike(
    other: dict[str, Any], same: bool
) -> None:
    [pair] = shipped.beside(ledger(), ledger(**other))
    assert shipped.is_same(*pair) is same


def test_a_decision_that_the_other_did_not_take_is_not_the_same() -> None:
    [pair] = shipped.beside(ledger(), [])
    assert not shipped.is_same(*pair)


def test_an_insert_that_only_one_of_both_advised_on_is_shown_as_such() -> None:
    [mine] = ledger()
    later = msgspec.structs.replace(mine, begin_ns=mine.begin_ns + 9 * HOUR)
    silent = msgspec.structs.replace(mine, begin_ns=mine.begin_ns + 20 * HOUR, shown_ns=0)
    assert shipped.beside([mine, silent], [later]) == [(mine, None), (None, later)]
    near = msgspec.structs.replace(mine, begin_ns=mine.begin_ns + 20 * SECOND)
    assert shipped.beside([mine], [near, silent]) == [(mine, near)]
