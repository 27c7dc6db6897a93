"""`taktwin whatif`: ask a running installation what would be, and print both futures side by side."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from taktwin.cli import door
from taktwin.errors import ConfigError, Mistake
from taktwin.instants import MILLISECOND_NS, rfc3339

SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|min|h|d)\Z")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
NAMES = {"late_orders": "late orders", "parts_done": "parts done", "wip": "parts in work",
         "lead_time_h": "lead time"}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin whatif`."""
    parser.add_argument(
        "--down", action="append", default=[], metavar="UNIT=SPAN[@SPAN]", required=True,
        help="a machine that cannot work: turn1=2h, from now; turn1=2h@30min, from then on",
    )  # fmt: skip
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
    return {
        "unit": unit, "for_s": span_s(lasts, "--down"), "from_s": span_s(begins, "--down") if begins else 0.0
    }  # fmt: skip


def whatif(options: argparse.Namespace) -> int:
    """Ask and print; exit code 1 where there is no answer yet."""
    question = {
        "down": [down(text) for text in options.down], "horizon_s": span_s(options.horizon, "--horizon"),
        "replications": options.runs, "seed": options.seed,
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
    changes = ", ".join(
        f"{each['unit']} down {each['for_s'] / 3600:g} h"
        + (f" in {each['from_s'] / 3600:g} h" if each["from_s"] else "")
        for each in answer["changes"]
    )
    found = [
        f"what if: {changes}; until {answer['horizon_s'] / 3600:g} h from now",
        f"from the plant as it was at {rfc3339(snapshot['state_ms'] * MILLISECOND_NS)[:19]}Z "
        f"({snapshot['hash'][:12]}), {answer['replications']} runs, {answer['took_s']:.1f} s",
        "",
        f"{'':<14} {'doing nothing':>20} {'then':>20} {'difference':>20}  better worse",
    ]
    for each in answer["indicators"]:
        name = NAMES.get(each["name"], each["name"])
        found.append(
            f"{name:<14} {_spread(each['base']):>20} {_spread(each['scenario']):>20} "
            f"{_spread(each['difference']):>20}  {each['better']:6.0%} {each['worse']:5.0%}"
        )
    for order in answer["orders"]:
        found.append(f"order {order['order']:<8} late {order['late']:6.0%} then {order['late_then']:6.0%}")
    found.append("")
    if not validity["back_tested"]:
        found.append(
            "NOT BACK-TESTED: nobody has compared such answers with what came. Recommend nothing by it."
        )
    found += [f"- {note['text']}" for note in (*snapshot["unknowns"], *validity["notes"])]
    return found


def _spread(spread: dict[str, Any]) -> str:
    return f"{spread['mean']:.2f} +- {spread['half_width']:.2f}"
