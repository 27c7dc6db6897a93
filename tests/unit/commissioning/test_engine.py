"""A planned line: moved by the simulation to the tick, and taking parts only as a machine with a receiver."""

from __future__ import annotations

import random
from typing import Any

import pytest

from taktwin.commissioning.engine import STATE, Line, Said, Shows
from taktwin.commissioning.model import PlannedLine
from taktwin.contracts.interlock import Answer
from taktwin.faces.job_list import JobList, Order
from taktwin.plant.schema import Interlock
from taktwin.simulation import streams
from taktwin.simulation.distributions import Exponential, Fixed, LogNormal
from taktwin.simulation.model import Failure, Plant, Product, Step, WorkCenter, unit_name
from taktwin.simulation.reference import Doing, Reference
from taktwin.standards.job_control import Method, ReturnStatus, State

SECOND = 1000  # ticks
ENDLESS = 10**9
OK = ReturnStatus.NO_ERROR


def line_of(
    *centers: WorkCenter, works: tuple[Any, ...], scrap: float = 0.0, products: tuple[str, ...] = ("SH",)
) -> PlannedLine:
    """Return a line of single cells m0, m1, ... that every product goes through."""
    made = tuple(
        Product(name, tuple(
            Step(str(n), center.name, work, scrap=scrap)
            for n, (center, work) in enumerate(zip(centers, works, strict=True))
        ))
        for name in products
    )  # fmt: skip
    units = {
        unit_name(center, n): f"{center.name}{'abc'[n - 1]}"
        for center in centers
        for n in range(1, center.units + 1)
    }
    return PlannedLine(Plant(centers, made), units, products)


class Played:
    """A line with receivers, and what its machines said."""

    def __init__(self, planned: PlannedLine, *receivers: str, seed: int = 1, **more: Any) -> None:
        self.jobs = {name: JobList(name, lambda: self.line.now) for name in receivers}
        self.line = Line(planned, streams.replication_key(seed, 0), jobs=self.jobs,
                         interlocks=more.pop("interlocks", {}), serials="S", **more)  # fmt: skip
        self.said: list[Said] = []
        self.runs(0)

    def runs(self, seconds: float) -> None:
        self.said += self.line.advance_to(self.line.now + round(seconds * SECOND))

    def starts(self, unit: str, job: str, product: str = "SH", quantity: int = ENDLESS) -> None:
        assert self.jobs[unit].call(Method.STORE_AND_START, job, Order(job, product, quantity)) == OK
        self.runs(0)  # it hears of it now

    def calls(self, unit: str, method: Method, job: str) -> None:
        assert self.jobs[unit].call(method, job) == OK
        self.runs(0)

    def cell(self, name: str) -> Any:
        return next(each for each in self.line.cells if each.name == name)

    def last(self, unit: str, word: str) -> Any:
        return next(s.value for s in reversed(self.said) if (s.work_unit, s.word) == (unit, word))

    def all(self, unit: str, word: str) -> list[Any]:
        return [s.value for s in self.said if (s.work_unit, s.word) == (unit, word)]


@pytest.mark.parametrize("seed", range(12))
def test_where_nobody_holds_it_up_it_goes_the_simulations_way_to_the_tick(seed: int) -> None:
    chance = random.Random(seed)
    centers, works = [], []
    for n in range(chance.randint(2, 5)):
        failure = Failure(Exponential(chance.uniform(300, 3000)), LogNormal(chance.uniform(30, 600), 1.0))
        centers.append(WorkCenter(
            f"m{n}", chance.randint(1, 3), None if n == 0 else chance.randint(0, 4),
            failure=failure if chance.random() < 0.6 else None,
        ))  # fmt: skip
        mean = chance.uniform(10, 60)
        works.append(LogNormal(mean, chance.uniform(0.05, 0.8)) if chance.random() < 0.8 else Fixed(mean))
    planned = line_of(*centers, works=tuple(works), scrap=chance.choice((0.0, 0.1)))
    firsts = [name for name in planned.work_units.values() if name.startswith("m0")]
    played = Played(planned, *firsts, seed=seed)
    for name in firsts:
        played.starts(name, f"J-{name}")
    (product,) = planned.plant.products
    endless = Product(product.name, product.steps, endless=True)
    simulated = Reference(Plant(planned.plant.centers, (endless,)), streams.replication_key(seed, 0))
    until = 0
    while until < 3600 * SECOND:  # looked at whenever it pleases
        until += chance.randint(1, 600 * SECOND)
        played.runs((until - played.line.now) / SECOND)
        simulated.advance(until=until + 1)
        assert played.line.counts == simulated.counts
        assert played.line.longest()[1:] == simulated.longest()[1:]
    Reference.advance(played.line, until=until + 2)
    simulated.advance(until=until + 2)
    busy = [Doing.SETUP, Doing.WORKING, Doing.BLOCKED, Doing.REPAIR]
    assert [[spent[each] for each in busy] for spent in played.line.spent()] == [
        [spent[each] for each in busy] for spent in simulated.spent()
    ]
    assert played.line.counts["SH"].parts > 20


def test_a_part_that_comes_back_to_the_first_cell_goes_before_a_new_one() -> None:
    centers = (WorkCenter("m0"), WorkCenter("m1", 1, 2))
    steps = tuple(Step(str(n), name, Fixed(work)) for n, (name, work) in enumerate(
        (("m0", 10.0), ("m1", 25.0), ("m0", 15.0))
    ))  # fmt: skip
    planned = PlannedLine(Plant(centers, (Product("SH", steps),)), {"m0.1": "m0a", "m1.1": "m1a"}, ("SH",))
    played = Played(planned, "m0a")
    played.starts("m0a", "A-10")
    simulated = Reference(
        Plant(centers, (Product("SH", steps, endless=True),)), streams.replication_key(1, 0)
    )
    for _ in range(20):
        played.runs(60)
        simulated.advance(until=played.line.now)
        assert played.line.counts == simulated.counts
    assert played.line.counts["SH"].parts > 20


def two() -> PlannedLine:
    return line_of(WorkCenter("m0"), WorkCenter("m1", 1, 2), works=(Fixed(10.0), Fixed(30.0)))


def test_without_a_job_order_nothing_is_begun_and_the_machine_says_so() -> None:
    played = Played(two(), "m0a", "m1a")
    played.runs(600)
    assert played.line.counts["SH"].arrived == 0
    assert played.last("m0a", "state") == STATE[Shows.NO_ORDER]
    assert played.all("m0a", "serial") == [""]


def test_it_makes_what_the_job_order_says_ends_it_and_blocks_and_starves_meanwhile() -> None:
    played = Played(two(), "m0a", "m1a")
    played.starts("m0a", "A-10", quantity=6)
    played.runs(5)
    assert played.last("m0a", "state") == STATE[Shows.WORKING] and played.last("m0a", "job") == "A-10"
    played.runs(55)
    # m1 may take none: two wait, and the third stays in the hand of the first.
    assert (played.last("m0a", "good_count"), played.last("m0a", "blocked")) == (2, True)
    assert played.jobs["m0a"].jobs["A-10"].good == 2
    assert played.last("m1a", "state") == STATE[Shows.NO_ORDER]
    played.starts("m1a", "A-20", quantity=6)
    played.runs(400)
    for unit, job in (("m0a", "A-10"), ("m1a", "A-20")):
        done = played.jobs[unit].jobs[job]
        assert (done.state, done.good, done.scrap) == (State.ENDED, 6, 0)
        assert played.last(unit, "state") == STATE[Shows.NO_ORDER]
    assert played.line.counts["SH"].parts == 6
    assert played.all("m0a", "serial")[1:] == played.all("m1a", "serial")[1:], (
        "the same parts, in their order"
    )
    assert len(set(played.all("m1a", "serial")[1:])) == 6
    starved = Played(
        line_of(WorkCenter("m0"), WorkCenter("m1", 1, 2), works=(Fixed(30.0), Fixed(10.0))), "m0a"
    )
    starved.starts("m0a", "B-10")
    starved.runs(15)
    assert starved.last("m1a", "starved") is True
    starved.runs(20)
    assert starved.last("m1a", "starved") is False


def test_a_machine_that_is_set_up_says_so_and_is_in_manual_mode_as_long() -> None:
    steps = {name: Step("0", "m0", Fixed(10.0), family=name) for name in ("SH", "TH")}
    planned = PlannedLine(
        Plant((WorkCenter("m0", setup_s={("SH", "TH"): 30.0}),),
              tuple(Product(name, (step,)) for name, step in steps.items())),
        {"m0.1": "m0a"}, tuple(steps),
    )  # fmt: skip
    played = Played(planned, "m0a")
    played.starts("m0a", "A-10", "SH", 1)
    played.starts("m0a", "B-10", "TH", 1)
    shown = []
    for _ in range(6):  # worked on until 10 s, set up until 40, and worked on again until 50
        played.runs(9)
        shown.append([played.last("m0a", word) for word in ("state", "set_up", "mode")])
    works, stands = [STATE[Shows.WORKING], False, 1], [STATE[Shows.SET_UP], True, 3]
    assert shown == [works, stands, stands, stands, works, [STATE[Shows.NO_ORDER], False, 1]]


def test_a_machine_says_the_work_of_each_part_and_not_how_long_it_stood() -> None:
    # Done at 10, 20 and 30; m1 takes none, so the third stays until 95, and the fourth is done at 105.
    played = Played(two(), "m0a", "m1a")
    played.starts("m0a", "A-10", quantity=4)
    played.runs(95)
    assert played.last("m0a", "blocked") is True
    played.starts("m1a", "A-20", quantity=1)
    played.runs(31)
    assert played.all("m0a", "cycle_time")[-4:] == [10.0] * 4 == played.cell("m0a").cycles
    assert played.last("m1a", "cycle_time") == 30.0 and played.cell("m1a").cycles == [30.0]


def test_a_fault_and_its_alarm_are_said_of_the_instant_at_which_it_breaks() -> None:
    center = WorkCenter("m0", failure=Failure(Fixed(25.0), Fixed(40.0)))
    played = Played(line_of(center, works=(Fixed(10.0),)), "m0a")
    played.starts("m0a", "A-10")
    played.runs(70)
    words = ("alarm_code", "alarm_active", "alarm/text", "alarm/priority")
    said = {word: [(s.tick / SECOND, s.value) for s in played.said if s.word == word] for word in words}
    assert said == {
        "alarm_code": [(0, 0), (25, 9001), (65, 0)],
        "alarm_active": [(0, False), (25, True), (65, False)],
        "alarm/text": [(0, ""), (25, "A fault, as the plan expects them"), (65, "")],
        "alarm/priority": [(0, 0), (25, 1), (65, 0)],
    }


def test_a_paused_machine_finishes_the_part_in_its_hand_and_no_more() -> None:
    played = Played(two(), "m0a")
    played.starts("m0a", "A-10")
    played.runs(15)
    played.calls("m0a", Method.PAUSE, "A-10")
    played.runs(100)
    assert played.last("m0a", "good_count") == 2
    assert played.last("m0a", "state") == STATE[Shows.NO_ORDER]
    played.calls("m0a", Method.RESUME, "A-10")
    played.runs(11)
    assert played.last("m0a", "good_count") == 3
    played.calls("m0a", Method.STOP, "A-10")
    played.runs(100)
    assert played.last("m0a", "good_count") == 4, "the one in its hand"
    assert played.jobs["m0a"].jobs["A-10"].state is State.ENDED


def test_parts_of_another_product_wait_until_a_job_order_wants_them() -> None:
    planned = line_of(
        WorkCenter("m0"), WorkCenter("m1", 1, 4), works=(Fixed(10.0), Fixed(5.0)), products=("SH", "TH")
    )
    played = Played(planned, "m0a", "m1a")
    played.starts("m0a", "A-10", "SH", 2)
    played.starts("m0a", "B-10", "TH", 2)
    played.starts("m1a", "B-20", "TH", 2)
    played.runs(100)
    assert [s.rpartition("-")[0] for s in played.all("m1a", "serial")[1:]] == ["S-TH", "S-TH"]
    assert played.last("m1a", "state") == STATE[Shows.NO_ORDER]
    played.starts("m1a", "A-20", "SH", 2)
    played.runs(100)
    assert played.jobs["m1a"].jobs["A-20"].state is State.ENDED


@pytest.mark.parametrize(("places", "taken"), [(0, []), (2, ["S-TH-00001"])])
def test_a_job_order_takes_its_own_part_from_behind_another_and_never_the_other(
    places: int, taken: list[str]
) -> None:
    # Without a place between them the other stays in the hand of the first machine, and nothing is behind it.
    planned = line_of(
        WorkCenter("m0"), WorkCenter("m1", 1, places), works=(Fixed(10.0), Fixed(5.0)), products=("SH", "TH")
    )
    played = Played(planned, "m0a", "m1a")
    played.starts("m0a", "A-10", "SH", 1)
    played.starts("m0a", "B-10", "TH", 1)
    played.runs(60)
    played.starts("m1a", "B-20", "TH", 2)
    played.runs(60)
    assert played.all("m1a", "serial")[1:] == taken
    assert played.last("m1a", "state") == STATE[Shows.STARVED]
    played.calls("m1a", Method.STOP, "B-20")
    played.starts("m1a", "A-20", "SH", 1)
    assert played.last("m1a", "serial") == "S-SH-00001"


def test_of_two_cells_side_by_side_only_the_one_with_a_job_order_takes_parts() -> None:
    planned = line_of(WorkCenter("m0"), WorkCenter("m1", 2, 3), works=(Fixed(10.0), Fixed(8.0)))
    played = Played(planned, "m0a", "m1a", "m1b")
    played.starts("m1b", "A-21", quantity=3)
    played.starts("m0a", "A-10", quantity=12)
    played.runs(45)
    assert (played.cell("m1a").good, played.cell("m1b").good) == (0, 3)
    assert played.last("m1a", "state") == played.last("m1b", "state") == STATE[Shows.NO_ORDER]
    played.runs(40)
    assert played.last("m0a", "blocked") is True
    played.starts("m1a", "A-20", quantity=20)
    assert played.last("m0a", "blocked") is False, "there is room at once"
    played.runs(120)
    assert (played.cell("m1a").good, played.cell("m1b").good) == (9, 3)


def test_what_the_machine_rejects_counts_for_the_job_order_and_goes_nowhere() -> None:
    planned = line_of(WorkCenter("m0"), WorkCenter("m1", 1, 50), works=(Fixed(10.0), Fixed(5.0)), scrap=0.3)
    played = Played(planned, "m0a")
    played.starts("m0a", "A-10", quantity=30)
    played.runs(1000)
    done = played.jobs["m0a"].jobs["A-10"]
    assert done.state is State.ENDED and done.good == 30 and done.scrap == played.cell("m0a").rejected > 3
    assert played.cell("m1a").good + played.cell("m1a").rejected == 30


ASKS = {"m1a": Interlock(patience_s=5)}


def asking(**more: Any) -> Played:
    played = Played(two(), "m0a", interlocks=ASKS, **more)
    played.starts("m0a", "A-10", quantity=1)
    played.runs(11)
    return played


def answer(played: Played, value: int, *, serial: str = "", number: int = 0) -> None:
    for path, written in (
        ("interlock/answer", value),
        ("interlock/answer_serial", serial or played.last("m1a", "interlock/serial")),
        ("interlock/answered", number or played.last("m1a", "interlock/request")),
    ):
        played.line.written("m1a", path, written)
    played.runs(0)


def test_it_asks_before_it_builds_in_and_takes_only_the_answer_to_its_question() -> None:
    played = asking()
    assert played.last("m1a", "interlock/serial") == "S-SH-00001"
    answer(played, Answer.MAY, number=7)
    answer(played, Answer.MAY, serial="S-SH-00002")
    answer(played, Answer.NONE)
    played.runs(1)
    assert played.cell("m1a").shows is Shows.ASKING and played.last("m1a", "starved") is False
    assert played.last("m1a", "serial") == "", "not in work yet"
    answer(played, Answer.MAY)
    assert played.last("m1a", "state") == STATE[Shows.WORKING]
    played.runs(31)
    assert played.last("m1a", "good_count") == 1


def test_after_the_last_number_of_a_question_comes_the_first() -> None:
    played = Played(two(), "m0a", interlocks=ASKS)
    played.cell("m1a").asked = 2_000_000_000
    played.starts("m0a", "A-10", quantity=1)
    played.runs(11)
    assert played.last("m1a", "interlock/request") == 1
    answer(played, Answer.MAY)
    assert played.last("m1a", "state") == STATE[Shows.WORKING]


def test_while_it_asks_about_the_next_part_it_does_not_look_like_a_machine_at_work() -> None:
    played = asking()
    answer(played, Answer.MAY)
    played.starts("m0a", "B-10", quantity=1)
    played.runs(31)  # the next one waits before it when the first is done
    assert played.last("m1a", "good_count") == 1
    assert played.last("m1a", "state") == STATE[Shows.ASKING] != STATE[Shows.WORKING]
    played.runs(2)
    answer(played, Answer.MAY)
    played.runs(30.1)
    assert played.cell("m1a").spent[Shows.WORKING] == 60 * SECOND


def test_a_refused_part_is_put_aside_with_an_alarm_and_the_next_is_asked_about() -> None:
    played = asking()
    answer(played, Answer.OPERATION_MISSING)
    assert (played.last("m1a", "state"), played.last("m1a", "alarm_active")) == (STATE[Shows.REFUSED], True)
    played.runs(14)  # somebody takes a quarter of a minute to put it aside
    assert (played.last("m1a", "state"), played.last("m1a", "alarm_active")) == (STATE[Shows.REFUSED], True)
    played.runs(2)
    assert (played.last("m1a", "state"), played.last("m1a", "alarm_active")) == (STATE[Shows.STARVED], False)
    assert played.cell("m1a").refused == {"operation_missing": 1}
    assert played.line.in_work == 0 and played.last("m1a", "good_count") == 0
    played.starts("m0a", "B-10", quantity=1)
    played.runs(11)
    assert played.last("m1a", "interlock/serial") == "S-SH-00002"


@pytest.mark.parametrize("patience", (1.0, 20.0))
def test_whom_nobody_answers_stands_with_an_alarm_and_asks_again(patience: float) -> None:
    played = asking(patience=patience)
    first = played.last("m1a", "interlock/request")
    played.runs(5 * patience - 2)
    assert played.last("m1a", "interlock/request") == first
    played.runs(2)
    assert played.last("m1a", "interlock/request") == first + 1
    assert (played.last("m1a", "state"), played.last("m1a", "alarm_code")) == (STATE[Shows.UNANSWERED], 8001)
    answer(played, Answer.NOT_ENFORCED)
    assert (played.last("m1a", "state"), played.last("m1a", "alarm_active")) == (STATE[Shows.WORKING], False)
    assert played.cell("m1a").unanswered == 1
