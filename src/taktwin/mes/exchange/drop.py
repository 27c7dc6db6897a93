"""A folder into which an ERP drops files: `in/` is taken up, `out/` answers, `done/` and `failed/` keep them.

A file is taken up once it has stood unchanged between two looks. Its answer is written before the file
leaves `in/`: a MES that was killed between the two takes the file up again, and its orders are answered
as before and made once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from taktwin.contracts.commands import ImportReport

KINDS = {".csv": "csv", ".xml": "b2mml"}
UNFINISHED = (".tmp", ".part")  # what whoever drops files calls them until they are whole
BYTES_MAX = 20_000_000
Take = Callable[[str, bytes], ImportReport]


class DropFolder:
    """The folder of one MES."""

    def __init__(self, folder: Path, take: Take) -> None:
        self._folders = {name: folder / name for name in ("in", "out", "done", "failed")}
        self._take = take
        self._seen: dict[str, tuple[int, int]] = {}
        for each in self._folders.values():
            each.mkdir(parents=True, exist_ok=True)

    def look(self) -> int:
        """Take up every file that has stood unchanged since the last look; return how many.

        A file that was taken away meanwhile is none; one that the disk refuses keeps no other one waiting.

        Raises StoreError where the database, OSError where the disk refuses: look again later.
        """
        seen: dict[str, tuple[int, int]] = {}
        taken = 0
        refused: OSError | None = None
        for path in sorted(self._folders["in"].iterdir()):
            if path.name.startswith(".") or path.suffix.lower() in UNFINISHED or not path.is_file():
                continue
            try:
                stat = path.stat()
                seen[path.name] = (stat.st_mtime_ns, stat.st_size)
                if self._seen.get(path.name) == seen[path.name]:
                    self._take_up(path, stat.st_size)
                    taken += 1
            except FileNotFoundError:
                continue  # whoever dropped it took it away again
            except OSError as error:
                refused = refused or error
        self._seen = seen
        if refused is not None:
            raise refused
        return taken

    def _take_up(self, path: Path, size: int) -> None:
        report = self._read(path, size)
        name, content = _answer(path.name, report)
        new = self._folders["out"] / f".{name}.new"
        new.write_bytes(content)
        # An earlier file may have had the same name: its answer may not have been read yet.
        new.replace(_free(self._folders["out"], name))
        bad = report.place or any(not row.accepted for row in report.rows)
        path.replace(_free(self._folders["failed" if bad else "done"], path.name))

    def _read(self, path: Path, size: int) -> ImportReport:
        if size > BYTES_MAX:
            return ImportReport(place="file", found=f"{size:,} bytes", right=f"{BYTES_MAX:,} at most")
        kind = KINDS.get(path.suffix.lower())
        if kind is None:
            return ImportReport(place="file", found=f"a name that ends in {path.suffix or 'nothing'!r}",
                                right=f"one of {', '.join(KINDS)}")  # fmt: skip
        return self._take(kind, path.read_bytes())


def _free(folder: Path, name: str) -> Path:
    """Return a path that no earlier file of the same name has."""
    path, number = folder / name, 1
    first, dot, rest = name.partition(".")
    while path.exists():
        number += 1
        path = folder / f"{first}-{number}{dot}{rest}"
    return path


def _answer(name: str, report: ImportReport) -> tuple[str, bytes]:
    """Return name and content of the answer: B2MML's own, or a row a line."""
    if report.document:
        return f"{name}.acknowledge.xml", report.document.encode()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("order", "accepted", "code", "reason"))
    if report.place:
        reason = f"{report.place}: found {report.found}; expected {report.right}"
        writer.writerow(("", "no", "invalid", reason))
    for row in report.rows:
        writer.writerow((row.request, "yes" if row.accepted else "no", row.code, row.reason))
    return f"{name}.report.csv", text.getvalue().encode()
