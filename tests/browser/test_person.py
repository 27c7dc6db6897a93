"""What a person gets, sentence by sentence, in a real browser on the product as its command starts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.product import Product, until

pytestmark = pytest.mark.browser

WORDS = {
    "production": "producing", "starved": "starved", "blocked": "blocked", "delay_own": "own stop",
    "down_no_order": "no order", "planned_down": "planned off", "set_up": "set-up", "unknown": "unknown",
}  # fmt: skip
LINE2 = ("load2", "adhesive2", "press2", "tighten2", "leak2", "vision2")
SOME = ("turn1", "hob1", "wash1", "load2", "press3", "eol1")
SHOTS = Path(__file__).resolve().parents[2] / "var" / "screenshots"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("person") / "data", "--speed", "4", "--seed", "11") as running:
        yield running


@pytest.fixture
def here(page: Page, product: Product) -> Page:
    """The page, opened at the floor plan."""
    page.goto(product.url)
    expect(page.locator("[data-machine=turn1]")).to_be_visible(timeout=20_000)
    return page


def shot(page: Page, name: str) -> None:
    """Keep a picture for whoever wants to look at it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def said(page: Page) -> dict[str, str]:
    """Return what the plan says of each machine, to eyes and to a screen reader alike."""
    pairs = page.eval_on_selector_all(
        "[data-machine]",
        "all => all.map(one => [one.dataset.machine, one.querySelector('text').textContent])",
    )
    return {name: label.partition(": ")[2] for name, label in pairs if label}


def class_at(product: Product, unit: str, at_ms: int) -> str:
    """Return the class of a unit at an instant, as its timeline keeps it."""
    (interval,) = product.api(f"/units/{unit}/timeline?from_ms={at_ms}&to_ms={at_ms + 1}")["intervals"]
    return str(interval["time_class"])


def inject(page: Page, product: Product, kind: str, target: str, seconds: int) -> None:
    """Do something to the plant as the person does: on the page System."""
    page.goto(product.url + "system")
    form = page.get_by_role("region", name=re.compile("Demo"))
    form.get_by_label("What").select_option(kind)
    form.get_by_label("Where").select_option(target)
    form.get_by_label(re.compile("How long")).fill(str(seconds))
    page.get_by_test_id("inject").click()
    expect(form.get_by_role("status")).to_be_visible(timeout=15_000)


def test_the_plan_shows_every_machine_and_all_signals_are_fresh(here: Page, product: Product) -> None:
    units = {e["id"] for e in product.api("/plant")["equipment"] if e["level"] == "WorkUnit"}
    assert set(said(here)) == units
    expect(here.get_by_test_id("fresh")).to_have_text(re.compile(r"^(\d+) of \1 signals"), timeout=30_000)
    shot(here, "now")


def test_cells_change_state_as_machines_do_and_the_page_says_what_the_twin_says(
    here: Page, product: Product
) -> None:
    first = said(here)
    until(lambda: sum(said(here)[name] != first[name] for name in first) >= 3, 90, lambda: str(said(here)))
    words = {"production": "producing", "starved": "starved", "blocked": "blocked"}

    def agreed() -> bool:
        told = said(here)
        documents = {name: product.unit(name) for name in ("turn1", "hob1", "load2", "eol1")}
        return all(
            words.get(document["time_class"], "") in told[name].lower()
            for name, document in documents.items()
        )

    until(agreed, 30, lambda: str(said(here)))


def test_a_value_shows_its_curve_its_quality_where_it_comes_from_and_its_way(
    here: Page, product: Product
) -> None:
    spindles = ("turn1", "turn2", "hob1", "grind1", "grind2")
    unit = until(lambda: next((n for n in spindles if product.unit(n)["time_class"] == "production"), ""), 60)
    here.locator(f"[data-machine={unit}]").click()
    here.locator(f'a[href="/signal/{unit}/spindle/load"]').first.click()
    expect(here).to_have_url(re.compile(f"/signal/{unit}/"))
    page = here.locator("main")
    expect(page).to_contain_text("Good", timeout=15_000)
    for words in ("OPC UA", f"nsu=urn:taktwin:virtual-plant;s={unit}.spindle.load", "_sample_v1", "Age"):
        expect(page).to_contain_text(words)
    for hop in ("machine to gateway", "decode, check, map", "bus", "twin", "wait for the next frame"):
        expect(page).to_contain_text(hop)
    expect(page.locator(".uplot canvas").first).to_be_visible()
    expect(page).to_contain_text(re.compile(r"\d+(\.\d+)? ms this value"), timeout=20_000)
    shot(here, "signal")


def test_a_pulled_cable_is_seen_on_every_page_and_heals_without_a_reload(
    here: Page, product: Product
) -> None:
    marker = here.evaluate("() => (window.notReloaded = Math.random())")
    watch = here.context.new_page()
    inject(watch, product, "cut_server", "line2", 20)
    until(lambda: all("unknown" in said(here)[name].lower() for name in LINE2), 5, lambda: str(said(here)))
    assert "unknown" not in said(here)["turn1"].lower()
    shot(here, "cut")
    watch.goto(product.url + "machine/press2")
    expect(watch.locator("main")).to_contain_text(re.compile("Unknown for"), timeout=10_000)
    expect(watch.locator("main")).to_contain_text(re.compile(r"no value for \d+"))
    shot(watch, "machine-cut")
    watch.goto(product.url + "alarms")
    expect(watch.locator("main")).to_contain_text(re.compile("line2"), timeout=10_000)
    until(
        lambda: not any("unknown" in said(here)[name].lower() for name in LINE2), 60, lambda: str(said(here))
    )
    assert here.evaluate("() => window.notReloaded") == marker
    watch.close()


def test_an_alarm_says_what_to_do_and_a_person_acknowledges_it(here: Page, product: Product) -> None:
    inject(here, product, "break_machine", "turn2", 600)
    until(lambda: any(a["equipment"] == "turn2" for a in product.api("/alarms")["alarms"]), 30)
    here.goto(product.url + "alarms")
    row = here.locator("main").get_by_text(re.compile("Lathe 2 reports")).first
    row.click()
    here.get_by_role("textbox").last.fill("I am on my way")
    here.get_by_role("button", name=re.compile("^Acknowledge")).last.click()

    def acknowledged() -> bool:
        (alarm,) = [
            a
            for a in product.api("/alarms")["alarms"]
            if a["equipment"] == "turn2" and a["kind"] == "machine"
        ]
        assert alarm["response"] and alarm["since_ms"] > 0
        return bool(alarm["state"] == "ACKED" and alarm["acknowledged_by"])

    until(acknowledged, 15, lambda: str(product.api("/alarms")["alarms"]))
    shot(here, "alarms")
    journal = product.api("/alarms/journal?from_ms=0&to_ms=4102444800000")["entries"]
    assert any(entry["comment"] == "I am on my way" for entry in journal)


def test_the_time_bar_takes_the_plant_back_and_plays_it(here: Page, product: Product) -> None:
    clock = here.get_by_test_id("clock")
    now_ms = product.api("/bar?from_ms=0&to_ms=4102444800000&columns=10")["now_ms"]
    at_ms = now_ms - 60_000
    here.get_by_role("button", name="Replay").click()
    expect(here.locator(".app")).to_have_attribute("data-mode", "replay", timeout=15_000)
    here.goto(f"{product.url}?mode=replay&at={at_ms}")
    expect(here.locator(".app")).to_have_attribute("data-mode", "replay", timeout=15_000)

    def as_it_was() -> bool:
        told = said(here)
        return all(
            told.get(name, "").lower().startswith(WORDS[class_at(product, name, at_ms)]) for name in SOME
        )

    until(
        as_it_was,
        20,
        lambda: str({name: (class_at(product, name, at_ms), said(here).get(name)) for name in SOME}),
    )
    shot(here, "replay")
    before = clock.inner_text()
    here.keyboard.press("l")
    until(lambda: clock.inner_text() != before, 15)
    here.keyboard.press("Escape")
    expect(here.locator(".app")).to_have_attribute("data-mode", "live", timeout=15_000)


def test_the_twin_that_is_gone_turns_the_page_old_and_back(here: Page, product: Product) -> None:
    product.kill("twin")
    until(lambda: product.api("/me"), 5)
    until(lambda: "unknown" not in said(here)["turn1"].lower() and here.locator(".cut").count() == 0, 60)


def test_search_finds_a_machine_by_keyboard_alone(here: Page) -> None:
    here.keyboard.press("Control+k")
    expect(here.get_by_role("combobox")).to_be_focused()
    here.keyboard.type("hob1")
    expect(here.get_by_role("option").first).to_contain_text("hob1", timeout=10_000)
    here.keyboard.press("Enter")
    expect(here).to_have_url(re.compile("/machine/hob1"))


def test_a_real_day_of_a_real_machine_plays_in_the_page(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("nist-page") / "data"
    with Product(data, "--plant", "examples/plants/nist-testbed", "--speed", "60") as product:
        page = chromium.new_page(viewport={"width": 1920, "height": 1080}, locale="en-GB")
        page.goto(product.url + "machine/mazak03")
        expect(page.locator("main")).to_contain_text("mazak03", timeout=20_000)
        expect(page.locator("main")).to_contain_text(re.compile("Program|101"))
        shot(page, "nist")
        page.close()
