"""The ledger's desk: takes one message or fact at a time, writes events, rows and answer in one transaction.

The same desk works over PostgreSQL and over memory, so that what is proven over many steps in memory is
the code that runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

import msgspec

from taktwin.contracts import recommendation as contract
from taktwin.contracts.events import CATALOGUE, EventData
from taktwin.contracts.events.subjects import subject_of
from taktwin.contracts.recommendation import (
    MESSAGES,
    AdviceMessage,
    Answer,
    Carried,
    Carry,
    Decide,
    Message,
    Recommendation,
)
from taktwin.ledger import actions
from taktwin.ledger.actions import DECIDERS, Asking
from taktwin.ledger.engine import Refused, Told
from taktwin.ledger.tables import ClassRow, Grant, Position, RecommendationRow
from taktwin.storage.book import MemoryBook
from taktwin.storage.journal import Entry, sealed
from taktwin.storage.stores import Store, Transaction

NOTHING = b"\\u0000"  # as JSON writes it; PostgreSQL keeps no text that holds one


class _Kept(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """An answer as it is kept: with what it is the answer of."""

    of: str = ""  # "": kept before that was


class Desk:
    """The one writer of the ledger."""

    def __init__(self, store: Store, now_ns: Callable[[], int]) -> None:
        self._store = store
        self._now_ns = now_ns
        self._there_ns = 0  # since when time passes here; 0: it has not yet

    def execute(self, message: Message, *, signer: str = "") -> Answer:
        """Do what a message wants, or say why not. The same id is answered again and done once.

        `signer`: whose signature it names, where that was found out before.

        Raises
        ------
        StoreError
            If the database failed: nothing happened, and the message may be sent again.
        """
        try:
            wish = _wish(message)
            with self._store.begin() as transaction:
                transaction.head()  # locked first: what is looked at stays so until it is decided
                before = transaction.answer_of(message.id)
                if before is not None and not isinstance(wish, Carry):
                    return _again(message, wish, before)
                return self._execute(transaction, message, wish, signer)
        except Refused as refused:
            return Answer(accepted=False, code=refused.code, place=refused.place, found=refused.found,
                          right=refused.right)  # fmt: skip

    def _execute(
        self, transaction: Transaction, message: Message, wish: AdviceMessage, signer: str
    ) -> Answer:
        now_ns = self._now_ns()
        person = message.actor if message.actor_type == "human" else ""
        asking = Asking(now_ns, person, signer)
        facts = DECIDERS[type(wish)](transaction.book, wish, asking)
        self._write(transaction, facts, message.actor, message.actor_type, message.id, now_ns)
        actions.keep_grant(transaction.book, wish)
        if isinstance(wish, Carry):  # it holds the seal, and is asked for as often as it takes: kept nowhere
            return _carried(transaction, wish)
        answer = _answer(transaction, wish)
        kept = _Kept(of=_digest(message, wish), **msgspec.structs.asdict(answer))
        transaction.keep_answer(message.id, now_ns, msgspec.json.encode(kept).decode())
        return answer

    def hear(self, heard: Iterable[tuple[int, Told]], *, stream: str, position: int) -> int:
        """Take what the MES said, in its order, and how far the stream was read.

        Returns how many facts came of it. Raises StoreError as `execute` does. Said again it is nothing new.
        """
        with self._store.begin() as transaction:
            transaction.head()
            now_ns, total = self._now_ns(), 0
            for sequence, told in heard:
                actions.remember(transaction.book, sequence, told, now_ns)
                facts = actions.hear(transaction.book, told)
                total += self._write(transaction, facts, "mes", "service", told.cause, now_ns)
            actions.forget(transaction.book, now_ns)
            transaction.book.put(Position(stream=stream, sequence=position))
            return total

    def tick(self, *, hears: bool = True) -> int:
        """Let time pass. Returns how many facts came of it. Raises StoreError as `execute` does.

        `hears`: all that the MES has said is heard. Where it is not, what it may have said is waited for.
        """
        with self._store.begin() as transaction:
            transaction.head()
            now_ns = self._now_ns()
            self._there_ns = (self._there_ns or now_ns) if hears else now_ns
            facts = actions.pass_time(transaction.book, now_ns, self._there_ns)
            return self._write(transaction, facts, "ledger", "service", "", now_ns)

    def position(self, stream: str) -> int | None:
        """Return how far a stream was read, None if it never was."""
        with self._store.begin() as transaction:
            row = transaction.book.get(Position, stream)
        return None if row is None else row.sequence

    def document(self, name: str) -> Recommendation | None:
        """Return a recommendation as it stands."""
        with self._store.begin() as transaction:
            row = transaction.book.get(RecommendationRow, name)
        return None if row is None else row.whole

    def _write(
        self, transaction: Transaction, facts: Iterator[EventData], actor: str, actor_type: str,
        correlation: str, now_ns: int,
    ) -> int:  # fmt: skip
        written = 0
        for event in facts:
            sequence, previous = transaction.head()
            entry = sealed(
                Entry(
                    sequence=sequence + 1, event_type=event.event_type, subject=subject_of(event),
                    time_ns=now_ns, recorded_ns=now_ns, actor=actor, actor_type=actor_type,
                    on_behalf_of=str(getattr(event, "person", "")), reason=str(getattr(event, "reason", "")),
                    correlation=correlation, content=msgspec.json.encode(event).decode(),
                ),
                previous,
            )  # fmt: skip
            transaction.append(entry)
            actions.project(transaction.book, event, now_ns)
            written += 1
        return written


def _wish(message: Message) -> AdviceMessage:
    """Return what is wanted. Raises Refused where it cannot be read, or who says it may not."""
    kind = MESSAGES.get(message.name)
    if kind is None or not message.id or not message.actor:
        raise Refused(
            "invalid", "message", repr(message.name), f"an id, an actor, one of {', '.join(MESSAGES)}"
        )
    if (kind.sender == "analyst") is not (message.actor_type == "ai"):
        right = "the analyst" if kind.sender == "analyst" else "a person, through the portal"
        raise Refused("denied", message.name, f"a message of {message.actor_type}", right)
    if "\0" in message.id or "\0" in message.actor or NOTHING in bytes(message.data):
        raise Refused("invalid", f"data of {message.name}", "a letter that no database keeps (NUL)", "text")
    try:
        return msgspec.json.decode(message.data, type=kind)
    except msgspec.DecodeError as error:
        raise Refused("invalid", f"data of {message.name}", str(error), "its fields") from error


def _digest(message: Message, wish: AdviceMessage) -> str:
    if isinstance(wish, Decide):  # seal and signature are the portal's and the MES's: the wish is the same
        wish = msgspec.structs.replace(wish, grant="", signature="")
    said = f"{message.name} {message.actor} ".encode() + msgspec.json.encode(wish, order="sorted")
    return hashlib.sha256(said).hexdigest()


def _again(message: Message, wish: AdviceMessage, before: str) -> Answer:
    """Return what a message was answered before. Raises Refused where a person's key stands for another
    wish: to answer that as the first would say that it was done."""
    of = msgspec.json.decode(before, type=_Kept).of
    if message.actor_type == "human" and of not in ("", _digest(message, wish)):
        raise Refused(
            "conflict", "idempotency key", "another wish under it", "a key of its own for each wish"
        )
    return contract.decode_answer(before.encode())


def _answer(transaction: Transaction, wish: AdviceMessage) -> Answer:
    """Return how the thing stands now that it was asked about."""
    proposal = getattr(wish, "proposal", None)
    name = proposal.id if proposal is not None else getattr(wish, "recommendation", "")
    if name:
        row = transaction.book.get(RecommendationRow, name)
        assert row is not None, "decided on a recommendation that is there"
        return Answer(accepted=True, state=row.state, version=row.version)
    card = getattr(wish, "advice_class", "")
    record = transaction.book.get(ClassRow, card if isinstance(card, str) else card.name)
    assert record is not None, "decided on a class that is there"
    return Answer(accepted=True, level=record.level)


def _carried(transaction: Transaction, wish: Carry) -> Answer:
    row = transaction.book.get(RecommendationRow, wish.recommendation)
    grant = transaction.book.get(Grant, wish.recommendation)
    assert row is not None and grant is not None, "what was accepted has a seal"
    document = row.whole
    assert document.decision is not None, "accepted by somebody"
    carried = Carried(
        recommendation=document.id, command_id=contract.command_id(document.id),
        person=document.decision.person, reason=document.decision.reason, action=document.proposal.action,
        grants=grant.seals.split(),
    )  # fmt: skip
    return Answer(accepted=True, state=row.state, version=row.version, carried=carried)


def content_of(entry: Entry) -> EventData:
    """Return the typed event of a journal entry."""
    return msgspec.json.decode(entry.content, type=CATALOGUE[entry.event_type])


def rebuilt(entries: Iterable[Entry]) -> MemoryBook:
    """Return the book that a journal's entries alone make: what recommendations and classes must hold."""
    book = MemoryBook()
    for entry in entries:
        actions.project(book, content_of(entry), entry.time_ns)
    return book
