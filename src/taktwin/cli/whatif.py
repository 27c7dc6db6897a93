"""`taktwin whatif`: ask a running installation what would be; `whatif_tables` prints the answers."""

from __future__ import annotations

import argparse
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taktwin.cli import door, whatif_tables
from taktwin.errors import ConfigError, Mistake
from taktwin.simulation.scenario import VERSION

SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|min|h|d)\Z")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin whatif`."""
    parser.add_argument(
        "--down", action="append", default=[], metavar="UNIT=SPAN[@SPAN]",
        help="a machine that cannot work: turn1=2h, from now; turn1=2h@30min, from then on",
    )  # fmt: skip
    parser.add_argument(
        "--scenario", action="append", default=[], metavar="FILE",
        help="a JSON file with a scenario or a list of them: name, changes, asks",
    )  # fmt: skip
    parser.add_argument(
        "--grid", action="append", default=[], metavar="'KIND FIELD=VALUE[,VALUE...] ...'",
        help="a scenario for each combination: 'pace_scaled center=hob1 times=0.9,1.1'; several multiply",
    )  # fmt: skip
    parser.add_argument(
        "--library", nargs="?", const="", metavar="GROUP|NAME",
        help="the questions for a new model: ask a group or one of them; alone, list them",
    )  # fmt: skip
    parser.add_argument(
        "--kinds", action="store_true", help="list what a scenario may change, and its fields"
    )
    parser.add_argument(
        "--sensitivity", metavar="INDICATOR",
        help="what it depends on: how far each guess moves an indicator of the first scenario",
    )  # fmt: skip
    parser.add_argument("--indicator", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument(
        "--race", action="store_true", help="who is behind the best for sure gets no more runs"
    )
    parser.add_argument("--horizon", default="24h", help="how far to look: 8h, 2d (default: 24h)")
    parser.add_argument("--runs", type=int, default=30, help="replications, 2 at least (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="names the luck (default: 1)")
    parser.add_argument(
        "--deadline", default="8s", help="of wall time, then what is done is said (default: 8s)"
    )
    parser.add_argument("--data", help="data folder of the running installation (default: the one in var/)")
    parser.add_argument("--json", action="store_true", help="the whole answer as JSON")


def span_s(text: str, field: str) -> float:
    """Return a span such as 90s, 45min, 2h, 1.5d in seconds.

    Raises
    ------
    ConfigError
        If it is none.
    """
    found = SPAN.match(text)
    if found is None:
        raise ConfigError([Mistake("command line", 1, field, text, "a span such as 90s, 45min, 2h or 1d")])
    return float(found[1]) * SECONDS[found[2]]


def down(text: str) -> dict[str, Any]:
    """Return a change as `--down` says it. Raises ConfigError."""
    unit, equals, spans = text.partition("=")
    if not equals or not unit:
        raise ConfigError([Mistake("command line", 1, "--down", text, "UNIT=SPAN, such as turn1=2h")])
    lasts, _, begins = spans.partition("@")
    from_s = span_s(begins, "--down") if begins else 0.0
    return {"change": "unit_down", "unit": unit, "from_s": from_s, "to_s": from_s + span_s(lasts, "--down")}


def scenarios(options: argparse.Namespace, library: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is asked: files, machines that are down as one scenario, grids, and of the library.

    Raises
    ------
    ConfigError
        If nothing is asked, or a file or a word cannot be read.
    """
    found = [each for path in options.scenario for each in written(Path(path))]
    if options.down:
        name = ", ".join(text.replace("=", " down ") for text in options.down)
        found.insert(0, {"name": name, "changes": [down(text) for text in options.down]})
    if options.grid:
        found += grid([axis(text) for text in options.grid])
    if options.library:
        picked = [each for each in library if options.library in (each["group"], each["name"])]
        if not picked:
            right = f"one of {', '.join(sorted({each['group'] for each in library}))}, or a name of theirs"
            raise ConfigError([Mistake("command line", 1, "--library", options.library, right)])
        found += [{name: each[name] for name in ("name", "changes", "asks")} for each in picked]
    if not found:
        right = "--down, --scenario, --grid or --library"
        raise ConfigError([Mistake("command line", 1, "whatif", "nothing", right)])
    return found


def axis(text: str) -> list[dict[str, Any]]:
    """Return a change for each combination of the values that `--grid` lists. Raises ConfigError."""
    kind, *pairs = text.split()
    fields: dict[str, list[Any]] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        if not equals or not values:
            raise ConfigError(
                [Mistake("command line", 1, "--grid", pair, "FIELD=VALUE or FIELD=VALUE,VALUE")]
            )
        fields[name] = [value(each) for each in values.split(",")]
    return [
        {"change": kind, **dict(zip(fields, chosen, strict=True))}
        for chosen in itertools.product(*fields.values())
    ]


def value(text: str) -> Any:
    """Return a text as JSON has it where it has it; a span such as 2h in seconds; else the text."""
    if SPAN.match(text):
        return span_s(text, "--grid")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def grid(axes: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return a scenario for each combination of one change of each axis, named after what differs."""
    found = []
    for chosen in itertools.product(*axes):
        words = []
        for change, mates in zip(chosen, axes, strict=True):
            differs = [name for name in change if any(mate.get(name) != change[name] for mate in mates)]
            words += [f"{name} {change[name]}" for name in differs] or [change["change"]]
        found.append({"name": ", ".join(words), "changes": list(chosen)})
    return found


def written(path: Path) -> list[dict[str, Any]]:
    """Return the scenario of a file, or each of a list. Raises ConfigError."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as failure:
        raise ConfigError([Mistake(str(path), 1, "--scenario", str(failure), "a file of JSON")]) from failure
    listed = said if isinstance(said, list) else [said]
    for each in listed:
        if not isinstance(each, dict) or not {"name", "changes"} <= each.keys():
            raise ConfigError([Mistake(str(path), 1, "--scenario", repr(each)[:80], "a name and changes")])
        if each.get("version", VERSION) != VERSION:
            raise ConfigError(
                [Mistake(str(path), 1, "--scenario, version", repr(each["version"]), str(VERSION))]
            )
    return [{name: value for name, value in each.items() if name != "version"} for each in listed]


def whatif(options: argparse.Namespace) -> int:
    """Ask and print; exit code 1 where there is no answer yet."""
    base = door.base_url(options.data)
    if options.kinds:
        return told(door.get(base, "/whatif/changes"), options, whatif_tables.kinds)
    library: dict[str, Any] = {}
    if options.library is not None:
        library = door.get(base, "/whatif/library")
        if options.library == "" or library["state"] != "ready":
            return told(library, options, whatif_tables.library)
    question = {
        "scenarios": scenarios(options, library.get("scenarios", [])), "replications": options.runs,
        "horizon_s": span_s(options.horizon, "--horizon"), "seed": options.seed, "race": options.race,
        "deadline_s": span_s(options.deadline, "--deadline"), "indicators": options.indicator,
    }  # fmt: skip
    if options.sensitivity:
        first = question["scenarios"][0]["name"]
        asked = {"question": question, "scenario": first, "indicator": options.sensitivity}
        return told(door.post(base, "/whatif/sensitivity", asked), options, whatif_tables.tornado)
    return told(door.post(base, "/whatif", question), options, whatif_tables.comparison)


def told(
    answer: dict[str, Any], options: argparse.Namespace, shown: Callable[[dict[str, Any]], list[str]]
) -> int:
    """Print an answer and return the exit code."""
    if options.json:
        print(json.dumps(answer, indent=2))
    elif answer["state"] != "ready":
        print(f"no answer yet: {answer['reason']}")
    else:
        print("\n".join(shown(answer)))
    return 0 if answer["state"] == "ready" else 1
