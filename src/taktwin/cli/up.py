"""`taktwin up` and `taktwin demo`: start everything, say what runs where, stop it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from taktwin import __version__
from taktwin.cli import door, given
from taktwin.clock import SystemClock
from taktwin.errors import ConfigError, Mistake, WorldError
from taktwin.instants import rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes import headless, installations, wiring
from taktwin.processes.backbone import ACCOUNTS_FILE
from taktwin.processes.supervisor import Supervisor
from taktwin.settings import ADDRESS_FILE, Installation
from taktwin.stopping import Stopped, unless

PAGE_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin up`."""
    parser.add_argument("plant", help="the plant folder")
    parser.add_argument("--data", help="folder for everything this installation keeps (default: var/<site>)")
    parser.add_argument("--http-port", type=int, default=0, help="port of the page (8440, or a free one)")
    parser.add_argument(
        "--mqtt-port", type=int, default=0, help="port for devices that speak MQTT (a free one)"
    )
    parser.add_argument("--nats-url", default="", help="an existing NATS instead of the bundled one")
    parser.add_argument(
        "--public-url", default="", help="https://... of a proxy on this machine, where people open the page"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin demo`."""
    parser.add_argument(
        "--plant", default="northfield", help="a plant folder or an example's name (northfield)"
    )
    parser.add_argument(
        "--data", help="folder for this demo, emptied at the start (default: var/demo-<site>)"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="plant seconds a second (1)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same plant (1)")
    parser.add_argument("--at", help="plant time at the start, RFC 3339 (now, or when the plant last worked)")
    parser.add_argument("--http-port", type=int, default=0, help="port of the page (8440, or a free one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--headless", action="store_true", help="play for a while, then report and leave")
    parser.add_argument("--for", dest="span", default="120s", help="how long, headless: 120s, 15m, 8h (120s)")
    parser.add_argument("--report", help="file for the headless report (default: printed)")


def up(options: argparse.Namespace) -> int:
    """Run a plant until told to stop."""
    registry = _open(options.plant)
    if registry.plan is not None:
        raise _is_a_plan(options.plant, "connects to real machines")
    data_dir = Path(options.data or f"var/{registry.site}")
    installation = installations.production(
        registry, data_dir=data_dir, http_port=options.http_port, mqtt_port=options.mqtt_port,
        nats_url=options.nats_url, public_url=options.public_url,
    )  # fmt: skip
    return asyncio.run(run(installation, registry, browser=not options.no_browser))


def demo(options: argparse.Namespace) -> int:
    """Run a plant whose machines are played: by the virtual plant, or from a recording."""
    registry = _open(options.plant)
    if registry.plan is not None:
        raise _is_a_plan(options.plant, "plays a plant that stands")
    if not registry.demo:
        found = f"{options.plant} has no demo section"
        raise ConfigError([Mistake(f"{options.plant}/plant.yaml", 1, "demo", found, "physics or recording")])
    installation = installations.demo(
        registry, data_dir=Path(options.data or f"var/demo-{registry.site}"),
        speed=given.speed("--speed", options.speed), seed=options.seed, http_port=options.http_port,
        start_ns=given.instant("--at", options.at) if options.at else None,
    )  # fmt: skip
    if options.headless:
        return asyncio.run(_headless(installation, registry, span_s(options.span), options.report))
    return asyncio.run(run(installation, registry, browser=not options.no_browser))


def span_s(text: str) -> float:
    """Return the seconds of a span such as `120s`, `15m`, `8h`, `7d`.

    Raises
    ------
    ConfigError
        If it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None:
        raise ConfigError(
            [Mistake("command line", 1, "--for", repr(text), "a span such as 120s, 15m, 8h or 7d")]
        )
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def page_url(installation: Installation) -> str:
    """Return where the page of a running installation is, as its portal says."""
    address = json.loads((installation.run_dir / ADDRESS_FILE).read_bytes())
    return str(address["url"])


def _open(word: str) -> Registry:
    return open_plant(installations.plant_folder(word))


def _is_a_plan(word: str, does: str) -> ConfigError:
    right = f"the folder of a plant, which this {does}; a plan is run by `taktwin commission {word}`"
    return ConfigError([Mistake("command line", 1, "plant", word, right)])


def _say(line: str) -> None:
    print(line, flush=True)


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has no loop signal handlers: there Ctrl-C arrives as KeyboardInterrupt.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop


AtEnd = Callable[[Supervisor], Awaitable[None]]


async def run(
    installation: Installation, registry: Registry, *, browser: bool, at_end: AtEnd | None = None
) -> int:
    """Run an installation until told to stop; `at_end` is done before anything of it stops."""
    stop = _stop_event()
    _say(f"taktwin {__version__}: {registry.name}, {len(registry.work_units)} work units, "
         f"{len(registry.signals)} signals, plant model {registry.prefix}")  # fmt: skip
    supervisor = Supervisor(installation, registry, SystemClock(), say=_say)
    try:
        await unless(stop, _up(supervisor))
        if not installation.demo:
            await unless(stop, _say_who(supervisor))
        _say_where(supervisor, browser=browser)
        await stop.wait()
        if at_end is not None:
            await at_end(supervisor)
    except Stopped:
        _say("told to stop before everything had started")
    finally:
        _say("stopping")
        await supervisor.stop()
    _say("stopped")
    return 0


async def _up(supervisor: Supervisor) -> None:
    """Start everything; return when the page can be opened too, which its process cannot say itself."""
    await supervisor.start()
    clock = SystemClock()
    async with clock.timeout(PAGE_S):
        while True:
            address = urlsplit(page_url(supervisor.installation))
            try:
                _, writer = await asyncio.open_connection(address.hostname, address.port)
            except OSError:
                await clock.wall_sleep(0.05)
                continue
            writer.close()
            return


async def _say_who(supervisor: Supervisor) -> None:
    """Show the set-up code where the plant waits for its first admin; it counts until the next start."""
    clock, base = SystemClock(), page_url(supervisor.installation).rstrip("/")
    async with clock.timeout(PAGE_S):
        while True:
            try:
                entrance = await asyncio.to_thread(door.get, base, "/session")
                break
            except WorldError:
                await clock.wall_sleep(0.2)
    if not entrance["set_up"]:
        _say(f"set-up code  {supervisor.setup_code}: open the page and make the first admin with it")


def _say_where(supervisor: Supervisor, *, browser: bool) -> None:
    installation, backbone = supervisor.installation, supervisor.backbone
    if installation.demo:
        start = rfc3339(installation.epoch_ns)[:16].replace("T", " ")
        _say(f"plant time   starts at {start} UTC, {installation.speed:g} plant seconds a second")
        _say("who          demo: everybody on this machine, nobody from outside (loopback only); "
             "the page's menu signs in as somebody else")  # fmt: skip
    elif not backbone.external_url:
        accounts = os.path.relpath(backbone.folder / ACCOUNTS_FILE)
        _say(f"devices      MQTT {backbone.mqtt_host}:{backbone.mqtt_port}, "
             f"account devices; its password stands in {accounts}")  # fmt: skip
    _say(f"data         {os.path.relpath(installation.data_dir)}")
    url = page_url(installation)
    _say(f"the plant    {url}")
    if browser and sys.stdout.isatty():
        webbrowser.open(url)


async def _headless(installation: Installation, registry: Registry, for_s: float, target: str | None) -> int:
    stop = _stop_event()
    clock = SystemClock()
    _say(f"taktwin {__version__}: {registry.name}, headless for {for_s:g} s")
    supervisor = Supervisor(installation, registry, clock, say=_say)
    plant_clock = wiring.clock_of(installation)
    document = await headless.play(supervisor, clock, plant_clock, for_s=for_s, stop=stop)
    text = json.dumps(json.loads(document), indent=2)
    if target:
        Path(target).write_text(text + "\n", encoding="utf-8")
        _say(f"report       {target}")
    else:
        _say(text)
    wrong = json.loads(document)["problems"]
    for line in wrong:
        print(f"does not add up: {line}", file=sys.stderr)
    return 1 if wrong else 0
