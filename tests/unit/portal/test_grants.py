"""What a seal binds: this recommendation, this command with all of its data, and all that it says itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from taktwin.contracts.recommendation import Action, Recommendation
from taktwin.portal.grants import Grants, Wanted
from tests.support_advice import START_NS, Office

GRANTS = Grants(b"key")
DATA: dict[str, Any] = {
    "work_unit": "turn1", "kind": "tool_change", "tool_kind": "insert", "tool": "T-insert-1",
    "about": "the diameter drifts", "priority": 5, "due_ns": START_NS,
}  # fmt: skip


def document() -> Recommendation:
    """Return a recommendation to a tool change that names all that one can name."""
    office = Office().begun()
    assert office.propose().accepted
    whole, replace = office.of(), msgspec.structs.replace
    action = replace(whole.proposal.action, data=DATA)
    return replace(whole, proposal=replace(whole.proposal, action=action))


DOCUMENT = document()
ACTION = DOCUMENT.proposal.action
SEAL = GRANTS.seal(DOCUMENT, "P01", ["aurora/northfield/machining/line1"], at_ns=START_NS)
HEAD, MARK = SEAL.split(".")


def opened(grant: str = SEAL, name: str = "r1", **changes: Any) -> Wanted | None:
    """Return what a seal says of the action, or of one that is changed."""
    return GRANTS.opened(grant, name, msgspec.structs.replace(ACTION, **changes))


def test_the_seal_of_what_was_wanted_is_good_in_whatever_order_its_data_come() -> None:
    wanted = opened()
    assert wanted is not None and (wanted.person, wanted.at_ns) == ("P01", START_NS)
    assert opened(data=dict(reversed(DATA.items()))) == wanted


def test_a_seal_with_less_or_more_than_its_whole_mark_is_none() -> None:
    for length in range(len(MARK)):
        assert opened(f"{HEAD}.{MARK[:length]}") is None, length
    for grant in (HEAD, f"{HEAD}.{MARK}0", f"{HEAD}.{MARK}.", f"{HEAD}.{MARK.upper()}", f".{MARK}", "", "."):
        assert opened(grant) is None, grant


def test_a_seal_is_of_one_recommendation_and_one_command() -> None:
    for command in ("", "maintenance.abort", "maintenance.requests", "Maintenance.request", "job.control"):
        assert opened(command=command) is None, command
    for name in ("", "r", "r2", "r1 "):
        assert opened(name=name) is None, name


def others(value: Any) -> Iterator[Any]:
    """Return other values than one, near and far."""
    yield from (None, [value], {"": value})
    yield from ((value + 1, -value, 0, str(value)) if isinstance(value, int) else ("", f"{value} ", "other"))


@pytest.mark.parametrize("name", DATA)
def test_a_seal_is_of_each_of_its_commands_data(name: str) -> None:
    for value in others(DATA[name]):
        assert opened(data={**DATA, name: value}) is None, value
    without = {each: value for each, value in DATA.items() if each != name}
    assert opened(data=without) is None
    assert opened(data={**without, f"{name}_": DATA[name]}) is None, "under another name"


def test_a_seal_is_of_no_more_data_than_were_shown() -> None:
    for name, value in (("stops", True), ("", ""), ("reach", None)):
        assert opened(data={**DATA, name: value}) is None, name
    assert opened(data={}) is None


def test_a_command_without_data_has_a_seal_of_its_own() -> None:
    bare = Action(command=ACTION.command, says=ACTION.says, data={})
    whole = msgspec.structs.replace(DOCUMENT.proposal, action=bare)
    seal = GRANTS.seal(msgspec.structs.replace(DOCUMENT, proposal=whole), "P01", None)
    assert GRANTS.opened(seal, "r1", bare) is not None and opened(seal) is None


# Another value of each field that a seal has.
OTHERWISE: dict[str, Any] = {
    "person": "P02", "reach": None, "approvals": 0, "until_ns": 1 << 62, "shown": "", "at_ns": START_NS + 1
}  # fmt: skip


@pytest.mark.parametrize("name", Wanted.__struct_fields__)
def test_nothing_of_what_a_seal_says_can_be_changed(name: str) -> None:
    wanted = opened()
    assert wanted is not None
    body = msgspec.json.encode(msgspec.structs.replace(wanted, **{name: OTHERWISE[name]}))
    assert opened(f"{base64.urlsafe_b64encode(body).decode()}.{MARK}") is None
