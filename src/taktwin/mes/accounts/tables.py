"""Rows of accounts. Only the actions of this room write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Account(Row, frozen=True, kw_only=True):
    """Somebody who may sign in; a person's number where the plant folder has them."""

    table: ClassVar[str] = "accounts"
    account: str
    printed_name: str
    language: str  # en | de; "" = the browser's
    code: str  # fingerprint of the code that chooses a password; "" = none
    code_until_ns: int
    password: bool  # one was chosen
    closed: bool
    opened_ns: int


class RoleGrant(Row, frozen=True, kw_only=True):
    """A role of an account in a part of the plant."""

    table: ClassVar[str] = "role_grants"
    grant_of: str  # <account>:<role>:<scope>
    account: str
    role: str
    scope: str  # enterprise/site[/area[/line[/cell]]]
    granted_ns: int


class Session(Row, frozen=True, kw_only=True):
    """Somebody who is signed in, until when at the latest."""

    table: ClassVar[str] = "sessions"
    session: str  # fingerprint
    account: str
    begun_ns: int
    until_ns: int


class Token(Row, frozen=True, kw_only=True):
    """A program that may ask under an account's name."""

    table: ClassVar[str] = "tokens"
    token: str  # fingerprint
    account: str
    name: str
    actions: str  # JSON list
    issued_ns: int
    until_ns: int
    revoked: bool


class Tries(Row, frozen=True, kw_only=True):
    """Wrong passwords of an account, in a row."""

    table: ClassVar[str] = "sign_in_tries"
    account: str
    wrong: int
    locked_until_ns: int  # 0: not locked


class Password(Row, frozen=True, kw_only=True):
    """What is kept of a password. A secret: in no journal, and so not rebuilt from it."""

    table: ClassVar[str] = "passwords"
    account: str
    hash: str


class Seen(Row, frozen=True, kw_only=True):
    """When a session or a token was shown last. No fact: it is written down every few seconds at most."""

    table: ClassVar[str] = "seen"
    fingerprint: str
    at_ns: int
