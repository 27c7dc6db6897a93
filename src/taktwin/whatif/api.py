"""The room's answers (contracts.whatif). Importing this module imports the compiler: `service` does it late.

| query | request | answer |
|---|---|---|
| `compare` | a `Question` | a `Comparison` |
| `status` | {} | a `Status` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import Comparison, PastError, Question
from taktwin.errors import TaktwinError
from taktwin.plant.registry import Registry
from taktwin.simulation.run import warm_up
from taktwin.whatif import engine
from taktwin.whatif.backtest_run import Predictor
from taktwin.whatif.kept import newest
from taktwin.whatif.model import Parameters

__all__ = ["compare", "predictor", "warm_up"]


def predictor(registry: Registry, calibrations: Path) -> Predictor:
    """Return what predicts in back-tests: the model that answers are made with."""
    return Predictor(registry, newest(calibrations))


def compare(
    question: Question, registry: Registry, frame: Frame, board: Mapping[str, Any],
    clock_s: Callable[[], float], errors: list[PastError], calibrations: Path | None = None,
) -> Comparison:  # fmt: skip
    """Return the answer to a question, or why there is none; by the newest calibration of a folder."""
    parameters = Parameters() if calibrations is None else newest(calibrations)
    try:
        return engine.answered(
            question, registry, frame, board, parameters=parameters, clock_s=clock_s, errors=errors
        )
    except TaktwinError as refusal:  # also a plant that cannot be simulated: it says what is wrong with it
        return Comparison(state="refused", reason=str(refusal))
