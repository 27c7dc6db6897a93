"""What came of runs: KPIs, orders and units as columns, and the records of what was asked and answered.

`Runs` holds what the kernel counted in replications of one plant, one row each, counted from the instant
at which they began. A KPI is one number for each replication, NaN where there is nothing to tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from taktwin.simulation import kernel
from taktwin.simulation.changes import order_of
from taktwin.simulation.check import Finding, ModelError
from taktwin.simulation.compile import Compiled
from taktwin.simulation.inference import FloatArray
from taktwin.simulation.model import PRICE_UNITS
from taktwin.simulation.scenario import Scenario, change_json, fingerprint
from taktwin.simulation.state import State
from taktwin.simulation.written import one_of

IntArray = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks into a run while it goes on, at equal distances: for what no counter tells."""

    looks: int  # beside the one at the beginning
    figures: int
    of: Callable[[Compiled, State], Sequence[float]]


class Runs:
    """What replications of one plant counted.

    Arrays have a row for each replication: began and until (ticks), made (products), spent (units, states;
    ticks), priced (as spent, weighted with the price), ended (orders), in_work, in_work_ticks, stock
    (materials), seen (looks, figures; what a `Watch` saw, at the beginning first).
    """

    def __init__(self, plant: Compiled, count: int, watch: Watch | None = None) -> None:
        """Make room for a number of replications; `put` fills them, `head` cuts off what nobody filled."""
        self.plant = plant
        looks = (0, 0) if watch is None else (watch.looks + 1, watch.figures)
        self.seen: FloatArray = np.zeros((count, *looks), np.float64)
        self.began: IntArray = np.zeros(count, np.int64)
        self.until: IntArray = np.zeros(count, np.int64)
        self.made: npt.NDArray[Any] = np.zeros((count, len(plant.products)), kernel.PRODUCT_STATE)
        self.spent: IntArray = np.zeros((count, len(plant.units), kernel.STATES), np.int64)
        self.priced: IntArray = np.zeros((count, len(plant.units), kernel.STATES), np.int64)
        self.ended: IntArray = np.zeros((count, len(plant.order_names)), np.int64)
        self.past: npt.NDArray[np.bool_] = np.zeros((count, len(plant.order_names)), np.bool_)
        self.in_work: IntArray = np.zeros(count, np.int64)
        self.in_work_ticks: IntArray = np.zeros(count, np.int64)
        self.stock: IntArray = np.zeros((count, len(plant.stock)), np.int64)

    def __len__(self) -> int:
        """Return how many replications there are."""
        return len(self.began)

    def begin(self, row: int, start: State, *, is_fresh: bool) -> None:
        """Note what was counted before a run: it is no part of it."""
        self.began[row] = start.now
        if not is_fresh:
            self._words(self.made)[row] = -self._words(start["made"])
            self.spent[row] = -start["spent"]
            self.priced[row] = -self._priced(start)
            self.in_work_ticks[row] = -start["run"]["in_work_ticks"][0]
            self.past[row] = start["ended"] != kernel.OPEN_ORDER

    def put(self, row: int, end: State) -> None:
        """Take out of the end of a run what will be asked."""
        self.until[row] = end.now
        self._words(self.made)[row] += self._words(end["made"])
        self.spent[row] += end["spent"]
        self.priced[row] += self._priced(end)
        self.ended[row] = end["ended"]
        run = end["run"][0]
        self.in_work[row] = run["in_work"]
        self.in_work_ticks[row] += run["in_work_ticks"]
        self.stock[row] = end["stock"]

    @staticmethod
    def _priced(state: State) -> IntArray:
        """Return what each state's time cost by the kilowatt so far: see `energy.energy_cost`."""
        return np.asarray(state["priced"] + state["run"]["price"] * state["spent"], np.int64)

    @staticmethod
    def _words(made: npt.NDArray[Any]) -> IntArray:
        return made.view(np.int64).reshape(*made.shape, -1)

    def columns(self) -> Columns:
        """Return all arrays by their names."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}

    def fill(self, rows: range, columns: Columns) -> None:
        """Take over columns with as many rows, which other replications of this plant counted."""
        for name, mine in self.columns().items():
            mine[rows.start : rows.stop] = columns[name]

    def head(self, count: int) -> Runs:
        """Return the first replications."""
        cut = Runs(self.plant, 0)
        for name in self.columns():
            setattr(cut, name, getattr(self, name)[:count])
        return cut

    def then(self, more: Runs) -> Runs:
        """Return these replications and more of the same plant."""
        both = Runs(self.plant, 0)
        for name in self.columns():
            setattr(both, name, np.concatenate((getattr(self, name), getattr(more, name))))
        return both

    @property
    def hours(self) -> FloatArray:
        """Return how long each run was."""
        return self.as_hours(self.until - self.began)

    def as_hours(self, ticks: npt.NDArray[Any]) -> FloatArray:
        """Return ticks as hours."""
        return np.asarray(ticks * (self.plant.plant.tick_s / HOUR_S), np.float64)

    @cached_property
    def orders(self) -> Orders:
        """Return the orders, pieces of one order as one."""
        return Orders.of(self)


@lru_cache(maxsize=64)
def _grouped(jobs: tuple[str, ...]) -> tuple[tuple[str, ...], IntArray]:
    """Return the orders that jobs are pieces of, and the place of the order of each job."""
    told = [order_of(name) for name in jobs]
    place = {name: k for k, name in enumerate(dict.fromkeys(told))}
    return tuple(place), np.array([place[name] for name in told], np.int64)


@dataclass(frozen=True, slots=True)
class Orders:
    """How orders ended: done when the last piece is.

    names : (o,); product : (o,) places; due, release : (o,) ticks, due FAR where there is none
    ended : (r, o) tick, or OPEN_, SCRAPPED_, LOST_ORDER; asked : (r, o) not ended before the run began
    late : (r, o) not delivered when it was due, be it done later, open or lost; late_ticks : (r, o)
    """

    names: tuple[str, ...]
    product: IntArray
    due: IntArray
    release: IntArray
    ended: IntArray
    asked: npt.NDArray[np.bool_]
    late: npt.NDArray[np.bool_]
    late_ticks: IntArray

    @classmethod
    def of(cls, runs: Runs) -> Orders:
        """Return the orders of runs."""
        plant = runs.plant
        names, group = _grouped(plant.order_names)
        rows = plant.orders[np.unique(plant.orders["order"], return_index=True)[1]]  # the first lot of each
        due, release = rows["due"].astype(np.int64), rows["release"].astype(np.int64)
        product = rows["product"].astype(np.int64)
        ended, past = runs.ended, runs.past
        if len(names) < len(group):
            sequence = np.argsort(group, kind="stable")
            first = np.searchsorted(group[sequence], np.arange(len(names)))
            due = np.maximum.reduceat(due[sequence], first)
            release = np.minimum.reduceat(release[sequence], first)
            product = product[sequence][first]
            pieces = ended[:, sequence]
            last = np.maximum.reduceat(pieces, first, axis=1)
            # Scrapped and lost are the least numbers, so one open piece hides behind them: it is asked apart.
            least = np.minimum.reduceat(pieces, first, axis=1)
            is_open = np.logical_or.reduceat(pieces == kernel.OPEN_ORDER, first, axis=1)
            ended = np.where(is_open, kernel.OPEN_ORDER, np.where(least < 0, least, last))
            past = np.logical_and.reduceat(past[:, sequence], first, axis=1)
        end = runs.until[:, None]
        is_done = ended >= 0
        late = ~past & (due <= end) & ~(is_done & (ended <= due))
        late_ticks = np.where(late, np.where(is_done, ended, end) - due, 0)
        return cls(names, product, due, release, ended, ~past, late, late_ticks)

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        """Return (r, o) which orders were done in the run."""
        return self.asked & (self.ended >= 0)


# ---- KPIs


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number of a run: what it is, its unit, and which way is better."""

    name: str
    unit: str
    better: int  # -1 less, 1 more, 0 neither
    text: str
    of: Callable[[Runs, slice], FloatArray]
    by_center: bool = False  # may be asked of one work center: `utilisation:mill`


def _made(name: str) -> Callable[[Runs, slice], FloatArray]:
    return lambda runs, units: np.asarray(runs.made[name].sum(1), np.float64)


def _over(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> FloatArray:
    """Return a ratio, NaN where there is nothing to divide by."""
    nothing: FloatArray = np.full(len(above), math.nan)
    return np.asarray(np.divide(above, below, out=nothing, where=below > 0), np.float64)


def _share(*states: int) -> Callable[[Runs, slice], FloatArray]:
    def of(runs: Runs, units: slice) -> FloatArray:
        spent = runs.spent[:, units].sum(1).astype(np.float64)
        return _over(spent[:, list(states)].sum(1), np.asarray(spent.sum(1) - spent[:, kernel.OFF]))

    return of


def _hours(*states: int) -> Callable[[Runs, slice], FloatArray]:
    def of(runs: Runs, units: slice) -> FloatArray:
        return runs.as_hours(runs.spent[:, units][:, :, list(states)].sum((1, 2)))

    return of


def _lead_h(runs: Runs, units: slice) -> FloatArray:
    orders = runs.orders
    taken = np.where(orders.done, orders.ended - orders.release, 0).sum(1)
    return _over(runs.as_hours(taken), orders.done.sum(1).astype(np.float64))


def _flow_h(runs: Runs, units: slice) -> FloatArray:
    made = runs.made
    return _over(runs.as_hours(made["flow"].sum(1)), made["done"].sum(1).astype(np.float64))


def _scrap_share(runs: Runs, units: slice) -> FloatArray:
    scrapped = runs.made["scrapped"].sum(1).astype(np.float64)
    return _over(scrapped, scrapped + runs.made["done"].sum(1))


KPIS: dict[str, Kpi] = {
    kpi.name: kpi
    for kpi in (
        Kpi("orders_done", "orders", 1, "orders done in the time", lambda r, u: r.orders.done.sum(1) * 1.0),
        Kpi("orders_late", "orders", -1, "orders not delivered when they were due",
            lambda r, u: r.orders.late.sum(1) * 1.0),
        Kpi("late_h", "h", -1, "hours late, of all orders together",
            lambda r, u: r.as_hours(r.orders.late_ticks.sum(1))),
        Kpi("lead_h", "h", -1, "hours from release to the end, mean of the orders done", _lead_h),
        Kpi("jobs_done", "jobs", 1, "jobs done: orders, their pieces, and parts that came by themselves",
            _made("done")),
        Kpi("parts_done", "parts", 1, "good parts of the jobs done", _made("parts")),
        Kpi("throughput_per_h", "parts/h", 1, "good parts for each hour of the run",
            lambda r, u: _over(_made("parts")(r, u), r.hours)),
        Kpi("flow_h", "h", -1, "hours from release to the end, mean of the jobs done", _flow_h),
        Kpi("wip", "jobs", -1, "jobs in work, mean over the time",
            lambda r, u: _over(r.as_hours(r.in_work_ticks), r.hours)),
        Kpi("wip_end", "jobs", -1, "jobs in work at the end", lambda r, u: r.in_work.astype(np.float64)),
        Kpi("scrapped", "jobs", -1, "jobs scrapped", _made("scrapped")),
        Kpi("scrap_share", "1", -1, "scrapped, of the jobs that ended", _scrap_share),
        Kpi("reworked", "jobs", -1, "times that a job was sent back", _made("reworked")),
        Kpi("lost", "jobs", -1, "arrivals that found no place", _made("lost")),
        Kpi("utilisation", "1", 0, "working, of the time that units are on", _share(kernel.WORKING), True),
        Kpi("down_share", "1", -1, "broken or in repair, of the time that units are on",
            _share(kernel.BROKEN, kernel.REPAIR), True),
        Kpi("setup_h", "h", -1, "unit hours of set-up", _hours(kernel.SETUP), True),
        Kpi("blocked_h", "h", -1, "unit hours blocked by what comes after", _hours(kernel.BLOCKED), True),
        Kpi("waiting_h", "h", -1, "unit hours with a job that waits for people or material",
            _hours(kernel.CALLING), True),
        Kpi("upkeep_h", "h", -1, "unit hours of maintenance and of tools being changed",
            _hours(kernel.UPKEEP), True),
        Kpi("energy_kwh", "kWh", -1, "energy of all units in all their states",
            lambda r, u: r.as_hours((r.spent[:, u] * r.plant.power_kw[u]).sum((1, 2))), True),
        Kpi("energy_cost", "money", -1, "price of that energy, by the tariff",
            lambda r, u: r.as_hours((r.priced[:, u] * r.plant.power_kw[u]).sum((1, 2))) / PRICE_UNITS, True),
        Kpi("parts_bad", "parts", -1, "parts scrapped, with those of jobs that were scrapped as a whole",
            _made("bad")),
        Kpi("idle_h", "h", 0, "unit hours on and without a job", _hours(kernel.IDLE), True),
        Kpi("down_h", "h", -1, "unit hours broken or in repair", _hours(kernel.BROKEN, kernel.REPAIR), True),
    )
}  # fmt: skip
HEADLINES = ("orders_late", "late_h", "orders_done", "lead_h", "throughput_per_h", "wip")


def kpi(said: str) -> Kpi:
    """Return a KPI by its name, of the whole plant or of a work center (`utilisation:mill`).

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    name, colon, center = said.partition(":")
    found = KPIS.get(name)
    if found is None:
        raise ModelError([Finding("kpi", f"unknown {name!r}", one_of(name, KPIS))])
    if not colon:
        return found
    if not found.by_center:
        can = [each.name for each in KPIS.values() if each.by_center]
        raise ModelError([Finding(f"kpi {said}", "one that work centers do not have", one_of(name, can))])

    def of(runs: Runs, units: slice) -> FloatArray:
        names = [each.name for each in runs.plant.plant.centers]
        if center not in names:
            raise ModelError(
                [Finding(f"kpi {said}", f"unknown work center {center!r}", one_of(center, names))]
            )
        there = np.flatnonzero(runs.plant.units["center"] == names.index(center))
        return found.of(runs, slice(there[0], there[-1] + 1))

    return Kpi(said, found.unit, found.better, f"{found.text}, of {center}", of)


def kpi_values(runs: Runs, asked: Kpi) -> FloatArray:
    """Return a KPI of each replication."""
    return asked.of(runs, slice(None))


# ---- columns


def order_columns(runs: Runs) -> Columns:
    """Return a row for each order: when it is done and how likely it is late.

    order, product, release_s, due_s (NaN: none), done and late (shares of the runs), end_q10_s, end_q50_s,
    end_q90_s (infinite where so many runs end before the order does)
    """
    orders, tick_s = runs.orders, runs.plant.plant.tick_s
    ends = np.where(orders.ended >= 0, orders.ended * tick_s, math.inf)
    names = np.array([product.name for product in runs.plant.plant.products], np.str_)
    low, middle, high = np.quantile(ends, (0.1, 0.5, 0.9), axis=0, method="inverted_cdf")
    return {
        "order": np.array(orders.names, np.str_),
        "product": names[orders.product],
        "release_s": orders.release * tick_s,
        "due_s": np.where(orders.due < kernel.FAR, orders.due * tick_s, math.nan),
        "done": orders.done.mean(0),
        "late": orders.late.mean(0),
        "end_q10_s": low, "end_q50_s": middle, "end_q90_s": high,
    }  # fmt: skip


STATE_NAMES = ("idle", "waiting", "setup", "working", "blocked", "broken", "repair", "off", "upkeep")


def unit_columns(runs: Runs) -> Columns:
    """Return a row for each unit: unit, center, and the share of the time in each state, mean of the runs."""
    spent = runs.spent.astype(np.float64)
    shares = (spent / spent.sum(2, keepdims=True)).mean(0)
    centers = np.array([center.name for center in runs.plant.plant.centers], np.str_)
    return {
        "unit": np.array(runs.plant.unit_names, np.str_),
        "center": centers[runs.plant.units["center"]],
        **{name: shares[:, place] for place, name in enumerate(STATE_NAMES)},
    }


# ---- records


@dataclass(frozen=True, slots=True)
class Validity:
    """How far yesterday's predictions of a KPI were off, relative, over so many days."""

    error: float
    days: int


def scenario_record(
    scenario: Scenario, *, snapshot: str | None, model: str, calibration: str | None, horizon_s: float,
    warmup_s: float, replications: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Return what was asked, with what it takes to ask it again; its id is the hash of all of it."""
    record = {
        "snapshotId": snapshot, "modelVersion": model, "calibrationId": calibration, "name": scenario.name,
        "changes": [change_json(change) for change in scenario.changes], "horizon": horizon_s,
        "warmup": warmup_s, "replications": replications, "seed": seed, "commonRandomNumbers": True,
    }  # fmt: skip
    return {"scenarioId": fingerprint(record), **record}


def result_record(
    scenario_id: str, answers: Sequence[Mapping[str, Any]], validity: Mapping[str, Validity]
) -> dict[str, Any]:
    """Return what was answered: per KPI mean, half-width, quantiles, probability of being better, validity.

    Parameters
    ----------
    answers : as of `experiment.Estimate.as_json`
    validity : by KPI; one without has no back-test, and its record says null
    """
    kpis = {}
    for answer in answers:
        said = dict(answer)
        name = str(said.pop("kpi"))
        known = validity.get(name)
        said["validity"] = None if known is None else {"error": known.error, "days": known.days}
        kpis[name] = said
    return {"scenarioId": scenario_id, "kpis": kpis}
