"""Maintenance over HTTP: who may ask for it, who may do it, and what comes back. The desk is the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.requests import HTTPConnection

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import commands, topics
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import Desk
from taktwin.plant import open_plant
from taktwin.portal.app import create_app
from taktwin.portal.auth import Person
from taktwin.settings import Installation
from taktwin.storage.stores import MemoryStore

PLANT = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"
CLOCK = SystemClock()


class Door:
    """Lets in whoever the test says."""

    loopback_only = True

    def __init__(self) -> None:
        self.person = Person("P02", ("operator",))

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return the person of the test."""
        return self.person


class Asking:
    """A portal with the MES's own desk behind it."""

    def __init__(self, http: httpx.AsyncClient, door: Door) -> None:
        self.http = http
        self.door = door
        self.keys = 0

    async def ask(self, role: str, name: str, **data: Any) -> httpx.Response:
        """Ask for a command in a role."""
        self.keys += 1
        self.door.person = Person(f"a {role}", (role,))
        body = {"data": data, "idempotency_key": f"key-{self.keys:06d}"}
        return await self.http.post(f"/api/v1/mes/commands/{name}", json=body)


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Asking]:
    registry = open_plant(PLANT)
    definitions, store = compiled(registry), MemoryStore()
    desk, bus, door = Desk(store, definitions, CLOCK.now_ns), MemoryBus(MemoryHub(CLOCK)), Door()

    async def take(message: Message) -> bytes:
        return commands.encode(desk.execute(commands.decode(message.payload)))

    for name in ("maintenance", "upkeep"):

        async def answer(message: Message, name: str = name) -> bytes:
            wish = msgspec.msgpack.decode(message.payload)
            return msgspec.msgpack.encode(QUERIES[name](store.book, definitions, wish, CLOCK.now_ns()))

        await bus.serve(topics.query(registry.enterprise, registry.site, "mes", name), answer)
    await bus.serve(topics.command(registry.enterprise, registry.site, "mes", ">"), take)
    installation = Installation(data_dir=str(tmp_path), plant_dir=str(PLANT))
    app = create_app(registry, bus, CLOCK, installation, accounts=door)
    desk.tick()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield Asking(http, door)


async def test_an_operator_asks_and_changes_tools_and_maintenance_does_the_orders(portal: Asking) -> None:
    asked = await portal.ask("operator", "maintenance.request", work_unit="hob1", about="noise")
    assert asked.status_code == 200 and asked.json()["subject"] == "M1"
    assert (await portal.ask("operator", "tool.mount", tool="T-hob-1", work_unit="hob1")).status_code == 200
    refused = await portal.ask("operator", "maintenance.start", order="M1")
    assert refused.status_code == 403 and "mes.maintain" in refused.text
    for name, data in (
        ("maintenance.assign", {"order": "M1", "person": "P09"}),
        ("maintenance.start", {"order": "M1"}),
        ("spare.count", {"spare": "GR-2", "quantity": 3}),
        ("maintenance.complete", {"order": "M1", "done": "greased", "spare_parts": {"GR-2": 1}}),
    ):
        answer = await portal.ask("maintenance", name, **data)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("viewer", "maintenance.request"), ("viewer", "tool.mount"), ("planner", "tool.change"),
        ("operator", "maintenance.complete"), ("operator", "spare.receive"), ("operator", "gauge.calibrate"),
        ("leader", "maintenance.assign"), ("quality", "maintenance.abort"), ("maintenance", "job.begin"),
    ],
)  # fmt: skip
async def test_a_role_that_may_not_is_refused(portal: Asking, role: str, name: str) -> None:
    assert (await portal.ask(role, name)).status_code == 403


async def test_what_the_page_gets_is_what_was_declared(portal: Asking) -> None:
    await portal.ask("demo", "tool.mount", tool="T-hob-1", work_unit="hob1")
    await portal.ask("demo", "gauge.calibrate", gauge="C1", kind="caliper")
    await portal.ask("demo", "maintenance.request", work_unit="hob1", kind="tool_change", tool_kind="hob")
    found = (await portal.http.get("/api/v1/mes/maintenance")).json()
    assert [row["order"] for row in found["orders"]] == ["M1"] and found["orders"][0]["opened_ms"] > 0
    assert [tool["tool"] for tool in found["tools"]] == ["T-hob-1"]
    assert found["gauges"][0]["valid"] and len(found["due"]) == 8
    here = (await portal.http.get("/api/v1/mes/maintenance/hob1")).json()
    assert here["tools"][0]["mounted"]["life_parts"] == 3000
    assert (await portal.http.get("/api/v1/mes/maintenance/nowhere")).status_code == 404


async def test_what_cannot_be_is_a_problem_with_its_place(portal: Asking) -> None:
    unknown = await portal.ask("demo", "maintenance.request", work_unit="nowhere", about="x")
    assert unknown.status_code == 404 and unknown.json()["found"] == "'nowhere'"
    wrong = await portal.ask("demo", "spare.receive", spare="GR-2", quantity="many")
    assert wrong.status_code == 422
    expired = await portal.ask("demo", "gauge.use", gauge="C9")
    assert expired.status_code == 404 and "C9" in expired.text
