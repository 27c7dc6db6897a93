"""Sensors that publish by themselves: plain JSON or binary payloads on `_raw` topics.

Like real sensors they do not wait for anybody: what is published while the broker is away is lost.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import paho.mqtt.client as paho

from taktwin.faces.base import Shown
from taktwin.plant.registry import Registry, Signal


def payload_of(signal: Signal, source_ns: int, value: Any) -> bytes:
    """Return what the sensor of a signal publishes, by the decoder that its address names.

    Raises
    ------
    ValueError
        If the decoder is one that no sensor of ours speaks.
    """
    decoder = str(signal.options.get("decoder", "json"))
    if decoder == "json":
        return msgspec.json.encode({"timestamp_ms": source_ns // 1_000_000, "value": value})
    if decoder == "json-path":
        path = str(signal.options.get("path", "value")).split(".")
        body: Any = value
        for key in reversed(path):
            body = {key: body}
        return msgspec.json.encode({"timestamp_ms": source_ns // 1_000_000, **body})
    if decoder.startswith("spectrum") or decoder == "bytes":
        return bytes(value)
    if decoder in ("float64-be", "float32-be", "float64-le", "float32-le"):
        kind = "d" if "64" in decoder else "f"
        return struct.pack((">" if decoder.endswith("be") else "<") + kind, value)
    if decoder in ("text", "plain"):
        return str(value).encode()
    raise ValueError(f"{signal.id}: no sensor here speaks {decoder!r}")


class MqttFace:
    """All sensors of one connection, behind one MQTT client."""

    def __init__(
        self,
        registry: Registry,
        connection: str,
        *,
        host: str,
        port: int,
        user: str = "",
        password: str = "",
        client_id: str = "",
    ) -> None:
        self.connection = connection
        self._signals = frozenset(registry.connections[connection].signals)
        self._host, self._port = host, port
        self._frozen = False
        self._cut = False
        self.published = 0
        self.lost = 0
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=client_id or f"virtual-plant-{connection}"
        )
        if user:
            self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._first: list[Shown] = []
        self._client.on_connect = self._on_connect

    def _on_connect(self, *_: object) -> None:
        # Runs in paho's own thread, once for each connection; publishing is safe from any thread.
        first, self._first = self._first, []
        for shown in first:
            self._publish(shown)

    async def start(self, first: Sequence[Shown]) -> None:
        self._first = [shown for shown in first if shown.signal.index in self._signals]
        self._client.connect_async(self._host, self._port, keepalive=15)
        self._client.loop_start()

    def _publish(self, shown: Shown) -> None:
        payload = payload_of(shown.signal, shown.source_ns, shown.value)
        self._client.publish(shown.signal.address, payload, qos=0)
        self.published += 1

    async def show(self, values: Sequence[Shown]) -> None:
        for shown in values:
            if shown.signal.index not in self._signals:
                continue
            if self._frozen or self._cut or not self._client.is_connected():
                self.lost += 1
                continue
            self._publish(shown)

    async def show_malformed(self, signal: Signal, source_ns: int) -> None:
        """Publish half a document."""
        if not self._frozen and not self._cut:
            text = f'{{"timestamp_ms": {source_ns // 1_000_000}, "value": '
            self._client.publish(signal.address, text.encode(), qos=0)

    async def cut(self) -> None:
        self._cut = True
        await self._hang_up()

    async def restore(self) -> None:
        self._cut = False
        self._client.connect_async(self._host, self._port, keepalive=15)
        self._client.loop_start()

    def freeze(self, frozen: bool) -> None:
        self._frozen = frozen

    async def stop(self) -> None:
        await self._hang_up()

    async def _hang_up(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)  # it waits for paho's own thread
