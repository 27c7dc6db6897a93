"""`taktwin whatif`: ask a running installation what would be, and print all futures side by side."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from taktwin.cli import door
from taktwin.errors import ConfigError, Mistake
from taktwin.instants import MILLISECOND_NS, rfc3339

SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|min|h|d)\Z")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
NAMES = {"late_orders": "late orders", "parts_done": "parts done", "wip": "parts in work",
         "lead_time_h": "lead time", "scrap": "scrap", "energy_kwh": "energy",
         "energy_cost": "price of energy", "peak_kw": "peak"}  # fmt: skip


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
        "--race", action="store_true", help="who is behind the best for sure gets no more runs"
    )
    parser.add_argument("--horizon", default="24h", help="how far to look: 8h, 2d (default: 24h)")
    parser.add_argument("--runs", type=int, default=30, help="replications (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="names the luck (default: 1)")
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


def scenarios(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what is asked: the machines that are down as one scenario, and those of the files.

    Raises
    ------
    ConfigError
        If nothing is asked, or a file cannot be read.
    """
    found = [each for path in options.scenario for each in written(Path(path))]
    if options.down:
        name = ", ".join(f"{text.replace('=', ' down ')}" for text in options.down)
        found.insert(0, {"name": name, "changes": [down(text) for text in options.down]})
    if not found:
        raise ConfigError([Mistake("command line", 1, "", "nothing", "--down or --scenario")])
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
    return [{name: value for name, value in each.items() if name != "version"} for each in listed]


def whatif(options: argparse.Namespace) -> int:
    """Ask and print; exit code 1 where there is no answer yet."""
    question = {
        "scenarios": scenarios(options), "horizon_s": span_s(options.horizon, "--horizon"),
        "replications": options.runs, "seed": options.seed, "race": options.race,
    }  # fmt: skip
    answer = door.post(door.base_url(options.data), "/whatif", question)
    if options.json:
        print(json.dumps(answer, indent=2))
    elif answer["state"] != "ready":
        print(f"no answer yet: {answer['reason']}")
    else:
        print("\n".join(lines(answer)))
    return 0 if answer["state"] == "ready" else 1


def lines(answer: dict[str, Any]) -> list[str]:
    """Return the answer as a table with its doubts."""
    snapshot, validity = answer["snapshot"], answer["validity"]
    found = [
        f"the next {answer['horizon_s'] / 3600:g} h of the plant as it was at "
        f"{rfc3339(snapshot['state_ms'] * MILLISECOND_NS)[:19]}Z ({snapshot['hash'][:12]}), "
        f"{answer['replications']} runs, {answer['took_s']:.1f} s"
        + (", cut by the deadline" if answer["is_cut"] else "")
    ]
    wide = max(20, *(len(each["name"]) for each in answer["scenarios"]))
    for each in answer["indicators"]:
        name = NAMES.get(each["name"], each["name"])
        title = f"{name}, {each['unit']}" if each["unit"] not in name else name
        found += ["", f"{title:<{wide}} {'mean':>20} {'difference':>20}  better worse  best"]
        found.append(f"{'doing nothing':<{wide}} {_spread(each['base']):>20}")
        for effect in each["effects"]:
            out = f"  out after {effect['out_after']} runs" if effect["out_after"] else ""
            mean, difference = _spread(effect["outcome"]), _spread(effect["difference"])
            found.append(
                f"{effect['scenario']:<{wide}} {mean:>20} {difference:>20}"
                f"  {effect['better']:6.0%} {effect['worse']:5.0%} {effect['best']:5.0%}{out}"
            )
    if answer["orders"]:
        found += ["", f"{'order':<{wide}} late doing nothing, then in each scenario"]
    for order in answer["orders"]:
        looks = [
            f"{each['late']:6.0%}" if each["is_there"] else f"{'-':>6}"
            for each in (order["base"], *order["scenarios"])
        ]
        found.append(f"{order['order']:<{wide}} {' '.join(looks)}")
    found.append("")
    if not validity["back_tested"]:
        found.append(
            "NOT BACK-TESTED: nobody has compared such answers with what came. Recommend nothing by it."
        )
    elif not validity["may_recommend"]:
        found.append("BEYOND THE LIMIT in back-tests: recommend nothing by it.")
    found += [f"- {note['text']}" for note in (*snapshot["unknowns"], *validity["notes"])]
    return found


def _spread(spread: dict[str, Any]) -> str:
    return f"{spread['mean']:.2f} +- {spread['half_width']:.2f}"
