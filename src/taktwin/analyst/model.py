"""The port to models: what a model is, what it is given, and what it may say.

A model is one class in one file of a use case's folder (`analyst/maintenance/`, ...), or in any installed
distribution behind the entry point `taktwin.analyst`. It is found by its being there; what every model must
keep is checked by one suite (`tests/contract/test_models.py`) over the example that the model itself brings.

A model never fetches anything. It is handed traces that end at an instant (`features.Trace`), so training and
live use have one road and nobody can look ahead.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from taktwin.analyst.features import FloatArray, Subject, Trace
from taktwin.plant.registry import Registry
from taktwin.plugins import load_what_can

PACKAGE = "taktwin.analyst"
ENTRY_POINTS = "taktwin.analyst"
LEVEL = 0.8  # of the interval that every prediction has: 10 to 90 %
Port = TypeVar("Port")


@dataclass(frozen=True, slots=True)
class Need:
    """A column that a model is given."""

    column: str
    role: str  # of the signal, see plant.schema.ROLES
    why: str
    needed: bool = True  # False: it is used where it is there


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is for, and what it must not be used for; shown beside each of its predictions."""

    purpose: str
    not_for: str
    owner: str  # the role that answers for it
    source: str  # of the method


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a prediction; they come ranked, the strongest first."""

    code: str  # for a page's own words
    text: str
    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of a subject, as a distribution."""

    subject: Subject
    at_ns: int
    unit: str  # of the values
    median: float  # inf: beyond what the model looks ahead
    low: float  # 10 %
    high: float  # 90 %
    evidence: tuple[Evidence, ...]
    detail: Any = None  # the model's own, for the proposals that rest on it
    pace_s: float | None = None  # of work at the unit for one of the values, where it is counted in work
    life_ns: int = (
        0  # since when the subject is what it is, such as a tool in: another one ends what was proposed
    )


class Came(NamedTuple):
    """What came of a subject after an instant: what a prediction of that instant is judged by."""

    at_ns: int
    value: float  # in the unit of the predictions
    is_whole: bool  # False: the value was at least that, something else ended it, or nothing yet
    life_ns: int  # since when the subject was what it was then: what came of one life hangs together


class NotEnough(Exception):
    """There is too little to learn from, or to say anything about: no failure, and the words say what
    lacks."""


class Model(ABC):
    """The base of all models. A subclass names itself: `class ToolWear(Model, name="tool_wear")`."""

    name: ClassVar[str]
    card: ClassVar[Card]
    needs: ClassVar[tuple[Need, ...]]
    code_version: ClassVar[str]  # of features and method: another one, and what was learnt is learnt anew

    def __init_subclass__(cls, *, name: str = "", **kwargs: Any) -> None:
        """Register a model under its name."""
        super().__init_subclass__(**kwargs)
        if not name:
            return
        if not inspect.getdoc(cls) or cls.__doc__ is None:
            raise TypeError(f"model {name!r} has no docstring: it is its manual page")
        there = MODELS.get(name)
        if there is not None and (there.__module__, there.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"model {name!r} is there already: {there.__module__}.{there.__qualname__}")
        cls.name = name
        MODELS[name] = cls

    @classmethod
    @abstractmethod
    def subjects(cls, registry: Registry) -> list[Subject]:
        """Return what the model can speak about in a plant; [] where it has no use."""

    @classmethod
    @abstractmethod
    def example(cls, draw: Draw) -> list[Trace]:
        """Return traces that are enough to learn from, with all names that live ones have: what the checks of
        this port, and of that to classes of proposals, are made with."""

    @classmethod
    @abstractmethod
    def fit(cls, traces: Sequence[Trace], *, seed: int) -> Model:
        """Return a model that has learnt from traces.

        Raises
        ------
        NotEnough
            If they are too few.
        """

    @abstractmethod
    def predict(self, trace: Trace) -> Prediction:
        """Return what is expected of the trace's subject, from the end of the trace on.

        Raises
        ------
        NotEnough
            If the trace says too little.
        """

    @classmethod
    @abstractmethod
    def outcomes(cls, trace: Trace) -> list[Came]:
        """Return what came, by time, of each instant at which a prediction can be judged by the trace.

        Of each life the same instants, whatever became of it; what is still going on is a lower bound.
        """

    @classmethod
    @abstractmethod
    def whole(cls, subject: Subject) -> float:
        """Return what errors are a share of, such as the life of a tool."""

    @classmethod
    def rivals(cls) -> Mapping[str, Rival]:
        """Return naive ways to the same prediction, by name: each learns from traces, and predicts."""
        return {}

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what was learnt, as JSON has it."""

    @classmethod
    @abstractmethod
    def restored(cls, state: Mapping[str, Any]) -> Model:
        """Return a model out of what `state` gave."""


Draw = Callable[[str, int], FloatArray]  # a name, how many -> normal numbers, for ever the same
Rival = Callable[[Sequence[Trace]], Callable[[Trace], "Distribution"]]
MODELS: dict[str, type[Model]] = {}


def found() -> dict[str, type[Model]]:
    """Return every model that can be used, by name, of the use cases and of other distributions."""
    return usable(load_all())[0]


def usable(loaded: Loaded) -> tuple[dict[str, type[Model]], dict[str, str]]:
    """Return the models that can be used, and what cannot with why."""
    return sorted_out(Model, MODELS, loaded, card=Card, needs=tuple, code_version=str)


class Loaded(NamedTuple):
    """What was imported, and what could not be, with why."""

    modules: list[str]
    broken: dict[str, str]


def load_all() -> Loaded:
    """Import every module of every use case: models and classes of proposals register themselves."""
    package, names, broken = importlib.import_module(PACKAGE), list[str](), dict[str, str]()
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            loaded, failed = load_what_can(f"{PACKAGE}.{module.name}", ENTRY_POINTS)
            names += loaded
            broken |= failed
    return Loaded(names, broken)


def sorted_out(
    base: type[Any], registered: Mapping[str, type[Port]], loaded: Loaded, **says: type | tuple[type, ...]
) -> tuple[dict[str, type[Port]], dict[str, str]]:
    """Return the classes of a port that can be used, by name, and those that cannot with what they lack.

    Parameters
    ----------
    base : of the port
    registered : what registered itself, by name
    says : what each class says besides its methods, and of which type that is
    """
    good, bad = dict[str, type[Port]](), dict(loaded.broken)
    for name, kind in sorted(registered.items()):
        if why := _lacks(kind, says):
            bad[name] = why
        elif kind.__module__ not in loaded.broken:  # one that raised behind it is in no known state
            good[name] = kind
    known, heirs = set(registered.values()), list[type[Port]](base.__subclasses__())
    while heirs:
        kind = heirs.pop()
        heirs += kind.__subclasses__()
        # A class without a name may be the base of others.
        if kind.__module__ in loaded.modules and not any(issubclass(each, kind) for each in known):
            right = f'class {kind.__name__}({base.__name__}, name="...")'
            bad[f"{kind.__module__}.{kind.__qualname__}"] = f"it has no name: expected {right}"
    return good, bad


def _lacks(kind: type, says: Mapping[str, type | tuple[type, ...]]) -> str:
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    missing += [name for name in says if not hasattr(kind, name)]
    wrong = [
        f"{name} is {getattr(kind, name)!r}" for name, of in says.items()
        if hasattr(kind, name) and not isinstance(getattr(kind, name), of)
    ]  # fmt: skip
    return "; ".join([*([f"it lacks {', '.join(missing)}"] if missing else []), *wrong])


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many more until something happens: `survival` (k+1,) is the chance that it has not after 0 ... k.

    What lies beyond k is not resolved: a quantile there is inf.
    """

    survival: Any = field(repr=False)

    def quantile(self, level: float) -> float:
        """Return the smallest number by which it has happened with that chance; inf: not within k."""
        reached = np.nonzero(1.0 - self.survival >= level)[0]
        return float(reached[0]) if len(reached) else float("inf")

    def happened(self, number: float) -> float:
        """Return the chance that it has happened by a number."""
        place = int(min(max(number, 0), len(self.survival) - 1))
        return float(1.0 - self.survival[place])
