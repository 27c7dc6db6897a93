"""Which scans were stored already: ranges of sequence numbers for each origin.

A source numbers its scans 1, 2, 3, ..., so what was seen is nearly always one range and costs a few
bytes, whatever came twice, late or out of order.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec


class SeenRanges:
    """Sets of integers, one a key, each as sorted ranges that do not touch: [lo, hi, lo, hi, ...]."""

    def __init__(self) -> None:
        self._ranges: dict[int, list[int]] = {}
        self._touched_ns: dict[int, int] = {}
        self._before: dict[int, tuple[list[int], int]] = {}

    def add(self, key: int, number: int, now_ns: int) -> bool:
        """Note a number and return whether it is new."""
        ranges = self._ranges.get(key)
        if ranges is None:
            ranges = self._ranges[key] = []
        if key not in self._before:
            self._before[key] = (list(ranges), self._touched_ns.get(key, now_ns))
        if ranges and ranges[-1] == number - 1:  # the usual case: the next one
            ranges[-1] = number
        elif not _insert(ranges, number):
            return False
        self._touched_ns[key] = now_ns
        return True

    def contains(self, key: int, number: int) -> bool:
        """Return whether a number was noted."""
        ranges = self._ranges.get(key, [])
        at = bisect_right(ranges, number)
        return at % 2 == 1 or (at > 0 and ranges[at - 1] == number)

    def keep(self) -> None:
        """Accept what was added since the last call of `keep` or `undo`."""
        self._before.clear()

    def undo(self) -> None:
        """Forget what was added since: its transaction was not committed."""
        for key, (ranges, touched_ns) in self._before.items():
            if ranges:
                self._ranges[key], self._touched_ns[key] = ranges, touched_ns
            else:
                self._ranges.pop(key, None)
                self._touched_ns.pop(key, None)
        self._before.clear()

    def forget_before(self, instant_ns: int, *, keep: frozenset[int], above: int) -> None:
        """Drop keys that had nothing new since an instant, unless they are to be kept, once there are
        more than a number of keys."""
        if len(self._ranges) <= above:
            return
        for key in [k for k, at in self._touched_ns.items() if at < instant_ns and k not in keep]:
            del self._ranges[key], self._touched_ns[key]

    def encode(self) -> bytes:
        """Return all of it as bytes."""
        return msgspec.msgpack.encode([(k, self._touched_ns[k], r) for k, r in self._ranges.items() if r])

    @classmethod
    def decode(cls, stored: bytes) -> SeenRanges:
        """Return what was encoded; empty bytes give an empty one."""
        seen = cls()
        if stored:
            for key, touched_ns, ranges in msgspec.msgpack.decode(
                stored, type=list[tuple[int, int, list[int]]]
            ):
                seen._ranges[key], seen._touched_ns[key] = ranges, touched_ns
        return seen


def _insert(ranges: list[int], number: int) -> bool:
    """Insert a number into sorted ranges in place; return False if it is inside one."""
    at = bisect_right(ranges, number)
    if at % 2 == 1 or (at > 0 and ranges[at - 1] == number):
        return False
    joins_left = at > 0 and ranges[at - 1] == number - 1
    joins_right = at < len(ranges) and ranges[at] == number + 1
    if joins_left and joins_right:
        del ranges[at - 1 : at + 1]
    elif joins_left:
        ranges[at - 1] = number
    elif joins_right:
        ranges[at] = number
    else:
        ranges[at:at] = [number, number]
    return True
