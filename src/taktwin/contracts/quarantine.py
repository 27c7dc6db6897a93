"""What was refused at the door: the original bytes, the reason, where it came from.

A refused message is a value, not an exception: it goes to `_dlq_v1`, the source's health turns
degraded, and everything else flows on.
"""

from __future__ import annotations

import msgspec

REASONS = {
    "malformed": "the bytes are not what the source's format says",
    "wrong_type": "the value has another type than the signal",
    "wrong_unit": "the message names another unit than the signal",
    "out_of_range": "the value is outside what the signal can be",
    "not_finite": "NaN or infinite where the signal does not allow it",
    "too_large": "the message is over the size limit",
    "bad_topic": "the topic is none that the namespace allows",
    "not_permitted": "the sender has no right to it; the backbone refused",
    "clock_skew": "the source's clock is too far from ours",
    "schema": "the message does not fit its contract",
    "unmapped_signal": "the registry index is unknown to the receiver",
}


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """One refused message or value, with all a person needs to mend its source."""

    reason: str  # a key of REASONS
    found: str  # what was there, in words, at most 200 characters
    expected: str  # what would be right
    origin: str  # topic, node or address as the source calls it
    connector: str
    original: bytes = b""  # at most the first 64 KiB
    original_size: int = 0
    signal: str = ""
    at_ns: int = 0  # plant time of the refusal


def encode(rejection: Rejection) -> bytes:
    """Return the wire form (MessagePack, because the original is bytes)."""
    return msgspec.msgpack.encode(rejection)


def decode(payload: bytes) -> Rejection:
    """Return the rejection of a payload."""
    return msgspec.msgpack.decode(payload, type=Rejection)
