"""`/system`: can the data be trusted? Processes, connections, latency, quarantine, history."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter

from taktwin.contracts.quarantine import Rejection
from taktwin.contracts.state import ConnectorHealth
from taktwin.errors import BusError
from taktwin.history.requests import StatusAnswer
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, Portal, PortalOf
from taktwin.portal.models.system import SystemModel
from taktwin.portal.raw import as_text
from taktwin.portal.routes.signals import SPEAKS, kept_words
from taktwin.portal.session import hops_document
from taktwin.portal.tables import rows

router = APIRouter(tags=["system"])

REFUSED_SHOWN = 50
ORIGINAL_BYTES_SHOWN = 4096


@router.get("/system", response_model=SystemModel)
async def system(portal: PortalOf, person: PersonOf) -> dict[str, Any]:
    """Return all of it. An owner that does not answer is said to be silent, the rest is shown."""
    status, refused, snapshot = await asyncio.gather(_status(portal), _refused(portal), _snapshot(portal))
    now_mono = portal.clock.monotonic_ns()
    registry = portal.registry
    return {
        "processes": [
            {"component": h.component, "state": state, "reason": reason, "pid": h.pid,
             "memory_mb": round(h.memory_mb, 1), "started_ms": wire.ms(h.started_ns), "restarts": restarts}
            for h, state, reason, restarts in portal.health.components(now_mono=now_mono)
        ],
        "connections": [_connection(portal, c, now_mono) for c in portal.health.connectors()],
        "hops": hops_document(portal.hub),
        "quarantine": refused,
        "registry": {
            "hash": registry.hash, "valid_from_ms": wire.ms(registry.valid_from_ns),
            "signals": len(registry.signals), "equipment": len(registry.equipment),
        },
        "history": _history(status),
        "snapshot": snapshot,
        "at_ms": wire.ms(portal.clock.now_ns()),
    }  # fmt: skip


def _connection(portal: Portal, health: ConnectorHealth, now_mono: int) -> dict[str, Any]:
    counted: list[Any] = list(health.last_minute)
    return {
        "name": health.name, "protocol": SPEAKS.get(health.protocol, health.protocol),
        "endpoint": health.endpoint, "state": health.state, "reason": health.reason,
        "received": health.received, "published": health.published, "quarantined": health.quarantined,
        "deadband": health.deadband, "unmapped": health.unmapped, "gaps": health.gaps,
        "reconnects": health.reconnects, "waiting": health.waiting,
        "last_received_ms": wire.ms(health.last_received_ns), "clock_offset_ms": health.clock_offset_ms,
        "work_units": health.work_units, "bad_addresses": health.bad_addresses,
        "since_ms": wire.ms(health.since_ns),
        # Who counts at the source knows better than who looks at heartbeats.
        "last_minute": counted or portal.health.last_minute(health.name, now_mono=now_mono),
    }  # fmt: skip


async def _status(portal: Portal) -> StatusAnswer | None:
    try:
        return await portal.questions.history_status()
    except BusError:
        return None


def _history(status: StatusAnswer | None) -> dict[str, Any]:
    if status is None:
        return {"state": "silent", "rows": 0, "bytes": 0, "oldest_ms": 0, "newest_ms": 0, "policy": "",
                "disk_free_bytes": 0}  # fmt: skip
    return {
        "state": status.state if not status.reason else f"{status.state}: {status.reason}",
        "rows": status.rows, "bytes": status.bytes, "oldest_ms": wire.ms(status.oldest_ns or 0),
        "newest_ms": wire.ms(status.newest_ns or 0), "policy": kept_words(status.policy),
        "disk_free_bytes": status.disk_free,
    }  # fmt: skip


async def _snapshot(portal: Portal) -> dict[str, Any]:
    """Return the twin's state hash of now, else the last one heard."""
    try:
        answer = await portal.questions.ask_values("twin", "hash", {}, timeout_s=3.0)
        return {"state_hash": str(answer["state_hash"]), "at_ms": wire.ms(int(answer.get("at_ns", 0)))}
    except (BusError, KeyError, TypeError):
        picture = portal.hub.picture
        return {"state_hash": picture.state_hash, "at_ms": wire.ms(picture.at_ns)}


async def _refused(portal: Portal) -> list[dict[str, Any]]:
    """Return what was refused, newest first: from the history, else what this portal heard itself."""
    try:
        table = await portal.questions.rejected(limit=REFUSED_SHOWN)
    except BusError:
        return [_refusal(r) for r in reversed(portal.health.refused)][:REFUSED_SHOWN]
    return [
        _refusal(
            Rejection(
                reason=r["reason"], found=r["found"], expected=r["expected"], origin=r["origin"],
                connector=r["connector"], original=r["original"] or b"", original_size=r["original_size"],
                signal=r["signal"], at_ns=r["at_ns"],
            )
        )
        for r in rows(table)
    ]  # fmt: skip


def _refusal(r: Rejection) -> dict[str, Any]:
    shown = r.original[:ORIGINAL_BYTES_SHOWN]
    return {
        "at_ms": wire.ms(r.at_ns), "reason": r.reason, "found": r.found, "expected": r.expected,
        "origin": r.origin, "connector": r.connector, "signal": r.signal, "original_hex": shown.hex(),
        "original_text": as_text(shown), "original_size": r.original_size or len(r.original),
    }  # fmt: skip
