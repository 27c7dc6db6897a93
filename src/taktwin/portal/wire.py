"""The browser's spelling of our values and documents.

Comes in: values bit for bit, times in nanoseconds. Goes out: what JSON and JavaScript can hold
without a loss that nobody sees: not-finite numbers and integers beyond 2^53 as strings, bytes as
hex, times as integer milliseconds.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from taktwin.contracts.state import AlarmDocument, BufferDocument, ConnectionDocument, UnitDocument
from taktwin.instants import MILLISECOND_NS

INTEGER_MAX = 2**53  # beyond it a JavaScript number skips integers
HEX_BYTES_MAX = 1024


def ms(at_ns: int) -> int:
    """Return an instant or a span in whole milliseconds."""
    return at_ns // MILLISECOND_NS


def in_ms(value: Any) -> Any:
    """Return an answer as JSON has it: what is named in nanoseconds in milliseconds, in lists too."""
    if isinstance(value, list):
        return [in_ms(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, each in value.items():
        if name.endswith("_ns"):
            found[f"{name[:-3]}_ms"] = [ms(one) for one in each] if isinstance(each, list) else ms(each)
        else:
            found[name] = in_ms(each)
    return found


def ns(at_ms: int) -> int:
    """Return milliseconds as nanoseconds."""
    return at_ms * MILLISECOND_NS


def safe(value: Any) -> Any:
    """Return a value as JSON can carry it; see the module's first lines."""
    kind = type(value)
    if kind is float:
        # Infinity minus itself is NaN, and NaN equals nothing: one comparison for all three.
        return value if value - value == 0.0 else _not_finite(value)
    if kind is int:
        return value if -INTEGER_MAX <= value <= INTEGER_MAX else str(value)
    if value is None or kind is str or kind is bool:
        return value
    if kind is list or kind is tuple:
        return [safe(item) for item in value]
    if kind is bytes or kind is bytearray:
        return {"hex": bytes(value[:HEX_BYTES_MAX]).hex(), "size": len(value)}
    if kind is dict:
        return {str(key): safe(item) for key, item in value.items()}
    return str(value)


def _not_finite(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def unit(document: UnitDocument) -> dict[str, Any]:
    """Return a work unit's document for the browser."""
    return {
        "unit": document.unit,
        "time_class": document.time_class,
        "reason": document.reason,
        "since_ms": ms(document.since_ns),
        "state": document.state,
        "inferred": document.inferred,
        "last_known_class": document.last_known_class,
        "last_known_since_ms": ms(document.last_known_since_ns),
        "confirmed_ms": ms(document.confirmed_ns),
        "job": document.job,
        "serial": document.serial,
        "program": document.program,
        "good_count": document.good_count,
        "reject_count": document.reject_count,
        "cycle_time_s": safe(document.cycle_time_s),
        "power_kw": safe(document.power_kw),
        "energy_kwh": safe(document.energy_kwh),
    }


def buffer(document: BufferDocument) -> dict[str, Any]:
    """Return a buffer's document for the browser."""
    return {"buffer": document.buffer, "content": document.content, "capacity": document.capacity}


def alarm(document: AlarmDocument) -> dict[str, Any]:
    """Return an alarm's document for the browser, with the version that a decision refers to."""
    return {
        "alarm": document.alarm,
        "equipment": document.equipment,
        "state": document.state,
        "active": document.active,
        "kind": document.kind,
        "priority": document.priority,
        "message": document.message,
        "response": document.response,
        "consequence": document.consequence,
        "owner_role": document.owner_role,
        "cause": document.cause,
        "signal": document.signal,
        "value": safe(document.value),
        "limit": safe(document.limit),
        "unit": document.unit,
        "since_ms": ms(document.since_ns),
        "first_seen_ms": ms(document.first_seen_ns),
        "returned_ms": ms(document.returned_ns),
        "acknowledged_by": document.acknowledged_by,
        "acknowledged_ms": ms(document.acknowledged_ns),
        "comment": document.comment,
        "shelved_until_ms": ms(document.shelved_until_ns),
        "machine_acknowledge": document.machine_acknowledge,
        "version": alarm_version(document),
    }


def alarm_version(document: AlarmDocument) -> str:
    """Return a short text that changes with all that a person's decision rests on, values apart."""
    basis = (
        document.state, document.active, document.since_ns, document.acknowledged_by,
        document.acknowledged_ns, document.comment, document.shelved_until_ns,
    )  # fmt: skip
    return hashlib.sha256(repr(basis).encode()).hexdigest()[:12]


def connection(document: ConnectionDocument) -> dict[str, Any]:
    """Return a connection's document for the browser."""
    return {
        "connector": document.connector,
        "state": document.state,
        "reason": document.reason,
        "since_ms": ms(document.since_ns),
        "heard_ms": ms(document.heard_ns),
        "fresh": document.fresh,
        "signals": document.signals,
    }


def encode(document: Any) -> bytes:
    """Return JSON bytes of safe values."""
    return msgspec.json.encode(document)
