"""The shop floor of a past: a dispatcher, operators and stores lead the plant in place of an MES.

Cells ask as they ask an MES (`flow.Lead`) and are answered out of the job orders that are written down
here. People see a cell that waits a few seconds later: they begin what can begin there, let another order
go first where one has waited, end what nothing comes for any more, bring material and say why a machine
stood. All of it is at instants of plant time and from named random streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from taktwin.entropy import Entropy
from taktwin.errors import ConfigError, Mistake
from taktwin.plant.registry import Registry
from taktwin.standards.iso22400 import TimeClass
from taktwin.standards.job_control import State
from taktwin.virtual_plant.activity import Activity
from taktwin.virtual_plant.flow import SECOND_NS, Part, Space, Task, Used
from taktwin.virtual_plant.model import VirtualPlant
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import Fact, TruthInterval, TruthPassage
from taktwin.virtual_plant.written.crew import Crew
from taktwin.virtual_plant.written.demand import WEEK_NS, Customers, Wanted
from taktwin.virtual_plant.written.mes import JobOrder, Request, Written
from taktwin.virtual_plant.written.routes import Route
from taktwin.virtual_plant.written.standing import Standing, Stood

MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
ERP_EVERY_NS = 8 * HOUR_NS  # where the plant has no shifts
STILL_COMES = 1_000  # parts of an order whose first operation is not over
DEFECTS = ("damaged", "other")
# What a machine does that has no alarm code of its own, in the words of the floor.
BY_ACTIVITY = {
    Activity.TOOL_CHANGE.value: "tool_change", Activity.DRESSING.value: "adjusting",
    Activity.RESETTING.value: "adjusting",
}  # fmt: skip
OTHERWISE = "other_technical"
BEARING_CODE = 7301


@dataclass(slots=True)
class Container:
    """A lot that lies at a unit."""

    lot: str
    left: float


class Floor:
    """One plant, its orders and its people."""

    def __init__(
        self, registry: Registry, physics: Physics, routes: Mapping[str, Route], mes: Written, *,
        start_ns: int, seed: int, truth: Callable[[Fact], None] | None = None,
    ) -> None:  # fmt: skip
        """Raise ConfigError where the demand names what is not made here, or nothing is ordered at all."""
        self.physics = physics
        self.mes = mes
        self.answer_s = physics.people.answer_s
        self.crew = Crew(registry, routes)
        self._registry = registry
        self._routes = routes
        self._start_ns = start_ns
        self._truth = truth
        wanted = physics.demand.parts_per_week
        strange = sorted(set(wanted) - set(routes)) or ([] if wanted else ["nothing"])
        if strange:
            right = f"products that are made here: {', '.join(routes)}"
            raise ConfigError([Mistake("physics", 1, "demand.parts_per_week", ", ".join(strange), right)])
        entropy = Entropy(seed)
        self._customers = Customers(physics.demand, start_ns=start_ns, entropy=entropy)
        self._supply = entropy.stream("written/supply")
        self._chance = entropy.stream("written/people")
        self._orders = 0
        self._lots: dict[str, int] = {}
        self._assigned: dict[str, tuple[float, str]] = {}  # unit -> (seconds of open work, last family)
        self.at: dict[tuple[str, str], Container] = {}
        self._coming: set[tuple[str, str]] = set()
        self._looking: set[str] = set()
        self._since: dict[str, int] = {}  # unit -> since when its job order has nothing to do
        self._counts: dict[tuple[str, bool], list[TruthPassage]] = {}
        self._reasons = _reasons(registry, physics)
        self._standing = Standing(registry, _codes(physics), mes)
        self._needs = {
            (name, operation.number): [
                (each.product, each.quantity) for each in operation.components if not each.serialised
            ]
            for name, route in routes.items() for operation in route.operations
        }  # fmt: skip
        self._takes = {
            (name, operation.number): next(
                (each.product for each in operation.components if each.serialised), ""
            )
            for name, route in routes.items() for operation in route.operations
        }  # fmt: skip
        self.plant: VirtualPlant
        self.units: frozenset[str] = frozenset()

    def open(self, plant: VirtualPlant) -> None:
        """Begin to work at a plant that has just begun."""
        self.plant = plant
        self.units = frozenset(plant.units)
        self._naming = {str(each.equipment) for each in self._registry.signals if each.role == "serial"}
        plant.world.call_at(self._start_ns, self._first)

    def _first(self) -> None:
        self.mes.first_heard(self.now())
        self._shift_begins()
        self._look_round()
        self._rush_later()
        self._fall_later()

    def now(self) -> int:
        """Return plant time."""
        return self.plant.world.now_ns

    def _at(self, at_ns: int, action: Callable[[], None]) -> None:
        self.plant.world.call_at(at_ns, action)

    def _in_s(self, seconds: float, action: Callable[[], None]) -> None:
        self._at(self.now() + round(seconds * 1000) * 1_000_000, action)

    # What really happens, as machines say it.

    def hear(self, fact: Fact) -> None:
        """Take what happens in the plant: counts become bookings, intervals become stops."""
        if self._truth is not None:
            self._truth(fact)
        if isinstance(fact, TruthPassage):
            self._passed(fact)
        elif isinstance(fact, TruthInterval):
            self._standing.hear(fact)

    def _passed(self, fact: TruthPassage) -> None:
        if fact.unit in self._naming:
            self._book([fact])
            return
        # A machine that names no parts counts those of one instant at once.
        key = (fact.unit, fact.good)
        waiting = self._counts.setdefault(key, [])
        waiting.append(fact)
        if len(waiting) == 1:
            self._at(fact.at_ns, lambda: self._book(self._counts.pop(key)))

    def _book(self, facts: list[TruthPassage]) -> None:
        fact = facts[0]
        job = self.mes.running[fact.unit]
        assert job.job == fact.job, "a cell makes what was begun there"
        unit = self.plant.units[fact.unit]
        counter = unit.good_count if fact.good else unit.reject_count
        self.mes.counted(
            job, good=fact.good, quantity=len(facts), counter=counter & 0xFFFFFFFF, at_ns=fact.at_ns,
            serial=fact.serial, used=fact.used,
        )  # fmt: skip
        if job.state is State.ENDED:
            self._is_over(job)
        if not fact.good:
            self._less_comes(job.request)

    def _is_over(self, job: JobOrder) -> None:
        work_s, family = self._assigned[job.work_unit]
        self._assigned[job.work_unit] = (work_s - self._work_s(job), family)

    def _less_comes(self, request: Request) -> None:
        """Let those look who may have waited for a part of an order that does not come."""
        for job in request.jobs:
            if job.state in (State.RUNNING, State.INTERRUPTED):
                self._look_later(job.work_unit)

    # Orders.

    def _shift_begins(self) -> None:
        """Let the ERP order what a shift should make, and those go home whose shift is over."""
        now_ns = self.now()
        group = self.crew.group(now_ns)
        for person in self.mes.people:
            if self.crew.group_of(person) != group:
                self.mes.log_off(person, now_ns)
        calendar = self.crew.calendar
        if calendar is None:
            self._order(ERP_EVERY_NS / WEEK_NS)
            self._at(now_ns + ERP_EVERY_NS, self._shift_begins)
            return
        shift = self.crew.shift(now_ns)
        if shift is not None and shift.planned:
            week = [each for each in calendar.shifts(now_ns, now_ns + WEEK_NS) if each.planned]
            self._order(1 / max(1, len(week)))
        following = [each.from_ns for each in calendar.shifts(now_ns, now_ns + 3 * WEEK_NS)]
        next_ns = min((at_ns for at_ns in following if at_ns > now_ns), default=now_ns + WEEK_NS)
        end_ns = now_ns if shift is None else shift.to_ns
        self._at(end_ns if now_ns < end_ns < next_ns else next_ns, self._shift_begins)

    def _order(self, share: float) -> None:
        for wanted in self._customers.orders(self.now(), share=share):
            self._drop(wanted)
        self._order_parts()

    def _rush_later(self) -> None:
        seconds = self._customers.next_rush_s(self.now())
        if seconds < 1e9:
            self._in_s(seconds, self._rush)

    def _rush(self) -> None:
        self._drop(self._customers.rush(self.now()))
        self._order_parts()
        self._rush_later()

    def _order_parts(self) -> None:
        """Order what goes into open orders, as far as it is neither in stock nor on its way."""
        demand = self.physics.demand
        for product in self._routes:
            wanted = 0.0
            for request in self.mes.open.values():
                for job in request.jobs:
                    if self._takes[request.product, job.operation.number] == product:
                        wanted += max(0, request.quantity - job.good) if job.state is not State.ENDED else 0
            goes_in = product in self._takes.values()
            if not goes_in:
                continue
            spaces = self.plant.world.spaces.values()
            route = self._routes[product]
            ends = set(route.operations[-1].work_units)
            there = sum(
                part.product == product
                for space in spaces
                if any(each in self.plant.units and space in self.plant.units[each].outputs for each in ends)
                for part in space.parts
            )
            coming = sum(
                request.quantity - request.jobs[-1].good
                - sum(job.scrap + job.unheard for job in request.jobs)
                for request in self.mes.open.values() if request.product == product
            )  # fmt: skip
            while there + coming < wanted + demand.stock_lots * demand.lot:
                due_ns = self.now() + round(demand.due_h / 3 * 60) * MINUTE_NS
                self._drop(Wanted(product, demand.lot, due_ns, 0, ""))
                coming += demand.lot

    def _drop(self, wanted: Wanted) -> None:
        self._orders += 1
        request = Request(
            f"{self._orders:06d}", self._orders, wanted.product, wanted.quantity, wanted.due_ns,
            wanted.priority,
        )  # fmt: skip
        now_ns = self.now()
        self.mes.drop(request, wanted.customer, now_ns)
        dispatcher = self.crew.person(request.jobs[0].operation.work_units[0], now_ns)
        for job in request.jobs:
            unit = self._place(job)
            work_s, _ = self._assigned.get(unit, (0.0, ""))
            family = self._routes[request.product].setup_family
            self._assigned[unit] = (work_s + self._work_s(job), family)
            self.mes.dispatch(job, unit, dispatcher, now_ns)
        self._look_later(request.jobs[0].work_unit)

    def _work_s(self, job: JobOrder) -> float:
        return job.operation.each_s * job.request.quantity

    def _place(self, job: JobOrder) -> str:
        """Return where a job order is to run: where the least work waits, a set-up included."""
        family = self._routes[job.request.product].setup_family

        def waits_s(unit: str) -> float:
            work_s, last = self._assigned.get(unit, (0.0, family))
            return work_s + (job.operation.setup_s if last != family else 0.0)

        return min((unit for unit in job.operation.work_units if unit in self.units), key=waits_s)

    # What people see at a cell.

    def _look_later(self, unit: str, at_ns: int = 0) -> None:
        if unit in self._looking and not at_ns:
            return
        step_ns = round(self.physics.people.look_s * SECOND_NS)
        seen_ns = max(at_ns, ((self.now() + step_ns // 2) // step_ns + 1) * step_ns)
        if not at_ns:
            self._looking.add(unit)
        self._at(seen_ns, lambda: self._look(unit, usual=not at_ns))

    def _look(self, unit: str, *, usual: bool) -> None:
        """See to it that a unit runs what can run there."""
        if usual:
            self._looking.discard(unit)
        cell = self.plant.units[unit]
        if cell.inside or not cell.planned:
            return  # it asks again when it waits
        self._end_the_exhausted(unit)
        job = self.mes.running.get(unit)
        if job is None:
            self._begin_next(unit)
            return
        if job.place == 0 or self._waiting(unit, job.request.request):
            return  # the first operation ends by itself
        if self._to_come(job) == 0:
            self._stop(job)
            self._begin_next(unit)
            return
        since_ns = self._since.setdefault(unit, self.now())
        other = self._oldest_other(unit)
        if other is None:
            return
        turn_ns = since_ns + round(self.physics.people.turn_min * MINUTE_NS)
        if any(space.full for space in cell.inputs) or self.now() >= turn_ns:
            self.mes.pause(job, self.crew.person(unit, self.now()), self.now())
            self._begin(other)
        elif usual:
            self._look_later(unit, turn_ns)

    def _end_the_exhausted(self, unit: str) -> None:
        """End what was interrupted and gets no part any more."""
        for job in list(self.mes.allowed.get(unit, {}).values()):
            interrupted = job.state is State.INTERRUPTED and job.place > 0
            if interrupted and self._to_come(job) == 0:
                self._stop(job)

    def _stop(self, job: JobOrder) -> None:
        self.mes.stop(job, self.crew.person(job.work_unit, self.now()), self.now())
        self._is_over(job)

    def _begin_next(self, unit: str) -> None:
        ready = self.mes.allowed.get(unit)
        if not ready:
            return
        first = [job for job in ready.values() if job.place == 0]
        if first:
            self._begin(min(first, key=_turn))
        else:
            other = self._oldest_other(unit)
            if other is not None:
                self._begin(other)

    def _oldest_other(self, unit: str) -> JobOrder | None:
        """Return the job order whose part has been waiting longest before a unit, of those that may run."""
        ready = self.mes.allowed.get(unit, {})
        best: tuple[int, JobOrder] | None = None
        for space in self.plant.units[unit].inputs:
            for part in space.parts:
                job = ready.get(part.job)
                if job is not None and (best is None or part.born_ns < best[0]):
                    best = (part.born_ns, job)
        return None if best is None else best[1]

    def _begin(self, job: JobOrder) -> None:
        unit, now_ns = job.work_unit, self.now()
        person = self.crew.person(unit, now_ns)
        if person:
            self.mes.log_on(person, unit, now_ns)
        self.mes.begin(job, person, now_ns)
        self._since.pop(unit, None)
        self.plant.units[unit].wake()

    def _lies_there(self, unit: str, order: str) -> bool:
        for space in self.plant.units[unit].inputs:
            for part in space.parts:
                if part.job == order:
                    return True
        return False

    def _waiting(self, unit: str, order: str) -> int:
        return sum(1 for space in self.plant.units[unit].inputs for part in space.parts if part.job == order)

    def _to_come(self, job: JobOrder) -> int:
        """Return how many parts of an order are before an operation of it."""
        jobs = job.request.jobs
        first = jobs[0]
        if first.state is not State.ENDED:
            return STILL_COMES
        lost = sum(each.scrap + each.unheard for each in jobs[1 : job.place])
        inside = sum(1 for part in self.plant.units[job.work_unit].inside if part.job == job.request.request)
        return first.good - lost - job.good - job.scrap - job.unheard - inside

    # What cells ask (`flow.Lead`).

    def task(self, unit: str) -> Task | None:
        """Return what a unit runs."""
        job = self.mes.running.get(unit)
        if job is None:
            self._look_later(unit)
            return None
        if job.place and not self._lies_there(unit, job.request.request):
            self._look_later(unit)
        else:
            self._since.pop(unit, None)
        return job.task

    def may_take(self, unit: str, task: Task, part: Part) -> bool:
        """Return whether a part belongs to the task."""
        job = self.mes.running[unit]
        takes = self._takes[task.product, job.operation.number]
        return part.product == takes if takes else part.job == task.order

    def charge(self, unit: str, task: Task, inside: int) -> int:
        """Return how many parts go in at once: a whole charge, or all that still come.

        Where nothing more fits before it, it goes with what is there.
        """
        batch = self.physics.units[unit].batch
        if batch == 1:
            return 1
        there = inside + self._waiting(unit, task.order)
        full = any(space.full for space in self.plant.units[unit].inputs)
        # What is inside already is in `_to_come` no more.
        whole = min(batch, inside + self._to_come(self.mes.running[unit]))
        return min(batch, there) if full or there >= whole else 0

    def stocked(self, unit: str, task: Task) -> bool:
        """Return whether the material of a part lies there; if not, somebody brings it."""
        there = True
        for product, quantity in self._of_part(unit, task):
            lies = self.at.get((unit, product))
            if lies is None or lies.left < quantity - 1e-9:
                self._bring_later(unit, product)
                there = False
        return there

    def use(self, unit: str, task: Task) -> Used:
        """Take the material of a part."""
        used = []
        for product, quantity in self._of_part(unit, task):
            lies = self.at[unit, product]
            lies.left -= quantity
            used.append((product, lies.lot, quantity))
        return tuple(used)

    def _of_part(self, unit: str, task: Task) -> list[tuple[str, float]]:
        return self._needs[task.product, self.mes.running[unit].operation.number]

    # Material, mishaps, reasons.

    def _bring_later(self, unit: str, product: str) -> None:
        if (unit, product) not in self._coming:
            self._coming.add((unit, product))
            mean_s = self.physics.people.bring_s
            self._in_s(self._supply.uniform(0.5, 1.5) * mean_s, lambda: self._bring(unit, product))

    def _bring(self, unit: str, product: str) -> None:
        self._coming.discard((unit, product))
        number = self._lots[product] = self._lots.get(product, 0) + 1
        heat = self.physics.causes.adhesive_heat
        lot = f"{product}-{number:05d}"
        if heat.bad_batch.startswith(product):
            bad = self._supply.random() < heat.bad_share
            lot = f"{heat.bad_batch if bad else f'{product}-05'}-{number:05d}"
        most = max(quantity for needs in self._needs.values() for name, quantity in needs if name == product)
        quantity = round(self.physics.people.containers.get(product, 100.0) * most, 3)
        person, now_ns = self.crew.person(unit, self.now()), self.now()
        self.mes.receive(lot, product, quantity, person, now_ns)
        self.mes.load(lot, product, unit, quantity, person, now_ns)
        self.at[unit, product] = Container(lot, quantity)
        self.plant.units[unit].wake()

    def _fall_later(self) -> None:
        every_h = self.physics.people.falls_every_h
        if every_h > 0:
            self._in_s(self._chance.expovariate(1 / (every_h * 3600)), self._falls)

    def _falls(self) -> None:
        """Let a part fall down before a unit that runs its order; who stands there books it."""
        self._fall_later()
        found: list[tuple[JobOrder, Space, Part]] = []
        for unit, job in self.mes.running.items():
            if self.plant.units[unit].planned and job.place:
                found += [
                    (job, space, part) for space in self.plant.units[unit].inputs for part in space.parts
                    if part.job == job.request.request
                ]  # fmt: skip
        if not found:
            return
        job, space, part = self._chance.choice(found)
        cause = self._chance.choice(DEFECTS)
        self.plant.world.take_out(space, part, job.work_unit, cause)
        self.mes.scrapped(job, part.serial, cause, self.crew.person(job.work_unit, self.now()), self.now())
        self._less_comes(job.request)

    def _look_round(self) -> None:
        """Once a minute: which machines have stood, and since when."""
        now_ns = self.now()
        for run in self._standing.look(self.plant.truth.open_at(now_ns), now_ns):
            if run.time_class == TimeClass.DELAY_OWN and run.unit in self.crew.units:
                self._in_s(self._chance.uniform(60, 900), lambda run=run: self._tell_why(run))  # type: ignore[misc]
        self._at((now_ns // MINUTE_NS + 1) * MINUTE_NS, self._look_round)

    def _tell_why(self, run: Stood) -> None:
        chance = self._chance.random()
        right = self._why(run)
        people = self.physics.people
        if chance < people.uncoded or not right:
            return
        reason = self._reasons.get("", right) if chance < people.uncoded + people.miscoded else right
        self.mes.recode(run.stop, run.unit, reason, self.crew.person(run.unit, self.now()), self.now())

    def _why(self, run: Stood) -> str:
        lasted: dict[str, int] = {}
        for (activity, words), ns in run.lasted.items():
            reason = self._reasons.get(words) or self._reasons.get(activity) or self._reasons.get("", "")
            lasted[reason] = lasted.get(reason, 0) + ns
        return max(lasted, key=lambda each: lasted[each]) if lasted else ""


def _turn(job: JobOrder) -> tuple[int, int, int]:
    return (-job.request.priority, job.request.due_ns, job.request.number)


def _troubles(physics: Physics) -> dict[str, int]:
    found = {
        trouble.text: trouble.code for unit in physics.units.values()
        for trouble in (unit.failure, unit.jam) if trouble.code
    }  # fmt: skip
    return {**found, "spindle bearing failed": BEARING_CODE}


def _codes(physics: Physics) -> dict[tuple[str, str], str]:
    """Return the alarm code that a machine says, by what it does and what the plant calls it."""
    faults = (Activity.JAMMED.value, Activity.BROKEN.value)
    return {(activity, words): str(code) for words, code in _troubles(physics).items() for activity in faults}


def _reasons(registry: Registry, physics: Physics) -> dict[str, str]:
    """Return the plant folder's reason by the plant's words, by activity, and for all else ("")."""
    known = {code: each for group in registry.stop_reasons.values() for code, each in group.reasons.items()}
    by_code = {number: code for code, each in known.items() for number in each.machine_codes}
    found = {words: by_code[str(code)] for words, code in _troubles(physics).items() if str(code) in by_code}
    found |= {activity: code for activity, code in BY_ACTIVITY.items() if code in known}
    return found | ({"": OTHERWISE} if OTHERWISE in known else {})
