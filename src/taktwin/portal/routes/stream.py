"""`/live`: the one WebSocket of a page."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from taktwin.portal.context import portal_of
from taktwin.portal.session import Session

router = APIRouter()


@router.websocket("/live")
async def live(websocket: WebSocket) -> None:
    """Serve one page until it goes."""
    portal = portal_of(websocket)
    if portal.accounts.person_of(websocket) is None:
        await websocket.close(code=1008, reason="nobody is signed in")
        return
    await Session(websocket, portal.hub, portal.bus, portal.clock, portal.questions, portal.unique_id).run()
