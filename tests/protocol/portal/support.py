"""A portal on a real backbone, with a twin, a historian and a recorder that say what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from taktwin.bus.port import Bus, Message
from taktwin.clock import Clock, ScaledClock, SystemClock
from taktwin.contracts import state, topics
from taktwin.contracts.state import Frame
from taktwin.historian.engine import Policy
from taktwin.historian.service import HistorianService
from taktwin.history.hot import DuckHistory
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.portal.app import create_app
from taktwin.portal.context import Portal
from taktwin.portal.server import listen, serve
from taktwin.settings import Installation
from tests.support_bus import TestBackbone, start_backbone

NORTHFIELD = Path(__file__).parents[3] / "examples" / "plants" / "northfield"
PATIENCE_S = 15.0

Answer = Callable[[dict[str, Any]], bytes]


@dataclass
class Owners:
    """The other processes, as far as the portal can see them."""

    registry: Registry
    twin: Bus
    recorder: Bus
    historian: Bus
    virtual_plant: Bus
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    picture: Frame = field(default_factory=lambda: Frame(sequence=0, at_ns=0))

    async def start(self) -> None:
        """Answer every question whose answer a test has put into `answers`."""
        self.answers["twin.snapshot"] = lambda _: msgspec.msgpack.encode(self.picture)
        for owner, bus in (
            ("twin", self.twin), ("recorder", self.recorder), ("virtual_plant", self.virtual_plant),
        ):  # fmt: skip
            subject = topics.query(self.registry.enterprise, self.registry.site, owner, "*")
            await bus.serve(subject, self._answer)

    async def _answer(self, message: Message) -> bytes:
        owner, name = topics.parse(message.subject).rest
        request = msgspec.msgpack.decode(message.payload or b"\x80")
        self.asked.append((f"{owner}.{name}", request))
        return self.answers[f"{owner}.{name}"](request)

    async def say(self, frame: Frame, session: str = "live") -> None:
        """Publish a frame, as the twin does or as the recorder does."""
        bus = self.twin if session == "live" else self.recorder
        subject = topics.frame(self.registry.enterprise, self.registry.site, session)
        await bus.publish(subject, state.encode(frame))
        await bus.flush()

    async def next(self, **columns: Any) -> Frame:
        """Publish the frame after the last one, and keep the number for the next."""
        frame = Frame(**{"sequence": self.picture.sequence + 1, "at_ns": self.picture.at_ns + 100_000_000,
                         "signal_count": len(self.registry.signals), **columns})  # fmt: skip
        self.picture = merged(self.picture, frame)
        await self.say(frame)
        return frame


COLUMNS = (
    "values", "qualities", "source_ns", "confirmed_ns", "stale", "received_mono", "published_mono",
    "applied_mono", "ingest_ns",
)  # fmt: skip
DOCUMENTS = {"units": "unit", "buffers": "buffer", "alarms": "alarm", "connections": "connector"}


def merged(full: Frame, news: Frame) -> Frame:
    """Return the full picture after a frame: whoever asks for it late is told no less."""
    signals = sorted({*full.signals, *news.signals})
    found: dict[str, Any] = {"signals": signals}
    for name in COLUMNS:
        known = dict(zip(full.signals, getattr(full, name), strict=False))
        known |= zip(news.signals, getattr(news, name), strict=False)
        found[name] = [known.get(index, 0) for index in signals] if known else []
    for name, key in DOCUMENTS.items():
        by_key = {getattr(each, key): each for each in (*getattr(full, name), *getattr(news, name))}
        found[name] = list(by_key.values())
    return msgspec.structs.replace(full, sequence=news.sequence, at_ns=news.at_ns, **found)


class Page:
    """A browser's end of the stream."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[str] = []  # the kinds of all messages so far

    async def say(self, **message: Any) -> None:
        """Send an operation."""
        await self.socket.send(msgspec.json.encode(message).decode())

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """Return the next message of these kinds, passing over others."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
                self.heard.append(message["type"])
                if message["type"] in kinds:
                    return message

    async def hear_until(self, kind: str, right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message of a kind of which something is true."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.hear(kind)
                if right(message):
                    return message


@dataclass
class Running:
    """A portal that serves."""

    portal: Portal
    owners: Owners
    http: httpx.AsyncClient
    port: int
    backbone: TestBackbone

    @contextlib.asynccontextmanager
    async def page(self, **headers: str) -> AsyncIterator[Page]:
        """Open the stream as a browser does."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/api/v1/live", additional_headers=headers, max_size=None,
            compression=None,
        ) as socket:  # fmt: skip
            yield Page(socket)


async def until(right: Callable[[], bool]) -> None:
    """Wait until something is true; fail after a while."""
    async with asyncio.timeout(PATIENCE_S):
        while not right():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def until_answer(right: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a question is answered with yes; fail after a while."""
    async with asyncio.timeout(PATIENCE_S):
        while not await right():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running(
    folder: Path, *, demo: bool = True, static: Path | None = None, history: bool = False
) -> AsyncIterator[Running]:
    """Run a portal of the demo plant on a real backbone; with a real historian if wanted."""
    registry = open_plant(NORTHFIELD)
    backbone = await start_backbone(folder / "backbone")
    try:
        wall_ns = SystemClock().now_ns()
        clock = ScaledClock(epoch_ns=wall_ns, wall_epoch_ns=wall_ns)
        installation = Installation(data_dir=str(folder), plant_dir=str(NORTHFIELD), demo=demo)
        owners = Owners(
            registry, await backbone.connect("twin"), await backbone.connect("recorder"),
            await backbone.connect("historian"), await backbone.connect("virtual_plant"),
        )  # fmt: skip
        owners.picture = Frame(sequence=1, at_ns=clock.now_ns(), signal_count=len(registry.signals))
        await owners.start()
        bus = await backbone.connect("portal")
        app = create_app(registry, bus, clock, installation, static=static or folder / "no-page")
        bound = listen("127.0.0.1", 0)
        port = bound.getsockname()[1]
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(app, bound, stop))
        portal: Portal = app.state.portal
        try:
            await until(lambda: portal.hub.picture.known or serving.done())
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
                _historian(folder, owners, clock) if history else contextlib.nullcontext(),
            ):
                yield Running(portal, owners, http, port, backbone)
        finally:
            stop.set()
            await serving
    finally:
        await backbone.close()


@contextlib.asynccontextmanager
async def _historian(folder: Path, owners: Owners, clock: Clock) -> AsyncIterator[None]:
    """Run a real historian beside the portal."""
    store = DuckHistory(folder / "history", site=owners.registry.site)
    service = HistorianService(
        bus=owners.historian, store=store, registry=owners.registry, clock=clock,
        policy=Policy(commit_s=0.05), disk_free=lambda: 10**12, memory_mb=lambda: 1.0, pid=1,
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task
        store.close()
