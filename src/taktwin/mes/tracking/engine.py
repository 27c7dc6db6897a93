"""Genealogy as a graph: what went into what, traced both ways; and the balance of a lot. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """`source` (a lot or a unit) went into `target` (a unit)."""

    source: str
    target: str
    quantity: float


def backward(links: Iterable[Link], start: str) -> set[str]:
    """Return everything that went into something, through all levels."""
    return _reached(links, start, lambda link: (link.target, link.source))


def forward(links: Iterable[Link], start: str) -> set[str]:
    """Return everything that something went into, through all levels."""
    return _reached(links, start, lambda link: (link.source, link.target))


def _reached(links: Iterable[Link], start: str, ends) -> set[str]:  # type: ignore[no-untyped-def]
    step: dict[str, set[str]] = {}
    for link in links:
        here, there = ends(link)
        step.setdefault(here, set()).add(there)
    found: set[str] = set()
    todo = [start]
    while todo:
        for name in step.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


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
