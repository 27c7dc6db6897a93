"""One run of one future as a film: comes in a question, goes out what each work unit and buffer does when.

Told by the reference engine, from the same beginning and with the same luck as the kernel's run of that
replication, to the tick.
"""

from __future__ import annotations

from taktwin.contracts.whatif import (
    Replay,
    ReplayBuffer,
    ReplayOrder,
    ReplayQuestion,
    ReplaySpan,
    ReplayUnit,
)
from taktwin.errors import Refusal
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.simulation import streams
from taktwin.simulation.course import Course, Stay, course
from taktwin.simulation.model import Plant
from taktwin.simulation.reference import Doing, Reference
from taktwin.simulation.scenario import applied
from taktwin.simulation.start import reference_from
from taktwin.standards.iso22400 import TimeClass
from taktwin.whatif import asking
from taktwin.whatif.naming import request_of
from taktwin.whatif.present import Present
from taktwin.whatif.situation import Situation

CLASSES = {
    Doing.IDLE: TimeClass.STARVED, Doing.CALLING: TimeClass.STARVED, Doing.SETUP: TimeClass.SET_UP,
    Doing.WORKING: TimeClass.PRODUCTION, Doing.BLOCKED: TimeClass.BLOCKED,
    Doing.BROKEN: TimeClass.DELAY_OWN, Doing.REPAIR: TimeClass.DELAY_OWN,
    Doing.OFF: TimeClass.PLANNED_DOWN, Doing.UPKEEP: TimeClass.PLANNED_DOWN,
}  # fmt: skip


def replayed(asked: ReplayQuestion, now: Situation) -> Replay:
    """Return one run.

    Raises
    ------
    Refusal, ModelError
        If the question cannot be answered; it says why.
    """
    began_s = now.clock_s()
    question = asked.question
    asking.checked(question, runs_min=1)
    if not 0 <= asked.replication < question.replications:
        raise Refusal("replication", str(asked.replication), f"0 to {question.replications - 1}")
    here = now.present(question.horizon_s)
    wanted = asking.scenarios(asking.known(question, asked.scenario), here.names)
    with asking.in_plain_names(here.names):
        plant = here.settled(applied(here.plant, wanted[0])) if wanted else here.plant
    run, seen = told(
        here, plant, seed=question.seed, replication=asked.replication, horizon_s=question.horizon_s
    )
    return Replay(
        state="ready", scenario=asked.scenario, replication=asked.replication, start_ns=here.at_ns,
        end_ns=_ns(here, seen.until), units=[_unit(here, *each) for each in seen.units.items()],
        buffers=_buffers(here, now.registry, seen), orders=_orders(here, run), took_s=now.clock_s() - began_s,
    )  # fmt: skip


def told(
    here: Present, plant: Plant, *, seed: int, replication: int, horizon_s: float
) -> tuple[Reference, Course]:
    """Return a run of a settled plant by the reference, at its end, and its course."""
    key = streams.replication_key(seed, replication)
    run = reference_from(plant, here.start_of(plant), key)
    return run, course(run, until=run.now + plant.ticks(horizon_s))


def _ns(here: Present, tick: int) -> int:
    return here.at_ns + round(tick * here.plant.tick_s * SECOND_NS)


def _unit(here: Present, name: str, stays: list[Stay]) -> ReplayUnit:
    works = any(stay.job for stay in stays)
    spans: list[ReplaySpan] = []
    for stay in stays:
        time_class = _class(here, stay, works=works)
        order = request_of(stay.job, here.request_of) if stay.job else ""
        last = spans[-1] if spans else None
        if last and (last.time_class, last.product, last.order) == (time_class, stay.product, order):
            spans[-1] = ReplaySpan(from_ns=last.from_ns, to_ns=_ns(here, stay.until), time_class=time_class,
                                   product=stay.product, order=order)  # fmt: skip
        else:
            spans.append(ReplaySpan(from_ns=_ns(here, stay.since), to_ns=_ns(here, stay.until),
                                    time_class=time_class, product=stay.product, order=order))  # fmt: skip
    return ReplayUnit(unit=here.names.work_unit(name), spans=spans)


def _class(here: Present, stay: Stay, *, works: bool) -> str:
    """Return the class of time of a stay; of who has nothing in hand in the whole run, no order."""
    if stay.doing is Doing.IDLE and not works:
        return TimeClass.DOWN_NO_ORDER
    if stay.is_tool:
        return TimeClass.SET_UP
    if any(place >= len(here.plant.closures) for place in stay.closures):
        return TimeClass.DELAY_OWN  # a scenario has it down
    return CLASSES[stay.doing]


def _buffers(here: Present, registry: Registry, seen: Course) -> list[ReplayBuffer]:
    """Return the contents of each buffer that alone is before one work center."""
    before: dict[str, list[str]] = {}
    for buffer in registry.buffers:
        centers = {here.model.center_of[each] for each in buffer.targets if each in here.model.center_of}
        if len(centers) == 1:
            before.setdefault(next(iter(centers)), []).append(buffer.id)
    return [
        ReplayBuffer(
            buffer=names[0], from_ns=[_ns(here, tick) for tick, _ in seen.queues[center]],
            content=[content for _, content in seen.queues[center]],
        )
        for center, names in before.items() if len(names) == 1
    ]  # fmt: skip


def _orders(here: Present, run: Reference) -> list[ReplayOrder]:
    """Return when each order of the MES was done, or one that a scenario adds."""
    done: dict[str, int | None] = {}
    for order in run.plant.orders:
        name = request_of(order.name, here.request_of)
        if not name:
            continue
        ended = 0 if order.name in run.scrapped | run.lost else run.ended.get(order.name)
        before = done.get(name, 0)
        done[name] = None if ended is None or before is None else max(before, ended)
    return [
        ReplayOrder(order=name, done_ns=0 if at is None else _ns(here, at)) for name, at in done.items()
    ]  # fmt: skip
