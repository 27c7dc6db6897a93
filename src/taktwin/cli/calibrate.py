"""`taktwin calibrate`: the simulated plant's parameters out of its own history, printed and kept."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from taktwin import settings
from taktwin.cli import given
from taktwin.cli.history import historian_folder
from taktwin.contracts.calibration import COMMAND, IN_USE
from taktwin.errors import ConfigError, Mistake
from taktwin.history.client import History
from taktwin.instants import rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.simulation.parameters import Figure, ParameterSet
from taktwin.whatif import chosen, kept, refit
from taktwin.whatif.measured import range_told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin calibrate`."""
    parser.add_argument("--plant", required=True, help="the plant folder")
    parser.add_argument("--data", help="data folder of the installation (default: the one in var/)")
    parser.add_argument("--from", dest="since", help="RFC 3339, inclusive (default: where history begins)")
    parser.add_argument("--to", dest="until", help="RFC 3339, exclusive (default: where history ends)")
    parser.add_argument("--seed", type=int, default=1, help="of goodness and drift (1)")
    parser.add_argument("--replications", type=int, default=99, help="of each goodness of fit; 0: none (99)")
    parser.add_argument("--out", help="write it to this folder instead of the installation's")
    parser.add_argument("--json", action="store_true", help="print the whole document")


def calibrate(options: argparse.Namespace) -> int:
    """Calibrate, keep the result, print it with its evidence."""
    replications = given.count("--replications", options.replications)
    registry = open_plant(options.plant)
    historian = historian_folder(options.data)
    _is_of(historian.parent, registry)
    history = History.open(historian)
    status = history.status()
    if status.oldest_ns is None or status.newest_ns is None:
        raise ConfigError([Mistake("history", 1, "rows", "0", "a history with signals of work units")])
    from_ns = given.instant("--from", options.since) if options.since else status.oldest_ns
    to_ns = given.instant("--to", options.until) if options.until else status.newest_ns + 1
    if not from_ns < to_ns:
        raise ConfigError(
            [Mistake("command line", 1, "--from", rfc3339(from_ns), f"before {rfc3339(to_ns)}")]
        )
    found = refit.calibration(history, registry, from_ns, to_ns, seed=options.seed, replications=replications)
    where = Path(options.out) if options.out else kept.folder(historian.parent / "whatif")
    path = kept.keep(found, where)
    if not options.out:  # whoever gives the command has decided: from the next answer on it counts
        chosen.write(where, what=IN_USE, calibration=found.hash[: kept.SHORT], by=COMMAND)
    print(json.dumps(found.as_json(), indent=1) if options.json else "\n".join(told(found)))
    if not options.json:
        print(f"kept as {path}")
    return 0


def _is_of(data: Path, registry: Registry) -> None:
    """Refuse the folder of another plant: machines of one name are not the same machines."""
    path = data / "run" / "installation.json"
    if not path.exists():
        return  # a history without an installation, as `taktwin generate` makes it
    own = open_plant(settings.read(path).plant_dir)
    if (own.enterprise, own.site) != (registry.enterprise, registry.site):
        found, right = f"the plant {registry.enterprise} {registry.site}", f"{own.enterprise} {own.site}"
        raise given.refused("--plant", found, f"that of the installation in {data.name}: {right}")


def told(found: ParameterSet) -> list[str]:
    """Return a calibration as lines for a person: each parameter with what it rests on."""
    lines = [
        f"calibration {found.hash[: kept.SHORT]} of {found.source}",
        range_told(found) or "its data do not say when they were seen",
        "",
    ]
    lines += [f"{name}: {fit.told()} [{fit.method}]" for name, fit in sorted(found.fits.items())]
    lines += [f"{name}: {_figure(figure)}" for name, figure in sorted(found.figures.items())]
    return lines


def _figure(figure: Figure) -> str:
    unit = "" if figure.unit == "1" else f" {figure.unit}"
    between = "" if figure.low is None or figure.high is None else f" ({figure.low:.4g} to {figure.high:.4g})"
    return f"{figure.value:.4g}{unit}{between}" + (f", n = {figure.n}" if figure.n else "")
