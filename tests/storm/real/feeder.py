"""The gateway's way out as a process of its own: a day of scans through `Forwarder` and `DiskBuffer`.

    STORM_WISHES=<wishes.json> python -m tests.storm.real.feeder <installation.json>

It offers scans disordered within a window, some of them twice, at a pace; it can be killed at any
point. What it was promised (acknowledged, or on its disk) stands in a file before anybody can ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from taktwin.bus.buffer import DiskBuffer, Record
from taktwin.bus.client import NatsBus
from taktwin.bus.forward import Forwarder
from taktwin.clock import Clock
from taktwin.contracts import events, samples, topics
from taktwin.contracts.events import ConnectorStateChanged
from taktwin.errors import BusError
from taktwin.identity import Place
from taktwin.plant.compile import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes import wiring
from taktwin.settings import Installation, bus_password
from tests.storm.real.day import CONNECTIONS, EVERY_MS, sayings, scans, subjects

WINDOW = 40
DUPLICATED = 0.05
LATE = 400  # how many scans later a duplicate may come
TICK_S = 0.02


class Wishes(msgspec.Struct, kw_only=True):
    """What one run of the feeder should do."""

    seed: int
    seconds: int
    start: int  # place in the day at which this gateway begins to see
    epoch_ns: int
    pace: float  # scans a second
    every_ms: int = EVERY_MS
    folder: str  # for progress and promises
    run: int
    duplicated: float = DUPLICATED
    window: int = WINDOW
    bytes_max: int = 1_000_000_000


class Witness(NatsBus):
    """A connection that writes down what was acknowledged, at the moment at which it was."""

    promises = -1

    async def send_durable(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> asyncio.Future[int]:
        future = await super().send_durable(subject, payload, message_id=message_id, headers=headers)

        def landed(done: asyncio.Future[int]) -> None:
            if not done.cancelled() and done.exception() is None:
                os.write(self.promises, f"{message_id}\n".encode())

        future.add_done_callback(landed)
        return future


def connection_event(plant_site: Place, connector: str, state: str, at_ns: int, number: int) -> Record:
    """Return the record in which a gateway says that a connection's state changed."""
    content = ConnectorStateChanged(connector=connector, state=state)
    source = f"/{plant_site.enterprise}/{plant_site.site}/gateway/{connector}"
    event = events.make(content, source=source, sequence=number, time_ns=at_ns, subject=connector)
    return Record(
        subject=topics.event(plant_site, content.event_type),
        message_id=f"{connector}:event:{event.id}",
        headers={},
        payload=events.encode(event),
    )


def disordered(wishes: Wishes, plant: Registry) -> Iterator[tuple[int, Record]]:
    """Yield (place in the day, record) as this gateway sends them: late by a window, some twice."""
    chance = random.Random(f"disorder {wishes.seed} {wishes.run}")
    addressed = subjects(plant)
    said = sayings(plant, seed=wishes.seed, seconds=wishes.seconds, every_ms=wishes.every_ms)
    units = itertools.count()
    late: list[tuple[float, int, int, Record]] = []
    for place, message_id, scan in scans(said, plant, start=wishes.start, epoch_ns=wishes.epoch_ns):
        record = Record(
            subject=addressed[message_id.split(":")[1]],
            message_id=message_id,
            headers={topics.H_INGEST_NS: str(scan.t0_ns)},
            payload=samples.encode(scan),
            values=len(scan.signals),
        )
        heapq.heappush(late, (place + chance.random() * wishes.window, next(units), place, record))
        if chance.random() < wishes.duplicated:
            # Under another id, so that the stream really holds it twice.
            again = msgspec.structs.replace(record, message_id=f"{message_id}:again")
            heapq.heappush(late, (place + chance.random() * LATE, next(units), place, again))
        while late and late[0][0] <= place:
            yield heapq.heappop(late)[2:]
    while late:
        yield heapq.heappop(late)[2:]


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Offer the day from its place on, then wait to be stopped."""
    wishes = msgspec.json.decode(Path(os.environ["STORM_WISHES"]).read_bytes(), type=Wishes)
    plant = open_plant(installation.plant_dir)
    folder = Path(wishes.folder)
    promises = os.open(folder / f"promised.{wishes.run}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    progress = os.open(folder / f"progress.{wishes.run}", os.O_WRONLY | os.O_CREAT)
    bus = Witness(clock=clock, url=installation.nats_url, user="gateway", password=bus_password())
    bus.promises = promises
    with contextlib.suppress(BusError):
        await bus.connect(wait_s=2.0)
    bus.keep_trying()
    buffer = DiskBuffer(
        installation.room("gateway") / "buffer",
        bytes_max=wishes.bytes_max,
        segment_bytes=min(1_000_000, wishes.bytes_max // 4),
    )
    forwarder = Forwarder(bus, buffer, clock)
    forwarding = asyncio.create_task(forwarder.run())
    stopped = asyncio.create_task(stop.wait())
    site = Place(plant.enterprise, plant.site)
    for connector in CONNECTIONS:
        forwarder.offer(connection_event(site, connector, "running", wishes.epoch_ns, wishes.epoch_ns))

    planned = disordered(wishes, plant)
    following = next(planned, None)
    offered, furthest = 0, wishes.start
    began_ns = clock.monotonic_ns()
    while not stopped.done() and not forwarding.done():
        due = int((clock.monotonic_ns() - began_ns) / 1e9 * wishes.pace)
        while following is not None and offered < due:
            place, record = following
            before = buffer.messages
            forwarder.offer(record)
            if buffer.messages > before:
                os.write(promises, f"{record.message_id}\n".encode())
            furthest = max(furthest, place + 1)
            offered += 1
            following = next(planned, None)
            if offered % 500 == 0:
                break  # others must come to their turn
        finished = following is None and forwarder.resting
        state = f"{furthest} {offered} {int(finished)} {buffer.messages} {buffer.dropped}"
        os.pwrite(progress, f"{state:<80}\n".encode(), 0)
        await clock.wall_sleep(TICK_S)
    forwarding.cancel()
    result = await asyncio.gather(forwarding, return_exceptions=True)
    await forwarder.close()
    await bus.close()
    if isinstance(result[0], Exception):
        raise result[0]


if __name__ == "__main__":
    wiring.run(main)
