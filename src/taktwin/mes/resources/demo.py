"""The demo's people: what its plant folder says of PINs, badges and certificates, as commands. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData

DAY_NS = 86_400_000_000_000


def wishes(demo: Mapping[str, Any], now_ns: int) -> Iterator[tuple[str, CommandData]]:
    """Yield a name of its own and the command for everything that `demo.people` says.

    A name is the same at each start, so that what was done is done once; days of validity count from
    the first start.
    """
    for person, said in sorted(demo.get("people", {}).items()):
        proof = commands.SetCredentials(
            person=person, pin=said.get("pin", ""), badge=said.get("badge", ""),
            printed_name=said.get("printed_name", ""),
        )  # fmt: skip
        if proof.pin or proof.badge:
            yield f"demo-people:{person}", proof
        for skill, days in sorted(said.get("certificates", {}).items()):
            until_ns = now_ns + round(days * DAY_NS)
            yield (
                f"demo-people:{person}:{skill}",
                commands.GrantCertificate(person=person, skill=skill, valid_until_ns=until_ns),
            )
