"""The backbone: starts the bundled nats-server with a generated configuration, or joins the plant's.

In: a folder, ports (0 = a free one), sizes. Out: a running server with its streams, addresses, and
one password for each user of `bus.rights.RIGHTS`. The supervisor owns the one `Backbone` of an
installation and hands each process its own password.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from taktwin.bus import refusals, rights
from taktwin.bus.client import NatsBus, connect
from taktwin.bus.streams import StreamPlan, mqtt_plans, plans
from taktwin.clock import Clock, SystemClock
from taktwin.contracts.quarantine import Rejection
from taktwin.entropy import secret_token, unique_id
from taktwin.errors import BusError, WorldError
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.processes import foreign
from taktwin.processes.ports import free_port
from taktwin.settings import PASSWORD_VARIABLE, Installation

BINARY_VARIABLE = "NATS_SERVER_BIN"
ACCOUNTS_FILE = "accounts.json"  # in our folder: passwords of devices and people's tools
# Left to itself the server reserves what each stream may take at most, and on a disk that has less
# than that now it would make none, nor open again those that it has. Each stream has its own limit.
STORE_BYTES_MAX = 64 * 1024**4
MAX_PAYLOAD = 8 * 1024 * 1024
START_S = 15.0
STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the backbone listens."""

    nats: str  # nats://127.0.0.1:<port>
    monitor: str = ""  # http://127.0.0.1:<port>
    mqtt_host: str = ""
    mqtt_port: int = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much the streams may keep."""

    samples_bytes_max: int = 8_000_000_000
    samples_age_s: int = 7 * 86_400
    mqtt_session_idle_h: int = 24


def find_binary() -> Path:
    """Return the nats-server to run: NATS_SERVER_BIN, beside this Python, or on the path.

    Raises
    ------
    WorldError
        If there is none.
    """
    named = os.environ.get(BINARY_VARIABLE, "")
    name = "nats-server.exe" if sys.platform == "win32" else "nats-server"
    candidates = [named] if named else [str(Path(sys.executable).parent / name), shutil.which(name) or ""]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    raise WorldError(
        f"nats-server not found (looked at {', '.join(filter(None, candidates))}); "
        f"expected the package nats-server-bin, or {BINARY_VARIABLE} naming a binary"
    )


def binary_sha256(binary: Path) -> str:
    """Return the SHA-256 of the server's binary, hex: which program holds the plant's facts."""
    with binary.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def configuration(
    *,
    server_name: str,
    store_dir: str,
    host: str,
    nats_port: int,
    monitor_port: int,
    mqtt_port: int,
    passwords: Mapping[str, str],
    mqtt_session_idle_h: int = 24,
) -> str:
    """Return the text of the server's configuration file.

    One account `PLANT` with one user a process and its rights by subject; an account `SYS` that
    nobody can use. Every store is flushed before its acknowledgement (`sync_interval: always`)
    except in streams that say otherwise.
    """
    users = "\n".join(_user(user, passwords[user]) for user in rights.RIGHTS if user in passwords)
    return f"""# Written by taktwin at each start; changes are lost.
server_name: {_text(server_name)}
listen: "{host}:{nats_port}"
http: "{host}:{monitor_port}"
max_payload: {MAX_PAYLOAD}
max_connections: 10000
write_deadline: "10s"
ping_interval: "10s"
ping_max: 2
jetstream {{
  store_dir: {_text(store_dir)}
  sync_interval: always
  max_file_store: {STORE_BYTES_MAX}
  limits {{ default_max_consumers: 100000 }}
}}
mqtt {{
  listen: "{host}:{mqtt_port}"
  consumer_inactive_threshold: "{mqtt_session_idle_h}h"
  ack_wait: "30s"
  max_ack_pending: 1000
}}
accounts {{
  PLANT {{
    jetstream: enabled
    users: [
{users}
    ]
  }}
  SYS {{ users: [ {{ user: "sys", password: {_text(secret_token())} }} ] }}
}}
system_account: SYS
"""


def _user(user: str, password: str) -> str:
    allowed = rights.RIGHTS[user]
    # An empty list of what is allowed would allow everything.
    may, may_not = rights.publish_allow(user), allowed.publish_deny
    said = f"allow: {_list(may)}" if may else 'deny: [">"]'
    parts = [f"publish: {{ {said}{f', deny: {_list(may_not)}' if may and may_not else ''} }}"]
    unheard = f", deny: {_list(allowed.subscribe_deny)}" if allowed.subscribe_deny else ""
    parts.append(f"subscribe: {{ allow: {_list(rights.subscribe_allow(user))}{unheard} }}")
    kinds = ["STANDARD", "MQTT"] if allowed.mqtt else ["STANDARD"]
    return (
        f"      {{ user: {_text(user)}, password: {_text(password)}, "
        f"allowed_connection_types: {_list(kinds)}, permissions: {{ {', '.join(parts)} }} }}"
    )


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _list(texts: tuple[str, ...] | list[str]) -> str:
    return "[" + ", ".join(_text(text) for text in texts) + "]"


async def ensure_streams(bus: NatsBus, wanted: tuple[StreamPlan, ...]) -> None:
    """Make every stream that is missing and bring the others up to their plan."""
    for plan in wanted:
        body = plan.configuration()
        try:
            await bus.api(f"STREAM.CREATE.{plan.name}", body, timeout_s=20.0)
        except BusError:
            if plan.name.startswith("$MQTT"):
                continue  # the listener's own: whatever it is, it works; ours was only the faster one
            await bus.api(f"STREAM.UPDATE.{plan.name}", body, timeout_s=20.0)


class Backbone:
    """The bundled server as a child of this process, or an external one by its URL.

    With `installation.nats_url` nothing is started: the passwords come from `passwords` or from the
    environment (`TAKTWIN_BUS_PASSWORD_<USER>`), and the streams are made or brought up to date with
    the account `supervisor`. Ports that the installation leaves 0 are free ones.
    """

    def __init__(
        self,
        installation: Installation,
        registry: Registry | None = None,  # not needed yet: rights are the same for every plant
        *,
        clock: Clock | None = None,
        sizes: Sizes | None = None,
        host: str = "127.0.0.1",
        nats_port: int = 0,
        passwords: Mapping[str, str] | None = None,
        say: Callable[[str], None] | None = None,
        on_refusal: Callable[[Rejection], None] | None = None,
    ) -> None:
        self.folder = Path(installation.data_dir) / "backbone"
        self.external_url = installation.nats_url
        self.passwords: dict[str, str] = dict(passwords or {})
        self.sizes = sizes or Sizes()
        self.version = ""
        self.sha256 = ""
        self.without_room = False  # the disk was full: the server keeps nothing until it is started again
        self.violations: deque[str] = deque(maxlen=1000)  # lines of the server's log: who tried what
        self._on_refusal = on_refusal
        self._clock = clock or SystemClock()
        self._host = host
        self._nats_port = nats_port
        self._monitor_port = 0
        self._mqtt_port = 0 if self.external_url else installation.mqtt_port
        self._external_mqtt = (installation.mqtt_host, installation.mqtt_port)
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._tail: deque[str] = deque(maxlen=50)
        self._urls: Urls | None = None

    @property
    def url(self) -> str:
        """Return the NATS address."""
        return self.urls.nats

    @property
    def monitor_url(self) -> str:
        """Return the address of the server's monitoring pages, "" for an external one."""
        return self.urls.monitor

    @property
    def mqtt_host(self) -> str:
        """Return the host of the MQTT listener."""
        return self.urls.mqtt_host

    @property
    def mqtt_port(self) -> int:
        """Return the port of the MQTT listener."""
        return self.urls.mqtt_port

    @property
    def description(self) -> str:
        """Return what runs where, in one line."""
        if self.external_url:
            return f"joined at {self.url}"
        return (
            f"nats-server {self.version} at {self.url}, MQTT {self.mqtt_host}:{self._mqtt_port}, "
            f"sha256 {self.sha256}"
        )

    async def connect(self, user: str, *, wait_s: float = START_S) -> NatsBus:
        """Return a connection under the account of a user. Raises BusError."""
        return await connect(
            self.url, clock=self._clock, user=user, password=self.passwords.get(user, ""), wait_s=wait_s
        )

    @property
    def urls(self) -> Urls:
        """Return the addresses; known once started."""
        assert self._urls is not None, "the backbone was started"
        return self._urls

    @property
    def pid(self) -> int:
        """Return the server's process id, 0 if it is not ours or not running."""
        return self._process.pid if self.alive and self._process is not None else 0

    @property
    def alive(self) -> bool:
        """Whether our server process runs (always true for an external one that was joined)."""
        if self.external_url:
            return self._urls is not None
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start (again) or join; returns when it takes messages and every stream is there.

        Ports, passwords and stores stay the same over restarts of one `Backbone`.

        Raises
        ------
        WorldError
            If no binary is found or the server does not come up; with its last lines.
        """
        outsiders = {} if self.external_url else self._outsiders()
        for user in rights.RIGHTS:
            if self.external_url:
                self.passwords.setdefault(user, os.environ.get(f"{PASSWORD_VARIABLE}_{user.upper()}", ""))
            else:
                self.passwords.setdefault(user, outsiders.get(user) or secret_token())
        if self.external_url:
            self._urls = Urls(self.external_url, "", *self._external_mqtt)
        else:
            await self._launch()
        async with contextlib.AsyncExitStack() as stack:
            bus = await self.connect("supervisor")
            stack.push_async_callback(bus.close)
            wanted = plans(
                samples_bytes_max=self.sizes.samples_bytes_max,
                samples_age_ns=self.sizes.samples_age_s * SECOND_NS,
            )
            await ensure_streams(bus, (*mqtt_plans(), *wanted))

    def _outsiders(self) -> dict[str, str]:
        """Return the passwords of those who are configured elsewhere, made at the first start."""
        path = self.folder / ACCOUNTS_FILE
        kept: dict[str, str] = msgspec.json.decode(path.read_bytes(), type=dict) if path.exists() else {}
        missing = [user for user in rights.OUTSIDERS if user not in kept]
        if missing:
            kept |= {user: secret_token() for user in missing}
            aside = path.with_suffix(".new")
            self.folder.mkdir(parents=True, exist_ok=True)
            aside.touch(mode=0o600)
            aside.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
            aside.replace(path)
        return kept

    async def _launch(self) -> None:
        binary = find_binary()
        self.folder.mkdir(parents=True, exist_ok=True)
        await self._end_leftover()
        if not self.sha256:
            self.sha256 = binary_sha256(binary)
        for _ in range(3):  # a free port may be taken between our look and the server's bind
            if await self._try_launch(binary):
                return
            if self._urls is None:
                self._nats_port = self._monitor_port = self._mqtt_port = 0
        raise WorldError("nats-server did not start:\n" + "\n".join(self._tail))

    async def _try_launch(self, binary: Path) -> bool:
        self._nats_port = self._nats_port or free_port(self._host)
        self._monitor_port = self._monitor_port or free_port(self._host)
        self._mqtt_port = self._mqtt_port or free_port(self._host)
        name = f"taktwin-{unique_id()[:12]}"
        path = self.folder / "nats.conf"
        text = configuration(
            server_name=name,
            store_dir=str(self.folder / "jetstream"),
            host=self._host,
            nats_port=self._nats_port,
            monitor_port=self._monitor_port,
            mqtt_port=self._mqtt_port,
            passwords=self.passwords,
            mqtt_session_idle_h=self.sizes.mqtt_session_idle_h,
        )
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        path.touch(mode=0o600)  # it holds every password
        path.write_text(text, encoding="utf-8")
        self._tail.clear()
        self.without_room = False
        process, said = await foreign.start(binary, "-c", str(path))
        self._process = process
        ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read_log(said, ready))
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(START_S):
                await ready.wait()
        if (
            process.returncode is not None
            or not ready.is_set()
            or "Server is ready" not in "\n".join(self._tail)
        ):
            await self.stop()
            return False
        self._urls = Urls(
            f"nats://{self._host}:{self._nats_port}",
            f"http://{self._host}:{self._monitor_port}",
            self._host,
            self._mqtt_port,
        )
        document = {"pid": process.pid, "name": name, "monitor": self._urls.monitor}
        (self.folder / "nats.pid.json").write_bytes(msgspec.json.encode(document))
        if self._say is not None:
            self._say(f"backbone: {self.description}")
        return True

    async def _read_log(self, said: asyncio.StreamReader, ready: asyncio.Event) -> None:
        await foreign.keep_log(said, self.folder / "nats.log", lambda line: self._heard(line, ready))
        ready.set()

    def _heard(self, line: str, ready: asyncio.Event) -> None:
        self._tail.append(line)
        if "Version:" in line:
            self.version = line.rpartition("Version:")[2].strip()
        if "Server is ready" in line:
            ready.set()
        if "no space left on device" in line:
            self.without_room = True
        if "Violation" in line:
            self.violations.append(line)
        if self._on_refusal is not None and (found := refusals.refusal(line)) is not None:
            self._on_refusal(found)

    async def _end_leftover(self) -> None:
        """End a server of this folder whose parent was killed: two may not share one store."""
        path = self.folder / "nats.pid.json"
        if not path.exists():
            return
        with contextlib.suppress(msgspec.DecodeError, KeyError):
            left = msgspec.json.decode(path.read_bytes(), type=dict)
            if await asyncio.to_thread(_server_name, str(left["monitor"])) == left["name"]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(left["pid"]), signal.SIGTERM)
                for _ in range(100):
                    if await asyncio.to_thread(_server_name, str(left["monitor"])) != left["name"]:
                        break
                    await self._clock.wall_sleep(0.05)
        path.unlink(missing_ok=True)

    async def stop(self) -> None:
        """Stop our server, cleanly if it follows in time; an external one is left alone."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.terminate()
                try:
                    async with self._clock.timeout(STOP_S):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
            if self._reading is not None:
                await self._reading
            (self.folder / "nats.pid.json").unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return how much room the disk of the stores has."""
        return shutil.disk_usage(self.folder).free

    def end(self) -> None:
        """Let our server shut itself down; who waits for its end starts it again."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    async def kill(self) -> None:
        """Kill our server as a crash would, for the tests of what survives it."""
        process = self._process
        assert process is not None, "the backbone was started"
        process.kill()
        await process.wait()

    async def wait(self) -> int:
        """Wait until our server process ends and return its exit code."""
        process = self._process
        assert process is not None, "the backbone was started"
        return await process.wait()


def _server_name(monitor: str) -> str:
    try:
        with urllib.request.urlopen(f"{monitor}/varz", timeout=1) as reply:
            return str(msgspec.json.decode(reply.read()).get("server_name", ""))
    except (urllib.error.URLError, OSError, msgspec.DecodeError):
        return ""
