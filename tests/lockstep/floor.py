"""The virtual plant and the MES in lockstep.

Everything between them goes the ways of the product: what machines say as scans through collection,
orders as a file of the ERP through the importer, each touch of a person as a command to the desk, what
machines are told through the commander. While a cell waits for the MES, plant time stands still, and an
answer is charged 0.2 s.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taktwin.contracts import samples
from taktwin.contracts.vouching import silent_after_ns
from taktwin.identity import SignalId
from taktwin.mes.api import QUERIES
from taktwin.mes.collection.listening import heard_in, listened
from taktwin.mes.definitions.routes import Definitions, compiled
from taktwin.mes.desk import Desk, content_of, project
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.execution.tables import JobOrder, Run
from taktwin.mes.performance.ear import Ear
from taktwin.mes.tracking.tables import CLOSED, RESTRICTED, Unit
from taktwin.plant.registry import Registry
from taktwin.storage.book import MemoryBook, Reading
from taktwin.storage.journal import Entry
from taktwin.storage.stores import MemoryStore, Store, Transaction
from taktwin.virtual_plant.flow import Part, Process, Space, Task, Used
from taktwin.virtual_plant.model import Report, VirtualPlant
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import Fact, TruthInterval
from tests.lockstep.carrying import Carrier
from tests.lockstep.people import HOUR_NS, LOOK_NS, MINUTE_NS, Container, People
from tests.lockstep.stands import Stands
from tests.lockstep.tape import Deed, OtherPlant, Player, Tape

ROLES = frozenset({"good_count", "reject_count", "serial", "made_serial", "product", "result", "state",
                   "mode", "blocked", "starved", "set_up", "alarm_code"})  # fmt: skip
PACE = 600.0  # plant seconds a second, by which those who listen decide for how long silence is none


class Told:
    """A store beside which a book of its own is kept, made of the journal alone."""

    def __init__(self, store: Store, book: MemoryBook) -> None:
        self._store = store
        self._book = book
        self.entries: list[Entry] = []

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a transaction; what it wrote is told once it is kept."""
        with self._store.begin() as transaction:
            tap = _Tap(transaction)
            yield tap
        for entry in tap.written:
            event = content_of(entry)
            project(self._book, event, entry.time_ns, entry.sequence)
        self.entries += tap.written


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
class Site:
    """One plant, its MES and its people."""

    registry: Registry
    physics: Physics
    seed: int
    start_ns: int
    store: Store = field(default_factory=MemoryStore)
    folder: Path | None = None  # of the commander; None: one that goes with the process
    mistakes_on: bool = True
    # Mutants: what must not go unnoticed.
    drop_count_every: int = 0
    drop_state_every: int = 0
    swap_serials: bool = False
    ignore_holds: bool = False
    forget_log_offs: bool = False
    machine_lies: bool = False
    played: Tape | None = None  # what the plant went through before, in a process that is over
    roles = ROLES  # of the signals that machines say

    def __post_init__(self) -> None:
        self.definitions: Definitions = compiled(self.registry)
        self.answer_s = 0.2
        self.facts: list[Fact] = []
        self.intervals: dict[str, list[TruthInterval]] = {}  # what anybody saw who stood there
        self.plant = VirtualPlant(
            self.registry, self.physics, start_ns=self.start_ns, seed=self.seed,
            sink=self._true, roles=self.roles, lead=self,
        )  # fmt: skip
        self.book: Reading
        self.entries: Sequence[Entry]
        told: Store = self.store
        if isinstance(self.store, MemoryStore):
            self.book, self.entries = self.store.book, self.store.entries
        else:
            mirror = MemoryBook()
            told = Told(self.store, mirror)
            self.book, self.entries = mirror, told.entries
        self.desk = Desk(told, self.definitions, self.now, speed=PACE)
        self.importer = Importer(
            self.desk, told, self.definitions, sender="northfield", time_zone=self.registry.time_zone
        )
        self.heard = 0
        self.at: dict[tuple[str, str], Container] = {}
        self.by_hand: dict[str, Task] = {}  # units that run what the MES does not know of yet
        self.labour: list[dict[str, Any]] = []  # what the MES says of it, asked once an hour
        self.tape = self.played or Tape()
        self._player: Player | None = None
        if self.played is not None:
            self._player = Player(self.played, self.plant, self.answer_s)
            self.plant.world.lead = self._player
        self._deeds: list[Deed] = []
        self._listened = listened(self.definitions)
        gap_ns = silent_after_ns(PACE)
        self.ears = {unit: Ear(machine, self.registry, gap_ns=gap_ns)
                     for unit, machine in self.definitions.machines.items()}  # fmt: skip
        self._position = 0
        self._said = 0
        self._swapped: dict[str, str] = {}
        if self.folder is None:
            self._own = tempfile.TemporaryDirectory()
            self.folder = Path(self._own.name)
        self.carrier = Carrier(self.desk, self.plant, self.folder, self.write)
        self.carrier.cells.lies = self.machine_lies
        self.people = self.employed()
        self.people.forget_log_offs = self.forget_log_offs
        self.stands = Stands(self, self.people)
        self.plant.world.env.process(self._looking())

    def employed(self) -> People:
        """Return who works here."""
        return People(self, mistakes_on=self.mistakes_on)

    def overheard(self, unit: str, scan: samples.Scan) -> None:
        """Let others than the MES hear what a machine says: here nobody."""

    def close(self) -> None:
        """End the commander."""
        self.carrier.close()

    def now(self) -> int:
        """Return plant time."""
        return self.plant.world.now_ns

    def replay(self) -> None:
        """Bring the plant to where it was; the MES goes on then. Raises OtherPlant if it is another."""
        assert self._player is not None, "there is something to replay"
        for upto_ns in self.tape.chunks:
            self.plant.advance(upto_ns)
        if not self._player.is_over:
            raise OtherPlant("the plant asked less than it had asked")
        self._player, self._deeds = None, []
        self.plant.world.lead = self

    def _true(self, fact: Fact) -> None:
        self.facts.append(fact)
        if isinstance(fact, TruthInterval):
            self.intervals.setdefault(fact.unit, []).append(fact)

    def _looking(self) -> Process:
        if self._player is None:
            self.people.set_up()
            self._vouch(self.start_ns)
            self.people.first()
        while True:
            yield self.plant.world.env.timeout(LOOK_NS)
            if self._player is not None:
                self.plant.said()
                for what, words in self._player.deeds():
                    getattr(self, what)(*words)
                continue
            self.flush()
            if self.now() % MINUTE_NS == 0:
                self._vouch(self.now() - 1)
                self._tell_states()
                self.stands.look()
            self.people.look()
            self.tape.deeds.append(self._deeds)
            self._deeds = []

    def run(self, to_ns: int, progress: Callable[[int], None] | None = None) -> None:
        """Let time pass up to an instant; everything said by then is with the MES."""
        while self.plant.now_ns < to_ns:
            upto_ns = min(to_ns, self.plant.now_ns + HOUR_NS)
            from_ns = self.plant.now_ns
            self.tape.chunks.append(upto_ns)
            self._tell(self.plant.advance(upto_ns), upto_ns)
            self._vouch(upto_ns)
            self._tell_states()
            self.desk.tick()
            answer = QUERIES["labour"](self.book, self.definitions, {"hours": 1}, upto_ns)
            self.labour += [row for row in answer["rows"] if row["to_ns"] > from_ns]
            if progress is not None:
                progress(upto_ns)

    def end(self) -> None:
        """Hear all machines out, and close the truth."""
        self._tell_states(all_of_them=True)
        self.plant.finish()
        self.people.all_go()

    # What is done to the plant: each deed by its name, so that it can be done again.

    def wake(self, unit: str) -> None:
        """Let a cell look whether there is something to do."""
        self._deeds.append(("wake", (unit,)))
        self.plant.units[unit].wake()

    def take_out(self, space: str, serial: str, unit: str, cause: str) -> None:
        """Take a part out of the buffer before a unit, for good."""
        self._deeds.append(("take_out", (space, serial, unit, cause)))
        place = self.plant.world.spaces[space]
        part = next((part for part in place.parts if part.serial == serial), None)
        if part is None:
            raise OtherPlant(f"{serial} is not in {space}")
        self.plant.world.take_out(place, part, unit, cause)

    def write(self, signal: str, value: object) -> None:
        """Write a value into a cell: the commander, or somebody at its panel."""
        self._deeds.append(("write", (signal, value)))
        self.plant.written(self.registry.by_id[SignalId(signal)], value)

    def held_by(self, signal: str) -> Any:
        """Return what a cell holds, None where nobody ever wrote it."""
        held = self.plant.last.get(self.registry.by_id[SignalId(signal)].index)
        return None if held is None else held[1]

    # From the machines to the MES.

    def flush(self) -> None:
        """Bring what machines have said before now to the MES."""
        reports = self.plant.said()
        if reports:
            self._tell(reports, self.now() - 1)

    def _tell(self, reports: list[Report], as_of_ns: int) -> None:
        scans: dict[tuple[str, str], samples.Scan] = {}
        for report in reports:
            signal = self.registry.signals[report.signal]
            value = report.value
            if self._lost(signal.role):
                continue
            if self.swap_serials and signal.id == "press2/serial" and report.value:
                value = self._swap(str(report.value))
            key = (signal.connection, str(signal.equipment))
            scan = scans.get(key)
            if scan is None:
                self._position += 1
                scan = scans[key] = samples.Scan(
                    registry=self.registry.prefix, connector=signal.connection, epoch_ns=self.start_ns,
                    sequence=self._position, t0_ns=report.source_ns, as_of_ns=as_of_ns,
                )  # fmt: skip
            scan.signals.append(report.signal)
            scan.dt_ns.append(report.source_ns - scan.t0_ns)
            scan.values.append(value)
        heard = []
        for (_, unit), scan in scans.items():
            arrived = samples.decode(samples.encode(scan))
            if unit in self.ears:
                self.ears[unit].hear(arrived)
            self.overheard(unit, arrived)
            heard += heard_in(arrived, self.registry, self._listened)
        if heard:
            self.heard += len(heard)
            self.desk.hear(heard, stream="SAMPLES", position=self._position)

    def _vouch(self, as_of_ns: int) -> None:
        """Let each connection say that all it has said still holds."""
        for unit, machine in self.definitions.machines.items():
            self._position += 1
            vouches = samples.Scan(
                registry=self.registry.prefix, connector=machine.connection, epoch_ns=self.start_ns,
                sequence=self._position, t0_ns=as_of_ns, as_of_ns=as_of_ns,
            )  # fmt: skip
            self.ears[unit].hear(vouches)
            self.overheard(unit, vouches)

    def _tell_states(self, *, all_of_them: bool = False) -> None:
        telling = [ear for ear in self.ears.values() if all_of_them or ear.must_tell]
        told = [each for ear in telling if (each := ear.told()) is not None]
        if told:
            self.heard += sum(len(each.said) for each in told)
            self.desk.hear([], stream="SAMPLES", position=self._position, told=told)

    def _lost(self, role: str) -> bool:
        every = {"good_count": self.drop_count_every, "state": self.drop_state_every}.get(role, 0)
        if not every:
            return False
        self._said += 1
        return self._said % every == 0

    def _swap(self, serial: str) -> str:
        """Say two serial numbers in each other's place, once."""
        coming = [*self.plant.world.spaces["adhesive_press2"].parts, *self.plant.units["adhesive2"].inside]
        if not self._swapped and coming:
            other = coming[0].serial
            self._swapped = {serial: other, other: serial}
        return self._swapped.get(serial, serial)

    # What units ask (`Lead`).

    def task(self, unit: str) -> Task | None:
        """Return what the MES says that a unit runs."""
        self.flush()
        return self.tape.keep("task", self._task(unit))

    def _task(self, unit: str) -> Task | None:
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
        return self.tape.keep("may_take", fits and not self.held(part.serial))

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
            return self.tape.keep("charge", 1)
        there = inside + len(self.waiting(unit, task.order))
        full = any(space.full for space in self.plant.units[unit].inputs)
        whole = min(batch, inside + self.to_come(unit, task.order))
        return self.tape.keep("charge", min(batch, there) if full or there >= whole else 0)

    def stocked(self, unit: str, task: Task) -> bool:
        """Return whether the material of a part lies there; if not, somebody will bring it."""
        there = True
        for product, quantity in self._needs(unit, task):
            lies = self.at.get((unit, product))
            if lies is None or lies.left < quantity - 1e-9:
                self.people.wanted.add((unit, product))
                there = False
        return self.tape.keep("stocked", there)

    def use(self, unit: str, task: Task) -> Used:
        """Take the material of a part."""
        used = []
        for product, quantity in self._needs(unit, task):
            lies = self.at[unit, product]
            lies.left -= quantity
            used.append((product, lies.lot, quantity))
        return self.tape.keep("use", tuple(used))

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

    def to_come(self, unit: str, order: str) -> int:
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

    def waiting(self, unit: str, order: str) -> list[Part]:
        found = [part for space in self.plant.units[unit].inputs for part in space.parts if part.job == order]
        return [part for part in found if not self.held(part.serial)]
