"""The published schedule: one door, by version; what is frozen stays; the board's queue follows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, PlannedJob
from taktwin.contracts.events import SchedulePublished
from taktwin.instants import rfc3339
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import content_of, rebuilt
from taktwin.mes.dispatching.queries import board
from taktwin.mes.exchange import confirming
from taktwin.mes.scheduling.queries import plan_in_force
from tests.unit.mes.conftest import START_NS, Shop

HOUR = 3_600_000_000_000


@pytest.fixture
def planned(definitions: Definitions) -> Shop:
    """A shop with three orders; the plan of its adhesive cell stands for six hours."""
    frozen = {unit: 6 * HOUR if unit == "adhesive2" else 0 for unit in definitions.work_units}
    shop = Shop(replace(definitions, frozen_ns=frozen, calendars={}))
    for order, quantity in (("1", 200), ("2", 200), ("3", 200)):
        shop.granted(commands.DropOrder(request=order, product="EA-100", quantity=quantity,
                                        due_ns=shop.now_ns + 30 * HOUR))  # fmt: skip
    return shop


def look(shop: Shop, *moves: tuple[str, str, int]) -> dict[str, Any]:
    """Return the answer to a planner, after some moves."""
    wish = [{"job": job, "work_unit": unit, "begin_ns": at_ns} for job, unit, at_ns in moves]
    return QUERIES["schedule"](shop.store.book, shop.definitions, {"moves": wish}, shop.now_ns)


def places(seen: dict[str, Any], which: str = "proposed") -> dict[str, PlannedJob]:
    """Return the plan of an answer as a command takes it."""
    return {
        job["job"]: PlannedJob(job=job["job"], work_unit=job[which]["work_unit"],
                               begin_ns=job[which]["begin_ns"], end_ns=job[which]["end_ns"])
        for job in seen["jobs"] if job[which] is not None
    }  # fmt: skip


def publish(
    shop: Shop, jobs: Iterable[PlannedJob], version: int, *, frozen: bool = False, cause: str = "week 47",
    state: str = "",
) -> Answer:  # fmt: skip
    """Ask to put a plan in force."""
    kind = commands.PublishFrozen if frozen else commands.PublishSchedule
    return shop.ask(kind(version=version, jobs=list(jobs), cause=cause, state=state))


def begun(shop: Shop, job: str) -> int:
    """Return when a job order is planned to begin."""
    return plan_in_force(shop.store.book)[job].begin_ns


def test_what_is_proposed_can_be_published_and_says_who_why_and_from_which_state(planned: Shop) -> None:
    seen = look(planned)
    assert seen["schedule"] is None and len(places(seen)) == 24
    answer = publish(planned, places(seen).values(), 0, state=seen["state"])
    assert answer.accepted and answer.subject == "SCH-1", answer
    after = look(planned)
    assert after["schedule"]["by"] == "P01" and after["schedule"]["cause"] == "week 47"
    assert not after["schedule"]["moved_on"]
    told = content_of(planned.store.entries[-1])
    assert isinstance(told, SchedulePublished) and told.state == seen["state"]
    units = {each.work_unit for each in told.jobs}
    for unit in units:
        here = [each for each in told.jobs if each.work_unit == unit]
        assert [each.sequence for each in here] == list(range(1, len(here) + 1))
    assert rebuilt(planned.store.entries).rows == planned.store.book.rows


def test_the_queue_of_the_board_follows_the_published_sequence(planned: Shop) -> None:
    def queue() -> list[str]:
        return [line.job.job for line in board(planned.store.book, planned.definitions, planned.now_ns)
                if line.job.operation == 20]  # fmt: skip

    assert queue() == ["1-20", "2-20", "3-20"]
    free_ns = places(look(planned))["3-20"].end_ns
    moved = look(planned, ("1-10", "load2", free_ns), ("1-20", "adhesive2", free_ns))
    assert publish(planned, places(moved).values(), 0).accepted
    assert queue() == ["2-20", "3-20", "1-20"]
    planned.granted(commands.DropOrder(request="0", product="EA-100", quantity=1, due_ns=planned.now_ns,
                                       priority=9))  # fmt: skip
    assert queue()[-1] == "0-20", "what no schedule names comes after what it names"


def test_what_is_frozen_stays_unless_the_role_that_may_says_why(planned: Shop) -> None:
    assert publish(planned, places(look(planned)).values(), 0).accepted
    first = begun(planned, "1-20")
    late = look(planned, ("1-20", "adhesive2", first + 30 * HOUR))
    assert [each["job"] for each in late["inside"]][:1] == ["1-20"]
    refused = publish(planned, places(late).values(), 1)
    assert (refused.accepted, refused.code) == (False, "frozen")
    assert "1-20" in refused.place and "adhesive2" in refused.found and "frozen" in refused.right
    assert begun(planned, "1-20") == first, "nothing of it happened"
    assert not publish(planned, places(late).values(), 1, frozen=True, cause=" ").accepted
    assert publish(planned, places(late).values(), 1, frozen=True, cause="glue is late").accepted
    told = content_of(planned.store.entries[-1])
    assert isinstance(told, SchedulePublished) and "1-20" in told.inside and told.cause == "glue is late"


def test_outside_of_the_zone_a_planner_moves_what_they_like_and_the_rest_stays(planned: Shop) -> None:
    assert publish(planned, places(look(planned)).values(), 0).accepted
    before = plan_in_force(planned.store.book)
    assert before["3-20"].begin_ns > planned.now_ns + 6 * HOUR, "the third order is outside of the zone"
    moved = look(planned, ("3-20", "adhesive2", before["3-20"].begin_ns + HOUR))
    assert moved["inside"] == [] and publish(planned, places(moved).values(), 1).accepted
    after = plan_in_force(planned.store.book)
    changed = {job for job in before if before[job].begin_ns != after[job].begin_ns}
    assert after["3-20"].begin_ns == before["3-20"].begin_ns + HOUR
    assert all(job.startswith("3-") for job in changed), "only what comes behind it is pushed"


def test_a_rush_order_comes_behind_what_is_frozen(planned: Shop) -> None:
    assert publish(planned, places(look(planned)).values(), 0).accepted
    zone_ns = planned.now_ns + 6 * HOUR
    planned.granted(commands.DropOrder(request="9", product="EA-100", quantity=1, due_ns=planned.now_ns,
                                       priority=9))  # fmt: skip
    seen = look(planned)
    assert seen["inside"] == [] and places(seen)["9-20"].begin_ns >= zone_ns
    assert publish(planned, places(seen).values(), 1).accepted
    soon_ns = planned.now_ns + HOUR
    rush = look(planned, ("9-10", "load2", soon_ns), ("9-20", "adhesive2", soon_ns))
    assert "9-20" in [each["job"] for each in rush["inside"]]


def test_of_two_planners_one_wins_and_the_other_sees_whose_schedule_it_is_now(planned: Shop) -> None:
    assert publish(planned, places(look(planned)).values(), 0).accepted
    at_ns = begun(planned, "3-20")
    mine = look(planned, ("3-20", "adhesive2", at_ns + HOUR))
    theirs = look(planned, ("3-30", "press2", at_ns + 9 * HOUR))
    wish = commands.PublishSchedule(version=1, jobs=list(places(theirs).values()), cause="theirs")
    assert planned.ask(wish, actor="P02").accepted
    answer = publish(planned, places(mine).values(), 1)
    assert (answer.accepted, answer.code, answer.changed_by) == (False, "conflict", "P02")
    assert answer.current["version"] == 2 and answer.current["cause"] == "theirs"
    merged = look(planned, ("3-20", "adhesive2", at_ns + HOUR))  # the same move on what is in force now
    assert publish(planned, places(merged).values(), 2).accepted
    after = plan_in_force(planned.store.book)
    assert after["3-20"].begin_ns == at_ns + HOUR and after["3-30"].begin_ns >= at_ns + 9 * HOUR


def test_what_cannot_be_is_refused_by_name(planned: Shop) -> None:
    good = places(look(planned))

    def refused(words: str, **changes: PlannedJob | None) -> None:
        jobs = {**good, **changes}
        answer = publish(planned, [each for each in jobs.values() if each is not None], 0)
        assert not answer.accepted and words in f"{answer.place} {answer.found} {answer.right}", answer

    def other(job: str, /, **changes: Any) -> PlannedJob:
        return PlannedJob(**{**{name: getattr(good[job], name) for name in good[job].__struct_fields__},
                             **changes})  # fmt: skip

    refused("job order that is not over", x=other("1-10", job="7-10"))
    refused("each job order once", x=other("1-10"))
    refused("one of adhesive2", **{"1-20": other("1-20", work_unit="press2")})
    refused("begin before end", **{"1-20": other("1-20", end_ns=good["1-20"].begin_ns)})
    refused("not in the past", **{"1-10": other("1-10", begin_ns=planned.now_ns - HOUR)})
    refused("within two years", **{"3-80": other("3-80", end_ns=planned.now_ns + 20_000 * HOUR)})
    refused("one job order at a time", **{"1-20": other("1-20", end_ns=good["2-20"].begin_ns + 1)})
    refused("planned without 1-10", **{"1-10": None})
    refused("before 3-20 does", **{"3-30": other("3-30", begin_ns=good["3-20"].begin_ns - 1,
                                                   end_ns=good["3-20"].begin_ns)})  # fmt: skip
    assert plan_in_force(planned.store.book) == {}


def test_what_has_begun_keeps_its_place_and_what_is_permitted_its_work_unit(planned: Shop) -> None:
    planned.granted(commands.DispatchJob(job="1-20", work_unit="adhesive2", version=1))
    assert publish(planned, places(look(planned)).values(), 0).accepted
    planned.instruct("WI-20") if "WI-20" in planned.definitions.documents.drafts().good else None
    planned.granted(commands.BeginJob(job="1-20"))
    good = places(look(planned), "planned")
    moved = PlannedJob(job="1-20", work_unit="adhesive2", begin_ns=good["1-20"].begin_ns + 30 * HOUR,
                       end_ns=good["1-20"].end_ns + 30 * HOUR)  # fmt: skip
    answer = publish(planned, {**good, "1-20": moved}.values(), 1, frozen=True)
    assert (answer.code, answer.accepted) == ("state", False) and "it has begun" in answer.right
    del good["1-20"]
    before = plan_in_force(planned.store.book)["1-20"]
    assert publish(planned, good.values(), 1).accepted
    assert plan_in_force(planned.store.book)["1-20"] == before, "left out, and kept"


def test_a_late_order_says_what_decides_it_and_plan_and_projection_stand_apart(planned: Shop) -> None:
    assert publish(planned, places(look(planned)).values(), 0).accepted
    planned.now_ns += 48 * HOUR  # and nothing was begun
    seen = look(planned)
    order = next(each for each in seen["orders"] if each["request"] == "3")
    assert order["late"] and order["projected_end_ns"] > order["planned_end_ns"] > 0
    assert order["decides"]["kind"]
    assert seen["jobs"][0]["planned"]["begin_ns"] < seen["jobs"][0]["projected"]["begin_ns"]


def test_an_order_without_a_due_date_is_never_late(planned: Shop) -> None:
    planned.granted(commands.DropOrder(request="9", product="EA-100", quantity=10, due_ns=0))
    planned.now_ns += 48 * HOUR
    late = {each["request"]: each["late"] for each in look(planned)["orders"]}
    assert late["3"] and not late["9"]


def test_an_order_without_a_due_date_waits_for_all_of_its_priority_that_have_one(shop: Shop) -> None:
    for request, due_ns, priority in (("1", 0, 5), ("2", START_NS + 9 * HOUR, 5), ("3", 0, 7), ("4", 1, 5)):
        shop.granted(commands.DropOrder(request=request, product="EA-100", quantity=1, due_ns=due_ns,
                                        priority=priority))  # fmt: skip
    shown = [line.job.request for line in board(shop.store.book, shop.definitions, shop.now_ns)]
    assert list(dict.fromkeys(shown)) == ["3", "4", "2", "1"]
    seen = look(shop)
    first = {each["request"]: each for each in reversed(seen["jobs"]) if each["operation"] == 10}
    begins = {request: each["projected"]["begin_ns"] for request, each in first.items()}
    assert begins["3"] < begins["4"] < begins["2"] < begins["1"], "and so it will run"
    assert [each["request"] for each in seen["orders"]] == ["4", "2", "1", "3"]
    needed = QUERIES["availability"](shop.store.book, shop.definitions, {}, shop.now_ns)
    (load,) = [each for each in needed["resources"] if (each["kind"], each["id"]) == ("machine", "load2")]
    assert load["needed_by"][:4] == ["3-10", "4-10", "2-10", "1-10"]


def test_the_schedule_and_the_stock_leave_as_b2mml(planned: Shop) -> None:
    assert confirming.stock(planned.store.book, sender="n", at_ns=planned.now_ns) is None
    assert publish(planned, places(look(planned)).values(), 0).accepted
    planned.granted(commands.ReceiveLot(lot="G1", product="AD-3", quantity=500.0))
    planned.granted(commands.LoadLot(lot="G1", work_unit="adhesive2"))
    jobs = confirming.job_list(planned.store.book, sender="n", at_ns=planned.now_ns).decode()
    job = jobs[jobs.index(">2-20<") :].replace("b2mml:", "")
    assert ">SCH-1<" in jobs and jobs.count("JobOrder>") == 48
    assert f"<StartTime>{rfc3339(begun(planned, '2-20'))}<" in job and "<EquipmentID>adhesive2<" in job
    stock = confirming.stock(planned.store.book, sender="n", at_ns=planned.now_ns)
    assert stock is not None
    lot = stock.decode().replace("b2mml:", "")
    assert "<ID>G1<" in lot and "<Location>adhesive2<" in lot and "<QuantityString>500.0<" in lot
