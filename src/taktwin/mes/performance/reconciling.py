"""Which records of stops a machine's runs make, and what becomes of those that are there already. Pure.

Comes in: runs of one work unit from an instant on, and the records from that instant on. Goes out: what
is new, what has other bounds, what never was. A record keeps what people made of it: late data move its
bounds, cut it, or withdraw it, and it goes to the run that it was about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from taktwin.mes.performance.states import STOPS, Run
from taktwin.standards.iso22400 import TimeClass


@dataclass(frozen=True, slots=True)
class Record:
    """A stop as it is recorded; `to_ns` 0: it still goes on."""

    stop: str  # "" = not recorded yet
    from_ns: int
    to_ns: int
    time_class: TimeClass
    code: str = ""
    coded: bool = False  # a person has given it a reason, or cut it
    withdrawn: bool = False
    like: str = ""  # of a new one: the record whose reason it inherits


@dataclass(frozen=True, slots=True)
class Change:
    """What a record was, and what it is now; None: it was not recorded."""

    before: Record | None
    after: Record


def changes(runs: Sequence[Run], records: Iterable[Record], *, short_ns: int, edge_ns: int) -> list[Change]:
    """Return what has to change so that the records tell of the runs.

    Parameters
    ----------
    runs : of one work unit, in order, from an instant on at which one begins
    records : all that reach beyond that instant, also withdrawn ones
    short_ns : a stop below it gets no record, unless a person had coded it
    edge_ns : until when anything is known; a run that reaches it still goes on
    """
    rows = sorted(records, key=lambda row: (row.from_ns, row.stop))
    stops = [run for run in runs if run.time_class in STOPS]
    owner = {row.stop: _owner(row, stops, edge_ns) for row in rows}
    found: list[Change] = []
    for number, run in enumerate(stops):
        own = [row for row in rows if owner[row.stop] == number]
        active = [row for row in own if not row.withdrawn]
        if run.to_ns - run.from_ns < short_ns and not any(row.coded for row in own):
            continue
        end_ns = 0 if run.to_ns >= edge_ns else run.to_ns
        if not active and own:
            active = own[:1]  # what was withdrawn is back, with all that people made of it
        if not active:
            like = _most(rows, run, edge_ns)
            fresh = Record("", run.from_ns, end_ns, run.time_class, run.code, like=like)
            found.append(Change(None, fresh))
            continue
        found.extend(_fitted(active, run, end_ns))
    told = {change.before.stop for change in found if change.before is not None}
    for row in rows:
        if not row.withdrawn and row.stop not in told:
            found.append(Change(row, replace(row, to_ns=row.to_ns or edge_ns, withdrawn=True)))
    return [change for change in found if change.before != change.after]


def _fitted(active: Sequence[Record], run: Run, end_ns: int) -> list[Change]:
    """Return the records of a run, in order, without a gap between the first and the last."""
    fitted: list[Change] = []
    starts = [run.from_ns]
    for row in active[1:]:
        starts.append(max(row.from_ns, run.from_ns))
    for number, row in enumerate(active):
        last = number + 1 == len(active)
        start, end = starts[number], end_ns if last else starts[number + 1]
        if not last and end <= start:
            fitted.append(Change(row, replace(row, withdrawn=True)))
            continue
        after = replace(row, from_ns=start, to_ns=end, time_class=run.time_class, code=row.code or run.code,
                        withdrawn=False)  # fmt: skip
        fitted.append(Change(row, after))
    return fitted


def _overlap(row: Record, run: Run, edge_ns: int) -> int:
    return min(row.to_ns or max(edge_ns, row.from_ns), run.to_ns) - max(row.from_ns, run.from_ns)


def _owner(row: Record, stops: Sequence[Run], edge_ns: int) -> int | None:
    """Return the run that a record is about: of its class, then the one that it overlaps most."""
    best: tuple[bool, int] | None = None
    found: int | None = None
    for number, run in enumerate(stops):
        overlap = _overlap(row, run, edge_ns)
        # A record that was open for no time at all is about the run that begins there.
        if overlap < 0 or (overlap == 0 and row.from_ns != run.from_ns):
            continue
        rank = (run.time_class is row.time_class, overlap)
        if best is None or rank > best:
            best, found = rank, number
    return found


def _most(rows: Sequence[Record], run: Run, edge_ns: int) -> str:
    """Return the record that covered most of a run that has none of its own: its reason is inherited."""
    over = [(_overlap(row, run, edge_ns), row.stop) for row in rows if not row.withdrawn]
    best = max(over, default=(0, ""))
    return best[1] if best[0] > 0 else ""
