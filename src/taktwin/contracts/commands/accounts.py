"""Accounts, sessions and tokens."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData

# Roles of accounts; whoever is signed in may look at everything, also without one.
ROLES = ("operator", "leader", "planner", "quality", "maintenance", "engineer", "manager", "admin")


class OpenAccount(CommandData, frozen=True, kw_only=True):
    """Let somebody sign in: they get a code, and choose a password with it."""

    command_name: ClassVar[str] = "account.open"
    account: str  # a person's number where the plant folder has them
    code: str  # fingerprint of the code
    printed_name: str = ""
    language: str = ""  # en | de; "" = the browser's


class InviteAccount(CommandData, frozen=True, kw_only=True):
    """Give an account a new code. Its password and its sessions end."""

    command_name: ClassVar[str] = "account.invite"
    account: str
    code: str  # fingerprint of the code


class GrantRole(CommandData, frozen=True, kw_only=True):
    """Give an account a role in a part of the plant."""

    command_name: ClassVar[str] = "account.grant"
    account: str
    role: str
    scope: str = ""  # enterprise/site[/area[/line[/cell]]]; "" = the whole site


class WithdrawRole(CommandData, frozen=True, kw_only=True):
    """Take a role away from an account, in that part of the plant."""

    command_name: ClassVar[str] = "account.withdraw"
    account: str
    role: str
    scope: str = ""


class CloseAccount(CommandData, frozen=True, kw_only=True):
    """Let nobody sign in as this account any more; its sessions and tokens end."""

    command_name: ClassVar[str] = "account.close"
    account: str
    cause: str


class EndSessions(CommandData, frozen=True, kw_only=True):
    """End all sessions of an account."""

    command_name: ClassVar[str] = "account.end"
    account: str
    cause: str


class Secret(CommandData, frozen=True, kw_only=True):
    """Base of what carries a password: it is looked at once and kept nowhere; no text shows it."""

    account: str
    password: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class SetUp(Secret, frozen=True, kw_only=True):
    """Make the first admin of a plant that has none, with the code that its console showed."""

    command_name: ClassVar[str] = "account.set_up"
    code: str  # fingerprint


class SetPassword(Secret, frozen=True, kw_only=True):
    """Choose a password, with a code or with the one before."""

    command_name: ClassVar[str] = "account.password"
    code: str = ""  # fingerprint
    before: str = ""  # the password until now


class SignIn(Secret, frozen=True, kw_only=True):
    """Begin a session."""

    command_name: ClassVar[str] = "account.sign_in"
    session: str  # fingerprint of what the browser will show


class SignOut(CommandData, frozen=True, kw_only=True):
    """End one's own session."""

    command_name: ClassVar[str] = "account.sign_out"
    session: str  # fingerprint


class IssueToken(CommandData, frozen=True, kw_only=True):
    """Let a program ask under an account's name."""

    command_name: ClassVar[str] = "token.issue"
    token: str  # fingerprint of what the program will show
    account: str
    name: str  # what it is for
    actions: list[str]  # of those that the account may; [] = looking only
    until_ns: int


class RevokeToken(CommandData, frozen=True, kw_only=True):
    """Let a token count no more."""

    command_name: ClassVar[str] = "token.revoke"
    token: str  # fingerprint
