"""The plant as the page draws it: equipment, signals, space, calendar; and who is looking."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taktwin.portal.models.base import Model

Point = tuple[float, float]


class FloorPathModel(Model):
    """An aisle or a dock: a line with a width."""

    id: str
    name: str
    points: list[Point]
    width_m: float


class Floor(Model):
    """The building, in metres. The drawing is one pale layer under our own shapes."""

    width_m: float
    depth_m: float
    drawing_svg: str | None
    walls: list[list[Point]]
    paths: list[FloorPathModel]


class ZoneModel(Model):
    """A polygon on the floor, in metres."""

    id: str
    name: str
    polygon: list[Point]


class EquipmentModel(Model):
    """One role in the hierarchy."""

    id: str
    level: str
    name: str
    class_id: str
    class_name: str
    parent: str | None
    place: str
    zone: str
    x_m: float | None
    y_m: float | None
    width_m: float
    depth_m: float
    state_model: str
    inferred: bool
    standard_cycle_s: float | None
    calendar: str
    aliases: list[str]
    connections: list[str]
    asset_ids: list[str]


class LimitModel(Model):
    """An alarm on a signal, as the plant folder declares it."""

    id: str
    kind: str
    value: float | None
    priority: int
    message: str
    response: str
    consequence: str
    owner_role: str


class SignalModel(Model):
    """One declared signal; `index` names it in the stream."""

    index: int
    id: str
    equipment: str
    path: str
    name: str
    role: str
    type: str
    unit: str
    minimum: float | None
    maximum: float | None
    period_s: float | None
    decimals: int | None
    words: dict[str, str]
    connection: str
    address: str
    topic: str
    x_m: float | None = Field(description="where the sensor sits; null: at its equipment")
    y_m: float | None
    limits: list[LimitModel]


class ConnectionModel(Model):
    """One way in."""

    name: str
    connector: str
    endpoint: str


class BufferModel(Model):
    """Space between work units."""

    id: str
    name: str
    sources: list[str]
    targets: list[str]
    capacity: int
    x_m: float | None
    y_m: float | None


class SupplyModel(Model):
    """`source` serves `targets` with `medium`."""

    id: str
    source: str
    medium: str
    targets: list[str]


class AssetModel(Model):
    """A physical thing with a serial number."""

    id: str
    name: str
    manufacturer: str
    model: str
    serial_number: str
    mounted_in: str
    mounted_since: str


class ShiftModel(Model):
    """A shift of the present production day, as it stands in the plant's own time."""

    id: str
    name: str
    calendar: str
    from_ms: int
    to_ms: int
    from_: str = Field(alias="from", description="local time of day, HH:MM")
    to: str = Field(description="local time of day, HH:MM")


class CalendarModel(Model):
    """A calendar in words, and when it wants its equipment to run today."""

    id: str
    description: str
    planned: list[tuple[int, int]] = Field(description="[from_ms, to_ms] of today, plant time zone")


class PlantModel(Model):
    """Everything that does not change while the plant runs."""

    name: str
    enterprise: str
    site: str
    time_zone: str
    registry_hash: str
    valid_from_ms: int
    demo: bool
    makes: bool = Field(description="products of its own with a route: there are orders, jobs and a schedule")
    floor: Floor | None
    zones: list[ZoneModel]
    equipment: list[EquipmentModel]
    signals: list[SignalModel]
    connections: list[ConnectionModel]
    buffers: list[BufferModel]
    supplies: list[SupplyModel]
    assets: list[AssetModel]
    shifts: list[ShiftModel]
    calendars: list[CalendarModel]


class ScopedRole(Model):
    """A role in one part of the plant."""

    role: str
    scope: str = Field(description="enterprise/site[/area[/line[/cell]]]")


class MeModel(Model):
    """Who is looking, and what this person may do."""

    person: str
    printed_name: str
    roles: list[str] = Field(description="for the whole site")
    scoped: list[ScopedRole]
    signed_in: bool = Field(description="by a session, which can be ended")
    language: str
    mode: Literal["live"]
    may: list[str] = Field(description="actions: alarm.acknowledge, alarm.shelve, alarm.comment, demo.inject")
    loopback_only: bool = Field(description="nobody but this machine can reach the page")
    notice: str = Field(description="what a person should know about this session, in one sentence")
