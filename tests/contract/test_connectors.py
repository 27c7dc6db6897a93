"""One suite for every connector that is found, over a small real device each (`rigs/`).

Opens and closes; keeps the order per address; never invents a value; honest quality; one bad
address does not stop the others; vouches only while the device is there; comes back after a cut and
after a freeze; makes the device wait instead of growing; stops in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from taktwin.bus.memory import MemoryHub
from taktwin.clock import SystemClock
from taktwin.contracts import samples, topics
from taktwin.errors import ConnectError
from taktwin.gateway.connector import (
    Alive,
    BadAddress,
    Confirmed,
    Connector,
    Context,
    Item,
    Reading,
    Settings,
    Wanted,
    connectors,
    manual,
    reference,
    schema,
)
from taktwin.gateway.service import GatewaySettings
from taktwin.instants import SECOND_NS
from taktwin.plugins import load
from taktwin.quality import Quality
from tests.contract.rigs.rig import DeviceRig
from tests.support_gateway import RunningGateway, registry, signal, until

load("examples.connectors", "taktwin.connectors")  # the examples keep the same rules
KINDS = connectors()
CLOCK = SystemClock()
STOP_S = 3.0


def rig_class(name: str) -> type[DeviceRig]:
    module = importlib.import_module(f"tests.contract.rigs.{name.replace('-', '_')}")
    found: type[DeviceRig] = module.Rig
    return found


@pytest_asyncio.fixture(params=sorted(KINDS))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeviceRig]:
    made = rig_class(request.param)(tmp_path)
    made.name = request.param  # type: ignore[attr-defined]
    await made.start()
    yield made
    await made.stop()


def kind_of(rig: DeviceRig) -> type[Connector]:
    return KINDS[rig.name]  # type: ignore[attr-defined]


def connector(rig: DeviceRig, wanted: Sequence[Wanted] | None = None) -> Connector:
    kind = kind_of(rig)
    return kind(
        Context(
            connection="plc",
            endpoint=rig.endpoint,
            settings=msgspec.convert(dict(rig.settings), kind.settings),
            wanted=rig.wanted if wanted is None else wanted,
            clock=CLOCK,
            user=rig.user,
            password=rig.password,
        )
    )


class Reader:
    """A connector being read in a task, and what it said."""

    def __init__(self, made: Connector) -> None:
        self.connector = made
        self.items: list[Item] = []
        self.ended: BaseException | None = None
        self.finished = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Reader:
        await self.connector.connect()
        self._task = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        try:
            async for items in self.connector.read():
                self.items += items
            self.finished = True
        except ConnectError as error:
            self.ended = error

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        async with asyncio.timeout(STOP_S):
            await self.connector.close()

    def readings(self, address: str) -> list[Reading]:
        return [item for item in self.items if isinstance(item, Reading) and item.address == address]

    def values(self, address: str) -> list[object]:
        return [reading.value for reading in self.readings(address)]

    def confirmations(self) -> list[int]:
        return [item.as_of_ns for item in self.items if isinstance(item, Confirmed)]


@contextlib.asynccontextmanager
async def reading(rig: DeviceRig, wanted: Sequence[Wanted] | None = None) -> AsyncIterator[Reader]:
    async with Reader(connector(rig, wanted)) as reader:
        if not rig.finite:  # until it is really there, not only connected
            await until(lambda: reader.items, why="first item")
        yield reader


async def say(rig: DeviceRig, values: Sequence[tuple[str, float]]) -> None:
    for number, (address, value) in enumerate(values):
        await rig.say(address, value)
        if number % 20 == 19 and not rig.finite:
            await asyncio.sleep(0.002)


# What every connector has, before it meets a device.


@pytest.mark.parametrize("name", sorted(KINDS))
def test_it_has_a_manual_page_a_schema_and_a_rig(name: str) -> None:
    kind = KINDS[name]
    assert len(manual(kind)) > 100
    assert issubclass(kind.settings, Settings)
    definition = schema(kind)["$defs"][kind.settings.__name__]
    assert definition["additionalProperties"] is False
    assert {"silence_s", "connect_timeout_s"} <= definition["properties"].keys()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"no_such_setting": 1}, kind.settings)
    assert len(rig_class(name).wanted) == 3


def test_the_reference_page_is_what_the_connectors_say() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "connectors.md"
    ours = {name: kind for name, kind in KINDS.items() if kind.__module__.startswith("taktwin.")}
    assert page.read_text(encoding="utf-8") == reference(ours), "run `make docs`"


def test_a_second_connector_of_a_name_or_one_without_a_page_refuses_to_load() -> None:
    with pytest.raises(TypeError, match="docstring"):

        class Silent(Connector, name="silent"):
            async def connect(self) -> None: ...
            async def close(self) -> None: ...

    with pytest.raises(TypeError, match="twice"):

        class Again(Connector, name="opcua"):
            """Another one."""


# What every connector does with a device.


async def test_it_opens_and_closes_also_twice_and_unopened(rig: DeviceRig) -> None:
    never_opened = connector(rig)
    async with asyncio.timeout(STOP_S):
        await never_opened.close()
    for _ in range(2):
        made = connector(rig)
        await made.connect()
        async with asyncio.timeout(2 * STOP_S):
            await made.close()
            await made.close()


async def test_a_device_that_is_not_there_is_a_connect_error(rig: DeviceRig) -> None:
    if rig.finite:
        (rig.folder / "recording.csv").unlink()
    else:
        assert rig.proxy is not None
        await rig.proxy.cut()
    made = connector(rig)
    with pytest.raises((ConnectError, OSError)):
        async with asyncio.timeout(6):
            await made.connect()
    async with asyncio.timeout(STOP_S):
        await made.close()


async def test_values_come_in_order_and_none_is_invented(rig: DeviceRig) -> None:
    addresses = [wanted.address for wanted in rig.wanted]
    said = [(address, float(n) + 1000.0 * at) for n in range(1, 101) for at, address in enumerate(addresses)]
    if rig.finite:
        await say(rig, said)
    async with reading(rig) as reader:
        if not rig.finite:
            await say(rig, said)
        for at, address in enumerate(addresses):
            last = 100.0 + 1000.0 * at
            await until(lambda a=address, v=last: reader.values(a)[-1:] == [v], why=f"the last of {address}")
            expected = [value for a, value in said if a == address]
            got = [value for value in reader.values(address) if value != 0.0]
            if rig.says_every_change:
                news = [v for n, v in enumerate(got) if n == 0 or v != got[n - 1]]
                assert (news if rig.repeats else got) == expected
            else:
                assert set(got) <= set(expected)
                assert got == sorted(got)
        stamped = [r for a in addresses for r in reader.readings(a)]
        assert all(r.quality is Quality.GOOD for r in stamped)
        assert all(r.received_mono_ns > 0 for r in stamped)
        assert {item.address for item in reader.items if isinstance(item, Reading)} <= set(addresses)


async def test_stamps_are_the_device_s_own_also_where_they_run_back(rig: DeviceRig) -> None:
    """What came late happened all the same: none is dropped, and none is stamped anew."""
    address, begin_ns = rig.wanted[0].address, CLOCK.now_ns() // SECOND_NS * SECOND_NS
    said = [
        (float(n + 1), begin_ns + offset_s * SECOND_NS) for n, offset_s in enumerate((0, -90, -30, -90, 1))
    ]

    if rig.finite:
        for value, source_ns in said:
            await rig.say_at(address, value, source_ns)
    async with reading(rig) as reader:
        for value, source_ns in said:
            if not rig.finite and not await rig.say_at(address, value, source_ns):
                return  # it sends no stamps
            # One after the other: who polls hears only what stands when it asks.
            await until(lambda v=value: v in reader.values(address), why=f"{value}: {reader.values(address)}")
        heard = [(r.value, r.source_ns) for r in reader.readings(address) if r.value != 0.0]
        assert (list(dict.fromkeys(heard)) if rig.repeats else heard) == said


async def test_what_the_device_does_not_know_is_said_so(rig: DeviceRig) -> None:
    address, other = rig.wanted[0].address, rig.wanted[1].address
    if rig.finite:
        await say(rig, [(address, 15.0), (other, 25.0)])
        await rig.say_no_data(address)
    async with reading(rig) as reader:
        if not rig.finite:
            await say(rig, [(address, 15.0), (other, 25.0)])
            await until(lambda: 15.0 in reader.values(address))
            if not await rig.say_no_data(address):
                return  # the protocol has no way to say so
        await until(lambda: reader.readings(address) and reader.readings(address)[-1].value != 15.0)
        last = reader.readings(address)[-1]
        assert last.quality in (Quality.BAD, Quality.GOOD_NO_DATA)
        await until(lambda: reader.values(other)[-1:] == [25.0])
        assert all(r.quality is Quality.GOOD for r in reader.readings(other))


async def test_one_bad_address_does_not_stop_the_others(rig: DeviceRig) -> None:
    addresses = [wanted.address for wanted in rig.wanted]
    said = [(address, 7.0) for address in addresses]
    if rig.finite:
        await say(rig, said)
    async with reading(rig, [rig.wanted[0], rig.bad, *rig.wanted[1:]]) as reader:
        if not rig.finite:
            await say(rig, said)
        for address in addresses:
            await until(lambda a=address: 7.0 in reader.values(a), why=address)
        assert reader.readings(rig.bad.address) == []
        told = [item for item in reader.items if isinstance(item, BadAddress)]
        if rig.reports_bad:
            assert [item.address for item in told] == [rig.bad.address]
            assert told[0].reason
        else:
            assert told == []


async def test_it_vouches_only_while_the_device_answers(rig: DeviceRig) -> None:
    kind = kind_of(rig)
    if rig.finite:
        await say(rig, [(rig.wanted[0].address, 1.0)])
        async with reading(rig) as reader:
            await until(lambda: reader.finished)
            assert all(as_of <= CLOCK.now_ns() for as_of in reader.confirmations())
        return
    async with reading(rig) as reader:
        await say(rig, [(wanted.address, 1.0) for wanted in rig.wanted])
        if not kind.vouches:
            await until(lambda: sum(isinstance(item, Alive) for item in reader.items) >= 2)
            assert reader.confirmations() == []
            return
        await until(lambda: len(reader.confirmations()) >= 5)
        found = reader.confirmations()
        assert found == sorted(found)
        assert found[-1] <= CLOCK.now_ns()
        assert CLOCK.now_ns() - found[-1] < 2_000_000_000
        assert rig.proxy is not None
        rig.proxy.freeze()
        frozen_ns = CLOCK.now_ns()
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.5
        await until(lambda: loop.time() > end)
        assert all(as_of <= frozen_ns + 50_000_000 for as_of in reader.confirmations())
        rig.proxy.thaw()


async def test_it_stops_in_time_though_the_device_does_not_answer(rig: DeviceRig) -> None:
    if rig.finite:
        return  # a recording always answers
    assert rig.proxy is not None
    async with reading(rig):
        rig.proxy.freeze()
    # Reader.__aexit__ closes within STOP_S, or fails


async def test_a_reader_that_does_not_ask_makes_the_device_wait(rig: DeviceRig) -> None:
    address = rig.wanted[0].address
    if rig.finite:
        with (rig.folder / "recording.csv").open("a") as file:
            file.writelines(f"2026-01-01T00:00:00Z,{address},{n},Good\n" for n in range(1, 60_001))
    made = connector(rig)
    await made.connect()
    stream = made.read()
    await anext(stream)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    if not rig.finite:
        for number in range(1, 4001):
            await rig.say(address, float(number))
            if number % 50 == 0:
                await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 24_000_000
    newest = 0.0
    last = 60_000.0 if rig.finite else 4000.0
    async with asyncio.timeout(30):
        while newest < last:
            for item in await anext(stream):
                if isinstance(item, Reading) and item.address == address:
                    assert isinstance(item.value, (int, float))
                    assert item.value >= newest
                    newest = item.value
    await stream.aclose()  # type: ignore[attr-defined]
    await made.close()


# What every connector does inside the gateway.


async def test_in_the_gateway_it_comes_back_after_a_cut_and_after_a_freeze(
    rig: DeviceRig, tmp_path: Path
) -> None:
    if rig.finite:
        return  # a recording cannot be cut
    assert rig.proxy is not None
    signals = [
        signal(n, type="float64", address=wanted.address, options=wanted.options)
        for n, wanted in enumerate(rig.wanted)
    ]
    name = rig.name  # type: ignore[attr-defined]
    plant = registry(signals, {"plc": (name, {"endpoint": rig.endpoint, **rig.settings})})
    hub = MemoryHub(CLOCK)
    stream = hub.streams[topics.STREAM_SAMPLES]
    settings = GatewaySettings(mqtt_endpoint=rig.endpoint, mqtt_user=rig.user, mqtt_password=rig.password)

    def newest(index: int) -> object:
        for message in reversed(stream.messages):
            scan = samples.decode(message.payload)
            if index in scan.signals:
                return scan.values[len(scan.signals) - 1 - scan.signals[::-1].index(index)]
        return None

    async with RunningGateway(plant, hub.connect(), tmp_path, settings=settings) as running:
        await until(lambda: running.state() == "running")
        await rig.say(rig.wanted[0].address, 3.0)
        await until(lambda: newest(0) == 3.0)
        for round_, harm in enumerate((rig.proxy.cut, freeze), start=1):
            await harm() if harm is rig.proxy.cut else freeze(rig)
            await until(lambda: running.state() == "lost", within_s=6, why=f"lost, round {round_}")
            await rig.say(rig.wanted[1].address, 10.0 + round_)  # meanwhile, unseen
            if harm is rig.proxy.cut:
                await rig.proxy.restore()
            else:
                await rig.proxy.cut()  # what was frozen never comes; the next conversation does
                await rig.proxy.restore()
            await until(lambda: running.state() == "running", why=f"back, round {round_}")
            await rig.say(rig.wanted[0].address, 100.0 + round_)
            await until(lambda r=round_: newest(0) == 100.0 + r)
            await until(lambda r=round_: newest(1) == 10.0 + r, why="what changed meanwhile")
        received, published, quarantined, deadband, unmapped = running.counts()
        assert received == published + quarantined + deadband + unmapped
        health = running.gateway.health().connectors[0]
        assert (health.gaps, health.reconnects) == (2, 2)
    kept = [samples.decode(message.payload) for message in stream.messages]
    assert [scan.sequence for scan in kept] == list(range(1, len(kept) + 1))
    assert sum(len(scan.values) for scan in kept) == published
    assert (kept[-1].as_of_ns is not None) is KINDS[name].vouches


def freeze(rig: DeviceRig) -> None:
    assert rig.proxy is not None
    rig.proxy.freeze()
