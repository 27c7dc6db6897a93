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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import (
    Changes,
    Comparison,
    Library,
    PastError,
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
from taktwin.whatif.kept import newest
from taktwin.whatif.model import Parameters
from taktwin.whatif.present import Present, present

__all__ = [
    "Situation", "changes", "compare", "library", "predictor", "replay", "sensitivity", "warm_up",
]  # fmt: skip


def predictor(registry: Registry, calibrations: Path) -> Predictor:
    """Return what predicts in back-tests: the model that answers are made with."""
    return Predictor(registry, newest(calibrations))


@dataclass(frozen=True, slots=True)
class Situation:
    """What an answer is made from, beside the question."""

    registry: Registry
    frame: Frame  # the twin's full picture
    board: Mapping[str, Any]  # the MES's open job orders; {} where there is no MES
    clock_s: Callable[[], float]  # of wall time
    calibrations: Path | None = None  # the folder of those that were made; the newest one counts
    errors: Sequence[PastError] = ()  # of the latest back-test

    @property
    def parameters(self) -> Parameters:
        """Return the plant's numbers as far as they are known."""
        return Parameters() if self.calibrations is None else newest(self.calibrations)

    def present(self, horizon_s: float) -> Present:
        """Return the plant as it stands."""
        return present(self.registry, self.frame, self.board, parameters=self.parameters, horizon_s=horizon_s)


def compare(question: Question, now: Situation) -> Comparison:
    """Return the answer to a question, or why there is none."""
    try:
        return engine.answered(
            question, now.registry, now.frame, now.board, parameters=now.parameters, clock_s=now.clock_s,
            errors=now.errors,
        )  # fmt: skip
    except TaktwinError as refusal:  # also a plant that cannot be simulated: it says what is wrong with it
        return Comparison(state="refused", reason=str(refusal))


def sensitivity(question: SensitivityQuestion, now: Situation) -> Sensitivity:
    """Return what an answer depends on, or why there is none."""
    try:
        return tornados.tornado(
            question, now.registry, now.frame, now.board, parameters=now.parameters, clock_s=now.clock_s
        )
    except TaktwinError as refusal:
        return Sensitivity(state="refused", reason=str(refusal))


def replay(question: ReplayQuestion, now: Situation) -> Replay:
    """Return one run, or why there is none."""
    try:
        return films.replayed(
            question, now.registry, now.frame, now.board, parameters=now.parameters, clock_s=now.clock_s
        )
    except TaktwinError as refusal:
        return Replay(state="refused", reason=str(refusal))


def library(_: None, now: Situation) -> Library:
    """Return the library as it fits the plant, or why there is none."""
    try:
        here = now.present(questions.HORIZON_S)
        return Library(state="ready", scenarios=questions.scenarios(here, now.registry.time_zone))
    except TaktwinError as refusal:
        return Library(state="refused", reason=str(refusal))


def changes(_: None, now: Situation) -> Changes:
    """Return what a scenario may change, and what it may name."""
    try:
        return Changes(state="ready", kinds=kinds.kinds(), names=kinds.names(now.present(3600.0).names))
    except TaktwinError as refusal:
        return Changes(state="refused", reason=str(refusal))
