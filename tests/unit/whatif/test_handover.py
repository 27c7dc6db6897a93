"""What parts wait between machines beyond a queue, by hand: each case has one thing to miscount."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from taktwin.instants import SECOND_NS
from taktwin.whatif.handover import Handover, handover
from taktwin.whatif.observe import NO_CODE, Change, Hours, Seen, Stop

DAY_S = 86_400
EVERY_S, WORK_S, LIES_S = 300, 40, 10  # parts come one after the other, and each lies there before its turn
PARTS = 250  # a day; the rest of it nothing comes


def machine(
    unit: str, counted_s: Iterable[int], *, takes_s: tuple[float, ...] = (WORK_S,), good: bool = True,
    from_s: int = 0,
) -> Seen:  # fmt: skip
    """Return a machine that counted a part at each of these seconds, with the work that each took in turn."""
    seen = Seen(unit, from_ns=from_s * SECOND_NS, hours=Hours([(0, 10 * DAY_S * SECOND_NS)]))
    for place, at_s in enumerate(counted_s):
        count(seen, at_s, good=good)
        seen.cycles["A"].at_ns.append(at_s * SECOND_NS)
        seen.cycles["A"].work_s.append(takes_s[place % len(takes_s)])
        seen.cycles["A"].parts.append(1)
    return seen


def count(seen: Seen, at_s: int, *, good: bool = True) -> None:
    seen.counts.at_ns.append(at_s * SECOND_NS)
    seen.counts.parts.append(1)
    seen.counts.is_good.append(good)


def came(days: int = 1) -> list[int]:
    return [day * DAY_S + n * EVERY_S for day in range(days) for n in range(1, PARTS + 1)]


def went(days: int = 1) -> list[int]:
    return [at_s + LIES_S + WORK_S for at_s in came(days)]


def found(source: Seen, *targets: Seen) -> Handover:
    seen = handover([source], targets)
    assert seen is not None
    return seen


def test_a_part_that_lies_for_a_while_before_its_turn_is_delayed_by_that() -> None:
    seen = found(machine("a", came()), machine("b", went()))
    assert (seen.seen_s, seen.queue_s, seen.parts) == (pytest.approx(50), pytest.approx(40), PARTS)
    assert seen.delay_s == pytest.approx(10)


def test_what_the_machine_before_rejects_never_comes() -> None:
    source, bad = machine("a", came()), machine("a2", range(1000, 1060), good=False)
    seen = handover([source, bad], [machine("b", went())])
    assert seen == found(source, machine("b", went())) and seen.parts == PARTS


def test_set_ups_and_stops_before_a_part_are_time_that_its_machine_was_taken_up() -> None:
    target = machine("b", went())
    target.changes = [Change("A", "B", 60.0, at_s * SECOND_NS) for at_s in came()]
    target.stops = [
        Stop(NO_CODE, at_s * SECOND_NS, 20.0, over=True, worked_s=0.0, passed_s=0.0, parts=1, from_work=False)
        for at_s in came()
    ]
    assert found(machine("a", came()), target).queue_s == pytest.approx(WORK_S + 60 + 20)


def test_what_a_part_takes_that_nobody_saw_go_is_as_long_as_one_of_those_that_were_seen() -> None:
    target = machine("b", went(), takes_s=(20.0, 60.0))
    assert found(machine("a", came(4)), target).queue_s == pytest.approx(40.0)


@pytest.mark.parametrize("later_s", [0, DAY_S + 1000], ids=["of one machine", "of one that came a day later"])
def test_a_part_that_is_taken_away_uncounted_waits_no_longer_than_its_day(later_s: int) -> None:
    gone = [*came(3), DAY_S - 1, 2 * DAY_S - 1]  # at the end of a day, when all others are through
    targets = [machine("b", went(3))]
    if later_s:
        targets.append(machine("c", (), from_s=later_s))
    seen = found(machine("a", sorted(gone)), *targets)
    assert seen.seen_s == pytest.approx(50, abs=2)
