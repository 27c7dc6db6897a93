"""Tools and gauges."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class ToolMounted(EventData, frozen=True, kw_only=True):
    """A tool is in a work unit from here on (ISA-95 EquipmentAssetMapping)."""

    event_type: ClassVar[str] = "tool.mounted"
    tool: str
    kind: str
    work_unit: str


class ToolDismounted(EventData, frozen=True, kw_only=True):
    """A tool was taken out."""

    event_type: ClassVar[str] = "tool.dismounted"
    tool: str
    kind: str
    work_unit: str
    cause: str


class ToolServiced(EventData, frozen=True, kw_only=True):
    """A tool was dressed or reground in place."""

    event_type: ClassVar[str] = "tool.serviced"
    tool: str
    work_unit: str


class GaugeCalibrated(EventData, frozen=True, kw_only=True):
    """A gauge was calibrated, and holds until an instant if it passed."""

    event_type: ClassVar[str] = "gauge.calibrated"
    gauge: str
    kind: str
    until_ns: int
    passed: bool


class GaugeUsed(EventData, frozen=True, kw_only=True):
    """Somebody measured with a gauge that was in calibration."""

    event_type: ClassVar[str] = "gauge.used"
    gauge: str
    work_unit: str


class ToolInspected(EventData, frozen=True, kw_only=True):
    """A fixture was inspected: it may be used again, or not."""

    event_type: ClassVar[str] = "tool.inspected"
    tool: str
    kind: str
    work_unit: str
    passed: bool
    found: str = ""
