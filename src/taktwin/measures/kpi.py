"""Figures of performance from summed elements: the one set of formulas of the whole product.

Comes in: `Elements`, which are sums of time and of parts over whatever is looked at: a work unit, a
shift, a product. Goes out: ratios by the names of ISO 22400-2. Elements are added and ratios never
averaged: add first, then ask. A ratio of nothing is None, which is not 0. `figures` withholds what its
evidence does not carry, and `withheld` says why: the formulas themselves know nothing of that.

Source: ISO 22400-2 as CONVENTIONS 3.7 has it. Set-up counts as loss of availability.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from taktwin.errors import DomainError
from taktwin.standards.iso22400 import TimeClass

PRU_TOO_SOFT = 1.05  # above it the planned run time per part is too long, and the OEE index flatters
# What nobody saw could have been anything: a share u of it moves a ratio of times by up to u. Above a tenth
# a figure would claim more than is known.
UNKNOWN_MAX = 0.1
# A part that was begun before the window and came in it counts whole. Where one part is more than a tenth
# of what the time could give, the pace is that of the window's edges and not of the machine.
ONE_PART_MAX = 0.1


class Withheld(StrEnum):
    """Why a figure is not shown, the first that holds."""

    UNKNOWN = "unknown"  # of more than `UNKNOWN_MAX` of the time nobody knows anything
    UNRATED = "unrated"  # a part has no planned run time
    TOO_SHORT = "too_short"  # one part is more than `ONE_PART_MAX` of the production time
    NOTHING = "nothing"  # nothing was planned, or made: there is nothing to divide by


@dataclass(frozen=True, slots=True)
class Elements:
    """Sums over a scope; times in nanoseconds, all >= 0; quantities in parts.

    The eight times are the partition of the calendar time: each instant is in exactly one of them.
    `short_ns` is a part of the three delays and not a ninth: stops below the threshold of their unit.
    """

    production_ns: int = 0  # APT actual production time
    set_up_ns: int = 0  # ASUT actual set-up time
    delay_own_ns: int = 0  # ADET, cause of its own
    blocked_ns: int = 0  # ADET, charged to the unit behind
    starved_ns: int = 0  # ADET, charged to the unit before
    down_no_order_ns: int = 0  # ADOT actual down time: it could work and had no order
    planned_down_ns: int = 0  # outside of PBT
    unknown_ns: int = 0  # nobody saw it
    short_ns: int = 0
    produced: int = 0  # PQ produced quantity: good and scrap
    good: int = 0  # GQ good quantity
    scrap: int = 0  # SQ scrap quantity
    planned_run_ns: int = 0  # PRU x PQ over the products, without `unseen`: what they should have taken
    unrated: int = 0  # parts of PQ for which nobody has said a planned run time
    unseen: int = 0  # parts of PQ made while nobody saw the machine: APT has no time for them

    def __add__(self, other: Elements) -> Elements:
        """Return the elements of both scopes together."""
        return Elements(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def calendar_ns(self) -> int:
        """Return the whole time of the scope: the sum of its partition."""
        return sum(self.by_class().values())

    @property
    def unit_processing_ns(self) -> int:
        """Return AUPT, actual unit processing time: APT + ASUT."""
        return self.production_ns + self.set_up_ns

    @property
    def delay_ns(self) -> int:
        """Return ADET, actual unit delay time: of its own, blocked and starved."""
        return self.delay_own_ns + self.blocked_ns + self.starved_ns

    @property
    def unit_busy_ns(self) -> int:
        """Return AUBT, actual unit busy time: AUPT + ADET."""
        return self.unit_processing_ns + self.delay_ns

    @property
    def planned_busy_ns(self) -> int:
        """Return PBT, planned busy time: all that was seen, less planned down time.

        What nobody saw is in no formula; its share of the calendar time is shown beside each figure.
        """
        return self.unit_busy_ns + self.down_no_order_ns

    def by_class(self) -> dict[TimeClass, int]:
        """Return the partition by time class."""
        return {each: int(getattr(self, f"{each.value}_ns")) for each in TimeClass}


def elements_of(sums: Mapping[TimeClass, int], *, short_ns: int = 0) -> Elements:
    """Return the elements of sums by time class, without any parts."""
    return Elements(**{f"{each.value}_ns": sums.get(each, 0) for each in TimeClass}, short_ns=short_ns)


def total(parts: Iterable[Elements]) -> Elements:
    """Return the sum of elements: that of a line, of a day, of a week."""
    return sum(parts, Elements())


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole; None where the whole is 0.

    Raises
    ------
    DomainError
        If one is negative or no finite number: some second or part was counted wrongly.
    """
    if not (part >= 0 and whole >= 0 and math.isfinite(part) and math.isfinite(whole)):
        raise DomainError(f"{part} of {whole}: times and quantities are finite and not negative")
    return part / whole if whole else None


def availability(e: Elements) -> float | None:
    """Return APT / PBT. Range 0 to 1, higher is better."""
    return ratio(e.production_ns, e.planned_busy_ns)


def effectiveness(e: Elements) -> float | None:
    """Return PRU x PQ / APT; None where a part has no planned run time. May exceed 1."""
    return None if e.unrated else ratio(e.planned_run_ns, e.production_ns)


def quality_ratio(e: Elements) -> float | None:
    """Return GQ / PQ. Range 0 to 1, higher is better."""
    return ratio(e.good, e.produced)


def oee_index(e: Elements) -> float | None:
    """Return availability x effectiveness x quality ratio; None where one of them is."""
    return _product(availability(e), effectiveness(e), quality_ratio(e))


def nee_index(e: Elements) -> float | None:
    """Return AUPT / PBT x effectiveness x quality ratio: the net index, set-up is no loss in it."""
    return _product(ratio(e.unit_processing_ns, e.planned_busy_ns), effectiveness(e), quality_ratio(e))


def allocation_efficiency(e: Elements) -> float | None:
    """Return AUBT / PBT. Range 0 to 1, higher is better."""
    return ratio(e.unit_busy_ns, e.planned_busy_ns)


def utilization_efficiency(e: Elements) -> float | None:
    """Return APT / AUBT. Range 0 to 1, higher is better."""
    return ratio(e.production_ns, e.unit_busy_ns)


def setup_rate(e: Elements) -> float | None:
    """Return ASUT / AUPT. Range 0 to 1, lower is better."""
    return ratio(e.set_up_ns, e.unit_processing_ns)


def technical_efficiency(e: Elements) -> float | None:
    """Return APT / (APT + ADET). Range 0 to 1, higher is better."""
    return ratio(e.production_ns, e.production_ns + e.delay_ns)


def scrap_ratio(e: Elements) -> float | None:
    """Return SQ / PQ. Range 0 to 1, lower is better."""
    return ratio(e.scrap, e.produced)


def throughput_rate_per_h(*, produced: int, order_execution_ns: int) -> float | None:
    """Return PQ / AOET, parts an hour of actual order execution time."""
    parts_per_ns = ratio(produced, order_execution_ns)
    return None if parts_per_ns is None else parts_per_ns * 3_600e9


def allocation_ratio(*, unit_busy_ns: int, order_execution_ns: int) -> float | None:
    """Return AUBT / AOET, the busy time summed over the units of an order."""
    return ratio(unit_busy_ns, order_execution_ns)


def production_process_ratio(*, production_ns: int, order_execution_ns: int) -> float | None:
    """Return APT / AOET, the production time summed over the route of an order."""
    return ratio(production_ns, order_execution_ns)


def worker_efficiency(*, personnel_work_ns: int, attendance_ns: int) -> float | None:
    """Return APWT / APAT."""
    return ratio(personnel_work_ns, attendance_ns)


def oee_common(e: Elements) -> float | None:
    """Return the common OEE: run / planned x ideal x count / run x good / count.

    What most plants call OEE, and not the OEE index of the standard: its run time holds the stops that
    are too short to be stops, so that these lower the performance and not the availability. The two
    products are equal where their ideal times are, which here is the same planned run time; their
    factors differ. Planned is PBT.
    """
    return _product(common_availability(e), common_performance(e), quality_ratio(e))


def common_availability(e: Elements) -> float | None:
    """Return run / planned of the common OEE: its run time is APT and the short stops."""
    return ratio(e.production_ns + e.short_ns, e.planned_busy_ns)


def common_performance(e: Elements) -> float | None:
    """Return ideal x count / run of the common OEE; None where a part has no planned run time."""
    return None if e.unrated else ratio(e.planned_run_ns, e.production_ns + e.short_ns)


def unknown_share(e: Elements) -> float | None:
    """Return which share of the calendar time nobody saw: shown beside every figure."""
    return ratio(e.unknown_ns, e.calendar_ns)


FIGURES = {
    "availability": availability,
    "effectiveness": effectiveness,
    "quality_ratio": quality_ratio,
    "oee_index": oee_index,
    "nee_index": nee_index,
    "allocation_efficiency": allocation_efficiency,
    "utilization_efficiency": utilization_efficiency,
    "setup_rate": setup_rate,
    "technical_efficiency": technical_efficiency,
    "scrap_ratio": scrap_ratio,
    "oee_common": oee_common,
    "common_availability": common_availability,
    "common_performance": common_performance,
    "unknown_share": unknown_share,
}


OF_PARTS = frozenset({"quality_ratio", "scrap_ratio"})  # no time is in them
OF_PACE = frozenset({
    "effectiveness", "oee_index", "nee_index", "oee_common", "common_performance",
})  # fmt: skip


def figures(e: Elements, *, units: int = 1) -> dict[str, float | None]:
    """Return every figure of a scope by its name; None where it is withheld."""
    why = withheld(e, units=units)
    return {name: None if name in why else formula(e) for name, formula in FIGURES.items()}


def withheld(e: Elements, *, units: int = 1) -> dict[str, Withheld]:
    """Return the figures that the evidence does not carry, each with the first reason.

    Parameters
    ----------
    units : how many work units made the parts: at each of them one may have begun before the window
    """
    found = {name: _objection(name, e, units) for name in FIGURES}
    return {name: reason for name, reason in found.items() if reason is not None}


def _objection(name: str, e: Elements, units: int) -> Withheld | None:
    timed = name not in OF_PARTS and name != "unknown_share"
    if timed and e.unknown_ns > UNKNOWN_MAX * e.calendar_ns:
        return Withheld.UNKNOWN
    if name in OF_PACE:
        if e.unrated:
            return Withheld.UNRATED
        if not e.produced:  # no part is no pace of 0 %: the first may be in work
            return Withheld.NOTHING
        if e.production_ns and units * part_ns(e) > ONE_PART_MAX * e.production_ns:
            return Withheld.TOO_SHORT
    return Withheld.NOTHING if FIGURES[name](e) is None else None


def part_ns(e: Elements) -> float:
    """Return the planned run time of one part (PRU), over the products as they were made.

    Infinite where parts were made and none of them was seen; 0 where nothing was made.
    """
    paced = e.produced - e.unseen
    return e.planned_run_ns / paced if paced > 0 else math.inf if e.produced else 0.0


def _product(*factors: float | None) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product
