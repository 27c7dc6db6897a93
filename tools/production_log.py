"""Predict February's orders of a real job shop from January's, as its data's README asks; say how it went.

    python tools/production_log.py [LOG] [--write]

Reads `../shared/data/production_log/production_log.csv.gz` unless told otherwise. `--write` puts the figures
into docs/production-log.md between their marks, and draws docs/images/production-log.svg.
`--within-january` is what the model was developed with: it never looks at an order of February.
"""

from __future__ import annotations

import argparse
import gzip
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from taktwin.entropy import Entropy
from taktwin.simulation.compile import compiled
from taktwin.simulation.delays import Coming, plant_of_delays, whole_weights
from taktwin.simulation.discover import discover
from taktwin.simulation.eventlog import Log, Operation, Row, cycle_s, operations, read
from taktwin.simulation.run import advance
from taktwin.simulation.state import fresh
from taktwin.simulation.streams import replication_key

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT.parent / "shared" / "data" / "production_log" / "production_log.csv.gz"
PAGE, PICTURE = ROOT / "docs" / "production-log.md", ROOT / "docs" / "images" / "production-log.svg"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
DAY_S, WEEK_S = 86_400.0, 604_800.0
COPIES, REPLICATIONS, RESAMPLES, SEED = 25, 8, 4000, 2012
FIRST_WEEK_S = WEEK_S
# What an order begins with. Of the log's first week half the orders begin with anything else: they were
# under way when the log began, and what is missing of them would be taken for short routes.
BEGINNINGS = {"Turning & Milling", "Turning", "Milling", "Turn & Mill. & Screw Assem"}
# Orders seen last so shortly before the log's end were cut by it: of January's, 11 of 104 end in its last
# three days and none in the four before; three of the 11 in the middle of their way.
CUT_S = 3 * DAY_S
SUNDAY_S = 259_200.0  # 1970-01-04: the plant's week begins on Sunday

Floats = npt.NDArray[np.float64]
Ways = dict[str, tuple[Operation, ...]]


@dataclass(frozen=True)
class Verdict:
    """One protocol: what was predicted, what happened, what the rivals said. Times in days."""

    fitted: int
    under_way: int  # of the orders to fit, left out as they began in their middle
    actual: Floats
    predicted: tuple[Floats, ...]  # draws of each order
    pooled: Floats  # the same number of draws of each
    january: Floats  # cycle times of all orders to fit
    within: dict[str, tuple[float, float, float, float]]  # name: predicted, actual, low, high
    weeks: tuple[tuple[str, float, int, float, float], ...]  # from, predicted, actual, low, high
    crps: dict[str, float]
    gain: tuple[float, float, float]  # CRPS of January's minus ours, with its 90 % interval
    coverage: dict[int, float]


def rows_of(path: Path) -> tuple[tuple[Row, ...], int]:
    """Return the reports of the log, and how many lines were left out."""
    packed = path.read_bytes()
    log = read(path.name, io.StringIO(gzip.decompress(packed).decode()))
    return log.rows, len(log.left_out)


def split(ways: Ways, *, low_s: float, high_s: float) -> Ways:
    """Return the orders that begin in [low, high)."""
    return {case: way for case, way in ways.items() if low_s <= way[0].start_s < high_s}


def cut_at(rows: Sequence[Row], end_s: float) -> Ways:
    """Return the operations of a log that ends at `end_s`: later reports are not in it."""
    return operations(row for row in rows if row.end_s <= end_s)


def crps(draws: Floats, actual: float) -> float:
    """Return the continuous ranked probability score: distance to the actual minus half their own spread."""
    x, n = np.sort(draws), len(draws)
    return float(np.abs(x - actual).mean() - ((2 * np.arange(1, n + 1) - n - 1) @ x) / n**2)


def predict(past: Ways, coming: Ways, end_s: float) -> tuple[list[Floats], int]:
    """Return draws of how long each coming order is seen, in seconds, in a log that ends at `end_s`."""
    begin = min(way[0].start_s for way in past.values())
    whole = {
        case: way
        for case, way in past.items()
        if way[0].start_s >= begin + FIRST_WEEK_S or way[0].activity in BEGINNINGS
    }
    cycles = np.array([cycle_s(way) for way in whole.values()])
    begins = np.array([way[0].start_s for way in whole.values()])
    is_whole = begins + cycles < end_s - CUT_S
    weights = dict(zip(whole, whole_weights(cycles, is_whole).tolist(), strict=True))
    zero_s = min(way[0].start_s for way in coming.values())
    orders = [
        Coming(case, way[0].start_s - zero_s, next((each.quantity for each in way if each.quantity), None))
        for case, way in coming.items()
    ]
    plant = plant_of_delays(whole, weights, orders, Entropy(SEED).generator("routes").random, copies=COPIES)
    made = compiled(plant)
    found: list[list[float]] = [[] for _ in orders]
    names = [order.name for order in made.plant.orders_by_release]
    of = {order.name: place for place, order in enumerate(orders)}
    for replication in range(REPLICATIONS):
        start = fresh(made, seed=SEED)
        start.become(start, replication_key(SEED, replication))
        ended = advance(made, start)["ended"]
        for name, tick in zip(names, ended.tolist(), strict=True):
            place = of[name.partition("#")[0]]
            found[place].append(min(tick, end_s - zero_s) - orders[place].release_s)
    return [np.array(each) for each in found], len(past) - len(whole)


def judge(past: Ways, coming: Ways, end_s: float) -> Verdict:
    """Return how the prediction of `coming` from `past` went, in a log that ends at `end_s`."""
    drawn, left_out = predict(past, coming, end_s)
    dice = Entropy(SEED).generator("resample")
    actual = np.array([cycle_s(way) for way in coming.values()]) / DAY_S
    january = np.array([cycle_s(way) for way in past.values()]) / DAY_S
    predicted = tuple(each / DAY_S for each in drawn)
    even = (np.arange(100) + 0.5) / 100
    pooled = np.concatenate([np.quantile(each, even) for each in predicted])
    begins = np.array([way[0].start_s for way in coming.values()])
    n = len(actual)
    picks = (dice.random((RESAMPLES, n)) * n).astype(int)
    within = {}
    for name, q in (("median", 0.5), ("P90", 0.9)):
        low, high = np.quantile(np.quantile(actual[picks], q, axis=1), (0.05, 0.95))
        within[name] = (float(np.quantile(pooled, q)), float(np.quantile(actual, q)), float(low), float(high))
    week_of = np.floor((begins + actual * DAY_S - SUNDAY_S) / WEEK_S).astype(int)
    expected = [
        np.floor((b + each * DAY_S - SUNDAY_S) / WEEK_S) for b, each in zip(begins, predicted, strict=True)
    ]
    first, last = (
        int(np.floor((begins.min() - SUNDAY_S) / WEEK_S)),
        int(np.floor((end_s - SUNDAY_S) / WEEK_S)),
    )
    weeks = []
    for week in range(first, last + 1):
        low, high = np.quantile((week_of[picks] == week).sum(axis=1), (0.05, 0.95))
        mean = math.fsum(float((each == week).mean()) for each in expected)
        day = np.datetime64(int(week * WEEK_S + SUNDAY_S), "s").astype("datetime64[D]")
        weeks.append((str(day), mean, int((week_of == week).sum()), float(low), float(high)))
    windows = (end_s - begins) / DAY_S
    ours = np.array([crps(each, y) for each, y in zip(predicted, actual, strict=True)])
    theirs = np.array([crps(january, y) for y in actual])
    scores = {
        "this model": float(ours.mean()),
        "January as measured": float(theirs.mean()),
        "January as measured, cut at the log's end": float(
            np.mean([crps(np.minimum(january, w), y) for w, y in zip(windows, actual, strict=True)])
        ),
        "January's median": float(np.abs(np.median(january) - actual).mean()),
        "January's mean": float(np.abs(january.mean() - actual).mean()),
    }
    low, high = np.quantile((theirs - ours)[picks].mean(axis=1), (0.05, 0.95))
    coverage = {}
    for level in (50, 80, 90):
        tail = (100 - level) / 200
        inside = [
            np.quantile(each, tail) <= y <= np.quantile(each, 1 - tail)
            for each, y in zip(predicted, actual, strict=True)
        ]
        coverage[level] = float(np.mean(inside))
    return Verdict(len(past), left_out, actual, predicted, pooled, january, within, tuple(weeks), scores,
                   (float((theirs - ours).mean()), float(low), float(high)), coverage)  # fmt: skip


def at(text: str) -> float:
    """Return a day of the log's clock as seconds."""
    return float(np.datetime64(text, "s").astype(np.int64))


def february(rows: Sequence[Row]) -> Verdict:
    """Return the protocol of the data's README: January's orders predict February's."""
    end_s = max(row.end_s for row in rows)
    ways = operations(rows)
    past = split(ways, low_s=0, high_s=at("2012-02-01"))
    return judge(past, split(ways, low_s=at("2012-02-01"), high_s=at("2012-03-01")), end_s)


def within_january(rows: Sequence[Row]) -> dict[str, Verdict]:
    """Return the protocol played inside January, where the model was chosen: two cuts, two ends."""
    january = {case for case, way in operations(rows).items() if way[0].start_s < at("2012-02-01")}
    rows = [row for row in rows if row.case in january]
    found = {}
    for cut in ("2012-01-16", "2012-01-22"):
        for end in ("2012-02-29", "2012-03-30T10:55"):
            held = cut_at(rows, at(end))
            found[f"until {cut}, log until {end}"] = judge(
                split(held, low_s=0, high_s=at(cut)),
                split(held, low_s=at(cut), high_s=at("2012-02-01")),
                at(end),
            )
    return found


def waiting(rows: Sequence[Row]) -> str:
    """Return in one line what machines did while orders waited for them."""
    found = discover("", Log(tuple(rows)), Entropy(SEED).generator("none").random, replications=0)
    whole = sum(found.waits.values())
    shares = ", ".join(f"{name} {hours / whole:.0%}" for name, hours in found.waits.items())
    return f"What goes on while an order waits, by hours, all 225 orders: {shares}."


def figures(verdict: Verdict) -> str:
    """Return the tables of the page."""
    v = verdict
    lines = [
        f"Fitted to {v.fitted - v.under_way} of {v.fitted} earlier orders ({v.under_way} were under way when "
        f"the log began), asked about {len(v.actual)} later ones.",
        "",
        "| days | predicted | actual | 90 % of the actual | inside |",
        "|---|---|---|---|---|",
    ]
    for name, (said, real, low, high) in v.within.items():
        lines.append(
            f"| {name} | {said:.1f} | {real:.1f} | {low:.1f} to {high:.1f} | {_yes(low <= said <= high)} |"
        )
    inside = sum(low <= said <= high for _, said, _, low, high in v.weeks)
    lines += [
        "",
        f"Completions in {inside} of {len(v.weeks)} weeks inside the interval of the actual:",
        "",
        "| week from | predicted | actual | 90 % of the actual | inside |",
        "|---|---|---|---|---|",
    ]
    for day, said, real, low, high in v.weeks:
        lines.append(
            f"| {day} | {said:.1f} | {real} | {low:.0f} to {high:.0f} | {_yes(low <= said <= high)} |"
        )
    lines += ["", "| who predicts | CRPS, days |", "|---|---|"]
    lines += [f"| {name} | {score:.2f} |" for name, score in v.crps.items()]
    gain, low, high = v.gain
    held = ", ".join(f"{level} % hold {share:.0%}" for level, share in v.coverage.items())
    lines += [
        "",
        f"CRPS below that of January as measured by {gain:.2f} days (90 % interval {low:.2f} to {high:.2f}, "
        "orders resampled).",
        "",
        f"The model's own intervals, order by order: {held}.",
    ]
    return "\n".join(lines)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "**no**"


def picture(verdict: Verdict) -> str:
    """Return the distributions of cycle times, predicted, actual and January's, as SVG."""
    width, height, left, top, days = 720, 320, 50, 20, 90
    lines = (("January, all orders", verdict.january, "#9aa0a6"), ("predicted", verdict.pooled, "#1a73e8"),
             ("February, actual", verdict.actual, "#d93025"))  # fmt: skip

    def x(day: float) -> float:
        return left + day / days * (width - left - 10)

    def y(share: float) -> float:
        return top + (1 - share) * (height - top - 40)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
           'font-size="12">', f'<rect width="{width}" height="{height}" fill="#fff"/>']  # fmt: skip
    for day in range(0, days + 1, 15):
        out.append(f'<path d="M{x(day):.1f} {y(0):.1f}V{y(1):.1f}" stroke="#eee"/>')
        out.append(f'<text x="{x(day):.1f}" y="{y(0) + 16:.1f}" text-anchor="middle">{day}</text>')
    for share in (0, 0.5, 0.9, 1):
        out.append(f'<path d="M{left} {y(share):.1f}H{width - 10}" stroke="#eee"/>')
        out.append(f'<text x="{left - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for place, (name, values, color) in enumerate(lines):
        steps = [f"M{x(0):.1f} {y(0):.1f}"]
        sorted_values = np.sort(values)
        keep = np.linspace(0, len(values) - 1, min(len(values), 200)).astype(int)
        steps += [f"H{x(float(sorted_values[k])):.1f}V{y((k + 1) / len(values)):.1f}" for k in keep.tolist()]
        out.append(f'<path d="{"".join(steps)}" fill="none" stroke="{color}" stroke-width="2"/>')
        out.append(f'<text x="{width - 180}" y="{y(0.35) + 18 * place:.1f}" fill="{color}">{name}</text>')
    about = "share of orders with a cycle time up to so many days"
    out.append(f'<text x="{x(days / 2):.1f}" y="{height - 6}" text-anchor="middle">{about}</text></svg>')
    return "\n".join(out) + "\n"


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    words.add_argument("log", nargs="?", default=str(LOG))
    words.add_argument("--write", action="store_true")
    words.add_argument("--within-january", action="store_true")
    options = words.parse_args()
    rows, left_out = rows_of(Path(options.log))
    print(f"{len(rows)} reports, {left_out} lines left out")
    if options.within_january:
        for name, verdict in within_january(rows).items():
            print(f"\n== {name}\n{figures(verdict)}")
        return
    verdict = february(rows)
    page = f"{figures(verdict)}\n\n{waiting(rows)}"
    print(page)
    if options.write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        tail = rest.partition(END)[2]
        PAGE.write_text(f"{head}{BEGIN}\n{page}\n{END}{tail}", encoding="utf-8")
        PICTURE.write_text(picture(verdict), encoding="utf-8")


if __name__ == "__main__":
    main()
