"""What is wrong with something that was asked, in three parts; each refusal of a room says one or several."""

from __future__ import annotations

import msgspec


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where, what was found there, what would be right."""

    place: str
    found: str
    right: str

    def __str__(self) -> str:
        return f"{self.place}: {self.found}: expected {self.right}"
