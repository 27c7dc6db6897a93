"""What an answer is made from, beside the question: handed through the room as one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import PastError
from taktwin.plant.registry import Registry
from taktwin.whatif.chosen import in_use
from taktwin.whatif.model import Parameters
from taktwin.whatif.present import Present, present


@dataclass(frozen=True, slots=True)
class Situation:
    """The plant as it stands, and what is known of it."""

    registry: Registry
    frame: Frame  # the twin's full picture
    board: Mapping[str, Any]  # the MES's open job orders; {} where there is no MES
    clock_s: Callable[[], float]  # of wall time
    calibrations: Path | None = None  # the folder of those that were made
    errors: Sequence[PastError] = ()  # of the latest back-test

    @property
    def parameters(self) -> Parameters:
        """Return the plant's numbers as far as they are known."""
        return Parameters() if self.calibrations is None else in_use(self.calibrations)

    def present(self, horizon_s: float, *, frame: Frame | None = None) -> Present:
        """Return the plant as it stands, or as another picture shows it."""
        return present(
            self.registry, frame or self.frame, self.board, parameters=self.parameters, horizon_s=horizon_s
        )
