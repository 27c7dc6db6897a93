"""Maintenance orders, intervals, tools, gauges, spare parts: what the MES answers, as the page takes it."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class MaintenanceOrderModel(Model):
    """A maintenance order. States are words of ISA-95 job control."""

    order: str
    kind: str  # corrective | preventive | tool_change
    work_unit: str
    about: str
    plan: str
    tool_kind: str
    priority: int
    due_ms: int
    stops: bool
    state: str
    sub_state: str
    person: str
    opened_by: str
    opened_ms: int
    started_ms: int
    ended_ms: int
    found: str
    done: str
    reason: str
    version: int
    spare_parts: dict[str, int]


class DueModel(Model):
    """Where the interval of a plan stands at one work unit."""

    plan: str
    name: str
    work_unit: str
    order: str  # the open one that came of it
    share: float  # 1: due
    soon: bool
    parts: int
    every_parts: int | None
    every_h: float | None
    since_ms: int
    due_ms: int
    spare_parts: dict[str, int]  # what it usually takes


class ToolModel(Model):
    """One tool and what is used up of its life."""

    tool: str
    kind: str
    name: str
    work_unit: str
    parts: int
    life_parts: int | None  # None: it does not wear out by parts
    share: float  # 1: worn out
    worn: bool
    soon: bool
    parts_since_service: int
    service_every_parts: int | None
    service_due: bool
    mounted_ms: int
    version: int
    fixture: bool
    inspected: bool  # its kind is inspected
    inspect_every_parts: int | None
    parts_since_inspection: int
    inspection_due: bool
    inspection_soon: bool
    inspection_due_ms: int  # 0 = by parts only
    inspected_ms: int
    passed: bool
    found: str  # what is wrong with it, where its inspection failed


class MountingModel(Model):
    """Where a tool was from when to when."""

    mounting: str
    tool: str
    kind: str
    work_unit: str
    mounted_ms: int
    dismounted_ms: int
    parts: int
    reason: str


class GaugeModel(Model):
    """One gauge, and until when its calibration holds."""

    gauge: str
    kind: str
    name: str
    calibrated_ms: int
    until_ms: int
    passed: bool
    used_ms: int
    valid: bool
    soon: bool
    version: int


class SpareModel(Model):
    """What the store holds of a part number."""

    spare: str
    name: str
    minimum: int
    quantity: int
    below: bool


class MaintenanceModel(Model):
    """Everything that maintenance looks at, the most urgent first."""

    orders: list[MaintenanceOrderModel]
    over: list[MaintenanceOrderModel]
    due: list[DueModel]
    tools: list[ToolModel]
    mountings: list[MountingModel]
    gauges: list[GaugeModel]
    gauge_kinds: dict[str, str]
    spare_parts: list[SpareModel]
    faults: list[str]
    work_units: dict[str, str]
    tools_at: dict[str, list[str]]
    at_ms: int


class ToolHere(Model):
    """A kind of tool that a work unit works with, and the one that is mounted."""

    kind: str
    name: str
    watched: bool  # one was ever mounted here
    mounted: ToolModel | None


class UpkeepModel(Model):
    """What maintenance has open at a work unit, and its tools."""

    work_unit: str
    orders: list[MaintenanceOrderModel]
    tools: list[ToolHere]
    faults: list[str]
    at_ms: int
