"""How far predictions are off: in come runs and what really came, out go errors, ranks, coverage. Pure.

What is compared is an *epoch*: the plant as it stood at an instant, run forward many times until another.
If the model is right, what came is one more run: its rank among the runs is any rank alike (the probability
integral transform, PIT), and an 80 % interval holds it in 80 of 100 epochs. Where many runs are equal, an
epoch counts in each rank by its part (Czado, Gneiting and Held, Biometrics 65, 2009), so that figures that
are counts are judged by the same rule.

The limit is held against the *bias*: by how much all epochs together were predicted too high or too low.
Chance is not an error of the model, so it is told apart: `apart` is both.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

from taktwin.contracts.backtest import Epoch, Figure, Record, Scored
from taktwin.contracts.whatif import Note, PastError
from taktwin.simulation.inference import FloatArray, half_width

LIMIT = 0.10
DAYS = 30  # so far back epochs count
EPOCHS_MIN = 5  # fewer say nothing: answers are unproven
TENTHS = 10
ERROR_MAX = 9.99  # what is not there at all and was predicted is off by any factor
WORDS = {
    "late_orders": "late orders", "parts_done": "parts done", "wip": "parts in work",
    "lead_time_h": "lead time", "scrap": "scrap", "energy_kwh": "energy",
    "energy_cost": "the cost of energy", "peak_kw": "peak power",
}  # fmt: skip


def scored(indicator: str, unit: str, runs: FloatArray, actual: float, *, scale: float) -> Scored:
    """Return what came beside what was predicted.

    Parameters
    ----------
    runs : (n,) the indicator of each replication
    scale : what an error is a share of; 0 where the epoch says nothing of it
    """
    ordered = np.sort(np.asarray(runs, np.float64))
    levels = (0.025, 0.1, 0.5, 0.9, 0.975)
    # Weibull's positions: a new run lies below the q-quantile of n others in a share q of all cases.
    low_95, low_80, p50, high_80, high_95 = (
        float(each) for each in np.quantile(ordered, levels, method="weibull")
    )
    return Scored(
        indicator=indicator, unit=unit, actual=float(actual), mean=float(np.mean(ordered)), p50=p50,
        low_80=low_80, high_80=high_80, low_95=low_95, high_95=high_95, runs=len(ordered),
        below=int(np.count_nonzero(ordered < actual)), equal=int(np.count_nonzero(ordered == actual)),
        crps=crps(ordered, actual), scale=float(scale),
    )  # fmt: skip


def crps(runs: FloatArray, actual: float) -> float:
    """Return the continuous ranked probability score of runs, fair to few of them; 0 is perfect.

    Source: Ferro, Q. J. R. Meteorol. Soc. 140 (2014): the spread is taken over pairs of different runs.
    """
    ordered = np.sort(runs)
    n = len(ordered)
    missed = float(np.mean(np.abs(ordered - actual)))
    if n < 2:
        return missed
    weights = 2 * np.arange(1, n + 1) - n - 1
    return missed - float(weights @ ordered) / (n * (n - 1))


def rank(each: Scored) -> tuple[float, float]:
    """Return between which shares of the runs what came lies; 1 / (n + 1) apart, where no run equals it."""
    places = each.runs + 1
    return each.below / places, (each.below + each.equal + 1) / places


def inside(each: Scored, level: float) -> float:
    """Return by which part what came lies in the middle interval of a level: 1 in it, 0 out of it."""
    low, high = rank(each)
    margin = (1 - level) / 2
    return max(0.0, min(high, 1 - margin) - max(low, margin)) / (high - low)


def ranks(all_of: Iterable[Scored]) -> list[float]:
    """Return how many epochs lie in each tenth of the ranks; they add up to the epochs."""
    edges = np.linspace(0.0, 1.0, TENTHS + 1)
    found = np.zeros(TENTHS)
    for each in all_of:
        low, high = rank(each)
        found += np.diff(np.clip(edges, low, high)) / (high - low)
    return [float(x) for x in found]


def uniform_p(places: FloatArray) -> float:
    """Return how often chance alone puts n even numbers of [0, 1] as unevenly (Kolmogorov and Smirnov).

    Source: Stephens, J. R. Stat. Soc. B 32 (1970): the limit distribution with his correction for small n.
    """
    n = len(places)
    if n == 0:
        return 1.0
    ordered = np.sort(places)
    steps = np.arange(n)
    away = max(float(np.max((steps + 1) / n - ordered)), float(np.max(ordered - steps / n)))
    reach = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * away
    if reach < 0.2:
        return 1.0  # the series does not converge there, and the probability is 1 to ten digits
    total = math.fsum((-1.0) ** (k - 1) * math.exp(-2 * k * k * reach * reach) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * total))


def place(epoch_id: str, each: Scored) -> float:
    """Return where between its shares an epoch's rank is put: anywhere, and always at the same place."""
    low, high = rank(each)
    digest = hashlib.blake2b(f"{epoch_id}/{each.indicator}".encode(), digest_size=8).digest()
    return low + (high - low) * int.from_bytes(digest) / 2**64


def figures(epochs: Iterable[Epoch], *, limit: float = LIMIT) -> list[Figure]:
    """Return each indicator over all epochs; what was left out counts nowhere."""
    of: dict[str, list[tuple[str, Scored]]] = {}
    for epoch in epochs:
        for each in epoch.scored:
            of.setdefault(each.indicator, []).append((epoch.epoch_id, each))
    return [_figure(found, limit) for found in of.values()]


def _figure(found: Sequence[tuple[str, Scored]], limit: float) -> Figure:
    all_of = [each for _, each in found]
    off = np.array([each.mean - each.actual for each in all_of])
    whole = float(np.mean([each.scale for each in all_of]))
    bias = _share(float(np.mean(off)), whole)
    wide = half_width(off)
    return Figure(
        indicator=all_of[0].indicator, unit=all_of[0].unit, epochs=len(all_of), error=abs(bias), bias=bias,
        half_width=None if math.isnan(wide) else _share(wide, whole),
        apart=_share(float(np.mean(np.abs(off))), whole), limit=limit,
        covered_80=float(np.mean([inside(each, 0.80) for each in all_of])),
        covered_95=float(np.mean([inside(each, 0.95) for each in all_of])),
        crps=float(np.mean([each.crps for each in all_of])), ranks=ranks(all_of),
        uniform_p=uniform_p(np.array([place(epoch_id, each) for epoch_id, each in found])),
    )  # fmt: skip


def _share(off: float, whole: float) -> float:
    if whole > 0:
        return max(-ERROR_MAX, min(ERROR_MAX, off / whole))
    return math.copysign(ERROR_MAX, off) if off else 0.0


class Judged(Protocol):
    """One indicator's error, its limit, and how often it was compared."""

    @property
    def indicator(self) -> str:
        """Return the indicator's name."""
        ...

    @property
    def error(self) -> float:
        """Return the error, as a share."""
        ...

    @property
    def limit(self) -> float:
        """Return the limit, as a share."""
        ...

    @property
    def epochs(self) -> int:
        """Return how many epochs were compared."""
        ...


def above(found: Iterable[Judged]) -> list[Judged]:
    """Return the figures whose error is above their limit, the worst first."""
    return sorted((each for each in found if each.error > each.limit), key=lambda each: -each.error)


def may_recommend(found: Sequence[Judged]) -> bool:
    """Return whether anything may be recommended: enough was compared, and no error is above its limit."""
    return bool(found) and all(each.epochs >= EPOCHS_MIN for each in found) and not above(found)


def warnings(found: Sequence[Judged]) -> list[Note]:
    """Return in words why nothing may be recommended, or why answers are unproven; [] for neither."""
    said = [
        Note(
            code="above_limit", subjects=[each.indicator],
            text=f"I do not advise on {WORDS.get(each.indicator, each.indicator)} today: my error was "
            f"{each.error:.0%}, the limit is {each.limit:.0%}.".replace("%", " %"),
        )
        for each in above(found)
    ]  # fmt: skip
    few = [each for each in found if each.epochs < EPOCHS_MIN]
    if not found:
        said.append(
            Note(code="never_tested", text="Unproven: nobody has compared predictions with what came.")
        )
    elif few:
        least = min(each.epochs for each in few)
        said.append(Note(
            code="few_epochs", subjects=[each.indicator for each in few],
            text=f"Unproven: {least} predictions were compared with what came, "
            f"{EPOCHS_MIN} are wanted.",
        ))  # fmt: skip
    return said


def errors(found: Iterable[Figure]) -> list[PastError]:
    """Return the figures as what-if answers carry them."""
    return [
        PastError(indicator=each.indicator, error=each.error, limit=each.limit, epochs=each.epochs,
                  covered_80=each.covered_80, covered_95=each.covered_95)
        for each in found
    ]  # fmt: skip


def that_count(
    records: Iterable[Record], *, model_version: str, calibration_id: str, since_ns: int
) -> list[Epoch]:
    """Return the epochs by which a model is judged, oldest first: each span once, as it was judged last.

    Only those that this model and calibration predicted, and of data that nobody had fitted on.
    """
    latest: dict[tuple[int, int], Epoch] = {}
    for record in sorted(records, key=lambda each: each.made_ns):
        if (record.model_version, record.calibration_id) != (model_version, calibration_id):
            continue
        for epoch in record.epochs:
            if epoch.from_ns >= max(since_ns, record.calibrated_to_ns):
                latest[epoch.from_ns, epoch.to_ns] = epoch
    return [latest[span] for span in sorted(latest)]


def sealed(record: Record) -> Record:
    """Return a record with its hash."""
    content = msgspec.structs.replace(record, record_id="")
    digest = hashlib.blake2b(msgspec.json.encode(content), digest_size=16).hexdigest()
    return msgspec.structs.replace(record, record_id=digest)


def is_whole(record: Record) -> bool:
    """Return whether a record is what was once sealed."""
    return sealed(record).record_id == record.record_id


def scales(actual: Mapping[str, float], orders_due: int) -> dict[str, float]:
    """Return what the errors of an epoch are shares of."""
    return {
        name: float(orders_due) if name == "late_orders" else abs(value) for name, value in actual.items()
    }
