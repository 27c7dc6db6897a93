"""MQTT 3.1.1: sensors and devices that publish by themselves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import paho.mqtt.client as paho

from taktwin.entropy import unique_id
from taktwin.errors import ConnectError
from taktwin.gateway.connector import (
    Alive,
    BadAddress,
    Connector,
    Context,
    Item,
    Malformed,
    Reading,
    Settings,
    Wanted,
)
from taktwin.gateway.endpoints import host_and_port
from taktwin.gateway.payloads import Decoder, Unreadable, decoder_of

PAYLOAD_BYTES_MAX = 1024 * 1024
TOPICS_PER_SUBSCRIBE = 100


class MqttSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an MQTT connection."""

    silence_s: float = 4.0
    keepalive_s: int = 2
    qos: int = 0
    client_id: str = ""  # "" = a new one each time
    user: str = ""
    password: str = ""
    discover: tuple[str, ...] = ()  # further filters: what has no signal there is "please confirm"
    waiting_max: int = 20_000  # messages between the socket and us; beyond it the broker waits


class _Message(NamedTuple):
    topic: str
    payload: bytes
    retained: bool
    received_mono_ns: int


class Mqtt(Connector, name="mqtt", settings=MqttSettings, vouches=False):
    """MQTT 3.1.1 client, endpoint `mqtt://host:port`; without one, the plant's own listener.

    An address is a topic; several signals in one topic are `topic#name`. How the payload is read
    stands in the address's options: `decoder: json` (the default: `{"timestamp_ms", "value"}` with
    `q`, `unit`, `src_ts_ms`, `seq` if wanted, and no other key), `json-path` with `path: a.b.0` and
    `time_path`, `text`, `bytes`, `float64-be`, `uint16-le` and their like, `spectrum-1024` (float32,
    little-endian, or `element: int16-be`).

    A sensor that publishes by itself vouches for nothing: the age of its values follows from the
    period that the plant model expects. A malformed payload goes to quarantine, the others flow.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings: MqttSettings = context.settings
        self._waiting: deque[_Message] = deque()
        self._alive = False
        self._wake = asyncio.Event()
        self._ended = ""
        self._loop = asyncio.get_running_loop()
        self._reading: socket.socket | None = None
        self._paused = False
        self._misc: asyncio.Task[None] | None = None
        self._connected: asyncio.Future[str] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._pending_subscriptions = 0
        self._granted: list[tuple[list[str], list[int]]] = []
        self._asked: dict[int, list[str]] = {}
        self._bad: list[Item] = []
        self._topics: dict[str, list[tuple[Wanted, Decoder]]] = {}
        for wanted in context.wanted:
            try:
                decoder = decoder_of(wanted.options, wanted.type)
            except ValueError as error:
                self._bad.append(BadAddress(wanted.address, str(error)))
                continue
            topic = wanted.address.partition("#")[0]
            self._topics.setdefault(topic, []).append((wanted, decoder))
        self._client = self._made()

    def _made(self) -> paho.Client:
        settings, context = self._settings, self.context
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=settings.client_id or f"taktwin-{context.connection}-{unique_id()[:8]}",
            protocol=paho.MQTTv311,
        )
        user = settings.user or context.user
        if user:
            client.username_pw_set(user, settings.password or context.password)
        client.on_socket_open = self._socket_open
        client.on_socket_close = self._socket_close
        client.on_socket_register_write = self._register_write
        client.on_socket_unregister_write = self._unregister_write
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_log = self._on_log
        return client

    async def connect(self) -> None:
        """Connect and subscribe; a topic that the broker refuses is reported, the others go on."""
        host, port = host_and_port(self.context.endpoint, 1883)
        try:
            # The library resolves and connects in the calling thread.
            await asyncio.to_thread(self._client.connect, host, port, self._settings.keepalive_s)
        except (OSError, ValueError) as error:
            raise ConnectError(f"{self.context.endpoint}: {error}") from error
        self._misc = asyncio.create_task(self._housekeeping())
        refused = await self._connected
        if refused:
            raise ConnectError(f"{self.context.endpoint}: refused: {refused}")
        filters = [*self._topics, *self._settings.discover]
        for at in range(0, len(filters), TOPICS_PER_SUBSCRIBE):
            part = filters[at : at + TOPICS_PER_SUBSCRIBE]
            code, number = self._client.subscribe([(topic, self._settings.qos) for topic in part])
            if code != paho.MQTT_ERR_SUCCESS or number is None:
                raise ConnectError(f"{self.context.endpoint}: {paho.error_string(code)}")
            self._asked[number] = part
        if filters:
            await self._subscribed

    async def read(self) -> AsyncIterator[list[Item]]:
        """Yield what has come since the last time, and signs of life between."""
        if self._bad:
            yield list(self._bad)
            self._bad.clear()
        while True:
            self._wake.clear()
            items: list[Item] = []
            while self._waiting and len(items) < 1000:
                self._decode(self._waiting.popleft(), items)
            self._resume()
            if self._alive:
                self._alive = False
                items.append(Alive())
            if items:
                yield items
                continue
            if self._ended:
                raise ConnectError(f"{self.context.endpoint}: {self._ended}")
            await self._wake.wait()

    def _decode(self, message: _Message, items: list[Item]) -> None:
        topic, payload, received = message.topic, message.payload, message.received_mono_ns
        if len(payload) > PAYLOAD_BYTES_MAX:
            items.append(
                Malformed(
                    topic,
                    "too_large",
                    f"{len(payload)} bytes",
                    f"at most {PAYLOAD_BYTES_MAX}",
                    payload,
                    topic,
                )
            )
            return
        wanted_here = self._topics.get(topic)
        if wanted_here is None:
            items.append(Reading(topic, payload, None, received, raw=payload, standing=message.retained))
            return
        for wanted, decoder in wanted_here:
            try:
                said = decoder(payload)
            except Unreadable as error:
                items.append(
                    Malformed(topic, error.reason, error.found, error.expected, payload, wanted.address)
                )
                continue
            items.append(
                Reading(
                    wanted.address, said.value, said.source_ns, received, said.quality, said.unit,
                    standing=message.retained, raw=payload,
                )
            )  # fmt: skip

    async def close(self) -> None:
        """Disconnect."""
        if self._misc is not None:
            self._misc.cancel()
        self._client.disconnect()
        with contextlib.suppress(OSError, ValueError):
            self._client.loop_misc()
        self._detach()

    # Callbacks of the library. All but the opening of the socket run in the event loop's thread.

    def _socket_open(self, _: paho.Client, __: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._attach, sock)

    def _attach(self, sock: socket.socket) -> None:
        self._reading = sock
        self._loop.add_reader(sock, self._readable)

    def _readable(self) -> None:
        code = self._client.loop_read()
        if code != paho.MQTT_ERR_SUCCESS:
            self._end(paho.error_string(code))

    def _socket_close(self, _: paho.Client, __: Any, sock: Any) -> None:
        self._detach()

    def _detach(self) -> None:
        sock, self._reading = self._reading, None
        if sock is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _register_write(self, _: paho.Client, __: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._loop.add_writer, sock, self._client.loop_write)

    def _unregister_write(self, _: paho.Client, __: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._loop.remove_writer, sock)

    def _on_connect(self, _: paho.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if not self._connected.done():
            self._connected.set_result(str(reason) if reason.is_failure else "")

    def _on_subscribe(self, _: paho.Client, __: Any, number: int, reasons: Any, ____: Any) -> None:
        for topic, reason in zip(self._asked.pop(number, []), reasons, strict=False):
            if reason.is_failure:
                self._bad += [
                    BadAddress(wanted.address, f"the broker refuses the subscription: {reason}")
                    for wanted, _decoder in self._topics.get(topic, [])
                ]
        if not self._asked and not self._subscribed.done():
            self._subscribed.set_result(None)

    def _on_disconnect(self, _: paho.Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        self._end(f"disconnected: {reason}")

    def _end(self, reason: str) -> None:
        self._ended = self._ended or reason
        for future in (self._connected, self._subscribed):
            if not future.done():
                future.set_exception(ConnectError(f"{self.context.endpoint}: {reason}"))
                future.exception()  # nobody may be waiting for it
        self._wake.set()

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        self._waiting.append(
            _Message(message.topic, bytes(message.payload), message.retain, self.clock.monotonic_ns())
        )
        self._alive = True
        self._wake.set()
        if len(self._waiting) >= self._settings.waiting_max and self._reading is not None:
            self._loop.remove_reader(self._reading)  # the broker keeps the rest
            self._paused = True

    def _resume(self) -> None:
        if (
            self._paused
            and len(self._waiting) < self._settings.waiting_max // 2
            and self._reading is not None
        ):
            self._paused = False
            self._loop.add_reader(self._reading, self._readable)

    def _on_log(self, _: paho.Client, __: Any, ___: int, text: str) -> None:
        if "PINGRESP" in text:  # the only place where the library tells of it
            self._alive = True
            self._wake.set()

    async def _housekeeping(self) -> None:
        while True:
            await self.clock.wall_sleep(0.25)
            code = self._client.loop_misc()
            if code != paho.MQTT_ERR_SUCCESS:
                self._end(paho.error_string(code))
                return
