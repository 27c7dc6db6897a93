"""ISO 22400-2: the classes of time. Every second of a work unit belongs to exactly one.

Blocked and starved are classes of their own (charged to the neighbour), and so is `unknown`: what
nobody saw is never painted as idle.
"""

from __future__ import annotations

from enum import StrEnum


class TimeClass(StrEnum):
    """The partition of a work unit's calendar time. Sums of these give APT, ASUT, ADET, ADOT, PBT."""

    PRODUCTION = "production"  # APT
    SET_UP = "set_up"  # ASUT
    DELAY_OWN = "delay_own"  # ADET, own cause: held, aborted, stopped, fault
    BLOCKED = "blocked"  # ADET, charged to the unit behind
    STARVED = "starved"  # ADET, charged to the unit before
    DOWN_NO_ORDER = "down_no_order"  # ADOT: could work, has nothing to do
    PLANNED_DOWN = "planned_down"  # outside PBT: no shift, break, planned maintenance
    UNKNOWN = "unknown"  # nobody saw it
