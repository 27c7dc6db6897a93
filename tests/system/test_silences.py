"""Whatever falls silent is noticed in its time and named; what is not silent is never called so."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.product import ROOT, TAKTWIN, Product, until
from tests.system.watch import Expectation, Seen, Watch

pytestmark = pytest.mark.system

SPEED = 4.0
SOCKET_S = 5.0  # a socket, a session, a server, a broker: wall seconds
SLACK_S = 2.0  # the pages are looked at a few times a second, on a machine that has other work
SERVERS = ("line1", "line2", "line3", "line4", "line5", "furnace", "utilities", "turn1-shdr")
RESULTS = ROOT / "var" / "soak" / "silences.json"


@dataclass(frozen=True)
class Silence:
    """One thing that falls silent, where it is seen, and within how many wall seconds."""

    kind: str
    target: str
    seen: Callable[[Seen], bool]
    within_s: float
    for_s: float  # plant time

    @property
    def name(self) -> str:
        return f"{self.kind} of {self.target}"


def lost(connection: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.connections.get(connection) not in ("running", "degraded")


def alarmed(alarm: str) -> Callable[[Seen], bool]:
    return lambda seen: alarm in seen.alarms


def of_server(kind: str, target: str) -> Silence:
    return Silence(kind, target, lost(target), SOCKET_S, 12 * SPEED)


def of_signal(plant: dict[str, Any], target: str, kind: str = "silence_signal") -> Silence:
    """A signal has three of its periods in plant time, but never less than 5 s of it and 2 s of the wall."""
    period_s = next(s["period_s"] for s in plant["signals"] if s["id"] == target)
    # Its last value may have come just before: up to one period of it is over already, or none.
    within_s = max(5.0, max(5.0, 3 * period_s) / SPEED)
    return Silence(kind, target, alarmed(f"{target}:silent"), within_s, within_s * SPEED + 12 * SPEED)


def frozen(target: str, must_move_s: float) -> Silence:
    within_s = max(5.0, must_move_s / SPEED + 2.0)
    return Silence("freeze_signal", target, alarmed(f"{target}:frozen"), within_s, within_s * SPEED + 40)


def choose(plant: dict[str, Any], seed: int) -> list[Silence]:
    """Return silences of every kind on targets that have nothing to do with each other."""
    chance = random.Random(seed)
    servers = chance.sample(SERVERS, len(SERVERS))
    # The compressor's server has to live for its frozen signal to be one.
    servers.remove("utilities")
    sensors = [
        s["id"]
        for s in plant["signals"]
        if s["connection"] == "sensors" and s["period_s"] and s["period_s"] <= 10
    ]
    silent = chance.sample(sensors, 2)
    return [
        *(of_server("cut_server", name) for name in servers[:3]),
        *(of_server("freeze_session", name) for name in servers[3:5]),
        *(of_signal(plant, name) for name in silent),
        frozen("compressor1/pressure", 120.0),
    ]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    data = tmp_path_factory.mktemp("silences") / "data"
    with Product(data, "--seed", "5", "--speed", f"{SPEED:g}") as running:
        until(lambda: all_well(running), 90, lambda: str(running.api("/system")["connections"]))
        yield running


def all_well(product: Product) -> bool:
    connections = product.api("/system")["connections"]
    standing = {a["alarm"] for a in product.api("/alarms")["alarms"] if a["active"]}
    quiet = {alarm for alarm in standing if alarm.endswith((":silent", ":frozen"))}
    return bool(connections) and not quiet and all(c["state"] == "running" for c in connections)


def inject(product: Product, silence: Silence) -> float:
    """Begin a silence and return the wall instant at which it began."""
    began_s = time.monotonic()
    wish = {"kind": silence.kind, "target": silence.target, "duration_s": silence.for_s, "parameters": {}}
    product.api("/demo/injections", wish)
    return began_s


def noticed(watch: Watch, silences: list[tuple[Silence, Expectation]]) -> list[str]:
    """Wait until all were seen, and return those that were seen too late or never."""
    last_s = max(e.since_s + s.within_s for s, e in silences) + 3 * SLACK_S
    while time.monotonic() < last_s and any(e.seen_s is None for _, e in silences):
        watch._end.wait(0.2)
    return [
        f"{s.name}: due in {s.within_s:g} s, seen after {e.after_s} s"
        for s, e in silences
        if e.after_s is None or e.after_s > s.within_s + SLACK_S
    ]


def round_of(product: Product, silences: list[Silence]) -> dict[str, float]:
    """Inject silences side by side and return after how long each was seen; all must be over afterwards."""
    with Watch(product) as watch:
        running = [(s, watch.expect(s.name, s.seen, inject(product, s))) for s in silences]
        late = noticed(watch, running)
        assert not late, late
    longest_s = max(s.for_s for s in silences) / SPEED
    until(lambda: all_well(product), longest_s + 60, lambda: f"still silent: {Watch(product).look()}")
    return {s.name: round(e.after_s or 0.0, 2) for s, e in running}


def test_in_a_clean_stretch_nothing_is_called_silent(product: Product) -> None:
    with Watch(product) as watch:
        until(lambda: watch.looks >= 40, 120)
        assert not watch.lost, f"connections that were called lost: {watch.lost}"
        assert not watch.silences, f"alarms of silence: {watch.silences}"


def test_eight_silences_side_by_side_are_noticed_in_their_time_and_end(product: Product) -> None:
    took_s = round_of(product, choose(product.api("/plant"), seed=1))
    print(took_s)
    assert len(took_s) == 8


def kill_server(product: Product) -> dict[str, float]:
    """Kill the process of all the machines' servers: every connection to them is lost."""
    with Watch(product) as watch:
        began_s = time.monotonic()
        product.kill("virtual_plant")
        running = [
            (Silence("kill", name, lost(name), SOCKET_S, 0), watch.expect(name, lost(name), began_s))
            for name in SERVERS
        ]
        late = noticed(watch, running)
        assert not late, late
    until(lambda: all_well(product), 90, lambda: f"{Watch(product).look()}")
    return {"kill of the servers": max(e.after_s or 0.0 for _, e in running)}


def kill_broker(product: Product) -> dict[str, float]:
    """Kill the backbone: its supervisor says so at once, and everybody comes back by themselves."""
    restarts = product_restarts(product)
    with Watch(product) as watch:
        began_s = time.monotonic()
        os.kill(broker_pid(product), signal.SIGKILL)

        def seen(now: Seen) -> bool:
            broker = now.processes.get("backbone", {})
            return broker.get("restarts", 0) > restarts or broker.get("state") == "silent"

        running = [(Silence("kill", "broker", seen, SOCKET_S, 0), watch.expect("broker", seen, began_s))]
        late = noticed(watch, running)
        assert not late, late
    until(lambda: all_well(product), 60, lambda: f"{Watch(product).look()}")
    return {"kill of the broker": running[0][1].after_s or 0.0}


def broker_pid(product: Product) -> int:
    return int(json.loads((product.data / "backbone" / "nats.pid.json").read_text())["pid"])


def product_restarts(product: Product) -> int:
    return int(Watch(product).look().processes["backbone"]["restarts"])


def test_killed_servers_are_noticed_in_their_time_and_come_back(product: Product) -> None:
    print(kill_server(product))


def test_a_killed_broker_is_noticed_in_its_time_and_comes_back(product: Product) -> None:
    print(kill_broker(product))


@pytest.mark.soak
def test_a_hundred_silences_are_noticed_in_their_time(product: Product) -> None:
    """Ten rounds of eight side by side, servers killed, broker killed; each round is kept when done."""
    done: dict[str, dict[str, float]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    plant = product.api("/plant")
    for seed in range(10):
        if str(seed) in done:
            continue
        took_s = round_of(product, choose(plant, seed=100 + seed))
        took_s |= kill_server(product) | kill_broker(product)
        done[str(seed)] = took_s
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(done, indent=1))
    assert sum(len(took_s) for took_s in done.values()) >= 100


@pytest.mark.soak
def test_in_two_clean_hours_at_speed_four_nothing_is_called_silent(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ["--headless", "--for", "2h", "--speed", "4", "--seed", "11", "--report", str(report)]
    done = subprocess.run(
        [str(TAKTWIN), "demo", *words, "--data", str(tmp_path / "data")], cwd=ROOT, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sources = json.loads(report.read_text())["sources"]
    assert {name: s["silences"] for name, s in sources.items() if s["silences"]} == {}
    assert {name: s["gaps"] for name, s in sources.items() if s["gaps"]} == {}
