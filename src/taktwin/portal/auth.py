"""Who is asking: a session's cookie, a program's token, or, in the demo, whoever sits at this machine.

Comes in: a request. Goes out: a `Person` under whose name decisions are published. Whose a session or
a token is, and with which roles in which part of the plant, decides the owner of accounts, the MES;
its answer is believed for seconds, and for some minutes more while it is away. An installation without
accounts that is bound to another address than loopback is refused before it listens.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from starlette.requests import HTTPConnection

from taktwin.clock import Clock
from taktwin.entropy import fingerprint
from taktwin.errors import BusError, ConfigError, Mistake
from taktwin.identity import reaches
from taktwin.instants import SECOND_NS
from taktwin.portal.questions import Questions
from taktwin.portal.roles import Action, allowed

OWNER = "mes"
COOKIE = "taktwin_session"
SECURE_COOKIE = "__Host-taktwin_session"  # browsers take it over TLS alone, and from this very host
TOKEN_PREFIX = "twt_"
BELIEVED_NS = 5 * SECOND_NS
# How long a person who was recognised goes on while the owner of accounts does not answer.
BRIDGED_NS = 15 * 60 * SECOND_NS
REMEMBERED = 1000
RECOGNISED = "taktwin.person"  # in a connection's scope


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person, or a program that asks under a person's name."""

    id: str
    roles: tuple[str, ...]  # for the whole site
    language: str = "en"
    notice: str = ""
    scoped: tuple[tuple[str, str], ...] = ()  # role, part of the plant
    only: frozenset[str] | None = None  # actions of a token; None: whatever the roles allow
    printed_name: str = ""
    session: str = ""  # fingerprint of the session; "" = none

    @property
    def program(self) -> bool:
        """Whether a token asks, and no browser."""
        return self.only is not None

    def may(self, action: Action, place: str = "") -> bool:
        """Return whether a role allows an action: for the whole site, or in the part that holds a place."""
        parts = self.reach(action)
        return parts is None or bool(place and any(reaches(part, place) for part in parts))

    def reach(self, action: Action) -> list[str] | None:
        """Return the parts of the plant in which an action is allowed; None = everywhere, [] = nowhere."""
        if self.only is not None and action not in self.only:
            return []
        if action in allowed(self.roles):
            return None
        return sorted({part for role, part in self.scoped if action in allowed((role,))})

    def actions(self) -> list[str]:
        """Return every action that is allowed somewhere."""
        return sorted(action for action in Action if self.reach(action) != [])


class Accounts(Protocol):
    """Where people come from: this machine, local accounts, or OIDC later."""

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine may be served."""
        ...

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return who is asking, None where nobody is signed in."""
        ...


class LoopbackAccounts:
    """Everybody who reaches the loopback is the person at this machine: the demo without signing in."""

    loopback_only = True

    def __init__(self, *, demo: bool) -> None:
        self._person = Person(
            id="demo" if demo else "local",
            roles=("demo",) if demo else ("engineer",),
            notice=(
                "This page is bound to this machine only (loopback): "
                f"whoever opens it and does not sign in acts as {'demo' if demo else 'local'!r}."
            ),
        )

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return the one person there is; the language is the browser's first that we speak."""
        return replace(self._person, language=language_of(connection))


def language_of(connection: HTTPConnection) -> str:
    """Return the browser's first language that we speak."""
    for wish in connection.headers.get("accept-language", "").split(","):
        language = wish.split(";")[0].strip()[:2].lower()
        if language in ("en", "de"):
            return language
    return "en"


@dataclass
class _Known:
    person: Person
    asked_ns: int  # monotonic
    until_ns: int


@dataclass
class SignedIn:
    """People by the session or the token that they show; in a demo whoever shows none is `demo`."""

    questions: Questions
    clock: Clock
    site: str  # enterprise/site
    demo: bool = False
    secure: bool = False  # the page is opened over TLS
    loopback_only: bool = True
    _known: OrderedDict[tuple[str, str], _Known] = field(default_factory=OrderedDict)

    @property
    def cookie(self) -> str:
        """Return the name of the session's cookie."""
        return SECURE_COOKIE if self.secure else COOKIE

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return who was recognised when the request came in."""
        person = connection.scope.get(RECOGNISED)
        assert person is None or isinstance(person, Person), "recognise puts it there"
        return person

    async def recognise(self, connection: HTTPConnection) -> Person | None:
        """Return who shows a session or a token, None where it is nobody's.

        Raises
        ------
        BusError
            If the owner of accounts does not answer, and this person was not recognised lately.
        """
        kind, shown = self.shown(connection)
        person = await self._whose(kind, shown) if shown else None
        if person is None and self.demo and kind != "token":
            return LoopbackAccounts(demo=True).person_of(connection)
        if person is not None and not person.language:
            person = replace(person, language=language_of(connection))
        return person

    def shown(self, connection: HTTPConnection) -> tuple[str, str]:
        """Return what a request shows, session or token, and its fingerprint; "" = nothing."""
        said = connection.headers.get("authorization", "")
        if said:
            scheme, _, token = said.partition(" ")
            return "token", fingerprint(token.strip()) if scheme.lower() == "bearer" else "-"
        found = connection.cookies.get(self.cookie, "")
        return "session", fingerprint(found) if found else ""

    async def _whose(self, kind: str, shown: str) -> Person | None:
        known = self._known.get((kind, shown))
        now_ns = self.clock.monotonic_ns()
        if known is not None and now_ns - known.asked_ns < BELIEVED_NS:
            return known.person if known.until_ns > self.clock.now_ns() else None
        try:
            found = await self.questions.ask_values(
                OWNER, "identify", {"kind": kind, "fingerprint": shown}, timeout_s=3.0
            )
            if "away" in found:
                raise BusError(f"the MES's database: {found['away']}")
        except BusError:
            if known is None or now_ns - known.asked_ns > BRIDGED_NS:
                raise
            return known.person if known.until_ns > self.clock.now_ns() else None
        self._known.pop((kind, shown), None)
        if not found:
            return None
        person = self._person(found, shown if kind == "session" else "")
        self._known[(kind, shown)] = _Known(person, now_ns, int(found["until_ns"]))
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return person

    def _person(self, found: dict[str, Any], session: str) -> Person:
        roles = [(each["role"], each["scope"]) for each in found["roles"]]
        actions = found["actions"]
        return Person(
            id=found["account"],
            roles=tuple(sorted({role for role, scope in roles if reaches(scope, self.site)})),
            language=found["language"],
            scoped=tuple(sorted((role, scope) for role, scope in roles if not reaches(scope, self.site))),
            only=None if actions is None else frozenset(actions),
            printed_name=found["printed_name"],
            session=session,
        )

    def forget(self) -> None:
        """Believe nothing of before: an account, a role, a session or a token has changed."""
        self._known.clear()


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
