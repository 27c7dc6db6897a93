"""When machines stand: what they say of their states becomes stops, as the MES keeps them.

In come intervals of work units, as they end and, once a minute, as they stand; out go stops that last
longer than their threshold. Blocked, starved and own stops are stops; time that was not planned is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.standards.iso22400 import TimeClass
from taktwin.virtual_plant.truth import TruthInterval

STOPS = (TimeClass.DELAY_OWN.value, TimeClass.BLOCKED.value, TimeClass.STARVED.value)
SHORT_STOP_S = 120.0  # as in the MES, where the plant folder says nothing


class Book(Protocol):
    """Who writes stops down."""

    def stands(
        self, stop: str, work_unit: str, from_ns: int, to_ns: int, time_class: str, code: str, noted_ns: int
    ) -> None:
        """Note that a machine stands."""
        ...

    def stands_no_longer(self, stop: str, work_unit: str, to_ns: int, noted_ns: int) -> None:
        """Note that it does no longer."""
        ...


@dataclass(slots=True)
class Stood:
    """Time in one class without a gap."""

    unit: str
    from_ns: int
    to_ns: int
    time_class: str
    code: str = ""
    stop: str = ""  # the name under which it was noted; "" = it was not
    lasted: dict[tuple[str, str], int] = field(default_factory=dict)  # (activity, reason) -> ns


class Standing:
    """Follows the machines that say a state."""

    def __init__(self, registry: Registry, codes: Mapping[tuple[str, str], str], book: Book) -> None:
        """`codes`: (activity, the plant's own words) -> the alarm code that the machine says then."""
        self._codes = codes
        self._book = book
        self._short_ns: dict[str, int] = {}
        for unit in registry.work_units:
            roles = {registry.signals[index].role for index in unit.signals}
            if "state" in roles:
                short_s = float(unit.properties.get("short_stop_s", SHORT_STOP_S))
                self._short_ns[str(unit.id)] = int(short_s * SECOND_NS)
        self._runs: dict[str, Stood] = {}
        self._ended: list[Stood] = []

    def hear(self, interval: TruthInterval) -> None:
        """Take an interval that is over."""
        if interval.unit not in self._short_ns:
            return
        run = self._runs.get(interval.unit)
        if run is None or run.to_ns != interval.from_ns or run.time_class != interval.time_class:
            if run is not None and run.time_class in STOPS:
                self._ended.append(run)
            run = self._runs[interval.unit] = Stood(
                interval.unit, interval.from_ns, interval.to_ns, interval.time_class
            )
        run.to_ns = interval.to_ns
        run.code = run.code or self._codes.get((interval.activity, interval.reason), "")
        key = (interval.activity, interval.reason)
        run.lasted[key] = run.lasted.get(key, 0) + interval.to_ns - interval.from_ns

    def look(self, still: Iterable[TruthInterval], now_ns: int) -> list[Stood]:
        """Note what is to be noted by now, and return the noted stops that are over.

        still : what each unit does now, up to now
        """
        for interval in still:
            if interval.unit not in self._short_ns:
                continue
            run = self._runs.get(interval.unit)
            if run is not None and (run.to_ns != interval.from_ns or run.time_class != interval.time_class):
                if run.time_class in STOPS:
                    self._ended.append(run)
                    del self._runs[interval.unit]
                run = None
            if interval.time_class not in STOPS:
                continue
            began_ns = interval.from_ns if run is None else run.from_ns
            if now_ns - began_ns <= self._short_ns[interval.unit]:  # what happens now is not over yet
                continue
            if run is None:
                run = self._runs[interval.unit] = Stood(
                    interval.unit, interval.from_ns, interval.from_ns, interval.time_class
                )
            if not run.stop:
                run.code = run.code or self._codes.get((interval.activity, interval.reason), "")
                self._note(run, 0, now_ns)
        over, later = [], []
        for run in self._ended:
            if run.to_ns < now_ns:
                over += [run] if self._is_noted(run, now_ns) else []
                continue
            later.append(run)  # that it ends now is known with the next look
            if not run.stop and now_ns - run.from_ns > self._short_ns[run.unit]:
                self._note(run, 0, now_ns)
        self._ended = later
        return over

    def _is_noted(self, run: Stood, now_ns: int) -> bool:
        if run.stop:
            self._book.stands_no_longer(run.stop, run.unit, run.to_ns, now_ns)
        elif run.to_ns - run.from_ns >= self._short_ns[run.unit]:
            self._note(run, run.to_ns, now_ns)
        return bool(run.stop)

    def _note(self, run: Stood, to_ns: int, now_ns: int) -> None:
        run.stop = f"{run.unit}-{run.from_ns // SECOND_NS}"
        self._book.stands(run.stop, run.unit, run.from_ns, to_ns, run.time_class, run.code, now_ns)
