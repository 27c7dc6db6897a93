"""Counts of machines become bookings: on the job order that ran, and on the unit that was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from taktwin.contracts import events
from taktwin.mes.collection.engine import step
from taktwin.mes.collection.tables import Counter, Position, ReadingRow
from taktwin.mes.decision import Asking, Fact, Rules
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import followed, name_of
from taktwin.mes.execution.actions import booked, finish, made, running_at
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance import actions as maintenance
from taktwin.mes.quality.actions import held
from taktwin.mes.tooling import actions as tooling
from taktwin.mes.tracking.actions import passed
from taktwin.mes.tracking.tables import Lot, Passage
from taktwin.storage.book import Book, Reading


@dataclass(frozen=True, slots=True)
class Heard:
    """One value of a machine that collection listens to, in the order of source time."""

    signal: str
    value: int | float | str
    source_ns: int


def count(book: Reading, heard: Heard, asking: Asking) -> Iterator[Fact]:
    """Yield what follows from a counter's value."""
    work_unit, kind = asking.definitions.counters[heard.signal]
    assert isinstance(heard.value, int), "counters are whole numbers"
    counter = book.get(Counter, heard.signal)
    new = step(before=None if counter is None else counter.value,
               before_ns=0 if counter is None else counter.source_ns,
               value=heard.value, source_ns=heard.source_ns)  # fmt: skip
    if new is None:
        return
    if new.restarted:
        yield Fact(
            events.CounterRestarted(work_unit=work_unit, signal=heard.signal, counter=heard.value),
            heard.source_ns,
        )
        return
    begun_ns = said_ns(book, asking.definitions, work_unit, heard.source_ns) if new.parts == 1 else 0
    job = running_at(book, work_unit, heard.source_ns, begun_ns=begun_ns)
    owner = whose(book, asking.definitions, work_unit, job) if job is not None else ""
    if owner == "other":
        job = None  # the machine makes something else: these parts are not this job's
    # Two parts in one scan, and one serial number: whose it is, nobody can say.
    said = serial_at(book, asking.definitions.serials, work_unit, heard.source_ns) if new.parts == 1 else ""
    serial, joined = said, ""
    made = _reading(book, asking.definitions.joined, work_unit)
    if owner == "component" or (made is not None and made.value):
        # The cell speaks of the part that it was given; some say too which one it makes of it.
        serial = serial_at(book, asking.definitions.joined, work_unit, heard.source_ns) if said else ""
        joined = said
    serial, joined = _of_no_lot(book, serial), _of_no_lot(book, joined)
    yield Fact(
        events.MaterialCounted(
            work_unit=work_unit, signal=heard.signal, kind=kind, quantity=new.parts, counter=heard.value,
            job=job.job if job is not None else "", unit=serial,
        ),
        heard.source_ns,
    )  # fmt: skip
    if job is None:
        return
    definition = followed(book, asking.definitions, job)
    assert definition is not None, "what runs was dispatched by its definition"
    if serial and definition.serialised:
        yield from passed(
            book, serial, definition, definition.operation(job.operation), request=job.request,
            job=job.job, work_unit=work_unit, good=kind == "good", at_ns=heard.source_ns, joined=joined,
        )  # fmt: skip
        yield from held(book, serial, heard.source_ns)
    yield from finish(book, job.job, Asking(asking.definitions, heard.source_ns, asking.command))


def _of_no_lot(book: Reading, serial: str) -> str:
    """Return a serial number, "" where a lot has it: whoever traces it would find the one for the other."""
    return "" if serial and book.get(Lot, serial) is not None else serial


def _reading(book: Reading, signals: Mapping[str, str], work_unit: str) -> ReadingRow | None:
    for signal, unit in signals.items():
        if unit == work_unit:
            return book.get(ReadingRow, signal)
    return None


def serial_at(book: Reading, signals: Mapping[str, str], work_unit: str, at_ns: int) -> str:
    """Return the serial number of the part that was in work at an instant, "" where nobody can say.

    `signals` are those by which machines say one: that of the part in work, or of what they make of it.

    A machine says the number of the part in work. A part's count and values may come at the very instant
    at which the next part begins: they are the part before's, unless that one was counted already. What
    comes later than that still finds the number before; what is older belongs to a part nobody knows.
    """
    row = _reading(book, signals, work_unit)
    if row is None:
        return ""
    if at_ns > row.source_ns or (at_ns == row.source_ns and not row.before_ns):
        return row.value
    if at_ns < row.before_ns or not row.before_ns:
        return ""
    if at_ns < row.source_ns:
        return row.before
    here = [stay for stay in book.where(Passage, unit=row.before) if stay.work_unit == work_unit]
    if any(stay.at_ns == at_ns for stay in here):
        return row.before  # it was counted at this instant, and this is what was said of it
    return row.value if row.counted == row.before else row.before


def said_ns(book: Reading, definitions: Definitions, work_unit: str, at_ns: int) -> int:
    """Return when a machine said the number of the part in work at an instant; 0: it says none."""
    row = _reading(book, definitions.serials, work_unit)
    serial = serial_at(book, definitions.serials, work_unit, at_ns)
    if row is None or not serial:
        return 0
    return row.source_ns if serial == row.value else row.before_ns


def whose(book: Reading, definitions: Definitions, work_unit: str, job: JobOrder) -> str:
    """Return whose serial number a machine says with a product: the job's, a component's, another's.

    A cell that joins things may speak of the part that it was given until the new one exists.
    """
    row = _reading(book, definitions.made, work_unit)
    made = "" if row is None else row.value
    definition = followed(book, definitions, job)
    assert definition is not None, "what runs was dispatched by its definition"
    if not made or made == job.product or name_of(book, definitions, made) is None:
        return "job"
    components = definition.operation(job.operation).components
    return "component" if any(each.product == made for each in components) else "other"


def remember(book: Book, heard: Heard) -> None:
    """Keep a text of a machine: no fact of ours, only what the next count will refer to."""
    last = book.get(ReadingRow, heard.signal)
    if last is None:
        book.put(ReadingRow(signal=heard.signal, value=str(heard.value), source_ns=heard.source_ns))
    elif heard.source_ns > last.source_ns:
        book.put(ReadingRow(signal=heard.signal, value=str(heard.value), source_ns=heard.source_ns,
                            before=last.value, before_ns=last.source_ns, counted=last.counted))  # fmt: skip


def counted(book: Book, heard: Heard, definitions: Definitions) -> None:
    """Keep which serial number a count has used."""
    work_unit = definitions.counters[heard.signal][0]
    for signals in (definitions.serials, definitions.joined):
        row = _reading(book, signals, work_unit)
        if row is not None:
            serial = serial_at(book, signals, work_unit, heard.source_ns)
            book.put(msgspec.structs.replace(row, counted=serial))


def position(book: Book, stream: str, sequence: int) -> None:
    """Keep how far a stream was read, in the transaction that booked what was read."""
    book.put(Position(stream=stream, sequence=sequence))


# Projectors


def _counted(book: Book, event: events.MaterialCounted, at_ns: int) -> None:
    counter = book.get(Counter, event.signal)
    assert counter is not None, "a counter is known before it counts"
    own = event.quantity if event.job else 0
    book.put(msgspec.structs.replace(
        counter, value=event.counter, source_ns=at_ns, booked=counter.booked + own,
        loose=counter.loose + event.quantity - own,
    ))  # fmt: skip
    maintenance.worked(book, event.work_unit, event.quantity)
    tooling.worked(book, event.work_unit, event.quantity, at_ns)
    is_good = event.kind == "good"
    made(book, event.work_unit, event.job, at_ns, good=event.quantity if is_good else 0,
         scrap=0 if is_good else event.quantity)  # fmt: skip
    if event.job:
        good = event.quantity if event.kind == "good" else 0
        booked(book, event.job, good=good, scrap=event.quantity - good)


def _restarted(book: Book, event: events.CounterRestarted, at_ns: int) -> None:
    counter = book.get(Counter, event.signal)
    book.put(Counter(
        signal=event.signal, work_unit=event.work_unit, value=event.counter, source_ns=at_ns,
        booked=0 if counter is None else counter.booked, loose=0 if counter is None else counter.loose,
    ))  # fmt: skip


RULES = Rules(projectors={events.MaterialCounted: _counted, events.CounterRestarted: _restarted})
