"""`/demo`: what the virtual plant should suffer. There is no such address outside of a demo."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from taktwin.portal import wire
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.models.system import Inject, Injected, Injections
from taktwin.portal.problems import Problem
from taktwin.portal.roles import Action

router = APIRouter(tags=["demo"])


@router.get("/demo/injections", response_model=Injections)
async def injections(portal: PortalOf, person: PersonOf) -> dict[str, Any]:
    """Return what can be injected and what is in force now."""
    _only_demo(portal)
    answer = await portal.questions.ask_values("virtual_plant", "injections", {})
    return {
        "kinds": answer["kinds"],
        "active": [
            {"id": a["id"], "kind": a["kind"], "target": a["target"], **_span(a)} for a in answer["active"]
        ],
    }


@router.post("/demo/injections", response_model=Injected)
async def inject(wish: Inject, portal: PortalOf, person: PersonOf) -> dict[str, Any]:
    """Let the virtual plant suffer something."""
    _only_demo(portal)
    require(person, Action.DEMO_INJECT)
    answer = await portal.questions.ask_values("virtual_plant", "inject", wish.model_dump())
    if not answer["accepted"]:
        raise Problem(
            422, "The virtual plant refused this", place=f"injection {wish.kind} of {wish.target!r}",
            found=answer["reason"], right="a kind and a target of GET /api/v1/demo/injections",
        )  # fmt: skip
    return {"id": answer["id"], **_span(answer)}


def _span(answer: dict[str, Any]) -> dict[str, int]:
    return {"from_ms": wire.ms(answer["from_ns"]), "to_ms": wire.ms(answer["to_ns"])}


def _only_demo(portal: Portal) -> None:
    if portal.installation.player != "virtual_plant":
        found = "a planned line" if portal.installation.commissioning else "a real plant"
        raise Problem(
            404, "This is no demo", place="installation", found=found,
            right=f"nothing is injected into {found}",
        )  # fmt: skip
