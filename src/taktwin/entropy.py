"""Ids and random streams from one seed. This module alone reads the randomness of the system.

A stream has a name (`failures/turn1`), so that adding one cause of chance does not change the
numbers that another cause draws.
"""

from __future__ import annotations

import hashlib
import random
import secrets

import numpy as np


class Entropy:
    """All randomness of a process; the same seed gives the same numbers, name by name."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = secrets.randbits(63) if seed is None else seed

    def _key(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:16], "big")

    def stream(self, name: str) -> random.Random:
        """Return a random stream of Python's own kind, for single draws."""
        return random.Random(self._key(name))

    def generator(self, name: str) -> np.random.Generator:
        """Return a numpy generator (PCG64), for arrays."""
        return np.random.Generator(np.random.PCG64(self._key(name)))


def secret_token(n_bytes: int = 24) -> str:
    """Return a URL-safe secret from the operating system, for passwords and tokens."""
    return secrets.token_urlsafe(n_bytes)


def unique_id() -> str:
    """Return an id that nobody else has: 128 random bits as hex."""
    return secrets.token_hex(16)


# Letters of codes that people read and type: none that is mistaken for another.
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def one_time_code() -> str:
    """Return a code that a person types once: 100 random bits in five groups of four letters."""
    return "-".join("".join(secrets.choice(CODE_LETTERS) for _ in range(4)) for _ in range(5))


def fingerprint(secret: str) -> str:
    """Return what is kept of a secret that was drawn here: of 100 bits and more it gives nothing away."""
    return hashlib.sha256(f"taktwin {secret}".encode()).hexdigest()
