"""What is left of a plant on disk, and the proof of its ledger: with nothing but what lies in the folder."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from taktwin.history.hot import DuckHistory
from taktwin.identity import SignalId
from taktwin.plant.registry import Registry
from taktwin.storage import journal
from taktwin.storage.journal import Entry


def entries_of(path: Path) -> Iterator[Entry]:
    """Yield the entries of a journal that was written down."""
    with gzip.open(path) as file:
        for line in file:
            yield msgspec.json.decode(line, type=Entry)


def write_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Write a journal down as its export has it, an entry a line."""
    with gzip.open(path, "wb", compresslevel=3) as file:
        for entry in entries:
            file.write(msgspec.json.encode(entry) + b"\n")


def proven(folder: Path, registry: Registry) -> tuple[int, int, list[str]]:
    """Return how many entries of a ledger are bound to each other, how many of what they name was found, and
    what was not."""
    faults = []
    entries = list(entries_of(folder / "ledger.jsonl.gz"))
    verdict = journal.verify(entries)
    if verdict.broken is not None:
        faults.append(f"ledger: entry {verdict.broken.sequence} {verdict.broken.what}")
    mes = journal.verify(of_mes := list(entries_of(folder / "mes.jsonl.gz")))
    if mes.broken is not None:
        faults.append(f"MES: entry {mes.broken.sequence} {mes.broken.what}")
    by_id = {f"/{registry.enterprise}/{registry.site}/mes:{each.sequence:020d}": each for each in of_mes}
    carried = {each.correlation for each in of_mes if each.correlation.startswith("advice:")}
    found = 0
    history = DuckHistory(folder / "history", site=registry.site, join_ns=0)
    for entry in entries:
        if entry.actor == "mes":  # what the ledger heard: the fact itself is named
            if entry.correlation in by_id:
                found += 1
            else:
                faults.append(
                    f"ledger: entry {entry.sequence} rests on {entry.correlation}, which is not there"
                )
        content = msgspec.json.decode(entry.content)
        if entry.event_type == "recommendation.acknowledged":
            command = f"advice:{content['recommendation']}"
            found += command in carried
            if command not in carried:
                faults.append(f"ledger: entry {entry.sequence}: the MES knows nothing of {command}")
        if entry.event_type == "recommendation.validated":
            for each in content["proposal"]["evidence"]:
                if each["kind"] != "signal":
                    continue
                rows = history.range([SignalId(each["reference"])], each["from_ns"], each["to_ns"]).num_rows
                found += rows > 0
                if not rows:
                    faults.append(f"ledger: entry {entry.sequence}: no value of {each['reference']} then")
    history.close()
    return len(entries), found, faults
