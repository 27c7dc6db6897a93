"""One suite for the port of history: rows are the same hot, sealed, merged, reopened and after a crash."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taktwin.errors import StoreError
from taktwin.history import parquet
from taktwin.history.hot import DuckHistory
from taktwin.history.store import (
    HOUR_NS,
    MINUTE_NS,
    Batch,
    EventRow,
    IntervalRow,
    Origin,
    RejectedRow,
    Vouched,
)
from taktwin.history.values import unpack
from tests.contract.history_model import ORIGIN, ListHistory, ScanOf, batch, exact, rows_of

SECOND = 1_000_000_000
LATE = 2**62


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckHistory]:
    history = DuckHistory(tmp_path / "h", site="northfield")
    yield history
    history.close()


NASTY: list[Any] = [
    2**53 + 1, -(2**63), 2**63 - 1, 2**63, 2**64 - 1, True, False, 0, 0.0, -0.0, math.inf, -math.inf,
    math.nan, struct.unpack("<d", struct.pack("<Q", 0x7FF8000000001234))[0], 5e-324, 1.7976931348623157e308,
    "00123", "", " ", "a\x00b", "Größe 漢字", b"", b"\x00\xff", [],
    [1, -0.0, "x", b"\x01", [None, 2**64 - 1]], None,
]  # fmt: skip


@pytest.mark.parametrize("where", ["hot", "sealed", "merged"])
def test_every_value_comes_back_bit_for_bit(store: DuckHistory, where: str) -> None:
    store.append(batch(store, ScanOf(1, [("a/x", at, value, at % 4) for at, value in enumerate(NASTY)])))
    if where != "hot":
        assert store.seal(0) == len(NASTY)
    if where == "merged":
        store.append(batch(store, ScanOf(2, [("a/x", 1000, 1, 0)])))
        assert store.seal(0) == 1
        assert store.merge(0) == len(NASTY) + 1
    found = store.range(["a/x"], 0, 900)
    assert [exact(value) for value in unpack(found)] == [exact(value) for value in NASTY]
    assert found["quality"].to_pylist() == [at % 4 for at in range(len(NASTY))]


def test_a_scan_that_comes_twice_is_stored_once_also_after_a_restart(tmp_path: Path) -> None:
    store = DuckHistory(tmp_path, site="s")
    scans = [ScanOf(n, [("a/x", n, n, 0)]) for n in (1, 2, 3)]
    first = store.append(batch(store, *scans, position=3))
    assert (first.rows, first.scans, first.duplicate_scans) == (3, 3, 0)
    again = store.append(batch(store, scans[1], ScanOf(4, [("a/x", 4, 4, 0)]), position=5))
    assert (again.rows, again.duplicate_scans, again.duplicate_rows) == (1, 1, 1)
    store.close()
    store = DuckHistory(tmp_path, site="s")
    assert store.positions() == {"SAMPLES": 5}
    assert store.append(batch(store, *scans, position=6)).rows == 0
    # The same number in another epoch is another scan.
    other = ScanOf(1, [("a/x", 9, 9, 0)], origin=Origin("line1", "turn1", 2))
    assert store.append(batch(store, other, position=7)).rows == 1
    assert store.range(None)["source_ns"].to_pylist() == [1, 2, 3, 4, 9]
    assert store.counts().rows == 5
    assert store.counts().duplicate_scans == 4
    store.close()


def test_of_rows_with_one_source_time_the_later_key_counts(store: DuckHistory) -> None:
    scans = [
        ScanOf(2, [("a/x", 5, "second", 0)]),
        ScanOf(1, [("a/x", 5, "first", 0), ("a/x", 5, "first, later in the scan", 0)]),
        ScanOf(1, [("a/x", 5, "older epoch", 0)], origin=Origin("line1", "turn1", 0)),
    ]
    store.append(batch(store, *scans))
    for _ in ("hot", "sealed"):
        assert unpack(store.last(["a/x"])) == ["second"]
        assert unpack(store.as_of(["a/x"], 5)) == ["second"]
        assert unpack(store.range(["a/x"])) == [
            "older epoch", "first", "first, later in the scan", "second",
        ]  # fmt: skip
        store.seal(0)


def past(store: DuckHistory, hour: int, hours: int = 1) -> Batch:
    """Hours of a past: all values, two at one instant, one at the instant at which the next hour begins."""
    rows: list[Any] = []
    for at_ns in range(hour * HOUR_NS, (hour + hours) * HOUR_NS, HOUR_NS):
        rows += [("a/x", at_ns + 7 * SECOND * n, value, n % 4) for n, value in enumerate(NASTY)]
        rows += [("b/y", at_ns + HOUR_NS - 5, hour, 0), ("b/y", at_ns + HOUR_NS, hour + 0.5, 0)]
        rows += [("c/z", at_ns + HOUR_NS - 9, "was", 0), ("c/z", at_ns + HOUR_NS - 9, "is", 0)]
    event = EventRow(0, 0, "/mes", f"{hour}", "job.order.ended", "j", "a/b", f"{hour}", b"{}")
    scans = batch(store, ScanOf(hour + 1, rows), position=hour + 1)
    return Batch(samples=scans.samples, events=[event], positions=scans.positions)


def told(store: DuckHistory) -> list[Any]:
    rows = store.range(None)
    fields = [name for name in rows.column_names if name not in ("f64",)]
    minutes = store.buckets(["a/x", "b/y", "c/z"], 0, 5 * HOUR_NS, columns=150).to_pylist()
    then = [store.as_of(None, at_ns).to_pylist() for at_ns in (HOUR_NS + 9 * SECOND, 2 * HOUR_NS + 5)]
    return [
        rows.select(fields).to_pylist(), [exact(value) for value in unpack(rows)], str(minutes),
        store.events().to_pylist(), store.positions(), str(then),
        str(store.last().to_pylist()), store.sealed_hours(), store.hot_hours(),
    ]  # fmt: skip


def test_a_past_that_is_sealed_as_it_comes_is_one_that_was_sealed_afterwards(tmp_path: Path) -> None:
    at_once, afterwards = DuckHistory(tmp_path / "a", site="s"), DuckHistory(tmp_path / "b", site="s")
    for hour, hours in ((0, 1), (1, 2), (3, 1)):
        at_once.append_past(past(at_once, hour, hours), sealed_to_ns=(hour + hours) * HOUR_NS)
        afterwards.append(past(afterwards, hour, hours))
        for each in range(hour, hour + hours):
            afterwards.seal(each * HOUR_NS)
        assert told(at_once) == told(afterwards)
    assert [each.rows for each in at_once.hot_hours()] == [1]
    at_once.close()
    again = DuckHistory(tmp_path / "a", site="s")
    assert told(again) == told(afterwards)
    assert (
        again.append_past(past(again, 3), sealed_to_ns=4 * HOUR_NS).rows == 0
    )  # a scan counts once here too
    again.close()
    afterwards.close()


def test_a_past_that_the_disk_refuses_leaves_nothing_and_can_be_repeated(
    store: DuckHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append_past(past(store, 0), sealed_to_ns=HOUR_NS)
    before = told(store)
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(StoreError, match="disk full"):
            store.append_past(past(store, 1), sealed_to_ns=2 * HOUR_NS)
    assert told(store) == before
    store.append_past(past(store, 1), sealed_to_ns=2 * HOUR_NS)
    assert [each.rows for each in store.sealed_hours()] == [len(NASTY) + 3, len(NASTY) + 4]


def test_a_commit_that_the_disk_refuses_leaves_nothing_and_can_be_repeated(
    store: DuckHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(batch(store, ScanOf(1, [("a/x", 1, 1, 0)]), position=1))
    scan = ScanOf(2, [("a/x", 2, 2, 0)], origin=Origin("new", "u", 1), as_of_ns=5)
    wanted = batch(store, scan, position=2)

    def full(*_: object) -> None:
        raise duckdb.IOException("No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(store, "_put", full)
        with pytest.raises(StoreError, match="No space left"):
            store.append(wanted)
    assert store.positions() == {"SAMPLES": 1}
    assert store.range(None).num_rows == 1
    assert store.vouched(0, LATE).num_rows == 0
    assert store.append(wanted).rows == 1
    assert store.range(None)["connector"].to_pylist() == ["line1", "new"]


@pytest.mark.parametrize("broken_at", ["_write", "name_in", "_remove"])
def test_a_crash_while_sealing_neither_loses_nor_doubles_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_at: str
) -> None:
    store = DuckHistory(tmp_path, site="s")
    scans = [ScanOf(n, [("a/x", n * SECOND, n, 0), ("b/y", n, "t", 0)]) for n in range(1, 50)]
    model = ListHistory()
    for first, last, sealed in ((0, 20, True), (20, 40, True), (40, 49, False)):
        store.append(batch(store, *scans[first:last]))
        model.append(*scans[first:last])
        if sealed:
            store.seal(0)
    target = parquet._Written if broken_at == "name_in" else parquet
    real = getattr(target, broken_at)
    calls = []

    def fail(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2 or broken_at == "name_in":
            raise OSError("the power went")
        return real(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(target, broken_at, fail)
        for work in (store.seal, store.merge):
            calls.clear()
            with contextlib.suppress(StoreError, OSError):
                work(0)
            assert rows_of(store.range(None)) == model.range(None, 0, LATE)
    store.close()
    store = DuckHistory(tmp_path, site="s")
    assert rows_of(store.range(None)) == model.range(None, 0, LATE)
    on_disk = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "sealed").rglob("*.*")}
    assert on_disk == set(store.range_parts(None)[1])
    store.seal(0)
    store.merge(0)
    assert rows_of(store.range(None)) == model.range(None, 0, LATE)
    store.close()


def test_sealed_files_are_sorted_and_stand_in_their_hour(store: DuckHistory, tmp_path: Path) -> None:
    at = 1_793_000_000 * SECOND // HOUR_NS * HOUR_NS
    store.append(batch(store, ScanOf(1, [("b/y", at + 2, 1, 0), ("a/x", at + 1, 2, 0), ("a/x", at, 3, 0)])))
    store.seal(at)
    (file,) = store.range_parts(None)[1]
    assert file == "sealed/site=northfield/date=2026-10-26/hour=07/s00000001.parquet"
    plain = duckdb.sql(f"SELECT signal, source_ns FROM '{tmp_path}/h/{file}'").fetchall()
    assert plain == [("a/x", at), ("a/x", at + 1), ("b/y", at + 2)]


def test_before_1970_has_hours_too(store: DuckHistory) -> None:
    store.append(batch(store, ScanOf(1, [("a/x", -1, 1, 0), ("a/x", 0, 2, 0), ("a/x", -HOUR_NS, 3, 0)])))
    assert [(hour.hour_ns, hour.rows) for hour in store.hot_hours()] == [(-HOUR_NS, 2), (0, 1)]
    store.seal(-HOUR_NS)
    assert store.range(None)["source_ns"].to_pylist() == [-HOUR_NS, -1, 0]


def test_history_reads_right_across_registry_versions(store: DuckHistory) -> None:
    old = store.learn("aaaa", ["a/x", "b/y"])
    new = store.learn("bbbb", ["a/new", "a/x", "b/y"])
    assert new[1:].tolist() == old.tolist()
    assert {name: ids.tolist() for name, ids in store.known_registries().items()} == {
        "aaaa": old.tolist(), "bbbb": new.tolist(),
    }  # fmt: skip


def test_rows_of_an_unknown_registry_get_their_names_once_it_is_known(tmp_path: Path) -> None:
    store = DuckHistory(tmp_path, site="s")
    store.learn("cccc", ["unmapped/cccc/0", "unmapped/cccc/1"])
    store.append(batch(store, ScanOf(1, [("unmapped/cccc/1", 5, 1.5, 0)])))
    store.seal(0)
    store.append(batch(store, ScanOf(2, [("unmapped/cccc/1", 6, 2.5, 0)])))
    store.learn("cccc", ["a/x", "b/y", "c/z"])
    for _ in ("now", "reopened"):
        assert store.range(["b/y"])["source_ns"].to_pylist() == [5, 6]
        assert store.range(None)["signal"].to_pylist() == ["b/y", "b/y"]
        assert store.as_of(["b/y"], 5)["signal"].to_pylist() == ["b/y"]
        assert store.last()["source_ns"].to_pylist() == [6]
        assert store.buckets(["b/y"], 0, 10, columns=1)["count"].to_pylist() == [2]
        store.close()
        store = DuckHistory(tmp_path, site="s")
    assert store.known_registries()["cccc"].tolist() == store.signal_ids(["a/x", "b/y", "c/z"]).tolist()
    store.close()


def test_a_range_can_be_limited_reversed_and_ordered_by_time(store: DuckHistory) -> None:
    store.append(batch(store, *[ScanOf(n, [("a/x", n, n, 0), ("b/y", n, -n, 0)]) for n in range(1, 6)]))
    store.seal(0)
    newest = store.range(["a/x"], limit=2, newest_first=True)
    assert newest["source_ns"].to_pylist() == [5, 4]
    by_time = store.range(None, 2, 4, by_time=True)
    assert list(zip(by_time["source_ns"].to_pylist(), by_time["signal"].to_pylist(), strict=True)) == [
        (2, "a/x"), (2, "b/y"), (3, "a/x"), (3, "b/y"),
    ]  # fmt: skip
    assert store.range(["no/such"]).num_rows == 0
    assert store.range(["o'brien/x"]).num_rows == 0


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(("columns", "width_s"), [(1000, 11), (7, 1560)])
def test_buckets_keep_extremes_and_count(
    store: DuckHistory, *, sealed: bool, columns: int, width_s: int
) -> None:
    rng = np.random.default_rng(5)
    times = np.sort(rng.integers(0, 3 * HOUR_NS, 4000))
    values = rng.normal(size=4000)
    values[::97] = np.nan
    quality = np.where(np.arange(4000) % 50 == 0, 3, 0)
    values[::50] = 1e9  # of quality Bad: never part of an extreme
    scans = [
        ScanOf(n + 1, [("a/x", int(t), float(v), int(q))])
        for n, (t, v, q) in enumerate(zip(times, values, quality, strict=True))
    ]
    store.append(batch(store, *scans))
    if sealed:
        store.seal(0)
        store.seal(HOUR_NS)
    found = store.buckets(["a/x"], 0, 3 * HOUR_NS, columns=columns)
    assert set(found["width_ns"].to_pylist()) == {found["width_ns"][0].as_py()}
    assert found["width_ns"][0].as_py() // SECOND == pytest.approx(width_s, abs=1)
    assert found.num_rows <= columns
    assert sum(found["count"].to_pylist()) == 4000
    width = found["width_ns"][0].as_py()
    usable = np.isfinite(values) & (quality < 3)
    for row in found.to_pylist():
        inside = (times >= row["bucket_ns"]) & (times < row["bucket_ns"] + width)
        good = values[inside & usable]
        assert row["count"] == inside.sum()
        assert row["finite"] == len(good)
        assert row["quality"] == quality[inside].max()
        assert row["last_ns"] == times[inside].max()
        assert row["last"] == pytest.approx(values[inside][-1], nan_ok=True)
        if len(good):
            assert (row["min"], row["max"]) == (good.min(), good.max())
            assert row["mean"] == pytest.approx(good.mean())
        else:
            assert row["min"] is None


def test_roll_ups_answer_when_raw_rows_are_aged_out(store: DuckHistory) -> None:
    scans = [ScanOf(n, [("a/x", n * 7 * SECOND, float(n), 0), ("b/y", n, f"t{n}", 0)]) for n in range(1, 900)]
    store.append(batch(store, *scans))
    store.seal(0)
    before = store.buckets(["a/x"], 0, 2 * HOUR_NS, columns=10)
    at_ns = 33 * MINUTE_NS
    assert store.age_out(HOUR_NS) == store.status().aged_out_rows > 0
    assert store.buckets(["a/x"], 0, 2 * HOUR_NS, columns=10).equals(before)
    assert store.buckets(["a/x"], 0, HOUR_NS, columns=10_000).num_rows == 60
    then = store.as_of(None, at_ns)
    assert then["signal"].to_pylist() == ["a/x", "b/y"]
    # To the minute: the last value of a minute that had ended.
    assert at_ns - MINUTE_NS <= then["source_ns"][0].as_py() <= at_ns
    assert unpack(then)[1] == "t899"
    assert store.range(["a/x"], 0, HOUR_NS).num_rows == 0


def test_vouched_spans_show_each_gap(store: DuckHistory) -> None:
    def say(number: int, as_of_s: float, unit: str = "turn1") -> None:
        origin = Origin("line1", unit, 1)
        store.append(batch(store, ScanOf(number, [], origin=origin, as_of_ns=int(as_of_s * SECOND))))

    for number, as_of_s in enumerate([1, 2, 3, 10, 11, 20.5, 21], 1):
        say(number, as_of_s)
    say(1, 5, unit="turn2")
    spans = [(s["from_ns"] // SECOND, s["to_ns"] // SECOND) for s in _spans(store)]
    assert spans == [(1, 3), (10, 11), (20, 21)]
    say(8, 15.5)  # late: closes the second gap, because nothing is further apart than 5 s now
    assert [(s["from_ns"] // SECOND, s["to_ns"] // SECOND) for s in _spans(store)] == [(1, 3), (10, 21)]
    store.append(Batch(vouched=[Vouched("line1", "turn1", 3 * SECOND, 10 * SECOND)]))
    assert len(_spans(store)) == 1
    assert store.vouched(0, LATE).num_rows == 2


def _spans(store: DuckHistory) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = store.vouched(0, LATE, connector="line1", unit="turn1").to_pylist()
    return spans


def event(number: int, at: int, kind: str = "connector.state.changed", subject: str = "") -> EventRow:
    return EventRow(
        at, 9, "/a/b/gateway", f"{number:020d}", kind, subject, "a/b/-/-/-", f"{number:020d}", b"{}"
    )


def test_events_are_stored_once_and_found(store: DuckHistory) -> None:
    first = store.append(Batch(events=[event(1, 5), event(2, 6, "equipment.alarm.raised", "a"), event(1, 5)]))
    assert first.events == 2
    assert store.append(Batch(events=[event(2, 6), event(3, 4)])).events == 1
    assert store.events()["time_ns"].to_pylist() == [4, 5, 6]
    assert store.events(types=["equipment.alarm.raised"])["id"].to_pylist() == [f"{2:020d}"]
    assert store.events(subjects=["a"]).num_rows == 1
    assert store.events(5, 6)["time_ns"].to_pylist() == [5]
    assert store.events(limit=1, newest_first=True)["time_ns"].to_pylist() == [6]


def interval(
    from_ns: int, to_ns: int | None, revision: int, what: str = "production", *, withdrawn: bool = False
) -> IntervalRow:
    return IntervalRow(
        "class", f"turn1:{from_ns}", "turn1", from_ns, to_ns, what, "", "", "", "", revision, withdrawn, 9
    )


def test_of_an_interval_the_newest_revision_counts(store: DuckHistory) -> None:
    store.append(Batch(intervals=[interval(0, None, 1), interval(0, 10, 3), interval(10, None, 1)]))
    # A late redelivery of an older revision changes nothing.
    again = store.append(Batch(intervals=[interval(0, None, 1), interval(0, 7, 2)]))
    assert again.intervals == 1
    found = store.intervals(0, 100)
    assert list(zip(found["from_ns"].to_pylist(), found["to_ns"].to_pylist(), strict=True)) == [
        (0, 10),
        (10, None),
    ]
    assert store.intervals(10, 100)["from_ns"].to_pylist() == [10]
    store.append(Batch(intervals=[interval(10, None, 2, withdrawn=True)]))
    assert store.intervals(0, 100, units=["turn1"])["from_ns"].to_pylist() == [0]
    assert store.intervals(0, 100, units=["mill4"]).num_rows == 0


def test_rejections_keep_their_bytes(store: DuckHistory) -> None:
    def refused(key: str, at: int) -> RejectedRow:
        return RejectedRow(key, at, 9, "malformed", "x", "y", "topic", "sensors", "", b"\x00\xff", 70000)

    assert store.append(Batch(rejected=[refused("k1", 1), refused("k2", 2), refused("k1", 1)])).rejected == 2
    assert store.append(Batch(rejected=[refused("k2", 2)])).rejected == 0
    found = store.rejected(limit=1)
    assert found["key"].to_pylist() == ["k2"]
    assert found["original"].to_pylist() == [b"\x00\xff"]


def test_a_second_writer_is_refused(store: DuckHistory, tmp_path: Path) -> None:
    # Within one process DuckDB shares the file, so the second writer is a process of its own.
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from taktwin.history.hot import DuckHistory\n"
        "from taktwin.errors import StoreError\n"
        "try: DuckHistory(Path(sys.argv[1]), site='s')\n"
        "except StoreError: sys.exit(7)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "h")], check=False, timeout=60)
    assert done.returncode == 7


SIGNALS = ["a/x", "a/y", "b/z"]
values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=5),
    st.binary(max_size=5), st.lists(st.floats(allow_nan=False), max_size=3),
)  # fmt: skip
instants = st.one_of(
    st.sampled_from([0, 1, HOUR_NS - 1, HOUR_NS, 2 * HOUR_NS]), st.integers(-HOUR_NS, 3 * HOUR_NS)
)
row_lists = st.lists(st.tuples(st.sampled_from(SIGNALS), instants, values, st.integers(0, 3)), max_size=4)


class AnyInterleaving(RuleBasedStateMachine):
    """Append, duplicate, late, seal, merge, crash and reopen in any order give the rows of a plain list."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.model = ListHistory()
        self.sent: list[ScanOf] = []
        self.position = 0

    @initialize()
    def begin(self) -> None:
        self.store = DuckHistory(self.root, site="s")

    @rule(rows=row_lists, epoch=st.integers(0, 1), skip=st.integers(1, 3))
    def append(self, rows: list[Any], epoch: int, skip: int) -> None:
        scan = ScanOf(len(self.sent) * 2 + skip, rows, origin=ORIGIN._replace(epoch_ns=epoch))
        self._send(scan)
        self.sent.append(scan)

    @rule(which=st.integers(0, 30))
    def again(self, which: int) -> None:
        if self.sent:
            self._send(self.sent[which % len(self.sent)])

    def _send(self, scan: ScanOf) -> None:
        self.position += 1
        self.store.append(batch(self.store, scan, position=self.position))
        self.model.append(scan)

    @rule(hour=st.integers(-1, 3))
    def seal(self, hour: int) -> None:
        self.store.seal(hour * HOUR_NS)

    @rule(hour=st.integers(-1, 3))
    def merge(self, hour: int) -> None:
        self.store.merge(hour * HOUR_NS)

    @rule(hour=st.integers(-1, 3), merging=st.booleans())
    def crash_while_sealing(self, hour: int, *, merging: bool) -> None:
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(parquet._Written, "name_in", _power_cut)
            try:
                (self.store.merge if merging else self.store.seal)(hour * HOUR_NS)
            except StoreError:
                self.reopen()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = DuckHistory(self.root, site="s")
        assert self.store.positions().get("SAMPLES", 0) == self.position

    @invariant()
    def rows_are_those_of_the_list(self) -> None:
        if hasattr(self, "store"):
            assert rows_of(self.store.range(None)) == self.model.range(None, -LATE, LATE)

    @rule(at_ns=instants)
    def as_of(self, at_ns: int) -> None:
        assert rows_of(self.store.as_of(None, at_ns)) == self.model.as_of(at_ns)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
        self.folder.cleanup()


def _power_cut(*_: object) -> None:
    raise OSError("the power went")


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(
    max_examples=12,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
