"""The people of the plant: they do what the MES asks and what the floor needs, right and wrong.

Each touch is a command to the desk. Where they really are, and what they really do to job orders, they
write down for the truth as they do it, whatever the MES answers.
"""

from __future__ import annotations

import heapq
from collections import Counter as Tally
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, CommandData
from taktwin.entropy import Entropy
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.mes.execution.tables import JobOrder, Run
from taktwin.mes.machines.tables import LoadedParameter
from taktwin.mes.quality.tables import OVER, Nonconformance
from taktwin.mes.tracking.tables import CLOSED, RESTRICTED, LoadedLot, Unit
from taktwin.virtual_plant.flow import Task
from tests.lockstep.crew import CREW, GROUPS
from tests.lockstep.errors import Mistake

if TYPE_CHECKING:
    from tests.lockstep.floor import Site

LOOK_NS = 10 * SECOND_NS  # how often people look around
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
LOT_PARTS = {"HS-1": 96, "AD-3": 120, "BR-7": 40, "SC-12": 100, "ST-42": 60}  # parts that a container is for
TURN_NS = 10 * MINUTE_NS  # so long parts of another order wait before an operator lets them go first
SILENT = frozenset({"deburr1", "pack5"})  # cells that ask nobody
DEFECTS = ("damaged", "other", "wrong_part")
Place: TypeAlias = tuple[str, str]  # (work unit, activity): one of them is ""


def place_words(place: Place | None) -> str:
    """Return where somebody is, in words; "" = at home."""
    return "" if place is None else place[0] or place[1]


@dataclass
class Container:
    """A lot that lies at a unit."""

    lot: str
    left: float


class People:
    """Those who work at a site."""

    def __init__(self, site: Site, *, mistakes_on: bool) -> None:
        self.site = site
        self.mistakes_on = mistakes_on
        self.forget_log_offs = False  # mutant
        entropy = Entropy(site.seed)
        self.chance = entropy.stream("lockstep/people")
        self.supply = entropy.stream("lockstep/supply")
        self.mistakes: list[Mistake] = []
        self.refusals: Tally[str] = Tally()
        self.asked = 0
        self.lots_said: dict[str, float] = {}  # what lots held when they came
        self.wanted: set[tuple[str, str]] = set()
        self.orders = 0
        # The truth of who was where and did what.
        self.there: dict[str, tuple[str, str, int]] = {}  # person -> (work unit, activity, since)
        self.presences: list[tuple[str, str, str, int, int]] = []  # (person, work unit, activity, from, to)
        self.touches: list[tuple[int, str, str, str]] = []  # (instant, work unit, job order, what)
        self.on_record: dict[str, Place] = {}  # where they have said that they are
        self._number = 0
        self._due: list[tuple[int, int, str, tuple[Any, ...]]] = []
        self._coming: set[tuple[str, str]] = set()
        self._seen_nc: set[str] = set()
        self._idle_since: dict[str, int] = {}
        self._wrong_places: dict[str, list[Mistake]] = {}
        self._shift = ""
        self._looks = 0

    def ask(self, wish: CommandData, person: str, *, at_terminal: bool = False, reason: str = "") -> Answer:
        """Let a person want something."""
        self.asked += 1
        name = f"p{self._next()}"
        answer = self.site.desk.execute(
            commands.make(
                wish, command_id=name, actor="terminal" if at_terminal else person,
                actor_type="service" if at_terminal else "human",
                on_behalf_of=person if at_terminal else "", reason=reason,
            )
        )  # fmt: skip
        if not answer.accepted:
            self.refusals[f"{wish.command_name}: {answer.code}"] += 1
        return answer

    def insist(self, wish: CommandData, person: str, *, at_terminal: bool = False) -> Answer:
        answer = self.ask(wish, person, at_terminal=at_terminal)
        assert answer.accepted, (wish, answer)
        return answer

    def _next(self) -> int:
        self._number += 1
        return self._number

    def later(self, seconds: float, what: str, *words: Any) -> None:
        """Do something in a while: a method by its name, so that it can be written down."""
        at_ns = self.site.now() + round(seconds * 1000) * 1_000_000
        heapq.heappush(self._due, (at_ns, self._next(), what, words))

    def set_up(self) -> None:
        """What was done before the first shift: people, certificates, instructions."""
        until_ns = self.site.start_ns + 400 * 24 * HOUR_NS
        for person, classes in self.site.definitions.people.items():
            self.insist(commands.SetCredentials(person=person, badge=f"BADGE-LOCKSTEP-{person}"), "P01")
            for skill in classes:
                wish = commands.GrantCertificate(person=person, skill=skill, valid_until_ns=until_ns)
                self.insist(wish, "P31")
        for name, draft in self.site.definitions.documents.drafts().good.items():
            self.insist(commands.ReleaseDocument(document=name, digest=draft.digest), "P31")
            newest = max(row.revision for row in self.site.book.where(DocumentRevision, document=name))
            for person in self.site.definitions.people:
                self.insist(commands.AcknowledgeDocument(document=name, revision=newest), person)

    def person(self, unit: str) -> str:
        """Return who stands at a unit in the shift of now."""
        calendar = self.site.registry.calendars["three_shifts"]
        shift = calendar.shift_at(self.site.now())
        group = {"early": 0, "late": 10, "night": 20}.get("" if shift is None else shift.id, 0)
        return f"P{group + CREW[unit]:02d}"

    def first(self) -> None:
        """Begin: there is something to do."""
        self._drop_orders()
        for unit in CREW:
            self._idle_since[unit] = self.site.now()

    def look(self) -> None:
        """Look around once, and do what is to be done now."""
        self._shift_ends()
        self.do_what_is_due()
        for unit, product in sorted(self.wanted - self._coming):
            self._coming.add((unit, product))
            self.later(self.chance.uniform(15, 50), "_bring", unit, product)
        self.wanted.clear()
        # Each look goes to every second machine: nobody sees all of them at once.
        self._looks += 1
        for number, unit in enumerate(CREW):
            if number % 2 == self._looks % 2 and self.site.plant.units[unit].planned:
                self._look(unit)
        if self._looks % 6 == 0:
            self._decide()
        if self.chance.random() < LOOK_NS / (3 * HOUR_NS):
            self._drop_orders()
        if self.site.plant.units["load2"].planned:
            self._mishaps()
            self._go_cleaning()

    def do_what_is_due(self) -> None:
        """Do what was to be done by now."""
        while self._due and self._due[0][0] <= self.site.now():
            _, _, what, words = heapq.heappop(self._due)
            getattr(self, what)(*words)

    def _drop_orders(self) -> None:
        self.drop(("SH-100", 8, 6), ("SH-200", 8, 6), ("EA-100", 6, 6), ("EA-200", 6, 6))

    def drop(self, *wanted: tuple[str, int, int]) -> None:
        """Let the ERP see to it that there is enough to do, as a file of orders.

        `wanted`: (product, orders that are not begun, below which so many come together).
        """
        rows = ["order,product,quantity,due,priority,customer"]
        for product, open_max, campaign in wanted:
            todo = [
                job for job in self.site.book.where(JobOrder, product=product, operation=10)
                if job.state not in ("Ended", "Aborted")
            ]  # fmt: skip
            for _ in range(campaign if len(todo) < open_max else 0):
                self.orders += 1
                due = rfc3339(self.site.now() + 48 * HOUR_NS)
                rows.append(
                    f"{self.orders:06d},{product},24,{due},{self.chance.randrange(3)},"
                    f"Customer {self.orders % 7}"
                )
        if len(rows) == 1:
            return
        report = self.site.importer.take(
            "csv", "\n".join(rows).encode(), actor="erp", actor_type="service", at_ns=self.site.now()
        )
        assert report.rows and all(row.accepted for row in report.rows), report
        for row in report.rows:
            self._dispatch(row.request)

    def _dispatch(self, order: str) -> None:
        """Let the dispatcher give each job order its machine."""
        number = int(order)
        for job in self.site.book.where(JobOrder, request=order):
            units = self.site.definitions.products[job.product].operation(job.operation).work_units
            unit = units[number % len(units)]
            if job.name == "Test":
                unit = "eol1" if job.product == "EA-100" else "eol2"
            self.insist(commands.DispatchJob(job=job.job, work_unit=unit, version=job.version), "P01")

    def _look(self, unit: str) -> None:
        """See to it that a unit runs what can run there."""
        cell = self.site.plant.units[unit]
        if cell.inside or unit in self.site.by_hand:
            return
        first = unit.startswith(("turn", "load"))
        runs = self.site.book.where(Run, work_unit=unit, to_ns=0)
        if not runs:
            self._begin_next(unit, first=first)
            if unit in SILENT and not (
                unit in self.site.by_hand or self.site.book.where(Run, work_unit=unit, to_ns=0)
            ):
                self._left_over(unit)
            return
        if first:
            return  # it ends by itself
        job = self.site.book.get(JobOrder, runs[0].job)
        assert job is not None, "what runs is in the list"
        if self.site.waiting(unit, job.request):
            return
        if self.site.to_come(unit, job.request) == 0 and not self._held_before(unit, job.request):
            self.insist(commands.ControlJob(job=job.job, method="Stop"), self.person(unit))
            self.touched("stop", unit, job.job)
            self._begin_next(unit, first=False)
            return
        others = [job for job in self._ready(unit) if self.site.waiting(unit, job.request)]
        full = any(space.full for space in cell.inputs)
        oldest = min(
            (part.born_ns for job in others for part in self.site.waiting(unit, job.request)), default=0
        )
        idle = self.site.now() - self._idle_since.setdefault(unit, self.site.now())
        if others and oldest and (full or idle > TURN_NS):
            self.insist(commands.ControlJob(job=job.job, method="Pause"), self.person(unit))
            self.touched("pause", unit, job.job)
            self._begin_next(unit, first=False)
            self._idle_since[unit] = self.site.now()

    def _held_before(self, unit: str, order: str) -> bool:
        return any(
            part.job == order for space in self.site.plant.units[unit].inputs for part in space.parts
        )  # what is held still comes, or is taken out

    def _ready(self, unit: str) -> list[JobOrder]:
        found: list[JobOrder] = []
        for state in ("AllowedToStart", "Interrupted"):
            found += self.site.book.where(JobOrder, work_unit=unit, state=state)
        return sorted(found, key=lambda job: job.request)

    def _begin_next(self, unit: str, *, first: bool) -> None:
        ready = self._ready(unit)
        if not first:
            ready = [job for job in ready if self.site.waiting(unit, job.request)]
            ready.sort(key=lambda job: self.site.waiting(unit, job.request)[0].born_ns)
        if not ready:
            return
        job = ready[0]
        if unit in SILENT and job.state == "AllowedToStart" and self.wrong(0.03):
            self._begin_late(unit, job)
            return
        self._begin(unit, job)

    def _begin(self, unit: str, job: JobOrder) -> None:
        person = self.person(unit)
        if job.state == "Interrupted":
            self._log_on(unit, person)
            self.insist(commands.ControlJob(job=job.job, method="Resume"), person, at_terminal=True)
            self.site.carrier.carry()
            self.touched("begin", unit, job.job)
        else:
            if self.wrong(0.02):
                # They have left where they stood before, and touch "begin" without their badge.
                self.ask(commands.LogOff(person=person), person)
                self.on_record.pop(person, None)
                refused = self.ask(commands.BeginJob(job=job.job), person, at_terminal=True)
                assert not refused.accepted, "nobody begins who is logged on nowhere"
                self.note(
                    "missed log-on", unit, f"{person} began {job.job} without badge: refused, scanned it"
                )
            self._log_on(unit, person)
            self.insist(commands.BeginJob(job=job.job), person, at_terminal=True)
            self.site.carrier.carry()
            self.touched("begin", unit, job.job)
        self._idle_since[unit] = self.site.now()
        self.site.wake(unit)

    def touched(self, what: str, unit: str, job: str) -> None:
        """Write down for the truth what a person did to a job order: begin, pause or stop it."""
        self.touches.append((self.site.now(), unit, job, what))

    # Where people are, and where they say that they are.

    def _log_on(self, unit: str, person: str) -> None:
        self._go(person, (unit, ""))
        self.insist(commands.LogOn(badge=f"BADGE-LOCKSTEP-{person}", work_unit=unit), person)
        self.on_record[person] = (unit, "")

    def _go(self, person: str, place: Place | None) -> None:
        """Let a person go somewhere, None: home. What they did wrong before has an end with it."""
        before = self.there.get(person)
        if before is not None and before[:2] == place:
            return
        now_ns = self.site.now()
        if before is not None:
            self.presences.append((person, *before, now_ns))
            del self.there[person]
        if place is not None:
            self.there[person] = (*place, now_ns)
        for mistake in self._wrong_places.pop(person, []):
            mistake.to_ns = now_ns

    def _elsewhere(self, kind: str, person: str, real: Place | None, words: str) -> None:
        """Note that a person is on record at another place than where they are, until they go on."""
        said = self.on_record.get(person)
        mistake = self.note(kind, said[0] if said else "", words, person=person, real=place_words(real),
                             said=place_words(said))  # fmt: skip
        self._wrong_places.setdefault(person, []).append(mistake)

    def _shift_ends(self) -> None:
        """Let those go home whose shift is over; some forget to log off."""
        shift = self.site.registry.calendars["three_shifts"].shift_at(self.site.now())
        name = "" if shift is None else shift.id
        if name == self._shift:
            return
        self._shift = name
        for person in sorted(self.there):
            if name in GROUPS and person.startswith(GROUPS[name]):
                continue
            self._go(person, None)
            if self.wrong(0.08):
                where = place_words(self.on_record.get(person))
                self._elsewhere("forgotten log-off", person, None, f"{person} went home logged on at {where}")
            elif not self.forget_log_offs:
                self.ask(commands.LogOff(person=person), person)
                self.on_record.pop(person, None)

    def _go_cleaning(self) -> None:
        """Now and then somebody cleans for a while, and some do not say so."""
        if self.chance.random() >= LOOK_NS / (0.5 * HOUR_NS):
            return
        there = [person for person, (unit, _, _) in sorted(self.there.items()) if unit]
        if not there:
            return
        person = self.chance.choice(there)
        unit = self.there[person][0]
        self._go(person, ("", "cleaning"))
        if self.wrong(0.3):
            self._elsewhere("cleaning not booked", person, ("", "cleaning"),
                            f"{person} cleaned, logged on at {unit}")  # fmt: skip
        else:
            self.insist(commands.StartIndirect(person=person, work_unit=unit, activity="cleaning"), person)
            self.on_record[person] = ("", "cleaning")
        self.later(self.chance.uniform(300, 900), "_back_from_cleaning", person, unit)

    def _back_from_cleaning(self, person: str, unit: str) -> None:
        if self.there.get(person, ("", "", 0))[1] == "cleaning":
            self._log_on(unit, person)

    # Material.

    def _bring(self, unit: str, product: str) -> None:
        """Bring a container, scan its label, and let the unit go on."""
        self._coming.discard((unit, product))
        self.wanted.discard((unit, product))
        lot = self._receive(product)
        person = self.person(unit)
        self.site.at[unit, product] = Container(lot, self.lots_said[lot])
        chance = self.chance.random() if self.mistakes_on else 1.0
        if chance < 0.03:
            self._scan_late(unit, product, lot, said="")
        elif chance < 0.06:
            other = self._receive(product)
            self.insist(commands.LoadLot(lot=other, work_unit=unit), person)
            self._scan_late(unit, product, lot, said=other)
        elif chance < 0.08:
            bad = self._receive(product)
            self.insist(commands.Hold(kind="lot", id=bad, cause="label unreadable"), "P32")
            refused = self.ask(commands.LoadLot(lot=bad, work_unit=unit), person)
            assert not refused.accepted, "a held lot is not loaded"
            self.note("held lot scanned", unit, f"{bad} is held: refused, {lot} scanned", product=product)
            self.insist(commands.LoadLot(lot=lot, work_unit=unit), person)
        else:
            self.insist(commands.LoadLot(lot=lot, work_unit=unit), person)
            if self.wrong(0.05):
                self.insist(commands.LoadLot(lot=lot, work_unit=unit), person)
                self.note("double scan", unit, f"{lot} scanned twice", product=product)
        self.site.wake(unit)

    def _receive(self, product: str) -> str:
        """Take a new lot into stock."""
        number = sum(1 for lot in self.lots_said if lot.startswith(product)) + 1
        lot = f"{product}-{number:04d}"
        if product == "AD-3":
            bad = self.supply.random() < self.site.physics.causes.adhesive_heat.bad_share
            lot = f"{self.site.physics.causes.adhesive_heat.bad_batch if bad else 'AD-3-05'}-{number:04d}"
        need = max(
            item.quantity for made in self.site.definitions.products.values() for step in made.operations
            for item in step.components if item.product == product
        )  # fmt: skip
        quantity = round(LOT_PARTS[product] * need, 3)
        self.insist(commands.ReceiveLot(lot=lot, product=product, quantity=quantity), "P36")
        self.lots_said[lot] = quantity
        return lot

    def _scan_late(self, unit: str, product: str, lot: str, *, said: str) -> None:
        before = self._on_record(unit, product)
        kind = "wrong lot scanned" if said else "lot scanned late"
        words = f"{lot} lay there, {said or before or 'none'} was on record"
        mistake = self.note(kind, unit, words, product=product, real=lot, said=said or before)
        mistake.lots = {lot, mistake.said} - {""}

        self.later(self.chance.uniform(150, 420), "_scan_right", mistake, lot)

    def _scan_right(self, mistake: Mistake, lot: str) -> None:
        unit = mistake.place
        self.insist(commands.LoadLot(lot=lot, work_unit=unit), self.person(unit))
        mistake.to_ns = self.site.now()

    def _on_record(self, unit: str, product: str) -> str:
        row = self.site.book.get(LoadedLot, f"{unit}:{product}")
        return "" if row is None else row.lot

    # Quality, and what goes wrong.

    def _decide(self) -> None:
        """Let quality decide on what is open, after a while; take out what is scrap."""
        for row in self.site.book.newest(Nonconformance, "number", 8):
            if row.state == OVER or row.nonconformance in self._seen_nc:
                continue
            self._seen_nc.add(row.nonconformance)
            self.later(self.chance.uniform(900, 2400), "_dispose", row.nonconformance)
        for space in self.site.plant.world.spaces.values():
            for part in [part for part in space.parts if self._is_scrap(part.serial)]:
                unit = space.targets[0].name  # type: ignore[attr-defined]
                self.site.take_out(space.name, part.serial, unit, "scrap by quality")

    def _is_scrap(self, serial: str) -> bool:
        row = self.site.book.get(Unit, serial)
        return row is not None and row.disposition == CLOSED

    def _dispose(self, name: str) -> None:
        row = self.site.book.get(Nonconformance, name)
        if row is None or row.state == OVER:
            return
        scrap = self._is_scrap(row.unit) or self.chance.random() < 0.25
        if not row.unit:
            scrap = False
        self.insist(
            commands.Dispose(nonconformance=name, version=row.version, cause="looked at",
                             disposition="scrap" if scrap else "use-as-is", quantity=1), "P32",
        )  # fmt: skip

    def _mishaps(self) -> None:
        """Now and then a part falls down, and quality holds one to look at it."""
        if self.chance.random() < LOOK_NS / (0.8 * HOUR_NS):
            self._fell_down()
        if self.chance.random() < LOOK_NS / (2 * HOUR_NS):
            spaces = [space for space in self.site.plant.world.spaces.values() if space.parts]
            if spaces:
                space = self.chance.choice(spaces)
                serial = self.chance.choice(list(space.parts)).serial
                row = self.site.book.get(Unit, serial)
                if row is not None and row.disposition not in (RESTRICTED, CLOSED):
                    self._hold(serial)

        if self.wrong(LOOK_NS / (12 * HOUR_NS)):
            self._at_the_panel()

    def _at_the_panel(self) -> None:
        """Set another torque at a machine: the MES, which loaded the right one, does not hear of it."""
        unit = self.chance.choice(("tighten2", "tighten3"))
        held = self.site.held_by(f"{unit}/set/torque")
        row = self.site.book.get(LoadedParameter, f"{unit}/set/torque")
        if row is None or row.found != held:
            return
        self.note("set at the panel", unit, f"torque {held:g} set to {held + 1:g} at the machine",
                   product="set/torque", real=str(held + 1), said=str(held))  # fmt: skip
        self.site.write(f"{unit}/set/torque", held + 1)

    def _hold(self, serial: str) -> None:
        self.insist(commands.Hold(kind="unit", id=serial, cause="a look"), "P32")

        self.later(self.chance.uniform(900, 2400), "_release", serial)

    def _release(self, serial: str) -> None:
        row = self.site.book.get(Unit, serial)
        if row is not None and row.disposition == RESTRICTED and row.reason == "a look":
            self.ask(commands.Release(kind="unit", id=serial, cause="looked at"), "P32")

    def _fell_down(self) -> None:
        """A part is damaged by hand before a unit that runs its order; who stands there books it."""
        found = []
        for unit in CREW:
            runs = self.site.book.where(Run, work_unit=unit, to_ns=0)
            if not runs or unit.startswith("load"):
                continue
            job = self.site.book.get(JobOrder, runs[0].job)
            assert job is not None, "what runs is in the list"
            for space in self.site.plant.units[unit].inputs:
                found += [
                    (unit, job.job, space, part) for part in space.parts
                    if part.job == job.request and not self.site.held(part.serial)
                    and self.site.book.get(Unit, part.serial) is not None
                ]  # fmt: skip
        if not found:
            return
        unit, name, space, part = self.chance.choice(found)
        cause = self.chance.choice(DEFECTS[:2])
        self.site.take_out(space.name, part.serial, unit, cause)
        person = self.person(unit)
        book = commands.ReportScrap(job=name, cause=cause, unit=part.serial)
        chance = self.chance.random() if self.mistakes_on else 1.0
        if chance < 0.12:
            self.note("scrap not booked", unit, f"{part.serial} fell down, nobody booked it",
                       unit=part.serial, real_cause=cause)  # fmt: skip
        elif chance < 0.2:
            mistake = self.note("scrap booked late", unit, f"{part.serial} fell down", unit=part.serial,
                                 real_cause=cause)  # fmt: skip
            self.later(self.chance.uniform(600, 3000), "_book_late", mistake, book, person)
        elif chance < 0.3:
            said = "wrong_part"
            self.insist(commands.ReportScrap(job=name, cause=said, unit=part.serial), person)
            self.note("wrong reason", unit, f"{part.serial}: {cause}, booked as {said}", unit=part.serial,
                       real_cause=cause, said_cause=said)  # fmt: skip
        else:
            self.insist(book, person)
            if chance < 0.4:
                answer = self.ask(book, person)
                assert not answer.accepted, "one part is scrap once"
                self.note("scrap twice", unit, f"{part.serial} booked twice: refused", unit=part.serial)

    def _book_late(self, mistake: Mistake, book: commands.ReportScrap, person: str) -> None:
        answer = self.ask(book, person)
        mistake.to_ns = self.site.now()
        mistake.said_cause = mistake.real_cause if answer.accepted else ""
        mistake.words += ", booked later" if answer.accepted else ", and could not be booked any more"

    def _begin_late(self, unit: str, job: JobOrder) -> None:
        """Work at an old cell that asks nobody, and touch "begin" minutes later."""
        mistake = self.note("begun late", unit, f"{job.job} ran before anybody touched begin", unit=job.job)
        self.site.by_hand[unit] = Task(job.job, job.request, job.product)
        self.site.wake(unit)
        self.touched("begin", unit, job.job)
        self.later(self.chance.uniform(120, 400), "_begin_after_all", mistake)

    def _begin_after_all(self, mistake: Mistake) -> None:
        unit = mistake.place
        if self.site.plant.units[unit].inside:
            self.later(1.0, "_begin_after_all", mistake)  # between two parts
            return
        del self.site.by_hand[unit]
        mistake.to_ns = self.site.now()
        row = self.site.book.get(JobOrder, mistake.unit)
        assert row is not None, "it was dispatched"
        self._begin(unit, row)

    def _left_over(self, unit: str) -> None:
        """Let an old cell work off parts whose job order is over: it had counted others for it."""
        for space in self.site.plant.units[unit].inputs:
            for part in space.parts:
                jobs = self.site.book.where(JobOrder, request=part.job, work_unit=unit)
                if jobs and jobs[0].state == "Ended" and self.site.waiting(unit, part.job):
                    job = jobs[0]
                    words = f"parts of {job.job} were left when it was over, and made all the same"
                    mistake = self.note("left over", unit, words, unit=job.job)
                    self.site.by_hand[unit] = Task(job.job, job.request, job.product)
                    self.site.wake(unit)
                    self.later(60, "_all_made", mistake, job.request)
                    return

    def _all_made(self, mistake: Mistake, order: str) -> None:
        unit = mistake.place
        if self.site.plant.units[unit].inside or self.site.waiting(unit, order):
            self.later(1.0, "_all_made", mistake, order)
            return
        del self.site.by_hand[unit]
        mistake.to_ns = self.site.now()

    def tell_why(self, stop: str) -> None:
        """Say why a machine stood."""
        self.site.stands.tell(stop)

    def tell_again(self, mistake: Mistake, stop: str, reason: str) -> None:
        """Say after hours why it really stood."""
        self.site.stands.again(mistake, stop, reason)

    def all_go(self) -> None:
        """Close what is written down of where people are, at the end of all."""
        for person in sorted(self.there):
            self.presences.append((person, *self.there[person], self.site.now()))
        self.there.clear()

    def wrong(self, share: float) -> bool:
        return self.mistakes_on and self.chance.random() < share

    def note(self, kind: str, place: str, words: str, **more: Any) -> Mistake:
        mistake = Mistake(
            number=len(self.mistakes) + 1, kind=kind, place=place, at_ns=self.site.now(), words=words, **more
        )  # fmt: skip
        self.mistakes.append(mistake)
        return mistake
