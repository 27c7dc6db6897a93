"""`/advice`: what the twin advises, what people decided on it, and how much each class may do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from taktwin.contracts import commands
from taktwin.contracts import recommendation as contract
from taktwin.contracts.commands import Command
from taktwin.contracts.recommendation import Answer, Decide, Level, Move, Recommendation
from taktwin.errors import BusError
from taktwin.identity import EquipmentId, part_of
from taktwin.portal import wire
from taktwin.portal.auth import Person
from taktwin.portal.context import PersonOf, Portal, PortalOf, reach_of, require
from taktwin.portal.models.advice import (
    ClassRecordModel,
    DecisionWish,
    InboxModel,
    LevelWish,
    RecommendationModel,
    TrailModel,
)
from taktwin.portal.problems import Problem, unknown
from taktwin.portal.roles import Action
from taktwin.portal.routes.mes import NEEDS, STATUS, send

router = APIRouter(tags=["advice"], prefix="/advice")
PROOF_S = 20.0  # the whole journal is read and its hashes are made anew


@router.get("", response_model=InboxModel)
async def inbox(portal: PortalOf, person: PersonOf) -> Any:
    """Return what waits for a decision, the dearest to leave first, and what was decided last."""
    return wire.in_ms(await _ask(portal, contract.INBOX))


@router.get("/classes", response_model=list[ClassRecordModel])
async def classes(portal: PortalOf, person: PersonOf) -> Any:
    """Return what each class may do, what came of its advice, and what stands against more."""
    return wire.in_ms(await _ask(portal, contract.CLASSES))


@router.get("/classes/{name}", response_model=ClassRecordModel)
async def record(name: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return one class with its outcomes: promised beside measured, the newest first."""
    found = await _ask(portal, contract.RECORD, advice_class=name)
    if not found:
        raise unknown("class of advice", name, "one of /api/v1/advice/classes")
    return wire.in_ms(found)


@router.post("/classes/{name}/level", response_model=ClassRecordModel)
async def level(name: str, wish: LevelWish, portal: PortalOf, person: PersonOf) -> Any:
    """Move a class up by one, where its outcomes allow it, or down."""
    require(person, Action.ADVICE_AUTONOMY)
    move = Move(advice_class=name, level=Level(wish.level), reason=wish.reason)
    await _told(portal, move, person, wish.idempotency_key)
    return await record(name, portal, person)


@router.get(
    "/audit.jsonl",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}},
)
async def audit(portal: PortalOf, person: PersonOf) -> StreamingResponse:
    """Return the ledger's whole journal, an entry a line: what `taktwin verify-audit` proves alone."""
    first = await _ask(portal, contract.AUDIT, after=0)

    async def lines() -> AsyncIterator[bytes]:
        entries = first
        while entries:
            yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
            entries = await _ask(portal, contract.AUDIT, after=int(entries[-1]["sequence"]))

    return StreamingResponse(lines(), media_type="application/jsonl")


@router.get("/{recommendation}", response_model=RecommendationModel)
async def one(recommendation: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return a recommendation, whole: what is gained, why, what speaks against it, what became of it."""
    document = await _document(portal, recommendation)
    return {**wire.in_ms(msgspec.to_builtins(document)), "shown": contract.shown(document)}


@router.get("/{recommendation}/trail", response_model=TrailModel)
async def trail(recommendation: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return the journal's entries about a recommendation; the ledger proves its whole chain for it."""
    wish = {"recommendation": recommendation}
    found = await portal.questions.ask_values(contract.OWNER, contract.TRAIL, wish, timeout_s=PROOF_S)
    if "away" in found:
        raise BusError(f"the ledger's database: {found['away']}")
    if not found["entries"] and not found["chain"]["broken_what"]:
        raise unknown("recommendation", recommendation, "one of /api/v1/advice")
    return wire.in_ms(found)


@router.post("/{recommendation}/decision", response_model=RecommendationModel)
async def decide(recommendation: str, wish: DecisionWish, portal: PortalOf, person: PersonOf) -> Any:
    """Accept or reject, under the person's name; what is accepted goes to the MES at once.

    Who accepts must be allowed to ask the MES for the same by hand. The same idempotency key is answered
    again and done once. Where the MES is away the yes stands, and it goes there when it is back.
    """
    document = await _document(portal, recommendation)
    require(person, Action.ADVICE_DECIDE, _place(portal, document))
    command = document.proposal.action.command
    grant = signature = ""
    if wish.accept:
        if command not in NEEDS:
            raise Problem(409, "Nobody may ask for this here", place="action", found=command,
                          right="a command that people give")  # fmt: skip
        reach = reach_of(person, NEEDS[command])
        # No seal of what does not stand or of another version: the ledger says why it refuses.
        now_ns = portal.clock.now_ns()
        stands = document.state is contract.State.PROPOSED and now_ns < document.proposal.expires_ns
        if stands and document.version == wish.version:
            if wish.shown != contract.shown(document):
                raise Problem(409, "It is not what was shown", place="shown", found=wish.shown or "nothing",
                              right=f"{contract.shown(document)}, as the recommendation says it")  # fmt: skip
            grant = portal.carrier.grants.seal(document, person.id, reach, at_ns=now_ns)
            if document.signature_needed:
                signature = await _signed(portal, person, document, wish)
    decision = Decide(recommendation=recommendation, version=wish.version, accept=wish.accept,
                      reason=wish.reason, signature=signature, grant=grant)  # fmt: skip
    answer = await _told(portal, decision, person, wish.idempotency_key)
    if answer.state == contract.State.ACCEPTED:
        with contextlib.suppress(BusError):  # the ledger has the yes: the carrier comes for it again
            await portal.carrier.carry(recommendation)
    return await one(recommendation, portal, person)


async def _signed(portal: Portal, person: Person, document: Recommendation, wish: DecisionWish) -> str:
    """Return the id of the signature that the MES took: it alone knows people's PINs and badges."""
    reach_of(person, Action.MES_SIGN)  # signing needs no place, as in the MES
    signature = f"sign:{person.id}:{wish.idempotency_key}"
    sign = commands.Sign(
        kind="recommendation", record=document.id, meaning="approved", person=wish.signer, pin=wish.pin,
        badge=wish.badge, digest=contract.digest(document.proposal),
    )  # fmt: skip
    await send(portal, Command(
        id=signature, name=sign.command_name, actor=person.id,
        data=msgspec.Raw(msgspec.json.encode(sign)),
    ))  # fmt: skip
    return signature


def _place(portal: Portal, document: Recommendation) -> str:
    """Return the part of the plant that a recommendation is about, "" for the site as a whole."""
    equipment = portal.registry.equipment.get(EquipmentId(document.proposal.work_unit))
    return "" if equipment is None else part_of(equipment.place)


async def _document(portal: Portal, recommendation: str) -> Recommendation:
    found = await _ask(portal, contract.ONE, recommendation=recommendation)
    if not found:
        raise unknown("recommendation", recommendation, "one of /api/v1/advice")
    try:
        return msgspec.convert(found, Recommendation)
    except msgspec.ValidationError as error:
        raise BusError(f"the ledger answered something else: {error}") from error


async def _ask(portal: Portal, question: str, **wish: Any) -> Any:
    found = await portal.questions.ask_values(contract.OWNER, question, wish)
    if isinstance(found, dict) and "away" in found:
        raise BusError(f"the ledger's database: {found['away']}")
    return found


async def _told(portal: Portal, content: contract.AdviceMessage, person: Person, key: str) -> Answer:
    """Return the ledger's answer to what a person said. Raises Problem where it refuses, in its words."""
    answer = await portal.carrier.tell(
        content, message_id=f"{person.id}:{key}", actor=person.id,
        actor_type="service" if person.program else "human",
    )  # fmt: skip
    if not answer.accepted:
        raise Problem(
            STATUS.get(answer.code, 409), f"The ledger refused {content.message_name}", place=answer.place,
            found=answer.found, right=answer.right, code=answer.code,
        )  # fmt: skip
    return answer
