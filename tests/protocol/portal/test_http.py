"""Every route against its own schema, on a real backbone and a real historian."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import pytest_asyncio

from taktwin.contracts import events, quarantine, samples, state, topics
from taktwin.contracts.events import AlarmCleared, AlarmRaised
from taktwin.contracts.quarantine import Rejection
from taktwin.contracts.samples import Scan
from taktwin.contracts.state import (
    AlarmDocument,
    ConnectorHealth,
    Health,
    HopStatistics,
    IntervalMessage,
    UnitDocument,
)
from taktwin.errors import BusError
from taktwin.instants import SECOND_NS
from taktwin.portal.models.alarms import AlarmHealth, AlarmList, Decided, Journal
from taktwin.portal.models.base import Problem
from taktwin.portal.models.objects import (
    Bar,
    Origin,
    SearchResults,
    SignalHops,
    StoredValues,
    Timeline,
    UnitPage,
)
from taktwin.portal.models.plant import MeModel, PlantModel
from taktwin.portal.models.system import Injected, Injections, SystemModel
from tests.protocol.portal.support import Running, running, until, until_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALARM = "turn1/spindle/temperature:high"
BEGUN_S = 600  # the history of these tests begins so long ago


class Past:
    """A portal with ten minutes of history, and the instant at which that history began."""

    def __init__(self, run: Running, begin_ns: int) -> None:
        self.run = run
        self.begin_ns = begin_ns

    def ms(self, seconds: float) -> int:
        """Return an instant of the history in milliseconds."""
        return (self.begin_ns + int(seconds * SECOND_NS)) // 1_000_000

    async def get(self, path: str, model: Any, **query: Any) -> dict[str, Any]:
        """Return an answer that fits its model."""
        answer = await self.run.http.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        model.model_validate_json(answer.content)
        return dict(answer.json())

    async def problem(self, status: int, path: str, **query: Any) -> dict[str, Any]:
        """Return the problem document of a request that cannot be."""
        return problem(await self.run.http.get(f"/api/v1{path}", params=query), status)


def problem(answer: Any, status: int) -> dict[str, Any]:
    """Return an answer as a problem that names place, found and right."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    Problem.model_validate(document)
    assert document["place"]
    assert document["found"]
    assert document["right"]
    return document


def alarm(state_word: str = "UNACK", **more: Any) -> AlarmDocument:
    """Return an alarm of turn1."""
    known: dict[str, Any] = {
        "alarm": ALARM, "equipment": "turn1", "state": state_word, "active": True, "kind": "limit",
        "priority": 2, "message": "Spindle is hot", "response": "Slow down", "consequence": "Bearing",
        "owner_role": "maintenance", "cause": "turn1", "signal": "turn1/spindle/temperature",
        "value": 81.5, "limit": 80.0, "since_ns": 5, "first_seen_ns": 5,
    }  # fmt: skip
    return AlarmDocument(**(known | more))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    """Ten minutes of history, told through the real streams."""
    folder = tmp_path_factory.mktemp("portal")
    async with running(folder, history=True) as run:
        begin_ns = (run.portal.clock.now_ns() // SECOND_NS - BEGUN_S) * SECOND_NS
        found = Past(run, begin_ns)
        await tell(found)
        yield found


async def tell(past: Past) -> None:
    """Publish the history as the owners do, and wait until it is stored."""
    run, begin = past.run, past.begin_ns
    registry = run.owners.registry
    gateway = await run.backbone.connect("gateway")
    turn1, pack5 = registry.equipment["turn1"], registry.equipment["pack5"]  # type: ignore[index]
    load = registry.by_id["turn1/spindle/load"].index  # type: ignore[index]
    job = registry.by_id["turn1/job"].index  # type: ignore[index]
    good = registry.by_id["pack5/good_count"].index  # type: ignore[index]
    rows = 0
    for k in range(500):
        if 200 <= k < 260:
            continue  # nobody vouched for a minute
        at = begin + k * SECOND_NS
        wild: list[Any] = [float(k)]
        if k == 100:
            wild = [math.nan]
        scan = Scan(
            registry=registry.prefix, connector="line1", epoch_ns=begin, sequence=k + 1, t0_ns=at,
            signals=[load], dt_ns=[0], values=wild, as_of_ns=at,
        )  # fmt: skip
        if k == 0:
            scan = msgspec.structs.replace(
                scan, signals=[load, job, job], dt_ns=[0, 0, 1], values=[0.0, "00123", 2**63]
            )
        rows += len(scan.signals)
        await gateway.publish(
            topics.sample(turn1.place), samples.encode(scan), {topics.H_INGEST_NS: str(at + 5_000_000)}
        )
        if k % 10 == 0:
            counted = Scan(
                registry=registry.prefix, connector="line5", epoch_ns=begin, sequence=k // 10 + 1, t0_ns=at,
                signals=[good], dt_ns=[0], values=[1000 + k // 10], as_of_ns=at,
            )  # fmt: skip
            rows += 1
            await gateway.publish(topics.sample(pack5.place), samples.encode(counted))
    refused = Rejection(
        reason="wrong_type", found="'24,1'", expected="number", origin="_raw/z7", connector="sensors",
        original=b'{"value": "24,1"}', original_size=17, at_ns=begin + 7 * SECOND_NS,
    )  # fmt: skip
    await gateway.publish_durable(topics.rejected(turn1.place, "wrong_type"), quarantine.encode(refused))
    for number, (from_s, to_s, time_class) in enumerate(
        ((0, 120, "production"), (120, 200, "starved"), (260, None, "production"))
    ):
        interval = IntervalMessage(
            id=f"turn1:{number}", unit="turn1", from_ns=begin + from_s * SECOND_NS,
            to_ns=None if to_s is None else begin + to_s * SECOND_NS, time_class=time_class,
            reason="buffer empty" if time_class == "starved" else "", state="Execute", program="P1",
        )  # fmt: skip
        await run.owners.twin.publish_durable(
            topics.interval(turn1.place, "class"), msgspec.json.encode(interval)
        )
    raised = AlarmRaised(
        alarm=ALARM, equipment="turn1", kind="limit", priority=2, message="Spindle is hot",
        response="Slow down", consequence="Bearing", owner_role="maintenance", value=81.5, limit=80.0,
    )  # fmt: skip
    cleared = AlarmCleared(alarm=ALARM, equipment="turn1")
    for number, (at_s, content) in enumerate(((50, raised), (90, cleared), (300, raised)), 1):
        event = events.make(
            content, source="/aurora/northfield/twin", sequence=number,
            time_ns=begin + at_s * SECOND_NS, subject=ALARM,
        )  # fmt: skip
        await run.owners.twin.publish_durable(
            topics.event(turn1.place, content.event_type), events.encode(event), message_id=event.id
        )
    await gateway.flush()

    async def stored() -> bool:
        try:
            status = await run.portal.questions.history_status()
        except BusError:
            return False  # it is still starting
        return status.rows >= rows and status.events >= 3

    await until_answer(stored)


async def test_the_plant_is_drawn_from_one_document(past: Past) -> None:
    plant = await past.get("/plant", PlantModel)
    assert (plant["name"], plant["demo"]) == ("Northfield e-axle plant", True)
    assert [s["index"] for s in plant["signals"]] == list(range(len(past.run.owners.registry.signals)))
    assert plant["floor"]["drawing_svg"].lstrip().startswith("<")
    turn1 = next(e for e in plant["equipment"] if e["id"] == "turn1")
    assert turn1["connections"] == ["line1", "turn1-shdr"] or "line1" in turn1["connections"]
    assert {e["id"] for e in plant["equipment"] if e["inferred"]} >= {"deburr1", "pack5"}
    assert plant["shifts"]
    assert plant["calendars"]
    answer = await past.run.http.get("/api/v1/plant")
    assert answer.headers["content-encoding"] == "gzip"
    again = await past.run.http.get("/api/v1/plant", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_who_is_looking(past: Past) -> None:
    me = await past.get("/me", MeModel)
    assert (me["person"], me["mode"], me["loopback_only"]) == ("demo", "live", True)
    assert "loopback" in me["notice"]
    german = await past.run.http.get("/api/v1/me", headers={"Accept-Language": "de-AT,en;q=0.5"})
    assert german.json()["language"] == "de"


async def test_a_work_unit_now_and_then(past: Past) -> None:
    await past.run.owners.next(units=[UnitDocument(unit="turn1", time_class="production", good_count=7)])
    await until(lambda: "turn1" in past.run.portal.hub.picture.units.by_id)
    now = await past.get("/units/turn1", UnitPage)
    assert now["document"]["good_count"] == 7
    assert now["neighbours"]["after"] == ["hob1"]
    assert {"medium": "air", "ids": ["compressor1"]} in now["supplies"]["from"]
    then = await past.get("/units/turn1", UnitPage, at_ms=past.ms(150))
    assert (then["document"]["time_class"], then["document"]["reason"]) == ("starved", "buffer empty")
    assert then["document"]["job"] == "9223372036854775808", (
        "of two at one instant the later one, bit for bit"
    )
    compressor = await past.get("/units/compressor1", UnitPage)
    assert {"medium": "air", "ids": ["line1", "line2", "line3"]} in compressor["supplies"]["to"]
    await past.problem(404, "/units/nobody")


async def test_every_second_of_a_timeline_is_in_one_class(past: Past) -> None:
    line = await past.get("/units/turn1/timeline", Timeline, from_ms=past.ms(-60), to_ms=past.ms(400))
    assert [(i["time_class"], i["to_ms"] - i["from_ms"]) for i in line["intervals"]] == [
        ("unknown", 60_000), ("production", 120_000), ("starved", 80_000), ("unknown", 60_000),
        ("production", 140_000),
    ]  # fmt: skip
    assert line["sums"]["production"] == 260
    assert line["sums"]["blocked"] == 0
    assert sum(line["sums"].values()) == 460
    await past.problem(422, "/units/turn1/timeline", from_ms=past.ms(5), to_ms=past.ms(5))
    await past.problem(422, "/units/turn1/timeline", from_ms="yesterday", to_ms=past.ms(5))


def columns_of(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and columns, read as the page reads them."""
    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    at = -(-(4 + length) // 8) * 8
    found = {}
    for column in header["columns"]:
        size = 8 if column["type"] == "f64" else 1
        kind = "<f8" if size == 8 else "u1"
        found[column["name"]] = np.frombuffer(body, kind, column["length"], at)
        at += -(-column["length"] * size // 8) * 8
    assert at == len(body)
    return header, found


async def test_a_curve_keeps_extremes_and_gaps(past: Past) -> None:
    path = "/api/v1/signals/turn1/spindle/load/curve"
    query = {"from_ms": past.ms(0), "to_ms": past.ms(500), "columns": 100}
    answer = await past.run.http.get(path, params=query)
    assert answer.headers["content-type"] == "application/vnd.taktwin.columns"
    header, columns = columns_of(answer.content)
    assert [c["name"] for c in header["columns"]] == ["t_ms", "min", "max", "mean", "quality", "count"]
    assert columns["count"].sum() == 440
    assert (columns["min"][0], columns["max"][-1]) == (0.0, 499.0)
    assert len(columns["t_ms"]) <= 100
    assert columns["t_ms"][0] == past.ms(0)
    # The second one is still open: the source spoke last at 499 s.
    assert header["gaps"] == [[past.ms(199), past.ms(260)], [past.ms(499), past.ms(500)]]
    again = await past.run.http.get(path, params=query, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    later = await past.run.http.get(path, params=query | {"from_ms": past.ms(100.5)})
    assert later.headers["etag"] != answer.headers["etag"]
    header, _ = columns_of(later.content)
    assert (header["before"]["value"], header["before"]["number"]) == ("NaN", None)
    await past.problem(404, "/signals/turn1/nothing/curve", from_ms=1, to_ms=2)
    await past.problem(422, "/signals/turn1/spindle/load/curve", from_ms=1, to_ms=2, columns=0)


async def test_values_come_as_they_were_received(past: Past) -> None:
    found = (await past.get("/signals/turn1/spindle/load/values", StoredValues, limit=3))["values"]
    assert [v["value"] for v in found] == [499.0, 498.0, 497.0]
    assert found[0]["source_ms"] == past.ms(499)
    assert found[0]["ingest_ms"] == past.ms(499) + 5
    assert (found[0]["sequence"], found[0]["epoch"], found[0]["quality"]) == (500, past.ms(0), 0)
    odd = await past.get("/signals/turn1/spindle/load/values", StoredValues, before_ms=past.ms(101), limit=1)
    assert odd["values"][0]["value"] == "NaN"
    texts = (await past.get("/signals/turn1/job/values", StoredValues))["values"]
    assert [v["value"] for v in texts] == ["9223372036854775808", "00123"]


async def test_where_a_signal_comes_from(past: Past) -> None:
    found = await past.get("/signals/turn1/spindle/load/origin", Origin)
    assert (found["protocol"], found["connection"]) == ("OPC UA", "line1")
    assert found["address"] == "nsu=urn:taktwin:virtual-plant;s=turn1.spindle.load"
    assert found["topic"] == "uns/v1/aurora/northfield/machining/line1/turn1/_sample_v1"
    assert "for ever" in found["kept"]
    assert found["last_bytes_text"] is None


async def test_the_last_bytes_of_a_sensor_are_shown(past: Past) -> None:
    registry = past.run.owners.registry
    sensor = next(s for s in registry.signals if s.connection == "sensors" and s.equipment.startswith("zone"))
    path = f"/signals/{sensor.id}/origin"
    assert (await past.get(path, Origin))["last_bytes_text"] is None
    await past.run.owners.virtual_plant.publish(topics.to_subject(sensor.address), b'{"value": 24.1}')
    await past.run.owners.virtual_plant.flush()
    await past.run.portal.bus.flush()
    assert (await past.get(path, Origin))["last_bytes_text"] == '{"value": 24.1}'


async def tell_with_stamps(past: Past, index: int, value: int) -> None:
    """Let the twin say a value that took 40, 10, 5 and 15 ms on its way."""
    owners = past.run.owners
    mono, at = past.run.portal.clock.monotonic_ns(), owners.picture.at_ns
    await owners.next(
        signals=[index], values=[value], qualities=[0], source_ns=[at], confirmed_ns=[at], stale=[False],
        ingest_ns=[at + 40_000_000], mono_ns=mono, received_mono=[mono - 30_000_000],
        published_mono=[mono - 20_000_000], applied_mono=[mono - 15_000_000],
    )  # fmt: skip


async def test_the_way_of_one_value(past: Past) -> None:
    owners = past.run.owners
    index = owners.registry.by_id["turn1/state"].index  # type: ignore[index]
    empty = await past.get("/signals/turn1/state/hops", SignalHops)
    assert (empty["this"], empty["whole"]["this"]) == ([], None)
    for value in (5, 6):
        await tell_with_stamps(past, index, value)
    at = owners.picture.at_ns - 100_000_000
    await until(lambda: past.run.portal.hub.picture.values[index] == 6)
    found = await past.get("/signals/turn1/state/hops", SignalHops)
    assert [(h["hop"], h["ms"]) for h in found["this"]] == [
        ("source", 40.0), ("gateway", 10.0), ("bus", 5.0), ("frame", 15.0),
    ]  # fmt: skip
    assert found["this"][1]["start_ms"] == round(at / 1e6 + 40)
    assert {s["hop"] for s in found["stats"]} >= {"source", "gateway", "bus", "frame"}


async def test_the_time_bar_counts_parts_where_they_leave(past: Past) -> None:
    bar = await past.get("/bar", Bar, from_ms=past.ms(0), to_ms=past.ms(480), columns=8)
    assert sum(c["good"] or 0 for c in bar["columns"]) == 47, "the first value begins the count"
    assert bar["columns"][0]["from_ms"] == past.ms(0)
    assert [(m["at_ms"], m["priority"]) for m in bar["marks"]] == [(past.ms(50), 2), (past.ms(300), 2)]
    assert bar["start_ms"] == past.ms(0)
    early = await past.get("/bar", Bar, from_ms=past.ms(-300), to_ms=past.ms(-10), columns=2)
    assert [c["good"] for c in early["columns"]] == [None, None], "nobody counted is not zero"


async def test_search_finds_what_has_a_page(past: Past) -> None:
    first = (await past.get("/search", SearchResults, q="turn1"))["results"][0]
    assert (first["kind"], first["href"]) == ("machine", "/machine/turn1")
    signals = (await past.get("/search", SearchResults, q="turn1 spindle lo"))["results"]
    assert ("signal", "turn1/spindle/load") in [(r["kind"], r["id"]) for r in signals]
    assert (await past.get("/search", SearchResults, q="  "))["results"] == []


async def test_the_system_page_shows_who_is_well(past: Past) -> None:
    gateway = await past.run.backbone.connect("gateway")
    health = Health(
        component="gateway", state="running", pid=7, started_ns=1, memory_mb=41.26,
        connectors=[
            ConnectorHealth(
                name="line1", protocol="opcua", endpoint="opc.tcp://127.0.0.1:1", state="running",
                received=5, published=5,
            )
        ],
    )  # fmt: skip
    past.run.owners.answers["twin.hash"] = lambda _: msgspec.msgpack.encode(
        {"state_hash": "ab", "at_ns": 9_000_000}
    )
    hops = {"line1": [HopStatistics(hop="twin", p50=0.2, p99=1.0, max=2.0, count=9)]}
    past.run.owners.answers["twin.hops"] = lambda _: msgspec.msgpack.encode(hops)
    await gateway.publish(topics.health("aurora", "northfield", "gateway"), state.encode(health))
    await until(lambda: bool(past.run.portal.health.connectors()))
    system = await past.get("/system", SystemModel)
    assert ("gateway", "running", 41.3) in [
        (p["component"], p["state"], p["memory_mb"]) for p in system["processes"]
    ]
    assert [(c["name"], c["protocol"], len(c["last_minute"])) for c in system["connections"]] == [
        ("line1", "OPC UA", 60)
    ]
    assert system["snapshot"] == {"state_hash": "ab", "at_ms": 9}
    assert system["history"]["rows"] > 400
    refused = system["quarantine"][0]
    assert (refused["reason"], refused["original_text"]) == ("wrong_type", '{"value": "24,1"}')
    assert bytes.fromhex(refused["original_hex"]) == b'{"value": "24,1"}'


async def test_alarms_are_listed_by_cause(past: Past) -> None:
    other = alarm(alarm="x", cause="turn1", priority=1)
    shelved = alarm("SHLVD", alarm="y", cause="", shelved_until_ns=2**62)
    await past.run.owners.next(alarms=[alarm(), other, shelved])
    await until(lambda: len(past.run.portal.hub.picture.alarms.by_id) == 3)
    found = await past.get("/alarms", AlarmList)
    assert (found["causes"], found["count"], len(found["alarms"])) == (1, 2, 3)
    assert found["counts_by_priority"] == {"1": 1, "2": 0, "3": 0}
    assert [(g["priority"], g["alarms"]) for g in found["groups"]] == [(1, ["x", ALARM])]
    then = await past.get("/alarms", AlarmList, at_ms=past.ms(60))
    assert [(a["alarm"], a["state"], a["since_ms"]) for a in then["alarms"]] == [
        (ALARM, "UNACK", past.ms(50))
    ]
    over = await past.get("/alarms", AlarmList, at_ms=past.ms(100))
    assert [(a["state"], a["active"]) for a in over["alarms"]] == [("RTNUN", False)]
    await past.run.owners.next(
        alarms=[msgspec.structs.replace(a, state="NORM", active=False) for a in (other, shelved)]
    )
    await until(lambda: len(past.run.portal.hub.picture.standing_alarms()) == 1)


async def test_the_journal_says_who_and_when(past: Past) -> None:
    window = {"from_ms": past.ms(0), "to_ms": past.ms(400)}
    found = (await past.get("/alarms/journal", Journal, **window))["entries"]
    assert [(e["event"], e["at_ms"], e["priority"]) for e in found] == [
        ("raised", past.ms(300), 2), ("cleared", past.ms(90), 2), ("raised", past.ms(50), 2),
    ]  # fmt: skip
    assert found[1]["message"] == "Spindle is hot", "who clears says only which; the raise said what"
    of_line = await past.get("/alarms/journal", Journal, equipment="line1", priority=2, **window)
    assert len(of_line["entries"]) == 3
    nobody = await past.get("/alarms/journal", Journal, equipment="line2", **window)
    assert nobody["entries"] == []
    answer = await past.run.http.get("/api/v1/alarms/journal", params=window | {"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [r["event"] for r in rows] == ["raised", "cleared", "raised"]


async def test_the_health_of_the_alarms(past: Past) -> None:
    found = await past.get("/alarms/health", AlarmHealth)
    assert found["worst"] == [{"alarm": ALARM, "message": "Spindle is hot", "count": 2, "share": 1.0}]
    assert found["priorities"] == {"1": 0, "2": 2, "3": 0}
    assert found["floods"] == []
    assert 0 < found["rate_per_10_min"] <= 2


async def decide(past: Past, verb: str, **body: Any) -> Any:
    """Post a decision about the alarm."""
    return await past.run.http.post(
        f"/api/v1/alarms/{ALARM}/{verb}",
        json={"comment": "seen", "idempotency_key": "key-0001"} | body,
    )


async def test_the_same_key_twice_is_one_event(past: Past) -> None:
    run = past.run
    await run.owners.next(alarms=[alarm()])
    await until(lambda: run.portal.hub.picture.alarms.by_id[ALARM].state == "UNACK")
    first, again = await decide(past, "acknowledge"), await decide(past, "acknowledge")
    assert (first.status_code, again.status_code) == (200, 200)
    Decided.model_validate_json(first.content)
    assert first.json() == again.json()

    async def published() -> list[events.CloudEvent]:
        found = []
        async for batch in run.portal.bus.read_stream(topics.STREAM_EVENTS, follow=False):
            found += [events.decode(message.payload) for message in batch]
        return [e for e in found if e.name == "equipment.alarm.acknowledged"]

    stored = await published()
    assert len(stored) == 1
    assert (stored[0].id, stored[0].authid, stored[0].subject) == (first.json()["event_id"], "demo", ALARM)
    content = events.content_of(stored[0])
    assert content == events.AlarmAcknowledged(alarm=ALARM, person="demo", comment="seen")
    other = await decide(past, "comment")
    assert "acknowledge" in problem(other, 422)["found"], "one key, one decision"
    # The twin has heard it; a portal that was started again finds the event in the history.
    await run.owners.next(alarms=[alarm("ACKED", acknowledged_by="demo", acknowledged_ns=9)])
    await until(lambda: run.portal.hub.picture.alarms.by_id[ALARM].state == "ACKED")
    run.portal.decisions.forget()

    async def in_history() -> bool:
        table = await run.portal.questions.events(
            from_ns=0, to_ns=2**62, types=["equipment.alarm.acknowledged"]
        )
        return table.num_rows > 0

    await until_answer(in_history)
    late = await decide(past, "acknowledge")
    assert late.json() == first.json()
    found = problem(await decide(past, "acknowledge", idempotency_key="key-0002"), 409)
    assert "acknowledged by demo" in found["found"]
    assert found["alarm"]["state"] == "ACKED", "the page can show both versions"
    assert len(await published()) == 1


async def test_a_decision_stands_in_the_journal_before_the_history_has_it(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = past.run
    await run.owners.next(alarms=[alarm()])
    await until(lambda: run.portal.hub.picture.alarms.by_id[ALARM].state == "UNACK")
    window = {"from_ms": past.ms(0), "to_ms": 4_102_444_800_000}
    behind = await run.portal.questions.events(from_ns=0, to_ns=2**62, types=["equipment.alarm.acknowledged"])

    async def old(**_: Any) -> Any:
        return behind

    async def comments() -> list[str]:
        found = (await past.get("/alarms/journal", Journal, **window))["entries"]
        return [e["comment"] for e in found if e["comment"] == "on my way"]

    with monkeypatch.context() as slow:
        slow.setattr(run.portal.questions, "events", old)
        assert await comments() == []
        assert (
            await decide(past, "acknowledge", comment="on my way", idempotency_key="key-0042")
        ).status_code == 200
        assert await comments() == ["on my way"]

    async def stored() -> bool:
        table = await run.portal.questions.events(
            from_ns=0, to_ns=2**62, types=["equipment.alarm.acknowledged"]
        )
        return table.num_rows > behind.num_rows

    await until_answer(stored)
    assert await comments() == ["on my way"], "once, not twice"


async def test_many_curves_come_with_one_question(past: Past) -> None:
    names = ["turn1/spindle/load", "pack5/good_count"]
    query = {"from_ms": past.ms(0), "to_ms": past.ms(480), "columns": 40}
    answer = await past.run.http.get("/api/v1/curves", params={"signal": [*names, names[0]], **query})
    assert answer.status_code == 200, answer.text
    header, found = columns_of(answer.content)
    assert [c["signal"] for c in header["curves"]] == names, "who asks twice is answered once"
    for said in header["curves"]:
        one = await past.run.http.get(f"/api/v1/signals/{said['signal']}/curve", params=query)
        alone, single = columns_of(one.content)
        rows = slice(said["first"], said["first"] + said["rows"])
        assert said["rows"] > 0
        assert said["gaps"] == alone["gaps"]
        for name in ("t_ms", "min", "max", "mean"):
            np.testing.assert_array_equal(found[name][rows], single[name])
    unknown = await past.run.http.get("/api/v1/curves", params={"signal": "nothing", **query})
    assert unknown.status_code == 404


async def test_a_decision_needs_the_alarm_that_the_person_saw(past: Past) -> None:
    run = past.run
    await run.owners.next(alarms=[alarm("UNACK", since_ns=77)])
    await until(lambda: run.portal.hub.picture.alarms.by_id[ALARM].since_ns == 77)
    stale = await decide(past, "acknowledge", idempotency_key="key-0100", version="old")
    assert problem(stale, 409)["found"] == "the alarm changed meanwhile"
    replay = await decide(past, "acknowledge", idempotency_key="key-0101", mode="replay")
    assert problem(replay, 409)["place"] == "mode"
    nothing = await run.http.post(
        "/api/v1/alarms/nobody:knows/acknowledge", json={"idempotency_key": "key-0102"}
    )
    assert problem(nothing, 409)["place"] == "alarm nobody:knows"
    wordless = await decide(past, "shelve", idempotency_key="key-0103", comment="", until_ms=2**40)
    problem(wordless, 422)
    now_ms = run.portal.clock.now_ns() // 1_000_000
    endless = await decide(past, "shelve", idempotency_key="key-0104", until_ms=now_ms + 5 * 3_600_000)
    assert "4 h" in problem(endless, 422)["right"]
    good = await decide(past, "shelve", idempotency_key="key-0105", until_ms=now_ms + 3_600_000)
    assert good.status_code == 200
    early = await decide(past, "unshelve", idempotency_key="key-0106")
    assert problem(early, 409)["right"] == "a shelved alarm"
    assert (await decide(past, "comment", idempotency_key="key-0107")).status_code == 200
    assert problem(await decide(past, "comment", idempotency_key="short"), 422)["place"].endswith("key")


async def test_injections_go_to_the_virtual_plant(past: Past) -> None:
    answers = past.run.owners.answers
    answers["virtual_plant.injections"] = lambda _: msgspec.msgpack.encode(
        {"kinds": [{"kind": "cut_server", "target": "connection", "title": "Cut", "parameters": {},
                    "targets": ["line1"]}],
         "active": [{"id": "a", "kind": "cut_server", "target": "line1", "from_ns": 1_000_000,
                     "to_ns": 2_000_000}]}
    )  # fmt: skip
    found = await past.get("/demo/injections", Injections)
    assert found["active"][0]["to_ms"] == 2

    def inject(wish: dict[str, Any]) -> bytes:
        right = wish["kind"] == "cut_server"
        return msgspec.msgpack.encode(
            {"accepted": right, "id": "cut-1", "reason": "kind 'x'", "from_ns": 0, "to_ns": 7_000_000}
        )

    answers["virtual_plant.inject"] = inject
    body = {"kind": "cut_server", "target": "line1", "duration_s": 30}
    answer = await past.run.http.post("/api/v1/demo/injections", json=body)
    assert Injected.model_validate_json(answer.content).to_ms == 7
    wrong = await past.run.http.post("/api/v1/demo/injections", json=body | {"kind": "x"})
    assert problem(wrong, 422)["found"] == "kind 'x'"
    asked = [request for name, request in past.run.owners.asked if name == "virtual_plant.inject"]
    assert asked[0] == {"kind": "cut_server", "target": "line1", "duration_s": 30.0, "parameters": {}}


async def test_every_answer_carries_the_security_headers(past: Past) -> None:
    for path in ("/api/v1/me", "/", "/api/v1/nothing"):
        headers = (await past.run.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"].replace(
            "style-src-attr 'unsafe-inline'", ""
        )
    problem(await past.run.http.get("/api/v1/nothing"), 404)
    problem(await past.run.http.post("/api/v1/me"), 405)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_foreign_hosts_and_origins_are_refused(
    past: Past, headers: dict[str, str], status: int
) -> None:
    problem(await past.run.http.get("/api/v1/me", headers=headers), status)
    body = {"idempotency_key": "key-9999"}
    problem(
        await past.run.http.post(f"/api/v1/alarms/{ALARM}/acknowledge", json=body, headers=headers), status
    )


async def test_our_own_page_may_ask_under_each_name_of_this_machine(past: Past) -> None:
    for host in (f"127.0.0.1:{past.run.port}", f"localhost:{past.run.port}", f"[::1]:{past.run.port}"):
        answer = await past.run.http.get("/api/v1/me", headers={"Host": host, "Origin": f"http://{host}"})
        assert answer.status_code == 200, host


async def test_an_owner_that_is_away_is_a_problem_with_a_way_on(past: Past) -> None:
    past.run.owners.answers.pop("virtual_plant.injections", None)
    found = await past.problem(503, "/demo/injections")
    assert found["place"] == "backbone"


async def test_the_document_names_every_route_and_message(past: Past) -> None:
    # Seconds of computing when it is first asked for, on a busy machine more of them.
    document = (await past.run.http.get("/api/v1/openapi.json", timeout=60)).json()
    assert {"/api/v1/plant", "/api/v1/units/{unit}/timeline", "/api/v1/alarms/{alarm}/shelve",
            "/api/v1/signals/{signal}/curve"} <= set(document["paths"])  # fmt: skip
    assert {"LiveSnapshot", "LiveFrame", "LiveHeartbeat", "Subscribe", "Problem"} <= set(
        document["components"]["schemas"]
    )


async def test_the_built_page_is_served_and_a_missing_one_says_how_to_build_it(tmp_path: Path) -> None:
    static = tmp_path / "static"
    async with running(tmp_path, static=static, demo=False) as run:
        answer = await run.http.get("/machine/turn1")
        assert "make setup" in answer.text
        (static / "assets").mkdir(parents=True)
        (static / "index.html").write_text("<html><script>go()</script><script src='/assets/a.js'></script>")
        (static / "assets" / "a-1f2e.js").write_text("let a = 1;" * 500)
        (tmp_path / "secret").write_text("not for anybody")
        page = await run.http.get("/machine/turn1")
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
        assert "'sha256-" in page.headers["content-security-policy"]
        asset = await run.http.get("/assets/a-1f2e.js")
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (asset.headers["content-encoding"], len(asset.text)) == ("gzip", 5000)
        assert asset.headers["content-type"].startswith("text/javascript")
        problem(await run.http.get("/assets/b.js"), 404)
        assert "not for anybody" not in (await run.http.get("/..%2Fsecret")).text
        problem(await run.http.get("/api/v1/demo/injections"), 404)
        assert (await run.http.get("/api/v1/me")).json()["person"] == "local"
