"""The MES at the size of a plant's years: 1,000,000 serial units, 20,000 orders, 5 levels of genealogy.

Real PostgreSQL, real backbone, the MES's own process. A page is measured from the portal's question
to the JSON that a browser gets; a booking from the instant at which it was due, at 200 a second
whatever comes back, to its answer; the outbox from the instant at which the desk decided to the event's
arrival; the interlock from a press's question at its OPC UA nodes, through gateway, MES and commander, to the
answer at its nodes. The rows are loaded once, into `var/bench-mes` (`_mes_data`), and kept for the next run.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import _mes_data
from taktwin import settings
from taktwin.bus.client import NatsBus
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import commands, events, topics
from taktwin.contracts.commands import CommandData
from taktwin.entropy import Entropy
from taktwin.errors import BusError
from taktwin.instants import parse_rfc3339
from taktwin.mes.definitions.routes import compiled
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.portal.models import execution, maintenance, people, quality, scheduling, terminal, tracking
from taktwin.portal.models.base import Model
from taktwin.portal.routes.mes import _in_ms as in_ms
from taktwin.processes.backbone import Backbone
from taktwin.processes.database import Database
from taktwin.settings import Installation
from taktwin.storage.database import PASSWORD_VARIABLE

AREA = "mes"
ROOT = Path(__file__).resolve().parents[1]
PLANT = ROOT / "examples" / "plants" / "northfield"
CACHE = ROOT / "var" / "bench-mes"
PAGES, TRACES, QUESTIONS = 40, 40, 200
PRESS = "press2"
RATE, SECONDS = 200, float(os.environ.get("TAKTWIN_BENCH_SECONDS", "30"))
NOTE = os.environ.get("TAKTWIN_BENCH_NOTE", "")
clock = SystemClock()


def run() -> list[dict[str, Any]]:
    """Return the rows of this benchmark."""
    return asyncio.run(_measure())


async def _measure() -> list[dict[str, Any]]:
    gc.freeze()  # as the portal's process does, whose part this process takes
    gc.set_threshold(50_000, 20, 20)
    folder = _plant()
    registry = open_plant(folder)
    cell = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks._mes_cell", str(folder), PRESS, str(QUESTIONS),
        str(clock.now_ns() // 1_000_000_000 % 1_000_000_000),  # a number that no run before has asked
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert cell.stdout is not None
    there = json.loads(await cell.stdout.readline())
    # No other machine of the plant is there: their controllers are at an address where nobody listens.
    endpoints = {
        name: f"{str(each.settings['endpoint']).partition('://')[0]}://127.0.0.1:9"
        for name, each in registry.connections.items() if "endpoint" in each.settings
    }  # fmt: skip
    endpoints[there["connection"]] = f"opc.tcp://127.0.0.1:{there['port']}"
    installation = Installation(data_dir=str(CACHE), plant_dir=str(folder), endpoints=endpoints)
    store, backbone = Database(installation), Backbone(installation)
    await store.start()
    try:
        await asyncio.to_thread(_loaded, store, registry)
        await backbone.start()
        installation = msgspec.structs.replace(
            installation, nats_url=backbone.url, mes_database_url=store.url("mes")
        )
        path = settings.write(installation)
        processes = [await _started(name, path, store, backbone) for name in ("mes", "gateway", "commander")]
        try:
            plant = Plant(await backbone.connect("portal"), await backbone.connect("supervisor"), registry)
            await plant.ready()
            rows = [
                *await _pages(plant),
                *await _traces(plant),
                *await _bookings(plant),
                *await _interlock(cell),
            ]
            await plant.close()
        finally:
            for process in processes:
                process.terminate()
                await process.wait()
            await backbone.stop()
    finally:
        await store.stop()
        assert cell.stdin is not None
        cell.stdin.close()
        await cell.wait()
    return [{**row, "note": NOTE} for row in rows] if NOTE else rows


def _plant() -> Path:
    """Return the demo plant's folder, its controllers publishing every 10 ms."""
    folder = CACHE / "plant"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PLANT, folder)
    file = folder / "connections.yaml"
    text = file.read_text(encoding="utf-8")
    fast = text.replace("publishing_interval_ms: 50, sampling_interval_ms: 50",
                        "publishing_interval_ms: 10, sampling_interval_ms: 10")  # fmt: skip
    assert fast != text, "the plant's controllers publish every 50 ms"
    file.write_text(fast, encoding="utf-8")
    return folder


async def _started(name: str, path: Path, store: Database, backbone: Backbone) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"taktwin.processes.{name}", str(path),
        stderr=None if name == "mes" else asyncio.subprocess.DEVNULL,  # of the machines that are not there
        env={**os.environ, settings.PASSWORD_VARIABLE: backbone.passwords[name],
             PASSWORD_VARIABLE: store.passwords["mes"]},
    )  # fmt: skip


def _loaded(store: Database, registry: Registry) -> None:
    """Load the rows unless they lie there from a run before."""
    stamp = CACHE / "loaded"
    digest = hashlib.sha256(Path(_mes_data.__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return
    stamp.unlink(missing_ok=True)
    with store.connect() as connection:
        found = connection.execute("SELECT count(*) FROM mes.requests").fetchone()
        assert found == (0,), f"{CACHE} holds rows of another kind: remove it"
        _mes_data.load(connection, compiled(registry), clock.now_ns())
    stamp.write_text(digest, encoding="ascii")


class Plant:
    """The MES as the portal reaches it."""

    def __init__(self, bus: NatsBus, listener: NatsBus, registry: Registry) -> None:
        self._bus = bus
        self.listener = listener
        self.registry = registry

    async def ready(self) -> None:
        """Return once the MES answers."""
        async with clock.timeout(60):
            while True:
                with contextlib.suppress(BusError):
                    await self.ask("terminal", {"work_unit": "load2"})
                    return
                await clock.wall_sleep(0.2)

    async def ask(self, question: str, wish: dict[str, Any]) -> Any:
        """Return the answer to a question."""
        subject = topics.query(self.registry.enterprise, self.registry.site, "mes", question)
        answer = await self._bus.request(subject, msgspec.msgpack.encode(wish), timeout_s=30.0)
        return msgspec.msgpack.decode(answer)

    async def page(self, question: str, wish: dict[str, Any], model: type[Model]) -> int:
        """Return the size of a page's JSON, made as the portal makes it."""
        found = await self.ask(question, wish)
        return len(model.model_validate(in_ms(found)).model_dump_json())

    async def command(self, wish: CommandData) -> commands.Answer:
        """Return what a command came to."""
        asked = commands.make(wish, command_id=uuid.uuid4().hex, actor="bench", reason="measured")
        subject = topics.command(self.registry.enterprise, self.registry.site, "mes", asked.name)
        return commands.decode_answer(
            await self._bus.request(subject, commands.encode(asked), timeout_s=30.0)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._bus.close()
        await self.listener.close()


def _row(
    name: str, value: float, unit: str, bar: str, met: bool | None, peer: str, ratio: float
) -> dict[str, Any]:
    return {
        "area": AREA, "name": name, "value": round(value, 2), "unit": unit, "peer": peer, "peer_value": None,
        "ratio": round(ratio, 3), "bar": bar, "met": met,
    }  # fmt: skip


async def _spans_ms(asked: Callable[[], Awaitable[int]], times: int) -> tuple[list[float], int]:
    size = await asked()  # once to warm: what a page costs that somebody keeps open
    spans = []
    for _ in range(times):
        began = clock.monotonic_ns()
        size = max(size, await asked())
        spans.append((clock.monotonic_ns() - began) / 1e6)
    return sorted(spans), size


async def _page(plant: Plant, question: str, wish: Callable[[], dict[str, Any]], model: type[Model]) -> int:
    return await plant.page(question, wish(), model)


async def _pages(plant: Plant) -> list[dict[str, Any]]:
    draw = Entropy(7).generator("pages")

    def some_order() -> dict[str, Any]:
        return {"request": f"B{int(draw.integers(0, _mes_data.ORDERS)):05d}"}

    def page_of(name: str) -> Callable[[], dict[str, Any]]:
        last = _mes_data.ORDERS if name == "B" else _mes_data.UNITS // _mes_data.A_LOT
        return lambda: {"after": f"{name}{int(draw.integers(0, last)):05d}", "limit": 200}

    pages: list[tuple[str, str, Callable[[], dict[str, Any]], type[Model]]] = [
        ("board, 200 open orders", "board", dict, execution.BoardModel),
        ("schedule of 200 open orders, with a proposal", "schedule", dict, scheduling.ScheduleModel),
        ("orders, a page of 200 anywhere", "orders", page_of("B"), scheduling.OrdersModel),
        ("lots, a page of 200 anywhere", "lots", page_of("AD-3-"), tracking.LotsModel),
        ("an order with its job orders and units", "order", some_order, tracking.OrderPage),
        ("terminal", "terminal", lambda: {"work_unit": "load2"}, terminal.TerminalModel),
        ("maintenance", "maintenance", dict, maintenance.MaintenanceModel),
        ("quality", "quality", dict, quality.QualityModel),
        ("labour of a day", "labour", lambda: {"hours": "24", "job": ""}, people.LabourModel),
    ]
    rows = []
    for name, question, wish, model in pages:
        asked = functools.partial(_page, plant, question, wish, model)
        spans, size = await _spans_ms(asked, PAGES)
        p95 = spans[len(spans) * 95 // 100]
        peer = f"{PAGES} times, {size / 1000:,.0f} kB"
        rows.append(_row(f"page: {name}, p95", p95, "ms", "<= 300 ms", p95 <= 300, peer, p95 / 300))
    return rows


async def _traces(plant: Plant) -> list[dict[str, Any]]:
    draw = Entropy(8).generator("traces")
    chains, lots = _mes_data.UNITS // _mes_data.LEVELS, _mes_data.UNITS // _mes_data.LEVELS // _mes_data.A_LOT

    def backward() -> Awaitable[int]:
        unit = _mes_data.serial(_mes_data.LEVELS, int(draw.integers(0, chains)))
        return plant.page("unit", {"unit": unit}, tracking.SerialPage)

    def forward() -> Awaitable[int]:
        return plant.page("recall", {"lot": f"AD-3-{int(draw.integers(0, lots))}"}, tracking.RecallModel)

    rows = []
    for name, asked in (
        ("backward, what a unit is made of, 5 levels", backward),
        (
            f"forward, the {_mes_data.A_LOT * _mes_data.LEVELS:,} units that a lot went into, 5 levels",
            forward,
        ),
    ):
        spans, size = await _spans_ms(asked, TRACES)
        p95 = spans[len(spans) * 95 // 100]
        peer = f"{TRACES} times, {size / 1000:,.0f} kB"
        rows.append(_row(f"trace {name}, p95", p95, "ms", "<= 1,000 ms", p95 <= 1000, peer, p95 / 1000))
    return rows


async def _running_job(plant: Plant) -> str:
    """Return a job order that runs at the first cell; one is begun if none does."""
    now = (await plant.ask("terminal", {"work_unit": "load2"}))["job"]
    if now is not None:
        return str(now["job"])
    name = f"B{_mes_data.ORDERS - _mes_data.OPEN:05d}"
    jobs = (await plant.ask("order", {"request": name}))["jobs"]
    job = next(each for each in jobs if each["operation"] == 10)
    for wish in (
        commands.DispatchJob(job=job["job"], work_unit="load2", version=job["version"]),
        commands.BeginJob(job=job["job"]),
    ):
        answer = await plant.command(wish)
        assert answer.accepted, answer
    return str(job["job"])


async def _bookings(plant: Plant) -> list[dict[str, Any]]:
    job = await _running_job(plant)
    late: list[float] = []

    def hear(message: Message) -> None:
        event = events.decode(message.payload)
        if event.name == events.MaterialScrapped.event_type:
            late.append((clock.now_ns() - parse_rfc3339(event.recordedtime)) / 1e6)

    subscription = await plant.listener.subscribe(topics.EVENTS, hear)
    spans: list[float] = []
    began = clock.monotonic_ns()

    async def book(number: int) -> None:
        due = began + number * 1_000_000_000 // RATE
        wait = due - clock.monotonic_ns()
        if wait > 0:
            await clock.wall_sleep(wait / 1e9)
        answer = await plant.command(commands.ReportScrap(job=job, cause="surface"))
        assert answer.accepted, answer
        spans.append((clock.monotonic_ns() - due) / 1e6)

    total = int(RATE * SECONDS)
    for second in range(0, total, RATE):  # a second at a time: six thousand sleeping tasks cost too
        await asyncio.gather(*(book(n) for n in range(second, min(second + RATE, total))))
    took_s = (clock.monotonic_ns() - began) / 1e9
    async with clock.timeout(30):
        while len(late) < total:
            await clock.wall_sleep(0.05)
    await subscription.close()
    spans.sort()
    late.sort()
    rate, p95, p99 = total / took_s, spans[len(spans) * 95 // 100], late[len(late) * 99 // 100]
    peer = f"{total:,} bookings"
    return [
        _row(f"bookings a second, sustained for {SECONDS:g} s", rate, "1/s", ">= 0.99 of 200",
             rate >= 0.99 * RATE, peer, rate / RATE),
        _row("booking: due to answered, p95", p95, "ms", "<= 50 ms", p95 <= 50, peer, p95 / 50),
        _row("outbox: decided to heard on the bus, p99", p99, "ms", "<= 100 ms", p99 <= 100, peer, p99 / 100),
    ]  # fmt: skip


async def _interlock(cell: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    assert cell.stdin is not None and cell.stdout is not None
    cell.stdin.write(b"go\n")
    said = await cell.stdout.readline()
    assert said, "the press had no answer: it says above what it waited for"
    took = sorted(json.loads(said))
    p99 = took[len(took) * 99 // 100]
    peer = f"{len(took)} questions, median {took[len(took) // 2]:.0f} ms"
    name = "interlock: question at the machine to answer there, 10 ms publishing, p99"
    return [_row(name, p99, "ms", "<= 300 ms", p99 <= 300, peer, p99 / 300)]


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
