"""The real server: its configuration, its streams, restarts, and what survives a kill."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from taktwin.bus import rights
from taktwin.bus.buffer import DiskBuffer, Record
from taktwin.bus.forward import Forwarder
from taktwin.bus.streams import plans
from taktwin.clock import SystemClock
from taktwin.contracts import topics
from taktwin.errors import BusError, PermissionRefused, WorldError
from taktwin.identity import Place
from taktwin.processes.backbone import ACCOUNTS_FILE, Backbone, binary_sha256, configuration, find_binary
from taktwin.settings import Installation
from tests.support_bus import TestBackbone, backbone  # noqa: F401
from tests.support_gateway import until

UNIT = Place("acme", "works", "area", "line", "mill1")


def installation(folder: Path, **more: str) -> Installation:
    return Installation(data_dir=str(folder), plant_dir="", **more)


def test_the_configuration_says_what_durability_and_limits_need() -> None:
    text = configuration(
        server_name="n", store_dir="/data", host="127.0.0.1", nats_port=1, monitor_port=2, mqtt_port=3,
        passwords={user: f"secret of {user}" for user in rights.RIGHTS},
    )  # fmt: skip
    assert "sync_interval: always" in text
    assert "default_max_consumers: 100000" in text
    assert "consumer_inactive_threshold" in text
    for user in rights.RIGHTS:
        assert f'"secret of {user}"' in text
    assert configuration(
        server_name="n", store_dir="/data", host="127.0.0.1", nats_port=1, monitor_port=2, mqtt_port=3,
        passwords={},
    ).count("user:") == 1  # fmt: skip


def test_only_the_supervisor_may_touch_streams() -> None:
    for user in rights.RIGHTS:
        api = [s for s in rights.publish_allow(user) if s.startswith("$JS.API")]
        if user != "supervisor":
            assert not [s for s in api if ">" in s or "STREAM." in s.replace("STREAM.INFO", "")]


async def test_streams_are_as_planned_and_say_their_version(backbone: TestBackbone) -> None:  # noqa: F811
    bus = await backbone.connect("supervisor")
    for plan in plans():
        config = (await bus.api(f"STREAM.INFO.{plan.name}"))["config"]
        assert config["subjects"] == list(plan.subjects)
        assert config.get("persist_mode") == (None if plan.durable else "async")
    for name in ("$MQTT_msgs", "$MQTT_rmsgs"):
        assert (await bus.api(f"STREAM.INFO.{name}"))["config"]["persist_mode"] == "async"
    server = backbone.server
    assert server.version.startswith("2.")
    assert server.sha256 == binary_sha256(find_binary())
    assert server.version in server.description
    assert server.sha256 in server.description


async def test_a_wrong_password_is_refused_at_once(backbone: TestBackbone) -> None:  # noqa: F811
    backbone.server.passwords["twin"] = "wrong"
    with pytest.raises(PermissionRefused):
        await backbone.connect("twin")


async def test_a_second_start_keeps_ports_passwords_and_what_was_stored(tmp_path: Path) -> None:
    server = Backbone(installation(tmp_path))
    await server.start()
    urls, passwords = server.urls, dict(server.passwords)
    bus = await server.connect("gateway")
    await bus.publish_durable(topics.sample(UNIT), b"x", message_id="plc:1")
    await bus.close()
    await server.stop()
    assert not server.alive
    await server.start()
    assert (server.urls, server.passwords) == (urls, passwords)
    bus = await server.connect("gateway")
    assert await bus.publish_durable(topics.sample(UNIT), b"x", message_id="plc:1") == 1
    await bus.close()
    await server.stop()


async def test_devices_keep_their_password_over_a_new_start_and_nobody_else_does(tmp_path: Path) -> None:
    first = Backbone(installation(tmp_path))
    await first.start()
    await first.stop()
    second = Backbone(installation(tmp_path))
    await second.start()
    await second.stop()
    same = {user for user in rights.RIGHTS if first.passwords[user] == second.passwords[user]}
    assert same == {"devices", "viewer"}
    path = tmp_path / "backbone" / ACCOUNTS_FILE
    assert path.stat().st_mode & 0o077 == 0
    assert msgspec.json.decode(path.read_bytes())["devices"] == second.passwords["devices"]


PARENT = """
import asyncio, sys
from taktwin.processes.backbone import Backbone
from taktwin.settings import Installation

async def main():
    server = Backbone(Installation(data_dir=sys.argv[1], plant_dir=""))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def last_word_of_killed(program: str, argument: Path) -> str:
    """Run a Python program until it has written a line, kill it, and return that line."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(argument)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.kill()
    process.wait()
    return line


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's")
async def test_a_server_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    stat = Path(f"/proc/{int(last_word_of_killed(PARENT, tmp_path))}/stat")
    # One that nobody fetches in this machine's first process stays as a zombie.
    await until(lambda: not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z")


WITH_A_LAST_WORD = """
import asyncio, sys
from pathlib import Path
from taktwin.processes import foreign

PROGRAM = '''
import pathlib, signal, sys, time

def end(*_):
    time.sleep(0.5)  # by then nobody else has an end of the pipe
    print("ending", file=sys.stderr, flush=True)
    pathlib.Path(sys.argv[1]).write_text("in peace")
    sys.exit()

signal.signal(signal.SIGTERM, end)
print("ready", file=sys.stderr, flush=True)
while True:
    signal.pause()
'''

async def main():
    _, said = await foreign.start(Path(sys.executable), "-c", PROGRAM, sys.argv[1])
    print((await said.readline()).decode(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's")
async def test_what_it_writes_to_its_log_after_the_parents_end_does_not_end_it(tmp_path: Path) -> None:
    assert last_word_of_killed(WITH_A_LAST_WORD, tmp_path / "ended") == "ready\n"
    await until(lambda: (tmp_path / "ended").exists())


async def test_a_server_left_over_from_a_killed_parent_is_ended_first(tmp_path: Path) -> None:
    first = Backbone(installation(tmp_path))
    await first.start()
    second = Backbone(installation(tmp_path))
    await second.start()
    async with asyncio.timeout(5):
        await first.wait()
    bus = await second.connect("gateway")
    assert await bus.publish_durable(topics.sample(UNIT), b"x") == 1
    await bus.close()
    await second.stop()
    await first.stop()


async def test_an_external_backbone_is_joined_and_left_alone(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    joined = Backbone(
        installation(tmp_path / "other", nats_url=backbone.urls.nats), passwords=backbone.passwords
    )
    await joined.start()
    assert joined.alive
    assert joined.pid == 0
    bus = await joined.connect("gateway")
    assert await bus.publish_durable(topics.sample(UNIT), b"x") == 1
    await bus.close()
    await joined.stop()
    assert backbone.server.alive


async def test_a_backbone_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_SERVER_BIN", str(tmp_path / "nothing"))
    with pytest.raises(WorldError, match="NATS_SERVER_BIN"):
        await Backbone(installation(tmp_path)).start()


async def test_kills_of_the_server_lose_nothing_that_was_acknowledged(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    clock = SystemClock()
    bus = await backbone.connect("gateway")
    forwarder = Forwarder(bus, DiskBuffer(tmp_path / "buffer", bytes_max=10**8), clock)
    running = asyncio.create_task(forwarder.run())
    number = 0
    for kill in range(4):
        for _ in range(40):
            for _ in range(50):
                number += 1
                forwarder.offer(
                    Record(topics.sample(UNIT), f"plc:mill1:0:{number}", {}, b"%d" % number + bytes(200), 1)
                )
            await asyncio.sleep(0.002)
        before = bus.reconnects
        await backbone.server.kill()
        await asyncio.sleep(0.05 * kill)
        await backbone.server.start()
        await until(lambda before=before: bus.reconnects > before and bus.connected)
    await until(lambda: forwarder.resting and not forwarder.waiting["plc"], within_s=20)
    reader = await backbone.connect("historian")
    found: list[int] = []
    async for batch in reader.read_stream(topics.STREAM_SAMPLES, follow=False):
        found += [int(message.payload.rstrip(b"\0")) for message in batch]
    assert sorted(found) == list(range(1, number + 1))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await forwarder.close()


async def test_a_client_that_waits_for_its_first_connection_comes_by_itself(tmp_path: Path) -> None:
    from taktwin.bus.client import NatsBus

    server = Backbone(installation(tmp_path))
    await server.start()
    url, password = server.url, server.passwords["gateway"]
    await server.stop()
    bus = NatsBus(clock=SystemClock(), url=url, user="gateway", password=password)
    with pytest.raises(BusError):
        await bus.connect(wait_s=0.1)
    bus.keep_trying()
    await server.start()
    await until(lambda: bus.connected)
    assert await bus.publish_durable(topics.sample(UNIT), b"x") == 1
    await bus.close()
    await server.stop()
