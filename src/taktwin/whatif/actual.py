"""What really came in a span: in come the MES's facts and the machines' time classes, out go indicators.

They are counted as the simulation counts its own runs, so that one can stand beside the other: a part is in
work from when its first machine takes it until its last one has counted it. Spans in which a machine was not
seen are named; whoever compares leaves them out. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from taktwin.contracts import events
from taktwin.contracts.whatif import Note
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.measures.time_classes import ClassSpan, sums_ns
from taktwin.plant.routes import STEP, place_of
from taktwin.standards.iso22400 import TimeClass
from taktwin.whatif.late import is_late
from taktwin.whatif.model import Translated
from taktwin.whatif.past import Fact, board
from taktwin.whatif.pieces import Pieces, Place

CUTS = 24  # instants at which the parts in work are counted, as in a run
UNSEEN_MAX = 0.01  # of the span, of one machine: beyond it nobody knows what came
# A machine that is blocked has counted its part already.
IN_HAND = frozenset({TimeClass.PRODUCTION, TimeClass.SET_UP, TimeClass.DELAY_OWN})


@dataclass(frozen=True, slots=True)
class Actual:
    """What came. Without figures the span was not seen, and `left_out` says where."""

    figures: Mapping[str, float]
    orders_due: int
    left_out: tuple[Note, ...] = ()
    notes: tuple[Note, ...] = ()


class _Place(NamedTuple):
    """What a count at a work unit means for the parts in work."""

    is_first: bool
    is_last: bool
    is_final: bool  # of a product that nothing here is made of


def unseen(
    stays: Mapping[str, Sequence[ClassSpan]], units: Iterable[str], from_ns: int, to_ns: int
) -> list[Note]:
    """Return a note that names who was not seen over more than a hundredth of a span; [] where all were."""
    away: dict[str, float] = {}
    for unit in sorted(units):
        spans = sorted(stays.get(unit, ()), key=lambda span: span.from_ns)
        unknown_ns = sums_ns(spans, from_ns=from_ns, to_ns=to_ns)[TimeClass.UNKNOWN]
        if unknown_ns > UNSEEN_MAX * (to_ns - from_ns):
            away[unit] = unknown_ns / SECOND_NS / 60
    if not away:
        return []
    said = ", ".join(f"{unit} {minutes:.0f} min" for unit, minutes in away.items())
    span = f"between {rfc3339(from_ns)[:16]}Z and {rfc3339(to_ns)[:16]}Z"
    return [Note(code="unseen", subjects=list(away), text=f"not seen {span}: {said}")]


def came(
    model: Translated, told: Sequence[Fact], stays: Mapping[str, Sequence[ClassSpan]], *,
    passed: int, from_ns: int, to_ns: int,
) -> Actual:  # fmt: skip
    """Return the indicators of [from_ns, to_ns], counted as a run of the simulation counts them.

    Parameters
    ----------
    told : facts of the MES as `Past.facts` gives them for the span
    stays : work unit -> its time classes in their sequence
    passed : parts in work at `from_ns` that are past their first machine, as the fork has them
    """
    left_out = unseen(stays, model.unit_of, from_ns, to_ns)
    if left_out:
        return Actual({}, 0, tuple(left_out))
    places = _places(model)
    hours = (to_ns - from_ns) / SECOND_NS / 3600
    flow: list[tuple[int, int]] = []  # when parts came into work or left it, but for those at first machines
    finals = made = scrap = 0
    reports = {
        each.report: (each.quantity, each.job) for fact in told
        if isinstance(each := fact.content, events.MaterialScrapped)
    }  # fmt: skip
    for at_ns, missing in _uncounted(told):
        if from_ns < at_ns <= to_ns:
            scrap += missing
            flow.append((at_ns, -missing))
    for fact in told:
        counted = fact.content
        if not from_ns < fact.at_ns <= to_ns:
            continue
        if isinstance(counted, events.MaterialScrapped | events.MaterialScrapUndone):
            # Reported is what no machine has counted: it never got further than into its operation.
            bad, job = reports.get(counted.report, (0, ""))
            bad = bad if isinstance(counted, events.MaterialScrapped) else -bad
            scrap += bad
            flow.append((fact.at_ns, 0 if _number(job) == STEP else -bad))
            continue
        if not isinstance(counted, events.MaterialCounted) or counted.work_unit not in places:
            continue
        place = _place(places[counted.work_unit], counted.job)
        is_good = counted.kind == "good"
        scrap += 0 if is_good else counted.quantity
        comes, leaves = is_good and place.is_first, place.is_last if is_good else not place.is_first
        flow.append((fact.at_ns, counted.quantity * (comes - leaves)))
        made += counted.quantity * (place.is_last and is_good)
        finals += counted.quantity * (place.is_last and place.is_final and is_good)
    wip = _in_work(places, flow, stays, passed, from_ns, to_ns)
    late, due, notes = _late(told, from_ns, to_ns)
    figures = {
        "late_orders": float(late), "parts_done": float(finals), "wip": wip,
        "lead_time_h": wip * hours / max(made, 1), "scrap": float(scrap),
    }  # fmt: skip
    return Actual(figures, due, (), tuple(notes))


def _uncounted(told: Sequence[Fact]) -> list[tuple[int, int]]:
    """Return when it was known that parts are gone that no counter saw, and how many they were.

    A machine that counts no rejects loses them all the same: its job order ends without parts that the one
    before had made.
    """
    pieces = Pieces()
    made: Counter[Place] = Counter()
    bad: Counter[Place] = Counter()
    found = []
    for fact in told:
        pieces.hear(fact.content)
        ended = fact.content
        if not isinstance(ended, events.JobOrderEnded) or (here := pieces.place_of(ended.job)) is None:
            continue
        made[here] += ended.good
        bad[here] += ended.scrap
        missing = made[Place(here.request, here.operation - STEP)] - made[here] - bad[here]
        if pieces.is_over(here) and missing > 0:
            found.append((fact.at_ns, missing))
    return found


def _places(model: Translated) -> dict[str, list[tuple[int, _Place]]]:
    """Return by work unit what may be done there: the place in a route, and what a count means."""
    found: dict[str, list[tuple[int, _Place]]] = {}
    for unit, center in model.center_of.items():
        found[unit] = [
            (place, _Place(place == 0, place == len(product.steps) - 1, product.name not in model.makes))
            for product in model.products
            for place, step in enumerate(product.steps) if step.center == center
        ]  # fmt: skip
    return found


def _number(job: str) -> int | None:
    """Return the operation of a job order by its name, of one that was split off too; None: it has none."""
    number = job.rpartition("-")[2].partition(".")[0]
    return int(number) if number.isdigit() else None


def _place(here: Sequence[tuple[int, _Place]], job: str) -> _Place:
    """Return what a count means: by the operation of its job order, else by what is done there at all."""
    number = _number(job)
    named = [each for place, each in here if number is not None and place == place_of(number)]
    return next(iter((*named, *(each for _, each in here))), _Place(False, False, False))


def _in_work(
    places: Mapping[str, Sequence[tuple[int, _Place]]], flow: Sequence[tuple[int, int]],
    stays: Mapping[str, Sequence[ClassSpan]], passed: int, from_ns: int, to_ns: int,
) -> float:  # fmt: skip
    """Return the mean of the parts in work at equal distances, the last of them at the end."""
    firsts = [unit for unit, here in places.items() if any(each.is_first for _, each in here)]
    steps = sorted(flow)
    level, total, at = passed, 0, 0
    for cut in range(1, CUTS + 1):
        at_ns = from_ns + (to_ns - from_ns) * cut // CUTS
        while at < len(steps) and steps[at][0] <= at_ns:
            level += steps[at][1]
            at += 1
        total += level + sum(_has_part(stays.get(unit, ()), at_ns) for unit in firsts)
    return total / CUTS


def _has_part(spans: Sequence[ClassSpan], at_ns: int) -> bool:
    """Return whether a work unit has a part in hand at an instant, as far as its classes say so."""
    before = [span for span in spans if span.from_ns <= at_ns]
    # A part that a break finds in a machine rests there.
    at_work = [span for span in before if span.time_class != TimeClass.PLANNED_DOWN]
    return bool(at_work) and at_work[-1].time_class in IN_HAND


def _late(told: Sequence[Fact], from_ns: int, to_ns: int) -> tuple[int, int, list[Note]]:
    """Return how many orders were late in a span, and how many were due in it or before.

    Due is an order by the date that was known when the span began, or when the order came. Done it is when
    the MES ended it, or when the last of its parts was counted; one that was all there before, and open all
    the same, is not judged, as in a run.
    """
    due_ns: dict[str, int] = {}
    for line in board(told, from_ns)["lines"]:
        if line["due_ns"]:
            due_ns[line["request"]] = max(due_ns.get(line["request"], 0), line["due_ns"])
    request_of: dict[str, str] = {}
    for fact in told:
        if isinstance(fact.content, events.JobOrderStored):
            request_of[fact.content.job] = fact.content.request
            if from_ns < fact.at_ns <= to_ns and fact.content.due_ns:
                due_ns.setdefault(fact.content.request, fact.content.due_ns)
        elif isinstance(fact.content, events.JobOrderSplit) and fact.content.job in request_of:
            request_of[fact.content.into] = request_of[fact.content.job]
    still_open = {line["request"] for line in board(told, to_ns)["lines"]}
    ended_ns: dict[str, int] = {}
    given_up: set[str] = set()
    for fact in told:
        if fact.at_ns > to_ns:
            continue
        match fact.content:
            case events.JobOrderEnded() as ended if ended.job in request_of:
                request = request_of[ended.job]
                ended_ns[request] = max(ended_ns.get(request, 0), fact.at_ns)
            case events.JobOrderCancelled() | events.JobOrderAborted() as gone if gone.job in request_of:
                given_up.add(request_of[gone.job])
    given_up -= set(ended_ns) | still_open
    made_ns = _made_ns(told)
    unclosed = {request for request in due_ns if made_ns.get(request, math.inf) <= from_ns}
    asked = {
        request: at for request, at in due_ns.items() if at <= to_ns and request not in given_up | unclosed
    }
    done_ns = {request: at for request, at in ended_ns.items() if request not in still_open}
    late = sum(
        bool(is_late(due, min(done_ns.get(request, math.inf), made_ns.get(request, math.inf)), to_ns))
        for request, due in asked.items()
    )
    notes = []
    if names := sorted(given_up & set(due_ns)):
        text = f"{', '.join(names)}: given up, so neither late nor in time"
        notes.append(Note(code="given_up", subjects=names, text=text))
    if names := sorted(unclosed):
        text = f"{', '.join(names)}: made before and never closed, so neither late nor in time"
        notes.append(Note(code="made_before", subjects=names, text=text))
    return late, len(asked), notes


def _made_ns(told: Sequence[Fact]) -> dict[str, int]:
    """Return when as many good parts of an order were through its last operation as it wants."""
    wanted: dict[str, int] = {}
    request_of: dict[str, str] = {}  # of job orders of last operations
    for fact in told:
        match fact.content:
            case events.JobOrderStored() as new if new.last_operation:
                request_of[new.job], wanted[new.request] = new.request, new.quantity
            case events.JobOrderSplit() as split if split.job in request_of:
                request_of[split.into] = request_of[split.job]
    made: Counter[str] = Counter()
    found: dict[str, int] = {}
    for fact in sorted(told, key=lambda each: each.at_ns):
        counted = fact.content
        if (
            isinstance(counted, events.MaterialCounted)
            and counted.kind == "good"
            and counted.job in request_of
        ):
            request = request_of[counted.job]
            made[request] += counted.quantity
            if made[request] >= wanted[request]:
                found.setdefault(request, fact.at_ns)
    return found


def released_since(told: Sequence[Fact], from_ns: int, to_ns: int) -> list[dict[str, object]]:
    """Return the lines of the orders that came in (from_ns, to_ns], as a board has them, with when."""
    return [
        {
            "job": new.job, "request": new.request, "operation": new.operation, "product": new.product,
            "quantity": new.quantity, "good": 0, "scrap": 0, "due_ns": new.due_ns, "priority": new.priority,
            "state": "NotAllowedToStart", "work_unit": "", "released_ns": fact.at_ns,
        }
        for fact in told
        if from_ns < fact.at_ns <= to_ns and isinstance(new := fact.content, events.JobOrderStored)
    ]  # fmt: skip
