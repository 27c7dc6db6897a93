"""A plant of one line, its MES, its people, and the rooms that advise them, through weeks of plant time.

Three arms of the same plant with the same seeds: advised, fixed life, and watchful people without advice.
What it came to is counted by the plant's own truth, of which no room hears anything.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from taktwin.contracts import analyst as analysts
from taktwin.contracts import commands, samples
from taktwin.contracts import recommendation as contract
from taktwin.contracts.commands import Answer, CommandData, ImportReport
from taktwin.contracts.recommendation import ClassRecord, Decide, Inbox, Level, Move
from taktwin.entropy import Entropy
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance.actions import TOOL_CHANGE, open_at
from taktwin.mes.maintenance.readiness import missing_tools
from taktwin.plant.registry import Registry
from taktwin.storage.stores import MemoryStore
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import Fact, TruthInterval, TruthPassage, TruthReject
from tests.closed_loop.exports import write_entries
from tests.closed_loop.rooms import Rooms
from tests.closed_loop.world import World
from tests.lockstep.crew import CREW
from tests.lockstep.floor import PACE, ROLES, Site
from tests.lockstep.people import HOUR_NS, MINUTE_NS, People

DAY_NS = 24 * HOUR_NS
ROUND_NS = 2 * MINUTE_NS  # between two rounds of the analyst, as in the product
DECIDE_NS = MINUTE_NS  # how often the shift leader looks at Advice
COMES_S = 5 * 60.0, 25 * 60.0  # after an order is due somebody has a hand free
THINKS_NS = 5 * MINUTE_NS  # so long an advice stands before it is accepted
WATCHED, BAD = 10, 3  # who watches changes a tool once so many of the last parts were outside
INSERT = "insert"
PRODUCTS = ("SH-100", "SH-200")


class Arm(StrEnum):
    """How people know when to change an insert, beside the machine, which does it after its fixed life."""

    ADVISED = "advised"
    FIXED_LIFE = "fixed life"
    WATCHFUL = "watchful"  # without advice, by the parts that were bad already


class Crew(People):
    """People of one line: they work off orders, change tools, and decide on advice by written rules."""

    site: House

    def __init__(self, site: House) -> None:
        super().__init__(site, mistakes_on=False)
        self.hands = Entropy(site.seed).stream("closed loop/hands")
        self._numbers: dict[str, int] = {}  # unit -> the machine's number of the tool that is in
        self._asked: set[str] = set()  # orders for which somebody went to the machine
        self._seen_ns: dict[str, int] = {}  # recommendation -> when the leader saw it first
        self._decided: set[str] = set()

    def set_up(self) -> None:
        """Log-ons and certificates, and the inserts that are in."""
        super().set_up()
        for unit in self.site.lathes:
            self._numbers[unit] = self.site.plant.units[unit].tool_number
            if self.site.world is not None:
                self.site.world.tool_in(self.site.now(), unit, self.person(unit))
            self._mount(unit)

    def first(self) -> None:
        """Begin: there is something to do."""
        self._drop_orders()
        for unit in self.site.places:
            self._idle_since[unit] = self.site.now()

    def look(self) -> None:
        """Look around once, and do what is to be done now."""
        self._shift_ends()
        self.do_what_is_due()
        for unit, product in sorted(self.wanted - self._coming):
            self._coming.add((unit, product))
            self.later(self.chance.uniform(15, 50), "_bring", unit, product)
        self.wanted.clear()
        self._looks += 1
        for number, unit in enumerate(self.site.places):
            if number % 2 == self._looks % 2 and self.site.plant.units[unit].planned:
                self._look(unit)
        if self._looks % 6 == 0:
            self._decide()
        if self._looks % 60 == 0:
            self._drop_orders()
        self._tools()
        if self.site.arm is not Arm.ADVISED:
            return
        if self.site.now() % ROUND_NS == 0:
            self.site.rooms.round()
        if self.site.now() % DECIDE_NS == 0:
            self._advice()

    def _drop_orders(self) -> None:
        self.drop(*((product, 8, 6) for product in PRODUCTS))

    def _dispose(self, name: str) -> None:
        """Leave a nonconformance to quality, whom nobody plays: the machine has sorted the part out."""

    # Tools

    def _begin(self, unit: str, job: JobOrder) -> None:
        """Begin a job order; an insert that ended its life with the last part of the one before comes out
        first."""
        if (unit, INSERT) in missing_tools(self.site.book, self.site.definitions, self.site.now()):
            self.site.plant.change_tool(unit)
            return
        super()._begin(unit, job)

    def _tools(self) -> None:
        for unit in self.site.lathes:
            machine = self.site.plant.units[unit]
            orders = [
                row for row in open_at(self.site.book, unit)
                if row.kind == TOOL_CHANGE and row.tool_kind == INSERT
            ]  # fmt: skip
            if machine.tool_number != self._numbers[unit]:
                # Whoever stands there confirms it at the terminal, whoever wanted it.
                self._numbers[unit] = machine.tool_number
                self.site.changes[self.site.day(self.site.now())] += 1
                self.site.outside[unit].clear()
                self.later(self.hands.uniform(20, 90), "_confirm", unit)
                continue
            for row in orders:
                if row.order not in self._asked and row.due_ns <= self.site.now():
                    self._asked.add(row.order)
                    self.later(self.hands.uniform(*COMES_S), "_change", unit, row.order)
            if self.site.arm is Arm.WATCHFUL and sum(self.site.outside[unit]) >= BAD:
                self.site.outside[unit].clear()
                self.site.plant.change_tool(unit)

    def _change(self, unit: str, order: str) -> None:
        """Change the insert, if that is still to be done."""
        if any(row.order == order for row in open_at(self.site.book, unit)):
            self.site.plant.change_tool(unit)

    def ask(self, wish: CommandData, person: str, *, at_terminal: bool = False, reason: str = "") -> Answer:
        """Let a person want something; what the MES took is written down where somebody does that."""
        answer = super().ask(wish, person, at_terminal=at_terminal, reason=reason)
        if answer.accepted and self.site.world is not None:
            self.site.world.did(self.site.now(), wish, person=person, at_terminal=at_terminal)
        return answer

    def _confirm(self, unit: str) -> None:
        if self.site.world is not None:
            self.site.world.tool_in(self.site.now(), unit, self.person(unit))
        for row in open_at(self.site.book, unit):
            if row.kind == TOOL_CHANGE and row.tool_kind == INSERT:
                self.insist(commands.ChangeTool(order=row.order), self.person(unit))
                return
        self._mount(unit)

    def _mount(self, unit: str) -> None:
        name = f"I-{unit}-{self._numbers[unit]}"
        self.insist(commands.MountTool(tool=name, work_unit=unit, kind=INSERT), self.person(unit))

    # Advice

    def leader(self) -> str:
        """Return who leads the shift of now."""
        return f"{self.person('turn1')[:-1]}1"

    def _advice(self) -> None:
        """Accept what has stood for five minutes, in the order of what waiting costs: the written rule."""
        rooms = self.site.rooms
        rooms.hear_mes()
        inbox = msgspec.convert(self._ask(contract.INBOX), Inbox)
        for row in inbox.waiting:
            since_ns = self._seen_ns.setdefault(row.id, self.site.now())
            if row.id in self._decided or self.site.now() - since_ns < THINKS_NS:
                continue
            self._decided.add(row.id)
            document = rooms.ledger.document(row.id)
            assert document is not None, "what is in the list is known"
            leader = self.leader()
            grant = rooms.carrier.grants.seal(document, leader, None)
            wish = Decide(recommendation=row.id, version=row.version, accept=True, grant=grant)
            answer = rooms.do(
                rooms.carrier.tell(wish, message_id=f"{leader}:{row.id}", actor=leader, actor_type="human")
            )
            if answer.accepted:
                rooms.do(rooms.carrier.carry(row.id))
            self.site.decisions.append((self.site.now(), row.id, answer.state or answer.code))
        if self.site.now() % HOUR_NS == 0:
            self._look_after_models()

    def _look_after_models(self) -> None:
        """Let each newest version go live whose error is within its limit, and a class that fell up again."""
        rooms = self.site.rooms
        said = rooms.do(rooms.analyst_says())
        [model] = [each for each in said.models if each.subjects]
        versions = [each for each in said.versions if each.model == model.model]
        newest = versions[-1] if versions else None
        if newest is not None and newest.stage == "shadow" and newest.error is not None and (
            newest.error <= min(model.limits.values())
        ):  # fmt: skip
            live = next((each.version for each in versions if each.stage == "live"), "")
            wish = analysts.Promote(
                model=newest.model, version=newest.version, person="P31", instead_of=live,
                why="its error on inserts that it had not seen is within the limit",
            )  # fmt: skip
            told = rooms.do(
                rooms.bus.request(rooms.command("analyst", analysts.PROMOTE), msgspec.json.encode(wish))
            )
            assert msgspec.json.decode(told, type=analysts.Promoted).accepted, told
            self.site.promoted.append((self.site.now(), newest.version, newest.error))
        for record in msgspec.convert(self._ask(contract.CLASSES), list[ClassRecord]):
            if record.level is Level.OBSERVE and not record.obstacles:
                move = Move(
                    advice_class=record.advice_class.name, level=Level.ADVISE, reason="it has earned it"
                )
                answer = rooms.do(rooms.carrier.tell(
                    move, message_id=f"up:{self.site.now()}", actor="P31", actor_type="human"
                ))  # fmt: skip
                assert answer.accepted, answer

    def _ask(self, question: str) -> Any:
        rooms = self.site.rooms
        return rooms.do(rooms.carrier._questions.ask_values(contract.OWNER, question, {}))


class _Noted:
    """The door of the ERP, with each file that goes in written down."""

    def __init__(self, inner: Importer, world: World, now_ns: Callable[[], int]) -> None:
        self._inner, self._world, self._now_ns = inner, world, now_ns

    def take(self, kind: str, message: bytes, **by: Any) -> ImportReport:
        """Take a file."""
        self._world.ordered(self._now_ns(), message.decode())
        return self._inner.take(kind, message, **by)


class House(Site):
    """One plant with everybody who takes part, in one process."""

    roles = ROLES | {"tool"}
    rooms: Rooms
    people: Crew

    def __init__(
        self, registry: Registry, physics: Physics, *, seed: int, start_ns: int, arm: Arm, folder: Path,
        world: World | None = None,
    ) -> None:  # fmt: skip
        """Build it; `folder` takes what is left of the rooms at the end, `world` what they heard."""
        self.arm, self.world = arm, world
        self.places = [name for name in CREW if name in registry.equipment]
        self.lathes = [name for name in self.places if name.startswith("turn")]
        window = registry.characteristics["turned_diameter"]
        assert window.lower is not None and window.upper is not None, "it has limits"
        self._window = (window.lower, window.upper)
        self._measures = {
            registry.by_id[f"{unit}/{window.signal}"].index: unit
            for unit in self.lathes  # type: ignore[index]
        }
        self.outside: dict[str, deque[bool]] = {unit: deque(maxlen=WATCHED) for unit in self.lathes}
        self.decisions: list[tuple[int, str, str]] = []
        self.promoted: list[tuple[int, str, float]] = []
        self.worn: Tally[tuple[int, str]] = Tally()  # (day, product) -> parts that a worn insert made scrap
        self.rejects: Tally[int] = Tally()  # day -> parts of the lathes that were scrap
        self.made: Tally[int] = Tally()  # day -> parts that left the line
        self.changes: Tally[int] = Tally()  # day -> inserts
        self.stood_ns: Tally[tuple[int, str, str]] = Tally()  # (day, unit, activity) -> ns
        super().__init__(
            registry,
            physics,
            seed=seed,
            start_ns=start_ns,
            store=MemoryStore(),
            folder=folder / "commander",
            mistakes_on=False,
        )
        if world is not None:
            self.importer = _Noted(self.importer, world, self.now)  # type: ignore[assignment]
        if arm is Arm.ADVISED:
            self.rooms = Rooms(
                registry, self.desk, self.entries, self.book, self.definitions, self.now, folder, pace=PACE
            )

    def leave(self, folder: Path) -> None:
        """End everything, and leave journals and history of an advised plant in a folder."""
        if self.arm is Arm.ADVISED:
            self.rooms.close()
            write_entries(folder / "ledger.jsonl.gz", self.rooms.ledger_store.entries)
            write_entries(folder / "mes.jsonl.gz", self.entries)
        if self.world is not None:
            self.world.close()
        self.close()

    def employed(self) -> Crew:
        """Return who works here."""
        return Crew(self)

    def overheard(self, unit: str, scan: samples.Scan) -> None:
        """Let the rooms hear a machine, and who stands there see what it measured."""
        for index, value in zip(scan.signals, scan.values, strict=True):
            if index in self._measures:
                self.outside[self._measures[index]].append(not self._window[0] <= value <= self._window[1])
        if self.world is not None:
            self.world.said(scan)
        if self.arm is Arm.ADVISED:
            self.rooms.hear(unit, scan)

    def _true(self, fact: Fact) -> None:
        if isinstance(fact, TruthInterval):
            self.intervals.setdefault(fact.unit, []).append(fact)
            self.stood_ns[self.day(fact.to_ns), fact.unit, fact.activity] += fact.to_ns - fact.from_ns
        elif isinstance(fact, TruthReject) and fact.unit in self.lathes:
            self.rejects[self.day(fact.at_ns)] += 1
            if fact.cause == "insert_wear":  # a serial number begins with S and the family
                product = f"SH-{fact.serial[1:].partition('-')[0]}"
                self.worn[self.day(fact.at_ns), product] += 1
        elif isinstance(fact, TruthPassage) and fact.good and not self.plant.units[fact.unit].outputs:
            self.made[self.day(fact.at_ns)] += 1

    def day(self, at_ns: int) -> int:
        """Return the day of an instant, from 0."""
        return (at_ns - self.start_ns) // DAY_NS
