"""A page that stays open for a day does not grow. Ten minutes stand for it; `make soak` runs them.

The portal of the other page tests sends ten frames a second, some 500 values in them; every half minute
the page is led through all places and back, then its heap is measured after a collection.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FakePortal

pytestmark = [pytest.mark.browser, pytest.mark.soak]

MINUTES = 10
WARM = 4  # rounds in which the page loads its places and the browser compiles them
GROWTH_MB_A_DAY_MAX = 100.0
PLACES = {
    "g y": "main table tbody tr",
    "g l": "[data-alarm]",
    "g n": "[data-machine=press2] [data-unit]",
}


def walk(page: Page) -> None:
    """Lead the page through its places, a machine, a signal, a replay, and back to the plan."""
    for keys, drawn in PLACES.items():
        for key in keys.split():
            page.keyboard.press(key)
        expect(page.locator(drawn).first).to_be_visible(timeout=30_000)
    page.locator("[data-machine=press2]").click()
    expect(page.locator(".legend li").first).to_be_visible(timeout=30_000)
    page.locator("a.name").first.click()
    expect(page.locator(".uplot canvas").first).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator(".app")).to_have_attribute("data-mode", "replay", timeout=30_000)
    page.keyboard.press("Escape")
    expect(page.locator(".app")).to_have_attribute("data-mode", "live", timeout=30_000)
    page.keyboard.press("g")
    page.keyboard.press("n")
    expect(page.locator(PLACES["g n"])).to_be_visible(timeout=30_000)


def test_the_page_does_not_grow_while_it_is_open(page: Page, portal: FakePortal) -> None:
    page.goto(portal.url)
    expect(page.locator(PLACES["g n"])).to_be_visible(timeout=30_000)
    tool = page.context.new_cdp_session(page)
    begun = time.monotonic()
    minutes: list[float] = []
    heap_mb: list[float] = []
    nodes: list[int] = []
    while time.monotonic() - begun < MINUTES * 60:
        walk(page)
        later_ms = int(page.locator("[role=slider]").get_attribute("aria-valuenow") or 0) + 20_000
        page.wait_for_function(
            "ms => Number(document.querySelector('[role=slider]').getAttribute('aria-valuenow')) > ms",
            arg=later_ms,
            timeout=60_000,
        )
        tool.send("HeapProfiler.collectGarbage")
        minutes.append((time.monotonic() - begun) / 60)
        heap_mb.append(float(tool.send("Runtime.getHeapUsage")["usedSize"]) / 1e6)
        nodes.append(int(tool.send("Memory.getDOMCounters")["nodes"]))
        print(f"{minutes[-1]:.1f} min: {heap_mb[-1]:.2f} MB, {nodes[-1]} nodes")
    assert len(heap_mb) > WARM + 4, "too few rounds to tell anything"
    slope_mb, _ = np.polyfit(minutes[WARM:], heap_mb[WARM:], 1)
    print(f"slope {slope_mb * 1000:.1f} kB a minute, {slope_mb * 1440:.0f} MB a day")
    assert slope_mb * 1440 < GROWTH_MB_A_DAY_MAX, list(zip(minutes, heap_mb, strict=True))
    assert max(nodes[WARM:]) < 1.5 * min(nodes[WARM:]), nodes
