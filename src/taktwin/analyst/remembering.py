"""What a history says goes onto a tape: by this one road, for learning offline and in the running product."""

from __future__ import annotations

import pyarrow as pa

from taktwin.analyst.features import Tape
from taktwin.history.values import unpack
from taktwin.quality import Quality


def remember(tape: Tape, table: pa.Table) -> None:
    """Put the good values of a table of the history (`signal`, `source_ns`, `quality`, values) onto a tape."""
    columns = (table[name].to_pylist() for name in ("signal", "source_ns", "quality"))
    for name, at_ns, quality, value in zip(*columns, unpack(table), strict=True):
        if quality == Quality.GOOD:
            tape.add(name, at_ns, value)
