"""The balance of a lot: how a wanted quantity is taken from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taking:
    """How a wanted quantity is taken: from the lot, and from nobody knows where."""

    from_lot: float
    unknown: float


def take(*, wanted: float, remaining: float) -> Taking:
    """Return how much of a wanted quantity a lot still gives.

    The machine has used the material already: what the lot on record cannot have given came from
    another one that nobody scanned. It is booked as unknown, so that no lot ever gives more than it had.
    """
    assert wanted > 0 and remaining >= 0, "quantities are positive"
    # A lot's last milligrams are rounding, not material.
    given = min(wanted, remaining)
    return Taking(given, wanted - given if wanted - given > 1e-9 else 0.0)
