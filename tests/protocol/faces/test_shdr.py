"""The SHDR face and the player of recordings, over a real TCP connection."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.clock import SystemClock
from taktwin.faces.base import Shown
from taktwin.faces.shdr import ShdrFace, ShdrPlayer, ShdrServer, day_start_ns, line_of, play, read_lines
from taktwin.instants import parse_rfc3339
from tests.unit.virtual_plant.plants import plant

AT_NS = parse_rfc3339("2026-06-15T06:00:00.5Z")
MAZAK = Path(__file__).parents[3] / "examples" / "plants" / "nist-testbed" / "mazak03_day_2017-05-01.shdr.gz"


class Agent:
    """A client that reads lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, port: int) -> Agent:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def lines(self, count: int) -> list[str]:
        async with asyncio.timeout(60):
            return [(await self.reader.readline()).decode().rstrip("\n") for _ in range(count)]

    def say(self, text: str) -> None:
        self.writer.write(f"{text}\n".encode())

    async def close(self) -> None:
        self.writer.close()


async def test_a_client_gets_the_newest_values_with_their_own_stamps_then_the_changes() -> None:
    registry = plant(("line1",), connector="shdr")
    face = ShdrFace(registry, "line1", endpoint="tcp://127.0.0.1:0")
    state, power = (registry.by_id[f"turn1/{path}"] for path in ("state", "power"))  # type: ignore[index]
    await face.start([Shown(state, AT_NS, 4), Shown(power, AT_NS + 10**9, 1.25)])
    try:
        agent = await Agent.of(face.port)
        first = await agent.lines(2)
        assert first == [
            f"2026-06-15T06:00:00.500Z|{state.address}|4",
            f"2026-06-15T06:00:01.500Z|{power.address}|1.25",
        ]
        await face.show([Shown(state, AT_NS + 2 * 10**9, 6), Shown(power, AT_NS + 2 * 10**9, 1.25)])
        await face.show([Shown(state, AT_NS + 3 * 10**9, 4)])
        assert [line.rpartition("|")[2] for line in await agent.lines(2)] == ["6", "4"]
        agent.say("* PING")
        assert await agent.lines(1) == ["* PONG 10000"]
        await face.show_malformed(state, AT_NS)
        assert (await agent.lines(1))[0].count("|") == 1
        late = await Agent.of(face.port)
        assert (await late.lines(1))[0].endswith("|4")
        await agent.close()
        await late.close()
    finally:
        await face.stop()


async def test_a_frozen_adapter_holds_its_lines_and_a_cut_one_refuses() -> None:
    server = ShdrServer("127.0.0.1:0")
    await server.listen()
    agent = await Agent.of(server.port)
    agent.say("* PING")
    await agent.lines(1)
    server.freeze(True)
    server.say(["t|a|1"])
    agent.say("* PING")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await agent.reader.readline()
    server.freeze(False)
    assert await agent.lines(1) == ["t|a|1"]
    await server.drop()
    assert await agent.reader.read() == b""
    with pytest.raises(OSError):
        await Agent.of(server.port)
    await server.listen()
    again = await Agent.of(server.port)
    assert await again.lines(1) == ["t|a|1"]
    await server.drop()


def recording(tmp_path: Path, lines: list[str]) -> Path:
    path = tmp_path / "day.shdr.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


STANDING = ["2017-04-27T18:45:15.303Z|avail|UNAVAILABLE", "2017-01-23T18:33:25.767113Z|asset|UNAVAILABLE"]
DAY = [
    "2017-05-01T09:00:00.000Z|avail|AVAILABLE",
    "2017-05-01T09:00:02.500Z|logic|Warning|300||| COND. ERR. (DOOR OPEN)",
    "2017-05-01T09:00:01.000Z|line|late but in its place",
    "2017-05-01T09:00:03Z|program|O|1",
    "2017-05-01T09:00:05.123456Z|execution|ACTIVE",
]
EPOCH_NS = parse_rfc3339("2026-06-15T12:00:00.0001234Z")


def test_a_recording_is_shifted_as_a_whole_and_keeps_order_and_ages(tmp_path: Path) -> None:
    path = recording(tmp_path, STANDING + DAY)
    player = ShdrPlayer(path, epoch_ns=EPOCH_NS)
    assert day_start_ns(path) == parse_rfc3339("2017-05-01T09:00:00Z")
    played = player.due(1 << 62)
    assert player.over
    assert [line.partition("|")[2] for line in played] == [line.partition("|")[2] for line in STANDING + DAY]
    for before, after in zip(STANDING + DAY, played, strict=True):
        shift = parse_rfc3339(after.partition("|")[0]) - parse_rfc3339(before.partition("|")[0])
        assert shift == player.offset_ns
    assert played[2].startswith("2026-06-15T12:00:00.000Z|")
    assert played[-1].startswith("2026-06-15T12:00:05.123456Z|")


def test_a_line_is_due_when_the_largest_stamp_so_far_is_reached(tmp_path: Path) -> None:
    player = ShdrPlayer(recording(tmp_path, STANDING + DAY), epoch_ns=EPOCH_NS)
    counts = []
    for seconds in (-1.0, 0.0, 1.0, 2.4, 2.5, 3.0, 5.2):
        player.due(EPOCH_NS + round(seconds * 1e9))
        counts.append(player.lines_played)
    assert counts == [2, 3, 3, 3, 5, 6, 7]


@settings(max_examples=20, derandomize=True, deadline=None)
@given(steps=st.lists(st.integers(0, 3_000_000_000), min_size=1, max_size=30))
def test_steps_of_time_do_not_change_what_is_played(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    path = recording(tmp_path_factory.mktemp("day"), STANDING + DAY)
    player = ShdrPlayer(path, epoch_ns=EPOCH_NS)
    now_ns, played = EPOCH_NS, []
    for step in steps:
        now_ns += step
        played += player.due(now_ns)
    played += player.due(1 << 62)
    assert played == ShdrPlayer(path, epoch_ns=EPOCH_NS).due(1 << 62)


def test_a_recording_without_a_single_stamp_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="begins with a time"):
        ShdrPlayer(recording(tmp_path, ["nothing", "here|a|b"]), epoch_ns=0)


async def test_the_real_day_arrives_line_by_line_and_completely() -> None:
    """It begins when somebody listens; a probe that only looks whether the port is open is nobody."""
    expected = list(read_lines(MAZAK))
    player = ShdrPlayer(MAZAK, epoch_ns=EPOCH_NS - 86_400 * 10**9)  # the whole day is due
    server = ShdrServer("127.0.0.1:0")
    await server.listen()
    probe = await Agent.of(server.port)
    await probe.close()
    assert not server.somebody.is_set()
    agent = await Agent.of(server.port)
    agent.say("* PING")
    assert await agent.lines(1) == ["* PONG 10000"]
    assert server.somebody.is_set()
    playing = asyncio.create_task(play(player, server, SystemClock(), asyncio.Event(), step_s=0.01))
    keys = [line.partition("|")[2] for line in await agent.lines(len(expected))]
    await playing
    assert keys == [line.partition("|")[2] for line in expected]
    await agent.close()
    await server.drop()


def test_values_are_written_as_adapters_write_them() -> None:
    assert line_of(AT_NS, "Srpm", 1850.0) == "2026-06-15T06:00:00.500Z|Srpm|1850"
    assert line_of(AT_NS, "Xabs", 12.345) == "2026-06-15T06:00:00.500Z|Xabs|12.345"
    assert line_of(AT_NS, "program", None).endswith("|UNAVAILABLE")
    assert "\n" not in line_of(AT_NS, "message", "two\nlines")
