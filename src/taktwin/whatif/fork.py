"""The present as a beginning: in come the twin's picture and the MES's job orders, out goes a plant to run.

A part of an order is a job of its own, since parts go on as soon as they are made. What neither the
twin nor the MES can say is taken by a rule, and each use of a rule is noted. Pure.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from taktwin.contracts.state import Frame, UnitDocument
from taktwin.contracts.whatif import Note
from taktwin.instants import SECOND_NS
from taktwin.measures.time_classes import WAITING, band_of
from taktwin.plant.registry import Registry
from taktwin.plant.routes import STEP, made_at, number_of, place_of
from taktwin.simulation.changes import JOBS_MAX
from taktwin.simulation.model import Material, Order, Plant, Product
from taktwin.simulation.start import Hand, JobStart, Moving, Start, Task, UnitStart
from taktwin.standards import packml
from taktwin.standards.iso22400 import TimeClass
from taktwin.standards.job_control import State
from taktwin.whatif.late import Standing, standing
from taktwin.whatif.measured import NO_CODE
from taktwin.whatif.model import Translated, step_of

REACH = 2.0  # times what the machines of a first step can take over the horizon: what may be got to
OWN_LOT = (
    200  # parts of one product after the other, where a plant works off a list that the MES does not have
)
COUNTS = ("good_count", "reject_count")
UNDER_WAY = {State.RUNNING.value, State.INTERRUPTED.value}
AT_WORK = {TimeClass.PRODUCTION, TimeClass.SET_UP, TimeClass.BLOCKED, TimeClass.STARVED, TimeClass.DELAY_OWN}


_NO_FAULT = {
    packml.WORDS[each]
    for each in (packml.State.STOPPED, packml.State.STOPPING, packml.State.RESETTING, packml.State.STARTING,
                 packml.State.COMPLETING)
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """An open order of the MES."""

    request: str
    product: str
    due_ns: int  # 0: none
    parts: int  # that are not through yet
    release_s: float = 0.0  # after the instant, where an order is known that came only then
    priority: int = 0
    quantity: int = 0
    made: int = 0  # good parts that are through the last operation

    @property
    def standing(self) -> Standing:
        """Return what can still become of it."""
        return standing(quantity=self.quantity, made=self.made, left=self.parts)


@dataclass(frozen=True, slots=True)
class Forked:
    """A plant with its orders, and where it stands."""

    plant: Plant
    start: Start
    wanted: tuple[Wanted, ...]  # in the MES's sequence
    request_of: tuple[int, ...]  # of each of the plant's orders its place in `wanted`; -1: of no order
    finals: tuple[str, ...]  # products that nothing here is made of
    entries: tuple[str, ...]  # work centers at which jobs wait that nobody has begun
    notes: tuple[Note, ...]


@dataclass(slots=True)
class _Part:
    """Parts that go together: at which place of the route, and what for."""

    name: str
    product: str
    quantity: int
    place: int
    request: int = -1
    begun: bool = False
    group: str = ""  # what goes together beside orders: work that the MES does not know

    def job(self) -> JobStart:
        return JobStart(self.product, step_of(self.place), order=self.name)


class _Fork:
    """Collects parts, units and notes."""

    def __init__(self, registry: Registry, model: Translated, frame: Frame, horizon_s: float) -> None:
        self.registry, self.model, self.frame, self.horizon_s = registry, model, frame, horizon_s
        self.made_at = made_at(registry)
        self.documents = {each.unit: each for each in frame.units}
        self.signals = dict(zip(frame.signals, zip(frame.values, frame.source_ns, strict=True), strict=True))
        self.notes: list[Note] = []
        self.parts: list[_Part] = []
        self.waiting: dict[tuple[str, int], deque[_Part]] = {}  # product, place -> who waits there
        self.wanted: list[Wanted] = []
        # Work unit -> product, place and place in `wanted` of what runs there, as the MES has it.
        self.running: dict[str, tuple[str, int, int]] = {}
        self.bound: dict[str, dict[str, str]] = {}  # order -> step -> unit of the simulation
        self.began_ns: dict[int, int] = {}  # place in `wanted` -> when its first job order began
        self.busy: set[str] = set()  # work units at which a begun job order is, also one that is interrupted
        # Work unit -> since when none runs there, 0: none ever did; of one that is not here it is not known.
        self.free_since_ns: dict[str, int] = {}
        self.doubtful: set[tuple[int, int]] = set()  # place in `wanted` and in the route: has it its parts?
        self.stock: dict[str, int] = {}
        self.by_order = {center.name for center in model.centers if center.by_order}
        self.moves: list[tuple[_Part, float]] = []
        self.blocked: dict[str, list[str]] = {}
        self.here: dict[str, list[_Part]] = {}
        self.unnamed: list[str] = []  # work units that stand, and do not say which part they have begun
        self.lot = 1
        self.far: frozenset[str] = frozenset()  # orders that nobody gets to: each goes in one piece
        # Order, operation -> good parts and others of its job orders that are over.
        self.through: dict[tuple[str, int], tuple[int, int]] = {}
        # Of what no set-up knows a unit may be set up for anything.
        self.families = {family for center in model.centers for pair in center.setup_s for family in pair}

    # -- who says what

    def _of_role(self, unit: str, role: str) -> tuple[Any, int]:
        """Return value and source time of the signal with a role; None where there is none."""
        equipment = self.registry.equipment[unit]  # type: ignore[index]
        for index in equipment.signals:
            if self.registry.signals[index].role == role and index in self.signals:
                return self.signals[index]
        return None, 0

    def time_class(self, unit: str) -> str:
        """Return what a unit does; of one that tells it by its power alone, by the levels that it has."""
        document = self.documents.get(unit)
        if document is None:
            return TimeClass.UNKNOWN
        bands, (power_kw, _) = self.model.bands.get(unit), self._of_role(unit, "power")
        unsaid = document.time_class in (TimeClass.UNKNOWN, TimeClass.PLANNED_DOWN)
        if bands is None or power_kw is None or unsaid:
            return document.time_class
        word = band_of(bands, float(power_kw))
        return TimeClass.STARVED if word == WAITING else word

    def product_at(self, unit: str) -> str:
        """Return what a work unit makes: as the MES has it, else as the machine says it; "" unknown."""
        if unit in self.running:
            return self.running[unit][0]
        said = str(self._of_role(unit, "product")[0] or "")
        # A cell at the head of an assembly may name the part that it takes.
        made = self.made_at.get(unit, {}).get(said, said)
        return made if made in {each.name for each in self.model.products} else ""

    # -- orders

    def take_orders(self, board: Mapping[str, Any]) -> None:
        """Lay out what is left of each open order, at the place where the counts have it."""
        lines: dict[str, list[Mapping[str, Any]]] = {}
        for line in board.get("lines", ()):
            lines.setdefault(str(line["request"]), []).append(line)
        # The board shows the last job orders that are over, a rebuilt one all of those that are still open.
        over = {
            str(line.get("job", (line["request"], line["operation"]))): line
            for line in (*board.get("over", ()), *board.get("through", ()))
        }  # one that was split is several
        for line in over.values():
            at = str(line["request"]), int(line["operation"])
            good, bad = self.through.get(at, (0, 0))
            self.through[at] = good + int(line["good"]), bad + int(line.get("scrap", 0))
        self.free_since_ns |= board.get("free_since_ns", {})
        known = {each.name: each for each in self.model.products}
        left = {request: max(int(each["quantity"]) for each in jobs) for request, jobs in lines.items()}
        # Beyond, what nobody gets to goes by whole orders, and what is left in small lots.
        if sum(left.values()) > JOBS_MAX:
            self.far = self._out_of_reach(lines)
        near = sum(parts for request, parts in left.items() if request not in self.far)
        self.lot = max(1, math.ceil(near / JOBS_MAX))
        for request, jobs in lines.items():
            product = known.get(str(jobs[0]["product"]))
            if product is None:
                self._note("product", [request], f"order {request}: its product is not in the plant folder")
                continue
            self._take_order(request, product, jobs)

    def _out_of_reach(self, lines: Mapping[str, list[Mapping[str, Any]]]) -> frozenset[str]:
        """Return the orders that nobody has begun or gets to before the horizon.

        By the MES's sequence, but for priority: who comes later with a higher one goes before. An order that
        is bound to a machine waits for that one alone.
        """
        units = Counter(self.model.center_of.values())
        first = {each.name: each.steps[0] for each in self.model.products}
        begun: Counter[str] = Counter()  # machine or work center -> parts that are to be begun before
        far = set()
        for request in sorted(lines, key=lambda name: -_priority(lines[name])):
            jobs = lines[request]
            to_begin = [job for job in jobs if int(job["operation"]) == STEP]
            step = first.get(str(jobs[0]["product"]))
            if step is None or not to_begin:
                continue
            at, machines = str(to_begin[0]["work_unit"]), 1
            if at not in self.model.unit_of:
                at, machines = step.center, units[step.center]
            room = REACH * machines * self.horizon_s / max(step.work.mean_s, 1.0)
            if begun[at] >= room and not any(
                job["good"] or job["scrap"] or job["state"] == State.RUNNING.value for job in jobs
            ):
                far.add(request)
            begun[at] += sum(int(job["quantity"]) - int(job["good"]) - int(job["scrap"]) for job in to_begin)
        return frozenset(far)

    def _take_order(self, request: str, product: Product, jobs: list[Mapping[str, Any]]) -> None:
        quantity, good, scrap = Counter[int](), Counter[int](), Counter[int]()
        begun: set[int] = set()
        wanted_at = len(self.wanted)
        for job in jobs:
            number = int(job["operation"])
            quantity[number] += int(job["quantity"])
            if job["good"] or job["scrap"] or job["state"] == State.RUNNING.value:
                begun.add(number)
            if job["state"] in UNDER_WAY:
                self.busy.add(str(job["work_unit"]))
            good[number] += int(job["good"])
            scrap[number] += int(job["scrap"])
            if job["state"] == State.RUNNING.value and job["work_unit"] in self.model.unit_of:
                self.running[str(job["work_unit"])] = product.name, place_of(number), wanted_at
            if job["work_unit"] in self.model.unit_of:
                steps = self.bound.setdefault(request, {})
                steps[step_of(place_of(number))] = self.model.unit_of[str(job["work_unit"])]
            if number == STEP:
                self.began_ns[wanted_at] = int(job.get("started_ns", 0)) or self.frame.at_ns
        # Of one that was split some job orders may be over, and the others not.
        over = {number: self.through.get((request, number), (0, 0)) for number in quantity}
        whole = max(n + over[number][0] + over[number][1] * (number > STEP) for number, n in quantity.items())
        # Only a back-test knows orders of later: there they come when they came.
        since_s = max(0.0, (int(jobs[0].get("released_ns", 0)) - self.frame.at_ns) / SECOND_NS)
        before, odd = whole, False
        made = 0
        for place in range(len(product.steps)):
            number = number_of(place)
            # Of a job order that is over and that the board does not show, all went through.
            if number in quantity:
                through = good[number] + over[number][0]
                # What is bad at a first operation is made again there, as long as its job order goes on.
                here = (
                    before - through - scrap[number] - over[number][1]
                    if place
                    else quantity[number] - good[number]
                )
            else:
                through, here = self.through.get((request, number), (before, 0))[0], 0
            is_over = number - STEP not in quantity and (request, number - STEP) not in self.through
            if number in quantity and place and is_over and number not in begun:
                self.doubtful.add((wanted_at, place))
            odd |= here < 0
            lot = max(here, 1) if request in self.far else self.lot
            for _ in range(0, max(here, 0), lot):
                made += 1
                size = min(lot, max(here, 0))
                here -= size
                part = _Part(f"{request}#{made}", product.name, size, place, wanted_at, begun=place > 0)
                self._add(part, is_here=not since_s)
            before = through
        if odd:
            self._note("counts", [request], f"order {request}: more came out of an operation than went in")
        parts = sum(each.quantity for each in self.parts if each.request == wanted_at)
        due_ns = max(int(job["due_ns"]) for job in jobs)
        priority = _priority(jobs)
        self.wanted.append(Wanted(request, product.name, due_ns, parts, since_s, priority, whole, before))

    def _add(self, part: _Part, *, is_here: bool = True) -> None:
        self.parts.append(part)
        if is_here:
            self.waiting.setdefault((part.product, part.place), deque()).append(part)

    def _note(self, code: str, subjects: Iterable[str], text: str) -> None:
        self.notes.append(Note(code=code, subjects=sorted(subjects), text=text))

    # -- work that the MES does not know

    def own_work(self) -> list[str]:
        """Return the products that the plant works on without an order of the MES."""
        ordered = {each.product for each in self.wanted if not each.release_s}
        found = []
        for product in self.model.products:
            units = [u for u, center in self.model.center_of.items() if center == product.steps[0].center]
            at_work = [
                u for u in units
                if u in self.running or self.time_class(u) in AT_WORK
                or (self._rests_from_own_work(u) and self.product_at(u) == product.name)
            ]  # fmt: skip
            is_without = any(unit not in self.running for unit in at_work)
            if at_work and ((is_without and product.name not in ordered) or self._goes_on(product)):
                found.append(product.name)
        if found:
            rule = f"taken to go on, {OWN_LOT} parts of a product after the other where machines are shared"
            self._note("own", found, f"{', '.join(found)}: made without an order of the MES; {rule}")
        after = sorted({
            self.wanted[request].request for product, place, request in self.running.values()
            if place == 0 and product not in found
        })  # fmt: skip
        if after:
            text = f"order {', '.join(after)}: what its line goes on with is not known: taken to be nothing"
            self._note("after", after, text)
        return found

    def _goes_on(self, product: Product) -> bool:
        """Return whether a product of which there are orders is made without one too.

        An order in hand stops that only as long as it lasts, and says nothing of it; another machine of the
        route that makes the product without a job order says that parts come which the MES does not know.
        """
        centers = {step.center for step in product.steps}
        return any(
            center in centers and self.product_at(unit) == product.name and self._has_no_order(unit)
            for unit, center in self.model.center_of.items()
        )

    def _has_no_order(self, unit: str) -> bool:
        """Return whether what a work unit has in hand is of no job order, or was before it went to rest.

        The last part of an interrupted one, or of one that has just ended, is of that.
        """
        if self._rests_from_own_work(unit):
            return True
        if unit in self.busy or self.time_class(unit) not in (TimeClass.PRODUCTION, TimeClass.BLOCKED):
            return False
        since_ns = self.free_since_ns.get(unit, 0)
        return not since_ns or self._of_role(unit, "good_count")[1] > since_ns

    def _rests_from_own_work(self, unit: str) -> bool:
        """Return whether the last part of a work unit that is off by plan was made without a job order.

        That is so where it came after the last job order there; one that came at its very end is of that.
        Where the MES does not say when that was, nobody knows, and it is taken to be of an order.
        """
        since_ns = self.free_since_ns.get(unit)  # None also where one runs
        is_off = self.time_class(unit) == TimeClass.PLANNED_DOWN
        if since_ns is None or not is_off or unit in self.busy:
            return False
        # A counter that stands at nothing says when it was set so, and of no part.
        counts = (self._of_role(unit, role) for role in COUNTS)
        counted_ns = max((at_ns for count, at_ns in counts if count), default=0)
        return counted_ns > since_ns

    def take_buffers(self, own: list[str], stock: Mapping[str, int] | None) -> None:
        """Lay out what lies between the machines beyond what belongs to orders.

        `stock`: pieces in store by product, None where nobody tells which they are.
        """
        contents = {each.buffer: each.content for each in self.frame.buffers}
        before: dict[str, int] = {}  # work center -> parts in all buffers before it
        for buffer in self.registry.buffers:
            centers = {self.model.center_of[t] for t in buffer.targets if t in self.model.center_of}
            content = contents.get(buffer.id)
            if content is None or content < 0:
                self._note("buffer", [buffer.id], f"what lies in {buffer.id} is not known: taken to be empty")
                continue
            if len(centers) > 1:
                self._fill_store(buffer.sources, content, stock)
                continue
            for center in centers:
                before[center] = before.get(center, 0) + content
        for center, content in before.items():
            self._fill(center, content, own)

    def _fill_store(self, sources: Iterable[str], content: int, stock: Mapping[str, int] | None) -> None:
        made = [p.name for p in self.model.products if p.name in self.model.makes
                and self.model.center_of.get(next(iter(sources), "")) == p.steps[-1].center]  # fmt: skip
        if stock is not None:
            self.stock |= {name: max(0, stock.get(name, 0)) for name in made}
            return
        for place, name in enumerate(made):
            self.stock[name] = (content + len(made) - 1 - place) // len(made)
        if len(made) > 1 and content:
            self._note("stock", made, f"the {content} parts in store are taken to be {', '.join(made)} alike")

    def _fill(self, center: str, content: int, own: list[str]) -> None:
        at = [(p.name, place) for p in self.model.products for place, step in enumerate(p.steps)
              if step.center == center]  # fmt: skip
        known = sum(part.quantity for key in at for part in self.waiting.get(key, ()))
        named = [
            self.product_at(unit) for unit, at_center in self.model.center_of.items() if at_center == center
        ]
        lie = sum(part.quantity for key in at if key[1] for part in self.waiting.get(key, ()))
        if lie > content:
            self._lose([key for key in at if key[1]], lie - content)
        choice = [key for key in at if key[0] in own]
        choice.sort(key=lambda key: key[0] not in named)
        for number in range(max(0, content - known) if choice else 0):
            product, place = choice[0]
            group = f"-{product}@{center}"
            self._add(_Part(f"{group}#{number + 1}", product, 1, place, begun=True, group=group))

    def _lose(self, at: Sequence[tuple[str, int]], count: int) -> None:
        """Take out what an order waits for and no buffer holds: it was scrapped where the order is over.

        The board does not show for ever how many parts an operation lost that is over, so all of them may
        have been. Only operations that nobody has begun can tell.
        """
        here = [part for key in at for part in self.waiting.get(key, ())
                if (part.request, part.place) in self.doubtful]  # fmt: skip
        lost: Counter[int] = Counter()
        for part in here:
            if part.quantity <= count:
                count -= part.quantity
                lost[part.request] += part.quantity
                self.waiting[part.product, part.place].remove(part)
                self.parts.remove(part)
        for request, parts in lost.items():
            wanted = self.wanted[request]
            self.wanted[request] = replace(wanted, parts=wanted.parts - parts)
            self._note("nowhere", [wanted.request],
                       f"order {wanted.request}: {parts} parts lie nowhere: taken to be scrap")  # fmt: skip

    def name_what_nobody_makes(self) -> None:
        """Note which open orders have no part left to make: short, or made and not closed."""
        gone, unclosed = (
            [each.request for each in self.wanted if each.standing is how]
            for how in (Standing.GONE, Standing.UNCLOSED)
        )
        if gone:
            short = ", ".join(gone)
            self._note("gone", gone, f"order {short}: short, and no part of it is left: late once it is due")
        if unclosed:
            made = ", ".join(unclosed)
            self._note("unclosed", unclosed, f"order {made}: made and not closed: neither late nor in time")

    def keep_busy(self, own: list[str]) -> None:
        """Lay out what the plant goes on with by itself, as much as the horizon can take."""
        by_center: dict[str, list[str]] = {}
        for name in own:
            by_center.setdefault(self.model.product(name).steps[0].center, []).append(name)
        for center, names in by_center.items():
            units = [unit for unit, at in self.model.center_of.items() if at == center]
            now = [self.product_at(unit) for unit in units]
            names.sort(key=lambda name: (name not in now, name))
            mean_s = min(self.model.product(name).steps[0].work.mean_s for name in names)
            parts = math.ceil(1.2 * len(units) * self.horizon_s / max(mean_s, 1.0))
            lot = max(self.lot, math.ceil(parts * len(by_center) / JOBS_MAX))
            for number in range(0, parts, lot):
                product = names[number // OWN_LOT % len(names)]
                group = f"-{product}@run{number // OWN_LOT + 1}"
                self._add(_Part(f"-{product}#{number + 1}", product, lot, 0, group=group))

    # -- units

    def unit(self, unit: str, at_work: tuple[str, int, int] | None) -> UnitStart:
        """Return how a work unit begins; takes the part in its hand out of what waits for it.

        Parameters
        ----------
        at_work : product, place in its route, and place in `wanted` of what it runs; -1 whatever is there
        """
        started = self._unit(unit, at_work)
        by_order = self.model.center_of[unit] in self.by_order
        if started.job is not None or not by_order or unit not in self.running:
            return started
        product, place, request = self.running[unit]
        if not any(part.request == request for part in self.parts):
            return started
        document = self.documents[unit]
        waits = any(part.request == request for part in self.waiting.get((product, place), ()))
        is_starved = self.time_class(unit) == TimeClass.STARVED and not waits
        since_s = (document.since_ns - self.frame.at_ns) / SECOND_NS if is_starved else None
        return replace(started, hand=Hand(self.wanted[request].request, step_of(place), since_s))

    def _unit(self, unit: str, at_work: tuple[str, int, int] | None) -> UnitStart:
        document = self.documents.get(unit)
        name = self.model.unit_of[unit]
        product = self.product_at(unit)
        family = self._family(product) if product else None
        if document is None or document.time_class == TimeClass.UNKNOWN:
            self._note("silent", [unit], f"{unit} is silent: taken to be idle and able to work")
            return UnitStart(name, family=family)
        since_s = max(0.0, (self.frame.at_ns - document.since_ns) / SECOND_NS)
        kind = self.time_class(unit)
        waiting = None if at_work is None else self._of(at_work)
        rests = kind in (TimeClass.DELAY_OWN, TimeClass.PLANNED_DOWN)
        begun_s = self._begun_s(document) if rests and waiting else None
        down: dict[str, Any] = {}
        if kind == TimeClass.DELAY_OWN and not self._comes_up(document):
            code = str(self._of_role(unit, "alarm_code")[0] or NO_CODE)
            down_by = self.model.ways_down.get(unit, {}).get(code)
            down = {"is_down": True, "down_s": since_s, "down_by": down_by}
        if not waiting or at_work is None or (rests and begun_s is None):
            return UnitStart(name, family=family, **down)
        made = self.registry.products[at_work[0]]
        operation = self.registry.routings[made.routing].operations[at_work[1]]
        set_up_for = self._family(at_work[0])
        if rests or kind == TimeClass.PRODUCTION:
            elapsed_s = self._elapsed_s(document, since_s) if begun_s is None else begun_s
            jobs = self._charge(waiting, operation.batch) if operation.batch > 1 else (self._taken(waiting),)
            return UnitStart(
                name, Task.WORKING, jobs[0], set_up_for, elapsed_s=elapsed_s, others=jobs[1:], **down
            )
        elif (
            kind == TimeClass.SET_UP and (takes_s := self._set_up_s(unit, set_up_for, operation.setup_s)) > 0
        ):
            left_s = max(0.0, takes_s - since_s)
            return UnitStart(name, Task.SETUP, self._taken(waiting), set_up_for, left_s=left_s)
        elif kind == TimeClass.BLOCKED:
            steps = self.model.product(at_work[0]).steps
            if at_work[1] + 1 < len(steps) and steps[at_work[1]].move_s == 0:
                self.blocked.setdefault(steps[at_work[1] + 1].center, []).append(name)
                part = waiting[0]
                self.waiting[part.product, part.place].remove(part)
                part.begun, part.place = True, part.place + 1
                return UnitStart(name, Task.BLOCKED, part.job(), set_up_for)
        return UnitStart(name, family=family)

    def _family(self, product: str) -> str | None:
        """Return what a unit is set up for that makes a product; None where no set-up here knows it."""
        family = self.registry.products[product].setup_family
        return family if family in self.families else None

    def _set_up_s(self, unit: str, family: str | None, standard_s: float) -> float:
        """Return how long a set-up for a family takes, on average over what may have been there before."""
        [center] = [each for each in self.model.centers if each.name == self.model.center_of[unit]]
        spans = [takes_s for (_, after), takes_s in center.setup_s.items() if after == family]
        return sum(spans) / len(spans) if spans else standard_s

    def _of(self, at_work: tuple[str, int, int]) -> list[_Part]:
        """Return what waits for a unit, of the order that it has in hand."""
        product, place, request = at_work
        waiting = self.waiting.get((product, place), ())
        if request < 0:  # no order: what is of none comes first
            return sorted(waiting, key=lambda part: part.request >= 0)
        return [part for part in waiting if part.request == request]

    def _elapsed_s(self, document: UnitDocument, since_s: float) -> float:
        """Return for how long a part is worked on: since the last one came out, or since work began."""
        counted_ns = max(self._of_role(document.unit, role)[1] for role in COUNTS)
        if not counted_ns:
            return since_s
        return max(0.0, min(since_s, (self.frame.at_ns - counted_ns) / SECOND_NS))

    def _begun_s(self, document: UnitDocument) -> float | None:
        """Return for how long a part was worked on that a fault or a break finds in a unit; None: none is.

        A unit names each part that it begins and counts it at its end: named and not counted is in hand, so
        is what is named at the very instant at which the one before it is counted.
        Who names no parts may have one: that is noted.
        """
        named, named_ns = self._of_role(document.unit, "serial")
        if not named_ns:
            self.unnamed.append(document.unit)
            return None
        counted_ns = max(self._of_role(document.unit, role)[1] for role in COUNTS)
        if not named or named_ns < counted_ns:
            return None
        return max(0.0, (document.since_ns - named_ns) / SECOND_NS)

    def name_what_may_be_in_hand(self) -> None:
        """Note at which units that stand a part begins anew, though one may have been begun."""
        if self.unnamed:
            units = ", ".join(self.unnamed)
            text = f"{units}: whether a part is in hand is not known: it begins one anew"
            self._note("anew", self.unnamed, text)

    def _taken(self, waiting: list[_Part]) -> JobStart:
        part = waiting.pop(0)
        self.waiting[part.product, part.place].remove(part)
        part.begun = True
        return part.job()

    def _charge(self, waiting: list[_Part], size: int) -> tuple[JobStart, ...]:
        """Return the parts that are in a charge together."""
        found: list[JobStart] = []
        room = size
        while waiting and (not found or room >= waiting[0].quantity):
            room -= waiting[0].quantity
            found.append(self._taken(waiting))
        return tuple(found)

    def _comes_up(self, document: UnitDocument) -> bool:
        """Return whether a unit that does not work has no fault: after a break it takes its time to begin."""
        code, _ = self._of_role(document.unit, "alarm_code")
        return code == 0 and document.state in _NO_FAULT

    # -- what the plant is given

    def order(self, part: _Part) -> Order:
        """Return parts as an order of the plant."""
        if part.request < 0:
            return Order(part.name, part.product, part.quantity, belongs_to=part.group or None)
        wanted = self.wanted[part.request]
        return Order(part.name, part.product, part.quantity, release_s=wanted.release_s,
                     priority=wanted.priority, belongs_to=wanted.request)  # fmt: skip

    def age(self, part: _Part) -> tuple[int, int]:
        """Return what puts parts in the sequence in which they came into the plant."""
        return self.began_ns.get(part.request, 0), -part.place

    def bindings(self) -> dict[str, dict[str, str]]:
        """Return at which units the job orders of what is in the plant are to run."""
        here = {self.wanted[part.request].request for part in self.parts if part.request >= 0}
        return {
            request: at for request, steps in self.bound.items()
            if request in here and (at := {
                step: unit for step, unit in steps.items() if unit.rpartition(".")[0] in self.by_order
            })
        }  # fmt: skip


def forked(
    registry: Registry, model: Translated, frame: Frame, board: Mapping[str, Any], *, horizon_s: float
) -> Forked:
    """Return the plant as it stands, with all that is open.

    Parameters
    ----------
    frame : the twin's full picture; its instant is second 0
    board : the MES's answer to `board`; {} where there is no MES
    """
    fork = _Fork(registry, model, frame, horizon_s)
    fork.take_orders(board)
    own = fork.own_work()
    fork.take_buffers(own, board.get("stock"))
    fork.keep_busy(own)
    fork.name_what_nobody_makes()
    units = tuple(fork.unit(unit, _work_at(fork, own, unit)) for unit in sorted(model.unit_of))
    fork.name_what_may_be_in_hand()
    queues: dict[str, list[JobStart]] = {}
    for part in sorted(fork.parts, key=fork.age):
        key = part.product, part.place
        if part.begun and part in fork.waiting.get(key, ()):
            step = model.product(part.product).steps[part.place]
            queues.setdefault(step.center, []).append(part.job())
    parts = sorted(fork.parts, key=lambda part: not part.begun)  # stable: those under way first
    in_plant = {part.product for part in parts}
    products = products_of(model, in_plant)
    materials = tuple(
        Material(name, fork.stock.get(name, 0)) for name in sorted(model.makes) if name in in_plant
    )
    entries = {each.steps[0].center for each in products}
    plant = Plant(
        model.centers, products,
        tuple(
            fork.order(part) for part in parts
        ),
        calendars=model.calendars, materials=materials,
    )  # fmt: skip
    begun = {part.name for part in parts if part.begun}
    start = Start(
        units=units, queues={center: tuple(jobs) for center, jobs in queues.items()},
        blocked={center: tuple(names) for center, names in fork.blocked.items()},
        moves=tuple(Moving(part.job(), left_s) for part, left_s in fork.moves),
        bound=fork.bindings(),
        unknowns=tuple(note.text for note in fork.notes),
    )  # fmt: skip
    assert {job.order for job in start.jobs} == begun, "what is under way is somewhere"
    return Forked(
        plant=plant, start=start, wanted=tuple(fork.wanted),
        request_of=tuple(part.request for part in parts),
        finals=tuple(each.name for each in products if each.name not in model.makes),
        entries=tuple(sorted(entries)), notes=tuple(fork.notes),
    )  # fmt: skip


def _priority(jobs: Iterable[Mapping[str, Any]]) -> int:
    """Return the priority of an order, as its job orders have it."""
    return max(int(job.get("priority", 0)) for job in jobs)


def _work_at(fork: _Fork, own: list[str], unit: str) -> tuple[str, int, int] | None:
    """Return product, place in its route and order of what a unit has in hand, if it has something."""
    if unit in fork.running:
        return fork.running[unit]
    center = fork.model.center_of[unit]
    at = [(p.name, place) for p in fork.model.products for place, step in enumerate(p.steps)
          if step.center == center and fork.waiting.get((p.name, place))]  # fmt: skip
    said = fork.product_at(unit)
    named = [key for key in at if key[0] == said]
    of_own = [key for key in at if key[0] in own]
    found = next(iter(named or of_own or at), None)
    return None if found is None else (*found, -1)


def products_of(model: Translated, in_plant: set[str]) -> tuple[Product, ...]:
    """Return the products of a plant in which only some are made."""
    return tuple(_product(model, each, in_plant) for each in model.products)


def _product(model: Translated, product: Product, in_plant: set[str]) -> Product:
    """Return a product that takes and makes what is made here, where that is made in this run at all."""
    made = replace(product, makes=product.name if product.name in model.makes & in_plant else None)
    if product.name not in model.takes:
        return made
    place, pieces = model.takes[product.name]
    wanted = {name: count for name, count in pieces.items() if name in in_plant}
    steps = list(made.steps)
    steps[place] = replace(steps[place], materials=wanted)
    return replace(made, steps=tuple(steps))
