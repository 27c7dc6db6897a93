"""A calibration out of the plant's history, and whether a new one is due.

Due is one where there is none and enough history for it, where so much history has come since the data of
the newest one, or where the work of the days since is unlike that of the days before. Drift is told between
two stretches of history and not between a fit and a stretch, so that what no family fits well is no drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from taktwin.contracts.whatif import Note
from taktwin.entropy import Entropy
from taktwin.identity import SignalId
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.simulation.distributions import LogNormal
from taktwin.simulation.drift import Drift, alarms, drift
from taktwin.simulation.fitting import Draw, Sample
from taktwin.simulation.parameters import ParameterSet
from taktwin.whatif.calibrate import (
    ANY,
    DRIFT_MAX,
    MIXINGS,
    SOME_PARTS,
    array_of,
    calibrated,
    charges,
    thinned,
)
from taktwin.whatif.observe import Seen
from taktwin.whatif.remember import Past, said, watched

DAY_NS = 86_400 * SECOND_NS
BEFORE_DAYS = 14.0  # of history before the end of the newest set, that the days since are held against
DRIFT_DAYS = 1.0  # since then, from which drift is asked about


def calibration(
    past: Past, registry: Registry, from_ns: int, to_ns: int, *, seed: int = 1, replications: int = 99,
    heard: Callable[[int], None] = lambda to_ns: None,
) -> ParameterSet:  # fmt: skip
    """Return the plant's parameters as its history in [from, to) says; the same history, the same set.

    Parameters
    ----------
    heard : is told up to which instant history was read, again and again

    Raises
    ------
    DomainError
        If no part was seen to be worked on at any unit.
    """
    return calibrated(
        watched(_Heard(past, heard), registry, from_ns, to_ns),
        {str(unit.id): unit.class_id for unit in registry.work_units},
        {str(unit.id): unit.calendar for unit in registry.work_units},
        draws(seed), source=f"{registry.site} {registry.prefix}", replications=replications,
        buffers=registry.buffers, said=said(past, from_ns, to_ns),
    )  # fmt: skip


def draws(seed: int) -> Draw:
    """Return the even numbers of goodness and drift."""
    return Entropy(seed).generator("calibration").random


class _Heard:
    """A past that says how far it was read."""

    def __init__(self, past: Past, heard: Callable[[int], None]) -> None:
        self._past, self._heard = past, heard

    def range(self, signals: list[SignalId], from_ns: int, to_ns: int) -> pa.Table:
        """Return rows with `from_ns <= source_ns < to_ns`, by signal and time."""
        found = self._past.range(signals, from_ns, to_ns)
        self._heard(to_ns)
        return found

    def events(self, from_ns: int, to_ns: int, *, types: Sequence[str] = ()) -> pa.Table:
        """Return events by time."""
        return self._past.events(from_ns, to_ns, types=types)


def due(*, newest_to_ns: int | None, oldest_ns: int, now_ns: int, every_days: float) -> list[Note]:
    """Return why a new set is due by the history that there is; [] where it is not.

    Parameters
    ----------
    newest_to_ns : where the data of the newest set ends; None: there is no set
    every_days : so much new history makes a new one; 0: none does
    """
    if every_days <= 0:
        return []
    days = (now_ns - (oldest_ns if newest_to_ns is None else newest_to_ns)) / DAY_NS
    if days < every_days:
        return []
    if newest_to_ns is None:
        return [
            Note(code="first", text=f"nothing was measured yet, and there are {days:.0f} days of history")
        ]
    return [Note(code="history", text=f"{days:.0f} days of history have come since the newest one")]


def unlike(seen: Sequence[Seen], split_ns: int, draw: Draw, *, mixings: int = MIXINGS) -> list[Note]:
    """Return whose work since an instant is unlike what it was before; [] where chance alone explains it.

    All times of work of the plant together give a false alarm in at most 5 of 100 such questions.
    """
    found: dict[str, Drift] = {}
    for each in seen:
        for product, cycles in sorted(each.cycles.items()):
            at_ns, work_s = array_of(cycles.at_ns), charges(cycles.work_s, cycles.parts)
            before_s = thinned(work_s[at_ns < split_ns], DRIFT_MAX)
            since_s = thinned(work_s[at_ns >= split_ns], DRIFT_MAX)
            both_s = np.concatenate((before_s, since_s))
            if min(len(before_s), len(since_s)) < SOME_PARTS or np.ptp(both_s) == 0:
                continue
            family = LogNormal(float(np.mean(both_s)), 0.1)  # only its name counts
            found[f"{each.unit}/{product or ANY}"] = drift(
                family,
                Sample(tuple(before_s.tolist())),
                Sample(tuple(since_s.tolist())),
                draw,
                mixings=mixings,
            )
    return [
        Note(
            code="drift", subjects=name.split("/"),
            text=f"{name} takes {found[name].mean_ratio:.3f} times what it took (p = {found[name].p:.4f})",
        )
        for name in alarms(found)
    ]  # fmt: skip


def drifted(past: Past, registry: Registry, split_ns: int, to_ns: int, *, seed: int = 1) -> list[Note]:
    """Return whose work in [split, to) is unlike that of the days before, as history says."""
    seen = list(watched(past, registry, split_ns - round(BEFORE_DAYS * DAY_NS), to_ns))
    return unlike(seen, split_ns, draws(seed))
