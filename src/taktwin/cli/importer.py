"""`taktwin import`: exports of other historians into history, with a report for each file."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import msgspec

from taktwin.cli.history import historian_folder
from taktwin.clock import SystemClock
from taktwin.entropy import unique_id
from taktwin.errors import ConfigError, Mistake, StoreError
from taktwin.historian.import_files import ImportOptions
from taktwin.historian.importer import FileReport, import_files
from taktwin.history import door
from taktwin.history.client import pause
from taktwin.history.door import Ask, ImportJob
from taktwin.history.hot import DuckHistory
from taktwin.plant import open_plant

PATIENCE_S = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin import`."""
    parser.add_argument("files", nargs="+", help="CSV or Parquet files")
    parser.add_argument("--data", help="data folder of the installation (default: the one in var/)")
    parser.add_argument("--plant", help="the plant folder, whose signals the tags become")
    parser.add_argument("--mapping", default="", help="CSV file: tag,signal[,type]")
    parser.add_argument("--layout", default="", choices=["", "long", "wide", "taktwin"])
    parser.add_argument("--delimiter", default="", help="between fields (default: found)")
    parser.add_argument("--decimal", default="", help="point or comma (default: found)")
    parser.add_argument("--encoding", default="", help="such as utf-8, cp1252 (default: found)")
    parser.add_argument("--time-zone", default="", help="of times that name none, such as Europe/Berlin")
    parser.add_argument(
        "--time-format", default="", help="iso, s, ms, us, ns, or such as %%d.%%m.%%Y %%H:%%M:%%S"
    )
    parser.add_argument("--quality-codes", default="", choices=["", "taktwin", "opc-da", "opc-ua"])
    parser.add_argument("--skip-lines", type=int, default=0, help="lines above the header")
    parser.add_argument(
        "--column", action="append", default=[], metavar="ROLE=NAME", help="time=, signal=, value=, quality="
    )
    parser.add_argument("--keep-unmapped", action="store_true", help="store unknown tags as import/<tag>")
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")


def import_history(options: argparse.Namespace) -> int:
    """Import files and print what became of each; exit code 1 if a value was rejected."""
    folder = historian_folder(options.data)
    job = ImportJob(
        paths=[str(Path(file).resolve()) for file in options.files],
        options=msgspec.json.encode(_options(options)),
    )
    try:
        reports = _alone(folder, job, options.plant)
    except _Busy:
        reports = _through_door(folder, job)
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(reports)).decode())
    else:
        for report in reports:
            print(_words(report))
    return 1 if any(report.rejected for report in reports) else 0


class _Busy(Exception):
    """A historian is running and holds the files."""


def _options(options: argparse.Namespace) -> ImportOptions:
    columns = dict(word.split("=", 1) for word in options.column if "=" in word)
    wrong = [
        word for word in options.column if word.split("=", 1)[0] not in ("time", "signal", "value", "quality")
    ]
    if wrong or len(columns) < len(options.column):
        raise ConfigError(
            [
                Mistake(
                    "command line", 1, "--column", " ".join(options.column), "role=name, of time, signal, ..."
                )
            ]
        )
    return ImportOptions(
        layout=options.layout,
        delimiter="\t" if options.delimiter == "\\t" else options.delimiter,
        decimal={"point": ".", "comma": ","}.get(options.decimal, options.decimal),
        encoding=options.encoding,
        time_zone=options.time_zone,
        time_format=options.time_format,
        quality_codes=options.quality_codes,
        columns=columns,
        skip_lines=options.skip_lines,
        mapping=str(Path(options.mapping).resolve()) if options.mapping else "",
        unmapped="keep" if options.keep_unmapped else "reject",
    )


def _alone(folder: Path, job: ImportJob, plant: str | None) -> list[FileReport]:
    """Import without a historian: this process is the one writer meanwhile."""
    registry = open_plant(plant) if plant else None
    types = {str(signal.id): signal.type for signal in registry.signals} if registry else {}
    site = registry.site if registry else _site_of(folder)
    try:
        store = DuckHistory(folder, site=site)
    except StoreError as held:
        raise _Busy from held
    try:
        return import_files(job, store=store, types=types, now_ns=SystemClock().now_ns, progress=_show)
    finally:
        store.close()
        _end_bar()


def _site_of(folder: Path) -> str:
    """Return the site whose sealed files are there; without any, the name of the data folder."""
    for path in sorted((folder / "sealed").glob("site=*")):
        return path.name.removeprefix("site=")
    return folder.parent.name


def _through_door(folder: Path, job: ImportJob) -> list[FileReport]:
    """Let the running historian import, and show how far it is."""
    number = unique_id()
    door.knock(folder, number, Ask(name="import", payload=msgspec.msgpack.encode(job)))
    waited, told = 0.0, None
    while True:
        try:
            answer = door.collect(folder, number)
        except ValueError as fault:
            _end_bar()
            raise StoreError(str(fault)) from fault
        if answer is not None:
            _end_bar()
            return msgspec.json.decode(answer, type=list[FileReport])
        now = door.progress_of(folder, number)
        if now is not None and now != told:
            waited, told = 0.0, now
            _show(now.file, now.lines_read, now.share)
        pause(0.1)
        waited += 0.1
        if waited > PATIENCE_S and (folder / door.DOOR / f"{number}.ask").exists():
            raise StoreError(f"history in {folder} is held by a process that does not answer at its door")


def _show(file: str, lines_read: int, share: float) -> None:
    if sys.stderr.isatty():
        width = max(10, min(40, shutil.get_terminal_size().columns - 50))
        bar = "#" * int(share * width)
        print(
            f"\r{Path(file).name[:24]:<24} [{bar:<{width}}] {lines_read:>11,} lines", end="", file=sys.stderr
        )


def _end_bar() -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)


def _words(report: FileReport) -> str:
    if report.already_imported:
        return f"{report.file}: imported before, nothing new ({report.stored:,} values then)"
    lines = [
        f"{report.file}: {report.lines_read:,} lines, {report.values_read:,} values = "
        f"{report.stored:,} stored + {report.duplicates:,} duplicates + {report.rejected:,} rejected "
        f"+ {report.empty:,} empty"
    ]
    lines += [f"  found: {words}" for words in report.look.found]
    if report.ambiguous_times:
        lines.append(f"  {report.ambiguous_times:,} local times came twice that night: told apart by order")
    lines += [f"  rejected {count:>9,}: {reason}" for reason, count in sorted(report.reasons.items())]
    if report.unmapped_tags:
        lines.append(f"  tags without a signal: {', '.join(report.unmapped_tags[:10])}")
    if report.rejects_file:
        lines.append(f"  line by line: {report.rejects_file}")
    return "\n".join(lines)
