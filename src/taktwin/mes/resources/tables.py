"""Rows of people. Only the actions of this room write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Certificate(Row, frozen=True, kw_only=True):
    """A person's certificate of a skill; whether it is valid says the clock of whoever asks."""

    table: ClassVar[str] = "certificates"
    certificate: str  # <person>:<skill>
    person: str
    skill: str  # personnel class
    valid_until_ns: int
    granted_ns: int
    revoked: bool
    reason: str  # why it was revoked
    version: int


class Attempts(Row, frozen=True, kw_only=True):
    """Wrong PINs of a person, in a row."""

    table: ClassVar[str] = "attempts"
    person: str
    wrong: int
    locked_until_ns: int  # 0: not locked


class Credential(Row, frozen=True, kw_only=True):
    """What proves that somebody is a person. A secret: in no journal, and so not rebuilt from it."""

    table: ClassVar[str] = "credentials"
    person: str
    pin: str  # hash; "" = none
    badge: str  # digest of the code; "" = none
    printed_name: str  # as it stands under a signature; "" = the number


class Stay(Row, frozen=True, kw_only=True):
    """A person at a work unit, or at something that is no work on an order, from when to when."""

    table: ClassVar[str] = "stays"
    stay: str  # id of the command that began it
    person: str
    work_unit: str  # "" = indirect time
    activity: str  # of indirect time
    proof: str  # badge | pin; "" = indirect time
    from_ns: int
    to_ns: int  # 0: still
    ended_day: int  # UTC day on which it ended, in days since 1970; 0 = still
