"""Random sequences of all commands and counts: no illegal state, nothing lost, nothing from nowhere.

The same machine is run with planted mistakes, and must find each of them: a property test that
finds nothing proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from taktwin.contracts import commands
from taktwin.mes.api import QUERIES
from taktwin.mes.collection import engine as counting
from taktwin.mes.collection.actions import Heard
from taktwin.mes.collection.tables import Counter
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import rebuilt
from taktwin.mes.documents.queries import in_force, readers
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.quality.engine import Disposition, Verdict
from taktwin.mes.quality.tables import OVER, Nonconformance, Result
from taktwin.mes.resources.engine import Tally
from taktwin.mes.resources.tables import Certificate, Stay
from taktwin.mes.tracking.engine import Taking
from taktwin.mes.tracking.queries import Eaten, genealogy, recall
from taktwin.mes.tracking.stock import Stock, StockCount
from taktwin.mes.tracking.tables import Consumption, Lot, Unit
from taktwin.plant import open_plant
from taktwin.standards.job_control import SUB_STATES, Method, State, SubState
from taktwin.storage.book import Reading
from taktwin.storage.journal import Entry, sealed, verify
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop

DEFINITIONS = compiled(open_plant(PLANT))
CELLS = ("load2", "adhesive2", "press2", "tighten2")
STEPS = {"load2": 10, "adhesive2": 20, "press2": 30, "tighten2": 40}
MEASURES = {"adhesive2": "adhesive2/bead_width", "press2": "press2/force_peak", "tighten2": "tighten2/torque"}
TRACKED = {"load2": "HS-1", "adhesive2": "AD-3", "press2": "BR-7", "tighten2": "SC-12"}
# Examples. A planted mistake ends the run, so that many cost little; what is drawn differs with the
# modules that are loaded.
FOUND_WITHIN = 2000
UNTOLD = (  # rows that are no facts
    "readings", "positions", "credentials", "passwords", "seen", "terminals", "kept_bookings",
    "machine_spans", "machine_edges",
)  # fmt: skip
PINS = {"P05": "5555", "P06": "6666"}
BADGE = "BADGE-TEST-P06-1"
people = st.sampled_from(tuple(PINS))
orders, cells = st.sampled_from(("1", "2")), st.sampled_from(CELLS)
places = st.sampled_from(("", "goods_in", "rack2", "load2", "adhesive2", "moon"))
serials = st.sampled_from([f"A{n}" for n in range(6)])
lots = st.integers(0, 3).map(lambda n: f"L{n}")


def chained_and_rebuilt(shop: Shop) -> None:
    """The chain holds, and the journal alone makes all rows that are facts."""
    store = shop.store
    assert verify(store.entries).broken is None
    told = {key: row for key, row in store.book.rows.items() if key[0] not in UNTOLD}
    assert rebuilt(store.entries).rows == told


def traced_both_ways(book: Reading) -> None:
    """What a unit's genealogy names has that unit on its recall list, and nothing else has."""
    back: set[tuple[str, str]] = set()
    for unit in book.where(Unit):
        found = genealogy(book, unit.unit)
        assert found is not None
        back |= {(name, unit.unit) for name in _named(found.eaten)}
    names = {row.lot for row in (*book.where(Lot), *book.where(Consumption)) if row.lot}
    assert back == {(name, unit.unit) for name in names for unit in recall(book, name)}


def _named(eaten: Iterable[Eaten]) -> set[str]:
    found: set[str] = set()
    for each in eaten:
        found |= {each.row.lot, *each.origins, *_named(each.below)} - {""}
    return found


class Plant(RuleBasedStateMachine):
    """A shop in which anything may be asked at any time."""

    definitions = DEFINITIONS

    @initialize(quantity=st.integers(1, 4), left=st.sampled_from((3.0, 20.0, 400.0)), begun=st.booleans(),
                reader=st.sampled_from(("P01", "P01", "P02")), withdrawn=st.booleans())  # fmt: skip
    def open(self, quantity: int, left: float, begun: bool, reader: str, withdrawn: bool) -> None:
        """Open a shop in which something is already under way, so that few steps lead far."""
        self.shop = Shop(self.definitions)
        self.base: dict[str, int] = {}
        for order in ("1", "2"):
            self.drop(order, quantity, "EA-100")
        if begun:
            self.shop.instruct("WI-40", actor=reader)
            if withdrawn:
                self.write("WI-40", 1, "P01", "withdraw")
        for cell in CELLS if begun else ():
            self.shop.ask(
                commands.ReceiveLot(lot=f"{TRACKED[cell]}/L0", product=TRACKED[cell], quantity=left)
            )
            self.shop.ask(commands.LoadLot(lot=f"{TRACKED[cell]}/L0", work_unit=cell))
            self.work("1", cell)

    @rule(order=orders, quantity=st.integers(-1, 4), product=st.sampled_from(("EA-100", "EA-100", "EA-9")))
    def drop(self, order: str, quantity: int, product: str) -> None:
        self.shop.ask(commands.DropOrder(request=order, product=product, quantity=quantity, due_ns=START_NS))

    @rule(order=orders, version=st.integers(1, 3), priority=st.integers(0, 3))
    def change(self, order: str, version: int, priority: int) -> None:
        self.shop.ask(
            commands.ChangeOrder(request=order, version=version, due_ns=START_NS, priority=priority)
        )

    @rule(order=orders, cell=cells)
    def work(self, order: str, cell: str) -> None:
        job = self.shop.store.book.get(JobOrder, f"{order}-{STEPS[cell]}")
        version = 1 if job is None else job.version
        self.shop.ask(commands.DispatchJob(job=f"{order}-{STEPS[cell]}", work_unit=cell, version=version))
        begun = self.shop.ask(commands.BeginJob(job=f"{order}-{STEPS[cell]}"))
        if begun.accepted and cell == "tighten2":
            rows = self.shop.store.book.where(DocumentRevision, document="WI-40")
            now = in_force(rows, self.shop.now_ns)
            assert now is not None and "P01" in {row.person for row in readers(self.shop.store.book, now)}

    @rule(document=st.sampled_from(("WI-20", "WI-40")), revision=st.integers(1, 3),
          who=st.sampled_from(("P01", "P02")),
          what=st.sampled_from(("release", "plan", "withdraw", "read")))  # fmt: skip
    def write(self, document: str, revision: int, who: str, what: str) -> None:
        later = self.shop.now_ns + 5 * SECOND if what == "plan" else 0
        digest = DEFINITIONS.documents.drafts().good[document].digest
        wish: commands.CommandData
        if what == "withdraw":
            wish = commands.WithdrawDocument(document=document, revision=revision, cause="looked at it")
        elif what == "read":
            wish = commands.AcknowledgeDocument(document=document, revision=revision)
        else:
            wish = commands.ReleaseDocument(document=document, digest=digest, effective_from_ns=later)
        self.shop.ask(wish, actor=who)

    @rule(order=orders, cell=cells, where=cells, method=st.sampled_from(Method))
    def control(self, order: str, cell: str, where: str, method: Method) -> None:
        self.shop.ask(commands.ControlJob(job=f"{order}-{STEPS[cell]}", method=method, work_unit=where))

    @rule(lot=lots, cell=cells, quantity=st.sampled_from((0.0, 3.0, 20.0, 400.0)))
    def receive(self, lot: str, cell: str, quantity: float) -> None:
        self.shop.ask(
            commands.ReceiveLot(lot=f"{TRACKED[cell]}/{lot}", product=TRACKED[cell], quantity=quantity)
        )

    @rule(lot=lots, cell=cells, where=cells)
    def load(self, lot: str, cell: str, where: str) -> None:
        self.shop.ask(commands.LoadLot(lot=f"{TRACKED[cell]}/{lot}", work_unit=where))

    @rule(lot=lots, cell=cells, source=places | st.none(), to=places,
          quantity=st.sampled_from((0.0, 2.0, 15.0)), load=st.booleans())  # fmt: skip
    def carry(self, lot: str, cell: str, source: str | None, to: str, quantity: float, load: bool) -> None:
        name = f"{TRACKED[cell]}/{lot}"
        wish: commands.CommandData = commands.MoveLot(lot=name, source=source, target=to, quantity=quantity)
        if load:
            wish = commands.LoadLot(lot=name, work_unit=cell, source=source, quantity=quantity)
        self.shop.ask(wish)

    @rule(lot=lots, cell=cells, where=places, quantity=st.sampled_from((0.0, 7.0, 30.0)), stale=st.booleans())
    def stocktake(self, lot: str, cell: str, where: str, quantity: float, stale: bool) -> None:
        name = f"{TRACKED[cell]}/{lot}"
        row = self.shop.store.book.get(Stock, f"{where}:{name}")
        version = (0 if row is None else row.version) - stale
        answer = self.shop.ask(
            commands.CountStock(lot=name, location=where, quantity=quantity, cause="counted", version=version)
        )
        if answer.accepted:
            after = self.shop.store.book.get(Stock, f"{where}:{name}")
            assert after is not None and not stale and abs(after.quantity - quantity) < 1e-6

    @rule(cell=cells, serial=serials | st.just(""), kind=st.sampled_from(("good", "good", "reject")),
          parts=st.sampled_from((1, 1, 1, 2, 5)), again=st.booleans(),
          value=st.none() | st.sampled_from((1.0, 2.4, 18.0, 42.0)), late=st.booleans())  # fmt: skip
    def make(
        self, cell: str, serial: str, kind: str, parts: int, again: bool, value: float | None, late: bool
    ) -> None:
        signal = f"{cell}/{'good_count' if kind == 'good' else 'reject_count'}"
        self.base.setdefault(signal, 100)
        if not late:
            self.measure(cell, serial, value, again)
        self.shop.machine(cell, serial=serial, kind=kind, parts=parts)
        if late:
            self.measure(cell, serial, value, again)
        if again:  # the same delivery once more
            count = self.shop.counters[signal]
            self.shop.desk.hear([Heard(signal, count, self.shop.now_ns)], stream="SAMPLES", position=0)

    def measure(self, cell: str, serial: str, value: float | None, again: bool) -> None:
        if value is None or cell not in MEASURES:
            return
        self.shop.now_ns += SECOND
        at = self.shop.now_ns
        said = [Heard(MEASURES[cell], value, at)]
        if serial:
            said.append(Heard(f"{cell}/serial", serial, at - 1))
        for _ in range(1 + again):
            self.shop.desk.hear(said, stream="SAMPLES", position=at)

    @rule(order=orders, cell=cells, serial=serials | st.just(""), twice=st.booleans())
    def scrap(self, order: str, cell: str, serial: str, twice: bool) -> None:
        wish = commands.ReportScrap(job=f"{order}-{STEPS[cell]}", cause="damaged", unit=serial)
        name = f"s{len(self.shop.store.entries)}"
        for _ in range(1 + twice):
            self.shop.ask(wish, command_id=name)

    @rule(back=st.integers(0, 60))
    def undo(self, back: int) -> None:
        self.shop.ask(commands.UndoScrap(report=f"s{len(self.shop.store.entries) - back}"))

    @rule(
        kind=st.sampled_from(("lot", "unit", "cat")), cell=cells, lot=lots, serial=serials, hold=st.booleans()
    )
    def dispose(self, kind: str, cell: str, lot: str, serial: str, hold: bool) -> None:
        name = serial if kind == "unit" else f"{TRACKED[cell]}/{lot}"
        wish = commands.Hold if hold else commands.Release
        self.shop.ask(wish(kind=kind, id=name, cause="looked at it"))

    @rule(order=orders, serial=serials | st.just(""), value=st.sampled_from((1.0, 14.0, 900.0)))
    def measure_by_hand(self, order: str, serial: str, value: float) -> None:
        self.shop.ask(
            commands.RecordResult(job=f"{order}-20", characteristic="adhesive_strength", value=value,
                                  unit_of_measure="MPa", unit=serial)
        )  # fmt: skip

    @rule(number=st.integers(1, 3), what=st.sampled_from((*Disposition, "forget", "release")),
          stale=st.booleans(), quantity=st.integers(0, 3))  # fmt: skip
    def decide(self, number: int, what: str, stale: bool, quantity: int) -> None:
        row = self.shop.store.book.get(Nonconformance, f"NC-{number}")
        if what == "release":
            serial = "" if row is None else row.unit
            self.shop.ask(commands.Release(kind="unit", id=serial, cause="looked at it"))
            return
        version = 1 if row is None else row.version - stale
        self.shop.ask(
            commands.Dispose(nonconformance=f"NC-{number}", disposition=what, cause="looked at it",
                             version=version, quantity=quantity)
        )  # fmt: skip

    @invariant()
    def what_is_left_to_decide_goes_nowhere(self) -> None:
        book = self.shop.store.book
        for row in book.where(Nonconformance):
            unit = book.get(Unit, row.unit) if row.unit else None
            if unit is not None and row.state != OVER:
                assert unit.disposition in ("Restricted", "Closed"), "a failed part goes free"
            first = book.get(Result, row.result)
            assert first is not None and first.verdict == "NOK"
        for result in book.where(Result):
            bad = (result.lower is not None and result.value < result.lower) or (
                result.upper is not None and result.value > result.upper
            )
            assert result.verdict == ("NOK" if bad else "OK")
            assert result.nonconformance or not bad

    @invariant()
    def every_state_is_legal(self) -> None:
        jobs = self.shop.store.book.where(JobOrder)
        for job in jobs:
            assert SubState(job.sub_state) in SUB_STATES[State(job.state)]
            assert job.good >= 0 and job.scrap >= 0
        running = [job.work_unit for job in jobs if job.state == State.RUNNING]
        assert len(running) == len(set(running)) and "" not in running

    @invariant()
    def what_came_in_is_left_or_built_in(self) -> None:
        used: dict[str, float] = {}
        for row in self.shop.store.book.where(Consumption):
            used[row.lot] = used.get(row.lot, 0.0) + row.quantity
        for lot in self.shop.store.book.where(Lot):
            assert lot.remaining >= 0
            counted = sum(r.after - r.before for r in self.shop.store.book.where(StockCount, lot=lot.lot))
            assert abs(lot.quantity + counted - lot.remaining - used.get(lot.lot, 0.0)) < 1e-6
            lying = [row.quantity for row in self.shop.store.book.where(Stock, lot=lot.lot)]
            assert min(lying) >= 0 and abs(sum(lying) - lot.remaining) < 1e-6, "it lies nowhere, or twice"

    @invariant()
    def every_part_that_a_machine_made_is_counted_once(self) -> None:
        for counter in self.shop.store.book.where(Counter):
            made = self.shop.counters[counter.signal] - self.base[counter.signal]
            assert counter.booked + counter.loose == made

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        store = self.shop.store
        chained_and_rebuilt(self.shop)
        done: dict[str, int] = {}
        for entry in store.entries:
            if entry.actor_type == "human":  # each command comes at an instant of its own
                assert done.setdefault(entry.correlation, entry.recorded_ns) == entry.recorded_ns, (
                    "done twice"
                )
        traced_both_ways(store.book)
        for unit in store.book.where(Unit):
            eaten: dict[tuple[str, str], float] = {}
            for row in store.book.where(Consumption, unit=unit.unit):
                eaten[(row.job, row.component)] = eaten.get((row.job, row.component), 0.0) + row.quantity
            bill = {
                c.product: c.quantity for o in DEFINITIONS.products["EA-100"].operations for c in o.components
            }
            assert all(abs(amount - bill[name]) < 1e-6 for (_, name), amount in eaten.items())


class People(RuleBasedStateMachine):
    """A cell at which people come and go, guess PINs, win and lose certificates, and begin job orders."""

    @initialize()
    def open(self) -> None:
        self.shop = Shop(DEFINITIONS)
        self.wrong = dict.fromkeys(PINS, 0)  # PINs in a row, as we tried them
        self.locked_ns = dict.fromkeys(PINS, 0)
        self.until_ns: dict[str, int] = {}  # of certificates that stand, as we granted them
        for person, pin in PINS.items():
            badge = BADGE if person == "P06" else ""
            self.shop.ask(commands.SetCredentials(person=person, pin=pin, badge=badge))
        self.shop.ask(commands.DropOrder(request="1", product="EA-100", quantity=9, due_ns=START_NS))
        self.shop.ask(commands.DispatchJob(job="1-10", work_unit="load2", version=1))

    @rule(person=people, cell=st.sampled_from(("load2", "load2", "press2")), wrong=st.sampled_from((0, 0, 4)),
          later_s=st.sampled_from((0, 0, 400)))  # fmt: skip
    def log_on(self, person: str, cell: str, wrong: int, later_s: int) -> None:
        self.shop.now_ns += later_s * SECOND
        for right in (*([False] * wrong), True):
            pin = PINS[person] if right else "0000"
            answer = self.shop.ask(commands.LogOn(person=person, pin=pin, work_unit=cell))
            looked_at = self.shop.now_ns >= self.locked_ns[person]
            assert answer.accepted == (right and looked_at)
            if answer.events:
                self.wrong[person] = 0
            elif looked_at and not right:  # whoever is here already changes nothing by coming again
                self.wrong[person] += 1
                if self.wrong[person] >= 5:
                    self.locked_ns[person] = self.shop.now_ns + 300 * SECOND

    @rule(person=people, how=st.sampled_from(("badge", "off", "break")))
    def move(self, person: str, how: str) -> None:
        if how == "badge":
            assert self.shop.ask(commands.LogOn(badge=BADGE, work_unit="load2")).accepted
        elif how == "off":
            self.shop.ask(commands.LogOff(person=person))
        else:
            self.shop.ask(commands.StartIndirect(person=person, activity="break"))

    @rule(person=people, days=st.sampled_from((-1.0, 0.001, 30.0)), revoke=st.booleans())
    def certify(self, person: str, days: float, revoke: bool) -> None:
        row = self.shop.store.book.get(Certificate, f"{person}:assembler")
        version = 0 if row is None else row.version
        until_ns = self.shop.now_ns + round(days * 86_400) * SECOND
        wish: commands.CommandData = commands.GrantCertificate(
            person=person, skill="assembler", valid_until_ns=until_ns, version=version
        )
        if revoke:
            wish = commands.RevokeCertificate(person=person, skill="assembler", cause="x", version=version)
        if self.shop.ask(wish).accepted:
            self.until_ns[person] = 0 if revoke else until_ns

    @rule(who=people | st.just(""))
    def work(self, who: str) -> None:
        stays = self.shop.store.book.where(Stay, work_unit="load2", to_ns=0)
        job = self.shop.store.book.get(JobOrder, "1-10")
        assert job is not None
        wish: commands.CommandData = commands.BeginJob(job="1-10")
        if job.started_ns:
            wish = commands.ControlJob(job="1-10", method="Resume")
        if self.shop.ask(wish, on_behalf_of=who).accepted:
            asked = [who] if who else [stay.person for stay in stays]
            assert not who or who in [stay.person for stay in stays], "begun by somebody who is not there"
            valid = [name for name in asked if self.until_ns.get(name, 0) > self.shop.now_ns]
            assert valid or not self.until_ns, "begun where nobody may"
            self.shop.ask(commands.ControlJob(job="1-10", method="Pause"))

    @rule(person=people, other=people, back=st.integers(1, 20))
    def write(self, person: str, other: str, back: int) -> None:
        name = f"n{len(self.shop.store.entries)}"
        self.shop.ask(commands.WriteNote(person=person, work_unit="load2", text="x"), command_id=name)
        self.shop.ask(commands.ReadNote(person=other, note=f"n{len(self.shop.store.entries) - back}"))
        wish = commands.Sign(badge=BADGE, pin="6666", kind="order", record="1", meaning="reviewed")
        if self.shop.ask(wish).accepted:
            self.wrong["P06"] = 0

    @invariant()
    def nobody_is_in_two_places(self) -> None:
        if hasattr(self, "shop"):
            stays = [stay.person for stay in self.shop.store.book.where(Stay, to_ns=0)]
            assert len(stays) == len(set(stays))

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            chained_and_rebuilt(self.shop)
            labour = QUERIES["labour"](self.shop.store.book, DEFINITIONS, {"hours": "168"}, self.shop.now_ns)
            stays = self.shop.store.book.where(Stay)
            assert sum(row["to_ns"] - row["from_ns"] for row in labour["rows"]) == sum(
                (stay.to_ns or self.shop.now_ns) - stay.from_ns for stay in stays
            )


def run(
    machine: type[RuleBasedStateMachine] = Plant, examples: int = 30, steps: int = 25, *, shrink: bool = True
) -> None:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
                          database=None, phases=phases, suppress_health_check=list(HealthCheck)),
    )  # fmt: skip


def test_random_commands_leave_the_mes_whole() -> None:
    run()


def test_random_comings_and_goings_leave_people_and_their_hours_whole() -> None:
    run(People)


def _too_much(*, wanted: float, remaining: float) -> Taking:
    return Taking(wanted, 0.0)


def _repeats_count(**words: Any) -> counting.Step | None:
    step = counting.step(**words)
    return counting.Step(1) if step is None else step


def _unchained(entry: Entry, previous: str) -> Entry:
    return sealed(entry, "0" * 64)


def _always_in_force(revisions: list[DocumentRevision], now_ns: int) -> DocumentRevision | None:
    return max(revisions, key=lambda row: row.revision, default=None)


def _draws_nothing(*_: object, **__: object) -> dict[str, float]:
    return {}


def _leaves_it_there(*_: object, quantity: float, **__: object) -> float:
    return quantity


def _always_good(*_: object) -> Verdict:
    return Verdict.OK


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a lot gives more than it has": ("taktwin.mes.tracking.actions.take", _too_much),
    "two job orders run on one machine": (
        "taktwin.mes.execution.actions._nothing_else_runs",
        lambda *_: None,
    ),
    "a repeated delivery counts again": ("taktwin.mes.collection.actions.step", _repeats_count),
    "nobody asks whether an instruction was read": (
        "taktwin.mes.execution.actions._instructions_are_known",
        lambda *_: None,
    ),
    "a withdrawn instruction stays in force": (
        "taktwin.mes.documents.queries.in_force",
        _always_in_force,
    ),
    "whatever is measured is good": ("taktwin.mes.quality.engine.verdict", _always_good),
    "what a machine uses still lies in the store": ("taktwin.mes.tracking.actions.draw", _draws_nothing),
    "a move is not taken away where it came from": ("taktwin.mes.tracking.moves.take_away", _leaves_it_there),
    "a recall list is empty": ("tests.unit.mes.test_random_commands.recall", lambda *_: []),
    "an entry is not bound to the one before": ("taktwin.mes.desk.sealed", _unchained),
    "nobody looks whether a command was done before": (
        "taktwin.storage.stores.MemoryTransaction.answer_of",
        lambda *_: None,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_commands_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(examples=FOUND_WITHIN, shrink=False)


def _for_ever(*, granted: bool, **_: Any) -> str:
    return "" if granted else "has no certificate"


PEOPLE_MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a certificate counts after its end": ("taktwin.mes.resources.queries.objection", _for_ever),
    "who logs on elsewhere stays here too": ("taktwin.mes.resources.stays.stay_of", lambda *_: None),
    "wrong PINs lock nothing": ("taktwin.mes.resources.engine.failed", lambda n, _: Tally(n + 1, 0)),
    "anybody acts under any name": ("taktwin.mes.performance.actions.present", lambda *_: None),
}


@pytest.mark.parametrize("name", PEOPLE_MUTANTS)
def test_the_random_comings_and_goings_find_a_planted_mistake(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, mistake = PEOPLE_MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(People, FOUND_WITHIN, shrink=False)
