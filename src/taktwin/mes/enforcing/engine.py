"""May a part be built in here? One decision over what is known of the part, the route and the lots. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taktwin.contracts.interlock import Answer


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of a serialised unit."""

    product: str
    request: str
    disposition: str
    reason: str
    passed: frozenset[int]  # operations that it passed well
    restricted_lots: tuple[str, ...] = ()  # that it holds


@dataclass(frozen=True, slots=True)
class Here:
    """What is done at the work unit now."""

    job: str
    product: str
    request: str
    operation: int
    route: Sequence[int]  # operations of the product, in order
    restricted_lots: tuple[str, ...] = ()  # that stand there


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer and why."""

    answer: Answer
    cause: str = ""


def decide(serial: str, part: Part | None, here: Here | None, *, without_job: str) -> Verdict:
    """Return whether a part may be built in; the first reason against it counts.

    Parameters
    ----------
    part : None where nobody knows the serial number
    here : None where no job order runs
    without_job : let | refuse
    """
    if not serial:
        return Verdict(Answer.NO_SERIAL, "the cell said no serial number")
    if part is not None and part.disposition == "Restricted":
        return Verdict(Answer.HELD, part.reason or "on hold")
    if part is not None and part.disposition == "Closed":
        return Verdict(Answer.FAILED, part.reason or "scrap")
    if here is None:
        if without_job == "let":
            return Verdict(Answer.NOT_ENFORCED, "no job order runs here")
        return Verdict(Answer.NO_JOB, "no job order runs here")
    if part is None:
        if here.operation == here.route[0]:
            return _lots(here.restricted_lots) or Verdict(Answer.MAY)  # it gets its record here
        return Verdict(Answer.UNKNOWN_SERIAL, f"nobody knows {serial}")
    if (part.product, part.request) != (here.product, here.request):
        return Verdict(Answer.WRONG_JOB, f"of order {part.request} ({part.product}); {here.job} runs here")
    if here.operation in part.passed:
        return Verdict(Answer.DONE_ALREADY, f"passed operation {here.operation} before")
    later = [number for number in part.passed if number > here.operation]
    if later:
        return Verdict(Answer.DONE_ALREADY, f"is at operation {max(later)} already")
    # A unit's record begins where its number was said first: what comes before that says no numbers.
    first = min(part.passed, default=here.route[0])
    missing = [n for n in here.route if first <= n < here.operation and n not in part.passed]
    if missing:
        return Verdict(Answer.OPERATION_MISSING, f"operation {missing[0]} is missing")
    return _lots((*part.restricted_lots, *here.restricted_lots)) or Verdict(Answer.MAY)


def _lots(restricted: Sequence[str]) -> Verdict | None:
    if not restricted:
        return None
    return Verdict(Answer.RESTRICTED_LOT, f"lot {restricted[0]} is restricted")
