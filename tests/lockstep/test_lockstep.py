"""The virtual plant ran on the MES: genealogy equals the truth, counts differ by listed mistakes only."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from taktwin.clock import SystemClock
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.mes import MIGRATIONS
from taktwin.mes.desk import rebuilt
from taktwin.mes.resources import engine
from taktwin.mes.stores import MemoryStore, SqlStore
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes.database import Database
from taktwin.settings import Installation
from taktwin.storage import database, journal
from taktwin.storage.book import MemoryBook
from taktwin.virtual_plant import physics
from tests.lockstep.compare import Journal, Result, compare, table
from tests.lockstep.errors import CHANGES_NOTHING
from tests.lockstep.floor import HOUR_NS, Site

PLANT = Path(__file__).resolve().parents[2] / "examples" / "plants" / "northfield"
REPORTS = Path(__file__).resolve().parents[2] / "var" / "reports"
PHYSICS = physics.load(PLANT / "physics.yaml")
VIENNA = ZoneInfo("Europe/Vienna")
UNTOLD = ("readings", "positions", "credentials", "changes")


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a hash is no part of what is compared."""
    monkeypatch.setattr(engine, "COST", 1)


@cache
def northfield() -> Registry:
    return open_plant(PLANT)


def in_zone(folder: Path, zone: str) -> Registry:
    """Return the demo plant as if it stood elsewhere."""
    shutil.copytree(PLANT, folder / "plant")
    main = folder / "plant" / "plant.yaml"
    text = re.sub(r"time_zone: \S+", f"time_zone: {zone}", main.read_text(encoding="utf-8"))
    main.write_text(text, encoding="utf-8")
    return open_plant(folder / "plant")


def at(zone: ZoneInfo, *clock: int) -> int:
    return int(datetime(*clock, tzinfo=zone).timestamp()) * SECOND_NS  # type: ignore[misc, arg-type]


def played(
    registry: Registry, from_ns: int, to_ns: int, *, seed: int = 5, **more: object
) -> tuple[Site, Result]:
    site = Site(registry, PHYSICS, seed=seed, start_ns=from_ns, **more)  # type: ignore[arg-type]
    site.run(to_ns)
    told = Journal()
    assert isinstance(site.store, MemoryStore)
    told.read(site.store.entries)
    return site, compare(site, site.facts, told)


# In Vienna clocks change on Sundays, when the lines rest. In Cairo they change in a night shift.
@pytest.mark.parametrize(
    ("evening", "morning", "hours", "day_h"),
    [((2026, 4, 23), (2026, 4, 24), 7, 23), ((2026, 10, 29), (2026, 10, 30), 9, 25)],
)
def test_one_shift_equals_the_truth_also_in_the_nights_when_the_clocks_change(
    tmp_path: Path, evening: tuple[int, int, int], morning: tuple[int, int, int], hours: int, day_h: int
) -> None:
    registry = in_zone(tmp_path, "Africa/Cairo")
    cairo = ZoneInfo("Africa/Cairo")
    from_ns, to_ns = at(cairo, *evening, 22, 0), at(cairo, *morning, 6, 0)
    calendar = registry.calendars["three_shifts"]
    shift, day = calendar.shift_at(from_ns), calendar.production_day(from_ns)
    assert shift is not None and (shift.from_ns, shift.to_ns) == (from_ns, to_ns)
    assert (to_ns - from_ns, day.to_ns - day.from_ns) == (hours * HOUR_NS, day_h * HOUR_NS)
    site, result = played(registry, from_ns, to_ns)
    print(table(result, site.mistakes))
    assert result.faults == []
    # There was something to compare, and somebody made mistakes.
    assert result.units > 60 * hours and result.counted > 300 * hours and result.held > 0
    assert len(site.mistakes) > 3 and result.explained > 0
    for mistake in site.mistakes:
        assert mistake.kind not in CHANGES_NOTHING or not mistake.explained
    assert isinstance(site.store, MemoryStore) and isinstance(site.book, MemoryBook)
    assert journal.verify(site.store.entries).broken is None
    tables = {key: row for key, row in site.book.rows.items() if key[0] not in UNTOLD}
    assert {k: r for k, r in rebuilt(site.store.entries).rows.items() if k[0] not in UNTOLD} == tables


@pytest.mark.parametrize(
    ("mutant", "words"),
    [
        ({"drop_count_every": 700}, "way of"),
        ({"swap_serials": True}, "way of"),
        ({"ignore_holds": True}, "was held, and"),
    ],
)
def test_what_is_lost_swapped_or_ignored_is_found(mutant: dict[str, int], words: str) -> None:
    from_ns = at(VIENNA, 2026, 6, 15, 6, 0)
    _, result = played(northfield(), from_ns, from_ns + 3 * HOUR_NS, mistakes_on=False, **mutant)
    assert any(words in fault for fault in result.faults), result.faults[:3]


@pytest.mark.soak
def test_two_weeks_equal_the_truth() -> None:
    clock = SystemClock()
    began = clock.monotonic_ns()
    from_ns, to_ns = at(VIENNA, 2026, 6, 14, 22, 0), at(VIENNA, 2026, 6, 27, 6, 0)
    REPORTS.mkdir(parents=True, exist_ok=True)

    def progress(now_ns: int) -> None:
        if now_ns % (24 * HOUR_NS) == 0:
            print(rfc3339(now_ns)[:10], f"{(clock.monotonic_ns() - began) / 1e9:.0f} s", flush=True)

    site = Site(northfield(), PHYSICS, seed=11, start_ns=from_ns)
    site.run(to_ns, progress)
    told = Journal()
    assert isinstance(site.store, MemoryStore)
    told.read(site.store.entries)
    result = compare(site, site.facts, told)
    lasted_s = (clock.monotonic_ns() - began) / SECOND_NS
    done = (
        f"{len(site.store.entries):,} facts, {site.asked:,} commands of people, {site.heard:,} values heard"
    )
    lines = [table(result, site.mistakes), f"{done}, {lasted_s:.0f} s.", ""]
    lines += ["| no. | when | where | mistake | what it was | differences |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {m.number} | {rfc3339(m.at_ns)[:16].replace('T', ' ')} | {m.place} | {m.kind} | {m.words} "
        f"| {m.explained} |"
        for m in site.mistakes
    ]
    (REPORTS / "lockstep.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines[:3]))
    assert result.faults == []
    assert journal.verify(site.store.entries).broken is None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Database]:
    """A PostgreSQL of its own."""
    one = Database(Installation(data_dir=str(tmp_path), plant_dir=str(PLANT)))
    asyncio.run(one.start())
    with one.connect() as root:
        database.migrate(root, schema="mes", role="mes", migrations=MIGRATIONS)
    yield one
    asyncio.run(one.stop())


@pytest.mark.soak
def test_one_shift_over_postgresql_equals_the_truth_and_the_tables_equal_the_journal(
    server: Database,
) -> None:
    hours = float(os.environ.get("TAKTWIN_LOCKSTEP_HOURS", "8"))
    store = SqlStore(lambda: database.connect(server.url("mes"), password=server.passwords["mes"]))
    from_ns = at(VIENNA, 2026, 6, 15, 6, 0)
    site = Site(northfield(), PHYSICS, seed=5, start_ns=from_ns, store=store)
    site.run(from_ns + round(hours * HOUR_NS))
    told = Journal()
    with store.begin() as transaction:
        connection = transaction._connection  # type: ignore[attr-defined]
        entries = list(journal.everything(connection))
        told.read(entries)
        result = compare(site, site.facts, told)
        print(table(result, site.mistakes))
        assert result.faults == [] and journal.verify(entries).broken is None
        mirror = site.book
        assert isinstance(mirror, MemoryBook)
        for kind in {type(row) for (name, _), row in mirror.rows.items() if name not in UNTOLD}:
            assert transaction.book.where(kind) == mirror.where(kind)
    store.close()
