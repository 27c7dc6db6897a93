"""Our own lateness is not the machine's silence: slow polls, and a process that did not get its turn."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from taktwin.bus.memory import MemoryHub
from taktwin.clock import SystemClock
from taktwin.contracts import events, samples, topics
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from tests.contract.rigs.modbus_tcp import Rig as ModbusRig
from tests.contract.rigs.opcua import Rig as OpcUaRig
from tests.support_gateway import RunningGateway, registry, signal, until

CLOCK = SystemClock()
SILENCE_S = 1.0


@pytest_asyncio.fixture
async def device(tmp_path: Path) -> AsyncIterator[ModbusRig]:
    made = ModbusRig(tmp_path)
    await made.start()
    yield made
    await made.stop()


def plant_of(device: ModbusRig, *, poll_s: float = 0.1) -> Registry:
    """Return a plant with one device, whose three values need two requests."""
    signals = [signal(n, type="float64", address=wanted.address) for n, wanted in enumerate(device.wanted)]
    settings = {"endpoint": device.endpoint, "poll_s": poll_s, "silence_s": SILENCE_S, "retry_first_s": 0.1}
    return registry(signals, {"plc": ("modbus-tcp", settings)})


def states(hub: MemoryHub) -> list[str]:
    """Return the states that the connection told, in order."""
    told = [events.content_of(events.decode(m.payload)) for m in hub.streams[topics.STREAM_EVENTS].messages]
    return [each.state for each in told if isinstance(each, events.ConnectorStateChanged)]


def not_scheduled(seconds: float) -> None:
    """Let the whole process have no turn for a while, as on a machine with too much to do."""
    time.sleep(seconds)


async def polls(device: ModbusRig, more: int) -> None:
    """Wait until the device was asked so many times more."""
    goal = device.requests + more
    await until(lambda: device.requests >= goal, why=f"{more} more requests")


async def test_a_poll_that_takes_longer_than_the_silence_is_none_while_each_answer_comes(
    device: ModbusRig, tmp_path: Path
) -> None:
    device.takes_s = 0.6 * SILENCE_S
    hub = MemoryHub(CLOCK)
    async with RunningGateway(plant_of(device), hub.connect(), tmp_path) as running:
        await until(lambda: running.state() == "running")
        await polls(device, 6)
        assert states(hub) == ["connecting", "running"]
    scans = [samples.decode(m.payload) for m in hub.streams[topics.STREAM_SAMPLES].messages]
    vouched = [scan.as_of_ns for scan in scans if scan.as_of_ns is not None]
    assert vouched == sorted(vouched)
    # Each answer renews the oldest of the two: no confirmation waits for the whole poll.
    apart_s = [(b - a) / 1e9 for a, b in itertools.pairwise(vouched)]
    assert apart_s, "it vouched more than once"
    assert max(apart_s) < 2 * device.takes_s, apart_s


async def test_a_process_that_did_not_get_its_turn_does_not_call_the_machine_silent(
    device: ModbusRig, tmp_path: Path
) -> None:
    hub = MemoryHub(CLOCK)
    async with RunningGateway(plant_of(device, poll_s=0.3), hub.connect(), tmp_path) as running:
        await until(lambda: running.state() == "running")
        for stalled_s in (1.5 * SILENCE_S, 0.9 * SILENCE_S, 3.0):
            await polls(device, 3)
            not_scheduled(stalled_s)
        await polls(device, 4)
        assert states(hub) == ["connecting", "running"]


async def test_a_machine_that_is_silent_is_noticed_in_time_whatever_we_do_ourselves(
    device: ModbusRig, tmp_path: Path
) -> None:
    hub = MemoryHub(CLOCK)
    async with RunningGateway(plant_of(device), hub.connect(), tmp_path) as running:
        for stalled_s in (0.0, 0.8):
            await until(lambda: running.state() == "running")
            await polls(device, 3)
            assert device.proxy is not None
            device.proxy.freeze()
            silent_s = time.monotonic()
            if stalled_s:
                not_scheduled(stalled_s)
            await until(lambda: running.state() == "lost", within_s=5)
            # Listened for the silence that the settings allow, and not much longer.
            assert time.monotonic() - silent_s < stalled_s + SILENCE_S + 0.5
            await device.proxy.cut()
            await device.proxy.restore()


async def test_an_answer_that_came_while_we_had_no_turn_is_an_answer(
    device: ModbusRig, tmp_path: Path
) -> None:
    """The time-out of one answer is not silence either, if it is our timer that was late."""
    hub = MemoryHub(CLOCK)
    plant = plant_of(device)
    plant.connections["plc"].settings["timeout_s"] = 0.4  # type: ignore[index]
    device.takes_s = 0.1
    async with RunningGateway(plant, hub.connect(), tmp_path) as running:
        await until(lambda: running.state() == "running")
        for _ in range(3):
            await polls(device, 2)
            asyncio.get_running_loop().call_later(0.05, not_scheduled, 0.7)  # while it is being asked
            await polls(device, 2)
        assert states(hub) == ["connecting", "running"]


async def test_a_server_that_pauses_for_less_than_the_silence_is_not_lost(tmp_path: Path) -> None:
    """Nor does a library's own watch, which is stricter than what the settings say, speak for us."""
    server = OpcUaRig(tmp_path)
    await server.start()
    assert server.proxy is not None
    signals = [signal(n, type="float64", address=wanted.address) for n, wanted in enumerate(server.wanted)]
    plant = registry(signals, {"plc": ("opcua", {"endpoint": server.endpoint, "silence_s": 2.0})})
    hub = MemoryHub(CLOCK)
    loop = asyncio.get_running_loop()
    async with RunningGateway(plant, hub.connect(), tmp_path) as running:
        await until(lambda: running.state() == "running")
        for _ in range(4):
            server.proxy.freeze()
            end = loop.time() + 1.6
            await until(lambda end=end: loop.time() > end)  # type: ignore[misc]
            server.proxy.thaw()
            heard_ns = running.gateway.running["plc"].lifecycle.last_heard_ns
            await until(
                lambda ns=heard_ns: running.gateway.running["plc"].lifecycle.last_heard_ns > ns + SECOND_NS
            )  # type: ignore[misc]
        assert states(hub) == ["connecting", "running"]
    await server.stop()
