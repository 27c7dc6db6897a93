"""What all CSV files of an ERP share: a header, then rows; a bad row keeps no good one out. Pure.

UTF-8, commas or semicolons, columns in any order. A column that nobody knows would be lost silently.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from taktwin.instants import SECOND_NS, parse_rfc3339


class CsvError(Exception):
    """A file that cannot be read at all: place, found, right."""

    def __init__(self, place: str, found: str, right: str) -> None:
        super().__init__(f"{place}: found {found}; expected {right}")
        self.place = place
        self.found = found
        self.right = right


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row with something in it; `count` cells, where the header has as many names as it may have."""

    line: int
    cells: dict[str, str]
    count: int


@dataclass(frozen=True, slots=True)
class CsvFile:
    """The header and the rows of a file."""

    header: tuple[str, ...]
    rows: tuple[CsvRow, ...]

    def check(self, needed: Sequence[str], optional: Sequence[str]) -> None:
        """Return only if the header has what is needed, and no column that nobody knows. Raises CsvError."""
        known = (*needed, *optional)
        for name in self.header:
            if name not in known:
                raise CsvError("line 1", f"column {name!r}", f"columns of {', '.join(known)}")
        missing = [name for name in needed if name not in self.header]
        if missing:
            raise CsvError("line 1", f"no column {missing[0]}", f"a header with {', '.join(needed)}")
        if len(set(self.header)) != len(self.header):
            raise CsvError("line 1", "a column twice", "each column once")


def read_rows(payload: bytes) -> CsvFile:
    """Return the header and the rows of a file.

    Raises
    ------
    CsvError
        If it is no UTF-8, or no CSV.
    """
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = payload.count(b"\n", 0, error.start) + 1
        raise CsvError(
            f"line {line}", f"a byte that is no UTF-8 ({payload[error.start]:#x})", "UTF-8"
        ) from error
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = tuple(name.strip().lower() for name in next(rows, []))
        found = [
            CsvRow(rows.line_num,
                   {name: cell.strip() for name, cell in zip(header, row, strict=False)}, len(row))
            for row in rows if any(cell.strip() for cell in row)
        ]  # fmt: skip
    except csv.Error as error:
        raise CsvError(f"line {rows.line_num}", str(error), "CSV with closed quotes") from error
    return CsvFile(header, tuple(found))


def instant(text: str, zone: ZoneInfo, at: time) -> int | None:
    """Return an instant in nanoseconds; a date alone is that time of the day there; None: it is neither."""
    try:
        if len(text) == len("2026-12-24"):
            day = datetime.combine(datetime.fromisoformat(text).date(), at, zone)
            return int(day.timestamp()) * SECOND_NS
        return parse_rfc3339(text)
    except ValueError:
        return None
