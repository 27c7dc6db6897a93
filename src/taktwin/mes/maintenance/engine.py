"""How far an interval of preventive maintenance is used up. Pure.

Comes in: a plan, what was made and how much time went by since it was last done. Goes out: the share
that is used and what is left, by whichever of the two comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.plant.schema import MaintenancePlan

HOUR_NS = 3_600_000_000_000
SOON_AT = 0.8  # of the interval: from here on it is shown as due soon


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an interval stands."""

    share: float  # 1.0: due
    parts_left: int | None  # None: the plan does not count parts
    due_ns: int | None  # by the calendar; None: the plan does not count hours

    @property
    def due(self) -> bool:
        """Whether it has to be done now."""
        return self.share >= 1.0

    @property
    def soon(self) -> bool:
        """Whether it has to be done before long."""
        return self.share >= SOON_AT


def standing(plan: MaintenancePlan, *, parts: int, since_ns: int, now_ns: int) -> Standing:
    """Return where a plan's interval stands.

    Parameters
    ----------
    parts : good and rejected parts since the interval began
    since_ns, now_ns : the interval's begin and now; a clock that was set back makes nothing due
    """
    shares = [0.0]
    parts_left = due_ns = None
    if plan.every_parts is not None:
        shares.append(parts / plan.every_parts)
        parts_left = plan.every_parts - parts
    if plan.every_h is not None:
        interval_ns = round(plan.every_h * HOUR_NS)
        shares.append((now_ns - since_ns) / interval_ns)
        due_ns = since_ns + interval_ns
    return Standing(max(shares), parts_left, due_ns)
