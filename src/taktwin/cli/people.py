"""`taktwin people`: who may sign in to a running installation, with which roles; codes and tokens."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from taktwin.cli import door
from taktwin.contracts.commands import ROLES
from taktwin.entropy import unique_id
from taktwin.instants import MILLISECOND_NS, rfc3339


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin people`."""
    parser.add_argument("--data", help="data folder of the running installation (default: the one in var/)")
    parser.add_argument("--as", dest="account_of", default="", metavar="ACCOUNT",
                        help="sign in as; otherwise TAKTWIN_TOKEN, or nobody in a demo")  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="everybody, with roles, sessions and tokens")
    add = verbs.add_parser(
        "add", help="open an account; prints the code with which its owner chooses a password"
    )
    add.add_argument("account", help="a person's number where the plant folder has them")
    add.add_argument("--name", default="", help="as it is printed")
    add.add_argument("--role", action="append", default=[], metavar="ROLE[@PART]", help="may be repeated")
    role = verbs.add_parser("role", help="give a role, or take one away")
    role.add_argument("account")
    role.add_argument("role", metavar="ROLE[@PART]", help=f"{', '.join(ROLES)}; @aurora/northfield/assembly")
    role.add_argument("--withdraw", action="store_true")
    reset = verbs.add_parser("reset", help="a new code; password and sessions end")
    reset.add_argument("account")
    close = verbs.add_parser("close", help="nobody signs in as this account any more")
    close.add_argument("account")
    close.add_argument("cause")
    token = verbs.add_parser("token", help="issue a token, or revoke one")
    token.add_argument("account")
    token.add_argument("--for", dest="name", default="", help="what it is for; needed to issue one")
    token.add_argument("--may", action="append", default=[], metavar="ACTION", help="such as mes.plan")
    token.add_argument("--days", type=int, default=90)
    token.add_argument("--revoke", metavar="DIGITS", default="", help="the token that `list` shows so")


def people(options: argparse.Namespace) -> int:
    """Do what the verb says, and print what came of it."""
    base = door.base_url(options.data)
    with door.signed_in(base, options.account_of):
        _VERBS[options.verb](base, options)
    return 0


def _list(base: str, options: argparse.Namespace) -> None:
    for each in door.get(base, "/accounts")["accounts"]:
        roles = ", ".join(f"{one['role']}@{one['scope']}" for one in each["roles"]) or "no role: looks only"
        how = "closed" if each["closed"] else "" if each["password"] else "has chosen no password yet"
        print("  ".join(filter(None, (f"{each['account']:<16}", each["printed_name"], roles, how))))
        for one in each["tokens"]:
            state = "revoked" if one["revoked"] else f"until {_day(one['until_ms'])}"
            used = f"used {_day(one['seen_ms'])}" if one["seen_ms"] else "never used"
            may = ", ".join(one["actions"]) or "looks only"
            print(f"    token {one['token']}  {one['name']}: {may}; {state}; {used}")
        if each["sessions"]:
            print(f"    {len(each['sessions'])} sessions")


def _day(at_ms: int) -> str:
    return rfc3339(at_ms * MILLISECOND_NS)[:16].replace("T", " ")


def _add(base: str, options: argparse.Namespace) -> None:
    opened = door.post(base, "/accounts", {"account": options.account, "printed_name": options.name})
    for word in options.role:
        _command(base, "account.grant", {"account": options.account, **_role(word)})
    _say_code(base, opened)


def _reset(base: str, options: argparse.Namespace) -> None:
    _say_code(base, door.post(base, f"/accounts/{quote(options.account, safe='')}/code", {}))


def _say_code(base: str, answer: dict[str, Any]) -> None:
    print(f"code {answer['code']}: {answer['account']} chooses a password with it at {base}/")
    print(f"it counts once, until {_day(answer['until_ms'])} UTC, and is shown no second time")


def _change(base: str, options: argparse.Namespace) -> None:
    name = "account.withdraw" if options.withdraw else "account.grant"
    _command(base, name, {"account": options.account, **_role(options.role)})
    print("done")


def _close(base: str, options: argparse.Namespace) -> None:
    _command(base, "account.close", {"account": options.account, "cause": options.cause})
    print("done")


def _token(base: str, options: argparse.Namespace) -> None:
    path = f"/accounts/{quote(options.account, safe='')}/tokens"
    if options.revoke:
        door.post(base, f"{path}/{quote(options.revoke, safe='')}/revoke", {})
        print("done")
        return
    wish = {"name": options.name, "actions": options.may, "days": options.days}
    issued = door.post(base, path, wish)
    print(issued["token"])
    print(f"it counts until {_day(issued['until_ms'])} UTC, and is shown no second time")


def _role(word: str) -> dict[str, str]:
    role, _, part = word.partition("@")
    return {"role": role, "scope": part}


def _command(base: str, name: str, data: dict[str, str]) -> None:
    door.post(base, f"/mes/commands/{name}", {"data": data, "idempotency_key": unique_id()})


_VERBS = {"list": _list, "add": _add, "role": _change, "reset": _reset, "close": _close, "token": _token}
