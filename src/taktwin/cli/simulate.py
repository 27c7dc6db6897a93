"""`taktwin simulate fit LOG`: a model out of an event log, printed with what speaks for it."""

from __future__ import annotations

import argparse
import gzip
import io
import json
from pathlib import Path

from taktwin.cli import given
from taktwin.entropy import Entropy
from taktwin.errors import ConfigError, Mistake
from taktwin.simulation.discover import Discovered, discover
from taktwin.simulation.eventlog import read

SHOWN = 20  # lines of each list; the document has them all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin simulate`."""
    parser.add_argument("what", choices=["fit"], help="fit: a model out of an event log")
    parser.add_argument("log", help="CSV or CSV.gz, a line a report: case, activity, start, end, and more")
    parser.add_argument("--out", help="write the whole model as JSON to this file")
    parser.add_argument("--seed", type=int, default=1, help="of the goodness of fit (1)")
    parser.add_argument("--replications", type=int, default=99, help="of each goodness of fit; 0: none (99)")


def simulate(options: argparse.Namespace) -> int:
    """Print the model and return 0; return 1 if lines of the log had to be left out."""
    replications = given.count("--replications", options.replications)
    out = given.file_to_write("--out", options.out) if options.out else None
    path = Path(options.log)
    if not path.is_file():
        raise ConfigError([Mistake("command line", 1, "log", path.name, "a file that exists")])
    log = read(path.name, io.StringIO(_text(path)))
    if not log.rows:
        raise ConfigError([*log.left_out] or [Mistake(path.name, 1, "line", "nothing", "a report of work")])
    draw = Entropy(options.seed).generator("goodness").random
    found = discover(path.name, log, draw, replications=replications)
    for line in told(found):
        print(line)
    if out is not None:
        out.write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
    return 1 if found.left_out else 0


def told(found: Discovered) -> list[str]:
    """Return the model as lines for a person, mistakes first."""
    lines = [f"{len(found.left_out)} lines left out, {len(found.odd)} odd ones kept"]
    for some in (found.left_out, found.odd):
        lines += [f"  {each}" for each in some[:SHOWN]]
        lines += [f"  and {len(some) - SHOWN} more"] if len(some) > SHOWN else []
    lines += ["", "what was found, and what it rests on"]
    lines += [f"  {each.claim}\n      {each.seen}" for each in found.evidence]
    lines += ["", f"parameters {found.parameters.hash[:12]}"]
    fits = sorted(found.parameters.fits.items(), key=lambda item: -item[1].n_own)
    lines += [f"  {name}: {each.told()}" for name, each in fits[:SHOWN]]
    lines += [f"  and {len(fits) - SHOWN} more"] if len(fits) > SHOWN else []
    lines += ["", "hours a week"]
    for kind, hours in (("machine", found.machine_hours), ("person", found.worker_hours)):
        spans = {name: sum(b - a for a, b in each.on_s) / 3600 for name, each in hours.items()}
        lines += [f"  {kind} {name}: {span:.0f} h" for name, span in list(spans.items())[:SHOWN]]
        lines += [f"  and {len(spans) - SHOWN} more"] if len(spans) > SHOWN else []
    return lines


def _text(path: Path) -> str:
    wrong = "text in UTF-8, plain or packed with gzip"
    try:
        packed = path.read_bytes()
        return (gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError([Mistake(path.name, 1, "log", str(error), wrong)]) from error
