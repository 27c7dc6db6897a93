"""`taktwin verify-audit`: prove an exported journal, or name its first broken link. Needs no server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from taktwin.errors import ConfigError, Mistake
from taktwin.storage.journal import Anchor, Entry, anchored, verify

Line = TypeVar("Line", "Anchor", Entry)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin verify-audit`."""
    parser.add_argument(
        "journal",
        help="the exported journal: /api/v1/mes/audit.jsonl or /api/v1/advice/audit.jsonl of the page",
    )
    parser.add_argument(
        "--anchors", help="its anchors, kept apart: anchors.jsonl in <data>/mes or <data>/ledger"
    )


def verify_audit(options: argparse.Namespace) -> int:
    """Print what was proven and return 0, or print the broken link and return 1."""
    anchors, twice = anchored(_lines(Path(options.anchors), Anchor) if options.anchors else ())
    if twice is not None:
        print(f"broken at entry {twice.sequence}: it {twice.what}")
        return 1
    if options.anchors and not anchors:
        print("no anchor is in that file: it proves nothing")
        return 1
    verdict = verify(_lines(Path(options.journal), Entry), anchors)
    if verdict.broken is not None:
        print(f"broken at entry {verdict.broken.sequence}: it {verdict.broken.what}")
        print(f"entries 1 to {verdict.entries} are whole")
        return 1
    if not verdict.entries:
        print("no entry is in that file: it proves nothing")
        return 1
    print(f"{verdict.entries} entries, each bound to the one before")
    last = max(anchors, default=0)
    if anchors:
        print(f"{len(anchors)} anchors agree, the last one with entry {last}")
    if last < verdict.entries:
        print(f"not proven: entries {last + 1} to {verdict.entries}: no anchor is behind them, so they"
              " may have been written anew, or more of them cut off")  # fmt: skip
    print(f"the last one's hash is {verdict.last_hash}")
    return 0


def _lines(path: Path, kind: type[Line]) -> Iterator[Line]:
    if not path.is_file():
        raise ConfigError([Mistake("command line", 1, path.name, "no such file", "a file of JSON lines")])
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                found = msgspec.json.decode(line, type=kind)
                if msgspec.json.encode(found) != line.rstrip(b"\r\n"):
                    _says_no_more(line, kind)
            except (msgspec.DecodeError, ValueError) as error:
                wrong = Mistake(str(path), number, "line", str(error), f"the JSON of one {kind.__name__}")
                raise ConfigError([wrong]) from error
            yield found


def _says_no_more(line: bytes, kind: type[Anchor] | type[Entry]) -> None:
    """Raise ValueError where a line has a field twice or one of its own: whoever reads it sees that.

    Its hash binds only what we read, and of two fields of one name we read the last.
    """

    def once(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        for name in names:
            if name not in kind.__struct_fields__:
                raise ValueError(f"has a field {name!r}, which no hash binds")
            if names.count(name) > 1:
                raise ValueError(f"says {name!r} twice")

    json.loads(line, object_pairs_hook=once)
