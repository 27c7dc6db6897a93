"""A real MQTT broker (the backbone's own listener) and a sensor on it."""

from __future__ import annotations

import asyncio
import json

import paho.mqtt.client as paho

from taktwin.clock import SystemClock
from taktwin.gateway.connector import Wanted
from tests.contract.rigs.rig import DeviceRig
from tests.support_bus import TestBackbone, start_backbone

BASE = "uns/v1/acme/works/area/line/mill1/_raw/sensors"


class Rig(DeviceRig):
    wanted = tuple(Wanted(f"{BASE}/v{n}", "float64") for n in range(3))
    bad = Wanted(f"{BASE}/nothing", "float64")
    reports_bad = False  # a topic on which nobody speaks is no mistake that a broker could know

    async def listen(self) -> int:
        self._backbone: TestBackbone = await start_backbone(self.folder / "broker")
        self.user, self.password = "gateway", self._backbone.passwords["gateway"]
        urls = self._backbone.urls
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        self._sensor = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._sensor.username_pw_set("devices", self._backbone.passwords["devices"])
        self._sensor.on_connect = lambda *_: loop.call_soon_threadsafe(ready.set)
        self._sensor.connect(urls.mqtt_host, urls.mqtt_port)
        self._sensor.loop_start()
        await ready.wait()
        return urls.mqtt_port

    async def end(self) -> None:
        self._sensor.disconnect()
        self._sensor.loop_stop()
        await self._backbone.close()

    async def say(self, address: str, value: float) -> None:
        self._publish(address, {"value": value})

    async def say_at(self, address: str, value: float, source_ns: int) -> bool:
        self._publish(address, {"value": value}, source_ns)
        return True

    def _publish(self, address: str, more: dict[str, object], source_ns: int | None = None) -> None:
        stamp = (source_ns or SystemClock().now_ns()) // 1_000_000
        # Retained, so that a value said between two connections is there for the next one.
        self._sensor.publish(address, json.dumps({"timestamp_ms": stamp, **more}), qos=0, retain=True)

    async def say_no_data(self, address: str) -> bool:
        self._publish(address, {"value": None, "q": "Bad"})
        return True
