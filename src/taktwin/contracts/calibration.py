"""What a calibration of the simulated plant is, as people look at it: its parameters, what each rests on.

Queries of the what-if room: `calibrations` says which sets there are and which one answers are made with,
`calibration` one set with its evidence, `calibrate` begins a new one, `calibration_use` takes one into use.
A new set is proposed and changes no answer until somebody has taken it into use. An `Entry` is also the form
of the file in which that is written down.
"""

from __future__ import annotations

import msgspec

from taktwin.contracts.mistake import Mistake
from taktwin.contracts.whatif import Note

CALIBRATIONS = "calibrations"
CALIBRATION = "calibration"
CALIBRATE = "calibrate"
CALIBRATION_USE = "calibration_use"
STANDARD_TIMES = "standard-times"  # what is in use where nothing was measured
DAYS_MAX = 366.0
WHY_MAX = 500
PROPOSED, IN_USE = "proposed", "in_use"
PERSON, CONFIGURATION, COMMAND, NIGHT = "person", "configuration", "command", "night"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A set was proposed, or taken into use: by whom, when, why."""

    number: int  # rising: the highest `in_use` counts
    what: str  # proposed | in_use
    calibration: str  # first digits of the set's hash; `standard-times`
    by: str  # person | configuration | command | night
    at_ns: int = 0  # plant time; 0: whoever did it could not know
    who: str = ""
    why: str = ""  # in that person's words
    reasons: list[Note] = []  # of one that was proposed: first | history | drift | asked


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A set at a glance."""

    calibration: str
    hash: str
    source: str
    from_ns: int  # of the data: since when the first machine was heard; 0: not said
    to_ns: int
    parameters: int
    observations: int  # durations, parts and stops that its times rest on
    drifted: int
    pooled: int
    is_proposed: bool  # nobody has taken it into use yet, and it changes no answer
    heard: float | None = None  # share of the range in which it was known what a unit did; None: not said


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter with what it rests on."""

    name: str  # such as work/hob1/SH-100
    kind: str  # its first word
    subjects: list[str]  # the others
    unit: str  # s, kW, or 1 of shares and counts
    value: float  # the mean
    low: float | None = None  # of its 95 % interval; None: not known
    high: float | None = None
    family: str = ""  # of the distribution; "" where it is a number alone
    says: str = ""  # the distribution in words
    n: int = 0  # observations that were fitted
    running: int = 0  # and those among them that had not ended
    n_own: int = 0  # of this unit alone
    pooled: str = ""  # class | unit: fitted together with others; "" by itself
    pooled_of: str = ""  # the class or unit
    pooled_units: int = 0  # how many machines those are
    drifted: bool = False  # fitted to its last days alone
    few: bool = False  # too few to choose a family
    fits: bool = True  # False: no family fits well
    p: float | None = None  # how often chance alone lies so far from what was fitted
    far_out: int = 0  # observations that lie far from all others
    from_ns: int = 0
    to_ns: int = 0
    seen: list[float] = []  # quantiles of what was seen, at 1/20, 2/20 ...; fewer where the upper are hidden
    fitted: list[float] = []  # of what was fitted, at the same shares
    beside: float | None = None  # the value of the set it is compared with; None: that one does not have it
    moved: bool = False  # both intervals lie apart


class CalibrationAsked(msgspec.Struct, frozen=True, kw_only=True):
    """One set; with `beside`, held against another."""

    calibration: str
    beside: str = ""


class CalibrationSet(msgspec.Struct, frozen=True, kw_only=True):
    """One set with its evidence."""

    state: str  # ready | refused
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`
    head: Head | None = None
    beside: Head | None = None
    parameters: list[Parameter] = []
    gone: list[str] = []  # parameters that only the other set has
    missing: list[Note] = []  # what was not measured, and what is taken instead


class Newer(msgspec.Struct, frozen=True, kw_only=True):
    """A proposed set that is newer than the one in use."""

    calibration: str
    at_ns: int
    reasons: list[Note]
    moved: list[str]  # names of parameters
    added: int  # parameters that the one in use does not have
    gone: int


class Calibrations(msgspec.Struct, frozen=True, kw_only=True):
    """Which sets there are."""

    state: str  # idle | reading | fitting
    reason: str = ""  # why the last one ended early
    done: int = 0  # days of history that were read
    of: int = 0
    at_ns: int = 0  # now
    in_use: str = STANDARD_TIMES
    used: Entry | None = None  # who took it into use; None: nobody had to
    sets: list[Head] = []  # newest data first
    newer: Newer | None = None
    entries: list[Entry] = []  # newest first
    every_days: float = 0.0  # so much new history makes a new set; 0: none is made by itself
    is_automatic: bool = False  # new sets of the night are taken into use by the configuration
    next_ns: int = 0  # when history is looked at the next time; 0: not known
    damaged: list[str] = []  # files that are no sets (any more)


class CalibrationWish(msgspec.Struct, frozen=True, kw_only=True):
    """A new calibration, out of the last days of history."""

    days: float = 0.0  # 0: all that there is, half a year at most
    who: str = ""


class CalibrationBegun(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it began."""

    state: str  # begun | running | refused
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`


class CalibrationUse(msgspec.Struct, frozen=True, kw_only=True):
    """A set that shall be taken into use."""

    calibration: str  # or `standard-times`
    instead_of: str  # the one in use that whoever decides has seen
    who: str
    why: str = ""


class CalibrationUsed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was taken into use."""

    state: str  # in_use | refused | moved_on: another one is in use meanwhile
    reason: str = ""
    mistakes: list[Mistake] = []  # where it is `refused`
    entry: Entry | None = None
