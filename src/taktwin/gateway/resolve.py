"""From what a device said to a sample of a declared signal, or to a rejection. Pure.

Comes in: a `Reading` under the device's own address. Goes out: a `Sample` (signal, value bit for
bit, source time, quality), a `Rejection` with the reason and the original, `UNCHANGED` (within the
deadband) or `UNMAPPED`. Nothing is coerced: 1 is no truth, "12" is no number, 5.0 is no integer;
an integer is a number for a float signal only where the float is exactly it.

Every reading ends in exactly one of the counters, always:
`received = published + quarantined + deadband + unmapped`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from taktwin.contracts.quarantine import Rejection
from taktwin.gateway.connector import Malformed, Reading
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.plant.registry import Signal
from taktwin.quality import Quality
from taktwin.units import UNITS

VALUE_BYTES_MAX = 1024 * 1024
ORIGINAL_BYTES_MAX = 64 * 1024
FLOAT32_MAX = 3.4028234663852886e38
INTEGERS = {f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)} | {
    f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)
}


class Sample(NamedTuple):
    """One value of one signal, ready to be published."""

    signal: Signal
    value: Any
    source_ns: int
    quality: Quality
    received_mono_ns: int


class Ignored(Enum):
    """A reading that is neither published nor refused."""

    UNCHANGED = "within the deadband of the last one, or polled and the same"
    UNMAPPED = "no signal of the plant model has this address"


Outcome: TypeAlias = Sample | Rejection | Ignored


@dataclass(slots=True)
class Counters:
    """Where every reading of a connection went."""

    received: int = 0
    published: int = 0
    quarantined: int = 0
    deadband: int = 0
    unmapped: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What a connection does with doubtful values; declared, never guessed."""

    out_of_range: str = "quarantine"  # or "uncertain": published with that quality
    clock_skew: str = "uncertain"  # or "quarantine"
    clock_skew_s_max: float = 600.0


class _Refused(Exception):
    def __init__(self, reason: str, found: str, expected: str) -> None:
        super().__init__(reason)
        self.reason, self.found, self.expected = reason, found, expected


@dataclass(slots=True)
class _Entry:
    signal: Signal
    check: Callable[[Any, Signal], Any]
    numeric: bool
    last: Any = None
    last_quality: Quality | None = None


class Resolver:
    """The addresses of one connection, in memory."""

    def __init__(
        self,
        connection: str,
        signals: Iterable[Signal],
        *,
        policy: Policy = Policy(),
        polls: bool = False,
        vouches: bool = True,
    ) -> None:
        self.counters = Counters()
        self._connection = connection
        self._policy = policy
        self._polls = polls
        self._vouches = vouches
        self._skew_ns = int(policy.clock_skew_s_max * SECOND_NS)
        self._entries = {s.address: _Entry(s, _CHECKS[s.type], s.type in _NUMERIC) for s in signals}
        self._delays_ns: deque[int] = deque(maxlen=64)

    def forget(self) -> None:
        """Forget the last values: after a loss each value is said again, changed or not."""
        for entry in self._entries.values():
            entry.last_quality = None
        self._delays_ns.clear()

    @property
    def clock_offset_ms(self) -> float | None:
        """Return how far the source's stamps are ahead of ours (negative: behind, delays included)."""
        if len(self._delays_ns) < 8:
            return None
        return -min(self._delays_ns) / 1e6

    def resolve(self, reading: Reading, now_ns: int) -> Outcome:
        """Return what a reading is, and count it."""
        counters = self.counters
        counters.received += 1
        entry = self._entries.get(reading.address)
        if entry is None:
            counters.unmapped += 1
            return Ignored.UNMAPPED
        try:
            sample = self._sample(entry, reading, now_ns)
        except _Refused as why:
            counters.quarantined += 1
            entry.last_quality = None  # whatever comes next is news
            original = reading.raw or _bytes_of(reading.value)
            return Rejection(
                reason=why.reason,
                found=why.found[:200],
                expected=why.expected,
                origin=reading.address,
                connector=self._connection,
                original=original[:ORIGINAL_BYTES_MAX],
                original_size=len(original),
                signal=entry.signal.id,
                at_ns=now_ns,
            )
        if self._is_unchanged(entry, sample):
            counters.deadband += 1
            return Ignored.UNCHANGED
        entry.last, entry.last_quality = sample.value, sample.quality
        counters.published += 1
        return sample

    def malformed(self, item: Malformed, now_ns: int) -> Rejection:
        """Return the rejection of bytes that were no reading, and count them as one."""
        self.counters.received += 1
        self.counters.quarantined += 1
        entry = self._entries.get(item.address)
        return Rejection(
            reason=item.reason,
            found=item.found[:200],
            expected=item.expected,
            origin=item.origin,
            connector=self._connection,
            original=item.original[:ORIGINAL_BYTES_MAX],
            original_size=len(item.original),
            signal="" if entry is None else entry.signal.id,
            at_ns=now_ns,
        )

    def _sample(self, entry: _Entry, reading: Reading, now_ns: int) -> Sample:
        signal, quality, value = entry.signal, reading.quality, reading.value
        if reading.unit and not _same_unit(reading.unit, signal.unit):
            raise _Refused("wrong_unit", f"unit {reading.unit!r}", f"unit {signal.unit or 'none'!r}")
        if value is None or quality is Quality.BAD:
            value = None  # what a device says with Bad is no value, and a missing one is no zero
            quality = quality if quality is not Quality.GOOD else Quality.GOOD_NO_DATA
        else:
            value = entry.check(value, signal)
            if entry.numeric and _is_out_of_range(value, signal):
                if self._policy.out_of_range != "uncertain":
                    raise _Refused("out_of_range", repr(value), f"{signal.minimum} to {signal.maximum}")
                quality = max(quality, Quality.UNCERTAIN)
        source_ns = now_ns if reading.source_ns is None else reading.source_ns
        if reading.source_ns is not None and self._is_skewed(reading, now_ns - source_ns):
            if self._policy.clock_skew == "quarantine":
                ahead_s = (source_ns - now_ns) / SECOND_NS
                raise _Refused(
                    "clock_skew",
                    f"a stamp {ahead_s:+.1f} s from our clock",
                    f"within {self._policy.clock_skew_s_max:g} s",
                )
            quality = max(quality, Quality.UNCERTAIN)
        return Sample(signal, value, source_ns, quality, reading.received_mono_ns)

    def _is_skewed(self, reading: Reading, delay_ns: int) -> bool:
        # A stamp from the future can only be a wrong clock. An old one may be a value that has not
        # changed since, or was buffered: only if *no* recent one is younger, the clock is behind.
        if reading.standing:
            return delay_ns < -self._skew_ns
        self._delays_ns.append(delay_ns)
        if delay_ns < -self._skew_ns:
            return True
        return delay_ns > self._skew_ns and len(self._delays_ns) >= 8 and min(self._delays_ns) > self._skew_ns

    def _is_unchanged(self, entry: _Entry, sample: Sample) -> bool:
        # Without somebody who vouches, each repetition is the only proof that the value still holds.
        if not self._vouches or entry.last_quality is not sample.quality or sample.value is None:
            return False
        deadband = entry.signal.deadband
        if deadband > 0.0 and entry.numeric and entry.last is not None:
            distance = abs(sample.value - entry.last)
            return bool(distance <= deadband)  # false for NaN: it is always news
        return self._polls and type(sample.value) is type(entry.last) and bool(sample.value == entry.last)


def _is_out_of_range(value: float, signal: Signal) -> bool:
    if value != value:  # NaN was let in by the signal's own policy: no range applies
        return False
    low, high = signal.minimum, signal.maximum
    return (low is not None and value < low) or (high is not None and value > high)


def _same_unit(named: str, declared: str) -> bool:
    if named == declared:
        return True
    unit = UNITS.get(declared)
    return unit is not None and bool(unit.unece) and named == unit.unece


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return repr(value).encode("utf-8", "replace")


def _wrong(value: Any, signal: Signal) -> _Refused:
    return _Refused("wrong_type", f"{type(value).__name__} {value!r}"[:200], signal.type)


def _bool(value: Any, signal: Signal) -> bool:
    if type(value) is not bool:
        raise _wrong(value, signal)
    return value


def _integer(value: Any, signal: Signal) -> int:
    if type(value) is not int:
        raise _wrong(value, signal)
    low, high = INTEGERS[signal.type]
    if not low <= value <= high:
        raise _Refused("out_of_range", str(value), f"{signal.type}: {low} to {high}")
    return value


def _number(value: Any, signal: Signal) -> float:
    if type(value) is int:
        try:
            exact = float(value)
        except OverflowError:
            raise _wrong(value, signal) from None
        if int(exact) != value:
            raise _Refused("wrong_type", f"integer {value}", f"{signal.type}, which cannot hold it exactly")
        value = exact
    if type(value) is not float:
        raise _wrong(value, signal)
    if not math.isfinite(value):
        if not signal.allow_not_finite:
            raise _Refused("not_finite", repr(value), f"a finite {signal.type}")
    elif signal.type == "float32" and abs(value) > FLOAT32_MAX:
        raise _Refused("out_of_range", repr(value), f"float32: at most {FLOAT32_MAX}")
    return value


def _string(value: Any, signal: Signal) -> str:
    if type(value) is not str:
        raise _wrong(value, signal)
    if len(value) > VALUE_BYTES_MAX // 4 and len(value.encode("utf-8", "surrogatepass")) > VALUE_BYTES_MAX:
        raise _Refused("too_large", f"{len(value)} characters", f"at most {VALUE_BYTES_MAX} bytes")
    return value


def _octets(value: Any, signal: Signal) -> bytes:
    if type(value) is not bytes:
        raise _wrong(value, signal)
    if len(value) > VALUE_BYTES_MAX:
        raise _Refused("too_large", f"{len(value)} bytes", f"at most {VALUE_BYTES_MAX} bytes")
    return value


def _instant(value: Any, signal: Signal) -> int:
    if type(value) is str:
        try:
            return parse_rfc3339(value)
        except ValueError:
            raise _Refused("wrong_type", repr(value), "an instant as RFC 3339 with its zone") from None
    if type(value) is not int:
        raise _wrong(value, signal)
    return value


def _array(value: Any, signal: Signal) -> list[Any]:
    if type(value) is not list:
        raise _wrong(value, signal)
    size = 0
    for element in value:
        kind = type(element)
        if kind is float:
            if not math.isfinite(element) and not signal.allow_not_finite:
                raise _Refused("not_finite", f"{element!r} in an array", "finite numbers")
            size += 9
        elif kind is str or kind is bytes:
            size += len(element) + 5
        elif kind is bool or kind is int:
            if kind is int and not -(2**63) <= element < 2**64:
                raise _Refused("out_of_range", f"{element} in an array", "integers of at most 64 bits")
            size += 9
        else:
            raise _wrong(value, signal)
    if size > VALUE_BYTES_MAX:
        raise _Refused("too_large", f"{size} bytes", f"at most {VALUE_BYTES_MAX} bytes")
    return value


_CHECKS: dict[str, Callable[[Any, Signal], Any]] = {
    "bool": _bool,
    **dict.fromkeys(INTEGERS, _integer),
    "float32": _number,
    "float64": _number,
    "string": _string,
    "bytes": _octets,
    "datetime": _instant,
    "array": _array,
}
_NUMERIC = {*INTEGERS, "float32", "float64"}
