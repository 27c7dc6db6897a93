"""The demo's accounts: what its plant folder says of roles, as commands. Pure.

Each has the password that the sign-in page of the demo shows; outside of a demo nobody reads any of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData
from taktwin.entropy import fingerprint


def wishes(demo: Mapping[str, Any]) -> Iterator[tuple[str, CommandData]]:
    """Yield a name of its own and the command for every account that `demo.accounts` says."""
    for account, said in sorted(demo.get("accounts", {}).items()):
        code = fingerprint(f"demo {account}")
        opened = commands.OpenAccount(account=account, code=code, printed_name=said.get("printed_name", ""))
        yield f"demo-account:{account}", opened
        for role, scopes in sorted(said.get("roles", {}).items()):
            for scope in scopes:
                grant = commands.GrantRole(account=account, role=role, scope=scope)
                yield f"demo-account:{account}:{role}:{scope}", grant
        chosen = commands.SetPassword(account=account, code=code, password=said["password"])
        yield f"demo-account:{account}:password", chosen
