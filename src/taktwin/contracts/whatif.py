"""What may be asked of the what-if room, and what it answers (queries `whatif.compare`, `whatif.status`).

Who asks gets a prediction and never an effect: the room can command nobody. Each answer says from which
picture of the plant it was made, what was unknown in it, and how far it may be trusted.
"""

from __future__ import annotations

import msgspec

OWNER = "whatif"
COMPARE = "compare"
STATUS = "status"
HORIZON_S_MAX = 14 * 86_400.0
REPLICATIONS_MAX = 1_000
CHANGES_MAX = 20


class Down(msgspec.Struct, frozen=True, kw_only=True):
    """One machine cannot work for a while; what it has in hand rests and goes on afterwards."""

    unit: str  # equipment id of a work unit
    for_s: float
    from_s: float = 0.0  # after now


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What would be if all these came together, beside nothing of it."""

    down: list[Down]
    horizon_s: float = 86_400.0
    replications: int = 30
    seed: int = 1
    deadline_s: float = 8.0  # of wall time; the answer then comes from the runs that are done


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not known or not taken over, and what was taken instead."""

    code: str  # for a page's own words
    text: str
    subjects: list[str] = []  # what it is about: work units, products, orders


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over all runs of a scenario."""

    mean: float
    half_width: float  # of the 95 % interval of the mean
    p10: float
    p50: float
    p90: float
    dots: list[float]  # twenty equally likely outcomes, rising


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """One figure with and without the change, run by run with the same luck."""

    name: str  # late_orders | parts_done | wip | lead_time_h
    unit: str
    more_is_better: bool
    base: Spread
    scenario: Spread
    difference: Spread  # scenario less base, in each run
    better: float  # share of runs in which the change is better than doing nothing
    same: float
    worse: float


class OrderOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """One open order of the MES, with and without the change."""

    order: str
    product: str
    due_ns: int  # 0: none was given
    late: float  # share of runs in which it is late, doing nothing
    late_then: float  # and with the change
    done_ns: int  # the middle run's end; 0: not within the horizon in half of the runs
    done_then_ns: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of the plant that the answer was made from."""

    snapshot_id: str
    state_ns: int  # plant time
    hash: str  # the twin's
    unknowns: list[Note]


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """How far the answer may be trusted."""

    back_tested: bool
    calibrated: bool
    error: float | None  # of the last back-tests, as a share; None: there was none
    notes: list[Note]  # what of the plant the model does not have


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `state` other than `ready`: there is none, and `reason` says why."""

    state: str  # ready | starting | no_picture | refused | busy
    reason: str = ""
    snapshot: Snapshot | None = None
    scenario_id: str = (
        ""  # of snapshot, changes, horizon, replications, seed and model: the same, the same answer
    )
    model_version: str = ""
    calibration_id: str = ""
    changes: list[Down] = []
    horizon_s: float = 0.0
    warmup_s: float = 0.0
    replications: int = 0
    seed: int = 0
    common_random_numbers: bool = True
    indicators: list[Indicator] = []
    orders: list[OrderOutlook] = []
    orders_open: int = 0
    validity: Validity | None = None
    took_s: float = 0.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the room can answer."""

    state: str  # starting | ready
    reason: str = ""
