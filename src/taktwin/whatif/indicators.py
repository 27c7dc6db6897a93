"""What a what-if is judged by: figures of the plant's future as one number for each run.

Orders are those of the MES: their parts are jobs here, and an order is done when its last part is over. What
a plant folder does not carry (power, a tariff, scrap) has no figure, and a note says so. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from taktwin.contracts.whatif import Note
from taktwin.errors import Refusal
from taktwin.instants import SECOND_NS
from taktwin.simulation import kernel
from taktwin.simulation.compile import Compiled
from taktwin.simulation.inference import FloatArray
from taktwin.simulation.model import Plant
from taktwin.simulation.result import KPIS, Kpi, Runs, Watch
from taktwin.simulation.state import State
from taktwin.simulation.written import one_of
from taktwin.whatif.fork import Wanted
from taktwin.whatif.late import Standing, is_late
from taktwin.whatif.naming import request_of

LOOKS = 24  # instants at which the parts in work are counted
PEAK_S = 900.0  # a peak is the highest mean over so long, as meters have it
LOOKS_MAX = 192
IN_WORK, ENERGY = 0, 1  # figures of the watch
WATCHED = frozenset({"wip", "lead_time_h", "peak_kw"})  # indicators that need it: it is a quarter of the work
IntArray = npt.NDArray[np.int64]


def watch(plant: Plant, horizon_s: float, asked: Iterable[Kpi]) -> Watch | None:
    """Return how a run is looked into: parts in work that somebody has begun, and energy so far.

    None where nothing that was asked for needs it.
    """
    if not any(each.name in WATCHED for each in asked):
        return None
    has_power = carries_power(plant)
    looks = max(LOOKS, min(LOOKS_MAX, math.ceil(horizon_s / PEAK_S))) if has_power else LOOKS

    def of(run: Compiled, state: State) -> tuple[float, float]:
        energy = float((run.power_kw * state["spent"]).sum()) * run.plant.tick_s / 3600 if has_power else 0.0
        return float(in_work(run, state)), energy

    return Watch(looks, 2, of)


def in_work(plant: Compiled, state: State) -> int:
    """Return how many parts somebody has begun that are not over: jobs may be lots of several."""
    jobs, units = state["jobs"], state["units"]
    is_begun = jobs["step"] != plant.products["first"][jobs["product"]]
    held = units["job"][units["job"] >= 0]
    is_begun[held] = True
    for slot in units["next_in"][units["next_in"] >= 0]:  # the others of a charge
        while slot >= 0:
            is_begun[slot], slot = True, jobs["next"][slot]
    return int(jobs["quantity"][is_begun].sum())  # 0 in places that are free


def carries_power(plant: Plant) -> bool:
    """Return whether anything is known of what units take."""
    return any(
        center.power_kw or any(each.power_kw for each in center.machines.values()) for center in plant.centers
    )


def carries_scrap(plant: Plant) -> bool:
    """Return whether anything is ever scrapped."""
    return any(step.scrap > 0 or step.good < 1 for product in plant.products for step in product.steps)


@dataclass(frozen=True, slots=True)
class OrderEnds:
    """How the orders of the MES, and those that a scenario adds, come out in the runs of one scenario.

    names : (o,); done_s : (r, o), inf where an order is not done in the run; due_s : (o,), inf without one
    late : (r, o); product : (o,) names
    """

    names: tuple[str, ...]
    products: tuple[str, ...]
    due_s: FloatArray
    done_s: FloatArray
    late: npt.NDArray[np.bool_]


class Requests:
    """Puts jobs together to orders again; remembers the sequence of each plant's jobs."""

    def __init__(
        self, request_of_job: Mapping[str, str], wanted: Sequence[Wanted] = (), at_ns: int = 0
    ) -> None:
        """Know the jobs of orders.

        Parameters
        ----------
        wanted : the open orders of the MES; of some of them no part is left, so no job tells of them
        at_ns : the instant that is second 0
        """
        self._known = request_of_job
        self._gone = [each for each in wanted if each.standing is Standing.GONE]
        self._gone_due_s = np.array(
            [(each.due_ns - at_ns) / SECOND_NS if each.due_ns else math.inf for each in self._gone],
            np.float64,
        )
        self._made = {each.request for each in wanted if each.made}
        self._ends: WeakKeyDictionary[Runs, OrderEnds] = WeakKeyDictionary()
        self._groups: dict[int, tuple[tuple[str, ...], tuple[str, ...], IntArray]] = {}

    def _grouped(self, jobs: tuple[str, ...]) -> tuple[tuple[str, ...], IntArray]:
        found = self._groups.get(id(jobs))
        if found is None or found[0] is not jobs:
            told = [request_of(name, self._known) for name in jobs]
            names = tuple(dict.fromkeys(each for each in told if each))
            place = {name: k for k, name in enumerate(names)} | {"": -1}
            found = self._groups[id(jobs)] = (jobs, names, np.array([place[each] for each in told], np.int64))
        return found[1], found[2]

    def ends(self, runs: Runs) -> OrderEnds:
        """Return how the orders came out; what was asked of the same runs before is known."""
        found = self._ends.get(runs)
        if found is None:
            found = self._ends[runs] = self._ended(runs)
        return found

    def _ended(self, runs: Runs) -> OrderEnds:
        plant = runs.plant
        names, group = self._grouped(plant.order_names)
        of_order = group >= 0
        mine, tick_s = group[of_order], plant.plant.tick_s
        jobs = plant.plant.orders_by_release
        due_s: FloatArray = np.full(len(names), -math.inf)
        told = np.array([math.inf if each.due_s is None else each.due_s for each in jobs], np.float64)
        np.maximum.at(due_s, mine, told[of_order])
        products = {names[k]: job.product for k, job in zip(group, jobs, strict=True) if k >= 0}
        # A part that was scrapped is over: its order waits for the others only. One without a good part is
        # never done.
        ends = np.where(runs.ended == kernel.OPEN_ORDER, math.inf, np.maximum(runs.ended, 0) * tick_s)
        done_s = np.zeros((len(names), len(runs)), np.float64)
        np.maximum.at(done_s, mine, ends[:, of_order].T)
        good = np.zeros((len(names), len(runs)), np.bool_)
        good[[name in self._made for name in names]] = True
        np.logical_or.at(good, mine, (runs.ended[:, of_order] >= 0).T)
        done_s[~good] = math.inf
        gone = [k for k, each in enumerate(self._gone) if each.request not in products]
        names = (*names, *(self._gone[k].request for k in gone))
        products |= {each.request: each.product for each in self._gone}
        due_s = np.concatenate((due_s, self._gone_due_s[gone]))
        done_s = np.concatenate((done_s, np.full((len(gone), len(runs)), math.inf))).T
        late = is_late(due_s, done_s, (runs.until * tick_s)[:, None])
        return OrderEnds(names, tuple(products[name] for name in names), due_s, done_s, late)


def figures(plant: Plant, requests: Requests, *, scraps: bool = False) -> dict[str, Kpi]:
    """Return the indicators of a plant, the standard sequence; `scraps`: a scenario brings scrap."""

    def late(runs: Runs, units: slice) -> FloatArray:
        return np.asarray(requests.ends(runs).late.sum(1), np.float64)

    def parts(runs: Runs, units: slice) -> FloatArray:
        finals = [place for place, each in enumerate(runs.plant.plant.products) if each.makes is None]
        return np.asarray(runs.made["parts"][:, finals].sum(1), np.float64)

    def wip(runs: Runs, units: slice) -> FloatArray:
        return np.asarray(runs.seen[:, 1:, IN_WORK].mean(1), np.float64)

    def lead(runs: Runs, units: slice) -> FloatArray:
        # Little's law over all that is made; where nothing is done, as if one part were.
        return np.asarray(
            wip(runs, units) * runs.hours / np.maximum(runs.made["parts"].sum(1), 1), np.float64
        )

    def peak(runs: Runs, units: slice) -> FloatArray:
        span_h = runs.hours[:, None] / (runs.seen.shape[1] - 1)
        return np.asarray((np.diff(runs.seen[:, :, ENERGY], axis=1) / span_h).max(1), np.float64)

    found = [
        Kpi("late_orders", "orders", -1, "orders not done when they are due", late),
        Kpi("parts_done", "parts", 1, "good parts that leave the plant", parts),
        Kpi("wip", "parts", -1, "parts in work, mean over the time", wip),
        Kpi("lead_time_h", "h", -1, "how long a part is in work", lead),
    ]
    if scraps or carries_scrap(plant):
        found.append(Kpi("scrap", "parts", -1, "parts scrapped", KPIS["parts_bad"].of))
    if carries_power(plant):
        found.append(Kpi("energy_kwh", "kWh", -1, "energy of all units", KPIS["energy_kwh"].of))
        if plant.tariff is not None:
            found.append(Kpi("energy_cost", "money", -1, "what that costs", KPIS["energy_cost"].of))
        found.append(Kpi("peak_kw", "kW", -1, "highest mean power of a quarter of an hour", peak))
    return {each.name: each for each in found}


def missing(plant: Plant) -> list[Note]:
    """Return what has no figure here, and why."""
    found = []
    if not carries_power(plant):
        found.append(Note(code="no-power", subjects=["energy_kwh", "energy_cost", "peak_kw"],
                          text="what machines take is not known: no energy, no peak"))  # fmt: skip
    elif plant.tariff is None:
        found.append(Note(code="no-tariff", subjects=["energy_cost"],
                          text="what a kilowatt hour costs is not known: no price of energy"))  # fmt: skip
    return found


def chosen(asked: list[str], able: dict[str, Kpi]) -> tuple[Kpi, ...]:
    """Return the indicators that were asked for, all of them for [].

    Raises
    ------
    Refusal
        If one is unknown, or this plant does not carry it.
    """
    for name in asked:
        if name not in able:
            raise Refusal("indicators", f"{name!r}, which this plant does not have", one_of(name, able))
    return tuple(able[name] for name in asked) if asked else tuple(able.values())
