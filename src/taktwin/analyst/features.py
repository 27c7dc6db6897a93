"""What models see: the signals of one thing up to an instant, in the same shape for training and live.

Comes in values with their source times, out of the history or off the bus, through one `Tape`; goes out a
`Trace` that ends at an instant. Whatever computes features is handed a trace and nothing else, so it cannot
look beyond that instant, and what was learnt on history is what is asked live. Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from taktwin.identity import SignalId

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that a model speaks about: where its columns come from, and what the plant says of it."""

    id: str  # unique for its model: it names predictions
    unit: str  # the work unit that it is at
    signals: Mapping[str, tuple[SignalId, ...]]  # column -> signals, merged by time
    facts: Mapping[str, float] = field(default_factory=dict)  # limits, lives: numbers of the plant folder
    names: Mapping[str, str] = field(default_factory=dict)  # what else it is called by: tool, characteristic


def mounting(unit: str, kind: str) -> SignalId:
    """Return by what name a tape keeps when the MES was told that a tool of a kind is in a unit.

    No signal has such a name: those have a slash.
    """
    return SignalId(f"tool.mounted:{unit}:{kind}")


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one column: `at_ns` (n,) ascending, `values` (n,) finite."""

    at_ns: IntArray
    values: FloatArray

    def __len__(self) -> int:
        return len(self.at_ns)

    def until(self, at_ns: int) -> Column:
        """Return what was known at an instant, the instant included."""
        end = int(np.searchsorted(self.at_ns, at_ns, side="right"))
        return Column(self.at_ns[:end], self.values[:end])

    def as_of(self, times_ns: IntArray) -> FloatArray:
        """Return the value at each instant; NaN before the first one."""
        place = np.searchsorted(self.at_ns, times_ns, side="right") - 1
        if not len(self):
            return np.full(len(times_ns), np.nan)
        return np.where(place >= 0, self.values[np.maximum(place, 0)], np.nan)


NOTHING = Column(np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of a subject at `to_ns`."""

    subject: Subject
    columns: Mapping[str, Column]
    to_ns: int

    def __getitem__(self, name: str) -> Column:
        """Return a column, one without values where nothing was ever said."""
        return self.columns.get(name, NOTHING)

    def until(self, at_ns: int) -> Trace:
        """Return what was known at an earlier instant."""
        columns = {name: column.until(at_ns) for name, column in self.columns.items()}
        return replace(self, columns=columns, to_ns=min(at_ns, self.to_ns))


class Tape:
    """Values of signals by time, from whichever road: `add` them, then read traces."""

    def __init__(self, signals: Iterable[SignalId]) -> None:
        """Take values of these signals; others are passed over."""
        # Arrays and not lists: a trace of weeks is made of them in every round.
        self._known = {str(name): (array("q"), array("d")) for name in signals}

    def wants(self, signal: str) -> bool:
        """Return whether a signal is kept."""
        return signal in self._known

    def add(self, signal: str, at_ns: int, value: object) -> None:
        """Keep a value. What is no finite number is passed over, and a value that is there already too."""
        if isinstance(value, bool):
            value = int(value)
        if signal not in self._known or not isinstance(value, int | float) or not np.isfinite(value):
            return
        times, values = self._known[signal]
        if not times or at_ns > times[-1]:
            times.append(at_ns)
            values.append(float(value))
            return
        place = bisect_right(times, at_ns)  # it comes late, or a second time: the first word counts
        if times[place - 1] != at_ns or place == 0:
            times.insert(place, at_ns)
            values.insert(place, float(value))

    def forget(self, before_ns: int) -> None:
        """Let go of what is older; of each signal the value that was true at that instant stays."""
        for times, values in self._known.values():
            place = bisect_right(times, before_ns) - 1
            if place > 0:
                del times[:place], values[:place]

    def trace(self, subject: Subject, at_ns: int) -> Trace:
        """Return what was known of a subject at an instant."""
        columns = {name: self._column(signals, at_ns) for name, signals in subject.signals.items()}
        return Trace(subject, columns, at_ns)

    def _column(self, signals: tuple[SignalId, ...], at_ns: int) -> Column:
        found = [self._known[str(name)] for name in signals if str(name) in self._known]
        times = np.concatenate([np.array(each[0], np.int64) for each in found] or [NOTHING.at_ns])
        values = np.concatenate([np.array(each[1], np.float64) for each in found] or [NOTHING.values])
        if len(found) > 1:
            order = np.argsort(times, kind="stable")
            times, values = times[order], values[order]
        return Column(times, values).until(at_ns)
