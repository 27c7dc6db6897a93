"""`/models`, `/predictions`: what the analyst predicts with, what it predicts; who lets a version go live.

A version begins in the shadow. Whoever may look sees its card, data and scores beside the one that is live;
letting it go live is decided by a person who is there, under a name: no program's token does it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter

from taktwin.contracts import analyst as contract
from taktwin.contracts import topics
from taktwin.errors import BusError
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.models.analyst import AnalystModel, PredictedModel, PromotionWish
from taktwin.portal.problems import Problem
from taktwin.portal.roles import Action
from taktwin.portal.routes.mes import STATUS

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
