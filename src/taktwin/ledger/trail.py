"""One recommendation's entries in the journal, and whether the whole chain that they stand in holds. Pure.

The chain is gone through from its first entry each time it is asked for: what was changed yesterday in an
entry of last year is found today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from taktwin.contracts.recommendation import Chain, Trail, TrailEntry
from taktwin.storage.journal import Anchor, Break, Entry, Verdict, anchored, verify

ANCHORS = "anchors.jsonl"


def trail(entries: Iterable[Entry], anchors: Iterable[Anchor], recommendation: str) -> Trail:
    """Return what the journal says of a recommendation, in order, and what proving the chain found.

    Where the chain is broken, entries behind the break are of no recommendation: nobody knows who wrote them.
    """
    found: list[TrailEntry] = []

    def passed() -> Iterator[Entry]:
        for entry in entries:
            if entry.subject == recommendation:
                found.append(_told(entry))
            yield entry

    hashes, twice = anchored(anchors)
    verdict = Verdict(0, "", twice) if twice is not None else verify(passed(), hashes)
    broken = verdict.broken
    sure = [each for each in found if broken is None or each.sequence < broken.sequence]
    return Trail(
        entries=sure,
        chain=Chain(
            entries=verdict.entries, last_hash=verdict.last_hash, anchors=len(hashes),
            anchored=max(hashes, default=0), broken_at=0 if broken is None else broken.sequence,
            broken_what="" if broken is None else broken.what,
        ),
    )  # fmt: skip


def anchors_in(folder: Path) -> Iterator[Anchor]:
    """Yield what was anchored outside of the database; nothing where there is no such file yet.

    Raises
    ------
    msgspec.DecodeError
        If a line of it cannot be read.
    """
    path = folder / ANCHORS
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                yield msgspec.json.decode(line, type=Anchor)


def unreadable(wrong: Exception) -> Trail:
    """Return what is said where the anchors cannot be read: then nothing is proven."""
    verdict = Break(0, f"the anchors cannot be read: {wrong}")
    return Trail(entries=[], chain=Chain(
        entries=0, last_hash="", anchors=0, anchored=0, broken_at=verdict.sequence, broken_what=verdict.what,
    ))  # fmt: skip


def _told(entry: Entry) -> TrailEntry:
    return TrailEntry(
        sequence=entry.sequence, event_type=entry.event_type, time_ns=entry.time_ns, actor=entry.actor,
        actor_type=entry.actor_type, person=entry.on_behalf_of, reason=entry.reason,
        correlation=entry.correlation, content=entry.content, previous_hash=entry.previous_hash,
        hash=entry.hash,
    )  # fmt: skip
