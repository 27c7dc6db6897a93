"""`taktwin check <plant>`: every mistake of a plant folder, or what it compiles to."""

from __future__ import annotations

import argparse
import sys

from taktwin.errors import ConfigError
from taktwin.plant import open_plant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin check`."""
    parser.add_argument("plant", help="the plant folder")


def run(options: argparse.Namespace) -> int:
    """Check the plant folder of the command line."""
    return check(options.plant)


def check(plant_dir: str) -> int:
    """Print the mistakes of a plant folder; return 0 if there is none, else 1."""
    try:
        registry = open_plant(plant_dir)
    except ConfigError as wrong:
        print(wrong, file=sys.stderr)
        count = len(wrong.mistakes)
        print(f"{count} mistake{'' if count == 1 else 's'} in {plant_dir}", file=sys.stderr)
        return 1
    print(
        f"{plant_dir}: {registry.name}, {len(registry.equipment)} equipment "
        f"({len(registry.work_units)} work units), {len(registry.signals)} signals, "
        f"{len(registry.connections)} connections, {len(registry.limits)} alarms; "
        f"registry {registry.prefix}; no mistake found"
    )
    return 0
