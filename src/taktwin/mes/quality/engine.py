"""Is a value inside its limits, can anybody have measured it, and when is the next one due? Pure."""

from __future__ import annotations

import math
from enum import StrEnum

from taktwin.mes.definitions.inspection import Characteristic

PLAUSIBLE_WIDTHS = 10.0  # a real part misses by a few tolerance widths, a slip of the finger by hundreds


class Verdict(StrEnum):
    """What a value says of its part."""

    OK = "OK"
    NOK = "NOK"


class Disposition(StrEnum):
    """What becomes of a part that is not as specified."""

    USE_AS_IS = "use-as-is"
    REWORK = "rework"
    SCRAP = "scrap"
    RETURN = "return"


def verdict(characteristic: Characteristic, value: float) -> Verdict:
    """Return whether a finite value is inside its limits; a value on a limit is."""
    assert math.isfinite(value), "what is no number was refused before"
    too_low = characteristic.lower is not None and value < characteristic.lower
    too_high = characteristic.upper is not None and value > characteristic.upper
    return Verdict.NOK if too_low or too_high else Verdict.OK


def plausible(characteristic: Characteristic) -> tuple[float, float]:
    """Return the least and the greatest value that somebody can have measured; infinite = not known.

    Where the plant model does not say, it is ten tolerance widths beyond the limits. With one limit the
    width is what lies between it and the nominal value, or the limit itself.
    """
    low, high = characteristic.lower, characteristic.upper
    ends = [each for each in (low, high) if each is not None]
    if not ends:
        return -math.inf, math.inf
    if low is not None and high is not None:
        width = high - low
    elif characteristic.nominal is not None and characteristic.nominal != ends[0]:
        width = abs(ends[0] - characteristic.nominal)
    else:
        width = abs(ends[0])
    reach = PLAUSIBLE_WIDTHS * width if width > 0 else math.inf
    least = characteristic.minimum if characteristic.minimum is not None else min(ends) - reach
    greatest = characteristic.maximum if characteristic.maximum is not None else max(ends) + reach
    return least, greatest


def possible(characteristic: Characteristic, value: float) -> bool:
    """Return whether a person can have measured a value."""
    least, greatest = plausible(characteristic)
    return math.isfinite(value) and least <= value <= greatest


def parts_left(*, made: int, made_then: int, every: int) -> int:
    """Return in how many good parts the next one is due: 1 is the next part, 0 this one, less is late.

    made      : good parts that the work unit has made for job orders
    made_then : the same when it was measured last; 0 where it never was
    """
    return every - (made - made_then)


def suspects(*, made: int, good_made: int) -> int:
    """Return how many parts nobody can vouch for: those since the last good result, at least this one."""
    return max(1, made - good_made)


def limits(characteristic: Characteristic) -> str:
    """Return the limits in words: `2.2 to 2.6 mm`, `at most 12 um`, `yes`."""
    unit = f" {characteristic.unit_of_measure}" if characteristic.unit_of_measure else ""
    match characteristic.lower, characteristic.upper:
        case None, None:
            return "yes"
        case None, high:
            return f"at most {high:.7g}{unit}"
        case low, None:
            return f"at least {low:.7g}{unit}"
        case low, high:
            return f"{low:.7g} to {high:.7g}{unit}"
    raise AssertionError("a limit is there or not")


def told(characteristic: Characteristic, value: float | None) -> str:
    """Return what was found in words: `Bead width is 2.71 mm, not 2.2 to 2.6 mm`."""
    if value is None:
        return f"{characteristic.name} is no, not yes"
    unit = f" {characteristic.unit_of_measure}" if characteristic.unit_of_measure else ""
    return f"{characteristic.name} is {value:.7g}{unit}, not {limits(characteristic)}"
