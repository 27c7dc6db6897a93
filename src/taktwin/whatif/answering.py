"""What came of the runs in the plant's words: comes in an experiment, goes out an answer's parts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from taktwin.contracts.whatif import (
    Bottleneck,
    Effect,
    Indicator,
    OrderOutlook,
    Outlook,
    Shares,
    Spread,
    UnitShares,
)
from taktwin.instants import SECOND_NS
from taktwin.simulation import kernel
from taktwin.simulation.experiment import AS_IT_IS, Comparison
from taktwin.simulation.inference import FloatArray, half_width
from taktwin.simulation.result import Kpi, Runs
from taktwin.whatif.indicators import OrderEnds, Requests
from taktwin.whatif.present import Present

DOTS = 20
# What the kernel counts, as a planner reads it.
STATES = {
    "working": (kernel.WORKING,), "setup": (kernel.SETUP,), "blocked": (kernel.BLOCKED,),
    "starved": (kernel.IDLE,), "failed": (kernel.BROKEN, kernel.REPAIR), "off": (kernel.OFF,),
    "no_crew": (kernel.CALLING,), "upkeep": (kernel.UPKEEP,),
}  # fmt: skip
NOT_THERE = Outlook(is_there=False)
BUSY = ("working", "setup", "failed", "upkeep")


def spreads(figures: Sequence[FloatArray]) -> list[Spread]:
    """Return what each figure is over its (n,) runs; the half-width of one run is 0."""
    alike: dict[int, list[int]] = {}
    for place, values in enumerate(figures):
        alike.setdefault(len(values), []).append(place)
    found: dict[int, Spread] = {}
    levels = (np.arange(DOTS) + 0.5) / DOTS
    for count, places in alike.items():  # together: a call costs as much as what it computes of one figure
        rows = np.array([figures[place] for place in places])
        marks = np.quantile(rows, (0.1, 0.25, 0.5, 0.75, 0.9), axis=1).T.tolist()
        dots = np.quantile(rows, levels, axis=1, method="inverted_cdf").T.tolist()
        for place, values, (p10, p25, p50, p75, p90), its in zip(places, rows, marks, dots, strict=True):
            half = half_width(values) if count > 1 else 0.0
            found[place] = Spread(mean=float(np.mean(values)), half_width=half, p10=p10, p25=p25, p50=p50,
                                  p75=p75, p90=p90, dots=its)  # fmt: skip
    return [found[place] for place in range(len(figures))]


def indicator(answer: Comparison, asked: Kpi, against: Mapping[str, str] | None = None) -> Indicator:
    """Return one figure of all futures; `against`: what a scenario is compared with, else doing nothing."""
    base = answer.values(AS_IT_IS, asked.name)
    others = answer.scenarios[1:]
    outcomes = [answer.values(each.name, asked.name) for each in others]
    differences = []
    for scenario, mine in zip(others, outcomes, strict=True):
        other = (against or {}).get(scenario.name)
        theirs = answer.values(other, asked.name) if other else base
        n = min(len(mine), len(theirs))
        differences.append(mine[:n] - theirs[:n])
    whole, *told = spreads([base, *outcomes, *differences])
    effects = []
    for scenario, difference, outcome, apart in zip(
        others, differences, told[: len(others)], told[len(others) :], strict=True
    ):
        gain = asked.better * difference
        best = answer[scenario.name, asked.name].best
        effects.append(Effect(
            scenario=scenario.name, outcome=outcome, difference=apart,
            better=float(np.mean(gain > 0)), same=float(np.mean(difference == 0)),
            worse=float(np.mean(gain < 0)), best=0.0 if math.isnan(best) else best,
            replications=len(answer.runs[scenario.name]),
            out_after=answer.eliminated.get(scenario.name, 0),
        ))  # fmt: skip
    more = asked.better > 0 if asked.better else None
    return Indicator(name=asked.name, unit=asked.unit, more_is_better=more, base=whole, effects=effects)


def orders(answer: Comparison, here: Present, requests: Requests) -> list[OrderOutlook]:
    """Return each order's outlook: those that are open now, then those that a scenario adds."""
    ends = [requests.ends(answer.runs[each.name]) for each in answer.scenarios]
    shown: dict[str, tuple[str, int]] = {w.request: (w.product, w.due_ns) for w in here.fork.wanted}
    for told in ends[1:]:
        for name, product, due_s in zip(told.names, told.products, told.due_s, strict=True):
            shown.setdefault(name, (product, 0 if math.isinf(due_s) else _ns(here, float(due_s))))
    futures = [_outlooks(here, told) for told in ends]
    return [
        OrderOutlook(order=name, product=product, due_ns=due_ns, base=looks[0], scenarios=looks[1:])
        for name, (product, due_ns) in shown.items()
        for looks in [[known.get(name, NOT_THERE) for known in futures]]
    ]


def _ns(here: Present, second: float) -> int:
    return here.at_ns + round(second * SECOND_NS)


def _outlooks(here: Present, ends: OrderEnds) -> dict[str, Outlook]:
    """Return the outlook of each order of a future, by its name."""
    if not ends.names:
        return {}

    def at(second: float) -> int:
        return 0 if math.isinf(second) else _ns(here, second)

    done_s = np.quantile(ends.done_s, (0.5, 0.1, 0.9), axis=0, method="inverted_cdf").T.tolist()
    late = ends.late.mean(0).tolist()
    return {
        name: Outlook(late=share, done_ns=at(p50), done_p10_ns=at(p10), done_p90_ns=at(p90))
        for name, share, (p50, p10, p90) in zip(ends.names, late, done_s, strict=True)
    }


def units(answer: Comparison, here: Present) -> list[UnitShares]:
    """Return what each work unit does with its time."""
    base, *others = (_shares(answer.runs[each.name], here) for each in answer.scenarios)
    return [
        UnitShares(
            unit=unit, base=base.get(unit, Shares()), scenarios=[each.get(unit, Shares()) for each in others]
        )
        for unit in sorted(here.model.unit_of)
    ]  # fmt: skip


def bottleneck(answer: Comparison, here: Present) -> Bottleneck:
    """Return the work unit that is busy for most of the time that it is on, of each future."""

    def busiest(shares: dict[str, Shares]) -> str:
        busy = {
            unit: sum(getattr(each, name) for name in BUSY) / (1 - each.off)
            for unit, each in shares.items() if each.off < 1
        }  # fmt: skip
        most = max(busy, key=busy.__getitem__, default="")
        return most if most and busy[most] > 0 else ""

    found = [busiest(_shares(answer.runs[each.name], here)) for each in answer.scenarios]
    return Bottleneck(base=found[0], scenarios=found[1:])


def _shares(runs: Runs, here: Present) -> dict[str, Shares]:
    spent = runs.spent.astype(np.float64)
    whole = spent.sum(2, keepdims=True)
    mean = (spent / np.maximum(whole, 1)).mean(0)
    found = {}
    for place, unit in enumerate(runs.plant.unit_names):
        shares = {name: float(mean[place, list(of)].sum()) for name, of in STATES.items()}
        found[here.names.work_unit(unit)] = Shares(**shares)
    return found
