"""People over HTTP: a desk in memory behind the portal, asked by people with roles and without."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from starlette.requests import HTTPConnection

from taktwin.bus.port import Handler
from taktwin.clock import SystemClock
from taktwin.contracts import commands, topics
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import Desk
from taktwin.mes.resources import engine
from taktwin.plant import open_plant
from taktwin.portal.app import create_app
from taktwin.portal.auth import Person
from taktwin.settings import Installation
from taktwin.storage.stores import MemoryStore
from tests.unit.portal.support import DeadBus

NORTHFIELD = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"
REGISTRY = open_plant(NORTHFIELD)
DAY_MS = 86_400_000
PIN, BADGE = "735190042618", "BADGE-HTTP-P08-1"


class MesBus(DeadBus):
    """A bus at whose other end the MES decides, in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.definitions = compiled(REGISTRY)
        self.store = MemoryStore()
        self.clock = SystemClock()
        self.desk = Desk(self.store, self.definitions, self.clock.now_ns)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Answer as the MES does."""
        topic = topics.parse(subject)
        if "_cmd_v1" in subject:
            return commands.encode(self.desk.execute(commands.decode(payload)))
        wish = msgspec.msgpack.decode(payload) if payload else {}
        found = QUERIES[topic.rest[1]](self.store.book, self.definitions, wish, self.clock.now_ns())
        return msgspec.msgpack.encode(found)

    async def subscribe(self, subject: str, handler: Handler) -> MesBus:
        """Keep a handler."""
        self.handlers[subject] = handler
        return self


class Door:
    """Everybody comes in with the roles that the test gives."""

    loopback_only = True

    def __init__(self) -> None:
        self.roles: tuple[str, ...] = ("operator",)

    def person_of(self, connection: HTTPConnection) -> Person:
        """Return the person of the test."""
        return Person("terminal-3", self.roles)


class Page:
    """A browser in front of the portal."""

    def __init__(self, http: httpx.AsyncClient, door: Door, bus: MesBus) -> None:
        self.http, self.door, self.bus = http, door, bus

    async def command(self, command: str, role: str, /, **data: Any) -> httpx.Response:
        """Ask in a role."""
        self.door.roles = (role,)
        wish: Mapping[str, Any] = {"data": data, "idempotency_key": uuid.uuid4().hex}
        return await self.http.post(f"/api/v1/mes/commands/{command}", json=wish)

    async def get(self, path: str) -> Any:
        """Look, in the least role."""
        self.door.roles = ("viewer",)
        answer = await self.http.get(f"/api/v1/mes/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest_asyncio.fixture
async def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Page]:
    monkeypatch.setattr(engine, "COST", 1)
    bus, door = MesBus(), Door()
    installation = Installation(data_dir=str(tmp_path), plant_dir=str(NORTHFIELD))
    app = create_app(REGISTRY, bus, bus.clock, installation, accounts=door, static=tmp_path)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        one = Page(http, door, bus)
        await one.command("person.credentials", "leader", person="P08", pin=PIN, badge=BADGE)
        yield one


@pytest.mark.parametrize(
    ("command", "roles"),
    [
        ("person.credentials", {"leader"}),
        ("certificate.grant", {"leader"}),
        ("certificate.revoke", {"leader"}),
        ("labour.log_on", {"leader", "operator"}),
        ("labour.log_off", {"leader", "operator"}),
        ("labour.indirect", {"leader", "operator"}),
        ("shift.note.write", {"leader", "operator"}),
        ("shift.note.read", {"leader", "operator"}),
        ("record.sign", {"leader", "operator", "quality"}),
    ],
)
async def test_a_role_that_may_not_is_refused(page: Page, command: str, roles: set[str]) -> None:
    for role in ("viewer", "operator", "leader", "planner", "quality", "maintenance", "engineer"):
        answer = await page.command(command, role)
        # Whoever may is told what the command lacks.
        assert answer.status_code in ((404, 422) if role in roles else (403,)), (role, answer.text)
        assert ("Your roles" in answer.text) == (role not in roles)


async def test_a_person_is_seen_where_they_logged_on_with_their_certificates(page: Page) -> None:
    now_ms = page.bus.clock.now_ns() // 1_000_000
    granted = await page.command(
        "certificate.grant", "leader", person="P08", skill="tester", valid_until_ms=now_ms + 12 * DAY_MS
    )
    assert granted.status_code == 200, granted.text
    logged = await page.command("labour.log_on", "operator", badge=BADGE, work_unit="eol1")
    assert logged.json()["events"] == ["labour.logged.on"]
    wrote = await page.command("shift.note.write", "operator", person="P08", work_unit="eol1", text="cold")
    assert wrote.status_code == 200, wrote.text
    signed = await page.command("record.sign", "quality", badge=BADGE, pin=PIN, kind="note",
                                record=wrote.json()["subject"], meaning="reviewed")  # fmt: skip
    assert signed.status_code == 200, signed.text

    everybody = await page.get("people")
    mine = next(each for each in everybody["people"] if each["person"] == "P08")
    assert (mine["stay"]["work_unit"], mine["pin"], mine["badge"]) == ("eol1", True, True)
    assert mine["certificates"][0]["valid_until_ms"] == now_ms + 12 * DAY_MS
    assert [each["certificate"] for each in everybody["expiring"]] == ["P08:tester"]
    crew = await page.get("crew/eol1")
    assert [each["person"] for each in crew["people"]] == ["P08"]
    assert [each["text"] for each in crew["notes"]] == ["cold"]
    rows = (await page.get("labour?hours=1"))["rows"]
    assert [(row["person"], row["work_unit"], row["job"]) for row in rows] == [("P08", "eol1", "")]
    shown = (await page.get(f"signatures/note/{wrote.json()['subject']}"))["signatures"]
    assert [(one["printed_name"], one["meaning"]) for one in shown] == [("P08", "reviewed")]


async def test_what_does_not_exist_or_proves_nobody_says_so(page: Page) -> None:
    page.door.roles = ("viewer",)
    for path, status in (("crew/nowhere", 404), ("labour?job=none", 404), ("labour?hours=0", 422)):
        answer = await page.http.get(f"/api/v1/mes/{path}")
        assert answer.status_code == status, path
    wrong = await page.command("labour.log_on", "operator", person="P08", pin="000001", work_unit="eol1")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "denied")
    absent = await page.http.post(
        "/api/v1/mes/commands/lot.receive",
        json={"data": {"lot": "L", "product": "HS-1", "quantity": 1}, "on_behalf_of": "P08",
              "idempotency_key": "12345678"},
    )  # fmt: skip
    assert absent.status_code == 403 and "logged on nowhere" in absent.text


async def test_no_answer_says_a_proof_again_whatever_is_wrong_with_the_request(page: Page) -> None:
    page.door.roles = ("leader",)
    data = {"person": "P08", "pin": PIN, "badge": BADGE, "work_unit": "eol1"}
    key = {"idempotency_key": "12345678"}
    for body in (
        {"data": data}, {"data": [data], **key}, {"data": data, "more": data, **key}, [data],
        {"data": {**data, "extra": 1}, **key}, {"data": {**data, "pin": int(PIN)}, **key},
        {"data": {**data, "work_unit": "nowhere"}, **key}, {"data": {**data, "person": "P07"}, **key},
    ):  # fmt: skip
        answer = await page.http.post("/api/v1/mes/commands/labour.log_on", json=body)
        assert answer.status_code in (403, 404, 422), answer.text
        assert PIN not in answer.text and BADGE not in answer.text, answer.text
