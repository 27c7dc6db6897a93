"""A machine for the latency benchmark: 1,000 numbers, each the monotonic instant of its change.

`python -m benchmarks._opcua_server <port> <changes a second>` runs until its input closes.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time

from asyncua import Server, ua

URI = "urn:bench:machine"
UNITS, PER_UNIT = 10, 100


async def main(port: int, rate: float) -> None:
    """Serve, say `ready`, change values at the rate."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    ns = await server.register_namespace(URI)
    nodes = []
    for unit in range(UNITS):
        folder = await server.nodes.objects.add_folder(ua.NodeId(f"unit{unit:03}", ns), f"unit{unit:03}")
        for n in range(PER_UNIT):
            name = f"unit{unit:03}.value_{n:02}"
            node = await folder.add_variable(ua.NodeId(name, ns), name, 0, ua.VariantType.Int64)
            nodes.append(node.nodeid)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True
    ).start()
    async with server:
        print("ready", flush=True)
        begun, done = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - begun) * rate)
            while done < due:
                now = ua.DataValue(ua.Variant(time.monotonic_ns(), ua.VariantType.Int64))
                await server.write_attribute_value(nodes[done % len(nodes)], now)
                done += 1
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
