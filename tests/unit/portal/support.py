"""A small plant, a bus that nobody answers on, and a browser whose line a test opens and closes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket

from taktwin.bus.port import Handler
from taktwin.contracts.state import Frame
from taktwin.errors import BusError
from taktwin.identity import EquipmentId, Place, SignalId
from taktwin.plant.registry import Buffer, Connection, Equipment, Registry, Signal, Supply

PLACE = Place("aurora", "northfield", "machining", "line1", "turn1")


def plant(signals: int = 4) -> Registry:
    """Return a plant of one work unit with some signals through one connection."""
    declared = tuple(
        Signal(
            index=i, id=SignalId(f"turn1/s{i}"), equipment=EquipmentId("turn1"), place=PLACE, path=f"s{i}",
            name=f"Signal {i}", role="process", type="float64", connection="line1", address=f"a{i}",
        )
        for i in range(signals)
    )  # fmt: skip
    turn1 = Equipment(
        id=EquipmentId("turn1"), level="WorkUnit", place=PLACE, name="M1", class_id="lathe",
        class_name="Lathe", parent=EquipmentId("line1"), signals=tuple(range(signals)),
    )  # fmt: skip
    line1 = Equipment(
        id=EquipmentId("line1"), level="ProductionLine", place=PLACE._replace(cell="-"), name="Shafts",
        class_id="", class_name="", parent=None,
    )  # fmt: skip
    return Registry(
        hash="ab" * 32, valid_from_ns=0, enterprise="aurora", site="northfield", name="Test",
        time_zone="Europe/Vienna", folder="", equipment={turn1.id: turn1, line1.id: line1}, signals=declared,
        connections={"line1": Connection("line1", "opcua", {}, tuple(range(signals)))},
        buffers=(Buffer("b", (EquipmentId("turn1"),), (EquipmentId("hob1"),), 4),),
        supplies=(Supply("compressor1", "air", ("line1",), "compressed_air"),),
        by_id={s.id: s for s in declared},
    )  # fmt: skip


class DeadBus:
    """A bus on which one can listen, and nobody answers."""

    connected = True

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}

    async def subscribe(self, subject: str, handler: Handler) -> DeadBus:
        """Keep a handler."""
        self.handlers[subject] = handler
        return self

    async def request(self, subject: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Answer nothing."""
        raise BusError(f"no one answers {subject}")

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send nowhere."""

    def on_slow(self, callback: Any) -> None:
        """Never call it."""

    async def close(self) -> None:
        """End nothing."""


class Browser:
    """The far end of a WebSocket: what it was sent, and a gate that holds its line shut."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.sending = 0
        self.sending_most = 0
        self._says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._says.put_nowait({"type": "websocket.connect"})

    def socket(self) -> WebSocket:
        """Return the server's end."""
        scope = {"type": "websocket", "path": "/api/v1/live", "headers": []}
        return WebSocket(scope, receive=self._says.get, send=self._send)

    def say(self, **message: Any) -> None:
        """Send an operation."""
        self._says.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def leave(self) -> None:
        """Close the page."""
        self._says.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def _send(self, message: Any) -> None:
        if message["type"] != "websocket.send":
            return
        self.sending += 1
        self.sending_most = max(self.sending_most, self.sending)
        await self.open.wait()
        self.sending -= 1
        self.heard.append(json.loads(message["text"]))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what was heard of one kind."""
        return [message for message in self.heard if message["type"] == kind]


def frame(sequence: int, values: Mapping[int, Any], *, at_ns: int = 0, **more: Any) -> Frame:
    """Return a frame with some values that are as old as the picture."""
    n = len(values)
    columns: dict[str, Any] = {
        "signals": list(values), "values": list(values.values()), "qualities": [0] * n,
        "source_ns": [at_ns] * n, "confirmed_ns": [at_ns] * n, "stale": [False] * n,
    }  # fmt: skip
    return Frame(sequence=sequence, at_ns=at_ns, **(columns | more))
