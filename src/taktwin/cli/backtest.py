"""`taktwin backtest`: predict the past of a running installation, and print how far predictions were off."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from typing import Any

from taktwin.cli import door, given
from taktwin.cli.whatif import span_s
from taktwin.cli.whatif_tables import NAMES
from taktwin.history.client import pause
from taktwin.instants import MILLISECOND_NS, rfc3339

AGAIN_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin backtest`."""
    parser.add_argument("--from", dest="since", help="RFC 3339 (default: so that it ends now)")
    parser.add_argument("--days", type=float, default=1.0, help="how long altogether (default: 1)")
    parser.add_argument("--every", default="24h", help="length of each prediction: 8h, 24h (default: 24h)")
    parser.add_argument("--runs", type=int, default=199, help="runs of each prediction (default: 199)")
    parser.add_argument("--seed", type=int, default=1, help="names the luck (default: 1)")
    parser.add_argument("--known", action="store_true", help="test nothing: print what is known already")
    parser.add_argument("--data", help="data folder of the running installation (default: the one in var/)")
    parser.add_argument("--json", action="store_true", help="all of it as JSON, with every epoch")


def backtest(options: argparse.Namespace) -> int:
    """Begin one, wait for it and print; exit code 1 where nothing may be recommended."""
    base = door.base_url(options.data)
    if not options.known:
        wish = {
            "from_ms": _ms(options.since), "days": options.days, "every_s": span_s(options.every, "--every"),
            "runs": options.runs, "seed": options.seed,
        }  # fmt: skip
        begun = door.post(base, "/whatif/backtest", wish)
        if begun["state"] != "begun":
            print(f"not begun: {begun['reason']}")
            return 1
    answer = door.get(base, "/whatif/backtest")
    while answer["state"] == "running" and not options.known:
        pause(AGAIN_S)
        answer = door.get(base, "/whatif/backtest")
    print(json.dumps(answer, indent=2) if options.json else "\n".join(lines(answer)))
    return 0 if answer["may_recommend"] else 1


def _ms(text: str | None) -> int:
    if text is None:
        return 0
    return given.instant("--from", text) // MILLISECOND_NS


def _said(at_ms: int) -> str:
    return f"{rfc3339(at_ms * MILLISECOND_NS)[:16]}Z"


def _why(epoch: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Return what a span was left out for, the same for all that were for the same."""
    return [(note["code"], tuple(note["subjects"])) for note in epoch["left_out"]]


def lines(answer: dict[str, Any]) -> list[str]:
    """Return what is known as a table, the bad news first."""
    found = [note["text"] for note in answer["warnings"]]
    if answer["reason"]:
        found.append(f"the last one ended early: {answer['reason']}")
    left_out = [epoch for epoch in answer["epochs"] if epoch["left_out"]]
    found += [
        "",
        f"model {answer['model_version']}, times {answer['calibration_id']}; the last {answer['days']} days: "
        f"{len(answer['epochs']) - len(left_out)} predictions compared, {len(left_out)} left out",
        "",
        f"{'':<14} {'error':>7} {'limit':>7} {'bias':>16} {'apart':>7} {'in 80 %':>8} {'in 95 %':>8} "
        f"{'ranks even':>11} {'epochs':>7}",
    ]  # fmt: skip
    for each in answer["figures"]:
        wide = each["half_width"]
        bias = f"{each['bias']:+.1%}" + (f" +- {wide:.1%}" if wide is not None else "")
        name = NAMES.get(each["indicator"], each["indicator"])
        found.append(
            f"{name:<14} {each['error']:7.1%} {each['limit']:7.0%} "
            f"{bias:>16} {each['apart']:7.1%} {each['covered_80']:8.0%} {each['covered_95']:8.0%} "
            f"{'p ' + format(each['uniform_p'], '.2g'):>11} {each['epochs']:7d}"
            + (" ABOVE ITS LIMIT" if each["error"] > each["limit"] else "")
        )
    for _, several in groupby(left_out, key=_why):
        first, *others = several
        when = f"from {_said(first['from_ms'])}"
        if others:
            when = f"{1 + len(others)} {when} to {_said(others[-1]['to_ms'])}, the first"
        found += [f"- left out, {when}: {note['text']}" for note in first["left_out"]]
    found += [f"- damaged: {name} is no record of a back-test" for name in answer["damaged"]]
    return found
