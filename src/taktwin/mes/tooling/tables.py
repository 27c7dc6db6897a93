"""Rows of tools and gauges. Only tooling's own actions write them.

A tool and a gauge are physical assets (ISA-95 PhysicalAsset): life and calibration go with the thing,
not with the work unit in which it happens to be.
"""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Tool(Row, frozen=True, kw_only=True):
    """One tool with its own life."""

    table: ClassVar[str] = "tools"
    tool: str
    kind: str  # of the plant folder's `tools`
    work_unit: str  # "" = not mounted
    parts: int  # good and rejected ones that were made with it
    parts_since_service: int
    mounted_ns: int  # 0: it is not mounted
    version: int
    parts_since_inspection: int
    inspected_ns: int  # before its first inspection: when it was mounted first
    passed: bool
    found: str  # what is wrong with it, where its inspection failed


class ToolPlace(Row, frozen=True, kw_only=True):
    """The place of one kind of tool in a work unit; there is a row once a tool was ever mounted there.

    Only such a place is watched: a plant that never mounts a tool is asked nothing.
    """

    table: ClassVar[str] = "tool_places"
    place: str  # <work unit>:<kind>
    work_unit: str
    kind: str
    tool: str  # "" = it was taken out
    since_ns: int


class Mounting(Row, frozen=True, kw_only=True):
    """Where a tool was from when to when (ISA-95 EquipmentAssetMapping)."""

    table: ClassVar[str] = "tool_mountings"
    mounting: str  # <tool>:<nanoseconds>
    tool: str
    kind: str
    work_unit: str
    mounted_ns: int
    dismounted_ns: int  # 0: it is still there
    parts: int  # made with it there
    reason: str  # why it was taken out


class Gauge(Row, frozen=True, kw_only=True):
    """One gauge, and until when its calibration holds."""

    table: ClassVar[str] = "gauges"
    gauge: str
    kind: str  # of the plant folder's `gauges`
    calibrated_ns: int
    until_ns: int
    passed: bool
    used_ns: int  # 0: never
    version: int
