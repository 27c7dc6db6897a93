"""The gateway process: reads the plant, opens its connections, publishes what they say."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import pickle
from pathlib import Path

from taktwin.bus.buffer import DiskBuffer
from taktwin.bus.client import NatsBus
from taktwin.bus.forward import Forwarder
from taktwin.clock import Clock
from taktwin.entropy import Entropy
from taktwin.errors import BusError, ConfigError
from taktwin.gateway.mirror import Mirror
from taktwin.gateway.service import Gateway, GatewaySettings
from taktwin.plant.compile import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes import wiring
from taktwin.settings import Installation, bus_password
from taktwin.stopping import unless

MIRROR_PASSWORD_VARIABLE = "TAKTWIN_MQTT_PASSWORD"
BUFFER_BYTES_MAX = 2_000_000_000
log = logging.getLogger("taktwin.gateway")


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Run until told to stop. The backbone may be away: then everything waits on disk."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    room = installation.room("gateway")
    registry = last_known(installation, room / "registry.pickle")
    bus = NatsBus(clock=clock, url=installation.nats_url, user="gateway", password=bus_password())
    with contextlib.suppress(BusError):  # away at the start: the bus comes back by itself
        await unless(stop, bus.connect(wait_s=2.0))
    bus.keep_trying()
    forwarder = Forwarder(bus, DiskBuffer(room / "buffer", bytes_max=BUFFER_BYTES_MAX), clock)
    mirror = None
    mirror_password = os.environ.get(MIRROR_PASSWORD_VARIABLE, "")
    if mirror_password and installation.mqtt_port:
        mirror = Mirror(
            host=installation.mqtt_host,
            port=installation.mqtt_port,
            user="mirror",
            password=mirror_password,
            clock=clock,
        )
        mirror.start()
    gateway = Gateway(
        registry,
        bus,
        forwarder,
        clock,
        Entropy(installation.seed),
        epoch_ns=next_epoch_ns(room / "epoch", clock.now_ns()),
        settings=GatewaySettings(
            endpoints=installation.endpoints,
            mqtt_endpoint=f"mqtt://{installation.mqtt_host}:{installation.mqtt_port}",
            mqtt_user="gateway",
            mqtt_password=bus_password(),
            own_mqtt=installation.demo,
            memory_mb=wiring.memory_mb,
            pid=os.getpid(),
        ),
        mirror=mirror,
        secret=wiring.secret,
    )
    gc.freeze()  # the registry and the libraries stay for ever: 50 ms less in which nobody listens
    forwarding = asyncio.create_task(forwarder.run(), name="forwarder")
    running = asyncio.create_task(gateway.run(), name="gateway")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({forwarding, running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    gateway.stopping()
    for task in (running, stopped):
        task.cancel()
    results = [*await asyncio.gather(running, return_exceptions=True)]
    forwarding.cancel()
    results += await asyncio.gather(forwarding, return_exceptions=True)
    await forwarder.close()
    await gateway.say_health()  # the counts of a clean stop are complete
    if mirror is not None:
        mirror.stop()
    await bus.close()
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


def last_known(installation: Installation, path: Path) -> Registry:
    """Return the plant's registry; where its folder cannot be read, the last one that could.

    Raises
    ------
    ConfigError
        If the folder is wrong and there is no earlier registry.
    """
    try:
        registry = open_plant(installation.plant_dir)
    except (ConfigError, OSError) as error:
        if not path.exists():
            raise
        log.warning("the plant folder cannot be read, going on with the last known one: %s", error)
        loaded: Registry = pickle.loads(path.read_bytes())
        return loaded
    aside = path.with_suffix(".new")
    aside.write_bytes(pickle.dumps(registry))
    aside.replace(path)
    return registry


def next_epoch_ns(path: Path, now_ns: int) -> int:
    """Return the start of this gateway in plant time: later than any before, on whatever clock."""
    before = path.read_text() if path.exists() else ""
    epoch_ns = max(now_ns, int(before) + 1_000_000 if before.isdigit() else 0)
    aside = path.with_suffix(".new")
    aside.write_text(str(epoch_ns))
    aside.replace(path)
    return epoch_ns


if __name__ == "__main__":
    wiring.run(main)
