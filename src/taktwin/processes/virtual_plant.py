"""The demo's machines: a virtual plant, or a recording, behind real protocols.

`python -m taktwin.processes.virtual_plant <installation.json>`
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from taktwin.bus.client import NatsBus
from taktwin.bus.port import Message
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.contracts.state import Health, encode
from taktwin.errors import BusError, ConfigError, Mistake
from taktwin.faces.base import Face
from taktwin.faces.job_list import lists
from taktwin.faces.shdr import ShdrFace, ShdrPlayer, play
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes.faces import for_ever, make_faces
from taktwin.processes.wiring import ends_at_once, joined, memory_mb, run
from taktwin.settings import Installation
from taktwin.stopping import unless
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.hands import HEARD, Hands
from taktwin.virtual_plant.injections import Injection, InjectionAnswer
from taktwin.virtual_plant.model import VirtualPlant
from taktwin.virtual_plant.service import PlantService
from taktwin.virtual_plant.truth import Truth, TruthFile

NAME = "virtual_plant"


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Play the machines of the installation's plant until told to stop."""
    registry = open_plant(installation.plant_dir)
    truth_file = TruthFile(installation.room(NAME) / "truth.jsonl")
    jobs = lists(registry, clock.now_ns)
    faces = make_faces(registry, installation, NAME, jobs, clock.now_ns)
    plant: VirtualPlant | None = None
    truth = Truth(truth_file)
    if "physics" in registry.demo:
        with ends_at_once(stop):
            plant = _plant(registry, installation, clock, truth_file)
        truth = plant.truth
        plant.take_jobs(jobs)
        if installation.nats_url:  # with an MES that answers
            plant.ask_before_building(clock.speed)
    service = PlantService(registry=registry, clock=clock, faces=faces, truth=truth, plant=plant)
    service.note_calls(jobs)
    # For injections and health; a plant on its own machine may have no backbone.
    bus = await joined(installation, clock, stop, user=NAME) if installation.nats_url else None
    try:
        recording = None if plant is not None else Recording(registry, faces)
        with for_ever():
            # Five servers of OPC UA take seconds to build, on a busy machine longer than a stop may last.
            await unless(stop, service.open())
        await _serve(bus, registry, service)
        await _listen(bus, registry, plant)
        beat = asyncio.create_task(_heartbeat(bus, registry, clock, service, recording, truth_file, stop))
        try:
            if recording is None:
                await service.run(stop)
            else:
                await recording.play(clock, stop)
                await stop.wait()
        finally:
            beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beat
    finally:
        await service.close()
        if plant is not None:
            plant.finish()
        truth_file.close()
        if bus is not None:
            await bus.close()


def _plant(registry: Registry, installation: Installation, clock: Clock, sink: TruthFile) -> VirtualPlant:
    """Return the plant as it is now: it was started a warm-up before the installation's epoch."""
    facts = physics.load(Path(registry.folder) / str(registry.demo["physics"]))
    epoch_ns = installation.epoch_ns or clock.now_ns()
    start_ns = (epoch_ns - round(facts.warm_up_h * 3600) * SECOND_NS) // SECOND_NS * SECOND_NS
    plant = VirtualPlant(registry, facts, start_ns=start_ns, seed=installation.seed, sink=sink)
    plant.skip(max(epoch_ns, clock.now_ns()))
    return plant


class Recording:
    """The recorded day of a plant, and the face that says it."""

    def __init__(self, registry: Registry, faces: dict[str, Face]) -> None:
        demo = registry.demo
        face = faces.get(str(demo.get("connection", next(iter(faces), ""))))
        if "recording" not in demo or not isinstance(face, ShdrFace):
            place = str(Path(registry.folder) / "plant.yaml")
            expected = "physics, or recording with an SHDR connection"
            raise ConfigError([Mistake(place, 1, "demo", str(dict(demo)), expected)])
        starts = demo.get("day_starts")
        self._path = Path(registry.folder) / str(demo["recording"])
        self._starts_ns = parse_rfc3339(str(starts)) if starts else None
        self._server = face.server
        self.player: ShdrPlayer | None = None

    async def play(self, clock: Clock, stop: asyncio.Event) -> None:
        """Play the day from its first line, as soon as somebody listens.

        Every observation counts, and each is heard when it is due: nothing is played to nobody.
        """
        somebody = asyncio.create_task(self._server.somebody.wait())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({somebody, stopped}, return_when=asyncio.FIRST_COMPLETED)
        somebody.cancel()
        stopped.cancel()
        self.player = ShdrPlayer(self._path, epoch_ns=clock.now_ns(), day_starts_ns=self._starts_ns)
        await play(self.player, self._server, clock, stop)


async def _serve(bus: NatsBus | None, registry: Registry, service: PlantService) -> None:
    if bus is None:
        return

    async def inject(message: Message) -> bytes:
        try:
            wanted = msgspec.msgpack.decode(message.payload, type=Injection)
        except msgspec.DecodeError as wrong:
            return msgspec.msgpack.encode(InjectionAnswer(accepted=False, reason=str(wrong)))
        return msgspec.msgpack.encode(await service.inject(wanted))

    async def injections(_: Message) -> bytes:
        return msgspec.msgpack.encode(service.catalogue())

    answers: dict[str, Callable[[Message], Awaitable[bytes]]] = {"inject": inject, "injections": injections}
    for name, answer in answers.items():
        await bus.serve(topics.query(registry.enterprise, registry.site, NAME, name), answer)


async def _listen(bus: NatsBus | None, registry: Registry, plant: VirtualPlant | None) -> None:
    """Let the played people do what was said at terminals."""
    if bus is None or plant is None:
        return
    hands = Hands(registry, plant.change_tool)
    address = topics.any_event(registry.enterprise, registry.site, HEARD)
    await bus.subscribe(address, lambda message: hands.heard(message.payload))


async def _heartbeat(
    bus: NatsBus | None,
    registry: Registry,
    clock: Clock,
    service: PlantService,
    recording: Recording | None,
    truth_file: TruthFile,
    stop: asyncio.Event,
) -> None:
    started_ns = clock.now_ns()
    subject = topics.health(registry.enterprise, registry.site, NAME)
    while not stop.is_set():
        truth_file.flush()
        counters = {"values_shown": float(service.values_shown), "behind_s": service.behind_s}
        player = None if recording is None else recording.player
        if player is not None:
            counters |= {"lines_played": float(player.lines_played), "recording_over": float(player.over)}
        late = service.behind_s > 5.0 * clock.speed
        health = Health(
            component=NAME,
            state="degraded" if late else "running",
            reason=f"{service.behind_s:.0f} s behind the clock" if late else "",
            started_ns=started_ns,
            at_ns=clock.now_ns(),
            pid=os.getpid(),
            memory_mb=memory_mb(),
            counters=counters,
        )
        if bus is not None:
            with contextlib.suppress(BusError):  # the next beat tells again
                await bus.publish(subject, encode(health))
        await clock.wall_sleep(1.0)


if __name__ == "__main__":
    run(main)
