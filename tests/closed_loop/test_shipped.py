"""What is laid beside each other where all processes play the same weeks: what was decided, by insert."""

from __future__ import annotations

import json
import threading
from email.message import Message
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError

import msgspec
import pytest

from taktwin.contracts.recommendation import Carry
from taktwin.storage.stores import MemoryStore
from tests.closed_loop import pace, shipped
from tests.closed_loop.shipped import Decided, Player
from tests.closed_loop.world import Deed
from tests.support_advice import HOUR, SECOND, START_NS, Office, proposal
from tests.system.product import Product


def ledger(*, accepts: bool = True, due_ns: int = START_NS + HOUR) -> list[Decided]:
    """Return what a real ledger holds of one insert: proposed, and accepted or left to expire."""
    store = MemoryStore()
    office = Office(store).begun()
    evidence = [msgspec.structs.replace(each, from_ns=START_NS - 5 * HOUR) for each in proposal().evidence]
    action = proposal().action
    action = msgspec.structs.replace(action, data={**action.data, "due_ns": due_ns})
    assert office.propose("r1", evidence=evidence, action=action).accepted
    if accepts:
        assert office.accept().accepted
        office.granted(Carry(recommendation="r1"))
        assert office.opened() == 1
    return shipped.decided(json.loads(msgspec.json.encode(each)) for each in store.entries)


def test_a_ledgers_journal_says_what_was_decided_on_each_insert() -> None:
    [one] = ledger()
    assert (one.unit, one.begin_ns, one.due_ns) == ("turn1", START_NS - 5 * HOUR, START_NS + HOUR)
    assert (one.chosen, one.accepted, one.promised, one.measured) == ("next_setup", True, -12.0, None)
    assert START_NS < one.shown_ns < START_NS + 60 * SECOND
    assert not ledger(accepts=False)[0].accepted


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"due_ns": START_NS + HOUR + 1800 * SECOND}, True),
        ({"due_ns": START_NS + 3 * HOUR}, False),
        ({"accepts": False}, False),
    ],
)
def test_a_decision_is_the_same_where_it_was_taken_alike_and_falls_due_alike(
    other: dict[str, Any], same: bool
) -> None:
    [pair] = shipped.beside(ledger(), ledger(**other))
    assert shipped.is_same(*pair) is same


def test_of_another_course_it_is_said_what_lies_between_them_by_either_proof() -> None:
    [one] = ledger()
    assert one.costs == {"now": 12.0, "next_setup": 8.0, "end_of_shift": 19.0}
    other = msgspec.structs.replace(one, chosen="now", costs={**one.costs, "now": 9.0})
    assert shipped.between(one, other) == shipped.between(other, one) == 4.0
    assert shipped.between(one, one) == 0.0
    for lacks in (
        None,
        msgspec.structs.replace(other, accepted=False),
        msgspec.structs.replace(other, costs={}),
    ):
        assert shipped.between(one, lacks) is None


def test_a_decision_that_the_other_did_not_take_is_not_the_same() -> None:
    [pair] = shipped.beside(ledger(), [])
    assert not shipped.is_same(*pair)


def test_an_insert_that_only_one_of_both_advised_on_is_shown_as_such() -> None:
    [mine] = ledger()
    later = msgspec.structs.replace(mine, begin_ns=mine.begin_ns + 9 * HOUR)
    silent = msgspec.structs.replace(mine, begin_ns=mine.begin_ns + 20 * HOUR, shown_ns=0)
    assert shipped.beside([mine, silent], [later]) == [(mine, None), (None, later)]
    near = msgspec.structs.replace(mine, begin_ns=mine.begin_ns + 20 * SECOND)
    assert shipped.beside([mine], [near, silent]) == [(mine, near)]


class Door:
    """The MES's door for one afternoon: what runs where, and who is logged on; the calls in their order."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}
        self.at = ""
        self.done: list[str] = []
        self.data = Path()

    def api(self, path: str, body: Any = None) -> Any:
        """Answer as the portal does."""
        if body is None:
            return {"now_ms": START_NS // 10**6}
        data, name = body["data"], path.rpartition("/")[2]
        if name == "labour.log_on":
            self.at = data["work_unit"]
        elif data.get("method") == "Stop":
            self.runs = {unit: job for unit, job in self.runs.items() if job != data["job"]}
        elif name == "job.begin" and (running := self.runs.get(self.at)):
            self._refuse(path, f"{self.at}: found {running} is running there; expected nothing")
        elif body["on_behalf_of"] and self.at != "turn1":
            self._refuse(path, f"found P1, who is logged on at {self.at}; expected turn1")
        self.done.append(f"{name} {data.get('job', '')}".strip())
        return {}

    def _refuse(self, path: str, why: str) -> None:
        raise HTTPError(path, 409, why, Message(), BytesIO(why.encode()))


def begins(job: str, **more: Any) -> Deed:
    """Return that somebody began a job order at the terminal."""
    return Deed(at_ns=START_NS, kind="command", name="job.begin", data={"job": job}, person="P1",
                at_terminal=True, **more)  # fmt: skip


def logs_on(unit: str) -> Deed:
    """Return that somebody logged on."""
    return Deed(at_ns=START_NS, kind="command", name="labour.log_on", person="P1", data={"work_unit": unit})


def test_who_was_refused_comes_back_to_where_it_is_done_and_ends_what_is_over_there() -> None:
    door, refused = Door(), StringIO()
    door.runs = {"turn1": "1-10"}
    people = Player(cast("Product", door), start_ns=START_NS, speed=240.0, refused=refused)
    for deed in (logs_on("turn1"), begins("2-10"), logs_on("hob1")):
        people.do(deed)
    assert door.done == ["labour.log_on", "labour.log_on"], "nobody waits for what is refused"
    people.do(
        Deed(at_ns=START_NS, kind="command", name="job.control", data={"job": "2-10", "method": "Pause"})
    )
    pause = threading.Event()
    people.wait(people.now_ns() + int(5.0 * 240) * SECOND, pause)
    assert door.done[2:] == ["labour.log_on", "job.control 1-10", "job.begin 2-10", "job.control 2-10"]
    assert (people.refused, people.closed) == (0, 1) and "1-10 was closed for 2-10" in refused.getvalue()


def test_what_rests_on_no_machine_is_tried_once_and_what_was_refused_to_the_end_is_said() -> None:
    door, refused = Door(), StringIO()
    people = Player(cast("Product", door), start_ns=START_NS, speed=240.0, refused=refused)
    door.at = "hob1"
    people.do(Deed(at_ns=START_NS, kind="command", name="lunch.take", person="P1", at_terminal=True))
    assert people.refused == 1 and "who is logged on at hob1" in refused.getvalue() and not door.done


def test_the_wall_is_slow_for_each_answer_and_for_nothing_else(tmp_path: Path) -> None:
    wall = pace.hung(tmp_path / "wall")
    brake, rates = pace.Brake(wall, ancestor=0), list[float]()

    class Slowed(Door):
        def api(self, path: str, body: Any = None) -> Any:
            rates.append(wall.rate)
            return super().api(path, body)

    people = Player(cast("Product", Slowed()), start_ns=START_NS, speed=240.0, refused=StringIO(),
                    wall_ns=wall.now_ns, asking=brake.asking)  # fmt: skip
    assert wall.rate == 1.0 and set(rates) == {1.0}, "what time it is was asked so far"
    rates.clear()
    for deed in (logs_on("turn1"), begins("2-10")):
        people.do(deed)
        assert wall.rate == 1.0
    assert rates == [pace.SLOW, pace.SLOW]
