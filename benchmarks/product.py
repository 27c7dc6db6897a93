"""The product as a person starts it: start-up, memory, first load, frames, and any instant of a week.

`taktwin demo` with its real processes and a headless Chromium, which draws with the processor. Frames
are timed at 60 times the speed, so that at least 2,000 values a second reach the page. The week of history is
one day of the virtual plant, repeated; where a twin ran it kept a picture each five minutes, from which
the recorder goes on.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import CDPSession, Page, sync_playwright
from websockets.sync.client import connect
from websockets.typing import Origin as Origins

from taktwin.bus.memory import MemoryHub
from taktwin.clock import SystemClock
from taktwin.entropy import Entropy
from taktwin.errors import BusError
from taktwin.historian.engine import Policy
from taktwin.historian.importer import one_scan
from taktwin.historian.service import HistorianService
from taktwin.history.hot import DuckHistory
from taktwin.history.store import Batch, Origin, Vouched
from taktwin.history.values import ValueColumns, pack_floats
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.twin import snapshot
from taktwin.twin.past import HistoryPast
from taktwin.twin.recorder import Playback
from taktwin.twin.service import MOMENT_EVERY_NS, MOMENT_FACTS_NS
from taktwin.virtual_plant import history, physics
from tests.browser.find_browser import browser
from tests.system.product import ROOT, Product

PLANT = ROOT / "examples" / "plants" / "northfield"
UPDATES_MIN = 2_000
WATCH_S = 20
SETTLE_S = 60
DAY_NS = 86_400 * SECOND_NS
DAYS = 7
INSTANTS = 20
WEEK_FROM_NS = parse_rfc3339("2026-06-15T00:00:00Z")

# Counts the values of live frames and the time between two frames that the browser draws.
COUNT = """
window.__updates = 0; window.__spans = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...words) {
    super(...words);
    this.addEventListener('message', (message) => {
      const said = JSON.parse(message.data);
      if (said.type === 'frame') window.__updates += said.i.length;
    });
  }
};
let last = 0;
const tick = (now) => { if (last) window.__spans.push(now - last); last = now; requestAnimationFrame(tick); };
requestAnimationFrame(tick);
"""


def run() -> list[dict[str, Any]]:
    """Return the rows of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Product(root / "calm", "--at", "2026-11-10T06:30:00Z") as product:
            rows = [_row("whole demo: start to the page's address", product.ready_s, "s", 20.0)]
            time.sleep(SETTLE_S)
            rows.append(
                _row("whole demo: resident in all, after a minute", _resident_mb(product), "MB", 1500)
            )
        with Product(root / "fast", "--speed", "60", "--at", "2026-11-10T06:30:00Z") as product:
            rows += _page(product)
        rows += _any_instant(root / "past")
    return rows


def _row(name: str, value: float, unit: str, bar: float) -> dict[str, Any]:
    return {
        "area": "spine", "name": name, "value": round(value, 2), "unit": unit, "peer": None,
        "peer_value": None, "ratio": round(value / bar, 3), "bar": f"<= {bar:g} {unit}", "met": value <= bar,
    }  # fmt: skip


def _resident_mb(product: Product) -> float:
    """Return the resident memory of the command and all its processes; shared pages count each time."""
    parent = psutil.Process(product.process.pid)
    family = (parent, *parent.children(recursive=True))
    return float(sum(p.memory_info().rss for p in family)) / 1e6


# -- the page ----------------------------------------------------------------------------------------


def _page(product: Product) -> list[dict[str, Any]]:
    path, arguments = browser()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        context = chromium.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB")
        page = context.new_page()
        page.add_init_script(COUNT)
        network = context.new_cdp_session(page)
        loaded = _bytes_loaded(network)
        page.goto(product.url)
        page.locator("[data-machine=turn1]").wait_for(timeout=20_000)
        first_load = loaded()
        updates, spans = _frames(page)
        chromium.close()
    enough = updates >= UPDATES_MIN
    return [
        _row("page: first load, compressed, without the plant's data", first_load["page"] / 1000, "kB", 150),
        {
            **_row("page: first answers of the portal, compressed", first_load["data"] / 1000, "kB", 1),
            "ratio": None, "bar": None, "met": None,
        },
        {
            **_row("page: p95 frame", _p95(spans), "ms", 20),
            "peer": "60 frames a second", "peer_value": 16.7,
        },
        {
            **_row("page: values a second that reach it meanwhile", updates, "1/s", UPDATES_MIN),
            "bar": f">= {UPDATES_MIN:,}", "ratio": round(updates / UPDATES_MIN, 3), "met": enough,
        },
    ]  # fmt: skip


def _bytes_loaded(network: CDPSession) -> Any:
    """Count what comes over the wire; the returned function tells bytes of the page and of its data."""
    urls: dict[str, str] = {}
    sizes = {"page": 0, "data": 0}
    network.send("Network.enable")
    network.on("Network.requestWillBeSent", lambda e: urls.update({e["requestId"]: e["request"]["url"]}))

    def finished(event: dict[str, Any]) -> None:
        kind = "data" if "/api/" in urls.get(event["requestId"], "") else "page"
        sizes[kind] += int(event["encodedDataLength"])

    network.on("Network.loadingFinished", finished)
    return lambda: dict(sizes)


def _p95(spans: list[float]) -> float:
    return float(np.percentile(spans, 95))


def _frames(page: Page) -> tuple[float, list[float]]:
    """Return values a second that came, and the milliseconds between frames drawn."""
    page.wait_for_timeout(5_000)
    page.evaluate("window.__updates = 0; window.__spans = []")
    page.wait_for_timeout(WATCH_S * 1000)
    updates, spans = page.evaluate("[window.__updates, window.__spans]")
    return updates / WATCH_S, spans


# -- any instant of a week ---------------------------------------------------------------------------


def _write_week(store: DuckHistory, registry: Registry) -> None:
    """Play one day of the plant and append it seven times, with what its sources vouched for."""
    hours: dict[int, list[history.HistoryBatch]] = {}
    history.play(
        registry, physics.load(PLANT / "physics.yaml"), from_ns=WEEK_FROM_NS, to_ns=WEEK_FROM_NS + DAY_NS,
        seed=1, sink=lambda batch: hours.setdefault(batch.from_ns, []).append(batch),
    )  # fmt: skip
    names = [signal.id for signal in registry.signals]
    sequence = 0
    for day in range(DAYS):
        shift_ns = day * DAY_NS
        for from_ns, batches in hours.items():
            scans, vouched = [], []
            for batch in batches:
                sequence += 1
                scans.append(
                    one_scan(
                        store,
                        origin=Origin(batch.connection, batch.unit, WEEK_FROM_NS),
                        sequence=sequence,
                        signals=names,
                        signal=batch.signals.astype(np.int32),
                        source_ns=batch.source_ns + shift_ns,
                        values=_values(batch),
                        recorded_ns=batch.to_ns + shift_ns,
                    )
                )
                if batch.vouched:
                    span = (batch.from_ns + shift_ns, batch.to_ns + shift_ns)
                    vouched.append(Vouched(batch.connection, batch.unit, *span))
            store.append(Batch(samples=scans, vouched=vouched))
            store.seal(from_ns + shift_ns)


def _values(batch: history.HistoryBatch) -> ValueColumns | list[Any]:
    return pack_floats(batch.values) if isinstance(batch.values, np.ndarray) else batch.values


async def _answers(past: HistoryPast) -> bool:
    try:
        await past.standing(WEEK_FROM_NS)
    except BusError:
        return False
    return True


async def _keep_moments(store: DuckHistory, registry: Registry, instants: list[int], folder: Path) -> None:
    """Keep the picture of the twin before each instant: a running twin keeps one in five minutes."""
    clock = SystemClock()
    hub = MemoryHub(clock)
    historian = HistorianService(
        bus=hub.connect(), store=store, registry=registry, clock=clock, policy=Policy(),
        disk_free=lambda: 10**12, memory_mb=lambda: 0.0, pid=0,
    )  # fmt: skip
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(historian.run(stop))
        past = HistoryPast(hub.connect(), registry)
        while not await _answers(past):
            await clock.wall_sleep(0.05)
        for at_ns in instants:
            moment_ns = at_ns // MOMENT_EVERY_NS * MOMENT_EVERY_NS
            playback = Playback(registry, past, folder, speed=1.0)
            await playback.seek(moment_ns)
            taken = snapshot.take(
                playback.engine, positions={}, at_ns=moment_ns, facts_from_ns=moment_ns - MOMENT_FACTS_NS
            )
            snapshot.write(snapshot.encode(taken), folder / f"{moment_ns:020d}.moment")
        stop.set()


def _any_instant(root: Path) -> list[dict[str, Any]]:
    plant = root / "plant"
    shutil.copytree(PLANT, plant)
    connections = plant / "connections.yaml"
    # Nothing listens there: the plant of this benchmark has a past and no machines.
    connections.write_text(
        re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", connections.read_text("utf-8")), "utf-8"
    )
    registry = open_plant(plant)
    store = DuckHistory(root / "data" / "historian", site=registry.site)
    _write_week(store, registry)
    rows = store.status().rows
    rng = Entropy(5).generator("instants")
    instants = rng.integers(WEEK_FROM_NS + DAY_NS // 24, WEEK_FROM_NS + DAYS * DAY_NS, INSTANTS).tolist()
    moments = root / "data" / "twin" / "moments"
    moments.mkdir(parents=True)
    asyncio.run(_keep_moments(store, registry, instants, moments))
    store.close()
    of = f"{DAYS} days, {rows / 1e6:.0f} million rows"
    with Product(root / "data", command="up", plant=str(plant)) as product:
        near = [_first_picture_s(product, at_ns // 1_000_000) for at_ns in instants]
        for path in moments.glob("*.moment"):
            path.unlink()
        alone = [_first_picture_s(product, at_ns // 1_000_000) for at_ns in instants]
    return [
        _row(f"replay: first picture of any instant of {of}, worst of {INSTANTS}", max(near), "s", 1.0),
        _row(f"replay: first picture of any instant of {of}, median", float(np.median(near)), "s", 1.0),
        {
            **_row("replay: the same where no twin was running, worst", max(alone), "s", 1.0),
            "ratio": None, "bar": None, "met": None,
        },
    ]  # fmt: skip


def _first_picture_s(product: Product, at_ms: int) -> float:
    """Return how long a page waits for the plant at an instant, from its wish to the whole picture."""
    address = product.url.replace("http", "ws", 1) + "api/v1/live"
    shown = {"Cookie": product.cookie} if product.cookie else {}
    origin = Origins(product.url.rstrip("/"))
    with connect(address, origin=origin, additional_headers=shown, max_size=None) as socket:
        topics = ["units", "alarms", "connections", "signals:*"]
        socket.send(json.dumps({"op": "subscribe", "topics": topics}))
        while json.loads(socket.recv(timeout=30))["type"] != "snapshot":
            pass
        began = time.perf_counter()
        socket.send(json.dumps({"op": "mode", "mode": "replay", "at_ms": at_ms, "speed": 0}))
        while True:
            said = json.loads(socket.recv(timeout=30))
            if said["type"] == "snapshot" and said["mode"] == "replay":
                took_s = time.perf_counter() - began
                assert abs(said["t"] - at_ms) < 1500, f"asked for {at_ms}, got {said['t']}"
                known = sum(value is not None for value in said["v"])
                assert known > len(said["v"]) * 0.9, f"a picture of {known} values"
                return took_s
