"""`/session`: sign in, sign out, choose a password, make the first admin. Open to whoever is nobody yet."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData
from taktwin.entropy import fingerprint, secret_token
from taktwin.errors import BusError
from taktwin.portal.auth import SignedIn
from taktwin.portal.context import PersonOf, Portal, PortalOf
from taktwin.portal.models.accounts import DoneModel, EntranceModel, PasswordModel, SetUpModel, SignInModel
from taktwin.portal.problems import Problem
from taktwin.portal.routes.mes import ask, send

router = APIRouter(tags=["accounts"], prefix="/session")
SESSION_BYTES = 32
SLOW_S = 15.0  # a password takes its time to look at, and others may be before it
LIFE_S = 12 * 3600  # of the cookie; what counts is what the owner of accounts says


@router.get("", response_model=EntranceModel)
async def entrance(request: Request, portal: PortalOf) -> dict[str, Any]:
    """Return whether somebody is signed in, and what the sign-in page has to know."""
    person = portal.accounts.person_of(request)
    try:
        found = await ask(portal, "entrance") if isinstance(portal.accounts, SignedIn) else {"set_up": True}
    except BusError:
        found = {"set_up": True}  # nobody can be made now; signing in says what is away
    demo = portal.registry.demo.get("accounts", {}) if portal.installation.demo else {}
    return {
        "plant": portal.registry.name,
        "signed_in": person is not None and bool(person.session),
        "person": "" if person is None else person.id,
        "set_up": found["set_up"] or portal.installation.demo,
        "demo": [
            {
                "account": account, "password": said["password"],
                "roles": [
                    {"role": role, "scope": scope}
                    for role, scopes in said.get("roles", {}).items() for scope in scopes
                ],
            }
            for account, said in sorted(demo.items())
        ],
    }  # fmt: skip


@router.post("", response_model=DoneModel)
async def sign_in(wish: SignInModel, request: Request, response: Response, portal: PortalOf) -> DoneModel:
    """Begin a session; its cookie is made here, and whatever the browser brought is worth nothing."""
    accounts = _accounts(portal)
    session = secret_token(SESSION_BYTES)
    begin = commands.SignIn(account=wish.account, password=wish.password, session=fingerprint(session))
    await _strangers(portal, request, begin)
    kept = accounts.shown(request)
    if kept[0] == "session" and kept[1]:  # one browser has one session
        await _order(portal, commands.SignOut(session=kept[1]), actor=wish.account)
    accounts.forget()
    response.set_cookie(
        accounts.cookie, session, max_age=LIFE_S, path="/", httponly=True, samesite="strict",
        secure=accounts.secure,
    )  # fmt: skip
    return DoneModel(account=wish.account)


@router.post("/end", response_model=DoneModel)
async def sign_out(response: Response, portal: PortalOf, person: PersonOf) -> DoneModel:
    """End this browser's session."""
    accounts = _accounts(portal)
    if person.session:
        await _order(portal, commands.SignOut(session=person.session), actor=person.id)
        accounts.forget()
    response.delete_cookie(
        accounts.cookie, path="/", httponly=True, samesite="strict", secure=accounts.secure
    )
    return DoneModel(account=person.id)


@router.post("/password", response_model=DoneModel)
async def choose(wish: PasswordModel, request: Request, portal: PortalOf) -> DoneModel:
    """Choose a password. All sessions of the account end."""
    code = fingerprint(wish.code.strip().upper()) if wish.code else ""
    chosen = commands.SetPassword(
        account=wish.account, password=wish.password, code=code, before=wish.before
    )  # fmt: skip
    await _strangers(portal, request, chosen)
    return DoneModel(account=wish.account)


@router.post("/set-up", response_model=DoneModel)
async def set_up(wish: SetUpModel, request: Request, portal: PortalOf) -> DoneModel:
    """Make the first admin of a plant that has none."""
    if portal.installation.demo:
        raise Problem(
            404, "A demo needs no admin", place="installation", found="a demo", right="a real plant"
        )
    code = fingerprint(wish.code.strip().upper())
    await _strangers(portal, request, commands.SetUp(account=wish.account, password=wish.password, code=code))
    return DoneModel(account=wish.account)


def _accounts(portal: Portal) -> SignedIn:
    if not isinstance(portal.accounts, SignedIn):
        raise Problem(404, "There are no accounts here", place="installation", found="none", right="accounts")
    return portal.accounts


async def _strangers(portal: Portal, request: Request, wish: CommandData) -> None:
    """Ask for something that a stranger may ask, if they were not refused too often of late."""
    address = request.client.host if request.client is not None else ""
    now_ns = portal.clock.monotonic_ns()
    wait_s = portal.tries.wait_s(address, now_ns)
    if wait_s:
        raise Problem(429, "Too many wrong tries from here", place="sign-in", found="20 in a minute",
                      right=f"{wait_s} s of waiting", retry_after_s=wait_s)  # fmt: skip
    try:
        # What a stranger typed is no name to write down; the event says who it was, where it was somebody.
        await _order(portal, wish, actor="portal", actor_type="service")
    except Problem as refused:
        if refused.status == 403:
            portal.tries.count(address, now_ns)
        raise
    _accounts(portal).forget()


async def _order(portal: Portal, wish: CommandData, *, actor: str, actor_type: str = "human") -> None:
    command = commands.make(wish, command_id=portal.unique_id(), actor=actor, actor_type=actor_type)
    await send(portal, command, timeout_s=SLOW_S)
