"""Who somebody is by what they show, and everybody who may sign in, from the rows. Writes nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from taktwin.mes.accounts.actions import has_admin
from taktwin.mes.accounts.tables import Account, RoleGrant, Seen, Session, Token, Tries
from taktwin.mes.definitions.routes import Definitions
from taktwin.storage.book import Reading

SHOWN = 12  # digits of a fingerprint that tell it from the others of an account


def identify(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return whose session or token this is now, {} where it is nobody's."""
    shown = str(wish["fingerprint"])
    row: Session | Token | None
    actions: list[str] | None = None
    if wish["kind"] == "token":
        row = token = book.get(Token, shown)
        if token is None or token.revoked:
            return {}
        actions = msgspec.json.decode(token.actions)
    else:
        row = book.get(Session, shown)
    if row is None or row.until_ns <= now_ns:
        return {}
    account = book.get(Account, row.account)
    if account is None or account.closed:
        return {}
    return {
        "account": account.account, "printed_name": account.printed_name, "language": account.language,
        "roles": _roles(book, account.account), "actions": actions, "until_ns": row.until_ns,
    }  # fmt: skip


def _roles(book: Reading, account: str) -> list[dict[str, str]]:
    return [{"role": row.role, "scope": row.scope} for row in book.where(RoleGrant, account=account)]


def accounts(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return every account with roles, sessions and tokens; no secret, and no code."""
    locked = {row.account: row.locked_until_ns for row in book.where(Tries)}
    everybody = []
    for row in book.where(Account):
        until_ns = locked.get(row.account, 0)
        everybody.append({
            "account": row.account, "printed_name": row.printed_name, "language": row.language,
            "closed": row.closed, "password": row.password,
            "invited_until_ns": row.code_until_ns if row.code and row.code_until_ns > now_ns else 0,
            "locked_until_ns": until_ns if until_ns > now_ns else 0,
            "opened_ns": row.opened_ns,
            "roles": _roles(book, row.account),
            "sessions": [
                {"begun_ns": each.begun_ns, "until_ns": each.until_ns, "seen_ns": _seen(book, each.session)}
                for each in book.where(Session, account=row.account) if each.until_ns > now_ns
            ],
            "tokens": [
                {
                    "token": each.token[:SHOWN], "name": each.name,
                    "actions": msgspec.json.decode(each.actions), "issued_ns": each.issued_ns,
                    "until_ns": each.until_ns, "revoked": each.revoked, "seen_ns": _seen(book, each.token),
                }
                for each in book.where(Token, account=row.account)
            ],
        })  # fmt: skip
    parts = sorted({definitions.site, *definitions.places.values()})
    return {"accounts": everybody, "parts": parts, "site": definitions.site, "at_ns": now_ns}


def _seen(book: Reading, fingerprint: str) -> int:
    row = book.get(Seen, fingerprint)
    return 0 if row is None else row.at_ns


def entrance(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return whether the plant still waits for its first admin."""
    return {"set_up": has_admin(book)}


def token_of(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return the whole fingerprint of a token by its first digits and its account, {} where it is not one."""
    begin = str(wish["token"])
    rows = book.where(Token, account=str(wish["account"])) if len(begin) >= SHOWN else []
    found = [row.token for row in rows if row.token.startswith(begin)]
    return {"token": found[0]} if len(found) == 1 else {}
