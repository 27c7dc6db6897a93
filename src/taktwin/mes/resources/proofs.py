"""The slow part of a proof, done before the one writer's transaction begins: a hash takes 50 to 100 ms.

What is to be looked at is read from the rows, computed beside the desk, and handed to the decider with
the hash that it was computed from: where that has changed meanwhile, the proof counts for nothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from taktwin.mes.decision import Looked
from taktwin.mes.resources import engine


@functools.cache
def _nobody(cost: int) -> str:
    return engine.hashed("nobody", salt="taktwin-nobody")


def nobody() -> str:
    """Return a hash to look at where there is none: an unknown name takes as long as a wrong password."""
    return _nobody(engine.COST)


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be computed."""

    given: str = ""  # a PIN or a password to compare
    kept: str = ""  # with this hash
    fresh: str = ""  # one to hash
    salt: str = ""

    def __repr__(self) -> str:
        return "Look(...)"


def done(look: Look) -> Looked:
    """Return what comes of a look. This is what takes long."""
    matched = bool(look.given) and engine.matches(look.given, look.kept)
    hashed = engine.hashed(look.fresh, salt=look.salt) if look.fresh else ""
    return Looked(look.kept, matched, hashed)
