"""What the plant was answered and what was done to it: with this alone it plays the same again.

A process of SimPy cannot be written down. Its plant is made anew from the seed, is given the same answers
and has the same done to it at the same instants; that it is the same plant is proven by its truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from taktwin.virtual_plant.flow import Part, Task, Used
from taktwin.virtual_plant.model import VirtualPlant

Deed: TypeAlias = tuple[str, tuple[Any, ...]]  # (what, its words)
A = TypeVar("A")


@dataclass
class Tape:
    """All that came to the plant from outside."""

    questions: bytearray = field(default_factory=bytearray)  # of each answer, its first letter
    answers: list[Any] = field(default_factory=list)
    deeds: list[list[Deed]] = field(default_factory=list)  # of each look of the people
    chunks: list[int] = field(default_factory=list)  # up to when it was let run

    def keep(self, question: str, answer: A) -> A:
        """Write an answer down, and return it."""
        self.questions += question[0].encode()
        self.answers.append(answer)
        return answer


class OtherPlant(ValueError):
    """The plant that was made anew is not the one that was kept."""


class Player:
    """Leads a plant by a tape, in place of an MES."""

    def __init__(self, tape: Tape, plant: VirtualPlant, answer_s: float) -> None:
        self.answer_s = answer_s
        self._plant = plant
        self._answers: Iterator[tuple[int, Any]] = iter(zip(tape.questions, tape.answers, strict=True))
        self._deeds = iter(tape.deeds)

    def deeds(self) -> list[Deed]:
        """Return what is done at this look. Raises OtherPlant where there was none."""
        found = next(self._deeds, None)
        if found is None:
            raise OtherPlant("nobody looked then")
        return found

    def _answer(self, question: str) -> Any:
        asked, answer = next(self._answers, (0, None))
        if asked != ord(question[0]):
            raise OtherPlant(f"it asks {question}, and had not then")
        return answer

    def task(self, unit: str) -> Task | None:
        """Return what was answered; what machines had said by then had been brought away."""
        self._plant.said()
        found: Task | None = self._answer("task")
        return found

    def may_take(self, unit: str, task: Task, part: Part) -> bool:
        """Return what was answered."""
        return bool(self._answer("may_take"))

    def charge(self, unit: str, task: Task, inside: int) -> int:
        """Return what was answered."""
        return int(self._answer("charge"))

    def stocked(self, unit: str, task: Task) -> bool:
        """Return what was answered."""
        return bool(self._answer("stocked"))

    def use(self, unit: str, task: Task) -> Used:
        """Return what was answered."""
        found: Used = self._answer("use")
        return found

    @property
    def is_over(self) -> bool:
        """Whether all of it was played."""
        end = object()
        return next(self._answers, end) is end and next(self._deeds, None) is None
