"""A past of a plant with its MES on disk: the same again, taken up where it was, and read as history."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import math
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from taktwin.contracts import events
from taktwin.entropy import Entropy
from taktwin.errors import ConfigError, StoreError
from taktwin.history.client import History
from taktwin.history.hot import DuckHistory
from taktwin.history.store import EARLIEST_NS, LATEST_NS
from taktwin.history.values import unpack
from taktwin.identity import SignalId
from taktwin.instants import parse_rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.truth import Fact, TruthFile, TruthInterval, TruthPassage, read
from taktwin.virtual_plant.written import filling
from taktwin.virtual_plant.written.demand import WEEK_NS, Customers
from taktwin.virtual_plant.written.standing import Standing
from taktwin.whatif.observe import ROLES
from taktwin.whatif.past import KINDS

ROOT = Path(__file__).resolve().parents[3]
PLANT = ROOT / "examples" / "plants" / "northfield"
PHYSICS = physics.load(PLANT / "physics.yaml")
HOUR_NS = 3_600_000_000_000
FROM_NS = parse_rfc3339("2026-06-15T06:00:00+02:00")
HOURS = 3
KEPT = "a35a42b17798e42d7561fa9260afe0a1eff67f26abd603e5887d8bb5288585ea"


@cache
def northfield() -> Registry:
    return open_plant(PLANT)


def recipe(**more: Any) -> filling.Recipe:
    words: dict[str, Any] = {
        "plant": northfield().hash, "physics": filling.physics_digest(PHYSICS), "seed": 3,
        "from_ns": FROM_NS, "roles": ["state", "count", "job", "power"], "power_every_s": 60.0,
        "without": [],
    }  # fmt: skip
    return filling.Recipe(**(words | more))


def filled(folder: Path, hours: float = HOURS, **more: Any) -> filling.Report:
    to_ns = FROM_NS + round(hours * HOUR_NS)
    return filling.fill(folder, northfield(), PHYSICS, more.pop("recipe", recipe()), to_ns=to_ns, **more)


def kept(folder: Path) -> dict[str, Any]:
    """Return all that a history holds: its files bit for bit, its tables row for row."""
    found: dict[str, Any] = {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))
    }
    store = DuckHistory(folder, site=northfield().site)
    try:
        found["events"] = store.events().to_pylist()
        found["vouched"] = sorted(map(str, store.vouched(EARLIEST_NS, LATEST_NS).to_pylist()))
        found["rows"] = store.range(None).to_pylist()
        found["positions"] = dict(store.positions())
    finally:
        store.close()
    return found


@pytest.fixture(autouse=True)
def commits_each_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "COMMIT_HOURS", 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filling, "COMMIT_HOURS", 1)
        folder = tmp_path_factory.mktemp("whole") / "historian"
        truth = TruthFile(folder.parent / "truth.jsonl.gz")
        filled(folder, truth=truth)
        truth.close()
    yield folder


def test_a_past_that_was_stopped_goes_on_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "historian"
    commits = iter([False, False, True])
    first = filled(folder, until=lambda: next(commits))
    assert first.to_ns == FROM_NS + 2 * HOUR_NS
    report = filled(folder)
    assert report.resumed_ns == first.to_ns
    assert kept(folder) == kept(whole)


def test_a_stop_between_files_and_their_commit_loses_nothing(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "historian"
    write = pq.write_table
    written: list[Path] = []

    def stops(rows: Any, path: Path, **words: Any) -> None:
        if len(written) == 3:  # the raw file of the second hour is there, that of its minutes is not
            raise OSError("the disk was taken away")
        written.append(path)
        write(rows, path, **words)

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", stops)
        with pytest.raises(StoreError, match="taken away"):
            filled(folder)
    filled(folder)
    assert kept(folder) == kept(whole)


def digest(folder: Path) -> str:
    """Return a digest of all that a past says, and of what was true: whatever its files look like.

    Powers and the numbers of scans are left out: they hang on the places of signals, and signals are added.
    """
    history = History.open(folder)
    rows = history.range([signal.id for signal in northfield().signals if signal.role != "power"])
    said = [rows["signal"].to_pylist(), rows["source_ns"].to_pylist(), unpack(rows)]
    found = hashlib.sha256(repr(said).encode())
    facts = history.events()
    for name in ("sequence", "time_ns", "recorded_ns", "type", "subject", "place", "body"):
        found.update(repr(facts[name].to_pylist()).encode())
    truth = read(folder.parent / "truth.jsonl.gz")[1:]  # the first fact is the physics, whatever it holds
    found.update(repr(truth).encode())
    return found.hexdigest()


def test_the_past_is_the_one_that_it_was(whole: Path) -> None:
    """Whoever makes it faster changes nothing in it. Who changes the demo plant or its rules means to: then
    `filling.Recipe.version` (of a rule) and this digest are changed with it."""
    assert digest(whole) == KEPT


def test_a_past_that_is_asked_for_more_goes_on(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "historian"
    filled(folder, hours=2)
    filled(folder)
    assert kept(folder) == kept(whole)


@pytest.mark.parametrize("ends", [(1.0, 3.0), (0.4, 1.6, 2.7)])
def test_a_past_that_ended_within_a_commit_goes_on(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: tuple[float, ...]
) -> None:
    monkeypatch.setattr(filling, "COMMIT_HOURS", 6)
    folder = tmp_path / "historian"
    for hours in ends:
        report = filled(folder, hours=hours)
        assert report.to_ns == FROM_NS + math.ceil(hours) * HOUR_NS
    found, wanted = kept(folder), kept(whole)
    assert found["events"] == wanted["events"]
    for rows in (found["rows"], wanted["rows"]):
        for row in rows:
            del row["recorded_ns"]  # it is when a commit ended
    assert found["rows"] == wanted["rows"]


def test_another_seed_is_another_past(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "historian"
    filled(folder, hours=1, recipe=recipe(seed=4))
    assert kept(folder)["events"] != kept(whole)["events"][: len(kept(folder)["events"])]


@pytest.mark.parametrize("wrong", [{"seed": 9}, {"physics": "of another plant"}, {"roles": ["state"]}])
def test_a_folder_holds_one_past(whole: Path, wrong: dict[str, Any]) -> None:
    before = kept(whole)
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        filled(whole, recipe=recipe(**wrong))
    assert kept(whole) == before


def test_a_history_of_something_else_is_left_alone(tmp_path: Path) -> None:
    DuckHistory(tmp_path / "historian", site="elsewhere").close()
    with pytest.raises(ConfigError, match="a history of something else"):
        filled(tmp_path / "historian", hours=1)


def test_it_is_read_as_history_is(whole: Path) -> None:
    history = History.open(whole)
    status = history.status()
    assert status.sealed_rows == status.rows - status.hot_rows > 5_000 and status.hot_rows < 100
    hour = (FROM_NS + HOUR_NS, FROM_NS + 2 * HOUR_NS)
    counted = history.events(*hour, types=["material.counted"])
    assert counted.num_rows > 100 and set(counted["type"].to_pylist()) == {"material.counted"}
    bodies = [events.decode(body) for body in counted["body"].to_pylist() if body]
    assert all(hour[0] <= each.time_ns < hour[1] for each in bodies)
    assert {each.source for each in bodies} == {"/aurora/northfield/mes"}
    assert all(
        body and events.encode(events.decode(body)) == body for body in history.events()["body"].to_pylist()
    )
    sequences = [int(str(each)) for each in history.events()["sequence"].to_pylist()]
    assert sorted(sequences) == list(range(1, len(sequences) + 1))


def test_signals_facts_and_truth_tell_the_same(whole: Path) -> None:
    """Counts of machines, what the MES booked of them, what really happened: parts, job orders, instants."""
    history = History.open(whole)
    facts = read(whole.parent / "truth.jsonl.gz")
    true = Counter(
        (fact.unit, fact.job, fact.good, fact.at_ns) for fact in facts if isinstance(fact, TruthPassage)
    )
    booked: Counter[tuple[str, str, bool, int]] = Counter()
    for body in history.events(types=["material.counted"])["body"].to_pylist():
        assert body is not None
        event = events.decode(body)
        content = events.content_of(event)
        assert isinstance(content, events.MaterialCounted)
        booked[content.work_unit, content.job, content.kind == "good", event.time_ns] += content.quantity
    assert booked == true and sum(true.values()) > 700
    for unit in ("hob1", "furnace1", "press2"):
        rows = history.range([SignalId(f"{unit}/good_count")])
        values = dict(zip(rows["source_ns"].to_pylist(), unpack(rows), strict=True))
        made = 0
        for (where, _, good, at_ns), number in sorted(true.items(), key=lambda each: each[0][3]):
            if where == unit and good:
                made += number
                # A polled counter is read at the next poll.
                assert at_ns not in values or values[at_ns] == made
        assert max(int(value) for value in values.values()) == made  # type: ignore[arg-type]
    jobs = history.range([SignalId("hob1/job")])
    told = [value for value in unpack(jobs) if value]
    assert told and set(told) == {job for unit, job, _, _ in true if unit == "hob1"} | {told[-1]}


def test_every_order_is_dispatched_and_every_job_order_ends_once() -> None:
    past = filling.Past(northfield(), PHYSICS, recipe())
    chunk = past.advance(FROM_NS + 4 * HOUR_NS)
    kinds: dict[str, list[str]] = {}
    for row in chunk.events:
        kinds.setdefault(row.type, []).append(row.subject)
    assert sorted(kinds["job.order.stored"]) == sorted(kinds["job.order.allowed"])
    ended = kinds["job.order.ended"]
    assert len(set(ended)) == len(ended) > 10
    assert set(ended) <= set(kinds["job.order.started"])
    done = set(kinds["operations.request.completed"])
    assert done and not done & set(past.mes.open)


def test_the_air_of_one_instant_is_that_of_many() -> None:
    zones = ("zone_a", "zone_b", "")
    past = filling.Past(northfield(), PHYSICS, recipe())
    here = past.plant.surroundings
    assert PHYSICS.causes.open_doors.on and "zone_a" in PHYSICS.ambient.sun_zones
    instants = [FROM_NS + hours * HOUR_NS // 7 + 3_000_001 for hours in range(0, 7 * 2000, 61)]
    for at_ns in instants:
        assert here.sag_bar_now(at_ns) == here.sag_bar(np.array([at_ns]))[0]
        assert here.doors_open_now(at_ns) == here.doors_open(np.array([at_ns]))[0]
        for zone in zones:
            assert here.temperature_c_now(zone, at_ns) == here.temperature_c(zone, np.array([at_ns]))[0]


def test_customers_order_what_is_wanted_on_average_and_in_seasons() -> None:
    demand = PHYSICS.demand
    asked = Counter[str]()
    customers = Customers(demand, start_ns=0, entropy=Entropy(1))
    for week in range(26):
        for drop in range(16):
            for order in customers.orders(week * WEEK_NS + drop, share=1 / 16):
                asked[order.product] += order.quantity
                assert order.due_ns > week * WEEK_NS
    for product, parts in demand.parts_per_week.items():
        assert asked[product] == pytest.approx(26 * parts * (1 - demand.rush_share), rel=0.06)
    factors = [customers.factor("EA-100", week * WEEK_NS) for week in range(26)]
    assert max(factors) / min(factors) > 1.15


def test_what_is_not_made_here_cannot_be_ordered() -> None:
    strange = dataclasses.replace(PHYSICS.demand, parts_per_week={"EA-300": 10.0})
    with pytest.raises(ConfigError, match="EA-300"):
        filling.Past(northfield(), dataclasses.replace(PHYSICS, demand=strange), recipe())


@cache
def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_a_validation_leaves_out_only_what_no_calibration_reads() -> None:
    validation = tool("validation")
    left_out = set(validation.UNREAD)
    assert left_out <= set(events.CATALOGUE) and not left_out & set(KINDS)
    assert not {name for name in left_out if name.startswith(("job.", "material.scrap", "material.counted"))}
    # Which job order a cell names is asked of no row: its facts say so.
    assert set(ROLES) - {"job"} <= filling.roles_of(validation.ROLES.split(","))


def test_physics_files_come_of_a_hash_within_bounds(tmp_path: Path) -> None:
    files = tool("physics_files")

    def made_of(digest: str, number: int, name: str) -> physics.Physics:
        found = files.write(digest, number, tmp_path / name, registry=northfield())
        assert isinstance(found, physics.Physics)
        return found

    made = [made_of("0123abcd", number, f"{number}.yaml") for number in range(2)]
    assert made_of("0123abcd", 1, "again.yaml") == made[1] != made[0]
    assert (tmp_path / "again.yaml").read_bytes() == (tmp_path / "1.yaml").read_bytes()
    assert made_of("0123abce", 1, "other.yaml") != made[1]
    for each in made:
        busiest = max(files.loads(northfield(), each).values())
        assert 0.65 < busiest < 0.81
        factors = each.causes.standard_times.factors
        assert factors and all(0.86 <= factor <= 1.16 for factor in factors.values())
        assert set(factors) <= set(each.units)


def test_a_truth_file_that_is_packed_comes_back(tmp_path: Path) -> None:
    seen: list[Fact] = []
    file = TruthFile(tmp_path / "truth.jsonl.gz")

    def both(fact: Fact) -> None:
        seen.append(fact)
        file(fact)

    past = filling.Past(northfield(), PHYSICS, recipe(), truth=both)
    past.advance(FROM_NS + HOUR_NS // 2)
    file.close()
    assert read(tmp_path / "truth.jsonl.gz") == seen and len(seen) > 100


class Noted:
    """Who writes stops down: (name, from, to) as each is noted."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, int]] = []

    def stands(
        self, stop: str, work_unit: str, from_ns: int, to_ns: int, time_class: str, code: str, noted_ns: int
    ) -> None:
        self.lines.append((time_class, "begun", to_ns))

    def stands_no_longer(self, stop: str, work_unit: str, to_ns: int, noted_ns: int) -> None:
        self.lines.append((stop, "ended", to_ns))


def interval(from_s: int, to_s: int, time_class: str) -> TruthInterval:
    second_ns = 1_000_000_000
    return TruthInterval(
        unit="hob1", from_ns=from_s * second_ns, to_ns=to_s * second_ns, time_class=time_class, activity="x"
    )


def test_a_long_stop_after_a_short_one_of_another_class_is_noted_while_it_lasts() -> None:
    book = Noted()
    standing = Standing(northfield(), {}, book)
    standing.hear(interval(0, 30, "production"))
    standing.hear(interval(30, 50, "blocked"))
    for minute in (1, 2, 3):
        standing.look([interval(50, minute * 60, "starved")], minute * 60_000_000_000)
    assert book.lines == [("starved", "begun", 0)]
    standing.hear(interval(50, 200, "starved"))
    over = standing.look([interval(200, 240, "production")], 240_000_000_000)
    assert book.lines[1:] == [("hob1-50", "ended", 200_000_000_000)] and len(over) == 1


def test_what_ends_at_the_very_instant_is_known_with_the_next_look() -> None:
    book = Noted()
    standing = Standing(northfield(), {}, book)
    standing.hear(interval(0, 10, "production"))
    standing.hear(interval(10, 180, "starved"))
    assert standing.look([interval(180, 180, "planned_down")], 180_000_000_000) == []
    assert book.lines == [("starved", "begun", 0)]
    assert len(standing.look([interval(180, 240, "planned_down")], 240_000_000_000)) == 1
    assert book.lines[1:] == [("hob1-10", "ended", 180_000_000_000)]


def test_a_machine_without_a_counter_of_rejects_holds_no_order_up() -> None:
    bad = {name: dataclasses.replace(unit, reject=0.2) if unit.silent else unit
           for name, unit in PHYSICS.units.items()}  # fmt: skip
    past = filling.Past(northfield(), dataclasses.replace(PHYSICS, units=bad), recipe())
    types = Counter(row.type for row in past.advance(FROM_NS + 3 * HOUR_NS).events)
    unheard = sum(job.unheard for request in past.mes.open.values() for job in request.jobs)
    assert unheard > 0 and types["operations.request.completed"] > 0
