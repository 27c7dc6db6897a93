"""The state: what was last heard, as plain lists indexed by a signal's number in the registry.

Newest wins by the key (source time, epoch, sequence, position in the scan), so that the order of
arrival does not matter. A `Source` is one connection's view of one work unit: it tells what was
heard already and until when the connection vouches. A `Series` keeps the facts of the few signals
whose past matters (states, counters, whatever has a limit).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple

NEVER = -(1 << 62)  # earlier than any instant: nothing was heard
EPOCHS_KEPT = 16


class Origin(NamedTuple):
    """The message that brought a value. All values of one scan share one origin."""

    epoch_ns: int
    sequence: int
    ingest_ns: int = 0
    received_mono: int = 0
    published_mono: int = 0
    applied_mono: int = 0


NO_ORIGIN = Origin(NEVER, 0)


class Seen:
    """The set of sequence numbers heard of one epoch, as ranges: one range where nothing is missing."""

    __slots__ = ("ranges",)

    def __init__(self, ranges: list[list[int]] | None = None) -> None:
        self.ranges: list[list[int]] = [] if ranges is None else ranges

    def add(self, sequence: int) -> bool:
        """Add a number and return True, or False if it was there."""
        ranges = self.ranges
        if not ranges or sequence > ranges[-1][1] + 1:
            ranges.append([sequence, sequence])
            return True
        if sequence == ranges[-1][1] + 1:
            ranges[-1][1] = sequence
            return True
        place = bisect_right(ranges, sequence, key=lambda pair: pair[0])
        if place and sequence <= ranges[place - 1][1]:
            return False
        joins_before = place > 0 and ranges[place - 1][1] == sequence - 1
        joins_after = place < len(ranges) and ranges[place][0] == sequence + 1
        if joins_before and joins_after:
            ranges[place - 1][1] = ranges[place][1]
            del ranges[place]
        elif joins_before:
            ranges[place - 1][1] = sequence
        elif joins_after:
            ranges[place][0] = sequence
        else:
            ranges.insert(place, [sequence, sequence])
        return True

    @property
    def missing(self) -> int:
        """Return how many numbers between the first and the last one are missing."""
        if not self.ranges:
            return 0
        heard = sum(last - first + 1 for first, last in self.ranges)
        return self.ranges[-1][1] - self.ranges[0][0] + 1 - heard


class Ranges:
    """Instants joined into ranges: neighbours at most `gap_ns` apart belong together.

    The result depends on the set of instants alone, not on the order in which they came.
    """

    __slots__ = ("ends", "gap_ns", "starts")

    def __init__(self, gap_ns: int, starts: list[int] | None = None, ends: list[int] | None = None) -> None:
        self.gap_ns = gap_ns
        self.starts = [] if starts is None else starts
        self.ends = [] if ends is None else ends

    def add(self, at_ns: int) -> bool:
        """Add an instant; return whether more changed than the end of the last range."""
        starts, ends, gap_ns = self.starts, self.ends, self.gap_ns
        if not starts:
            starts.append(at_ns)
            ends.append(at_ns)
            return True
        if at_ns >= ends[-1]:
            if at_ns - ends[-1] <= gap_ns:
                ends[-1] = at_ns
                return False
            starts.append(at_ns)
            ends.append(at_ns)
            return True
        place = bisect_right(starts, at_ns) - 1  # the range that begins at or before
        if place >= 0 and at_ns <= ends[place]:
            return False
        before = place >= 0 and at_ns - ends[place] <= gap_ns
        after = place + 1 < len(starts) and starts[place + 1] - at_ns <= gap_ns
        if before and after:
            ends[place] = ends[place + 1]
            del starts[place + 1], ends[place + 1]
        elif before:
            ends[place] = at_ns
        elif after:
            starts[place + 1] = at_ns
        else:
            starts.insert(place + 1, at_ns)
            ends.insert(place + 1, at_ns)
        return True

    def add_span(self, from_ns: int, to_ns: int) -> None:
        """Add a whole range."""
        first = bisect_left(self.ends, from_ns - self.gap_ns)
        last = bisect_right(self.starts, to_ns + self.gap_ns)
        if first < last:  # it touches those in between: one range of them all
            from_ns, to_ns = min(from_ns, self.starts[first]), max(to_ns, self.ends[last - 1])
        self.starts[first:last] = [from_ns]
        self.ends[first:last] = [to_ns]

    @property
    def end_ns(self) -> int:
        """Return the last instant, NEVER if there is none."""
        return self.ends[-1] if self.ends else NEVER

    def drop_before(self, cut_ns: int) -> None:
        """Forget ranges that ended before an instant, but for the last of them."""
        keep = max(bisect_left(self.ends, cut_ns) - 1, 0)
        if keep:
            del self.starts[:keep], self.ends[:keep]


class Series:
    """The facts of one signal in order of source time, one a moment: the one with the highest key.

    A value that the source called bad, or that is none, is kept as None.
    """

    __slots__ = ("epochs", "sequences", "times", "values")

    def __init__(self) -> None:
        self.times = array("q")
        self.epochs = array("q")
        self.sequences = array("q")
        self.values: list[Any] = []

    def add(self, at_ns: int, epoch_ns: int, sequence: int, value: Any) -> bool:
        """Add a fact; return whether the series changed."""
        times = self.times
        if not times or at_ns > times[-1]:
            times.append(at_ns)
            self.epochs.append(epoch_ns)
            self.sequences.append(sequence)
            self.values.append(value)
            return True
        place = bisect_left(times, at_ns)
        if place < len(times) and times[place] == at_ns:
            # Two facts of one instant: the later message wins; within a scan the later position.
            if (epoch_ns, sequence) < (self.epochs[place], self.sequences[place]):
                return False
            self.epochs[place] = epoch_ns
            self.sequences[place] = sequence
            self.values[place] = value
            return True
        times.insert(place, at_ns)
        self.epochs.insert(place, epoch_ns)
        self.sequences.insert(place, sequence)
        self.values.insert(place, value)
        return True

    def at(self, at_ns: int) -> Any:
        """Return the value in force at an instant, None before the first."""
        place = bisect_right(self.times, at_ns)
        return self.values[place - 1] if place else None

    def drop_before(self, cut_ns: int) -> None:
        """Forget facts before an instant, but for the one in force then."""
        keep = bisect_right(self.times, cut_ns) - 1
        if keep > 0:
            del self.times[:keep], self.epochs[:keep], self.sequences[:keep], self.values[:keep]

    def pack(self) -> list[Any]:
        """Return the content for a snapshot."""
        return [self.times.tobytes(), self.epochs.tobytes(), self.sequences.tobytes(), self.values]

    @classmethod
    def unpack(cls, content: list[Any]) -> Series:
        """Return the series of a snapshot's content."""
        series = cls()
        for column, stored in zip((series.times, series.epochs, series.sequences), content, strict=False):
            column.frombytes(stored)
        series.values = list(content[3])
        return series


class Source:
    """One connection's view of one work unit: what was heard of it, and until when it vouches."""

    __slots__ = (
        "as_of", "connector", "epoch_ns", "first", "heard_ns", "known", "last", "relisted_mono", "seen",
        "signals", "stale", "unit",
    )  # fmt: skip

    def __init__(self, connector: str, unit: str, signals: tuple[int, ...], gap_ns: int) -> None:
        self.connector = connector
        self.unit = unit
        self.signals = signals
        self.seen: dict[int, Seen] = {}
        self.epoch_ns = NEVER  # the newest epoch
        self.last: list[int] = [0, -1]  # the last range of the newest epoch, for the shortest path
        self.first: dict[int, int] = {}  # per epoch: from when on its values are vouched for
        self.as_of: dict[int, int] = {}  # per epoch: until when
        self.known = Ranges(gap_ns)  # all confirmations, of all epochs
        self.heard_ns = NEVER  # newest source time or confirmation
        self.stale = False
        self.relisted_mono = 0

    def admit(self, epoch_ns: int, sequence: int) -> bool:
        """Return whether a scan is new, and remember it."""
        seen = self.seen.get(epoch_ns)
        if seen is None:
            if len(self.seen) >= EPOCHS_KEPT and epoch_ns < min(self.seen):
                return False  # older than all that is remembered: whether it is new cannot be told
            seen = self.seen[epoch_ns] = Seen()
            if len(self.seen) > EPOCHS_KEPT:
                del self.seen[min(self.seen)]
        new = seen.add(sequence)
        if epoch_ns >= self.epoch_ns:
            self.epoch_ns = epoch_ns
            self.last = seen.ranges[-1]
        return new

    def vouch(self, epoch_ns: int, at_ns: int) -> bool:
        """Take a confirmation; return whether it opened or closed a gap."""
        if at_ns > self.as_of.get(epoch_ns, NEVER):
            self.as_of[epoch_ns] = at_ns
        if at_ns < self.first.get(epoch_ns, 1 << 62):
            self.first[epoch_ns] = at_ns
        return self.known.add(at_ns)

    def word_before(self, epoch_ns: int, at_ns: int) -> int:
        """Return from when on a confirmation may change what is unheard, NEVER if it cannot."""
        known_ns = self.as_of.get(epoch_ns)
        if known_ns is not None and self.first.get(epoch_ns, NEVER) <= at_ns:
            return min(known_ns, at_ns)
        return max((end for epoch, end in self.as_of.items() if epoch < epoch_ns), default=NEVER)

    def unheard(self, from_ns: int) -> list[tuple[int, int]]:
        """Return where nobody listened, of what reaches beyond an instant.

        That is from the last word of one run of the gateway to the first of the next, however short:
        what happened there is lost.
        """
        if len(self.first) < 2:
            return []
        found: list[tuple[int, int]] = []
        end_ns = NEVER
        for epoch_ns, start_ns in sorted(self.first.items()):
            if end_ns != NEVER and start_ns > max(end_ns, from_ns):
                found.append((end_ns, start_ns))
            end_ns = max(end_ns, self.as_of[epoch_ns])
        return found

    def drop_before(self, cut_ns: int) -> None:
        """Forget confirmations before an instant, but for the last of them."""
        self.known.drop_before(cut_ns)
        gone = sorted(
            epoch for epoch, end_ns in self.as_of.items() if end_ns < cut_ns and epoch in self.first
        )
        for epoch_ns in gone[:-1]:
            del self.first[epoch_ns], self.as_of[epoch_ns]

    @property
    def vouches(self) -> bool:
        """Return whether this source ever confirmed anything."""
        return bool(self.known.ends)

    @property
    def missing(self) -> int:
        """Return how many scans between the first and the last one heard are missing."""
        return sum(seen.missing for seen in self.seen.values())


class PlantState:
    """All signals' last values, as lists indexed by the signal's number."""

    __slots__ = ("origins", "qualities", "series", "source_ns", "sources", "values")

    def __init__(self, size: int) -> None:
        self.values: list[Any] = [None] * size
        self.source_ns: list[int] = [NEVER] * size
        self.qualities: list[int] = [1] * size  # GOOD_NO_DATA
        self.origins: list[Origin] = [NO_ORIGIN] * size
        self.series: dict[int, Series] = {}
        self.sources: dict[tuple[str, str], Source] = {}

    def source_of(self, connector: str, unit: str) -> Source | None:
        """Return what was heard of a unit through a connection."""
        return self.sources.get((connector, unit))
