"""A demo without a page, for scripts: play for a while, stop in order, account for every value.

The order of the end makes the counts comparable: first the gateway flushes and goes, while its
machines still run (their end would look like a silence), then twin and historian finish what is in
the streams, and only then they are asked.
"""

from __future__ import annotations

import asyncio

import msgspec

from taktwin import __version__
from taktwin.clock import Clock
from taktwin.contracts import events, samples, topics
from taktwin.contracts.events import CloudEvent
from taktwin.contracts.state import Health
from taktwin.errors import WorldError
from taktwin.processes import report
from taktwin.processes.supervisor import Supervisor, exit_reasons

SETTLE_S = 30.0


async def play(
    supervisor: Supervisor, clock: Clock, plant_clock: Clock, *, for_s: float, stop: asyncio.Event
) -> bytes:
    """Run a demo for some wall seconds, end it in order, and return its report as JSON."""
    try:
        await supervisor.start()
        started_ns = clock.monotonic_ns()
        await _wait(clock, for_s, stop)
        ran_s = (clock.monotonic_ns() - started_ns) / 1e9
        memory = supervisor.memory_mb()
        latency = _latency(supervisor)
        await supervisor.end("gateway")
        await _settle(supervisor, clock)
        heard = await _events(supervisor)
        held = await _held(supervisor)
        twin, historian = _health(supervisor, "twin"), _health(supervisor, "historian")
        state_hash = await _state_hash(supervisor)
    finally:
        reasons = await supervisor.stop()
    registry = supervisor.registry
    quiet = report.silences(heard, {s.id: s.connection for s in registry.signals})
    document = report.Report(
        version=__version__,
        plant=report.Plant(hash=registry.hash, name=registry.name),
        seed=supervisor.installation.seed,
        speed=supervisor.installation.speed,
        ran_s=round(ran_s, 3),
        state_hash=state_hash,
        sources=report.sources(supervisor.children["gateway"].health, quiet),
        backbone=held,
        twin=report.Twin(
            scans=int(twin.counters.get("scans", -1)),
            samples=int(twin.counters.get("samples", -1)), events=int(twin.counters.get("events", -1)),
            duplicates_ignored=int(twin.counters.get("duplicates_ignored", -1)),
        ),
        historian=report.Historian(
            scans=int(historian.counters.get("scans", -1)), rows=int(historian.counters.get("rows", -1)),
            duplicates_ignored=int(historian.counters.get("duplicates", -1)),
            last_position=int(historian.counters.get("last_position", -1)),
        ),
        latency_ms=latency,
        memory_mb={name: round(mb, 1) for name, mb in memory.items()},
        restarts={name: child.restarts for name, child in supervisor.children.items()},
        exit_reasons=exit_reasons(reasons),
        problems=[],
    )  # fmt: skip
    return report.encode(msgspec.structs.replace(document, problems=report.problems(document)))


async def _wait(clock: Clock, seconds: float, stop: asyncio.Event) -> None:
    try:
        async with clock.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _health(supervisor: Supervisor, name: str) -> Health:
    health = supervisor.children[name].health
    if health is None:
        raise WorldError(f"{name} never sent a heartbeat")
    return health


async def _settle(supervisor: Supervisor, clock: Clock) -> None:
    """Wait until twin and historian have applied what the sample stream holds."""
    last = await supervisor.bus.last_sequence(topics.STREAM_SAMPLES)
    async with clock.timeout(SETTLE_S):
        while True:
            heard = [
                _health(supervisor, name).counters.get("last_position", 0) for name in ("twin", "historian")
            ]
            if all(position >= last for position in heard):
                return
            await clock.wall_sleep(0.2)


async def _events(supervisor: Supervisor) -> list[CloudEvent]:
    heard: list[CloudEvent] = []
    async for batch in supervisor.bus.read_stream(topics.STREAM_EVENTS, follow=False):
        heard += [events.decode(message.payload) for message in batch]
    return heard


async def _held(supervisor: Supervisor) -> report.Backbone | None:
    """Return what the sample stream holds, None if it no longer reaches back to the begin of the run."""
    tally, first = report.Tally(), 0
    async for batch in supervisor.bus.read_stream(topics.STREAM_SAMPLES, follow=False):
        first = first or batch[0].sequence
        for message in batch:
            tally.add(message.subject, samples.decode(message.payload))
    return tally.counts() if first == 1 else None


async def _state_hash(supervisor: Supervisor) -> str:
    registry = supervisor.registry
    subject = topics.query(registry.enterprise, registry.site, "twin", "hash")
    answer = msgspec.msgpack.decode(await supervisor.bus.request(subject, b""))
    return str(answer["state_hash"])


def _latency(supervisor: Supervisor) -> dict[str, report.Latency]:
    hops = [hop for child in supervisor.children.values() if child.health for hop in child.health.hops]
    return {hop.hop: report.Latency(p50=hop.p50, p99=hop.p99, max=hop.max) for hop in hops}
