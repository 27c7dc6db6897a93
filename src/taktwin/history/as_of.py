"""The value then: which row was true at an instant, for many signals and instants, without looking ahead."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


def as_of_positions(*, source_ns: I64, times_ns: I64) -> I64:
    """Return for each instant the place of the last row with `source_ns <= instant`, -1 where there is none.

    Parameters
    ----------
    source_ns : (n,) source times of one signal, ascending; of equal ones the last counts
    times_ns : (m,) instants in any order

    Returns
    -------
    (m,) places in `source_ns`
    """
    return np.searchsorted(source_ns, times_ns, side="right").astype(np.int64) - 1


def as_of_join_positions(
    *, group: npt.NDArray[np.int64], source_ns: I64, groups: int, times_ns: I64
) -> tuple[I64, I64]:
    """Return the places of the rows that were true at each instant, over several signals at once.

    Parameters
    ----------
    group : (n,) number of each row's signal, ascending
    source_ns : (n,) ascending within a signal
    groups : how many signals there are
    times_ns : (m,) instants in any order

    Returns
    -------
    `(instant, row)`, two columns of equal length ordered by instant and signal: place in `times_ns`
    and place of the row. An instant before a signal's first row has no entry for that signal.
    """
    starts = np.searchsorted(group, np.arange(groups + 1))
    # One row of the matrix for each signal; -1 marks "nothing was known yet".
    found = np.full((groups, len(times_ns)), -1, np.int64)
    for number in range(groups):
        begin, end = int(starts[number]), int(starts[number + 1])
        at = as_of_positions(source_ns=source_ns[begin:end], times_ns=times_ns)
        found[number] = np.where(at >= 0, at + begin, -1)
    by_instant = found.T
    instants, numbers = np.nonzero(by_instant >= 0)
    return instants.astype(np.int64), by_instant[instants, numbers]
