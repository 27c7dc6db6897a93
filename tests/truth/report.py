"""The page that tells how the timeline compares with the truth: `docs/truth.md`."""

from __future__ import annotations

from pathlib import Path

from taktwin.instants import rfc3339
from tests.truth import compare
from tests.truth.cases import PHYSICS_FILES, Result, kept

UNIT_COLUMNS = (
    "unit", "told by", "boundaries", "production", "set-up", "own", "blocked", "starved", "no order",
    "planned down", "unknown", "moved", "worst", "worst of an outage", "wrong",
)  # fmt: skip
CASE_COLUMNS = (
    "case", "from, to", "units", "hours compared", "outages", "boundaries", "unknown in truth, h",
    "in the twin, h", "worst: state", "polled", "inferred", "outage", "wrong, s",
)  # fmt: skip
NAMES = ("day", "week", *(f"physics-{number:02d}" for number in range(1, PHYSICS_FILES + 1)))


def write_page(path: Path, commit: str) -> None:
    """Write the page from the results that are kept for a commit."""
    path.write_text(page(commit), encoding="utf-8")


def page(commit: str) -> str:
    """Return the page."""
    results = {name: found for name in NAMES if (found := kept(commit, name)) is not None}
    missing = [name for name in NAMES if name not in results]
    lines = [HEAD.format(commit=commit), "## All cases\n"]
    if missing:
        lines.append(f"Not run for this commit: {', '.join(missing)}. `make soak` runs what is missing.\n")
    lines.extend(_head(CASE_COLUMNS))
    lines.extend(_case(name, result) for name, result in results.items())
    for name in ("day", "week"):
        if name in results:
            lines.append(f"\n## The {name}, unit by unit\n\n{EXPLAINED}\n")
            lines.append(table(results[name]))
    wrong = [f"- {name}: {each}" for name, result in results.items() for each in result.wrong[:10]]
    if wrong:
        lines.append("\n## What was wrong\n")
        lines.extend(wrong)
    return "\n".join(lines) + "\n"


def table(result: Result) -> str:
    """Return a case unit by unit, for a terminal or the page."""
    rows = _head(UNIT_COLUMNS)
    for unit in result.units:
        cells = [f"`{unit.unit}`", unit.kind, str(unit.boundaries)]
        for name in compare.CLASSES:
            true_s, twin_s = unit.true_s[name], unit.twin_s[name]
            same = round(true_s) == round(twin_s)
            cells.append(f"{true_s:.0f}" if same else f"{true_s:.0f} → {twin_s:.0f}")
        cells.append(f"{unit.moved_s:.1f}")
        cells.extend(f"{number:.3f}" for number in (unit.worst_s, unit.worst_unknown_s, unit.wrong_s))
        rows.append(_row(cells))
    return "\n".join(rows)


def _case(name: str, result: Result) -> str:
    units = result.units
    return _row(
        [
            name,
            f"{rfc3339(result.from_ns)[:16]}Z, {rfc3339(result.to_ns)[:16]}Z",
            str(len(units)),
            f"{sum(unit.compared_s for unit in units) / 3600:.0f}",
            str(result.outages),
            str(sum(unit.boundaries for unit in units)),
            f"{sum(unit.true_s[compare.UNKNOWN] for unit in units) / 3600:.3f}",
            f"{sum(unit.twin_s[compare.UNKNOWN] for unit in units) / 3600:.3f}",
            *(
                f"{max((unit.worst_s for unit in units if unit.kind == kind), default=0.0):.3f}"
                for kind in ("state", "polled", "inferred")
            ),
            f"{max(unit.worst_unknown_s for unit in units):.3f}",
            f"{result.wrong_s:.3f}",
        ]
    )


def _head(columns: tuple[str, ...]) -> list[str]:
    return [_row(list(columns)), "|---|---|" + "--:|" * (len(columns) - 2)]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


HEAD = """\
# The timeline against the truth

The virtual plant knows what each of its machines really did and why, and keeps it to itself. The twin
knows signals and the plant model. `tests/truth` plays both and compares, instant by instant, the class
that the twin published for each work unit with the true one. One day is part of `make test`; `make soak`
runs the rest, goes on behind what is done, and writes this page. Nothing on it depends on the machine.

The twin and its measures were last touched by commit `{commit}`.
Seed and outages of the week, the twenty physics files and their days follow from that hash
(`tests/truth/physics_generator.py`), so nobody chose them.

**How it is played.** What the machines report becomes readings, as each connector hands them over: OPC UA by
change and confirmed every second, Modbus by its poll of 1 s, MQTT as published. From there on all is the
product: life cycle, resolver and scans of the gateway, the messages on the wire, the twin's engine with its
clock, and the intervals that it publishes, with all corrections. Outages cut or freeze a server, kill the
gateway without a word, let a device call its own value bad, or silence a sensor. `make test` also starts
the product by its own command, with real servers, backbone and historian, for four minutes of plant time at
speed 4, and compares what the historian stored.

**What counts as right.** At each instant the twin's class must be the true one, and `unknown` during an
outage that hides it. A boundary may be off by 1 s where a state signal tells the class, by one poll or one
power report (both 1 s here) where it is polled or inferred, and by 1 s (one confirmation) where an outage
begins or ends. A class that was not true within that distance is wrong however short it was, and each true
stretch that a source could show must have been shown. *Wrong* must be 0.

**Known limits.** An outage ends when the gateway is connected again: the harness lets it knock at least
twice a second, an installation waits up to 5 s unless told otherwise. A server that stands still for less
than 2 s is no outage: what it says afterwards carries its own stamps. A server that vouches for a value that
it reads no longer cannot be seen through; where the plant model says that a value must move, the twin raises
an alarm. Set-ups and rejected parts of a cell that has but a counter and power cannot be told: such a cell
needs a signal for the one and a counter for the other.
"""
EXPLAINED = (
    "Seconds in each class; `a → b`: in truth → in the twin. *Moved*: disagreement within the tolerance, "
    "away from outages. *Worst*: the boundary furthest off, away from outages and at outages. All in seconds."
)
