"""What lathes of the demo plant say whose inserts drift, without a plant that plays them."""

from __future__ import annotations

import numpy as np

from taktwin.entropy import Entropy
from tests.unit.whatif.test_whatif import NOON

SECOND = 10**9
CYCLE_NS = 88 * SECOND
LIFE = 400


def values(unit: str, *, drift_um: float, age: int, tools: int = 9) -> list[tuple[str, int, float]]:
    """Return what a lathe said: tools that were changed by their life, and one that has made `age` parts."""
    chance = Entropy(5).generator(f"loop/{unit}")
    parts = LIFE * (tools - 1) + age
    begin_ns = NOON - (parts + 3 * tools) * CYCLE_NS
    first = ("tool/number", "good_count", "reject_count")
    said: list[tuple[str, int, float]] = [(f"{unit}/{path}", begin_ns, 0) for path in first]
    at_ns, good, bad = begin_ns, 0, 0
    for number in range(1, tools + 1):
        at_ns += 3 * CYCLE_NS
        said.append((f"{unit}/tool/number", at_ns, number))
        speed = float(np.exp(0.1 * chance.standard_normal()))
        for n in range(1, (age if number == tools else LIFE) + 1):
            at_ns += CYCLE_NS
            error = drift_um * speed * (n / LIFE) ** 1.5 + 3 * chance.standard_normal()
            is_bad = abs(error) > 25
            good, bad = good + (not is_bad), bad + is_bad
            said.append((f"{unit}/diameter", at_ns - 1, 30 + error / 1000))
            said.append((f"{unit}/{'reject' if is_bad else 'good'}_count", at_ns, bad if is_bad else good))
    assert at_ns == NOON, "the last part is out now"
    return said
