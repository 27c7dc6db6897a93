"""Tools and gauges."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class MountTool(CommandData, frozen=True, kw_only=True):
    """Put a tool into a work unit: it was scanned there. One of its kind that was there comes out."""

    command_name: ClassVar[str] = "tool.mount"
    tool: str
    work_unit: str
    kind: str = ""  # of a tool that nobody knows yet, unless its code says so


class DismountTool(CommandData, frozen=True, kw_only=True):
    """Take a tool out."""

    command_name: ClassVar[str] = "tool.dismount"
    tool: str
    cause: str


class ServiceTool(CommandData, frozen=True, kw_only=True):
    """Say that a tool was dressed or reground in place."""

    command_name: ClassVar[str] = "tool.service"
    tool: str


class ChangeTool(CommandData, frozen=True, kw_only=True):
    """Confirm a tool change order: the new tool is in, and its life begins."""

    command_name: ClassVar[str] = "tool.change"
    order: str
    tool: str = ""  # "": a new one without a code of its own


class CalibrateGauge(CommandData, frozen=True, kw_only=True):
    """Enter the calibration of a gauge; a gauge that nobody knows is known from then on."""

    command_name: ClassVar[str] = "gauge.calibrate"
    gauge: str
    kind: str = ""  # of a gauge that nobody knows yet
    until_ns: int = 0  # 0: as long as the plant folder says for its kind
    passed: bool = True


class UseGauge(CommandData, frozen=True, kw_only=True):
    """Measure with a gauge: refused where its calibration has expired."""

    command_name: ClassVar[str] = "gauge.use"
    gauge: str
    work_unit: str = ""


class InspectTool(CommandData, frozen=True, kw_only=True):
    """Say how the inspection of a fixture ended; one that failed lets nothing begin."""

    command_name: ClassVar[str] = "tool.inspect"
    tool: str
    passed: bool
    found: str = ""  # what is wrong; wanted where it failed
