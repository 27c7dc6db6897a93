"""How often a machine fails and for how long it stands then: MTBF and MTTR. Pure.

Comes in: for how long each failure stood, and how long the machine was at work between them. Goes out: two
means, and of how many failures they are. Fewer than two failures have nothing between them, and give none.

Source: ISO 22400-2 as CONVENTIONS 3.7 has it: the sums are divided by the failure events plus one, where
most plants divide by the failures. Not checked against the paid text of the standard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taktwin.errors import DomainError

FAILURES_MIN = 2


@dataclass(frozen=True, slots=True)
class Reliability:
    """Means over the failures of a scope, in nanoseconds."""

    failures: int  # FE failure events
    between_ns: float | None  # MTBF mean operating time between failures; None: too few failures
    repair_ns: float | None  # MTTR mean time to repair; None: too few failures


def reliability(*, stood_ns: Sequence[int], at_work_ns: int) -> Reliability:
    """Return the means of some failures.

    Parameters
    ----------
    stood_ns : for how long each of them stood, within the scope
    at_work_ns : actual unit processing time AUPT of the scope: what lies between the failures

    Raises
    ------
    DomainError
        If a time is negative.
    """
    if at_work_ns < 0 or any(each < 0 for each in stood_ns):
        raise DomainError("a time between or in failures is negative")
    count = len(stood_ns)
    if count < FAILURES_MIN:
        return Reliability(count, None, None)
    return Reliability(count, at_work_ns / (count + 1), sum(stood_ns) / (count + 1))
