"""The desk: takes one wish at a time, decides, writes facts, rows and answer in one transaction.

Comes in: commands, and what machines said. Goes out: answers; the journal that the relay reads. The
same desk works over PostgreSQL and over memory, so that whatever is proven over millions of steps in
memory is the code that runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.commands import Answer, BookedLate, BookLate, Command, CommandData, LateBooking
from taktwin.contracts.events import CATALOGUE, CloudEvent, EventData, InterlockRequested, MaterialCounted
from taktwin.contracts.events.subjects import subject_of
from taktwin.contracts.machine_commands import MachineResult
from taktwin.contracts.vouching import silent_after_ns
from taktwin.instants import rfc3339
from taktwin.mes import reach
from taktwin.mes.accounts import actions as accounts
from taktwin.mes.accounts.engine import Strangers
from taktwin.mes.accounts.tables import Seen
from taktwin.mes.checklists import actions as checklists
from taktwin.mes.collection import actions as collection
from taktwin.mes.collection import answering, late, measuring
from taktwin.mes.collection.actions import Heard
from taktwin.mes.collection.tables import KeptBooking, Terminal
from taktwin.mes.decision import Asking, Fact, Looked, Refused, Rules
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.dispatching import publishing
from taktwin.mes.documents import actions as documents
from taktwin.mes.enforcing import actions as enforcing
from taktwin.mes.execution import actions as execution
from taktwin.mes.execution import receivers
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.machines import actions as machines
from taktwin.mes.machines.tables import MachineOrder
from taktwin.mes.maintenance import actions as maintenance
from taktwin.mes.maintenance import tool_changes
from taktwin.mes.mastering import actions as mastering
from taktwin.mes.mounting import actions as mounting
from taktwin.mes.performance import actions as performance
from taktwin.mes.performance import hearing, stops
from taktwin.mes.performance.hearing import Told
from taktwin.mes.performance.tables import ShiftNote
from taktwin.mes.quality import actions as quality
from taktwin.mes.quality import rework, suspicions
from taktwin.mes.quality.tables import Nonconformance
from taktwin.mes.records import actions as records
from taktwin.mes.records.changes import SUMS, Recording
from taktwin.mes.resources import actions as resources
from taktwin.mes.resources import stays
from taktwin.mes.resources.proofs import done
from taktwin.mes.scheduling import actions as scheduling
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tooling import actions as tooling
from taktwin.mes.tracking import actions as tracking
from taktwin.mes.tracking import lots, moves
from taktwin.mes.tracking.tables import Lot, Unit
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, MemoryBook, Row, key_of
from taktwin.storage.journal import Entry, sealed
from taktwin.storage.stores import Store, Transaction

SIGNED: dict[str, type[Row]] = {
    "order": Request, "job": JobOrder, "unit": Unit, "lot": Lot, "note": ShiftNote,
    "nonconformance": Nonconformance,
}  # fmt: skip
SLOW = (commands.Proving, commands.Secret)  # what holds a PIN or a password
HASHES_AT_ONCE = 2  # each takes a core, and memory
RULES: Rules = (
    tracking.RULES.joined(scheduling.RULES)
    .joined(execution.RULES)
    .joined(receivers.RULES)
    .joined(collection.RULES)
    .joined(documents.RULES)
    .joined(mastering.RULES)
    .joined(resources.RULES)
    .joined(accounts.RULES)
    .joined(stays.RULES)
    .joined(performance.RULES)
    .joined(stops.RULES)
    .joined(records.rules(SIGNED))
    .joined(maintenance.RULES)
    .joined(tool_changes.RULES)
    .joined(tooling.RULES)
    .joined(quality.RULES)
    .joined(rework.RULES)
    .joined(suspicions.RULES)
    .joined(lots.RULES)
    .joined(moves.RULES)
    .joined(mounting.RULES)
    .joined(measuring.RULES)
    .joined(machines.RULES)
    .joined(enforcing.RULES)
    .joined(checklists.RULES)
    .joined(answering.RULES)
    .joined(late.RULES)
    .joined(publishing.RULES)
)
RULES = RULES.joined(late.retries(RULES.deciders))
EMPTY = msgspec.Raw(b"{}")
# What follows from what a machine said to a command.
FOLLOWERS = {**enforcing.FOLLOWERS, **receivers.FOLLOWERS}
NOTHING = b"\\u0000"  # as JSON writes it; PostgreSQL keeps no text that holds one


@dataclass(frozen=True, slots=True)
class Who:
    """Under whose name something is written down."""

    actor: str
    actor_type: str = "human"
    on_behalf_of: str = ""
    reason: str = ""
    correlation: str = ""


class Desk:
    """The one writer of the MES."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        now_ns: Callable[[], int],
        *,
        speed: float = 1.0,
        setup_code: str = "",
    ) -> None:
        """`speed`: plant seconds a second, for those who wait by their own clock."""
        self._store = store
        self._speed = speed
        self._gap_ns = silent_after_ns(speed)  # for how long a machine may be silent before nobody knows
        self._definitions = definitions
        self._now_ns = now_ns
        self._setup_code = setup_code
        self._strangers = Strangers()
        self._slow = threading.BoundedSemaphore(HASHES_AT_ONCE)
        # Whether a cell may wait for an answer: it spares a look at the database with all that is heard. A
        # process before this one may have left a question open.
        self._undecided = True

    def execute(self, command: Command) -> Answer:
        """Do what a command wants, or say why not. The same id is answered again and done once.

        Raises
        ------
        StoreError
            If the database failed: nothing happened, and the command may be sent again.
        """
        kind = commands.CATALOGUE.get(command.name)
        if kind is None or not command.id or not command.actor:
            return _unreadable(command)
        try:
            wish = _wish(command, kind)
            looked, locked_until_ns = self._look(command, wish)
            with self._store.begin() as transaction:
                transaction.head()  # locked first: what is looked at stays so until it is decided
                return self._execute(transaction, command, wish, looked, locked_until_ns)
        except Refused as refused:
            return self._refusal(refused)

    def execute_all(self, wanted: Sequence[Command]) -> list[Answer]:
        """Do what several commands want, in their turn, in one transaction: one way to the disk for all.

        Each is answered as `execute` would have answered it.

        Raises
        ------
        Refused
            If one is refused after it had written: it cannot be taken back alone.
        StoreError, and whatever a mistake raises
            If one of them failed. In each case nothing happened: they are then asked one by one.
        """
        found: list[Answer | Refused] = []
        with self._store.begin() as transaction:
            transaction.head()
            transaction.look_up([command.id for command in wanted])
            for command in wanted:
                kind = commands.CATALOGUE.get(command.name)
                if kind is None or not command.id or not command.actor:
                    found.append(_unreadable(command))
                    continue
                assert not slow(command), "a hash is computed before a transaction begins"
                before = transaction.head()
                try:
                    wish = _wish(command, kind)
                    found.append(self._execute(transaction, command, wish, Looked(), 0))
                except Refused as refused:
                    if transaction.head() != before:
                        raise
                    found.append(refused)
        return [self._refusal(each) if isinstance(each, Refused) else each for each in found]

    def _execute(
        self, transaction: Transaction, command: Command, wish: CommandData, looked: Looked,
        locked_until_ns: int,
    ) -> Answer:  # fmt: skip
        before = transaction.answer_of(command.id)
        if before is not None:
            return commands.decode_answer(before.encode())
        who = Who(command.actor, command.actor_type, command.on_behalf_of, command.reason, command.id)
        now_ns = self._now_ns()
        account = command.actor if command.actor_type == "human" else ""
        person = command.on_behalf_of or account
        asking = Asking(
            self._definitions, now_ns, command.id, person, command.on_behalf_of, command.actor,
            looked=looked, locked_until_ns=locked_until_ns, setup_code=self._setup_code,
        )  # fmt: skip
        if command.reach is not None:
            reach.within(transaction.book, command.name, wish, asking, command.reach)
        answer = self._decide(transaction, command.name, wish, asking, who)
        transaction.keep_answer(command.id, now_ns, commands.encode(answer).decode())
        return answer

    def _look(self, command: Command, wish: CommandData) -> tuple[Looked, int]:
        """Compute what a proof or a password needs, before the transaction: nobody waits for a hash."""
        if not isinstance(wish, SLOW):
            return Looked(), 0
        until_ns = 0
        with self._store.begin() as transaction:
            if transaction.answer_of(command.id) is not None:
                return Looked(), 0
            book, now_ns = transaction.book, self._now_ns()
            if isinstance(wish, commands.Secret):
                look, until_ns = accounts.look(
                    book, wish, self._strangers, command=command.id, now_ns=now_ns
                )  # fmt: skip
            else:
                look = resources.look(book, wish, command=command.id, now_ns=now_ns)
        if look is None:
            return Looked(), until_ns
        with self._slow:
            return done(look), until_ns

    def shown(self, at_ns: Mapping[str, int]) -> None:
        """Keep when sessions and tokens were shown last. Raises StoreError as `execute` does."""
        with self._store.begin() as transaction:
            for fingerprint, seen_ns in sorted(at_ns.items()):
                transaction.book.put(Seen(fingerprint=fingerprint, at_ns=seen_ns))

    def _decide(
        self, transaction: Transaction, name: str, wish: CommandData, asking: Asking, who: Who
    ) -> Answer:
        try:
            performance.present(transaction.book, wish, asking)
            facts = RULES.deciders[name](transaction.book, wish, asking)
            written = self._write(transaction, facts, who, asking.now_ns)
        except Refused as refused:
            if not refused.noted:
                raise
            assert refused.row is None, "what is noted is about a person, and never about two versions"
            # In this transaction, so that of many guesses at once each is counted before the next.
            self._write(transaction, iter(refused.noted), who, asking.now_ns)
            return self._refusal(refused)
        return _accepted(written)

    def _refusal(self, refused: Refused) -> Answer:
        changed: Entry | None = None
        current: dict[str, Any] = {}
        if refused.row is not None:
            current = msgspec.structs.asdict(refused.row)
            with self._store.begin() as transaction:
                changed = transaction.last_of(key_of(refused.row))
        return msgspec.structs.replace(
            _refused(refused), current=current,
            changed_by=changed.actor if changed else "", changed_ns=changed.recorded_ns if changed else 0,
        )  # fmt: skip

    def book_late(self, actor: str, brought: BookLate, *, actor_type: str = "human") -> list[BookedLate]:
        """Book what a terminal kept, each once, in the order in which it was touched there.

        It may come in pieces, in any order, as often as anybody likes, and be interrupted anywhere: what
        waits for one that was touched before it is kept here. Raises StoreError as `execute` does.
        """
        with self._store.begin() as transaction:
            transaction.head()
            self._keep(transaction, actor, brought, actor_type)
            waiting = transaction.book.where(KeptBooking, terminal=brought.terminal)
        for row in sorted(waiting, key=lambda row: (row.sequence, row.booking)):
            if not self._book_kept(row):
                break
        with self._store.begin() as transaction:
            return [self._became(transaction, booking.id) for booking in brought.bookings]

    def _keep(self, transaction: Transaction, actor: str, brought: BookLate, actor_type: str) -> None:
        terminal = _terminal(transaction, brought.terminal)
        late.taken(transaction.book, brought.terminal, last_ns=terminal.last_ns,
                   next_sequence=max(terminal.next_sequence, brought.first))  # fmt: skip
        for sent in brought.bookings:
            # What needs the server may hold what proves somebody: it is kept nowhere, not for a moment.
            booking = sent if sent.name in late.BOOKABLE else msgspec.structs.replace(sent, data=EMPTY)
            if transaction.answer_of(booking.id) is None:
                transaction.book.put(KeptBooking(
                    booking=booking.id, terminal=brought.terminal, sequence=booking.sequence,
                    content=msgspec.json.encode(booking).decode(), actor=actor, actor_type=actor_type,
                ))  # fmt: skip

    def _book_kept(self, row: KeptBooking) -> bool:
        """Book one, or set it aside; False where it has to wait for one that was touched before it."""
        booking = msgspec.json.decode(row.content, type=LateBooking)
        try:
            with self._store.begin() as transaction:
                transaction.head()
                if transaction.book.get(KeptBooking, row.booking) is None:
                    return True  # somebody else has just booked it
                if row.sequence > _terminal(transaction, row.terminal).next_sequence:
                    return False
                self._take(transaction, row, booking, None)
        except Refused as refused:  # taken back whole; the next transaction keeps why
            with self._store.begin() as transaction:
                transaction.head()
                if transaction.book.get(KeptBooking, row.booking) is not None:
                    self._take(transaction, row, booking, refused)
        return True

    def _take(
        self, transaction: Transaction, row: KeptBooking, booking: LateBooking, refused: Refused | None
    ) -> None:
        now_ns = self._now_ns()
        # Both belong on record: whose hands it was, and who brought it.
        person = late.person_of(booking, row.actor)
        who = Who(row.actor, row.actor_type, person, booking.reason, booking.id)
        here = Asking(self._definitions, now_ns, booking.id, person or row.actor,
                      booking.on_behalf_of, row.actor)  # fmt: skip
        terminal = _terminal(transaction, row.terminal)
        last_ns = terminal.last_ns
        written: list[Entry] = []
        if transaction.answer_of(booking.id) is None:
            if refused is None:
                wish = _late_wish(booking)
                at_ns = late.touched_ns(
                    booking, last_ns, now_ns=now_ns, late_ns_max=self._definitions.late_ns_max
                )
                written, last_ns = self._decide_late(transaction, row, booking, wish, at_ns, who), at_ns
            else:
                facts = late.set_aside(transaction.book, row.terminal, booking, here, refused, booked=False)
                self._write(transaction, facts, who, now_ns)
            answer = _accepted(written) if refused is None else _refused(refused)
            transaction.keep_answer(booking.id, now_ns, commands.encode(answer).decode())
        transaction.book.remove(KeptBooking, booking.id)
        late.taken(transaction.book, row.terminal, last_ns=last_ns,
                   next_sequence=max(terminal.next_sequence, row.sequence + 1))  # fmt: skip

    def _decide_late(
        self, transaction: Transaction, row: KeptBooking, booking: LateBooking, wish: CommandData, at_ns: int,
        who: Who,
    ) -> list[Entry]:  # fmt: skip
        account = row.actor if row.actor_type == "human" else ""
        person = late.person_of(booking, row.actor) or account
        asking = Asking(
            self._definitions, at_ns, booking.id, person, booking.on_behalf_of, row.actor, late=True
        )
        now_ns = self._now_ns()
        if booking.reach is not None:
            reach.within(transaction.book, booking.name, wish, asking, booking.reach)
        performance.present(transaction.book, wish, asking)
        written = self._write(transaction, RULES.deciders[booking.name](transaction.book, wish, asking), who,
                              now_ns)  # fmt: skip
        doubt = late.remark(transaction.book, wish, asking) if written else None
        if doubt is not None:
            here = Asking(self._definitions, now_ns, booking.id, person)
            aside = late.set_aside(transaction.book, row.terminal, booking, here, doubt, booked=True)
            written += self._write(transaction, aside, who, now_ns)
        return written

    def _became(self, transaction: Transaction, booking: str) -> BookedLate:
        kept = transaction.answer_of(booking)
        if kept is None:
            return BookedLate(id=booking, state="waiting")
        answer = commands.decode_answer(kept.encode())
        if answer.accepted:
            return BookedLate(id=booking, state="booked", events=answer.events)
        reason = f"{answer.place}: found {answer.found}; expected {answer.right}"
        return BookedLate(id=booking, state="look", reason=reason)

    def hear(self, heard: Iterable[Heard], *, stream: str, position: int, told: Iterable[Told] = ()) -> int:
        """Book what machines said, in the order of source time, and how far the stream was read.

        Returns how many facts came of it. Raises StoreError as `execute` does.
        """
        with self._answering() as transaction:
            now_ns = self._now_ns()
            who = Who("collection", "service", correlation=f"{stream}:{position}")
            total = 0
            counted: set[str] = set()
            # What a cell asks about, it says at the same instant at the latest.
            asked = self._definitions.interlocks
            for one in sorted(heard, key=lambda each: (each.source_ns, each.signal in asked)):
                asking = Asking(self._definitions, one.source_ns)
                if one.signal in asked:
                    assert isinstance(one.value, int), "request numbers are whole numbers"
                    facts = enforcing.asked(
                        transaction.book, one.signal, one.value, one.source_ns,
                        Asking(self._definitions, now_ns), speed=self._speed,
                    )  # fmt: skip
                    who_asks = Who("enforcing", "service", correlation=f"{stream}:{position}")
                    written = self._write(transaction, facts, who_asks, now_ns)
                    if written and written[-1].event_type == InterlockRequested.event_type:
                        self._undecided = True
                    total += len(written)
                elif one.signal in self._definitions.measures:
                    facts = measuring.measured(transaction.book, one, asking)
                    total += len(self._write(transaction, facts, who, now_ns))
                elif one.signal in self._definitions.counters:
                    facts = collection.count(transaction.book, one, asking)
                    written = self._write(transaction, facts, who, now_ns)
                    if any(entry.event_type == MaterialCounted.event_type for entry in written):
                        collection.counted(transaction.book, one, self._definitions)
                        counted.add(self._definitions.counters[one.signal][0])
                    total += len(written)
                else:
                    collection.remember(transaction.book, one)
            for each in told:
                total += self._listen(transaction, each, now_ns, who)
            if counted:
                total += len(self._fall_due(transaction, now_ns, counted))
            total += self._reconsider(transaction, now_ns)
            collection.position(transaction.book, stream, position)
            return total

    def _listen(self, transaction: Transaction, told: Told, now_ns: int, who: Who) -> int:
        """Keep what a machine said of its state, and write down what follows for its stops."""
        asking, machine = Asking(self._definitions, now_ns), self._definitions.machines[told.work_unit]
        found = hearing.hear(transaction.book, told, machine, asking, gap_ns=self._gap_ns)
        if found is None:
            return 0
        facts = hearing.stops(transaction.book, told.work_unit, found, machine, asking)
        return len(self._write(transaction, facts, who, now_ns))

    def open_commands(self) -> list[MachineOrder]:
        """Return the commands to machines of which nobody knows yet what came of them, the oldest first.

        Raises StoreError as `execute` does.
        """
        with self._store.begin() as transaction:
            return machines.open_orders(transaction.book)

    def told(self, result: MachineResult) -> int:
        """Write down what came of a command to a machine, and what follows. The first answer counts.

        Returns how many facts came of it. Raises StoreError as `execute` does.
        """
        with self._store.begin() as transaction:
            transaction.head()
            row = transaction.book.get(MachineOrder, result.id)
            if row is None or row.outcome:
                return 0
            now_ns = self._now_ns()
            person = "" if row.by == "mes" else row.by
            who = Who("commander", "service", on_behalf_of=person, reason=row.why, correlation=row.command)
            asking = Asking(self._definitions, now_ns, row.command, person)
            written = self._write(transaction, machines.answered(row, result, asking), who, now_ns)
            follow = FOLLOWERS.get(row.name)
            if follow is not None:
                facts = follow(transaction.book, row, result, asking)
                written += self._write(transaction, facts, who, now_ns)
            return len(written)

    def unheard(self, since_ns: int) -> int:
        """Write down that the commander has said nothing since then: no machine is reachable through it.

        Returns how many facts came of it. Raises StoreError as `execute` does. Said again, it is nothing new.
        """
        with self._store.begin() as transaction:
            transaction.head()
            facts = receivers.unheard(transaction.book, since_ns)
            return len(self._write(transaction, facts, Who("mes", "service"), self._now_ns()))

    def tick(self) -> int:
        """Let time pass: what has fallen due by the clock is written down. Returns how many facts came of it.

        Raises StoreError as `execute` does. However often it is called, an order is due once.
        """
        with self._answering() as transaction:
            now_ns = self._now_ns()
            return len(self._fall_due(transaction, now_ns, None)) + self._reconsider(transaction, now_ns)

    @property
    def undecided(self) -> bool:
        """Return whether a cell may wait for an answer to its question."""
        return self._undecided

    def reconsider(self) -> int:
        """Answer the cells whose questions can be answered by now, or must be.

        Returns how many facts came of it. Raises StoreError as `execute` does.
        """
        with self._answering() as transaction:
            return self._reconsider(transaction, self._now_ns())

    @contextmanager
    def _answering(self) -> Iterator[Transaction]:
        try:
            with self._store.begin() as transaction:
                transaction.head()
                yield transaction
        except BaseException:
            self._undecided = True  # an answer that was taken back is still owed
            raise

    def _reconsider(self, transaction: Transaction, now_ns: int) -> int:
        if not self._undecided:
            return 0
        facts = enforcing.reconsidered(
            transaction.book, Asking(self._definitions, now_ns), speed=self._speed
        )  # fmt: skip
        written = self._write(transaction, facts, Who("enforcing", "service"), now_ns)
        self._undecided = bool(enforcing.undecided(transaction.book))
        return len(written)

    def _fall_due(self, transaction: Transaction, now_ns: int, work_units: set[str] | None) -> list[Entry]:
        facts = maintenance.due(transaction.book, Asking(self._definitions, now_ns), work_units)
        return self._write(transaction, facts, Who("maintenance", "service"), now_ns)

    def _write(self, transaction: Transaction, facts: Iterator[Fact], who: Who, now_ns: int) -> list[Entry]:
        written: list[Entry] = []
        sequence, previous = 0, ""
        for fact in _before_anything(facts, written):
            if not written:
                sequence, previous = transaction.head()
            sequence += 1
            entry = sealed(
                Entry(
                    sequence=sequence, event_type=fact.event.event_type, subject=subject_of(fact.event),
                    time_ns=fact.time_ns, recorded_ns=now_ns, actor=who.actor, actor_type=who.actor_type,
                    on_behalf_of=who.on_behalf_of, reason=who.reason, correlation=who.correlation,
                    content=msgspec.json.encode(fact.event).decode(),
                ),
                previous,
            )  # fmt: skip
            previous = entry.hash
            transaction.append(entry)
            project(transaction.book, fact.event, fact.time_ns, sequence)
            if fact.secret is not None:
                transaction.book.put(fact.secret)
            written.append(entry)
        return written


def slow(command: Command) -> bool:
    """Return whether a command may need the hash of a PIN or a password, which takes long."""
    return issubclass(commands.CATALOGUE.get(command.name, CommandData), SLOW)


def _unreadable(command: Command) -> Answer:
    known = ", ".join(sorted(commands.CATALOGUE))
    return Answer(accepted=False, code="invalid", place="command", found=repr(command.name),
                  right=f"an id, an actor, and one of {known}")  # fmt: skip


def _terminal(transaction: Transaction, name: str) -> Terminal:
    return transaction.book.get(Terminal, name) or Terminal(terminal=name, next_sequence=1, last_ns=0)


def _accepted(written: list[Entry]) -> Answer:
    return Answer(
        accepted=True, status=ReturnStatus.NO_ERROR,
        sequence=written[-1].sequence if written else 0,
        events=[entry.event_type for entry in written],
        subject=written[0].subject if written else "",
    )  # fmt: skip


def _refused(refused: Refused) -> Answer:
    return Answer(accepted=False, status=refused.status, code=refused.code, place=refused.place,
                  found=refused.found, right=refused.right, also=list(refused.also))  # fmt: skip


def _wish(asked: Command | LateBooking, kind: type[CommandData]) -> CommandData:
    """Return what is wanted. Raises Refused where it cannot be read, or could not be kept."""
    place = f"data of {asked.name}"
    if any("\0" in text for text in (asked.id, asked.reason, asked.on_behalf_of)) or (
        NOTHING in bytes(asked.data)
    ):
        raise Refused("invalid", place, "a letter that no database keeps (NUL)", "text",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    try:
        return msgspec.json.decode(asked.data, type=kind)
    except msgspec.DecodeError as error:
        raise Refused("invalid", place, str(error), "its fields",
                      status=ReturnStatus.INVALID_REQUEST) from error  # fmt: skip


def _late_wish(booking: LateBooking) -> CommandData:
    """Return what a late booking wants. Raises Refused where it cannot be read, or needs the server."""
    kind = commands.CATALOGUE.get(booking.name)
    if kind is None:
        raise Refused("invalid", "late booking", repr(booking.name), "a command",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    late.refuse_unbookable(booking.name)
    if booking.denied:
        raise Refused("denied", booking.name, "somebody without the right, who brought it",
                      f"somebody who may {booking.denied}")  # fmt: skip
    wish = _wish(booking, kind)
    late.refuse_method(wish)
    return wish


def _before_anything(facts: Iterator[Fact], written: list[Entry]) -> Iterator[Fact]:
    """Yield facts; what is noted of a refusal may follow none of them, for they are taken back."""
    try:
        yield from facts
    except Refused as refused:
        assert not (refused.noted and written), "a proof is looked at before anything is decided"
        raise


def project(book: Book, event: EventData, at_ns: int, sequence: int) -> None:
    """Make rows of one fact, and keep what it changed in rows that were there: the old values too."""
    projector = RULES.projectors[type(event)]
    if type(event) in SUMS:
        projector(book, event, at_ns)
        return
    recording = Recording(book)
    projector(recording, event, at_ns)
    for change in recording.changes(sequence):
        book.put(change)


def content_of(entry: Entry) -> EventData:
    """Return the typed event of a journal entry."""
    return msgspec.json.decode(entry.content, type=CATALOGUE[entry.event_type])


def event_of(entry: Entry, source: str) -> CloudEvent:
    """Return a journal entry as it is told to others; `source` is the MES of a site."""
    event = events.make(
        content_of(entry), source=source, sequence=entry.sequence, time_ns=entry.time_ns,
        subject=entry.subject, authid=entry.actor,
    )  # fmt: skip
    return msgspec.structs.replace(
        event, recordedtime=rfc3339(entry.recorded_ns), correlationid=entry.correlation
    )


def rebuilt(entries: Iterable[Entry]) -> MemoryBook:
    """Return the book that a journal's entries alone make: what the tables must hold."""
    book = MemoryBook()
    for entry in entries:
        event = content_of(entry)
        project(book, event, entry.time_ns, entry.sequence)
    return book
