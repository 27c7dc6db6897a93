"""The port to classes of proposals: what could be done, tried on the twin before anybody hears of it.

A class is one class in one file of a use case's folder, found by its being there, as models are. It says
which model it rests on, when a prediction is worth a question, which alternatives there are and what each
costs beside what the twin counts. Everything else is inherited: the copy of the plant, the same luck for all,
what is beyond chance, the ledger, the budget of attention.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from taktwin.analyst.features import FloatArray, Subject, Trace
from taktwin.analyst.model import Loaded, Model, Prediction, load_all, sorted_out
from taktwin.analyst.model import usable as usable_models
from taktwin.contracts.recommendation import (
    Action,
    AdviceClass,
    Cost,
    Evidence,
    Forecast,
    Outcome,
    Range,
    Recommendation,
    Watch,
    Words,
)
from taktwin.contracts.whatif import Change
from taktwin.plant.registry import Registry
from taktwin.standards.iso22400 import TimeClass

NOTHING = "nothing"
WAYS_MIN = 2  # of what is unknown: an interval needs so many
MINUTES = "min"  # UCUM: the unit of a loss in time
DONE = "done"


@dataclass(frozen=True, slots=True)
class Course:
    """One thing that could be done, in each of k equally likely ways that the unknown may be."""

    name: str
    says: Words
    at_ns: int  # when it is done; 0: never
    changes: tuple[tuple[Change, ...], ...]  # k times: what it changes of the plant
    costs: tuple[float, ...]  # k times: what it costs beside what the twin counts, in the unit of the loss
    action: Action | None = None  # what the MES is asked for; None: nobody needs to do anything


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried. The first course is doing nothing."""

    courses: tuple[Course, ...]
    horizon_s: float
    weights: Mapping[str, float]  # indicator of the twin -> what one of it costs, in the unit of the loss
    unit: str  # of the loss: a currency, minutes (`MINUTES`), or parts
    least_gain: float  # of the loss: less is not worth anybody's attention
    forecast: Forecast
    evidence: tuple[Evidence, ...]
    against: tuple[Words, ...]  # what is not counted, and what speaks against it anyway
    headline: Mapping[str, Words]  # course -> what the advice says
    roll_back: Words
    watches: tuple[Watch, ...]
    expires_ns: Mapping[str, int]  # course -> until when it stands
    waiting: Cost  # of deciding an hour later
    ahead_s: float  # a course that begins later than so is not proposed yet
    currency: str = ""  # ISO 4217, where the loss is money

    def __post_init__(self) -> None:
        """Check that it can be tried. Raises ValueError with what is wrong and what would be right."""
        names = [each.name for each in self.courses]
        ways = {each.name: (len(each.changes), len(each.costs)) for each in self.courses}
        first = self.courses[0] if self.courses else None
        if first is None or first.name != NOTHING or first.action is not None or len(set(names)) < len(names):
            raise ValueError(
                f"courses {names}: expected {NOTHING!r} first, without an action, each name once"
            )
        if len(set(ways.values())) > 1 or len(set(ways[NOTHING])) > 1 or ways[NOTHING][0] < WAYS_MIN:
            raise ValueError(
                f"changes and costs of courses {ways}: expected equally many, at least {WAYS_MIN} ways"
            )
        for course in self.courses:
            if course.action is None:
                continue
            for place, said in (("headline", self.headline), ("expires_ns", self.expires_ns)):
                if course.name not in said:
                    raise ValueError(
                        f"{place} {sorted(said)}: expected one of the course {course.name!r} too"
                    )
        if not self.evidence or not self.watches:
            raise ValueError("evidence or watches: found nothing; expected at least one of each")

    def stands_min(self, unit: str) -> Range | None:
        """Return how many minutes a unit stands for what is done to it though nothing is decided; None:
        in no way."""
        stands = [
            sum(each["to_s"] - each["from_s"] for each in changes if (
                each["change"], each.get("unit")) == ("unit_down", unit)) / 60
            for changes in self.courses[0].changes
        ]  # fmt: skip
        return range_of(np.array(stands)) if any(stands) else None


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the schedule brings to a work unit: as one run of the twin foretells it, or as it really was."""

    at_ns: int
    end_ns: int
    work: tuple[tuple[int, int], ...]  # spans of production
    set_ups: tuple[tuple[int, int], ...]  # spans in which it is set up
    share: float  # of the work of all units that stand in for it, itself included

    @classmethod
    def of(
        cls, spans: Iterable[tuple[str, int, int, str]], unit: str, group: Collection[str], *, at_ns: int,
        end_ns: int,
    ) -> Ahead:  # fmt: skip
        """Return what spans bring to a unit.

        Parameters
        ----------
        spans : work unit, from, to, time class; of each unit by time
        group : the units that stand in for it, itself included
        """
        kept: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for name, begin, end, kind in spans:
            kept.setdefault((name, kind), []).append((begin, end))

        def of(name: str, kind: TimeClass) -> tuple[tuple[int, int], ...]:
            return tuple(kept.get((name, kind.value), ()))

        worked = {name: sum(end - begin for begin, end in of(name, TimeClass.PRODUCTION)) for name in group}
        total = sum(worked.values())
        return cls(
            at_ns=at_ns, end_ns=end_ns, work=of(unit, TimeClass.PRODUCTION),
            set_ups=of(unit, TimeClass.SET_UP), share=worked.get(unit, 0) / total if total else 1.0,
        )  # fmt: skip

    def work_s(self, until_ns: int) -> float:
        """Return how long it will have worked by an instant."""
        return sum(max(0, min(end, until_ns) - begin) for begin, end in self.work) / 1e9

    def seconds(self, from_ns: int, to_ns: int) -> tuple[float, float]:
        """Return a span in seconds from its beginning, as far as it lies after that."""
        from_s, to_s = (from_ns - self.at_ns) / 1e9, (to_ns - self.at_ns) / 1e9
        return max(from_s, 0.0), max(to_s, 1.0)

    def when(self, work_s: float) -> float:
        """Return the seconds from now after which it has worked for so long; beyond the run at its mean
        pace."""
        left = work_s
        for begin, end in self.work:
            if left <= (end - begin) / 1e9:
                return (begin - self.at_ns) / 1e9 + left
            left -= (end - begin) / 1e9
        whole, worked = (self.end_ns - self.at_ns) / 1e9, self.work_s(self.end_ns)
        return whole + left * whole / worked if worked > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Lived:
    """What really happened from the proof of a recommendation until the end of what is measured."""

    work: Ahead  # of the unit that it is about
    stops: tuple[tuple[str, int, int], ...]  # work unit, from, to: each that stood by its own cause


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why nothing can be said yet of what a recommendation that was carried out came to."""

    says: Words  # what it waits for, or why nothing will ever be said
    until_ns: int = 0  # when something is said at the latest; 0: nobody knows
    is_over: bool = False  # nothing that it could wait for will come


class ProposalClass(ABC):
    """The base of all classes of proposals: `class ToolChange(ProposalClass, name="tool_change")`."""

    name: ClassVar[str]
    model: ClassVar[str]  # whose predictions it rests on
    error_max: ClassVar[
        float
    ]  # of the model on what it has not seen, as a share: above it nothing is proposed

    def __init_subclass__(cls, *, name: str = "", **kwargs: Any) -> None:
        """Register a class under its name."""
        super().__init_subclass__(**kwargs)
        if not name:
            return
        if cls.__doc__ is None or not inspect.getdoc(cls):
            raise TypeError(f"class of proposals {name!r} has no docstring: it is its manual page")
        there = CLASSES.get(name)
        if there is not None and (there.__module__, there.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"class {name!r} is there already: {there.__module__}.{there.__qualname__}")
        cls.name = name
        CLASSES[name] = cls

    @classmethod
    @abstractmethod
    def declared(cls) -> AdviceClass:
        """Return how the ledger knows it: risk, signature, floors."""

    @classmethod
    @abstractmethod
    def worth_asking(cls, prediction: Prediction) -> bool:
        """Return whether a prediction is worth a question to the twin at all."""

    @classmethod
    def still_holds(cls, prediction: Prediction) -> bool:
        """Return whether what was proposed on an earlier prediction still has its reason."""
        return cls.worth_asking(prediction)

    @classmethod
    @abstractmethod
    def horizon_s(cls, prediction: Prediction, trace: Trace) -> float:
        """Return how far the twin is to look ahead."""

    @classmethod
    @abstractmethod
    def trial(cls, prediction: Prediction, trace: Trace, ahead: Ahead, registry: Registry) -> Trial | None:
        """Return what is to be tried; None: there is nothing that could be done."""

    @classmethod
    def concerns(cls, document: Recommendation, subject: Subject) -> bool:
        """Return whether a recommendation of this class is about a subject."""
        return document.proposal.work_unit == subject.unit

    @classmethod
    def outcome(
        cls, document: Recommendation, trace: Trace, model: Model, registry: Registry
    ) -> Outcome | NotYet:
        """Return what a recommendation that was carried out really came to, or what that waits for."""
        text = f"Advice of the class {cls.name} is not measured: it says nothing of what it came to."
        return NotYet(Words(code="analyst.no_outcome", text=text, values={"class": cls.name}), is_over=True)

    @classmethod
    def came_true(cls, document: Recommendation, trace: Trace) -> tuple[bool, Words] | None:
        """Return whether what was foretold came, where nobody acted, and how that was seen; None: not yet."""
        return None

    @classmethod
    def again(
        cls, document: Recommendation, trace: Trace, model: Model, registry: Registry, lived: Lived
    ) -> tuple[Course, Course] | None:
        """Return the measured span without the action and as it really was, in the same k ways, for the twin
        to play it again; None: this class has nothing that it could play."""
        return None


def range_of(values: FloatArray) -> Range:
    """Return mean and 10 to 90 % of equally likely values, wide enough to hold the mean where a few are far
    off."""
    mean, low, high = float(np.mean(values)), float(np.quantile(values, 0.1)), float(np.quantile(values, 0.9))
    return Range(mean=mean, p10=min(low, mean), p90=max(high, mean))


CLASSES: dict[str, type[ProposalClass]] = {}


def classes() -> dict[str, type[ProposalClass]]:
    """Return every class of proposals that can be used, by name."""
    loaded = load_all()
    return usable(loaded, usable_models(loaded)[0])[0]


def usable(loaded: Loaded, models: Collection[str]) -> tuple[dict[str, type[ProposalClass]], dict[str, str]]:
    """Return the classes that can be used with these models, and what cannot with why."""
    good, bad = sorted_out(ProposalClass, CLASSES, loaded, model=str, error_max=(int, float))
    for name, kind in list(good.items()):
        if kind.model not in models:
            bad[name] = f"it rests on the model {kind.model!r}, which is none of {', '.join(models)}"
            del good[name]
    return good, bad
