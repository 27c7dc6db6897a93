"""The planned line behind faces: what it shows, what it does not make up, and the account of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.bus.port import Message
from taktwin.cli.commission import findings, lines
from taktwin.clock import VirtualClock
from taktwin.commissioning.account import told, under_order
from taktwin.commissioning.engine import Line
from taktwin.commissioning.model import planned_line
from taktwin.commissioning.service import LineService
from taktwin.contracts import events, quarantine, topics
from taktwin.contracts.events import CommandFailed
from taktwin.contracts.quarantine import Rejection
from taktwin.errors import ConfigError
from taktwin.faces.base import Face, Shown
from taktwin.faces.job_list import JobList, Order, lists
from taktwin.identity import Place, SignalId
from taktwin.instants import SECOND_NS
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry, Signal
from taktwin.simulation import model as simulated
from taktwin.simulation import streams
from taktwin.simulation.distributions import Exponential, LogNormal
from taktwin.simulation.model import Failure, Machine
from taktwin.simulation.reference import Doing, Reference
from taktwin.standards.job_control import Method, ReturnStatus

EXAMPLES = Path(__file__).parents[3] / "examples"
START_NS = 1_800_000_000 * SECOND_NS


@pytest.fixture(scope="module")
def registry() -> Registry:
    return open_plant(EXAMPLES / "plans" / "eastgate-polish")


class Window:
    """A face that keeps what it was shown, and into which a test writes."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.on_written: Callable[[Signal, Any], Any] = lambda signal, value: None

    async def start(self, first: Sequence[Shown]) -> None:
        self.shown += first

    async def show(self, values: Sequence[Shown]) -> None:
        self.shown += values

    async def stop(self) -> None:
        return

    async def show_malformed(self, signal: Signal, source_ns: int) -> None:
        raise NotImplementedError

    async def cut(self) -> None:
        raise NotImplementedError

    async def restore(self) -> None:
        raise NotImplementedError

    def freeze(self, frozen: bool) -> None:
        raise NotImplementedError

    def last(self, name: str) -> Any:
        return next(each.value for each in reversed(self.shown) if each.signal.id == name)


class Rig:
    """The example's line, its two servers, and a clock that a test moves."""

    def __init__(self, registry: Registry, clock: VirtualClock | None = None) -> None:
        self.registry = registry
        self.clock = clock or VirtualClock(START_NS)
        self.jobs: dict[str, JobList] = lists(registry, self.clock.now_ns)
        line = Line(planned_line(registry, failures=False), streams.replication_key(1, 0), jobs=self.jobs,
                    interlocks=registry.interlocks, serials="PLAN7")  # fmt: skip
        self.windows = {"line1": Window(), "polisher": Window()}
        faces: dict[str, Face] = dict(self.windows)
        self.service = LineService(
            registry=registry, clock=self.clock, faces=faces, line=line, jobs=self.jobs, start_ns=START_NS
        )

    async def runs(self, seconds: int) -> None:
        """Let time go by in steps of a second; whoever is asked by the interlock says yes."""
        cell, asked = self.windows["polisher"], 0
        for _ in range(seconds):
            await self.clock.advance(1.0)
            await self.service.step()
            number = cell.last("polish1/interlock/request")
            if number != asked and number:
                asked = number
                serial = cell.last("polish1/interlock/serial")
                for path, value in (("answer", 1), ("answer_serial", serial), ("answered", number)):
                    signal = self.registry.by_id[SignalId(f"polish1/interlock/{path}")]
                    assert cell.on_written(signal, value) is None, "it holds what was written"


@pytest.fixture
async def rig(registry: Registry) -> Rig:
    made = Rig(registry)
    await made.service.open()
    for unit, job in (("turn1", "V-10"), ("polish1", "V-20"), ("wash1", "V-30")):
        order = Order(job, "SH-8", 5)
        assert made.jobs[unit].call(Method.STORE_AND_START, job, order) is ReturnStatus.NO_ERROR
    return made


def test_the_line_is_the_plans_routes_with_what_the_plan_expects(registry: Registry) -> None:
    planned = planned_line(registry)
    assert set(planned.work_units.values()) == {"turn1", "polish1", "wash1"}
    centers = {center.name: center for center in planned.plant.centers}
    assert {name: each.queue_max for name, each in centers.items()} == {
        "turn1": None,
        "polish1": 3,
        "wash1": 3,
    }
    assert centers["polish1"].machines == {
        1: Machine(failures=(Failure(Exponential(7200.0), LogNormal(360.0, 1.0)),))
    }
    assert centers["turn1"].machines == {1: Machine(failures=())}
    (product,) = planned.plant.products
    assert [(s.center, s.work, round(s.scrap, 9)) for s in product.steps] == [
        ("turn1", LogNormal(60.0, 0.1), 0.0), ("polish1", LogNormal(50.0, 0.15), 0.1),
        ("wash1", LogNormal(40.0, 0.1), 0.0),
    ]  # fmt: skip
    calm = planned_line(registry, failures=False)
    assert {each.failures_of(1) for each in calm.plant.centers} == {()}
    with pytest.raises(ConfigError, match="the folder of a plan"):
        planned_line(open_plant(EXAMPLES / "plants" / "eastgate"))


SECOND_CELL = """
equipment:
  polish2:
    class: polisher
    name: Second polishing cell
    parent: line1
    connection: polisher
    job_control: "nsu=urn:taktwin:virtual-plant;s=polish2.JobOrderControl"
    position: {x_m: 20, y_m: 16}
permits:
  polish2: {job.control: {methods: [StoreAndStart, Start, Pause, Resume, Stop, Abort, Clear]}}
"""
SECOND_STORE = """
buffers:
  turn_second: {name: Shafts, sources: [turn1], targets: [polish2], capacity: 2, position: {x_m: 14, y_m: 16}}
"""
SET_POINTS = {  # behind what of the cell's page what comes
    "    signals:\n":
        "      set/speed: {name: Wanted speed, role: process, type: float32, unit: m/s}\n"
        "      set/grain: {name: Wanted belt, role: process, type: string}\n",
    "permits:\n  polish1:\n": "    parameters.load: {writes: [set/speed, set/grain]}\n",
}  # fmt: skip
SECOND_PRODUCT = """
products:
  SH-8: {name: Shaft 8, make: true, serialised: true, routing: shaft-8, setup_family: "8"}
  SH-9: {name: Shaft 9, make: true, serialised: true, routing: shaft-9, setup_family: "9"}
routings:
  shaft-8:
    name: Shaft 8
    operations:
      - {name: Turn, class: lathe, standard_time_s: 60, setup_s: 120}
      - {name: Polish, class: polisher, standard_time_s: 50}
      - {name: Wash, class: washer, standard_time_s: 40}
  shaft-9:
    name: Shaft 9
    operations:
      - {name: Turn, class: lathe, standard_time_s: 70, setup_s: 300}
      - {name: Polish, class: polisher, standard_time_s: 50}
      - {name: Wash, class: washer, standard_time_s: 40}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Return a copy of the example's plan that a test may change."""
    shutil.copytree(EXAMPLES / "plants" / "eastgate", tmp_path / "plants" / "eastgate")
    shutil.copytree(EXAMPLES / "plans" / "eastgate-polish", tmp_path / "plans" / "polish")
    return tmp_path / "plans" / "polish"


def with_second_cell(plan: Path, promised: str) -> None:
    """Write a second polishing cell into a plan, and what its maker promises."""
    (plan / "second.yaml").write_text(SECOND_CELL, encoding="utf-8")
    route, told = plan / "route.yaml", plan / "plan.yaml"
    route.write_text(route.read_text("utf-8").replace("s: [polish1]", "s: [polish1, polish2]"), "utf-8")
    text = told.read_text("utf-8").replace("planned: [polish1]", "planned: [polish1, polish2]")
    text = text.replace("route.yaml]", "route.yaml, second.yaml]")
    told.write_text(f"{text}  polish2: {{{promised}}}\n", "utf-8")


def test_of_cells_that_stand_in_for_each_other_each_fails_as_its_own_maker_says(plan: Path) -> None:
    with_second_cell(plan, "good: 0.9, work_cv: 0.15, fails_every_h: 5, repair_min: 3")
    both = planned_line(open_plant(plan)).plant.centers[0]
    assert (both.name, both.units) == ("polish1+polish2", 2)
    # Two hours and six minutes, as before; five hours and three minutes.
    assert both.failures_of(1) == (Failure(Exponential(7200.0), LogNormal(360.0, 1.0)),)
    assert both.failures_of(2) == (Failure(Exponential(18_000.0), LogNormal(180.0, 1.0)),)


def test_before_cells_that_stand_in_for_each_other_are_the_places_of_all_their_buffers(plan: Path) -> None:
    with_second_cell(plan, "good: 0.9, work_cv: 0.15")
    second = plan / "second.yaml"
    second.write_text(f"{second.read_text('utf-8')}{SECOND_STORE}", "utf-8")
    places = {each.name: each.queue_max for each in planned_line(open_plant(plan)).plant.centers}
    assert places["polish1+polish2"] == 3 + 2


def test_of_what_is_promised_to_be_good_the_rest_is_scrap_to_the_part_in_a_thousand(plan: Path) -> None:
    told = plan / "plan.yaml"
    told.write_text(told.read_text("utf-8").replace("good: 0.9,", "good: 0.973,"), "utf-8")
    (product,) = planned_line(open_plant(plan)).plant.products
    assert [step.scrap for step in product.steps] == pytest.approx([0.0, 0.027, 0.0])


def test_a_buffer_of_the_way_before_the_plan_is_no_place_of_the_new_way(plan: Path) -> None:
    told = plan / "plan.yaml"
    told.write_text(told.read_text("utf-8").replace("  buffers: [turn_wash]", "  buffers: []"), "utf-8")
    places = {each.name: each.queue_max for each in planned_line(open_plant(plan)).plant.centers}
    assert {each.id: each.capacity for each in open_plant(plan).buffers}["turn_wash"] > 0
    assert places["wash1"] == 3, "what the plan says stands between polishing and washing"


def test_a_set_up_takes_what_the_product_says_that_comes_after_it(plan: Path) -> None:
    route = plan / "route.yaml"
    kept = route.read_text("utf-8").partition("routings:")[0]
    route.write_text(kept + SECOND_PRODUCT, "utf-8")
    centers = {each.name: each for each in planned_line(open_plant(plan)).plant.centers}
    assert centers["turn1"].setup_s == {("9", "8"): 120.0, ("8", "9"): 300.0}
    assert centers["polish1"].setup_s == {}, "no set-up is said there"


@pytest.mark.parametrize("family", ['setup_family: "8"', 'setup_family: ""'])
@pytest.mark.parametrize(("of_shaft_8", "in_all"), [(120, 300 + 120 + 300), (0, 300 + 300)])
def test_after_a_product_that_needs_no_set_up_or_has_no_family_the_one_before_it_is_set_up_again(
    plan: Path, of_shaft_8: int, in_all: int, family: str
) -> None:
    route = plan / "route.yaml"
    kept = route.read_text("utf-8").partition("routings:")[0]
    second = SECOND_PRODUCT.replace("setup_s: 120", f"setup_s: {of_shaft_8}")
    route.write_text(kept + second.replace('setup_family: "8"', family), "utf-8")
    planned = planned_line(open_plant(plan), failures=False)
    orders = tuple(simulated.Order(f"o{n}", f"SH-{each}") for n, each in enumerate((8, 9, 8, 9)))
    run = Reference(replace(planned.plant, orders=orders), streams.replication_key(1, 0))
    run.advance(until=planned.plant.ticks(7200.0))
    assert run.ended.keys() == {order.name for order in orders}
    [spent] = [run.spent()[n] for n, unit in enumerate(planned.work_units.values()) if unit == "turn1"]
    assert spent[Doing.SETUP] == planned.plant.ticks(in_all)


async def test_an_order_goes_through_and_every_server_shows_its_own(rig: Rig) -> None:
    await rig.runs(600)
    ended = {unit: [job.state.value for job in each.jobs.values()] for unit, each in rig.jobs.items()}
    assert ended == {"polish1": ["Ended"], "turn1": ["Ended"], "wash1": ["Ended"]}
    assert rig.windows["line1"].last("wash1/good_count") == 5
    assert rig.windows["polisher"].last("polish1/serial") == "PLAN7-SH-8-00005"
    for name, window in rig.windows.items():
        assert {each.signal.connection for each in window.shown} == {name}
        assert all(START_NS <= each.source_ns <= rig.clock.now_ns() for each in window.shown)
    instants: dict[str, int] = {}
    for each in rig.windows["polisher"].shown:
        assert instants.get(each.signal.id, 0) <= each.source_ns, "no signal goes back in time"
        instants[each.signal.id] = each.source_ns


async def test_what_a_command_may_write_is_there_from_the_beginning_and_holds_nothing(plan: Path) -> None:
    text = (plan / "cell.yaml").read_text("utf-8")
    for place, more in SET_POINTS.items():
        text = text.replace(place, place + more)
    (plan / "cell.yaml").write_text(text, "utf-8")
    rig = Rig(open_plant(plan))
    await rig.service.open()
    window = rig.windows["polisher"]
    assert (window.last("polish1/set/speed"), window.last("polish1/set/grain")) == (0, "")


class Fast(VirtualClock):
    """Plant time that goes twenty times as fast as the wall's."""

    @property
    def speed(self) -> float:
        return 20.0

    def timeout(self, wall_seconds: float) -> AbstractAsyncContextManager[None]:
        return super().timeout(wall_seconds * self.speed)


async def test_however_fast_the_plant_goes_what_happens_is_shown_when_it_does(registry: Registry) -> None:
    rig = Rig(registry, Fast(START_NS))
    await rig.service.open()
    stop, window, late_s = asyncio.Event(), rig.windows["line1"], list[float]()
    running = asyncio.ensure_future(rig.service.run(stop))
    rig.jobs["turn1"].call(Method.STORE_AND_START, "V-10", Order("V-10", "SH-8", 5))
    for _ in range(2000):
        seen = len(window.shown)
        await rig.clock.advance(0.1)
        late_s += [(rig.clock.now_ns() - each.source_ns) / SECOND_NS for each in window.shown[seen:]]
    stop.set()
    await rig.clock.advance(5.0)
    await running
    assert window.last("turn1/good_count") >= 3
    assert max(late_s) < 0.2 + 0.1 + 0.01  # the shortest sleep, and how closely this looks


async def test_what_the_simulation_does_not_know_is_shown_to_nobody_and_told_to_the_engineer(
    rig: Rig,
) -> None:
    await rig.runs(60)
    shown = {each.signal.id for window in rig.windows.values() for each in window.shown}
    assert not shown & {"polish1/belt/speed", "wash1/bath/temperature"}
    assert rig.service.account().without_value == ["polish1/belt/speed", "wash1/bath/temperature"]


async def test_the_account_says_cycles_shares_questions_and_refused_calls(rig: Rig) -> None:
    rig.jobs["wash1"].call(Method.PAUSE, "nobody")
    await rig.runs(600)
    found = rig.service.account()
    units = {each.work_unit: each for each in found.units}
    assert [name for name, each in units.items() if each.planned] == ["polish1"]
    assert found.products == {"SH-8": 5}
    assert [each.good_expected for each in units.values()] == [1.0 if n != "polish1" else 0.9 for n in units]
    for each in units.values():
        assert sum(each.shares.values()) == pytest.approx(1.0, abs=1e-3)
        assert each.cycle_s == pytest.approx(each.cycle_expected_s, rel=0.3)
        assert sum(under_order(each).values()) == pytest.approx(1.0)
    # Five parts of some 60 s go in one after the other: the first works all the time, the others wait.
    assert under_order(units["turn1"])["working"] > 0.98
    assert under_order(units["wash1"])["starved"] > 0.3
    assert (units["polish1"].interlock_asked, units["polish1"].interlock_unanswered) == (5, 0)
    assert [(c.work_unit, c.method, c.status) for c in found.refused] == [
        ("wash1", "Pause", "UNKNOWN_JOB_ORDER")
    ]
    text = "\n".join(told(found))
    assert "refused: Pause nobody at wash1: UNKNOWN_JOB_ORDER" in text and "polish1 (planned)" in text


async def test_made_is_what_was_good_to_the_end(plan: Path) -> None:
    (plan / "plan.yaml").write_text(
        (plan / "plan.yaml").read_text("utf-8").replace("good: 0.9", "good: 0.4"), "utf-8"
    )
    rig = Rig(open_plant(plan))
    await rig.service.open()
    for unit, job in (("turn1", "V-10"), ("polish1", "V-20"), ("wash1", "V-30")):
        assert (
            rig.jobs[unit].call(Method.STORE_AND_START, job, Order(job, "SH-8", 5)) is ReturnStatus.NO_ERROR
        )
    await rig.runs(900)
    found = rig.service.account()
    units = {each.work_unit: each for each in found.units}
    assert units["polish1"].rejected and units["polish1"].good
    assert found.products == {"SH-8": units["wash1"].good} == {"SH-8": units["polish1"].good}


async def test_the_account_counts_what_a_machine_still_does(registry: Registry) -> None:
    rig = Rig(registry)
    await rig.service.open()
    shares = []
    for _ in range(3):
        await rig.clock.advance(20.0)
        await rig.service.step()
        shares.append({unit.work_unit: unit.shares for unit in rig.service.account().units}["wash1"])
        if len(shares) == 1:
            rig.jobs["wash1"].call(Method.STORE_AND_START, "V-30", Order("V-30", "SH-8", 5))
    # The order comes at 20 s and is heard of with the step at 40 s.
    assert [each["no_order"] for each in shares] == pytest.approx([1.0, 1.0, 2 / 3], abs=1e-4)
    assert [each["starved"] for each in shares] == pytest.approx([0.0, 0.0, 1 / 3], abs=1e-4)


async def test_the_account_keeps_the_first_ten_thousand_calls(rig: Rig) -> None:
    for n in range(10_050):
        rig.jobs["wash1"].call(Method.PAUSE, f"nobody {n}")
    calls = rig.service.account().calls
    assert (len(calls), calls[-1].job) == (10_000, "nobody 9996")  # after the three of the rig


async def test_the_account_tells_of_questions_that_nobody_has_answered(registry: Registry) -> None:
    rig = Rig(registry)
    await rig.service.open()
    for unit, job in (("turn1", "V-10"), ("polish1", "V-20")):
        assert (
            rig.jobs[unit].call(Method.STORE_AND_START, job, Order(job, "SH-8", 1)) is ReturnStatus.NO_ERROR
        )
    assert "unanswered" not in "\n".join(told(rig.service.account()))
    for _ in range(600):  # and nobody writes an answer
        await rig.clock.advance(1.0)
        await rig.service.step()
    found = rig.service.account()
    asked = {unit.work_unit: unit.interlock_unanswered for unit in found.units}
    assert asked == {"turn1": 0, "polish1": asked["polish1"], "wash1": 0} and asked["polish1"] > 0
    assert [line for line in told(found) if "unanswered:" in line] == [
        f"  unanswered: {asked['polish1']} questions of polish1"
    ]


async def test_what_gateway_and_machines_refused_is_in_the_findings(rig: Rig) -> None:
    await rig.runs(10)
    hub = MemoryHub(rig.clock)
    bus = MemoryBus(hub)
    site = Place(rig.registry.enterprise, rig.registry.site)

    async def account(_: Message) -> bytes:
        return msgspec.msgpack.encode(rig.service.account())

    await bus.serve(topics.query(site.enterprise, site.site, "commissioning", "account"), account)
    refused = Rejection(reason="out_of_range", found="-3", expected="0 or more", origin="polish1.cycle_time",
                        connector="opcua")  # fmt: skip
    failed = CommandFailed(command="c1", name="job.control", work_unit="polish1", outcome="refused",
                           place="x", found="UnableToAccept", right="NoError")  # fmt: skip
    event = events.make(failed, source="/aurora/eastgate/mes", sequence=1, time_ns=START_NS)
    for n in range(2):
        await bus.publish_durable(topics.rejected(site, refused.reason), quarantine.encode(refused),
                                  message_id=f"r{n}")  # fmt: skip
    subject = topics.event(site, failed.event_type)
    await bus.publish_durable(subject, events.encode(event), message_id="e1")
    found = await findings(bus, rig.registry)
    assert found.gateway_refused == {"out_of_range: polish1.cycle_time: -3": 2}
    assert found.commands_failed == {"job.control at polish1: UnableToAccept; right is NoError": 1}
    text = "\n".join(lines(found))
    assert "  2 x out_of_range: polish1.cycle_time: -3" in text and "1 x job.control at polish1" in text
