"""A part of a message is asked of the desk, and becomes a row of the report."""

from __future__ import annotations

import hashlib

import msgspec

from taktwin.contracts.commands import Command, CommandData, ImportedRow
from taktwin.contracts.mistake import Mistake
from taktwin.mes.desk import Desk
from taktwin.standards.b2mml import NotRead

MISTAKES_SHOWN = 8


def done(
    desk: Desk, wish: CommandData, *, name: str, key: object, remark: str, actor: str, actor_type: str
) -> ImportedRow:
    """Ask the desk, once for everything that is the same in `key`, and return what became of it."""
    answer = desk.execute(
        Command(
            id=f"import:{hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:40]}",
            name=wish.command_name, actor=actor, actor_type=actor_type,
            data=msgspec.Raw(msgspec.json.encode(wish)),
        )
    )  # fmt: skip
    if answer.accepted:
        return ImportedRow(request=name, accepted=True, remark=remark)
    wrong = [Mistake(place=answer.place, found=answer.found, right=answer.right), *answer.also]
    shown = [f"{each.place}: found {each.found}; expected {each.right}" for each in wrong[:MISTAKES_SHOWN]]
    more = [f"and {len(wrong) - MISTAKES_SHOWN} more"] if len(wrong) > MISTAKES_SHOWN else []
    return ImportedRow(request=name, accepted=False, code=answer.code, reason="; ".join([*shown, *more]))


def refused(each: NotRead) -> ImportedRow:
    """Return the row of what could not be read."""
    return ImportedRow(request=each.request, accepted=False, code="invalid",
                       reason=f"{each.place}: found {each.found}; expected {each.right}")  # fmt: skip
