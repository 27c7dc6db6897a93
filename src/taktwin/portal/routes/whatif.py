"""`/whatif`: what would be. Nothing is changed by asking, so everybody who may look may ask."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter

from taktwin.contracts.whatif import COMPARE, OWNER, STATUS, Comparison, Down, Question, Status
from taktwin.plant.registry import Registry
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, PortalOf
from taktwin.portal.models.whatif import ComparisonModel, WhatIfQuestion, WhatIfStatus
from taktwin.portal.problems import Problem

router = APIRouter(tags=["whatif"], prefix="/whatif")
WAITED_S = 40.0  # four questions may be before it, each with its own deadline


@router.get("", response_model=WhatIfStatus)
async def status(portal: PortalOf, person: PersonOf) -> Any:
    """Return whether there is somebody to ask, and about which machines."""
    said = msgspec.msgpack.decode(await portal.questions.ask(OWNER, STATUS, b""), type=Status)
    return {"state": said.state, "reason": said.reason, "units": units(portal.registry)}


@router.post("", response_model=ComparisonModel)
async def compare(question: WhatIfQuestion, portal: PortalOf, person: PersonOf) -> Any:
    """Return both futures of the plant as it stands now: with the change, and doing nothing."""
    asked = Question(
        down=[Down(unit=each.unit, for_s=each.for_s, from_s=each.from_s) for each in question.down],
        horizon_s=question.horizon_s, replications=question.replications, seed=question.seed,
    )  # fmt: skip
    said = await portal.questions.ask(OWNER, COMPARE, msgspec.msgpack.encode(asked), timeout_s=WAITED_S)
    answer = msgspec.msgpack.decode(said, type=Comparison)
    if answer.state == "refused":
        raise Problem(422, "No such question", place="question", found=answer.reason, right="as it says")
    document: dict[str, Any] = msgspec.to_builtins(answer)
    if document["snapshot"]:
        document["snapshot"]["state_ms"] = wire.ms(document["snapshot"].pop("state_ns"))
    for order in document["orders"]:
        for name in ("due", "done", "done_then"):
            order[f"{name}_ms"] = wire.ms(order.pop(f"{name}_ns"))
    return document


def units(registry: Registry) -> list[str]:
    """Return the work units on which some operation of a routing runs."""
    operations = [each for routing in registry.routings.values() for each in routing.operations]
    classes = {each.equipment_class for each in operations if not each.equipment}
    named = {unit for each in operations for unit in each.equipment}
    return [str(u.id) for u in registry.work_units if u.class_id in classes or u.id in named]
