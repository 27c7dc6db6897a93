"""Files that other historians exported, as one stream of records; what they look like is declared or found.

A record is (line, tag, time, value, quality) with text as it stands in a CSV file, or typed values
from Parquet. Nothing is converted here. What was found, and what was assumed, goes into the report.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from taktwin.errors import ConfigError, Mistake
from taktwin.historian.import_times import detect_form
from taktwin.historian.import_values import quality_scale
from taktwin.history.values import VALUE_COLUMNS, unpack

LOOK_ROWS = 200
FIELD_MAX = 1 << 20
PARQUET_ROWS = 20_000
ROLES = {
    "time": ("time", "timestamp", "date", "datetime", "ts", "source_ns", "zeit", "zeitstempel", "datum"),
    "signal": ("signal", "tag", "tagname", "tag_name", "name", "point", "variable", "item", "messstelle"),
    "value": ("value", "val", "v", "wert", "messwert"),
    "quality": ("quality", "status", "qual", "q", "state", "qualität", "qualitaet"),
}


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read exports. What is left empty is found by looking, and the report says what was found."""

    format: str = ""  # csv | parquet
    layout: str = ""  # long: a row a value | wide: a column a signal | taktwin: our own sealed files
    delimiter: str = ""
    decimal: str = ""  # . or ,
    encoding: str = ""
    time_zone: str = ""  # IANA name for times that name none
    time_format: str = ""  # iso, s, ms, us, ns, or a pattern such as %d.%m.%Y %H:%M:%S
    quality_codes: str = ""  # taktwin | opc-da | opc-ua, where qualities are numbers
    columns: dict[str, str] = {}  # time, signal, value, quality -> name of the column
    skip_lines: int = 0  # lines above the header
    mapping: str = ""  # CSV file: tag,signal[,type]
    unmapped: str = "reject"  # reject | keep (under the tag's own name)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a file looks like: all that is needed to read it."""

    format: str
    layout: str
    delimiter: str = ""
    decimal: str = ""
    encoding: str = ""
    time_format: str = ""
    quality_codes: str = ""
    time: int = 0  # places of the columns
    signal: int = -1
    value: int = -1
    quality: int = -1
    tags: dict[int, str] = {}  # wide: place of the column -> tag
    width: int = 0
    first_line: int = 1  # of the data
    found: list[str] = []  # what was found by looking rather than declared, in words


class Record(NamedTuple):
    """One value of an export, unconverted. `fault` says why the line cannot be read at all."""

    line: int
    tag: str
    time: Any
    value: Any
    quality: Any
    fault: str = ""


def look(path: Path, options: ImportOptions) -> Look:
    """Return what a file looks like.

    Raises
    ------
    ConfigError
        If something cannot be found and has to be declared.
    """
    kind = options.format or ("parquet" if path.suffix.lower() in (".parquet", ".pq") else "csv")
    return _look_parquet(path, options) if kind == "parquet" else _look_csv(path, options)


def records(path: Path, options: ImportOptions, seen: Look) -> Iterator[list[Record]]:
    """Yield the records of each line (long: one, wide: one a column); rows keep the file's order."""
    if seen.format == "parquet":
        yield from _parquet_records(path, seen)
    else:
        yield from _csv_records(path, options, seen)


# CSV


def _look_csv(path: Path, options: ImportOptions) -> Look:
    found: list[str] = []
    encoding = options.encoding or _encoding(path, found)
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        for _ in range(options.skip_lines):
            file.readline()
        head = [line for line in (file.readline() for _ in range(LOOK_ROWS + 1)) if line.strip()]
    if not head:
        raise _undecided(path, "content", "nothing", "a header line and data lines")
    delimiter = options.delimiter or _delimiter(head, found)
    rows = list(csv.reader(head, delimiter=delimiter))
    header, data = [name.strip() for name in rows[0]], [row for row in rows[1:] if len(row) == len(rows[0])]
    places = _places(path, header, options)
    layout = options.layout or ("long" if "signal" in places and "value" in places else "wide")
    if not options.layout:
        found.append(f"layout {layout}, by the columns {', '.join(header[:6])}")
    if layout == "long":
        _need(path, places, header, ("time", "signal", "value"))
    times = [row[places["time"]].strip() for row in data]
    form = options.time_format or detect_form(times)
    if not form:
        example = times[0] if times else "nothing"
        raise _undecided(path, "time_format", example, "a declared form: day and month may be swapped")
    if not options.time_format:
        found.append(f"times as {form}, by {len(times)} lines")
    used = set(places.values())
    tags = {at: name for at, name in enumerate(header) if at not in used and name} if layout == "wide" else {}
    texts = [row[at] for row in data for at in ([places["value"]] if layout == "long" else tags)]
    decimal = options.decimal or _decimal(texts, delimiter, found)
    codes = options.quality_codes
    if not codes and "quality" in places:
        codes = quality_scale(row[places["quality"]] for row in data)
        found.append(f"numbers as qualities by {codes}")
    return Look(
        format="csv", layout=layout, delimiter=delimiter, decimal=decimal, encoding=encoding,
        time_format=form, quality_codes=codes or "taktwin", time=places["time"],
        signal=places.get("signal", -1), value=places.get("value", -1), quality=places.get("quality", -1),
        tags=tags, width=len(header), first_line=options.skip_lines + 2, found=found,
    )  # fmt: skip


def _csv_records(path: Path, options: ImportOptions, seen: Look) -> Iterator[list[Record]]:
    csv.field_size_limit(FIELD_MAX)
    with path.open(encoding=seen.encoding, errors="surrogateescape", newline="") as file:
        for _ in range(options.skip_lines):
            file.readline()
        reader = csv.reader(file, delimiter=seen.delimiter)
        next(reader, None)
        while True:
            begins = options.skip_lines + reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as fault:
                yield [Record(begins, "", "", "", "", f"no CSV: {fault}")]
                continue
            if row:
                yield _records_of(begins, row, seen)


def _records_of(line: int, row: Sequence[str], seen: Look) -> list[Record]:
    if len(row) != seen.width:
        return [
            Record(line, "", "", seen.delimiter.join(row), "", f"{len(row)} fields: expected {seen.width}")
        ]
    quality = row[seen.quality] if seen.quality >= 0 else ""
    time = row[seen.time].strip()
    if seen.layout == "long":
        return [Record(line, row[seen.signal].strip(), time, row[seen.value], quality)]
    return [Record(line, tag, time, row[at], quality) for at, tag in seen.tags.items()]


def _encoding(path: Path, found: list[str]) -> str:
    with path.open("rb") as file:
        head = file.read(1 << 20)
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if head.startswith(mark):
            found.append(f"encoding {name}, by its mark")
            return name
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        found.append("encoding cp1252, because it is no UTF-8")
        return "cp1252"
    found.append("encoding utf-8")
    return "utf-8"


def _delimiter(head: Sequence[str], found: list[str]) -> str:
    """Return the character that splits all lines into the same number of fields, the more the better."""
    best, best_score = ",", (0.0, 0)
    for mark in (";", "\t", ",", "|"):
        widths = Counter(len(row) for row in csv.reader(head, delimiter=mark))
        width, lines = widths.most_common(1)[0]
        score = (lines / len(head), width)
        if width > 1 and score > best_score:
            best, best_score = mark, score
    found.append(f"delimiter {best!r}, the same number of fields in {best_score[0]:.0%} of {len(head)} lines")
    return best


def _decimal(texts: Sequence[str], delimiter: str, found: list[str]) -> str:
    commas = sum("," in text and "." not in text for text in texts)
    points = sum("." in text and "," not in text for text in texts)
    decimal = "," if delimiter != "," and commas > points else "."
    found.append(f"decimal {decimal!r}, by {points} values with a point and {commas} with a comma")
    return decimal


# Parquet


def _look_parquet(path: Path, options: ImportOptions) -> Look:
    schema = pq.read_schema(path)
    names = list(schema.names)
    if set(VALUE_COLUMNS) <= set(names) and options.layout in ("", "taktwin"):
        return Look(format="parquet", layout="taktwin", time_format="ns", quality_codes="taktwin",
                    found=["layout taktwin: our own sealed file"])  # fmt: skip
    found: list[str] = []
    places = _places(path, names, options)
    layout = options.layout or ("long" if "signal" in places and "value" in places else "wide")
    if layout == "long":
        _need(path, places, names, ("time", "signal", "value"))
    column = schema.field(places["time"]).type
    form = options.time_format
    if pa.types.is_timestamp(column):
        form = "ns"
        if column.tz is None and not options.time_zone:
            raise _undecided(path, "time_zone", "times without a zone", "an IANA name such as Europe/Berlin")
    elif not form:
        head = next(
            pq.ParquetFile(path).iter_batches(batch_size=LOOK_ROWS, columns=[names[places["time"]]]), None
        )
        texts = [str(at) for at in head.column(0).to_pylist()] if head is not None else []
        form = detect_form(texts)
        if not form:
            raise _undecided(path, "time_format", texts[0] if texts else "nothing", "a declared form")
        found.append(f"times as {form}")
    used = set(places.values())
    tags = {at: name for at, name in enumerate(names) if at not in used} if layout == "wide" else {}
    return Look(
        format="parquet", layout=layout, decimal=".", time_format=form,
        quality_codes=options.quality_codes or "taktwin", time=places["time"],
        signal=places.get("signal", -1), value=places.get("value", -1), quality=places.get("quality", -1),
        tags=tags, width=len(names), found=[*found, f"layout {layout}"],
    )  # fmt: skip


def _parquet_records(path: Path, seen: Look) -> Iterator[list[Record]]:
    line = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=PARQUET_ROWS):
        if seen.layout == "taktwin":
            values, tags = unpack(batch), batch["signal"].to_pylist()
            times, qualities = batch["source_ns"].to_pylist(), batch["quality"].to_pylist()
            for tag, time, value, quality in zip(tags, times, values, qualities, strict=True):
                line += 1
                yield [Record(line, str(tag), time, value, quality)]
            continue
        times = _instants(batch.column(seen.time))
        qualities = batch.column(seen.quality).to_pylist() if seen.quality >= 0 else [""] * batch.num_rows
        columns = [seen.value] if seen.layout == "long" else list(seen.tags)
        cells = {at: batch.column(at).to_pylist() for at in columns}
        names = batch.column(seen.signal).to_pylist() if seen.layout == "long" else []
        for row in range(batch.num_rows):
            line += 1
            quality = "" if qualities[row] is None else qualities[row]
            if seen.layout == "long":
                yield [Record(line, str(names[row]), times[row], cells[seen.value][row], quality)]
            else:
                yield [
                    Record(line, tag, times[row], cells[at][row], quality) for at, tag in seen.tags.items()
                ]


def _instants(column: Any) -> list[Any]:
    """Return times as UTC nanoseconds where the column knows its zone, else as local time in words."""
    if not pa.types.is_timestamp(column.type):
        return ["" if at is None else str(at) for at in column.to_pylist()]
    if column.type.tz is not None:
        return list(column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64()).to_pylist())
    return [
        "" if at is None else str(at) for at in column.cast(pa.timestamp("ns")).cast(pa.string()).to_pylist()
    ]


# Both


def _places(path: Path, header: Sequence[str], options: ImportOptions) -> dict[str, int]:
    """Return the place of each role's column: as declared, else by its name."""
    places: dict[str, int] = {}
    lower = [name.lower() for name in header]
    for role, names in ROLES.items():
        declared = options.columns.get(role)
        if declared is not None:
            if declared not in header:
                raise _undecided(path, f"columns.{role}", declared, f"one of {', '.join(header[:20])}")
            places[role] = header.index(declared)
        else:
            match = next((lower.index(name) for name in names if name in lower), None)
            if match is not None and match not in places.values():
                places[role] = match
    if "time" not in places:
        if options.layout == "long":
            _need(path, places, header, ("time",))
        places["time"] = 0  # a wide export begins with its time
    return places


def _need(path: Path, places: dict[str, int], header: Sequence[str], roles: Sequence[str]) -> None:
    missing = [role for role in roles if role not in places]
    if missing:
        raise _undecided(
            path, f"columns.{missing[0]}", f"the columns {', '.join(header[:20])}", "its name declared"
        )


def _undecided(path: Path, field: str, found: str, expected: str) -> ConfigError:
    return ConfigError([Mistake(str(path), 1, field, found[:200], expected)])
