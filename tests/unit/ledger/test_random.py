"""Any sequence of words by anybody leaves the promises of the ledger whole; mutants of it break them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from taktwin.contracts import events
from taktwin.contracts.recommendation import (
    Assess,
    Carry,
    Check,
    Decide,
    Declare,
    Level,
    Measure,
    Move,
    Recommendation,
    Refuse,
    State,
    Withdraw,
)
from taktwin.ledger import autonomy, engine
from taktwin.ledger.desk import rebuilt
from taktwin.ledger.engine import FOLLOWS
from taktwin.ledger.tables import ClassRow, RecommendationRow
from taktwin.storage.journal import verify
from taktwin.storage.stores import MemoryStore
from tests.support_advice import CLASS, HOUR, SECOND, Office, card, error, outcome, proof, words

STEPS = 500
SEEDS = range(9)
UNITS = ("turn1", "turn2", "mill1")
FINAL = {state for state, after in FOLLOWS.items() if not after}


class Broken(AssertionError):
    """A promise that did not hold."""


class Storm:
    """Everybody says everything, in any order."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.office = Office()
        self.office.granted(Declare(advice_class=card(signature=seed % 2 == 1)))
        self.office.granted(Check(advice_class=CLASS, error=error()))
        self.names: list[str] = []
        self.asked: dict[str, int] = {}  # how often the MES was asked under an id, and did something
        self.ended: dict[str, Recommendation] = {}
        self.late: dict[str, State] = {}  # over long ago when time passed last

    def name(self) -> str:
        # Mostly one of the last: the others are over.
        near = self.names[-3:] if self.chance.random() < 0.9 else self.names
        return self.chance.choice(near) if near else "r0"

    def step(self) -> None:
        kinds: list[tuple[Callable[[], Any], int]] = [
            (self.propose, 2), (self.decide, 10), (self.carry, 8), (self.refuse, 1), (self.done, 8),
            (self.changed, 1), (self.measure, 8), (self.assess, 6), (self.withdraw, 1), (self.check, 1),
            (self.move, 4), (self.wait, 2),
        ]  # fmt: skip
        does, weights = zip(*kinds, strict=True)
        self.chance.choices(does, weights)[0]()

    def propose(self) -> None:
        unit = self.chance.choice(UNITS)
        name = self.name() if self.chance.random() < 0.1 else f"r{len(self.names)}"
        made: dict[str, Any] = {"work_unit": unit}
        if self.chance.random() < 0.2:
            made["proof"] = msgspec.structs.replace(proof(self.office.now_ns), validity=error(0.2))
        if self.chance.random() < 0.1:
            made["evidence"] = []
        if self.office.propose(name, **made).accepted and name not in self.names:
            self.names.append(name)

    def decide(self) -> None:
        name = self.name()
        document = self.office.desk.document(name)
        version = document.version if document is not None else 1
        wish = Decide(
            recommendation=name, version=version - (self.chance.random() < 0.1),
            accept=self.chance.random() < 0.88, reason=self.chance.choice(["", "no crew"]),
            grant=self.chance.choice(["seal"] * 5 + [""]), signature=self.chance.choice(["", "s1"]),
        )  # fmt: skip
        kind = self.chance.choice(["human"] * 5 + ["service", "ai"])
        before = None if document is None else document.state
        signer = self.chance.choice(["", "7001", "7001"])
        self.office.say(wish, actor=self.chance.choice(["P01", "P02"]), actor_type=kind, signer=signer)
        after = self.office.desk.document(name)
        if after is not None and after.state is State.ACCEPTED and before is not State.ACCEPTED:
            if kind != "human" or not wish.grant:
                raise Broken(f"{kind} accepted, with the seal {wish.grant!r}")
            if after.signature_needed and not signer:
                raise Broken("accepted without its signature")
            if after.proposal.expires_ns <= self.office.now_ns:
                raise Broken("accepted after its time")

    def carry(self) -> None:
        name = self.name()
        carried = self.office.say(Carry(recommendation=name)).carried
        if carried is None or self.chance.random() < 0.2:  # the portal died on the way
            return
        self.asked[name] = self.asked.get(name, 0) + 1
        if self.chance.random() < 0.2:
            self.office.say(Refuse(recommendation=name, place="MES", found="no", right="yes"))
            if self.chance.random() < 0.7:
                return
        for _ in range(self.chance.choice([1, 1, 2])):  # a stream may say it twice
            self.office.opened(name, f"M-{name}")

    def refuse(self) -> None:
        if self.chance.random() < 0.2:
            self.office.say(Refuse(recommendation=self.name(), place="MES", found="no", right="yes"))

    def done(self) -> None:
        end = self.chance.choice(["maintenance.order.completed"] * 4 + ["maintenance.order.aborted"])
        order = f"M-{self.name()}"
        self.office.mes(end, order, order=order, cause="given up")

    def changed(self) -> None:
        if self.chance.random() < 0.1:
            self.office.mes("tool.mounted", "T", work_unit="turn1", kind="insert", tool="T")

    def measure(self) -> None:
        self.office.now_ns += 10 * SECOND
        document = self.office.desk.document(self.name())
        if document is None:
            return
        mean = self.chance.choice([-9.0] * 16 + [0.0, 9.0])
        found = outcome(document, mean, now_ns=self.office.now_ns)
        self.office.say(Measure(recommendation=document.id, outcome=found))

    def assess(self) -> None:
        came = self.chance.random() < 0.95
        self.office.say(Assess(recommendation=self.name(), came_true=came, how=words("It came.")))

    def withdraw(self) -> None:
        if self.chance.random() < 0.1:
            self.office.say(Withdraw(recommendation=self.name(), why=words("The drift is gone.")))

    def check(self) -> None:
        share = 0.17 if self.chance.random() < 0.05 else 0.08
        drifting = self.chance.random() < 0.03
        self.office.say(Check(advice_class=CLASS, error=error(share), drifting=drifting, why="load"))

    def move(self) -> None:
        before = self.level()
        ladder = autonomy.LADDER
        level = self.chance.choice([*Level, *[ladder[min(3, ladder.index(before) + 1)]] * 15])
        kind = self.chance.choice(["human", "human", "service", "ai"])
        self.office.say(Move(advice_class=CLASS, level=level, reason="why"), actor_type=kind)
        if ladder.index(self.level()) > ladder.index(before):
            if kind != "human":
                raise Broken(f"{kind} let it climb")
            if ladder.index(self.level()) > ladder.index(before) + 1:
                raise Broken("it climbed two at once")
            if self.level() is Level.AUTO_WITH_VETO:
                raise Broken("it climbed to what is off")

    def wait(self) -> None:
        self.office.now_ns += self.chance.choice([SECOND] * 6 + [60 * SECOND] * 3 + [HOUR])
        if self.chance.random() < 0.5:
            self.office.desk.tick()
            self.late = {
                row.recommendation: row.whole.state
                for row in self.office.store.book.where(RecommendationRow)  # type: ignore[attr-defined]
                if row.state in (State.PROPOSED, State.ACCEPTED, State.DISPATCHED)
                and self.office.now_ns > row.expires_ns + 2 * HOUR
            }

    def level(self) -> Level:
        row = self.office.store.book.get(ClassRow, CLASS)  # type: ignore[attr-defined]
        assert isinstance(row, ClassRow)
        return row.whole.level

    def look(self) -> None:
        """Look at every promise that must hold at any instant."""
        store = self.office.store
        assert isinstance(store, MemoryStore)
        record = store.book.where(ClassRow)[0].whole
        doubts = autonomy.doubts_of(record)
        if doubts and record.level is not Level.OBSERVE:
            raise Broken(f"it may {record.level} though {doubts[0].text}")
        open_at: dict[str, int] = {}
        for row in store.book.where(RecommendationRow):
            document = row.whole
            proof = document.proposal.proof
            if not (proof.snapshot_hash and proof.validity.error <= 0.15 and document.proposal.evidence):
                raise Broken(f"{document.id} has no proof")
            ended = self.ended.get(document.id)
            if ended is not None and document.state is not ended.state and not (
                # What was given up, and the MES had it after all, goes on.
                ended.state is State.FAILED and document.execution and document.execution.acknowledged_ns
            ):  # fmt: skip
                raise Broken(f"{document.id} was {self.ended[document.id].state}, is {document.state}")
            if document.state in FINAL:
                self.ended[document.id] = document
            execution = document.execution
            if document.state in (State.DISPATCHED, State.ACKNOWLEDGED, State.MEASURED) and (
                document.decision is None or not document.decision.accepted or execution is None
            ):
                raise Broken(f"{document.id} is under way and nobody accepted it")
            if document.state in (State.SUPERSEDED, State.REJECTED, State.EXPIRED) and execution is not None:
                raise Broken(f"{document.id} is {document.state} and was carried")
            if document.state is State.MEASURED and (execution is None or not execution.done_ns):
                raise Broken(f"{document.id} is measured and was not carried out")
            if row.recommendation in self.late and document.state is self.late[row.recommendation]:
                raise Broken(f"{document.id} is {document.state} for ever")
            done = execution is not None and execution.done_ns  # it waits for its measure only
            if document.state in (State.PROPOSED, *engine.UNDER_WAY) and not done:
                unit = document.proposal.work_unit
                open_at[unit] = open_at.get(unit, 0) + 1
        if any(count > 1 for count in open_at.values()):
            raise Broken(f"two at once for one work unit: {open_at}")

    def end(self) -> None:
        store = self.office.store
        assert isinstance(store, MemoryStore)
        if verify(store.entries).broken is not None:
            raise Broken("the chain is broken")
        again = rebuilt(store.entries)
        for kind in (RecommendationRow, ClassRow):
            if again.where(kind) != store.book.where(kind):
                raise Broken("the tables are not what the journal makes")


def weather(seed: int) -> Storm:
    storm = Storm(seed)
    for number in range(STEPS):
        storm.step()
        if number % 5 == 0:
            storm.look()
    storm.end()
    return storm


def test_no_sequence_of_words_breaks_a_promise_and_the_storm_goes_everywhere() -> None:
    seen: set[str] = set()
    levels: set[str] = set()
    for seed in SEEDS:
        store = weather(seed).office.store
        assert isinstance(store, MemoryStore)
        seen |= {row.state for row in store.book.where(RecommendationRow)}
        levels |= {rung.after for rung in store.book.where(ClassRow)[0].whole.moves}
    assert seen >= {state.value for state in FINAL}, seen
    assert {"observe", "advise"} <= levels, levels


def _no_check(*_: Any, **__: Any) -> None:
    return None


def _any_person(document: Recommendation, wish: Decide, person: str, *, now_ns: int, signer: str) -> Any:
    return ORIGINAL_DECIDE(document, wish, person or "robot", now_ns=now_ns, signer=signer)


def _unsigned(document: Recommendation, wish: Decide, person: str, *, now_ns: int, signer: str) -> Any:
    return ORIGINAL_DECIDE(document, wish, person, now_ns=now_ns, signer=signer or "somebody")


def _timeless(document: Recommendation, wish: Decide, person: str, *, now_ns: int, signer: str) -> Any:
    return ORIGINAL_DECIDE(document, wish, person, now_ns=0, signer=signer)


def _without_seal(document: Recommendation, wish: Decide, person: str, *, now_ns: int, signer: str) -> Any:
    sealed = msgspec.structs.replace(wish, grant="any")
    return ORIGINAL_DECIDE(document, sealed, person, now_ns=now_ns, signer=signer)


def _side_by_side(proposal: Any, record: Any, *, now_ns: int, known: Any, others: Any, heard: Any) -> Any:
    return ORIGINAL_PROPOSE(proposal, record, now_ns=now_ns, known=known, others=[], heard=heard)


def _never_falls(wish: Any, record: Any, *, now_ns: int) -> Any:
    return iter(list(ORIGINAL_CHECK(wish, record, now_ns=now_ns))[:1])


def _anybody_climbs(wish: Any, record: Any, person: str) -> Any:
    return ORIGINAL_MOVE(wish, record, person or "robot")


def _measured_early(document: Recommendation, wish: Measure, *, now_ns: int) -> Any:
    if document.state is State.ACKNOWLEDGED:
        yield events.RecommendationMeasured(
            recommendation=document.id, work_unit=document.proposal.work_unit, outcome=wish.outcome
        )


def _not_projected(record: Any, document: Any, event: Any, *, is_first: bool) -> Any:
    _not_projected.calls = getattr(_not_projected, "calls", 0) + 1  # type: ignore[attr-defined]
    if _not_projected.calls % 2:  # type: ignore[attr-defined]
        return record
    return ORIGINAL_COUNT(record, document, event, is_first=is_first)


ORIGINAL_DECIDE, ORIGINAL_PROPOSE = engine.decide, engine.propose
ORIGINAL_CHECK, ORIGINAL_MOVE, ORIGINAL_COUNT = autonomy.check, autonomy.move, autonomy.count
MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "a back-test above its limit is no obstacle": (engine, "_trusted", _no_check),
    "evidence is not asked for": (engine, "_readable", _no_check),
    "a program decides": (engine, "decide", _any_person),
    "a signature is taken as read": (engine, "decide", _unsigned),
    "nothing expires for who decides": (engine, "decide", _timeless),
    "the seal is not asked for": (engine, "decide", _without_seal),
    "two at once for a work unit": (engine, "propose", _side_by_side),
    "a class does not fall": (autonomy, "check", _never_falls),
    "a program lets a class climb": (autonomy, "move", _anybody_climbs),
    "what was not carried out is measured": (engine, "measure", _measured_early),
    "the tables forget": (autonomy, "count", _not_projected),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, other = MUTANTS[name]
    monkeypatch.setattr(module, function, other)
    with pytest.raises((Broken, AssertionError)):
        for seed in range(60):
            weather(seed)
