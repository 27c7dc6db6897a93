"""A plant's real processes under a test's thumb: start, kill -9, cut, freeze, ask, stop.

One broker, and a network of its own for each process, so that one of them can be cut off alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from taktwin import settings
from taktwin.bus.client import NatsBus
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import topics
from taktwin.contracts.state import Health
from taktwin.errors import BusError
from taktwin.plant.registry import Registry
from taktwin.processes import wiring
from taktwin.processes.backbone import Backbone
from taktwin.processes.ports import free_port
from taktwin.processes.supervisor import start_again
from taktwin.settings import Installation
from tests.storm.real.feeder import Wishes
from tests.support_proxy import Proxy

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("gateway", "twin", "historian")


class House:
    """Broker, twin, historian and feeder of one storm; use as an async context manager."""

    def __init__(
        self,
        plant: Registry,
        folder: Path,
        *,
        now_ns: int,
        gateway: str = "tests.storm.real.feeder",
        **more: Any,
    ) -> None:
        self.plant = plant
        self.folder = folder
        self.clock = SystemClock()
        self._base = Installation(
            data_dir=str(folder / "data"), plant_dir=plant.folder, epoch_ns=now_ns,
            wall_epoch_ns=self.clock.now_ns(), **more,
        )  # fmt: skip
        self.broker = Backbone(Installation(data_dir=str(folder / "data"), plant_dir=""), clock=self.clock)
        self.networks: dict[str, Proxy] = {}
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.modules = {
            "gateway": gateway,
            "twin": "taktwin.processes.twin",
            "historian": "taktwin.processes.historian",
        }
        self.environment: dict[str, str] = {}
        self._reviving = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()
        self._bus: NatsBus | None = None
        self.health: dict[str, Health] = {}
        self.kills: list[str] = []
        self.said: list[str] = []  # what the broker's starts had to say
        self.endpoints: dict[str, str] = {}  # where a real gateway finds its machines

    async def __aenter__(self) -> House:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        await self.broker.start()
        host, _, port = self.broker.url.removeprefix("nats://").partition(":")
        for name in ROOMS:
            self.networks[name] = Proxy(host, int(port))
            self.networks[name].port = free_port()
            await self.networks[name].start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._bus is not None:
            await self._bus.close()
        for name in list(self.processes):
            await self.kill(name)
        for network in self.networks.values():
            await network.stop()
        await self.broker.stop()

    @property
    def installation(self) -> Installation:
        """Return what all processes are told, but for the network of each."""
        return self._base

    @property
    def data(self) -> Path:
        """Return the data folder that all of them share."""
        return self.folder / "data"

    async def start(self, name: str, **environment: str) -> None:
        """Start one process as the supervisor does, behind its own network."""
        installation = msgspec.structs.replace(
            self._base, nats_url=f"nats://127.0.0.1:{self.networks[name].port}",
            mqtt_host=self.broker.mqtt_host, mqtt_port=self.broker.mqtt_port, endpoints=self.endpoints,
        )  # fmt: skip
        path = self.folder / f"{name}.json"
        path.write_bytes(msgspec.json.encode(installation))
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self.modules[name], str(path), cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
            env={**os.environ, **self.environment, **environment, wiring.SUPERVISED: "1",
                 "PYTHONFAULTHANDLER": "1",
                 settings.PASSWORD_VARIABLE: self.broker.passwords[name]},
        )  # fmt: skip
        log.close()

    async def feed(self, wishes: Wishes) -> None:
        """Start the feeder with its wishes."""
        path = self.folder / f"wishes.{wishes.run}.json"
        path.write_bytes(msgspec.json.encode(wishes))
        await self.start("gateway", STORM_WISHES=str(path))

    async def kill(self, name: str) -> None:
        """End a process without warning; the broker is one of them."""
        if name == "broker":
            await self.broker.kill()
            return
        process = self.processes.pop(name)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()

    async def revive_broker(self) -> None:
        """Start the broker again as the supervisor does: another blow may fall while it starts."""
        async with self._reviving:
            await start_again("broker", self.broker, clock=self.clock, say=self.said.append)

    async def end(self, name: str) -> int:
        """Stop a process as the supervisor does and return its exit code."""
        process = self.processes.pop(name)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                return await process.wait()
        except TimeoutError:
            process.send_signal(signal.SIGABRT)  # it writes down where it stands
            await process.wait()
            raise AssertionError(f"{name} did not stop:\n{self.log_of(name)}") from None

    def died(self) -> list[str]:
        """Return the processes that ended by themselves, with the ends of their logs."""
        return [
            f"{name} ended with {p.returncode}:\n{self.log_of(name)}"
            for name, p in self.processes.items()
            if p.returncode is not None
        ]

    def log_of(self, name: str) -> str:
        """Return the end of a process's log."""
        path = self.folder / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-25:]) if path.exists() else ""

    async def bus(self) -> NatsBus:
        """Return a connection under the supervisor's account."""
        if self._bus is None:
            self._bus = await self.broker.connect("supervisor")

            def heard(message: Message) -> None:
                health = msgspec.msgpack.decode(message.payload, type=Health)
                self.health[health.component] = health

            await self._bus.subscribe(topics.HEALTH, heard)
        return self._bus

    async def ask(self, owner: str, name: str, **request: Any) -> Any:
        """Ask an owner and return its MessagePack answer; one that is just starting is asked again."""
        bus = await self.bus()
        subject = topics.query(self.plant.enterprise, self.plant.site, owner, name)
        async with asyncio.timeout(40):
            while True:
                try:
                    answer = await bus.request(subject, msgspec.msgpack.encode(request), timeout_s=10)
                except BusError:
                    assert not self.died(), self.died()
                    await asyncio.sleep(0.1)
                else:
                    return msgspec.msgpack.decode(answer)


async def until(condition: Callable[[], Any], *, within_s: float, why: Callable[[], str]) -> Any:
    """Return the first true answer of a condition (a coroutine's too); fail if none comes in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        assert loop.time() < deadline, f"not within {within_s} s: {why()}"
        await asyncio.sleep(0.05)
