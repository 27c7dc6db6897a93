"""The historian at work on a bus: it stores what the streams hold, answers, and survives a full disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import ScaledClock, SystemClock
from taktwin.contracts import events, quarantine, samples, state, topics
from taktwin.contracts.samples import Scan
from taktwin.contracts.vouching import confirmed_every_ns, silent_after_ns
from taktwin.errors import BusError, StoreError
from taktwin.historian.engine import Policy
from taktwin.historian.service import HistorianService
from taktwin.history import requests
from taktwin.history.client import History, HistoryClient
from taktwin.history.hot import DuckHistory
from taktwin.history.values import unpack
from taktwin.identity import EquipmentId, Place, SignalId
from taktwin.plant.registry import Equipment, Registry, Signal
from taktwin.twin.staleness import gap_ns_of, period_ns_of

PLACE = Place("aurora", "northfield", "machining", "line1", "turn1")
SUBJECT = topics.sample(PLACE)
SECOND = 1_000_000_000
NOW = 1_794_470_400 * SECOND


def registry(digit: str = "a", names: tuple[str, ...] = ("load", "power", "state")) -> Registry:
    signals = tuple(
        Signal(
            index=at, id=SignalId(f"turn1/{name}"), equipment=EquipmentId("turn1"), place=PLACE, path=name,
            name=name, role="process", type="float64", connection="line1",
        )
        for at, name in enumerate(names)
    )  # fmt: skip
    turn1 = Equipment(
        id=EquipmentId("turn1"), level="WorkUnit", place=PLACE, name="Turn 1", class_id="t", class_name="t",
        parent=None, signals=tuple(range(len(signals))),
    )  # fmt: skip
    return Registry(
        hash=digit * 64, valid_from_ns=0, enterprise="aurora", site="northfield", name="", time_zone="UTC",
        folder="", equipment={turn1.id: turn1}, signals=signals, connections={},
        by_id={signal.id: signal for signal in signals},
    )  # fmt: skip


class Rig:
    """A hub, a store in a folder, and a historian that may be started again and again."""

    def __init__(self, folder: Path) -> None:
        self.clock: ScaledClock = SystemClock()
        self.hub = MemoryHub(self.clock)
        self.folder = folder
        self.free = 10**12
        self.plant = registry()
        self.policy = Policy(commit_s=0.01)
        self.healths: list[state.Health] = []
        self.others: MemoryBus = self.hub.connect()
        self.sequence = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[HistorianService]:
        self.store = DuckHistory(self.folder, site="northfield", join_ns=silent_after_ns(self.clock.speed))
        self.service = HistorianService(
            bus=self.hub.connect(), store=self.store, registry=self.plant, clock=self.clock,
            policy=self.policy, disk_free=lambda: self.free, memory_mb=lambda: 12.5, pid=4,
        )  # fmt: skip
        stop = asyncio.Event()
        task = asyncio.create_task(self.service.run(stop))
        self.task = task
        try:
            yield self.service
        finally:
            stop.set()
            await task
            self.store.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self.clock.timeout(20):
            while not condition():
                if self.task.done():
                    self.task.result()
                await self.clock.wall_sleep(0.01)

    async def scan(self, *rows: tuple[int, Any], again: bool = False, **more: Any) -> Scan:
        self.sequence += 0 if again else 1
        scan = Scan(
            **{
                "registry": self.plant.prefix, "connector": "line1", "epoch_ns": 1, "sequence": self.sequence,
                "t0_ns": NOW, "signals": [index for index, _ in rows], "dt_ns": list(range(len(rows))),
                "values": [value for _, value in rows], "as_of_ns": NOW + self.sequence * SECOND, **more,
            }
        )  # fmt: skip
        await self.send(SUBJECT, samples.encode(scan))
        return scan

    async def send(self, subject: str, payload: bytes) -> int:
        return await self.others.publish_durable(subject, payload, headers={topics.H_INGEST_NS: str(NOW + 5)})

    async def stored(self, stream: str = "SAMPLES") -> None:
        last = await self.others.last_sequence(stream)
        await self.until(lambda: self.store.positions().get(stream, 0) == last)

    def client(self) -> HistoryClient:
        return HistoryClient(self.others, enterprise="aurora", site="northfield")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_what_the_streams_hold_is_stored_and_answered(rig: Rig) -> None:
    await rig.others.subscribe(
        topics.health("aurora", "northfield", "historian"),
        lambda m: rig.healths.append(msgspec.msgpack.decode(m.payload, type=state.Health)),
    )
    async with rig.running():
        await rig.scan((0, 1.5), (1, 2**64 - 1), (2, "00123"))
        await rig.scan()
        await rig.scan((0, 2.5), qualities=[2])
        event = events.make(
            events.ConnectorStateChanged(connector="line1", state="lost"),
            source="/aurora/northfield/gateway", sequence=1, time_ns=NOW,
        )  # fmt: skip
        await rig.send(topics.event(PLACE, "connector.state.changed"), events.encode(event))
        interval = state.IntervalMessage(id="turn1:1", unit="turn1", from_ns=NOW, time_class="production")
        await rig.send(topics.interval(PLACE, "class"), msgspec.json.encode(interval))
        refused = quarantine.Rejection(
            reason="malformed", found="x", expected="y", origin="t", connector="sensors", original=b"\x00"
        )
        await rig.send(topics.rejected(PLACE, "malformed"), quarantine.encode(refused))
        for stream in ("SAMPLES", "EVENTS", "INTERVALS", "REJECTED"):
            await rig.stored(stream)
        client = rig.client()
        rows = await client.range(["turn1/load", "turn1/power", "turn1/state"])
        assert unpack(rows) == [1.5, 2.5, 2**64 - 1, "00123"]
        assert set(rows["ingest_ns"].to_pylist()) == {NOW + 5}
        assert set(rows["unit"].to_pylist()) == {"turn1"}
        assert rows["quality"].to_pylist() == [0, 2, 0, 0]
        assert unpack(await client.last(["turn1/load"])) == [2.5]
        assert unpack(await client.as_of(None, NOW)) == [2.5]
        assert (await client.as_of_join(["turn1/load"], [NOW - 1, NOW]))["row"].to_pylist() == [1]
        assert (await client.buckets(["turn1/load"], NOW, NOW + 10, columns=5))["count"].to_pylist() == [2]
        assert (await client.events(types=["connector.state.changed"])).num_rows == 1
        assert (await client.intervals(NOW, NOW + 1))["time_class"].to_pylist() == ["production"]
        assert (await client.rejected())["original"].to_pylist() == [b"\x00"]
        assert (await client.vouched()).to_pylist() == [
            {"connector": "line1", "unit": "turn1", "from_ns": NOW + SECOND, "to_ns": NOW + 3 * SECOND}
        ]
        status = await client.status()
        assert (status.rows, status.state, status.positions["SAMPLES"]) == (4, "running", 3)
        await rig.until(lambda: bool(rig.healths) and rig.healths[-1].counters["rows"] == 4)
        health = rig.healths[-1]
        assert (health.component, health.state, health.memory_mb) == ("historian", "running", 12.5)
        assert health.counters["last_position"] == 3
        with pytest.raises(BusError, match="columns"):
            await client.buckets(["turn1/load"], NOW, NOW, columns=0)
    assert rig.healths[-1].state == "stopping"


async def test_sealed_rows_are_read_by_the_client_itself(rig: Rig) -> None:
    async with rig.running():
        await rig.scan((0, 1.5))
        await rig.scan((0, 2.5), t0_ns=NOW + 3600 * SECOND)
        await rig.stored()
        assert rig.store.seal(NOW) == 1
        client = HistoryClient(rig.others, enterprise="aurora", site="northfield", folder=rig.folder)
        assert unpack(await client.range(["turn1/load"])) == [1.5, 2.5]
        hot = requests.table_of(
            await client.ask(requests.RangeRequest(signals=["turn1/load"], hot_only=True))
        )
        assert unpack(hot) == [2.5]


BROKEN: list[bytes] = [
    b"", b"garbage", b"\x80",
    samples.encode(Scan("a" * 12, "line1", 1, 901, NOW, [0, 1], [0], [1, 2])),
    samples.encode(Scan("a" * 12, "line1", 1, 902, NOW, [0], [0], [1], [9])),
    samples.encode(Scan("a" * 12, "line1", 1, 903, NOW, [0], [0], [1], [300])),
    samples.encode(Scan("a" * 12, "line1", 1, 904, NOW, [-1], [0], [1])),
    samples.encode(Scan("a" * 12, "line1", 1, 905, NOW, [2**40], [0], [1])),
    samples.encode(Scan("a" * 12, "line1", 1, 906, 2**63 - 1, [0], [1], [1])),
    samples.encode(Scan("a" * 12, "line1", 1, 907, NOW, [0], [2**64 - 1], [1])),
    samples.encode(Scan("a" * 12, "line1", 1, 908, NOW, [0], [0], [{"a": 1}])),
    samples.encode(Scan("a" * 12, "line1", 2**64 - 1, 909, NOW, [0], [0], [1])),
    samples.encode(Scan("a" * 12, "line1", 1, 910, NOW, [], [], [], None, 2**64 - 1)),
]  # fmt: skip


@pytest.mark.parametrize("payload", BROKEN, ids=range(len(BROKEN)))
async def test_what_fits_no_contract_is_kept_with_its_bytes_and_stops_nothing(
    rig: Rig, payload: bytes
) -> None:
    async with rig.running():
        await rig.scan((0, 1))
        await rig.send(SUBJECT, payload)
        await rig.scan((1, 2))
        await rig.stored()
        assert unpack(rig.store.range(None)) == [1, 2]
        refused = rig.store.rejected()
        assert refused["original"].to_pylist() == [payload]
        assert refused["reason"].to_pylist() == ["schema"]


async def test_rows_of_a_registry_that_comes_later_get_their_names(rig: Rig) -> None:
    async with rig.running():
        await rig.scan((3, 1.5), registry="b" * 12)
        await rig.stored()
        assert rig.store.range(None)["signal"].to_pylist() == ["unmapped/bbbbbbbbbbbb/3"]
    rig.plant = registry("b", ("load", "more", "power", "state"))
    async with rig.running():
        await rig.scan((0, 9))
        await rig.stored()
        assert rig.store.range(["turn1/state"])["f64"].to_pylist() == [1.5]
        assert unpack(rig.store.last(["turn1/load"])) == [9]


async def test_twice_in_the_stream_and_a_restart_are_stored_once(rig: Rig) -> None:
    async with rig.running():
        for value in range(5):
            await rig.scan((0, value))
            await rig.scan((0, value), again=True)
        await rig.stored()
    async with rig.running():
        await rig.scan((0, 4), again=True)
        await rig.scan((0, 5))
        await rig.stored()
        assert unpack(rig.store.range(None)) == [0, 1, 2, 3, 4, 5]
        assert rig.store.counts().duplicate_scans == 6


async def test_a_stream_that_was_made_anew_is_read_from_its_start(rig: Rig) -> None:
    async with rig.running():
        for value in range(5):
            await rig.scan((0, value))
        await rig.stored()
    rig.hub = MemoryHub(rig.clock)
    rig.others = rig.hub.connect()
    async with rig.running():
        await rig.scan((0, 5))
        await rig.stored()
        assert rig.store.range(None).num_rows == 6


async def test_on_a_full_disk_reading_stops_visibly_and_goes_on_by_itself(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taktwin.historian.service.HOUSEKEEPING_S", 0.02)
    rig.policy = Policy(commit_s=0.01, waiting_rows_max=3)
    async with rig.running():
        await rig.scan((0, 0))
        await rig.stored()
        rig.free = 0
        client = rig.client()
        await rig.until(lambda: rig.service._reason.startswith("disk_full"))
        for value in range(1, 50):
            await rig.scan((0, value))
        status = await client.status()
        assert (status.state, status.rows) == ("degraded", 1)
        assert status.reason.startswith("disk_full")
        rig.free = 10**12
        await rig.stored()
        assert unpack(rig.store.range(None)) == list(range(50))
        await rig.until(lambda: not rig.service._reason)


async def test_a_quota_counts_as_a_full_disk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taktwin.historian.service.HOUSEKEEPING_S", 0.02)
    rig.policy = Policy(commit_s=0.01, bytes_max=1000)
    async with rig.running():
        await rig.until(lambda: "history has" in rig.service._reason)
        await rig.scan((0, 0))
        assert (await rig.client().status()).state == "degraded"
        assert rig.store.positions().get("SAMPLES", 0) == 0


async def test_with_age_out_the_oldest_raw_hours_make_room(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taktwin.historian.service.HOUSEKEEPING_S", 0.02)
    rig.policy = Policy(commit_s=0.01, when_full="age_out")
    async with rig.running():
        for hour in range(3):
            await rig.scan((0, hour), t0_ns=NOW + hour * 3600 * SECOND)
        await rig.stored()
        for hour in range(2):
            rig.store.seal(NOW + hour * 3600 * SECOND)
        rig.free = 0
        await rig.until(lambda: rig.store.status().aged_out_rows == 2)
        await rig.until(lambda: rig.service._reason.startswith("disk_full"))  # nothing left to drop
        assert rig.store.status().hot_rows == 1
        assert unpack(rig.store.as_of(None, NOW + SECOND)) == [0]


async def test_a_commit_that_fails_is_tried_again_with_the_same_rows(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taktwin.historian.service.RETRY_S", 0.01)
    async with rig.running():
        real, failures = rig.store.append, []

        def refuse(batch: Any) -> Any:
            if len(failures) < 3:
                failures.append(1)
                raise StoreError("Input/output error")
            return real(batch)

        monkeypatch.setattr(rig.store, "append", refuse)
        await rig.scan((0, 1))
        await rig.until(lambda: rig.service._reason.startswith("store: Input/output"))
        await rig.scan((0, 2))
        await rig.stored()
        assert unpack(rig.store.range(None)) == [1, 2]


async def test_a_stop_commits_what_is_in_hand(rig: Rig) -> None:
    rig.policy = Policy(commit_s=30.0)
    async with rig.running() as service:
        await rig.scan((0, 1))
        await rig.until(lambda: service._waiting_rows() == 1)
    store = DuckHistory(rig.folder, site="northfield")
    assert unpack(store.range(None)) == [1]
    store.close()


async def test_tools_without_an_account_ask_at_the_door(rig: Rig, tmp_path: Path) -> None:
    async with rig.running():
        await rig.scan((0, 1.5))
        await rig.scan((0, 2.5), t0_ns=NOW + 3600 * SECOND)
        await rig.stored()
        rig.store.seal(NOW)
        export = tmp_path / "export.csv"
        export.write_text(f"ts,tag,value\n{NOW + 7},turn1/power,5\n")
        found = await asyncio.to_thread(_tool, rig.folder, export)
    assert found["values"] == [1.5, 2.5]
    assert found["status"] == ("running", 2)
    assert "refused" in found["fault"]
    assert found["import"] == 1
    store = DuckHistory(rig.folder, site="northfield")
    assert unpack(store.range(["turn1/power"])) == [5.0]
    store.close()


def _tool(folder: Path, export: Path) -> dict[str, Any]:
    """What a notebook and the command line do in processes of their own."""
    from taktwin.history import door
    from taktwin.history.client import pause

    history = History(None, folder, 20.0)  # within one process DuckDB would share the file
    status = history.status()
    found: dict[str, Any] = {
        "values": unpack(history.range(["turn1/load"])),
        "status": (status.state, status.rows),
    }
    try:
        history.buckets(["turn1/load"], 5, 5, columns=1)
    except StoreError as fault:
        found["fault"] = str(fault)
    job = door.ImportJob(paths=[str(export)], options=b"{}")
    door.knock(folder, "job1", door.Ask(name="import", payload=msgspec.msgpack.encode(job)))
    for _ in range(400):
        answer = door.collect(folder, "job1")
        if answer is not None:
            found["import"] = msgspec.json.decode(answer)[0]["stored"]
            break
        pause(0.05)
    return found


@pytest.mark.parametrize("speed", [1.0, 20.0, 60.0, 600.0])
async def test_a_curve_of_a_signal_that_rarely_changes_has_no_gap_while_its_source_vouches(
    rig: Rig, speed: float
) -> None:
    """At 60 times the time a gateway confirms every 15 s of plant time: no gap lies between two of them."""
    rig.clock = ScaledClock(epoch_ns=NOW, wall_epoch_ns=SystemClock().now_ns(), speed=speed)
    step_ns, silent_ns = confirmed_every_ns(speed), silent_after_ns(speed)
    end_ns = NOW + 400 * step_ns
    async with rig.running():
        await rig.scan((0, 1.5), as_of_ns=NOW)
        for number in (*range(1, 200), *range(200 + silent_ns // step_ns, 400)):
            await rig.scan(t0_ns=NOW + number * step_ns, as_of_ns=NOW + number * step_ns)
            if number % 50 == 0:
                await rig.stored()  # in several commits
        await rig.stored()
        table = await rig.client().buckets(["turn1/load"], NOW, end_ns, columns=100)
        gaps = msgspec.json.decode(table.schema.metadata[b"gaps"])["turn1/load"]
        assert gaps == [[NOW + 199 * step_ns, NOW + (200 + silent_ns // step_ns) * step_ns]]


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0, 10.0, 60.0, 600.0])
def test_historian_and_twin_mean_the_same_silence(speed: float) -> None:
    assert silent_after_ns(speed) == gap_ns_of(speed)
    assert confirmed_every_ns(speed) == period_ns_of(speed)


async def test_a_gap_that_is_still_open_reaches_to_now(rig: Rig) -> None:
    """Seen: a server dead for five minutes, and the time bar counted 0 where nobody could count."""
    rig.clock = ScaledClock(epoch_ns=NOW + 300 * SECOND, wall_epoch_ns=SystemClock().now_ns(), speed=1.0)
    async with rig.running():
        await rig.scan((0, 1.5), as_of_ns=NOW + 10 * SECOND)
        await rig.stored()
        table = await rig.client().buckets(["turn1/load"], NOW, NOW + 200 * SECOND, columns=10)
        gaps = msgspec.json.decode(table.schema.metadata[b"gaps"])["turn1/load"]
        assert gaps == [[NOW + 10 * SECOND, NOW + 200 * SECOND]]
        table = await rig.client().buckets(["turn1/load"], NOW, NOW + 3600 * SECOND, columns=10)
        ((begin, end),) = msgspec.json.decode(table.schema.metadata[b"gaps"])["turn1/load"]
        assert begin == NOW + 10 * SECOND
        assert NOW + 300 * SECOND <= end < NOW + 330 * SECOND, "not beyond now"
