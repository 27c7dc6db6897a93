"""Who is asking. Until there are accounts, the machine's own loopback is the only way in.

Comes in: a request. Goes out: a `Person` under whose name decisions are published. An installation
that is bound to another address than loopback is refused before it listens: nobody could be told
from anybody else.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection

from taktwin.errors import ConfigError, Mistake
from taktwin.portal.roles import Action, allowed


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person."""

    id: str
    roles: tuple[str, ...]
    language: str = "en"
    notice: str = ""

    def may(self, action: Action) -> bool:
        """Return whether one of the person's roles allows an action."""
        return action in allowed(self.roles)


class Accounts(Protocol):
    """Where people come from: the loopback now, local accounts or OIDC later."""

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine may be served."""
        ...

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return who is asking, None where nobody is signed in."""
        ...


class LoopbackAccounts:
    """Everybody who reaches the loopback is the person at this machine."""

    loopback_only = True

    def __init__(self, *, demo: bool) -> None:
        self._person = Person(
            id="demo" if demo else "local",
            roles=("demo",) if demo else ("engineer",),
            notice=(
                "This page is bound to this machine only (loopback) and has no accounts: "
                f"whoever can open it acts as {'demo' if demo else 'local'!r}."
            ),
        )

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return the one person there is; the language is the browser's first that we speak."""
        for wish in connection.headers.get("accept-language", "").split(","):
            language = wish.split(";")[0].strip()[:2].lower()
            if language in ("en", "de"):
                return Person(self._person.id, self._person.roles, language, self._person.notice)
        return self._person


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_open_door(host: str, accounts: Accounts) -> None:
    """Return only if it is safe to listen on an address.

    Raises
    ------
    ConfigError
        If the address can be reached from elsewhere and there are no accounts.
    """
    if accounts.loopback_only and not is_loopback(host):
        raise ConfigError(
            [
                Mistake(
                    file="settings", line=0, field="http_host", found=repr(host),
                    expected="a loopback address: without accounts nobody else may reach the page",
                )
            ]
        )  # fmt: skip
