"""Real processes, a real broker, a generated day, and a seed that kills, cuts, doubles and disorders.

Afterwards everything equals an undisturbed run: the twin's hash and timelines, the intervals and rows
that are stored, and nothing that was acknowledged is lost. What a killed gateway could not see is
unknown time.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from taktwin.bus.client import NatsBus
from taktwin.plant.registry import Registry
from tests.storm.real.house import House
from tests.storm.real.mutants import MUTANTS
from tests.storm.real.storm import Blow, Weather, storm, weather

SOAK_SEEDS = 200
RESULTS = Path(__file__).resolve().parents[3] / "var" / "soak" / "real-storm.json"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 16])
async def test_a_storm_over_real_processes_ends_like_a_calm_day(
    plant: Registry, tmp_path: Path, seed: int
) -> None:
    assert await storm(plant, tmp_path, weather(seed, plant)) == []


def rough(length: int) -> Weather:
    """Return a short day in which each of the four is killed, the broker with much under way."""
    # The broker first: what is sent again after it would mend the twin over the live road.
    fall = [(0.15, "freeze", "gateway"), (0.25, "kill", "broker"), (0.5, "kill", "historian"),
            (0.6, "kill", "twin"), (0.85, "kill", "gateway")]  # fmt: skip
    made = Weather(seed=5, seconds=length, pace=300.0)
    made.blows = [Blow(int(length * 7 / 3 * at), kind, who, 0.6) for at, kind, who in fall]
    return made


async def notices(plant: Registry, folder: Path, mutant: str) -> list[str]:
    room, _ = MUTANTS[mutant]
    modules = {room: "tests.storm.real.mutants"}
    return await storm(plant, folder, rough(1200), modules=modules, STORM_MUTANT=mutant)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mutant", ["counts_twice"])
async def test_the_check_notices_a_historian_that_is_not_idempotent(
    plant: Registry, tmp_path: Path, mutant: str
) -> None:
    wrong = await notices(plant, tmp_path, mutant)
    assert any("rows are stored" in each for each in wrong), wrong


@pytest.mark.soak
@pytest.mark.parametrize("mutant", sorted(MUTANTS))
async def test_the_check_notices_every_broken_process(plant: Registry, tmp_path: Path, mutant: str) -> None:
    assert await notices(plant, tmp_path, mutant), f"{MUTANTS[mutant][1].__doc__} Nobody noticed."


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 100 + SOAK_SEEDS))
async def test_a_long_storm_ends_like_a_calm_day(plant: Registry, tmp_path: Path, seed: int) -> None:
    """One of many; what has passed on this code is not run again."""
    done: dict[str, str] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if done.get(str(seed)) == plant.hash:
        pytest.skip("passed before, see var/soak/real-storm.json")
    assert await storm(plant, tmp_path, weather(seed, plant, seconds=3600, blows=20)) == []
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({**done, str(seed): plant.hash}, indent=1))


@pytest.mark.timeout(120)
async def test_a_broker_that_is_killed_while_it_makes_its_streams_is_started_again(
    plant: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(plant, tmp_path, now_ns=0) as house:
        connect = house.broker.connect

        async def struck(user: str) -> NatsBus:
            monkeypatch.undo()
            bus = await connect(user)
            await house.kill("broker")
            return bus

        await house.kill("broker")
        monkeypatch.setattr(house.broker, "connect", struck)
        await house.revive_broker()
        assert len(house.said) == 1, "the blow fell while it started, and was said"
        bus = await house.bus()
        assert "SAMPLES" in (await bus.api("STREAM.NAMES", timeout_s=20.0))["streams"]
