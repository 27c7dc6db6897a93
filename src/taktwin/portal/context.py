"""What every route is handed: the plant, the bus, the clock, the live picture, and who is asking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.plant.registry import Registry
from taktwin.portal.auth import Accounts, Person
from taktwin.portal.carrier import Carrier
from taktwin.portal.decisions import Decisions
from taktwin.portal.health import HealthBook
from taktwin.portal.live import Hub
from taktwin.portal.problems import Problem
from taktwin.portal.questions import Questions
from taktwin.portal.raw import RawBook
from taktwin.portal.roles import Action
from taktwin.portal.search import SearchIndex
from taktwin.portal.tries import WrongTries
from taktwin.settings import Installation

CURVES_AT_ONCE = 4


@dataclass(frozen=True)
class Portal:
    """One running portal."""

    registry: Registry
    bus: Bus
    clock: Clock
    installation: Installation
    accounts: Accounts
    hub: Hub
    health: HealthBook
    questions: Questions
    decisions: Decisions
    carrier: Carrier
    raw: RawBook
    search: SearchIndex
    unique_id: Callable[[], str]
    tries: WrongTries = field(default_factory=WrongTries)
    # A page asks for many curves; a history that works on a few at a time answers all of them sooner.
    curves_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CURVES_AT_ONCE))


def portal_of(connection: HTTPConnection) -> Portal:
    """Return the portal that an app belongs to."""
    portal = connection.app.state.portal
    assert isinstance(portal, Portal), "create_app puts it there"
    return portal


def person_of(connection: HTTPConnection) -> Person:
    """Return who is asking.

    Raises
    ------
    Problem
        401 where nobody is signed in.
    """
    person = portal_of(connection).accounts.person_of(connection)
    if person is None:
        raise Problem(401, "Nobody is signed in", place="session", found="none", right="a signed-in person")
    return person


def require(person: Person, action: Action, place: str = "") -> None:
    """Return only if a person may do something: for the whole site, or where it is about.

    Raises
    ------
    Problem
        403, with the person's roles.
    """
    if not person.may(action, place):
        raise _not_allowed(person, action)


def reach_of(person: Person, action: Action) -> list[str] | None:
    """Return the parts of the plant in which a person may do something, None = everywhere.

    Raises
    ------
    Problem
        403 where it is nowhere, with the person's roles.
    """
    parts = person.reach(action)
    if parts == []:
        raise _not_allowed(person, action)
    return parts


def _not_allowed(person: Person, action: Action) -> Problem:
    roles = [*person.roles, *(f"{role} in {part}" for role, part in person.scoped)]
    found = ", ".join(roles) or "no role"
    if person.only is not None:
        found = f"a token for {', '.join(sorted(person.only)) or 'looking only'}"
    return Problem(
        403, "Your roles do not allow this", place=f"action {action}", found=found,
        right=f"a role that may {action}",
    )  # fmt: skip


PortalOf = Annotated[Portal, Depends(portal_of)]
PersonOf = Annotated[Person, Depends(person_of)]
