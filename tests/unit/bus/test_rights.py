"""Who may say and hear what, over the whole catalogue: no account beyond those named reaches MES or machine.

The server's own behaviour under these rights is tested against it (`tests/protocol`); here every subject that
could move something is tried against everybody's list.
"""

from __future__ import annotations

import pytest

from taktwin.bus.rights import RIGHTS, inbox, publish_allow, subscribe_allow
from taktwin.contracts import commands, recommendation, topics
from taktwin.contracts.events import LEDGER_EVENTS, MES_EVENTS

PLACE = f"{topics.ROOT}.northfield.works.machining.line1.turn1"
ON_STREAMS = ("CREATE", "UPDATE", "PURGE", "DELETE", "MSG.DELETE", "RESTORE")


def say(subject: str) -> set[str]:
    """Return who may say a subject, the reading of streams and whatever else is granted included."""
    return {user for user in RIGHTS if _fits(subject, publish_allow(user), RIGHTS[user].publish_deny)}


def hear(subject: str) -> set[str]:
    """Return who may hear a subject."""
    return {user for user in RIGHTS if _fits(subject, subscribe_allow(user), RIGHTS[user].subscribe_deny)}


def _fits(subject: str, allowed: tuple[str, ...], denied: tuple[str, ...]) -> bool:
    return any(topics.matches(each, subject) for each in allowed) and not any(
        topics.matches(each, subject) for each in denied
    )


@pytest.mark.parametrize("name", sorted(commands.CATALOGUE))
def test_a_command_of_the_mes_is_the_portals_alone(name: str) -> None:
    subject = f"{PLACE}._cmd_v1.mes.{name}"
    machines = {"commander"} if name == "machine.jobs.report" else set()
    assert say(subject) == {"portal"} | machines and hear(subject) == {"mes"}


@pytest.mark.parametrize("name", sorted(recommendation.MESSAGES))
def test_what_the_ledger_is_told_comes_of_whom_it_is_and_is_heard_by_nobody_else(name: str) -> None:
    subject = f"{PLACE}._cmd_v1.ledger.{name}"
    assert say(subject) == {recommendation.MESSAGES[name].sender} and hear(subject) == {"ledger"}


@pytest.mark.parametrize("kind", [*MES_EVENTS, *LEDGER_EVENTS])
def test_a_fact_is_its_owners(kind: type) -> None:
    owner = "mes" if kind in MES_EVENTS else "ledger"
    assert say(f"{PLACE}._evt_v1.{kind.event_type}") == {owner}  # type: ignore[attr-defined]


def test_what_machines_say_comes_of_the_gateway_and_of_what_is_played() -> None:
    assert say(f"{PLACE}._sample_v1") == {"gateway"}
    assert say(f"{PLACE}._raw.line1") == {"gateway", "devices", "virtual_plant", "commissioning"}


@pytest.mark.parametrize("what", ON_STREAMS)
def test_a_stream_is_made_and_changed_by_the_supervisor_alone(what: str) -> None:
    for stream in (topics.STREAM_EVENTS, topics.STREAM_SAMPLES, "OWN"):
        assert say(f"$JS.API.STREAM.{what}.{stream}") == {"supervisor"}


def test_what_a_stream_holds_is_had_by_reading_it_alone() -> None:
    """Got by its position it would come under the name that was asked for, not under its own."""
    for way in ("STREAM.MSG.GET", "DIRECT.GET"):
        assert say(f"$JS.API.{way}.{topics.STREAM_EVENTS}") == {"supervisor"}


@pytest.mark.parametrize("user", sorted(RIGHTS))
def test_answers_are_heard_by_who_asked(user: str) -> None:
    assert hear(f"{inbox(user)}.0123456789abcdef.r.1") == {user}
