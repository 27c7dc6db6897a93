"""What a run of the reference really did: not what its plant declares, but what decided something in it."""

from __future__ import annotations

from taktwin.simulation.model import STATES, FailureClock, Plant, Rule
from taktwin.simulation.reference import Doing, Reference, _Center, _Job, _Mode, _Unit

RULES = {
    Rule.SHORTEST: "rule: shortest", Rule.DUE: "rule: due", Rule.PRIORITY: "rule: priority",
    Rule.SETUP: "rule: set-up",
}  # fmt: skip
EFFECTS = (
    "jobs done", "late", "a move", "an order in lots", "units side by side", "a unit that differs",
    "blocking", "turned away", "an alternative", "rework", "no more rework", "a job scrapped",
    "parts lost of a job", "set-up by sequence", *RULES.values(), "a shift that ends with a job",
    "a closure of a unit with a job", "operators", "operators busy", "operators at home",
    "waiting for a crew", "a crew at home", "failure by work", "failure by calendar",
    "a failure of what was mended", "several kinds of failure", "maintenance that waits",
    "a tool worn out", "a furnace", "order by order", "a furnace by order",
    "patience that is over, or a full queue", "material", "assembly of own parts", "out of stock",
    "a delivery waited for", "energy at a tariff",
)  # fmt: skip


class Observed(Reference):
    """A run that notes each thing that takes effect in it."""

    def __init__(self, plant: Plant, key: int) -> None:
        """Stand at the beginning, as the reference does."""
        super().__init__(plant, key)
        self.seen: set[str] = set()
        self._struck: dict[int, set[str]] = {}
        self.watched = self._look

    def _look(self) -> None:
        for center in self._centers.values():
            if sum(unit.shown is Doing.WORKING for unit in center.units) > 1:
                self.seen.add("units side by side")
                return

    def effects(self) -> set[str]:
        """Return what took effect so far."""
        found = set(self.seen)
        spent = [sum(unit.spent[doing] for unit in self._units) for doing in Doing]
        for doing, name in (
            (Doing.SETUP, "set-up by sequence"), (Doing.BLOCKED, "blocking"),
            (Doing.BROKEN, "waiting for a crew"),
        ):  # fmt: skip
            if spent[doing]:
                found.add(name)
        for count in self.counts.values():
            for value, name in (
                (count.done, "jobs done"), (count.scrapped, "a job scrapped"), (count.reworked, "rework"),
                (count.lost, "turned away"), (count.late, "late"),
            ):  # fmt: skip
                if value:
                    found.add(name)
        if self.plant.tariff and any(self._power(unit) for unit in self._units):
            found.add("energy at a tariff")
        for order in self.plant.orders:
            if order.lots > 1 and order.name in self.ended:
                found.add("an order in lots")
        return found

    def _power(self, unit: _Unit) -> bool:
        """Return whether what a unit did took power."""
        kw = unit.center.model.power_of(int(unit.name.rsplit(".", 1)[1]))
        return any(unit.spent[Doing[state.upper()]] and kw.get(state) for state in STATES)

    def _break(self, unit: _Unit, mode: _Mode) -> None:
        if mode.tool:
            self.seen.add("a tool worn out")
        elif not mode.failure:
            self.seen.add("maintenance that waits")
        else:
            clock = mode.failure.clock
            self.seen.add("failure by work" if clock is FailureClock.WORKING else "failure by calendar")
            if mode.drawn > 1:
                self.seen.add("a failure of what was mended")
            crew = self._crews[mode.crew] if mode.crew else None
            if crew and crew.free and not crew.is_there:
                self.seen.add("a crew at home")
            kinds = self._struck.setdefault(unit.place, set())
            kinds.add(mode.failure.name)
            if len(kinds) > 1:
                self.seen.add("several kinds of failure")
        super()._break(unit, mode)

    def _turn(self, unit: _Unit, *, was_on: bool) -> None:
        if was_on and not unit.is_on and unit.job:
            self.seen.add(
                "a closure of a unit with a job" if unit.closures else "a shift that ends with a job"
            )
        super()._turn(unit, was_on=was_on)

    def _serve(self, unit: _Unit, job: _Job) -> None:
        if job.at.skill is not None:
            self.seen.add("operators")
        if any(job.at.materials.values()):
            self.seen.add("material")
        made = {each.makes for each in self.plant.products}
        if made & set(job.at.materials):
            self.seen.add("assembly of own parts")
        super()._serve(unit, job)

    def _lacking(self, job: _Job) -> bool:
        if job.at.skill is not None and not self._able(job.at):
            free = {k for k in self._free if job.at.skill in self.plant.operators[k].skills}
            self.seen.add("operators at home" if free else "operators busy")
        if any(self.stock[name] < n * job.quantity for name, n in job.at.materials.items()):
            self.seen.add("out of stock")
        return super()._lacking(job)

    def _delivered(self) -> None:
        waited = [unit for unit in self._calling if unit.job and super(Observed, self)._lacking(unit.job)]
        super()._delivered()
        if any(unit.job and not super(Observed, self)._lacking(unit.job) for unit in waited):
            self.seen.add("a delivery waited for")

    def _begins(self, unit: _Unit) -> None:
        job = unit.job
        assert job
        if unit.task is Doing.IDLE:
            model = unit.center.model
            if job.at.center != model.name:
                self.seen.add("an alternative")
            if int(unit.name.rsplit(".", 1)[1]) in model.machines:
                self.seen.add("a unit that differs")
            if unit.others:
                self.seen.add("a furnace by order" if model.by_order else "a furnace")
            if model.by_order:
                self.seen.add("order by order")
        super()._begins(unit)

    def _choose(self, center: _Center, unit: _Unit) -> _Job:
        chosen = super()._choose(center, unit)
        if chosen is not center.queue[0]:
            self.seen.add(RULES[center.model.rule])
        return chosen

    def _step_done(self, unit: _Unit, job: _Job) -> None:
        step, passes, parts, count = job.at, job.passes, job.quantity, self.counts[job.product.name]
        scrapped = count.scrapped
        super()._step_done(unit, job)
        if step.move_s:
            self.seen.add("a move")
        if 0 < job.quantity < parts:
            self.seen.add("parts lost of a job")
        if count.scrapped > scrapped and job.quantity and step.rework_to and passes == step.rework_max:
            self.seen.add("no more rework")

    def _next_of_order(self, unit: _Unit) -> list[_Job]:
        hand = unit.hand
        jobs = super()._next_of_order(unit)
        if hand and self._to_come[hand] and unit.hand != hand:
            self.seen.add("patience that is over, or a full queue")
        return jobs
