"""`taktwin history`: how much there is, the rows of a signal, or the plant at an instant."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import msgspec
import pyarrow as pa

from taktwin.cli import given
from taktwin.contracts.samples import Value
from taktwin.errors import ConfigError, Mistake
from taktwin.history.client import History
from taktwin.history.layout import FILE
from taktwin.history.requests import OWNER
from taktwin.history.store import EARLIEST_NS, LATEST_NS
from taktwin.history.values import unpack
from taktwin.identity import SignalId
from taktwin.instants import rfc3339
from taktwin.quality import Quality


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin history`."""
    parser.add_argument("signals", nargs="*", help="signal ids such as turn1/spindle/load; none: the status")
    parser.add_argument("--data", help="data folder of the installation (default: the one in var/)")
    parser.add_argument("--from", dest="since", help="RFC 3339, inclusive")
    parser.add_argument("--to", dest="until", help="RFC 3339, exclusive")
    parser.add_argument("--at", help="RFC 3339: the value then, of the signals or of the whole plant")
    parser.add_argument("--format", choices=["csv", "json"], default="csv", help="of what is printed (csv)")
    parser.add_argument("--parquet", help="write the rows, exactly as stored, to this Parquet file instead")


def history(options: argparse.Namespace) -> int:
    """Print what was asked for."""
    memory = History.open(historian_folder(options.data))
    names = [SignalId(name) for name in options.signals]
    if options.at:
        rows = memory.as_of(names or None, _instant("--at", options.at, 0))
    elif names or options.since or options.until:
        since = _instant("--from", options.since, EARLIEST_NS)
        rows = memory.range(names or None, since, _instant("--to", options.until, LATEST_NS))
    else:
        print(msgspec.json.format(msgspec.json.encode(memory.status())).decode())
        return 0
    if options.parquet:
        import pyarrow.parquet as pq

        pq.write_table(rows, options.parquet, compression="zstd")
        print(f"{rows.num_rows:,} rows in {options.parquet}")
    else:
        _print_rows(rows, options.format)
    return 0


def historian_folder(data: str | None) -> Path:
    """Return the historian's folder of a data folder, or of the only installation below `var`.

    Raises
    ------
    ConfigError
        If there is none, or more than one to choose from.
    """
    if data:
        folder = Path(data)
        return folder if (folder / FILE).exists() else folder / OWNER
    found = sorted(path.parent for path in Path("var").glob(f"*/{OWNER}/{FILE}"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(path.parent) for path in found) or "no history below var"
    raise ConfigError([Mistake("command line", 1, "--data", names, "the data folder of one installation")])


def _instant(word: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    return given.instant(word, text)


def _print_rows(rows: pa.Table, form: str) -> None:
    columns = [rows[name].to_pylist() for name in ("signal", "source_ns", "quality")]
    lines = (
        (str(signal), rfc3339(int(source_ns or 0)), _shown(value), Quality(int(quality or 0)).label)
        for signal, source_ns, quality, value in zip(*columns, unpack(rows), strict=True)
    )
    names = ("signal", "time", "value", "quality")
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows(lines)
    else:
        for line in lines:
            print(json.dumps(dict(zip(names, line, strict=True))))


def _shown(value: Value) -> str | int | float | bool | list[object] | None:
    return value.hex() if isinstance(value, bytes) else value
