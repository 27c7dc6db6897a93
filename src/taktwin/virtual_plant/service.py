"""The virtual plant in real time: plays the model by the shared clock and shows it through faces.

The plant never drifts: each round goes up to what the clock says then, however long the last one
took. Injections act on the physics (a machine breaks) or on a face (a cable is cut), and each is
written into the truth with its times.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from taktwin.clock import Clock
from taktwin.faces.base import Face, Shown, Writable
from taktwin.faces.job_list import JobList
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry, Signal
from taktwin.standards.job_control import Method, ReturnStatus
from taktwin.virtual_plant.injections import (
    PHYSICAL,
    ActiveInjection,
    Injection,
    InjectionAnswer,
    Injections,
    catalogue,
    refusal,
)
from taktwin.virtual_plant.model import Report, VirtualPlant
from taktwin.virtual_plant.surroundings import Ramp
from taktwin.virtual_plant.truth import Truth, TruthOutage, TruthTold

log = logging.getLogger(__name__)

STEP_MIN_S = 0.01  # wall: shorter sleeps cost more than they gain
STEP_MAX_S = 0.10
# Of plant time in one round: while it computes, none of its servers answers, and on a machine with ten
# times too much to do 30 s of plant time were seconds of silence.
CATCH_UP_NS = 5 * SECOND_NS


class Disturbances:
    """What is being done to faces and signals now."""

    def __init__(self) -> None:
        self.skew_ns: dict[str, int] = {}  # connection -> what its stamps are off
        self.frozen: dict[int, object] = {}  # signal -> the value it is stuck at
        self.silent: set[int] = set()


class PlantService:
    """Faces, their disturbances, and the loop that feeds them."""

    def __init__(
        self,
        *,
        registry: Registry,
        clock: Clock,
        faces: Mapping[str, Face],
        truth: Truth,
        plant: VirtualPlant | None = None,
    ) -> None:
        self.registry = registry
        self.clock = clock
        self.faces = faces
        self.truth = truth
        self.plant = plant
        self.disturbances = Disturbances()
        self.values_shown = 0
        self._heard = asyncio.Event()
        self.behind_s = 0.0
        self._numbers = itertools.count(1)
        self._active: dict[str, ActiveInjection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._connection = [signal.connection for signal in registry.signals]

    async def open(self) -> None:
        """Start all faces with the plant as it is now."""
        for face in self.faces.values():
            if isinstance(face, Writable):
                face.on_written = self._written
        first = [] if self.plant is None else self.plant.current()
        grouped = self._grouped(first)
        for name, face in self.faces.items():
            await face.start(grouped.get(name, []))

    def note_calls(self, jobs: Mapping[str, JobList]) -> None:
        """Write into the truth which methods of job control machines are called from now on."""

        def called(unit: str, method: Method, job: str, status: ReturnStatus) -> None:
            said = TruthTold(unit=unit, at_ns=self.clock.now_ns(), what=method.value, about=job,
                             status=str(status.name))  # fmt: skip
            self.truth.add(said)

        for unit, each in jobs.items():
            each.on_called = functools.partial(called, unit)

    def _written(self, signal: Signal, value: Any) -> Any:
        """Hear what a client wrote into a machine; return what it holds instead, None: what was written."""
        self.truth.add(TruthTold(unit=str(signal.equipment), at_ns=self.clock.now_ns(), what=signal.path,
                                 about=str(value)))  # fmt: skip
        if signal.index in self.disturbances.frozen:
            return self.disturbances.frozen[signal.index]  # stuck, and it says so to whoever reads it
        if self.plant is not None:
            self.plant.written(signal, value)
            self._heard.set()
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Play until told to stop."""
        assert self.plant is not None, "a recording is played by its player"
        while not stop.is_set():
            self._heard.clear()
            await self.step()
            following_ns = self.plant.next_ns()
            left_s = (following_ns - self.clock.now_ns()) / SECOND_NS / self.clock.speed
            with contextlib.suppress(TimeoutError):
                async with self.clock.timeout(min(max(left_s, STEP_MIN_S), STEP_MAX_S)):
                    await self._heard.wait()  # a cell that waits for an answer goes on at once

    async def step(self) -> None:
        """Play up to now, and show what the machines report."""
        assert self.plant is not None, "a recording is played by its player"
        now_ns = self.clock.now_ns()
        to_ns = max(self.plant.now_ns, min(now_ns, self.plant.now_ns + CATCH_UP_NS))
        await self.show(self.plant.advance(to_ns))
        self.behind_s = (self.clock.now_ns() - self.plant.now_ns) / SECOND_NS

    async def show(self, reports: Sequence[Report]) -> None:
        """Hand reports to their faces."""
        for name, values in self._grouped(reports).items():
            face = self.faces.get(name)
            if face is not None:
                await face.show(values)
                self.values_shown += len(values)

    def _grouped(self, reports: Sequence[Report]) -> dict[str, list[Shown]]:
        grouped: dict[str, list[Shown]] = {}
        now = self.disturbances
        signals = self.registry.signals
        for source_ns, index, value in reports:
            if index in now.silent:
                continue
            connection = self._connection[index]
            shown = now.frozen.get(index, value) if now.frozen else value
            skewed_ns = source_ns + now.skew_ns.get(connection, 0) if now.skew_ns else source_ns
            grouped.setdefault(connection, []).append(Shown(signals[index], skewed_ns, shown))
        return grouped

    # Injections.

    def catalogue(self) -> Injections:
        """Return what can be done and what is being done."""
        return Injections(
            kinds=catalogue(self.registry, with_physics=self.plant is not None),
            active=sorted(self._active.values(), key=lambda active: active.id),
        )

    async def inject(self, injection: Injection) -> InjectionAnswer:
        """Begin an injection; it ends by itself."""
        reason = refusal(injection, self.registry, with_physics=self.plant is not None)
        if reason:
            return InjectionAnswer(accepted=False, reason=reason)
        number = f"{injection.kind}-{next(self._numbers)}"
        from_ns = self.clock.now_ns()
        to_ns = from_ns + round(injection.duration_s * SECOND_NS)
        await self._begin(injection, from_ns, to_ns)
        active = ActiveInjection(
            id=number, kind=injection.kind, target=injection.target, from_ns=from_ns, to_ns=to_ns
        )
        self._active[number] = active
        task = asyncio.create_task(self._end_later(number, injection, from_ns, to_ns))
        self._tasks[number] = task
        task.add_done_callback(lambda done: self._finished(number, done))
        log.info("injected %s on %s until %d", injection.kind, injection.target, to_ns)
        return InjectionAnswer(accepted=True, id=number, from_ns=from_ns, to_ns=to_ns)

    async def _begin(self, injection: Injection, from_ns: int, to_ns: int) -> None:
        kind, target = injection.kind, injection.target
        now = self.disturbances
        if kind in PHYSICAL:
            self._disturb_physics(injection, from_ns, to_ns)
        elif kind == "cut_server":
            await self.faces[target].cut()
        elif kind == "freeze_session":
            self.faces[target].freeze(True)
        elif kind == "skew_clock":
            now.skew_ns[target] = round(float(injection.parameters.get("seconds", 600.0)) * SECOND_NS)
        elif kind == "freeze_signal":
            for index in self._indices(injection):
                last = self.plant.last_value(index) if self.plant is not None else None
                now.frozen[index] = last
        elif kind in ("silence_signal", "cut_sensor"):
            now.silent.update(self._indices(injection))
        elif kind == "malformed_payload":
            for index in self._indices(injection):
                signal = self.registry.signals[index]
                await self.faces[signal.connection].show_malformed(signal, from_ns)

    def _disturb_physics(self, injection: Injection, from_ns: int, to_ns: int) -> None:
        plant = self.plant
        assert plant is not None, "refused without physics"
        if injection.kind == "break_machine":
            text = str(injection.parameters.get("text", "Emergency stop pressed"))
            plant.break_machine(injection.target, from_ns, to_ns - from_ns, text)
        elif injection.kind == "heat_zone":
            kelvin = float(injection.parameters.get("kelvin", 8.0))
            plant.surroundings.ramps.append(Ramp(f"temperature:{injection.target}", from_ns, to_ns, kelvin))
        elif injection.kind == "worn_insert":
            plant.worn_insert(injection.target, float(injection.parameters.get("times", 2.0)))
        elif injection.kind == "change_tool":
            plant.change_tool(injection.target)
        else:
            plant.world.bad_lots_until_ns[injection.target] = to_ns

    def _indices(self, injection: Injection) -> list[int]:
        if injection.kind == "cut_sensor":
            return [s.index for s in self.registry.signals if s.equipment == injection.target]
        return [s.index for s in self.registry.signals if s.id == injection.target]

    async def _end_later(self, number: str, injection: Injection, from_ns: int, to_ns: int) -> None:
        ended = False
        try:
            await self.clock.sleep_until(to_ns)
            await self._end(injection)
            ended = True
        finally:
            self._active.pop(number, None)
            until_ns = max(to_ns, self.clock.now_ns()) if ended else self.clock.now_ns()
            self.truth.add(
                TruthOutage(
                    injection=injection.kind,
                    target=injection.target,
                    from_ns=from_ns,
                    to_ns=until_ns,
                    parameters=injection.parameters,
                )
            )

    async def _end(self, injection: Injection) -> None:
        kind, target = injection.kind, injection.target
        now = self.disturbances
        if kind == "cut_server":
            await self.faces[target].restore()
        elif kind == "freeze_session":
            self.faces[target].freeze(False)
        elif kind == "skew_clock":
            now.skew_ns.pop(target, None)
        elif kind == "freeze_signal":
            for index in self._indices(injection):
                now.frozen.pop(index, None)
        elif kind in ("silence_signal", "cut_sensor"):
            now.silent.difference_update(self._indices(injection))
            await self._show_again(self._indices(injection))

    async def _show_again(self, indices: list[int]) -> None:
        """Show what happened to silenced signals meanwhile: their newest value."""
        if self.plant is not None:
            wanted = set(indices)
            await self.show([report for report in self.plant.current() if report.signal in wanted])

    def _finished(self, number: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(number, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("injection %s failed: %s", number, task.exception())

    async def close(self) -> None:
        """End injections and faces."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(face.stop() for face in self.faces.values()))
