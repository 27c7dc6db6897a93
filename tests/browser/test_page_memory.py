"""A page that stays open for a day does not grow. Ten minutes stand for it; `make soak` runs them.

The portal of the other page tests sends ten frames a second, some 500 values in them. The page is first
led through all its places until everything is loaded and compiled, then every half minute once more;
after each walk its living objects are counted and its heap is measured, both after a collection.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import FakePortal
from tests.browser.find_browser import browser

pytestmark = [pytest.mark.browser, pytest.mark.soak]

MINUTES = 10
WARM_WALKS = 25
GROWTH_MB_A_DAY_MAX = 100.0
# One component that is left behind at each walk is hundreds of objects.
GROWTH_OBJECTS_A_WALK_MAX = 50.0
# What the engine compiles from code that runs often is no growth of the page, but in ten minutes it looks
# like one (seen: 0.3 MB a minute in the first minutes): this browser compiles once, and keeps it.
COMPILE_ONCE = "--js-flags=--no-opt --no-maglev --no-sparkplug --no-flush-bytecode"
PLACES = {
    "g y": "main table tbody tr",
    "g l": "[data-alarm]",
    "g n": "[data-machine=press2] [data-unit]",
}


@pytest.fixture
def still_page(chromium: Browser) -> Iterator[Page]:
    """A page in a browser whose compiler rests."""
    path, arguments = browser()
    own = chromium.browser_type.launch(executable_path=path, args=[*arguments, COMPILE_ONCE])
    one = own.new_page(viewport={"width": 1920, "height": 1080}, locale="en-GB")
    yield one
    own.close()


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


def live_for(page: Page, plant_ms: int) -> None:
    """Let the page show the living plant for a time of the plant."""
    later_ms = int(page.locator("[role=slider]").get_attribute("aria-valuenow") or 0) + plant_ms
    page.wait_for_function(
        "ms => Number(document.querySelector('[role=slider]').getAttribute('aria-valuenow')) > ms",
        arg=later_ms,
        timeout=60_000,
    )


def used_mb(tool: CDPSession) -> float:
    """Return the size of the page's own heap after a collection."""
    tool.send("HeapProfiler.collectGarbage")
    return float(tool.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def living_objects(tool: CDPSession) -> int:
    """Return how many objects of the page are alive; the browser collects before it counts."""
    group = {"objectGroup": "count"}
    prototype = tool.send("Runtime.evaluate", {"expression": "Object.prototype", **group})
    found: dict[str, Any] = tool.send(
        "Runtime.queryObjects", {"prototypeObjectId": prototype["result"]["objectId"], **group}
    )
    length = tool.send(
        "Runtime.callFunctionOn",
        {
            "objectId": found["objects"]["objectId"],
            "functionDeclaration": "function () { return this.length }",
        },
    )
    tool.send("Runtime.releaseObjectGroup", group)
    return int(length["result"]["value"])


def test_the_page_does_not_grow_while_it_is_open(still_page: Page, portal: FakePortal) -> None:
    page = still_page
    page.goto(portal.url)
    expect(page.locator(PLACES["g n"])).to_be_visible(timeout=30_000)
    tool = page.context.new_cdp_session(page)
    begun = time.monotonic()
    for _ in range(WARM_WALKS):
        walk(page)
    minutes: list[float] = []
    heap_mb: list[float] = []
    objects: list[int] = []
    nodes: list[int] = []
    while time.monotonic() - begun < MINUTES * 60:
        walk(page)
        live_for(page, 15_000)
        # An answer under way is memory too: of three looks the least is what is kept.
        looks = []
        for _ in range(3):
            live_for(page, 1000)
            looks.append((used_mb(tool), living_objects(tool)))
        minutes.append((time.monotonic() - begun) / 60)
        heap_mb.append(min(used for used, _ in looks))
        objects.append(min(count for _, count in looks))
        nodes.append(int(tool.send("Memory.getDOMCounters")["nodes"]))
        print(f"{minutes[-1]:.1f} min: {heap_mb[-1]:.2f} MB, {objects[-1]} objects, {nodes[-1]} nodes")
    assert len(heap_mb) > 8, "too few rounds to tell anything"
    slope_mb, _ = np.polyfit(minutes, heap_mb, 1)
    more_objects, _ = np.polyfit(range(len(objects)), objects, 1)
    print(f"slope {slope_mb * 1000:.1f} kB a minute, {slope_mb * 1440:.0f} MB a day")
    print(f"{more_objects:+.1f} objects a walk")
    assert slope_mb * 1440 < GROWTH_MB_A_DAY_MAX, list(zip(minutes, heap_mb, strict=True))
    assert more_objects < GROWTH_OBJECTS_A_WALK_MAX, objects
    assert max(nodes) < 1.5 * min(nodes), nodes
