"""A server that was killed may have forgotten the newest samples that it had handed out.

They are sent again and stand at other positions then. Who reads on has to hear all of them.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from taktwin.contracts import topics
from taktwin.identity import Place
from tests.support_bus import TestBackbone, start_backbone
from tests.support_gateway import until

SUBJECT = topics.sample(Place("acme", "works", "area", "line", "mill1"))


async def publish(backbone: TestBackbone, numbers: range) -> None:
    bus = await backbone.connect("gateway")
    for number in numbers:
        await bus.publish_durable(SUBJECT, str(number).encode(), message_id=f"plc:mill1:0:{number}")
    await bus.close()


async def test_a_reader_hears_what_stands_at_positions_that_it_has_read_before(tmp_path: Path) -> None:
    backbone = await start_backbone(tmp_path / "data")
    store = tmp_path / "data" / "backbone" / "jetstream"
    await publish(backbone, range(80))
    await backbone.server.stop()
    shutil.copytree(store, tmp_path / "earlier")
    await backbone.server.start()

    heard: list[int] = []
    reader = await backbone.connect("historian")

    async def read() -> None:
        async for batch in reader.read_stream(topics.STREAM_SAMPLES):
            heard.extend(int(message.payload) for message in batch)

    reading = asyncio.create_task(read())
    await publish(backbone, range(80, 100))
    await until(lambda: len(set(heard)) == 100)

    await backbone.server.kill()
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "earlier", store)
    await backbone.server.start()
    # Of the twenty that it forgot some come again, behind new ones: at the positions of the old.
    await publish(backbone, range(100, 120))
    await publish(backbone, range(80, 100))
    await until(lambda: len(set(heard)) == 120, why=f"{sorted(set(range(120)) - set(heard))} were not heard")
    assert heard[:100] == list(range(100))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await backbone.close()
