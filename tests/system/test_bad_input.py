"""Bad input over real protocols, through the whole product: bit for bit, or refused with its reason.

Each connection stays up, and what is good afterwards arrives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from asyncua import ua
from websockets.sync.client import connect
from websockets.typing import Origin

from taktwin.processes.ports import free_port
from taktwin.quality import Quality
from tests.system.machines import NAMESPACE, Machines
from tests.system.product import Product, until
from tests.system.test_up import Adapter

pytestmark = pytest.mark.system

PLANT = """
enterprise: my
site: works
name: My works
time_zone: Europe/Vienna
floor: {{width_m: 20, depth_m: 12}}
connections:
  shdr: {{connector: shdr, endpoint: "tcp://127.0.0.1:{shdr}", settings: {{clock_skew: quarantine}}}}
  opcua:
    connector: opcua
    endpoint: "opc.tcp://127.0.0.1:{opcua}"
    address: "nsu={namespace};s={{equipment}}.{{path.last}}"
  modbus: {{connector: modbus-tcp, endpoint: "tcp://127.0.0.1:{modbus}", settings: {{poll_s: 0.5}}}}
  sensors:
    connector: mqtt
    address: "uns/v1/my/works/-/-/-/_raw/sensors/{{path.last}}"
    settings: {{discover: ["uns/v1/my/works/-/-/-/_raw/strangers/#"]}}
classes:
  mill:
    name: Mill
    state_model: mtconnect
    signals:
      state: {{role: state, type: string, address: execution, connection: shdr}}
      parts: {{role: good_count, type: int64, unit: "{{part}}", address: PartCountAct, connection: shdr}}
      feed: {{role: process, type: float64, address: feed, connection: shdr}}
      load: {{role: process, type: float64, allow_not_finite: true, address: load, connection: shdr}}
      part_id: {{role: process, type: string, address: part_id, connection: shdr}}
      m/temperature: {{role: process, type: float64, unit: Cel, maximum: 120, connection: sensors}}
      m/late: {{role: process, type: float64, connection: sensors}}
      m/big: {{role: process, type: int64, connection: sensors}}
      m/label: {{role: process, type: string, connection: sensors}}
      o/speed: {{role: process, type: float64, connection: opcua}}
      o/odd: {{role: process, type: float64, allow_not_finite: true, connection: opcua}}
      o/total: {{role: process, type: int64, connection: opcua}}
      o/label: {{role: process, type: string, connection: opcua}}
      o/flag: {{role: process, type: bool, connection: opcua}}
      o/late: {{role: process, type: float64, connection: opcua}}
      d/pressure: {{role: process, type: float64, address: "hr:100:float64", connection: modbus}}
      d/loose:
        {{type: float64, role: process,
         allow_not_finite: true, connection: modbus, address: "hr:110:float64"}}
      d/ticks: {{role: process, type: int64, address: "hr:120:int64", connection: modbus}}
equipment:
  hall: {{level: Area, name: Hall}}
  mill: {{class: mill, name: Mill, parent: hall, connection: shdr, position: {{x_m: 10, y_m: 6}}}}
"""
BEYOND = 2**53 + 1  # the first integer that a double cannot hold
UP = ("running", "degraded")  # degraded: there, and something of it was refused
MIB = 1024 * 1024
SITE = "uns/v1/my/works/-/-/-"
Double, Text = ua.VariantType.Double, ua.VariantType.String


@dataclass
class Works:
    """The running product and the machines around it."""

    product: Product
    adapter: Adapter
    machines: Machines

    def mqtt(self, topic: str, payload: bytes | str, *, kind: str = "_raw") -> None:
        """Publish as a sensor of the plant does: a client of its own, under the account of devices."""
        backbone = self.product.data / "backbone"
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="sensor-7", protocol=mqtt.MQTTv311)
        client.username_pw_set("devices", json.loads((backbone / "accounts.json").read_bytes())["devices"])
        line = next(line for line in self.product.lines if line.startswith("devices"))
        client.connect("127.0.0.1", int(line.split("127.0.0.1:")[1].split(",")[0]))
        client.loop_start()
        client.publish(f"{SITE}/{kind}/{topic}", payload, qos=1).wait_for_publish(2)
        client.disconnect()
        client.loop_stop()

    def say(self, name: str, value: object, **more: object) -> None:
        """Publish a value as JSON on the topic of a sensor."""
        self.mqtt(f"sensors/{name}", json.dumps({"timestamp_ms": now_ms(), "value": value} | more))

    def refused(self) -> list[dict[str, Any]]:
        """Return what the page System shows as refused."""
        return list(self.product.api("/system")["quarantine"])

    def connection(self, name: str) -> dict[str, Any]:
        return next(c for c in self.product.api("/system")["connections"] if c["name"] == name)

    def state(self, signal: str) -> object:
        """Return the value of a signal in the twin's state, as a page gets it."""
        index = next(i for i, s in enumerate(self.product.api("/plant")["signals"]) if s["id"] == signal)
        base = self.product.url.rstrip("/")
        shown = {"Cookie": self.product.cookie}
        with connect(
            base.replace("http", "ws") + "/api/v1/live", origin=Origin(base), additional_headers=shown
        ) as socket:
            socket.send(json.dumps({"op": "subscribe", "topics": [f"signals:{index}"], "mode": "latest"}))
            while True:
                message = json.loads(socket.recv(timeout=10))
                if message["type"] == "snapshot":
                    return message["v"][0]

    def newest(self, signal: str) -> dict[str, Any]:
        """Return the newest row of a signal in history, {} where there is none."""
        far = now_ms() + 3_600_000
        values = self.product.api(f"/signals/{signal}/values?limit=1&before_ms={far}")["values"]
        return dict(values[0]) if values else {}

    def kept(self, signal: str, value: object) -> None:
        """Wait until state and history have exactly this value."""
        until(
            lambda: same(self.newest(signal).get("value"), value) and same(self.state(signal), value), 15,
            lambda: f"{signal}: state {self.state(signal)!r}, history {self.newest(signal)}, not {value!r}",
        )  # fmt: skip


def same(found: object, wanted: object) -> bool:
    return type(found) is type(wanted) and found == wanted


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def ahead(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    folder = tmp_path_factory.mktemp("works")
    ports = {name: free_port() for name in ("shdr", "opcua", "modbus")}
    (folder / "plant").mkdir()
    (folder / "plant" / "plant.yaml").write_text(PLANT.format(namespace=NAMESPACE, **ports))
    adapter = Adapter(ports["shdr"])
    try:
        with Machines(opcua_port=ports["opcua"], modbus_port=ports["modbus"]) as machines:
            for name, value, kind in (
                ("speed", 1.0, Double), ("odd", 1.0, Double), ("total", 1, ua.VariantType.Int64),
                ("label", "a", Text), ("flag", 0, ua.VariantType.Int32), ("late", 1.0, Double),
            ):  # fmt: skip
                machines.node(name, value, kind)
            machines.register(100, ">d", 1.0)
            machines.register(110, ">d", 1.0)
            machines.register(120, ">q", 1)
            with Product(folder / "data", command="up", plant=str(folder / "plant")) as product:
                made = Works(product, adapter, machines)
                until(
                    lambda: all(c["state"] in UP for c in product.api("/system")["connections"]), 30,
                    lambda: str(product.api("/system")["connections"]),
                )  # fmt: skip
                yield made
    finally:
        adapter.end()


Do = Callable[[Works], None]
SHDR_STAMP_AHEAD = "%Y-%m-%dT%H:%M:%S.%fZ"
REFUSED: dict[str, tuple[str, str, Do]] = {
    "MQTT: malformed JSON": (
        "sensors", "malformed", lambda w: w.mqtt("sensors/temperature", '{"timestamp_ms": 1, '),
    ),
    "MQTT: NaN, which JSON does not have": (
        "sensors", "malformed", lambda w: w.mqtt("sensors/temperature", '{"timestamp_ms": 1, "value": NaN}'),
    ),
    "MQTT: no time": ("sensors", "schema", lambda w: w.mqtt("sensors/temperature", '{"value": 1.5}')),
    "MQTT: a text for a number": ("sensors", "wrong_type", lambda w: w.say("temperature", "21.5")),
    "MQTT: another unit": ("sensors", "wrong_unit", lambda w: w.say("temperature", 294.0, unit="K")),
    "MQTT: out of range": ("sensors", "out_of_range", lambda w: w.say("temperature", 900.0)),
    "MQTT: 1 MiB and a byte": (
        "sensors", "too_large", lambda w: w.mqtt("sensors/label", b'"' + bytes(MIB)),
    ),
    "MQTT: a space in the topic": ("backbone", "bad_topic", lambda w: w.mqtt("sensors/hall west", "1")),
    "MQTT: a command": ("backbone", "not_permitted", lambda w: w.mqtt("mill/Start", "1", kind="_cmd_v1")),
    "SHDR: no line of the protocol": ("shdr", "malformed", lambda w: w.adapter.tell("say yesterday|feed|7")),
    "SHDR: a text for a number": ("shdr", "wrong_type", lambda w: w.adapter.tell("say {now}|feed|12x")),
    "SHDR: a fraction for a count": (
        "shdr", "wrong_type", lambda w: w.adapter.tell("say {now}|PartCountAct|7.5"),
    ),
    "SHDR: NaN": ("shdr", "not_finite", lambda w: w.adapter.tell("say {now}|feed|NaN")),
    "SHDR: infinite": ("shdr", "not_finite", lambda w: w.adapter.tell("say {now}|feed|-Inf")),
    "SHDR: a clock 11 min ahead": (
        "shdr", "clock_skew",
        lambda w: w.adapter.tell(f"say {ahead(11).strftime(SHDR_STAMP_AHEAD)}|feed|7"),
    ),
    "SHDR: a line of 1 MiB and a byte": (
        "shdr", "too_large", lambda w: w.adapter.tell("say " + "x" * (MIB + 1)),
    ),
    "OPC UA: NaN": ("opcua", "not_finite", lambda w: w.machines.write("speed", float("nan"), Double)),
    "OPC UA: infinite": ("opcua", "not_finite", lambda w: w.machines.write("speed", float("inf"), Double)),
    "OPC UA: a number for a truth": (
        "opcua", "wrong_type", lambda w: w.machines.write("flag", 1, ua.VariantType.Int32),
    ),
    "OPC UA: a text of 1 MiB and a byte": (
        "opcua", "too_large", lambda w: w.machines.write("label", "x" * (MIB + 1), Text),
    ),
    "Modbus: NaN": ("modbus", "not_finite", lambda w: w.machines.register(100, ">d", float("nan"))),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_its_reason(works: Works, case: str) -> None:
    connector, reason, do = REFUSED[case]
    before = {(r["at_ms"], r["origin"], r["found"]) for r in works.refused()}
    do(works)

    def seen() -> bool:
        new = [r for r in works.refused() if (r["at_ms"], r["origin"], r["found"]) not in before]
        return any(r["connector"] == connector and r["reason"] == reason for r in new)

    until(seen, 15, lambda: str(works.refused()[:3]))
    if connector == "modbus":  # a poll says it again each time
        works.machines.register(100, ">d", 1.0)


def test_it_is_kept_bit_for_bit(works: Works) -> None:
    """What looks odd, and is a value all the same: in the twin's state as in history."""
    works.say("big", BEYOND)
    works.say("label", "00123")
    works.adapter.tell(f"say {{now}}|PartCountAct|{BEYOND}")
    works.adapter.tell("say {now}|part_id|00123")
    works.adapter.tell("say {now}|load|NaN")
    works.machines.write("total", -BEYOND, ua.VariantType.Int64)
    works.machines.write("label", "00123", Text)
    works.machines.write("odd", float("-inf"), Double)
    works.machines.register(110, ">d", float("nan"))
    works.machines.register(120, ">q", BEYOND)
    for signal, value in {
        "mill/m/big": str(BEYOND), "mill/m/label": "00123", "mill/parts": str(BEYOND),
        "mill/part_id": "00123", "mill/load": "NaN", "mill/o/total": str(-BEYOND),
        "mill/o/label": "00123", "mill/o/odd": "-Infinity", "mill/d/loose": "NaN",
        "mill/d/ticks": str(BEYOND),
    }.items():  # fmt: skip
        works.kept(signal, value)


def test_a_clock_that_is_wrong_makes_values_uncertain_where_nothing_else_is_declared(works: Works) -> None:
    stamp_ms = int(ahead(11).timestamp() * 1000)
    works.mqtt("sensors/late", json.dumps({"timestamp_ms": stamp_ms, "value": 4.5}))
    works.machines.write("late", 4.5, Double, source=ahead(11).replace(tzinfo=None))
    for signal in ("mill/m/late", "mill/o/late"):
        works.kept(signal, 4.5)
        assert works.newest(signal)["quality"] == int(Quality.UNCERTAIN)


def test_what_nobody_has_mapped_is_counted_and_asked_about(works: Works) -> None:
    for name, say in {
        "sensors": lambda: works.mqtt("strangers/hall/co2", "417"),
        "shdr": lambda: works.adapter.tell("say {now}|coolant|4.5"),
    }.items():
        before = works.connection(name)["unmapped"]
        say()
        until(lambda name=name, before=before: works.connection(name)["unmapped"] > before, 10)


def test_afterwards_every_connection_is_up_never_left_and_what_is_good_arrives(works: Works) -> None:
    works.say("temperature", 21.5, unit="Cel")
    works.adapter.tell("say {now}|feed|12.25")
    works.machines.write("speed", 2.5, Double)
    works.machines.register(100, ">d", 6.75)
    for signal, value in {
        "mill/m/temperature": 21.5, "mill/feed": 12.25, "mill/o/speed": 2.5, "mill/d/pressure": 6.75,
    }.items():  # fmt: skip
        works.kept(signal, value)
    for connection in works.product.api("/system")["connections"]:
        assert connection["state"] in UP, connection
        assert connection["reconnects"] == 0, connection
        parts = [connection[name] for name in ("published", "quarantined", "deadband", "unmapped")]
        assert connection["received"] == sum(parts), connection
    assert all(p["restarts"] == 0 for p in works.product.api("/system")["processes"])
