"""What may be asked of the historian over the bus, and the form of its answers.

A request is MessagePack on `topics.query(enterprise, site, "historian", <name>)`; absent fields have
their defaults. The answer is an Arrow IPC stream, of `status` a MessagePack map. An answer's schema
metadata may hold `segments`: the sealed files, below the historian's folder, that belong to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import pyarrow as pa

from taktwin.history.store import EARLIEST_NS, LATEST_NS, Status

OWNER = "historian"


class RangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`range`: rows with `from_ns <= source_ns < to_ns`; no signals means all."""

    signals: list[str] | None = None
    from_ns: int = EARLIEST_NS
    to_ns: int = LATEST_NS
    limit: int | None = None
    newest_first: bool = False
    by_time: bool = False
    hot_only: bool = False  # leave sealed files out and name them in the answer's metadata


class BucketsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`buckets`: at most `columns` a signal. `gaps` in the answer's metadata is JSON
    {signal: [[from_ns, to_ns], ...]}: where nobody vouched for the signal."""

    signals: list[str]
    from_ns: int
    to_ns: int
    columns: int = 1000


class LastRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`last`: the newest row of each signal; no signals means all."""

    signals: list[str] | None = None


class AsOfRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`as_of`: of each signal the newest row at an instant; no signals means the whole plant."""

    at_ns: int
    signals: list[str] | None = None


class AsOfJoinRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`as_of_join`: the rows that were true at each instant."""

    signals: list[str]
    times_ns: list[int]


class VouchedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`vouched`: spans over which a source vouched for a unit's values."""

    from_ns: int = EARLIEST_NS
    to_ns: int = LATEST_NS
    connector: str | None = None
    unit: str | None = None


class EventsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`events`: CloudEvents by time; `types` are catalogue names, `subjects` the events' subjects."""

    from_ns: int = EARLIEST_NS
    to_ns: int = LATEST_NS
    types: list[str] = []
    subjects: list[str] = []
    limit: int | None = None
    newest_first: bool = False


class IntervalsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`intervals`: those that touch a window, each in its newest revision."""

    from_ns: int
    to_ns: int
    units: list[str] = []
    kind: str = "class"


class RejectedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`rejected`: what was refused, newest first."""

    from_ns: int = EARLIEST_NS
    to_ns: int = LATEST_NS
    limit: int = 1000


class StatusRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: how much there is, and whether the historian is well."""


class StatusAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `status`, as MessagePack."""

    rows: int
    hot_rows: int
    sealed_rows: int
    aged_out_rows: int
    bytes: int
    oldest_ns: int | None
    newest_ns: int | None
    segments: int
    events: int
    positions: dict[str, int]
    policy: dict[str, Any]
    disk_free: int
    state: str  # running | degraded | stopped
    reason: str = ""
    folder: str = ""  # where the sealed files are, for readers on the same machine


def status_of(
    status: Status, *, state: str, policy: Mapping[str, Any] | None = None, disk_free: int = 0,
    reason: str = "", folder: str = "",
) -> StatusAnswer:  # fmt: skip
    """Return how much a store holds as the answer to `status`."""
    held = asdict(status) | {"positions": dict(status.positions)}
    return StatusAnswer(
        **held, state=state, policy=dict(policy or {}), disk_free=disk_free, reason=reason, folder=folder
    )


REQUESTS: Mapping[str, type[msgspec.Struct]] = {
    "range": RangeRequest,
    "buckets": BucketsRequest,
    "last": LastRequest,
    "as_of": AsOfRequest,
    "as_of_join": AsOfJoinRequest,
    "vouched": VouchedRequest,
    "events": EventsRequest,
    "intervals": IntervalsRequest,
    "rejected": RejectedRequest,
    "status": StatusRequest,
}
NAMES: Mapping[type[msgspec.Struct], str] = {kind: name for name, kind in REQUESTS.items()}


def encode(request: msgspec.Struct) -> bytes:
    """Return the wire form of a request."""
    return msgspec.msgpack.encode(request)


def decode(name: str, payload: bytes) -> msgspec.Struct:
    """Return the request of a payload; an empty payload is one with all defaults.

    Raises
    ------
    KeyError
        If there is no question of that name.
    msgspec.ValidationError
        If the payload does not fit, naming the field.
    """
    return msgspec.msgpack.decode(payload or b"\x80", type=REQUESTS[name])


def table_bytes(table: pa.Table) -> bytes:
    """Return a table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def table_of(payload: bytes) -> pa.Table:
    """Return the table of an Arrow IPC stream."""
    with pa.ipc.open_stream(payload) as reader:
        return reader.read_all()
