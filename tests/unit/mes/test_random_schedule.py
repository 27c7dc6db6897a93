"""Random sequences with schedules among all other commands: one in force, possible, and frozen where it is.

The same plant as in `test_random_commands`, whose rules go on; and mistakes that must be found.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from taktwin.contracts import commands
from taktwin.contracts.commands import PlannedJob
from taktwin.contracts.events import ScheduledJob, SchedulePublished
from taktwin.mes.api import QUERIES
from taktwin.mes.desk import content_of
from taktwin.mes.scheduling.tables import Schedule
from tests.unit.mes.test_random_commands import DEFINITIONS, STEPS, Plant, run

MINUTE = 60_000_000_000
ZONE_NS = 20 * MINUTE
UNITS = {number: unit for unit, number in STEPS.items()}
FROZEN = replace(
    DEFINITIONS, calendars={}, frozen_ns=dict.fromkeys(DEFINITIONS.work_units, ZONE_NS),
)  # fmt: skip


class Planning(Plant):
    """The shop in which anything may be asked at any time, while planners plan it."""

    definitions = FROZEN
    allowed: frozenset[int] = frozenset()  # versions that came by the command that may change what is frozen

    @rule(order=st.sampled_from(("1", "2")), number=st.sampled_from(tuple(UNITS)),
          minutes=st.sampled_from((0, 5, 30, 90)), behind=st.sampled_from((0, 0, 0, 1)),
          frozen=st.booleans(), moved=st.booleans())  # fmt: skip
    def plan(self, order: str, number: int, minutes: int, behind: int, frozen: bool, moved: bool) -> None:
        """Publish what is proposed, perhaps after a move, perhaps on a version that is no longer in force."""
        now_ns = self.shop.now_ns
        move = {"job": f"{order}-{number}", "work_unit": UNITS[number], "begin_ns": now_ns + minutes * MINUTE}
        seen = QUERIES["schedule"](self.shop.store.book, FROZEN, {"moves": [move] if moved else []}, now_ns)
        version = 0 if seen["schedule"] is None else seen["schedule"]["version"]
        kind = commands.PublishFrozen if frozen else commands.PublishSchedule
        jobs = [
            PlannedJob(job=job["job"], work_unit=job["proposed"]["work_unit"],
                       begin_ns=job["proposed"]["begin_ns"], end_ns=job["proposed"]["end_ns"])
            for job in seen["jobs"] if job["proposed"] is not None
        ]  # fmt: skip
        answer = self.shop.ask(kind(version=version - behind, jobs=jobs, cause="plan"))
        assert not (answer.accepted and behind), "nobody overwrites what they have not seen"
        if frozen and answer.accepted:
            self.allowed |= {version + 1}
        if not answer.accepted and not behind:
            assert not frozen, f"what is proposed can be published: {answer}"
            assert answer.code == "frozen", answer

    @rule(order=st.sampled_from(("1", "2")), minutes=st.sampled_from((0, 30)))
    def force(self, order: str, minutes: int) -> None:
        """Publish a plan that nobody proposed: both orders at once on one machine."""
        book = self.shop.store.book
        version = max((row.version for row in book.where(Schedule)), default=0)
        begin_ns = self.shop.now_ns + minutes * MINUTE
        jobs = [
            PlannedJob(job=f"{name}-10", work_unit="load2", begin_ns=begin_ns, end_ns=begin_ns + MINUTE)
            for name in ("1", order)
        ]
        self.shop.ask(commands.PublishFrozen(version=version, jobs=jobs, cause="by force"))
        self.allowed |= {version + 1}

    @rule(minutes=st.sampled_from((1, 25)))
    def wait(self, minutes: int) -> None:
        self.shop.now_ns += minutes * MINUTE

    def _published(self) -> list[tuple[int, SchedulePublished]]:
        return [
            (entry.recorded_ns, content)
            for entry in self.shop.store.entries
            if entry.event_type == SchedulePublished.event_type
            and isinstance(content := content_of(entry), SchedulePublished)
        ]

    @invariant()
    def versions_follow_each_other_and_the_last_one_is_in_force(self) -> None:
        told = [each for _, each in self._published()]
        assert [each.version for each in told] == list(range(1, len(told) + 1))
        rows = sorted(self.shop.store.book.where(Schedule), key=lambda row: row.version)
        assert [row.version for row in rows] == [each.version for each in told]
        for row, each in zip(rows, told, strict=True):
            assert msgspec.json.decode(row.jobs, type=list[ScheduledJob]) == each.jobs

    @invariant()
    def no_machine_is_planned_for_two_and_no_operation_before_the_one_before(self) -> None:
        for _, each in self._published()[-1:]:
            by_unit: dict[str, list[ScheduledJob]] = {}
            for job in each.jobs:
                by_unit.setdefault(job.work_unit, []).append(job)
            for here in by_unit.values():
                assert [job.sequence for job in here] == list(range(1, len(here) + 1))
                assert all(one.end_ns <= next_.begin_ns for one, next_ in itertools.pairwise(here))

    @invariant()
    def what_is_frozen_stays_unless_somebody_was_allowed_to_change_it(self) -> None:
        told = self._published()
        if len(told) < 2 or told[-1][1].version in self.allowed:
            return
        old, (at_ns, new) = told[-2][1], told[-1]
        after = {job.job: job for job in new.jobs}
        for was in old.jobs:
            now = after.get(was.job, was)
            if min(was.begin_ns, now.begin_ns) < at_ns + ZONE_NS:
                assert (was.work_unit, was.begin_ns) == (now.work_unit, now.begin_ns)


def test_random_commands_with_schedules_leave_the_mes_whole() -> None:
    run(Planning, 40)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "nothing is frozen": ("taktwin.mes.dispatching.publishing.changed_inside", lambda *_: []),
    "two at once on one machine": ("taktwin.mes.dispatching.publishing.at_once", lambda _: None),
    "the last one who publishes wins": ("taktwin.mes.dispatching.publishing._same_version", lambda *_: None),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_commands_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Planning, 1000, shrink=False)
