"""Tools in work units: deciders of their commands, their life by counts, the only writers of their tables."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.tooling import gauges
from taktwin.mes.tooling.engine import FAILED, kind_of, wear
from taktwin.mes.tooling.tables import Mounting, Tool, ToolPlace
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

CHANGED = "changed"  # why a tool comes out that another one replaces


# Deciders


def dismount(book: Reading, wish: commands.DismountTool, asking: Asking) -> Iterator[Fact]:
    """Take a tool out, with the reason."""
    tool = _tool(book, wish.tool)
    if not tool.work_unit:
        raise Refused("state", f"tool {tool.tool}", "not mounted", "one that is mounted", row=tool)
    if not wish.cause.strip() or len(wish.cause) > 200:
        raise Refused("invalid", "reason", repr(wish.cause[:80]), "1 to 200 characters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    yield _out(tool, wish.cause.strip(), asking)


def service(book: Reading, wish: commands.ServiceTool, asking: Asking) -> Iterator[Fact]:
    """Note that a tool was dressed or reground in place; its life goes on."""
    tool = _tool(book, wish.tool)
    definition = asking.definitions.tools.get(tool.kind)
    if definition is None or definition.service_every_parts is None:
        raise Refused("state", f"tool {tool.tool}", f"{tool.kind}, which is not serviced in place",
                      "a kind with service_every_parts in the plant folder", row=tool)  # fmt: skip
    yield Fact(events.ToolServiced(tool=tool.tool, work_unit=tool.work_unit), asking.now_ns)


def inspect(book: Reading, wish: commands.InspectTool, asking: Asking) -> Iterator[Fact]:
    """Note how the inspection of a fixture ended, mounted or not."""
    tool = _tool(book, wish.tool)
    definition = asking.definitions.tools.get(tool.kind)
    inspected = definition is not None and (definition.inspect_every_parts or definition.inspect_every_days)
    if not inspected:
        raise Refused("state", f"tool {tool.tool}", f"{tool.kind}, which is not inspected",
                      "a kind with inspect_every_parts or inspect_every_days in the plant folder",
                      row=tool)  # fmt: skip
    if len(wish.found) > 200 or (not wish.passed and not wish.found.strip()):
        raise Refused("invalid", "found", f"{len(wish.found)} letters",
                      "what is wrong with it, in 1 to 200 letters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    yield Fact(
        events.ToolInspected(tool=tool.tool, kind=tool.kind, work_unit=tool.work_unit, passed=wish.passed,
                             found=wish.found.strip()),
        asking.now_ns,
    )  # fmt: skip


# Steps of a tool change, which maintenance decides.


def mounted(book: Reading, name: str, kind: str, work_unit: str, asking: Asking) -> Iterator[Fact]:
    """Yield that a tool is in a work unit from now on; the one of its kind that was there comes out."""
    tool = book.get(Tool, name)
    if tool is not None and tool.work_unit:
        raise Refused("state", f"tool {name}", f"mounted at {tool.work_unit}",
                      "one that is not mounted: take it out there first", row=tool)  # fmt: skip
    definition = asking.definitions.tools[kind]
    if tool is not None and wear(definition, parts=tool.parts, parts_since_service=0).worn:
        raise Refused("state", f"tool {name}", f"worn out: {tool.parts} of {definition.life_parts} parts",
                      "a tool with life left", row=tool)  # fmt: skip
    if tool is not None and not tool.passed:
        raise Refused("state", f"tool {name}", f"{FAILED}: {tool.found}",
                      "one that passed its last inspection", row=tool)  # fmt: skip
    place = book.get(ToolPlace, f"{work_unit}:{kind}")
    before = book.get(Tool, place.tool) if place is not None and place.tool else None
    if before is not None:
        yield _out(before, CHANGED, asking)
    yield Fact(events.ToolMounted(tool=name, kind=kind, work_unit=work_unit), asking.now_ns)


def _out(tool: Tool, cause: str, asking: Asking) -> Fact:
    return Fact(
        events.ToolDismounted(tool=tool.tool, kind=tool.kind, work_unit=tool.work_unit, cause=cause),
        asking.now_ns,
    )


def kind_at(book: Reading, name: str, said: str, work_unit: str, asking: Asking) -> str:
    """Return the kind of a tool that fits a work unit; what is known of the tool goes before its code."""
    if not name.strip() or len(name) > 80:
        raise Refused("invalid", "tool", repr(name[:80]), "a code of 1 to 80 characters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    tool = book.get(Tool, name)
    by_code = kind_of(name, asking.definitions.tools)
    kind = tool.kind if tool is not None else said or by_code
    here = asking.definitions.tools_at.get(work_unit, ())
    right = f"one of {', '.join(here)}" if here else f"nothing: no operation at {work_unit} needs a tool"
    if not kind:
        raise Refused("unknown", f"kind of tool {name}", "its code names none", right)
    if kind not in here:
        raise Refused("invalid", f"tool {name} at {work_unit}", f"a {kind}", right,
                      status=ReturnStatus.UNABLE_TO_ACCEPT)  # fmt: skip
    if (tool is not None or by_code) and said and said != (tool.kind if tool is not None else by_code):
        raise Refused("invalid", f"kind of tool {name}", repr(said), tool.kind if tool else by_code,
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    return kind


def _tool(book: Reading, name: str) -> Tool:
    tool = book.get(Tool, name)
    if tool is None:
        raise unknown("tool", name)
    return tool


# Projectors


def worked(book: Book, work_unit: str, parts: int, at_ns: int) -> None:
    """Add counted parts to the tools that were in a work unit: the projection of `material.counted`.

    A count that comes late belongs to the tool that was there when the part was made.
    """
    for place in book.where(ToolPlace, work_unit=work_unit):
        if at_ns >= place.since_ns:
            tool = book.get(Tool, place.tool) if place.tool else None
            if tool is not None:
                _wears(book, tool, f"{tool.tool}:{tool.mounted_ns}", parts)
            continue
        there = [
            row
            for row in book.where(Mounting, work_unit=work_unit)
            if row.kind == place.kind and row.mounted_ns <= at_ns < row.dismounted_ns
        ]
        for row in there:
            before = book.get(Tool, row.tool)
            assert before is not None, "a tool that was mounted is known"
            _wears(book, before, row.mounting, parts)


def _wears(book: Book, tool: Tool, mounting: str, parts: int) -> None:
    row = book.get(Mounting, mounting)
    assert row is not None, "a tool is mounted before it works"
    book.put(msgspec.structs.replace(row, parts=row.parts + parts))
    book.put(msgspec.structs.replace(tool, parts=tool.parts + parts,
                                     parts_since_service=tool.parts_since_service + parts,
                                     parts_since_inspection=tool.parts_since_inspection + parts))  # fmt: skip


def _is_mounted(book: Book, event: events.ToolMounted, at_ns: int) -> None:
    tool = book.get(Tool, event.tool)
    if tool is None:
        tool = Tool(tool=event.tool, kind=event.kind, work_unit="", parts=0, parts_since_service=0,
                    mounted_ns=0, version=0, parts_since_inspection=0, inspected_ns=at_ns, passed=True,
                    found="")  # fmt: skip
    book.put(msgspec.structs.replace(tool, work_unit=event.work_unit, mounted_ns=at_ns,
                                     version=tool.version + 1))  # fmt: skip
    book.put(ToolPlace(place=f"{event.work_unit}:{event.kind}", work_unit=event.work_unit, kind=event.kind,
                       tool=event.tool, since_ns=at_ns))  # fmt: skip
    book.put(Mounting(mounting=f"{event.tool}:{at_ns}", tool=event.tool, kind=event.kind,
                      work_unit=event.work_unit, mounted_ns=at_ns, dismounted_ns=0, parts=0,
                      reason=""))  # fmt: skip


def _is_out(book: Book, event: events.ToolDismounted, at_ns: int) -> None:
    tool = book.get(Tool, event.tool)
    assert tool is not None, "decided on a tool that is mounted"
    row = book.get(Mounting, f"{tool.tool}:{tool.mounted_ns}")
    assert row is not None, "a tool that is mounted has a mounting"
    book.put(msgspec.structs.replace(row, dismounted_ns=at_ns, reason=event.cause))
    book.put(msgspec.structs.replace(tool, work_unit="", mounted_ns=0, version=tool.version + 1))
    book.put(ToolPlace(place=f"{event.work_unit}:{event.kind}", work_unit=event.work_unit, kind=event.kind,
                       tool="", since_ns=at_ns))  # fmt: skip


def _serviced(book: Book, event: events.ToolServiced, at_ns: int) -> None:
    tool = book.get(Tool, event.tool)
    assert tool is not None, "decided on a tool that is there"
    book.put(msgspec.structs.replace(tool, parts_since_service=0, version=tool.version + 1))


def _inspected(book: Book, event: events.ToolInspected, at_ns: int) -> None:
    tool = book.get(Tool, event.tool)
    assert tool is not None, "decided on a tool that is there"
    book.put(msgspec.structs.replace(
        tool, parts_since_inspection=0, inspected_ns=at_ns, passed=event.passed,
        found="" if event.passed else event.found, version=tool.version + 1,
    ))  # fmt: skip


RULES = gauges.RULES.joined(Rules(
    deciders={
        commands.DismountTool.command_name: dismount,
        commands.ServiceTool.command_name: service,
        commands.InspectTool.command_name: inspect,
    },
    projectors={
        events.ToolMounted: _is_mounted,
        events.ToolDismounted: _is_out,
        events.ToolServiced: _serviced,
        events.ToolInspected: _inspected,
    },
))  # fmt: skip
