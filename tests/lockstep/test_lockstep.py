"""The virtual plant ran on the MES: genealogy equals the truth, counts differ by listed mistakes only."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections import Counter as Tally
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
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes.database import Database
from taktwin.settings import Installation
from taktwin.storage import database, journal
from taktwin.storage.book import MemoryBook
from taktwin.storage.stores import MemoryStore, SqlStore
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.truth import TruthPassage
from tests.lockstep import keeping
from tests.lockstep.compare import Journal, compare, table
from tests.lockstep.crew import GROUPS
from tests.lockstep.errors import CHANGES_NOTHING
from tests.lockstep.floor import Site
from tests.lockstep.people import HOUR_NS
from tests.lockstep.result import Result
from tests.lockstep.tape import OtherPlant

PLANT = Path(__file__).resolve().parents[2] / "examples" / "plants" / "northfield"
REPORTS = Path(__file__).resolve().parents[2] / "var" / "reports"
PHYSICS = physics.load(PLANT / "physics.yaml")
VIENNA = ZoneInfo("Europe/Vienna")
UNTOLD = ("readings", "positions", "credentials", "changes", "machine_spans", "machine_edges")


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
    site.end()
    site.close()
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
    print(table(result, site.people.mistakes))
    assert result.faults == []
    # There was something to compare, and somebody made mistakes.
    assert result.units > 60 * hours and result.counted > 300 * hours and result.held > 0
    assert len(site.people.mistakes) > 3 and result.explained > 0
    assert result.stops > 3 * hours and result.recodings > 0 and result.values > 0
    assert result.labour > 20 * hours and result.labour_times > 2 * hours * HOUR_NS
    for mistake in site.people.mistakes:
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
    ],
)
def test_what_is_lost_or_swapped_is_found(mutant: dict[str, int], words: str) -> None:
    from_ns = at(VIENNA, 2026, 6, 15, 6, 0)
    _, result = played(northfield(), from_ns, from_ns + 2 * HOUR_NS, mistakes_on=False, **mutant)
    assert any(words in fault for fault in result.faults), result.faults[:3]


def test_lost_states_ignored_holds_forgotten_log_offs_and_machines_that_lie_are_found() -> None:
    # Four at once: each is seen by a comparison of its own, and by no other one.
    from_ns = at(VIENNA, 2026, 6, 15, 12, 0)
    _, result = played(northfield(), from_ns, from_ns + 3 * HOUR_NS, mistakes_on=False, drop_state_every=7,
                       ignore_holds=True, forget_log_offs=True, machine_lies=True)  # fmt: skip
    for words in ("stop of ", "was held, and ", "labour of ", "parameter set/torque of "):
        assert any(words in fault for fault in result.faults), (words, result.faults[:9])


def test_a_run_that_ended_with_its_process_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """A shift's end, the process ends, another one goes on: as if nothing had been."""
    from_ns = at(VIENNA, 2026, 6, 15, 13, 0)
    shift_end_ns, to_ns = from_ns + HOUR_NS, from_ns + 2 * HOUR_NS
    whole = Site(northfield(), PHYSICS, seed=7, start_ns=from_ns)
    whole.run(shift_end_ns)
    whole.run(to_ns)
    first = Site(northfield(), PHYSICS, seed=7, start_ns=from_ns, folder=tmp_path / "commander")
    first.run(shift_end_ns)
    keeping.keep(first, tmp_path / "kept")
    first.close()
    # In a process of its own, which knows nothing but what is on disk.
    program = (
        "import sys; from pathlib import Path; from tests.lockstep.test_lockstep import go_on;"
        f"go_on(Path({str(tmp_path)!r}), {to_ns})"
    )
    subprocess.run([sys.executable, "-c", program], cwd=keeping.ROOT, check=True, timeout=120)
    again = keeping.resumed(northfield(), PHYSICS, tmp_path / "kept", tmp_path / "third")
    for site in (whole, again):
        site.end()
        site.close()
    assert isinstance(whole.store, MemoryStore) and isinstance(again.store, MemoryStore)
    assert len(again.entries) > 1000 and again.entries == whole.entries
    assert again.facts == whole.facts
    assert again.store.book.rows == whole.store.book.rows and again.store.answers == whole.store.answers
    assert again.people.presences == whole.people.presences and again.labour == whole.labour
    assert again.people.mistakes == whole.people.mistakes and again.plant.last == whole.plant.last
    assert again.people.chance.getstate() == whole.people.chance.getstate()


def go_on(folder: Path, to_ns: int) -> None:
    """Let a run that was kept go on up to an instant, and keep it again."""
    engine.COST = 1
    site = keeping.resumed(northfield(), PHYSICS, folder / "kept", folder / "second")
    site.run(to_ns)
    keeping.keep(site, folder / "kept")
    site.close()


def test_what_was_kept_of_another_plant_does_not_go_on(tmp_path: Path) -> None:
    from_ns = at(VIENNA, 2026, 6, 15, 6, 0)
    site = Site(northfield(), PHYSICS, seed=7, start_ns=from_ns, folder=tmp_path / "commander")
    site.run(from_ns + HOUR_NS // 4)
    site.seed = 8  # another plant is made of it
    keeping.keep(site, tmp_path / "kept")
    site.close()
    with pytest.raises(OtherPlant):
        keeping.resumed(northfield(), PHYSICS, tmp_path / "kept", tmp_path / "second")


@pytest.mark.soak
def test_two_weeks_equal_the_truth() -> None:
    clock = SystemClock()
    began = clock.monotonic_ns()
    from_ns, to_ns = at(VIENNA, 2026, 6, 14, 22, 0), at(VIENNA, 2026, 6, 27, 6, 0)
    REPORTS.mkdir(parents=True, exist_ok=True)

    kept, folder = REPORTS / "lockstep.kept", REPORTS / "lockstep.commander"
    try:
        site = keeping.resumed(northfield(), PHYSICS, kept, folder)
        print("goes on at", rfc3339(site.plant.now_ns), flush=True)
    except (FileNotFoundError, keeping.OtherCode):
        shutil.rmtree(folder, ignore_errors=True)
        site = Site(northfield(), PHYSICS, seed=11, start_ns=from_ns, folder=folder)

    def progress(now_ns: int) -> None:
        took_s = (clock.monotonic_ns() - began) / SECOND_NS
        if now_ns % (24 * HOUR_NS) == 0:
            print(rfc3339(now_ns)[:10], f"{took_s:.0f} s", flush=True)

    shift_ns = 8 * HOUR_NS
    while site.plant.now_ns < to_ns:
        site.run(min(to_ns, site.plant.now_ns + shift_ns), progress)
        keeping.keep(site, kept)
    result = reported(site, (clock.monotonic_ns() - began) / SECOND_NS)
    assert result.faults == []
    assert journal.verify(site.entries).broken is None
    # No shift in which the plant stood, but for the first hour, which fills it.
    calendar = site.registry.calendars["three_shifts"]
    made: Tally[int] = Tally()
    for fact in site.facts:
        shift = calendar.shift_at(fact.at_ns) if isinstance(fact, TruthPassage) else None
        if shift is not None and shift.id in GROUPS:
            made[shift.from_ns] += 1
    assert len(made) == 32 and min(made.values()) > 1000, sorted(made.items())
    kept.unlink()


def reported(site: Site, lasted_s: float) -> Result:
    """Compare a run that is over, and write the report that docs/lockstep.md is made of."""
    site.end()
    site.close()
    told = Journal()
    told.read(site.entries)
    result = compare(site, site.facts, told)
    facts, heard = f"{len(site.entries):,} facts", f"{site.heard:,} values heard"
    done = f"{facts}, {site.people.asked:,} commands of people, {heard}"
    lines = [table(result, site.people.mistakes), f"{done}, {lasted_s:.0f} s.", *result.faults, ""]
    lines += ["| no. | when | where | mistake | what it was | differences |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {m.number} | {rfc3339(m.at_ns)[:16].replace('T', ' ')} | {m.place} | {m.kind} | {m.words} "
        f"| {m.explained} |"
        for m in site.people.mistakes
    ]
    (REPORTS / "lockstep.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return result


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Database]:
    """A PostgreSQL of its own."""
    one = Database(Installation(data_dir=str(tmp_path), plant_dir=str(PLANT)))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(one.start())
    with one.connect() as root:
        database.migrate(root, schema="mes", role="mes", migrations=MIGRATIONS)
    yield one
    loop.run_until_complete(one.stop())
    loop.close()


def over_postgresql(server: Database, hours: float) -> Result:
    """Run a stretch of a shift over PostgreSQL, and return what the comparison found."""
    store = SqlStore(lambda: database.connect(server.url("mes"), password=server.passwords["mes"]))
    from_ns = at(VIENNA, 2026, 6, 15, 6, 0)
    site = Site(northfield(), PHYSICS, seed=5, start_ns=from_ns, store=store)
    site.run(from_ns + round(hours * HOUR_NS))
    site.end()
    site.close()
    told = Journal()
    with store.begin() as transaction:
        connection = transaction._connection  # type: ignore[attr-defined]
        entries = list(journal.everything(connection))
        told.read(entries)
        result = compare(site, site.facts, told)
        print(table(result, site.people.mistakes))
        assert result.faults == [] and journal.verify(entries).broken is None
        mirror = site.book
        assert isinstance(mirror, MemoryBook)
        for kind in {type(row) for (name, _), row in mirror.rows.items() if name not in UNTOLD}:
            assert transaction.book.where(kind) == mirror.where(kind)
    store.close()
    return result


def test_a_stretch_over_postgresql_equals_the_truth(server: Database) -> None:
    result = over_postgresql(server, 0.4)
    assert result.counted > 50 and result.labour > 5


@pytest.mark.soak
def test_one_shift_over_postgresql_equals_the_truth_and_the_tables_equal_the_journal(
    server: Database,
) -> None:
    result = over_postgresql(server, 8)
    assert result.units > 400 and result.stops > 20
