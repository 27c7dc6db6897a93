"""What an ERP sends and asks for, over HTTP: who may, how much, in which form. The desk is the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.requests import HTTPConnection

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.bus.port import Message
from taktwin.cli.sender import report
from taktwin.clock import SystemClock
from taktwin.contracts import commands, topics
from taktwin.contracts.commands import ImportOrders
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import Desk
from taktwin.mes.exchange import telling
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.exchange.queries import QUERIES, TRAILS
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.portal.app import create_app
from taktwin.portal.auth import Person
from taktwin.portal.routes import erp
from taktwin.settings import Installation
from taktwin.standards import b2mml
from taktwin.standards.b2mml.message import NAMESPACE
from taktwin.storage.journal import MemoryTrail
from taktwin.storage.stores import MemoryStore

PLANT = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"
CLOCK = SystemClock()
CSV = b"order,product,quantity,due\n1,EA-100,2,2026-12-24\n2,EA-900,2,2026-12-24\n"


class Door:
    """Lets in whoever the test says."""

    loopback_only = True

    def __init__(self) -> None:
        self.person = Person("a planner", ("planner",))

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return the person of the test."""
        return self.person


class Line:
    """An ERP's line to the page."""

    def __init__(self, http: httpx.AsyncClient, door: Door, store: MemoryStore) -> None:
        self.http = http
        self.door = door
        self.store = store

    async def send(self, path: str, content: bytes, kind: str = "text/csv") -> httpx.Response:
        """Send a message."""
        return await self.http.post(
            f"/api/v1/mes/erp/{path}", content=content, headers={"Content-Type": kind}
        )

    async def get(self, path: str) -> httpx.Response:
        """Ask for something."""
        return await self.http.get(f"/api/v1/mes/erp/{path}")


@pytest.fixture(scope="module")
def registry() -> Registry:
    """The demo plant."""
    return open_plant(PLANT)


@pytest.fixture
async def line(registry: Registry, tmp_path: Path) -> AsyncIterator[Line]:
    """A page with the MES's own desk behind it."""
    definitions, store = compiled(registry), MemoryStore()
    desk, bus, door = Desk(store, definitions, CLOCK.now_ns), MemoryBus(MemoryHub(CLOCK)), Door()
    importer = Importer(desk, store, definitions, sender=registry.site, time_zone=registry.time_zone)

    async def take(message: Message) -> bytes:
        command = commands.decode(message.payload)
        if command.name != commands.IMPORT_ORDERS:
            return commands.encode(desk.execute(command))
        wish = msgspec.json.decode(command.data, type=ImportOrders)
        return commands.encode(importer.take(
            wish.format, wish.content, actor=command.actor, actor_type="human", at_ns=CLOCK.now_ns()
        ))  # fmt: skip

    for name in (*QUERIES, *TRAILS):

        async def answer(message: Message, name: str = name) -> bytes:
            wish = msgspec.msgpack.decode(message.payload)
            if name in TRAILS:
                trail = MemoryTrail(store.entries)
                return msgspec.msgpack.encode(
                    TRAILS[name](store.book, trail, definitions, wish, CLOCK.now_ns())
                )
            return msgspec.msgpack.encode(QUERIES[name](store.book, definitions, wish, CLOCK.now_ns()))

        await bus.serve(topics.query(registry.enterprise, registry.site, "mes", name), answer)
    await bus.serve(topics.command(registry.enterprise, registry.site, "mes", ">"), take)
    installation = Installation(data_dir=str(tmp_path), plant_dir=str(PLANT))
    app = create_app(registry, bus, CLOCK, installation, accounts=door)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
    ) as http:  # fmt: skip
        yield Line(http, door, store)


async def test_a_planner_sends_orders_and_reads_a_row_for_each(line: Line) -> None:
    answer = await line.send("orders", CSV)
    assert answer.status_code == 200
    assert [(row["request"], row["accepted"], row["code"]) for row in answer.json()["rows"]] == [
        ("1", True, ""), ("2", False, "unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["orders", "messages"])
async def test_a_body_that_is_too_large_is_refused_and_nothing_of_it_is_taken(
    line: Line, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erp, "BYTES_MAX", 200)
    kind = "text/csv" if path == "orders" else "application/xml"
    at_most = CSV + b"\n" * (200 - len(CSV))
    assert len(at_most) == 200
    too_large = await line.send(path, at_most + b"\n", kind)
    assert too_large.status_code == 413 and "200 bytes" in too_large.text
    assert not line.store.entries
    if path == "orders":
        assert (await line.send(path, at_most, kind)).status_code == 200, "the limit itself is allowed"


async def test_what_a_message_may_be_fits_on_the_backbone(line: Line) -> None:
    from taktwin.processes.backbone import MAX_PAYLOAD

    # It travels as base64 within JSON: four bytes for three.
    assert erp.BYTES_MAX * 4 / 3 + 10_000 < MAX_PAYLOAD
    # And its answer repeats it, with a prefix at every name: the shortest ones grow most.
    small = "<ID/>" * 1000
    order = f"<OperationsRequest>{small}</OperationsRequest>"
    message = (
        f'<ProcessOperationsSchedule xmlns="{NAMESPACE}" releaseID="0701"><DataArea><OperationsSchedule>'
        f"{order}</OperationsSchedule></DataArea></ProcessOperationsSchedule>"
    )
    answer = await line.send("messages", message.encode(), "application/xml")
    assert len(answer.content) / len(message) * erp.BYTES_MAX < MAX_PAYLOAD


async def test_a_body_that_comes_in_pieces_without_a_length_is_counted_too(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erp, "BYTES_MAX", 200)
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 50

    answer = await line.http.post(
        "/api/v1/mes/erp/orders", content=pieces(), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 413


async def test_another_form_is_refused_by_name(line: Line) -> None:
    for path, kind in (("orders", "application/pdf"), ("messages", "text/csv"), ("orders", "")):
        answer = await line.send(path, CSV, kind)
        assert answer.status_code == 415 and "Content-Type" in answer.text, (path, kind)


@pytest.mark.parametrize("role", ["viewer", "operator", "leader", "quality", "maintenance"])
async def test_a_role_that_does_not_plan_sends_nothing(line: Line, role: str) -> None:
    line.door.person = Person(f"a {role}", (role,))
    for path, kind in (("orders", "text/csv"), ("messages", "application/xml")):
        assert (await line.send(path, CSV, kind)).status_code == 403
    assert not line.store.entries


async def test_a_job_list_goes_in_and_what_was_done_comes_out(line: Line) -> None:
    await line.send("orders", CSV)
    shown = b2mml.job_list(b2mml.read((await line.get("jobs.xml")).content))
    begin_ns = CLOCK.now_ns() + 24 * 3600 * 10**9
    first = msgspec.convert(
        {**msgspec.to_builtins(shown[0].job), "equipment": "load2", "begin_ns": begin_ns,  # type: ignore[union-attr]
         "end_ns": begin_ns + 10**12}, b2mml.JobOut,
    )  # fmt: skip
    message = b2mml.show_job_list([first], schedule="S", sender="aps", at_ns=1, verb="Sync")
    answer = await line.send("messages", message, "application/xml")
    assert answer.status_code == 200 and 'actionCode="Accepted">1-10<' in answer.text
    assert answer.headers["content-type"].startswith("application/xml")
    work = await line.get("orders/1/work-performance.xml")
    assert {each.job for each in b2mml.read_work_performance(work.content)} >= {"1-10", "1-20"}
    assert (await line.get("orders/9/work-performance.xml")).status_code == 404


async def test_whoever_accepts_json_only_reads_rows_of_b2mml_too(line: Line) -> None:
    order = b2mml.OrderOut("7", "EA-900", 1, CLOCK.now_ns(), 0, "", "Released")
    message = b2mml.show_operations_schedule([order], sender="erp", at_ns=1)
    headers = {"Content-Type": "application/xml", "Accept": "application/json"}
    answer = await line.http.post("/api/v1/mes/erp/messages", content=message, headers=headers)
    (row,) = answer.json()["rows"]
    assert (row["request"], row["accepted"]) == ("7", False) and "EA-900" in row["reason"]
    assert report("a.xml", [row])[0] == "a.xml: 0 of 1 accepted"
    assert report("a.xml", [row])[1].startswith("  NO   7  ") and "EA-900" in report("a.xml", [row])[1]


async def test_events_are_asked_for_by_class_and_sequence(line: Line) -> None:
    assert (await line.get("events.xml")).status_code == 204
    await line.send("orders", CSV)
    found = await line.get("events.xml?classes=order,job")
    told = b2mml.read_operations_events(found.content)
    assert told[0].event_type == "operations.request.received"
    assert found.headers["Last-Sequence"] == str(told[-1].sequence)
    assert (await line.get(f"events.xml?classes=order,job&after={told[-1].sequence}")).status_code == 204
    for wrong in ("classes=hats", "classes=", "after=-1", "after=x"):
        assert (await line.get(f"events.xml?{wrong}")).status_code == 422, wrong


def test_the_page_names_the_classes_that_the_mes_has() -> None:
    assert tuple(telling.CLASSES) == erp.CLASSES and erp.USUAL == telling.USUAL


@pytest.mark.parametrize(
    "attack",
    [
        b'<!DOCTYPE l [<!ENTITY a "ha">]><l>&a;</l>',
        b"<a>" * 100_000,
        b"<a><b>",
        b"\xff\xfe<\x00a\x00>\x00",
        b'<ProcessHats xmlns="http://www.mesa.org/xml/B2MML" releaseID="1"><DataArea/></ProcessHats>',
    ],
)
async def test_an_attack_is_answered_with_a_clear_error(line: Line, attack: bytes) -> None:
    answer = await line.send("messages", attack, "application/xml")
    assert answer.status_code == 422 and answer.json()["found"] and answer.json()["right"]
    assert not line.store.entries
