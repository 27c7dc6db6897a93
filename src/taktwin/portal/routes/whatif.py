"""`/whatif`: what would be. Nothing is changed by asking, so everybody who may look may ask."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec
from fastapi import APIRouter

from taktwin.contracts import whatif as contract
from taktwin.errors import BusError
from taktwin.plant.registry import Registry
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, Portal, PortalOf
from taktwin.portal.models.whatif import (
    ComparisonModel,
    ReplayModel,
    ReplayQuestionModel,
    SensitivityModel,
    SensitivityQuestionModel,
    WhatIfChanges,
    WhatIfLibrary,
    WhatIfQuestion,
    WhatIfStatus,
)
from taktwin.portal.problems import Problem, Refused, refused

router = APIRouter(tags=["whatif"], prefix="/whatif")
Answer = TypeVar("Answer")


@router.get("/status", response_model=WhatIfStatus)
async def status(portal: PortalOf, person: PersonOf) -> Any:
    """Return whether there is somebody to ask, and about which machines."""
    said = await _asked(portal, contract.STATUS, {}, contract.Status)
    return {"state": said.state, "reason": said.reason, "units": units(portal.registry)}


@router.post("", response_model=ComparisonModel)
async def compare(question: WhatIfQuestion, portal: PortalOf, person: PersonOf) -> Any:
    """Return the futures of the plant as it stands now: each scenario, and doing nothing."""
    return _document(await _asked(portal, contract.COMPARE, _question(question), contract.Comparison))


@router.post("/sensitivity", response_model=SensitivityModel)
async def sensitivity(asked: SensitivityQuestionModel, portal: PortalOf, person: PersonOf) -> Any:
    """Return which guess moves an indicator most, if it is wrong."""
    question = contract.SensitivityQuestion(
        question=_question(asked.question), scenario=asked.scenario, indicator=asked.indicator
    )
    return _document(await _asked(portal, contract.SENSITIVITY, question, contract.Sensitivity))


@router.post("/replay", response_model=ReplayModel)
async def replay(asked: ReplayQuestionModel, portal: PortalOf, person: PersonOf) -> Any:
    """Return one run: what each work unit and each buffer does when."""
    question = contract.ReplayQuestion(
        question=_question(asked.question), scenario=asked.scenario, replication=asked.replication
    )
    return _document(await _asked(portal, contract.REPLAY, question, contract.Replay))


@router.get("/library", response_model=WhatIfLibrary)
async def library(portal: PortalOf, person: PersonOf) -> Any:
    """Return the library of new-model introduction, as it fits the plant as it stands."""
    return _document(await _asked(portal, contract.LIBRARY, {}, contract.Library))


@router.get("/changes", response_model=WhatIfChanges)
async def changes(portal: PortalOf, person: PersonOf) -> Any:
    """Return the kinds of change with their fields, and what of this plant they may name."""
    return _document(await _asked(portal, contract.CHANGES, {}, contract.Changes))


async def _asked(portal: Portal, query: str, request: Any, kind: type[Answer]) -> Answer:
    """Return the room's answer; raises Problem where it refuses."""
    payload = msgspec.msgpack.encode(request)
    try:
        said = await portal.questions.ask(contract.OWNER, query, payload, timeout_s=contract.WAITED_S)
    except BusError as error:
        raise Problem(
            503, "The what-if room does not answer now", place="whatif", found=str(error),
            right="the question again in a while, or one with fewer scenarios, fewer runs, a shorter horizon",
        ) from error  # fmt: skip
    answer = msgspec.msgpack.decode(said, type=kind)
    if getattr(answer, "state", "") == "refused":
        raise refused("No such question", cast("Refused", answer))
    return answer


def _question(asked: WhatIfQuestion) -> contract.Question:
    said = asked.model_dump(exclude={"at_ms"})
    return msgspec.convert({**said, "at_ns": wire.ns(asked.at_ms)}, contract.Question)


def _document(answer: Any) -> Any:
    """Return an answer as JSON has it: instants in milliseconds, by name and in lists."""
    said = msgspec.to_builtins(answer)
    del said["mistakes"]  # of what is refused, which is a problem and no answer
    return wire.in_ms(said)


def units(registry: Registry) -> list[str]:
    """Return the work units on which some operation of a routing runs."""
    operations = [each for routing in registry.routings.values() for each in routing.operations]
    classes = {each.equipment_class for each in operations if not each.equipment}
    named = {unit for each in operations for unit in each.equipment}
    return [str(u.id) for u in registry.work_units if u.class_id in classes or u.id in named]
