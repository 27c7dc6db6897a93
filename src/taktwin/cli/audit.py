"""`taktwin verify-audit`: prove an exported journal, or name its first broken link. Needs no server."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from taktwin.errors import ConfigError, Mistake
from taktwin.storage.journal import Entry, verify

Line = TypeVar("Line")


class Anchor(msgspec.Struct, frozen=True):
    """One line of the file of anchors."""

    sequence: int
    hash: str
    at: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `taktwin verify-audit`."""
    parser.add_argument("journal", help="the exported journal: /api/v1/mes/audit.jsonl of the page")
    parser.add_argument("--anchors", help="the file of anchors, kept apart: <data>/mes/anchors.jsonl")


def verify_audit(options: argparse.Namespace) -> int:
    """Print what was proven and return 0, or print the broken link and return 1."""
    anchors: dict[int, str] = {}
    for anchor in _lines(Path(options.anchors), Anchor) if options.anchors else ():
        if anchors.setdefault(anchor.sequence, anchor.hash) != anchor.hash:
            # Two chains were anchored: the journal was cut or taken from a backup, and written on anew.
            print(f"broken at entry {anchor.sequence}: it was anchored twice, with two hashes")
            return 1
    verdict = verify(_lines(Path(options.journal), Entry), anchors)
    if verdict.broken is not None:
        print(f"broken at entry {verdict.broken.sequence}: it {verdict.broken.what}")
        print(f"entries 1 to {verdict.entries} are whole")
        return 1
    print(f"{verdict.entries} entries, each bound to the one before; {len(anchors)} anchors agree")
    print(f"the last one's hash is {verdict.last_hash}")
    return 0


def _lines(path: Path, kind: type[Line]) -> Iterator[Line]:
    if not path.is_file():
        raise ConfigError([Mistake("command line", 1, path.name, "no such file", "a file of JSON lines")])
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield msgspec.json.decode(line, type=kind)
            except msgspec.DecodeError as error:
                wrong = Mistake(str(path), number, "line", str(error), f"the JSON of one {kind.__name__}")
                raise ConfigError([wrong]) from error
