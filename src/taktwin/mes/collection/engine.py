"""What a counter's new value means: so many parts, a first word, a restart, or nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

WRAPS_AT = 1 << 32  # counters of machines are unsigned 32-bit
PARTS_AT_ONCE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """So many parts; or the counter begins anew, and nobody knows how many were made."""

    parts: int
    restarted: bool = False


def step(*, before: int | None, before_ns: int, value: int, source_ns: int) -> Step | None:
    """Return what a counter's value means after the one before; None: nothing new.

    Deliveries repeat and reorder: an older value, and the same value again, mean nothing. A counter
    that fell has wrapped if it stood at its end, else it was restarted; a leap that no machine can
    have made in one scan is taken for a restart too, and never invents parts.
    """
    if before is None:
        return Step(0, restarted=True)
    if source_ns <= before_ns or value == before:
        return None
    parts = value - before if value > before else value - before + WRAPS_AT
    if parts > PARTS_AT_ONCE_MAX:
        return Step(0, restarted=True)
    return Step(parts)
