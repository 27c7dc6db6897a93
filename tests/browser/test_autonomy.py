"""A class of advice climbs by a person on the page, and falls by itself: real ledger, MES and portal.

What the analyst would say is said with the analyst's own account; its figures are invented. What people do is
done on the page.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from playwright.sync_api import Page, expect

from taktwin.contracts.recommendation import Check, Declare, Measure, Recommendation
from tests.browser.test_mes import shot
from tests.support_advice import CLASS, card, error, outcome
from tests.system.test_advice import CLOCK, House, question

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(900)]
CASES = 5  # the ledger's floor: no class climbs on fewer
T = TypeVar("T")


class Rooms:
    """The processes of advice, with their event loop in a thread: a browser has one of its own."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.house = House(folder)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Let something happen in the house, and return what came of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End all processes."""
        self.do(self.house.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the page is."""
        at = msgspec.json.decode((self.house.folder / "run" / "portal.json").read_bytes())
        return str(at["url"])

    def worked(self, name: str) -> None:
        """Let an advice be accepted, carried out at the terminal, and measured: it saved nine parts."""
        house = self.house
        unit, kind = house.tools[0]
        row = self.do(house.proposed(name, unit, kind))
        shown = house.http(f"/advice/{name}")["shown"]
        yes = {"accept": True, "version": row["version"], "shown": shown, "idempotency_key": f"key-of-{name}"}
        self.do(house.until(lambda: house.http(f"/advice/{name}/decision", yes)))  # the same key is done once
        order = self.do(house.stands(name, "Acknowledged"))["execution"]["subject"]
        done = {"data": {"order": order}, "idempotency_key": f"terminal-{name}"}
        self.do(house.until(lambda: house.http("/mes/commands/tool.change", done)))
        self.do(house.until(lambda: house.http(f"/advice/{name}")["execution"]["done_ms"]))
        due = self.do(house.analyst.request(question("ledger", "due"), b""))
        [document] = msgspec.msgpack.decode(due, type=list[Recommendation])
        measured = outcome(document, -9.0, now_ns=CLOCK.now_ns())
        answer = self.do(house.says(Measure(recommendation=name, outcome=measured)))
        assert answer.accepted, answer


@pytest.fixture
def rooms(tmp_path: Path, built: Path) -> Iterator[Rooms]:
    found = Rooms(tmp_path)
    try:
        found.do(found.house.open())
        # The page shows the picture of the one and the times of the other: without a picture nobody decides.
        for name in ("twin", "historian"):
            found.do(found.house.start(name))
        now_ms = CLOCK.now_ns() // 1_000_000
        bar = f"/bar?from_ms={now_ms - 3_600_000}&to_ms={now_ms}&columns=4"
        found.do(found.house.until(lambda: found.house.http(bar)))
        yield found
    finally:
        found.close()


def test_a_class_climbs_by_a_person_on_what_it_came_to_and_falls_by_itself(rooms: Rooms, page: Page) -> None:
    house = rooms.house
    for said in (Declare(advice_class=card(cases=CASES)), Check(advice_class=CLASS, error=error())):
        assert rooms.do(house.says(said)).accepted
    for number in range(1, CASES):
        rooms.worked(f"r{number}")
    page.goto(rooms.url + "advice?show=classes")
    kind = page.locator(f"[data-class={CLASS}]")
    up = kind.get_by_role("button", name="One rung up")
    expect(kind).to_contain_text(f"{CASES - 1} of {CASES} cases since it was moved last.")
    kind.get_by_label("Reason").fill("all of them were worth it")
    expect(up).to_be_disabled()

    # One more that really helped, and a person lets it climb.
    rooms.worked(f"r{CASES}")
    expect(kind).to_contain_text(f"{CASES} worked, 0 made no difference, 0 did harm.")
    expect(up).to_be_enabled()
    up.click()
    expect(kind).to_have_attribute("data-level", "one-click")
    climb = kind.locator("[data-move=one-click]")
    who = rooms.do(house.ask("/me"))["person"]
    expect(climb).to_contain_text(f"{who}: all of them were worth it")
    expect(up).to_be_disabled()  # there is no rung above
    shot(page, "autonomy-climb")

    expect(kind.locator("[data-error]")).to_contain_text("off by 8.0 % (20 cases)")
    # Something waits for a person when a back-test comes in that is above the limit.
    unit, tool = house.tools[1]
    rooms.do(house.proposed("waiting", unit, tool))
    expect(page.get_by_role("link", name="For you 1")).to_be_visible()
    assert rooms.do(house.says(Check(advice_class=CLASS, error=error(0.17)))).accepted
    expect(kind).to_have_attribute("data-level", "observe")
    fall = kind.locator("[data-move=observe]")
    expect(fall).to_contain_text("by itself: The error of its back-test was 17.0%, the limit is 15.0%.")
    expect(kind.locator("[data-error]")).to_contain_text("off by 17 %")
    expect(page.locator("[data-decided=waiting]")).to_have_attribute("data-state", "Superseded")
    expect(page.locator("[data-silent='autonomy.backtest']")).to_be_visible()
    kind.get_by_label("Reason").fill("it was good before")
    expect(up).to_be_disabled()
    shot(page, "autonomy-fall")
    page.locator("[data-decided=waiting]").click()
    expect(page.get_by_role("button", name="Accept")).to_have_count(0)
    # With a back-test within its limit it may be let up again; by itself it stays where it is.
    assert rooms.do(house.says(Check(advice_class=CLASS, error=error()))).accepted
    page.get_by_role("link", name="Autonomy").click()
    expect(page.locator("[data-silent]")).to_have_count(0)
    expect(kind).to_have_attribute("data-level", "observe")
