"""The audit view: who changed what, when, why, the old value beside the new one. Writes nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from taktwin.instants import rfc3339
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.records.changes import Change, Field
from taktwin.storage.book import Reading
from taktwin.storage.journal import Entry, Trail

SHOWN_MAX = 200
CHANGES_MAX = 1_000  # of one object: further back by time


def audit_view(
    book: Reading, trail: Trail, definitions: Definitions, wish: dict[str, Any], now_ns: int
) -> dict[str, Any]:
    """Return entries of the journal, the newest first, each with what it said and what it changed.

    wish : subject, person, from_ns, to_ns, before (a sequence), limit; what is left out is any
    """
    subject, limit = str(wish.get("subject", "")), min(int(wish.get("limit", 50)), SHOWN_MAX)
    also = [row.sequence for row in book.newest(Change, "sequence", CHANGES_MAX, object=subject)]
    found = trail.newest(
        before=int(wish.get("before", 0)), limit=limit + 1, subject=subject,
        sequences=also if subject else (), person=str(wish.get("person", "")),
        from_ns=int(wish.get("from_ns", 0)), to_ns=int(wish.get("to_ns", 0)),
    )  # fmt: skip
    return {"entries": [_entry(book, each) for each in found[:limit]], "more": len(found) > limit}


def _entry(book: Reading, entry: Entry) -> dict[str, Any]:
    said = msgspec.json.decode(entry.content)
    return {
        "sequence": entry.sequence, "event_type": entry.event_type, "subject": entry.subject,
        "time_ns": entry.time_ns, "recorded_ns": entry.recorded_ns, "actor": entry.actor,
        "actor_type": entry.actor_type, "person": entry.on_behalf_of,
        "reason": entry.reason or str(said.get("cause", "")), "hash": entry.hash,
        "said": [{"field": name, "value": worded(name, value)} for name, value in said.items()],
        "changes": [
            {
                "kind": row.kind, "object": row.object, "field": each.field,
                "old": worded(each.field, each.old), "new": worded(each.field, each.new),
            }
            for row in book.where(Change, sequence=entry.sequence)
            for each in msgspec.json.decode(row.fields, type=list[Field])
        ],
    }  # fmt: skip


def worded(name: str, value: Any) -> str:
    """Return a value as text: an instant as RFC 3339, nothing as an empty text."""
    if value is None or (name.endswith("_ns") and value == 0):
        return ""
    if name.endswith("_ns") and isinstance(value, int) and 0 < value < 1 << 62:
        return rfc3339(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
