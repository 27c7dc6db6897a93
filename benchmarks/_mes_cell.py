"""A press that asks before it builds in: what the interlock row of area `mes` measures.

`python -m benchmarks._mes_cell <plant folder> <work unit> <questions> <first number>` serves the nodes of
its line over OPC UA and says its port. Told to go, it asks one question after another: serial and number at
its nodes, then waits until its own number stands at the node of the answer, as its controller would. It
prints how long each took, in milliseconds, and ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from taktwin.clock import SystemClock
from taktwin.entropy import Entropy
from taktwin.faces.base import Shown
from taktwin.faces.opcua import OpcUaFace
from taktwin.plant import open_plant

PATIENCE_S = 20.0
WARM_UP = 5  # until the commander has opened its session: a cell is connected all day
PAUSE_S = (0.05, 0.15)  # drawn between: a question must not always meet the same phase of the publishing


async def main(folder: str, unit: str, questions: int, first: int) -> None:
    """Serve, ask, print."""
    registry, clock = open_plant(folder), SystemClock()
    connection = next(
        name for name, each in registry.connections.items()
        if any(registry.signals[index].equipment == unit for index in each.signals)
    )  # fmt: skip
    own = {
        registry.signals[index].path: registry.signals[index]
        for index in registry.connections[connection].signals
        if registry.signals[index].equipment == unit and registry.signals[index].path.startswith("interlock/")
    }
    answered: dict[int, asyncio.Future[int]] = {}

    def heard(signal: Any, value: Any) -> None:
        if signal.path == "interlock/answered" and value in answered:
            answered[value].set_result(clock.monotonic_ns())

    face = OpcUaFace(registry, connection, endpoint="opc.tcp://127.0.0.1:0")
    face.on_written = heard
    empty = {"interlock/serial": "", "interlock/answer_serial": ""}
    await face.start([Shown(each, clock.now_ns(), empty.get(path, 0)) for path, each in own.items()])
    print(json.dumps({"connection": connection, "port": face.port}), flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    draw = Entropy(9).generator("questions")
    while await lines.readline():
        took: list[float] = []
        for number in range(first, first + WARM_UP + questions):
            answered[number] = asyncio.get_running_loop().create_future()
            began = clock.monotonic_ns()
            at_ns = clock.now_ns()
            await face.show([
                Shown(own["interlock/serial"], at_ns, f"L5-{number % 100_000:06d}"),
                Shown(own["interlock/request"], at_ns, number),
            ])  # fmt: skip
            async with clock.timeout(PATIENCE_S):
                took.append((await answered[number] - began) / 1e6)
            await clock.wall_sleep(float(draw.uniform(*PAUSE_S)))
        first += WARM_UP + questions
        print(json.dumps(took[WARM_UP:]), flush=True)
    await face.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
