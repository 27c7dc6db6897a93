"""Alarms: ISA-18.2 states as a function of facts, people's decisions and, for silences, of now.

An *activation* is one stretch in which a condition was true: of a limit it follows from the samples
alone (a delay counts only as far as somebody vouched for it), of a silence from the confirmations.
An alarm's state is folded from its activations and from what people decided, in order of time; so
duplicates and late facts leave the same state. What was announced is remembered, and only the
difference is announced again, under ids made of the alarm and its instant.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from taktwin.contracts.events import AlarmCleared, AlarmRaised, AlarmUnshelved, EventData
from taktwin.contracts.state import AlarmDocument
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Limit
from taktwin.twin.state import NEVER, Series

FACTS_KEPT = 4096  # samples of a limit's signal that may still be reordered
BY_TIME = "timer"  # who ends a shelving whose time is over


class Activation(NamedTuple):
    """One stretch in which the condition was true; `to_ns` None: it still is."""

    from_ns: int
    to_ns: int | None
    value: Any = None


class Decision(NamedTuple):
    """What a person decided about an alarm; the order of fields is the order of the fold."""

    time_ns: int
    source: str
    id: str
    kind: str  # acknowledge | shelve | unshelve | comment
    person: str
    comment: str = ""
    until_ns: int = 0


class Declared(NamedTuple):
    """What an alarm is, whatever its state."""

    alarm: str
    equipment: str
    kind: str  # limit | machine | silence
    priority: int
    message: str
    response: str
    consequence: str
    owner_role: str
    cause: str = ""
    signal: str = ""
    limit: float | None = None
    unit: str = ""
    machine_acknowledge: bool = False
    suppress_planned_down: bool = False
    in_service: bool = True


class Fold(NamedTuple):
    """What is known of an alarm after some of its history."""

    active: bool = False
    acknowledged: bool = True  # nothing to acknowledge
    since_ns: int = 0
    first_seen_ns: int = 0
    returned_ns: int = 0
    acknowledged_by: str = ""
    acknowledged_ns: int = 0
    comment: str = ""
    shelved_until_ns: int = 0
    value: Any = None


class Effect(NamedTuple):
    """An event to emit: its content, when it happened, its id (the same in every replay)."""

    content: EventData
    time_ns: int
    event_id: str
    equipment: str


def over(limit: Limit, value: Any) -> bool | None:
    """Return whether a value is beyond a limit, None in between (hysteresis) or where it is unknown."""
    if value is None or isinstance(value, bytes | list):
        return None
    if limit.kind == "machine":
        return bool(value) if limit.value is None else value == limit.value
    if isinstance(value, str) or limit.value is None:
        return None
    number = float(value)
    if limit.kind == "high":
        if number >= limit.value:
            return True
        return False if number < limit.value - limit.hysteresis else None
    if number <= limit.value:
        return True
    return False if number > limit.value + limit.hysteresis else None


class Condition(NamedTuple):
    """Where a limit stood at the start of the kept samples: beyond it since when, with which value."""

    over_since_ns: int = NEVER
    value: Any = None


def limit_activations(
    limit: Limit, series: Series, vouched_ns: int, before: Condition | None = None
) -> tuple[list[Activation], Condition]:
    """Return the activations of a limit from its samples, and where it stands after them.

    `vouched_ns` is until when somebody says that the last value holds: a delay passes only so far.
    """
    delay_ns = int(limit.delay_s * SECOND_NS)
    since_ns, value_then = before or Condition()
    found: list[Activation] = []
    for at_ns, value in zip(series.times, series.values, strict=True):
        beyond = over(limit, value)
        if beyond is True and since_ns == NEVER:
            since_ns, value_then = at_ns, value
        elif beyond is False and since_ns != NEVER:
            if at_ns - since_ns >= delay_ns:
                found.append(Activation(since_ns + delay_ns, at_ns, value_then))
            since_ns, value_then = NEVER, None
    if since_ns != NEVER:
        last_ns = max(vouched_ns, series.times[-1] if series.times else NEVER)
        if last_ns - since_ns >= delay_ns:
            found.append(Activation(since_ns + delay_ns, None, value_then))
    return found, Condition(since_ns, value_then)


def fold(
    start: Fold,
    activations: Iterable[Activation],
    decisions: Iterable[Decision],
    *,
    after_ns: int = NEVER,
    until_ns: int | None = None,
) -> Fold:
    """Return the state after all that happened after one instant, and up to another if it is given.

    Decisions of people count even when they come later than that: nobody's word is lost.
    """
    happened: list[tuple[int, int, Any]] = []
    for activation in activations:
        if activation.from_ns > after_ns:
            happened.append((activation.from_ns, 1, activation))
        if activation.to_ns is not None and activation.to_ns > after_ns:
            happened.append((activation.to_ns, 0, None))
    happened.extend((decision.time_ns, 2, decision) for decision in decisions)
    happened.sort(key=lambda step: step[:2])
    state = start
    for at_ns, kind, what in happened:
        if until_ns is not None and at_ns > until_ns:
            break
        state = _step(state, at_ns, kind, what)
    return state


def _step(state: Fold, at_ns: int, kind: int, what: Any) -> Fold:
    if kind == 1:
        normal = state.acknowledged and not state.active
        return state._replace(
            active=True,
            acknowledged=False,
            since_ns=at_ns,
            first_seen_ns=at_ns if normal else state.first_seen_ns,
            value=what.value,
            acknowledged_by="",
            acknowledged_ns=0,
        )
    if kind == 0:
        return state._replace(active=False, returned_ns=at_ns)
    decision: Decision = what
    if decision.kind == "acknowledge":
        if state.acknowledged:
            return state
        return state._replace(
            acknowledged=True,
            acknowledged_by=decision.person,
            acknowledged_ns=at_ns,
            comment=decision.comment or state.comment,
        )
    if decision.kind == "shelve":
        return state._replace(shelved_until_ns=decision.until_ns, comment=decision.comment or state.comment)
    if decision.kind == "unshelve":
        return state._replace(shelved_until_ns=0)
    return state._replace(comment=decision.comment)


class Alarm:
    """One alarm: what it is, what happened to it, what was announced of it."""

    __slots__ = (
        "activations", "announced", "base", "base_ns", "decisions", "declared", "state", "unshelved_ns",
    )  # fmt: skip

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.base = Fold()  # the state before the kept history, which begins after base_ns
        self.base_ns = NEVER
        self.activations: list[Activation] = []
        self.decisions: list[Decision] = []
        self.state = Fold()
        self.announced: dict[int, int | None] = {}  # raised -> cleared
        self.unshelved_ns = 0

    def decide(self, decision: Decision) -> bool:
        """Take a person's decision; return False if it was known."""
        if decision in self.decisions:
            return False
        self.decisions.append(decision)
        self.decisions.sort()
        self.state = self._fold()
        return True

    def update(self, activations: list[Activation]) -> list[Effect]:
        """Take the activations of the kept history; return what has to be announced."""
        if self.base_ns != NEVER:
            activations = [a for a in activations if a.to_ns is None or a.to_ns > self.base_ns]
        if activations == self.activations:
            return []
        self.activations = activations
        self.state = self._fold()
        effects: list[Effect] = []
        alarm, equipment = self.declared.alarm, self.declared.equipment
        for activation in activations:
            raised_ns = activation.from_ns
            if raised_ns not in self.announced:
                self.announced[raised_ns] = None
                effects.append(Effect(self._raised(activation), raised_ns, f"{alarm}@{raised_ns}", equipment))
            if activation.to_ns is not None and self.announced[raised_ns] != activation.to_ns:
                self.announced[raised_ns] = activation.to_ns
                effects.append(self._cleared(raised_ns, activation.to_ns))
        current = {activation.from_ns for activation in activations}
        first_ns = min(current, default=NEVER)
        for raised_ns, cleared_ns in list(self.announced.items()):
            if raised_ns not in current and cleared_ns is None and raised_ns >= first_ns:
                # A late fact took the activation away: what was announced is called back.
                self.announced[raised_ns] = raised_ns
                effects.append(self._cleared(raised_ns, raised_ns))
        return effects

    def remember(self, activations: list[Activation]) -> None:
        """Take a snapshot's activations: all that follows from them was announced already."""
        self.activations = activations
        self.state = self._fold()

    def _fold(self) -> Fold:
        return fold(self.base, self.activations, self.decisions, after_ns=self.base_ns)

    def _raised(self, activation: Activation) -> AlarmRaised:
        d = self.declared
        value = activation.value
        return AlarmRaised(
            alarm=d.alarm,
            equipment=d.equipment,
            kind=d.kind,
            priority=d.priority,
            message=d.message,
            response=d.response,
            consequence=d.consequence,
            owner_role=d.owner_role,
            cause=d.cause,
            signal=d.signal,
            value=value,
            limit=d.limit,
        )

    def _cleared(self, raised_ns: int, cleared_ns: int) -> Effect:
        d = self.declared
        return Effect(
            AlarmCleared(alarm=d.alarm, equipment=d.equipment),
            cleared_ns,
            f"{d.alarm}@{raised_ns}:cleared@{cleared_ns}",
            d.equipment,
        )

    def look_at(self, now_ns: int) -> list[Effect]:
        """Return the end of a shelving whose time is over, once."""
        until_ns = self.state.shelved_until_ns
        if not until_ns or until_ns > now_ns or until_ns <= self.unshelved_ns:
            return []
        self.unshelved_ns = until_ns
        alarm, equipment = self.declared.alarm, self.declared.equipment
        content = AlarmUnshelved(alarm=alarm, person=BY_TIME)
        return [Effect(content, until_ns, f"{alarm}:unshelved@{until_ns}", equipment)]

    def shelved(self, now_ns: int) -> bool:
        """Return whether somebody put it aside until later than now."""
        return self.state.shelved_until_ns != 0 and self.state.shelved_until_ns > now_ns

    def word(self, now_ns: int, *, planned_down: bool) -> str:
        """Return the ISA-18.2 state."""
        state = self.state
        if not self.declared.in_service:
            return "OOSRV"
        if self.shelved(now_ns):
            return "SHLVD"
        if self.declared.suppress_planned_down and planned_down and (state.active or not state.acknowledged):
            return "DSUPR"
        if state.active:
            return "ACKED" if state.acknowledged else "UNACK"
        return "NORM" if state.acknowledged else "RTNUN"

    def document(self, now_ns: int, *, planned_down: bool = False, cause: str = "") -> AlarmDocument:
        """Return the alarm as it is shown."""
        d, state = self.declared, self.state
        return AlarmDocument(
            alarm=d.alarm,
            equipment=d.equipment,
            state=self.word(now_ns, planned_down=planned_down),
            active=state.active,
            kind=d.kind,
            priority=d.priority,
            message=d.message,
            response=d.response,
            consequence=d.consequence,
            owner_role=d.owner_role,
            cause=cause or d.cause,
            signal=d.signal,
            value=state.value,
            limit=d.limit,
            unit=d.unit,
            since_ns=state.since_ns,
            first_seen_ns=state.first_seen_ns,
            returned_ns=state.returned_ns,
            acknowledged_by=state.acknowledged_by,
            acknowledged_ns=state.acknowledged_ns,
            comment=state.comment,
            shelved_until_ns=state.shelved_until_ns,
            machine_acknowledge=d.machine_acknowledge,
        )

    def rebase(self, cut_ns: int) -> None:
        """Put what lies before an instant into the base: it can no longer be reordered."""
        if cut_ns <= self.base_ns:
            return
        self.base = fold(self.base, self.activations, self.decisions, after_ns=self.base_ns, until_ns=cut_ns)
        self.base_ns = cut_ns
        self.activations = [a for a in self.activations if a.to_ns is None or a.to_ns > cut_ns]
        self.decisions = [d for d in self.decisions if d.time_ns > cut_ns]
        self.announced = {
            raised: cleared
            for raised, cleared in self.announced.items()
            if cleared is None or cleared > cut_ns
        }


def merged(spans: Sequence[tuple[int, int | None]]) -> list[Activation]:
    """Return stretches joined where they touch or overlap, in order."""
    found: list[Activation] = []
    for start, end in sorted(spans, key=lambda span: span[0]):
        if found and (found[-1].to_ns is None or start <= found[-1].to_ns):
            last = found[-1]
            joined = None if last.to_ns is None or end is None else max(last.to_ns, end)
            found[-1] = Activation(last.from_ns, joined)
        else:
            found.append(Activation(start, end))
    return found


def inside(spans: Sequence[Activation], at_ns: int) -> bool:
    """Return whether an instant lies in one of some disjoint stretches in order."""
    place = bisect_right(spans, at_ns, key=lambda span: span.from_ns)
    return place > 0 and (spans[place - 1].to_ns is None or at_ns < (spans[place - 1].to_ns or 0))
