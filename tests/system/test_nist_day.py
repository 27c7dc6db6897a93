"""A real day of a real machine tool, over a real SHDR connection, through the whole product.

What the twin says is compared with what a few lines compute from the raw file, without any code of
the product; and the page shows it.
"""

import gzip
import itertools
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import chromium, page  # noqa: F401
from tests.system.product import ROOT, Product, until

pytestmark = pytest.mark.system

RECORDING = ROOT / "examples" / "plants" / "nist-testbed" / "mazak03_day_2017-05-01.shdr.gz"
PRODUCING, DELAYED = {"ACTIVE"}, {"INTERRUPTED", "FEED_HOLD", "PROGRAM_STOPPED", "OPTIONAL_STOP", "STOPPED"}


def lines() -> list[tuple[int, str, str]]:
    """Return (instant in microseconds, key, rest of the line) of every line of the recording."""
    found = []
    with gzip.open(RECORDING, "rt", encoding="utf-8") as recording:
        for line in recording:
            stamp, key, rest = line.rstrip("\n").split("|", 2)
            when = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
            found.append((round(when.timestamp() * 1e6), key, rest))
    return found


def steps(key: str) -> list[tuple[int, str]]:
    """Return when a data item took which value: newest stamp wins, repetitions left out."""
    found: list[tuple[int, str]] = []
    for at, name, value in sorted((x for x in lines() if x[1] == key), key=lambda x: x[0]):
        if name == key and (not found or found[-1][1] != value):
            found.append((at, value))
    return found


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("nist")
    with Product(
        folder / "data", "--plant", str(ROOT / "examples" / "plants" / "nist-testbed"), "--speed", "600"
    ) as product:
        sent = len(lines())
        until(
            lambda: sum(c["published"] for c in product.api("/system")["connections"]) >= sent,
            240,
            lambda: str(product.api("/system")["connections"]),
        )
        until(lambda: product.api("/system")["history"]["rows"] >= sent, 30)
        yield product


def test_every_observation_sent_is_stored_and_none_twice(day: Product) -> None:
    system = day.api("/system")
    (connection,) = system["connections"]
    assert connection["received"] == len(lines())
    assert connection["published"] == len(lines())
    assert system["history"]["rows"] == len(lines())


def test_states_and_programs_on_the_timeline_are_those_of_the_raw_file(day: Product) -> None:
    timeline = day.api("/units/mazak03/timeline?from_ms=0&to_ms=4102444800000")["intervals"]
    executions = steps("execution")
    told: list[tuple[int, str]] = []
    for interval in timeline:
        # A machine tool that says UNAVAILABLE says nothing about its state: nobody knows it.
        word = "UNAVAILABLE" if interval["time_class"] == "unknown" else interval["state"]
        if not told or told[-1][1] != word:
            told.append((interval["from_ms"], word))
    assert [word for _, word in told] == [word for _, word in executions]
    offset = told[1][0] - executions[1][0] / 1000
    for (at_ms, word), (at_us, _) in zip(told[1:], executions[1:], strict=True):
        assert abs(at_ms - at_us / 1000 - offset) <= 1.0, word
    programs = [value for _, value in steps("program")]
    shown: list[str] = []
    for interval in timeline:
        word = interval["program"] or "UNAVAILABLE"
        if not shown or shown[-1] != word:
            shown.append(word)
    assert shown == programs


def test_producing_time_is_that_of_the_raw_file(day: Product) -> None:
    executions = steps("execution")
    producing = sum(
        end - begin for (begin, word), (end, _) in itertools.pairwise(executions) if word in PRODUCING
    )
    timeline = day.api("/units/mazak03/timeline?from_ms=0&to_ms=4102444800000")["intervals"]
    closed = timeline[:-1]
    told = sum(i["to_ms"] - i["from_ms"] for i in closed if i["time_class"] == "production")
    assert abs(told - producing / 1000) <= 1.0 * len(executions)
    assert all(i["time_class"] == "unknown" for i in closed if i["state"] == "UNAVAILABLE")


def test_the_page_shows_the_machine_and_its_program(page: Page, day: Product) -> None:  # noqa: F811
    page.goto(day.url + "machine/mazak03")
    expect(page.locator("main")).to_contain_text("mazak03", timeout=30_000)
    expect(page.locator("main")).to_contain_text(re.compile("Program|101"), timeout=30_000)
    page.screenshot(path=ROOT / "var" / "screenshots" / "nist.png")


def test_the_example_ships_its_recording_with_credit() -> None:
    readme = (Path(RECORDING).parent / "README.md").read_text(encoding="utf-8")
    assert "NIST" in readme
    assert "public domain" in readme
