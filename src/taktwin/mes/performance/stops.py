"""Stops: reasons, splits and merges by people; the only writers of their tables.

Each change names the version that the person saw: of two who change one stop, one wins, and the other is
handed what the first made of it. What was before stays in the history.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.instants import rfc3339
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.routes import Definitions, Reason
from taktwin.mes.performance.hearing import begun, free_name
from taktwin.mes.performance.tables import MachineEdge, Stop, StopChange
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

TEXT_MAX = 500
APART_NS_MAX = 900 * 1_000_000_000  # neighbours that stand further apart are two stops


# Deciders


def recode(book: Reading, wish: commands.RecodeStop, asking: Asking) -> Iterator[Fact]:
    """Give a stop a reason; where it had one, say why it is another one."""
    row = _stop(book, wish.stop)
    _same_version(row, wish.version)
    if wish.reason and wish.reason not in asking.definitions.reasons:
        raise unknown("reason of a stop", wish.reason)
    if wish.reason == row.reason:
        raise Refused("state", f"stop {row.stop}", f"the reason {row.reason or 'nothing'} already",
                      "another reason", row=row)  # fmt: skip
    cause = _text(wish.cause)
    if row.reason and not cause:
        raise _invalid("why", "nothing", f"why it is not {row.reason}")
    recoded = events.StopRecoded(stop=row.stop, work_unit=row.work_unit, before=row.reason,
                                 reason=wish.reason, person=asking.person, cause=cause)  # fmt: skip
    yield Fact(recoded, asking.now_ns)


def split(book: Reading, wish: commands.SplitStop, asking: Asking) -> Iterator[Fact]:
    """Cut a stop at an instant within it; both keep the reason until somebody gives them another."""
    row = _stop(book, wish.stop)
    _same_version(row, wish.version)
    parts = parts_of(book, row.stop)
    edge = book.get(MachineEdge, row.work_unit)
    assert edge is not None, "a machine that stands was heard"
    begin_ns, end_ns = parts[0].from_ns, parts[-1].to_ns or edge.end_ns
    if not begin_ns < wish.at_ns < end_ns:
        raise _invalid("instant", rfc3339(max(wish.at_ns, 0)),
                       f"one after {rfc3339(begin_ns)} and before {rfc3339(end_ns)}")  # fmt: skip
    inside = next((p for p in parts if p.from_ns < wish.at_ns < (p.to_ns or end_ns)), None)
    after = [part for part in parts if part.from_ns >= wish.at_ns]
    into = after[0].stop if inside is None else free_name(book, row.work_unit, wish.at_ns)
    cut = events.StopSplit(stop=row.stop, work_unit=row.work_unit, at_ns=wish.at_ns, into=into,
                           person=asking.person, cause=_text(wish.cause))  # fmt: skip
    yield Fact(cut, asking.now_ns)


def merge(book: Reading, wish: commands.MergeStops, asking: Asking) -> Iterator[Fact]:
    """Take two neighbours for one: nothing else stands between them, and they are of one kind."""
    row, other = _stop(book, wish.stop), _stop(book, wish.other)
    _same_version(row, wish.version)
    _same_version(other, wish.other_version)
    if row.stop == other.stop:
        raise _invalid("other stop", row.stop, "another one")
    if row.work_unit != other.work_unit:
        raise _invalid("other stop", f"one of {other.work_unit}", f"one of {row.work_unit}")
    if row.time_class != other.time_class:
        raise _invalid("other stop", other.time_class,
                       f"{row.time_class}: waiting is kept apart from stops of its own")  # fmt: skip
    first, second = sorted((parts_of(book, row.stop), parts_of(book, other.stop)), key=lambda p: p[0].from_ns)
    low_ns, high_ns = first[-1].to_ns, second[0].from_ns
    between = [
        each for each in begun(book, Stop, row.work_unit, first[0].from_ns, high_ns)
        if not each.withdrawn and each.part_of not in (row.stop, other.stop)
    ]  # fmt: skip
    if between or not low_ns or not 0 <= high_ns - low_ns <= APART_NS_MAX:
        found = between[0].stop if between else f"{(high_ns - low_ns) // 1_000_000_000} s"
        raise Refused("state", f"between {first[0].stop} and {second[0].stop}", found,
                      f"neighbours, at most {APART_NS_MAX // 60_000_000_000} minutes apart",
                      row=row)  # fmt: skip
    merged = events.StopsMerged(stop=row.stop, other=other.stop, work_unit=row.work_unit,
                                reason=row.reason or other.reason, person=asking.person,
                                cause=_text(wish.cause))  # fmt: skip
    yield Fact(merged, asking.now_ns)


def parts_of(book: Reading, name: str) -> list[Stop]:
    """Return what was merged into a stop, itself too, the earliest first, without what never was."""
    parts = [part for part in book.where(Stop, part_of=name) if not part.withdrawn]
    return sorted(parts, key=lambda part: part.from_ns)


def recommended(definitions: Definitions, work_unit: str, code: str) -> Reason | None:
    """Return the reason that a machine's own stop code stands for, None where it names none."""
    if not code:
        return None
    here = definitions.classes.get(work_unit, "")
    fitting = [r for r in definitions.reasons.values() if code in r.machine_codes and r.asked_at(here)]
    return max(fitting, key=lambda reason: bool(reason.classes), default=None)


def _stop(book: Reading, name: str) -> Stop:
    row = book.get(Stop, name)
    if row is None:
        raise unknown("stop", name)
    if row.part_of != row.stop:
        raise Refused("state", f"stop {row.stop}", f"a part of {row.part_of}", f"the stop {row.part_of}",
                      row=book.get(Stop, row.part_of))  # fmt: skip
    if not parts_of(book, row.stop):
        raise Refused("state", f"stop {row.stop}", "withdrawn: by its later data the machine did not stand",
                      "a stop that there was", row=row)  # fmt: skip
    return row


def _same_version(row: Stop, version: int) -> None:
    if row.version != version:
        raise Refused("conflict", f"stop {row.stop}", f"version {row.version}: {row.reason or 'no reason'}"
                      f"{f', by {row.person}' if row.person else ''}",
                      f"version {version}: somebody changed it meanwhile", row=row)  # fmt: skip


def _text(text: str) -> str:
    if len(text) > TEXT_MAX:
        raise _invalid("why", f"{len(text)} characters", f"at most {TEXT_MAX}")
    return text.strip()


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


# Projectors


def _begun(book: Book, event: events.StopBegun, at_ns: int) -> None:
    like = book.get(Stop, event.like) if event.like else None
    row = Stop(
        stop=event.stop, work_unit=event.work_unit, from_ns=event.from_ns, to_ns=event.to_ns,
        time_class=event.time_class, code=event.code, reason="", person="", coded_ns=0, cause="",
        part_of=event.stop, cut=False, withdrawn=False, version=1, changes=0,
    )  # fmt: skip
    row = _noted(book, row, at_ns, "begun", "", event.time_class)
    if like is not None and like.reason:
        row = msgspec.structs.replace(row, reason=like.reason, person=like.person, coded_ns=like.coded_ns,
                                      cause=like.cause)  # fmt: skip
        row = _noted(book, row, at_ns, "inherited", like.stop, like.reason, like.person, like.cause)
    book.put(row)


def _noted(book: Book, row: Stop, at_ns: int, what: str, before: str, after: str, person: str = "",
           cause: str = "") -> Stop:  # fmt: skip
    """Write a step of the history; return the row that counts it."""
    number = row.changes + 1
    book.put(StopChange(change=f"{row.stop}:{number:06d}", stop=row.stop, number=number, at_ns=at_ns,
                        what=what, before=before, after=after, person=person, cause=cause))  # fmt: skip
    return msgspec.structs.replace(row, changes=number)


def _there(book: Reading, name: str) -> Stop:
    row = book.get(Stop, name)
    assert row is not None, "told of a stop that is there"
    return row


def _ended(book: Book, event: events.StopEnded, at_ns: int) -> None:
    row = msgspec.structs.replace(_there(book, event.stop), to_ns=event.to_ns)
    book.put(_noted(book, row, at_ns, "ended", "", rfc3339(event.to_ns)))


def _corrected(book: Book, event: events.StopCorrected, at_ns: int) -> None:
    row = _there(book, event.stop)
    changed = msgspec.structs.replace(row, from_ns=event.from_ns, to_ns=event.to_ns,
                                      time_class=event.time_class, code=event.code,
                                      withdrawn=event.withdrawn)  # fmt: skip
    what = "withdrawn" if event.withdrawn else "corrected"
    book.put(_noted(book, changed, at_ns, what, _times(row), _times(changed)))


def _times(row: Stop) -> str:
    end = rfc3339(row.to_ns) if row.to_ns else ""
    return f"{row.time_class} {rfc3339(row.from_ns)}/{end}"


def _recoded(book: Book, event: events.StopRecoded, at_ns: int) -> None:
    for part in book.where(Stop, part_of=event.stop):
        coded = msgspec.structs.replace(part, reason=event.reason, person=event.person, coded_ns=at_ns,
                                        cause=event.cause, version=part.version + 1)  # fmt: skip
        book.put(_noted(book, coded, at_ns, "recoded", part.reason, event.reason, event.person, event.cause))


def _split(book: Book, event: events.StopSplit, at_ns: int) -> None:
    for part in book.where(Stop, part_of=event.stop):
        if part.from_ns < event.at_ns and not part.withdrawn and (not part.to_ns or event.at_ns < part.to_ns):
            book.put(msgspec.structs.replace(part, to_ns=event.at_ns, cut=True))
            after = msgspec.structs.replace(part, stop=event.into, part_of=event.into, from_ns=event.at_ns,
                                            cut=True, version=0, changes=0)  # fmt: skip
            book.put(after)
        elif part.from_ns >= event.at_ns:
            book.put(msgspec.structs.replace(part, part_of=event.into))
    for name in (event.stop, event.into):
        row = _there(book, name)
        changed = msgspec.structs.replace(row, version=row.version + 1)
        book.put(_noted(book, changed, at_ns, "split", event.stop, rfc3339(event.at_ns), event.person,
                        event.cause))  # fmt: skip


def _merged(book: Book, event: events.StopsMerged, at_ns: int) -> None:
    for name in (event.stop, event.other):
        for part in book.where(Stop, part_of=name):
            changed = msgspec.structs.replace(part, part_of=event.stop, reason=event.reason,
                                              person=event.person, coded_ns=at_ns, cause=event.cause,
                                              version=part.version + 1)  # fmt: skip
            book.put(_noted(book, changed, at_ns, "merged", part.reason, event.reason, event.person,
                            event.cause))  # fmt: skip


RULES = Rules(
    deciders={
        commands.RecodeStop.command_name: recode,
        commands.SplitStop.command_name: split,
        commands.MergeStops.command_name: merge,
    },
    projectors={
        events.StopBegun: _begun,
        events.StopEnded: _ended,
        events.StopCorrected: _corrected,
        events.StopRecoded: _recoded,
        events.StopSplit: _split,
        events.StopsMerged: _merged,
    },
)
