"""Machines that hold what they are told, for a desk without a commander."""

from __future__ import annotations

from taktwin.contracts import machine_commands
from taktwin.contracts.machine_commands import MachineResult, Outcome, ReadBack, Values
from taktwin.mes.desk import Desk
from taktwin.mes.machines.actions import envelope


def obey(desk: Desk) -> int:
    """Let the machines do what the MES has told them and nobody has answered; return how many it were."""
    rows = desk.open_commands()
    for row in rows:
        wish = machine_commands.content_of(envelope(row))
        wanted = [*wish.values, *wish.then] if isinstance(wish, Values) else []
        values = [
            ReadBack(signal=each.signal, wanted=each.value, found=each.value, same=True) for each in wanted
        ]
        desk.told(MachineResult(id=row.command, outcome=Outcome.DONE, values=values))
    return len(rows)
