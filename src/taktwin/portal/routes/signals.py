"""`/signals/{id}`: the curve, the values behind it, where they come from and how long they took."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Query, Request, Response

from taktwin.errors import BusError
from taktwin.history.values import numbers, unpack
from taktwin.identity import SignalId
from taktwin.instants import MILLISECOND_NS
from taktwin.plant.registry import Registry, Signal
from taktwin.portal import columns, problems, wire
from taktwin.portal.context import PersonOf, Portal, PortalOf
from taktwin.portal.latency import ESTIMATED
from taktwin.portal.models.objects import Origin, SignalHops, StoredValues
from taktwin.portal.routes.plant import endpoint, mirror_topic
from taktwin.portal.routes.units import window
from taktwin.portal.tables import column, floats, gaps_of

router = APIRouter(tags=["signals"])

COLUMNS_MAX = 8000
CURVES_MAX = 200  # of one question: more than a screen has room for
LIMIT_MAX = 5000
CLIENT_CLOSED_REQUEST = 499
SPEAKS = {
    "opcua": "OPC UA", "modbus-tcp": "Modbus TCP", "modbus": "Modbus TCP", "mqtt": "MQTT 3.1.1",
    "shdr": "MTConnect SHDR", "files": "recorded files",
}  # fmt: skip


@router.get(
    "/signals/{signal:path}/curve",
    response_class=Response,
    responses={200: {"content": {columns.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def curve(
    signal: str,
    request: Request,
    portal: PortalOf,
    person: PersonOf,
    from_ms: int,
    to_ms: int,
    columns_wanted: Annotated[int, Query(alias="columns", ge=1, le=COLUMNS_MAX)] = 1000,
) -> Response:
    """Return a window as binary columns t_ms, min, max, mean, quality, count.

    Each column of the picture keeps its lowest and highest value. `t_ms` is the start of a column, a
    column without values is left out. The header has `gaps` ([[from_ms, to_ms]]: nobody vouched for
    the signal), `width_ms`, and `before` (the value that stood when the window began, or null).
    The answer's ETag is the hash of its content.
    """
    declared = signal_of(portal.registry, signal)
    from_ns, to_ns = window(portal, from_ms, to_ms)
    async with portal.curves_at_once:
        if await request.is_disconnected():
            # Whoever zooms leaves many questions behind; nobody waits for their answers.
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        table = await portal.questions.buckets(
            [declared.id], from_ns=from_ns, to_ns=to_ns, columns=columns_wanted
        )
        before = await portal.questions.as_of([declared.id], from_ns)
    body = columns.encode(
        {
            "t_ms": floats(table, "bucket_ns") / MILLISECOND_NS,
            "min": floats(table, "min"),
            "max": floats(table, "max"),
            "mean": floats(table, "mean"),
            "quality": np.array(column(table, "quality"), dtype=np.uint8),
            "count": floats(table, "count"),
        },
        {
            "signal": declared.id,
            "from_ms": wire.ms(from_ns),
            "to_ms": wire.ms(to_ns),
            "width_ms": table["width_ns"][0].as_py() / MILLISECOND_NS if table.num_rows else None,
            "gaps": _gaps_ms(table, declared.id),
            "before": _before(before),
        },
    )
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=columns.MEDIA_TYPE, headers=headers)


@router.get(
    "/curves",
    response_class=Response,
    responses={200: {"content": {columns.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def curves(
    portal: PortalOf,
    person: PersonOf,
    signal: Annotated[list[str], Query(max_length=CURVES_MAX, description="ids; once for each curve")],
    from_ms: int,
    to_ms: int,
    columns_wanted: Annotated[int, Query(alias="columns", ge=1, le=COLUMNS_MAX)] = 100,
) -> Response:
    """Return many small curves at once, as a page full of sparklines needs them.

    The columns t_ms, min, max and mean hold the curves one after the other, in the order of `signal`. The
    header's `curves` says of each: signal, its first row, how many rows, and its gaps in milliseconds.
    """
    wanted = [signal_of(portal.registry, one).id for one in dict.fromkeys(signal)]
    from_ns, to_ns = window(portal, from_ms, to_ms)
    async with portal.curves_at_once:
        table = await portal.questions.buckets(wanted, from_ns=from_ns, to_ns=to_ns, columns=columns_wanted)
    place = {one: number for number, one in enumerate(wanted)}
    owner = np.array([place[one] for one in column(table, "signal")], dtype=np.int64)
    time_ms = floats(table, "bucket_ns") / MILLISECOND_NS
    order = np.lexsort((time_ms, owner))
    edges = np.searchsorted(owner[order], np.arange(len(wanted) + 1)).tolist()
    return Response(
        columns.encode(
            {
                "t_ms": time_ms[order],
                "min": floats(table, "min")[order],
                "max": floats(table, "max")[order],
                "mean": floats(table, "mean")[order],
            },
            {
                "from_ms": wire.ms(from_ns),
                "to_ms": wire.ms(to_ns),
                "curves": [
                    {"signal": one, "first": first, "rows": last - first, "gaps": _gaps_ms(table, one)}
                    for one, first, last in zip(wanted, edges[:-1], edges[1:], strict=True)
                ],
            },
        ),
        media_type=columns.MEDIA_TYPE,
    )


@router.get("/signals/{signal:path}/values", response_model=StoredValues)
async def values(
    signal: str,
    portal: PortalOf,
    person: PersonOf,
    before_ms: Annotated[int | None, Query(description="source time; now where absent")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
) -> dict[str, Any]:
    """Return values as received, newest first."""
    declared = signal_of(portal.registry, signal)
    before_ns = portal.clock.now_ns() + 1 if before_ms is None else wire.ns(before_ms)
    table = await portal.questions.newest(declared.id, before_ns=before_ns, limit=limit)
    found = unpack(table)
    names = ("source_ns", "ingest_ns", "recorded_ns", "quality", "sequence", "epoch_ns")
    rows = zip(*(column(table, name) for name in names), strict=True)
    return {
        "values": [
            {"source_ms": wire.ms(source), "ingest_ms": wire.ms(ingest), "recorded_ms": wire.ms(recorded),
             "value": wire.safe(value), "quality": quality, "sequence": sequence, "epoch": wire.ms(epoch)}
            for (source, ingest, recorded, quality, sequence, epoch), value in zip(rows, found, strict=True)
        ]
    }  # fmt: skip


@router.get("/signals/{signal:path}/origin", response_model=Origin)
async def origin(signal: str, portal: PortalOf, person: PersonOf) -> dict[str, Any]:
    """Return where a signal comes from, from the thing on the floor to the history."""
    declared = signal_of(portal.registry, signal)
    registry = portal.registry
    connection = registry.connections.get(declared.connection)
    mounted = [
        registry.assets[a] for a in registry.equipment[declared.equipment].assets if a in registry.assets
    ]
    speaks = connection.connector if connection else ""
    last = await portal.raw.newest(declared.address) if speaks == "mqtt" else None
    try:
        kept = kept_words((await portal.questions.history_status()).policy)
    except BusError:
        kept = "the historian does not answer now"
    return {
        "asset": ", ".join(f"{a.name} {a.serial_number}".strip() for a in mounted),
        "protocol": SPEAKS.get(speaks, speaks),
        "connection": declared.connection,
        "endpoint": endpoint(portal, declared.connection) if connection else "",
        "address": declared.address,
        "decoded": _decoded(declared),
        "unit": declared.unit,
        "topic": f"{'/'.join(('uns', 'v1', *declared.place))}/_sample_v1",
        "mirror_topic": mirror_topic(declared),
        "kept": kept,
        "last_bytes_text": last,
    }


@router.get("/signals/{signal:path}/hops", response_model=SignalHops)
async def hops(signal: str, portal: PortalOf, person: PersonOf) -> dict[str, Any]:
    """Return the way of the newest value hop by hop, beside the statistics of its connection.

    `source` is the difference of two clocks (the source's and ours); `screen` is an estimate from
    the browser's report. All others are differences of one monotonic clock.
    """
    declared = signal_of(portal.registry, signal)
    this = newest_way(portal, declared.index)
    hub = portal.hub
    stats = hub.hops_of(declared.connection) if declared.connection in portal.registry.connections else []
    whole = next((s for s in stats if s.hop == "whole"), None)
    return {
        "this": this,
        "stats": [
            {"hop": s.hop, "p50": s.p50, "p99": s.p99, "max": s.max, "count": s.count,
             "estimated": s.hop in ESTIMATED}
            for s in stats
            if s.hop != "whole"
        ],
        "whole": {
            "this": whole_ms(this),
            "p50": whole.p50 if whole else None,
            "p99": whole.p99 if whole else None,
        },
    }  # fmt: skip


def signal_of(registry: Registry, name: str) -> Signal:
    """Return a signal by its id, or raise the problem of an unknown one."""
    signal = registry.by_id.get(SignalId(name))
    if signal is None:
        raise problems.unknown("signal", name, "an id such as turn1/spindle/load")
    return signal


def whole_ms(way: list[dict[str, Any]]) -> float | None:
    """Return how long one value took in all, None where it has not reached a screen."""
    arrived = way and way[-1]["hop"] == "screen"
    return round(sum(hop["ms"] for hop in way), 3) if arrived else None


def newest_way(portal: Portal, index: int) -> list[dict[str, Any]]:
    """Return the hops of the newest message of a signal, in order; empty where none was measured."""
    hub, picture = portal.hub, portal.hub.picture
    received, published = int(picture.received_mono[index]), int(picture.published_mono[index])
    applied, framed = int(picture.applied_mono[index]), int(picture.framed_mono[index])
    if not (received and published and applied and framed):
        return []
    ingest_ns, source_ns = int(picture.ingest_ns[index]), int(picture.source_ns[index])
    steps = [
        ("source", (ingest_ns - source_ns) / MILLISECOND_NS / portal.clock.speed),
        ("gateway", (published - received) / MILLISECOND_NS),
        ("bus", (applied - published) / MILLISECOND_NS),
        ("frame", (framed - applied) / MILLISECOND_NS),
    ]
    sent = int(hub.sent_mono[index])
    if sent >= framed:
        steps.append(("portal", (sent - framed) / MILLISECOND_NS))
        if hub.screen_ms is not None:
            steps.append(("screen", hub.screen_ms))
    way, at_ms = [], source_ns / MILLISECOND_NS
    for hop, taken_ms in steps:
        way.append({"hop": hop, "start_ms": round(at_ms), "ms": round(taken_ms, 3),
                    "estimated": hop in ESTIMATED})  # fmt: skip
        at_ms += taken_ms * portal.clock.speed
    return way


def kept_words(policy: dict[str, Any]) -> str:
    """Return how long history is kept, in words for a person."""
    days = policy.get("raw_days")
    kept = (
        "as received, for ever"
        if days is None
        else (f"as received for {days:g} days, then minimum, mean and maximum of each minute")
    )
    return f"{kept}; when the disk is full: {policy.get('when_full', 'stop')}"


def _decoded(signal: Signal) -> str:
    options = ", ".join(f"{name} {value}" for name, value in sorted(signal.options.items()))
    return f"{signal.type} ({options})" if options else signal.type


def _gaps_ms(table: pa.Table, signal: str) -> list[list[int]]:
    return [[wire.ms(a), wire.ms(b)] for a, b in gaps_of(table).get(signal, [])]


def _before(table: pa.Table) -> dict[str, Any] | None:
    if not table.num_rows:
        return None
    number = float(numbers(table)[0])
    return {
        "source_ms": wire.ms(table["source_ns"][0].as_py()),
        "value": wire.safe(unpack(table)[0]),
        "number": None if number != number else wire.safe(number),
        "quality": table["quality"][0].as_py(),
    }
