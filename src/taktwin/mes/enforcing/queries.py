"""What a machine asked, what it was told, and what it said, from the rows. Writes nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from taktwin.contracts.interlock import Answer
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.enforcing.tables import Question
from taktwin.mes.machines.tables import LoadedParameter, MachineOrder
from taktwin.storage.book import Reading

COMMANDS_SHOWN = 8


def told(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return the last question of a work unit, the parameters that it holds, and its last commands."""
    work_unit = str(wish["work_unit"])
    if work_unit not in definitions.work_units:
        return {}
    newest = book.newest(MachineOrder, "given_ns", COMMANDS_SHOWN, work_unit=work_unit)
    return {
        "work_unit": work_unit,
        "asks": any(unit == work_unit for unit, _ in definitions.interlocks.values()),
        "question": _question(book, work_unit, now_ns),
        "parameters": [
            msgspec.structs.asdict(row) for row in book.where(LoadedParameter, work_unit=work_unit)
        ],
        "commands": [
            {
                "command": row.command, "name": row.name, "job": row.job, "by": row.by, "why": row.why,
                "given_ns": row.given_ns, "ended_ns": row.ended_ns, "late": _late(row, now_ns),
                "outcome": row.outcome, "place": row.place, "found": row.found, "right": row.right,
            }
            for row in newest
        ],
        "at_ns": now_ns,
    }  # fmt: skip


def _question(book: Reading, work_unit: str, now_ns: int) -> dict[str, Any] | None:
    row = book.get(Question, work_unit)
    if row is None:
        return None
    command = book.get(MachineOrder, row.command) if row.command else None
    untold = "" if row.code == Answer.NONE else "late"  # an open question is answered soon
    return {
        "unit": row.unit, "number": row.number, "asked_ns": row.asked_ns, "cause": row.cause, "job": row.job,
        "answer": Answer(row.code).name.lower(), "may": Answer(row.code).may,
        "outcome": untold if command is None else command.outcome,
        "late": command is not None and _late(command, now_ns),
    }  # fmt: skip


def _late(row: MachineOrder, now_ns: int) -> bool:
    """Return whether nobody has said what came of a command, and its time is over."""
    return not row.outcome and row.deadline_ns < now_ns
