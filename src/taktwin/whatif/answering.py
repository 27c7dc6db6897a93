"""What came of the runs in the plant's words: comes in an experiment, goes out an answer's parts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

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
BUSY = ("working", "setup", "failed", "upkeep")


def spread(values: FloatArray) -> Spread:
    """Return what a figure is over (n,) runs; the half-width of one run is 0."""
    half = half_width(values) if len(values) > 1 else 0.0
    p10, p25, p50, p75, p90 = (float(x) for x in np.quantile(values, (0.1, 0.25, 0.5, 0.75, 0.9)))
    levels = (np.arange(DOTS) + 0.5) / DOTS
    dots = np.quantile(values, levels, method="inverted_cdf")
    return Spread(mean=float(np.mean(values)), half_width=half, p10=p10, p25=p25, p50=p50, p75=p75, p90=p90,
                  dots=dots.tolist())  # fmt: skip


def indicator(answer: Comparison, asked: Kpi, against: Mapping[str, str] | None = None) -> Indicator:
    """Return one figure of all futures; `against`: what a scenario is compared with, else doing nothing."""
    base = answer.values(AS_IT_IS, asked.name)
    effects = []
    for scenario in answer.scenarios[1:]:
        mine = answer.values(scenario.name, asked.name)
        other = (against or {}).get(scenario.name)
        theirs = answer.values(other, asked.name) if other else base
        n = min(len(mine), len(theirs))
        difference = mine[:n] - theirs[:n]
        gain = asked.better * difference
        best = answer[scenario.name, asked.name].best
        effects.append(Effect(
            scenario=scenario.name, outcome=spread(mine), difference=spread(difference),
            better=float(np.mean(gain > 0)), same=float(np.mean(difference == 0)),
            worse=float(np.mean(gain < 0)), best=0.0 if math.isnan(best) else best, replications=len(mine),
            out_after=answer.eliminated.get(scenario.name, 0),
        ))  # fmt: skip
    more = asked.better > 0 if asked.better else None
    return Indicator(
        name=asked.name, unit=asked.unit, more_is_better=more, base=spread(base), effects=effects
    )  # fmt: skip


def orders(answer: Comparison, here: Present, requests: Requests) -> list[OrderOutlook]:
    """Return each order's outlook: those that are open now, then those that a scenario adds."""
    ends = [requests.ends(answer.runs[each.name]) for each in answer.scenarios]
    shown: dict[str, tuple[str, int]] = {w.request: (w.product, w.due_ns) for w in here.fork.wanted}
    for told in ends[1:]:
        for name, product, due_s in zip(told.names, told.products, told.due_s, strict=True):
            shown.setdefault(name, (product, 0 if math.isinf(due_s) else _ns(here, float(due_s))))
    places = [{name: place for place, name in enumerate(told.names)} for told in ends]
    looks = [
        [_outlook(here, told, place.get(name)) for told, place in zip(ends, places, strict=True)]
        for name in shown
    ]
    return [
        OrderOutlook(order=name, product=product, due_ns=due_ns, base=each[0], scenarios=each[1:])
        for (name, (product, due_ns)), each in zip(shown.items(), looks, strict=True)
    ]


def _ns(here: Present, second: float) -> int:
    return here.at_ns + round(second * SECOND_NS)


def _outlook(here: Present, ends: OrderEnds, place: int | None) -> Outlook:
    if place is None:
        return Outlook(is_there=False)

    def at(level: float) -> int:
        second = float(np.quantile(ends.done_s[:, place], level, method="inverted_cdf"))
        return 0 if math.isinf(second) else _ns(here, second)

    return Outlook(late=float(ends.late[:, place].mean()), done_ns=at(0.5), done_p10_ns=at(0.1),
                   done_p90_ns=at(0.9))  # fmt: skip


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
