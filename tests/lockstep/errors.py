"""What people do wrong, and what each mistake changes: nothing is explained that is not listed here."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Mistake:
    """One thing that a person did wrong.

    It explains differences of four kinds: what lay at a unit while a wrong lot was on record, whose
    parts were counted for no job order, what was scrapped and never or otherwise booked, and what lots
    are said to have left.
    """

    number: int
    kind: str
    place: str  # work unit
    at_ns: int
    words: str
    to_ns: int = 0  # until when it had an effect; 0: at once
    product: str = ""  # of a lot
    real: str = ""  # the lot that lay there
    said: str = ""  # the lot on record; "" = none
    unit: str = ""  # serial number
    said_cause: str = ""  # what was booked in place of the truth; "" = nothing was
    real_cause: str = ""
    explained: int = 0  # differences that it explains, once compared
    lots: set[str] = field(default_factory=set)


CHANGES_NOTHING = frozenset({"double scan", "scrap twice", "missed log-on", "held lot scanned"})
