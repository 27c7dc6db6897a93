"""Parameters of the simulated plant out of what its work units were seen to do, each with its evidence.

| name | what |
|---|---|
| `work/UNIT/PRODUCT` | a part's own time, seconds; a charge's where several are counted together |
| `repair/UNIT/KIND` | how long a stop of a kind lasts, planned time |
| `until/UNIT/KIND/CLOCK` | after how much work (`working`) or time (`calendar`) it comes |
| `life/UNIT/KIND` (figure) | the same for stops that come after so many parts |
| `setup/UNIT/BEFORE/AFTER` | from one product to another, planned time; none was needed: 0 |
| `scrap/UNIT/PRODUCT` (figure) | share of the parts that were bad, with Jeffreys' interval |
| `lost/UNIT` (figure) | share of the parts that came, and went without a counter of the unit: fallen |
| `remade/UNIT` (figure) | share of the job orders that make their bad parts again until all are good |
| `orders/UNIT` (figure) | one job order at a time: share of the time in which there were more |
| `turn/any` (figure) | seconds without a part of the order in hand, until another goes first |
| `batch/UNIT` (figure) | parts of a full charge; its low is the smallest charge |
| `pause/UNIT`, `patience/UNIT` (figures) | the shortest and the longest pause between charges |
| `late/CALENDAR`, `beyond/CALENDAR` (figures) | seconds a planned stretch begins late, ends late |
| `delay/BUFFER` (figure) | seconds that a part lies there longer than in a queue |
| `band/UNIT/CLASS` (figure) | kW from which it is in a class, where the plant has it otherwise (low) |
| `varies/work/UNIT`, `varies/scrap/UNIT` (figures) | spread of the level between shifts, beyond chance |
| `power/UNIT/STATE`, `share/UNIT/STATE` (figures) | mean kW and share of planned time, by what the unit did |
| `heard/UNIT` (figure) | seconds in which it was known what the unit did |

A kind of stop is what the machine's own code says. What is too rare at one unit is fitted for all units of
its class together, and says so. A time of work that has drifted is fitted to its last days alone. Pure.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from taktwin.contracts.events import EventData
from taktwin.errors import DomainError
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Buffer
from taktwin.simulation.distributions import Exponential, Fixed, FloatArray, LogNormal
from taktwin.simulation.drift import alarms, drift
from taktwin.simulation.fitting import ENOUGH, Draw, Fitted, Sample, fit_levels, together
from taktwin.simulation.parameters import Figure, ParameterSet
from taktwin.simulation.rates import share
from taktwin.whatif.handover import handover
from taktwin.whatif.lost import losses
from taktwin.whatif.observe import Change, Seen, Stop
from taktwin.whatif.turns import cluster, turns
from taktwin.whatif.varying import scrap_spread, work_spread

FEW_STOPS = 8  # stops of a kind from which a unit is fitted by itself
SPREAD_MIN = 20  # repairs beyond one of each kind, from which their spread is told
SOME_PARTS = 20  # parts from which a product is
FITTED_MAX = 2_000  # durations that one fit sees: evenly spaced in time if there are more
DRIFT_MAX = 250  # durations of either side that the question of drift sees
MIXINGS = 1_999  # finest p is 1 / 2000: a hundred questions at 5 % together can still be answered
RECENT_NS = 14 * 86_400 * SECOND_NS
REGULAR_CV = 0.15  # stops that come after so evenly many parts come by parts
REGULAR_MIN = 3
FULL = 0.5  # of a buffer on average: beyond it, it is often full
DELAY_MIN_S = 30.0  # below it, a wait is people's walking and belongs to no buffer
ANY = "any"  # a product that the unit does not name
DRIFTED = "drifted: the last days alone"


def calibrated(
    seen: Iterable[Seen], class_of: Mapping[str, str], calendar_of: Mapping[str, str], draw: Draw, *,
    source: str, replications: int = 99, mixings: int = MIXINGS, buffers: Sequence[Buffer] = (),
    said: Sequence[tuple[int, EventData]] = (),
) -> ParameterSet:  # fmt: skip
    """Return the parameters of a plant.

    Parameters
    ----------
    class_of, calendar_of : of each work unit its equipment class, and its calendar ("": always)
    draw : even numbers for goodness and drift; with the same ones the same comes out
    replications : of each goodness of fit; 0: none
    mixings : of each question of drift
    buffers : between the units
    said : what the MES said of job orders over the same time, as `remember.said` gives it; () there is none

    Raises
    ------
    DomainError
        If no part was seen to be worked on at any unit.
    """
    units = [each for each in seen if each.to_ns > each.from_ns]
    if not any(each.cycles for each in units):
        raise DomainError(f"{len(units)} work units, none of which made a part: expected signals of work")
    fits = {
        **_works(units, draw, replications, mixings),
        **_changes(units, draw, replications),
        **_stops(units, class_of, draw, replications),
    }
    taken = _turns(units, said)
    figures = {
        **_lives(units),
        **_scraps(units),
        **_losses(units, said),
        **taken,
        **_batches(units),
        **_calendars(units, calendar_of),
        **_delays([each for each in units if f"orders/{each.unit}" not in taken], units, buffers),
        **_varies(units),
        **_bands(units),
        **_states(units),
        **_heard(units),
    }
    return ParameterSet(source, fits, figures)


# -- work


def _works(units: Sequence[Seen], draw: Draw, replications: int, mixings: int) -> dict[str, Fitted]:
    samples = {
        (each.unit, product or ANY): (array_of(cycles.at_ns), charges(cycles.work_s, cycles.parts), each)
        for each in units for product, cycles in sorted(each.cycles.items())
    }  # fmt: skip
    drifted = _drifted({
        f"{unit}/{product}": (at_ns, work_s, each.to_ns)
        for (unit, product), (at_ns, work_s, each) in samples.items()
    }, draw, mixings)  # fmt: skip
    found = {}
    for (unit, product), (at_ns, work_s, each) in samples.items():
        moved = f"{unit}/{product}" in drifted
        from_ns = each.to_ns - RECENT_NS if moved else each.from_ns
        own = thinned(work_s[at_ns >= from_ns], FITTED_MAX)
        sample = Sample(tuple(own.tolist()), (), int(from_ns), each.to_ns)
        others = [
            Sample(tuple(thinned(values, FITTED_MAX).tolist()), (), whose.from_ns, whose.to_ns)
            for (other, name), (_, values, whose) in samples.items() if other == unit and name != product
        ]  # fmt: skip
        fitted = fit_levels(
            [(f"{unit}/{product}", sample), (unit, together([sample, *others]))],
            draw, enough=SOME_PARTS, replications=replications,
        )  # fmt: skip
        fitted = replace(fitted, n_own=len(work_s))
        found[f"work/{unit}/{product}"] = _marked(fitted) if moved else fitted
    return found


def charges(work_s: array[float], parts: array[int]) -> FloatArray:
    """Return times of work; of parts whose counts came together without being a charge, of each.

    A unit that always counts several at once works in charges; one that does so rarely was heard late.
    """
    work, count = np.array(work_s), np.array(parts)
    usual = float(np.median(count))
    return work if usual > 1 else work / count


def _marked(fitted: Fitted) -> Fitted:
    return replace(fitted, method=f"{fitted.method}; {DRIFTED}")


def _drifted(works: Mapping[str, tuple[FloatArray, FloatArray, int]], draw: Draw, mixings: int) -> set[str]:
    """Return the names of those times whose last days are unlike what was before."""
    found = {}
    for name, (at_ns, work_s, to_ns) in works.items():
        recent = at_ns >= to_ns - RECENT_NS
        before_s, recent_s = thinned(work_s[~recent], DRIFT_MAX), thinned(work_s[recent], DRIFT_MAX)
        if (
            min(len(before_s), len(recent_s)) < SOME_PARTS
            or np.ptp(np.concatenate((before_s, recent_s))) == 0
        ):
            continue
        middle = LogNormal(float(np.mean(before_s)), 0.1)  # only its family counts
        found[name] = drift(
            middle, Sample(tuple(before_s.tolist())), Sample(tuple(recent_s.tolist())), draw, mixings=mixings
        )
    return set(alarms(found))


# -- stops


def _stops(
    units: Sequence[Seen], class_of: Mapping[str, str], draw: Draw, replications: int
) -> dict[str, Fitted]:  # fmt: skip
    found: dict[str, Fitted] = {}
    spread = repair_spread(units)
    for each in units:
        peers = [other for other in units if class_of[other.unit] == class_of[each.unit]]
        for kind, stops in _by_kind(each.stops).items():
            levels = [
                (each.unit, _lasted(each, stops)),
                (f"class {class_of[each.unit]}", together(
                    _lasted(other, _by_kind(other.stops).get(kind, [])) for other in peers)),
            ]  # fmt: skip
            if levels[-1][1].ended_s:
                found[f"repair/{each.unit}/{kind}"] = _repair(levels, spread, draw, replications)
            if life_of(stops) is not None:
                continue
            clock = clock_of([stop for other in peers for stop in _by_kind(other.stops).get(kind, [])], peers)
            untils = [
                (each.unit, until(each, kind, clock)),
                (f"class {class_of[each.unit]}", together(until(other, kind, clock) for other in peers)),
            ]
            if untils[-1][1].ended_s:
                found[f"until/{each.unit}/{kind}/{clock}"] = _of_few(untils, draw, replications)
    return found


def repair_spread(units: Sequence[Seen]) -> float | None:
    """Return how far repairs of one kind spread, as a standard deviation of logarithms; None: nobody knows.

    All kinds tell of it together, but for those that always last the same.
    """
    squares, free = 0.0, 0
    for each in units:
        for stops in _by_kind(each.stops).values():
            lasted = [stop.lasted_s for stop in stops if stop.over and stop.lasted_s > 0]
            if len(lasted) > 1 and max(lasted) > 1.01 * min(lasted):
                squares += float(np.var(np.log(lasted))) * len(lasted)
                free += len(lasted) - 1
    return math.sqrt(squares / free) if free >= SPREAD_MIN else None


def _repair(
    levels: Sequence[tuple[str, Sample]], spread: float | None, draw: Draw, replications: int
) -> Fitted:
    """Return a fit of repairs; of few of them the mean alone, with the spread that all repairs here have.

    A family that is chosen by a handful has any tail, and so have the shifts that are predicted with it.
    """
    fitted = _of_few(levels, draw, replications)
    own = next(sample for name, sample in levels if name == fitted.level)
    logs = np.log([value for value in own.ended_s if value > 0])
    alike = fitted.n > 1 and isinstance(fitted.distribution, Fixed)
    if spread is None or alike or fitted.n >= ENOUGH or not len(logs):
        return fitted
    mean_s = math.exp(float(logs.mean()) + spread**2 / 2)
    return replace(
        fitted, distribution=LogNormal(mean_s, math.sqrt(math.expm1(spread**2))), candidates=(),
        goodness=None, errors={"mean_s": spread / math.sqrt(len(logs))},
        method="too few to choose a family: the spread of all repairs",
    )  # fmt: skip


def _of_few(levels: Sequence[tuple[str, Sample]], draw: Draw, replications: int) -> Fitted:
    """Return a fit of what is rare: from one alone nobody knows that it is always so."""
    fitted = fit_levels(levels, draw, enough=FEW_STOPS, replications=replications)
    if fitted.n > 1 or not isinstance(fitted.distribution, Fixed):
        return fitted
    sample = levels[-1][1]
    mean_s = (sum(sample.ended_s) + sum(sample.running_s)) / fitted.n
    return replace(fitted, distribution=Exponential(mean_s), method="too few to choose a family")


def _by_kind(stops: Iterable[Stop]) -> dict[str, list[Stop]]:
    found: dict[str, list[Stop]] = defaultdict(list)
    for stop in stops:
        found[stop.kind].append(stop)
    return dict(sorted(found.items()))


def _lasted(each: Seen, stops: Iterable[Stop]) -> Sample:
    over: list[float] = []
    running: list[float] = []
    for stop in stops:
        if stop.lasted_s > 0:
            (over if stop.over else running).append(stop.lasted_s)
    return Sample(tuple(over), tuple(running), each.from_ns, each.to_ns)


def until(each: Seen, kind: str, clock: str) -> Sample:
    """Return the times until stops of a kind; what ran when the rows ended still runs.

    The first one is counted from the beginning of the rows, as if the unit had been mended then: nobody saw
    how old it was.
    """
    stops = [stop for stop in each.stops if stop.kind == kind]
    ended = [stop.worked_s if clock == "working" else stop.passed_s for stop in stops]
    passed_s = (each.to_ns - each.from_ns) / SECOND_NS
    since = each.since.get(kind, None if stops else (each.worked_s, passed_s, 0))
    running = [] if since is None else [since[0] if clock == "working" else since[1]]
    return Sample(
        tuple(value for value in ended if value > 0), tuple(value for value in running if value > 0),
        each.from_ns, each.to_ns,
    )  # fmt: skip


def clock_of(stops: Sequence[Stop], units: Sequence[Seen]) -> str:
    """Return `working` if stops of a kind come out of work, `calendar` if they come at any time.

    By the calendar as many would come while the unit does not work as the share of that time says. The
    likelier of the two wins; a few out of work may be work whose end was told a moment before.
    """
    outside = sum(not stop.from_work for stop in stops)
    whole_s = sum((each.to_ns - each.from_ns) / SECOND_NS for each in units)
    idle = 1 - sum(each.worked_s for each in units) / whole_s
    if not stops or not 0 < idle < 1:
        return "working"
    odd = 0.05  # of stops that come out of work are told late

    def likelihood(of_outside: float) -> float:
        return outside * math.log(of_outside) + (len(stops) - outside) * math.log(1 - of_outside)

    return "calendar" if likelihood(idle) > likelihood(min(odd, idle / 2)) else "working"


def life_of(stops: Sequence[Stop]) -> float | None:
    """Return after how many parts stops come, None if they do not come by parts.

    The first is left out: nobody saw how worn the tool was when the rows began.
    """
    parts = np.array([stop.parts for stop in stops[1:]], np.float64)
    if len(parts) < REGULAR_MIN or np.median(parts) < 2:
        return None
    spread = float(np.quantile(parts, 0.75) - np.quantile(parts, 0.25)) / 1.349
    return float(np.median(parts)) if spread <= REGULAR_CV * float(np.median(parts)) else None


def _lives(units: Sequence[Seen]) -> dict[str, Figure]:
    return {
        f"life/{each.unit}/{kind}": Figure(life, "1", len(stops) - 1, None, None, each.from_ns, each.to_ns)
        for each in units for kind, stops in _by_kind(each.stops).items()
        if (life := life_of(stops)) is not None
    }  # fmt: skip


# -- set-ups, yields, charges, calendars, power


def _changes(units: Sequence[Seen], draw: Draw, replications: int) -> dict[str, Fitted]:
    found = {}
    for each in units:
        pairs: dict[tuple[str, str], list[Change]] = defaultdict(list)
        for change in each.changes:
            if change.over and change.before != change.after:
                pairs[change.before, change.after].append(change)
        every = _set_up(each, [change for some in pairs.values() for change in some])
        for (before, after), changes in sorted(pairs.items()):
            if not any(change.lasted_s for change in changes):
                found[f"setup/{each.unit}/{before}/{after}"] = Fitted(
                    Fixed(0.0), len(changes), 0, "none was needed", level=f"{each.unit}/{before}/{after}",
                    n_own=len(changes), from_ns=each.from_ns, to_ns=each.to_ns,
                )  # fmt: skip
                continue
            levels = [(f"{each.unit}/{before}/{after}", _set_up(each, changes)), (each.unit, every)]
            found[f"setup/{each.unit}/{before}/{after}"] = fit_levels(
                levels, draw, enough=FEW_STOPS, grain_s=1.0 if min(every.ended_s) == 0 else 0.0,
                replications=replications,
            )  # fmt: skip
    return found


def _set_up(each: Seen, changes: Sequence[Change]) -> Sample:
    return Sample(tuple(change.lasted_s for change in changes), (), each.from_ns, each.to_ns)


def _scraps(units: Sequence[Seen]) -> dict[str, Figure]:
    found = {}
    for each in units:
        for product in sorted({*each.good, *each.rejected}):
            bad, n = each.rejected.get(product, 0), each.good.get(product, 0) + each.rejected.get(product, 0)
            if n:
                seen = share(bad, n)
                found[f"scrap/{each.unit}/{product or ANY}"] = Figure(
                    seen.value, "1", n, seen.low, seen.high, each.from_ns, each.to_ns
                )
    return found


def _batches(units: Sequence[Seen]) -> dict[str, Figure]:
    found = {}
    for each in units:
        parts = np.concatenate([np.array(cycles.parts) for cycles in each.cycles.values()] or [np.ones(1)])
        if np.median(parts) <= 1 or not each.pauses_s:
            continue
        pauses = np.array(each.pauses_s)
        span = each.from_ns, each.to_ns
        found[f"batch/{each.unit}"] = Figure(
            float(parts.max()), "1", len(parts), float(parts.min()), None, *span
        )
        found[f"pause/{each.unit}"] = Figure(
            float(np.quantile(pauses, 0.02)), "s", len(pauses), None, None, *span
        )
        found[f"patience/{each.unit}"] = Figure(float(pauses.max()), "s", len(pauses), None, None, *span)
    return found


def _calendars(units: Sequence[Seen], calendar_of: Mapping[str, str]) -> dict[str, Figure]:
    late: dict[str, list[float]] = defaultdict(list)
    beyond: dict[str, list[float]] = defaultdict(list)
    stretches: dict[str, int] = defaultdict(int)
    for each in units:
        if calendar_of.get(each.unit) and each.starts >= REGULAR_MIN:
            late[calendar_of[each.unit]].append(each.spent_s.get("starting", 0.0) / each.starts)
            beyond[calendar_of[each.unit]].append(each.spent_s.get("beyond", 0.0) / each.starts)
            stretches[calendar_of[each.unit]] += each.starts
    from_ns, to_ns = min(each.from_ns for each in units), max(each.to_ns for each in units)
    return {
        f"{name}/{calendar}": Figure(
            float(np.mean(values)), "s", stretches[calendar], float(min(values)), float(max(values)),
            from_ns, to_ns,
        )
        for name, some in (("late", late), ("beyond", beyond)) for calendar, values in sorted(some.items())
    }  # fmt: skip


def _losses(units: Sequence[Seen], said: Sequence[tuple[int, EventData]]) -> dict[str, Figure]:
    found = {}
    known = losses(said)
    for each in units:
        here = known.get(each.unit)
        if here is None:
            continue
        span = each.from_ns, each.to_ns
        counted = sum(each.rejected.values())
        if here.came:
            seen = share(min(here.came, max(0, here.lost - counted)), here.came)
            found[f"lost/{each.unit}"] = Figure(seen.value, "1", here.came, seen.low, seen.high, *span)
        if here.is_remade:
            whole = here.whole / here.spoilt
            found[f"remade/{each.unit}"] = Figure(whole, "1", here.spoilt, None, None, *span)
    return found


def _turns(units: Sequence[Seen], said: Sequence[tuple[int, EventData]]) -> dict[str, Figure]:
    """Return which units have one job order in hand at a time, and how patient the people are.

    Patience is a habit of all: each wait of those that are long enough tells of it, wherever it was.
    """
    by_name = {each.unit: each for each in units}
    seen = {unit: each for unit, each in turns(said, by_name).items() if unit in by_name}
    patience_s = cluster(np.array([wait for each in seen.values() for wait in each.waits_s]))
    found = {
        f"orders/{unit}": Figure(
            each.together, "1", each.orders, None, None, by_name[unit].from_ns, by_name[unit].to_ns
        )
        for unit, each in seen.items() if each.one_at_a_time
    }  # fmt: skip
    if found and patience_s is not None:
        waits = sum(len(each.waits_s) for each in seen.values())
        span = min(each.from_ns for each in units), max(each.to_ns for each in units)
        found["turn/any"] = Figure(patience_s, "s", waits, None, None, *span)
    return found


def _delays(free: Sequence[Seen], units: Sequence[Seen], buffers: Sequence[Buffer]) -> dict[str, Figure]:
    """Return what parts wait longer than in a queue before `free` units, where nothing else tells.

    A unit that takes turns between job orders explains the waits before it by that. A store of several work
    centers holds stock, a furnace collects its charge, and a buffer that is half full on average fills up and
    stops who fills it: a delay would hide that.
    """
    by_name = {each.unit: each for each in units}
    found = {}
    for buffer in buffers:
        sources = [by_name[unit] for unit in buffer.sources if unit in by_name]
        targets = [each for each in free if each.unit in buffer.targets]
        if not sources or not targets or any(_is_charged(each) for each in targets):
            continue
        seen = handover(sources, targets)
        if seen is None:
            continue
        span = min(each.from_ns for each in targets), max(each.to_ns for each in targets)
        content = seen.seen_s * seen.parts / (targets[0].hours.on_ns(*span) / SECOND_NS)
        if content < FULL * buffer.capacity and seen.delay_s >= DELAY_MIN_S:
            found[f"delay/{buffer.id}"] = Figure(seen.delay_s, "s", seen.parts, None, None, *span)
    return found


def _varies(units: Sequence[Seen]) -> dict[str, Figure]:
    found = {}
    for each in units:
        for kind, seen in (("work", work_spread(each)), ("scrap", scrap_spread(each))):
            if seen is not None:
                found[f"varies/{kind}/{each.unit}"] = Figure(
                    seen[0], "1", seen[1], None, None, each.from_ns, each.to_ns
                )
    return found


def _bands(units: Sequence[Seen]) -> dict[str, Figure]:
    return {
        f"band/{each.unit}/{band.time_class}": Figure(
            band.above_kw, "kW", len(each.counts.at_ns), before_kw, None, each.from_ns, each.to_ns
        )
        for each in units for band, before_kw in each.moved
    }  # fmt: skip


def _is_charged(each: Seen) -> bool:
    parts = each.counts.parts
    return bool(parts) and float(np.median(np.array(parts))) > 1


def _states(units: Sequence[Seen]) -> dict[str, Figure]:
    found = {}
    for each in units:
        span = each.from_ns, each.to_ns
        planned_s = sum(spent for name, spent in each.spent_s.items() if name != "beyond")
        for name, spent in sorted(each.spent_s.items()):
            if name != "beyond" and planned_s > 0:
                found[f"share/{each.unit}/{name}"] = Figure(spent / planned_s, "1", 0, None, None, *span)
        for name, lasted_s in sorted(each.powered_s.items()):
            if lasted_s > 0:
                kw = each.energy_kws[name] / lasted_s
                found[f"power/{each.unit}/{name}"] = Figure(kw, "kW", round(lasted_s), None, None, *span)
    return found


def _heard(units: Sequence[Seen]) -> dict[str, Figure]:
    return {
        f"heard/{each.unit}": Figure(
            (each.to_ns - each.from_ns) / SECOND_NS - each.unseen_s, "s", 0, None, None, each.from_ns,
            each.to_ns,
        )
        for each in units
    }  # fmt: skip


# -- arrays


def array_of(values: array[int]) -> FloatArray:
    """Return instants as numbers."""
    return np.array(values, np.float64)


def thinned(values: FloatArray, most: int) -> FloatArray:
    """Return at most so many of some values, evenly spaced over their places."""
    if len(values) <= most:
        return values
    return values[(np.arange(most) * (len(values) / most)).astype(np.int64)]
