"""The MQTT face, against the real broker with its real rights."""

from __future__ import annotations

import dataclasses
import struct

import msgspec
import paho.mqtt.client as paho
import pytest

from taktwin.faces.base import Shown
from taktwin.faces.mqtt import MqttFace, payload_of
from taktwin.plant.registry import Registry
from tests.protocol.faces.support import until
from tests.support_bus import TestBackbone, backbone  # noqa: F401
from tests.unit.virtual_plant.plants import plant

AT_NS = 1_781_503_200_123_000_000
TOPIC = "uns/v1/aurora/northfield/facility/-/zone_c/_raw/sensors/t_west"


def sensors() -> Registry:
    small = plant(("line1",))
    signals = tuple(
        dataclasses.replace(signal, address=TOPIC) if signal.id == "zone_c/temperature_west" else signal
        for signal in small.signals
    )
    return dataclasses.replace(small, signals=signals)


class Listener:
    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.ready = False
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="listener")
        self.client.username_pw_set(user, password)
        self.client.on_message = lambda *a: self.heard.append((a[2].topic, a[2].payload))
        self.client.on_subscribe = self._subscribed
        self.client.connect(host, port)
        self.client.loop_start()
        self.client.subscribe("uns/v1/+/+/+/+/+/_raw/#")

    def _subscribed(self, *_: object) -> None:
        self.ready = True

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


async def test_sensors_publish_json_lose_what_they_said_while_cut_and_come_back(
    backbone: TestBackbone,  # noqa: F811
) -> None:
    host, port = backbone.urls.mqtt_host, backbone.urls.mqtt_port
    registry = sensors()
    signal = next(s for s in registry.signals if s.address == TOPIC)
    listener = Listener(host, port, "viewer", backbone.passwords["viewer"])
    await until(lambda: listener.ready)
    face = MqttFace(
        registry, "sensors", host=host, port=port, user="virtual_plant",
        password=backbone.passwords["virtual_plant"],
    )  # fmt: skip
    await face.start([Shown(signal, AT_NS, 23.5)])
    try:
        await until(lambda: len(listener.heard) == 1)
        topic, payload = listener.heard[0]
        assert topic == TOPIC
        assert msgspec.json.decode(payload) == {"timestamp_ms": AT_NS // 1_000_000, "value": 23.5}
        await face.cut()
        await face.show([Shown(signal, AT_NS + 10**9, 24.0)])
        await face.restore()
        await until(lambda: face._client.is_connected())
        await face.show([Shown(signal, AT_NS + 2 * 10**9, 24.5)])
        await face.show_malformed(signal, AT_NS + 3 * 10**9)
        await until(lambda: len(listener.heard) == 3)
        assert msgspec.json.decode(listener.heard[1][1])["value"] == 24.5
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(listener.heard[2][1])
        assert (face.published, face.lost) == (2, 1)
        face.freeze(True)
        await face.show([Shown(signal, AT_NS + 4 * 10**9, 25.0)])
        face.freeze(False)
        await face.show([Shown(signal, AT_NS + 5 * 10**9, 26.0)])
        await until(lambda: len(listener.heard) == 4)
        assert msgspec.json.decode(listener.heard[3][1])["value"] == 26.0
    finally:
        await face.stop()
        listener.stop()


def test_each_decoder_gets_what_it_reads() -> None:
    signal = next(s for s in sensors().signals if s.address == TOPIC)

    def payload(decoder: str, value: object, **more: str) -> bytes:
        return payload_of(dataclasses.replace(signal, options={"decoder": decoder, **more}), AT_NS, value)

    nested = msgspec.json.decode(payload("json-path", 1.5, path="reading.t.c"))
    assert nested["reading"] == {"t": {"c": 1.5}}
    assert struct.unpack(">d", payload("float64-be", 1.5)) == (1.5,)
    assert struct.unpack("<f", payload("float32-le", 1.5)) == (1.5,)
    assert len(payload("spectrum-1024", b"\0" * 4096)) == 4096
    assert payload("text", 7) == b"7"
    with pytest.raises(ValueError, match="morse"):
        payload("morse", 1.5)
