"""The mirror for people and third parties: one retained MQTT topic per signal, plain JSON.

At most once a second a signal, and only what changed. It goes over an MQTT connection of ours,
because what a NATS client publishes is never retained for MQTT clients. It is a convenience, not a
record: while the broker is away changes are not queued, the newest value follows when it is back.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import msgspec
import paho.mqtt.client as mqtt

from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.gateway.resolve import Sample
from taktwin.instants import MILLISECOND_NS
from taktwin.plant.registry import Signal

BYTES_MAX = 64 * 1024
TOPICS_PER_TURN = 2000
log = logging.getLogger("taktwin.gateway")


class Mirror:
    """What has changed since the last turn, and the connection that says it."""

    def __init__(self, *, host: str, port: int, user: str, password: str, clock: Clock) -> None:
        self._clock = clock
        self._changed: dict[int, Sample] = {}
        self._topics: dict[int, str] = {}
        self.published = 0
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="taktwin-mirror", protocol=mqtt.MQTTv311
        )
        self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(1, 5)
        self._client.max_queued_messages_set(10_000)
        self._address = (host, port)

    def start(self) -> None:
        """Begin to connect; the broker may still be away."""
        self._client.connect_async(*self._address, keepalive=15)
        self._client.loop_start()

    def note(self, sample: Sample) -> None:
        """Remember the newest value of a signal until the next turn."""
        self._changed[sample.signal.index] = sample

    def turn(self) -> None:
        """Say what changed; called once a wall second."""
        if not self._client.is_connected():
            return
        for index in list(self._changed)[:TOPICS_PER_TURN]:
            sample = self._changed.pop(index)
            payload = encode(sample)
            if len(payload) <= BYTES_MAX:
                self._client.publish(self._topic(sample.signal), payload, qos=0, retain=True)
                self.published += 1

    def _topic(self, signal: Signal) -> str:
        topic = self._topics.get(signal.index)
        if topic is None:
            topic = topics.mirror(
                signal.place, signal.class_id or "signal", signal.class_version, signal.path
            )
            self._topics[signal.index] = topic
        return topic

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def encode(sample: Sample) -> bytes:
    """Return the JSON of a value: `{"timestamp_ms", "value", "q"}`, and `unit` where it has one."""
    document: dict[str, Any] = {
        "timestamp_ms": sample.source_ns // MILLISECOND_NS,
        "value": _json_value(sample.value),
        "q": sample.quality.label,
    }
    if sample.signal.unit:
        document["unit"] = sample.signal.unit
    return msgspec.json.encode(document)


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return {"hex": value.hex(), "size": len(value)}
    if isinstance(value, list):
        return [_json_value(element) for element in value]
    return value
