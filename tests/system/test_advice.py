"""Advice from its proof to the terminal's yes, by real processes: database, backbone, MES, ledger, portal."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin import settings
from taktwin.analyst.maintenance.tool_change import watched
from taktwin.bus.client import NatsBus
from taktwin.cli.audit import verify_audit
from taktwin.clock import SystemClock
from taktwin.contracts import commands, topics
from taktwin.contracts import recommendation as contract
from taktwin.contracts.events import CATALOGUE, LEDGER_EVENTS
from taktwin.contracts.recommendation import (
    AdviceMessage,
    Answer,
    Carry,
    Check,
    Decide,
    Declare,
    Measure,
    Move,
    Propose,
    Watch,
    make,
)
from taktwin.errors import BusError, PermissionRefused
from taktwin.identity import EquipmentId
from taktwin.plant import open_plant
from taktwin.processes import wiring
from taktwin.processes.backbone import Backbone
from taktwin.processes.database import Database
from taktwin.settings import Installation
from taktwin.storage.database import PASSWORD_VARIABLE as DATABASE_PASSWORD_VARIABLE
from tests.support_advice import CLASS, card, error, outcome, proposal
from tests.support_bus import delivered_on, stored_by
from tests.system.product import ROOT

pytestmark = pytest.mark.system

PLANT = ROOT / "examples" / "plants" / "northfield"
REGISTRY = open_plant(PLANT)
CLOCK = SystemClock()
WAIT_S = 120.0  # until what must come is there; a busy machine starts a process in half a minute


def address(owner: str, name: str) -> str:
    return topics.command(REGISTRY.enterprise, REGISTRY.site, owner, name)


def question(owner: str, name: str) -> str:
    return topics.query(REGISTRY.enterprise, REGISTRY.site, owner, name)


class House:
    """A backbone, a database, and the processes that advice goes through, without a supervisor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installation = Installation(data_dir=str(folder), plant_dir=str(PLANT), demo=True)
        self.backbone = Backbone(self.installation)
        self.database = Database(self.installation)
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self._log = (folder / "log").open("ab")
        self._buses: list[NatsBus] = []
        self._said = 0

    async def open(self) -> None:
        await asyncio.gather(self.backbone.start(), self.database.start())
        self.installation = msgspec.structs.replace(
            self.installation, nats_url=self.backbone.urls.nats,
            mes_database_url=self.database.url("mes"), ledger_database_url=self.database.url("ledger"),
        )  # fmt: skip
        self._path = settings.write(self.installation)
        await asyncio.gather(*(self.start(name) for name in ("mes", "ledger", "portal")))
        self.analyst = await self.connect("analyst")
        await self.until(lambda: self.http("/advice"))
        upkeep = await self.until(lambda: self.http("/mes/maintenance"))
        self.tools = [(unit, kinds[0]) for unit, kinds in sorted(upkeep["tools_at"].items())]

    async def close(self) -> None:
        for bus in self._buses:
            await bus.close()
        for process in self.processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(process.wait() for process in self.processes.values()))
        await asyncio.gather(self.backbone.stop(), self.database.stop())
        self._log.close()

    async def connect(self, user: str) -> NatsBus:
        bus = await self.backbone.connect(user)
        self._buses.append(bus)
        return bus

    async def start(self, name: str) -> None:
        self.processes[name] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"taktwin.processes.{name}", str(self._path),
            env={
                **os.environ, settings.PASSWORD_VARIABLE: self.backbone.passwords[name],
                wiring.SUPERVISED: "1",
                DATABASE_PASSWORD_VARIABLE: self.database.passwords.get(name, ""),
            },
            stdin=asyncio.subprocess.PIPE, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    async def kill(self, name: str) -> None:
        self.processes[name].kill()
        await self.processes[name].wait()

    def log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")[-3000:]

    async def until(self, look: Callable[[], Any]) -> Any:
        """Return the first thing that is there; whatever is away meanwhile is asked again."""
        last: BaseException | None = None
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    try:
                        found = await asyncio.to_thread(look)
                        if found:
                            return found
                    except (OSError, urllib.error.HTTPError) as away:
                        last = away
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"it did not come: {last}\n{self.log()}")

    def http(self, path: str, body: object | None = None) -> Any:
        at = json.loads((self.folder / "run" / "portal.json").read_text())
        asked = urllib.request.Request(
            f"{at['url']}api/v1{path}", None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            refused.add_note(refused.read().decode(errors="replace"))
            raise

    async def ask(self, path: str, body: object | None = None) -> Any:
        return await asyncio.to_thread(self.http, path, body)

    async def says(self, content: AdviceMessage) -> Answer:
        """Let the analyst say something."""
        self._said += 1
        message = make(content, message_id=f"analyst-{self._said}", actor="analyst", actor_type="ai")
        said = await self.analyst.request(address("ledger", message.name), contract.encode(message))
        return contract.decode_answer(said)

    async def proposed(self, name: str, unit: str, kind: str, **changes: Any) -> dict[str, Any]:
        """Propose to change a tool, resting on what such advice rests on, and return what a person sees."""
        now_ns = CLOCK.now_ns()
        changes.setdefault("watches", list(watched(unit, kind)))
        made = proposal(name, now_ns, **changes)
        data = {"work_unit": unit, "kind": "tool_change", "tool_kind": kind}
        made = msgspec.structs.replace(
            made, work_unit=unit, action=msgspec.structs.replace(made.action, data=data)
        )  # fmt: skip
        answer = await self.says(Propose(proposal=made))
        assert answer.accepted and answer.state == "Proposed", answer
        inbox = await self.ask("/advice")
        return next(row for row in inbox["waiting"] if row["id"] == name)

    async def decides(self, row: dict[str, Any], **wish: Any) -> dict[str, Any]:
        """Let the person at the page decide."""
        shown = (await self.ask(f"/advice/{row['id']}"))["shown"]
        body = {"accept": True, "version": row["version"], "shown": shown,
                "idempotency_key": f"key-of-{row['id']}", **wish}  # fmt: skip
        found: dict[str, Any] = await self.ask(f"/advice/{row['id']}/decision", body)
        return found

    async def stands(self, name: str, state: str) -> dict[str, Any]:
        """Wait until a recommendation is in a state."""

        def look() -> Any:
            found = self.http(f"/advice/{name}")
            return found if found["state"] == state else None

        found: dict[str, Any] = await self.until(look)
        return found


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    made = House(folder)
    try:
        await made.open()
        yield made
    finally:
        await made.close()


async def test_advice_goes_from_its_proof_to_the_terminal_and_nobody_else_can_ask_for_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        assert (await house.says(Declare(advice_class=card()))).accepted
        assert (await house.says(Check(advice_class=CLASS, error=error()))).accepted
        await _from_proof_to_measured(house)
        await _what_the_mes_refuses(house)
        await _the_planner_was_faster(house)
        await _all_die_in_between(house)
        await _nobody_else(house)
        await _a_forged_acceptance(house)
        await _above_its_limit(house)
        await _the_chain_proves_itself(house)


async def _from_proof_to_measured(house: House) -> None:
    unit, kind = house.tools[0]
    row = await house.proposed("r1", unit, kind)
    decided = await house.decides(row)
    assert decided["decision"]["accepted"] and decided["decision"]["person"]
    found = await house.stands("r1", "Acknowledged")
    order = found["execution"]["subject"]
    upkeep = await house.ask(f"/mes/maintenance/{unit}")
    assert [(each["order"], each["tool_kind"], each["opened_by"]) for each in upkeep["orders"]] == [
        (order, kind, decided["decision"]["person"])
    ], "under the name of who accepted"
    assert (await house.decides(row))["state"] == "Acknowledged", "touched twice it is the same"
    done = {"data": {"order": order}, "idempotency_key": "terminal-r1"}
    await house.ask("/mes/commands/tool.change", done)
    found = await house.until(lambda: (d := house.http("/advice/r1"))["execution"]["done_ms"] and d)
    tools = (await house.ask(f"/mes/maintenance/{unit}"))["tools"]
    assert any(each["mounted"] and each["mounted"]["parts"] == 0 for each in tools), "its life starts anew"
    due = msgspec.msgpack.decode(await house.analyst.request(question("ledger", "due"), b""))
    assert [each["id"] for each in due] == ["r1"], "it is to be measured"
    document = msgspec.convert(due[0], contract.Recommendation)
    measured = outcome(document, -9.0, now_ns=CLOCK.now_ns())
    assert (await house.says(Measure(recommendation="r1", outcome=measured))).accepted
    record = await house.ask(f"/advice/classes/{CLASS}")
    assert (record["effective"], record["since_move"]) == (1, 1)
    assert (
        record["outcomes"][0]["promised"]["mean"] == -12 and record["outcomes"][0]["measured"]["mean"] == -9
    )


async def _what_the_mes_refuses(house: House) -> None:
    """Acceptance 23: accepted, and the MES rejects: Failed, the schedule as it was, people informed."""
    unit, kind = house.tools[1]
    mounted = Watch(event_type="tool.mounted", where={"work_unit": unit, "kind": kind})
    made = await house.proposed("r2", unit, kind, watches=[mounted])
    # Between this and the MES somebody asks for the same by hand: the plant says nothing that it rests on.
    by_hand = {"work_unit": unit, "kind": "tool_change", "tool_kind": kind}
    await house.ask("/mes/commands/maintenance.request", {"data": by_hand, "idempotency_key": "by-hand-r2"})
    before = (await house.ask(f"/mes/maintenance/{unit}"))["orders"]
    board, schedule = [await house.ask(path) for path in ("/mes/board", "/mes/schedule")]
    await house.decides(made)
    found = await house.stands("r2", "Failed")
    assert "is open for it" in found["execution"]["found"] and found["ended_by"]["code"] == "ledger.failed"
    assert (await house.ask(f"/mes/maintenance/{unit}"))["orders"] == before, "nothing was changed"
    after = [await house.ask(path) for path in ("/mes/board", "/mes/schedule")]
    for place, field in ((0, "lines"), (1, "state"), (1, "schedule"), (1, "jobs"), (1, "orders")):
        assert (board, schedule)[place][field] == after[place][field], "what is planned is as it was"
    inbox = await house.ask("/advice")
    assert inbox["decided"][0]["id"] == "r2" and inbox["decided"][0]["state"] == "Failed", "people read it"


async def _the_planner_was_faster(house: House) -> None:
    """Acceptance 24: the plant is changed while a proposal is open: Superseded, never applied."""
    unit, kind = house.tools[2]
    row = await house.proposed("r3-order", unit, kind)
    wanted = {"request": "88001", "product": "EA-100", "quantity": 5, "due_ms": 0}
    await house.ask("/mes/commands/order.drop", {"data": wanted, "idempotency_key": "dropped-r3"})
    sooner = {"request": "88001", "version": 1, "due_ms": 1, "priority": 9}
    await house.ask("/mes/commands/order.change", {"data": sooner, "idempotency_key": "changed-r3"})
    found = await house.stands("r3-order", "Superseded")
    assert found["ended_by"]["values"]["event"] == "operations.request.changed", (
        "and not the new order itself"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        await house.decides(row)
    assert refused.value.code == 409
    row = await house.proposed("r3", unit, kind)
    mounted = {"tool": f"T-{kind}-900", "work_unit": unit}
    await house.ask("/mes/commands/tool.mount", {"data": mounted, "idempotency_key": "mounted-r3"})
    found = await house.stands("r3", "Superseded")
    assert found["ended_by"]["values"]["event"] == "tool.mounted"
    with pytest.raises(urllib.error.HTTPError) as refused:
        await house.decides(row)
    assert refused.value.code == 409
    assert not (await house.ask(f"/mes/maintenance/{unit}"))["orders"], "never applied"


async def _all_die_in_between(house: House) -> None:
    """Accepted while the MES is away, portal and ledger killed: it is carried once all are back."""
    unit, kind = house.tools[3]
    row = await house.proposed("r4", unit, kind)
    await house.kill("mes")
    decided = await house.decides(row)
    assert decided["state"] == "Dispatched" and decided["decision"]["accepted"], "the yes stands"
    await house.kill("portal")
    asked = msgspec.msgpack.encode({"recommendation": "r4"})
    answer = msgspec.msgpack.decode(await house.analyst.request(question("ledger", "one"), asked))
    assert answer["state"] == "Dispatched"
    await house.kill("ledger")
    await asyncio.gather(*(house.start(name) for name in ("mes", "ledger", "portal")))
    found = await house.stands("r4", "Acknowledged")
    orders = (await house.ask(f"/mes/maintenance/{unit}"))["orders"]
    assert [each["order"] for each in orders] == [found["execution"]["subject"]], "once"


async def _nobody_else(house: House) -> None:
    """Attempted: no room that thinks can make anybody do anything."""
    unit, kind = house.tools[4]
    command = commands.make(
        commands.RequestMaintenance(work_unit=unit, kind="tool_change", tool_kind=kind),
        command_id="forged-1", actor="planner",
    )  # fmt: skip
    decide = Decide(recommendation="r1", version=2, accept=True, grant="x")
    forged = {
        address("mes", command.name): commands.encode(command),
        address("commander", "job.start"): b"{}",
        address("ledger", Decide.message_name): contract.encode(
            make(decide, message_id="forged-2", actor="planner", actor_type="human")
        ),
        address("ledger", Move.message_name): b"{}",
        address("ledger", Carry.message_name): b"{}",
        topics.event(REGISTRY.equipment[EquipmentId(unit)].place, "tool.mounted"): b"{}",
    }  # fmt: skip
    before = await house.ask("/mes/maintenance")
    for user in ("twin", "analyst", "ledger", "whatif"):
        bus = await house.connect(user)
        for subject, payload in forged.items():
            with pytest.raises(PermissionRefused):
                await bus.publish_durable(subject, payload, message_id="forged")
            with pytest.raises(BusError):
                await bus.request(subject, payload, timeout_s=0.3)
        # Nor what it stored itself, as a stream's answer to a question of its own.
        for by in ("pull", "push"):
            wish = commands.make(
                commands.RequestMaintenance(work_unit=unit, about=f"{user} {by}"),
                command_id=f"forged-{user}-{by}", actor="planner",
            )  # fmt: skip
            stream, subject = stored_by(user, REGISTRY.equipment[EquipmentId(unit)].place)
            await delivered_on(bus, stream, subject, commands.encode(wish), list(forged)[:5], by=by)
    analyst = await house.connect("analyst")
    for event in LEDGER_EVENTS:
        assert event.event_type in CATALOGUE
        with pytest.raises(PermissionRefused):
            await analyst.publish_durable(
                topics.event(REGISTRY.work_units[0].place, event.event_type), b"{}", message_id="forged"
            )
    await asyncio.sleep(0.5)  # what had gone through would have been there at once
    after = await house.ask("/mes/maintenance")
    assert after["orders"] == before["orders"]


async def _a_forged_acceptance(house: House) -> None:
    """Who has the ledger's own database writes an acceptance into it: the portal carries it to nobody."""
    unit, kind = house.tools[5]
    await house.proposed("r5", unit, kind)
    with house.database.connect() as intruder:
        intruder.execute("SET search_path TO ledger")
        (text,) = intruder.execute(
            "SELECT document FROM recommendations WHERE recommendation = 'r5'"
        ).fetchone() or ("",)
        document = json.loads(text)
        document["state"] = "Accepted"
        document["decision"] = {"accepted": True, "person": "planner", "at_ns": 1}
        intruder.execute(
            "UPDATE recommendations SET state = 'Accepted', document = %s WHERE recommendation = 'r5'",
            [json.dumps(document)],
        )
        forged = base64.urlsafe_b64encode(b'{"person":"planner","reach":null}').decode() + ".00"
        intruder.execute("INSERT INTO grants VALUES ('r5', %s)", [forged])
    found = await house.stands("r5", "Failed")
    assert found["execution"]["place"] == "seal"
    assert not (await house.ask(f"/mes/maintenance/{unit}"))["orders"]


async def _above_its_limit(house: House) -> None:
    """Acceptance 22: the error of the back-test is shown, and above its limit nothing is recommended."""
    unit, kind = house.tools[0]
    row = await house.proposed("r6", unit, kind)
    shown = (await house.ask("/advice/r6"))["proposal"]["proof"]["validity"]
    assert (shown["error"], shown["limit"]) == (error().error, error().limit)
    assert (await house.says(Check(advice_class=CLASS, error=error(0.17)))).accepted
    found = await house.stands("r6", "Superseded")
    assert "17%" in found["ended_by"]["text"], "what waited is taken back, with the reason"
    with pytest.raises(urllib.error.HTTPError) as refused:
        await house.decides(row)
    assert refused.value.code == 409
    record = await house.ask(f"/advice/classes/{CLASS}")
    assert record["level"] == "observe" and record["trust"]["error"]["error"] == 0.17, "published"
    answer = await house.says(Propose(proposal=proposal("r7", CLOCK.now_ns())))
    assert answer.code == "not_ready" and "17.0%" in answer.found, "blocked"


async def _the_chain_proves_itself(house: House) -> None:
    at = json.loads((house.folder / "run" / "portal.json").read_text())
    path = house.folder / "ledger.jsonl"

    def fetched() -> bytes:
        with urllib.request.urlopen(f"{at['url']}api/v1/advice/audit.jsonl", timeout=20) as answer:
            found: bytes = answer.read()
        return found

    content = await asyncio.to_thread(fetched)
    path.write_bytes(content)
    words = argparse.Namespace(journal=str(path), anchors=None)
    assert verify_audit(words) == 0
    types = [json.loads(line)["event_type"] for line in content.splitlines()]
    life = ["validated", "proposed", "approved", "accepted", "dispatched", "acknowledged", "done", "measured"]
    assert [name.split(".")[1] for name in types if name.startswith("recommendation.")][:8] == life
    path.write_bytes(content.replace(b'"actor":"analyst"', b'"actor":"nobody_"', 1))
    assert verify_audit(words) == 1, "changed by one word"
