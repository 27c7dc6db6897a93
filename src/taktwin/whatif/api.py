"""The room's answers (contracts.whatif). Importing this module imports the compiler: `service` does it late.

| query | request | answer |
|---|---|---|
| `compare` | a `Question` | a `Comparison` |
| `sensitivity` | a `SensitivityQuestion` | a `Sensitivity` |
| `replay` | a `ReplayQuestion` | a `Replay` |
| `library` | {} | a `Library` |
| `changes` | {} | a `Changes` |
| `status` | {} | a `Status` |
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from taktwin.contracts.whatif import (
    Changes,
    Comparison,
    Library,
    Question,
    Replay,
    ReplayQuestion,
    Sensitivity,
    SensitivityQuestion,
)
from taktwin.errors import TaktwinError
from taktwin.plant.registry import Registry
from taktwin.simulation.run import warm_up
from taktwin.whatif import engine, kinds
from taktwin.whatif import library as questions
from taktwin.whatif import replay as films
from taktwin.whatif import sensitivity as tornados
from taktwin.whatif.backtest_run import Predictor
from taktwin.whatif.chosen import in_use
from taktwin.whatif.refusals import mistakes_of, refused
from taktwin.whatif.situation import Situation

__all__ = [
    "Situation", "changes", "compare", "library", "predictor", "replay", "sensitivity", "warm_up",
]  # fmt: skip

Asked = TypeVar("Asked")
Answer = TypeVar("Answer", Comparison, Sensitivity, Replay, Library, Changes)
Answers = Callable[[Asked, Situation], Answer]


def predictor(registry: Registry, calibrations: Path) -> Predictor:
    """Return what predicts in back-tests: the model that answers are made with."""
    return Predictor(registry, in_use(calibrations))


def _or_why_not(kind: type[Answer]) -> Callable[[Answers[Asked, Answer]], Answers[Asked, Answer]]:
    """Make a refusal an answer: also a plant that cannot be simulated says what is wrong with it."""

    def decorated(answers: Answers[Asked, Answer]) -> Answers[Asked, Answer]:
        @functools.wraps(answers)
        def answered(question: Asked, now: Situation) -> Answer:
            try:
                return answers(question, now)
            except TaktwinError as refusal:
                return refused(kind, *mistakes_of(refusal))

        return answered

    return decorated


@_or_why_not(Comparison)
def compare(question: Question, now: Situation) -> Comparison:
    """Return the answer to a question, or why there is none."""
    return engine.answered(question, now)


@_or_why_not(Sensitivity)
def sensitivity(question: SensitivityQuestion, now: Situation) -> Sensitivity:
    """Return what an answer depends on, or why there is none."""
    return tornados.tornado(question, now)


@_or_why_not(Replay)
def replay(question: ReplayQuestion, now: Situation) -> Replay:
    """Return one run, or why there is none."""
    return films.replayed(question, now)


@_or_why_not(Library)
def library(_: None, now: Situation) -> Library:
    """Return the library as it fits the plant, or why there is none."""
    here = now.present(questions.HORIZON_S)
    return Library(state="ready", scenarios=questions.scenarios(here, now.registry.time_zone))


@_or_why_not(Changes)
def changes(_: None, now: Situation) -> Changes:
    """Return what a scenario may change, and what it may name."""
    return Changes(state="ready", kinds=kinds.kinds(), names=kinds.names(now.present(3600.0).names))
