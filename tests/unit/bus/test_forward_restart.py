"""The way out over restarts of its process: what waited on disk is counted, sent, and forgotten."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from taktwin.bus.port import Message
from tests.support_gateway import until
from tests.unit.bus.test_forward import Road, record


async def test_what_an_earlier_process_left_on_disk_is_counted_as_waiting_until_it_arrived(
    tmp_path: Path,
) -> None:
    first = Road(tmp_path)
    first.hub.down()
    first.start()
    for number in range(100):
        first.forwarder.offer(record(number))
    assert first.forwarder.waiting["plc"] == 300
    await first.stop()
    again = Road(tmp_path)
    assert again.forwarder.waiting["plc"] == 300
    again.start()
    again.forwarder.offer(record(100))
    await until(lambda: len(again.stored()) == 101)
    await until(lambda: again.forwarder.waiting["plc"] == 0)
    await again.stop()


async def test_a_stop_while_the_bus_has_no_room_keeps_the_record_that_waited_for_it(tmp_path: Path) -> None:
    road = Road(tmp_path)
    stuck = asyncio.Event()

    async def no_room(*_: object, **__: object) -> Message:
        stuck.set()
        await asyncio.Event().wait()
        raise AssertionError("there is never room")

    road.bus.send_durable = no_room  # type: ignore[method-assign, assignment]
    road.start()
    road.forwarder.offer(record(0))
    road.forwarder.offer(record(1))
    await stuck.wait()
    assert road._task is not None
    road._task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await road._task
    await road.forwarder.close(patience_s=0.05)
    again = Road(tmp_path)
    assert again.forwarder.buffer.messages == 2
    again.start()
    await until(lambda: again.stored() == [0, 1])
    await again.stop()
