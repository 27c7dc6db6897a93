"""Pure figures: latency, timelines, journal, alarm health, grouping, counters, columns."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.contracts import events
from taktwin.contracts.events import (
    AlarmAcknowledged,
    AlarmCleared,
    AlarmCommented,
    AlarmRaised,
    AlarmShelved,
    AlarmUnshelved,
    CloudEvent,
    EventData,
)
from taktwin.contracts.state import AlarmDocument, ConnectorHealth, Health, encode
from taktwin.instants import SECOND_NS
from taktwin.portal import columns, journal
from taktwin.portal.grouping import counts_by_priority, group
from taktwin.portal.health import HealthBook
from taktwin.portal.latency import SLOT_NS, SLOTS, Latencies
from taktwin.portal.neighbours import before_and_after, supplies
from taktwin.portal.routes.bar import increments
from taktwin.portal.spans import Span, cover, sums_s
from taktwin.standards.iso22400 import TimeClass
from tests.unit.portal.support import plant

MINUTE_NS = 60 * SECOND_NS


@given(taken=st.lists(st.floats(0.02, 50_000), min_size=1, max_size=300))
@settings(derandomize=True, deadline=None)
def test_quantiles_are_within_a_bin_of_the_truth(taken: list[float]) -> None:
    latencies = Latencies(2)
    latencies.record("bus", np.zeros(len(taken), dtype=np.int64), np.array(taken), now_mono=0)
    found = latencies.statistics(0, now_mono=0)[0]
    ordered = sorted(taken)
    for q, value in ((0.5, found.p50), (0.99, found.p99)):
        true = ordered[max(int(np.ceil(q * len(ordered))) - 1, 0)]
        assert value == pytest.approx(true, rel=0.06, abs=0.001)
    assert found.max == pytest.approx(max(taken), abs=0.001)
    assert found.count == len(taken)
    assert latencies.statistics(1, now_mono=0) == []


def test_what_is_older_than_five_minutes_is_forgotten() -> None:
    latencies = Latencies(1)
    one = np.zeros(1, dtype=np.int64)
    latencies.record("bus", one, np.array([100.0]), now_mono=0)
    latencies.record("bus", one, np.array([1.0]), now_mono=SLOT_NS * (SLOTS - 1))
    assert latencies.statistics(None, now_mono=SLOT_NS * (SLOTS - 1))[0].count == 2
    assert latencies.statistics(None, now_mono=SLOT_NS * SLOTS)[0].max == 1.0


spans = st.lists(
    st.builds(
        lambda at, length, word: Span(at, None if length == 0 else at + length, word),
        st.integers(-50, 150), st.integers(0, 60), st.sampled_from([c.value for c in TimeClass]),
    ),
    max_size=15,
)  # fmt: skip


@given(found=spans)
@settings(derandomize=True, deadline=None)
def test_a_window_is_covered_without_hole_or_overlap_whatever_was_stored(found: list[Span]) -> None:
    covered = cover(found, from_ns=0, to_ns=100)
    assert covered[0].from_ns == 0
    assert covered[-1].to_ns == 100
    for before, after in pairwise(covered):
        assert before.to_ns == after.from_ns
    assert sum(sums_s(covered).values()) == pytest.approx(100 / 1e9)


def test_the_seconds_that_were_recorded_keep_their_class() -> None:
    covered = cover(
        [Span(-5, 20, "production", program="P"), Span(40, None, "blocked")], from_ns=0, to_ns=100
    )
    assert covered == [
        Span(0, 20, "production", program="P"), Span(20, 40, "unknown", "not recorded"),
        Span(40, 100, "blocked"),
    ]  # fmt: skip
    assert list(sums_s(covered)) == [c.value for c in TimeClass]


def test_a_later_start_ends_what_was_before() -> None:
    covered = cover([Span(0, None, "production"), Span(40, 60, "blocked")], from_ns=0, to_ns=100)
    assert [(s.to_ns, s.time_class) for s in covered] == [
        (40, "production"), (60, "blocked"), (100, "unknown"),
    ]  # fmt: skip


def raised(alarm: str = "a", priority: int = 2) -> AlarmRaised:
    """Return the content of a raise."""
    return AlarmRaised(
        alarm=alarm, equipment="turn1", kind="limit", priority=priority, message=f"{alarm} is hot",
        response="r", consequence="c", owner_role="o", value=1.5, limit=1.0, cause="zone",
    )  # fmt: skip


def told(*steps: tuple[int, EventData]) -> list[journal.Entry]:
    """Return the entries of some events at some nanoseconds."""
    stored: list[CloudEvent] = [
        events.make(content, source="/t", sequence=n, time_ns=at) for n, (at, content) in enumerate(steps, 1)
    ]
    return journal.entries(stored, {})


def standing(rows: list[journal.Entry], at_ns: int) -> list[tuple[str, str, bool]]:
    """Return alarm, state and activity of what stands at an instant."""
    return [(a.alarm, a.state, a.active) for a in journal.alarms_at(rows, at_ns)]


def test_the_alarms_of_an_instant_follow_from_the_journal() -> None:
    rows = told(
        (10, raised()),
        (20, AlarmAcknowledged(alarm="a", person="kl", comment="seen")),
        (30, AlarmShelved(alarm="a", person="kl", until_ns=45, comment="truck")),
        (50, AlarmCommented(alarm="a", person="kl", comment="still")),
        (60, AlarmCleared(alarm="a", equipment="turn1")),
        (70, raised()),
        (80, AlarmCleared(alarm="a", equipment="turn1")),
        (90, AlarmAcknowledged(alarm="a", person="kl")),
    )
    assert standing(rows, 9) == []
    assert standing(rows, 10) == [("a", "UNACK", True)]
    assert standing(rows, 25) == [("a", "ACKED", True)]
    assert standing(rows, 44) == [("a", "SHLVD", True)]
    assert standing(rows, 46) == [("a", "ACKED", True)]
    assert journal.alarms_at(rows, 55)[0].comment == "still"
    assert standing(rows, 65) == []
    assert standing(rows, 75) == [("a", "UNACK", True)]
    assert standing(rows, 85) == [("a", "RTNUN", False)]
    assert standing(rows, 95) == []
    earlier = told((1, raised()), (5, raised()))
    assert [(a.first_seen_ns, a.since_ns) for a in journal.alarms_at(earlier, 6)] == [(1, 5)]
    shelved = told((1, raised()), (2, AlarmShelved(alarm="a", person="p", until_ns=99)),
                   (3, AlarmUnshelved(alarm="a", person="p")))  # fmt: skip
    assert standing(shelved, 4) == [("a", "UNACK", True)]


def test_more_than_ten_in_ten_minutes_is_one_flood() -> None:
    now = 100 * MINUTE_NS
    burst = [(50 * MINUTE_NS + k * MINUTE_NS // 2, raised(f"a{k}", 1)) for k in range(15)]
    quiet = [(k * 10 * MINUTE_NS, raised("q", 3)) for k in range(5)]
    figures = journal.figures(told(*quiet, *burst), recorded_since_ns=0, now_ns=now)
    assert [(f.from_ns, f.count) for f in figures.floods] == [(50 * MINUTE_NS, 15)]
    assert len(figures.rates) == 10
    assert figures.rate_per_10_min == 2.0
    assert figures.worst[0] == ("q", "q is hot", 5, 0.25)
    assert figures.priorities == {1: 15, 2: 0, 3: 5}
    ten = [(k * MINUTE_NS // 2, raised("t")) for k in range(10)]
    assert journal.figures(told(*ten), recorded_since_ns=0, now_ns=now).floods == ()


def test_the_time_until_somebody_acknowledges() -> None:
    rows = told(
        (0, raised("a", 1)), (4 * SECOND_NS, AlarmAcknowledged(alarm="a", person="p")),
        (10 * SECOND_NS, raised("a", 1)), (20 * SECOND_NS, AlarmAcknowledged(alarm="a", person="p")),
        (30 * SECOND_NS, raised("b", 3)),
    )  # fmt: skip
    found = journal.figures(rows, recorded_since_ns=0, now_ns=60 * SECOND_NS)
    assert found.median_acknowledge_s == {1: 7.0}


def test_a_journal_that_a_table_program_opens_runs_nothing() -> None:
    rows = told((0, raised()), (1, AlarmCommented(alarm="a", person="p", comment='=HYPERLINK("http://x")')))
    found = list(csv.DictReader(io.StringIO(journal.as_csv(rows))))
    assert found[1]["comment"].startswith("'=")
    assert found[1]["message"] == "a is hot"
    assert found[0]["time"] == "1970-01-01T00:00:00.000000000Z"


def alarm(name: str, priority: int, cause: str = "", state: str = "UNACK", since: int = 0) -> AlarmDocument:
    """Return an alarm."""
    return AlarmDocument(
        alarm=name, equipment="turn1", state=state, active=True, kind="limit", priority=priority,
        message=f"{name}!", response="", consequence="", owner_role="", cause=cause, since_ns=since,
    )  # fmt: skip


def test_a_cause_counts_once_with_its_highest_priority() -> None:
    groups = group(
        plant(),
        [
            alarm("a", 3, "turn1"),
            alarm("b", 2, "turn1"),
            alarm("c", 2, since=9),
            alarm("d", 1, state="SHLVD"),
        ],
    )
    assert [(g.cause, g.name, g.priority, [a.alarm for a in g.alarms]) for g in groups] == [
        ("c", "c!", 2, ["c"]), ("turn1", "M1", 2, ["b", "a"]),
    ]  # fmt: skip
    assert counts_by_priority(groups) == {"1": 0, "2": 2, "3": 0}


def test_a_counter_is_counted_from_where_it_stood_and_never_backwards() -> None:
    def table(*rows: tuple[int, int | None, int | None]) -> pa.Table:
        return pa.table(
            {"signal": ["g"] * len(rows), "bucket_ns": [r[0] for r in rows], "min": [r[1] for r in rows],
             "max": [r[2] for r in rows]}
        )  # fmt: skip

    edges = np.array([0, 100, 200, 300])
    seen = table((0, 5, 7), (150, 9, 9), (250, None, None))
    assert increments(seen, "g", 4, edges) == {0: 3, 1: 2}
    assert increments(seen, "g", None, edges) == {0: 2, 1: 2}
    assert increments(table((0, 10, 10), (150, 2, 2), (250, 11, 11)), "g", 8, edges) == {0: 2, 1: 0, 2: 1}
    assert increments(seen, "other", 0, edges) == {}


@given(
    numbers=st.lists(st.floats(), max_size=20),
    small=st.lists(st.integers(0, 255), max_size=20),
    text=st.text(),
)
@settings(derandomize=True, deadline=None)
def test_columns_lie_on_eight_bytes_bit_for_bit(numbers: list[float], small: list[int], text: str) -> None:
    first, second = np.array(numbers, dtype=np.float64), np.array(small, dtype=np.uint8)
    body = columns.encode({"a": first, "b": second}, {"text": text})
    length = int.from_bytes(body[:4], "little")
    at = -(-(4 + length) // 8) * 8
    assert body[at : at + 8 * len(numbers)] == first.tobytes()
    at += 8 * len(numbers)
    assert body[at : at + len(small)] == second.tobytes()
    assert len(body) == -(-(at + len(small)) // 8) * 8


def test_neighbours_and_supplies_of_a_unit() -> None:
    registry = plant()
    turn1 = next(iter(registry.equipment.values()))
    assert before_and_after(registry, turn1.id) == ([], ["hob1"], ["b"])
    assert supplies(registry, turn1)[0] == {"air": ["compressor1"]}


def test_a_component_that_stops_speaking_is_silent() -> None:
    book = HealthBook()

    def speak(second: int, received: int, pid: int = 1) -> None:
        c = ConnectorHealth(name="l", protocol="opcua", endpoint="", state="running", received=received)
        health: Any = Health(component="gateway", state="running", pid=pid, started_ns=pid, connectors=[c])
        book.hear(encode(health), now_mono=second * SECOND_NS)

    for second in range(1, 6):
        speak(second, second * 100)
    rates = book.last_minute("l", now_mono=6 * SECOND_NS)
    assert rates[-4:] == [100.0] * 4
    assert rates[:-5] == [None] * 55
    assert [(s, r) for _, s, r, _ in book.components(now_mono=20 * SECOND_NS)] == [
        ("silent", "no heartbeat for 15 s")
    ]
    speak(21, 5, pid=2)
    assert [restarts for *_, restarts in book.components(now_mono=21 * SECOND_NS)] == [1]
    book.hear(b"\xc1", now_mono=0)
    assert book.unreadable == 1
