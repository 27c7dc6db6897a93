"""The plant in real time: it keeps up with the clock, and injections last as long as they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from taktwin.clock import VirtualClock
from taktwin.faces.base import Shown
from taktwin.faces.job_list import JobList
from taktwin.plant.registry import Signal
from taktwin.standards.job_control import Method
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.injections import Injection
from taktwin.virtual_plant.model import VirtualPlant
from taktwin.virtual_plant.service import PlantService
from taktwin.virtual_plant.truth import TruthOutage, TruthTold
from tests.unit.virtual_plant.plants import HOUR_NS, MONDAY_NS, plant

NORTHFIELD = Path(__file__).parents[3] / "examples" / "plants" / "northfield" / "physics.yaml"
FACTS = physics.load(NORTHFIELD)
SECOND_NS = 1_000_000_000
START_NS = MONDAY_NS + 3 * HOUR_NS


class Screen:
    """A face that remembers."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.calls: list[str] = []

    async def start(self, first: Sequence[Shown]) -> None:
        self.shown += first

    async def show(self, values: Sequence[Shown]) -> None:
        self.shown += values

    async def show_malformed(self, signal: Signal, source_ns: int) -> None:
        self.calls.append(f"malformed {signal.id}")

    async def cut(self) -> None:
        self.calls.append("cut")

    async def restore(self) -> None:
        self.calls.append("restore")

    def freeze(self, frozen: bool) -> None:
        self.calls.append(f"freeze {frozen}")

    async def stop(self) -> None:
        self.calls.append("stop")

    def of(self, signal: str, after_ns: int = 0) -> list[tuple[int, Any]]:
        return [
            (s.source_ns, s.value) for s in self.shown if s.signal.id == signal and s.source_ns > after_ns
        ]


class Stage:
    def __init__(self) -> None:
        registry = plant(("line1",))
        self.clock = VirtualClock(START_NS)
        made = VirtualPlant(registry, FACTS, start_ns=MONDAY_NS, seed=1)
        made.skip(START_NS)
        self.screens = {name: Screen() for name in registry.connections}
        self.service = PlantService(
            registry=registry, clock=self.clock, faces=self.screens, truth=made.truth, plant=made
        )
        self.line1 = self.screens["line1"]

    async def pass_s(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            await self.clock.advance(1.0)
            await self.service.step()

    async def inject(self, kind: str, target: str, duration_s: float = 10.0, **parameters: Any) -> None:
        wanted = Injection(kind=kind, target=target, duration_s=duration_s, parameters=parameters)
        answer = await self.service.inject(wanted)
        assert answer.accepted, answer.reason


@pytest.fixture
async def stage() -> Stage:
    made = Stage()
    await made.service.open()
    return made


async def test_the_first_reader_sees_the_plant_as_it_is(stage: Stage) -> None:
    shown = {s.signal.id for s in stage.line1.shown}
    assert shown == {s.id for s in stage.service.registry.signals if s.connection == "line1"}
    assert all(s.source_ns <= START_NS for s in stage.line1.shown)


async def test_a_plant_that_is_late_catches_up_and_loses_nothing(stage: Stage) -> None:
    await stage.clock.advance(100.0)
    while stage.service.plant is not None and stage.service.plant.now_ns < stage.clock.now_ns():
        await stage.service.step()
    punctual = Stage()
    await punctual.service.open()
    await punctual.pass_s(100)
    assert stage.line1.shown == punctual.line1.shown


async def test_a_machine_breaks_and_comes_back(stage: Stage) -> None:
    await stage.inject("break_machine", "wash1", 30.0, text="door")
    await stage.pass_s(5)
    assert stage.line1.of("wash1/state")[-1] == (START_NS, 9)
    await stage.pass_s(60)
    assert stage.line1.of("wash1/state")[-1][1] in (5, 6)


async def test_a_zone_gets_hot_and_cools_down(stage: Stage) -> None:
    screen = stage.screens["sensors"]
    await stage.inject("heat_zone", "zone_c", 600.0, kelvin=9.0)
    await stage.pass_s(600)
    assert screen.of("zone_c/temperature_west")[-1][1] > screen.of("zone_c/temperature_west")[0][1] + 7
    await stage.pass_s(900)
    assert screen.of("zone_c/temperature_west")[-1][1] < screen.of("zone_c/temperature_west")[0][1] + 2


async def test_a_cut_server_comes_back_by_itself_and_is_in_the_truth(stage: Stage) -> None:
    await stage.inject("cut_server", "line1", 10.0)
    assert stage.line1.calls == ["cut"]
    await stage.pass_s(9)
    assert stage.line1.calls == ["cut"]
    assert [active.kind for active in stage.service.catalogue().active] == ["cut_server"]
    await stage.pass_s(2)
    assert stage.line1.calls == ["cut", "restore"]
    assert stage.service.catalogue().active == []
    assert stage.service.plant is not None
    outages = [fact for fact in stage.service.plant.truth.facts if isinstance(fact, TruthOutage)]
    assert [(f.injection, f.target, f.from_ns) for f in outages] == [("cut_server", "line1", START_NS)]
    assert outages[0].to_ns >= START_NS + 10 * SECOND_NS


async def test_a_frozen_session_thaws(stage: Stage) -> None:
    await stage.inject("freeze_session", "line1", 5.0)
    await stage.pass_s(6)
    assert stage.line1.calls == ["freeze True", "freeze False"]


async def test_a_frozen_signal_keeps_its_value_with_fresh_stamps(stage: Stage) -> None:
    await stage.pass_s(2)
    await stage.inject("freeze_signal", "turn1/power", 20.0)
    before_ns = stage.clock.now_ns()
    await stage.pass_s(20)
    values = [value for _, value in stage.line1.of("turn1/power", before_ns)]
    assert len(values) >= 18 and len(set(values[:18])) == 1
    await stage.pass_s(10)
    assert len({value for _, value in stage.line1.of("turn1/power", before_ns)}) > 3


async def test_a_silent_signal_is_silent_alone_and_tells_its_newest_value_afterwards(stage: Stage) -> None:
    await stage.inject("silence_signal", "turn1/power", 20.0)
    await stage.pass_s(19)
    assert stage.line1.of("turn1/power", START_NS) == []
    assert len(stage.line1.of("turn2/power", START_NS)) >= 18
    await stage.pass_s(5)
    assert stage.line1.of("turn1/power", START_NS)


async def test_a_cut_sensor_loses_all_its_signals(stage: Stage) -> None:
    await stage.inject("cut_sensor", "zone_b", 30.0)
    await stage.pass_s(25)
    screen = stage.screens["sensors"]
    assert screen.of("zone_b/temperature_north", START_NS) == []
    assert screen.of("zone_c/temperature_west", START_NS)


async def test_a_skewed_clock_shifts_the_stamps_of_its_connection_only(stage: Stage) -> None:
    await stage.inject("skew_clock", "line1", 10.0, seconds=-600)
    await stage.pass_s(5)
    newest = max(s.source_ns for s in stage.line1.shown if s.signal.id == "turn2/power")
    assert newest <= START_NS
    assert stage.screens["sensors"].of("zone_c/temperature_west", START_NS)
    await stage.pass_s(10)
    assert max(s.source_ns for s in stage.line1.shown) > START_NS


async def test_nonsense_is_sent_once(stage: Stage) -> None:
    await stage.inject("malformed_payload", "turn1/power", 1.0)
    assert stage.line1.calls == ["malformed turn1/power"]


async def test_what_cannot_be_is_refused_with_what_would_be_right(stage: Stage) -> None:
    cases = {
        "explode": Injection(kind="explode", target="turn1"),
        "expected a unit": Injection(kind="break_machine", target="nobody"),
        "duration_s": Injection(kind="break_machine", target="turn1", duration_s=-1.0),
        "a number": Injection(kind="skew_clock", target="line1", parameters={"seconds": "many"}),
    }
    for words, injection in cases.items():
        answer = await stage.service.inject(injection)
        assert not answer.accepted
        assert words in answer.reason
    assert stage.service.catalogue().active == []


async def test_closing_ends_injections_and_faces(stage: Stage) -> None:
    await stage.inject("cut_server", "line1", 1000.0)
    await stage.service.close()
    assert stage.line1.calls == ["cut", "stop"]


async def test_what_machines_are_told_is_in_the_truth_each_time_also_what_they_do_not_take() -> None:
    stage = Stage()
    service, jobs = stage.service, JobList("load2", stage.clock.now_ns)
    service.note_calls({"load2": jobs})
    for method in (Method.PAUSE, Method.PAUSE):
        jobs.call(method, "1-10")
    signal = service.registry.signals[0]
    service._written(signal, 7)
    told = [fact for fact in service.truth.facts if isinstance(fact, TruthTold)]
    pause = TruthTold(unit="load2", at_ns=START_NS, what="Pause", about="1-10", status="UNKNOWN_JOB_ORDER")
    write = TruthTold(unit=str(signal.equipment), at_ns=START_NS, what=signal.path, about="7")
    assert told == [pause, pause, write]
