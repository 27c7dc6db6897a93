"""Proofs and certificates: what matches, what is locked, what is valid when. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from argon2 import low_level
from argon2.exceptions import VerificationError

from taktwin.instants import SECOND_NS, rfc3339

BADGE_PREFIX = "BADGE-"  # tells a badge from a lot, for the scanner that reads both
BADGE_LETTERS = (12, 80)  # with the prefix: shorter codes are soon guessed
PIN_DIGITS = (4, 12)
# What is no work on an order, until the plant model lists activities of its own.
ACTIVITIES = ("break", "meeting", "training", "cleaning", "material", "rework", "waiting", "other")
WRONG_MAX = 5
LOCKED_NS = 5 * 60 * SECOND_NS
# Work factors of argon2id, as OWASP recommends at least: 19 MiB, two passes, one lane; some 20 to 40 ms on
# one core. They are kept with each hash, so that they may grow.
COST = 19  # MiB
PASSES, LANES, HASH_BYTES = 2, 1, 32


def hashed(secret: str, *, salt: str) -> str:
    """Return what is kept of a PIN or a password, in argon2's own spelling."""
    return low_level.hash_secret(
        secret.encode(), salt.encode(), time_cost=PASSES, memory_cost=COST * 1024,
        parallelism=LANES, hash_len=HASH_BYTES, type=low_level.Type.ID,
    ).decode()  # fmt: skip


def matches(secret: str, kept: str) -> bool:
    """Return whether a PIN or a password is the one whose hash is kept. Takes as long as `hashed`."""
    try:
        return low_level.verify_secret(kept.encode(), secret.encode(), low_level.Type.ID)
    except VerificationError:
        return False


def outdated(kept: str) -> bool:
    """Return whether a hash is of a kind that no release wrote: before the first one it was scrypt."""
    return not kept.startswith("$argon2id$")


def salt_of(person: str, command: str, now_ns: int) -> str:
    """Return a salt that no other hash here has. It is no secret, and needs no chance."""
    return hashlib.sha256(f"{person}/{command}/{now_ns}".encode()).hexdigest()[:32]


def badge_digest(code: str) -> str:
    """Return what is kept of a badge's code, and looked up by."""
    return hashlib.sha256(f"taktwin badge {code}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Tally:
    """Wrong PINs in a row, and until when none is looked at."""

    wrong: int
    locked_until_ns: int


def failed(wrong_before: int, now_ns: int) -> Tally:
    """Return the tally after one more wrong PIN: from the fifth on, each locks for minutes."""
    wrong = wrong_before + 1
    return Tally(wrong, now_ns + LOCKED_NS if wrong >= WRONG_MAX else 0)


def objection(*, granted: bool, revoked: str | None, valid_until_ns: int, now_ns: int) -> str:
    """Return why a certificate does not count now, "" where it does.

    Parameters
    ----------
    revoked : why it was revoked; None = it was not
    """
    if not granted:
        return "has no certificate"
    if revoked is not None:
        return f"certificate revoked ({revoked})"
    if valid_until_ns <= now_ns:
        return f"certificate expired {rfc3339(valid_until_ns)[:16].replace('T', ' ')} UTC"
    return ""
