"""Scenarios side by side under the same luck: comes in a plant with changes, goes out a `Comparison`.

Replication n of every scenario draws by the same key, so differences are taken replication by replication
and the luck that both share drops out. Work is done in rounds; who goes on is decided between them alone,
from whole rounds in the sequence of the scenarios, so the number of threads changes not a single bit. Only a
deadline looks at a clock, which it is given: then what is done so far is the answer, and it says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taktwin.errors import DomainError
from taktwin.simulation import streams
from taktwin.simulation.check import Finding, ModelError
from taktwin.simulation.compile import Compiled, compiled
from taktwin.simulation.inference import (
    LEVEL,
    FloatArray,
    Precision,
    Racing,
    half_width,
    probability_best,
)
from taktwin.simulation.model import Plant
from taktwin.simulation.result import (
    HEADLINES,
    Columns,
    Kpi,
    Runs,
    Validity,
    Watch,
    kpi,
    kpi_values,
    order_columns,
    result_record,
    scenario_record,
    unit_columns,
)
from taktwin.simulation.run import advance
from taktwin.simulation.scenario import Scenario, applied, digest, unique
from taktwin.simulation.state import State, fresh

Start = Callable[[Compiled, int, int, State | None], State]
"""(plant, seed, replication, one of its states that is used up) -> a state that the run then writes over."""

AS_IT_IS = "as it is"
CHUNK = 4  # replications that a thread takes at once
CHUNK_AWAY = 16  # that go to another machine at once


@dataclass(frozen=True, slots=True)
class Share:
    """Replications of one scenario, as they travel to whoever runs them; `span` is ticks."""

    plant: Compiled
    start: Start | None
    watch: Watch | None
    seed: int
    replications: range
    span: int


Away = Callable[[Sequence[Share], Callable[[], bool]], Iterator[tuple[int, Columns]]]
"""(shares, is it too late) -> of each share run, in any sequence, its place and what `replicated` says."""


def replicated(share: Share) -> Columns:
    """Return the columns of `Runs`, a row for each replication of a share: the work of another machine."""
    mine = _Contender(Scenario(AS_IT_IS), share.plant, share.start, share.seed, share.watch)
    mine.begun = share.replications.start
    mine.prepare(len(share.replications))
    mine.work(range(len(share.replications)), share.span)
    return mine.more.columns()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of one KPI in one scenario. Half-widths are of intervals at `inference.LEVEL`.

    `difference` is scenario minus plant as it is, over the replications that both have; `better` and `worse`
    are shares of those replications, the rest is equal. NaN: nothing can be said, as of a half-width of
    one replication, or of better where neither way is.
    """

    scenario: str
    kpi: str
    unit: str
    replications: int
    mean: float
    half_width: float
    q10: float
    q50: float
    q90: float
    difference: float
    difference_half_width: float
    better: float
    worse: float
    best: float  # probability that no other scenario has a better mean

    def as_json(self) -> dict[str, Any]:
        """Return it with the field names of the records; what cannot be said is null."""

        def said(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "kpi": self.kpi, "unit": self.unit, "replications": self.replications, "mean": said(self.mean),
            "halfWidth": said(self.half_width),
            "quantiles": {"10": said(self.q10), "50": said(self.q50), "90": said(self.q90)},
            "difference": said(self.difference), "differenceHalfWidth": said(self.difference_half_width),
            "probabilityBetter": said(self.better), "probabilityBest": said(self.best),
        }  # fmt: skip


@dataclass(slots=True)
class Comparison:
    """The answer: every scenario, the plant as it is first, with every KPI that was asked."""

    kpis: tuple[Kpi, ...]
    scenarios: tuple[Scenario, ...]
    runs: dict[str, Runs]
    seed: int
    horizon_s: float
    eliminated: dict[str, int] = field(default_factory=dict)  # after how many replications
    is_cut: bool = False  # by the deadline: there would have been more replications
    estimates: dict[tuple[str, str], Estimate] = field(default_factory=dict)

    def __getitem__(self, asked: tuple[str, str]) -> Estimate:
        """Return the estimate of (scenario, KPI)."""
        return self.estimates[asked]

    @property
    def replications(self) -> int:
        """Return how many runs were done in all."""
        return sum(len(runs) for runs in self.runs.values())

    def values(self, scenario: str, name: str) -> FloatArray:
        """Return a KPI of each replication."""
        asked = next((each for each in self.kpis if each.name == name), None)
        return kpi_values(self.runs[scenario], kpi(name) if asked is None else asked)

    def best(self, name: str | None = None) -> str:
        """Return the scenario with the best mean of a KPI, the first one asked unless another is named."""
        asked = self.kpis[0] if name is None else kpi(name)
        if asked.better == 0:
            raise DomainError(f"{asked.name}: neither more nor less of it is better")
        left = [
            each
            for each in self.estimates.values()
            if each.kpi == asked.name and each.scenario not in self.eliminated and each.mean == each.mean
        ]
        if not left:
            raise DomainError(f"{asked.name}: nothing is known of it in any scenario")
        return max(left, key=lambda each: asked.better * each.mean).scenario

    def columns(self) -> Columns:
        """Return a row for each scenario and KPI, as columns that a data frame takes as they are."""
        rows = list(self.estimates.values())
        names = Estimate.__dataclass_fields__
        return {name: np.array([getattr(row, name) for row in rows]) for name in names}

    def orders(self, scenario: str = AS_IT_IS) -> Columns:
        """Return a row for each order of a scenario: see `result.order_columns`."""
        return order_columns(self.runs[scenario])

    def units(self, scenario: str = AS_IT_IS) -> Columns:
        """Return a row for each unit of a scenario: see `result.unit_columns`."""
        return unit_columns(self.runs[scenario])

    def records(
        self, *, snapshot: str | None = None, calibration: str | None = None,
        validity: Mapping[str, Validity] | None = None,
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:  # fmt: skip
        """Return what was asked and what was answered for each scenario, as records to be kept."""
        model = digest(self.runs[AS_IT_IS].plant.plant)
        found = []
        for scenario in self.scenarios:
            asked = scenario_record(
                scenario, snapshot=snapshot, model=model, calibration=calibration,
                horizon_s=self.horizon_s, warmup_s=0.0, replications=len(self.runs[scenario.name]),
                seed=self.seed,
            )  # fmt: skip
            answers = [self.estimates[scenario.name, each.name].as_json() for each in self.kpis]
            found.append((asked, result_record(asked["scenarioId"], answers, validity or {})))
        return found


class _Contender:
    """A scenario on its way: its plant, what it has run, what it must still run."""

    def __init__(
        self, scenario: Scenario, plant: Compiled, start: Start | None, seed: int, watch: Watch | None
    ) -> None:
        self.scenario = scenario
        self.watch = watch
        self.plant = plant
        self.start = start
        self.seed = seed
        self.origin: State | None = None if start else fresh(plant, seed=seed)
        self.runs = Runs(plant, 0, watch)
        self.more = Runs(plant, 0, watch)
        self.is_done = np.zeros(0, np.bool_)
        self.begun = 0  # replications before this round
        # By threads that are done with them: to write over costs less than memory.
        self.used: list[State] = []

    def prepare(self, count: int) -> None:
        """Make room for a round of that many replications."""
        self.more = Runs(self.plant, count, self.watch)
        self.is_done = np.zeros(count, np.bool_)

    def work(self, rows: range, span: int) -> None:
        """Run replications of this round; threads work on rows of their own."""
        try:
            state: State | None = self.used.pop()
        except IndexError:
            state = None
        for row in rows:
            replication = self.begun + row
            if self.start is not None:
                state = self.start(self.plant, self.seed, replication, state)
                self.more.begin(row, state, is_fresh=False)
            else:
                origin = self.origin
                assert origin is not None
                if state is not None and state.jobs > origin.jobs:  # it ran out of places for jobs
                    origin = self.origin = fresh(self.plant, seed=self.seed, jobs=state.jobs)
                if state is None or state.jobs != origin.jobs:
                    state = State(self.plant, origin.jobs, origin.key)
                state.become(origin, streams.replication_key(self.seed, replication))
                self.more.begin(row, state, is_fresh=True)
            state = self._run(row, state, span)
            self.more.put(row, state)
            self.is_done[row] = True
        if state is not None:
            self.used.append(state)

    def _run(self, row: int, state: State, span: int) -> State:
        began, watch = state.now, self.watch
        if watch is None:
            return advance(self.plant, state, until=began + span)
        self.more.seen[row, 0] = watch.of(self.plant, state)
        for look in range(1, watch.looks + 1):
            state = advance(self.plant, state, until=began + span * look // watch.looks)
            self.more.seen[row, look] = watch.of(self.plant, state)
        return state

    def share(self, rows: range, span: int) -> Share:
        """Return replications of this round as they travel."""
        numbers = range(self.begun + rows.start, self.begun + rows.stop)
        return Share(self.plant, self.start, self.watch, self.seed, numbers, span)

    def take(self, rows: range, found: Columns) -> None:
        """Take in what came back of `share`."""
        self.more.fill(rows, found)
        self.is_done[rows.start : rows.stop] = True

    def close(self) -> None:
        """Keep what the round has done without a gap."""
        done = int(np.argmin(self.is_done)) if not self.is_done.all() else len(self.is_done)
        if done:
            self.runs = self.runs.then(self.more.head(done))
        self.begun = len(self.runs)
        self.used.clear()
        self.more = Runs(self.plant, 0, self.watch)


def compare(
    base: Plant,
    scenarios: Iterable[Scenario],
    *,
    horizon_s: float,
    kpis: Sequence[str | Kpi] = HEADLINES,
    start: Start | None = None,
    settle: Callable[[Plant], Plant] | None = None,
    watch: Watch | None = None,
    seed: int = 0,
    replications: int = 30,
    precision: Precision | None = None,
    racing: bool | Racing = False,
    deadline_s: float | None = None,
    clock: Callable[[], float] | None = None,
    at_least: int = 0,
    threads: int = 1,
    away: Away | None = None,
    told: Callable[[Comparison], None] | None = None,
) -> Comparison:
    """Return the scenarios beside the plant as it is.

    Parameters
    ----------
    horizon_s : how long each run is
    kpis : names of `result.KPIS`, or some of one's own; racing is about the first
    start : where runs begin; an empty plant at time 0 unless said
    settle : is given the plant of each scenario and returns the one that is run: what a start makes of it
    watch : looks into each run; what it sees is in `Runs.seen`
    replications : of each scenario, at most; `precision` has its own limits
    precision : stop a scenario once all its KPIs are known that well
    racing : stop a scenario once it is behind the best for sure
    deadline_s, clock : stop all once the clock, which counts seconds, is that much further
    at_least : replications of each scenario that are run whatever the clock says
    away : runs replications on other machines instead of `threads` here, the same to the bit
    told : is shown the answer so far after each round

    Raises
    ------
    ModelError
        If a scenario cannot be applied or run; its text names the scenario.
    DomainError
        If a limit makes no sense.
    """
    asked = tuple(kpi(each) if isinstance(each, str) else each for each in kpis)
    if not asked or horizon_s <= 0 or replications < 1 or threads < 1:
        raise DomainError("expected a KPI, a horizon above 0, a replication and a thread at least")
    if (deadline_s is None) != (clock is None):
        raise DomainError("a deadline wants a clock, and a clock a deadline")
    race = (Racing() if racing is True else racing) or None
    if race and asked[0].better == 0:
        raise DomainError(f"racing about {asked[0].name}: neither more nor less of it is better")
    ends_at = math.inf if clock is None or deadline_s is None else clock() + deadline_s

    def is_late() -> bool:
        return clock is not None and clock() >= ends_at

    all_of = unique((Scenario(AS_IT_IS), *scenarios))
    like = _built(base, all_of[0], settle)
    contenders = [_Contender(each, _built(base, each, settle, like), start, seed, watch) for each in all_of]
    answer = Comparison(asked, all_of, {}, seed, horizon_s)
    running = list(contenders)
    span = base.ticks(horizon_s)
    rounds = _rounds(replications, precision, race)
    with ThreadPoolExecutor(threads) as pool:
        for count in rounds:
            for each in running:
                each.prepare(count)
            chunk = CHUNK_AWAY if away else CHUNK
            tasks = [
                (each, range(low, min(low + chunk, count)))
                for low in range(0, count, chunk)
                for each in running
            ]

            def work(task: tuple[_Contender, range]) -> None:
                if not is_late() or len(task[0].runs) + task[1].start < at_least:
                    task[0].work(task[1], span)

            if away:
                musts = [task for task in tasks if task[0].begun + task[1].start < at_least]
                rest = [task for task in tasks if task[0].begun + task[1].start >= at_least]
                for some, stops in ((musts, lambda: False), (rest, is_late)):
                    shares = [each.share(rows, span) for each, rows in some]
                    for place, found in away(shares, stops):
                        each, rows = some[place]
                        each.take(rows, found)
            elif threads == 1:
                for task in tasks:
                    work(task)
            else:
                list(pool.map(work, tasks))
            answer.is_cut = not all(each.is_done.all() for each in running)
            for each in running:
                each.close()
            if told is not None:
                told(_answered(answer, contenders))
            if answer.is_cut:
                break
            running = _going_on(answer, contenders, running, precision, race)
            if not running:
                break
    return _answered(answer, contenders)


def _built(
    base: Plant, scenario: Scenario, settle: Callable[[Plant], Plant] | None, like: Compiled | None = None
) -> Compiled:
    plant = applied(base, scenario)
    if settle is not None:
        plant = settle(plant)
    try:
        return compiled(plant, like)
    except ModelError as error:
        raise ModelError(
            Finding(f"scenario {scenario.name}: {each.place}", each.found, each.expected)
            for each in error.findings
        ) from error


def _rounds(replications: int, precision: Precision | None, race: Racing | None) -> list[int]:
    """Return how many replications each round adds."""
    if precision is not None:
        first, step, limit = precision.at_least + precision.look_ahead, 5, precision.at_most
    elif race is not None:
        first, step, limit = race.first, race.step, replications
    else:
        return [replications]
    first = min(first, limit)
    rest = limit - first
    return [first] + [step] * (rest // step) + ([rest % step] if rest % step else [])


def _going_on(
    answer: Comparison,
    contenders: list[_Contender],
    running: list[_Contender],
    precision: Precision | None,
    race: Racing | None,
) -> list[_Contender]:
    """Return who gets another round: the plant as it is as long as anybody does, since all are held to it."""
    left = running
    if race is not None and len(running) > 1:
        objective = answer.kpis[0]
        able = [each for each in running if each.scenario.name not in answer.eliminated]
        costs = np.array([-objective.better * kpi_values(each.runs, objective) for each in able])
        if np.isfinite(costs).all() and costs.shape[1] > 1:
            for each, stays in zip(able, race.kept(costs), strict=True):
                if not stays:
                    answer.eliminated[each.scenario.name] = len(each.runs)
        left = [each for each in left if each.scenario.name not in answer.eliminated]
        if len(left) == 1 and precision is None:
            return []
    if precision is not None:
        left = [
            each
            for each in left
            if any(precision.enough(kpi_values(each.runs, asked)) is None for asked in answer.kpis)
        ]
    if left and contenders[0] not in left:
        left = [contenders[0], *left]
    return left


def _answered(answer: Comparison, contenders: list[_Contender]) -> Comparison:
    """Return the answer with what is known by now."""
    answer.runs = {each.scenario.name: each.runs for each in contenders}
    answer.estimates = {}
    for asked in answer.kpis:
        values = {each.scenario.name: kpi_values(each.runs, asked) for each in contenders}
        best = _best(asked, values, answer)
        for name, mine in values.items():
            answer.estimates[name, asked.name] = _estimate(
                name, asked, mine, values[AS_IT_IS], best.get(name, math.nan)
            )
    return answer


def _best(asked: Kpi, values: dict[str, FloatArray], answer: Comparison) -> dict[str, float]:
    """Return how likely each scenario has the best mean; who was eliminated by racing has no chance left."""
    if asked.better == 0:
        return {}
    is_objective = asked is answer.kpis[0]
    found = dict.fromkeys(answer.eliminated, 0.0) if is_objective else {}
    able = [name for name in values if name not in found]
    n = min(len(values[name]) for name in able)
    costs = np.array([-asked.better * values[name][:n] for name in able])
    known = np.isfinite(costs).all(0)
    chances = probability_best(costs[:, known], answer.seed)
    return found | {name: float(chance) for name, chance in zip(able, chances, strict=True)}


def _estimate(name: str, asked: Kpi, mine: FloatArray, base: FloatArray, best: float) -> Estimate:
    known = mine[np.isfinite(mine)]
    n = min(len(mine), len(base))
    difference = mine[:n] - base[:n]
    difference = difference[np.isfinite(difference)]
    gain = asked.better * difference
    q10, q50, q90 = np.quantile(known, (0.1, 0.5, 0.9)) if len(known) else (math.nan,) * 3
    has_way = asked.better != 0 and len(difference) > 0
    return Estimate(
        scenario=name, kpi=asked.name, unit=asked.unit, replications=len(mine),
        mean=float(known.mean()) if len(known) else math.nan, half_width=half_width(known, LEVEL),
        q10=float(q10), q50=float(q50), q90=float(q90),
        difference=float(difference.mean()) if len(difference) else math.nan,
        difference_half_width=half_width(difference, LEVEL),
        better=float((gain > 0).mean()) if has_way else math.nan,
        worse=float((gain < 0).mean()) if has_way else math.nan,
        best=best,
    )  # fmt: skip
