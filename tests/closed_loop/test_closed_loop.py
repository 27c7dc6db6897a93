"""The whole loop in one process, from drifting inserts to measured effects; weeks of it in the soak."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from taktwin.contracts.recommendation import Recommendation, State, command_id
from taktwin.ledger.desk import rebuilt
from taktwin.ledger.tables import RecommendationRow
from taktwin.mes.maintenance.tables import MaintenanceOrder
from taktwin.mes.resources import engine
from taktwin.mes.tooling.tables import Mounting
from taktwin.plant import open_plant
from taktwin.storage import journal
from taktwin.virtual_plant import physics
from tests.closed_loop import exports, report, weeks
from tests.closed_loop.house import INSERT, Arm, House
from tests.closed_loop.line_alone import NORTHFIELD, written
from tests.closed_loop.weeks import BEGIN_NS, PLANTS, Told

LIFE = 100  # parts: days instead of weeks until enough inserts were seen
HOURS = 44
HOUR_NS = 3600 * 10**9


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a hash is no part of what is looked at."""
    monkeypatch.setattr(engine, "COST", 1)


def built(folder: Path, arm: Arm) -> House:
    """Return a plant whose inserts live short, and drift out of their window before that."""
    registry = open_plant(written(folder / "plant", lives={INSERT: LIFE}))
    facts = physics.load(NORTHFIELD / "physics.yaml")
    wear = dataclasses.replace(facts.causes.insert_wear, on=True, drift_um=40.0, scatter_um=4.0, spread=0.1)
    units = {
        name: dataclasses.replace(unit, tool=dataclasses.replace(unit.tool, life=LIFE))
        if unit.kind == "lathe" else unit
        for name, unit in facts.units.items()
    }  # fmt: skip
    causes = dataclasses.replace(facts.causes, insert_wear=wear)
    facts = dataclasses.replace(facts, units=units, causes=causes)
    return House(registry, facts, seed=100, start_ns=BEGIN_NS, arm=arm, folder=folder)


@pytest.mark.soak  # a minute and a half of processor time
@pytest.mark.timeout(0)
def test_from_drifting_inserts_to_measured_effects_and_each_line_opens(tmp_path: Path) -> None:
    house = built(tmp_path, Arm.ADVISED)
    house.run(BEGIN_NS + HOURS * HOUR_NS)
    house.end()
    rows = house.rooms.ledger_store.book.where(RecommendationRow)
    documents: list[Recommendation] = [row.whole for row in rows]
    measured = [each for each in documents if each.state is State.MEASURED]
    assert len(measured) >= 2 and house.promoted
    for each in measured:
        assert each.decision is not None and each.execution is not None and each.outcome is not None
        # Opened by the MES under the shift leader's name, ended by another insert at the terminal.
        order = house.book.get(MaintenanceOrder, each.execution.subject)
        assert order is not None and order.opened_by == each.decision.person and order.person
        [mounting] = house.book.where(Mounting, tool=order.done)
        heard_ns = each.execution.done_ns - mounting.mounted_ns
        assert mounting.work_unit == each.proposal.work_unit and 0 <= heard_ns <= 60 * 10**9
        assert each.outcome.observed_effect[0].measured.mean < 0, "an insert that drifted so far was no loss"
    # What nobody decided on was carried nowhere: one command for each that was accepted.
    carried = {e.correlation for e in house.entries if e.correlation.startswith("advice:")}
    assert carried == {command_id(each.id) for each in documents if each.execution is not None}
    rows_of = house.rooms.ledger_store.book.rows.items()
    tables = {key: row for key, row in rows_of if key[0] == RecommendationRow.table}
    entries = house.rooms.ledger_store.entries
    assert {k: r for k, r in rebuilt(entries).rows.items() if k[0] == RecommendationRow.table} == tables
    house.leave(tmp_path)

    count, opened, faults = exports.proven(tmp_path, house.registry)
    assert count == len(entries) and opened > 3 * len(measured) and faults == []
    # Whoever changes a line, or what it rests on, is found.
    at = next(n for n, entry in enumerate(entries) if "turn1" in entry.content)
    forged = msgspec.structs.replace(entries[at], content=entries[at].content.replace("turn1", "hob1", 1))
    assert journal.verify([*entries[:at], forged, *entries[at + 1 :]]).broken is not None
    heard = next(each for each in entries if each.actor == "mes")
    kept = list(exports.entries_of(tmp_path / "mes.jsonl.gz"))
    place = next(n for n, each in enumerate(kept) if heard.correlation.endswith(f"{each.sequence:020d}"))
    exports.write_entries(tmp_path / "mes.jsonl.gz", kept[:place])
    assert any(heard.correlation in fault for fault in exports.proven(tmp_path, house.registry)[2])


def test_without_advice_nothing_but_the_machine_and_watchful_people_change_inserts(tmp_path: Path) -> None:
    inserts, worn = {}, {}
    for arm in (Arm.FIXED_LIFE, Arm.WATCHFUL):
        house = built(tmp_path / arm.name, arm)
        house.run(BEGIN_NS + 16 * HOUR_NS)
        house.leave(tmp_path)
        inserts[arm], worn[arm] = sum(house.changes.values()), sum(house.worn.values())
        assert not [row for row in house.book.where(MaintenanceOrder) if row.tool_kind == INSERT]
    assert 0 < inserts[Arm.FIXED_LIFE] < inserts[Arm.WATCHFUL]
    assert worn[Arm.FIXED_LIFE] > worn[Arm.WATCHFUL] > 0


def test_intervals_and_coverage_of_the_report() -> None:
    mean, half = report.mean_and_half([1.0, 2.0, 3.0])
    assert mean == 2.0 and half == pytest.approx(4.302653 / 3**0.5, rel=1e-5)
    told = [
        Told(id=str(n), at_ns=0, shown=True, state="Measured", chosen="now", promised=(-5.0, -9.0, -1.0),
             measured=(value, value - 1, value + 1))
        for n, value in enumerate((-9.5, -9.0, -4.0, 0.0))
    ]  # fmt: skip
    assert report.covered(told) == (2, 4)
    low, high = report.wilson(2, 4)
    assert low == pytest.approx(0.150, abs=1e-3) and high == pytest.approx(0.850, abs=1e-3)


def test_what_is_compared_from_when_people_were_advised_leaves_out_the_days_of_learning() -> None:
    def played(arm: Arm, worn: list[int], told: list[Told]) -> weeks.Weeks:
        days = [weeks.Day(worn=each) for each in worn]
        return weeks.Weeks(commit="c", number=0, arm=arm.value, seed=1, wear={"drift_um": 1.0},
                           window_um=20.0, days=days, cpu_s=1.0, told=told)  # fmt: skip

    told = [
        Told(id="1", at_ns=BEGIN_NS + at * HOUR_NS, shown=shown, state="Expired", chosen="now",
             promised=(0, 0, 0))
        for at, shown in ((1, False), (30, True))
    ]  # fmt: skip
    arms = [
        played(Arm.ADVISED, [50, 20, 1, 1], told), played(Arm.FIXED_LIFE, [50, 50, 50, 50], []),
        played(Arm.WATCHFUL, [10, 10, 10, 10], []),
    ]  # fmt: skip
    assert [report.since(each) for each in arms] == [2, 0, 0]
    page = report.text(arms, "c")
    assert "| worn parts | 126.0 | -224.0, one plant | +56.0, one plant |" in page
    assert "| worn parts | 7.0 | -343.0, one plant | -63.0, one plant |" in page


def test_the_page_says_what_the_plants_came_to_that_lie_beside_it() -> None:
    found = report.published()
    [commit] = {each.commit for each in found}
    assert {each.seed for each in found} == {weeks.seed_of(commit, each.number) for each in found}
    assert f"{report.BEGIN}\n{report.text(found, commit)}\n{report.END}" in report.PAGE.read_text("utf-8")


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("number", range(PLANTS))
def test_two_weeks_of_a_plant_that_nobody_chose(number: int) -> None:
    commit = weeks.judged_commit()
    for arm in Arm:
        found = weeks.one(commit, number, arm, weeks.DAYS)
        report.write(commit, weeks.DAYS)
        assert found.faults == []


@pytest.mark.soak
def test_what_was_promised_came_and_plants_without_drift_are_left_alone() -> None:
    commit = weeks.judged_commit()
    played = [each for each in report.played(commit, weeks.DAYS) if each.arm == Arm.ADVISED.value]
    assert len(played) == PLANTS, "all of them, also those with bad news"
    hits, of = report.covered([told for plant in played for told in plant.told])
    assert of and hits / of >= report.COVERED_LEAST
    calm = [plant for plant in played if not plant.wear]
    spans = sum(len(plant.days) for plant in calm) / report.WEEK_DAYS
    assert calm and sum(t.shown for plant in calm for t in plant.told) <= report.FALSE_MOST * spans
