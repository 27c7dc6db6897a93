"""Weeks of plants that nobody chose: advised, by fixed life, and by watchful people. Resumable.

    python -m tests.closed_loop.weeks [--plants 20] [--days 14] [--only N ...] [--jobs 2]

Wear, window, failures, spreads and cycles of each plant follow from the last commit that touched the analyst
or the ledger. Each plant has three arms, each in a process of its own; what is done for that commit is kept
under `var/soak/closed-loop` and not done again, and `docs/closed-loop.md` is written after each. An arm that
was stopped begins again: it takes minutes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import msgspec
import yaml

from taktwin.clock import SystemClock
from taktwin.ledger.tables import ClassRow, RecommendationRow
from taktwin.mes.resources import engine
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.activity import NAME, Activity
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.strict import StrictFile
from tests.closed_loop.exports import proven
from tests.closed_loop.house import DAY_NS, INSERT, Arm, House
from tests.closed_loop.line_alone import NORTHFIELD, written
from tests.closed_loop.world import World
from tools import physics_files, tool_wear

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "var" / "soak" / "closed-loop"
JUDGED = ("src/taktwin/analyst", "src/taktwin/ledger")
PLANTS, DAYS = 20, 14
BEGIN_NS = tool_wear.MONDAY_NS - 8 * 3600 * 10**9  # Sunday 22:00, when the week of three shifts begins
WINDOW_UM = (18.0, 32.0)  # half of it
STOPS = frozenset(
    NAME[each] for each in (Activity.TOOL_CHANGE, Activity.BROKEN, Activity.JAMMED, Activity.CLEARING)
)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One recommendation, and what became of it."""

    id: str
    at_ns: int
    shown: bool  # it was offered to people, and not kept to be compared
    state: str
    chosen: str
    promised: tuple[float, float, float]  # mean, 10 %, 90 % of the loss: less is better
    measured: tuple[float, float, float] | None = None
    result: str = ""
    ended_by: str = ""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What a day came to, by the plant's own truth."""

    made: int = 0  # parts that left the line
    worn: int = 0  # parts that were scrap because an insert was worn
    rejects: int = 0  # all of the lathes
    changes: int = 0  # of inserts
    change_min: float = 0.0  # that the lathes stood for them
    stop_min: float = 0.0  # that the lathes stood by their own cause
    cost: float = 0.0  # of worn parts, inserts, and people changing them


class Weeks(msgspec.Struct, frozen=True, kw_only=True):
    """What one arm of one plant came to."""

    commit: str
    number: int
    arm: str
    seed: int
    wear: dict[str, float]  # {} without drift
    window_um: float
    days: list[Day]
    cpu_s: float
    told: list[Told] = []
    level: str = ""  # of the class, at the end
    versions: int = 0  # of the model that went live
    ledger: int = 0  # entries, each bound to the one before
    opened: int = 0  # references of the ledger's entries that were found in the MES's journal or the history
    faults: list[str] = []  # what could not be opened, or does not hold


def judged_commit() -> str:
    """Return the last commit that touched the analyst or the ledger; without git a hash of their content."""
    done = subprocess.run(["git", "log", "-1", "--format=%H", "--", *JUDGED], cwd=ROOT, capture_output=True,
                          text=True, check=False)  # fmt: skip
    if done.returncode == 0 and done.stdout.strip():
        return done.stdout.strip()
    content = hashlib.sha256()
    for folder in JUDGED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            content.update(path.read_bytes())
    return content.hexdigest()


def seed_of(commit: str, number: int) -> int:
    """Return the seed of a plant: all its arms have the same."""
    return int.from_bytes(hashlib.sha256(f"closed loop/{commit}/{number}".encode()).digest()[:6])


def plant_of(commit: str, number: int, folder: Path) -> tuple[Registry, Physics, float]:
    """Write the plant folder and physics of a number; return both, and half the window in micrometres."""
    half_um = round(Random(seed_of(commit, number)).uniform(*WINDOW_UM), 1)
    written(folder)
    main = folder / "plant.yaml"
    plant = StrictFile(main).document
    window = plant["characteristics"]["turned_diameter"]
    window["lower"] = round(window["nominal"] - half_um / 1000, 4)
    window["upper"] = round(window["nominal"] + half_um / 1000, 4)
    main.write_text(yaml.safe_dump(plant, sort_keys=False, allow_unicode=True), encoding="utf-8")
    base = StrictFile(NORTHFIELD / "physics.yaml").document
    made = physics_files.document(base, commit, number)
    (folder / "physics.yaml").write_text(yaml.safe_dump(made, sort_keys=False), encoding="utf-8")
    facts = tool_wear.wearing(physics.load(folder / "physics.yaml"), commit, number)
    wear = dataclasses.replace(facts.causes.insert_wear, tolerance_um=half_um)
    facts = dataclasses.replace(facts, causes=dataclasses.replace(facts.causes, insert_wear=wear))
    return open_plant(folder), facts, half_um


def played(
    commit: str, number: int, arm: Arm, folder: Path, *, days: int = DAYS, recorded: bool = False
) -> Weeks:
    """Play one arm of one plant, prove its ledger, and return what it came to.

    Parameters
    ----------
    recorded : whether what its rooms heard is written down, under `world` of the folder
    """
    engine.COST = 1  # what a hash costs is no part of it
    began_s = _cpu_s()
    shutil.rmtree(folder, ignore_errors=True)
    registry, facts, half_um = plant_of(commit, number, folder / "plant")
    seed = seed_of(commit, number)
    world = World(folder / "world", registry) if recorded else None
    house = House(registry, facts, seed=seed, start_ns=BEGIN_NS, arm=arm, folder=folder, world=world)
    clock = SystemClock()
    wall_ns = clock.monotonic_ns()

    def progress(now_ns: int) -> None:
        if (now_ns - BEGIN_NS) % DAY_NS == 0:
            took_s = (clock.monotonic_ns() - wall_ns) / 1e9
            print(f"plant {number:02d} {arm}: day {(now_ns - BEGIN_NS) // DAY_NS}, {took_s:.0f} s, "
                  f"{_cpu_s() - began_s:.0f} s of processor", flush=True)  # fmt: skip

    house.run(BEGIN_NS + days * DAY_NS, progress)
    house.end()
    wear = facts.causes.insert_wear
    drifts = {"drift_um": wear.drift_um, "spread": wear.spread, "scatter_um": wear.scatter_um}
    whole = Weeks(
        commit=commit, number=number, arm=arm.value, seed=seed, wear=drifts if wear.on else {},
        window_um=half_um, days=[_day(house, registry, day) for day in range(days)],
        cpu_s=round(_cpu_s() - began_s, 1),
    )  # fmt: skip
    if arm is Arm.ADVISED:
        whole = _advised(house, whole)
    house.leave(folder)
    if arm is Arm.ADVISED:
        entries, opened, faults = proven(folder, house.rooms.registry)
        whole = msgspec.structs.replace(whole, ledger=entries, opened=opened, faults=faults)
    return msgspec.structs.replace(whole, cpu_s=round(_cpu_s() - began_s, 1))


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system


def _day(house: House, registry: Registry, day: int) -> Day:
    money = registry.economics
    assert money is not None and money.labour_per_h is not None, "the plant knows what things cost"
    stood = {
        (unit, activity): ns / 60e9
        for (at, unit, activity), ns in house.stood_ns.items() if at == day and unit in house.lathes
    }  # fmt: skip
    change_min = sum(minutes for (_, what), minutes in stood.items() if what == NAME[Activity.TOOL_CHANGE])
    worn = {key: n for key, n in house.worn.items() if key[0] == day}
    changes = house.changes[day]
    scrap = sum(money.scrap_cost_per_part[product] * n for (_, product), n in worn.items())
    return Day(
        made=house.made[day], worn=sum(worn.values()), rejects=house.rejects[day], changes=changes,
        change_min=round(change_min, 3),
        stop_min=round(sum(minutes for (_, what), minutes in stood.items() if what in STOPS), 3),
        cost=round(scrap + changes * money.tool_cost[INSERT] + change_min / 60 * money.labour_per_h, 4),
    )  # fmt: skip


def _advised(house: House, whole: Weeks) -> Weeks:
    book = house.rooms.ledger_store.book
    told = []
    for row in sorted(book.where(RecommendationRow), key=lambda row: row.whole.proposed_ns):
        document = row.whole
        loss, outcome = document.proposal.effects[0].difference, document.outcome
        seen = None if outcome is None else outcome.observed_effect[0].measured
        told.append(Told(
            id=document.id, at_ns=document.proposed_ns, shown=document.level.value != "observe",
            state=document.state.value, chosen=document.proposal.proof.chosen,
            promised=(loss.mean, loss.p10, loss.p90),
            measured=None if seen is None else (seen.mean, seen.p10, seen.p90),
            result="" if outcome is None else outcome.result.value,
            ended_by="" if document.ended_by is None else document.ended_by.text,
        ))  # fmt: skip
    [record] = [row.whole for row in book.where(ClassRow)] or [None]
    return msgspec.structs.replace(
        whole, told=told, level="" if record is None else record.level.value, versions=len(house.promoted)
    )


# All of them


def out(commit: str, number: int, arm: Arm, days: int) -> Path:
    """Return where a result is kept."""
    return RESULTS / commit[:12] / f"{days}-days" / f"plant-{number:02d}-{arm.name.lower()}.json"


def kept(commit: str, number: int, arm: Arm, days: int) -> Weeks | None:
    """Return the result of an arm if it was played for this commit."""
    try:
        return msgspec.json.decode(out(commit, number, arm, days).read_bytes(), type=Weeks)
    except (OSError, msgspec.DecodeError):
        return None


def keep(found: Weeks) -> None:
    """Keep what an arm came to: it is not played again for this commit."""
    path = out(found.commit, found.number, Arm(found.arm), len(found.days))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    aside.replace(path)


def one(commit: str, number: int, arm: Arm, days: int) -> Weeks:
    """Return what an arm came to, played in a process of its own where that was not done before."""
    there = kept(commit, number, arm, days)
    if there is None:
        words = [commit, str(number), arm.name, str(days)]
        subprocess.run([sys.executable, "-m", "tests.closed_loop.weeks", "one", *words], cwd=ROOT, check=True)
        there = kept(commit, number, arm, days)
    assert there is not None, "what was played is kept"
    return there


def _one(words: Sequence[str]) -> int:
    commit, number, arm, days = words[0], int(words[1]), Arm[words[2]], int(words[3])
    keep(played(commit, number, arm, out(commit, number, arm, days).with_suffix(""), days=days))
    return 0


def main(words: Sequence[str]) -> int:
    """Play all that are not yet played, and write the page."""
    if words[:1] == ["one"]:
        return _one(words[1:])
    from tests.closed_loop import report  # not for those who only play

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plants", type=int, default=PLANTS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of plants")
    parser.add_argument("--jobs", type=int, default=1, help="arms at a time")
    parser.add_argument("--commit", default=judged_commit())
    options = parser.parse_args(words)
    numbers = range(options.plants) if options.only is None else options.only
    turn = [(number, arm) for number in numbers for arm in Arm]

    def play(which: tuple[int, Arm]) -> Weeks | None:
        try:
            return one(options.commit, *which, options.days)
        except subprocess.CalledProcessError:  # it has said why; the others are not stopped by it
            print(f"plant {which[0]:02d} {which[1]}: was not played to its end", flush=True)
            return None
        finally:
            report.write(options.commit, options.days)

    with ThreadPoolExecutor(options.jobs) as pool:
        done = list(pool.map(play, turn))
    return 1 if any(each is None or each.faults for each in done) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
