"""The page in a real browser: what it draws, what it admits not to know, and what it does without a mouse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Error, Locator, Page, Response, Route, expect

from tests.browser.axe import violations
from tests.browser.conftest import ROOT, FakePortal
from tests.browser.fake_world import START_MS
from tests.system.product import until

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
    "maintenance": "/maintenance",
    "models": "/maintenance?show=models",
    "outcome": "/advice?id=r1",
    "missing": "/nowhere",
}
# What each page shows once its own questions are answered.
READY = {
    "/": "[data-machine=turn1] [data-unit]",
    "/machine": ".legend li b",
    "/signal": ".uplot canvas",
    "/alarms": "main table tbody tr, [data-alarm]",
    "/system": "main table tbody tr",
    "/advice": "[data-advice], [data-class]",
    "/maintenance": "[data-risk] .life, [data-version]",
    "/nowhere": "main h1",
}
# Busy machines are slow, never wrong: how long a test waits before it says that something never comes.
PATIENT_MS = 30_000
# Whatever would move if an axis slid on: its letters, its curves, the time bar's bars and playhead.
STANDS = """() => [
  ...document.querySelectorAll('[data-testid=window], .sbs svg text, section.bar svg text'),
].map((one) => `${one.textContent} ${one.getAttribute('x')}`).concat(
  [...document.querySelectorAll('[data-trace] g')].map((one) => one.getAttribute('transform')),
  [...document.querySelectorAll('section.bar svg rect')].map((one) => one.getAttribute('x')),
  document.querySelector('[role=slider]').getAttribute('aria-valuenow'),
)"""


def settled(page: Page, path: str = "/") -> None:
    """Wait until the page is connected, its place is drawn and the time bar knows what is recorded."""
    expect(page.locator(".app[data-connected=true]")).to_be_visible(timeout=PATIENT_MS)
    expect(page.get_by_test_id("clock")).not_to_contain_text("–", timeout=PATIENT_MS)
    expect(slider(page)).to_have_attribute("aria-valuemin", str(START_MS), timeout=PATIENT_MS)
    place = "/" + re.split(r"[/?]", path)[1]
    drawn = "main table tbody tr" if "view=table" in path else READY[place]
    expect(page.locator(drawn).first).to_be_visible(timeout=PATIENT_MS)
    if place == "/machine":
        expect(page.get_by_role("heading", name="Neighbours")).to_be_visible(timeout=PATIENT_MS)


def slider(page: Page) -> Locator:
    """Return the time bar as a screen reader finds it, in any language."""
    return page.locator("[role=slider]")


def instant_ms(page: Page) -> int:
    """Return the instant that the page shows."""
    return int(slider(page).get_attribute("aria-valuenow") or 0)


def open_page(page: Page, portal: FakePortal, path: str) -> None:
    page.goto(portal.url + path)
    settled(page, path)


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


def test_a_browser_whose_language_has_no_proper_name_draws_curves_too(page: Page, portal: FakePortal) -> None:
    """Seen: Chromium under a POSIX locale calls its language en-US@posix."""
    page.add_init_script(
        "Object.defineProperty(navigator, 'language', {value: 'en-US@posix', configurable: true})"
    )
    open_page(page, portal, "/signal/turn1/spindle/load")


def test_a_cut_cable_is_hatched_with_its_age_and_comes_back(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    portal.fault("cut", "line2")
    press = page.locator("[data-machine=press2]")
    expect(press.locator("[data-kind=unknown]")).to_be_visible(timeout=PATIENT_MS)
    expect(press).to_contain_text(re.compile(r"\d(\.\d)? s"))
    assert press.locator("rect.body").get_attribute("fill") == "url(#hatch)"
    needs = page.get_by_role("complementary", name="Needs you")
    expect(needs).to_contain_text("line2 is silent")
    expect(needs).to_contain_text("What it feeds is unknown.")
    # What lies between two machines of the line is known by their counters alone.
    beside = page.locator("[data-buffer=press_tighten2]")
    expect(beside).to_have_attribute("data-kind", "unknown")
    expect(beside.locator("rect").nth(1)).to_have_attribute("fill", "url(#hatch)")
    expect(page.locator("[data-buffer=press_tighten3]")).to_have_attribute("data-kind", "known")
    others = {unit: kind for unit, kind in kinds(page).items() if not unit.endswith("2")}
    assert "unknown" not in others.values()
    portal.fault("mend", "line2")
    expect(press.locator("[data-kind=starved]")).to_be_visible(timeout=PATIENT_MS)
    expect(beside).to_have_attribute("data-kind", "known")
    expect(needs).to_contain_text("Over for", timeout=PATIENT_MS)
    expect(needs).not_to_contain_text("What it feeds is unknown.")


def test_a_signal_that_was_never_received_is_not_fresh(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    plant = page.request.get(f"{portal.url}/api/v1/plant").json()
    open_page(page, portal, "/system")
    never = page.evaluate(
        """async () => {
          const socket = new WebSocket(`ws://${location.host}/api/v1/live`);
          return await new Promise((done) => {
            socket.onmessage = (event) => {
              const said = JSON.parse(event.data);
              if (said.type === 'snapshot') done(said.st.filter((at) => at === null).length);
            };
          });
        }"""
    )
    assert never > 0
    total = len(plant["signals"])
    expect(page.get_by_test_id("fresh")).to_have_text(f"{total - never} of {total} signals fresh")


def test_a_cut_cable_makes_values_too_old_on_machine_and_signal_pages(page: Page, portal: FakePortal) -> None:
    portal.fault("cut", "line2")
    open_page(page, portal, "/machine/press2")
    expect(page.locator("p.say")).to_contain_text("Unknown for")
    expect(page.get_by_role("link", name="Check connection line2")).to_be_visible()
    expect(page.locator("td", has_text=re.compile("^too old$")).first).to_be_visible()
    page.goto(f"{portal.url}/signal/press2/power")
    expect(page.get_by_test_id("signal-value")).to_have_class(re.compile(r"\bold\b"), timeout=10_000)


@pytest.mark.parametrize("path", ["/system", "/bar", "/plant"])
def test_an_answer_that_breaks_off_in_the_middle_is_asked_for_again(
    page: Page, portal: FakePortal, path: str
) -> None:
    """Seen: a cable that went while an answer was under way left the page waiting for ever."""
    one = page.context.new_page()  # its console may say that the network failed
    broken: list[str] = []
    one.on("pageerror", lambda error: broken.append(str(error)))
    portal.fault("tear", path)
    torn: list[str] = []
    one.on("requestfailed", lambda asked: torn.append(asked.url) if path in asked.url else None)
    one.goto(portal.url + "/system")
    until(lambda: one.wait_for_timeout(20) or torn, 30)
    portal.fault("reset")
    settled(one, "/system")
    assert broken == []


def test_a_server_that_stops_speaking_is_said_across_the_top_and_forgotten_on_return(
    page: Page, portal: FakePortal
) -> None:
    open_page(page, portal, "/")
    page.evaluate("window.notReloaded = true")
    portal.fault("hang")
    bar = page.get_by_role("alert")
    expect(bar).to_contain_text("Not connected since", timeout=PATIENT_MS)
    assert set(kinds(page).values()) == {"unknown"}
    portal.fault("speak")
    expect(bar).to_have_count(0, timeout=PATIENT_MS)
    page.wait_for_function("document.querySelectorAll('[data-machine] [data-kind=run]').length > 5")
    assert page.evaluate("window.notReloaded")


def test_before_the_first_picture_nothing_is_said_to_be_empty(page: Page, portal: FakePortal) -> None:
    portal.fault("hold", "live")
    page.goto(portal.url)
    expect(page.get_by_test_id("fresh")).to_have_text("Loading.", timeout=PATIENT_MS)
    expect(page.locator("header.top .alarms")).to_have_text(re.compile("Alarms are being loaded"))
    expect(page.locator("header.top .alarms > [aria-hidden]")).to_have_text([re.compile("–$")] * 3)
    expect(page.locator("main")).to_have_text("The plant is being loaded.")
    expect(page.get_by_test_id("bar-loading")).to_have_text("The time bar is being loaded.")
    portal.fault("reset")
    settled(page)
    expect(page.get_by_test_id("fresh")).to_contain_text(re.compile(r"\d+ of \d+ signals fresh"))


def test_a_time_bar_that_is_not_there_yet_says_so_and_nothing_is_dated_by_it(
    page: Page, portal: FakePortal
) -> None:
    portal.fault("hold", "/bar")
    page.goto(portal.url + "/machine/press2")
    expect(page.get_by_test_id("bar-loading")).to_have_text(
        "The time bar is being loaded.", timeout=PATIENT_MS
    )
    expect(page.locator("section.bar svg text")).to_have_count(1)  # no axis, no now, no hatching
    expect(page.get_by_test_id("recorded")).to_contain_text("is being loaded")
    expect(page.get_by_test_id("timeline-loading")).to_be_visible()
    portal.fault("reset")
    settled(page, "/machine/press2")
    expect(page.get_by_test_id("bar-loading")).to_have_count(0)
    expect(page.get_by_test_id("recorded")).to_contain_text("can be replayed since 08:32")


def test_an_address_of_an_instant_is_loading_until_it_is_there(page: Page, portal: FakePortal) -> None:
    """Seen: 'Replay, 0.0 s ago' and 'No alarm in this time.' while neither was known yet."""
    for word in ("/bar", "/journal"):
        portal.fault("hold", word)
    page.goto(portal.url + "/?mode=replay&at=2026-11-12T12:06:40.000Z")
    pill = page.locator("header.top .replay")
    expect(pill).to_have_text("Replay. Nothing can be changed here.", timeout=PATIENT_MS)
    expect(page.get_by_test_id("bar-loading")).to_have_text("The time bar is being loaded.")
    happened = page.get_by_role("complementary", name="What happened")
    expect(happened).to_contain_text("Loading.")
    expect(happened).not_to_contain_text("No alarm")
    portal.fault("reset")
    settled(page)
    expect(pill).to_have_text(
        re.compile(r"Replay, (1 h )?\d+ min ago\. Nothing can be changed here\."), timeout=PATIENT_MS
    )
    expect(page.get_by_test_id("bar-loading")).to_have_count(0, timeout=PATIENT_MS)


@pytest.mark.parametrize("path", ["/", "/machine/press2", "/?view=table"])
def test_before_the_start_nothing_is_recorded_and_no_year_is_1970(
    page: Page, portal: FakePortal, path: str
) -> None:
    at = f"{'&' if '?' in path else '?'}mode=replay&at={START_MS - 3_600_000}"
    page.goto(portal.url + path + at)
    expect(page.get_by_test_id("clock")).to_contain_text("07:32:07", timeout=PATIENT_MS)
    expect(slider(page)).to_have_attribute("aria-valuemin", str(START_MS), timeout=PATIENT_MS)
    if "view" in path:
        expect(page.locator("main table")).to_contain_text("Nothing was recorded yet at this instant.")
    elif "machine" in path:
        expect(page.locator("p.say")).to_have_text("Nothing was recorded yet at this instant.")
        expect(page.locator(".sbs")).to_contain_text("Nothing was recorded yet at this instant.")
    else:
        expect(page.locator("[data-machine] [data-kind=never]").first).to_be_visible()
        expect(page.locator(".figures")).to_contain_text("nothing recorded yet")
    expect(page.locator("main")).not_to_contain_text(re.compile("1970|Thu,? 1 Jan|never heard"))


def test_a_plant_without_products_has_no_place_for_a_schedule(page: Page, portal: FakePortal) -> None:
    def without_products(route: Route) -> None:
        plant = route.fetch().json()
        assert plant["makes"] is True
        route.fulfill(json=plant | {"makes": False})

    rail = page.locator("nav.rail")
    open_page(page, portal, "/")
    expect(rail).to_contain_text("Schedule")
    page.route("**/api/v1/plant", without_products)
    open_page(page, portal, "/")
    expect(rail.get_by_role("link")).to_have_text(["Now", "System"])
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.keyboard.press("Shift+?")
    keys = page.get_by_role("dialog")
    expect(keys).to_contain_text("Shift G")
    expect(keys).not_to_contain_text("Schedule")
    assert "/schedule" not in page.url


@pytest.mark.parametrize("path", ["/signal/zone_c/temperature_west", "/alarms?tab=journal", "/system"])
def test_what_a_page_asks_for_is_loading_before_it_is_empty(
    page: Page, portal: FakePortal, path: str
) -> None:
    for word in ("/curve", "/values", "/hops", "/origin", "/journal", "/system"):
        portal.fault("hold", word)
    page.goto(portal.url + path)
    expect(page.locator("main")).to_contain_text("Loading.", timeout=PATIENT_MS)
    if "signal" in path:
        expect(page.get_by_test_id("curve-loading")).to_have_text("The curve is being loaded.")
        expect(page.locator(".plot")).to_have_attribute("aria-label", "The curve is being loaded.")
    for empty in ("No values", "No value is", "No way has been", "No transition", "Nothing was refused"):
        expect(page.locator("main")).not_to_contain_text(empty)
    portal.fault("reset")
    settled(page, path)
    expect(page.locator("main")).not_to_contain_text("Loading.", timeout=PATIENT_MS)


def test_a_trend_is_said_only_over_the_time_that_has_values(page: Page, portal: FakePortal) -> None:
    """Seen: ninety seconds of values were called ten minutes, by their last value minus their first."""
    address = "/signal/zone_c/temperature_west?mode=replay&at={}"
    trend = page.get_by_test_id("trend")
    open_page(page, portal, address.format(START_MS + 300_000))
    expect(trend).to_have_text(re.compile(r"^[+−]?\d+(\.\d+)? °C in 5 min$"), timeout=PATIENT_MS)
    with page.expect_response(re.compile(r"/curve\?.*columns=60$")):
        open_page(page, portal, address.format(START_MS + 90_000))
    expect(page.get_by_test_id("curve-loading")).to_have_count(0, timeout=PATIENT_MS)
    expect(trend).to_have_count(0)


def test_the_bar_says_the_real_span_of_a_column(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    spans: list[float] = []
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "/bar?" in answer.url else None)
    for _ in range(6):  # from minutes to seconds
        before = len(answers)
        page.get_by_role("slider").press("+")

        def said(before: int = before) -> bool:
            text = page.get_by_test_id("bar-unit").text_content() or ""
            # The newest answer counts: one that was under way before the key may come after it.
            try:
                columns = answers[-1].json()["columns"] if len(answers) > before else []
            except Error:  # the page asked anew before this answer was read: the next one counts
                return False
            if not columns:
                return False
            spans.append((columns[0]["to_ms"] - columns[0]["from_ms"]) / 1000)
            found = re.fullmatch(r"good units in (?:(\d+) min)? ?(?:([\d.]+) s)?", text)
            assert found, text
            return abs(float(found[1] or 0) * 60 + float(found[2] or 0) - spans[-1]) <= 0.51

        until(said, 30, lambda: f"{page.get_by_test_id('bar-unit').text_content()} {spans[-1:]}")
    assert spans[-1] < 60 < spans[0]


def test_an_axis_stands_still_while_the_link_is_lost(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/machine/press2")
    curve = page.locator("[data-trace] g").first
    expect(curve).to_be_attached(timeout=PATIENT_MS)
    portal.fault("hang")
    stale = page.get_by_test_id("stale")
    expect(stale).to_have_count(2, timeout=PATIENT_MS)  # the picture and the time bar
    stood = page.evaluate(STANDS)
    for _ in range(3):
        age = stale.first.inner_text()
        until(lambda age=age: stale.first.inner_text() != age, 30)
        assert page.evaluate(STANDS) == stood
    expect(stale.first).to_contain_text(re.compile(r"as of 14:\d\d:\d\d, \d+(\.\d)? s old"))
    portal.fault("speak")
    expect(stale).to_have_count(0, timeout=PATIENT_MS)
    until(lambda: page.evaluate(STANDS) != stood, 30)


def test_the_time_bar_goes_back_plays_and_returns(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    box = page.get_by_role("slider", name="Instant that is shown").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 80, steps=5)
    page.mouse.up()
    expect(page.locator(".app")).to_have_attribute("data-mode", "replay")
    expect(page.locator(".stripes")).to_be_visible()
    expect(page.get_by_text("Nothing can be changed here.")).to_be_visible()
    expect(page).to_have_url(re.compile("mode=replay"))
    before = instant_ms(page)
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Speed 1×, faster").click()
    expect(page.get_by_role("button", name="Speed 10×, faster")).to_be_visible()
    until(lambda: instant_ms(page) > before + 3000, 30)
    page.keyboard.press("Escape")
    expect(page.locator(".app")).to_have_attribute("data-mode", "live")
    expect(page).not_to_have_url(re.compile("mode="))


# Enters the replay and presses `j`, as if at these milliseconds of the page's age, before the server
# can have answered; returns the instant at which the replay began.
PRESSED = """async ({ at }) => {
  const shown = () => Number(document.querySelector('[role=slider]').getAttribute('aria-valuenow'));
  const drawn = () => new Promise((done) => requestAnimationFrame(done));
  document.activeElement?.blur();
  document.querySelectorAll('.modes button')[1].click();
  await drawn();
  const begun = shown();
  for (const timeStamp of at) {
    const event = new KeyboardEvent('keydown', { key: 'j', bubbles: true });
    Object.defineProperty(event, 'timeStamp', { value: timeStamp });
    document.body.dispatchEvent(event);
  }
  await drawn();
  return begun;
}"""
# Notes what pictures the page is sent.
NOTE_SNAPSHOTS = """
  window.snapshots = [];
  const Original = WebSocket;
  window.WebSocket = class extends Original {
    constructor(...all) {
      super(...all);
      this.addEventListener('message', (event) => {
        const said = JSON.parse(event.data);
        if (said.type === 'snapshot') window.snapshots.push([said.mode, said.t]);
      });
    }
  };
"""


def snapshots(page: Page) -> list[list[Any]]:
    """Return mode and instant of each whole picture that the page was sent."""
    found: list[list[Any]] = page.evaluate("window.snapshots")
    return found


def test_what_is_wished_before_the_past_is_there_is_done_once_it_is(page: Page, portal: FakePortal) -> None:
    page.add_init_script(NOTE_SNAPSHOTS)
    open_page(page, portal, "/?lang=en")
    begun = page.evaluate(PRESSED, {"at": [5000, 5200, 5400]})
    wanted = begun - 100_000
    assert instant_ms(page) == wanted, "10 s, 30 s, 60 s"
    # The server answers the wish to be in the past first, and where exactly afterwards.
    expect(page.locator(".app")).to_have_attribute("data-mode", "replay")
    until(lambda: snapshots(page)[-1:] == [["replay", wanted]], 30, lambda: str(snapshots(page)))
    assert instant_ms(page) == wanted
    expect(page.locator(".problem")).to_have_count(0)


@pytest.mark.parametrize(
    ("pressed_ms", "back_s"),
    [([100, 300, 500], 100), ([100, 1500, 3000], 30), ([90_000, 90_100, 90_200], 100)],
    ids=["as soon as the page is there", "one by one", "later"],
)
def test_j_goes_ten_seconds_back_at_first_whatever_the_age_of_the_page(
    page: Page, portal: FakePortal, pressed_ms: list[int], back_s: int
) -> None:
    open_page(page, portal, "/")
    begun = page.evaluate(PRESSED, {"at": pressed_ms})
    assert instant_ms(page) == begun - back_s * 1000


def test_comma_goes_one_event_back_and_k_plays(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    page.keyboard.press(",")
    expect(page.get_by_test_id("clock")).to_contain_text("14:22:07", timeout=PATIENT_MS)
    expect(page.locator(".app")).to_have_attribute("data-mode", "replay")
    page.wait_for_url(re.compile(r"at=2026-11-12T13%3A22%3A07"))
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    stood = instant_ms(page)
    until(lambda: instant_ms(page) > stood + 1000, 30)


def test_an_address_shares_an_instant_and_goes_along_with_links(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/machine/turn1?mode=replay&at=2026-11-12T12:06:40.000Z")
    expect(page.get_by_test_id("clock")).to_contain_text("13:06:40")
    page.get_by_role("link", name="Show on the plan").click()
    expect(page.get_by_test_id("clock")).to_contain_text("13:06:40")
    expect(page).to_have_url(re.compile("at=2026-11-12T12"))


def test_nothing_is_acknowledged_from_a_replay(page: Page, portal: FakePortal) -> None:
    open_page(
        page, portal,
        "/alarms?alarm=adhesive2%2Falarm%2Factive%3Amachine&mode=replay&at=2026-11-12T13:30:00.000Z",
    )  # fmt: skip
    expect(page.get_by_test_id("acknowledge")).to_be_disabled()
    expect(page.get_by_text("This is a replay: nothing can be changed here.")).to_be_visible()


def test_an_alarm_is_acknowledged_with_a_comment_by_keyboard_alone(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/alarms")
    row = page.locator("[data-alarm='adhesive2/alarm/active:machine']")
    expect(row).to_have_attribute("data-state", "UNACK")
    chosen = ""
    for _ in range(8):
        page.keyboard.press("j")
        # One step at a time, as a person sees them: a slow page would be walked past the row.
        page.wait_for_function(
            "(before) => { const row = document.querySelector('[data-alarm][aria-selected=true]');"
            " return row && row.dataset.alarm !== before; }",
            arg=chosen,
            timeout=PATIENT_MS,
        )
        chosen = page.locator("[data-alarm][aria-selected=true]").get_attribute("data-alarm") or ""
        if "adhesive2" in chosen:
            break
    expect(row).to_have_attribute("aria-selected", "true")
    comment = page.get_by_label("Comment")
    comment.focus()
    expect(comment).to_be_focused()
    page.keyboard.type("nozzle is clean")
    expect(comment).to_have_value("nozzle is clean", timeout=PATIENT_MS)
    comment.press("Enter")
    expect(row).to_have_attribute("data-state", "ACKED", timeout=PATIENT_MS)
    expect(row).to_contain_text("nozzle is clean")


@pytest.mark.parametrize(
    ("life", "said"),
    [
        (["cut", "mend", "acknowledge"], ["NORM → UNACK", "UNACK → RTNUN", "RTNUN → NORM"]),
        (["cut", "mend", "cut"], ["NORM → UNACK", "UNACK → RTNUN", "RTNUN → UNACK"]),
    ],
    ids=["acknowledged when it is over", "raised again before it is acknowledged"],
)
def test_the_journal_says_the_states_that_an_alarm_really_had(
    page: Page, portal: FakePortal, life: list[str], said: list[str]
) -> None:
    """Seen: the states were guessed by the kind of the entry, UNACK to ACKED for an alarm that was over."""
    for number, act in enumerate(life):
        if act == "acknowledge":
            wish = {"comment": "", "idempotency_key": f"journal-{number}"}
            url = f"{portal.url}/api/v1/alarms/line2:silence/acknowledge"
            assert page.request.post(url, data=wish).ok
        else:
            portal.fault(act, "line2")
    open_page(page, portal, PAGES["journal"])
    rows = page.locator("main tbody tr", has_text="Connection line2 is silent")
    states = rows.locator("td:nth-child(6)")
    expect(states).to_have_text(said[::-1], timeout=PATIENT_MS)


def test_a_page_is_kept_while_its_query_changes_and_never_sees_another_route(
    page: Page, portal: FakePortal
) -> None:
    """Seen: a signal's page was made once more for the route it was left for, and asked for no signal."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(portal.url)))
    open_page(page, portal, "/alarms")
    page.evaluate("window.kept = document.querySelector('main .alarms')")
    page.keyboard.press("j")
    expect(page.locator("[data-alarm][aria-selected=true]")).to_be_visible()
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile("alarm="))
    assert page.evaluate("window.kept.isConnected")
    open_page(page, portal, "/machine/press2")
    page.locator("a.name").first.click()
    expect(page.locator(".uplot canvas").first).to_be_visible(timeout=PATIENT_MS)
    page.keyboard.press("g")
    page.keyboard.press("n")
    expect(page.locator(READY["/"]).first).to_be_visible(timeout=PATIENT_MS)
    wrong = [url for url in asked if re.search(r"/(signals|units)//|/units/(\?|$)", url)]
    assert wrong == []


def test_a_comment_outlives_a_lost_link_and_enter_is_never_swallowed(page: Page, portal: FakePortal) -> None:
    """Seen under load: the link was lost for a moment, the field was disabled, and Enter went nowhere."""
    open_page(page, portal, "/alarms?alarm=adhesive2%2Falarm%2Factive%3Amachine")
    row = page.locator("[data-alarm='adhesive2/alarm/active:machine']")
    comment = page.get_by_label("Comment")
    comment.focus()
    page.keyboard.type("nozzle is")
    portal.fault("hang")
    expect(page.locator(".app[data-connected=false]")).to_be_visible(timeout=PATIENT_MS)
    expect(comment).to_be_focused()
    page.keyboard.type(" clean")
    expect(comment).to_have_value("nozzle is clean")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Nothing was sent.")).to_be_visible()
    portal.fault("speak")
    expect(page.locator(".app[data-connected=true]")).to_be_visible(timeout=PATIENT_MS)
    expect(row).to_have_attribute("data-state", "UNACK")
    expect(comment).to_be_focused()
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("data-state", "ACKED", timeout=PATIENT_MS)
    expect(row).to_contain_text("nozzle is clean")


def test_a_page_that_stood_still_does_not_say_that_the_link_is_lost(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    page.evaluate(
        """() => {
          const app = document.querySelector('.app');
          window.lostOnce = 0;
          new MutationObserver(() => { window.lostOnce += Number(app.dataset.connected === 'false'); })
            .observe(app, { attributes: true, attributeFilter: ['data-connected'] });
          const end = performance.now() + 5000;
          while (performance.now() < end);
        }"""
    )
    before = instant_ms(page)
    until(lambda: instant_ms(page) > before + 2000, 30)
    assert page.evaluate("window.lostOnce") == 0


def test_the_plan_is_walked_with_arrows_and_left_with_escape(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    page.locator("[data-machine=turn1]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-machine=hob1]")).to_be_focused()
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
    expect(page.locator(".legend li b")).to_have_count(len(sums))


def test_every_page_speaks_german(page: Page, portal: FakePortal) -> None:
    page.add_init_script("localStorage.setItem('taktwin.language', 'de')")
    open_page(page, portal, "/")
    expect(page.get_by_role("heading", name="Braucht Sie")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"


# Makes every text of the shell 40 % longer and returns what is then cut off, or beyond the window.
STRETCH = """() => {
  const shell = ['.rail', 'header.top', 'section.bar', '.figures h3', '.plan > .row'];
  const parts = shell.flatMap((name) => [...document.querySelectorAll(name)]);
  for (const part of parts) {
    const walk = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const text = node.data.trim();
      if (node.parentElement.closest('svg, kbd, .sr') || !/[a-z]{3}/i.test(text)) continue;
      node.data += ` ${'wo '.repeat(Math.ceil((text.length * 0.4) / 3))}`.trimEnd();
    }
  }
  const cut = [];
  const speaks = (one) => [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  for (const one of parts.flatMap((part) => [...part.querySelectorAll('*')])) {
    // The hint in the search field may end in an ellipsis: it is said in full when the search is open.
    if (one.closest('svg, .sr, .find') || !speaks(one)) continue;
    const box = one.getBoundingClientRect();
    if (!box.width) continue;
    // Whoever hides what does not fit: the element itself or one around it, up to the shell's part.
    let hidden = box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
    for (let at = one; at && !parts.includes(at.parentElement); at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX !== 'visible') hidden ||= at.scrollWidth > at.clientWidth + 1;
      if (style.overflowY !== 'visible') hidden ||= at.scrollHeight > at.clientHeight + 1;
    }
    const bar = one.closest('header.top');
    if (bar) hidden ||= box.bottom > bar.getBoundingClientRect().bottom + 1;
    if (hidden) cut.push(`${one.tagName} ${one.className}: ${one.textContent.trim().slice(0, 50)}`);
  }
  return cut;
}"""


@pytest.mark.parametrize("width", [1920, 1366])
@pytest.mark.parametrize("path", ["/", "/system", "/?mode=replay&at=2026-11-12T12:06:40.000Z"])
def test_texts_that_are_longer_are_not_cut_in_the_shell(
    page: Page, portal: FakePortal, path: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 768 if width < 1900 else 1080})
    open_page(page, portal, path)
    assert page.evaluate(STRETCH) == []


# Returns every text that is not whole on the screen: beyond the window, or beyond a part that hides.
CUT = """() => {
  const cut = [];
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.data.trim() || node.parentElement.closest('svg, .sr')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!box.width) continue;
    for (let at = node.parentElement; at; at = at.parentElement) {
      if (getComputedStyle(at).overflowX === 'visible') continue;
      const hides = at.getBoundingClientRect();
      // 1 px for rounding
      if (box.right > hides.right + 1 || box.left < hides.left - 1) cut.push(node.data.trim().slice(0, 60));
      break;
    }
  }
  return cut;
}"""


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("width", [1400, 1366, 1920])
def test_nothing_of_the_alarm_list_is_cut(page: Page, portal: FakePortal, width: int, language: str) -> None:
    page.set_viewport_size({"width": width, "height": {1400: 900, 1366: 768}.get(width, 1080)})
    page.add_init_script(f"localStorage.setItem('taktwin.language', '{language}')")
    open_page(page, portal, PAGES["alarms"])
    assert page.evaluate(CUT) == []


# Returns pairs of a machine's name and its drawing, its state's sign or its alarm's shape that overlap.
COVERED = """() => [...document.querySelectorAll('[data-machine]')].flatMap((machine) => {
  const name = machine.querySelector('[data-name]').getBoundingClientRect();
  // A line of letters is higher than its letters: their heads begin a sixth below it.
  const head = name.top + name.height / 6;
  return [...machine.querySelectorAll('[data-glyph], [data-shape]')].filter((one) => {
    const box = one.getBoundingClientRect();
    const beside = box.right <= name.left + 1 || box.left >= name.right - 1;
    return !beside && box.bottom > head + 1 && box.top < name.bottom - 2;
  }).map((one) => `${machine.dataset.machine}: ${Object.keys(one.dataset)}`);
})"""


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (1920, 1080), (2560, 1440)])
def test_no_drawing_covers_a_name_on_the_plan(
    page: Page, portal: FakePortal, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    open_page(page, portal, "/")
    expect(page.locator("[data-glyph]").first).to_be_attached()
    assert page.evaluate(COVERED) == []


def test_a_degraded_process_runs(page: Page, portal: FakePortal) -> None:
    portal.fault("degrade", "historian")
    open_page(page, portal, "/system")
    expect(page.get_by_test_id("processes")).to_have_text("7 of 7 run, 1 degraded, 1 restart, 1260 MB")


def texts_of(language: str) -> dict[str, str]:
    """Return all texts of the page in one language."""
    texts: dict[str, str] = {}
    for path in sorted((ROOT / "ui" / "src" / "messages").glob(f"*{language}.json")):
        texts |= json.loads(path.read_text("utf-8"))
    return texts


def test_one_is_not_many() -> None:
    """A text with a count before a word says which word one of them has, in both languages."""
    for name, words in {
        "en": "alarms|signals|machines|orders|units|parts|roles|rows|times|floods|causes|connections|lines",
        "de": "Alarme|Signale|Maschinen|Rollen|Zeilen|Teile|Ursachen|Verbindungen",
    }.items():
        texts = texts_of(name)
        # `540 of 542 signals` counts a part of the whole plant, which is never one.
        wrong = [
            key for key, text in texts.items()
            if re.search(rf"\{{\w+(, number)?\}} (\w+ )?({words})\b", text) and key != "shell.fresh"
        ]  # fmt: skip
        assert wrong == [], name


def test_languages_have_the_same_keys() -> None:
    assert texts_of("en").keys() == texts_of("de").keys()


def test_the_first_load_is_small(page: Page, portal: FakePortal) -> None:
    sizes: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: (
            sizes.__setitem__(answer.url, int(answer.headers.get("content-length", 0)))
            # The dialogs come a while after the page is there: on a slow machine before this test looks.
            if "/api/" not in answer.url and "/assets/Dialogs-" not in answer.url
            else None
        ),
    )
    open_page(page, portal, "/")
    page.evaluate("document.fonts.ready.then(() => null)")
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


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize("name", list(PAGES))
def test_no_page_breaks_wcag(page: Page, portal: FakePortal, name: str, theme: str) -> None:
    page.add_init_script(f"localStorage.setItem('taktwin.theme', '{theme}')")
    open_page(page, portal, PAGES[name])
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
        expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENT_MS)
    if mode == "search":
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Machine, signal")).to_be_focused()
        page.keyboard.type("press")
        expect(page.locator("#found [role=option]").first).to_be_visible()
    assert violations(page) == []


# -- advice


def test_advice_is_read_in_its_proof_accepted_with_a_key_and_followed_to_the_mes(
    page: Page, portal: FakePortal
) -> None:
    open_page(page, portal, "/")
    page.keyboard.press("g")
    page.keyboard.press("a")
    row = page.locator("[data-row=r4]")
    expect(row).to_contain_text("Change the insert of turn1 at the next set-up")
    expect(row).to_contain_text("Scrap: 12.0 [10.0–14.0] less")
    opened = page.locator("[data-advice=r4]")
    # It was proven at 14:22, ten minutes ago or more, forty before it is due: its minutes count down since
    # then, and the list counts none.
    heading = opened.get_by_role("heading", level=1)
    expect(heading).to_contain_text("at the next set-up, in about ")
    said = re.search(
        r"in about (\d+) min; Turned diameter will leave its window in about (\d+) \[(\d+)–(\d+)\] min",
        heading.inner_text(),
    )
    assert said is not None, heading.inner_text()
    due, leaves, low, high = map(int, said.groups())
    assert 15 < due <= 30 and {leaves - due, low - due, high - due} == {55, 30, 85}
    when = opened.locator("[data-when]")
    expect(when).to_contain_text(re.compile(r"Due about 15:02, in \d\d? min\."))
    expect(when).to_contain_text("Turned diameter will leave its window about 15:57 [15:32–16:27].")
    for said in (row, opened.get_by_label("Why the twin thinks so")):
        expect(said).not_to_contain_text("in about")
    expect(opened).to_contain_text("20 [18–22] if nothing is done, 8.0 [6.0–10.0] if you accept")
    expect(opened).to_contain_text("Better in 18 of 20 likely outcomes")
    expect(opened.locator("[data-alternative=nothing], [data-alternative=next_setup]")).to_have_count(2)
    expect(opened.locator(".line")).to_have_count(1)  # the signal that speaks for it
    for said in ("0.89 of the window", "285 parts were made", "24 tools are what it has learnt"):
        expect(opened.locator("[data-evidence]").filter(has_text=said)).to_have_count(1)
    expect(page.locator("aside [data-error]")).to_contain_text("off by 8.0 % (20 cases)")
    expect(page.locator("aside")).to_contain_text("1 worked, 1 made no difference, 0 did harm")
    assert violations(page) == []
    page.keyboard.press("A")
    expect(opened).to_have_attribute("data-state", "Acknowledged")
    expect(page.locator("[data-step=mes]")).to_contain_text("The MES has it: M7")
    expect(page.locator(".advice")).to_have_attribute("data-waiting", "0")
    expect(page.locator("[data-decided=r4]")).to_be_visible()
    expect(page.get_by_role("button", name="Accept")).to_have_count(0)
    expect(page.locator("[data-decided=r1]")).to_contain_text("12.0 → 11.0")
    page.locator("[data-decided=r1]").click()
    expect(page.locator("[data-outcome=Effective]")).to_contain_text("Scrap: 11.0 [10.0–12.0] less")


def test_what_was_due_is_said_as_past(page: Page, portal: FakePortal) -> None:
    httpx.post(f"{portal.url}/api/v1/advice/_fake/late").raise_for_status()
    open_page(page, portal, "/advice?id=r5")
    expect(page.locator("[data-advice=r5] h1")).to_have_text(
        "Change the insert of turn1 at the next set-up, before Turned diameter leaves its window"
    )
    when = page.locator("[data-advice=r5] [data-when]")
    expect(when).to_contain_text(re.compile(r"Was due about 14:14, \d+ min ago\."))
    expect(when).to_contain_text(
        "Turned diameter was expected to leave its window about 14:24 [13:59–14:54]."
    )
    # What only the ledger has words for says of when it is.
    page.locator("[data-decided=r1]").click()
    expect(page.get_by_role("heading", level=1).last).to_contain_text(re.compile(r"\(as of 05:3\d\)"))
    assert violations(page) == []


def test_a_yes_while_the_mes_is_away_is_said_to_be_kept(page: Page, portal: FakePortal) -> None:
    httpx.post(f"{portal.url}/api/v1/advice/_fake/mes_away").raise_for_status()
    open_page(page, portal, "/advice?id=r4")
    page.keyboard.press("A")
    kept = page.locator("[data-advice=r4][data-state=Dispatched] [data-kept]")
    expect(kept).to_contain_text("Accepted, and kept: it goes to the MES by itself as soon as that answers")
    expect(kept).to_contain_text(re.compile(r"until .*15:32:02 at the latest"))
    expect(page.get_by_role("button", name="Accept")).to_have_count(0)
    expect(page.get_by_text("Not done")).to_have_count(0)
    assert violations(page) == []


def test_a_yes_without_an_answer_is_not_said_to_be_lost_and_counts_once_pressed_again(
    chromium: Browser, portal: FakePortal
) -> None:
    page = chromium.new_page(locale="en-GB")  # one of its own: the browser itself complains of a 503
    keys: list[str] = []

    def away(route: Route) -> None:
        keys.append(json.loads(route.request.post_data or "")["idempotency_key"])
        if len(keys) > 1:
            route.continue_()
        else:
            detail = "backbone: found no answer; expected an answer in time."
            route.fulfill(status=503, content_type="application/problem+json",
                          body=json.dumps({"detail": detail}))  # fmt: skip

    page.route("**/decision", away)
    open_page(page, portal, "/advice?id=r4")
    page.keyboard.press("A")
    expect(page.get_by_role("alert")).to_contain_text("whether it was taken is not known yet")
    expect(page.get_by_text("Not done")).to_have_count(0)
    page.keyboard.press("A")
    expect(page.locator("[data-advice=r4]")).to_have_attribute("data-state", "Acknowledged")
    assert len(keys) == 2 and keys[0] == keys[1]
    page.close()


def test_what_came_of_an_advice_stands_beside_its_promise_and_each_line_opens_to_its_event(
    page: Page, portal: FakePortal
) -> None:
    open_page(page, portal, "/advice?id=r1")
    came = page.locator("[data-outcome=Effective]")
    expect(came).to_contain_text("It worked", ignore_case=True)
    expect(came).to_contain_text("Promised were 12.0 [10.0–14.0]. That is inside the promised interval.")
    expect(came).to_contain_text("Against the twin's run without the change.")
    both = came.locator("[data-observed=scrap] .box")
    promised, measured = both.nth(0).bounding_box(), both.nth(1).bounding_box()
    assert promised and measured and measured["width"] < promised["width"] and measured["x"] == promised["x"]
    trail = page.locator("[data-trail=r1]")
    expect(trail.locator("[data-entry]")).to_have_count(12)  # eight of the ledger, four of the MES
    order = [line.get_attribute("data-entry") for line in trail.locator("[data-entry^=recommendation]").all()]
    assert order == [f"recommendation.{each}" for each in (
        "validated", "proposed", "approved", "accepted", "dispatched", "acknowledged", "done", "measured",
    )]  # fmt: skip
    line = trail.locator("[data-entry='recommendation.measured']")
    line.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(line.locator("pre")).to_contain_text('"observed_effect":[{"indicator":"scrap"')
    opened = trail.locator("[data-entry='maintenance.order.completed']")
    opened.locator("summary").click()
    expect(opened.locator("a")).to_have_attribute("href", "/quality/audit?subject=M1")
    expect(trail.locator("[data-chain=holds]")).to_contain_text("each bound to the one before. Up to entry")
    assert violations(page) == []


def test_what_overtook_an_advice_opens_as_the_mes_said_it(page: Page, portal: FakePortal) -> None:
    httpx.post(f"{portal.url}/api/v1/_fake/overtake").raise_for_status()
    open_page(page, portal, "/advice?id=r4")
    expect(page.locator("main")).to_contain_text("The MES says of T-insert-2: Tool put in. The plant is not")
    trail = page.locator("[data-trail=r4]")
    expect(trail.locator("[data-entry='recommendation.superseded']")).to_have_count(1)
    mounted = trail.locator("[data-entry='tool.mounted']")
    expect(mounted.locator("summary")).to_contain_text("Tool put in")
    mounted.locator("summary").click()
    expect(mounted.locator("a")).to_have_attribute("href", re.compile(r"/quality/audit\?subject=T-insert-"))
    expect(mounted).to_contain_text("work_unit")
    assert violations(page) == []


def test_a_journal_that_is_not_the_anchored_one_is_never_said_to_hold(page: Page, portal: FakePortal) -> None:
    httpx.post(f"{portal.url}/api/v1/advice/_fake/tamper").raise_for_status()
    open_page(page, portal, "/advice?id=r1")
    broken = page.locator("[data-chain=broken]")
    expect(broken).to_contain_text("is not the entry that was anchored")
    expect(page.locator("[data-chain=holds]")).to_have_count(0)
    assert violations(page) == []


def test_what_is_not_measured_yet_says_what_it_waits_for(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/advice?id=r4")
    page.keyboard.press("A")
    came = page.locator("[data-of=Acknowledged]")
    expect(came).to_contain_text("Accepted, and not carried out yet. It waits as order M7")
    httpx.post(f"{portal.url}/api/v1/advice/_fake/confirm").raise_for_status()
    expect(came).to_contain_text("It was carried out")
    waits = came.locator("[data-waits='tool_change.waits_span']")
    expect(waits).to_contain_text("The new tool has made 40 parts so far; it is measured over the whole span")
    expect(waits).to_contain_text(re.compile(r"It is measured .*\d\d:\d\d.* at the latest"))
    httpx.post(f"{portal.url}/api/v1/advice/_fake/days").raise_for_status()
    expect(came.locator("[data-abandoned]")).to_contain_text("Nobody measured it within its time")
    expect(came).not_to_contain_text("at the latest")
    expect(page.locator("[data-decided=r4]")).to_contain_text("not measured")
    open_page(page, portal, "/advice?id=r3")
    expect(page.locator("[data-of=Rejected]")).to_contain_text("no insert in stock")
    expect(page.locator("[data-of=Rejected] [data-abandoned]")).to_contain_text("Nobody compared it")


# -- maintenance and models


def test_what_fails_next_leads_to_the_decision_in_one_step(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/")
    page.keyboard.press("g")
    page.keyboard.press("m")
    rows = page.locator("[data-risk]")
    expect(rows).to_have_count(3)
    first = rows.first
    expect(first).to_contain_text("turn1 Insert Turned diameter")
    expect(first).to_contain_text("65 [48–85] parts left")
    expect(first).to_contain_text("16:20 [15:55–16:49]")
    expect(page.locator("[data-windows] [data-stay='set-up'], [data-windows] [data-stay=gap]")).to_have_count(
        2
    )
    expect(page.locator("[data-chosen] [data-evidence='tool_wear.age']")).to_contain_text(
        "285 parts were made"
    )
    # An unpredicted tool shows its fixed life as a fact, and says that no model speaks about it.
    expect(page.locator("[data-risk='tool.T-hob-1']")).to_contain_text("No model speaks about it")
    assert violations(page) == []
    first.get_by_role("link", name="Decide").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-advice=r4]")).to_be_visible()


def test_a_prediction_that_nobody_said_anew_is_hatched_with_its_age(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/maintenance")
    fresh = page.locator("[data-risk='tool_wear.turn1.insert.diameter']")
    old = page.locator("[data-risk='tool_wear.turn2.insert.diameter']")
    expect(fresh).to_have_attribute("data-old", "false")
    expect(old).to_have_attribute("data-old", "true")
    expect(old).to_contain_text(re.compile(r"Said 2\d min ago: too old"))
    expect(old.locator("td.hatched")).to_have_count(1)
    httpx.post(f"{portal.url}/api/v1/_fake_age/20").raise_for_status()
    expect(fresh).to_have_attribute("data-old", "true")
    expect(page.locator("[data-windows]")).to_have_class(re.compile("hatched"))
    assert violations(page) == []


def test_a_tool_that_nobody_advises_on_is_planned_by_a_person(page: Page, portal: FakePortal) -> None:
    open_page(page, portal, "/maintenance")
    row = page.locator("[data-risk='tool.T-hob-1']")
    row.get_by_role("button", name="Plan the change").click()
    expect(row).to_contain_text("Planned: M3")
    row.get_by_role("button", name="Planned: M3").click()
    expect(page.get_by_role("heading", name="M3")).to_be_visible()
    expect(page.locator("[data-order=M3]")).to_be_visible()


def test_a_version_goes_live_by_a_person_with_a_reason_beside_the_one_in_use(
    page: Page, portal: FakePortal
) -> None:
    open_page(page, portal, "/maintenance?show=models")
    expect(page.locator("[data-verdict]")).to_contain_text(
        "This version was off by 6.1 %, the one in use by 8.4 %: it is closer, on 34 outcomes"
    )
    expect(page.locator("[data-verdict]")).to_contain_text("Above 10 % nothing is proposed on it.")
    heads = page.locator("thead [data-version]")
    assert [head.get_attribute("data-stage") for head in heads.all()] == ["live", "shadow"]
    newer = heads.nth(1).get_attribute("data-version")
    expect(page.get_by_text("Sudden breakage of a tool")).to_be_visible()
    promote = page.get_by_role("button", name="Let it go live as demo")
    expect(promote).to_be_disabled()
    expect(page.get_by_text("A reason is missing.")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Reason").fill("half the error, on more tools")
    page.keyboard.press("Enter")
    live = page.locator(f"[data-row='{newer}']")
    expect(live).to_have_attribute("data-stage", "live")
    expect(live).to_contain_text("half the error, on more tools")
    expect(page.locator("[data-row][data-stage=retired]")).to_have_count(1)
    # What other code learnt cannot go live, and says so before anybody tries; the one before can come back.
    page.locator("[data-row][data-stage=shadow] button").click()
    expect(page.get_by_text("Other code learnt it")).to_be_visible()
    expect(page.locator("[data-silent]")).to_be_visible()
    page.locator("[data-row][data-stage=retired] button").click()
    page.get_by_label("Reason").fill("it was worse after all")
    page.get_by_role("button", name="Go back to it as demo").click()
    expect(live).to_have_attribute("data-stage", "retired")


def test_advice_is_rejected_with_a_reason_only_and_a_class_does_not_climb_on_few_cases(
    page: Page, portal: FakePortal
) -> None:
    open_page(page, portal, "/advice")
    expect(page.locator("[data-advice=r4]")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Reject", exact=True)).to_be_disabled()
    page.get_by_label("Reason").fill("the order ends before that")
    page.get_by_role("button", name="Reject", exact=True).click()
    expect(page.locator("[data-decided=r4][data-state=Rejected]")).to_contain_text(
        "the order ends before that"
    )
    page.get_by_role("link", name="Autonomy").click()
    kind = page.locator("[data-class=tool_change]")
    expect(kind).to_have_attribute("data-level", "advise")
    expect(kind).to_contain_text("2 of 5 cases since it was moved last")
    # What helped less than was promised helped too; how much lay in the promised interval stands beside it.
    expect(kind).to_contain_text("1 of 4 cases really helped, 80% are needed; what was rejected or never")
    expect(kind).to_contain_text("50 % of the measured effects lay in the promised interval")
    expect(kind).not_to_contain_text("as they were promised")
    kind.get_by_label("Reason").fill("we want to see it first")
    expect(kind.get_by_role("button", name="One rung up")).to_be_disabled()
    kind.get_by_role("button", name="One rung down").click()
    expect(kind).to_have_attribute("data-level", "observe")
    expect(kind.locator("[data-move=observe]")).to_contain_text("we want to see it first")
    httpx.post(f"{portal.url}/api/v1/advice/_fake/foretold").raise_for_status()
    expect(kind).to_contain_text("What was foretold came in 0 of 1 cases, 80% are needed.")
