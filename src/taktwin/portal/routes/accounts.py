"""`/accounts`: who may sign in; codes and tokens, each shown once. Roles go by the MES's commands."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData
from taktwin.entropy import fingerprint, one_time_code, secret_token
from taktwin.portal import wire
from taktwin.portal.auth import TOKEN_PREFIX, Person, SignedIn
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.models.accounts import (
    AccountsModel,
    CodeModel,
    DoneModel,
    IssuedModel,
    OpenModel,
    TokenWish,
)
from taktwin.portal.problems import Problem, unknown
from taktwin.portal.roles import Action
from taktwin.portal.routes.mes import ask, send

router = APIRouter(tags=["accounts"], prefix="/accounts")
TOKEN_BYTES = 32
DAY_NS = 86_400_000_000_000
CODE_DAYS = 7


@router.get("", response_model=AccountsModel)
async def accounts(portal: PortalOf, person: PersonOf) -> Any:
    """Return everybody who may sign in: all of them to an admin, to others themselves."""
    found = await ask(portal, "accounts")
    if not person.may(Action.ACCOUNTS):
        found["accounts"] = [each for each in found["accounts"] if each["account"] == person.id]
    return found


@router.post("", response_model=CodeModel)
async def open_account(wish: OpenModel, portal: PortalOf, person: PersonOf) -> CodeModel:
    """Open an account; the code with which its owner chooses a password is shown this once."""
    require(person, Action.ACCOUNTS)
    code = one_time_code()
    opened = commands.OpenAccount(account=wish.account, code=fingerprint(code),
                                  printed_name=wish.printed_name, language=wish.language)  # fmt: skip
    await _order(portal, person, opened)
    return _code(portal, wish.account, code)


@router.post("/{account}/code", response_model=CodeModel)
async def invite(account: str, portal: PortalOf, person: PersonOf) -> CodeModel:
    """Give an account a new code; its password and its sessions end."""
    require(person, Action.ACCOUNTS)
    code = one_time_code()
    await _order(portal, person, commands.InviteAccount(account=account, code=fingerprint(code)))
    return _code(portal, account, code)


def _code(portal: Portal, account: str, code: str) -> CodeModel:
    until_ns = portal.clock.now_ns() + CODE_DAYS * DAY_NS
    return CodeModel(account=account, code=code, until_ms=wire.ms(until_ns))


@router.post("/{account}/tokens", response_model=IssuedModel)
async def issue(account: str, wish: TokenWish, portal: PortalOf, person: PersonOf) -> IssuedModel:
    """Issue a token: to oneself, or as an admin to anybody. It never may more than its account."""
    _own_or_admin(person, account)
    strange = sorted(set(wish.actions) - set(Action))
    if strange:
        raise Problem(422, "There is no such action", place="actions", found=", ".join(strange),
                      right=f"of {', '.join(Action)}")  # fmt: skip
    token = TOKEN_PREFIX + secret_token(TOKEN_BYTES)
    until_ns = portal.clock.now_ns() + wish.days * DAY_NS
    issued = commands.IssueToken(token=fingerprint(token), account=account, name=wish.name,
                                 actions=wish.actions, until_ns=until_ns)  # fmt: skip
    await _order(portal, person, issued)
    return IssuedModel(account=account, token=token, until_ms=wire.ms(until_ns))


@router.post("/{account}/tokens/{token}/revoke", response_model=DoneModel)
async def revoke(account: str, token: str, portal: PortalOf, person: PersonOf) -> DoneModel:
    """Let a token count no more; it is named by the first digits of its fingerprint."""
    _own_or_admin(person, account)
    found = await ask(portal, "token", account=account, token=token)
    if not found:
        raise unknown("token", token, f"a token of {account}, by its first 12 digits")
    await _order(portal, person, commands.RevokeToken(token=found["token"]))
    return DoneModel(account=account)


def _own_or_admin(person: Person, account: str) -> None:
    # A program may not make itself a token that may more, or lives longer, than its own.
    if person.program or person.id != account:
        require(person, Action.ACCOUNTS)


async def _order(portal: Portal, person: Person, wish: CommandData) -> None:
    command = commands.make(
        wish, command_id=portal.unique_id(), actor=person.id,
        actor_type="service" if person.program else "human",
    )  # fmt: skip
    await send(portal, command)
    if isinstance(portal.accounts, SignedIn):
        portal.accounts.forget()
