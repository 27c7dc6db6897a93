"""Advice over HTTP: who may decide, under whose name it goes to the MES, and what is never carried.

Both desks are the real ones, over memory.
"""

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
from taktwin.contracts import recommendation as contract
from taktwin.contracts.recommendation import (
    Check,
    Declare,
    Propose,
    Recommendation,
    Risk,
    State,
    Watch,
    digest,
    shown,
)
from taktwin.errors import BusError
from taktwin.identity import EquipmentId, part_of
from taktwin.ledger import actions, api
from taktwin.ledger.tables import Grant, row_of
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import Desk, content_of
from taktwin.plant import open_plant
from taktwin.portal.app import create_app
from taktwin.portal.auth import Person
from taktwin.portal.carrier import Carrier
from taktwin.portal.grants import Grants, Wanted, kept
from taktwin.settings import Installation
from taktwin.storage.stores import MemoryStore
from tests.support_advice import CLASS, Office, card, error, proposal

PLANT = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"
CLOCK = SystemClock()
REGISTRY = open_plant(PLANT)
UNIT, KIND = "hob1", "hob"


class Door:
    """Lets in whoever the test says."""

    loopback_only = True

    def __init__(self) -> None:
        self.person = Person("P02", ("leader",))

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return the person of the test."""
        return self.person


class World:
    """A portal, an MES and a ledger."""

    def __init__(
        self, http: httpx.AsyncClient, door: Door, carrier: Carrier, mes: Desk, store: MemoryStore
    ) -> None:
        self.http, self.door, self.carrier, self.mes, self.mes_store = http, door, carrier, mes, store
        self.office = Office()
        self.office.now_ns = CLOCK.now_ns()
        self.mes_away = self.ledger_away = False

    def begun(self, name: str = "r1", **changes: Any) -> World:
        """Propose a tool change at a machine of the plant."""
        self.office.granted(Declare(advice_class=card(**changes)))
        self.office.granted(Check(advice_class=CLASS, error=error()))
        made = proposal(name, self.office.now_ns)
        data = {"work_unit": UNIT, "kind": "tool_change", "tool_kind": KIND}
        made = msgspec.structs.replace(
            made, work_unit=UNIT, action=msgspec.structs.replace(made.action, data=data),
            watches=[Watch(event_type="tool.mounted", where={"work_unit": UNIT})],
        )  # fmt: skip
        self.office.granted(Propose(proposal=made))
        return self

    async def decide(
        self, role: str = "leader", *, key: str = "the-first-key", **wish: Any
    ) -> httpx.Response:
        """Decide in a role."""
        self.door.person = Person(f"a {role}", (role,))
        version = wish.pop("version", self.office.of().version)
        body = {"accept": True, "version": version, "shown": shown(self.office.of()),
                "idempotency_key": key, **wish}  # fmt: skip
        return await self.http.post("/api/v1/advice/r1/decision", json=body)

    def asked(self) -> list[tuple[str, str, str]]:
        """Return what the MES has done: type, who, under which command."""
        return [(e.event_type, e.actor, e.correlation) for e in self.mes_store.entries]


def yes_to(world: World, key: str) -> dict[str, Any]:
    """Return the body of a yes to what is shown."""
    document = world.office.of()
    return {
        "accept": True, "version": document.version, "shown": shown(document), "idempotency_key": key
    }  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    registry = REGISTRY
    definitions, store = compiled(registry), MemoryStore()
    mes, bus, door = Desk(store, definitions, CLOCK.now_ns), MemoryBus(MemoryHub(CLOCK)), Door()
    installation = Installation(data_dir=str(tmp_path), plant_dir=str(PLANT))
    app = create_app(registry, bus, CLOCK, installation, accounts=door)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        made = World(http, door, app.state.portal.carrier, mes, store)

        async def take(message: Message) -> bytes:
            if made.mes_away:
                raise BusError("away")
            return commands.encode(mes.execute(commands.decode(message.payload)))

        async def tell(message: Message) -> bytes:
            if made.ledger_away:
                raise BusError("away")
            said = contract.decode(message.payload)
            signer = ""
            if said.name == "decide":
                wish = msgspec.json.decode(said.data, type=contract.Decide)
                found = QUERIES["signatures"](
                    store.book, definitions, {"kind": "recommendation", "record": wish.recommendation}, 0
                )
                document = made.office.desk.document(wish.recommendation)
                assert document is not None
                signer = actions.signer_of(found["signatures"], document, wish.signature)
            return contract.encode(made.office.desk.execute(said, signer=signer))

        for name, ask in api.QUERIES.items():

            async def answer(message: Message, ask: Any = ask) -> bytes:
                wish = msgspec.msgpack.decode(message.payload)
                book = made.office.store.book  # type: ignore[attr-defined]
                return msgspec.msgpack.encode(ask(book, wish, made.office.now_ns))

            await bus.serve(topics.query(registry.enterprise, registry.site, "ledger", name), answer)
        await bus.serve(topics.command(registry.enterprise, registry.site, "mes", ">"), take)
        await bus.serve(topics.command(registry.enterprise, registry.site, "ledger", ">"), tell)
        yield made


async def test_what_a_person_accepts_goes_to_the_mes_under_that_name_once(world: World) -> None:
    world.begun()
    row = (await world.http.get("/api/v1/advice")).json()["waiting"][0]
    assert row["id"] == "r1" and row["effect"]["difference"]["mean"] == -12
    answer = await world.decide()
    assert answer.status_code == 200 and answer.json()["state"] == "Dispatched", answer.text
    assert (await world.decide(version=row["version"])).json()["state"] == "Dispatched", "touched twice"
    await world.carrier.carry("r1")
    assert world.asked() == [("maintenance.order.opened", "a leader", "advice:r1")]
    whole = (await world.http.get("/api/v1/advice/r1")).json()
    assert whole["decision"]["person"] == "a leader" and whole["execution"]["command"] == "advice:r1"


@pytest.mark.parametrize("role", ["viewer", "operator", "quality", "engineer", "admin"])
async def test_who_may_not_decide_decides_nothing(world: World, role: str) -> None:
    world.begun()
    assert (await world.decide(role)).status_code == 403
    assert world.asked() == [] and world.office.of().state == "Proposed"


async def test_who_accepts_must_be_allowed_to_ask_the_mes_for_it_by_hand(world: World) -> None:
    world.begun()
    here = part_of(REGISTRY.equipment[EquipmentId(UNIT)].place).rpartition("/")[0]
    for role, part in (("leader", "aurora/other"), ("leader", f"{here}x"), ("operator", here)):
        world.door.person = Person("x", (), scoped=((role, part),))
        body = yes_to(world, "somewhere-else")
        assert (await world.http.post("/api/v1/advice/r1/decision", json=body)).status_code == 403, part
    assert world.asked() == [] and world.office.of().state == "Proposed"
    world.door.person = Person("y", (), scoped=(("leader", here),))
    body = yes_to(world, "at-this-line")
    answer = await world.http.post("/api/v1/advice/r1/decision", json=body)
    assert answer.status_code == 200, answer.text
    assert world.asked() == [("maintenance.order.opened", "y", "advice:r1")]
    (grant,) = world.office.store.book.where(Grant)  # type: ignore[attr-defined]
    document = world.office.of()
    wanted = world.carrier.grants.opened(grant.seals, "r1", document.proposal.action)
    assert wanted is not None and (wanted.person, wanted.reach) == ("y", [here]), "and nowhere else"
    assert wanted.until_ns == document.proposal.expires_ns and wanted.approvals == 1


async def test_no_token_decides_whatever_it_may(world: World) -> None:
    world.begun()
    may = frozenset(["advice.decide", "advice.autonomy", "mes.request", "mes.sign"])
    world.door.person = Person("erp", ("leader", "quality"), only=may)
    body = yes_to(world, "a-program-says-yes")
    answer = await world.http.post("/api/v1/advice/r1/decision", json=body)
    assert answer.status_code == 403, answer.text
    assert world.asked() == [] and world.office.of().state == "Proposed"


async def test_the_mes_hears_only_of_where_who_accepts_may_ask(world: World) -> None:
    """The reach goes with the seal: an action at another machine than its proposal's is refused there."""
    world.begun()
    here = part_of(REGISTRY.equipment[EquipmentId("turn1")].place)
    document = world.office.of()
    world.office.accept(wish={"grant": world.carrier.grants.seal(document, "x", [here])})
    await world.carrier.carry("r1")
    assert world.office.of().state == "Failed" and world.asked() == []


async def test_a_rejection_needs_a_reason_and_asks_the_mes_for_nothing(world: World) -> None:
    world.begun()
    assert (await world.decide(accept=False)).status_code == 422
    answer = await world.decide(accept=False, reason="No hob is left.", key="the-second-key")
    assert answer.json()["state"] == "Rejected" and world.asked() == []


async def test_an_old_version_is_refused_with_what_it_is_now(world: World) -> None:
    world.begun()
    answer = await world.decide(version=1)
    assert answer.status_code == 409 and "version 2" in answer.text and world.asked() == []


async def test_the_mes_refuses_and_the_advice_says_its_words(world: World) -> None:
    world.begun()
    by_hand = commands.RequestMaintenance(work_unit=UNIT, kind="tool_change", tool_kind=KIND)
    assert world.mes.execute(commands.make(by_hand, command_id="h", actor="P01")).accepted
    answer = await world.decide()
    assert answer.json()["state"] == "Failed"
    assert "is open for it" in answer.json()["execution"]["found"]
    assert len(world.asked()) == 1, "nothing was changed"


async def test_an_mes_that_is_away_gets_it_when_it_is_back(world: World) -> None:
    world.begun()
    world.mes_away = True
    answer = await world.decide()
    assert answer.status_code == 200 and answer.json()["state"] == "Dispatched", answer.text
    assert answer.json()["decision"]["person"] == "a leader" and world.asked() == []
    assert (await world.decide(version=2)).json()["state"] == "Dispatched", "touched twice"
    world.mes_away = False
    for name in await world.carrier._questions.ask_values("ledger", "uncarried", {}):
        await world.carrier.carry(name)
    await world.carrier.carry("r1")
    assert world.asked() == [("maintenance.order.opened", "a leader", "advice:r1")]


async def test_a_ledger_that_is_away_takes_no_decision_and_the_same_may_be_sent_again(world: World) -> None:
    world.begun()
    world.ledger_away = True
    assert (await world.decide()).status_code == 503
    assert world.office.of().state == "Proposed" and world.asked() == []
    world.ledger_away = False
    assert (await world.decide()).json()["state"] == "Dispatched"
    assert len(world.asked()) == 1


async def test_a_signature_is_the_mess_and_of_this_very_proposal(world: World) -> None:
    world.begun(risk=Risk.MEDIUM, signature=True)
    secret = commands.SetCredentials(person="P02", pin="90817263", printed_name="A. Berger")
    assert world.mes.execute(commands.make(secret, command_id="pin", actor="boss")).accepted
    wrong = await world.decide(signer="P02", pin="0000")
    assert wrong.status_code == 403 and world.office.of().state == "Proposed"
    missing = await world.decide(key="another-key-1")
    assert missing.status_code != 200 and world.office.of().state == "Proposed"
    answer = await world.decide(signer="P02", pin="90817263", key="another-key-2")
    assert answer.status_code == 200, answer.text
    approval = answer.json()["decision"]["approvals"][0]
    assert approval["signer"] == "P02"
    signed = [content_of(e) for e in world.mes_store.entries if e.event_type == "record.signed"]
    assert len(signed) == 1 and signed[0].digest == digest(world.office.of().proposal)  # type: ignore[attr-defined]
    assert "90817263" not in repr(world.office.store.entries)  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["planner", "maintenance"])
async def test_who_may_decide_and_not_sign_approves_nothing_that_is_to_be_signed(
    world: World, role: str
) -> None:
    """Not with a signature that another gives there and then either."""
    world.begun(risk=Risk.MEDIUM, signature=True)
    secret = commands.SetCredentials(person="P02", pin="90817263", printed_name="A. Berger")
    assert world.mes.execute(commands.make(secret, command_id="pin", actor="boss")).accepted
    before, version = world.asked(), world.office.of().version
    refused = await world.decide(role, signer="P02", pin="90817263")
    assert refused.status_code == 403 and refused.json()["place"] == "action mes.sign"
    assert world.asked() == before and world.office.of().version == version
    answer = await world.decide(role, accept=False, reason="Not now.", key="the-second-key")
    assert answer.json()["state"] == "Rejected", "to reject needs no signature"


async def test_what_bears_no_seal_of_ours_is_carried_nowhere(world: World) -> None:
    world.begun()
    document, replace = world.office.of(), msgspec.structs.replace
    action = document.proposal.action

    def seal(shown: Recommendation = document, grants: Grants | None = None) -> str:
        return (grants or world.carrier.grants).seal(shown, "boss", None)

    other = replace(action, data={**action.data, "work_unit": "turn1"})
    forged = [
        "", "x.y", seal(grants=Grants(b"another key")), seal(replace(document, id="r2")),
        seal(replace(document, proposal=replace(document.proposal, action=other))),
        seal().replace(".", ".0"), "e30=." + seal().partition(".")[2],
    ]  # fmt: skip
    for grant in forged:
        assert world.carrier.grants.opened(grant, "r1", action) is None, grant
    opened = world.carrier.grants.opened(seal(), "r1", action)
    assert opened is not None and opened.person == "boss"
    world.office.accept(wish={"grant": forged[2]})
    await world.carrier.carry("r1")
    assert world.asked() == [] and world.carrier.forged == 1
    assert world.office.of().execution.place == "seal"  # type: ignore[union-attr]


def test_seals_are_worth_as_many_people_as_must_want_it(world: World) -> None:
    """Whoever holds the ledger's account has the seals: fewer than it takes or mixed are nothing."""
    world.begun(risk=Risk.HIGH)
    grants, document, replace = world.carrier.grants, world.office.of(), msgspec.structs.replace
    assert document.approvals_needed == 2
    other = replace(document, proposal=replace(document.proposal, effects=[], expires_ns=1 << 62))
    one, two = grants.seal(document, "P01", None, at_ns=1), grants.seal(document, "P02", ["here"], at_ns=2)

    def opened(*seals: str) -> Wanted | str:
        return grants.all_opened(seals, "r1", document.proposal.action)

    for both in (opened(one, two), opened(two, one)):  # the ledger may say them in any order
        assert isinstance(both, Wanted) and (both.person, both.reach) == ("P02", ["here"])
    for seals, lacks in (
        ((), "none"), (("",), "none of this portal's"), ((one,), "1 of 2 people"), ((one, one), "1 of 2"),
        ((one, "x.y"), "none of this portal's"),
        ((one, grants.seal(other, "P02", None)), "different proposals"),
        ((one, grants.seal(replace(document, approvals_needed=1), "P01", None)), "1 of 2"),
    ):  # fmt: skip
        assert lacks in str(opened(*seals)), seals


async def test_what_two_must_approve_goes_when_the_second_has(world: World) -> None:
    world.begun(risk=Risk.HIGH)
    secret = commands.SetCredentials(person="P02", pin="90817263", printed_name="A. Berger")
    assert world.mes.execute(commands.make(secret, command_id="pin", actor="boss")).accepted
    secret = commands.SetCredentials(person="P03", pin="90817264", printed_name="B. Berger")
    assert world.mes.execute(commands.make(secret, command_id="pin2", actor="boss")).accepted
    first = await world.decide("leader", signer="P02", pin="90817263", key="key-of-the-first")
    assert first.json()["state"] == "Proposed", first.text
    (grant,) = world.office.store.book.where(Grant)  # type: ignore[attr-defined]
    assert len(grant.seals.split()) == 1 and "maintenance.order.opened" not in repr(world.asked())
    second = await world.decide("manager", signer="P03", pin="90817264", key="key-of-the-second")
    assert second.json()["state"] == "Dispatched", second.text
    assert ("maintenance.order.opened", "a manager", "advice:r1") in world.asked()


async def test_no_seal_is_made_of_what_does_not_stand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger would refuse it; but whoever holds its account would hold a yes to it."""
    world.begun()
    made: list[str] = []
    seal = Grants.seal

    def noted(self: Grants, *words: Any, **more: Any) -> str:
        made.append(seal(self, *words, **more))
        return made[-1]

    monkeypatch.setattr(Grants, "seal", noted)
    assert (await world.decide(version=1)).status_code == 409 and made == []
    late = world.office.of()
    expired = msgspec.structs.replace(late.proposal, expires_ns=1)
    with world.office.store.begin() as transaction:
        transaction.book.put(row_of(msgspec.structs.replace(late, proposal=expired)))
    assert (await world.decide(key="another-key-1")).status_code == 409 and made == []
    accepted = msgspec.structs.replace(late, state=State.ACCEPTED)
    with world.office.store.begin() as transaction:
        transaction.book.put(row_of(accepted))
    assert (await world.decide(key="another-key-2")).status_code == 409 and made == []


async def test_what_is_swapped_behind_a_persons_back_gets_no_seal(world: World) -> None:
    """Whoever holds the ledger's database makes another thing of what was shown, under the same version."""
    world.begun(risk=Risk.HIGH)
    seen = (await world.http.get("/api/v1/advice/r1")).json()
    whole, replace = world.office.of(), msgspec.structs.replace
    action = replace(whole.proposal.action, data={**whole.proposal.action.data, "work_unit": "turn1"})
    for other in (
        replace(whole, approvals_needed=1), replace(whole, signature_needed=False),
        replace(whole, proposal=replace(whole.proposal, action=action)),
        replace(whole, proposal=replace(whole.proposal, expires_ns=1 << 62)),
    ):  # fmt: skip
        with world.office.store.begin() as transaction:
            transaction.book.put(row_of(other))
        answer = await world.decide(shown=seen["shown"], version=seen["version"], key=f"key-{id(other)}")
        assert answer.status_code == 409 and answer.json()["place"] == "shown", answer.text
        assert world.office.of().decision is None and world.asked() == []
    assert (await world.decide(shown="", key="nothing-said-back")).status_code == 409


async def test_what_stands_no_more_is_carried_nowhere_and_nobody_forged_it(world: World) -> None:
    """The ledger's clock may be behind: then it is the ledger that lets it fail, unless the MES has it."""
    world.begun()
    document = world.office.of()
    stood = msgspec.structs.replace(document.proposal, expires_ns=CLOCK.now_ns() - 1)
    late = msgspec.structs.replace(document, proposal=stood)
    world.office.accept(wish={"grant": world.carrier.grants.seal(late, "x", None)})
    await world.carrier.carry("r1")
    assert world.asked() == [] and world.carrier.forged == 0 and world.office.of().state == "Dispatched"


async def test_nobody_may_use_the_ids_of_accepted_advice(world: World) -> None:
    world.door.person = Person("P02", ("leader",))
    data = {"work_unit": UNIT, "about": "noise"}
    body = {"data": data, "idempotency_key": "advice:r1"}
    answer = await world.http.post("/api/v1/mes/commands/maintenance.request", json=body)
    assert answer.status_code == 422 and world.asked() == []


async def test_only_a_manager_lets_a_class_climb_and_all_may_look(world: World) -> None:
    world.begun()
    body = {"level": "observe", "reason": "We wait.", "idempotency_key": "the-level-key"}
    world.door.person = Person("P02", ("leader",))
    assert (await world.http.post(f"/api/v1/advice/classes/{CLASS}/level", json=body)).status_code == 403
    world.door.person = Person("P09", ("manager",))
    higher = {**body, "level": "one-click", "idempotency_key": "the-other-key"}
    refused = await world.http.post(f"/api/v1/advice/classes/{CLASS}/level", json=higher)
    assert refused.status_code == 409 and "0 of 5 cases" in refused.text
    moved = await world.http.post(f"/api/v1/advice/classes/{CLASS}/level", json=body)
    assert moved.status_code == 200 and moved.json()["level"] == "observe", moved.text
    world.door.person = Person("P30", ("viewer",))
    (seen,) = (await world.http.get("/api/v1/advice/classes")).json()
    assert seen["moves"][0]["person"] == "P09" and seen["obstacles"]
    assert (await world.http.get("/api/v1/advice/classes/other")).status_code == 404
    assert (await world.http.get("/api/v1/advice/other")).status_code == 404


async def test_a_manager_of_one_line_moves_no_class_for_the_whole_site(world: World) -> None:
    world.begun()
    body = {"level": "observe", "reason": "We wait.", "idempotency_key": "the-level-key"}
    before = (await world.http.get(f"/api/v1/advice/classes/{CLASS}")).json()
    for part in ("aurora", "aurora/northfield", part_of(REGISTRY.equipment[EquipmentId(UNIT)].place)):
        world.door.person = Person("P09", ("viewer",), scoped=(("manager", part),))
        refused = await world.http.post(f"/api/v1/advice/classes/{CLASS}/level", json=body)
        assert refused.status_code == 403 and refused.json()["place"] == "action advice.autonomy", part
    after = (await world.http.get(f"/api/v1/advice/classes/{CLASS}")).json()
    assert (after["level"], after["moves"]) == (before["level"], []) and after["level"] != "observe"


def test_the_key_stays_over_restarts_and_is_nobodys_business(tmp_path: Path) -> None:
    first, again = kept(tmp_path), kept(tmp_path)
    assert first.key == again.key and len(first.key) >= 32 and "key" not in repr(first)
    assert (tmp_path / "grants.key").stat().st_mode & 0o077 == 0
