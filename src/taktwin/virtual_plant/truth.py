"""What really happened, kept apart: no part of the product reads it but tests and the "reveal".

Lines of JSON. `interval` lines tile the time of each work unit without gap or overlap; the class is
what the plant knows as the cause, never what its signals suggest.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import msgspec

from taktwin.standards.iso22400 import TimeClass


class TruthInterval(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="interval"):
    """One interval of a work unit in one class, with the true reason."""

    unit: str
    from_ns: int
    to_ns: int
    time_class: str
    activity: str
    reason: str = ""


class TruthReject(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="reject"):
    """One rejected part and why."""

    unit: str
    at_ns: int
    serial: str
    cause: str


class TruthStop(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="stop"):
    """One stop of a unit by its own cause."""

    unit: str
    from_ns: int
    to_ns: int
    cause: str


class TruthOutage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="outage"):
    """An injection: what was cut, frozen, falsified, and when."""

    injection: str  # the kind of the injection
    target: str  # a connection, a unit, a signal, a zone
    from_ns: int
    to_ns: int
    parameters: dict[str, Any] = {}


class TruthWear(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="wear"):
    """Hidden quantities at an instant: wear, age, severity, pressure."""

    unit: str
    at_ns: int
    values: dict[str, float]


class TruthPassage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="passage"):
    """One part that a unit has worked on, and what it put in; of a plant that is led."""

    unit: str
    taken_ns: int  # out of the buffer
    from_ns: int  # when the work on it began
    at_ns: int  # when it was counted
    serial: str
    product: str
    job: str
    order: str
    good: bool
    used: tuple[tuple[str, str, float], ...]  # (product, lot or serial number, quantity)


class TruthTakenOut(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="taken_out"):
    """One part that a person took out of the buffer before a unit, for good."""

    unit: str
    at_ns: int
    serial: str
    order: str
    cause: str


class TruthHeld(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="held"):
    """What a cell holds from an instant on because somebody wrote it there, whoever that was."""

    unit: str
    at_ns: int
    path: str
    value: bool | int | float | str


class TruthMiscount(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="miscount"):
    """A reject that a person will report to the MES late or twice."""

    unit: str
    at_ns: int
    serial: str
    how: str  # late | twice
    told_ns: int


class TruthTold(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="told"):
    """What a machine was told by a client, each time it was: a value written, or a method of job control."""

    unit: str
    at_ns: int
    what: str  # path of the signal, or name of the method
    about: str  # the value, or the job order
    status: str = ""  # what a method was answered


class TruthParameters(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="parameters"):
    """The parameters of the plant, once, at the start."""

    at_ns: int
    seed: int
    physics: dict[str, Any]


Fact = (
    TruthInterval
    | TruthReject
    | TruthStop
    | TruthOutage
    | TruthWear
    | TruthMiscount
    | TruthParameters
    | TruthPassage
    | TruthTakenOut
    | TruthTold
    | TruthHeld
)


class Truth:
    """Collects facts; a sink, if there is one, gets each as soon as it is final."""

    def __init__(self, sink: Callable[[Fact], None] | None = None) -> None:
        self.facts: list[Fact] = []
        self._sink = sink if sink is not None else self.facts.append
        self._open: dict[str, tuple[int, TimeClass, str, str]] = {}

    def add(self, fact: Fact) -> None:
        """Note a fact that is final."""
        self._sink(fact)

    def unit_is(self, unit: str, at_ns: int, time_class: TimeClass, activity: str, reason: str) -> None:
        """Note what a unit does from an instant on; the interval before it becomes final."""
        before = self._open.get(unit)
        if before is not None:
            from_ns, old_class, old_activity, old_reason = before
            if old_activity == activity and old_class is time_class and old_reason == reason:
                return
            if from_ns < at_ns:
                self._sink(_interval(unit, before, at_ns))
        self._open[unit] = (at_ns, time_class, activity, reason)

    def open_at(self, at_ns: int) -> list[TruthInterval]:
        """Return what each unit does now, from when it began up to an instant; nothing becomes final."""
        return [_interval(unit, opened, at_ns) for unit, opened in self._open.items()]

    def close(self, at_ns: int) -> None:
        """Make all that is still open final at an instant; going on afterwards is allowed."""
        for unit, (from_ns, time_class, activity, reason) in sorted(self._open.items()):
            if from_ns < at_ns:
                self._sink(_interval(unit, (from_ns, time_class, activity, reason), at_ns))
                self._open[unit] = (at_ns, time_class, activity, reason)


_WORDS = {time_class: time_class.value for time_class in TimeClass}


def _interval(unit: str, opened: tuple[int, TimeClass, str, str], to_ns: int) -> TruthInterval:
    from_ns, time_class, activity, reason = opened
    return TruthInterval(
        unit=unit,
        from_ns=from_ns,
        to_ns=to_ns,
        time_class=_WORDS[time_class],
        activity=activity,
        reason=reason,
    )


class TruthFile:
    """The truth on disk, one JSON object a line; packed where its name ends in `.gz`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: IO[bytes] = (
            gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) if path.suffix == ".gz" else path.open("wb")  # type: ignore[assignment]
        )
        self._encoder = msgspec.json.Encoder()

    def __call__(self, fact: Fact) -> None:
        self._file.write(self._encoder.encode(fact))
        self._file.write(b"\n")

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> list[Fact]:
    """Return the facts of a truth file. Raises msgspec.DecodeError at a line that is none."""
    decoder = msgspec.json.Decoder(Fact)
    packed = path.read_bytes()
    lines = (gzip.decompress(packed) if path.suffix == ".gz" else packed).splitlines()
    return [decoder.decode(line) for line in lines if line]
