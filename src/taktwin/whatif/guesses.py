"""What an answer rests on without anybody knowing it: each guess of a plant, and it wrong either way. Pure.

Most are other numbers in the same plant. What the picture did not say (a silent machine, an unknown buffer)
is another picture: whoever asks forks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from msgspec.structs import replace as replaced

from taktwin.contracts.state import BufferDocument, Frame
from taktwin.simulation import changes as c
from taktwin.simulation.distributions import LogNormal
from taktwin.simulation.model import Plant, Step
from taktwin.standards.iso22400 import TimeClass
from taktwin.whatif.model import NEVER_S
from taktwin.whatif.present import Present

BUSIEST = 6  # work centers with a bar of their own
TIMES = 0.1  # a time is wrong by so much
OFTEN = 2.0  # failures, repairs, scrap and spreads by this factor
SETUPS = 0.2
Pictured = Callable[[Frame], Frame]


@dataclass(frozen=True, slots=True)
class Wrong(c.Change):
    """A guess that is wrong one way, as a change of the plant that nobody can ask for."""

    of: Callable[[Plant], Plant]

    def on(self, plant: Plant) -> Plant:
        """Return the plant in which the guess is wrong."""
        return self.of(plant)


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess and both ways in which it can be wrong: changes of the plant, or another picture of it."""

    code: str
    text: str
    subjects: tuple[str, ...]
    low_says: str
    high_says: str
    low: tuple[c.Change, ...] | Pictured = ()
    high: tuple[c.Change, ...] | Pictured = ()


def guesses(here: Present) -> Iterator[Guess]:
    """Return every guess of a plant as it stands."""
    yield from _times(here)
    yield from _spread(here.plant)
    yield from _failures(here)
    yield from _scrap(here.plant)
    yield from _people(here.plant)
    yield from _unknowns(here)


def _times(here: Present) -> Iterator[Guess]:
    plant = here.plant
    work = {center: load for center, load in c.loads(plant).items() if load > 0}
    ranked = sorted(work, key=lambda name: -work[name])
    groups = [(name,) for name in ranked[:BUSIEST]] + ([tuple(ranked[BUSIEST:])] if ranked[BUSIEST:] else [])
    percent = f"{TIMES:.0%}"
    for group in groups:
        names = tuple(here.names.center(each) for each in group)
        text = f"times at {names[0]}" if len(group) == 1 else "times everywhere else"
        yield Guess(
            "times", text, names, f"{percent} shorter", f"{percent} longer",
            tuple(c.PaceScaled(each, 1 / (1 - TIMES)) for each in group),
            tuple(c.PaceScaled(each, 1 / (1 + TIMES)) for each in group),
        )  # fmt: skip
    with_setups = tuple(here.names.center(each.name) for each in plant.centers if any(each.setup_s.values()))
    if with_setups:
        yield Guess("setups", "set-ups", with_setups, f"{SETUPS:.0%} shorter", f"{SETUPS:.0%} longer",
                    (c.SetupScaled("@all", 1 - SETUPS),), (c.SetupScaled("@all", 1 + SETUPS),))  # fmt: skip


def _stepwise(change: Callable[[Step], Step]) -> tuple[c.Change, ...]:
    def on(plant: Plant) -> Plant:
        products = tuple(
            replace(product, steps=tuple(change(step) for step in product.steps))
            for product in plant.products
        )
        return replace(plant, products=products)

    return (Wrong(on),)


def _spread(plant: Plant) -> Iterator[Guess]:
    def wider(times: float) -> Callable[[Step], Step]:
        def on(step: Step) -> Step:
            work = step.work
            return (
                replace(step, work=replace(work, cv=work.cv * times)) if isinstance(work, LogNormal) else step
            )

        return on

    if any(isinstance(step.work, LogNormal) for product in plant.products for step in product.steps):
        yield Guess("spread", "how far times spread", (), "half as far", "twice as far",
                    _stepwise(wider(1 / OFTEN)), _stepwise(wider(OFTEN)))  # fmt: skip


def _failures(here: Present) -> Iterator[Guess]:
    kinds = [
        each
        for center in here.plant.centers
        for n in range(center.units)
        for each in center.failures_of(n + 1)
    ]
    fails = any(each.time_to.mean_s < NEVER_S / 2 for each in kinds)
    if fails:
        yield Guess("failures", "how often machines fail", (), "half as often", "twice as often",
                    (c.FailureScaled("@all", time_to_times=OFTEN),),
                    (c.FailureScaled("@all", time_to_times=1 / OFTEN),))  # fmt: skip
    if fails or any(unit.is_down for unit in here.fork.start.units):
        yield Guess("repairs", "how long repairs take", (), "half as long", "twice as long",
                    (c.FailureScaled("@all", repair_times=1 / OFTEN),),
                    (c.FailureScaled("@all", repair_times=OFTEN),))  # fmt: skip
    if any(center.tools for center in here.plant.centers):
        yield Guess("tools", "how long tools live", (), "half as long", "twice as long",
                    (c.ToolsScaled("@all", life_times=1 / OFTEN),),
                    (c.ToolsScaled("@all", life_times=OFTEN),))  # fmt: skip


def _scrap(plant: Plant) -> Iterator[Guess]:
    def more(times: float) -> Callable[[Step], Step]:
        return lambda step: replace(
            step, scrap=min(1.0, step.scrap * times), good=max(0.0, 1 - (1 - step.good) * times)
        )

    if any(step.scrap > 0 or step.good < 1 for product in plant.products for step in product.steps):
        yield Guess("scrap", "how much is scrapped or reworked", (), "half as much", "twice as much",
                    _stepwise(more(1 / OFTEN)), _stepwise(more(OFTEN)))  # fmt: skip


def _people(plant: Plant) -> Iterator[Guess]:
    for crew in plant.crews:
        less = max(1, crew.people - 1)
        yield Guess("crew", f"people of the crew {crew.name}", (crew.name,), f"{less}", f"{crew.people + 1}",
                    (c.CrewSized(crew.name, less),), (c.CrewSized(crew.name, crew.people + 1),))  # fmt: skip
    if plant.operators:
        yield Guess("people", "how many people are there", (), "one less", "one more",
                    (c.PeopleAbsent(1 / len(plant.operators)),),
                    (c.OperatorsAdded(frozenset({"@all"}), 1),))  # fmt: skip


def _unknowns(here: Present) -> Iterator[Guess]:
    contents = {each.buffer: each.capacity for each in here.frame.buffers}
    for note in here.fork.notes:
        for subject in note.subjects:
            if note.code == "silent":
                fault = _classed(subject, TimeClass.DELAY_OWN)
                yield Guess("silent", f"{subject} is silent", (subject,), "it can work", "it has a fault",
                            (), fault)  # fmt: skip
            elif note.code == "buffer" and contents.get(subject, 0) > 0:
                yield Guess("buffer", f"what lies in {subject}", (subject,), "nothing", "it is full",
                            (), _filled(subject))  # fmt: skip
        if note.code == "own":
            own = {name for name, order in here.request_of.items() if not order}
            yield Guess("own", "work without an order of the MES", tuple(note.subjects), "it ends",
                        "it goes on", (Wrong(_without(own)),), ())  # fmt: skip
        if note.code == "stock" and len(note.subjects) > 1:
            first, last = note.subjects[0], note.subjects[-1]
            low, high = ((Wrong(_stocked(note.subjects, name)),) for name in (first, last))
            yield Guess("stock", "which parts lie in store", tuple(note.subjects), f"all {first}",
                        f"all {last}", low, high)  # fmt: skip


def _classed(unit: str, time_class: str) -> Pictured:
    def on(frame: Frame) -> Frame:
        units = [replaced(each, time_class=time_class) if each.unit == unit else each for each in frame.units]
        return replaced(frame, units=units)

    return on


def _filled(buffer: str) -> Pictured:
    def full(each: BufferDocument) -> BufferDocument:
        return replaced(each, content=each.capacity) if each.buffer == buffer else each

    return lambda frame: replaced(frame, buffers=[full(each) for each in frame.buffers])


def _without(own: set[str]) -> Callable[[Plant], Plant]:
    return lambda plant: replace(plant, orders=tuple(each for each in plant.orders if each.name not in own))


def _stocked(names: list[str], of: str) -> Callable[[Plant], Plant]:
    def on(plant: Plant) -> Plant:
        whole = sum(each.stock for each in plant.materials if each.name in names)
        return replace(plant, materials=tuple(
            replace(each, stock=whole if each.name == of else 0) if each.name in names else each
            for each in plant.materials
        ))  # fmt: skip

    return on
