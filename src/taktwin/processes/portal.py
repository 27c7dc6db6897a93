"""The portal as a process: the page and its interface on one address, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import msgspec

from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.contracts import state, topics
from taktwin.contracts.state import Health
from taktwin.errors import BusError
from taktwin.plant import open_plant
from taktwin.portal import grants
from taktwin.portal.app import create_app
from taktwin.portal.auth import LoopbackAccounts, SignedIn, refuse_open_door
from taktwin.portal.context import Portal
from taktwin.portal.questions import Questions
from taktwin.portal.server import listen, serve
from taktwin.processes import wiring
from taktwin.settings import ADDRESS_FILE, Installation

PREFERRED_PORT = 8440


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Run the portal of an installation."""
    refuse_open_door(installation.http_host, LoopbackAccounts(demo=installation.demo))
    registry = open_plant(installation.plant_dir)
    bound = bind(installation)
    bus = await wiring.joined(installation, clock, stop, user="portal")
    accounts = SignedIn(
        questions=Questions(bus, enterprise=registry.enterprise, site=registry.site), clock=clock,
        site=f"{registry.enterprise}/{registry.site}", demo=installation.demo,
        secure=installation.public_url.startswith("https://"),
    )  # fmt: skip
    seals = grants.kept(installation.room("portal"))
    app = create_app(registry, bus, clock, installation, accounts=accounts, grants=seals)
    _write_address(installation, bound.getsockname()[1])
    beating = asyncio.create_task(_beat(app.state.portal, stop), name="portal-heartbeat")
    wiring.settle()
    # A heart that stops beating must end the process: the supervisor starts it again.
    beating.add_done_callback(lambda task: stop.set())
    try:
        await serve(app, bound, stop)
    finally:
        stop.set()
        await beating
        await bus.close()


def bind(installation: Installation) -> socket.socket:
    """Return the socket of the page: the port that was asked for, or the first free one of: the port
    of an earlier start (open pages come back by themselves), the usual one, any.

    Raises
    ------
    OSError
        If the port that was asked for is taken.
    """
    if installation.http_port:
        return listen(installation.http_host, installation.http_port)
    before = installation.run_dir / ADDRESS_FILE
    earlier = [int(msgspec.json.decode(before.read_bytes())["port"])] if before.exists() else []
    for port in (*earlier, PREFERRED_PORT):
        with contextlib.suppress(OSError):
            return listen(installation.http_host, port)
    return listen(installation.http_host, 0)


def _write_address(installation: Installation, port: int) -> None:
    """Say where the page is; written aside and renamed, so that nobody reads half of it."""
    installation.run_dir.mkdir(parents=True, exist_ok=True)
    host = f"[{installation.http_host}]" if ":" in installation.http_host else installation.http_host
    address = {
        "url": f"http://{host}:{port}/",
        "host": installation.http_host,
        "port": port,
        "pid": os.getpid(),
    }
    path = installation.run_dir / ADDRESS_FILE
    aside = path.with_suffix(".new")
    aside.write_bytes(msgspec.json.encode(address))
    aside.replace(path)


async def _beat(portal: Portal, stop: asyncio.Event) -> None:
    """Publish a heartbeat every wall second until told to stop."""
    started_ns = portal.clock.now_ns()
    subject = topics.health(portal.registry.enterprise, portal.registry.site, "portal")
    while not stop.is_set():
        await _publish(portal.bus, subject, health(portal, started_ns=started_ns))
        try:
            async with portal.clock.timeout(1.0):
                await stop.wait()
        except TimeoutError:
            continue


def health(portal: Portal, *, started_ns: int) -> Health:
    """Return the portal's heartbeat.

    Raises
    ------
    BaseException
        Whatever ended the hub: a portal without its picture is of no use.
    """
    failure = portal.hub.failure()
    if failure is not None:
        raise failure
    hub = portal.hub
    return Health(
        component="portal",
        state="degraded" if hub.twin_silent else "running",
        reason=_reason(portal),
        started_ns=started_ns,
        at_ns=portal.clock.now_ns(),
        pid=os.getpid(),
        memory_mb=wiring.memory_mb(),
        counters={"viewers": hub.viewers, "resyncs": hub.resyncs, "unreadable": hub.unreadable},
        # What the others measure themselves is not reported twice.
        hops=[hop for hop in hub.hops() if hop.hop in ("frame", "portal", "screen", "whole")],
    )


def _reason(portal: Portal) -> str:
    hub = portal.hub
    if hub.other_registry:
        return f"the twin speaks of plant {hub.other_registry}, the portal of {portal.registry.prefix}"
    return "the twin is silent" if hub.twin_silent else ""


async def _publish(bus: Bus, subject: str, document: Health) -> None:
    try:
        await bus.publish(subject, state.encode(document))
    except BusError:
        # The backbone is away; the client comes back by itself, and so does the next heartbeat.
        return


if __name__ == "__main__":
    wiring.run(main)
