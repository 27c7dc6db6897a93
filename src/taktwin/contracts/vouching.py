"""How often a source that vouches for its values says so, and after how long it counts as silent.

The gateway promises the one, twin and historian rely on the other; both depend on nothing but how fast
plant time runs.
"""

from __future__ import annotations

from taktwin.instants import SECOND_NS

SILENT_AFTER_NS = 5 * SECOND_NS
SILENT_WALL_NS = 2 * SECOND_NS
PERIODS = 3


def confirmed_every_ns(speed: float) -> int:
    """Return how often a gateway confirms, in plant time: each second, at most four times a wall second."""
    return max(SECOND_NS, int(0.25 * speed * SECOND_NS))


def silent_after_ns(speed: float) -> int:
    """Return for how long a source may say nothing, in plant time.

    5 s, three confirmations, and never less than 2 s of the wall: a plant that runs faster than we can
    look would always be silent.
    """
    return max(SILENT_AFTER_NS, PERIODS * confirmed_every_ns(speed), int(SILENT_WALL_NS * speed))
