"""Why a question is not answered: comes in what was raised, go out its mistakes in three parts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from taktwin.contracts.mistake import Mistake
from taktwin.errors import ConfigError, Refusal, TaktwinError
from taktwin.simulation.check import ModelError

Answer = TypeVar("Answer")


def refused(kind: type[Answer], *mistakes: Mistake) -> Answer:
    """Return an answer of a kind that says what is wrong with the question, in parts and as a text."""
    more: dict[str, Any] = {"state": "refused", "reason": told(mistakes), "mistakes": list(mistakes)}
    return kind(**more)


def told(mistakes: Sequence[Mistake]) -> str:
    """Return mistakes as a text, a line each."""
    return "\n".join(map(str, mistakes))


def mistakes_of(failure: TaktwinError) -> tuple[Mistake, ...]:
    """Return what is wrong with what was asked, as far as what was raised has it in parts."""
    if isinstance(failure, Refusal):
        return (Mistake(place=failure.place, found=failure.found, right=failure.right),)
    if isinstance(failure, ModelError):
        return tuple(
            Mistake(place=each.place, found=each.found, right=each.expected)
            for each in failure.findings if each.is_error
        )  # fmt: skip
    if isinstance(failure, ConfigError):
        return tuple(
            Mistake(place=f"{each.file}:{each.line}: {each.field}", found=each.found, right=each.expected)
            for each in failure.mistakes
        )
    return (Mistake(place="question", found=str(failure), right="one that can be simulated"),)
