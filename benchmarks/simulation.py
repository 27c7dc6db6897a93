"""The simulation's engine beside SimPy on the same models, per CPU second, in alternating runs.

(a) M/M/1 at 80 %. (b) a saturated line of ten with buffers of five, blocking, failures while working.
(c) a job shop of six groups with three re-entrant routes. (P1) a plant with everything: 25 machines in ten
groups, 560 orders of eight products, set-ups, due dates, skilled operators, wear, shifts, moves, finite
queues, rework; a week. Compared is the CPU time of one customer, part, job or week; median of the rounds,
one engine after the other in each. What both simulated is compared too: a fast wrong answer is none.

Bars in seconds were set on a machine on which SimPy's week of P1 takes 57.6 ms. So that they can be held
against any machine, each such figure stands a second time in SimPy's weeks, measured in the same process.
What plants do not use is held against the kernel of the sketches, which has what P1 uses and nothing else.
"""

from __future__ import annotations

import importlib
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _simpy_models as peer
from taktwin.contracts.state import BufferDocument, Frame, UnitDocument
from taktwin.plant import open_plant
from taktwin.simulation import maxplus, streams
from taktwin.simulation.changes import FailureScaled, PaceScaled, RuleSet
from taktwin.simulation.compile import Compiled, compiled
from taktwin.simulation.distributions import Exponential, LogNormal, Weibull
from taktwin.simulation.experiment import AS_IT_IS, Comparison, compare
from taktwin.simulation.model import (
    Calendar,
    Failure,
    Operator,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    WorkCenter,
)
from taktwin.simulation.run import advance, replicate, warm_up
from taktwin.simulation.scenario import Scenario
from taktwin.simulation.state import State, fresh
from taktwin.whatif.model import Parameters
from taktwin.whatif.present import present

NOON_NS = 1_794_389_400 * 10**9  # a Wednesday, early shift: 2026-11-11, 09:30 UTC
AREA = "simulation"
ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
BARS = {"a": 80, "b": 60, "c": 70, "P1": 105, "b, max-plus": 250}
THERE_S = 0.0576  # SimPy's week of P1 on the machine of the bars in seconds (design/SIMULATION.md)
SKETCHES = ROOT.parent / "shared" / "design" / "sketches" / "simulation"
UNUSED = 1.10  # what P1 may cost beside a kernel without all that it does not use
TICK = 1e-6
MINUTE = 60.0
WEEK_S = 7 * 86_400.0


def server_a() -> Plant:
    """Return model (a)."""
    arrivals, service = peer.MM1
    product = Product("p", (Step("s", "a", Exponential(1 / service)),), Exponential(1 / arrivals))
    return Plant((WorkCenter("a"),), (product,), tick_s=TICK)


def line_b() -> Plant:
    """Return model (b)."""
    failure = Failure(Exponential(peer.MTTF), Exponential(peer.MTTR))
    centers = tuple(
        WorkCenter(f"m{k}", queue_max=peer.BUFFER if k else None, failure=failure) for k in range(peer.LINE)
    )
    steps = tuple(
        Step(f"s{k}", f"m{k}", LogNormal(1.0, peer.CV) if k % 2 else Exponential(1.0))
        for k in range(peer.LINE)
    )
    return Plant(centers, (Product("p", steps, endless=True),), tick_s=TICK)


def shop_c() -> Plant:
    """Return model (c)."""
    products = tuple(
        Product(
            name,
            tuple(Step(f"s{k}", f"g{g}", Exponential(peer.MEANS[g])) for k, g in enumerate(route)),
            Exponential(1 / peer.RATES[name]),
        )
        for name, route in peer.ROUTES.items()
    )
    return Plant(tuple(WorkCenter(f"g{k}", m) for k, m in enumerate(peer.MACHINES)), products, tick_s=TICK)


def plant_p1() -> Plant:
    """Return P1."""
    told = peer.reference_plant()
    skill = {-1: None, **{k: f"skill{k}" for k in range(4)}}
    family = {-1: None, **{k: f"family{k}" for k in range(4)}}
    setups = {
        (before, family[b]): told["setup"][max(a, 0)][b] * MINUTE
        for a, before in family.items()
        for b in range(4)
    }
    centers = tuple(
        WorkCenter(
            group["name"], group["machines"], group["limit"], Rule(group["rule"]), "shifts",
            Failure(
                Weibull(group["mttf"] * MINUTE * math.gamma(1 + 1 / group["shape"]), group["shape"]),
                Exponential(group["mttr"] * MINUTE),
            ),
            setup_s=setups,
        )
        for group in told["groups"]
    )  # fmt: skip
    products = tuple(
        Product(
            f"P{number}",
            tuple(
                Step(
                    f"s{k}", told["groups"][step["group"]]["name"],
                    LogNormal(step["mean"] * MINUTE, told["cv"]), family[step["family"]],
                    skill[step["skill"]], step["move"] * MINUTE, step["good"],
                    f"s{step['rework']}" if step["rework"] >= 0 else None,
                )
                for k, step in enumerate(steps)
            ),
        )
        for number, steps in enumerate(told["products"])
    )  # fmt: skip
    orders = tuple(
        Order(f"o{k}", f"P{o['product']}", o["quantity"], o["release"] * MINUTE, o["due"] * MINUTE)
        for k, o in enumerate(told["orders"])
    )
    people = tuple(
        Operator(f"op{k}", frozenset(f"skill{each}" for each in skills))
        for k, skills in enumerate(told["people"])
    )
    shifts = tuple((since * MINUTE, until * MINUTE) for since, until in told["shifts"])
    return Plant(centers, products, orders, people, (), (Calendar("shifts", WEEK_S, shifts),))


def study_scenarios(count: int = 99) -> list[Scenario]:
    """Return close scenarios of P1: paces, failures, rules and repairs of its work centers, in turns."""
    names = [group["name"] for group in peer.reference_plant()["groups"]]
    found = []
    for number in range(1, count + 1):
        center = names[number * 7 % len(names)]
        change = (
            PaceScaled(center, 1.02 + 0.02 * (number % 5)),
            FailureScaled(center, time_to_times=1.2 + 0.2 * (number // 4 % 4)),
            RuleSet(center, list(Rule)[number // 4 % 5]),
            FailureScaled(center, repair_times=0.5),
        )[number % 4]
        found.append(Scenario(f"{number}", (change,)))
    return found


def variance_ratios(answer: Comparison, name: str) -> list[float]:
    """Return for each scenario how much smaller common luck makes the variance of its difference."""
    base = answer.values(AS_IT_IS, name)
    found = []
    for scenario in answer.scenarios[1:]:
        mine = answer.values(scenario.name, name)
        paired = float(np.var(mine - base, ddof=1))
        if paired > 0:
            found.append(float(np.var(mine, ddof=1) + np.var(base, ddof=1)) / paired)
    return found


STUDY_KPIS = ("flow_h", "orders_late", "orders_done")


def studies(plant: Plant, week_s: float, simpy_s: float) -> list[dict[str, Any]]:
    """Return the rows of 100 scenarios of P1: whole, as a race, beside their bare runs, and by common luck.

    Parameters
    ----------
    week_s : CPU seconds of one bare run, measured beside
    simpy_s : the same of SimPy
    """
    asked = study_scenarios()

    def study(racing: bool) -> Comparison:
        return compare(
            plant, asked, horizon_s=WEEK_S, kpis=STUDY_KPIS, seed=1, racing=racing, threads=2, replications=30
        )  # fmt: skip

    rows = []
    for racing, words, bar in ((False, "100 x 30 weeks of (P1)", 1.0), (True, "the same as a race", 0.35)):
        walls, cpus = [], []
        for _ in range(3):
            wall, cpu = time.perf_counter(), time.process_time()
            answer = study(racing)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        rows += in_seconds(f"{words}, compared, two threads", min(walls), bar, simpy_s)
        share = min(cpus) / (answer.replications * week_s)
        rows.append(row(f"{words}: CPU of all, over that of its {answer.replications} bare runs", share, "x"))
        if not racing:
            whole = answer
            for name in STUDY_KPIS:
                ratio = statistics.median(variance_ratios(answer, name))
                rows.append(row(f"common luck: variance of {name} is smaller by, median", ratio, "x",
                                bar=">= 3x", met=ratio >= 3))  # fmt: skip
        else:
            best, raced = whole.best(), answer.best()
            regret = whole[raced, "flow_h"].mean - whole[best, "flow_h"].mean
            rows.append(row("the race's winner is behind the study's, flow time", regret, "h",
                            bar="<= 0.05 h", met=regret <= 0.05))  # fmt: skip
    return rows


def row(name: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """Return one row of the table."""
    return {
        "area": AREA, "name": name, "value": value, "unit": unit, "peer": "", "peer_value": None,
        "ratio": None, "bar": None, "met": None, **more,
    }  # fmt: skip


def in_seconds(name: str, took_s: float, bar_s: float, simpy_s: float) -> list[dict[str, Any]]:
    """Return two rows of a figure with a bar in seconds: as it is, and in weeks of P1 that SimPy takes."""
    weeks_max = bar_s / THERE_S
    return [
        row(name, took_s, "s", bar=f"<= {bar_s:g} s", met=took_s <= bar_s),
        row(f"{name}: in SimPy's weeks", took_s / simpy_s, "weeks", peer="SimPy, a week of (P1), ms",
            peer_value=simpy_s * 1e3, bar=f"<= {weeks_max:.1f}", met=took_s / simpy_s <= weeks_max),
    ]  # fmt: skip


def unused(plant: Compiled) -> list[dict[str, Any]]:
    """Return what P1 costs beside the sketch's kernel; [] where there are no sketches."""
    if not SKETCHES.is_dir():
        print(
            f"what P1 does not use is not measured: no {SKETCHES.relative_to(ROOT.parent)} beside the project"
        )
        return []
    with tempfile.TemporaryDirectory() as folder:  # what it compiles is kept beside its sources
        shutil.copytree(SKETCHES, folder, dirs_exist_ok=True)
        sys.path.insert(0, folder)
        try:
            sketch, told = importlib.import_module("plant_k6"), importlib.import_module("plant").make()
        finally:
            sys.path.remove(folder)
        model = sketch.compile_plant(told)
        empty = sketch.fresh(model, jobs=512, nops=told["nops"])
        until = int(told["horizon"] * sketch.TICK)

        def simulated(count: int) -> None:
            for seed in range(count):
                sketch.simulate(*model, *(each.copy() for each in empty), seed, until, 2**62, 0)

        simulated(1)
        ours, theirs = [], []
        for _ in range(2 * ROUNDS):
            theirs.append(_cpu(lambda: simulated(200)) / 200)
            ours.append(_cpu(lambda: weeks(plant, 200)) / 200)
    ratio = statistics.median(mine / its for mine, its in zip(ours, theirs, strict=True))
    return [
        row("(P1) beside a kernel with what it uses and nothing else", statistics.median(ours) * 1e6,
            "us CPU", peer="the sketch's kernel", peer_value=statistics.median(theirs) * 1e6,
            ratio=round(ratio, 3), bar=f"<= {UNUSED:g}x its CPU", met=ratio <= UNUSED),
    ]  # fmt: skip


def _cpu(work: Callable[[], Any]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def begun(runs: int = 100) -> dict[str, Any]:
    """Return a row: what what-if takes to begin one run from the present, of that run.

    The demo plant at work on what it makes by itself, a week ahead, run after run as in a what-if.
    """
    registry = open_plant(Path(__file__).parents[1] / "examples" / "plants" / "northfield")
    frame = Frame(
        sequence=1, at_ns=NOON_NS, state_hash="0" * 64,
        units=[UnitDocument(unit=str(unit.id), time_class="production", since_ns=NOON_NS)
               for unit in registry.work_units],
        buffers=[BufferDocument(buffer=each.id, content=each.capacity // 2, capacity=each.capacity)
                 for each in registry.buffers],
    )  # fmt: skip
    week_s = 7 * 86_400.0
    here = present(registry, frame, {}, parameters=Parameters(), horizon_s=week_s)
    plant = compiled(here.plant)
    until = here.plant.ticks(week_s)
    state = here.begin(plant, 0, 0)
    advance(plant, state, until=until)
    started_s = ran_s = 0.0
    for number in range(runs):
        began_s = time.process_time()
        state = here.begin(plant, 1, number, state)
        begun_s = time.process_time()
        advance(plant, state, until=until)
        started_s += begun_s - began_s
        ran_s += time.process_time() - begun_s
    share = started_s / (started_s + ran_s)
    name = "a fork: the start of a what-if run from the present, of a run of a week (demo plant)"
    return row(name, share * 100, "%", bar="<= 0.5 %", met=share <= 0.005)


def beside(
    name: str, unit: str, ours: Callable[[int], Any], many: int, theirs: Callable[[int], Any], few: int
) -> dict[str, Any]:
    """Return a row: CPU time of one unit of work in both, the median ratio of alternating rounds."""
    ours(many)
    mine, simpys, ratios = [], [], []
    for number in range(ROUNDS):
        simpys.append(_cpu(lambda number=number: theirs(number)) / few)  # type: ignore[misc]
        mine.append(_cpu(lambda: ours(many)) / many)
        ratios.append(simpys[-1] / mine[-1])
    ratio = statistics.median(ratios)
    bar = BARS[name]
    return row(
        f"({name}) one {unit}", statistics.median(mine) * 1e6, "us CPU", peer="SimPy",
        peer_value=statistics.median(simpys) * 1e6, ratio=round(ratio, 1), bar=f">= {bar}x", met=ratio >= bar,
    )  # fmt: skip


def until_done(plant: Compiled) -> Callable[[int], State]:
    """Return a run of a plant until that many jobs are done."""
    return lambda jobs: advance(plant, fresh(plant, seed=1, jobs=2048), enough=jobs)


def week(number: int, state: State) -> tuple[int, int, float, int]:
    """Return orders done, late, hours of flow and reworks, as the model in SimPy does."""
    made = state["made"]
    done = int(made["done"].sum())
    return (
        done,
        int(made["late"].sum()),
        float(made["flow"].sum()) / done / 3.6e6,
        int(made["reworked"].sum()),
    )


def weeks(plant: Compiled, count: int, threads: int = 1) -> list[tuple[int, int, float, int]]:
    """Return what came of that many weeks of P1."""
    return replicate(plant, week, seed=1, replications=range(count), until_s=WEEK_S, threads=threads)


def agreement(plant: Compiled) -> list[dict[str, Any]]:
    """Return how far the two engines are apart on P1, in standard errors of the difference."""
    told = peer.reference_plant()
    ours = np.array(weeks(plant, 400), float)
    theirs = np.array([peer.WeekOfP1(told, seed).run() for seed in range(40)], float)
    error = np.sqrt(ours.var(0, ddof=1) / len(ours) + theirs.var(0, ddof=1) / len(theirs))
    apart = (ours.mean(0) - theirs.mean(0)) / error
    return [
        row(f"(P1) {name}", float(ours[:, k].mean()), unit, peer="SimPy",
            peer_value=float(theirs[:, k].mean()),
            bar="within 4 standard errors", met=bool(abs(apart[k]) < 4))
        for k, (name, unit) in enumerate(
            (("done", "orders"), ("late", "orders"), ("flow time", "h"), ("reworked", "jobs"))
        )
    ]  # fmt: skip


FIRST_ANSWER = """
import benchmarks.simulation as s
s.warm_up()
s.weeks(s.compiled(s.plant_p1()), 30)
"""


def _fresh_process(cache: str) -> float:
    """Return the seconds from the start of a process to its first answer, with the kernel's cache there."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST_ANSWER], cwd=ROOT, env=environment, check=True)
    return time.perf_counter() - began


def run() -> list[dict[str, Any]]:
    """Return the rows of this benchmark."""
    warm_up()
    p1 = compiled(plant_p1())
    b = compiled(line_b())
    told = peer.reference_plant()
    key = streams.replication_key(1, 0)
    rows = [
        beside("a", "customer", until_done(compiled(server_a())), 1_000_000,
               lambda seed: peer.single_server(100_000, seed), 100_000),
        beside("b", "part", until_done(b), 100_000, lambda seed: peer.line(10_000, seed), 10_000),
        beside("c", "job", until_done(compiled(shop_c())), 150_000,
               lambda seed: peer.shop(20_000, seed), 20_000),
        beside("P1", "week", lambda count: weeks(p1, count), 400,
               lambda seed: [peer.WeekOfP1(told, 10 * seed + k).run() for k in range(10)], 10),
        beside("b, max-plus", "part", lambda parts: maxplus.departures(b, key, parts), 400_000,
               lambda seed: peer.line(10_000, seed), 10_000),
        *agreement(p1),
    ]  # fmt: skip

    simpy_s = rows[3]["peer_value"] / 1e6
    rows += unused(p1)
    rows += studies(plant_p1(), rows[3]["value"] / 1e6, simpy_s)
    start = fresh(p1, seed=1)
    copy = State(p1, start.jobs, 0)
    fork = _cpu(lambda: [copy.become(start) for _ in range(10_000)]) / 1e4
    share = fork / (rows[3]["value"] / 1e6)
    rows.append(row("a copy of a fresh state, of a replication of (P1)", share * 100, "%"))
    rows.append(begun())
    cache = tempfile.mkdtemp(prefix="taktwin-cache-")
    try:
        cold = _fresh_process(cache)
        warm = min(_fresh_process(cache) for _ in range(3))
    finally:
        shutil.rmtree(cache)
    rows += in_seconds("new process to 30 weeks of (P1), kernel cached", warm, 1.0, simpy_s)
    rows += in_seconds("compiling the kernel, once a machine", cold - warm, 6.0, simpy_s)
    return rows


if __name__ == "__main__":
    for each in run():
        print(
            each["name"],
            each["value"],
            each["unit"],
            each["peer_value"],
            each["ratio"],
            each["bar"],
            each["met"],
        )
