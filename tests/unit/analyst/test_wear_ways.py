"""What a span comes to in each way that a tool may go, and how much of the time that is planned is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from taktwin.analyst.features import Column, Trace
from taktwin.analyst.maintenance.tool_change import SPANS_LEAST, loads
from taktwin.analyst.maintenance.tool_wear import Outlook, ToolWear
from taktwin.analyst.maintenance.wear_ways import LOADED, PAIRED, WAYS, Ways, strata
from taktwin.analyst.proposal import Ahead
from tests.support_advice import HOUR, SECOND, START_NS
from tests.unit.analyst.test_outcome import SUBJECT, lived
from tests.unit.whatif.test_whatif import REGISTRY

AGE, LIFE = 240, 400


@pytest.fixture(scope="module")
def outlook() -> Outlook:
    """Return a tool that has made 240 parts of a life of 400 and drifts out of its window at about 290."""
    trace = lived([400, 400, 400, 400, 400, AGE], drift_um=40.0)
    found: Outlook = ToolWear.fit([trace], seed=1).predict(trace).detail
    assert (found.age, found.life) == (AGE, LIFE)
    return found


def test_if_nothing_is_done_the_tool_goes_on_to_its_life_and_a_fresh_one_comes(outlook: Outlook) -> None:
    ways = Ways(outlook, (300,) * WAYS)
    ages = np.arange(1.0, AGE + LIFE + 2)  # a way is a class of whole tools
    present, fresh = (strata(each, ages, scale=outlook.scale) for each in (outlook.present, outlook.fresh))
    for way in range(WAYS):
        spent = ways.spent(way, None)
        assert spent.changes == (LIFE - AGE,) and len(spent.chances) == 300
        assert spent.chances[:160] == pytest.approx(present[way][AGE:LIFE])
        assert spent.chances[160:] == pytest.approx(fresh[PAIRED[way]][:140])
        assert spent.bad == pytest.approx(spent.chances.mean())
        assert spent.used == pytest.approx(1 + 140 / ways.useful)
    bad = [ways.spent(way, None).bad for way in range(WAYS)]
    assert bad[0] < bad[WAYS // 2] < bad[-1], "the best way first"
    without = [ways.spent(way, None, by_life=False) for way in range(WAYS)]
    assert all(each.changes == () and each.used == 1.0 for each in without), "used up whole, and once"


def test_a_change_ends_the_old_tool_there_and_what_comes_is_fresh(outlook: Outlook) -> None:
    ways = Ways(outlook, (300,) * WAYS)
    now, later = ways.spent(3, 0), ways.spent(3, 100)
    assert (now.changes, later.changes) == ((0,), (100,))
    assert now.chances[:50] == pytest.approx(later.chances[100:150]), (
        "of the same fresh tool, from its first part"
    )
    assert later.chances[:100] == pytest.approx(ways.spent(3, None).chances[:100])
    assert now.bad < later.bad < ways.spent(3, None).bad
    assert now.used == pytest.approx(1 + min(300 / ways.useful, 1)) and ways.useful < LIFE


def test_how_much_is_to_do_goes_by_way(outlook: Outlook) -> None:
    ways = Ways(outlook, (10, 20, 30, 40, 50, 60, 70, 400))
    assert [len(ways.spent(way, None).chances) for way in range(WAYS)] == [10, 20, 30, 40, 50, 60, 70, 400]
    assert [ways.spent(way, None).changes for way in (6, 7)] == [(), (160,)]
    assert sorted(PAIRED) == sorted(LOADED) == list(range(WAYS))
    for one, other in ((LOADED, range(WAYS)), (LOADED, PAIRED)):
        assert np.corrcoef(one, list(other))[0, 1] == pytest.approx(0.0)


def worked(hours: int, *, minutes: int) -> Trace:
    """Return a lathe that made parts in so many minutes of each hour, every 90 s, until START_NS."""
    begin = START_NS - hours * HOUR
    at_ns = [
        begin + hour * HOUR + n * 90 * SECOND for hour in range(hours) for n in range(minutes * 60 // 90)
    ]
    column = Column(np.array(at_ns, np.int64), np.full(len(at_ns), 30.0))
    return Trace(SUBJECT, {"measured": column}, START_NS)


def ahead(hours: int, *, share: float = 1.0) -> Ahead:
    """Return what the schedule brings from START_NS on: work for a share of the time."""
    end = START_NS + hours * HOUR
    return Ahead(START_NS, end, ((START_NS, START_NS + round(hours * HOUR * share)),), (), 1.0)


def test_the_time_that_is_planned_is_used_as_it_was_lately() -> None:
    # START_NS is a Friday, 8:00 UTC; the three shifts of the week have breaks, which are no planned time.
    half = loads(worked(80, minutes=30), ahead(4), REGISTRY, part_s=90.0)
    assert half.shape == (WAYS,) and (np.diff(half) >= 0).all()
    full = loads(worked(80, minutes=60), ahead(4), REGISTRY, part_s=90.0)
    assert half == pytest.approx(full / 2, rel=0.06)
    # Where the schedule knows of work for a small part of the time only, no more than that is promised.
    assert (loads(worked(80, minutes=60), ahead(4, share=0.2), REGISTRY, part_s=90.0) == 1.0).all()


def test_of_too_little_past_the_schedule_is_taken_at_its_word() -> None:
    assert SPANS_LEAST == 6
    assert (loads(worked(13, minutes=30), ahead(4), REGISTRY, part_s=90.0) == 1.0).all()
    assert (loads(worked(15, minutes=30), ahead(4), REGISTRY, part_s=90.0) < 0.9).all()
    nothing = replace(worked(15, minutes=30), columns={})
    assert (loads(nothing, ahead(4), REGISTRY, part_s=90.0) == 1.0).all()
