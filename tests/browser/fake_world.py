"""The plant that the fake portal shows: invented by one seeded rule, the same in each run."""

from __future__ import annotations

import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from taktwin.clock import VirtualClock
from taktwin.plant.compile import open_plant
from taktwin.plant.registry import Signal
from taktwin.portal.context import Portal
from taktwin.portal.models.plant import PlantModel
from taktwin.portal.routes.plant import document
from taktwin.settings import Installation
from taktwin.standards.packml import State

ROOT = Path(__file__).parents[2]
PLANT = ROOT / "examples" / "plants" / "northfield"
NOW_MS = 1_794_490_327_000  # Thu 12 Nov 2026, 14:32:07 in Vienna
START_MS = NOW_MS - 6 * 3600_000
MINUTE_MS = 60_000
CLASSES = {
    State.EXECUTE: "production",
    State.SUSPENDED: "starved",
    State.HELD: "delay_own",
    State.IDLE: "down_no_order",
}


def noise(*parts: object) -> float:
    """Return a number in [0, 1) that depends on nothing but the parts."""
    value = 2166136261
    for byte in repr(parts).encode():
        value = (value ^ byte) * 16777619 % 2**32
    return (value ^ value >> 15) * 2246822519 % 2**32 / 2**32


class World:
    """The invented plant: what each signal is at an instant."""

    def __init__(self) -> None:
        self.registry = open_plant(PLANT)
        self.started = time.monotonic()
        self.cut: dict[str, int] = {}  # connection -> since
        self.over: dict[str, tuple[int, int]] = {}  # connection -> since, until: nobody acknowledged it
        self.degraded: set[str] = set()  # processes that run, but not as they should
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.noted: list[dict[str, Any]] = []  # the journal of silences
        portal = SimpleNamespace(
            registry=self.registry,
            installation=Installation(data_dir="", plant_dir="", demo=True),
            clock=VirtualClock(NOW_MS * 1_000_000),
        )
        self.plant = PlantModel.model_validate(document(cast(Portal, portal))).model_dump(by_alias=True)
        self.units = [e.id for e in self.registry.work_units]
        self.alarm_list = self._alarms()

    def now_ms(self) -> int:
        return NOW_MS + int((time.monotonic() - self.started) * 1000)

    def note(self, alarm: str, event: str) -> None:
        """Write into the journal what happened to the silence of a connection."""
        name = alarm.partition(":")[0]
        self.noted.append(
            {"at_ms": self.now_ms(), "alarm": alarm, "equipment": name, "event": event, "priority": 2,
             "person": "demo" if event == "acknowledged" else "", "comment": "", "value": None,
             "message": f"Connection {name} is silent"}
        )  # fmt: skip

    def state(self, unit: str, at_ms: int) -> tuple[str, int, str]:
        """Return class, since and reason of a unit."""
        slot = 11 * MINUTE_MS
        begin = at_ms - (at_ms + int(noise(unit) * slot)) % slot
        draw = noise(unit, begin)
        if unit == "press2":
            return "starved", NOW_MS - 661_000, "No housing from adhesive2."
        if unit == "hob1":
            return "set_up", NOW_MS - 300_000, ""
        if unit == "eol2":
            return "planned_down", NOW_MS - 3 * 3600_000, ""
        if draw < 0.8:
            return "production", begin, ""
        if draw < 0.86:
            return "blocked", begin, ""
        if draw < 0.92:
            return "down_no_order", begin, ""
        return "delay_own", begin, "Door open." if draw < 0.96 else ""

    def value(self, signal: Signal, at_ms: int) -> Any:
        """Return the value of a signal at an instant."""
        t = at_ms / 1000
        wave = math.sin(t / 300 + noise(signal.id) * 6) + 0.3 * math.sin(t / 37 + noise(signal.id) * 9)
        word = signal.words and next(iter(signal.words))
        if signal.role == "state":
            name = self.state(signal.equipment, at_ms)[0]
            states = {"production": 6, "starved": 5, "blocked": 5, "delay_own": 11, "set_up": 6}
            return states.get(name, 4)
        if signal.type == "bool":
            return False
        if signal.type == "string":
            return {"job": "88214", "serial": "EA1-004-8813", "product": "EA-100"}.get(
                signal.role, word or "ACTIVE"
            )
        if signal.type in ("array", "bytes"):
            return [round(noise(signal.id, k), 3) for k in range(512)]
        if signal.role in ("good_count", "reject_count"):
            return int((at_ms - START_MS) / 46_000 * (1 if signal.role == "good_count" else 0.01)) + 48_000
        if signal.type.startswith(("int", "uint")):
            return int(noise(signal.id) * 40)
        if signal.role == "ambient" and signal.unit == "Cel":
            warm = (
                8.4
                if "zone_c" in signal.id and "west" in signal.path
                else 3.0
                if "zone_c" in signal.id
                else 0.0
            )
            return round(24.6 + warm + wave * 0.5, 2)
        if signal.role == "cycle_time":
            return round(46 + 2 * wave, 1)
        low, high = signal.minimum or 0.0, signal.maximum if signal.maximum is not None else 100.0
        return round(low + (high - low) * (0.3 + 0.05 * wave), 3)

    def is_never(self, signal: Signal) -> bool:
        """Return whether a signal was never received: a few of each plant are not."""
        return noise("never", signal.id) < 0.01

    def columns(self, at_ms: int, only: list[int] | None = None) -> dict[str, list[Any]]:
        """Return the columns of a picture."""
        signals = self.registry.signals if only is None else [self.registry.signals[k] for k in only]
        out: dict[str, list[Any]] = {"i": [], "v": [], "q": [], "st": [], "cf": [], "old": []}
        for s in signals:
            since = self.cut.get(s.connection)
            shown_at = since if since is not None else at_ms
            never = self.is_never(s) or at_ms < START_MS
            out["i"].append(s.index)
            out["v"].append(None if never else self.value(s, shown_at))
            out["q"].append(1 if never else 2 if noise("doubt", s.id) < 0.006 or since else 0)
            out["st"].append(None if never else shown_at - int(noise(s.id) * 900))
            out["cf"].append(None if never else shown_at)
            out["old"].append(since is not None)
        return out

    def unit_documents(self, at_ms: int) -> list[dict[str, Any]]:
        out = []
        for e in self.registry.work_units:
            if at_ms < START_MS:
                out.append(self._never_heard(e.id))
                continue
            name, since, reason = self.state(e.id, at_ms)
            connections = {self.registry.signals[i].connection for i in e.signals}
            cut = [self.cut[c] for c in connections if c in self.cut]
            made = int((at_ms - START_MS) / 1000 / (e.standard_cycle_s or 60))
            out.append(
                {
                    "unit": e.id,
                    "time_class": "unknown" if cut else name,
                    "reason": f"The connection {next(iter(connections))} is silent." if cut else reason,
                    "since_ms": min(cut) if cut else since,
                    "state": ""
                    if not e.state_model
                    else {
                        "production": "Execute",
                        "set_up": "Execute",
                        "starved": "Suspended",
                        "blocked": "Suspended",
                        "delay_own": "Held",
                    }.get(name, "Idle"),
                    "inferred": not e.state_model,
                    "last_known_class": name if cut else "",
                    "last_known_since_ms": since if cut else 0,
                    "confirmed_ms": min(cut) if cut else at_ms,
                    "job": "88214" if e.state_model else "",
                    "serial": "EA1-004-8813",
                    "program": "",
                    "good_count": made,
                    "reject_count": made // 120,
                    "cycle_time_s": (e.standard_cycle_s or 60) * (1 + 0.12 * noise(e.id, "cycle")),
                    "power_kw": round(2 + 20 * noise(e.id, "kw"), 1),
                    "energy_kwh": round(4000 * noise(e.id, "kwh"), 1),
                }
            )
        return out

    def _never_heard(self, unit: str) -> dict[str, Any]:
        """Return what the twin says of a unit of which it has nothing: no instant is 0."""
        nothing = ("state", "last_known_class", "job", "serial", "program")
        figures = ("good_count", "reject_count", "cycle_time_s", "power_kw", "energy_kwh")
        return (
            {"unit": unit, "time_class": "unknown", "reason": "never heard", "inferred": False}
            | dict.fromkeys(("since_ms", "last_known_since_ms", "confirmed_ms"), 0)
            | dict.fromkeys(nothing, "")
            | dict.fromkeys(figures)
        )

    def _alarms(self) -> list[dict[str, Any]]:
        def one(
            alarm: str, equipment: str, priority: int, message: str, since_s: int, **more: Any
        ) -> dict[str, Any]:
            base = {
                "alarm": alarm,
                "equipment": equipment,
                "state": "UNACK",
                "active": True,
                "kind": "limit",
                "priority": priority,
                "message": message,
                "response": "Look at the place and bring it back into its limit.",
                "consequence": "Bonded housings leak later.",
                "owner_role": "process_engineer",
                "cause": "",
                "signal": "",
                "value": None,
                "limit": None,
                "unit": "",
                "since_ms": NOW_MS - since_s * 1000,
                "first_seen_ms": NOW_MS - since_s * 1000,
                "returned_ms": 0,
                "acknowledged_by": "",
                "acknowledged_ms": 0,
                "comment": "",
                "shelved_until_ms": 0,
                "machine_acknowledge": False,
                "version": "1",
            }
            return base | more

        west = "zone_c/temperature_west"
        return [
            one(
                f"{west}:high",
                "zone_c",
                2,
                "Temperature west wall is too hot for bonding",
                4020,
                signal=west,
                value=33.1,
                limit=30.0,
                unit="Cel",
                cause="zone_c",
                state="ACKED",
                acknowledged_by="K. Lund",
                acknowledged_ms=NOW_MS - 3900_000,
                comment="facility called",
                response="Lower the west blinds, raise the ventilation, sample the bond strength every hour.",
            ),
            one(
                "zone_c/temperature_centre:high",
                "zone_c",
                3,
                "Temperature centre is too hot for bonding",
                3660,
                signal="zone_c/temperature_centre",
                value=30.4,
                limit=30.0,
                unit="Cel",
                cause="zone_c",
            ),
            one(
                "adhesive2/alarm/active:machine",
                "adhesive2",
                3,
                "Adhesive 2 reports: bead too wide",
                600,
                kind="machine",
                machine_acknowledge=True,
                owner_role="operator",
                consequence="Beads run into the bearing seat.",
                response="Leave the nozzle as it is; check the cartridge pressure.",
            ),
            one(
                "compressor1/vibration:high",
                "compressor1",
                2,
                "Compressor 1: vibration over its limit",
                11_400,
                signal="compressor1/vibration",
                value=4.9,
                limit=4.5,
                unit="mm/s",
                owner_role="maintenance",
                consequence="If it stops, lines 1, 2 and 3 stop within four minutes.",
                response="Plan the valve for a quiet window.",
            ),
            one(
                "leak3/pressure_decay:high",
                "leak3",
                3,
                "Leak 3: pressure decay was too high",
                5400,
                state="RTNUN",
                active=False,
                returned_ms=NOW_MS - 5100_000,
                signal="leak3/pressure_decay",
                value=1.1,
                limit=1.5,
            ),
            one(
                "wash1/temperature:low",
                "wash1",
                3,
                "Wash 1: bath too cold",
                7200,
                state="SHLVD",
                active=True,
                shelved_until_ms=NOW_MS + 2400_000,
                acknowledged_by="T. Lie",
                comment="refill is planned",
            ),
        ]

    def alarms(self) -> list[dict[str, Any]]:
        out = [a | self.acknowledged.get(a["alarm"], {}) for a in self.alarm_list]
        silences = {**self.over, **{name: (since, 0) for name, since in self.cut.items()}}
        for name, (since, until) in silences.items():
            out.append(
                {
                    **self.alarm_list[0],
                    "alarm": f"{name}:silence",
                    "equipment": name,
                    "kind": "silence",
                    "priority": 2,
                    "message": f"Connection {name} is silent",
                    "consequence": "What it feeds is unknown.",
                    "signal": "",
                    "response": "Check the server and its cable.",
                    "cause": name,
                    "state": "RTNUN" if until else "UNACK",
                    "active": not until,
                    "returned_ms": until,
                    "value": None,
                    "limit": None,
                    "since_ms": since,
                    "first_seen_ms": since,
                    "acknowledged_by": "",
                    "comment": "",
                }
            )
        return out

    def connections(self, at_ms: int) -> list[dict[str, Any]]:
        out = []
        for name, c in sorted(self.registry.connections.items()):
            cut = self.cut.get(name)
            out.append(
                {
                    "connector": name,
                    "state": "lost" if cut else "running",
                    "reason": "no answer" if cut else "",
                    "since_ms": cut or START_MS,
                    "heard_ms": cut or at_ms,
                    "fresh": 0 if cut else len(c.signals),
                    "signals": len(c.signals),
                }
            )
        return out

    def fresh(self) -> dict[str, Any]:
        stale = sum(len(self.registry.connections[c].signals) for c in self.cut)
        return {
            "stale": stale,
            "never": sum(
                1 for s in self.registry.signals if self.is_never(s) and s.connection not in self.cut
            ),
            "signals": len(self.registry.signals),
            "oldest_ms": min(self.cut.values(), default=0),
            "silent": sorted(self.cut),
        }

    def buffers(self, at_ms: int) -> list[dict[str, Any]]:
        return [
            {
                "buffer": b.id,
                "content": int(noise(b.id, at_ms // 30_000) * b.capacity),
                "capacity": b.capacity,
            }
            for b in self.registry.buffers
        ]

    def documents(self, at_ms: int) -> dict[str, Any]:
        return {
            "units": self.unit_documents(at_ms),
            "alarms": self.alarms(),
            "buffers": self.buffers(at_ms),
            "connections": self.connections(at_ms),
            "fresh": self.fresh(),
        }
