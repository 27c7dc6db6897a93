"""The virtual plant and the MES in lockstep, with people who do what people do, right and wrong.

Everything between them goes the ways of the product: what machines say as scans through collection,
orders as a file of the ERP through the importer, each touch of a person as a command to the desk. While
a cell waits for the MES, plant time stands still, and an answer is charged 0.2 s.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from taktwin.contracts import commands, samples
from taktwin.contracts.commands import Answer, CommandData
from taktwin.contracts.machine_commands import LoadParameters, MachineResult, Outcome, ReadBack
from taktwin.entropy import Entropy
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.mes.collection.listening import heard_in, listened
from taktwin.mes.definitions.routes import Definitions, compiled
from taktwin.mes.desk import Desk, content_of, project
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.execution.tables import JobOrder, Run
from taktwin.mes.quality.tables import OVER, Nonconformance
from taktwin.mes.stores import MemoryStore, Store, Transaction
from taktwin.mes.tracking.tables import CLOSED, RESTRICTED, LoadedLot, Unit
from taktwin.plant.registry import Registry
from taktwin.storage.book import MemoryBook, Reading
from taktwin.storage.journal import Entry
from taktwin.virtual_plant.flow import Part, Space, Task, Used
from taktwin.virtual_plant.model import Report, VirtualPlant
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import Fact
from tests.lockstep.errors import Mistake

LOOK_NS = 10 * SECOND_NS  # how often people look around
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
ROLES = frozenset({"good_count", "reject_count", "serial", "made_serial", "product", "result", "state",
                   "blocked", "starved", "set_up", "alarm_code"})  # fmt: skip
LOT_PARTS = {"HS-1": 96, "AD-3": 120, "BR-7": 40, "SC-12": 100, "ST-42": 60}  # parts that a container is for
TURN_NS = 10 * MINUTE_NS  # so long parts of another order wait before an operator lets them go first
# Who stands where: the last digit of their number in each shift group.
CREW = {
    "turn1": 2, "turn2": 2, "hob1": 3, "deburr1": 3, "wash1": 3, "furnace1": 3, "grind1": 4, "grind2": 4,
    "load2": 5, "adhesive2": 5, "press2": 5, "tighten2": 5, "leak2": 5, "vision2": 5,
    "load3": 6, "adhesive3": 6, "press3": 6, "tighten3": 6, "leak3": 6, "vision3": 6,
    "eol1": 7, "eol2": 8, "pack5": 1,
}  # fmt: skip
SILENT = frozenset({"deburr1", "pack5"})  # cells that ask nobody
DEFECTS = ("damaged", "other", "wrong_part")
Wish = Callable[[], None]


class Told:
    """A store beside which a book of its own is kept, made of the journal alone."""

    def __init__(self, store: Store, book: MemoryBook) -> None:
        self._store = store
        self._book = book

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a transaction; what it wrote is told once it is kept."""
        with self._store.begin() as transaction:
            tap = _Tap(transaction)
            yield tap
        for entry in tap.written:
            event = content_of(entry)
            project(self._book, event, entry.time_ns, entry.sequence)


class _Tap:
    def __init__(self, inner: Transaction) -> None:
        self._inner = inner
        self.book = inner.book
        self.written: list[Entry] = []

    def append(self, entry: Entry) -> None:
        self._inner.append(entry)
        self.written.append(entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@dataclass
class Container:
    """A lot that lies at a unit."""

    lot: str
    left: float


@dataclass
class Site:
    """One plant, its MES and its people."""

    registry: Registry
    physics: Physics
    seed: int
    start_ns: int
    store: Store = field(default_factory=MemoryStore)
    truth: Callable[[Fact], None] | None = None
    mistakes_on: bool = True
    # Mutants: what must not go unnoticed.
    drop_count_every: int = 0
    swap_serials: bool = False
    ignore_holds: bool = False

    def __post_init__(self) -> None:
        self.definitions: Definitions = compiled(self.registry)
        self.answer_s = 0.2
        self.facts: list[Fact] = []
        self.plant = VirtualPlant(
            self.registry, self.physics, start_ns=self.start_ns, seed=self.seed,
            sink=self.truth or self.facts.append, roles=ROLES, lead=self,
        )  # fmt: skip
        self.book: Reading
        if isinstance(self.store, MemoryStore):
            self.book = self.store.book
            self.desk = Desk(self.store, self.definitions, self._now)
        else:
            mirror = MemoryBook()
            self.book = mirror
            self.desk = Desk(Told(self.store, mirror), self.definitions, self._now)
        self.importer = Importer(self.desk, sender="northfield", time_zone=self.registry.time_zone)
        entropy = Entropy(self.seed)
        self.chance = entropy.stream("lockstep/people")
        self.supply = entropy.stream("lockstep/supply")
        self.mistakes: list[Mistake] = []
        self.refusals: Tally[str] = Tally()
        self.asked = 0
        self.heard = 0
        self.at: dict[tuple[str, str], Container] = {}
        self.lots_said: dict[str, float] = {}  # what lots held when they came
        self.holds: list[tuple[str, int, int]] = []  # serial, from, to (0: still)
        self.by_hand: dict[str, Task] = {}  # units that run what the MES does not know of yet
        self._listened = listened(self.definitions)
        self._numbers = itertools.count(1)
        self._position = 0
        self._due: list[tuple[int, int, Wish]] = []
        self._wanted: set[tuple[str, str]] = set()
        self._coming: set[tuple[str, str]] = set()
        self.orders = 0
        self._seen_nc: set[str] = set()
        self._idle_since: dict[str, int] = {}
        self._deciding: set[str] = set()
        self._counts_said = 0
        self._swapped: dict[str, str] = {}
        self._set_up()
        self.plant.world.env.process(self._people())

    def _now(self) -> int:
        return self.plant.world.now_ns

    def run(self, to_ns: int, progress: Callable[[int], None] | None = None) -> None:
        """Let time pass up to an instant; everything said by then is with the MES."""
        while self.plant.now_ns < to_ns:
            upto_ns = min(to_ns, self.plant.now_ns + HOUR_NS)
            self._tell(self.plant.advance(upto_ns))
            self.desk.tick()
            if progress is not None:
                progress(upto_ns)
        self.plant.finish()

    # From the machines to the MES.

    def flush(self) -> None:
        """Bring what machines have said before now to the MES."""
        self._tell(self.plant.said())

    def _tell(self, reports: list[Report]) -> None:
        scans: dict[tuple[str, str], samples.Scan] = {}
        for report in reports:
            signal = self.registry.signals[report.signal]
            value = report.value
            if self.drop_count_every and signal.role == "good_count":
                self._counts_said += 1
                if self._counts_said % self.drop_count_every == 0:
                    continue
            if self.swap_serials and signal.id == "press2/serial" and report.value:
                value = self._swap(str(report.value))
            key = (signal.connection, str(signal.equipment))
            scan = scans.get(key)
            if scan is None:
                self._position += 1
                scan = scans[key] = samples.Scan(
                    registry=self.registry.prefix, connector=signal.connection, epoch_ns=self.start_ns,
                    sequence=self._position, t0_ns=report.source_ns,
                )  # fmt: skip
            scan.signals.append(report.signal)
            scan.dt_ns.append(report.source_ns - scan.t0_ns)
            scan.values.append(value)
        heard = []
        for scan in scans.values():
            heard += heard_in(samples.decode(samples.encode(scan)), self.registry, self._listened)
        if heard:
            self.heard += len(heard)
            self.desk.hear(heard, stream="SAMPLES", position=self._position)

    def _swap(self, serial: str) -> str:
        """Say two serial numbers in each other's place, once."""
        coming = [*self.plant.world.spaces["adhesive_press2"].parts, *self.plant.units["adhesive2"].inside]
        if not self._swapped and coming:
            other = coming[0].serial
            self._swapped = {serial: other, other: serial}
        return self._swapped.get(serial, serial)

    def carry(self) -> None:
        """Let machines take what they are told, and say what they hold then: the commander's part."""
        for row in self.desk.open_commands():
            wanted = msgspec.json.decode(row.content, type=LoadParameters).values
            held = [ReadBack(signal=v.signal, wanted=v.value, found=v.value, same=True) for v in wanted]
            result = MachineResult(id=row.command, outcome=Outcome.DONE, values=held, begun_ns=self._now(),
                                   ended_ns=self._now())  # fmt: skip
            self.desk.told(result)

    # What units ask (`Lead`).

    def task(self, unit: str) -> Task | None:
        """Return what the MES says that a unit runs."""
        self.flush()
        if unit in self.by_hand:
            return self.by_hand[unit]
        for run in self.book.where(Run, work_unit=unit, to_ns=0):
            job = self.book.get(JobOrder, run.job)
            assert job is not None, "what runs is in the list"
            return Task(job.job, job.request, job.product)
        return None

    def may_take(self, unit: str, task: Task, part: Part) -> bool:
        """Return whether a part belongs to the task, and nobody holds it."""
        if unit.startswith("load"):
            fits = part.product == f"SH-{task.product.rpartition('-')[2]}"
        else:
            fits = part.job == task.order
        return fits and not self.held(part.serial)

    def held(self, serial: str) -> bool:
        """Return whether the MES holds a unit."""
        if self.ignore_holds:
            return False
        row = self.book.get(Unit, serial)
        return row is not None and row.disposition in (RESTRICTED, CLOSED)

    def charge(self, unit: str, task: Task, inside: int) -> int:
        """Return how many parts of an order go into a unit at once: a whole charge, or all that still come.

        Where nothing more fits before it, it goes with what is there.
        """
        batch = self.physics.units[unit].batch
        if batch == 1:
            return 1
        there = inside + len(self._waiting(unit, task.order))
        full = any(space.full for space in self.plant.units[unit].inputs)
        whole = min(batch, inside + self._to_come(unit, task.order))
        return min(batch, there) if full or there >= whole else 0

    def stocked(self, unit: str, task: Task) -> bool:
        """Return whether the material of a part lies there; if not, somebody will bring it."""
        there = True
        for product, quantity in self._needs(unit, task):
            lies = self.at.get((unit, product))
            if lies is None or lies.left < quantity - 1e-9:
                self._wanted.add((unit, product))
                there = False
        return there

    def use(self, unit: str, task: Task) -> Used:
        """Take the material of a part."""
        used = []
        for product, quantity in self._needs(unit, task):
            lies = self.at[unit, product]
            lies.left -= quantity
            used.append((product, lies.lot, quantity))
        return tuple(used)

    def _needs(self, unit: str, task: Task) -> list[tuple[str, float]]:
        job = self.book.get(JobOrder, task.job)
        assert job is not None, "a task is a job order"
        operation = self.definitions.products[task.product].operation(job.operation)
        return [(each.product, each.quantity) for each in operation.components if not each.serialised]

    # Where parts are, as anybody sees who walks along the line.

    def _before(self, unit: str) -> tuple[list[Space], list[str]]:
        """Return the buffers and the units from which parts still come to a unit."""
        spaces, units, todo = [], [], [unit]
        while todo:
            for space in self.plant.units[todo.pop()].inputs:
                if space in spaces:
                    continue
                spaces.append(space)
                for source in space.sources:
                    name: str = source.name  # type: ignore[attr-defined]
                    if name not in units:
                        units.append(name)
                        todo.append(name)
        return spaces, units

    def _to_come(self, unit: str, order: str) -> int:
        """Return how many parts of an order are before a unit; one more while it is still begun."""
        spaces, units = self._before(unit)
        here = self.plant.units[unit].inputs
        parts = sum(
            1 for space in spaces for part in space.parts
            if part.job == order and not (space in here and self.held(part.serial))
        )  # fmt: skip
        parts += sum(1 for name in units for part in self.plant.units[name].inside if part.job == order)
        first = [job for job in self.book.where(JobOrder, request=order) if job.operation == 10]
        open_first = bool(first) and first[0].state not in ("Ended", "Aborted")
        return parts + (100 if open_first else 0)

    def _waiting(self, unit: str, order: str) -> list[Part]:
        found = [part for space in self.plant.units[unit].inputs for part in space.parts if part.job == order]
        return [part for part in found if not self.held(part.serial)]

    # People.

    def ask(self, wish: CommandData, person: str, *, at_terminal: bool = False, reason: str = "") -> Answer:
        """Let a person want something."""
        self.asked += 1
        name = f"p{next(self._numbers)}"
        answer = self.desk.execute(
            commands.make(
                wish, command_id=name, actor="terminal" if at_terminal else person,
                actor_type="service" if at_terminal else "human",
                on_behalf_of=person if at_terminal else "", reason=reason,
            )
        )  # fmt: skip
        if not answer.accepted:
            self.refusals[f"{wish.command_name}: {answer.code}"] += 1
        return answer

    def _insist(self, wish: CommandData, person: str, *, at_terminal: bool = False) -> Answer:
        answer = self.ask(wish, person, at_terminal=at_terminal)
        assert answer.accepted, (wish, answer)
        return answer

    def later(self, seconds: float, what: Wish) -> None:
        """Do something in a while."""
        at_ns = self._now() + round(seconds * 1000) * 1_000_000
        heapq.heappush(self._due, (at_ns, next(self._numbers), what))

    def _set_up(self) -> None:
        """What was done before the first shift: people, certificates, instructions."""
        until_ns = self.start_ns + 400 * 24 * HOUR_NS
        for person, classes in self.definitions.people.items():
            self._insist(commands.SetCredentials(person=person, badge=f"BADGE-LOCKSTEP-{person}"), "P01")
            for skill in classes:
                wish = commands.GrantCertificate(person=person, skill=skill, valid_until_ns=until_ns)
                self._insist(wish, "P31")
        for name, draft in self.definitions.documents.drafts().good.items():
            self._insist(commands.ReleaseDocument(document=name, digest=draft.digest), "P31")
            newest = max(row.revision for row in self.book.where(DocumentRevision, document=name))
            for person in self.definitions.people:
                self._insist(commands.AcknowledgeDocument(document=name, revision=newest), person)

    def person(self, unit: str) -> str:
        """Return who stands at a unit in the shift of now."""
        calendar = self.registry.calendars["three_shifts"]
        shift = calendar.shift_at(self._now())
        group = {"early": 0, "late": 10, "night": 20}.get("" if shift is None else shift.id, 0)
        return f"P{group + CREW[unit]:02d}"

    def _people(self) -> Iterator[Any]:
        self._drop_orders()
        for unit in CREW:
            self._idle_since[unit] = self._now()
        while True:
            yield self.plant.world.env.timeout(LOOK_NS)
            self.flush()
            while self._due and self._due[0][0] <= self._now():
                heapq.heappop(self._due)[2]()
            for unit, product in sorted(self._wanted - self._coming):
                self._coming.add((unit, product))
                self.later(self.chance.uniform(15, 50), lambda u=unit, p=product: self._bring(u, p))
            self._wanted.clear()
            for unit in CREW:
                if self.plant.units[unit].planned:
                    self._look(unit)
            self._decide()
            if self.chance.random() < LOOK_NS / (3 * HOUR_NS):
                self._drop_orders()
            if self.plant.units["load2"].planned:
                self._mishaps()

    def _drop_orders(self) -> None:
        """Let the ERP see to it that there is enough to do, as a file of orders."""
        rows = ["order,product,quantity,due,priority,customer"]
        for product, open_max, campaign in (
            ("SH-100", 8, 6),
            ("SH-200", 8, 6),
            ("EA-100", 6, 6),
            ("EA-200", 6, 6),
        ):
            todo = [
                job for job in self.book.where(JobOrder, product=product, operation=10)
                if job.state not in ("Ended", "Aborted")
            ]  # fmt: skip
            for _ in range(campaign if len(todo) < open_max else 0):
                self.orders += 1
                due = rfc3339(self._now() + 48 * HOUR_NS)
                rows.append(
                    f"{self.orders:06d},{product},24,{due},{self.chance.randrange(3)},"
                    f"Customer {self.orders % 7}"
                )
        if len(rows) == 1:
            return
        report = self.importer.take(
            "csv", "\n".join(rows).encode(), actor="erp", actor_type="service", at_ns=self._now()
        )
        assert report.rows and all(row.accepted for row in report.rows), report
        for row in report.rows:
            self._dispatch(row.request)

    def _dispatch(self, order: str) -> None:
        """Let the dispatcher give each job order its machine."""
        number = int(order)
        for job in self.book.where(JobOrder, request=order):
            units = self.definitions.products[job.product].operation(job.operation).work_units
            unit = units[number % len(units)]
            if job.name == "Test":
                unit = "eol1" if job.product == "EA-100" else "eol2"
            self._insist(commands.DispatchJob(job=job.job, work_unit=unit, version=job.version), "P01")

    def _look(self, unit: str) -> None:
        """See to it that a unit runs what can run there."""
        cell = self.plant.units[unit]
        if cell.inside or unit in self.by_hand:
            return
        first = unit.startswith(("turn", "load"))
        runs = self.book.where(Run, work_unit=unit, to_ns=0)
        if not runs:
            self._begin_next(unit, first=first)
            return
        if first:
            return  # it ends by itself
        job = self.book.get(JobOrder, runs[0].job)
        assert job is not None, "what runs is in the list"
        if self._waiting(unit, job.request):
            return
        if self._to_come(unit, job.request) == 0 and not self._held_before(unit, job.request):
            self._insist(commands.ControlJob(job=job.job, method="Stop"), self.person(unit))
            self._begin_next(unit, first=False)
            return
        others = [job for job in self._ready(unit) if self._waiting(unit, job.request)]
        full = any(space.full for space in cell.inputs)
        oldest = min((part.born_ns for job in others for part in self._waiting(unit, job.request)), default=0)
        idle = self._now() - self._idle_since.setdefault(unit, self._now())
        if others and oldest and (full or idle > TURN_NS):
            self._insist(commands.ControlJob(job=job.job, method="Pause"), self.person(unit))
            self._begin_next(unit, first=False)
            self._idle_since[unit] = self._now()

    def _held_before(self, unit: str, order: str) -> bool:
        return any(
            part.job == order for space in self.plant.units[unit].inputs for part in space.parts
        )  # what is held still comes, or is taken out

    def _ready(self, unit: str) -> list[JobOrder]:
        found: list[JobOrder] = []
        for state in ("AllowedToStart", "Interrupted"):
            found += self.book.where(JobOrder, work_unit=unit, state=state)
        return sorted(found, key=lambda job: job.request)

    def _begin_next(self, unit: str, *, first: bool) -> None:
        ready = self._ready(unit)
        if not first:
            ready = [job for job in ready if self._waiting(unit, job.request)]
            ready.sort(key=lambda job: self._waiting(unit, job.request)[0].born_ns)
        if not ready:
            return
        job = ready[0]
        if unit in SILENT and job.state == "AllowedToStart" and self._wrong(0.03):
            self._begin_late(unit, job)
            return
        self._begin(unit, job)

    def _begin(self, unit: str, job: JobOrder) -> None:
        person = self.person(unit)
        if job.state == "Interrupted":
            self._log_on(unit, person)
            self._insist(commands.ControlJob(job=job.job, method="Resume"), person, at_terminal=True)
        else:
            if self._wrong(0.02):
                # They have left where they stood before, and touch "begin" without their badge.
                self.ask(commands.LogOff(person=person), person)
                refused = self.ask(commands.BeginJob(job=job.job), person, at_terminal=True)
                assert not refused.accepted, "nobody begins who is logged on nowhere"
                self._note(
                    "missed log-on", unit, f"{person} began {job.job} without badge: refused, scanned it"
                )
            self._log_on(unit, person)
            self._insist(commands.BeginJob(job=job.job), person, at_terminal=True)
            self.carry()
        self._idle_since[unit] = self._now()
        self.plant.units[unit].wake()

    def _log_on(self, unit: str, person: str) -> None:
        self._insist(commands.LogOn(badge=f"BADGE-LOCKSTEP-{person}", work_unit=unit), person)

    # Material.

    def _bring(self, unit: str, product: str) -> None:
        """Bring a container, scan its label, and let the unit go on."""
        self._coming.discard((unit, product))
        self._wanted.discard((unit, product))
        lot = self._receive(product)
        person = self.person(unit)
        self.at[unit, product] = Container(lot, self.lots_said[lot])
        chance = self.chance.random() if self.mistakes_on else 1.0
        if chance < 0.03:
            self._scan_late(unit, product, lot, said="")
        elif chance < 0.06:
            other = self._receive(product)
            self._insist(commands.LoadLot(lot=other, work_unit=unit), person)
            self._scan_late(unit, product, lot, said=other)
        elif chance < 0.08:
            bad = self._receive(product)
            self._insist(commands.Hold(kind="lot", id=bad, cause="label unreadable"), "P32")
            refused = self.ask(commands.LoadLot(lot=bad, work_unit=unit), person)
            assert not refused.accepted, "a held lot is not loaded"
            self._note("held lot scanned", unit, f"{bad} is held: refused, {lot} scanned", product=product)
            self._insist(commands.LoadLot(lot=lot, work_unit=unit), person)
        else:
            self._insist(commands.LoadLot(lot=lot, work_unit=unit), person)
            if self._wrong(0.05):
                self._insist(commands.LoadLot(lot=lot, work_unit=unit), person)
                self._note("double scan", unit, f"{lot} scanned twice", product=product)
        self.plant.units[unit].wake()

    def _receive(self, product: str) -> str:
        """Take a new lot into stock."""
        number = sum(1 for lot in self.lots_said if lot.startswith(product)) + 1
        lot = f"{product}-{number:04d}"
        if product == "AD-3":
            bad = self.supply.random() < self.physics.causes.adhesive_heat.bad_share
            lot = f"{self.physics.causes.adhesive_heat.bad_batch if bad else 'AD-3-05'}-{number:04d}"
        need = max(
            item.quantity for made in self.definitions.products.values() for step in made.operations
            for item in step.components if item.product == product
        )  # fmt: skip
        quantity = round(LOT_PARTS[product] * need, 3)
        self._insist(commands.ReceiveLot(lot=lot, product=product, quantity=quantity), "P36")
        self.lots_said[lot] = quantity
        return lot

    def _scan_late(self, unit: str, product: str, lot: str, *, said: str) -> None:
        before = self._on_record(unit, product)
        kind = "wrong lot scanned" if said else "lot scanned late"
        words = f"{lot} lay there, {said or before or 'none'} was on record"
        mistake = self._note(kind, unit, words, product=product, real=lot, said=said or before)
        mistake.lots = {lot, mistake.said} - {""}

        def right() -> None:
            self._insist(commands.LoadLot(lot=lot, work_unit=unit), self.person(unit))
            mistake.to_ns = self._now()

        self.later(self.chance.uniform(150, 420), right)

    def _on_record(self, unit: str, product: str) -> str:
        row = self.book.get(LoadedLot, f"{unit}:{product}")
        return "" if row is None else row.lot

    # Quality, and what goes wrong.

    def _decide(self) -> None:
        """Let quality decide on what is open, after a while; take out what is scrap."""
        for row in self.book.newest(Nonconformance, "number", 8):
            if row.state == OVER or row.nonconformance in self._seen_nc:
                continue
            self._seen_nc.add(row.nonconformance)
            self.later(self.chance.uniform(900, 2400), lambda name=row.nonconformance: self._dispose(name))
        for space in self.plant.world.spaces.values():
            for part in [part for part in space.parts if self._is_scrap(part.serial)]:
                unit = space.targets[0].name  # type: ignore[attr-defined]
                self.plant.world.take_out(space, part, unit, "scrap by quality")

    def _is_scrap(self, serial: str) -> bool:
        row = self.book.get(Unit, serial)
        return row is not None and row.disposition == CLOSED

    def _dispose(self, name: str) -> None:
        row = self.book.get(Nonconformance, name)
        if row is None or row.state == OVER:
            return
        scrap = self._is_scrap(row.unit) or self.chance.random() < 0.25
        if not row.unit:
            scrap = False
        self._insist(
            commands.Dispose(nonconformance=name, version=row.version, cause="looked at",
                             disposition="scrap" if scrap else "use-as-is", quantity=1), "P32",
        )  # fmt: skip

    def _mishaps(self) -> None:
        """Now and then a part falls down, and quality holds one to look at it."""
        if self.chance.random() < LOOK_NS / (0.8 * HOUR_NS):
            self._fell_down()
        if self.chance.random() < LOOK_NS / (2 * HOUR_NS):
            spaces = [space for space in self.plant.world.spaces.values() if space.parts]
            if spaces:
                space = self.chance.choice(spaces)
                serial = self.chance.choice(list(space.parts)).serial
                row = self.book.get(Unit, serial)
                if row is not None and row.disposition not in (RESTRICTED, CLOSED):
                    self._hold(serial)

    def _hold(self, serial: str) -> None:
        self._insist(commands.Hold(kind="unit", id=serial, cause="a look"), "P32")

        def release() -> None:
            row = self.book.get(Unit, serial)
            if row is not None and row.disposition == RESTRICTED and row.reason == "a look":
                self.ask(commands.Release(kind="unit", id=serial, cause="looked at"), "P32")

        self.later(self.chance.uniform(900, 2400), release)

    def _fell_down(self) -> None:
        """A part is damaged by hand before a unit that runs its order; who stands there books it."""
        found = []
        for unit in CREW:
            runs = self.book.where(Run, work_unit=unit, to_ns=0)
            if not runs or unit.startswith("load"):
                continue
            job = self.book.get(JobOrder, runs[0].job)
            assert job is not None, "what runs is in the list"
            for space in self.plant.units[unit].inputs:
                found += [
                    (unit, job.job, space, part) for part in space.parts
                    if part.job == job.request and not self.held(part.serial)
                    and self.book.get(Unit, part.serial) is not None
                ]  # fmt: skip
        if not found:
            return
        unit, name, space, part = self.chance.choice(found)
        cause = self.chance.choice(DEFECTS[:2])
        self.plant.world.take_out(space, part, unit, cause)
        person = self.person(unit)
        book = commands.ReportScrap(job=name, cause=cause, unit=part.serial)
        chance = self.chance.random() if self.mistakes_on else 1.0
        if chance < 0.12:
            self._note("scrap not booked", unit, f"{part.serial} fell down, nobody booked it",
                       unit=part.serial, real_cause=cause)  # fmt: skip
        elif chance < 0.2:
            mistake = self._note("scrap booked late", unit, f"{part.serial} fell down", unit=part.serial,
                                 real_cause=cause)  # fmt: skip

            def late() -> None:
                answer = self.ask(book, person)
                mistake.to_ns = self._now()
                mistake.said_cause = cause if answer.accepted else ""
                mistake.words += ", booked later" if answer.accepted else ", and could not be booked any more"

            self.later(self.chance.uniform(600, 3000), late)
        elif chance < 0.3:
            said = "wrong_part"
            self._insist(commands.ReportScrap(job=name, cause=said, unit=part.serial), person)
            self._note("wrong reason", unit, f"{part.serial}: {cause}, booked as {said}", unit=part.serial,
                       real_cause=cause, said_cause=said)  # fmt: skip
        else:
            self._insist(book, person)
            if chance < 0.4:
                answer = self.ask(book, person)
                assert not answer.accepted, "one part is scrap once"
                self._note("scrap twice", unit, f"{part.serial} booked twice: refused", unit=part.serial)

    def _begin_late(self, unit: str, job: JobOrder) -> None:
        """Work at an old cell that asks nobody, and touch "begin" minutes later."""
        mistake = self._note("begun late", unit, f"{job.job} ran before anybody touched begin", unit=job.job)
        last = self.book.newest(Run, "from_ns", 1, work_unit=unit)
        before = self.book.get(JobOrder, last[0].job) if last else None
        if before is not None and before.state == "Interrupted":
            mistake.said = before.job  # the cell names no part, and this is what the MES knows of last
            mistake.words += f"; {before.job} was interrupted there, and got the parts"
        self.by_hand[unit] = Task(job.job, job.request, job.product)
        self.plant.units[unit].wake()

        def begin() -> None:
            self.flush()
            if self.plant.units[unit].inside:
                self.later(1.0, begin)  # between two parts
                return
            del self.by_hand[unit]
            mistake.to_ns = self._now()
            row = self.book.get(JobOrder, job.job)
            assert row is not None, "it was dispatched"
            self._begin(unit, row)

        self.later(self.chance.uniform(120, 400), begin)

    def _wrong(self, share: float) -> bool:
        return self.mistakes_on and self.chance.random() < share

    def _note(self, kind: str, place: str, words: str, **more: str) -> Mistake:
        mistake = Mistake(
            number=len(self.mistakes) + 1, kind=kind, place=place, at_ns=self._now(), words=words, **more
        )  # type: ignore[arg-type]  # fmt: skip
        self.mistakes.append(mistake)
        return mistake
