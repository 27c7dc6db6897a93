"""What people do wrong, and what each mistake changes: nothing is explained that is not listed here."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Mistake:
    """One thing that a person did wrong, and exactly what the MES then says in place of the truth.

    It explains what lay at a unit while a wrong lot was on record; whose parts were counted for no job
    order or for another one; what was scrapped and never or otherwise booked; what lots are said to have
    left; which reason a stop has; where a person is said to have been; what a machine is said to hold.
    """

    number: int
    kind: str
    place: str  # work unit
    at_ns: int
    words: str
    to_ns: int = 0  # until when it had an effect; 0: at once, or still
    product: str = ""  # of a lot
    real: str = ""  # the lot that lay there; the reason why it stood; where somebody was
    said: str = ""  # the lot on record, the reason given, where they were logged on; "" = none
    unit: str = ""  # serial number, job order
    person: str = ""
    said_cause: str = ""  # what was booked in place of the truth; "" = nothing was
    real_cause: str = ""
    stood_ns: int = 0  # when the stop began that it is about
    cut_ns: int = 0  # where a stop was split that was one
    explained: int = 0  # differences that it explains, once compared
    lots: set[str] = field(default_factory=set)


CHANGES_NOTHING = frozenset({"double scan", "scrap twice", "missed log-on", "held lot scanned"})
# Whose parts an old cell counts for another job order than the true one.
OTHERS_COUNTS = ("begun late", "left over")
