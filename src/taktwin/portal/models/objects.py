"""Object pages: one work unit, one signal, the time bar, what a search finds."""

from __future__ import annotations

from pydantic import Field

from taktwin.portal.models.base import Model, Value
from taktwin.portal.models.live import HopModel, UnitModel
from taktwin.portal.models.plant import AssetModel


class Neighbours(Model):
    """Work units before and behind, with the buffers between."""

    before: list[str]
    after: list[str]
    buffers: list[str]


class Feed(Model):
    """One medium and who is on its other end."""

    medium: str
    ids: list[str]


class Supplies(Model):
    """Who supplies it, whom it supplies."""

    from_: list[Feed] = Field(alias="from")
    to: list[Feed]


class UnitPage(Model):
    """One work unit. `document` is null where the twin has not said anything about it yet."""

    document: UnitModel | None
    signals: list[int]
    neighbours: Neighbours
    supplies: Supplies
    assets: list[AssetModel]


class IntervalModel(Model):
    """One interval of the timeline, cut to the window that was asked for."""

    from_ms: int
    to_ms: int
    time_class: str
    reason: str
    state: str
    program: str


class Timeline(Model):
    """Every second of the window in exactly one class; `sums` are seconds and add up to the window."""

    intervals: list[IntervalModel]
    sums: dict[str, float]
    from_ms: int
    to_ms: int


class StoredValue(Model):
    """One value as received."""

    source_ms: int
    ingest_ms: int
    recorded_ms: int
    value: Value
    quality: int
    sequence: int | None
    epoch: int | None


class StoredValues(Model):
    """Values of a signal, newest first."""

    values: list[StoredValue]


class Origin(Model):
    """Where a signal comes from, from the thing to the history."""

    asset: str
    protocol: str
    connection: str
    endpoint: str
    address: str
    decoded: str
    unit: str
    topic: str
    mirror_topic: str
    kept: str
    last_bytes_text: str | None


class HopStart(Model):
    """One hop of the newest value: when it started (plant time) and how long it took (wall)."""

    hop: str
    start_ms: int
    ms: float
    estimated: bool = False


class WholeWay(Model):
    """From source to screen; the quantiles are measured on whole ways, never summed."""

    this: float | None
    p50: float | None
    p99: float | None


class SignalHops(Model):
    """The way of the newest value beside the statistics of its connection."""

    this: list[HopStart]
    stats: list[HopModel]
    whole: WholeWay


class BarColumn(Model):
    """Good parts in a span of the time bar; null where nobody counted."""

    from_ms: int
    to_ms: int
    good: int | None


class BarMark(Model):
    """An alarm that was raised."""

    at_ms: int
    priority: int
    alarm: str
    message: str


class Bar(Model):
    """The time bar."""

    columns: list[BarColumn]
    marks: list[BarMark]
    start_ms: int
    now_ms: int


class Found(Model):
    """One result of a search."""

    kind: str = Field(description="machine | signal | page | connection | alarm | command")
    id: str
    title: str
    subtitle: str
    href: str


class SearchResults(Model):
    """Best first."""

    results: list[Found]
