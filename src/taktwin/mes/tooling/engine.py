"""How worn a tool is, and what a code on a tool says. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from taktwin.plant.schema import Tool as Kind

PREFIX = "T-"  # what a tool's code begins with: T-<kind>-<anything>
WARN_AT = 0.9  # of the life
DAY_NS = 86_400_000_000_000
FAILED, INSPECTION_DUE = "failed its inspection", "is due for inspection"


class Worked(Protocol):
    """What is looked at of a tool."""

    @property
    def tool(self) -> str: ...
    @property
    def parts(self) -> int: ...
    @property
    def parts_since_service(self) -> int: ...
    @property
    def parts_since_inspection(self) -> int: ...
    @property
    def inspected_ns(self) -> int: ...
    @property
    def passed(self) -> bool: ...
    @property
    def found(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Wear:
    """What is used up of a tool's life."""

    share: float  # 1.0: its life is over; 0.0 where its kind has none
    parts_left: int | None
    service_due: bool

    @property
    def worn(self) -> bool:
        """Whether nobody may begin a job order with it."""
        return self.share >= 1.0

    @property
    def soon(self) -> bool:
        """Whether it is worn before long."""
        return self.share >= WARN_AT


def wear(kind: Kind, *, parts: int, parts_since_service: int) -> Wear:
    """Return how worn a tool of a kind is after so many parts."""
    service = kind.service_every_parts
    due = service is not None and parts_since_service >= service
    if kind.life_parts is None:
        return Wear(0.0, None, due)
    return Wear(parts / kind.life_parts, max(0, kind.life_parts - parts), due)


@dataclass(frozen=True, slots=True)
class Inspection:
    """When a tool has to be looked at again."""

    share: float  # 1.0: it is due
    due_ns: int  # by the clock; 0 = its kind knows no days

    @property
    def due(self) -> bool:
        """Whether nobody may begin a job order with it before it is inspected."""
        return self.share >= 1.0

    @property
    def soon(self) -> bool:
        """Whether it is due before long."""
        return self.share >= WARN_AT


def inspection(kind: Kind, *, parts_since: int, since_ns: int, now_ns: int) -> Inspection:
    """Return how near the next inspection is: after so many parts, so many days, or what comes first."""
    shares, due_ns = [0.0], 0
    if kind.inspect_every_parts is not None:
        shares.append(parts_since / kind.inspect_every_parts)
    if kind.inspect_every_days is not None:
        due_ns = since_ns + kind.inspect_every_days * DAY_NS
        shares.append((now_ns - since_ns) / (kind.inspect_every_days * DAY_NS))
    return Inspection(max(shares), due_ns)


def objection(tool: Worked, kind: Kind, now_ns: int) -> str:
    """Return why nobody may begin with a tool, "" where one may."""
    if wear(kind, parts=tool.parts, parts_since_service=tool.parts_since_service).worn:
        return f"{tool.tool} {tool.parts}/{kind.life_parts}"
    if not tool.passed:
        return f"{tool.tool} {FAILED}: {tool.found}"
    due = inspection(kind, parts_since=tool.parts_since_inspection, since_ns=tool.inspected_ns, now_ns=now_ns)
    return f"{tool.tool} {INSPECTION_DUE}" if due.due else ""


def kind_of(code: str, kinds: Iterable[str]) -> str:
    """Return the kind that a tool's code names, "" if it names none: of `T-hob-0412` it is `hob`."""
    rest = code.removeprefix(PREFIX) if code.startswith(PREFIX) else ""
    return max((kind for kind in kinds if rest.startswith(f"{kind}-")), key=len, default="")
