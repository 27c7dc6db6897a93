"""The ledger behind the fake portal: its real desk over memory; what the analyst proposed is invented.

`new()` begins it anew: one recommendation waits, two were measured, one was rejected. Who accepts sees it
go through the MES at once, as nobody else is there who would say so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from fake_world import NOW_MS

sys.path.insert(0, str(Path(__file__).parents[2]))

from fastapi import APIRouter
from msgspec.structs import replace

from taktwin.contracts.recommendation import Carry, Decide, Evidence, Level, Move, Words, shown
from taktwin.ledger import api
from taktwin.ledger.trail import trail as trail_of
from taktwin.portal import wire
from taktwin.portal.models.advice import (
    ClassRecordModel,
    DecisionWish,
    InboxModel,
    LevelWish,
    RecommendationModel,
    TrailModel,
)
from taktwin.portal.problems import Problem
from taktwin.storage.journal import Anchor
from tests.support_advice import CLASS, HOUR, SECOND, Office, proof, proposal

NOW_NS = NOW_MS * 1_000_000
MINUTE = 60 * SECOND
SIGNAL = "turn1/spindle/load"
router = APIRouter(prefix="/api/v1/advice")
office = Office()
tampered = mes_away = False


def new() -> None:
    """Begin anew."""
    global office, tampered, mes_away
    tampered = mes_away = False
    office = Office()
    office.now_ns = NOW_NS - 9 * HOUR
    office.position = 100_000  # what the MES of these pages has not: of their own work it is asked by subject
    office.begun()
    office.measured("r1", -11.0, "M1")
    office.measured("r2", -0.2, "M2")
    office.propose("r3")
    office.granted(Decide(recommendation="r3", version=office.of("r3").version, accept=False,
                          reason="no insert in stock", grant=""))  # fmt: skip
    office.now_ns = NOW_NS - 5 * SECOND
    proposed("r4", before_ns=10 * MINUTE)
    office.now_ns = NOW_NS


def proposed(name: str, *, before_ns: int, minutes: int = 95) -> None:
    """Propose what was proven so long before, with all the words of its class."""
    values: dict[str, str | int | float] = {
        "tool": "insert", "unit": "turn1", "in_min": 40, "name": "Turned diameter", "minutes": minutes,
        "minutes_low": minutes - 25, "minutes_high": minutes + 30,
    }  # fmt: skip
    leaves = f"Turned diameter will leave its window in about {minutes} [{minutes - 25}–{minutes + 30}] min."
    whole = proposal(name)
    proven_ns = NOW_NS - before_ns
    office.propose(
        name,
        says=Words(code="tool_change.headline.next_set_up", values=values,
                   text=f"Change the insert of turn1 at the next set-up, in about 40 min; {leaves}"),
        forecast=replace(whole.forecast, says=Words(code="tool_change.leaves", values=values, text=leaves)),
        action=replace(whole.action, data={**whole.action.data, "due_ns": proven_ns + 40 * MINUTE}),
        proof=proof(proven_ns),
        evidence=[
            Evidence(says=each, kind="signal", reference=SIGNAL, from_ns=NOW_NS - 3 * HOUR, to_ns=NOW_NS)
            for each in (
                Words(code="test", text="The spindle's load rises with it."),
                # As the analyst says them of its predictions.
                Words(code="tool_wear.deviation", text="", values={"value": 0.88918425, "unit": "1"}),
                Words(code="tool_wear.age", text="", values={"value": 285.0, "unit": "{part}"}),
                # As it may have said it years ago: what the page's text names is not there.
                Words(code="tool_wear.learnt", text="24 tools are what it has learnt from.", values={}),
            )
        ],
    )  # fmt: skip


def asked(query: Callable[..., Any], **wish: Any) -> Any:
    """Return what the ledger answers to a question."""
    with office.store.begin() as transaction:
        found = query(transaction.book, wish, office.now_ns)
    return wire.in_ms(msgspec.to_builtins(found))


@router.get("", response_model=InboxModel)
async def inbox() -> Any:
    return asked(api.inbox)


@router.get("/classes", response_model=list[ClassRecordModel])
async def classes() -> Any:
    return asked(api.classes)


@router.get("/classes/{name}", response_model=ClassRecordModel)
async def record(name: str) -> Any:
    return asked(api.record, advice_class=name)


@router.post("/classes/{name}/level", response_model=ClassRecordModel)
async def level(name: str, wish: LevelWish) -> Any:
    told(office.say(Move(advice_class=name, level=Level(wish.level), reason=wish.reason)))
    return asked(api.record, advice_class=CLASS)


@router.get("/{name}", response_model=RecommendationModel)
async def one(name: str) -> Any:
    return {**asked(api.one, recommendation=name), "shown": shown(office.of(name))}


@router.get("/{name}/trail", response_model=TrailModel)
async def trail(name: str) -> Any:
    entries = office.store.entries  # type: ignore[attr-defined]
    end = entries[-3]
    anchors = [Anchor(end.sequence, "0" * 64 if tampered else end.hash)]
    return wire.in_ms(msgspec.to_builtins(trail_of(entries, anchors, name)))


@router.post("/_fake/tamper")
async def tamper() -> None:
    """Let the journal be another one than the one that was anchored."""
    global tampered
    tampered = True


@router.post("/_fake/confirm")
async def confirm() -> None:
    """Let the operator say that the new tool is in."""
    assert office.mes("maintenance.order.completed", "M7", order="M7", work_unit="turn1") == 1


@router.post("/_fake/days")
async def days() -> None:
    """Let three days pass in which nobody measures."""
    office.desk.tick()
    office.now_ns += 72 * HOUR
    assert office.desk.tick() > 0


@router.post("/_fake/late")
async def late() -> None:
    """Let what was due a while ago still wait, and what was expected be over."""
    proposed("r5", before_ns=58 * MINUTE, minutes=50)


@router.post("/_fake/mes_away")
async def without_mes() -> None:
    """Let the MES be away from now on."""
    global mes_away
    mes_away = True


@router.post("/_fake/foretold")
async def foretold() -> None:
    """Let something that was only observed not come as it was foretold."""
    office.foretold("r9", came_true=False)


@router.post("/{name}/decision", response_model=RecommendationModel)
async def decide(name: str, wish: DecisionWish) -> Any:
    told(office.say(Decide(recommendation=name, version=wish.version, accept=wish.accept, reason=wish.reason,
                           grant="seal" if wish.accept else "")))  # fmt: skip
    if wish.accept:
        office.granted(Carry(recommendation=name))
        if not mes_away:
            office.opened(name, "M7")
    return await one(name)


def told(answer: Any) -> None:
    """Say in the ledger's words what it refuses."""
    if not answer.accepted:
        raise Problem(409, "The ledger refused", place=answer.place, found=answer.found, right=answer.right)


new()
