"""Measured parameters as the simulation wants them: comes in a calibration, go out steps, failures, tools.

What a name means is said where it is written (`calibrate`). A unit or product that was never seen has no
measured value, and what asks for it takes its own assumption. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from taktwin.contracts.whatif import Note
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.measures.power_levels import Step
from taktwin.measures.time_classes import Band
from taktwin.simulation.distributions import Distribution, Exponential, Fixed
from taktwin.simulation.fitting import Fitted
from taktwin.simulation.model import Batch, ByOrder, Failure, FailureClock, Machine, Tool, WorkCenter
from taktwin.simulation.parameters import Figure, ParameterSet, distribution_as_json, distribution_from_json
from taktwin.whatif.observe import NO_CODE

__all__ = ["NO_CODE", "Measured"]

ANY = "any"
# What a unit did -> what the simulation calls it.
STATES = {"working": ("working",), "setup": ("setup",), "down": ("broken", "repair"),
          "waiting": ("idle", "calling", "blocked"), "off": ("off", "upkeep")}  # fmt: skip
STOPS = ("until", "life")
Setups = dict[tuple[str | None, str], float]


class Measured:
    """Looks up what was measured at work units."""

    def __init__(self, found: ParameterSet) -> None:
        self._found = found
        self._fits = {tuple(name.split("/")): each for name, each in found.fits.items()}
        self._figures = {tuple(name.split("/")): each for name, each in found.figures.items()}
        self._kinds_of: dict[str, list[str]] = {}
        for name in sorted({name[1:3] for name in (*self._fits, *self._figures) if name[0] in STOPS}):
            self._kinds_of.setdefault(name[0], []).append(name[1])

    # -- times

    def _work(self, unit: str, product: str) -> Fitted | None:
        return self._fits.get(("work", unit, product)) or self._fits.get(("work", unit, ANY))

    def _best(self, group: Sequence[str]) -> str:
        """Return the unit of a group that made most: the others are faster or slower than it."""
        made = {unit: sum(fit.n_own for name, fit in self._fits.items() if name[:2] == ("work", unit))
                for unit in group}  # fmt: skip
        return max(sorted(made), key=lambda unit: made[unit])

    def work(self, group: Sequence[str], product: str, standard_s: float) -> Distribution | None:
        """Return the time of a part, or of a charge, at a group of units; None where nobody measured.

        A product that was never made there takes longer or shorter than its standard as the others do.
        """
        if not group:
            return None
        best = self._best(group)
        own = next((f for unit in (best, *sorted(group)) if (f := self._work(unit, product))), None)
        if own is None:
            return None
        pause = self._figures.get(("pause", best))
        return own.distribution if pause is None else longer(own.distribution, pause.value)

    def scrap(self, group: Sequence[str], product: str) -> float:
        """Return the share of parts that are lost at a group of units, whoever saw it."""
        seen = [figure for unit in group for name in (product, ANY)
                if (figure := self._figures.get(("scrap", unit, name)))]  # fmt: skip
        unseen = [figure for unit in group if (figure := self._figures.get(("lost", unit)))]
        counted, gone = _mean(seen), _mean(unseen)
        return counted + gone - counted * gone

    def is_remade(self, group: Sequence[str]) -> bool:
        """Return whether what is bad at a group of units is made again until all of an order are good."""
        return any(("remade", unit) in self._figures for unit in group)

    def by_order(self, group: Sequence[str]) -> ByOrder | None:
        """Return how a group of units takes turns between job orders; None: parts of all as they come."""
        if not group or not all(("orders", unit) in self._figures for unit in group):
            return None
        patience = self._figures.get(("turn", ANY))
        return ByOrder(None if patience is None else patience.value)

    def setups(self, group: Sequence[str], family_of: Mapping[str, str], standard: Setups) -> Setups:
        """Return set-ups between families as they were seen; a pair that was not seen is the standard's."""
        seen: dict[tuple[str | None, str], list[tuple[float, int]]] = {}
        for name, fit in self._fits.items():
            if name[0] == "setup" and name[1] in group and {name[2], name[3]} <= family_of.keys():
                pair: tuple[str | None, str] = (family_of[name[2]], family_of[name[3]])
                if pair[0] != pair[1]:
                    seen.setdefault(pair, []).append((fit.distribution.mean_s, fit.n_own))
        found = dict(standard)
        for pair, some in seen.items():
            found[pair] = sum(mean * n for mean, n in some) / sum(n for _, n in some)
        return {pair: value for pair, value in found.items() if value > 0}

    def lived(
        self, calendar: str, planned_s: Sequence[tuple[float, float]], horizon_s: float
    ) -> tuple[tuple[float, float], ...]:
        """Return planned stretches as they are lived: begun late, worked beyond their end.

        What the horizon cuts stays cut.
        """
        late, beyond = (self._figures.get((name, calendar)) for name in ("late", "beyond"))
        if late is None or beyond is None:
            return tuple(planned_s)
        found: list[tuple[float, float]] = []
        for start, end in planned_s:
            first = start + late.value if start > 0 else start
            last = end + beyond.value if end < horizon_s else end
            if found and first <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], last)
            elif last > first:
                found.append((first, last))
        return tuple(found)

    def delay_s(self, buffer: str) -> float:
        """Return how long a part lies in a buffer beyond its queue."""
        figure = self._figures.get(("delay", buffer))
        return 0.0 if figure is None else figure.value

    def bands(self, unit: str, bands: Sequence[Band]) -> tuple[Band, ...]:
        """Return the steps of a unit's power, those that were found elsewhere at their place; () all hold."""
        found = {name[2]: figure for name, figure in self._figures.items() if name[:2] == ("band", unit)}
        if not found:
            return ()
        return tuple(
            Step(figure.value, band.time_class) if (figure := found.get(band.time_class)) else band
            for band in bands
        )

    def charge(self, group: Sequence[str]) -> Batch | None:
        """Return how a furnace is filled, None where nobody saw."""
        for unit in group:
            if (batch := self._figures.get(("batch", unit))) and self.by_order(group):
                return Batch(round(batch.value))
            if (batch := self._figures.get(("batch", unit))) and (
                longest := self._figures.get(("patience", unit))
            ):
                least = 1 if batch.low is None else max(1, round(batch.low))
                return Batch(round(batch.value), least, longest.value)
        return None

    # -- stops

    def _kinds(self, unit: str) -> list[str]:
        return self._kinds_of.get(unit, [])

    def failures(self, unit: str, tools: Iterable[str] = ()) -> tuple[Failure, ...]:
        """Return the kinds of failure of a unit but for those that are tools."""
        found = []
        for kind in self._kinds(unit):
            repair = self._fits.get(("repair", unit, kind))
            if kind in tools or repair is None:
                continue
            for clock in FailureClock:
                if fit := self._fits.get(("until", unit, kind, clock.value)):
                    found.append(Failure(memoryless(fit), repair.distribution, clock, name=kind))
            if life := self._figures.get(("life", unit, kind)):
                # Not a tool of all units here: what it is worn by is their work.
                mean_s = life.value * self._mean_s(unit)
                if mean_s > 0:
                    found.append(Failure(Fixed(mean_s), repair.distribution, name=kind))
        return tuple(found)

    def _mean_s(self, unit: str) -> float:
        works = [fit for name, fit in self._fits.items() if name[:2] == ("work", unit)]
        n = sum(fit.n_own for fit in works)
        return sum(fit.distribution.mean_s * fit.n_own for fit in works) / n if n else 0.0

    def _tool(self, group: Sequence[str]) -> Tool | None:
        """Return what all units of a group change after so many parts; of several the dearest."""
        found = []
        for kind in {kind for unit in group for kind in self._kinds(unit)}:
            lives = [self._figures.get(("life", unit, kind)) for unit in group]
            repairs = [self._fits.get(("repair", unit, kind)) for unit in group]
            lasting = [each.value for each in lives if each is not None]
            changes = [each for each in repairs if each is not None]
            if len(lasting) == len(group) and changes:
                change = max(changes, key=lambda each: each.n_own).distribution
                found.append(Tool(kind, max(1, round(float(np.median(lasting)))), change))
        return max(found, key=lambda tool: (tool.change.mean_s / tool.life_parts, tool.name), default=None)

    def equipped(self, center: WorkCenter, group: Sequence[str], products: Sequence[str]) -> WorkCenter:
        """Return a work center with what was measured of its units: pace, failures, tool, power."""
        tool = None if center.batch else self._tool(group)
        best = self._best(group)
        machines = {}
        for number, unit in enumerate(group, 1):
            failures = self.failures(unit, () if tool is None else (tool.name,))
            power = self._power(unit)
            machines[number] = Machine(
                pace=self._pace(unit, best, products, is_alone=len(group) == 1),
                failures=(*center.failures, *failures) if failures else None,
                power_kw=power or None,
            )
        return replace(center, machines=machines, tools=() if tool is None else (tool,))

    def _pace(self, unit: str, best: str, products: Sequence[str], *, is_alone: bool) -> float | None:
        level = self._figures.get(("level", unit))  # of a shift, where several sets are drawn
        if is_alone:
            return None if level is None else 1 / level.value
        ratios = [
            base.distribution.mean_s / own.distribution.mean_s for product in products
            if (base := self._work(best, product)) and (own := self._work(unit, product))
        ]  # fmt: skip
        if not ratios and level is None:
            return None
        pace = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else 1.0
        return pace if level is None else pace / level.value

    def _power(self, unit: str) -> dict[str, float]:
        return {
            state: figure.value for name, states in STATES.items()
            if (figure := self._figures.get(("power", unit, name))) for state in states
        }  # fmt: skip

    # -- what is said of it

    def said(self, calibration: str) -> str:
        """Return in a sentence what was measured, and when."""
        when = range_told(self._found)
        what = "times, set-ups, failures, repairs, scrap and power"
        return f"{what} are measured{when and f' {when}'}, calibration {calibration}"

    def missing(self, units: Sequence[str]) -> Iterable[Note]:
        """Return what was not measured, or from few."""
        unknown = [unit for unit in units if not any(name[:2] == ("work", unit) for name in self._fits)]
        if unknown:
            yield Note(
                code="times", subjects=unknown,
                text=f"{', '.join(unknown)}: never seen at work, standard times instead",
            )  # fmt: skip
        pooled = sorted({name[1] for name, fit in self._fits.items() if name[0] in ("until", "repair")
                         and fit.pooled and name[1] in units})  # fmt: skip
        if pooled:
            yield Note(
                code="pooled", subjects=pooled,
                text=f"{', '.join(pooled)}: too few stops of some kind, fitted with those of the whole class",
            )  # fmt: skip
        steady = [unit for unit in units if unit not in unknown and not self._kinds(unit)]
        if steady:
            yield Note(
                code="failures", subjects=steady,
                text=f"{', '.join(steady)}: never failed while watched, and never does here",
            )  # fmt: skip


def heard_share(found: ParameterSet) -> float | None:
    """Return in which share of a set's range it was known what a unit did, over all its units.

    None where nobody wrote that down: a set of an earlier release, or one out of a log.
    """
    heard = [figure.value for name, figure in found.figures.items() if name.startswith("heard/")]
    if not heard or found.from_ns is None or found.to_ns is None or found.to_ns <= found.from_ns:
        return None
    return min(1.0, sum(heard) / len(heard) / ((found.to_ns - found.from_ns) / SECOND_NS))


def range_told(found: ParameterSet) -> str:
    """Return in words from when to when a set was measured, and how much of that was heard; "": not said."""
    from_ns, to_ns = found.from_ns, found.to_ns
    if from_ns is None or to_ns is None:
        return ""
    hours = (to_ns - from_ns) / SECOND_NS / 3600
    days, minutes = hours / 24, hours * 60
    long = f"{days:.1f} days" if days >= 2 else f"{hours:.1f} h" if hours >= 2 else f"{minutes:.0f} min"
    share = heard_share(found)
    heard = "" if share is None else f"; on average {100 * share:.0f} % of it is known of a work unit"
    return f"from {rfc3339(from_ns)[:16]}Z to {rfc3339(to_ns)[:16]}Z ({long}{heard})"


def memoryless(fit: Fitted) -> Exponential:
    """Return times to failure as they come to somebody who does not know how old a unit is.

    A family with wear, begun anew at every instant, has too few failures in the first hours, and one that
    fails early too many.
    """
    known = [fit.distribution, *(each.distribution for each in fit.candidates)]
    return next(
        (each for each in known if isinstance(each, Exponential)), Exponential(fit.distribution.mean_s)
    )


def _mean(figures: Sequence[Figure]) -> float:
    """Return the mean of shares, each by what it rests on."""
    n = sum(each.n for each in figures)
    return sum(each.value * each.n for each in figures) / n if n else 0.0


def longer(work: Distribution, by_s: float) -> Distribution:
    """Return a duration with something fixed behind it; a family keeps its relative spread."""
    if by_s <= 0:
        return work
    factor = (work.mean_s + by_s) / work.mean_s
    document = distribution_as_json(work)
    if "samples_s" in document:
        return distribution_from_json(
            {**document, "samples_s": [each + by_s for each in document["samples_s"]]}
        )
    for name in ("low_s", "likely_s", "high_s"):
        if name in document:
            document[name] += by_s
    if "mean_s" in document:
        document["mean_s"] *= factor
    return distribution_from_json(document)
