"""Accounts over HTTP: a desk in memory behind the portal, and attacks on its doors."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
import pytest_asyncio
from starlette.types import Message

from taktwin.clock import SystemClock
from taktwin.contracts import commands, topics
from taktwin.contracts.commands import CATALOGUE, CommandData
from taktwin.entropy import fingerprint
from taktwin.errors import BusError
from taktwin.mes.resources import engine
from taktwin.portal.app import create_app
from taktwin.portal.auth import BELIEVED_NS, BRIDGED_NS, COOKIE, SignedIn
from taktwin.portal.questions import Questions
from taktwin.portal.roles import ROLES, Action, allowed
from taktwin.portal.routes.mes import NEEDS
from taktwin.settings import Installation
from tests.unit.portal.test_people import NORTHFIELD, REGISTRY, MesBus

SITE = "aurora/northfield"
HERE = {"Origin": "http://localhost"}
PASSWORD = "a long walk home"
PEOPLE = {
    "boss": ("admin", SITE), "P05": ("operator", f"{SITE}/assembly"), "P32": ("quality", SITE),
    "P36": ("planner", SITE),
}  # fmt: skip


class Clock(SystemClock):
    """A clock that a test turns on; monotonic time goes with it."""

    ahead_ns = 0

    def now_ns(self) -> int:
        """Return the time."""
        return super().now_ns() + self.ahead_ns

    def monotonic_ns(self) -> int:
        """Return the time that no clock change touches."""
        return super().monotonic_ns() + self.ahead_ns


class Office:
    """A portal with accounts, and browsers in front of it."""

    def __init__(self, folder: Path, *, demo: bool = False) -> None:
        self.bus = MesBus()
        self.bus.desk._setup_code = fingerprint("SETU-PCOD")
        self.clock = Clock()
        self.bus.clock = self.clock
        self.bus.desk._now_ns = self.clock.now_ns
        installation = Installation(data_dir=str(folder), plant_dir=str(NORTHFIELD), demo=demo)
        questions = Questions(
            cast("Any", self.bus), enterprise=REGISTRY.enterprise, site=REGISTRY.site
        )  # fmt: skip
        self.accounts = SignedIn(
            questions=questions, clock=self.clock, site=SITE, demo=demo
        )  # fmt: skip
        self.app = create_app(REGISTRY, cast("Any", self.bus), self.clock, installation,
                              accounts=self.accounts, static=folder)  # fmt: skip

    def browser(self, *, origin: bool = True) -> httpx.AsyncClient:
        """Return a browser with a jar of its own; without `origin` it is a program."""
        transport = httpx.ASGITransport(app=self.app)
        headers = HERE if origin else {}
        return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)

    async def sign_in(self, account: str, password: str = PASSWORD) -> httpx.AsyncClient:
        """Return a browser in which somebody has signed in."""
        browser = self.browser()
        answer = await browser.post("/api/v1/session", json={"account": account, "password": password})
        assert answer.status_code == 200, answer.text
        return browser

    def order(self, wish: CommandData) -> None:
        """Ask the MES as its own people would."""
        command = commands.make(wish, command_id=uuid.uuid4().hex, actor="boss")
        assert self.bus.desk.execute(command).accepted, wish

    def join(self, account: str, role: str, scope: str) -> None:
        """Let somebody sign in."""
        self.order(commands.OpenAccount(account=account, code=fingerprint("CODE")))
        self.order(commands.GrantRole(account=account, role=role, scope=scope))
        self.order(commands.SetPassword(account=account, password=PASSWORD, code=fingerprint("CODE")))


@pytest_asyncio.fixture
async def office(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Office]:
    monkeypatch.setattr(engine, "COST", 1)
    one = Office(tmp_path)
    for account, (role, scope) in PEOPLE.items():
        one.join(account, role, scope)
    yield one


def wish(**data: Any) -> dict[str, Any]:
    return {"data": data, "idempotency_key": uuid.uuid4().hex}


async def stream_opens(app: Any, cookie: str = "", origin: str = "http://localhost") -> bool:
    """Return whether a WebSocket of the stream is taken at all."""
    headers = [(b"host", b"localhost")]
    headers += [(b"cookie", cookie.encode())] if cookie else []
    headers += [(b"origin", origin.encode())] if origin else []
    scope = {"type": "websocket", "path": "/api/v1/live", "raw_path": b"/api/v1/live", "query_string": b"",
             "headers": headers, "subprotocols": [], "client": ("127.0.0.1", 1), "scheme": "ws",
             "server": ("localhost", 80)}  # fmt: skip
    said: list[Message] = []
    ours: asyncio.Queue[Message] = asyncio.Queue()
    ours.put_nowait({"type": "websocket.connect"})
    ours.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, ours.get, send)
    return said[0]["type"] == "websocket.accept"


async def test_nothing_is_said_to_nobody_and_the_way_in_is_open(office: Office) -> None:
    async with office.browser() as stranger:
        document = (await (await office.sign_in("boss")).get("/api/v1/openapi.json")).json()
        opened = []
        for path, verbs in document["paths"].items():
            for verb in verbs:
                answer = await stranger.request(verb, path.replace("{", "").replace("}", ""), json={})
                if answer.status_code != 401:
                    opened.append(f"{verb.upper()} {path}")
        assert sorted(opened) == [
            "GET /api/v1/session", "POST /api/v1/session", "POST /api/v1/session/password",
            "POST /api/v1/session/set-up",
        ]  # fmt: skip
        for path in ("/api/v1/openapi.json", "/api/v1/mes/files/a.png", "/api/v1/mes/audit.jsonl", "/api/v2"):
            assert (await stranger.get(path)).status_code == 401
        assert (await stranger.get("/")).status_code == 200, "the page itself holds nothing of the plant"
        seen = (await stranger.get("/api/v1/session")).json()
        assert seen == {
            "plant": REGISTRY.name, "signed_in": False, "person": "", "set_up": True, "demo": [],
        }  # fmt: skip
    assert not await stream_opens(office.app)


async def test_whoever_signs_in_is_somebody_and_signs_out_again(office: Office) -> None:
    browser = await office.sign_in("P05")
    me = (await browser.get("/api/v1/me")).json()
    assert (me["person"], me["roles"], me["signed_in"]) == ("P05", [], True)
    assert me["scoped"] == [{"role": "operator", "scope": f"{SITE}/assembly"}]
    assert "mes.work" in me["may"] and "mes.dispose" not in me["may"]
    cookie = f"{COOKIE}={browser.cookies[COOKIE]}"
    assert await stream_opens(office.app, cookie)
    assert (await browser.post("/api/v1/session/end")).status_code == 200
    assert COOKIE not in browser.cookies
    assert not await stream_opens(office.app, cookie), "a copy of the cookie is worth nothing"


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(office: Office) -> None:
    async with office.browser() as browser:
        answer = await browser.post("/api/v1/session", json={"account": "P05", "password": PASSWORD})
        said = answer.headers["set-cookie"].lower()
        assert "httponly" in said and "samesite=strict" in said and "path=/" in said
        assert browser.cookies[COOKIE] not in answer.text
    office.accounts.secure = True
    async with office.browser() as browser:
        answer = await browser.post("/api/v1/session", json={"account": "P05", "password": PASSWORD})
        assert answer.headers["set-cookie"].startswith("__Host-") and "Secure" in answer.headers["set-cookie"]


async def test_a_session_that_somebody_else_has_fixed_is_not_taken_over(office: Office) -> None:
    async with office.browser() as browser:
        browser.cookies.set(COOKIE, "chosen-by-an-attacker")
        answer = await browser.post("/api/v1/session", json={"account": "P05", "password": PASSWORD})
        assert answer.status_code == 200
    async with office.browser() as attacker:
        attacker.cookies.set(COOKIE, "chosen-by-an-attacker")
        assert (await attacker.get("/api/v1/me")).status_code == 401
    browser = await office.sign_in("P05")
    before = browser.cookies[COOKIE]
    await browser.post("/api/v1/session", json={"account": "P32", "password": PASSWORD})
    assert browser.cookies[COOKIE] != before
    async with office.browser() as old:
        old.cookies.set(COOKIE, before)
        assert (await old.get("/api/v1/me")).status_code == 401, "one browser has one session"


@pytest.mark.parametrize("forged", ["", "x", "P05", "a" * 43, "../../boss", "%00", "'; DROP TABLE accounts"])
async def test_a_forged_cookie_or_token_is_nobodys(office: Office, forged: str) -> None:
    async with office.browser() as browser:
        answer = await browser.get("/api/v1/me", headers={"Cookie": f"{COOKIE}={forged}"})
        assert answer.status_code == 401
        for said in (f"Bearer {forged}", f"Basic {forged}", forged):
            answer = await browser.get("/api/v1/me", headers={"Authorization": said})
            assert answer.status_code == 401
    shown = next(row for table, row in office.bus.store.book.rows if table == "passwords")
    assert shown in PEOPLE


async def test_what_the_journal_holds_of_a_session_opens_nothing(office: Office) -> None:
    await office.sign_in("boss")
    kept = next(row for table, row in office.bus.store.book.rows if table == "sessions")
    async with office.browser() as browser:
        assert (await browser.get("/api/v1/me", headers={"Cookie": f"{COOKIE}={kept}"})).status_code == 401


async def test_a_command_of_another_site_is_refused_with_the_cookie_of_ours(office: Office) -> None:
    browser = await office.sign_in("boss")
    path, body = "/api/v1/mes/commands/account.close", wish(account="P05", cause="x")
    for headers in (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:99"},
        {"Origin": "", "Sec-Fetch-Site": "cross-site"},
    ):  # fmt: skip
        answer = await browser.post(path, json=body, headers=headers)
        assert answer.status_code == 403, headers
    cookie = f"{COOKIE}={browser.cookies[COOKIE]}"
    async with office.browser(origin=False) as unsaid:
        answer = await unsaid.post(path, json=body, headers={"Cookie": cookie})
        assert answer.status_code == 403, "a cookie without a word of whose page asks"
    assert not await stream_opens(office.app, cookie, origin="https://evil.example")
    assert not await stream_opens(office.app, cookie, origin="")
    assert (await browser.post(path, json=body)).status_code == 200


async def test_a_living_session_of_a_closed_account_ends_with_it_and_so_does_its_stream(
    office: Office,
) -> None:
    operator, boss = await office.sign_in("P05"), await office.sign_in("boss")
    assert (await operator.get("/api/v1/me")).status_code == 200
    answer = await boss.post(
        "/api/v1/mes/commands/account.close", json=wish(account="P05", cause="left")
    )  # fmt: skip
    assert answer.status_code == 200
    office.clock.ahead_ns += BELIEVED_NS  # what the relay says at once, the clock says at the latest
    assert (await operator.get("/api/v1/me")).status_code == 401


async def test_an_event_of_accounts_ends_what_was_believed(office: Office) -> None:
    operator = await office.sign_in("P05")
    await operator.get("/api/v1/me")
    office.order(commands.EndSessions(account="P05", cause="tablet lost"))
    assert (await operator.get("/api/v1/me")).status_code == 200, "believed for seconds"
    office.accounts.forget()
    assert (await operator.get("/api/v1/me")).status_code == 401


async def test_while_the_owner_of_accounts_is_away_known_people_go_on_for_minutes(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await office.sign_in("P05")
    await operator.get("/api/v1/me")

    async def away(*_: Any, **__: Any) -> bytes:
        raise BusError("nobody answers")

    monkeypatch.setattr(office.bus, "request", away)
    office.clock.ahead_ns += 2 * BELIEVED_NS
    assert (await operator.get("/api/v1/me")).status_code == 200
    async with office.browser() as stranger:
        unknown = await stranger.get("/api/v1/me", headers={"Cookie": f"{COOKIE}=other"})
        assert unknown.status_code == 503, "nobody knows, and so nothing is shown"
    office.clock.ahead_ns += BRIDGED_NS
    assert (await operator.get("/api/v1/me")).status_code == 503


async def test_a_token_does_what_it_is_for_under_its_accounts_name_and_no_more(office: Office) -> None:
    planner = await office.sign_in("P36")
    asked = {"name": "ERP", "actions": ["mes.plan"], "days": 30}
    issued = await planner.post("/api/v1/accounts/P36/tokens", json=asked)
    assert issued.status_code == 200, issued.text
    shown = {"Authorization": f"Bearer {issued.json()['token']}"}
    order = wish(request="77", product="EA-100", quantity=1, due_ms=office.clock.now_ns() // 1_000_000)
    async with office.browser(origin=False) as program:
        assert (await program.get("/api/v1/me", headers=shown)).json()["may"] == ["mes.plan"]
        done = await program.post("/api/v1/mes/commands/order.drop", json=order, headers=shown)
        assert done.status_code == 200, done.text
        entry = office.bus.store.entries[-1]
        assert (entry.actor, entry.actor_type) == ("P36", "service")
        job = wish(job="77-10", work_unit="load2", version=1)
        less = await program.post("/api/v1/mes/commands/job.dispatch", json=job, headers=shown)
        assert less.status_code == 403 and "a token for mes.plan" in less.text, "the planner may, it may not"
        more = await program.post("/api/v1/accounts/P36/tokens", json=asked, headers=shown)
        assert more.status_code == 403, "a token makes no token"
        office.order(commands.WithdrawRole(account="P36", role="planner"))
        office.accounts.forget()
        gone = await program.post("/api/v1/mes/commands/order.drop", json=order, headers=shown)
        assert gone.status_code == 403, "and never more than its account"
        listed = (await planner.get("/api/v1/accounts")).json()["accounts"]
        assert [each["account"] for each in listed] == ["P36"], "others are the admin's to see"
        revoked = await planner.post(
            f"/api/v1/accounts/P36/tokens/{listed[0]['tokens'][0]['token']}/revoke"
        )  # fmt: skip
        assert revoked.status_code == 200
        assert (await program.get("/api/v1/me", headers=shown)).status_code == 401


async def test_nobody_but_an_admin_gives_accounts_roles_and_codes(office: Office) -> None:
    operator = await office.sign_in("P05")
    for path, body in (
        ("accounts", {"account": "eve"}), ("accounts/P32/code", {}),
        ("accounts/P32/tokens", {"name": "x", "actions": [], "days": 1}),
        ("mes/commands/account.grant", wish(account="P05", role="admin")),
        ("mes/commands/account.close", wish(account="P32", cause="x")),
    ):  # fmt: skip
        assert (await operator.post(f"/api/v1/{path}", json=body)).status_code == 403, path
    # What is decided over a password or a fingerprint has a door of its own, and no other.
    boss = await office.sign_in("boss")
    for name in sorted(set(CATALOGUE) - set(NEEDS)):
        answer = await boss.post(f"/api/v1/mes/commands/{name}", json=wish(account="P05"))
        assert answer.status_code == 404, name


async def test_a_new_account_chooses_its_password_with_the_code_that_was_shown_once(office: Office) -> None:
    boss = await office.sign_in("boss")
    opened = (await boss.post("/api/v1/accounts", json={"account": "P09"})).json()
    granted = await boss.post(
        "/api/v1/mes/commands/account.grant",
        json=wish(account="P09", role="maintenance", scope="../northfield"),
    )
    assert granted.status_code == 404, "no part of the plant is called so"
    listed = (await boss.get("/api/v1/accounts")).text
    assert opened["code"] not in listed
    chosen = {"account": "P09", "password": PASSWORD, "code": opened["code"].lower()}
    async with office.browser() as browser:
        assert (await browser.post("/api/v1/session/password", json=chosen)).status_code == 200
        again = await browser.post("/api/v1/session/password", json=chosen)
        assert again.status_code == 403 and opened["code"].lower() not in again.text
    me = (await (await office.sign_in("P09")).get("/api/v1/me")).json()
    assert (me["roles"], me["may"]) == ([], []), "who has no role looks"


async def test_after_twenty_wrong_tries_in_a_minute_an_address_waits(office: Office) -> None:
    async with office.browser() as browser:
        answers = [
            await browser.post("/api/v1/session", json={"account": f"x{n}", "password": "wrong wrong"})
            for n in range(21)
        ]
        assert [answer.status_code for answer in answers] == [403] * 20 + [429]
        assert "60 s of waiting" in answers[-1].text
        right = {"account": "P05", "password": PASSWORD}
        assert (await browser.post("/api/v1/session", json=right)).status_code == 429
        office.clock.ahead_ns += 61_000_000_000
        assert (await browser.post("/api/v1/session", json=right)).status_code == 200


async def test_no_answer_says_a_password_again_whatever_is_wrong_with_the_request(office: Office) -> None:
    secret = "tell it to nobody"
    async with office.browser() as browser:
        for path, body in (
            ("session", {"account": "P05", "password": secret}), ("session", {"password": secret}),
            ("session", {"account": secret, "password": secret}),
            ("session", {"account": "P05", "password": [secret]}),
            ("session", [secret]), ("session/set-up", {"account": "P05", "password": secret, "code": secret}),
            ("session/password", {"account": "P05", "password": secret, "before": secret}),
            ("session/password", {"account": "P05", "password": secret, "code": {"a": secret}}),
        ):  # fmt: skip
            answer = await browser.post(f"/api/v1/{path}", json=body)
            assert answer.status_code in (403, 422), (path, answer.text)
            assert secret not in answer.text, (path, answer.text)
    assert secret not in repr(office.bus.store.entries) + repr(office.bus.store.book.rows)


async def test_the_first_admin_of_a_plant_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "COST", 1)
    new = Office(tmp_path)
    async with new.browser() as browser:
        assert (await browser.get("/api/v1/session")).json()["set_up"] is False
        admin = {"account": "boss", "password": PASSWORD}
        wrong = await browser.post("/api/v1/session/set-up", json={**admin, "code": "NOPE"})
        assert wrong.status_code == 403 and "console" in wrong.text
        right = await browser.post("/api/v1/session/set-up", json={**admin, "code": "setu-pcod"})
        assert right.status_code == 200, right.text
        again = await browser.post(
            "/api/v1/session/set-up", json={"account": "eve", "password": PASSWORD, "code": "SETU-PCOD"}
        )
        assert again.status_code == 403
    await new.sign_in("boss")


async def test_a_demo_opens_without_signing_in_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "COST", 1)
    demo = Office(tmp_path, demo=True)
    demo.join("P32", "quality", SITE)
    async with demo.browser() as browser:
        me = (await browser.get("/api/v1/me")).json()
        assert (me["person"], me["signed_in"]) == ("demo", False)
        offered = (await browser.get("/api/v1/session")).json()["demo"]
        assert {each["account"] for each in offered} >= {"P05", "P32", "P35"}
        assert (await browser.get("/api/v1/me", headers={"Authorization": "Bearer x"})).status_code == 401
    browser = await demo.sign_in("P32")
    assert (await browser.get("/api/v1/me")).json()["person"] == "P32"
    await browser.post("/api/v1/session/end")
    assert (await browser.get("/api/v1/me")).json()["person"] == "demo"


# The whole table: each command, each role, in its part of the plant and beside it.

EVERYBODY = ("operator", "leader", "planner", "quality", "maintenance", "engineer", "manager", "admin")
MATRIX: dict[str, str] = {
    "order.drop": "planner", "order.change": "planner",
    "job.dispatch": "leader planner", "job.control": "leader planner",
    "job.begin": "operator leader", "scrap.report": "operator leader", "scrap.undo": "operator leader",
    "lot.receive": "operator leader", "lot.load": "operator leader", "lot.move": "operator leader",
    "stock.count": "leader planner",
    "asset.register": "maintenance", "asset.mount": "maintenance", "asset.dismount": "maintenance",
    "asset.store": "maintenance", "asset.retire": "maintenance",
    "hold.set": "operator leader quality manager", "hold.release": "quality",
    "person.credentials": "leader admin", "certificate.grant": "leader admin",
    "certificate.revoke": "leader admin",
    "labour.log_on": "operator leader", "labour.log_off": "operator leader",
    "labour.indirect": "operator leader",
    "shift.note.write": "operator leader", "shift.note.read": "operator leader",
    "record.sign": "operator leader quality manager",
    "definition.receive": "planner", "definition.approve": "engineer", "definition.withdraw": "engineer",
    "document.release": "quality engineer", "document.withdraw": "quality engineer",
    "document.acknowledge": "operator leader",
    "maintenance.request": "operator leader planner quality maintenance engineer manager",
    "maintenance.assign": "maintenance", "maintenance.start": "maintenance",
    "maintenance.complete": "maintenance", "maintenance.abort": "maintenance",
    "spare.receive": "maintenance", "spare.count": "maintenance",
    "tool.mount": "operator leader quality maintenance",
    "tool.dismount": "operator leader quality maintenance",
    "tool.service": "operator leader quality maintenance",
    "tool.change": "operator leader quality maintenance",
    "tool.inspect": "quality maintenance",
    "gauge.calibrate": "quality maintenance", "gauge.use": "operator leader quality maintenance",
    "result.record": "operator leader quality", "nonconformance.dispose": "quality",
    "checklist.answer": "operator leader", "photo.attach": "operator leader quality",
    "booking.settle": "leader quality", "booking.retry": "leader",
    "stop.recode": "operator leader maintenance engineer",
    "stop.split": "operator leader maintenance engineer",
    "stop.merge": "operator leader maintenance engineer",
    "scrap.restore": "quality", "job.split": "leader planner", "job.merge": "leader planner",
    "lot.split": "operator leader", "lot.merge": "operator leader", "rework.report": "operator leader",
    "hold.suspects": "operator leader quality manager", "hold.release_suspects": "quality",
    "schedule.publish": "planner", "schedule.publish_frozen": "leader",
    "account.grant": "admin", "account.withdraw": "admin", "account.close": "admin", "account.end": "admin",
}  # fmt: skip
OWN_DOORS = {
    "account.open", "account.invite", "account.set_up", "account.password", "account.sign_in",
    "account.sign_out", "token.issue", "token.revoke",
    "machine.jobs.report",  # of machines, through the commander
}  # fmt: skip


def test_every_command_has_a_row_and_every_role_a_place() -> None:
    assert set(MATRIX) | OWN_DOORS == set(CATALOGUE), "a new command needs a row: who may ask for it"
    assert set(NEEDS) == set(MATRIX)
    assert set(EVERYBODY) == set(ROLES) - {"viewer", "demo"} == set(commands.ROLES)


@pytest.mark.parametrize("name", MATRIX)
def test_a_command_is_for_the_roles_of_its_row_and_no_other(name: str) -> None:
    may = {role for role in EVERYBODY if NEEDS[name] in allowed((role,))}
    assert may == set(MATRIX[name].split())


# One command a kind of place, over the whole way: role, part of the plant, command, what came of it.
PLACED: dict[str, tuple[str, dict[str, Any]]] = {
    "lot.load": ("press2", {"lot": "L", "work_unit": "press2"}),
    "labour.log_on": ("press2", {"person": "P07", "pin": "1234", "work_unit": "press2"}),
    "shift.note.write": ("press2", {"work_unit": "press2", "person": "P07", "text": "x"}),
    "maintenance.request": ("press2", {"work_unit": "press2", "about": "x"}),
    "job.dispatch": ("press2", {"job": "1-30", "work_unit": "press2", "version": 1}),
    "tool.mount": ("press2", {"tool": "T", "work_unit": "press2"}),
    "lot.move": ("press2", {"lot": "L", "target": "press2"}),
    "asset.mount": ("press2", {"asset": "A", "role": "press2/press_unit"}),
    "gauge.use": ("press2", {"gauge": "G", "work_unit": "press2"}),
    "order.drop": ("", {"request": "1", "product": "EA-100", "quantity": 1, "due_ms": 1}),
    "spare.count": ("", {"spare": "B", "quantity": 1}),
    "definition.approve": ("", {"product": "EA-100", "definition": "2", "version": 1}),
    "document.withdraw": ("", {"document": "WI-40", "revision": 1, "cause": "x"}),
    "certificate.revoke": ("", {"person": "P07", "skill": "tester", "cause": "x", "version": 1}),
}
PARTS = {
    SITE: True, f"{SITE}/assembly": True, f"{SITE}/assembly/line2": True,
    f"{SITE}/assembly/line2/press2": True, f"{SITE}/assembly/line2/load2": False,
    f"{SITE}/assembly/line3": False, f"{SITE}/machining": False,
}  # fmt: skip


async def test_a_role_reaches_its_part_of_the_plant_and_nothing_beside_it(office: Office) -> None:
    browsers: dict[tuple[str, str], httpx.AsyncClient] = {}
    for name, (place, data) in PLACED.items():
        role = MATRIX[name].split()[0]
        for number, (part, holds) in enumerate(PARTS.items()):
            if (role, part) not in browsers:
                office.join(f"{role}-{number}", role, part)
                browsers[role, part] = await office.sign_in(f"{role}-{number}")
            answer = await browsers[role, part].post(f"/api/v1/mes/commands/{name}", json=wish(**data))
            reached = holds if place else part == SITE
            assert ("reach of" not in answer.text) == reached, (name, part, answer.text)
            assert reached or answer.status_code == 403


async def test_an_alarm_is_taken_notice_of_only_by_whoever_reaches_its_equipment() -> None:
    from taktwin.portal.auth import Person

    here = Person("P05", (), scoped=(("operator", f"{SITE}/assembly/line2"),))
    assert here.may(Action.ALARM_ACKNOWLEDGE, f"{SITE}/assembly/line2/press2")
    assert not here.may(Action.ALARM_ACKNOWLEDGE, f"{SITE}/machining/line1/turn1")
    assert not here.may(Action.ALARM_ACKNOWLEDGE), "of nobody knows what: the site's"
    assert not here.may(Action.ALARM_SHELVE, f"{SITE}/assembly/line2/press2")


def test_the_backbones_own_subject_of_accounts_is_that_of_their_events() -> None:
    assert topics.ACCOUNTS.endswith("_evt_v1.account.>")
    assert msgspec.json.decode(msgspec.json.encode(fingerprint("x"))) == fingerprint("x")
