"""The stream over a real WebSocket: snapshot, frames, heartbeat, gaps, silence, back-pressure, replay."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter
from websockets.exceptions import InvalidStatus

from taktwin.contracts.state import AlarmDocument, ConnectionDocument, Frame, UnitDocument
from taktwin.errors import BusError
from taktwin.portal.models.live import LiveFrame, LiveHeartbeat, LiveHops, LiveProblem, LiveSnapshot, LiveTwin
from tests.protocol.portal.support import Running, until

EVERYTHING = ["units", "alarms", "connections", "signals:*"]
MODELS: dict[str, TypeAdapter[Any]] = {
    "snapshot": TypeAdapter(LiveSnapshot), "frame": TypeAdapter(LiveFrame), "hops": TypeAdapter(LiveHops),
    "heartbeat": TypeAdapter(LiveHeartbeat), "twin": TypeAdapter(LiveTwin),
    "problem": TypeAdapter(LiveProblem),
}  # fmt: skip


def fits(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message that fits the interface's document."""
    MODELS[message["type"]].validate_json(msgspec.json.encode(message))
    return message


def values(picture: Frame, index: list[int], found: list[Any], **more: Any) -> dict[str, Any]:
    """Return the columns of a frame with some values that a source vouches for now."""
    n, at = len(index), picture.at_ns
    return {"signals": index, "values": found, "qualities": [0] * n, "source_ns": [at] * n,
            "confirmed_ns": [at] * n, "stale": [False] * n, **more}  # fmt: skip


async def test_a_page_hears_a_snapshot_then_frames_and_a_heartbeat(portal: Running) -> None:
    async with portal.page() as page:
        assert fits(await page.hear("heartbeat"))["t"] > 0
        await page.say(op="subscribe", topics=EVERYTHING)
        first = fits(await page.hear("snapshot"))
        assert first["mode"] == "live"
        assert first["i"] == list(range(len(portal.owners.registry.signals)))
        assert set(first["q"]) == {1}, "nothing was received yet: GoodNoData, not zero"
        await portal.owners.next(
            **values(portal.owners.picture, [3, 7], [1.5, "00123"]),
            units=[UnitDocument(unit="turn1", time_class="production", since_ns=5_000_000)],
        )
        frame = fits(await page.hear("frame"))
        assert (frame["i"], frame["v"], frame["seq"]) == ([3, 7], [1.5, "00123"], first["seq"] + 1)
        assert frame["dt"] == [100, 100], "the values are as old as the picture is later"
        assert frame["units"][0]["unit"] == "turn1"
        assert frame["units"][0]["since_ms"] == 5
        assert "alarms" not in frame
        assert fits(await page.hear("heartbeat"))


async def test_what_json_cannot_hold_travels_as_text(portal: Running) -> None:
    odd = [math.nan, math.inf, -math.inf, 2**53 + 1, -(2**63), 2**53, b"\x00\xff", [1.0, math.nan], None]
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:" + ",".join(str(i) for i in range(len(odd)))])
        await page.hear("snapshot")
        await portal.owners.next(**values(portal.owners.picture, list(range(len(odd))), odd))
        assert fits(await page.hear("frame"))["v"] == [
            "NaN", "Infinity", "-Infinity", "9007199254740993", "-9223372036854775808", 2**53,
            {"hex": "00ff", "size": 2}, [1.0, "NaN"], None,
        ]  # fmt: skip


async def test_a_page_hears_only_what_it_subscribed(portal: Running) -> None:
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:7"])
        assert (await page.hear("snapshot"))["i"] == [7]
        alarm = AlarmDocument(
            alarm="a", equipment="turn1", state="UNACK", active=True, kind="limit", priority=2, message="m",
            response="r", consequence="c", owner_role="o",
        )  # fmt: skip
        await portal.owners.next(**values(portal.owners.picture, [3], [1]), alarms=[alarm])
        await portal.owners.next(**values(portal.owners.picture, [7], [2]))
        frame = await page.hear("frame")
        assert frame["i"] == [7], "a change of others makes no frame"
        assert "alarms" not in frame


async def test_a_gap_in_the_twins_frames_asks_for_the_full_picture(portal: Running) -> None:
    owners = portal.owners
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:1,2"])
        await page.hear("snapshot")
        # One frame is lost on its way; the next one shows it.
        owners.picture = msgspec.structs.replace(
            owners.picture, sequence=9, **values(owners.picture, [1, 2], [10, 20])
        )
        await owners.say(Frame(sequence=9, at_ns=owners.picture.at_ns, **values(owners.picture, [2], [20])))
        assert (await page.hear("snapshot"))["v"] == [10, 20]
        assert "twin" not in page.heard, "the gap was seen by itself, not by a silence after it"


async def test_a_silent_twin_makes_everything_old_and_returns(portal: Running) -> None:
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["units"])
        await page.hear("snapshot")
        del portal.owners.answers["twin.snapshot"]
        silent = fits(await page.hear("twin"))
        assert silent["state"] == "silent"
        assert silent["since"] == portal.owners.picture.at_ns // 1_000_000
        portal.owners.answers["twin.snapshot"] = lambda _: msgspec.msgpack.encode(portal.owners.picture)
        assert fits(await page.hear("twin"))["state"] == "running"
        assert fits(await page.hear("snapshot"))["seq"] > 0


async def test_frames_come_at_most_ten_times_a_second(portal: Running) -> None:
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:5"])
        await page.hear("snapshot")
        for value in range(100):
            await portal.owners.next(**values(portal.owners.picture, [5], [value]))
        last = await page.hear_until("frame", lambda frame: frame["v"] == [99])
        assert last["seq"] < 40, "a hundred changes came in far fewer frames"


async def test_the_way_to_the_screen_is_measured(portal: Running) -> None:
    owners, clock = portal.owners, portal.portal.clock
    index = owners.registry.by_id["turn1/state"].index
    async with portal.page() as page:
        await page.say(op="subscribe", topics=[f"signals:{index}", "hops"])
        await page.hear("snapshot")
        await owners.next(**values(owners.picture, [index], [5]))
        await page.hear("frame")
        mono = clock.monotonic_ns()
        await owners.next(
            **values(owners.picture, [index], [6]), mono_ns=mono, received_mono=[mono - 30_000_000],
            published_mono=[mono - 20_000_000], applied_mono=[mono - 15_000_000],
            ingest_ns=[owners.picture.at_ns + 40_000_000],
        )  # fmt: skip
        frame = await page.hear("frame")
        await page.say(op="drawn", seq=frame["seq"], t=1.0, waited_ms=0.1)
        hops = fits(await page.hear_until("hops", lambda m: any(c["hops"] for c in m["hops"])))
        found = {h["hop"]: h for c in hops["hops"] if c["connection"] == "line1" for h in c["hops"]}
        assert set(found) >= {"source", "gateway", "bus", "frame", "portal", "screen", "whole"}
        assert found["source"]["p50"] == pytest.approx(40, rel=0.07)
        assert found["gateway"]["p50"] == pytest.approx(10, rel=0.07)
        assert found["bus"]["p50"] == pytest.approx(5, rel=0.07)
        assert found["frame"]["p50"] == pytest.approx(15, rel=0.07)
        assert found["whole"]["p50"] > 60
        assert [h for h, s in found.items() if s["estimated"]] == ["screen", "whole"]


async def test_a_page_can_look_at_the_past_and_come_back(portal: Running) -> None:
    owners = portal.owners
    past = Frame(
        sequence=1, at_ns=1_000_000_000_000, state_hash="h", signal_count=1,
        **values(Frame(sequence=0, at_ns=999_999_000_000), [4], [44]),
    )  # fmt: skip
    for name in ("recorder.open", "recorder.control"):
        owners.answers[name] = lambda _: msgspec.msgpack.encode(past)
    owners.answers["recorder.close"] = lambda _: msgspec.msgpack.encode({})
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:4"])
        await page.hear("snapshot")
        await page.say(op="mode", mode="replay", at_ms=1_000_000, speed=60)
        snapshot = fits(await page.hear("snapshot"))
        assert (snapshot["mode"], snapshot["speed"], snapshot["t"], snapshot["v"]) == (
            "replay", 60.0, 1_000_000, [44],
        )  # fmt: skip
        request = next(r for name, r in owners.asked if name == "recorder.open")
        assert (request["at_ns"], request["speed"]) == (1_000_000_000_000, 60.0)
        await owners.say(
            Frame(sequence=2, at_ns=1_000_100_000_000, **values(past, [4], [45])), request["session"]
        )
        frame = fits(await page.hear("frame"))
        assert (frame["t"], frame["v"]) == (1_000_100, [45])
        # What happens now must not reach who looks at the past.
        await owners.next(**values(owners.picture, [4], [99]))
        await owners.say(
            Frame(sequence=3, at_ns=1_000_200_000_000, **values(past, [4], [46])), request["session"]
        )
        assert (await page.hear("frame"))["v"] == [46]
        await page.say(op="seek", at_ms=1_000_000)
        assert (await page.hear("snapshot"))["v"] == [44]
        await page.say(op="mode", mode="live")
        live = await page.hear("snapshot")
        assert (live["mode"], live["v"]) == ("live", [99])
        await until(lambda: "recorder.close" in [name for name, _ in owners.asked])


async def test_a_frame_of_the_past_that_is_lost_is_noticed(portal: Running) -> None:
    owners = portal.owners
    past = Frame(sequence=1, at_ns=1_000_000_000, **values(Frame(sequence=0, at_ns=9), [4], [44]))
    after = Frame(sequence=5, at_ns=1_000_000_000, **values(Frame(sequence=0, at_ns=9), [4, 5], [45, 55]))
    owners.answers["recorder.open"] = lambda _: msgspec.msgpack.encode(past)
    owners.answers["recorder.control"] = lambda _: msgspec.msgpack.encode(after)
    owners.answers["recorder.close"] = lambda _: b""
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:4,5"])
        await page.hear("snapshot")
        await page.say(op="mode", mode="replay", at_ms=1_000)
        assert (await page.hear("snapshot"))["v"] == [44, None]
        session = next(r for name, r in owners.asked if name == "recorder.open")["session"]
        await owners.say(Frame(sequence=3, at_ns=1_100_000_000, **values(past, [5], [50])), session)
        assert (await page.hear("snapshot"))["v"] == [45, 55], "the instant is asked for again"
        asked = next(r for name, r in owners.asked if name == "recorder.control")
        assert asked == {"session": session, "at_ns": 1_000_000_000}


async def test_a_past_that_nobody_has_is_refused_in_words(portal: Running) -> None:
    def nothing(_: dict[str, Any]) -> bytes:
        raise BusError("nothing before 2026-11-12T06:00:00Z")

    portal.owners.answers["recorder.open"] = nothing
    portal.owners.answers["recorder.close"] = lambda _: b""
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:4"])
        await page.hear("snapshot")
        await page.say(op="mode", mode="replay", at_ms=5)
        problem = fits(await page.hear("problem"))
        assert problem["place"] == "recorder"
        assert "nothing before" in problem["found"]
        await portal.owners.next(**values(portal.owners.picture, [4], [7]))
        assert (await page.hear("frame"))["v"] == [7], "the page is live as before"


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"op": "subscribe", "topics": ["everything"]}, "topics"),
        ({"op": "subscribe", "topics": ["signals:100000"]}, "topics"),
        ({"op": "sing"}, "message"),
        ({"op": "seek", "at_ms": 1}, "mode"),
        ({"op": "mode", "mode": "replay"}, "at_ms"),
    ],
)
async def test_a_wrong_operation_is_answered_with_place_found_and_right(
    portal: Running,
    message: dict[str, Any],
    place: str,
) -> None:
    async with portal.page() as page:
        await page.say(**message)
        problem = fits(await page.hear("problem"))
        assert problem["place"].split(".")[0] == place
        assert problem["found"]
        assert problem["right"]


async def test_pages_of_other_sites_cannot_open_the_stream(portal: Running) -> None:
    with pytest.raises(InvalidStatus):
        async with portal.page(Origin="http://evil.example"):
            pass
    async with portal.page(Origin=f"http://127.0.0.1:{portal.port}") as page:
        assert await page.hear("heartbeat")


async def test_connections_that_bring_nothing_are_named(portal: Running) -> None:
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["connections"])
        await page.hear("snapshot")
        await portal.owners.next(
            connections=[ConnectionDocument(connector="line4", state="lost", signals=56)],
            stale_count=56, oldest_stale_ns=7_000_000,
        )  # fmt: skip
        fresh = (await page.hear("frame"))["fresh"]
        assert (fresh["stale"], fresh["oldest_ms"], fresh["silent"]) == (56, 7, ["line4"])


async def test_what_was_never_received_is_not_counted_as_fresh(portal: Running) -> None:
    async with portal.page() as page:
        await page.say(op="subscribe", topics=["signals:*"])
        fresh = (await page.hear("snapshot"))["fresh"]
        assert (fresh["stale"], fresh["never"]) == (0, fresh["signals"])
        await portal.owners.next(**values(portal.owners.picture, [3, 7], [1.5, 2.5]))
        # Where the test was so slow that the twin seemed silent, all is told again instead.
        fresh = (await page.hear("frame", "snapshot"))["fresh"]
        assert fresh["never"] == fresh["signals"] - 2
