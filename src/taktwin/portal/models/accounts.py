"""Signing in, and everybody who may."""

from __future__ import annotations

from pydantic import Field

from taktwin.portal.models.base import Model, Request
from taktwin.portal.models.plant import ScopedRole


class DemoPerson(Model):
    """Somebody as whom one can sign in to the demo. In a real plant there is none."""

    account: str
    password: str
    roles: list[ScopedRole]


class EntranceModel(Model):
    """What the sign-in page has to know before anybody is signed in."""

    plant: str
    signed_in: bool
    person: str
    set_up: bool = Field(description="false: the plant waits for its first admin")
    demo: list[DemoPerson]


class SignInModel(Request):
    """An account and its password."""

    account: str
    password: str


class PasswordModel(Request):
    """A new password, with the code of an invitation or with the password before."""

    account: str
    password: str
    code: str = ""
    before: str = ""


class SetUpModel(Request):
    """The first admin, with the code that the console shows."""

    account: str
    password: str
    code: str


class DoneModel(Model):
    """What was asked is done."""

    account: str


class SessionModel(Model):
    """Somebody who is signed in somewhere."""

    begun_ms: int
    until_ms: int
    seen_ms: int = Field(description="0: not since the last start")


class TokenModel(Model):
    """A program that asks under an account's name."""

    token: str = Field(description="the first digits of its fingerprint")
    name: str
    actions: list[str]
    issued_ms: int
    until_ms: int
    revoked: bool
    seen_ms: int = Field(description="when it was used last; 0: never")


class AccountModel(Model):
    """Somebody who may sign in."""

    account: str
    printed_name: str
    language: str
    closed: bool
    password: bool = Field(description="one was chosen")
    invited_until_ms: int = Field(description="until when the last code counts; 0: none does")
    locked_until_ms: int
    opened_ms: int
    roles: list[ScopedRole]
    sessions: list[SessionModel]
    tokens: list[TokenModel]


class AccountsModel(Model):
    """Everybody, and the parts of the plant in which a role can be given."""

    accounts: list[AccountModel]
    parts: list[str]
    site: str
    at_ms: int


class OpenModel(Request):
    """An account to open; its roles are given by the command `account.grant`."""

    account: str
    printed_name: str = ""
    language: str = ""


class CodeModel(Model):
    """A code, shown this once."""

    account: str
    code: str
    until_ms: int


class TokenWish(Request):
    """A token to issue."""

    name: str
    actions: list[str] = Field(description="of those that the account may; none = looking only")
    days: int = Field(ge=1, le=366)


class IssuedModel(Model):
    """A token, shown this once."""

    account: str
    token: str
    until_ms: int
