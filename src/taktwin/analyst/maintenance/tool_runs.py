"""The lives of tools at a work unit: when each went in, how many parts it made, what was measured of them.

Comes in a trace with the columns `measured` (one value a part), `good`, `reject` (counters that never reset),
`tool` (a number that changes when another tool goes in) and `mounted` (when somebody told the MES that one is
in). Pure, and the only place where training and live use turns signals into features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taktwin.analyst.features import Column, FloatArray, IntArray, Trace
from taktwin.instants import SECOND_NS

NEVER = 1 << 62
AROUND_NS = 3600 * SECOND_NS  # within that, what machine and terminal say is always one change


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One tool from when it went in. `ages` counts the parts that it had made with the one that was
    measured."""

    unit: str
    begin_ns: int
    end_ns: int  # when it was changed; NEVER: it is in
    ages: FloatArray  # (n,) from 1
    values: FloatArray  # (n,) as measured
    at_ns: IntArray  # (n,)
    parts: float  # made by the end of the trace, or by its change
    is_whole: bool  # its beginning was seen: the ages are counted from there

    @property
    def is_in(self) -> bool:
        """Return whether it had not been changed by the end of the trace."""
        return self.end_ns == NEVER

    def leaves(self, lower: float, upper: float) -> float | None:
        """Return the age of the first part outside of its window; None: none was."""
        outside = np.nonzero((self.values < lower) | (self.values > upper))[0]
        return float(self.ages[outside[0]]) if len(outside) else None


def tool_runs(trace: Trace) -> list[ToolRun]:
    """Return every tool of a trace, by time; the first is not whole unless it is seen to go in."""
    number, measured = trace["tool"], trace["measured"]
    if not len(number) and not len(measured):
        return []
    changes = _changes(trace)
    begin = int(min((c.at_ns[0] for c in (number, measured) if len(c)), default=trace.to_ns))
    edges = [(begin, False), *((int(at), True) for at in changes)]
    counted = [_risen(trace[name]) for name in ("good", "reject")]
    found = []
    for place, (since_ns, is_seen) in enumerate(edges):
        until_ns = edges[place + 1][0] if place + 1 < len(edges) else NEVER
        first = int(np.searchsorted(measured.at_ns, since_ns, side="right"))
        last = int(np.searchsorted(measured.at_ns, until_ns, side="right"))
        at_ns = measured.at_ns[first:last]
        # A part is measured before it is counted, so the count then is of those before it.
        ages = _made(counted, since_ns, at_ns) + 1
        end_ns = min(until_ns, trace.to_ns)
        parts = float(_made(counted, since_ns, np.array([end_ns], np.int64))[0])
        found.append(ToolRun(
            unit=trace.subject.unit, begin_ns=since_ns, end_ns=until_ns, ages=ages,
            values=measured.values[first:last], at_ns=at_ns, parts=parts, is_whole=is_seen,
        ))  # fmt: skip
    return found


def _changes(trace: Trace) -> IntArray:
    """Return when another tool went in: by the machine's number, and where that says nothing, by the MES.

    What both say is one change, and the machine's instant is the true one. What is said at the terminal
    within an hour of a turn of the number is about that turn. Later than that it is the yes to the last turn,
    if nobody has said yes to it: people confirm late. Another one after that yes is a change that the machine
    was not told of; at a machine that never says another number each one is.
    """
    number = trace["tool"]
    turns = number.at_ns[np.nonzero(np.diff(number.values))[0] + 1]
    told, confirmed = [], set[int]()
    for at_ns in trace["mounted"].at_ns.tolist():
        near = int(np.abs(turns - at_ns).argmin()) if len(turns) else -1
        last = int(np.searchsorted(turns, at_ns, side="right")) - 1
        if near >= 0 and abs(int(turns[near]) - at_ns) <= AROUND_NS:
            confirmed.add(near)
        elif last >= 0 and last not in confirmed:
            confirmed.add(last)
        else:
            told.append(at_ns)
    return np.sort(np.concatenate([turns, np.array(told, np.int64)]))


def _risen(column: Column) -> Column:
    """Return how many a counter has counted since its first value; one that fell began anew."""
    if not len(column):
        return column
    rises = np.maximum(np.diff(column.values, prepend=column.values[0]), 0.0)
    return Column(column.at_ns, np.cumsum(rises))


def _made(counted: Sequence[Column], since_ns: int, at_ns: IntArray) -> FloatArray:
    """Return how many parts were made since an instant, at later ones."""
    made = np.zeros(len(at_ns), np.float64)
    for column in counted:
        if not len(column):
            continue
        total = column.values
        place = np.searchsorted(column.at_ns, at_ns, side="right") - 1
        before = int(np.searchsorted(column.at_ns, since_ns, side="right")) - 1
        base = total[before] if before >= 0 else 0.0
        made += np.where(place >= 0, total[np.maximum(place, 0)], 0.0) - base
    return made


def cycle_s(trace: Trace, runs: Sequence[ToolRun] | None = None) -> float:
    """Return how long a part takes while the unit works: the median of the last ones. `runs`: its tools,
    where they are known already."""
    runs = tool_runs(trace) if runs is None else runs
    gaps = np.diff(runs[-1].at_ns[-60:]) if runs else np.empty(0)
    if len(gaps) < 10:
        gaps = np.diff(trace["measured"].at_ns[-60:])
    return float(np.median(gaps)) / SECOND_NS if len(gaps) else 60.0


def whole(runs: Sequence[ToolRun], *, least: int) -> list[ToolRun]:
    """Return the runs that can be learnt from: seen from the beginning, with that many measured parts."""
    return [run for run in runs if run.is_whole and len(run.values) >= least]
