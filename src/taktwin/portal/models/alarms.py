"""Alarms: the list, the journal, the health of the alarm system, decisions of people."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taktwin.portal.models.base import Model, Request, Value
from taktwin.portal.models.live import AlarmModel


class AlarmGroup(Model):
    """Alarms of one cause; its priority is the highest of its members."""

    cause: str
    name: str
    priority: int
    alarms: list[str]


class AlarmList(Model):
    """Everything that stands or waits for a person; `count` is the number of alarms."""

    alarms: list[AlarmModel]
    groups: list[AlarmGroup]
    causes: int
    count: int
    counts_by_priority: dict[str, int] = Field(description="causes by priority 1, 2, 3, as the top bar says")
    at_ms: int


class JournalEntry(Model):
    """One transition: who, when, what."""

    at_ms: int
    alarm: str
    equipment: str
    event: str = Field(description="raised | cleared | acknowledged | shelved | unshelved | commented")
    person: str
    comment: str
    priority: int | None
    message: str
    value: Value
    id: str


class Journal(Model):
    """Newest first."""

    entries: list[JournalEntry]


class StandingAlarm(Model):
    """An alarm that has stood for more than a day."""

    alarm: str
    message: str
    since_ms: int


class WorstOffender(Model):
    """One of the ten alarms that came most often."""

    alarm: str
    message: str
    count: int
    share: float


class Flood(Model):
    """More than ten alarms in ten minutes."""

    from_ms: int
    count: int


class RateColumn(Model):
    """Alarms raised in ten minutes."""

    from_ms: int
    count: int


class AlarmHealth(Model):
    """ISA-18.2 figures over the last 24 h (rate, floods) and 7 days (worst, priorities)."""

    rate_per_10_min: float
    floods: list[Flood]
    standing_over_24h: list[StandingAlarm]
    worst: list[WorstOffender]
    priorities: dict[str, int]
    rates: list[RateColumn]
    shelved: int
    median_acknowledge_s: dict[str, float]
    from_ms: int
    to_ms: int


class Decision(Request):
    """What a person decided about an alarm. The same key twice is the same decision."""

    comment: str = Field(default="", max_length=500)
    idempotency_key: str = Field(min_length=8, max_length=100)
    until_ms: int | None = None
    version: str | None = Field(default=None, description="the version of the alarm that the person saw")
    mode: Literal["live", "replay"] = Field(default="live", description="what the person was looking at")


class Decided(Model):
    """The event that came of it."""

    event_id: str
