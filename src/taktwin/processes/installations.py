"""Decide how an installation runs: which plant, which clock, which folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from taktwin.clock import SystemClock
from taktwin.errors import ConfigError, Mistake
from taktwin.instants import SECOND_NS
from taktwin.plant.load import PLAN_FILE
from taktwin.plant.plan import is_plant
from taktwin.plant.registry import Registry
from taktwin.settings import Installation

DAY_NS = 86_400 * SECOND_NS
LOOK_AHEAD_NS = 3600 * SECOND_NS
MARK = ".taktwin"  # stands in every data folder of ours; no other folder is ever emptied


def example_plant(name: str) -> Path:
    """Return the folder of a plant that comes with the product.

    Raises
    ------
    ConfigError
        If there is no such plant, with those that exist.
    """
    here = Path(__file__).resolve()
    for root in (here.parents[3] / "examples" / "plants", here.parents[1] / "examples" / "plants"):
        if (root / name / "plant.yaml").exists():
            return root / name
        if root.is_dir():
            known = ", ".join(sorted(p.name for p in root.iterdir() if (p / "plant.yaml").exists()))
            raise ConfigError(
                [Mistake("command line", 1, "--plant", name, f"a plant folder, or one of {known}")]
            )
    raise ConfigError([Mistake("command line", 1, "--plant", name, "a folder with a plant.yaml")])


def plant_folder(word: str) -> Path:
    """Return the plant folder that a person named: a path, or the name of an example."""
    folder = Path(word)
    return folder.resolve() if is_plant(folder) else example_plant(word)


def plan_folder(word: str) -> Path:
    """Return the folder of a plan that a person named: a path, or the name of an example.

    Raises
    ------
    ConfigError
        If there is no such plan, with those that exist.
    """
    root = Path(__file__).resolve().parents[3] / "examples" / "plans"
    for folder in (Path(word), root / word):
        if (folder / PLAN_FILE).exists():
            return folder.resolve()
    known = ", ".join(sorted(each.parent.name for each in root.glob(f"*/{PLAN_FILE}")))
    right = f"a folder with a {PLAN_FILE}" + (f", or one of {known}" if known else "")
    raise ConfigError([Mistake("command line", 1, "plan", word, right)])


def working_epoch_ns(registry: Registry, wall_now_ns: int) -> int:
    """Return the plant time at which a demo starts: now, or the most recent day on which this plant
    worked at about this time of day and an hour later.

    Who opens the demo on a Sunday wants to see a plant at work all the same.
    """
    calendars = [
        registry.calendars[e.calendar] for e in registry.work_units if e.calendar in registry.calendars
    ]
    for days_back in range(8):
        # Not in a break, nor just before one: then the same hour, a little earlier or later.
        for minutes in (0, -30, 30, -60, 60, -90, 90):
            at_ns = wall_now_ns - days_back * DAY_NS + minutes * 60 * SECOND_NS
            if all(c.planned(at_ns) and c.planned(at_ns + LOOK_AHEAD_NS) for c in calendars):
                return at_ns
    return wall_now_ns


def demo(
    registry: Registry,
    *,
    data_dir: Path,
    speed: float,
    seed: int,
    http_port: int = 0,
    start_ns: int | None = None,
) -> Installation:
    """Return the installation of a demo that starts from nothing: its data folder is emptied.

    A folder that holds something and was not made by taktwin is refused, never emptied.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        if not (data_dir / MARK).exists():
            mistake = Mistake(
                "command line", 1, "--data", str(data_dir), "an empty folder or an earlier demo's"
            )
            raise ConfigError([mistake])
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / MARK).write_text("demo\n", encoding="utf-8")
    wall_ns = SystemClock().now_ns()
    recorded = "recording" in registry.demo
    epoch_ns = start_ns or (wall_ns if recorded else working_epoch_ns(registry, wall_ns))
    return Installation(
        data_dir=str(data_dir.resolve()), plant_dir=registry.folder, demo=True, seed=seed, speed=speed,
        epoch_ns=epoch_ns, wall_epoch_ns=wall_ns, http_port=http_port,
    )  # fmt: skip


def commissioning(
    registry: Registry,
    *,
    folder: Path,
    data_dir: Path,
    speed: float,
    seed: int,
    failures: bool = True,
    http_port: int = 0,
    start_ns: int | None = None,
) -> Installation:
    """Return the installation of a plan's commissioning, which starts from nothing as a demo does.

    As there, no address of the plant folder is ever connected to: nothing real hears of it.
    """
    like_a_demo = demo(
        registry, data_dir=data_dir, speed=speed, seed=seed, http_port=http_port, start_ns=start_ns
    )
    return msgspec.structs.replace(like_a_demo, plant_dir=str(folder), commissioning=True, failures=failures)


def production(
    registry: Registry, *, data_dir: Path, http_port: int = 0, mqtt_port: int = 0, nats_url: str = "",
    public_url: str = "",
) -> Installation:  # fmt: skip
    """Return the installation of a real plant: plant time is wall time, data stay."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / MARK).write_text("installation\n", encoding="utf-8")
    return Installation(
        data_dir=str(data_dir.resolve()), plant_dir=registry.folder, http_port=http_port,
        mqtt_port=mqtt_port, nats_url=nats_url, public_url=public_url,
    )  # fmt: skip
