"""What a cell is answered that asked whether a part may be built in: one number, for all machines alike."""

from __future__ import annotations

from enum import IntEnum


class Answer(IntEnum):
    """Below 10 the part may be built in. 0 is no answer: a cell that finds it builds nothing in."""

    NONE = 0
    MAY = 1
    NOT_ENFORCED = 2  # no job order runs here, and the plant folder says that nobody enforces then
    HELD = 10
    FAILED = 11  # it is scrap
    OPERATION_MISSING = 12
    DONE_ALREADY = 13
    UNKNOWN_SERIAL = 14
    WRONG_JOB = 15
    RESTRICTED_LOT = 16
    NO_JOB = 17
    NO_SERIAL = 18
    TOO_LATE = 19  # never written: the cell had given up

    @property
    def may(self) -> bool:
        """Whether the part may be built in."""
        return self in (Answer.MAY, Answer.NOT_ENFORCED)
