"""Analyst and maintenance behind the fake portal: real model store, real desk of the MES, real rules.

Invented are the predictions and the schedule. `new()` begins it anew: a version is live, a newer one is in
the shadow, a third was learnt by other code; turn1's insert is predicted, turn2's prediction is old.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import fake_ledger
import msgspec
from fake_world import NOW_MS, PLANT

sys.path.insert(0, str(Path(__file__).parents[2]))

from fastapi import APIRouter

from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model_store import ModelStore, NotPromoted
from taktwin.analyst.service import AnalystService
from taktwin.bus.memory import MemoryHub
from taktwin.clock import VirtualClock
from taktwin.contracts import analyst as contract
from taktwin.contracts import commands
from taktwin.contracts.analyst import Promote, ScoreDocument, VersionDocument
from taktwin.contracts.recommendation import Words
from taktwin.mes.api import QUERIES, TRAILS
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import Desk
from taktwin.plant.compile import open_plant
from taktwin.portal import risks, wire
from taktwin.portal.models.analyst import AnalystModel, PromotionWish, RisksModel, UnmeasuredModel
from taktwin.portal.models.maintenance import MaintenanceModel
from taktwin.portal.models.records import AuditModel
from taktwin.portal.problems import Problem
from taktwin.portal.routes.mes import STATUS, Wish, _in_ms
from taktwin.storage.journal import MemoryTrail
from taktwin.storage.stores import MemoryStore

NOW_NS = NOW_MS * 1_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400 * 10**9
registry = open_plant(PLANT)
router = APIRouter(prefix="/api/v1")
keys = itertools.count(1)
age_ms = 0  # of the predictions, beyond what they have anyway
kept = tempfile.TemporaryDirectory(prefix="taktwin-models-")


class Shop:
    """The desk of the MES over memory."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS - 9 * 3600 * 10**9
        self.definitions, self.store = compiled(registry), MemoryStore()
        self.desk = Desk(self.store, self.definitions, lambda: self.now_ns)

    def do(self, name: str, person: str = "P01", **data: Any) -> Any:
        self.now_ns += 10**9
        command = commands.Command(
            id=f"advice-{next(keys)}", name=name, actor=person, actor_type="human",
            data=msgspec.Raw(msgspec.json.encode(data)),
        )  # fmt: skip
        return self.desk.execute(command)

    def ask(self, name: str, **wish: Any) -> Any:
        if name in TRAILS:
            trail = MemoryTrail(self.store.entries)
            found = TRAILS[name](self.store.book, trail, self.definitions, wish, self.now_ns)
        else:
            found = QUERIES[name](self.store.book, self.definitions, wish, self.now_ns)
        return _in_ms(msgspec.to_builtins(found))


def version(day: int, error: float | None, judged: int, **changes: Any) -> VersionDocument:
    """Return a version that was learnt some days ago."""
    scores = [
        ScoreDocument(name=name, predictions=48, whole=judged, crps=crps, coverage=cover, pinball=crps / 2,
                      bias=0.4)
        for name, crps, cover in (
            ("tool_wear", 9.2 + 30 * (error or 0), 0.79), ("fixed life", 41.0, 0.52),
            ("earlier tools", 22.5, 0.77),
        )
    ]  # fmt: skip
    kind = ToolWear
    whole = VersionDocument(
        model="tool_wear", version="", stage="shadow", code_version=kind.code_version,
        data_from_ns=NOW_NS - (21 + day) * DAY, data_to_ns=NOW_NS - day * DAY, made_ns=NOW_NS - day * DAY,
        error=error, judged=judged, scores=scores, purpose=kind.card.purpose, not_for=kind.card.not_for,
        owner=kind.card.owner, source=kind.card.source,
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def granted(name: str, **data: Any) -> None:
    """Tell the desk, and insist."""
    answer = shop.do(name, **data)
    assert answer.accepted, answer


def new() -> None:
    """Begin anew."""
    global service, store, shop, age_ms, kept
    age_ms = 0
    kept.cleanup()
    kept = tempfile.TemporaryDirectory(prefix="taktwin-models-")
    folder = Path(kept.name)
    clock = VirtualClock(NOW_NS)
    store = ModelStore(folder)
    service = AnalystService(
        bus=MemoryHub(clock).connect(), registry=registry, clock=clock, folder=folder,
        memory_mb=lambda: 1.0, pid=1,
    )  # fmt: skip
    store.add(version(3, None, 2, code_version="of another time"), {"learnt": 0})
    first = store.add(version(2, 0.084, 21), {"learnt": 1})
    store.add(version(1, 0.061, 34), {"learnt": 2})
    store.promote(
        "tool_wear", first.about.version, person="Ada Byron", now_ns=NOW_NS - 2 * DAY,
        code_version=first.about.code_version, why="the first that was judged",
    )  # fmt: skip
    shop = Shop()
    granted("tool.mount", work_unit="turn1", tool="T-insert-1", kind="insert")
    for number, name in ((2, "r1"), (3, "r2")):  # M1 and M2 are those of the ledger's advice
        execution = fake_ledger.office.of(name).execution
        assert execution is not None
        shop.now_ns = execution.acknowledged_ns - 2 * 10**9
        granted("maintenance.request", work_unit="turn1", kind="tool_change", tool_kind="insert")
        shop.now_ns = execution.done_ns - 10**9
        granted("tool.mount", work_unit="turn1", tool=f"T-insert-{number}", kind="insert")
    shop.do("tool.mount", work_unit="hob1", tool="T-hob-1", kind="hob")
    shop.now_ns = NOW_NS


def predictions() -> list[dict[str, Any]]:
    """Return what the analyst would say of two lathes."""

    def said(unit: str, at_ms: int, shadow: bool, *quantiles: float | None) -> dict[str, Any]:
        low, median, high = quantiles
        evidence = [
            ("deviation", 0.62, "1"),
            ("speed", 1.4, "1"),
            ("age", 285.0, "{part}"),
            ("learnt", 24.0, "1"),
        ]
        return {
            "id": f"tool_wear.{unit}.insert.diameter", "model": "tool_wear",
            "version": store.versions("tool_wear")[1].about.version, "shadow": shadow, "work_unit": unit,
            "subject": f"{unit}.insert.diameter", "at_ms": at_ms, "unit": "{part}", "median": median,
            "low": low, "high": high, "pace_s": 88.0, "reason": "", "facts": {"life_parts": 400.0},
            "names": {"tool": "insert", "tool_name": "Insert", "characteristic_name": "Turned diameter"},
            "evidence": [
                {"code": f"tool_wear.{code}", "text": f"{value:.3g} {code}.",
                 "values": {"value": value, "unit": unit_of}}
                for code, value, unit_of in evidence
            ],
        }  # fmt: skip

    return [
        said("turn1", NOW_MS - 20_000 - age_ms, False, 48.0, 65.0, 85.0),
        said("turn2", NOW_MS - 23 * MINUTE, True, 210.0, 260.0, None),
    ]


def schedule() -> dict[str, Any]:
    """Return what is planned on the lathes."""

    def job(name: str, unit: str, begin: float, end: float, setup_s: float = 0.0) -> dict[str, Any]:
        place = {"work_unit": unit, "sequence": 1, "begin_ms": round(NOW_MS + begin * HOUR),
                 "end_ms": round(NOW_MS + end * HOUR)}  # fmt: skip
        return {"job": name, "setup_s": setup_s, "projected": None, "planned": place}

    off = [{"from_ms": NOW_MS + 8 * HOUR, "to_ms": NOW_MS + 16 * HOUR}]
    return {
        "jobs": [job("4711-10", "turn1", -1, 0.65), job("4712-10", "turn1", 0.7, 3, 600.0),
                 job("4713-10", "turn1", 3.6, 8), job("4711-10b", "turn2", -1, 8)],
        "work_units": [{"work_unit": unit, "off": off} for unit in ("turn1", "turn2")],
    }  # fmt: skip


@router.post("/_fake_age/{minutes}")
async def grow_old(minutes: int) -> None:
    """Let the analyst be silent for so long."""
    global age_ms
    age_ms = minutes * MINUTE


@router.get("/risks", response_model=RisksModel)
async def list_risks() -> Any:
    waiting = (fake_ledger.asked(fake_ledger.api.inbox))["waiting"]
    told = risks.Told(NOW_MS, predictions(), shop.ask("maintenance"), schedule(), waiting)
    return {
        "rows": risks.rows(told),
        "old_after_ms": contract.OLD_AFTER_NS // 10**6,
        "away": [],
        "at_ms": NOW_MS,
    }


@router.get("/unmeasured", response_model=list[UnmeasuredModel])
async def unmeasured() -> Any:
    due = fake_ledger.asked(fake_ledger.api.due)
    says = Words(code="tool_change.waits_span", text="", values={"made": 40.0})
    found = [
        contract.Unmeasured(recommendation=each["id"], says=says, until_ns=NOW_NS + DAY, at_ns=NOW_NS)
        for each in due if each["state"] == "Acknowledged"
    ]  # fmt: skip
    return wire.in_ms(msgspec.to_builtins(found))


@router.get("/mes/maintenance", response_model=MaintenanceModel)
async def maintenance() -> Any:
    return shop.ask("maintenance")


@router.get("/mes/audit", response_model=AuditModel)
async def audit(subject: str = "", before: int = 0) -> Any:
    return shop.ask("trail", subject=subject, before=before)


@router.post("/_fake/overtake")
async def overtake() -> None:
    """Let what the MES's journal says of a tool overtake the open advice."""
    entries = shop.store.entries
    entry = [each for each in entries if each.event_type == "tool.mounted"][1]
    fake_ledger.office.position = entry.sequence - 1
    said = msgspec.json.decode(entry.content)
    assert fake_ledger.office.mes("tool.mounted", entry.subject, **said) == 1


@router.post("/mes/commands/{name}")
async def command(name: str, wish: Wish) -> dict[str, Any]:
    answer = await asyncio.to_thread(functools.partial(shop.do, name, "demo", **wish.data))
    if not answer.accepted:
        raise Problem(
            STATUS.get(answer.code, 409), name, place=answer.place, found=answer.found, right=answer.right
        )
    return {
        "status": answer.status,
        "sequence": answer.sequence,
        "events": answer.events,
        "subject": answer.subject,
    }


@router.get("/models", response_model=AnalystModel)
async def models() -> Any:
    said = msgspec.msgpack.decode(await service._status(None), type=contract.Status)  # type: ignore[arg-type]
    return wire.in_ms(msgspec.to_builtins(said))


@router.post("/models/{model}/live", response_model=AnalystModel)
async def promote(model: str, wish: PromotionWish) -> Any:
    try:
        service._go_live(Promote(model=model, version=wish.version, person="demo", instead_of=wish.instead_of,
                                 why=wish.why))  # fmt: skip
    except NotPromoted as why:
        raise Problem(STATUS[why.code], "not", place=why.place, found=why.found, right=why.right) from why
    return await models()


new()
