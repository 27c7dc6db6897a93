"""A small OPC UA server to try taktwin with: one press with a state, a counter and a temperature.

Run it with the Python of `.venv`: `.venv/bin/python examples/own-server/server.py`. It stands for the
server of your own machine; nothing in it knows taktwin.
"""

import asyncio
import math
import sys

from asyncua import Server, ua

NAMESPACE = "urn:example:my-machine"
EXECUTE, SUSPENDED = 6, 5  # PackML: it works for 20 s, then waits for 10 s


async def main(port: int = 4840) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    ns = await server.register_namespace(NAMESPACE)
    press = await server.nodes.objects.add_folder(ua.NodeId("press", ns), "press")

    async def variable(name: str, value: object, kind: ua.VariantType) -> ua.NodeId:
        node = await press.add_variable(ua.NodeId(f"press.{name}", ns), name, value, kind)
        return node.nodeid

    state = await variable("state", SUSPENDED, ua.VariantType.Int32)
    parts = await variable("parts", 0, ua.VariantType.UInt32)
    temperature = await variable("oil_temperature", 40.0, ua.VariantType.Double)

    async with server:
        print(f"a press listens on opc.tcp://127.0.0.1:{port}", flush=True)
        second = 0
        while True:
            working = second % 30 < 20
            now = EXECUTE if working else SUSPENDED
            await server.write_attribute_value(state, ua.DataValue(ua.Variant(now, ua.VariantType.Int32)))
            made = ua.Variant(second // 30 * 4 + min(second % 30, 20) // 5, ua.VariantType.UInt32)
            await server.write_attribute_value(parts, ua.DataValue(made))
            warm = ua.Variant(40 + 3 * math.sin(second / 20), ua.VariantType.Double)
            await server.write_attribute_value(temperature, ua.DataValue(warm))
            second += 1
            await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main(*(int(word) for word in sys.argv[1:])))
