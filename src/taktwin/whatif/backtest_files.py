"""Where back-tests are kept: a file each, written whole or not at all, never changed.

A file's name is when its first epoch begins and what it is the hash of; one that is not what its hash says
is named as damaged and counts nowhere.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec

from taktwin.contracts.backtest import VERSION, Record
from taktwin.whatif.backtest import is_whole, sealed

FOLDER = "backtests"


class Records:
    """The back-tests of one installation; threads may ask at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._known: dict[str, Record] = {}
        self._damaged: set[str] = set()
        self._one = threading.Lock()

    def keep(self, record: Record) -> Record:
        """Write a record down and return it with its hash. Raises OSError where the disk refuses."""
        whole = sealed(record)
        self._folder.mkdir(parents=True, exist_ok=True)
        begins = min((epoch.from_ns for epoch in whole.epochs), default=whole.made_ns)
        path = self._folder / f"{begins}-{whole.record_id[:16]}.json"
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(whole)))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        with self._one:
            self._known[path.name] = whole
        return whole

    def all(self) -> list[Record]:
        """Return every record, the oldest first; what was read once is not read again."""
        with self._one:
            names = sorted(path.name for path in self._folder.glob("*.json")) if self._folder.is_dir() else []
            for name in names:
                if name not in self._known and name not in self._damaged:
                    self._read(name)
            self._known = {name: self._known[name] for name in names if name in self._known}
            self._damaged &= set(names)
            return sorted(self._known.values(), key=lambda record: record.made_ns)

    @property
    def damaged(self) -> list[str]:
        """Return the names of the files that are no records of this release, or not any more."""
        return sorted(self._damaged)

    def _read(self, name: str) -> None:
        try:
            record = msgspec.json.decode((self._folder / name).read_bytes(), type=Record)
        except (msgspec.DecodeError, OSError):
            self._damaged.add(name)
            return
        if record.version == VERSION and is_whole(record):
            self._known[name] = record
        else:
            self._damaged.add(name)
