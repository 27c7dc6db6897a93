"""Exports of other historians: every line is stored, a duplicate, rejected with a reason, or empty."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taktwin.errors import ConfigError, StoreError
from taktwin.historian import importer
from taktwin.historian.import_files import ImportOptions
from taktwin.historian.importer import FileImport, FileReport, one_scan
from taktwin.history.hot import DuckHistory
from taktwin.history.store import Batch, Origin
from taktwin.history.values import unpack
from taktwin.instants import parse_rfc3339

TYPES = {
    "turn1/power": "float64", "turn1/good_count": "uint32", "turn1/job": "string", "turn1/blocked": "bool",
    "turn1/serial64": "int64", "turn1/curve": "array", "turn1/raw": "bytes",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckHistory]:
    history = DuckHistory(tmp_path / "h", site="s")
    yield history
    history.close()


def run(store: DuckHistory, path: Path, **options: Any) -> FileReport:
    job = FileImport(
        path,
        options=ImportOptions(**options),
        store=store,
        types=TYPES,
        reports=path.parent / "reports",
        now_ns=lambda: 77,
    )
    report = job.run()
    assert report.values_read == report.stored + report.duplicates + report.rejected + report.empty
    assert sum(report.reasons.values()) == report.rejected
    return report


def write(folder: Path, text: str | bytes, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def stored(store: DuckHistory, signal: str) -> list[tuple[int, Any]]:
    table = store.range([signal])
    return list(zip(table["source_ns"].to_pylist(), unpack(table), strict=True))


LONG = """Timestamp;Tag;Value;Status
2026-03-01T10:00:00.5Z;turn1/power;1,5;Good
2026-03-01T10:00:01.123456789+01:00;turn1/good_count;5,0;Good
2026-03-01T10:00:02Z;turn1/job;00123;Uncertain
2026-03-01T10:00:03Z;turn1/blocked;TRUE;192
2026-03-01T10:00:04Z;turn1/serial64;9007199254740993;
2026-03-01T10:00:05Z;turn1/power;I/O Timeout;Bad
2026-03-01T10:00:06Z;turn1/power;nan;Good
"""


def test_a_long_csv_with_commas_is_read_as_it_says(store: DuckHistory, tmp_path: Path) -> None:
    report = run(store, write(tmp_path, LONG))
    assert (report.lines_read, report.stored, report.rejected) == (7, 7, 0)
    assert report.look.delimiter == ";"
    assert report.look.decimal == ","
    assert any("delimiter" in words for words in report.look.found)
    second = 1_000_000_000
    at = parse_rfc3339("2026-03-01T10:00:00Z")
    power = stored(store, "turn1/power")
    assert power[0] == (at + second // 2, 1.5)
    assert power[1] == (at + 5 * second, None)
    assert math.isnan(power[2][1])
    assert stored(store, "turn1/good_count") == [(at - 3600 * second + 1_123_456_789, 5)]
    assert stored(store, "turn1/job") == [(at + 2 * second, "00123")]
    assert stored(store, "turn1/blocked") == [(at + 3 * second, True)]
    assert stored(store, "turn1/serial64") == [(at + 4 * second, 9007199254740993)]
    assert store.range(["turn1/power"])["quality"].to_pylist() == [0, 3, 0]
    assert store.range(["turn1/job"])["quality"].to_pylist() == [2]


def test_the_same_file_twice_stores_nothing_new(store: DuckHistory, tmp_path: Path) -> None:
    path = write(tmp_path, LONG)
    run(store, path)
    again = run(store, write(tmp_path, LONG, name="renamed.csv"))
    assert again.already_imported
    assert store.status().rows == 7
    # Another export that overlaps stores only what is new.
    more = LONG + "2026-03-01T10:00:09Z;turn1/power;2,5;Good\n2026-03-01T10:00:09Z;turn1/power;2,5;Good\n"
    other = run(store, write(tmp_path, more, name="next.csv"))
    assert (other.stored, other.duplicates) == (1, 8)
    assert store.status().rows == 8
    assert store.counts().rows == 0  # imports are not what came over the streams


def test_what_cannot_be_read_is_named_with_line_and_reason(store: DuckHistory, tmp_path: Path) -> None:
    text = LONG.encode() + b"".join(
        [
            b"yesterday;turn1/power;1,5;Good\n",  # line 9
            b"2026-03-01T10:00:10Z;no/such;1,5;Good\n",
            b"2026-03-01T10:00:10Z;turn1/good_count;-1;Good\n",
            b"2026-03-01T10:00:10Z;turn1/good_count;1,5;Good\n",
            b"2026-03-01T10:00:10Z;turn1/power;1_000;Good\n",
            b"2026-03-01T10:00:10Z;turn1/power;1,5;excellent\n",
            b"2026-03-01T10:00:10Z;turn1/power\n",
            b"2026-03-01T10:00:10;turn1/power;1,5;Good\n",
            b"2026-02-30T10:00:10Z;turn1/power;1,5;Good\n",
            b"2026-03-01T10:00:11Z;turn1/job;\xff\xfe;Good\n",
            b'2026-03-01T10:00:12Z;turn1/job;"two\nlines";Good\n',  # 19 and 20
            b"2026-03-01T10:00:13Z;turn1/power;;Good\n",
            b"\n",
            b"2026-03-01T10:00:14Z;turn1/blocked;maybe;Good\n",  # 23
        ]
    )
    report = run(store, write(tmp_path, text), encoding="utf-8", time_format="iso", quality_codes="opc-da")
    with Path(report.rejects_file).open(encoding="utf-8", newline="") as file:
        refused = {int(line): reason for line, reason, _ in csv.reader(file)}
    assert sorted(refused) == [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 23]
    assert refused[9].startswith("time:")
    assert refused[10] == "unmapped tag"
    assert refused[11] == "value: outside uint32 (declared uint32)"
    assert refused[12] == "value: no integer (declared uint32)"
    assert refused[13] == "value: no number (declared float64)"
    assert "excellent" in refused[14]
    assert refused[15] == "2 fields: expected 4"
    assert "no time zone" in refused[16]
    assert "day is out of range" in refused[17]
    assert "utf-8" in refused[18]
    assert refused[23] == "value: no true or false (declared bool)"
    assert report.unmapped_tags == ["no/such"]
    assert report.empty == 1
    assert report.stored == 8
    assert stored(store, "turn1/job")[-1][1] == "two\nlines"


def test_a_wide_csv_has_a_column_a_signal(store: DuckHistory, tmp_path: Path) -> None:
    text = "Zeit\tturn1/power\tturn1/good_count\tother\n"
    text += "01.03.2026 10:00:00\t1.5\t3\t7\n01.03.2026 10:00:01\t\t4\t8\n"
    report = run(store, write(tmp_path, text), time_zone="Europe/Berlin", unmapped="keep")
    assert (report.look.layout, report.lines_read, report.values_read) == ("wide", 2, 6)
    assert (report.stored, report.empty) == (5, 1)
    at = parse_rfc3339("2026-03-01T09:00:00Z")
    assert stored(store, "turn1/power") == [(at, 1.5)]
    assert stored(store, "import/other") == [(at, 7), (at + 1_000_000_000, 8)]


def test_a_mapping_gives_tags_their_signals(store: DuckHistory, tmp_path: Path) -> None:
    mapping = write(tmp_path, "tag,signal,type\nPLC.PWR,turn1/power,\nX,my/own,float64\n", name="map.csv")
    text = "time,tag,value\n2026-03-01T10:00:00Z,PLC.PWR,1\n2026-03-01T10:00:00Z,X,2\n"
    run(store, write(tmp_path, text), mapping=str(mapping))
    assert [value for _, value in stored(store, "turn1/power")] == [1.0]
    assert [type(value) for _, value in stored(store, "my/own")] == [float]
    wrong = write(tmp_path, "tag,signal\nA,\nB,no/such\n", name="wrong.csv")
    with pytest.raises(ConfigError) as refused:
        run(store, write(tmp_path, text, name="other.csv"), mapping=str(wrong))
    assert [mistake.line for mistake in refused.value.mistakes] == [2, 3]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "content"),
        ("time,tag,value\n03/04/2026 10:00:00,turn1/power,1\n", "time_format"),
        ("zeitpunkt,messung\nmorgens,1\n", "time_format"),
    ],
)
def test_what_cannot_be_found_must_be_declared(
    store: DuckHistory, tmp_path: Path, text: str, field: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        run(store, write(tmp_path, text))
    assert refused.value.mistakes[0].field == field


def test_the_night_with_an_hour_twice_and_the_one_with_an_hour_less(
    store: DuckHistory, tmp_path: Path
) -> None:
    lines = ["time,tag,value"]
    lines += [f"2026-10-25 {clock},turn1/power,{n}" for n, clock in enumerate(
        ["01:30:00", "02:00:00", "02:30:00", "02:00:00", "02:30:00", "03:00:00"])]  # fmt: skip
    lines += ["2026-03-29 02:30:00,turn1/power,9"]
    report = run(store, write(tmp_path, "\n".join(lines)), time_zone="Europe/Berlin")
    hours = [(at - parse_rfc3339("2026-10-24T23:30:00Z")) / 3.6e12 for at, _ in stored(store, "turn1/power")]
    assert hours == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert report.ambiguous_times == 4
    assert list(report.reasons) == ["time: this local time does not exist in Europe/Berlin"]


@pytest.mark.parametrize(
    ("text", "form"),
    [("1772359200", "s"), ("1772359200000", "ms"), ("1772359200000000", "us"), ("1772359200000000000", "ns")],
)
def test_epoch_numbers_tell_their_unit(store: DuckHistory, tmp_path: Path, text: str, form: str) -> None:
    report = run(store, write(tmp_path, f"ts,tag,value\n{text},turn1/power,1\n"))
    assert report.look.time_format == form
    assert stored(store, "turn1/power")[0][0] == parse_rfc3339("2026-03-01T10:00:00Z")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_encodings_are_found(store: DuckHistory, tmp_path: Path, encoding: str) -> None:
    text = "Zeit;Tag;Wert\n2026-03-01T10:00:00Z;turn1/job;Größe 5\n"
    report = run(store, write(tmp_path, text.encode(encoding)))
    assert stored(store, "turn1/job")[0][1] == "Größe 5"
    assert report.look.encoding == encoding


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_parquet_is_read_typed(store: DuckHistory, tmp_path: Path, layout: str) -> None:
    at = pa.array([1772359200000000, 1772359201000000], pa.timestamp("us", tz="UTC"))
    columns: dict[str, Any] = {"time": at}
    if layout == "long":
        columns |= {
            "tag": ["turn1/power", "turn1/power"],
            "value": [1.5, float("nan")],
            "quality": ["Good", "Bad"],
        }
    else:
        columns |= {"turn1/power": [1.5, None], "turn1/good_count": pa.array([2**32 - 1, 3], pa.int64())}
    path = tmp_path / "e.parquet"
    pq.write_table(pa.table(columns), path)
    report = run(store, path)
    assert report.stored == (2 if layout == "long" else 3)
    assert stored(store, "turn1/power")[0] == (parse_rfc3339("2026-03-01T10:00:00Z"), 1.5)
    if layout == "wide":
        assert [value for _, value in stored(store, "turn1/good_count")] == [2**32 - 1, 3]
        assert report.empty == 1


def test_our_own_sealed_files_can_be_imported_elsewhere(store: DuckHistory, tmp_path: Path) -> None:
    run(store, write(tmp_path, LONG))
    hour = store.hot_hours()[1].hour_ns
    assert store.seal(hour) == 6
    (file,) = store.range_parts(None)[1]
    other = DuckHistory(tmp_path / "other", site="s")
    assert run(other, store.folder / file).stored == 6
    assert repr(stored(other, "turn1/power")) == repr(stored(store, "turn1/power"))
    other.close()


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_an_import_that_was_cut_goes_on_after_its_last_chunk(
    store: DuckHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    monkeypatch.setattr(importer, "CHUNK_LINES", 10)
    start = parse_rfc3339("2026-03-01T10:00:00Z")
    lines = ["ts,tag,value", *(f"{start + n},turn1/power,{n}" for n in range(35)), "x,turn1/power,1"]
    path = write(tmp_path, "\n".join(lines))
    real, calls = store.append, []

    def cut(batch: Any) -> Any:
        calls.append(1)
        if len(calls) == fails_at:
            raise StoreError("the disk is full")
        return real(batch)

    with monkeypatch.context() as broken:
        broken.setattr(store, "append", cut)
        with pytest.raises(StoreError):
            run(store, path)
    report = run(store, path)
    assert report.resumed_after_line == 10 * (fails_at - 1)
    assert (report.lines_read, report.stored, report.rejected, report.duplicates) == (36, 35, 1, 0)
    assert [value for _, value in stored(store, "turn1/power")] == [float(n) for n in range(35)]
    assert msgspec.json.decode(next((tmp_path / "reports").glob("*.json")).read_bytes())["stored"] == 35


def test_progress_is_told_for_each_chunk(
    store: DuckHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "CHUNK_LINES", 10)
    lines = ["ts,tag,value", *(f"{1772359200 + n},turn1/power,{n}" for n in range(25))]
    told: list[tuple[str, int, float]] = []
    job = FileImport(
        write(tmp_path, "\n".join(lines)), options=ImportOptions(), store=store, types=TYPES,
        reports=tmp_path / "r", now_ns=lambda: 1,
    )  # fmt: skip
    job.run(lambda *what: told.append(what))
    assert [lines_read for _, lines_read, _ in told] == [10, 20, 25]
    assert all(0 < share <= 1 for _, _, share in told)


def test_columns_are_appended_once(store: DuckHistory) -> None:
    def append(sequence: int) -> int:
        scan = one_scan(
            store,
            origin=Origin("line1", "turn1", 5),
            sequence=sequence,
            signals=["turn1/power", "turn1/job"],
            signal=np.array([0, 1, 0], np.int32),
            source_ns=np.array([1, 2, 3], np.int64),
            values=[1.5, "x", 2.5],
            recorded_ns=9,
        )
        return store.append(Batch(samples=[scan])).rows

    assert [append(1), append(1), append(2)] == [3, 0, 3]
