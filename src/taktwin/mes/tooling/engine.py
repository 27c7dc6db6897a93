"""How worn a tool is, and what a code on a tool says. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taktwin.plant.schema import Tool as Kind

PREFIX = "T-"  # what a tool's code begins with: T-<kind>-<anything>
WARN_AT = 0.9  # of the life


@dataclass(frozen=True, slots=True)
class Wear:
    """What is used up of a tool's life."""

    share: float  # 1.0: its life is over
    parts_left: int
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
    return Wear(parts / kind.life_parts, max(0, kind.life_parts - parts),
                service is not None and parts_since_service >= service)  # fmt: skip


def kind_of(code: str, kinds: Iterable[str]) -> str:
    """Return the kind that a tool's code names, "" if it names none: of `T-hob-0412` it is `hob`."""
    rest = code.removeprefix(PREFIX) if code.startswith(PREFIX) else ""
    return max((kind for kind in kinds if rest.startswith(f"{kind}-")), key=len, default="")
