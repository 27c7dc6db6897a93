"""`taktwin models`: the versions that the analyst of a running installation has, and letting one go live."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from taktwin.cli import door
from taktwin.errors import ConfigError, Mistake
from taktwin.instants import MILLISECOND_NS, rfc3339

Row = tuple[str, Callable[[dict[str, Any]], str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin models`."""
    parser.add_argument("--data", help="data folder of the running installation (default: the one in var/)")
    parser.add_argument("--as", dest="account_of", default="", metavar="ACCOUNT",
                        help="sign in as; a token may look, and promotes nothing")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="the whole answer as JSON")
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("list", help="every version, which one is live, and why nothing is proposed (default)")
    show = verbs.add_parser("show", help="a version beside the one that is live: card, data, scores")
    promote = verbs.add_parser("promote", help="let a version go live, under the name of who is signed in")
    for each in (show, promote):
        each.add_argument("model", help="such as tool_wear")
        each.add_argument("version", help="as `taktwin models` prints it; its first letters are enough")
    promote.add_argument("--why", required=True, help="the reason, kept with the version")
    promote.add_argument("--instead-of", help="the live version that was looked at (default: the one now)")


def models(options: argparse.Namespace) -> int:
    """Do what the verb says, and print what came of it."""
    base = door.base_url(options.data)
    with door.signed_in(base, options.account_of):
        answer = door.get(base, "/models")
        if options.verb in (None, "list"):
            return _told(answer, overview(answer), options)
        chosen, live = beside(answer, options.model, options.version)
        if options.verb == "show":
            return _told({"version": chosen, "live": live}, side_by_side(answer, chosen, live), options)
        instead_of = options.instead_of
        if instead_of is None:
            instead_of = live["version"] if live else ""
        wish = {"version": chosen["version"], "instead_of": instead_of, "why": options.why}
        after = door.post(base, f"/models/{quote(chosen['model'], safe='')}/live", wish)
        said = side_by_side(answer, chosen, live)
        done = next(each for each in after["versions"] if each["version"] == chosen["version"])
        said += [
            "",
            f"live since {_at(done['promoted_ms'])}, by {done['promoted_by']}: {done['promoted_why']}",
        ]
        return _told(after, said, options)


def _told(answer: dict[str, Any], lines: list[str], options: argparse.Namespace) -> int:
    print(json.dumps(answer, indent=2) if options.json else "\n".join(lines))
    return 0


def beside(answer: dict[str, Any], model: str, version: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the version that is meant, and the live one of its model if there is one.

    Raises
    ------
    ConfigError
        If there is no such model, or not exactly one such version.
    """
    names = [each["model"] for each in answer["models"]]
    if model not in names:
        right = f"one of {', '.join(names)}" if names else "a model; none is built in"
        raise ConfigError([Mistake("command line", 1, "model", model, right)])
    mine = [each for each in answer["versions"] if each["model"] == model]
    found = [each for each in mine if each["version"].startswith(version)]
    if len(found) != 1:
        right = f"one of {', '.join(each['version'] for each in mine) or 'none: it has not learnt yet'}"
        raise ConfigError([Mistake("command line", 1, "version", version, right)])
    return found[0], next((each for each in reversed(mine) if each["stage"] == "live"), None)


def overview(answer: dict[str, Any]) -> list[str]:
    """Return all versions as lines, the newest first, and why nothing is proposed where it is not."""
    lines: list[str] = []
    for model in answer["models"]:
        lines.append(f"{model['model']}: {model['subjects']} subjects, {_limits(model)}")
        mine = [each for each in reversed(answer["versions"]) if each["model"] == model["model"]]
        lines += [
            f"  {each['stage']:<8} {each['version']:<30} data {_days(each)}, error {_error(each)}"
            + _who(each)
            for each in mine
        ] or ["  no version: it has not learnt yet"]
    lines += [f"silent: {name}: {why}" for name, why in sorted(answer["silent"].items())]
    return lines or ["no models are built in"]


def side_by_side(answer: dict[str, Any], chosen: dict[str, Any], live: dict[str, Any] | None) -> list[str]:
    """Return a version's card, then its data and scores beside those of the one that is live."""
    model = next(each for each in answer["models"] if each["model"] == chosen["model"])
    other = live if live is not None and live["version"] != chosen["version"] else None
    shown = [chosen, *([other] if other else [])]
    rows: list[Row] = [
        ("stage", lambda each: str(each["stage"])),
        ("made", lambda each: _at(each["made_ms"])),
        ("data", _days),
        ("error", _error),
        ("outcomes seen", lambda each: str(each["judged"])),
        ("code", lambda each: str(each["code_version"])),
    ]
    names = dict.fromkeys(score["name"] for each in shown for score in each["scores"])
    rows += [(f"CRPS, {name}", _score(name, "crps")) for name in names]
    rows += [(f"inside 80 %, {name}", _score(name, "coverage")) for name in names]
    lines = [
        f"{chosen['model']}: {chosen['purpose']}", f"not for: {chosen['not_for']}",
        f"answers for it: {chosen['owner']}; after {chosen['source']}; {_limits(model)}", "",
        f"{'':<28} {chosen['version']:<34} {other['version'] + ' (in use)' if other else ''}".rstrip(),
    ]  # fmt: skip
    lines += [
        f"{name:<28} " + " ".join(f"{tell(each):<34}" for each in shown).rstrip() for name, tell in rows
    ]
    if live is None:
        lines.append("no version is live: everything that it says stays in the shadow")
    return lines


def _limits(model: dict[str, Any]) -> str:
    limits = [f"{name} rests on it up to an error of {most:.0%}" for name, most in model["limits"].items()]
    return "; ".join(limits) or "no class of advice rests on it"


def _score(name: str, field: str) -> Callable[[dict[str, Any]], str]:
    def tell(version: dict[str, Any]) -> str:
        score = next((each for each in version["scores"] if each["name"] == name), None)
        if score is None or score[field] is None:
            return "-"
        return f"{score[field]:.0%}" if field == "coverage" else f"{score[field]:.4g}"

    return tell


def _error(version: dict[str, Any]) -> str:
    return "never measured" if version["error"] is None else f"{version['error']:.1%}"


def _who(version: dict[str, Any]) -> str:
    if not version["promoted_by"]:
        return ""
    why = f": {version['promoted_why']}" if version["promoted_why"] else ""
    return f", by {version['promoted_by']} {_at(version['promoted_ms'])}{why}"


def _days(version: dict[str, Any]) -> str:
    return f"{_at(version['data_from_ms'])[:10]} to {_at(version['data_to_ms'])[:10]}"


def _at(at_ms: int) -> str:
    return rfc3339(at_ms * MILLISECOND_NS)[:16].replace("T", " ")
