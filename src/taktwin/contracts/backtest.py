"""What a back-test is: predictions of the past beside what came, and how far both were apart.

Queries of the what-if room: `backtest` begins one, `backtests` says how far it is, what is known of all of
them, and how far answers may be trusted. A `Record` is also the form of the file that a back-test is kept in.
"""

from __future__ import annotations

import msgspec

from taktwin.contracts.mistake import Mistake
from taktwin.contracts.whatif import Note

BACKTEST = "backtest"
BACKTESTS = "backtests"
VERSION = 1  # of the record's form
DAYS_MAX = 366.0
EPOCHS_MAX = 1_000
RUNS_MIN, RUNS_MAX = 19, 999
EVERY_S_MIN, EVERY_S_MAX = 900.0, 14 * 86_400.0
NIGHT, ASKED = "night", "asked"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A back-test that somebody wants: epochs one after the other, each as long as the next one is away."""

    from_ns: int = 0  # 0: so that it ends now
    days: float = 1.0
    every_s: float = 86_400.0
    runs: int = 199  # with 199 the 80 and 95 % intervals end exactly at runs
    seed: int = 1


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator of one epoch: what was predicted, and what came."""

    indicator: str
    unit: str
    actual: float
    mean: float  # of the runs
    p50: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float
    runs: int
    below: int  # runs with less than what came
    equal: int  # runs with just that
    crps: float  # in the indicator's unit; 0 is perfect
    scale: float  # what the error is a share of: what came, or of late orders those that were due


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction: from the plant as it stood at `from_ns` until `to_ns`."""

    epoch_id: str
    from_ns: int
    to_ns: int
    snapshot: str = ""  # hash of the twin's state
    scored: list[Scored] = []  # []: it was left out, and `left_out` says why
    left_out: list[Note] = []
    notes: list[Note] = []  # what was not known, and counts all the same


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A back-test as it is kept."""

    version: int = VERSION
    record_id: str = ""  # hash of all the rest
    by: str = ASKED  # night | asked
    made_ns: int = 0  # plant time
    model_version: str = ""
    calibration_id: str = ""
    calibrated_to_ns: int = 0  # the end of the data that it was fitted on; 0: it was not fitted
    every_s: float = 0.0
    runs: int = 0
    seed: int = 0
    epochs: list[Epoch] = []
    took_s: float = 0.0  # of wall time


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator over all epochs that count."""

    indicator: str
    unit: str
    epochs: int
    error: float  # |bias|: what the limit is held against
    bias: float  # mean of predicted less what came, as a share of what came; above 0: too much was predicted
    half_width: float | None  # of the bias' 95 % interval; None: one epoch alone
    apart: float  # mean distance of one epoch, as a share: bias and chance together
    limit: float
    covered_80: float
    covered_95: float
    crps: float
    ranks: list[float]  # epochs by tenths of the runs that lay below what came; even if the model is right
    uniform_p: float  # how often chance alone makes ranks as uneven


class BackTests(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of how good predictions were."""

    state: str  # starting | idle | running
    reason: str = ""
    done: int = 0  # epochs of the one that runs
    of: int = 0
    limit: float = 0.0
    days: int = 0  # so far back epochs count
    model_version: str = ""
    calibration_id: str = ""
    back_tested: bool = False
    may_recommend: bool = False
    warnings: list[Note] = []  # why nothing may be recommended, in the twin's words
    figures: list[Figure] = []
    epochs: list[Epoch] = []  # all of those days, oldest first, with those that were left out
    last: Record | None = None  # the newest that somebody asked for
    next_ns: int = 0  # when the next night will be looked at; 0: not known
    damaged: list[str] = []  # files that are no records (any more)


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a back-test began."""

    state: str  # begun | running | starting | refused
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`
    of: int = 0  # epochs
