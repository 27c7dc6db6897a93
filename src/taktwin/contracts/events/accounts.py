"""Accounts, sessions and tokens."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class AccountOpened(EventData, frozen=True, kw_only=True):
    """Somebody may get a password and sign in."""

    event_type: ClassVar[str] = "account.opened"
    account: str
    printed_name: str
    language: str


class AccountInvited(EventData, frozen=True, kw_only=True):
    """An account got a code with which its password is chosen; the one before counts no more."""

    event_type: ClassVar[str] = "account.invited"
    account: str
    code: str  # fingerprint
    until_ns: int


class AccountPasswordSet(EventData, frozen=True, kw_only=True):
    """A password was chosen; which one, no event says."""

    event_type: ClassVar[str] = "account.password.set"
    account: str
    by: str  # code | password | set_up


class AccountRoleGranted(EventData, frozen=True, kw_only=True):
    """An account got a role in a part of the plant."""

    event_type: ClassVar[str] = "account.role.granted"
    account: str
    role: str
    scope: str


class AccountRoleWithdrawn(EventData, frozen=True, kw_only=True):
    """An account lost a role in a part of the plant."""

    event_type: ClassVar[str] = "account.role.withdrawn"
    account: str
    role: str
    scope: str


class AccountClosed(EventData, frozen=True, kw_only=True):
    """Nobody signs in as this account any more; its sessions and tokens have ended."""

    event_type: ClassVar[str] = "account.closed"
    account: str
    cause: str


class AccountSignedIn(EventData, frozen=True, kw_only=True):
    """A session began."""

    event_type: ClassVar[str] = "account.signed.in"
    account: str
    session: str  # fingerprint
    until_ns: int


class AccountSignedOut(EventData, frozen=True, kw_only=True):
    """A session was ended by whose it was."""

    event_type: ClassVar[str] = "account.signed.out"
    account: str
    session: str


class AccountSessionsEnded(EventData, frozen=True, kw_only=True):
    """All sessions of an account were ended by somebody else."""

    event_type: ClassVar[str] = "account.sessions.ended"
    account: str
    cause: str


class AccountNotRecognised(EventData, frozen=True, kw_only=True):
    """Somebody tried to sign in and was refused. A name that nobody has is not said: it may be a password."""

    event_type: ClassVar[str] = "account.not.recognised"
    account: str  # "unknown" = of nobody here
    wrong: int  # in a row
    locked_until_ns: int  # 0: not locked


class AccountTokenIssued(EventData, frozen=True, kw_only=True):
    """A program may ask under an account's name."""

    event_type: ClassVar[str] = "account.token.issued"
    token: str  # fingerprint
    account: str
    name: str
    actions: list[str]
    until_ns: int


class AccountTokenRevoked(EventData, frozen=True, kw_only=True):
    """A token counts no more."""

    event_type: ClassVar[str] = "account.token.revoked"
    token: str
    account: str
