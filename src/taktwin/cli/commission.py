"""`taktwin commission PLAN`: a change that is not built yet, run as if it were, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from pathlib import Path

import msgspec

from taktwin.bus.port import Bus
from taktwin.cli import given, up
from taktwin.commissioning.account import Account, told
from taktwin.contracts import events, quarantine, topics
from taktwin.contracts.events import CommandFailed
from taktwin.errors import BusError
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes import installations
from taktwin.processes.supervisor import Supervisor

SHOWN = 20  # lines of a list


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a commissioning showed: the line's own account, and what others refused of it."""

    line: Account
    gateway_refused: dict[str, int]  # why, and of what -> how often
    commands_failed: dict[str, int]  # command at a work unit, and why -> how often


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin commission`."""
    parser.add_argument("plan", help="the folder of a plan, or an example's name")
    parser.add_argument(
        "--into", "--data", dest="data",
        help="folder for this run, emptied at the start (default: var/commission-<site>)",
    )  # fmt: skip
    parser.add_argument("--speed", type=float, default=1.0, help="plant seconds a second (1)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same line (1)")
    parser.add_argument("--at", help="plant time at the start, RFC 3339 (now, or when the plant last worked)")
    parser.add_argument("--no-failures", action="store_true", help="no machine fails by itself")
    parser.add_argument("--http-port", type=int, default=0, help="port of the page (8440, or a free one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--report", help="file for what came of it, JSON")


def commission(options: argparse.Namespace) -> int:
    """Run a planned line with the whole product around it until told to stop, then say what came of it."""
    start_ns = given.instant("--at", options.at) if options.at else None
    report = given.file_to_write("--report", options.report) if options.report else None
    speed = given.speed("--speed", options.speed)
    folder = installations.plan_folder(options.plan)
    registry = open_plant(folder)
    installation = installations.commissioning(
        registry, folder=folder, data_dir=Path(options.data or f"var/commission-{registry.site}"),
        speed=speed, seed=options.seed, failures=not options.no_failures,
        http_port=options.http_port, start_ns=start_ns,
    )  # fmt: skip

    async def at_end(supervisor: Supervisor) -> None:
        try:
            found = await findings(supervisor.bus, registry)
        except BusError as gone:
            print(f"no account of the line: {gone}; its log says why", flush=True)
            return
        for line in lines(found):
            print(line, flush=True)
        if report is not None:
            text = msgspec.json.format(msgspec.json.encode(found)) + b"\n"
            await asyncio.to_thread(report.write_bytes, text)
            print(f"report       {report}", flush=True)

    return asyncio.run(up.run(installation, registry, browser=not options.no_browser, at_end=at_end))


async def findings(bus: Bus, registry: Registry) -> Findings:
    """Return what the line did, what the gateway refused of it, and what did not reach it."""
    subject = topics.query(registry.enterprise, registry.site, "commissioning", "account")
    line = msgspec.msgpack.decode(await bus.request(subject, b""), type=Account)
    refused: Counter[str] = Counter()
    async for batch in bus.read_stream(topics.STREAM_REJECTED, follow=False):
        for message in batch:
            each = quarantine.decode(message.payload)
            refused[f"{each.reason}: {each.origin}: {each.found}"] += 1
    failed: Counter[str] = Counter()
    async for batch in bus.read_stream(topics.STREAM_EVENTS, follow=False):
        for message in batch:
            data = events.content_of(events.decode(message.payload))
            if isinstance(data, CommandFailed):
                failed[f"{data.name} at {data.work_unit}: {data.found}; right is {data.right}"] += 1
    return Findings(line=line, gateway_refused=dict(refused), commands_failed=dict(failed))


def lines(found: Findings) -> list[str]:
    """Return findings as lines for a person, what went wrong first."""
    said = []
    for title, some in (
        ("the gateway refused", found.gateway_refused), ("commands that failed", found.commands_failed)
    ):  # fmt: skip
        said += [f"{title}: nothing"] if not some else [title]
        said += [f"  {count} x {what}" for what, count in list(some.items())[:SHOWN]]
        said += [f"  and {len(some) - SHOWN} more"] if len(some) > SHOWN else []
    return said + told(found.line)
