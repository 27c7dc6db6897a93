"""A cell that asks before it builds a part in: a number and a serial out, an answer for them in.

It builds in only what was answered with a yes, for this serial number and this question, and in time.
"""

from __future__ import annotations

from typing import Protocol

from taktwin.contracts.interlock import Answer
from taktwin.plant.schema import Interlock
from taktwin.virtual_plant.flow import SECOND_NS, World

ALARM_NO_ANSWER, ALARM_REFUSED = 8001, 8002
ASIDE_S = 15.0  # until somebody has put a refused part aside


class Cell(Protocol):
    """A work unit, as far as its interlock knows it."""

    def wake(self) -> None:
        """Look at the world again."""
        ...

    def say(self, path: str, value: object) -> None:
        """Report a value of this unit now."""
        ...


class CellInterlock:
    """What one cell asks and is answered."""

    def __init__(self, cell: Cell, world: World, interlock: Interlock, *, speed: float) -> None:
        self._cell = cell
        self._world = world
        self._paths = interlock
        self._patience_ns = max(1, round(interlock.patience_s * speed * SECOND_NS))
        # A cell that was switched off goes on with other numbers than before.
        self._number = world.now_ns // SECOND_NS % 2_000_000_000
        self._serial = ""
        self._held: dict[str, object] = {}
        self.answer = 0  # 0: none yet

    def ask(self, serial: str) -> int:
        """Ask about a part, and return the instant until which the cell waits."""
        self._number += 1
        self._serial, self.answer = serial, 0
        self._cell.say(self._paths.serial, serial)
        self._cell.say(self._paths.request, self._number)
        return self._world.now_ns + self._patience_ns

    def written(self, path: str, value: object) -> None:
        """Hear what was written; the echo of the question comes last and makes it an answer."""
        self._held[path] = value
        if path != self._paths.answered or value != self._number:
            return
        answer = self._held.get(self._paths.answer)
        if self._held.get(self._paths.answer_serial) == self._serial and isinstance(answer, int):
            self.answer = answer
            self._cell.wake()

    @property
    def may(self) -> bool:
        """Whether the part may be built in."""
        return self.answer in [int(each) for each in Answer if each.may]

    @property
    def words(self) -> str:
        """Return the answer in words, as the cell shows it."""
        known = {int(each): each.name.lower().replace("_", " ") for each in Answer}
        return known.get(self.answer, f"answer {self.answer}")
