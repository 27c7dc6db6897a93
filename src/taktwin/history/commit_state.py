"""What is committed with the rows, besides them: one small row that each commit writes anew."""

from __future__ import annotations

import msgspec

KEY = "commit"


class Counts(msgspec.Struct, frozen=True):
    """What was appended since this history began, imports left out."""

    rows: int = 0
    scans: int = 0
    duplicate_scans: int = 0
    duplicate_rows: int = 0


class CommitState(msgspec.Struct, frozen=True):
    """Which scans were seen, the spans that are still growing, and the counts, each encoded."""

    seen: bytes = b""
    open: bytes = b""
    counts: Counts = Counts()


_decoder = msgspec.msgpack.Decoder(CommitState)


def encode(state: CommitState) -> bytes:
    """Return the stored form."""
    return msgspec.msgpack.encode(state)


def decode(stored: bytes | None) -> CommitState:
    """Return the state of a stored form; without one, that of an empty history."""
    return _decoder.decode(stored) if stored else CommitState()
