"""When an order is late: one rule for what the runs foretell and for what came.

In come when an order is due, when the look ahead ends and when the order was done; how many parts it wants,
has and can still get. An order is done when the last of its parts that can still come is through. One of
which none can come, and that is short, is never done: it lies open at the MES until somebody gives it up. One
whose parts are all there, and that lies open all the same, is neither late nor in time: the counts and the
MES contradict each other, and that is named. Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt


class Standing(StrEnum):
    """What can still become of an order that is open at the MES."""

    UNDER_WAY = "under way"
    GONE = "gone"  # short, and no part of it is left anywhere
    UNCLOSED = "unclosed"  # all its parts are there


def standing(*, quantity: int, made: int, left: int) -> Standing:
    """Return how an open order stands.

    Parameters
    ----------
    quantity : parts that are wanted
    made : good parts that are through its last operation
    left : parts that are still to go through it, wherever they are
    """
    if made >= quantity:
        return Standing.UNCLOSED
    return Standing.UNDER_WAY if left else Standing.GONE


def is_late(due: Any, done: Any, end: Any) -> npt.NDArray[np.bool_]:
    """Return whether orders are late, by numbers or arrays of one measure of time.

    Parameters
    ----------
    due : inf where there is no date
    done : inf where an order is not done by the end
    end : the instant up to which is looked, itself left out; what is due later cannot be late yet
    """
    return np.asarray(np.logical_and(np.less_equal(due, end), np.greater(done, due)), np.bool_)
