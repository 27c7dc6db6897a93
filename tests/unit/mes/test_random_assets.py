"""Random comings and goings of physical assets: never in two places, no role fulfilled twice, no gap in time.

The same machine is run with planted mistakes, and must find each of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taktwin.contracts import commands
from taktwin.mes.assets.queries import stood_in
from taktwin.mes.assets.tables import Asset, AssetPlace, AssetStay
from tests.unit.mes.conftest import SECOND, START_NS, Shop
from tests.unit.mes.test_random_commands import DEFINITIONS, chained_and_rebuilt, run

KINDS = {"A": "spindle", "B": "spindle", "C": "servo_press"}
ROLES = ("turn1/spindle", "turn2/spindle", "press2/press_unit")
names, roles = st.sampled_from(tuple(KINDS)), st.sampled_from(ROLES)
places = st.sampled_from(("", "spare_room", "quarantine"))
ages_s = st.sampled_from((None, None, 0, 5, 60))  # how long ago it is said to have been; None: now


class Assets(RuleBasedStateMachine):
    """A hall in which things are carried about, and somebody may say it late, twice or wrongly."""

    @initialize()
    def open(self) -> None:
        self.shop = Shop(DEFINITIONS)
        self.seen: dict[tuple[str, int], str] = {}  # what stood in a role at an instant, as it was said then
        for name, kind in KINDS.items():
            self.shop.ask(commands.RegisterAsset(asset=name, name=name, kind=kind))

    def _at(self, age_s: int | None) -> int:
        return 0 if age_s is None else self.shop.now_ns - age_s * SECOND

    @rule(name=names, role=roles, age_s=ages_s)
    def mount(self, name: str, role: str, age_s: int | None) -> None:
        answer = self.shop.ask(commands.MountAsset(asset=name, role=role, at_ns=self._at(age_s)))
        assert not answer.accepted or (KINDS[name] == "servo_press") == role.startswith("press2")

    @rule(name=names, location=places, age_s=ages_s)
    def dismount(self, name: str, location: str, age_s: int | None) -> None:
        self.shop.ask(commands.DismountAsset(asset=name, cause="x", location=location, at_ns=self._at(age_s)))

    @rule(name=names, location=places)
    def carry(self, name: str, location: str) -> None:
        self.shop.ask(commands.StoreAsset(asset=name, location=location))

    @rule(name=names)
    def retire(self, name: str) -> None:
        self.shop.ask(commands.RetireAsset(asset=name, cause="x"))

    @rule(hours=st.integers(0, 2))
    def wait(self, hours: int) -> None:
        self.shop.now_ns += hours * 3600 * SECOND

    @invariant()
    def every_asset_is_in_one_place_and_every_role_has_one_asset(self) -> None:
        if not hasattr(self, "shop"):
            return
        book = self.shop.store.book
        mounted = [row.role for row in book.where(Asset) if row.role]
        assert len(mounted) == len(set(mounted))
        for place in book.where(AssetPlace):
            found = stood_in(book, place.role, self.shop.now_ns)
            assert place.asset == ("" if found is None else found.asset)
        for name in KINDS:
            stays = sorted(book.where(AssetStay, asset=name), key=lambda row: row.number)
            assert all(a.to_ns == b.from_ns >= a.from_ns for a, b in itertools.pairwise(stays))
            assert stays[-1].to_ns == 0
            row = book.get(Asset, name)
            assert row is not None and (row.role, row.location) == (stays[-1].role, stays[-1].location)
        for role in ROLES:
            spans = sorted((row.from_ns, row.to_ns or 1 << 62) for row in book.where(AssetStay, role=role))
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), "two at once in one role"
            assert all(START_NS - 3600 * SECOND <= from_ns <= self.shop.now_ns for from_ns, _ in spans)

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            chained_and_rebuilt(self.shop)


def test_random_comings_and_goings_of_assets_leave_one_history() -> None:
    run(Assets, 40, 25)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "whatever is said of the time is believed": (
        "taktwin.mes.mounting.actions._when",
        lambda said_ns, asset, place, asking: said_ns or asking.now_ns,
    ),
    "anything fits anywhere": ("taktwin.mes.mounting.actions._refuse_unfit", lambda *_: None),
    "a stay is not ended": ("taktwin.mes.mounting.actions._leaves", lambda *_: None),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_comings_and_goings_find_a_planted_mistake(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Assets, 500, shrink=False)
