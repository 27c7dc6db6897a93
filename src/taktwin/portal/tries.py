"""How often somebody may try to sign in from one address: guessing costs time, and so does our processor."""

from __future__ import annotations

from collections import OrderedDict, deque

WRONG_MAX = 20
WITHIN_NS = 60_000_000_000
ADDRESSES = 1000


class WrongTries:
    """Refused tries of the last minute, by the address that they came from."""

    def __init__(self) -> None:
        self._at_ns: OrderedDict[str, deque[int]] = OrderedDict()

    def wait_s(self, address: str, now_ns: int) -> int:
        """Return how many seconds an address has to wait, 0 = none."""
        tries = self._at_ns.get(address, deque())
        while tries and tries[0] <= now_ns - WITHIN_NS:
            tries.popleft()
        if len(tries) < WRONG_MAX:
            return 0
        return -(-(tries[0] + WITHIN_NS - now_ns) // 1_000_000_000)

    def count(self, address: str, now_ns: int) -> None:
        """Count one refused try."""
        tries = self._at_ns.pop(address, deque())
        tries.append(now_ns)
        self._at_ns[address] = tries
        while len(self._at_ns) > ADDRESSES:
            self._at_ns.popitem(last=False)
