"""The past that is written at once, beside the real MES over the same plant: each fact of both, in order.

The floor of the past leads the plant. What its people do is done to the desk of the MES too, as commands;
what machines say goes to it as scans. Then the two journals are compared, event by event and field by field.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.contracts import commands, events, samples
from taktwin.contracts.commands import CommandData
from taktwin.contracts.events import EventData
from taktwin.contracts.vouching import silent_after_ns
from taktwin.instants import parse_rfc3339, rfc3339
from taktwin.mes.collection.listening import heard_in, listened
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import Desk, content_of
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.execution.tables import JobOrder as JobRow
from taktwin.mes.performance.ear import Ear
from taktwin.mes.performance.tables import Stop
from taktwin.mes.resources import engine
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.standards.job_control import State, SubState
from taktwin.storage.stores import MemoryStore
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.flow import Process
from taktwin.virtual_plant.model import Report
from taktwin.virtual_plant.written import filling
from taktwin.virtual_plant.written.ledger import Ledger
from taktwin.virtual_plant.written.mes import JobOrder, Request, Written
from taktwin.virtual_plant.written.routes import routes_of

PLANT = Path(__file__).resolve().parents[2] / "examples" / "plants" / "northfield"
PHYSICS = physics.load(PLANT / "physics.yaml")
HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000
FROM_NS = parse_rfc3339("2026-06-15T12:30:00+02:00")
PACE = 600.0  # the MES hears each minute, and must not take that for a silence
ROLES = ["state", "count", "job"]
# What the MES says besides, and why a past does not.
ONLY_THE_MES = {
    "person.credentials.changed": "badges of people: before the first shift, and no past needs them",
    "person.certificate.granted": "the same for what they may do",
    "document.released": "the same for work instructions",
    "document.acknowledged": "the same, read by each person",
}
# Ids of commands, from which the names of these come: no two of them can say them alike.
NAMES = ("stay", "report")
LEAST = 1e-6  # what a lot is short of by rounding is no other lot


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "COST", 1)


@cache
def northfield() -> Registry:
    return open_plant(PLANT)


class RealMes:
    """The desk of the MES with its ears, and nobody who decides."""

    def __init__(self) -> None:
        registry = northfield()
        found = compiled(registry)
        # Values for cells would have to be carried into them: a past writes nothing into machines.
        bare = {
            name: replace(each, operations=tuple(replace(step, set_points=()) for step in each.operations))
            for name, each in found.products.items()
        }
        self.definitions = replace(found, products=bare)
        self.store = MemoryStore()
        self.past: filling.Past
        self.desk = Desk(self.store, self.definitions, self.now, speed=PACE)
        self.importer = Importer(
            self.desk, self.store, self.definitions, sender="northfield", time_zone=registry.time_zone
        )
        self._listened = listened(self.definitions)
        gap_ns = silent_after_ns(PACE)
        self.ears = {
            unit: Ear(machine, registry, gap_ns=gap_ns) for unit, machine in self.definitions.machines.items()
        }
        self._position = 0
        self._number = 0

    def now(self) -> int:
        return self.past.plant.world.now_ns if hasattr(self, "past") else FROM_NS

    def want(self, wish: CommandData, person: str) -> None:
        """Let a person want something that the MES may not refuse."""
        self.flush()
        self._number += 1
        command = commands.make(wish, command_id=f"c{self._number}", actor=person, actor_type="human")
        answer = self.desk.execute(command)
        assert answer.accepted, (wish, answer)

    def set_up(self) -> None:
        until_ns = FROM_NS + 400 * 24 * HOUR_NS
        for person, classes in self.definitions.people.items():
            self.want(commands.SetCredentials(person=person, badge=badge(person)), "P01")
            for skill in classes:
                wish = commands.GrantCertificate(person=person, skill=skill, valid_until_ns=until_ns)
                self.want(wish, "P31")
        for name, draft in self.definitions.documents.drafts().good.items():
            self.want(commands.ReleaseDocument(document=name, digest=draft.digest), "P31")
            newest = max(row.revision for row in self.store.book.where(DocumentRevision, document=name))
            for person in self.definitions.people:
                self.want(commands.AcknowledgeDocument(document=name, revision=newest), person)

    def drop(self, request: Request, customer: str) -> None:
        head = "order,product,quantity,due,priority,customer"
        due = rfc3339(request.due_ns)
        row = f"{request.request},{request.product},{request.quantity},{due},{request.priority},{customer}"
        file = f"{head}\n{row}".encode()
        report = self.importer.take("csv", file, actor="erp", actor_type="service", at_ns=self.now())
        assert [each.accepted for each in report.rows] == [True], report

    def listening(self) -> Process:
        """Hear machines out once a minute."""
        while True:
            self.hear(self.past.plant.said(), vouched=True)
            yield self.past.plant.world.env.timeout(MINUTE_NS - self.now() % MINUTE_NS)

    def flush(self) -> None:
        if hasattr(self, "past"):
            self.hear(self.past.plant.said())

    def hear(self, reports: list[Report], *, vouched: bool = False, as_of_ns: int = 0) -> None:
        registry = northfield()
        scans: dict[tuple[str, str], samples.Scan] = {}
        upto_ns = as_of_ns or self.now() - 1
        if vouched:
            for unit, machine in self.definitions.machines.items():
                scans[machine.connection, unit] = self._scan(machine.connection, upto_ns, upto_ns)
        for report in reports:
            signal = registry.signals[report.signal]
            key = (signal.connection, str(signal.equipment))
            scan = scans.get(key)
            if scan is None:
                scan = scans[key] = self._scan(signal.connection, report.source_ns, upto_ns)
            scan.signals.append(report.signal)
            scan.dt_ns.append(report.source_ns - scan.t0_ns)
            scan.values.append(report.value)
        heard = []
        for (_, unit), scan in scans.items():
            if unit in self.ears:
                self.ears[unit].hear(scan)
            heard += heard_in(scan, registry, self._listened)
        told = [each for ear in self.ears.values() if (each := ear.told()) is not None] if vouched else []
        if heard or told:
            self.desk.hear(heard, stream="SAMPLES", position=self._position, told=told)

    def _scan(self, connection: str, t0_ns: int, as_of_ns: int) -> samples.Scan:
        self._position += 1
        return samples.Scan(
            registry=northfield().prefix, connector=connection, epoch_ns=FROM_NS, sequence=self._position,
            t0_ns=t0_ns, as_of_ns=as_of_ns,
        )  # fmt: skip


class Beside(Written):
    """The written MES, whose every touch is done to the real one too."""

    def __init__(self, ledger: Ledger, real: RealMes) -> None:
        super().__init__(northfield(), routes_of(northfield()), ledger)
        self.real = real

    def drop(self, request: Request, customer: str, at_ns: int) -> None:
        self.real.drop(request, customer)
        super().drop(request, customer, at_ns)

    def dispatch(self, job: JobOrder, work_unit: str, person: str, at_ns: int) -> None:
        row = self.real.store.book.get(JobRow, job.job)
        assert row is not None
        wish = commands.DispatchJob(job=job.job, work_unit=work_unit, version=row.version)
        self.real.want(wish, person)
        super().dispatch(job, work_unit, person, at_ns)

    def begin(self, job: JobOrder, person: str, at_ns: int) -> None:
        wish = commands.BeginJob(job=job.job)
        if job.state is State.INTERRUPTED:
            wish = commands.ControlJob(job=job.job, method="Resume")  # type: ignore[assignment]
        self.real.want(wish, person)
        super().begin(job, person, at_ns)

    def pause(self, job: JobOrder, person: str, at_ns: int) -> None:
        self.real.want(commands.ControlJob(job=job.job, method="Pause"), person)
        super().pause(job, person, at_ns)

    def stop(self, job: JobOrder, person: str, at_ns: int) -> None:
        self.real.want(commands.ControlJob(job=job.job, method="Stop"), person)
        super().stop(job, person, at_ns)

    def scrapped(self, job: JobOrder, serial: str, cause: str, person: str, at_ns: int) -> None:
        self.real.want(commands.ReportScrap(job=job.job, cause=cause, unit=serial), person)
        super().scrapped(job, serial, cause, person, at_ns)

    def log_on(self, person: str, work_unit: str, at_ns: int) -> None:
        self.real.want(commands.LogOn(badge=badge(person), work_unit=work_unit), person)
        super().log_on(person, work_unit, at_ns)

    def log_off(self, person: str, at_ns: int) -> None:
        self.real.want(commands.LogOff(person=person), person)
        super().log_off(person, at_ns)

    def receive(self, lot: str, product: str, quantity: float, person: str, at_ns: int) -> None:
        self.real.want(commands.ReceiveLot(lot=lot, product=product, quantity=quantity), person)
        super().receive(lot, product, quantity, person, at_ns)

    def load(self, lot: str, product: str, work_unit: str, quantity: float, person: str, at_ns: int) -> None:
        self.real.want(commands.LoadLot(lot=lot, work_unit=work_unit), person)
        super().load(lot, product, work_unit, quantity, person, at_ns)

    def recode(self, stop: str, work_unit: str, reason: str, person: str, at_ns: int) -> None:
        row = self.real.store.book.get(Stop, stop)
        assert row is not None, f"{stop} is a stop for both"
        self.real.want(commands.RecodeStop(stop=stop, reason=reason, version=row.version, cause=""), person)
        super().recode(stop, work_unit, reason, person, at_ns)


class LosesCounts(Beside):
    """A mutant: of fifty counts one is not written down."""

    lost = 0

    def _say(self, content: EventData, at_ns: int, *words: Any, **more: Any) -> None:
        if isinstance(content, events.MaterialCounted):
            self.lost += 1
            if self.lost % 50 == 0:
                return
        super()._say(content, at_ns, *words, **more)


class EndsTooSoon(Beside):
    """A mutant: it says that a job order ended a second before its last part was counted."""

    def _end(self, job: JobOrder, how: SubState, at_ns: int, actor: str, correlation: str) -> None:
        super()._end(job, how, at_ns - 1_000_000_000, actor, correlation)


def badge(person: str) -> str:
    return f"BADGE-PAST-{person}"


def said_of(name: str, time_ns: int, content: EventData) -> tuple[str, int, str]:
    """Return a fact as it is compared."""
    fields = msgspec.structs.asdict(content)
    for each in NAMES:
        fields.pop(each, None)
    if "quantity" in fields:
        fields["quantity"] = round(fields["quantity"], 6)
    return (name, time_ns, msgspec.json.encode(fields, order="sorted").decode())


def both(hours: float, *, kind: type[Beside] = Beside) -> tuple[Counter[Any], Counter[Any], filling.Past]:
    """Let both live for some hours, and return what each wrote down: ours, the real one's."""
    real = RealMes()
    real.set_up()
    recipe = filling.Recipe(
        plant="", physics="", seed=5, from_ns=FROM_NS, roles=ROLES, power_every_s=0.0, without=[]
    )
    # More mishaps and troubles than usual: there has to be something to compare in so few hours.
    eager = replace(PHYSICS.people, falls_every_h=0.3)
    units = {
        name: replace(unit, failure=replace(unit.failure, every_h=unit.failure.every_h / 5))
        for name, unit in PHYSICS.units.items()
    }
    past = filling.Past(
        northfield(),
        replace(PHYSICS, people=eager, units=units),
        recipe,
        written=lambda ledger: kind(ledger, real),
    )
    real.past = past
    past.plant.world.env.process(real.listening())
    to_ns = FROM_NS + round(hours * 60) * MINUTE_NS
    real.hear(past.plant.advance(to_ns), as_of_ns=to_ns)
    ours: Counter[Any] = Counter()
    for row in past.events:
        event = events.decode(row.body)
        content = events.content_of(event)
        assert content is not None
        assert (event.name, event.time_ns) == (row.type, row.time_ns)
        ours[said_of(row.type, row.time_ns, content)] += 1
    theirs: Counter[Any] = Counter()
    for entry in real.store.entries:
        told = content_of(entry)
        rounding = isinstance(told, events.UnitConsumed) and told.quantity < LEAST
        if entry.event_type not in ONLY_THE_MES and not rounding:
            theirs[said_of(entry.event_type, entry.time_ns, told)] += 1
    return ours, theirs, past


def test_a_past_is_what_the_mes_writes_down_of_the_same_plant() -> None:
    ours, theirs, past = both(2.5)
    kinds = Counter(name for name, _, _ in ours.elements())
    differ = sorted(((ours - theirs) + (theirs - ours)).elements(), key=lambda each: each[1])
    assert not differ, differ[:9]
    # There was something to compare, of every kind.
    assert kinds["material.counted"] > 500 and kinds["unit.moved"] > 400 and kinds["unit.consumed"] > 200
    for name in (
        "operations.request.received", "operations.request.completed", "job.order.paused",
        "job.order.resumed", "job.order.ended", "lot.loaded", "labour.logged.on", "labour.logged.off",
        "material.scrapped", "unit.scrapped", "unit.finished", "equipment.stop.begun",
        "equipment.stop.ended", "equipment.stop.recoded",
    ):  # fmt: skip
        assert kinds[name] > 0, name
    assert past.plant.world.tally.finished > 0


@pytest.mark.parametrize("mutant", [LosesCounts, EndsTooSoon])
def test_a_past_that_loses_counts_or_ends_too_soon_is_found(mutant: type[Beside]) -> None:
    ours, theirs, _ = both(0.8, kind=mutant)
    assert ours != theirs
