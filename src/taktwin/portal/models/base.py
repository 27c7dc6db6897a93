"""What all models of the browser's interface share: spelling, strictness, the value of a signal."""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base of all answers: no field beyond those declared, so that a test sees each surprise."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Bytes(Model):
    """Bytes as text. `hex` holds at most the first 1,024 bytes, `size` counts all of them."""

    hex: str
    size: int


class Request(Model):
    """Base of what is sent in, where a value of another kind is a mistake: true is no count, "8" is none."""

    model_config = ConfigDict(strict=True)


# Not-finite numbers and integers beyond 2^53 travel as strings ("NaN", "Infinity", "-Infinity",
# "9007199254740993"): JSON has no word for the former, JavaScript no number for the latter.
Value: TypeAlias = bool | int | float | str | list[Any] | Bytes | None


class Problem(BaseModel):
    """RFC 9457: what went wrong, with the place, what was found there and what would be right."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = ""
    place: str = ""
    found: str = ""
    right: str = ""
