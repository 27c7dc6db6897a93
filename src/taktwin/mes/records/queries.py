"""What was signed of a record, from the rows. Writes nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.records.tables import Signature
from taktwin.storage.book import Reading


def signatures(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return the signatures of a record, the oldest first."""
    rows = [row for row in book.where(Signature, record=str(wish["record"])) if row.kind == wish["kind"]]
    return {"signatures": [msgspec.structs.asdict(row) for row in sorted(rows, key=lambda row: row.at_ns)]}
