"""What a history says goes onto a tape: by this one road, for learning offline and in the running product."""

from __future__ import annotations

import logging

import msgspec
import pyarrow as pa

from taktwin.analyst.features import Tape, mounting
from taktwin.contracts import events
from taktwin.contracts.events.tooling import ToolMounted
from taktwin.history.values import unpack
from taktwin.quality import Quality

FACTS = (ToolMounted.event_type,)  # of the MES, that models rest on
log = logging.getLogger(__name__)


def remember(tape: Tape, values: pa.Table, facts: pa.Table) -> None:
    """Put what the history has onto a tape: the good ones of its values, and its events (`body`).

    An event that nobody can read is logged and passed over, as it is where it is heard live.
    """
    columns = (values[name].to_pylist() for name in ("signal", "source_ns", "quality"))
    for name, at_ns, quality, value in zip(*columns, unpack(values), strict=True):
        if quality == Quality.GOOD:
            tape.add(name, at_ns, value)
    bodies: list[bytes] = facts["body"].to_pylist()  # type: ignore[assignment]
    for body in bodies:
        try:
            told(tape, body)
        except msgspec.DecodeError as wrong:
            log.warning("an event of the history was not understood: %s", wrong)


def told(tape: Tape, body: bytes) -> None:
    """Put an event onto a tape. Raises msgspec.DecodeError where it is none."""
    event = events.decode(body)
    content = events.content_of(event)
    if isinstance(content, ToolMounted):
        tape.add(mounting(content.work_unit, content.kind), event.time_ns, 1.0)
