"""Start the processes of an installation, watch them, restart them with back-off, stop them in time.

Comes in: an `Installation` without addresses. Goes out: running children, one log file each, a
readable account of what runs where, and on the way down the reasons why each of them ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from taktwin import settings
from taktwin.bus.port import Bus, Message
from taktwin.bus.refusals import Repetitions
from taktwin.clock import Clock
from taktwin.contracts import quarantine, topics
from taktwin.contracts.quarantine import Rejection
from taktwin.contracts.state import Health
from taktwin.entropy import fingerprint, one_time_code
from taktwin.errors import BusError, ConfigError, Mistake, StoreError, WorldError
from taktwin.identity import Place
from taktwin.plant.plan import copy
from taktwin.plant.registry import Registry
from taktwin.processes import wiring
from taktwin.processes.backbone import Backbone
from taktwin.processes.database import Database
from taktwin.processes.ports import free_port
from taktwin.settings import Installation
from taktwin.storage.database import PASSWORD_VARIABLE as DATABASE_PASSWORD_VARIABLE

# The machines of a demo take longest. They come before the gateway, which would only note that nobody is
# there yet, and before the MES, which waits for its database.
ORDER = (
    "historian", "twin", "recorder", "portal", "virtual_plant", "commissioning", "commander", "whatif",
    "analyst", "mes", "ledger", "gateway",
)  # fmt: skip
PLAYERS = ("virtual_plant", "commissioning")
SERVED = ("opcua", "modbus-tcp", "shdr")  # what a played plant serves at addresses that are found for it
START_S = 120.0  # a process alone is up in 2 s, the demo's machines in 8 s; a busy machine takes longer
STOP_S = 7.0  # a clean stop of everything takes less than 8 s
LOG_BYTES_MAX = 20_000_000
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
REFUSALS_MAX = 1000  # of the backbone, that wait to be told
ROOM_BYTES_MIN = 64_000_000  # a disk that was full has room again when so much is free
NO_ROOM = "the disk is full: the streams keep nothing until there is room, the gateway what its own log can"
CALM_S = 60.0  # a process that ran this long starts its back-off anew

Say = Callable[[str], None]


@dataclass
class Child:
    """One supervised process."""

    name: str
    environment: Mapping[str, str]
    process: asyncio.subprocess.Process | None = None
    log: IO[bytes] | None = None
    restarts: int = 0
    started_mono_ns: int = 0
    exits: list[str] = field(default_factory=list)
    healthy: asyncio.Event = field(default_factory=asyncio.Event)
    health: Health | None = None
    quick_exits: int = 0
    ending: bool = False


async def start_again(
    name: str, server: Backbone | Database, *, clock: Clock, say: Callable[[str], None]
) -> None:
    """Start a server of ours until it runs: at once, then with growing waits between the tries.

    A server that ends while it starts, or a disk without room, is one more try; each is said.
    """
    tries = 0
    while not server.alive:
        try:
            await server.start()
        except (WorldError, BusError, StoreError, OSError) as failure:  # such as a disk without room
            await server.stop()
            tries += 1
            say(f"{name}: does not start, tried again in {backoff_s(tries):g} s: {failure}")
            await clock.wall_sleep(backoff_s(tries))


class Supervisor:
    """Owns the backbone and the children of one installation."""

    def __init__(self, installation: Installation, registry: Registry, clock: Clock, *, say: Say) -> None:
        self.installation = installation
        self.registry = registry
        self.children: dict[str, Child] = {}
        # Makes the first admin where there is none yet; lives in this process alone, and no file holds it.
        self.setup_code = one_time_code()
        self._clock = clock
        self._say = say
        self._stopping = asyncio.Event()
        self._database = Database(installation, clock=clock)
        self._backbone = Backbone(installation, registry, clock=clock, on_refusal=self._note_refusal)
        self._refusals: deque[Rejection] = deque(maxlen=REFUSALS_MAX)
        self._repetitions = Repetitions()
        self._refused = asyncio.Event()
        self.backbone_exits: list[str] = []
        self.database_exits: list[str] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._path = Path()
        self._bus: Bus | None = None

    @property
    def bus(self) -> Bus:
        """Return the supervisor's own connection to the backbone."""
        assert self._bus is not None, "started before it is used"
        return self._bus

    @property
    def backbone(self) -> Backbone:
        """Return the backbone, for those who need another account on it."""
        return self._backbone

    @property
    def database(self) -> Database:
        """Return the database, for those who need another role on it."""
        return self._database

    async def start(self) -> None:
        """Start everything; return when each process has sent its first heartbeat.

        Raises
        ------
        WorldError
            If a process did not come up in time, with the end of its log.
        """
        # A first start makes the database's files: seconds in which everything else comes up already.
        database = asyncio.create_task(self._database.start(), name="database-start")
        try:
            await self._start(database)
        finally:
            database.cancel()
            await asyncio.gather(database, return_exceptions=True)

    async def _start(self, database: asyncio.Task[None]) -> None:
        await self._backbone.start()
        self.installation = _with_frozen_plant(self.installation)
        chosen = addressed(self.installation, self.registry)
        self.installation = msgspec.structs.replace(
            chosen, nats_url=self._backbone.url, nats_monitor_url=self._backbone.monitor_url,
            mqtt_host=self._backbone.mqtt_host, mqtt_port=self._backbone.mqtt_port,
            mes_database_url=self._database.url("mes"),
            ledger_database_url=self._database.url("ledger"),
        )  # fmt: skip
        self._path = settings.write(self.installation)
        self._say(f"backbone     {self._backbone.description}")
        await self._listen()
        for name in ORDER:
            if name in PLAYERS and name != self.installation.player:
                continue
            password = self._backbone.passwords.get(name, "")
            environment = {**os.environ, settings.PASSWORD_VARIABLE: password, wiring.SUPERVISED: "1"}
            if name == "gateway":
                environment["TAKTWIN_MQTT_PASSWORD"] = self._backbone.passwords.get("mirror", "")
            if name == "mes":
                await database
                self._say(f"database     {self._database.description}")
                environment[settings.SETUP_VARIABLE] = fingerprint(self.setup_code)
            if name in self._database.passwords:  # of those that have a schema; the MES is the first of them
                environment[DATABASE_PASSWORD_VARIABLE] = self._database.passwords[name]
            child = Child(name, environment)
            self.children[name] = child
            if name == "gateway" and self.installation.player:
                await self._until_healthy(self.children[self.installation.player])
            await self._spawn(child)
            self._watchers.append(asyncio.create_task(self._watch(child), name=f"watch-{name}"))
        for name, server, exits in self._servers():
            watching = self._watch_server(name, server, exits)
            self._watchers.append(asyncio.create_task(watching, name=f"watch-{name}"))
        self._watchers.append(asyncio.create_task(self._heartbeat(), name="heartbeat"))
        self._watchers.append(asyncio.create_task(self._tell_refusals(), name="refusals"))
        self._watchers.append(asyncio.create_task(self._mind_room(), name="room"))
        for child in self.children.values():
            await self._until_healthy(child)
            assert child.process is not None
            self._say(f"{child.name:<12} runs as process {child.process.pid}")

    async def end(self, name: str) -> None:
        """Stop one process cleanly and leave it stopped; nothing happens if it does not run."""
        child = self.children.get(name)
        if child is None or child.process is None or child.process.returncode is not None:
            return
        child.ending = True
        child.process.send_signal(signal.SIGTERM)
        async with self._clock.timeout(STOP_S):
            await child.process.wait()

    async def stop(self) -> dict[str, list[str]]:
        """End everything within 8 s and return why each process ended, oldest reason first."""
        self._stopping.set()
        alive = [child for child in reversed(list(self.children.values())) if _runs(child)]
        for child in alive:
            assert child.process is not None
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(STOP_S - 1.5):
                await asyncio.gather(*(child.process.wait() for child in alive if child.process))
        for child in alive:
            assert child.process is not None
            if child.process.returncode is None:
                self._say(f"{child.name}: did not stop in {STOP_S - 1.5:.1f} s, killed; its log says where")
                await self._kill(child.process)
        await self._end_watchers()
        # One that was being started again when the end came has heard of it from nobody.
        for child in filter(_runs, self.children.values()):
            assert child.process is not None
            await self._kill(child.process)
        for child in self.children.values():
            if child.log is not None:
                child.log.close()
        if self._bus is not None:
            await self._bus.close()
        await asyncio.gather(self._backbone.stop(), self._database.stop())
        return {child.name: child.exits for child in self.children.values()}

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        """Kill a process; what it was doing goes to its log."""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(wiring.SAY_WHERE)
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(0.2):
                    await process.wait()
            process.kill()
        await process.wait()

    async def _end_watchers(self) -> None:
        # Watchers end by themselves when their process does; one in back-off is cut short.
        for watcher in self._watchers:
            watcher.cancel()
        for outcome in await asyncio.gather(*self._watchers, return_exceptions=True):
            if isinstance(outcome, Exception):
                self._say(f"supervisor: a watcher failed: {outcome!r}")

    async def _watch_server(self, name: str, server: Backbone | Database, exits: list[str]) -> None:
        """Start a server of ours again whenever it ends."""
        quick_exits = 0
        while not self._stopping.is_set():
            started_ns = self._clock.monotonic_ns()
            code = await server.wait()
            if self._stopping.is_set():
                return
            quick_exits = 0 if (self._clock.monotonic_ns() - started_ns) / 1e9 > CALM_S else quick_exits + 1
            exits.append(_reason(code, stopping=False))
            self._say(f"{name}: ended ({exits[-1]}), starts again where it was")
            await self._clock.wall_sleep(backoff_s(quick_exits))
            await start_again(name, server, clock=self._clock, say=self._say)

    async def _mind_room(self) -> None:
        """Start the backbone again once a full disk has room: its streams do not come back by themselves."""
        while True:
            await self._clock.wall_sleep(1.0)
            if self._backbone.without_room and self._backbone.free_bytes() >= ROOM_BYTES_MIN:
                self._say("backbone: the disk was full and has room again")
                self._backbone.end()
                await self._clock.wall_sleep(5.0)

    def _servers(self) -> list[tuple[str, Backbone | Database, list[str]]]:
        """Return name, server and exits of each foreign server that is ours to start."""
        known: list[tuple[str, Backbone | Database, list[str]]] = [
            ("backbone", self._backbone, self.backbone_exits),
            ("database", self._database, self.database_exits),
        ]
        return [entry for entry in known if not entry[1].external_url]

    def memory_mb(self) -> dict[str, float]:
        """Return the resident memory of everything that runs, MB of 10^6 bytes, by name.

        Of the database it is that of its main process.
        """
        found = {name: child.health.memory_mb for name, child in self.children.items() if child.health}
        servers = {name: wiring.memory_mb(server.pid) for name, server, _ in self._servers() if server.pid}
        return {"supervisor": wiring.memory_mb(), **servers, **found}

    async def _heartbeat(self) -> None:
        """Tell once a second what only the supervisor knows: restarts, and of the servers that are ours."""
        subject = topics.health(self.registry.enterprise, self.registry.site, "supervisor")
        plant_clock = wiring.clock_of(self.installation)
        started_ns = plant_clock.now_ns()
        while not self._stopping.is_set():
            counters = {f"restarts.{name}": float(child.restarts) for name, child in self.children.items()}
            for name, server, exits in self._servers():
                counters[f"restarts.{name}"] = float(len(exits))
                counters[f"pid.{name}"] = float(server.pid)
                counters[f"memory_mb.{name}"] = wiring.memory_mb(server.pid) if server.pid else 0.0
            health = Health(
                component="supervisor", state="degraded" if self._backbone.without_room else "running",
                reason=NO_ROOM if self._backbone.without_room else "",
                started_ns=started_ns, at_ns=plant_clock.now_ns(), pid=os.getpid(),
                memory_mb=wiring.memory_mb(), counters=counters,
            )  # fmt: skip
            # With the backbone away nobody would hear it; the next one is a second later.
            with contextlib.suppress(BusError):
                await self.bus.publish(subject, msgspec.msgpack.encode(health))
            await self._clock.wall_sleep(1.0)

    def _note_refusal(self, found: Rejection) -> None:
        said = self._repetitions.news(found, mono_ns=self._clock.monotonic_ns())
        if said is not None:
            at_ns = wiring.clock_of(self.installation).now_ns()
            self._refusals.append(msgspec.structs.replace(found, found=said, at_ns=at_ns))
            self._refused.set()

    async def _tell_refusals(self) -> None:
        """Put what the backbone refused into quarantine, where everything refused is seen."""
        site = Place(self.registry.enterprise, self.registry.site)
        while True:
            await self._refused.wait()
            self._refused.clear()
            while self._refusals:
                found = self._refusals[0]
                try:
                    await self.bus.publish_durable(
                        topics.rejected(site, found.reason), quarantine.encode(found),
                        message_id=f"backbone:rejected:{found.at_ns}:{found.origin}",
                    )  # fmt: skip
                except BusError:
                    await self._clock.wall_sleep(1.0)
                    continue
                if self._refusals and self._refusals[0] is found:
                    self._refusals.popleft()

    async def _listen(self) -> None:
        self._bus = await self._backbone.connect("supervisor")

        def heard(message: Message) -> None:
            health = msgspec.msgpack.decode(message.payload, type=Health)
            child = self.children.get(health.component)
            if child is not None:
                child.health = health
                child.healthy.set()

        await self._bus.subscribe(topics.HEALTH, heard)

    async def _spawn(self, child: Child) -> None:
        logs = self.installation.run_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / f"{child.name}.log"
        if child.log is not None:
            child.log.close()
        # One old log is kept: a process that fails in a loop must not fill the disk.
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".old.log"))
        child.log = path.open("ab")
        child.healthy.clear()
        child.started_mono_ns = self._clock.monotonic_ns()
        child.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"taktwin.processes.{child.name}", str(self._path),
            stdin=asyncio.subprocess.PIPE, stdout=child.log, stderr=child.log, env=dict(child.environment),
            start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, in order
        )  # fmt: skip

    async def _watch(self, child: Child) -> None:
        while True:
            assert child.process is not None
            code = await child.process.wait()
            child.exits.append(_reason(code, stopping=self._stopping.is_set() or child.ending))
            if self._stopping.is_set() or child.ending:
                return
            ran_s = (self._clock.monotonic_ns() - child.started_mono_ns) / 1e9
            child.quick_exits = 0 if ran_s > CALM_S else child.quick_exits + 1
            delay_s = backoff_s(child.quick_exits)
            self._say(f"{child.name}: ended ({child.exits[-1]}), starts again in {delay_s:g} s; see its log")
            await self._clock.wall_sleep(delay_s)
            if self._stopping.is_set():
                return
            child.restarts += 1
            while True:
                try:
                    await self._spawn(child)
                    break
                except OSError as failure:  # such as a disk without room for its log
                    self._say(f"{child.name}: cannot be started: {failure}")
                    await self._clock.wall_sleep(BACKOFF_S[-1])

    async def _until_healthy(self, child: Child) -> None:
        try:
            async with self._clock.timeout(START_S):
                await child.healthy.wait()
        except TimeoutError as late:
            end = _tail(self.installation.run_dir / "logs" / f"{child.name}.log")
            raise WorldError(
                f"{child.name} sent no heartbeat in {START_S:g} s; the end of its log:\n{end}"
            ) from late


def backoff_s(quick_exits: int) -> float:
    """Return how long to wait before a process is started again after so many quick ends in a row."""
    return BACKOFF_S[min(max(quick_exits - 1, 0), len(BACKOFF_S) - 1)]


def _runs(child: Child) -> bool:
    return child.process is not None and child.process.returncode is None


def _reason(code: int, *, stopping: bool) -> str:
    if code == 0 or (stopping and code == -signal.SIGTERM):  # so ends one that was still being loaded
        return "stopped cleanly" if stopping else "ended by itself with 0"
    if code < 0:
        return f"killed by signal {signal.Signals(-code).name}"
    return f"failed with exit code {code}"


def _tail(path: Path, lines: int = 12) -> str:
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _with_frozen_plant(installation: Installation) -> Installation:
    """Return the installation with a copy of the plant folder.

    A process that is restarted while somebody edits the plant must read what the others have read:
    scans carry the hash of the plant model, and two models in one run would not understand each other.
    """
    frozen = installation.run_dir / "plant"
    if frozen.exists():
        shutil.rmtree(frozen)
    return msgspec.structs.replace(installation, plant_dir=str(copy(installation.plant_dir, frozen)))


def addressed(installation: Installation, registry: Registry) -> Installation:
    """Return the installation with free ports where none was asked for."""
    endpoints = dict(installation.endpoints)
    if installation.demo:
        for name, connection in sorted(registry.connections.items()):
            if connection.connector not in SERVED or name in endpoints:
                continue  # a recorded file is where the plant folder says
            scheme = "opc.tcp://" if connection.connector == "opcua" else ""
            endpoints[name] = f"{scheme}127.0.0.1:{free_port()}"
    if installation.http_host not in ("127.0.0.1", "::1", "localhost"):
        mistake = Mistake(
            file="settings", line=0, field="http_host", found=installation.http_host,
            expected="a loopback address: there are no accounts yet, so nobody else may reach the page",
        )  # fmt: skip
        raise ConfigError([mistake])
    return msgspec.structs.replace(installation, endpoints=endpoints)


def exit_reasons(reasons: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return one line a process for reports."""
    return {name: "; then ".join(all_of) if all_of else "did not run" for name, all_of in reasons.items()}
