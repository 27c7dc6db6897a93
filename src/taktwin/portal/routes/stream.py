"""`/live`: the one WebSocket of a page, for as long as whoever opened it is signed in."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket

from taktwin.errors import BusError
from taktwin.portal.auth import SignedIn
from taktwin.portal.context import portal_of
from taktwin.portal.session import Session
from taktwin.stopping import until

router = APIRouter()
LOOK_EVERY_S = 5.0


@router.websocket("/live")
async def live(websocket: WebSocket) -> None:
    """Serve one page until it goes, or until its person may look no more."""
    portal = portal_of(websocket)
    person = portal.accounts.person_of(websocket)
    if person is None:
        await websocket.close(code=1008, reason="nobody is signed in")
        return
    session = Session(
        websocket, portal.hub, portal.bus, portal.clock, portal.questions, portal.unique_id
    )  # fmt: skip
    if not isinstance(portal.accounts, SignedIn):
        await session.run()
        return
    gone = asyncio.Event()
    watching = asyncio.create_task(_watch(portal.accounts, websocket, person.id, gone), name="signed-in")
    try:
        await until(gone, session.run())
        if gone.is_set():
            await websocket.close(code=1008, reason="signed out")
    finally:
        watching.cancel()


async def _watch(accounts: SignedIn, websocket: WebSocket, person: str, gone: asyncio.Event) -> None:
    """Say when whoever opened a stream is signed in no more."""
    while True:
        await accounts.clock.wall_sleep(LOOK_EVERY_S)
        try:
            now = await accounts.recognise(websocket)
        except BusError:
            now = None  # the owner of accounts has been away for longer than we believe anybody
        if now is None or now.id != person:
            gone.set()
            return
