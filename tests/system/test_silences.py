"""One running plant, and all that may befall it: silences, cuts, kills, and in the end a stop.

Whatever falls silent is noticed in its time and named; what is not silent is never called so; who was
killed is started again and catches up. One start serves all of it, because a start is what takes long.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system import silence_page
from tests.system.product import Product, until
from tests.system.silence_page import Clean, Noticed
from tests.system.watch import Expectation, Seen, Watch

pytestmark = pytest.mark.system

SPEED = 4.0
SOCKET_S = 5.0  # a socket, a session, a server, a broker: wall seconds
SLACK_S = 2.0  # the pages are looked at a few times a second, on a machine that has other work
SERVERS = ("line1", "line2", "line3", "line4", "line5", "furnace", "utilities", "turn1-shdr")
ROUNDS = 10
CLEAN_PLANT_S = 2 * 3600


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
    # Always the same afternoon of the plant: without an instant it would be the hour of whoever runs this.
    words = ("--seed", "5", "--speed", f"{SPEED:g}", "--at", "2026-11-18T13:05:00Z")
    with Product(data, *words) as running:
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


def wait_for(watch: Watch, silences: list[tuple[Silence, Expectation]]) -> list[Noticed]:
    """Wait until all were seen, or are overdue, and return when each was."""
    last_s = max(e.since_s + s.within_s for s, e in silences) + 3 * SLACK_S
    while time.monotonic() < last_s and any(e.seen_s is None for _, e in silences):
        watch._end.wait(0.2)
    return [
        Noticed(
            kind=s.kind,
            target=s.target,
            due_s=s.within_s,
            after_s=None if e.after_s is None else round(e.after_s, 2),
            late=e.after_s is None or e.after_s > s.within_s + SLACK_S,
        )
        for s, e in silences
    ]


def side_by_side(product: Product, silences: list[Silence]) -> list[Noticed]:
    """Inject silences side by side and return after how long each was seen; all must be over afterwards."""
    with Watch(product) as watch:
        running = [(s, watch.expect(s.name, s.seen, inject(product, s))) for s in silences]
        found = wait_for(watch, running)
    longest_s = max(s.for_s for s in silences) / SPEED
    until(lambda: all_well(product), longest_s + 60, lambda: f"still silent: {Watch(product).look()}")
    return found


def late(found: list[Noticed]) -> list[Noticed]:
    return [each for each in found if each.late]


def test_in_a_clean_stretch_nothing_is_called_silent(product: Product) -> None:
    with Watch(product) as watch:
        until(lambda: watch.looks >= 40, 120)
        assert not watch.lost, f"connections that were called lost: {watch.lost}"
        assert not watch.silences, f"alarms of silence: {watch.silences}"


def test_eight_silences_side_by_side_are_noticed_in_their_time_and_end(product: Product) -> None:
    found = side_by_side(product, choose(product.api("/plant"), seed=1))
    assert len(found) == 8
    assert late(found) == []


def kill_servers(product: Product) -> Noticed:
    """Kill the process of all the machines' servers: every connection to them is lost."""
    with Watch(product) as watch:
        began_s = time.monotonic()
        product.kill("virtual_plant")
        running = [
            (Silence("kill_servers", name, lost(name), SOCKET_S, 0), watch.expect(name, lost(name), began_s))
            for name in SERVERS
        ]
        found = wait_for(watch, running)
    until(lambda: all_well(product), 90, lambda: f"{Watch(product).look()}")
    # One injection; it was noticed when the last of them was.
    return max(found, key=lambda each: math.inf if each.after_s is None else each.after_s)


def kill_broker(product: Product) -> Noticed:
    """Kill the backbone: its supervisor says so at once, and everybody comes back by themselves."""
    before = restarts(product)["backbone"]
    with Watch(product) as watch:
        began_s = time.monotonic()
        os.kill(broker_pid(product), signal.SIGKILL)

        def seen(now: Seen) -> bool:
            broker = now.processes.get("backbone", {})
            return broker.get("restarts", 0) > before or broker.get("state") == "silent"

        broker = Silence("kill_broker", "broker", seen, SOCKET_S, 0)
        found = wait_for(watch, [(broker, watch.expect("broker", seen, began_s))])
    until(lambda: all_well(product), 60, lambda: f"{Watch(product).look()}")
    return found[0]


def broker_pid(product: Product) -> int:
    return int(json.loads((product.data / "backbone" / "nats.pid.json").read_text())["pid"])


def test_killed_servers_are_noticed_in_their_time_and_come_back(product: Product) -> None:
    assert late([kill_servers(product)]) == []


def test_a_killed_broker_is_noticed_in_its_time_and_comes_back(product: Product) -> None:
    assert late([kill_broker(product)]) == []


def fresh(product: Product) -> bool:
    connections = product.api("/system")["connections"]
    return all(c["state"] == "running" and c["received"] > 0 for c in connections)


def unknown_units(product: Product) -> set[str]:
    plant = product.api("/plant")
    units = [e["id"] for e in plant["equipment"] if e["level"] == "WorkUnit"]
    return {unit for unit in units if product.unit(unit)["time_class"] == "unknown"}


def all_known(product: Product) -> None:
    until(lambda: fresh(product) and not unknown_units(product), 45, lambda: str(unknown_units(product)))


def restarts(product: Product) -> dict[str, int]:
    return {p["component"]: int(p["restarts"]) for p in product.api("/system")["processes"]}


def test_all_processes_run_under_their_own_names(product: Product) -> None:
    processes = {p["component"]: p for p in product.api("/system")["processes"]}
    assert {"gateway", "twin", "recorder", "historian", "portal", "virtual_plant"} <= set(processes)
    assert len({p["pid"] for p in processes.values()}) == len(processes)


def test_a_cut_server_makes_its_cells_unknown_and_no_others_and_comes_back(product: Product) -> None:
    all_known(product)
    before = restarts(product)
    inject(product, Silence("cut_server", "line2", lost("line2"), SOCKET_S, 15 * SPEED))
    cells = {"load2", "adhesive2", "press2", "tighten2", "leak2", "vision2"}
    until(lambda: cells <= unknown_units(product), 7, lambda: str(unknown_units(product)))
    assert unknown_units(product) == cells
    until(lambda: not cells & unknown_units(product), 40, lambda: str(unknown_units(product)))
    assert restarts(product) == before


def kill_and_await(product: Product, name: str) -> None:
    """Kill a process and wait until another one does its work, and all units are known again."""
    before = product.process_id(name)
    product.kill(name)

    def is_back() -> bool:
        found = {p["component"]: p for p in product.api("/system")["processes"]}
        return bool(found[name]["pid"] != before and found[name]["state"] == "running")

    until(is_back, 45, lambda: str(product.api("/system")["processes"]))
    all_known(product)


@pytest.mark.parametrize("name", ["historian", "twin", "recorder"])
def test_a_killed_process_is_started_again_and_catches_up(product: Product, name: str) -> None:
    kill_and_await(product, name)


def test_a_killed_gateway_is_started_again_and_leaves_a_marked_gap(product: Product) -> None:
    all_known(product)
    at_ms = product.api("/alarms")["at_ms"]
    kill_and_await(product, "gateway")

    def timeline() -> list[dict[str, Any]]:
        return list(product.api("/units/turn1/timeline?from_ms=0&to_ms=4102444800000")["intervals"])

    # Nothing was unknown when it was killed: what is unknown after that is its gap.
    until(
        lambda: any(i["time_class"] == "unknown" and i["to_ms"] > at_ms for i in timeline()), 15,
        lambda: f"killed at {at_ms}; {timeline()[-3:]}; history to {newest_ms(product)}",
    )  # fmt: skip
    told = timeline()
    for left, right in zip(told, told[1:], strict=False):  # noqa: RUF007
        assert left["to_ms"] == right["from_ms"], "a second belongs to no class, or to two"


def newest_ms(product: Product) -> int:
    return int(product.api("/system")["history"]["newest_ms"])


def test_nothing_was_stored_of_the_future(product: Product) -> None:
    """Seen: what was written to a machine bore the wall's time; the twin then forgot what was before it."""
    newest = newest_ms(product)
    assert 0 < newest <= product.api("/alarms")["at_ms"]


@pytest.mark.soak
@pytest.mark.parametrize("number", range(ROUNDS), ids=lambda number: f"round-{number:02d}")
def test_a_round_of_ten_silences_is_noticed_in_its_time(product: Product, number: int) -> None:
    """Eight side by side, then the servers killed, then the broker; a round that was in time is kept."""
    results = silence_page.kept()
    name = f"round-{number:02d}"
    if name in results.rounds:
        pytest.skip(f"in time before, see {silence_page.RESULTS}")
    found = side_by_side(product, choose(product.api("/plant"), seed=100 + number))
    found += [kill_servers(product), kill_broker(product)]
    results.keep(name, found)
    assert late(found) == []


@pytest.mark.soak
def test_in_two_clean_hours_at_speed_four_nothing_is_called_silent(tmp_path: Path) -> None:
    """Two hours of plant time: half an hour of the wall. Kept when it was clean."""
    results = silence_page.kept()
    if results.clean is not None:
        pytest.skip(f"clean before, see {silence_page.RESULTS}")
    with Product(tmp_path / "data", "--seed", "11", "--speed", f"{SPEED:g}") as product:
        until(lambda: all_well(product), 90, lambda: str(product.api("/system")["connections"]))
        clean = clean_stretch(product, CLEAN_PLANT_S / SPEED)
    results.keep_clean(clean)
    assert clean.false == []


@pytest.mark.soak
def test_a_hundred_silences_of_every_kind_were_noticed_in_their_time() -> None:
    """The rounds before this one were run; now or, for this code, earlier."""
    found = silence_page.kept().all
    assert len(found) >= 100
    assert {each.kind for each in found} == silence_page.KINDS.keys()
    assert late(found) == []


def clean_stretch(product: Product, wall_s: float) -> Clean:
    """Let a plant be for a while, and return what was called silent, frozen or lost.

    The pages are watched, and afterwards the journal and the counters are read: what came and went
    between two looks stands there.
    """
    before = losses(product)
    from_ms = product.api("/alarms")["at_ms"]
    began_s = time.monotonic()
    with Watch(product, every_s=1.0) as watch:
        until(lambda: time.monotonic() - began_s > wall_s, wall_s + 60)
    to_ms = product.api("/alarms")["at_ms"]
    journal = product.api(f"/alarms/journal?from_ms={from_ms}&to_ms={to_ms}&limit=50000")["entries"]
    false = {
        f"{entry['alarm']} {entry['event']} at {entry['at_ms'] - from_ms} ms"
        for entry in journal
        if entry["event"] == "raised" and entry["alarm"].endswith((":silent", ":frozen"))
    }
    false |= {f"{alarm} stood" for alarm in watch.silences} | {f"{name} was lost" for name in watch.lost}
    false |= {
        f"{name}: {count - before[name]} losses"
        for name, count in losses(product).items()
        if count > before[name]
    }
    false |= {f"the page did not answer: {each}" for each in watch.failures}
    assert watch.looks > wall_s / 5, "the watch looked all the time"
    return Clean(
        speed=SPEED,
        wall_s=time.monotonic() - began_s,
        plant_h=(to_ms - from_ms) / 3.6e6,
        connections=sum(not name.startswith("process ") for name in before),
        signals=len(product.api("/plant")["signals"]),
        false=sorted(false),
    )


def losses(product: Product) -> dict[str, int]:
    """Return how often each connection was lost since its gateway started, and each process."""
    system = product.api("/system")
    found = {c["name"]: int(c["gaps"]) for c in system["connections"]}
    return found | {f"process {p['component']}": int(p["restarts"]) for p in system["processes"]}


def test_it_stops_cleanly_in_under_eight_seconds(product: Product) -> None:
    """The last one: with it this plant is over."""
    before = len(product.lines)
    took_s = product.stop()
    assert product.process.returncode == 0
    assert took_s < 8
    until(lambda: product.lines[-1] == "stopped", 2, lambda: product.lines[-1])
    assert not any("killed" in line for line in product.lines[before:])
