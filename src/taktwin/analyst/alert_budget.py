"""How much attention a class of proposals may ask for: so many in a span. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

HOUR_NS = 3_600_000_000_000


@dataclass(slots=True)
class Budget:
    """What one class has asked for lately."""

    most: int = 3
    within_ns: int = 8 * HOUR_NS  # a shift
    _asked: deque[int] = field(default_factory=deque)

    def allows(self, now_ns: int) -> bool:
        """Return whether one more is within the budget."""
        while self._asked and self._asked[0] <= now_ns - self.within_ns:
            self._asked.popleft()
        return len(self._asked) < self.most

    def take(self, now_ns: int) -> None:
        """Note that one was asked for."""
        self._asked = deque(sorted((*self._asked, now_ns)))  # one is told of what was long ago after a start
