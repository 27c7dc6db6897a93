"""Calibrate a plant on the first weeks of a history, predict the weeks behind them, say how far off that was.

    python tools/calibration.py one DATA OUT.json [--plant FOLDER] [--skip-days 2] [--fit-days 26] [--days 7]
    python tools/calibration.py report OUT.json ... [--write]

`one` reads a history (signals, MES facts) up to a cut, fits, then stands at the beginning of each shift
behind the cut, and runs forward over it from the plant as it stood, with the orders that came.
What came after the cut is read by nobody who fits. An OUT.json that is there already is left as it is, and
what was broken off goes on with the next shift, so a run over many plants goes on where it stopped. `report`
puts all of them into docs/calibration.md and draws docs/images/calibration.svg.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from taktwin.contracts.backtest import Epoch
from taktwin.contracts.events import (
    JobOrderAborted,
    JobOrderCancelled,
    JobOrderEnded,
    JobOrderStored,
    MaterialCounted,
)
from taktwin.contracts.state import BufferDocument, Frame, UnitDocument
from taktwin.history.client import History
from taktwin.history.values import unpack
from taktwin.identity import EquipmentId, SignalId
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.measures.time_classes import ClassSpan, band_of
from taktwin.plant import open_plant
from taktwin.plant.registry import Equipment, Registry
from taktwin.plant.routes import made_at
from taktwin.simulation.parameters import ParameterSet
from taktwin.standards import packml
from taktwin.standards.iso22400 import TimeClass
from taktwin.whatif import kept
from taktwin.whatif.backtest_run import epoch, others_of
from taktwin.whatif.past import KINDS, Fact, facts, opened_ns
from taktwin.whatif.refit import calibration

ROOT = Path(__file__).resolve().parent.parent
PLANT = ROOT / "examples" / "plants" / "northfield"
PAGE, PICTURE = ROOT / "docs" / "calibration.md", ROOT / "docs" / "images" / "calibration.svg"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
DAY_NS = 86_400 * SECOND_NS
EPOCH_NS = 8 * 3600 * SECOND_NS
BACK_NS = 4 * DAY_NS  # of counts: an order that is open for longer is one that nobody works on
RUNS, SEED = 200, 1
Said = dict[SignalId, tuple[Any, int]]  # value and when it was said
BESIDE = ("late_orders", "scrap")  # told as well, and asked of nobody
JUDGED = {"parts_done": 0.03, "wip": 0.10, "lead_time_h": 0.10}  # and how far off each may be
# What is held against what came. A lead time is a ratio, and without bound where a run finishes nothing: the
# middle of the runs stands for it.
SAID = {"parts_done": "mean", "wip": "mean", "lead_time_h": "p50"}
ROLES = ("state", "mode", "set_up", "blocked", "starved", "good_count", "reject_count", "power", "alarm_code",
         "product", "job")  # fmt: skip
OVER = (JobOrderAborted, JobOrderCancelled, JobOrderEnded)
COUNTS = ("material.counted", "material.scrapped", "material.scrap.undone")


# -- the plant as it stood, out of its history


class Stood:
    """What twin and MES would have said of an instant, from signals and facts alone."""

    def __init__(self, history: History, registry: Registry, from_ns: int, to_ns: int) -> None:
        """`from_ns`: of the first epoch."""
        self._history, self._registry = history, registry
        self._signals = [each for each in registry.signals if each.role in ROLES]
        said = self._facts([name for name in KINDS if name not in COUNTS], 0, to_ns)
        self._jobs = open_ones(said, from_ns)
        self._ended = [fact for fact in said if isinstance(fact.content, JobOrderStored | JobOrderEnded)]

    def _facts(self, names: Iterable[str], from_ns: int, to_ns: int) -> list[Fact]:
        table = self._history.events(from_ns, to_ns + 1, types=list(names))
        return facts(zip(*(table[each].to_pylist() for each in ("time_ns", "sequence", "body")), strict=True))

    def told(self, from_ns: int, to_ns: int) -> list[Fact]:
        """Return all facts that matter for an epoch: also those of orders that were open when it began."""
        known = [fact for fact in self._jobs if fact.at_ns <= to_ns]
        since = opened_ns([fact for fact in known if fact.at_ns <= from_ns], from_ns)
        counts = self._facts(COUNTS, max(from_ns if since is None else since, from_ns - BACK_NS), to_ns)
        return sorted([*known, *counts], key=lambda fact: (fact.sequence, fact.at_ns))

    def stock(self, told: Sequence[Fact], at_ns: int) -> dict[str, int]:
        """Return how many made parts lie in store at an instant: what was made less what was taken."""
        takes = {
            name: [
                item.product for item in product.bill_of_material if item.product in made_of(self._registry)
            ]
            for name, product in self._registry.products.items()
        }
        found: dict[str, int] = defaultdict(int)
        job_of: dict[str, JobOrderStored] = {}

        def book(job: str, good: int, scrap: int) -> None:
            order = job_of.get(job)
            if order is None:
                return
            if order.last_operation and order.product in made_of(self._registry):
                found[order.product] += good
            if order.operation == 10:
                for part in takes[order.product]:
                    found[part] -= good + scrap

        over = set()
        for fact in self._ended:
            if fact.at_ns <= at_ns and isinstance(fact.content, JobOrderStored):
                job_of[fact.content.job] = fact.content
            elif fact.at_ns <= at_ns and isinstance(fact.content, JobOrderEnded):
                over.add(fact.content.job)
                book(fact.content.job, fact.content.good, fact.content.scrap)
        for fact in told:
            counted = fact.content
            if fact.at_ns <= at_ns and isinstance(counted, MaterialCounted) and counted.job not in over:
                is_good = counted.kind == "good"
                book(counted.job, counted.quantity * is_good, counted.quantity * (not is_good))
        return dict(found)

    def frame(self, at_ns: int) -> Frame:
        """Return the picture of an instant."""
        table = self._history.as_of([each.id for each in self._signals], at_ns)
        said: Said = {
            SignalId(str(name)): (value, int(source or 0))
            for name, value, source in zip(
                table["signal"].to_pylist(), unpack(table), table["source_ns"].to_pylist(), strict=True
            )
        }
        index = {each.id: each.index for each in self._signals}
        known = [name for name in index if name in said]
        return Frame(
            sequence=1, at_ns=at_ns, signals=[index[name] for name in known],
            values=[said[name][0] for name in known], source_ns=[said[name][1] for name in known],
            units=[self._unit(unit, said, at_ns) for unit in self._registry.work_units],
            buffers=[self._buffer(each, said) for each in self._registry.buffers],
            state_hash=f"{at_ns:064x}",
        )  # fmt: skip

    def _unit(self, unit: Equipment, said: Said, at_ns: int) -> UnitDocument:
        here = {
            self._registry.signals[n].role: said[self._registry.signals[n].id]
            for n in unit.signals if self._registry.signals[n].id in said
        }  # fmt: skip
        calendar = self._registry.calendars.get(unit.calendar)
        planned = calendar is None or calendar.planned(at_ns)
        kind, state, since = TimeClass.UNKNOWN, "", 0
        if "state" in here:
            number = int(here["state"][0])
            state = packml.WORDS.get(packml.State(number), "")
            kind = packml.time_class(
                number, set_up=_is(here, "set_up") or _is(here, "mode", packml.Mode.MANUAL),
                blocked=_is(here, "blocked"), starved=_is(here, "starved"), planned=planned,
            )  # fmt: skip
            since = max(here[name][1] for name in ("state", "set_up", "blocked", "starved") if name in here)
        elif unit.bands and "power" in here:
            word = band_of(unit.bands, float(here["power"][0]))
            waits = TimeClass.STARVED if planned else TimeClass.PLANNED_DOWN
            kind = TimeClass(word) if word in set(TimeClass) else waits
            since = here["good_count"][1] if "good_count" in here else here["power"][1]
        return UnitDocument(unit=str(unit.id), time_class=kind.value, state=state, since_ns=since)

    def _buffer(self, buffer: Any, said: Said) -> BufferDocument:
        def counted(unit: str, roles: tuple[str, ...]) -> int:
            own = (self._registry.signals[n] for n in self._registry.equipment[EquipmentId(unit)].signals)
            return sum(int(said[each.id][0]) for each in own if each.role in roles and each.id in said)

        content = sum(counted(unit, ("good_count",)) for unit in buffer.sources)
        content -= sum(counted(unit, ("good_count", "reject_count")) for unit in buffer.targets)
        return BufferDocument(buffer=buffer.id, content=content, capacity=buffer.capacity)

    def stays(self, units: Iterable[str], from_ns: int, to_ns: int) -> dict[str, list[ClassSpan]]:
        """Return time classes over a span; of units whose class nobody asks for, one that is known."""
        firsts = {
            unit for unit, products in made_at(self._registry).items() if any(
                unit in _able(self._registry, self._registry.routings[self._registry.products[name].routing]
                              .operations[0])
                for name in set(products.values()))
        }  # fmt: skip
        found = {}
        for unit in units:
            if unit not in firsts:
                found[unit] = [ClassSpan(from_ns, to_ns, TimeClass.PRODUCTION.value)]
                continue
            roles = {
                self._registry.signals[n].id: self._registry.signals[n].role
                for n in self._registry.equipment[unit].signals  # type: ignore[index]
                if self._registry.signals[n].role in ("state", "mode", "set_up", "blocked", "starved")
            }  # fmt: skip
            table = self._history.range(list(roles), from_ns - DAY_NS, to_ns)
            rows: list[tuple[int, str, Any]] = [
                (int(source or 0), str(name), value)
                for source, name, value in zip(
                    table["source_ns"].to_pylist(), table["signal"].to_pylist(), unpack(table), strict=True
                )
            ]
            rows.sort(key=lambda row: row[0])
            begin = self._history.as_of(list(roles), from_ns - DAY_NS)
            values: dict[str, tuple[Any, int]] = {
                roles[SignalId(str(name))]: (value, 0)
                for name, value in zip(begin["signal"].to_pylist(), unpack(begin), strict=True)
            }
            spans: list[ClassSpan] = []
            at_ns = from_ns - DAY_NS
            for source_ns, name, value in [*rows, (to_ns, "", None)]:
                if source_ns > at_ns and "state" in values:
                    kind = packml.time_class(
                        int(values["state"][0]), set_up=_is(values, "set_up") or _is(values, "mode", 3),
                        blocked=_is(values, "blocked"), starved=_is(values, "starved"), planned=True,
                    )  # fmt: skip
                    spans.append(ClassSpan(at_ns, source_ns, kind.value))
                at_ns = source_ns
                if name:
                    values[roles[SignalId(name)]] = (value, source_ns)
            found[unit] = spans
        return found


def open_ones(said: Iterable[Fact], from_ns: int) -> list[Fact]:
    """Return all that was said of orders that were open at an instant, or came later; in their sequence.

    An overloaded plant has orders that came long ago, and most of what was said is of others.
    """
    orders: dict[str, str] = {}  # job order -> its order
    opened: dict[str, int] = defaultdict(int)  # order -> job orders that are not over then
    kept = []
    for fact in said:
        kept.append(fact)
        if isinstance(fact.content, JobOrderStored):
            orders[fact.content.job] = fact.content.request
            opened[fact.content.request] += 1
        elif isinstance(fact.content, OVER) and fact.at_ns <= from_ns:
            opened[orders[fact.content.job]] -= 1
    return [
        fact for fact in kept
        if (job := getattr(fact.content, "job", "")) not in orders or opened[orders[job]] > 0
    ]  # fmt: skip


def made_of(registry: Registry) -> frozenset[str]:
    """Return the products made here of which others are assembled."""
    makes = {name for name, each in registry.products.items() if each.make}
    return frozenset(
        item.product for each in registry.products.values() for item in each.bill_of_material
        if item.product in makes
    )  # fmt: skip


def _is(values: Mapping[str, tuple[Any, int]], role: str, wanted: Any = True) -> bool:
    return role in values and values[role][0] == wanted


def _able(registry: Registry, operation: Any) -> set[str]:
    if operation.equipment:
        return set(operation.equipment)
    return {str(each.id) for each in registry.work_units if each.class_id == operation.equipment_class}


# -- one plant


def one(options: argparse.Namespace) -> int:
    """Calibrate, predict, write what came of it."""
    out = Path(options.out)
    if out.exists():
        print(f"{out} is there already")
        return 0
    registry = open_plant(options.plant)
    history = History.open(options.data)
    begin_ns = int(history.status().oldest_ns or 0)
    from_ns = begin_ns + round(options.skip_days * DAY_NS)
    cut_ns = from_ns + round(options.fit_days * DAY_NS)
    end_ns = cut_ns + round(options.days * DAY_NS)
    units = registry.work_units
    begun = Begun(out)
    found = begun.calibration
    if found is None:
        found = calibration(history, registry, from_ns, cut_ns, seed=SEED, replications=options.replications)
        begun.calibrated(found)
    print(f"calibrated on {options.fit_days:g} days: {found.hash[:12]}", flush=True)
    parameters = kept.parameters_of(found)
    others = others_of(parameters)
    stood = Stood(history, registry, cut_ns, end_ns)
    calendar = next(each for each in registry.calendars.values() if not each.always)
    shifts = [
        shift for shift in calendar.shifts(cut_ns, end_ns)
        if shift.planned and cut_ns <= shift.from_ns and shift.to_ns <= end_ns
    ]  # fmt: skip
    for shift in shifts[len(begun.epochs) :]:
        told = stood.told(shift.from_ns, shift.to_ns)
        stays = stood.stays((str(unit.id) for unit in units), shift.from_ns, shift.to_ns)
        judged = epoch(
            registry, stood.frame(shift.from_ns), told, stays, parameters=parameters,
            to_ns=shift.to_ns, runs=RUNS, seed=SEED, others=others,
            stock=stood.stock(told, shift.from_ns),
        )  # fmt: skip
        begun.judged(judged)
        print(_line(judged), flush=True)
    document = {
        "name": out.stem, "physics": options.physics, "from_ns": from_ns, "cut_ns": cut_ns, "end_ns": end_ns,
        "calibration": found.hash, "fits": len(found.fits),
        "epochs": begun.epochs,
    }  # fmt: skip
    out.write_text(json.dumps(document) + "\n", encoding="utf-8")
    begun.over()
    return 0


class Begun:
    """What is there of a plant so far, beside where its OUT.json will be: a run that is stopped goes on.

    Lines: the name of the calibration, then an epoch each. A line that was cut is judged anew.
    """

    def __init__(self, out: Path) -> None:
        self._file = out.with_suffix(".part")
        self._folder = out.parent / "calibration"
        text = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines(keepends=True)
        self.calibration: ParameterSet | None = None
        if lines:
            name = lines[0].strip()
            self.calibration = kept.read(next(self._folder.glob(f"*-{name}.json"))).measured
        self.epochs: list[dict[str, Any]] = [json.loads(line) for line in lines[1:]]
        self._file.write_text("".join(lines), encoding="utf-8")

    def calibrated(self, found: ParameterSet) -> None:
        """Keep the calibration."""
        kept.keep(found, self._folder)
        self._add(found.hash[: kept.SHORT])

    def judged(self, found: Epoch) -> None:
        """Keep an epoch."""
        line = msgspec.json.encode(found).decode()
        self.epochs.append(json.loads(line))
        self._add(line)

    def _add(self, line: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def over(self) -> None:
        """Forget it: OUT.json has all of it."""
        self._file.unlink()


def _line(found: Epoch) -> str:
    if found.left_out:
        return f"{rfc3339(found.from_ns)[:16]} left out: {found.left_out[0].text}"
    told = (
        f"{s.indicator} {s.actual:.4g} [{s.low_95:.4g} {s.mean:.4g} {s.high_95:.4g}]" for s in found.scored
    )
    return f"{rfc3339(found.from_ns)[:16]} " + ", ".join(told)


# -- all of them


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return of one plant how far off the means were, and how often intervals held what came."""
    scored: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in document["epochs"]:
        for row in each["scored"]:
            scored[row["indicator"]].append(row)
    found: dict[str, Any] = {"epochs": sum(bool(each["scored"]) for each in document["epochs"])}
    for name, rows in scored.items():
        actual = np.array([row["actual"] for row in rows])
        mean = np.array([row[SAID.get(name, "mean")] for row in rows])
        inside = [row["low_95"] <= row["actual"] <= row["high_95"] for row in rows]
        inside_80 = [row["low_80"] <= row["actual"] <= row["high_80"] for row in rows]
        error = float(mean.sum() / actual.sum() - 1) if actual.sum() else math.nan
        found[name] = {"error": error, "inside": sum(inside), "inside_80": sum(inside_80), "n": len(rows),
                       "actual": float(actual.mean()), "mean": float(mean.mean())}  # fmt: skip
    return found


def page(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures as Markdown, each plant a line, the pooled ones first."""
    tables = [(each, summary(each)) for each in documents]
    head = "off, mean of plants | worst | plants within | 95 % held | 80 % held"
    lines = [f"| {len(documents)} plants judged | {head} |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    pooled = [0, 0, 0]
    for name in (*JUDGED, *BESIDE):
        limit = JUDGED.get(name)
        rows = [found[name] for _, found in tables if name in found]
        errors = np.array([row["error"] for row in rows if not math.isnan(row["error"])])  # none in some
        worst = errors[np.argmax(np.abs(errors))]
        n = sum(row["n"] for row in rows)
        inside, inside_80 = sum(row["inside"] for row in rows), sum(row["inside_80"] for row in rows)
        if limit is None:
            asked, within = "no limit", "-"
        else:
            pooled = [pooled[0] + inside, pooled[1] + n, pooled[2] + inside_80]
            asked, within = f"limit {limit:.0%}", f"{int((np.abs(errors) <= limit).sum())} of {len(rows)}"
        lines.append(
            f"| {name} | {np.mean(np.abs(errors)):.1%} ({asked}) | {worst:+.1%} | {within} | "
            f"{inside} of {n}, {inside / n:.0%} | {inside_80 / n:.0%} |"
        )
    share = f"**{pooled[0]} of {pooled[1]}, {pooled[0] / pooled[1]:.1%}**"
    lines.append(f"| **pooled, of the first three** | | | | {share} | {pooled[2] / pooled[1]:.0%} |")
    lines += ["", "| plant | fitted on | predicted | epochs | throughput | WIP | lead time | 95 % held |",
              "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for document, found in tables:
        held = sum(found[name]["inside"] for name in JUDGED if name in found)
        n = sum(found[name]["n"] for name in JUDGED if name in found)
        span = [rfc3339(document[name])[:10] for name in ("from_ns", "cut_ns", "end_ns")]
        errors_said = " | ".join(f"{found[name]['error']:+.1%}" if name in found else "-" for name in JUDGED)
        lines.append(f"| {document['name']} | {span[0]} to {span[1]} | to {span[2]} | {found['epochs']} | "
                     f"{errors_said} | {held} of {n} |")  # fmt: skip
    return "\n".join(lines)


def chart(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return where what came lies among the runs: even is right, heaps at the ends are too narrow."""
    ranks: dict[str, list[float]] = defaultdict(list)
    for document in documents:
        for each in document["epochs"]:
            for row in each["scored"]:
                if row["indicator"] in JUDGED:
                    ranks[row["indicator"]].append((row["below"] + row["equal"] / 2) / row["runs"])
    lines = []
    for name, values in ranks.items():
        counts: npt.NDArray[np.int64] = np.histogram(values, np.linspace(0, 1, 11))[0]
        lines.append(f"{name} (n = {len(values)}, evenly would be {len(values) / 10:.1f} each)")
        edges = np.linspace(0, 0.9, 10)
        lines += [f"  {low:.1f} {'#' * int(count)} {count}" for low, count in zip(edges, counts, strict=True)]
    return "\n".join(lines)


def picture(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return each epoch beside what was foretold, as SVG: 0 is the middle of the runs, grey their 95 %."""
    width, high, most, left = 900, 150, 0.5, 60.0
    epochs = [each for document in documents for each in document["epochs"] if each["scored"]]
    step = (width - left - 10) / max(1, len(epochs))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {len(JUDGED) * high + 10}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{len(JUDGED) * high + 10}" fill="#fff"/>']  # fmt: skip
    for number, name in enumerate(JUDGED):
        middle = number * high + high / 2 + 5

        def y(ratio: float, middle: float = middle) -> float:
            return middle - min(most, max(-most, ratio - 1)) / most * (high / 2 - 12)

        out.append(f'<text x="{left}" y="{number * high + 13}">{name}</text>')
        for ratio in (1 - most, 1.0, 1 + most):
            out.append(f'<path d="M{left} {y(ratio):.1f}H{width - 10}" stroke="#ddd"/>')
            out.append(
                f'<text x="{left - 6}" y="{y(ratio) + 4:.1f}" text-anchor="end">{ratio - 1:+.0%}</text>'
            )
        for place, each in enumerate(epochs):
            row = next((row for row in each["scored"] if row["indicator"] == name), None)
            if row is None or not row["p50"]:
                continue
            x = left + (place + 0.5) * step
            low, high_95, came = (row[word] / row["p50"] for word in ("low_95", "high_95", "actual"))
            color = "#1a5fb4" if low <= came <= high_95 else "#c01c28"
            out.append(f'<path d="M{x:.1f} {y(low):.1f}V{y(high_95):.1f}" stroke="#bbb" '
                       f'stroke-width="{max(0.6, step * 0.6):.1f}"/>')  # fmt: skip
            out.append(
                f'<circle cx="{x:.1f}" cy="{y(came):.1f}" r="{max(0.8, step * 0.5):.1f}" fill="{color}"/>'
            )
    return "\n".join([*out, "</svg>", ""])


def report(options: argparse.Namespace) -> int:
    """Print the figures, or write them into the page."""
    documents = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sorted(options.out)]
    text = f"{page(documents)}\n\nRanks of what came among the runs:\n\n```text\n{chart(documents)}\n```"
    if not options.write:
        print(text)
        return 0
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    PICTURE.write_text(picture(documents), encoding="utf-8")
    return 0


def main(words: Sequence[str]) -> int:
    """Read the words, do one of both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    of_one = commands.add_parser("one")
    of_one.add_argument("data")
    of_one.add_argument("out")
    of_one.add_argument("--plant", default=str(PLANT))
    of_one.add_argument("--physics", default="the demo's own", help="what is said of the plant in the report")
    of_one.add_argument("--skip-days", type=float, default=2.0, help="in which the plant fills up")
    of_one.add_argument("--fit-days", type=float, default=26.0)
    of_one.add_argument("--days", type=float, default=7.0, help="that are predicted")
    of_one.add_argument("--replications", type=int, default=99, help="of each goodness of fit")
    of_one.set_defaults(do=one)
    of_all = commands.add_parser("report")
    of_all.add_argument("out", nargs="+")
    of_all.add_argument("--write", action="store_true")
    of_all.set_defaults(do=report)
    options = parser.parse_args(words)
    return int(options.do(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
