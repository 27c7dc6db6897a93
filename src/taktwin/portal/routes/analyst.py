"""`/models`, `/predictions`, `/unmeasured`, `/risks`: what the analyst predicts and with what, what it waits
for where nothing is measured yet, and who lets a version go live.

A version begins in the shadow. Whoever may look sees its card, data and scores beside the one that is live;
letting it go live is decided by a person who is there, under a name: no program's token does it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
from fastapi import APIRouter

from taktwin.contracts import analyst as contract
from taktwin.contracts import topics
from taktwin.errors import BusError
from taktwin.portal import risks, wire
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.models.analyst import (
    AnalystModel,
    PredictedModel,
    PromotionWish,
    RisksModel,
    UnmeasuredModel,
)
from taktwin.portal.problems import Problem
from taktwin.portal.roles import Action
from taktwin.portal.routes.advice import inbox
from taktwin.portal.routes.mes import STATUS, ask

router = APIRouter(tags=["advice"])
WAITED_S = 10.0  # the analyst may be in the middle of a round


@router.get("/models", response_model=AnalystModel)
async def models(portal: PortalOf, person: PersonOf) -> Any:
    """Return every version of every model: which is live, data, error beside its limit, scores, card."""
    return _in_ms(await _ask(portal, contract.STATUS, contract.Status))


@router.get("/predictions", response_model=list[PredictedModel])
async def predictions(portal: PortalOf, person: PersonOf) -> Any:
    """Return the newest prediction for each subject, each with when it was made."""
    return _in_ms(await _ask(portal, contract.PREDICTIONS, list[contract.Predicted]))


@router.get("/unmeasured", response_model=list[UnmeasuredModel])
async def unmeasured(portal: PortalOf, person: PersonOf) -> Any:
    """Return what was carried out and is not measured yet, with what that waits for and until when."""
    return _in_ms(await _ask(portal, contract.UNMEASURED, list[contract.Unmeasured]))


@router.get("/risks", response_model=RisksModel)
async def list_risks(portal: PortalOf, person: PersonOf) -> Any:
    """Return which tool or asset needs somebody next, the soonest first, and when its unit does not work.

    Whoever of analyst, MES and ledger does not answer is named, and its part is missing.
    """
    away: list[str] = []

    async def part(owner: str, asked: Awaitable[Any], without: Any) -> Any:
        try:
            return await asked
        except BusError as error:
            away.append(f"{owner}: {error}")
            return without

    said = part("analyst", predictions(portal, person), [])
    upkeep = part("mes", ask(portal, "maintenance"), {})
    plan = part("mes", ask(portal, "schedule"), {})
    advice = part("ledger", inbox(portal, person), {})
    told = await asyncio.gather(said, upkeep, plan, advice)
    now_ms = wire.ms(portal.clock.now_ns())
    found = risks.rows(risks.Told(now_ms, told[0], told[1], told[2], told[3].get("waiting", [])))
    return {"rows": found, "old_after_ms": wire.ms(contract.OLD_AFTER_NS), "away": sorted(set(away)),
            "at_ms": now_ms}  # fmt: skip


@router.post("/models/{model}/live", response_model=AnalystModel)
async def promote(model: str, wish: PromotionWish, portal: PortalOf, person: PersonOf) -> Any:
    """Let a version go live under the name of whoever asks; the one before retires.

    Said twice it is done once. Where another one went live since `instead_of` was seen, nothing happens.
    """
    require(person, Action.MODEL_PROMOTE)
    if person.program:
        raise Problem(403, "A person decides this", place="session", found="a program's token",
                      right="a person who is signed in")  # fmt: skip
    said = await portal.bus.request(
        topics.command(portal.registry.enterprise, portal.registry.site, contract.OWNER, contract.PROMOTE),
        msgspec.json.encode(contract.Promote(
            model=model, version=wish.version, person=person.printed_name or person.id,
            instead_of=wish.instead_of, why=wish.why.strip(),
        )),
        timeout_s=WAITED_S,
    )  # fmt: skip
    try:
        answer = msgspec.json.decode(said, type=contract.Promoted)
    except msgspec.DecodeError as error:
        raise BusError(f"the analyst answered something else: {error}") from error
    if not answer.accepted:
        raise Problem(
            STATUS.get(answer.code, 409), "The version does not go live", place=answer.place,
            found=answer.found, right=answer.right,
        )  # fmt: skip
    return await models(portal, person)


async def _ask(portal: Portal, name: str, kind: Any) -> Any:
    said = await portal.questions.ask(contract.OWNER, name, b"", timeout_s=WAITED_S)
    try:
        return msgspec.msgpack.decode(said, type=kind)
    except msgspec.DecodeError as error:
        raise BusError(f"the analyst answered something else: {error}") from error


def _in_ms(answer: Any) -> Any:
    return wire.in_ms(msgspec.to_builtins(answer))
