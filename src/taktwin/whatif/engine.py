"""The answer to a question: comes in a forked plant and a change, goes out both futures side by side.

Each replication runs twice with the same luck, with the change and without; what is compared is the
difference within a run. Pure but for the clock of the deadline, which is handed in.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import (
    CHANGES_MAX,
    HORIZON_S_MAX,
    REPLICATIONS_MAX,
    Comparison,
    Indicator,
    OrderOutlook,
    Question,
    Snapshot,
    Spread,
    Validity,
)
from taktwin.errors import DomainError
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.simulation import kernel
from taktwin.simulation.compile import Compiled, compiled
from taktwin.simulation.model import Closure
from taktwin.simulation.run import advance
from taktwin.simulation.start import Placed
from taktwin.whatif.fork import Forked, forked
from taktwin.whatif.model import VERSION, Parameters, Translated, translated

CUTS = 24  # instants at which the parts in work are counted
REPLICATIONS_MIN = 8  # also beyond the deadline: fewer say nothing
DOTS = 20
FloatArray = npt.NDArray[np.float64]
INDICATORS = (  # name, unit, more is better
    ("late_orders", "orders", False), ("parts_done", "parts", True), ("wip", "parts", False),
    ("lead_time_h", "h", False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One run: the figures in the sequence of INDICATORS, and when each order was done (s; inf: not yet)."""

    figures: tuple[float, ...]
    done_s: FloatArray


def checked(question: Question, model: Translated) -> None:
    """Refuse a question that cannot be answered.

    Raises
    ------
    DomainError
        With place, what was found, and what would be right.
    """
    if not 1 <= len(question.down) <= CHANGES_MAX:
        raise DomainError(f"down: {len(question.down)} changes: expected 1 to {CHANGES_MAX}")
    if not 60 <= question.horizon_s <= HORIZON_S_MAX:
        raise DomainError(f"horizon_s = {question.horizon_s:g}: expected 60 to {HORIZON_S_MAX:g}")
    if not 1 <= question.replications <= REPLICATIONS_MAX:
        raise DomainError(f"replications = {question.replications}: expected 1 to {REPLICATIONS_MAX}")
    for down in question.down:
        if down.unit not in model.unit_of:
            known = ", ".join(sorted(model.unit_of))
            raise DomainError(f"down: {down.unit!r} has no operation of any routing: expected one of {known}")
        if not (0 < down.for_s < math.inf and 0 <= down.from_s < question.horizon_s):
            raise DomainError(
                f"down {down.unit}: {down.for_s:g} s from {down.from_s:g} s on: "
                f"expected a time above 0 that begins within the horizon"
            )


def answered(
    question: Question, registry: Registry, frame: Frame, board: Mapping[str, Any], *,
    parameters: Parameters, clock_s: Callable[[], float], threads: int = 2,
) -> Comparison:  # fmt: skip
    """Return what a change would come to, beside doing nothing.

    Parameters
    ----------
    frame : the twin's full picture
    board : the MES's open job orders; {} where there is no MES
    clock_s : of wall time; the deadline of the question counts from the call

    Raises
    ------
    DomainError
        If the question cannot be answered; it says why.
    """
    began_s = clock_s()
    model = translated(registry, parameters, now_ns=frame.at_ns, horizon_s=question.horizon_s)
    checked(question, model)
    fork = forked(registry, model, frame, board, horizon_s=question.horizon_s)
    closures = tuple(
        Closure(model.unit_of[down.unit], down.from_s, down.from_s + down.for_s) for down in question.down
    )
    runs = (
        _Run(fork, compiled(fork.plant), question, frame.at_ns),
        _Run(fork, compiled(replace(fork.plant, closures=closures)), question, frame.at_ns),
    )
    pairs: list[tuple[_Outcome, _Outcome]] = []
    with ThreadPoolExecutor(threads) as pool:
        while len(pairs) < question.replications:
            late = clock_s() - began_s > question.deadline_s
            if late and len(pairs) >= REPLICATIONS_MIN:
                break
            last = min(len(pairs) + 2 * threads, question.replications)
            pairs += pool.map(lambda n: (runs[0].outcome(n), runs[1].outcome(n)), range(len(pairs), last))
    base, scenario = ([pair[side] for pair in pairs] for side in (0, 1))
    snapshot = Snapshot(
        snapshot_id=f"{frame.at_ns}-{frame.state_hash[:12]}", state_ns=frame.at_ns, hash=frame.state_hash,
        unknowns=list(fork.notes),
    )  # fmt: skip
    return Comparison(
        state="ready", snapshot=snapshot,
        scenario_id=_identity(snapshot, question, len(pairs), parameters),
        model_version=f"{VERSION}-{registry.prefix}", calibration_id=parameters.calibration,
        changes=question.down, horizon_s=question.horizon_s, replications=len(pairs), seed=question.seed,
        indicators=[
            _indicator(place, [o.figures[place] for o in base], [o.figures[place] for o in scenario])
            for place in range(len(INDICATORS))
        ],
        orders=_orders(fork, question, frame.at_ns, base, scenario), orders_open=len(fork.wanted),
        validity=Validity(back_tested=False, calibrated=parameters.is_calibrated, error=None, notes=list(model.notes)),
        took_s=clock_s() - began_s,
    )  # fmt: skip


class _Run:
    """One future of the plant, to be run as often as one wants."""

    def __init__(self, fork: Forked, plant: Compiled, question: Question, at_ns: int) -> None:
        self._plant = plant
        self._placed = Placed(plant, fork.start)
        self._seed = question.seed
        self._horizon = plant.plant.ticks(question.horizon_s)
        centers = [center.name for center in plant.plant.centers]
        self._entries = [centers.index(name) for name in fork.entries]
        products = [product.name for product in plant.plant.products]
        self._finals = [products.index(name) for name in fork.finals]
        self._request = np.array(fork.request_of, np.int64)  # all released at once: the sequence stays
        due_s = [(each.due_ns - at_ns) / SECOND_NS if each.due_ns else math.inf for each in fork.wanted]
        self._due_s = np.array(due_s, np.float64)

    def outcome(self, replication: int) -> _Outcome:
        """Return how a replication comes out."""
        state = self._placed.state(seed=self._seed, replication=replication)
        in_work = 0.0
        for cut in range(1, CUTS + 1):
            state = advance(self._plant, state, until=self._horizon * cut // CUTS)
            not_begun = int(state["centers"]["waiting"][self._entries].sum())
            in_work += int(state["run"]["in_work"][0]) - not_begun
        wip = in_work / CUTS
        made = state["made"]["parts"]
        parts = int(made[self._finals].sum())
        done_s = self._done_s(state["ended"])
        late = np.where(np.isinf(done_s), self._due_s < self._horizon_s, done_s > self._due_s)
        # Little's law over all that is made; where nothing is done, as if one part were.
        lead_h = wip * self._horizon_s / 3600 / max(int(made.sum()), 1)
        return _Outcome((float(late.sum()), float(parts), wip, lead_h), done_s)

    @property
    def _horizon_s(self) -> float:
        return self._horizon * self._plant.plant.tick_s

    def _done_s(self, ended: npt.NDArray[np.int64]) -> FloatArray:
        """Return when the last part of each order was done, seconds; inf where one is not."""
        done = np.zeros(len(self._due_s))
        of_order = self._request >= 0
        ends = np.where(ended == kernel.OPEN_ORDER, math.inf, ended * self._plant.plant.tick_s)
        np.maximum.at(done, self._request[of_order], ends[of_order])
        return done


def _identity(snapshot: Snapshot, question: Question, replications: int, parameters: Parameters) -> str:
    content = [snapshot.snapshot_id, question.down, question.horizon_s, replications, question.seed, VERSION,
               parameters.calibration]  # fmt: skip
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=8).hexdigest()


def _indicator(place: int, base: list[float], scenario: list[float]) -> Indicator:
    name, unit, more = INDICATORS[place]
    one, other = np.array(base), np.array(scenario)
    gain = (other - one) * (1 if more else -1)
    return Indicator(
        name=name, unit=unit, more_is_better=more, base=spread(one), scenario=spread(other),
        difference=spread(other - one), better=float(np.mean(gain > 0)), same=float(np.mean(gain == 0)),
        worse=float(np.mean(gain < 0)),
    )  # fmt: skip


def spread(values: FloatArray) -> Spread:
    """Return what a figure is over (n,) runs.

    The half-width is Student's, by the first terms of its expansion about the normal quantile; 0 of one run.
    """
    n = len(values)
    z = 1.959963985
    student = (
        z + (z**3 + z) / (4 * max(n - 1, 1)) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * max(n - 1, 1) ** 2)
    )
    half = student * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    p10, p50, p90 = (float(x) for x in np.quantile(values, (0.1, 0.5, 0.9)))
    levels = (np.arange(DOTS) + 0.5) / DOTS
    dots = np.quantile(values, levels, method="inverted_cdf")
    return Spread(mean=float(np.mean(values)), half_width=half, p10=p10, p50=p50, p90=p90, dots=dots.tolist())


def _orders(
    fork: Forked, question: Question, at_ns: int, base: list[_Outcome], scenario: list[_Outcome]
) -> list[OrderOutlook]:
    found = []
    for place, wanted in enumerate(fork.wanted):
        due_s = (wanted.due_ns - at_ns) / SECOND_NS if wanted.due_ns else math.inf
        one, other = (np.array([o.done_s[place] for o in side]) for side in (base, scenario))

        def late(done_s: FloatArray, due_s: float = due_s) -> float:
            open_late = due_s < question.horizon_s
            return float(np.mean(np.where(np.isinf(done_s), open_late, done_s > due_s)))

        found.append(OrderOutlook(
            order=wanted.request, product=wanted.product, due_ns=wanted.due_ns,
            late=late(one), late_then=late(other), done_ns=_middle_ns(one, at_ns),
            done_then_ns=_middle_ns(other, at_ns),
        ))  # fmt: skip
    return found


def _middle_ns(done_s: FloatArray, at_ns: int) -> int:
    middle = float(np.quantile(done_s, 0.5, method="inverted_cdf"))
    return 0 if math.isinf(middle) else at_ns + round(middle * SECOND_NS)
