"""One work unit of the flow: takes, sets up, works, stops by its own and others' fault, delivers.

What it does is written three times at the same instant: as signals (the machine's own words), as
truth (by cause), and as a segment, from which physical signals are evaluated when they are reported.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator
from random import Random  # noqa: TID251 - the type of a stream that Entropy gave
from typing import Any

import simpy

from taktwin.virtual_plant.activity import EXECUTION, NAME, STATE, Activity, mean_power_kw, true_class
from taktwin.virtual_plant.crafts import CRAFTS
from taktwin.virtual_plant.flow import (
    MILLISECOND_NS,
    SECOND_NS,
    Calendar,
    Lead,
    Part,
    Process,
    Space,
    Task,
    Used,
    World,
)
from taktwin.virtual_plant.interlock import (
    ALARM_NO_ANSWER,
    ALARM_REFUSED,
    ASIDE_S,
    CellInterlock,
)
from taktwin.virtual_plant.jobs import CellJobs
from taktwin.virtual_plant.physics import Trouble
from taktwin.virtual_plant.physics import Unit as UnitPhysics
from taktwin.virtual_plant.segments import Segments
from taktwin.virtual_plant.surroundings import Ramp
from taktwin.virtual_plant.truth import (
    TruthMiscount,
    TruthPassage,
    TruthReject,
    TruthStop,
    TruthTakenOut,
)

HOUR_NS = 3600 * SECOND_NS
_NEVER_NS = 1 << 62


def lasting_ns(stream: Random, trouble: Trouble) -> int:
    """Return a log-normal duration, in whole milliseconds."""
    minutes = trouble.minutes * math.exp(trouble.sigma * stream.gauss(0.0, 1.0))
    return max(1, round(minutes * 60_000)) * MILLISECOND_NS


class WorkUnit:
    """One cell."""

    def __init__(
        self,
        world: World,
        name: str,
        physics: UnitPhysics,
        calendar: Calendar | None,
        *,
        standard_s: float | None = None,
        zone: str = "",
    ) -> None:
        self.world = world
        self.name = name
        self.physics = physics
        self.family = physics.family
        self.zone = zone
        self.cycle_s = physics.cycle_s or standard_s or 60.0
        self.inputs: list[Space] = []
        self.outputs: list[Space] = []
        self.from_outside = physics.source
        self.to_outside = physics.sink
        self.planned = True if calendar is None else calendar.planned(world.now_ns)
        self.activity = Activity.RESTING
        self.reason = ""
        self.good_count = 0
        self.reject_count = 0
        self.inside: list[Part] = []
        self.task: Task | None = None  # what a lead has it make
        self.used: Used = ()
        self.taken_ns = 0
        self.began_ns = 0
        self.made_family = 0
        self.tool_used = 0
        self.tool_number = 1
        self.tool_asked = False  # somebody is there with another one: it goes in before the next part
        self.insert_times = 1.0  # how much faster than its kind the tool that is in wears
        self.since_dressing = 0
        self.charges = 0
        self.jam_count = 0
        self.cycle_ns = 0
        self.flags: dict[str, object] = {}
        self._heard: dict[str, bool] = {}  # path -> whether anybody hears it
        self._shown = False
        self.jam_factor = 1.0
        self.segments = Segments(self)
        entropy = world.entropy
        self.stream = entropy.stream(f"cycle/{name}")
        self.chance = entropy.stream(f"quality/{name}")
        self._failures = entropy.stream(f"failures/{name}")
        self._jams = entropy.stream(f"jams/{name}")
        self._bearings = entropy.stream(f"bearing/{name}")
        self._miscounts = entropy.stream(f"miscounts/{name}")
        self._failure_left_ns = self._until(self._failures, physics.failure)
        self._jam_left_ns = self._until(self._jams, physics.jam)
        self._forced: tuple[int, str] | None = None
        self._waiting: simpy.Event | None = None
        self._working = False
        self._alarm_on = False
        self._pause_told_ns = 0
        causes = world.physics.causes
        self._load_share = physics.load / 60.0
        self.bearing_age_h = 0.0
        self.bearing_life_h = math.inf
        self.bearing_warning_h = 40.0
        self._bears = causes.bearing_wear.on and physics.kind in causes.bearing_wear.kinds
        if self._bears:
            self._mount_bearing(first=causes.bearing_wear.first.get(name))
        self.standard_factor = (
            causes.standard_times.factors.get(name, 1.0) if causes.standard_times.on else 1.0
        )
        self.jobs: CellJobs | None = None  # of a cell that takes job orders
        self.interlock: CellInterlock | None = None  # of a cell that asks before it builds in
        self.lots: dict[str, tuple[int, Any]] = {}  # kind of lot -> (parts left, the lot)
        self.process = world.env.process(self._run())

    # What the world does to it.

    def wake(self) -> None:
        """Look at the world again, at this same instant."""
        if self._waiting is not None and not self._waiting.triggered:
            self._waiting.succeed()

    def on_calendar(self, planned: bool) -> None:
        """Hear the bell."""
        self.planned = planned
        self._tell_truth()
        self.wake()

    def break_down(self, lasting: int, text: str) -> None:
        """Break now, for a span (ns): an injection."""
        self._forced = (lasting, text)
        if self._working:
            self.process.interrupt("injected")
        else:
            self.wake()

    def ask_for_tool(self) -> bool:
        """Have somebody put another tool in, at once where no part is in; return whether there is one."""
        if not self.physics.tool.life:
            return False
        self.tool_asked = True
        self.wake()
        return True

    # What it does by itself.

    def _run(self) -> Process:
        self._announce()
        self._become(Activity.RESTING)
        while True:
            if self._forced is not None:
                yield from self._forced_stop()
            if not self.planned:
                self._become(Activity.RESTING)
                yield self._sleep()
                continue
            if self.activity is Activity.RESTING and not self.physics.silent:
                self._become(Activity.RESETTING, "start of work")
                yield self._for_s(20.0)
                continue
            if self.tool_asked:
                yield from self._change_tool("tool changed by hand")
                continue
            halt = "" if self.jobs is None else self.jobs.halt
            if halt:
                self._become(Activity.NO_ORDER, halt)
                yield self._sleep()
                continue
            lead = self.world.lead
            if lead is not None:
                yield self._for_s(lead.answer_s)
                if self._forced is not None or not self.planned:
                    continue
            if not (self._take() if lead is None else self._take_led(lead)):
                yield self._sleep()
                continue
            if self.interlock is not None and not (yield from self._permitted(self.interlock)):
                continue
            yield from self._prepare()
            yield from self._work()
            yield from self._deliver()

    def _take(self) -> bool:
        """Fill the unit from its inputs; return whether it can start."""
        if self.from_outside or self.physics.source:
            found = self.world.orders.next(self.world.now_ns)
            if isinstance(found, int):
                self._become(Activity.NO_ORDER, "no order")
                if self._pause_told_ns != found:
                    self._pause_told_ns = found
                    self.world.call_at(found, self.wake)
                return False
            family, job = self.family or found[0], found[1]
            self.world.tally.started += 1
            number = self.world.tally.started
            self.inside = [
                Part(f"S{family}-{number:07d}", family, job, f"SH-{family}", self.world.now_ns),
            ]
            return True
        while len(self.inside) < self.physics.batch:
            part = self._next_part()
            if part is None:
                self._become(Activity.STARVED)
                return False
            self.inside.append(part)
        return True

    def _take_led(self, lead: Lead) -> bool:
        """Do the same by the word of an MES."""
        task = lead.task(self.name)
        if task is None:
            self._become(Activity.NO_ORDER, "no order")
            return False
        if not lead.stocked(self.name, task):
            self._become(Activity.STARVED, "material")
            return False
        wanted = lead.charge(self.name, task, len(self.inside))
        while len(self.inside) < wanted:
            part = self._made(task) if self.physics.source else self._next_led(lead, task)
            if part is None:
                self._become(Activity.STARVED)
                return False
            self.inside.append(part)
        if not self.inside:
            self._become(Activity.STARVED)
            return False
        self.task, self.taken_ns = task, self.world.now_ns
        self.used = lead.use(self.name, task)
        if self.physics.kind == "load":
            self.used = ((self.inside[0].product, self.inside[0].serial, 1.0), *self.used)
        return True

    def _made(self, task: Task) -> Part:
        self.world.tally.started += 1
        family = int(task.product.rpartition("-")[2])
        serial = f"S{family}-{self.world.tally.started:07d}"
        return Part(serial, family, task.order, task.product, self.world.now_ns)

    def _next_led(self, lead: Lead, task: Task) -> Part | None:
        holding = [space for space in self.inputs if space.parts]
        if len(holding) > 1:
            holding.sort(key=lambda space: (space.parts[0].born_ns, space.name))
        name, may_take = self.name, lead.may_take
        for space in holding:
            part = space.take_where(lambda each: may_take(name, task, each))
            if part is not None:
                return part
        return None

    def lot_in_hand(self, product: str) -> str:
        """Return the lot of which a lead had the unit take for this part; "" = nobody leads."""
        return next((source for name, source, _ in self.used if name == product), "")

    def task_in_hand(self) -> Task | None:
        """Return what a lead has the unit make now."""
        return self.task

    def _next_part(self) -> Part | None:
        holding = [space for space in self.inputs if space.parts]
        if len(holding) > 1:
            holding.sort(key=lambda space: (space.parts[0].born_ns, space.name))
        for space in holding:
            part = space.take(self.family)
            if part is not None:
                return part
        return None

    def _permitted(self, interlock: CellInterlock) -> Generator[simpy.Event, Any, bool]:
        """Ask whether the part may be built in; return whether it was. Without an answer the cell stands.

        A part that may not is put aside by whoever stands there, and the cell goes on with the next.
        """
        part = self.inside[0]
        silent = False
        while True:
            until_ns = interlock.ask(part.serial)
            self.world.call_at(until_ns, self.wake)
            while not interlock.answer and self.world.now_ns < until_ns:
                yield self._sleep()
            if interlock.answer:
                break
            if not silent:
                silent = True
                self._alarm(ALARM_NO_ANSWER, f"Interlock: nobody answers for {part.serial}", 2)
                self._become(Activity.JAMMED, "nobody answers the interlock")
        if silent:
            self._alarm(0, "", 0)
        if interlock.may:
            return True
        text = f"Interlock: {part.serial} may not be built in ({interlock.words})"
        self._alarm(ALARM_REFUSED, text, 2)
        self._become(Activity.JAMMED, text)
        self.world.tally.scrapped += 1
        self.world.truth.add(TruthTakenOut(unit=self.name, at_ns=self.world.now_ns, serial=part.serial,
                                           order=part.job, cause=text))  # fmt: skip
        self.inside.clear()
        yield self._for_s(ASIDE_S)
        self._alarm(0, "", 0)
        return False

    def _prepare(self) -> Process:
        part = self.inside[0]
        if self.physics.set_up_min > 0 and self.made_family not in (0, part.family):
            self._become(Activity.SETTING_UP, f"set-up from {self.made_family} to {part.family}")
            yield self._for_s(self.physics.set_up_min * 60 * math.exp(0.08 * self.stream.gauss(0, 1)))
        self.made_family = part.family
        tool = self.physics.tool
        if tool.life and (self.tool_used >= tool.life or self.tool_asked):
            yield from self._change_tool(
                "tool changed by hand" if self.tool_asked else "tool at the end of its life"
            )
        elif tool.dress_every and self.since_dressing >= tool.dress_every:
            self._become(Activity.DRESSING, "dressing")
            yield self._for_s(tool.dress_s)
            self.since_dressing = 0
            self.say("wheel/parts_since_dressing", 0)

    def _change_tool(self, why: str) -> Process:
        tool = self.physics.tool
        self._become(Activity.TOOL_CHANGE, why)
        yield self._for_s(tool.change_s)
        self.tool_used, self.tool_number, self.since_dressing = 0, self.tool_number + 1, 0
        self.tool_asked, self.insert_times = False, 1.0
        self.say("tool/number", self.tool_number)
        self.say("tool/life", tool.life)

    def _work(self) -> Process:
        part = self.inside[0]
        world = self.world
        seconds = self.cycle_s * self.standard_factor
        seconds *= math.exp(self.physics.cycle_cv * self.stream.gauss(0.0, 1.0))
        if self.physics.pneumatic:
            valve = world.physics.causes.compressor_valve
            seconds *= 1.0 + valve.slow_per_bar * world.surroundings.sag_bar_now(world.now_ns)
        self.cycle_ns = max(1, round(seconds * 1000)) * MILLISECOND_NS
        job, product = part.job if self.task is None else self.task.job, part.product
        if self.jobs is not None:
            job = self.jobs.made_for(job)
        self.flag("job", job)
        self.flag("serial", part.serial)
        if self.physics.kind == "load":
            self.flag("made_serial", f"A{part.serial[1:]}")
        self.flag("product", product)
        self.flag("mtc/program", f"O{part.family}0")
        if self.physics.kind == "furnace":
            self.charges += 1
            self.say("charge/number", self.charges)
        self.began_ns = world.now_ns
        started_ns, left_ns = world.now_ns, self.cycle_ns
        stopped_ns = 0
        while left_ns > 0:
            self._become(Activity.PRODUCING, new_segment=True)
            step_ns = min(left_ns, self._failure_left_ns, self._jam_left_ns)
            before_ns = world.now_ns
            self._working = True
            # An injection interrupts; how far the cycle came is read from the clock below.
            with contextlib.suppress(simpy.Interrupt):
                yield world.env.timeout(step_ns)
            self._working = False
            ran_ns = world.now_ns - before_ns
            left_ns -= ran_ns
            self._failure_left_ns -= ran_ns
            self._jam_left_ns -= ran_ns
            self.bearing_age_h += ran_ns / HOUR_NS * self._load_share
            halted_ns = world.now_ns
            if self._forced is not None:
                yield from self._forced_stop()
            elif self._failure_left_ns <= 0:
                yield from self._stop(Activity.BROKEN, self.physics.failure, self._failures)
                self._failure_left_ns = self._until(self._failures, self.physics.failure)
            elif self._jam_left_ns <= 0:
                yield from self._stop(Activity.JAMMED, self.physics.jam, self._jams)
                self._jam_left_ns = self._until(self._jams, self.physics.jam)
            stopped_ns += world.now_ns - halted_ns
        self.tool_used += 1
        self.since_dressing += 1
        self.say("cycle_time", round((world.now_ns - started_ns - stopped_ns) / SECOND_NS, 3))
        if self.physics.tool.life:
            self.say("tool/life", self.physics.tool.life - self.tool_used)
        if self.physics.tool.dress_every:
            self.say("wheel/parts_since_dressing", self.since_dressing)
        if self._bears and self.bearing_age_h >= self.bearing_life_h:
            yield from self._bearing_fails()

    def _deliver(self) -> Process:
        craft = CRAFTS.get(self.physics.kind)
        charge = self.inside
        for place, part in enumerate(charge):
            cause = craft(self, part, place) if craft is not None else ""
            if not cause and self.physics.reject and self.chance.random() < self.physics.reject:
                cause = "chance"
            if cause:
                part.flaws.append(cause)
        while charge:
            part = charge[0]
            if part.flaws:
                self._reject(part)
                self._passed(part, good=False)
            elif self.to_outside or self.physics.sink:
                self.world.tally.finished += 1
                self._count_good()
                self._passed(part, good=True)
            else:
                space = self._space_for(part)
                while space is None:
                    if self._forced is not None:
                        yield from self._forced_stop()
                    self._become(Activity.BLOCKED if self.planned else Activity.RESTING)
                    yield self._sleep()
                    space = self._space_for(part)
                self._count_good()
                self._passed(part, good=True)
                space.put(part)
            charge.pop(0)

    def _space_for(self, part: Part) -> Space | None:
        """Return the emptiest output with room that leads to somebody who can use the part."""
        best: Space | None = None
        for space in self.outputs:
            usable = not space.full and space.accepts(part)
            if usable and (best is None or len(space.parts) < len(best.parts)):
                best = space
        return best

    # Own stops.

    def _stop(self, activity: Activity, trouble: Trouble, stream: Random, lasting: int = 0) -> Process:
        from_ns = self.world.now_ns
        if lasting == 0:
            lasting = lasting_ns(stream, trouble)
        text = trouble.text or activity.value
        self._alarm(trouble.code or 1, text, trouble.priority)
        if activity is Activity.JAMMED:
            self.jam_count += 1
            self.say("jam_count", self.jam_count)
        self._become(activity, text)
        yield self.world.env.timeout(lasting)
        self._alarm(0, "", 0)
        if activity is Activity.BROKEN and not self.physics.silent:
            self._become(Activity.CLEARING, text)
            yield self._for_s(8.0)
            self._become(Activity.RESETTING, text)
            yield self._for_s(15.0)
        self.world.truth.add(TruthStop(unit=self.name, from_ns=from_ns, to_ns=self.world.now_ns, cause=text))

    def _forced_stop(self) -> Process:
        assert self._forced is not None, "only called when something was injected"
        lasting, text = self._forced
        self._forced = None
        trouble = Trouble(code=self.physics.failure.code or 9001, text=text, priority=1)
        yield from self._stop(Activity.BROKEN, trouble, self._failures, lasting=lasting)

    def _bearing_fails(self) -> Process:
        wear = self.world.physics.causes.bearing_wear
        if self.name not in wear.harmless:
            trouble = Trouble(
                minutes=wear.repair_min, sigma=0.2, code=7301, text="spindle bearing failed", priority=1
            )
            yield from self._stop(Activity.BROKEN, trouble, self._bearings)
        self._mount_bearing()

    def _mount_bearing(self, first: float | None = None) -> None:
        wear = self.world.physics.causes.bearing_wear
        self.bearing_age_h = 0.0
        life = wear.life_h * self._bearings.weibullvariate(1.0, wear.shape)
        self.bearing_warning_h = self._bearings.uniform(wear.warning_h_min, wear.warning_h_max)
        self.bearing_life_h = max(life, 1.2 * self.bearing_warning_h) if first is None else first

    def bearing_severity(self) -> float:
        """Return how far a bearing is towards failure, 0 to 1; 0 before the warning time."""
        if not self._bears:
            return 0.0
        into = self.bearing_age_h - (self.bearing_life_h - self.bearing_warning_h)
        return min(1.0, max(0.0, into / self.bearing_warning_h)) ** 2

    def tool_wear(self) -> float:
        """Return the wear of the tool, 0 to 1."""
        life = self.physics.tool.life
        return min(1.0, self.tool_used / life) if life else 0.0

    def _until(self, stream: Random, trouble: Trouble) -> int:
        if trouble.every_h <= 0:
            return _NEVER_NS
        hours = trouble.every_h * (self.jam_factor_divisor() if trouble is self.physics.jam else 1.0)
        return max(1, round(stream.expovariate(1.0 / hours) * 3_600_000)) * MILLISECOND_NS

    def jam_factor_divisor(self) -> float:
        """Return by how much jams are rarer now: the operator's method of this shift decides."""
        cause = self.world.physics.causes.operator_method
        if not cause.on or self.name not in cause.units:
            return 1.0
        return 1.0 / cause.factor if self.method() == "B" else 1.0

    def method(self) -> str:
        """Return how the operator of this shift loads: A or B, whoever it is."""
        shift = (self.world.now_ns + 2 * HOUR_NS) // (8 * HOUR_NS)
        return "B" if self.world.entropy.stream(f"method/{self.name}/{shift}").random() < 0.35 else "A"

    # Words.

    def _announce(self) -> None:
        for path, value in (
            ("good_count", 0), ("reject_count", 0), ("alarm/code", 0), ("alarm/active", False),
            ("alarm/text", ""), ("alarm/priority", 0), ("job", ""), ("serial", ""), ("product", ""),
            ("made_serial", ""),
            ("cycle_time", 0.0), ("mtc/avail", "AVAILABLE"), ("mtc/program", "O1000"), ("mtc/part_count", 0),
            ("jam_count", 0), ("wheel/parts_since_dressing", 0), ("charge/number", 0), ("lot", ""),
            ("interlock/serial", ""), ("interlock/request", 0), ("interlock/answer", 0),
            ("interlock/answer_serial", ""), ("interlock/answered", 0), ("set/torque", 0.0),
            ("set/angle", 0.0),
        ):  # fmt: skip
            self.say(path, value)
        if self.physics.tool.life:
            self.say("tool/number", self.tool_number)
            self.say("tool/life", self.physics.tool.life)

    def _become(self, activity: Activity, reason: str = "", *, new_segment: bool = False) -> None:
        changed = activity is not self.activity or not self._shown
        self.activity, self.reason, self._shown = activity, reason, True
        if changed:
            set_up = activity is Activity.SETTING_UP
            self.flag("blocked", activity is Activity.BLOCKED)
            self.flag("starved", activity is Activity.STARVED)
            self.flag("set_up", set_up)
            self.flag("mode", 3 if set_up else 1)
            self.flag("state", int(STATE[activity]))
            self.flag("mtc/execution", EXECUTION[activity])
            self.flag("mtc/mode", "MANUAL" if set_up else "AUTOMATIC")
        if changed or new_segment:
            self.segments.open(
                mean_power_kw(self.physics.power, activity, waiting_share=self._waiting_share())
            )
        self._tell_truth()

    def _waiting_share(self) -> float:
        idle = self.world.physics.causes.idle_energy
        return 1.0 if idle.on or self.physics.silent else 1.0 - idle.saved

    def _tell_truth(self) -> None:
        self.world.truth.unit_is(
            self.name,
            self.world.now_ns,
            true_class(self.activity, planned=self.planned),
            NAME[self.activity],
            self.reason,
        )

    def flag(self, path: str, value: object) -> None:
        """Report a value of this unit now, if it is another one than before."""
        if self.flags.get(path) != value:
            self.flags[path] = value
            self.say(path, value)

    def say(self, path: str, value: object) -> None:
        """Report a value of this unit now."""
        heard = self._heard.get(path)
        if heard is None:
            heard = self._heard[path] = self.world.wants(self.name, path)
        if heard:
            self.world.emit(self.name, path, value)

    def _alarm(self, code: int, text: str, priority: int) -> None:
        self.flag("alarm/code", code)
        self.flag("alarm/text", text)
        self.flag("alarm/priority", priority)
        self.flag("alarm/active", code != 0)
        self.flag("mtc/system", f"Fault|{code}|{priority}||{text}" if code else "Normal||||")

    def _count_good(self) -> None:
        self.good_count += 1
        if self.jobs is not None:
            self.jobs.count(good=1)
        self.say("good_count", self.good_count & 0xFFFFFFFF)
        self.say("mtc/part_count", self.good_count & 0xFFFFFFFF)

    def _passed(self, part: Part, *, good: bool) -> None:
        if self.task is not None:
            self.world.truth.add(
                TruthPassage(
                    unit=self.name, taken_ns=self.taken_ns, from_ns=self.began_ns,
                    at_ns=self.world.now_ns, serial=part.serial, product=part.product,
                    job=self.task.job, order=part.job, good=good, used=self.used,
                )
            )  # fmt: skip

    def _reject(self, part: Part) -> None:
        self.reject_count += 1
        if self.jobs is not None:
            self.jobs.count(scrap=1)
        self.world.tally.scrapped += 1
        self.say("reject_count", self.reject_count & 0xFFFFFFFF)
        now_ns = self.world.now_ns
        truth = self.world.truth
        truth.add(TruthReject(unit=self.name, at_ns=now_ns, serial=part.serial, cause=part.flaws[-1]))
        counting = self.world.physics.causes.mes_counting
        if counting.on and self._miscounts.random() * counting.one_of < 1.0:
            twice = self._miscounts.random() < 0.5
            told_ns = now_ns if twice else now_ns + round(counting.late_min * 60) * SECOND_NS
            truth.add(
                TruthMiscount(
                    unit=self.name,
                    at_ns=now_ns,
                    serial=part.serial,
                    how="twice" if twice else "late",
                    told_ns=told_ns,
                )
            )

    # Waiting.

    def _sleep(self) -> simpy.Event:
        self._waiting = self.world.env.event()
        return self._waiting

    def _for_s(self, seconds: float) -> simpy.Event:
        return self.world.env.timeout(max(1, round(seconds * 1000)) * MILLISECOND_NS)


class ServiceUnit(WorkUnit):
    """A machine that serves others and makes no parts: it runs until it breaks."""

    def _run(self) -> Process:
        self._announce()
        while True:
            if self._forced is not None:
                yield from self._serve_not()
            self._become(Activity.PRODUCING)
            self._working = True
            with contextlib.suppress(simpy.Interrupt):  # an injection: the loop looks at it
                yield self._sleep()
            self._working = False

    def _serve_not(self) -> Process:
        assert self._forced is not None, "only called when something was injected"
        now_ns = self.world.now_ns
        if self.physics.kind == "compressor":
            ramp = Ramp("pressure", now_ns, now_ns + self._forced[0], 3.0)
            self.world.surroundings.ramps.append(ramp)
        yield from self._forced_stop()
