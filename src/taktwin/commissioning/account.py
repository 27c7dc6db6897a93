"""The engineer's account of a commissioning: what each planned machine did, was told, and was refused.

In: a line and the calls that its receivers heard. Out: an `Account`, as JSON and as lines to read. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from taktwin.commissioning.engine import Line, Shows
from taktwin.commissioning.model import expected_of
from taktwin.instants import MILLISECOND_NS
from taktwin.plant.registry import Registry

DECIMALS = 4


class CallAnswered(msgspec.Struct, frozen=True):
    """A call of job control that a machine heard."""

    work_unit: str
    method: str
    job: str
    status: str  # NO_ERROR, or why it did not
    at_ns: int


class UnitAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What one work unit of the line did."""

    work_unit: str
    planned: bool  # False: it stands already, and was played all the same
    good: int
    rejected: int
    good_expected: float  # share
    cycle_s: float | None  # mean work of a part; None: none was made
    cycle_expected_s: float | None
    shares: dict[str, float]  # of the time, by what it showed; they add up to 1
    interlock_asked: int = 0  # questions that were answered, yes or no
    interlock_refused: dict[str, int] = {}  # answer -> parts
    interlock_unanswered: int = 0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a line did in a span of plant time."""

    plan: str
    since_ns: int
    to_ns: int
    units: list[UnitAccount]
    calls: list[CallAnswered]
    products: dict[str, int]  # parts that went through to the end
    without_value: list[str]  # signals that the simulation knows nothing of: nobody has tried them

    @property
    def refused(self) -> list[CallAnswered]:
        """Return the calls that a machine did not do."""
        return [each for each in self.calls if each.status != "NO_ERROR"]


def account(
    registry: Registry,
    line: Line,
    calls: Sequence[CallAnswered],
    *,
    since_ns: int,
    to_ns: int,
    without_value: Sequence[str] = (),
) -> Account:
    """Return what a line did until now."""
    return Account(
        plan=registry.plan.name, since_ns=since_ns, to_ns=to_ns, calls=list(calls),
        products={name: count.parts for name, count in line.counts.items()},
        without_value=list(without_value),
        units=[_unit(registry, line, place) for place in range(len(line.cells))],
    )  # fmt: skip


def _unit(registry: Registry, line: Line, place: int) -> UnitAccount:
    cell = line.cells[place]
    spent = dict(cell.spent)
    assert cell.shows
    spent[cell.shows] = spent.get(cell.shows, 0) + line.now - cell.since
    whole = sum(spent.values()) or 1
    times = [
        step.work.mean_s for product in line.plant.products for step in product.steps
        if step.center == line.center_of(place)
    ]  # fmt: skip
    return UnitAccount(
        work_unit=cell.name, planned=cell.name in registry.plan.planned, good=cell.good,
        rejected=cell.rejected, good_expected=expected_of(registry, cell.name).good,
        cycle_s=round(sum(cell.cycles) / len(cell.cycles), 3) if cell.cycles else None,
        cycle_expected_s=round(sum(times) / len(times), 3) if times else None,
        shares={shows.value: round(spent.get(shows, 0) / whole, DECIMALS) for shows in Shows},
        interlock_asked=cell.answered, interlock_refused=dict(cell.refused),
        interlock_unanswered=cell.unanswered,
    )  # fmt: skip


def told(found: Account) -> list[str]:
    """Return an account as lines for a person, what went wrong first."""
    hours = (found.to_ns - found.since_ns) / MILLISECOND_NS / 3_600_000
    lines = [f"{found.plan}: {hours:.2f} h of plant time, every machine of it played by the simulation"]
    for call in found.refused:
        lines.append(f"  refused: {call.method} {call.job} at {call.work_unit}: {call.status}")
    for unit in found.units:
        for answer, parts in unit.interlock_refused.items():
            lines.append(f"  refused: {parts} parts at {unit.work_unit} by the interlock: {answer}")
        if unit.interlock_unanswered:
            lines.append(f"  unanswered: {unit.interlock_unanswered} questions of {unit.work_unit}")
    lines.append(f"  {'':<20}{'good':>6}{'scrap':>6}{'cycle':>9}{'of':>8}  of the time under an order:")
    for unit in found.units:
        cycle = "-" if unit.cycle_s is None else f"{unit.cycle_s:.1f} s"
        wanted = "-" if unit.cycle_expected_s is None else f"{unit.cycle_expected_s:.0f} s"
        said = ", ".join(f"{100 * share:.0f} % {name}" for name, share in under_order(unit).items())
        sign = " (planned)" if unit.planned else ""
        lines.append(
            f"  {unit.work_unit + sign:<20}{unit.good:>6}{unit.rejected:>6}{cycle:>9}{wanted:>8}  {said}"
        )
    lines.append("  made: " + (", ".join(f"{n} {name}" for name, n in found.products.items()) or "nothing"))
    if found.without_value:
        lines.append(f"  not tried, the simulation has no value for them: {', '.join(found.without_value)}")
    return lines


def under_order(unit: UnitAccount) -> dict[str, float]:
    """Return shares of the time in which a unit had a job order, the largest first; {} if it had none."""
    whole = 1.0 - unit.shares[Shows.NO_ORDER]
    some = {name: share / whole for name, share in unit.shares.items()
            if name != Shows.NO_ORDER and share > 0}  # fmt: skip
    return dict(sorted(some.items(), key=lambda each: -each[1]))
