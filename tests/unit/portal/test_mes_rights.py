"""Who may ask the MES for what, over HTTP: a role that may not never reaches it."""

from __future__ import annotations

from typing import Any, cast

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer
from taktwin.contracts.recommendation import command_id
from taktwin.mes.collection.late import BOOKABLE
from taktwin.portal import problems
from taktwin.portal.auth import Person
from taktwin.portal.context import Portal
from taktwin.portal.roles import ROLES, Action
from taktwin.portal.routes import mes
from tests.unit.portal.support import plant


class Mes:
    """An MES that grants everything, and keeps under whose name it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def request(self, subject: str, payload: bytes, **more: Any) -> bytes:
        """Take a command."""
        command = commands.decode(payload)
        self.asked.append((command.name, command.actor))
        return commands.encode(Answer(accepted=True, status=1))


class One:
    """Accounts with one person of one role."""

    loopback_only = True

    def __init__(self, role: str) -> None:
        self.role = role

    def person_of(self, connection: HTTPConnection) -> Person:
        """Return the person."""
        return Person("P32", (self.role,))


async def ask(role: str, name: str) -> tuple[int, list[tuple[str, str]], str]:
    """Ask for a command; return status, what reached the MES, and the answer."""
    app, owner = FastAPI(), Mes()
    unused = cast("Any", None)
    app.state.portal = Portal(
        registry=plant(), bus=cast("Any", owner), clock=unused, installation=unused, accounts=One(role),
        hub=unused, health=unused, questions=unused, decisions=unused, carrier=unused, raw=unused,
        search=unused,
        unique_id=unused,
    )  # fmt: skip
    app.include_router(mes.router)
    problems.install(app)
    wish = {"data": {}, "idempotency_key": "12345678"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.post(f"/mes/commands/{name}", json=wish)
    return answer.status_code, owner.asked, answer.text


MAY = {
    "nonconformance.dispose": {"quality", "demo"},
    "hold.release": {"quality", "demo"},
    "result.record": {"operator", "leader", "quality", "demo"},
    "photo.attach": {"operator", "leader", "quality", "demo"},
    "checklist.answer": {"operator", "leader", "demo"},
    "booking.settle": {"leader", "quality", "demo"},
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", MAY)
async def test_a_command_reaches_the_mes_only_from_a_role_that_may(name: str, role: str) -> None:
    status, asked, text = await ask(role, name)
    if role in MAY[name]:
        assert (status, asked) == (200, [(name, "P32")])
    else:
        assert (status, asked) == (403, [])
        assert "Your roles do not allow this" in text and role in text


async def bring(
    role: str, *, first: str = "booking-1", last: str = "booking-3"
) -> tuple[int, list[commands.LateBooking], list[tuple[str, str]]]:
    """Bring what a terminal kept: scrap, and a pause that only some may ask for; two ids as they are told."""
    brought: list[commands.LateBooking] = []

    class Later(Mes):
        async def request(self, subject: str, payload: bytes, **more: Any) -> bytes:
            asked = commands.decode(payload)
            self.asked.append((asked.name, asked.actor))
            brought.extend(msgspec.json.decode(asked.data, type=commands.BookLate).bookings)
            done = [commands.BookedLate(id=each.id, state="booked") for each in brought]
            return commands.encode(commands.SyncReport(bookings=done))

    app, owner = FastAPI(), Later()
    unused = cast("Any", None)
    app.state.portal = Portal(
        registry=plant(), bus=cast("Any", owner), clock=unused, installation=unused, accounts=One(role),
        hub=unused, health=unused, questions=unused, decisions=unused, carrier=unused, raw=unused,
        search=unused,
        unique_id=unused,
    )  # fmt: skip
    app.include_router(mes.router)
    problems.install(app)
    bookings = [
        {
            "id": key,
            "sequence": n,
            "name": name,
            "at_ms": 1_800_000_000_000,
            "data": {"job": "1-20"},
        }
        for n, (key, name) in enumerate(
            ((first, "scrap.report"), ("booking-2", "job.control"), (last, "person.credentials")), start=1
        )
    ]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.post(
            "/mes/terminals/T-12345678/bookings", json={"first": 1, "bookings": bookings}
        )
    return answer.status_code, brought, owner.asked


async def test_what_somebody_may_not_bring_is_told_and_keeps_nothing_else_from_being_booked() -> None:
    status, brought, asked = await bring("operator")
    assert (status, asked) == (200, [("terminal.sync", "P32")])
    assert [each.denied for each in brought] == ["", "mes.dispatch", "mes.people"]
    assert brought[0].at_ns == 1_800_000_000_000_000_000
    assert (await bring("viewer"))[0::2] == (403, [])


@pytest.mark.parametrize("place", ["first", "last"])
async def test_no_terminal_brings_anything_under_the_id_of_accepted_advice(place: str) -> None:
    """The advice would be carried never: its id is used. Nothing of what came with it is booked either."""
    key = command_id("tool_change-1")
    assert await bring("leader", **{place: key}) == (422, [], [])
    status, brought, _ = await bring("leader", **{place: f"my-{key}"})
    assert status == 200 and len(brought) == 3


def test_whoever_may_book_after_all_may_do_all_that_a_terminal_books() -> None:
    needed = {mes.NEEDS[name] for name in BOOKABLE}
    for name, actions in ROLES.items():
        assert Action.MES_RETRY not in actions or needed <= actions, name
