"""Tool change: when to change a tool whose characteristic is about to leave its window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from taktwin.analyst.features import FloatArray, Subject, Trace
from taktwin.analyst.maintenance import tool_outcome
from taktwin.analyst.maintenance.tool_runs import NEVER, cycle_s, tool_runs
from taktwin.analyst.maintenance.tool_wear import Outlook
from taktwin.analyst.maintenance.wear_ways import LOADED, WAYS, Spent, Ways
from taktwin.analyst.model import Model, Prediction
from taktwin.analyst.proposal import (
    DONE,
    NOTHING,
    Ahead,
    Course,
    Lived,
    NotYet,
    ProposalClass,
    Trial,
    range_of,
)
from taktwin.analyst.proving import DOTS
from taktwin.contracts.recommendation import (
    Action,
    AdviceClass,
    Cost,
    Evidence,
    Forecast,
    Outcome,
    Range,
    Recommendation,
    Risk,
    Watch,
    Words,
)
from taktwin.contracts.whatif import Change
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.plant.routes import number_of, work_units_of

COMMAND = "maintenance.request"
LEAD_S = 600.0  # until somebody is there with a new tool
CHANGE_S = 300.0  # where no change was seen
HORIZON_S = (3 * 3600.0, 16 * 3600.0)
RISK_LEAST = 0.05  # to leave the window before the tool is changed anyway: less is no question
PARTS_LEAST = 1.0  # of gain
AHEAD_S = 7200.0
SPANS_LEAST, SPANS_MOST = 6, 40  # of the past, half overlapping, that say how much is usually made
LOAD_LEAST = 0.05  # of what the schedule has time for; at most all of it: what nobody ordered is not promised
SOON = 0.1  # the chance that is left when a tool is changed "in time"


def _says(code: str, text: str, values: dict[str, str | int | float] | None = None) -> Words:
    return Words(code=f"tool_change.{code}", text=text, values=values or {})


@dataclass(frozen=True, slots=True)
class _Money:
    """What things cost in the unit of the loss, and what of it is not known."""

    unit: str
    part: float  # a scrapped one
    tool: float  # a change: the tool and the time
    unknown: tuple[Words, ...]

    @property
    def currency(self) -> str:
        return "" if self.unit == "parts" else self.unit


class ToolChange(ProposalClass, name="tool_change"):
    """Another tool, before its characteristic leaves the window and not long before."""

    model: ClassVar[str] = "tool_wear"
    error_max: ClassVar[float] = 0.10

    @classmethod
    def declared(cls) -> AdviceClass:
        """Return how the ledger knows it."""
        return AdviceClass(
            name=cls.name, says=_says("class", "Changing a tool before its parts are bad"),
            commands=[COMMAND], risk=Risk.MEDIUM, signature=False, indicator="remaining_life",
            backtest_error_max=cls.error_max,
        )  # fmt: skip

    @classmethod
    def worth_asking(cls, prediction: Prediction) -> bool:
        """Return whether the tool may well leave its window before it is changed by its life, and soon."""
        outlook: Outlook = prediction.detail
        soon_s = outlook.left.quantile(SOON) * outlook.cycle_s
        return cls.still_holds(prediction) and soon_s <= AHEAD_S

    @classmethod
    def still_holds(cls, prediction: Prediction) -> bool:
        """Return whether the tool may well leave its window before it is changed by its life."""
        outlook: Outlook = prediction.detail
        return outlook.left.happened(max(outlook.life - outlook.age, 0)) >= RISK_LEAST

    @classmethod
    def horizon_s(cls, prediction: Prediction, trace: Trace) -> float:
        """Return how far the twin looks: until the tool is changed by its life, and some more."""
        outlook: Outlook = prediction.detail
        left_s = max(outlook.life - outlook.age, 0) * cycle_s(trace)
        return float(np.clip(1.5 * left_s, *HORIZON_S))

    @classmethod
    def trial(cls, prediction: Prediction, trace: Trace, ahead: Ahead, registry: Registry) -> Trial | None:
        """Return what is to be tried: now, in time, at the next set-up, at the end of the shift, never."""
        outlook: Outlook = prediction.detail
        part_s, change_s = cycle_s(trace), _change_s(trace)
        parts = int(ahead.work_s(ahead.end_ns) / part_s)
        if parts < 2:
            return None  # the unit has next to no work: there is nothing to lose
        load = loads(trace, ahead, registry, part_s=part_s)
        ways = Ways(outlook, [max(1, round(parts * load[place])) for place in LOADED])
        money = _money(registry, trace, change_s, part_s)
        made = _Made(trace, ahead, registry, ways, money, load, cycle_s=part_s, change_s=change_s)
        nothing = made.course(NOTHING, None, action=False)
        decided = [made.course(name, at_ns) for name, at_ns in made.instants(prediction)]
        never = made.course("never", None, action=False, by_life=False)
        spread = _in_s(prediction, ahead, part_s, load)
        hour = ways.bad_within(int(ahead.work_s(ahead.at_ns + 3600 * SECOND_NS) / part_s * load.mean()))
        waiting = range_of(hour)
        return Trial(
            courses=(nothing, *decided, never), horizon_s=(ahead.end_ns - ahead.at_ns) / 1e9,
            weights={"scrap": money.part}, unit=money.unit, least_gain=PARTS_LEAST * money.part,
            forecast=Forecast(says=made.leaves(spread), indicator=trace.subject.names["characteristic"],
                              in_s=spread),
            evidence=made.evidence(prediction), against=made.against(),
            headline={course.name: made.headline(course, spread) for course in decided},
            roll_back=_says("roll_back", "Until the tool is changed the order can be aborted; "
                            "the old tool can be put back in as long as it is kept."),
            watches=made.watches(), expires_ns={course.name: made.expires_ns(course, spread) for course in
            decided}, waiting=Cost(units=waiting, money=_times(waiting, money.part) if money.currency else
            None,
                         currency=money.currency),
            ahead_s=AHEAD_S, currency=money.currency,
        )  # fmt: skip

    @classmethod
    def concerns(cls, document: Recommendation, subject: Subject) -> bool:
        """Return whether it is about this tool of this unit."""
        action = document.proposal.action.data
        return (action.get("work_unit"), action.get("tool_kind")) == (subject.unit, subject.names["tool"])

    @classmethod
    def outcome(
        cls, document: Recommendation, trace: Trace, model: Model, registry: Registry
    ) -> Outcome | NotYet:
        """Return what the change came to, over the parts that the old tool would have made."""
        money = _money(registry, trace, _change_s(trace), cycle_s(trace))
        return tool_outcome.outcome(document, trace, model, part_cost=money.part, tool_cost=money.tool)

    @classmethod
    def again(
        cls, document: Recommendation, trace: Trace, model: Model, registry: Registry, lived: Lived
    ) -> tuple[Course, Course] | None:
        """Return the span with the tool that was left in, in all ways, and with the changes that really
        were."""
        span = tool_outcome.spanned(document, trace, model)
        if isinstance(span, NotYet):
            return None
        steps = _steps(registry, trace.subject.unit, trace.subject.names["tool"])
        change_ns = round(_change_s(trace) * SECOND_NS)
        parts = span.parts_before + len(span.at_ns)

        def course(name: str, bad: Sequence[float], ends_ns: Sequence[Sequence[int]]) -> Course:
            changes = tuple(
                (
                    *_yields(steps, lived.work.share * each / parts),
                    *(_down(trace.subject.unit, *lived.work.seconds(end - change_ns, end)) for end in ends),
                )
                for each, ends in zip(bad, ends_ns, strict=True)
            )
            return Course(name=name, says=_COURSES[name], at_ns=0, changes=changes, costs=(0.0,) * len(bad))

        seen = int((span.at_ns <= span.cut_ns).sum())
        really = [run.begin_ns for run in span.after]
        without = course(
            NOTHING, [span.bad_before + float(each.chances.sum()) for each in span.without],
            [[int(span.at_ns[place]) + change_ns for place in each.changes] for each in span.without],
        )  # fmt: skip
        done = course(
            DONE, [span.bad_before + span.bad + float(each.chances.sum()) for each in span.kept],
            [
                [*really, *(int(span.at_ns[seen + place]) + change_ns for place in each.changes)]
                for each in span.kept
            ],
        )  # fmt: skip
        return without, done


class _Made:
    """Makes the courses and words of one trial."""

    def __init__(
        self, trace: Trace, ahead: Ahead, registry: Registry, ways: Ways, money: _Money, load: FloatArray, *,
        cycle_s: float, change_s: float,
    ) -> None:  # fmt: skip
        self.trace, self.subject, self.ahead, self.registry = trace, trace.subject, ahead, registry
        self.ways, self.money, self.cycle_s, self.change_s = ways, money, cycle_s, change_s
        # WAYS of them, rising: parts that are made, over those that the schedule has time for.
        self.load = [float(each) for each in load]
        self.unit = self.subject.unit
        self.steps = _steps(registry, self.unit, self.subject.names["tool"])

    def instants(self, prediction: Prediction) -> list[tuple[str, int]]:
        """Return when the tool could be changed, by name, within the horizon, each instant once."""
        ahead, now_ns = self.ahead, self.ahead.at_ns
        first = now_ns + round(LEAD_S * SECOND_NS)
        found = [("now", first)]
        outlook: Outlook = prediction.detail
        early = outlook.left.quantile(SOON)
        if np.isfinite(early):
            # Before the first bad part also where the unit makes more than it usually does.
            early_s = ahead.when(early * self.cycle_s / max(self.load))
            found.append(("in_time", now_ns + round(early_s * SECOND_NS)))
        set_up = next((begin for begin, _ in ahead.set_ups if begin >= now_ns), None)
        if set_up is not None:
            found.append(("next_set_up", set_up))
        equipment = self.registry.equipment[self.unit]  # type: ignore[index]
        calendar = self.registry.calendars.get(equipment.calendar)
        shift = None if calendar is None or calendar.always else calendar.shift_at(now_ns)
        if shift is not None:
            found.append(("shift_end", shift.to_ns - round(self.change_s * SECOND_NS)))
        life = max(outlook.life - outlook.age, 0) * self.cycle_s / float(np.median(self.load))
        by_life = now_ns + ahead.when(life) * SECOND_NS
        taken: dict[int, str] = {}
        for name, at_ns in found:
            if first <= at_ns < min(ahead.end_ns, by_life) and at_ns not in taken:
                taken[at_ns] = name
        return [(name, at_ns) for at_ns, name in taken.items()]

    def course(self, name: str, at_ns: int | None, *, action: bool = True, by_life: bool = True) -> Course:
        """Return one course in all ways."""
        until = None if at_ns is None else self.ahead.work_s(at_ns) / self.cycle_s
        spent = [
            self.ways.spent(
                way, None if until is None else int(until * self.load[LOADED[way]]), by_life=by_life
            )
            for way in range(WAYS)
        ]
        return Course(
            name=name, says=_COURSES[name], at_ns=at_ns or 0,
            changes=tuple(
                tuple(self._changes(each, at_ns, self.load[LOADED[way]])) for way, each in enumerate(spent)
            ),
            costs=tuple(each.used * self.money.tool for each in spent),
            action=self._action(at_ns) if action and at_ns is not None else None,
        )  # fmt: skip

    def _changes(self, spent: Spent, at_ns: int | None, load: float) -> list[Change]:
        """Return what the twin is told: the yield over the span, and when the unit stands for a change.

        The twin makes all that the schedule has time for: of so many parts it scraps as many as the unit
        would of those that it makes.
        """
        found = _yields(self.steps, min(0.95, self.ahead.share * spent.bad * load))
        for number, after in enumerate(spent.changes):
            if number == 0 and at_ns is not None:
                from_s = (at_ns - self.ahead.at_ns) / SECOND_NS
            else:
                from_s = self.ahead.when(after * self.cycle_s / load)
            if from_s < (self.ahead.end_ns - self.ahead.at_ns) / SECOND_NS and not self._set_up_at(from_s):
                found.append(_down(self.unit, from_s, from_s + self.change_s))
        return found

    def _set_up_at(self, from_s: float) -> bool:
        """Return whether the unit is being set up then for long enough to change the tool meanwhile."""
        at_ns = self.ahead.at_ns + round(from_s * SECOND_NS)
        need_ns = self.change_s * SECOND_NS
        return any(begin <= at_ns and at_ns + need_ns <= end for begin, end in self.ahead.set_ups)

    def _action(self, at_ns: int) -> Action:
        names = self.subject.names
        about = f"{names['characteristic_name']} is about to leave its window"
        return Action(
            command=COMMAND,
            data={"work_unit": self.unit, "about": about, "kind": "tool_change", "tool_kind": names["tool"],
                  "due_ns": at_ns},
            says=_says("action", f"A maintenance order: change the {names['tool']} of "
                       f"{self.unit}.", values={"tool": names["tool"], "unit": self.unit}),
        )  # fmt: skip

    # -- words

    def leaves(self, spread: Range) -> Words:
        """Return when the characteristic leaves its window."""
        name = self.subject.names["characteristic_name"]
        low, middle, high = (round(each / 60) for each in (spread.p10, spread.mean, spread.p90))
        return _says("leaves", f"{name} will leave its window in about {middle} [{low}–{high}] min.",
            values={"characteristic": self.subject.names["characteristic"], "name": name, "minutes": middle,
                    "minutes_low": low, "minutes_high": high},
        )  # fmt: skip

    def headline(self, course: Course, spread: Range) -> Words:
        """Return what the advice says."""
        names, in_min = self.subject.names, round((course.at_ns - self.ahead.at_ns) / SECOND_NS / 60)
        when = {
            "now": "now", "next_set_up": f"at the next set-up, in about {in_min} min",
            "shift_end": f"at the end of the shift, in about {in_min} min",
            "in_time": f"in about {in_min} min",
        }[course.name]  # fmt: skip
        leaves = self.leaves(spread)
        text = f"Change the {names['tool']} of {self.unit} {when}; {leaves.text}"
        return _says(f"headline.{course.name}", text,
            values={**leaves.values, "tool": names["tool"], "unit": self.unit, "in_min": in_min},
        )  # fmt: skip

    def evidence(self, prediction: Prediction) -> tuple[Evidence, ...]:
        """Return what speaks for it, the strongest first, with where it can be looked at: the tool's life."""
        signal = str(self.subject.signals["measured"][0])
        begin = tool_runs(self.trace)[-1].begin_ns
        return tuple(
            Evidence(
                says=Words(code=f"tool_wear.{each.code}", text=f"{each.value:.3g} {each.text}.",
                           values={"value": each.value, "unit": each.unit}),
                kind="model" if each.code == "learnt" else "signal",
                reference=self.subject.names["tool"] if each.code == "learnt" else signal,
                from_ns=begin, to_ns=self.trace.to_ns,
            )
            for each in prediction.evidence
        )  # fmt: skip

    def against(self) -> tuple[Words, ...]:
        """Return what speaks against it, and what was taken to be so."""
        age, life = self.ways.age, self.ways.life
        left = max(life - age, 0)
        return (
            _says("life_left", f"The tool has made {age} of {life} parts: up to {left} are "
                  "given away.", values={"age": age, "life": life, "left": left}),
            _says("mean_scrap", "The twin does not know wear: it takes the mean share of bad "
                  "parts over the horizon for each way that the tool may go, not a share that rises."),
            _says("load", "When there is work is that of one run of the twin; how much of that time is used, "
                  f"as it was lately: {self.load[0]:.0%} to {self.load[-1]:.0%}.",
                  values={"low": round(100 * self.load[0]), "high": round(100 * self.load[-1])}),
            *self.money.unknown,
        )  # fmt: skip

    def watches(self) -> tuple[Watch, ...]:
        """Return what of the MES would make it void."""
        return watched(self.unit, self.subject.names["tool"])

    def expires_ns(self, course: Course, spread: Range) -> int:
        """Return until when the advice stands: until it would be done; now: until it is too late."""
        if course.name != "now":
            return course.at_ns
        stands_s = float(np.clip(spread.p10, LEAD_S, 3600.0))
        return self.ahead.at_ns + round(stands_s * SECOND_NS)


_COURSES = {
    NOTHING: _says("nothing", "Leave it: the tool is changed at the end of its fixed life."),
    "now": _says("now", "Change it now."),
    "in_time": _says("in_time", "Change it just before the first part would be bad."),
    "next_set_up": _says("next_set_up", "Change it at the next set-up."),
    "shift_end": _says("shift_end", "Change it at the end of the shift."),
    "never": _says("never", "Do not change it at all."),
    DONE: _says("done", "As it was really done."),
}


def watched(unit: str, tool: str) -> tuple[Watch, ...]:
    """Return what of the MES makes the advice to change a tool of a unit void: somebody has the tool in hand,
    or a planner changed what is to be made. New orders, and job orders that are dispatched, are what a busy
    plant does all the time: the proof has them in its spread.
    """
    return (
        *(Watch(event_type=name, where={"work_unit": unit, "kind": tool})
          for name in ("tool.mounted", "tool.dismounted")),
        Watch(event_type="maintenance.order.opened", where={"work_unit": unit, "tool_kind": tool}),
        Watch(event_type="schedule.published"),
        Watch(event_type="operations.request.changed"), Watch(event_type="operations.request.cancelled"),
        Watch(event_type="job.order.revoked", where={"work_unit": unit}),
    )  # fmt: skip


def _steps(registry: Registry, unit: str, tool: str) -> list[tuple[str, int]]:
    """Return product and number of each operation that the tool of the unit is worn by."""
    found = []
    for name, product in sorted(registry.products.items()):
        routing = registry.routings.get(product.routing)
        for place, operation in enumerate(routing.operations if product.make and routing else ()):
            if tool in operation.tools and unit in work_units_of(registry, operation):
                found.append((name, number_of(place)))
    return found


def _yields(steps: Sequence[tuple[str, int]], bad: float) -> list[Change]:
    """Return that a share of the parts of some operations is bad."""
    return [
        {"change": "yield_scaled", "product": product, "step": str(step), "times": 1.0 - bad}
        for product, step in steps
    ]


def _down(unit: str, from_s: float, to_s: float) -> Change:
    return {"change": "unit_down", "unit": unit, "from_s": from_s, "to_s": to_s}


def _change_s(trace: Trace) -> float:
    """Return how long the unit stands for a change of the tool: the median of those that were seen."""
    measured, cycle_ns = trace["measured"].at_ns, cycle_s(trace) * SECOND_NS
    found = []
    for run in tool_runs(trace):
        if run.end_ns == NEVER:
            continue
        place = int(np.searchsorted(measured, run.end_ns))
        if 0 < place < len(measured):
            found.append(float(measured[place] - measured[place - 1]) - cycle_ns)
    return max(60.0, float(np.median(found)) / SECOND_NS) if len(found) >= 3 else CHANGE_S


def _money(registry: Registry, trace: Trace, change_s: float, part_s: float) -> _Money:
    """Return the costs in money where the plant knows them, else in parts."""
    unit, tool = trace.subject.unit, trace.subject.names["tool"]
    products = [name for name, _ in _steps(registry, unit, tool)]
    known = registry.economics
    costs = [known.scrap_cost_per_part.get(name) for name in products] if known is not None else [None]
    if None in costs or not costs:
        lost = _says("no_money", "What scrap costs is not known: counted in parts, a change "
                     "as the parts that would be made meanwhile.")  # fmt: skip
        return _Money("parts", 1.0, change_s / part_s, (lost,))
    hour = known.stop_cost_per_h.get(unit, known.labour_per_h)
    price = known.tool_cost.get(tool)
    unknown = []
    if unit not in known.stop_cost_per_h:
        unknown.append(_says("no_stop_cost", f"What an hour of {unit} standing costs is not "
                             "known: the labour of a change is counted, if that is."))  # fmt: skip
    if price is None:
        unknown.append(_says("no_tool_cost", f"What a new {tool} costs is not known and not "
                             "counted."))  # fmt: skip
    part = float(np.mean([each for each in costs if each is not None]))
    return _Money(known.currency, part, (price or 0.0) + (hour or 0.0) * change_s / 3600, tuple(unknown))


def loads(trace: Trace, ahead: Ahead, registry: Registry, *, part_s: float) -> FloatArray:
    """Return how many parts are made over how many the schedule has time for, (WAYS,) rising, equally likely.

    As the unit did lately: in spans of the length that is looked ahead, over the planned time of each. So
    stops and waiting are in it as they usually are. It is at most 1: what nobody ordered yet is not
    promised. Where fewer than SPANS_LEAST such spans were seen, the schedule is taken at its word.
    """
    calendar = registry.calendars.get(registry.equipment[trace.subject.unit].calendar)  # type: ignore[index]
    span_ns, measured = ahead.end_ns - ahead.at_ns, trace["measured"].at_ns

    def planned_s(from_ns: int, to_ns: int) -> float:
        if calendar is None or calendar.always:
            return (to_ns - from_ns) / SECOND_NS
        planned = calendar.planned_intervals(from_ns, to_ns)
        return float(sum(end - begin for begin, end in planned)) / SECOND_NS

    told = ahead.work_s(ahead.end_ns) / max(planned_s(ahead.at_ns, ahead.end_ns), 1.0)
    used = []
    for number in range(SPANS_MOST):
        to_ns = trace.to_ns - number * span_ns // 2
        from_ns = to_ns - span_ns
        if not len(measured) or from_ns < measured[0]:
            break
        open_s = planned_s(from_ns, to_ns)
        if open_s < span_ns / SECOND_NS / 2:
            continue  # a weekend: it says nothing of a span in which there is work
        made = int(np.searchsorted(measured, to_ns) - np.searchsorted(measured, from_ns))
        used.append(made * part_s / open_s)
    if len(used) < SPANS_LEAST or told <= 0:
        return np.ones(WAYS)
    levels = (np.arange(WAYS) + 0.5) / WAYS
    return np.asarray(np.clip(np.quantile(used, levels) / told, LOAD_LEAST, 1.0))


def _in_s(prediction: Prediction, ahead: Ahead, part_s: float, load: FloatArray) -> Range:
    """Return when the characteristic leaves its window, in seconds; beyond what is looked ahead: its end."""
    left = prediction.detail.left
    most = float(len(left.survival))
    levels = (np.arange(DOTS) + 0.5) / DOTS
    parts = [min(left.quantile(float(level)), most) for level in levels]
    found = [min(ahead.when(each * part_s / float(share)), 30 * 86_400.0) for each in parts for share in load]
    low, middle, high = (float(x) for x in np.quantile(found, (0.1, 0.5, 0.9)))
    return Range(mean=middle, p10=low, p90=high)


def _times(each: Range, factor: float) -> Range:
    return Range(mean=each.mean * factor, p10=each.p10 * factor, p90=each.p90 * factor)
