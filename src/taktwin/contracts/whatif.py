"""What may be asked of the what-if room, and what it answers.

Queries: `compare`, `sensitivity`, `replay`, `library`, `changes`, `status`. Who asks gets a prediction and
never an effect: the room can command nobody. Each answer says from which picture of the plant it was made,
what was unknown in it, and how far it may be trusted.
"""

from __future__ import annotations

from typing import Any

import msgspec

from taktwin.contracts.mistake import Mistake

OWNER = "whatif"
COMPARE = "compare"
SENSITIVITY = "sensitivity"
REPLAY = "replay"
LIBRARY = "library"
CHANGES = "changes"
STATUS = "status"
HORIZON_S_MAX = 14 * 86_400.0
REPLICATIONS_MIN = 2  # one run alone would say that nothing can come otherwise
REPLICATIONS_MAX = 1_000
SCENARIOS_MAX = 200
CHANGES_MAX = 200
DEADLINE_S_MAX = 30.0
WAITED_S = 40.0  # whoever asks is gone after it: four questions may be before theirs, each with its deadline

Change = dict[str, Any]
"""One thing that is different, as `simulation.scenario` writes it, with the plant's own names:
`{"change": "unit_down", "unit": "hob1", "from_s": 0, "to_s": 7200}`. Times count from now."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be different, applied one after the other."""

    name: str
    changes: list[Change]  # up to CHANGES_MAX; none: as it is, which differs by exactly nothing
    asks: str = ""  # the question, in a sentence
    against: str = ""  # another one of the question that it is compared with; "": doing nothing


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What would be in each of these futures, beside doing nothing."""

    scenarios: list[Scenario]  # 1 to SCENARIOS_MAX, each name once
    horizon_s: float = 86_400.0
    replications: int = 30
    seed: int = 1
    deadline_s: float = 8.0  # of wall time; the answer then comes from the runs that are done
    race: bool = False  # who is behind the best for sure gets no more runs
    at_ns: int = 0  # 0: now; else an instant that the recorder still has
    indicators: list[str] = []  # [] is the standard ones; a race is about the first


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
    p25: float
    p50: float
    p75: float
    p90: float
    dots: list[float]  # twenty equally likely outcomes, rising


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One figure in one scenario, beside what it is compared with: run by run, with the same luck."""

    scenario: str
    outcome: Spread
    difference: Spread  # scenario less what it is compared with, in each run that both have
    better: float  # share of those runs in which the scenario is the better one
    same: float
    worse: float
    best: float  # probability that nothing else that was asked, doing nothing included, has a better mean
    replications: int
    out_after: int = 0  # runs after which a race left it behind; 0: it was not


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of all futures."""

    name: str  # late_orders | parts_done | wip | lead_time_h | scrap | energy_kwh | energy_cost | peak_kw
    unit: str
    more_is_better: bool | None  # None: neither way
    base: Spread
    effects: list[Effect]  # in the sequence of the question's scenarios


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """How an order comes out in one future."""

    late: float = 0.0  # share of runs
    done_ns: int = 0  # the middle run's end; 0: not within the horizon in half of the runs
    done_p10_ns: int = 0  # likewise: 0 where not so many runs end within the horizon
    done_p90_ns: int = 0
    is_there: bool = True  # False: this future does not have the order


class OrderOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """One open order of the MES, or one that a scenario adds, in all futures."""

    order: str
    product: str
    due_ns: int  # 0: none was given
    base: Outlook
    scenarios: list[Outlook]


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """What a work unit does with its time, mean of all runs; together 1, or 0 where the unit is not there."""

    working: float = 0.0
    setup: float = 0.0
    blocked: float = 0.0
    starved: float = 0.0
    failed: float = 0.0
    off: float = 0.0  # by its calendar, or closed by a scenario
    no_crew: float = 0.0  # it has a job, and waits for people or material
    upkeep: float = 0.0  # maintenance, and tools being changed


class UnitShares(msgspec.Struct, frozen=True, kw_only=True):
    """One work unit in all futures."""

    unit: str
    base: Shares
    scenarios: list[Shares]


class Bottleneck(msgspec.Struct, frozen=True, kw_only=True):
    """The work unit that is busy for most of the time that it is on; "" where none ever is."""

    base: str = ""
    scenarios: list[str] = []


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of the plant that the answer was made from."""

    snapshot_id: str
    state_ns: int  # plant time
    hash: str  # the twin's
    unknowns: list[Note]


class PastError(msgspec.Struct, frozen=True, kw_only=True):
    """How far predictions of an indicator were off when they were compared with what came."""

    indicator: str
    error: float  # as a share
    limit: float  # beyond it nothing may be recommended
    epochs: int  # predictions that were compared
    covered_80: float  # share of what came that lay in the 80 % interval
    covered_95: float

    @property
    def is_beyond(self) -> bool:
        """Return whether the error is above its limit, as one is that is no number."""
        return not self.error <= self.limit


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """How far the answer may be trusted."""

    back_tested: bool
    calibrated: bool
    may_recommend: bool
    errors: list[PastError] = []  # []: never back-tested
    notes: list[Note] = []  # what of the plant the model does not have


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `state` other than `ready`: there is none, and `reason` says why."""

    state: str  # ready | starting | no_picture | refused | busy
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`: what is wrong with the question
    snapshot: Snapshot | None = None
    scenario_id: str = ""  # of all that the answer follows from: the same, the same answer
    model_version: str = ""
    calibration_id: str = ""
    scenarios: list[Scenario] = []
    horizon_s: float = 0.0
    warmup_s: float = 0.0
    replications: int = 0  # of doing nothing; each effect says its own
    seed: int = 0
    common_random_numbers: bool = True
    indicators: list[Indicator] = []
    orders: list[OrderOutlook] = []
    orders_open: int = 0
    units: list[UnitShares] = []
    bottleneck: Bottleneck = Bottleneck()
    is_cut: bool = False  # by the deadline: there would have been more runs
    validity: Validity | None = None
    took_s: float = 0.0


class SensitivityQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer depends on: which guess, if it is wrong, moves an indicator most."""

    question: Question
    scenario: str  # a name of the question; "": doing nothing
    indicator: str


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One guess, and the indicator's mean when it is wrong the one way and the other."""

    code: str  # for a page's own words
    text: str  # what is guessed
    subjects: list[str]
    low_says: str  # what `low` takes to be so
    high_says: str
    low: float
    high: float
    half_width: float  # of the 95 % interval of high less low


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """The tornado: bars in the sequence of how far they reach."""

    state: str
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`: what is wrong with the question
    scenario: str = ""
    indicator: str = ""
    unit: str = ""
    mean: float = 0.0
    bars: list[Bar] = []
    replications: int = 0
    is_cut: bool = False
    took_s: float = 0.0


class ReplayQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one future, to be looked at."""

    question: Question
    scenario: str = ""  # a name of the question; "": doing nothing
    replication: int = 0


class ReplaySpan(msgspec.Struct, frozen=True, kw_only=True):
    """What a work unit does in [from_ns, to_ns)."""

    from_ns: int
    to_ns: int
    time_class: str  # standards.iso22400.TimeClass
    product: str = ""
    order: str = ""


class ReplayUnit(msgspec.Struct, frozen=True, kw_only=True):
    """The course of a work unit, without a gap."""

    unit: str
    spans: list[ReplaySpan]


class ReplayBuffer(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs wait where a buffer is, from each instant on."""

    buffer: str
    from_ns: list[int]
    content: list[int]


class ReplayOrder(msgspec.Struct, frozen=True, kw_only=True):
    """When an order is done."""

    order: str
    done_ns: int  # 0: not within the run


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """One run, told by the engine that can explain; to the tick what the others ran."""

    state: str
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`: what is wrong with the question
    scenario: str = ""
    replication: int = 0
    start_ns: int = 0
    end_ns: int = 0
    units: list[ReplayUnit] = []
    buffers: list[ReplayBuffer] = []
    orders: list[ReplayOrder] = []
    took_s: float = 0.0


class LibraryScenario(msgspec.Struct, frozen=True, kw_only=True):
    """A question that others ask too, as it fits this plant."""

    name: str
    changes: list[Change]
    asks: str
    group: str
    horizon_s: float  # it shows nothing before


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """The library of new-model introduction."""

    state: str
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`: what is wrong with the question
    scenarios: list[LibraryScenario] = []


class ChangeField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a kind of change."""

    name: str
    label: str
    type: str  # text | number | integer | bool | name | object
    unit: str = ""  # s of spans and instants after now, 1 of shares and factors
    names: str = ""  # of a name: a key of `Changes.names`
    required: bool = True
    nullable: bool = False  # null means "without", or "as it is"
    default: Any = None
    least: float | None = None
    least_allowed: bool = True  # False: it must be above `least`
    most: float | None = None
    many: bool = False  # a list of names


class ChangeKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of change."""

    change: str
    group: str  # machines | times | people | orders | products | material | rules
    label: str
    text: str
    fields: list[ChangeField]


class NameOf(msgspec.Struct, frozen=True, kw_only=True):
    """What a change may name: something of the plant, or a word that chooses by itself (`@bottleneck`)."""

    name: str
    text: str


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario may change of this plant."""

    state: str
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`: what is wrong with the question
    kinds: list[ChangeKind] = []
    names: dict[str, list[NameOf]] = {}  # unit, center, product, step, order, operator, crew, ... -> names


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the room can answer."""

    state: str  # starting | ready
    reason: str = ""
