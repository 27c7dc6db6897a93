"""The planned line in real time: moves it by the shared clock and shows it through faces.

What the simulation knows nothing of, a temperature or a vibration of a machine that nobody has built, is
not made up: its signals are there, and say that they have no value yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from taktwin.clock import Clock
from taktwin.commissioning.account import Account, CallAnswered, account
from taktwin.commissioning.engine import Line, Said
from taktwin.faces.base import Face, Shown, Writable
from taktwin.faces.job_list import JobList
from taktwin.identity import EquipmentId
from taktwin.instants import MILLISECOND_NS, SECOND_NS
from taktwin.plant.registry import Registry, Signal
from taktwin.standards.job_control import Method, ReturnStatus

STEP_MIN_S = 0.01  # wall: shorter sleeps cost more than they gain
STEP_MAX_S = 0.25
CALLS_MAX = 10_000  # of job control that are kept for the account


class LineService:
    """A planned line, its faces, and the loop that moves it."""

    def __init__(
        self,
        *,
        registry: Registry,
        clock: Clock,
        faces: Mapping[str, Face],
        line: Line,
        jobs: Mapping[str, JobList],
        start_ns: int,
    ) -> None:
        self.registry = registry
        self.values_shown = 0
        self.behind_s = 0.0
        self._clock = clock
        self._faces = faces
        self._line = line
        self._start_ns = start_ns
        self._wanted = asyncio.Event()
        self._signals = {cell.name: _words(registry, cell.name) for cell in line.cells}
        self._calls: list[CallAnswered] = []
        self._known: set[str] = set()  # signals that were shown a value
        line.on_wish = self._wanted.set
        for unit, each in jobs.items():
            each.on_called = _Caller(self, unit)

    async def open(self) -> None:
        """Start all faces with the line as it is now."""
        for face in self._faces.values():
            if isinstance(face, Writable):
                face.on_written = self._written
        grouped = self._grouped([*self._set_points(), *self._line.advance_to(self._tick())])
        for name, face in self._faces.items():
            await face.start(grouped.get(name, []))

    async def run(self, stop: asyncio.Event) -> None:
        """Play until told to stop."""
        while not stop.is_set():
            self._wanted.clear()
            await self.step()
            following = self._line.next_tick()
            left_s = STEP_MAX_S
            if following is not None:
                left_s = (self._at_ns(following) - self._clock.now_ns()) / SECOND_NS / self._clock.speed
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(min(max(left_s, STEP_MIN_S), STEP_MAX_S)):
                    await self._wanted.wait()

    async def step(self) -> None:
        """Move the line to now, and show what it says."""
        for name, values in self._grouped(self._line.advance_to(self._tick())).items():
            await self._faces[name].show(values)
            self.values_shown += len(values)
        self.behind_s = (self._clock.now_ns() - self._at_ns(self._line.now)) / SECOND_NS

    async def close(self) -> None:
        """End all faces."""
        await asyncio.gather(*(face.stop() for face in self._faces.values()))

    def account(self) -> Account:
        """Return what the line did so far."""
        own = {str(s.id) for signals in self._signals.values() for s in signals.values()}
        return account(
            self.registry, self._line, self._calls, since_ns=self._start_ns,
            to_ns=self._at_ns(self._line.now), without_value=sorted(own - self._known),
        )  # fmt: skip

    def called(self, unit: str, method: Method, job: str, status: ReturnStatus) -> None:
        """Note a call of job control and its answer."""
        if len(self._calls) < CALLS_MAX:
            self._calls.append(CallAnswered(unit, method.value, job, str(status.name), self._clock.now_ns()))

    def _tick(self) -> int:
        return max(self._line.now, (self._clock.now_ns() - self._start_ns) // MILLISECOND_NS)

    def _at_ns(self, tick: int) -> int:
        return self._start_ns + tick * MILLISECOND_NS

    def _written(self, signal: Signal, value: Any) -> Any:
        self._line.written(str(signal.equipment), signal.path, value)
        return None  # it holds what was written

    def _set_points(self) -> list[Said]:
        """Return what machines hold until somebody writes into them: nothing."""
        return [
            Said(0, unit, path, "" if self._signals[unit][path].type == "string" else 0)
            for unit, permits in self.registry.permits.items() if unit in self._signals
            for permit in permits.values() for path in permit.writes
        ]  # fmt: skip

    def _grouped(self, said: Sequence[Said]) -> dict[str, list[Shown]]:
        grouped: dict[str, list[Shown]] = {}
        for each in said:
            signal = self._signals[each.work_unit].get(each.word)
            if signal is not None and signal.connection in self._faces:
                self._known.add(str(signal.id))
                shown = Shown(signal, self._at_ns(each.tick), each.value)
                grouped.setdefault(signal.connection, []).append(shown)
        return grouped


class _Caller:
    def __init__(self, service: LineService, unit: str) -> None:
        self._service, self._unit = service, unit

    def __call__(self, method: Method, job: str, status: ReturnStatus) -> None:
        self._service.called(self._unit, method, job, status)


def _words(registry: Registry, unit: str) -> dict[str, Signal]:
    """Return the signals of a work unit by their paths, and by the roles that a machine has once."""
    own = [registry.signals[index] for index in registry.equipment[EquipmentId(unit)].signals]
    by_role = {
        each.role: each for each in reversed(own) if each.role not in ("process", "condition", "result")
    }
    return {each.path: each for each in own} | by_role
