"""What a message or a fact of the MES leads to, and what that makes of the rows: their only writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.events import EventData
from taktwin.contracts.recommendation import (
    COMMAND_IDS,
    AdviceMessage,
    Assess,
    Carry,
    Check,
    ClassRecord,
    Decide,
    Declare,
    Measure,
    Move,
    Proposal,
    Propose,
    Recommendation,
    Refuse,
    State,
    Withdraw,
    Words,
    digest,
)
from taktwin.instants import SECOND_NS
from taktwin.ledger import autonomy, engine
from taktwin.ledger.carrying import WATCHABLE, WAYS, MesFact
from taktwin.ledger.engine import Refused, Told
from taktwin.ledger.tables import (
    ASSESS,
    MEASURE,
    ClassRow,
    Grant,
    Heard,
    RecommendationRow,
    class_row,
    life_of,
    row_of,
)
from taktwin.storage.book import Book, Reading

STANDING = (*engine.OPEN, *engine.UNDER_WAY)
_ENDS = frozenset(name for way in WAYS.values() for name in (way.done, *way.given_up))
_ABOUT_CLASS = (events.AdviceClassDeclared, events.AdviceClassChecked, events.AdviceClassMoved)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who says it, when, and what was found out before."""

    now_ns: int
    person: str = ""  # "": no human
    signer: str = ""  # whose signature the message names, by the MES; "": nobody's


Decider: TypeAlias = Callable[[Reading, Any, Asking], Iterator[EventData]]


# Deciders


def _declare(book: Reading, wish: Declare, asking: Asking) -> Iterator[EventData]:
    for name in wish.advice_class.commands:
        if name not in commands.CATALOGUE:
            raise Refused("invalid", f"commands of {wish.advice_class.name}", name, "a command of the MES")
    for event in autonomy.declare(wish.advice_class, _class(book, wish.advice_class.name)):
        yield event
        yield from _taken_back(book, event)


def _check(book: Reading, wish: Check, asking: Asking) -> Iterator[EventData]:
    record = _class(book, wish.advice_class)
    for event in autonomy.check(wish, record, now_ns=asking.now_ns):
        yield event
        yield from _taken_back(book, event)


def _propose(book: Reading, wish: Propose, asking: Asking) -> Iterator[EventData]:
    proposal = wish.proposal
    known = book.get(RecommendationRow, proposal.id)
    record = _class(book, proposal.advice_class)
    if known is None and record is not None:
        _carriable(proposal)
    others = [
        row.whole
        for state in STANDING
        for row in book.where(RecommendationRow, advice_class=proposal.advice_class,
                              work_unit=proposal.work_unit, state=state.value)
    ]  # fmt: skip
    yield from engine.propose(
        proposal, record, now_ns=asking.now_ns, known=None if known is None else known.whole, others=others,
        heard=[_told(row) for row in book.where(Heard)],
    )  # fmt: skip


def _carriable(proposal: Proposal) -> None:
    """Refuse an action that the MES could not even read."""
    kind = commands.CATALOGUE.get(proposal.action.command)
    if kind is None:
        raise Refused("invalid", "action", proposal.action.command, "a command of the MES")
    try:
        msgspec.convert(proposal.action.data, kind)
    except msgspec.ValidationError as error:
        raise Refused("invalid", f"data of {proposal.action.command}", str(error), "its fields") from error


def _withdraw(book: Reading, wish: Withdraw, asking: Asking) -> Iterator[EventData]:
    yield from engine.withdraw(_document(book, wish.recommendation), wish)


def _decide(book: Reading, wish: Decide, asking: Asking) -> Iterator[EventData]:
    document = _document(book, wish.recommendation)
    yield from engine.decide(
        document, wish, asking.person, now_ns=asking.now_ns, signer=asking.signer
    )  # fmt: skip


def _carry(book: Reading, wish: Carry, asking: Asking) -> Iterator[EventData]:
    yield from engine.carry(_document(book, wish.recommendation), now_ns=asking.now_ns)


def _refuse(book: Reading, wish: Refuse, asking: Asking) -> Iterator[EventData]:
    yield from engine.refuse(_document(book, wish.recommendation), wish)


def _measure(book: Reading, wish: Measure, asking: Asking) -> Iterator[EventData]:
    document = _document(book, wish.recommendation)
    record = _class(book, document.proposal.advice_class)
    assert record is not None, "a recommendation has a class"
    for event in engine.measure(document, wish, now_ns=asking.now_ns):
        yield event
        if isinstance(event, events.RecommendationMeasured):
            for fall in autonomy.fall_of(record, event):
                yield fall
                yield from _taken_back(book, fall)


def _assess(book: Reading, wish: Assess, asking: Asking) -> Iterator[EventData]:
    yield from engine.assess(_document(book, wish.recommendation), wish)


def _move(book: Reading, wish: Move, asking: Asking) -> Iterator[EventData]:
    for event in autonomy.move(wish, _class(book, wish.advice_class), asking.person):
        yield event
        yield from _taken_back(book, event)


DECIDERS: dict[type[AdviceMessage], Decider] = {
    Declare: _declare, Check: _check, Propose: _propose, Withdraw: _withdraw, Decide: _decide, Carry: _carry,
    Refuse: _refuse, Measure: _measure, Assess: _assess, Move: _move,
}  # fmt: skip


def _taken_back(book: Reading, event: EventData) -> Iterator[EventData]:
    """Take back what waits for a person, where its class advises no more, or asks for more than it shows."""
    record = _class(book, str(getattr(event, "advice_class", "")))
    if record is None or not isinstance(event, events.AdviceClassMoved | events.AdviceClassDeclared):
        return
    for row in book.where(RecommendationRow, advice_class=event.advice_class, state=State.PROPOSED.value):
        document = row.whole
        if isinstance(event, events.AdviceClassMoved) and event.after == autonomy.LADDER[0]:
            yield from engine.silence(document, event.why)
            continue
        approvals, signature = engine.needs(document.proposal, record)
        if approvals > document.approvals_needed or (signature and not document.signature_needed):
            why = f"{event.advice_class} asks for more than when this was proposed."
            yield from engine.silence(document, Words(code="ledger.asks_for_more", text=why))


# What the MES says, and what time brings about


def matters(fact: MesFact) -> bool:
    """Return whether a fact may have to do with any recommendation."""
    known = fact.event_type in WATCHABLE or fact.event_type in _ENDS
    return known or fact.correlation.startswith(COMMAND_IDS)


def hear(book: Reading, told: Told) -> Iterator[EventData]:
    """Return what follows of a fact of the MES."""
    # Found before any of them changes: none is asked twice about one fact.
    rows = [row for state in STANDING for row in book.where(RecommendationRow, state=state.value)]
    if told.fact.correlation.startswith(COMMAND_IDS):  # what was given up, and the MES had it after all
        name = told.fact.correlation.removeprefix(COMMAND_IDS)
        late = book.get(RecommendationRow, name)
        rows += [late] if late is not None and late.state == State.FAILED else []
    for row in rows:
        document = row.whole
        yield from engine.hear(document, told, WAYS.get(document.proposal.action.command))


def pass_time(book: Reading, now_ns: int, there_ns: int) -> Iterator[EventData]:
    """Return what has expired or was never heard of, and what nobody measured within its class's time.

    there_ns : since when the ledger is there to be told
    """
    for state in (*engine.OPEN, State.ACCEPTED, State.DISPATCHED):
        for row in book.where(RecommendationRow, state=state.value):
            if now_ns >= row.expires_ns:
                yield from engine.pass_time(row.whole, now_ns, there_ns)
    for kind in book.where(ClassRow):
        within_ns = round(kind.whole.advice_class.measure_within_s * SECOND_NS)
        for what in (MEASURE, ASSESS):
            for row in book.between(RecommendationRow, "due_ns", 1, now_ns - within_ns, due=what,
                                    advice_class=kind.advice_class):  # fmt: skip
                yield from engine.abandon(row.whole, what, since_ns=row.due_ns, within_ns=within_ns,
                                          now_ns=now_ns, there_ns=there_ns)  # fmt: skip


def remember(book: Book, sequence: int, told: Told, now_ns: int) -> None:
    """Keep a fact that a proof may rest on, with when it was heard: what is booked late happened before a
    copy of the plant, and is not in it."""
    fact = told.fact
    if fact.event_type in WATCHABLE:
        book.put(Heard(heard=f"{sequence:020d}", event_type=fact.event_type, subject=fact.subject,
                       at_ns=now_ns, data=msgspec.json.encode(fact.data).decode()))  # fmt: skip


def forget(book: Book, now_ns: int) -> None:
    """Drop the facts that no proof can be older than."""
    for row in book.between(Heard, "at_ns", 0, now_ns - 2 * engine.PROOF_AGE_NS_MAX):
        book.remove(Heard, row.heard)


def _told(row: Heard) -> Told:
    data = msgspec.json.decode(row.data, type=dict[str, Any])
    return Told(MesFact(row.event_type, row.subject, row.at_ns, "", data), row.heard)


# Signatures


def signer_of(signatures: Sequence[dict[str, Any]], document: Recommendation, signature: str) -> str:
    """Return who signed this very proposal under that id, by the MES's signatures of it; "" if nobody."""
    wanted = digest(document.proposal)
    return next(
        (
            str(each["person"])
            for each in signatures
            if signature and each["signature"] == signature and each["digest"] == wanted
            and each["meaning"] == "approved"
        ),
        "",
    )  # fmt: skip


# Projectors


def project(book: Book, event: EventData, at_ns: int) -> None:
    """Make rows of one fact."""
    if isinstance(event, _ABOUT_CLASS):
        book.put(class_row(autonomy.apply(_class(book, event.advice_class), event, at_ns)))
        return
    name = str(event.recommendation)  # type: ignore[attr-defined]
    row = book.get(RecommendationRow, name)
    document = engine.apply(None if row is None else row.whole, event, at_ns)
    book.put(row_of(document))
    if document.state not in (State.PROPOSED, State.ACCEPTED, State.DISPATCHED):
        book.remove(Grant, name)  # nothing is left to be carried
    record = _class(book, document.proposal.advice_class)
    assert record is not None, "a recommendation has a class"
    counted = autonomy.count(record, document, event, is_first=_is_first(book, document, event))
    if counted is not record:
        book.put(class_row(counted))


# What counts once for all that is about the same, such as the life of one tool.
_COMES_ONCE: dict[type[EventData], Callable[[Recommendation], bool]] = {
    events.RecommendationMeasured: lambda each: each.outcome is not None,
    events.RecommendationAssessed: lambda each: each.came_true is not None,
    events.RecommendationRejected: lambda each: each.state is State.REJECTED,
}


def _is_first(book: Reading, document: Recommendation, event: EventData) -> bool:
    """Return whether the same has not come of another recommendation about the same before this one."""
    life, came = life_of(document.proposal), _COMES_ONCE.get(type(event))
    if not life or came is None:
        return True
    rows = book.where(RecommendationRow, life=life)
    return not any(came(row.whole) for row in rows if row.recommendation != document.id)


def keep_grant(book: Book, wish: AdviceMessage) -> None:
    """Keep the seal of each yes for as long as it may have to be carried."""
    if isinstance(wish, Decide) and wish.accept:
        before = book.get(Grant, wish.recommendation)
        seals = wish.grant if before is None else f"{before.seals} {wish.grant}"
        book.put(Grant(recommendation=wish.recommendation, seals=seals))


def _class(book: Reading, name: str) -> ClassRecord | None:
    row = book.get(ClassRow, name)
    return None if row is None else row.whole


def _document(book: Reading, name: str) -> Recommendation:
    row = book.get(RecommendationRow, name)
    if row is None:
        raise Refused("unknown", "recommendation", repr(name), "one that was proposed")
    return row.whole
