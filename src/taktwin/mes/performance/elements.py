"""Elements of ISO 22400 from runs, stops with reasons, job orders and counts. Pure.

Each instant of a window is in exactly one piece, so that the pieces of a day add up to the day, to the
nanosecond, however it is cut. The formulas that are made of them: `measures.kpi`.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from taktwin.measures import kpi, time_classes
from taktwin.measures.kpi import Elements
from taktwin.measures.time_classes import ClassSpan
from taktwin.mes.performance.engine import Run as JobRun
from taktwin.mes.performance.states import STOPS, Run
from taktwin.standards.iso22400 import TimeClass


@dataclass(frozen=True, slots=True)
class Stand:
    """A recorded stop; `element` is what its reason makes of its time, None: what the machine said."""

    stop: str
    from_ns: int
    to_ns: int
    element: TimeClass | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a window in one class, for one product, within one stop at most."""

    from_ns: int
    to_ns: int
    time_class: TimeClass
    told: TimeClass  # what the machine said, before a reason said more
    product: str = ""  # "" = no job order ran
    stop: str = ""
    short: bool = False  # it stood, for less than the threshold of its unit


@dataclass(frozen=True, slots=True)
class Made:
    """Parts of one product; `cycle_ns` is the planned run time of one, None: nobody has said it.

    `seen` is the share of their time, 0 to 1, in which somebody saw the machine.
    """

    product: str
    good: int
    scrap: int
    cycle_ns: int | None
    seen: float = 1.0


def pieces(
    runs: Iterable[Run], stands: Iterable[Stand], jobs: Sequence[tuple[JobRun, str]], *,
    from_ns: int, to_ns: int,
) -> list[Piece]:  # fmt: skip
    """Return [from_ns, to_ns) as pieces without a gap; what no run covers is unknown.

    Parameters
    ----------
    runs : what the machine said, disjoint
    stands : recorded stops, disjoint; a reason speaks for the time in which the machine stood
    jobs : job orders with their product; where two run at once, the one that began last counts
    """
    there = sorted(
        (run for run in runs if run.from_ns < to_ns and run.to_ns > from_ns), key=lambda r: r.from_ns
    )
    stood = sorted((s for s in stands if s.from_ns < to_ns and s.to_ns > from_ns), key=lambda s: s.from_ns)
    ran = [(job, product) for job, product in jobs if job.from_ns < to_ns and job.to_ns > from_ns]
    bounds = [(each.from_ns, each.to_ns) for each in there]
    bounds += [(each.from_ns, each.to_ns) for each in stood]
    bounds += [(job.from_ns, job.to_ns) for job, _ in ran]
    inside = {at_ns for pair in bounds for at_ns in pair if from_ns < at_ns < to_ns}
    edges = {from_ns, to_ns, *inside}
    found: list[Piece] = []
    run_at, stand_at = 0, 0
    for start, end in itertools.pairwise(sorted(edges)):
        while run_at < len(there) and there[run_at].to_ns <= start:
            run_at += 1
        while stand_at < len(stood) and stood[stand_at].to_ns <= start:
            stand_at += 1
        run = there[run_at] if run_at < len(there) and there[run_at].from_ns <= start else None
        stand = stood[stand_at] if stand_at < len(stood) and stood[stand_at].from_ns <= start else None
        told = TimeClass.UNKNOWN if run is None else run.time_class
        stands_still = told in STOPS
        now = stand.element if stand is not None and stand.element is not None and stands_still else told
        found.append(
            Piece(start, end, now, told, _product(ran, start), stand.stop if stand and stands_still else "",
                  short=stands_still and stand is None)
        )  # fmt: skip
    return found


def _product(jobs: Sequence[tuple[JobRun, str]], at_ns: int) -> str:
    here = [(job.from_ns, job.job, product) for job, product in jobs if job.from_ns <= at_ns < job.to_ns]
    return max(here)[2] if here else ""


def summed(found: Sequence[Piece], made: Iterable[Made], *, product: str | None = None) -> Elements:
    """Return the elements of pieces and parts: of one product ("": no order ran), or of all."""
    mine = [piece for piece in found if product is None or piece.product == product]
    total = kpi.total(
        kpi.elements_of(
            time_classes.sums_ns(
                [ClassSpan(piece.from_ns, piece.to_ns, piece.time_class)],
                from_ns=piece.from_ns, to_ns=piece.to_ns,
            ),
            short_ns=piece.to_ns - piece.from_ns if piece.short else 0,
        )
        for piece in mine
    )  # fmt: skip
    return total + kpi.total(parts(each) for each in made if product is None or each.product == product)


def parts(made: Made) -> Elements:
    """Return the quantities of parts, and the time that they should have taken."""
    produced = made.good + made.scrap
    return Elements(
        produced=produced, good=made.good, scrap=made.scrap,
        planned_run_ns=0 if made.cycle_ns is None else round(produced * made.cycle_ns * made.seen),
        unrated=produced if made.cycle_ns is None else 0,
        unseen=produced - round(produced * made.seen),
    )  # fmt: skip


def seen_share(found: Sequence[Piece], *, from_ns: int, to_ns: int) -> float:
    """Return the share of the time of some parts in which somebody saw the machine; 0 where it is empty.

    They were counted in [from_ns, to_ns). A counter that is heard again tells there of what was made
    while nobody heard it: time that nobody saw counts from its beginning, also where that lies before.
    """
    first = max(bisect.bisect_right(found, from_ns, key=lambda piece: piece.from_ns) - 1, 0)
    seen_ns = unseen_ns = 0
    for piece in itertools.islice(found, first, None):
        if piece.from_ns >= to_ns:
            break
        end_ns = min(piece.to_ns, to_ns)
        if piece.time_class is TimeClass.UNKNOWN:
            unseen_ns += end_ns - piece.from_ns
        else:
            seen_ns += max(end_ns - max(piece.from_ns, from_ns), 0)
    return seen_ns / (seen_ns + unseen_ns) if seen_ns else 0.0
