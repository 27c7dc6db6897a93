"""`/whatif/calibration`: what the simulated plant's numbers rest on.

Whoever may look may have a new set made, since it changes no answer; taking one into use is an engineer's.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter

from taktwin.contracts import calibration as contract
from taktwin.contracts.whatif import OWNER
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.models.calibration import (
    CalibrationBegunModel,
    CalibrationEntry,
    CalibrationModel,
    CalibrationsModel,
    CalibrationUseModel,
    CalibrationWishModel,
)
from taktwin.portal.problems import Problem, refused
from taktwin.portal.roles import Action

router = APIRouter(tags=["whatif"], prefix="/whatif/calibration")
WAITED_S = 20.0  # the room gives way to all others, and the first look at a set of half a year takes a while


@router.get("", response_model=CalibrationsModel)
async def known(portal: PortalOf, person: PersonOf) -> Any:
    """Return which parameter sets there are, and which one answers are made with."""
    said = await portal.questions.ask(OWNER, contract.CALIBRATIONS, b"", timeout_s=WAITED_S)
    return wire.in_ms(msgspec.to_builtins(msgspec.msgpack.decode(said, type=contract.Calibrations)))


@router.post("", response_model=CalibrationBegunModel)
async def begin(wish: CalibrationWishModel, portal: PortalOf, person: PersonOf) -> Any:
    """Begin a new calibration; how far it is, GET says."""
    asked = contract.CalibrationWish(days=wish.days, who=person.printed_name or person.id)
    answer = await _asked(portal, contract.CALIBRATE, asked, contract.CalibrationBegun)
    return {"state": answer.state, "reason": answer.reason}


@router.post("/use", response_model=CalibrationEntry)
async def use(wish: CalibrationUseModel, portal: PortalOf, person: PersonOf) -> Any:
    """Take a set into use, under the name of whoever asks."""
    require(person, Action.WHATIF_CALIBRATION)
    asked = contract.CalibrationUse(
        calibration=wish.calibration, instead_of=wish.instead_of, why=wish.why,
        who=person.printed_name or person.id,
    )  # fmt: skip
    answer = await _asked(portal, contract.CALIBRATION_USE, asked, contract.CalibrationUsed)
    if answer.state == "moved_on":
        raise Problem(409, "Another set is in use meanwhile", place="instead_of", found=answer.reason,
                      right="the set that is in use now")  # fmt: skip
    return wire.in_ms(msgspec.to_builtins(answer.entry))


@router.get("/{calibration}", response_model=CalibrationModel)
async def one(calibration: str, portal: PortalOf, person: PersonOf, beside: str = "") -> Any:
    """Return a set with what each of its parameters rests on, beside another if one is named."""
    asked = contract.CalibrationAsked(calibration=calibration, beside=beside)
    answer = await _asked(portal, contract.CALIBRATION, asked, contract.CalibrationSet)
    said = msgspec.to_builtins(answer)
    del said["mistakes"]
    return wire.in_ms(said)


async def _asked(portal: Portal, query: str, request: Any, kind: Any) -> Any:
    """Return the room's answer; raises Problem where it refuses."""
    said = await portal.questions.ask(OWNER, query, msgspec.msgpack.encode(request), timeout_s=WAITED_S)
    answer = msgspec.msgpack.decode(said, type=kind)
    if answer.state == "refused":
        raise refused("No such calibration", answer)
    return answer
