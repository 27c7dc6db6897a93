"""The contracts for readers in other languages: JSON Schema of each message, one AsyncAPI document.

A copy of every released schema is committed in `released/`. `breaks` compares two versions with
the eyes of a reader that was written for the old one; the test suite refuses a change that breaks
it without a new major version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from taktwin.contracts import device_history, events, quarantine, samples, state, topics

RELEASED = Path(__file__).resolve().parent / "released"

MESSAGES: dict[str, type[msgspec.Struct]] = {
    "sample.v1": samples.Scan,
    "event.v1": events.CloudEvent,
    "interval.v1": state.IntervalMessage,
    "rejection.v1": quarantine.Rejection,
    "health.v1": state.Health,
    device_history.VERSION: device_history.DeviceHistoryFile,
    **{f"{name}.v{kind.major}": kind for name, kind in events.CATALOGUE.items()},
}

CHANNELS = {
    "samples": (topics.SAMPLES, ["sample.v1"]),
    "events": (topics.EVENTS, ["event.v1"]),
    "intervals": (topics.INTERVALS, ["interval.v1"]),
    "rejected": (topics.REJECTED, ["rejection.v1"]),
    "health": (topics.HEALTH, ["health.v1"]),
}


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a message, with references resolved inside it."""
    return msgspec.json.schema(MESSAGES[name])


def asyncapi(version: str) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of all channels."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "taktwin Unified Namespace", "version": version},
        "defaultContentType": "application/json",
        "channels": {
            name: {
                "address": address,
                "messages": {m: {"$ref": f"#/components/messages/{m}"} for m in messages},
            }
            for name, (address, messages) in CHANNELS.items()
        },
        "operations": {
            f"receive-{name}": {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}}
            for name in CHANNELS
        },
        "components": {"messages": {name: {"name": name, "payload": schema_of(name)} for name in MESSAGES}},
    }


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what a reader of `old` would stumble over in `new`, in words; empty if nothing.

    A field that disappears, changes its type or stops being always there breaks the reader; a
    field that becomes required breaks a writer of the old version. New optional fields and new
    enumeration values do not: an unknown value is UNKNOWN to a reader.
    """
    found: list[str] = []
    old_fields, new_fields = _fields(old), _fields(new)
    for name, before in old_fields.items():
        after = new_fields.get(name)
        if after is None:
            found.append(f"{name}: was {before['type']}, is gone")
        elif not before["type"] <= after["type"] and not after["type"] <= before["type"]:
            found.append(f"{name}: was {sorted(before['type'])}, is {sorted(after['type'])}")
        elif after["type"] - before["type"] and "any" not in before["type"]:
            found.append(f"{name}: may now also be {sorted(after['type'] - before['type'])}")
        elif before["required"] and not after["required"]:
            found.append(f"{name}: was always there, is optional")
    for name, after in new_fields.items():
        before_required = old_fields.get(name, {"required": False})["required"]
        container = name.rpartition(".")[0].removesuffix("[]")
        was_there = not container or container in old_fields  # within what is new, nothing breaks
        if after["required"] and not before_required and was_there:
            found.append(f"{name}: became required")
    return found


def _fields(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every field by its dotted path, with its set of types and whether it is required."""
    definitions = schema.get("$defs", {})
    flat: dict[str, dict[str, Any]] = {}

    def resolve(node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            node = definitions[node["$ref"].rpartition("/")[2]]
        return node

    def types(node: dict[str, Any]) -> set[str]:
        node = resolve(node)
        if "anyOf" in node:
            return set().union(*(types(choice) for choice in node["anyOf"]))
        kind = node.get("type", "any")
        return set(kind) if isinstance(kind, list) else {kind}

    def walk(node: dict[str, Any], path: str, seen: tuple[str, ...]) -> None:
        if "$ref" in node and node["$ref"] in seen:
            return
        seen = (*seen, node["$ref"]) if "$ref" in node else seen
        node = resolve(node)
        for choice in node.get("anyOf", []):
            walk(choice, path, seen)
        for name, child in node.get("properties", {}).items():
            here = f"{path}.{name}" if path else name
            flat[here] = {"type": types(child), "required": name in node.get("required", [])}
            walk(child, here, seen)
        if isinstance(node.get("items"), dict):
            walk(node["items"], f"{path}[]", seen)

    walk(schema, "", ())
    return flat
