"""One epoch of a back-test: the plant as it stood, run forward beside what came. Imports the compiler.

What the prediction is given is what a planner could have known, and the orders that came in since: it is
judged for how the plant runs, not for who orders what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taktwin.contracts.backtest import Epoch
from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import Note
from taktwin.entropy import Entropy
from taktwin.errors import TaktwinError
from taktwin.instants import SECOND_NS
from taktwin.measures.time_classes import ClassSpan
from taktwin.plant.registry import Registry
from taktwin.simulation import experiment
from taktwin.simulation.changes import Change
from taktwin.simulation.inference import FloatArray
from taktwin.simulation.model import Plant
from taktwin.simulation.result import Kpi
from taktwin.simulation.scenario import Scenario
from taktwin.whatif.actual import Actual, came, released_since, unseen
from taktwin.whatif.backtest import scales, scored
from taktwin.whatif.indicators import figures, watch
from taktwin.whatif.model import VERSION, Parameters, step_of, translated
from taktwin.whatif.past import Fact, board, through
from taktwin.whatif.present import Present, present, varied
from taktwin.whatif.uncertain import drawn

SETS = 39  # of parameters, beside the calibration's own
LUCKS = 1_000  # seeds of sets lie so far apart


class Predictor:
    """What predicts in this room: a translation of the plant with its parameters."""

    def __init__(self, registry: Registry, parameters: Parameters) -> None:
        self._registry = registry
        self._parameters = parameters
        self._others: tuple[Parameters, ...] | None = None  # who asks for the version only pays for none
        self.version = f"{VERSION}-{registry.prefix}"
        self.calibration_id = parameters.calibration
        measured = parameters.measured
        self.calibrated_to_ns = 0 if measured is None else measured.to_ns or 0

    def epoch(
        self, frame: Frame, told: Sequence[Fact], stays: Mapping[str, Sequence[ClassSpan]], *, to_ns: int,
        runs: int, seed: int,
    ) -> Epoch:  # fmt: skip
        """Return one epoch, judged."""
        if self._others is None:
            self._others = others_of(self._parameters)
        return epoch(self._registry, frame, told, stays, parameters=self._parameters, to_ns=to_ns, runs=runs,
                     seed=seed, others=self._others)  # fmt: skip


def others_of(parameters: Parameters, sets: int = SETS) -> tuple[Parameters, ...]:
    """Return sets of parameters that the data of a calibration allow as well; () where nothing is measured.

    They depend on the calibration alone, so every epoch has the same ones.
    """
    if parameters.measured is None:
        return ()
    found = parameters.measured
    streams = Entropy(int(found.hash[:12], 16))
    return tuple(
        replace(parameters, measured=drawn(found, streams.generator(f"set/{n}").random)) for n in range(sets)
    )


def epoch(
    registry: Registry, frame: Frame, told: Sequence[Fact], stays: Mapping[str, Sequence[ClassSpan]], *,
    parameters: Parameters, to_ns: int, runs: int, seed: int, threads: int = 2,
    others: Sequence[Parameters] = (), stock: Mapping[str, int] | None = None,
) -> Epoch:  # fmt: skip
    """Return what was predicted from a picture, beside what came until `to_ns`.

    Parameters
    ----------
    frame : the twin's full picture of the instant at which the epoch begins
    told : facts of the MES over the epoch, as `Past.facts` gives them
    stays : work unit -> its time classes over the epoch
    others : sets of parameters to which the runs are dealt out evenly; () all run by `parameters`
    stock : made parts that lie in store, by product; None: nobody knows which they are
    """
    from_ns = frame.at_ns
    empty = Epoch(epoch_id=f"{from_ns}-{to_ns}", from_ns=from_ns, to_ns=to_ns, snapshot=frame.state_hash)
    horizon_s = (to_ns - from_ns) / SECOND_NS
    try:
        model = translated(registry, parameters, now_ns=from_ns, horizon_s=horizon_s)
        left_out = _not_seen(registry, frame, stays, model.unit_of, to_ns)
        if left_out:
            return _left(empty, left_out)
        orders = board(told, from_ns)
        known: dict[str, Any] = {
            "lines": [*orders["lines"], *released_since(told, from_ns, to_ns)],
            "through": through(told, from_ns),
            "free_since_ns": orders["free_since_ns"],
        }  # fmt: skip
        if stock is not None:
            known["stock"] = stock
        here = present(registry, frame, known, parameters=parameters, horizon_s=horizon_s)
        plants = [varied(here, registry, each, horizon_s=horizon_s) for each in others]
        values, kpis = predicted(here, horizon_s, runs=runs, seed=seed, threads=threads, others=plants)
    except TaktwinError as refusal:  # a plant that could not be simulated then
        return _left(empty, [Note(code="refused", text=str(refusal))])
    found = came(here.model, told, stays, passed=passed(here), from_ns=from_ns, to_ns=to_ns)
    return judged(empty, values, kpis, found, here.fork.notes)


def predicted(
    here: Present, horizon_s: float, *, runs: int, seed: int, threads: int = 2, others: Sequence[Plant] = ()
) -> tuple[dict[str, FloatArray], dict[str, Kpi]]:
    """Return (runs,) values of each indicator where nothing is changed, and what the indicators are.

    Parameters
    ----------
    others : the same plant with other parameters, which may be the true ones as well: runs are dealt out to
        all of them evenly, as many to each as make up the runs at least, and each has its own luck
    """
    able = figures(here.plant, here.requests)
    plants = (here.plant, *others)
    seed_of = {id(plant): (seed + 1) * LUCKS + n if n else seed for n, plant in enumerate(plants)}
    answer = experiment.compare(
        here.plant,
        [Scenario(f"set {n}", (_Instead(plant),)) for n, plant in enumerate(others, 1)],
        horizon_s=horizon_s, kpis=tuple(able.values()), settle=lambda plant: plant,
        start=lambda plant, _, replication, used: here.begin(
            plant, seed_of[id(plant.plant)], replication, used
        ),
        watch=watch(here.plant, horizon_s, able.values()), seed=seed,
        replications=math.ceil(runs / len(plants)), threads=threads,
    )  # fmt: skip
    names = [each.name for each in answer.scenarios]
    return {name: np.concatenate([answer.values(each, name) for each in names]) for name in able}, able


@dataclass(frozen=True, slots=True)
class _Instead(Change):
    """Another plant altogether, as a change that nobody can ask for."""

    plant: Plant

    def on(self, plant: Plant) -> Plant:
        """Return the other plant."""
        return self.plant


def passed(here: Present) -> int:
    """Return how many parts in work are past their first machine when the epoch begins."""
    size = {order.name: order.quantity for order in here.plant.orders}
    return sum(size[job.order] for job in here.fork.start.jobs if job.order and job.step != step_of(0))


def judged(
    empty: Epoch, values: Mapping[str, FloatArray], kpis: Mapping[str, Kpi], found: Actual,
    unknown: Sequence[Note],
) -> Epoch:  # fmt: skip
    """Return an epoch with what came beside what was predicted, of each indicator that both have."""
    if found.left_out:
        return _left(empty, found.left_out)
    scale = scales(found.figures, found.orders_due)
    both = [name for name in values if name in found.figures]
    return Epoch(
        epoch_id=empty.epoch_id, from_ns=empty.from_ns, to_ns=empty.to_ns, snapshot=empty.snapshot,
        scored=[
            scored(name, kpis[name].unit, values[name], found.figures[name], scale=scale[name])
            for name in both
        ],
        notes=[*found.notes, *unknown],
    )  # fmt: skip


def _left(empty: Epoch, why: Sequence[Note]) -> Epoch:
    return Epoch(
        epoch_id=empty.epoch_id, from_ns=empty.from_ns, to_ns=empty.to_ns, snapshot=empty.snapshot,
        left_out=list(why),
    )  # fmt: skip


def _not_seen(
    registry: Registry, frame: Frame, stays: Mapping[str, Sequence[ClassSpan]], units: Mapping[str, str],
    to_ns: int,
) -> list[Note]:  # fmt: skip
    """Return why an epoch cannot be scored: a machine that nobody saw, or a plant that was closed."""
    found = unseen(stays, units, frame.at_ns, to_ns)
    calendars = [registry.calendars.get(registry.equipment[unit].calendar) for unit in units]  # type: ignore[index]
    # What runs through by itself, as a furnace does, opens no plant.
    closing = [each for each in calendars if each is not None and not each.always]
    if closing and not any(each.planned_intervals(frame.at_ns, to_ns) for each in closing):
        found.append(Note(code="closed", text="the plant was closed: nothing was planned"))
    return found
