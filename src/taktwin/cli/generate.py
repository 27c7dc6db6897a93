"""`taktwin generate`: weeks of a played plant and its MES into a history, as fast as possible."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from taktwin.errors import ConfigError, Mistake
from taktwin.history.requests import OWNER
from taktwin.instants import SECOND_NS, parse_rfc3339, rfc3339
from taktwin.plant import open_plant
from taktwin.virtual_plant import physics as physics_file
from taktwin.virtual_plant.truth import TruthFile
from taktwin.virtual_plant.written import filling

DAY_S = 86_400
ROLES = "state,count,job,power"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin generate`."""
    parser.add_argument("plant", help="the plant folder")
    parser.add_argument(
        "--data", required=True, help="data folder; its history must be empty, or this past's"
    )
    parser.add_argument("--physics", help="what is true in the plant (default: the plant folder's)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same past (1)")
    parser.add_argument("--from", dest="since", required=True, help="RFC 3339: the plant begins empty then")
    parser.add_argument("--days", type=float, help="how much of it; given again with more, it goes on")
    parser.add_argument("--weeks", type=float, help="the same in weeks")
    parser.add_argument("--roles", default=ROLES, help=f"of signals, or groups of them ({ROLES})")
    parser.add_argument(
        "--power-every", type=float, default=60.0, metavar="S", help="seconds between powers; 0: as live (60)"
    )
    parser.add_argument(
        "--without", default="", metavar="TYPES", help="types of events that are not kept: unit.consumed,..."
    )
    parser.add_argument("--truth", help="what really happened, as lines of JSON; .gz is packed")


def generate(options: argparse.Namespace) -> int:
    """Write the past, and print how much it is."""
    registry = open_plant(options.plant)
    file = Path(options.physics) if options.physics else _physics_of(Path(options.plant), registry.demo)
    physics = physics_file.load(file)
    from_ns = _instant(options.since)
    to_ns = from_ns + round(_days(options) * DAY_S) * SECOND_NS
    recipe = filling.Recipe(
        plant=registry.hash, physics=filling.physics_digest(physics), seed=options.seed, from_ns=from_ns,
        roles=sorted(set(options.roles.split(","))), power_every_s=options.power_every,
        without=sorted(set(filter(None, options.without.split(",")))),
    )  # fmt: skip
    truth = TruthFile(Path(options.truth)) if options.truth else None
    try:
        report = filling.fill(
            Path(options.data) / OWNER, registry, physics, recipe, to_ns=to_ns, truth=truth, progress=_show
        )  # fmt: skip
    finally:
        if truth is not None:
            truth.close()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(
        f"{rfc3339(from_ns)} to {rfc3339(report.to_ns)}: {report.rows:,} values, {report.events:,} events, "
        f"{report.parts_finished:,} parts finished, {report.parts_scrapped:,} scrapped, "
        f"{report.orders_open} orders open"
    )
    return 0


def _days(options: argparse.Namespace) -> float:
    days = float(options.days or 0.0) + 7.0 * float(options.weeks or 0.0)
    if days <= 0:
        raise ConfigError([Mistake("command line", 1, "--days", "nothing", "days or weeks")])
    return days


def _physics_of(plant: Path, demo: object) -> Path:
    named = demo.get("physics") if isinstance(demo, dict) else None
    return plant / str(named or "physics.yaml")


def _instant(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError as fault:
        expected = "RFC 3339 with a zone, such as 2026-01-04T22:00:00+01:00"
        raise ConfigError([Mistake("command line", 1, "--from", f"{text} ({fault})", expected)]) from fault


def _show(at_ns: int) -> None:
    if sys.stderr.isatty():
        print(f"\rwritten up to {rfc3339(at_ns)[:16]}", end="", file=sys.stderr)
