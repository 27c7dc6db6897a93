"""Who may open the door, and what a role may do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from taktwin.errors import ConfigError
from taktwin.portal import openapi
from taktwin.portal.auth import LoopbackAccounts, is_loopback, refuse_open_door
from taktwin.portal.replay import Wish
from taktwin.portal.roles import ROLES, Action, allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_the_loopback_may_be_bound(host: str) -> None:
    assert is_loopback(host)
    refuse_open_door(host, LoopbackAccounts(demo=True))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "plant.example", "", "127.0.0.1.example"])
def test_without_accounts_no_other_address_is_bound(host: str) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        refuse_open_door(host, LoopbackAccounts(demo=True))


def test_roles_add_up_and_an_unknown_one_adds_nothing() -> None:
    assert allowed(["viewer", "nobody"]) == frozenset()
    assert allowed(["operator"]) == {
        Action.ALARM_ACKNOWLEDGE,
        Action.ALARM_COMMENT,
        Action.MES_WORK,
        Action.MES_HOLD,
        Action.MES_SIGN,
        Action.MES_REQUEST,
        Action.MES_TOOL,
        Action.MES_MEASURE,
        Action.MES_STOP,
    }
    assert {Action.MES_MAINTAIN, Action.MES_CALIBRATE} <= allowed(["maintenance"])
    assert Action.MES_WORK not in allowed(["maintenance"])
    assert Action.DEMO_INJECT not in allowed(role for role in ROLES if role != "demo")


def test_the_document_is_the_same_each_time() -> None:
    # Another process has another hash seed: the order of sets must not show.
    made = subprocess.run(
        [sys.executable, "-m", "taktwin.portal.openapi"], capture_output=True, check=True, timeout=60
    )
    assert made.stdout.decode() == openapi.text()


LIVE = Wish("mode", live=True)


@pytest.mark.parametrize(
    ("wishes", "right"),
    [
        ([Wish("seek", at_ns=1), Wish("seek", at_ns=2)], Wish("seek", at_ns=2)),
        ([Wish("seek", at_ns=1), Wish("speed", speed=60)], Wish("speed", at_ns=1, speed=60)),
        ([Wish("mode", at_ns=1, speed=1), Wish("seek", at_ns=2)], Wish("mode", at_ns=2, speed=1)),
        ([Wish("mode", at_ns=1, speed=1), LIVE], LIVE),
        ([LIVE, Wish("mode", at_ns=1, speed=1)], Wish("mode", at_ns=1, speed=1)),
        ([LIVE, Wish("seek", at_ns=1)], LIVE),
        ([Wish("seek", at_ns=1), Wish("step", step=1)], Wish("step", step=1)),
    ],
)
def test_wishes_that_come_too_fast_melt_into_one(wishes: list[Wish], right: Wish) -> None:
    first, *later = wishes
    for wish in later:
        first = first.then(wish)
    assert first == right
