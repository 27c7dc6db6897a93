"""The page in a real browser: what it draws, what it admits not to know, and what it does without a mouse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, FakePortal
from tests.browser.find_browser import packages

pytestmark = pytest.mark.browser

PAGES = {
    "now": "/?layers=temperature",
    "table": "/?view=table",
    "machine": "/machine/press2",
    "signal": "/signal/zone_c/temperature_west",
    "alarms": "/alarms?alarm=zone_c%2Ftemperature_west%3Ahigh",
    "journal": "/alarms?tab=journal",
    "health": "/alarms?tab=health",
    "system": "/system?connection=line2",
    "missing": "/nowhere",
}


def settled(page: Page) -> None:
    """Wait until the page is connected and its place is loaded."""
    expect(page.locator(".app[data-connected=true]")).to_be_visible(timeout=15_000)
    expect(page.get_by_test_id("clock")).not_to_contain_text("–")
    page.wait_for_load_state("networkidle")


def open_page(page: Page, portal: FakePortal, path: str) -> None:
    page.goto(portal.url + path)
    settled(page)


def kinds(page: Page) -> dict[str, str]:
    """Return how each machine of the plan is drawn."""
    return page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-machine] [data-unit]')]"
        ".map(g => [g.dataset.unit, g.dataset.kind]))"
    )


def test_the_plan_shows_every_placed_machine_with_its_state(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    plant = page.request.get(f"{portal.url}/api/v1/plant").json()
    placed = {e["id"] for e in plant["equipment"] if e["level"] == "WorkUnit" and e["x_m"] is not None}
    page.wait_for_function("document.querySelectorAll('[data-machine] [data-kind=run]').length > 5")
    drawn = kinds(page)
    assert set(drawn) == placed
    assert drawn["press2"] == "starved"
    assert drawn["hob1"] == "set_up"
    assert drawn["eol2"] == "off"


def test_a_cut_cable_is_hatched_with_its_age_within_five_seconds_and_comes_back(
    page: Page, portal: FakePortal
) -> None:
    open_page(page, portal, "/")
    portal.fault("cut", "line2")
    press = page.locator("[data-machine=press2]")
    expect(press.locator("[data-kind=unknown]")).to_be_visible(timeout=5_000)
    expect(press).to_contain_text(re.compile(r"\d(\.\d)? s"))
    assert press.locator("rect.body").get_attribute("fill") == "url(#hatch)"
    expect(page.get_by_role("complementary", name="Needs you")).to_contain_text("line2 is silent")
    expect(page.get_by_test_id("fresh")).not_to_contain_text("542 of 542")
    others = {unit: kind for unit, kind in kinds(page).items() if not unit.endswith("2")}
    assert "unknown" not in others.values()
    portal.fault("mend", "line2")
    expect(press.locator("[data-kind=starved]")).to_be_visible(timeout=5_000)


def test_a_cut_cable_makes_values_too_old_on_machine_and_signal_pages(page: Page, portal: FakePortal) -> None:
    portal.fault("cut", "line2")
    open_page(page, portal, "/machine/press2")
    expect(page.locator("p.say")).to_contain_text("Unknown for")
    expect(page.get_by_role("link", name="Check connection line2")).to_be_visible()
    expect(page.locator("td", has_text=re.compile("^too old$")).first).to_be_visible()
    page.goto(f"{portal.url}/signal/press2/power")
    expect(page.get_by_test_id("signal-value")).to_have_class(re.compile(r"\bold\b"), timeout=10_000)


def test_a_server_that_stops_speaking_is_said_across_the_top_and_forgotten_on_return(
    page: Page, portal: FakePortal
) -> None:
    open_page(page, portal, "/")
    page.evaluate("window.notReloaded = true")
    portal.fault("hang")
    bar = page.get_by_role("alert")
    expect(bar).to_contain_text("Not connected since", timeout=6_000)
    assert set(kinds(page).values()) == {"unknown"}
    portal.fault("speak")
    expect(bar).to_have_count(0, timeout=8_000)
    page.wait_for_function("document.querySelectorAll('[data-machine] [data-kind=run]').length > 5")
    assert page.evaluate("window.notReloaded")


def test_the_time_bar_goes_back_plays_and_returns(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    slider = page.get_by_role("slider", name="Instant that is shown")
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 80, steps=5)
    page.mouse.up()
    expect(page.locator(".app")).to_have_attribute("data-mode", "replay")
    expect(page.locator(".stripes")).to_be_visible()
    expect(page.get_by_text("Nothing can be changed here.")).to_be_visible()
    assert "mode=replay" in page.url
    before = page.get_by_test_id("clock").inner_text()
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Speed 1×, faster").click()
    expect(page.get_by_role("button", name="Speed 10×, faster")).to_be_visible()
    page.wait_for_timeout(1500)
    assert page.get_by_test_id("clock").inner_text() > before
    page.keyboard.press("Escape")
    expect(page.locator(".app")).to_have_attribute("data-mode", "live")
    assert "mode=" not in page.url


def test_what_is_wished_before_the_past_is_there_is_done_once_it_is(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/?lang=en")
    page.get_by_role("button", name="Replay").click()
    begun = page.get_by_test_id("clock").inner_text()
    for _ in range(3):
        page.keyboard.press("j")
    page.wait_for_timeout(1500)
    hours, minutes, seconds = (int(part) for part in begun[:8].split(":"))
    wanted = hours * 3600 + minutes * 60 + seconds - 10 - 30 - 60
    shown = page.get_by_test_id("clock").inner_text()[:8].split(":")
    assert abs(int(shown[0]) * 3600 + int(shown[1]) * 60 + int(shown[2]) - wanted) <= 1
    expect(page.locator(".problem")).to_have_count(0)


def test_comma_goes_one_event_back_and_k_plays(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    page.keyboard.press(",")
    expect(page.get_by_test_id("clock")).to_contain_text("14:22:07", timeout=5_000)
    expect(page.locator(".app")).to_have_attribute("data-mode", "replay")
    page.wait_for_url(re.compile(r"at=2026-11-12T13%3A22%3A07"))
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(page.get_by_test_id("clock")).to_contain_text("14:22:09", timeout=5_000)


def test_an_address_shares_an_instant_and_goes_along_with_links(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/machine/turn1?mode=replay&at=2026-11-12T12:06:40.000Z")
    expect(page.get_by_test_id("clock")).to_contain_text("13:06:40")
    page.get_by_role("link", name="Show on the plan").click()
    expect(page.get_by_test_id("clock")).to_contain_text("13:06:40")
    assert "at=2026-11-12T12" in page.url


def test_nothing_is_acknowledged_from_a_replay(page: Page, portal: FakePortal) -> None:
    open_page(
        page, portal,
        "/alarms?alarm=adhesive2%2Falarm%2Factive%3Amachine&mode=replay&at=2026-11-12T13:30:00.000Z",
    )  # fmt: skip
    expect(page.get_by_test_id("acknowledge")).to_be_disabled()
    expect(page.get_by_text("This is a replay: nothing can be changed here.")).to_be_visible()


def test_an_alarm_is_acknowledged_with_a_comment_by_keyboard_alone(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/alarms")
    for _ in range(8):
        page.keyboard.press("j")
        if "adhesive2" in page.url:
            break
    row = page.locator("[data-alarm='adhesive2/alarm/active:machine']")
    expect(row).to_have_attribute("data-state", "UNACK")
    page.get_by_label("Comment").focus()
    page.keyboard.type("nozzle is clean")
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("data-state", "ACKED", timeout=5_000)
    expect(row).to_contain_text("nozzle is clean")


def test_the_plan_is_walked_with_arrows_and_left_with_escape(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    page.locator("[data-machine=turn1]").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.machine") == "hob1"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="hob1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-machine=hob1]")).to_be_visible()


def test_search_finds_and_opens_with_the_keyboard(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/system")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Machine, signal")).to_be_focused()
    page.keyboard.type("press3")
    expect(page.locator("#found [role=option]").first).to_contain_text("press3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="press3")).to_be_visible()


def test_a_value_tells_quality_age_and_origin_on_focus(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/machine/press2")
    page.locator("td.value a").nth(9).focus()
    page.keyboard.press("Tab")
    card = page.get_by_role("tooltip")
    expect(card).to_contain_text("Quality")
    expect(card).to_contain_text("Source time")
    expect(card).to_contain_text("nsu=urn:taktwin:virtual-plant")
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_the_legend_of_the_strip_adds_up_to_the_whole_time(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/machine/turn1?mode=replay&at=2026-11-12T13:30:00.000Z")
    page.wait_for_selector(".legend li")
    sums = page.evaluate(
        """async () => {
          const at = Date.parse('2026-11-12T13:30:00Z');
          const url = `/api/v1/units/turn1/timeline?from_ms=${at - 3600000}&to_ms=${at}`;
          return (await fetch(url).then(r => r.json())).sums;
        }"""
    )
    assert sum(sums.values()) == 3600
    shown = page.locator(".legend li b").all_inner_texts()
    assert len(shown) == len(sums)


def test_every_page_speaks_german(page: Page, portal: FakePortal) -> None:
    page.add_init_script("localStorage.setItem('taktwin.language', 'de')")
    open_page(page, portal, "/")
    expect(page.get_by_role("heading", name="Braucht Sie")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"


def test_languages_have_the_same_keys() -> None:
    folder = ROOT / "ui" / "src" / "messages"
    keys = [set(json.loads((folder / f"{name}.json").read_text("utf-8"))) for name in ("en", "de")]
    assert keys[0] == keys[1]


def test_the_first_load_is_small(page: Page, portal: FakePortal) -> None:
    sizes: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: (
            sizes.__setitem__(answer.url, int(answer.headers.get("content-length", 0)))
            if "/api/" not in answer.url
            else None
        ),
    )
    open_page(page, portal, "/")
    total = sum(sizes.values())
    print(f"first load: {total} bytes in {len(sizes)} files")
    assert total <= 150_000, sizes


def test_no_lock_file_names_a_registry() -> None:
    for lock in (ROOT / "ui" / "package-lock.json", Path(__file__).parent / "package-lock.json"):
        assert '"resolved": "http' not in lock.read_text("utf-8")


def shapes(part: Any) -> Any:
    """Return a part of an OpenAPI document without its prose, which moves nothing in the page."""
    if isinstance(part, dict):
        prose = ("description", "summary") if not isinstance(part.get("description"), dict) else ()
        return {key: shapes(value) for key, value in part.items() if key not in prose}
    return [shapes(item) for item in part] if isinstance(part, list) else part


def test_generated_types_are_those_of_the_portal() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "taktwin.portal.openapi"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    kept = (ROOT / "ui" / "openapi.json").read_text("utf-8")
    assert shapes(json.loads(done.stdout)) == shapes(json.loads(kept)), (
        "python -m taktwin.portal.openapi > ui/openapi.json, then npm run types"
    )


AXE = """async () => (await axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
})).violations.map(v => v.id + ': ' + v.nodes.slice(0, 4).map(
  n => n.html.slice(0, 160) + ' | ' + (n.any[0]?.message ?? '')).join(' || '))"""


def violations(page: Page) -> list[str]:
    # Not as a script of the page: its policy rightly refuses strangers.
    page.evaluate((packages() / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(AXE)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize("name", list(PAGES))
def test_no_page_breaks_wcag(page: Page, portal: FakePortal, name: str, theme: str) -> None:
    page.add_init_script(f"localStorage.setItem('taktwin.theme', '{theme}')")
    open_page(page, portal, PAGES[name])
    page.wait_for_timeout(600)
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize("mode", ["replay", "cut", "lost", "search"])
def test_no_mode_breaks_wcag(page: Page, portal: FakePortal, mode: str, theme: str) -> None:
    page.add_init_script(f"localStorage.setItem('taktwin.theme', '{theme}')")
    if mode == "cut":
        portal.fault("cut", "line2")
    open_page(
        page, portal, "/?mode=replay&at=2026-11-12T12:06:40.000Z" if mode == "replay" else "/machine/press2"
    )
    if mode == "lost":
        portal.fault("hang")
        expect(page.get_by_role("alert")).to_be_visible(timeout=6_000)
    if mode == "search":
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Machine, signal")).to_be_focused()
        page.keyboard.type("press")
        expect(page.locator("#found [role=option]").first).to_be_visible()
    page.wait_for_timeout(400)
    assert violations(page) == []
