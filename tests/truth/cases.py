"""The days that are compared, and what came of each."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from taktwin.contracts.state import IntervalMessage
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.virtual_plant import physics as physics_files
from taktwin.virtual_plant.model import DEFAULT_PERIOD_S
from tests.truth import compare, harness, physics_generator
from tests.truth.compare import Comparison
from tests.truth.harness import Outage, Played
from tests.truth.physics_generator import PLANT, ROOT

DAY_NS = 86_400 * SECOND_NS
RESULTS = ROOT / "var" / "soak" / "truth"
PHYSICS_FILES = 20

# A Wednesday, from midnight to midnight in Vienna: three shifts with six breaks.
DAY_FROM_NS = parse_rfc3339("2026-06-16T22:00:00Z")
WEEK_FROM_NS = parse_rfc3339("2026-06-14T10:00:00Z")  # a Sunday noon: the week's work begins at 22:00


def _at(clock: str) -> int:
    """Return an instant of the day by the clock in the hall (Vienna is two hours ahead of UTC)."""
    hours, minutes, seconds = clock.split(":")
    return DAY_FROM_NS + round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * SECOND_NS)


# Of every kind; over a shift change, over a break, within another one, very short, and on what the
# inferred cells need.
DAY_OUTAGES = (
    Outage("kill_gateway", "", _at("00:40:10.3"), _at("00:40:12.9")),
    Outage("cut_server", "line2", _at("03:58:30.25"), _at("04:17:02.75")),  # over a break
    Outage("cut_server", "line1", _at("05:50:00.4"), _at("06:20:00.6")),  # over a shift change
    Outage("cut_server", "line1", _at("08:10:05.5"), _at("08:10:09.1")),
    Outage("freeze_server", "line5", _at("10:00:00.15"), _at("10:07:30.95")),
    Outage("bad_signal", "hob1/state", _at("11:20:00.5"), _at("11:40:00.25")),  # into a break
    Outage("kill_gateway", "", _at("13:59:20.7"), _at("14:01:05.2")),  # over a shift change
    Outage("cut_server", "furnace", _at("15:30:00.6"), _at("15:52:00.1")),
    Outage("freeze_server", "line4", _at("16:05:00"), _at("16:05:07.5")),
    Outage("silence_sensor", "zone_c/temperature_west", _at("16:30:00"), _at("17:30:00")),
    Outage("bad_signal", "deburr1/power", _at("18:00:00.2"), _at("18:04:00.8")),
    Outage("cut_server", "line3", _at("20:30:00.9"), _at("20:45:00.9")),
    Outage("kill_gateway", "", _at("20:40:00.1"), _at("20:50:00.4")),  # within the cut, and beyond it
    Outage("cut_server", "line5", _at("22:59:59.9"), _at("23:10:00")),
)  # fmt: skip


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of one plant that is compared."""

    name: str
    from_ns: int
    to_ns: int
    seed: int
    outages: Sequence[Outage] = ()
    physics: str = str(PLANT / "physics.yaml")
    warm_up_h: float = 2.0


class UnitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came out for one unit, in seconds."""

    unit: str
    kind: str
    compared_s: float
    boundaries: int
    true_s: dict[str, float]
    twin_s: dict[str, float]
    moved_s: float  # disagreement within the tolerance, away from outages
    worst_s: float  # the worst boundary, away from outages
    worst_unknown_s: float  # the worst boundary of an outage
    wrong_s: float
    wrong: list[str]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of one case."""

    case: str
    commit: str
    from_ns: int
    to_ns: int
    seed: int
    outages: int
    readings: int
    scans: int
    units: list[UnitResult]

    @property
    def wrong_s(self) -> float:
        """Return for how many unit-seconds the twin was wrong."""
        return sum(unit.wrong_s for unit in self.units)

    @property
    def wrong(self) -> list[str]:
        """Return everything that was wrong."""
        return [f"{unit.unit}: {each}" for unit in self.units for each in unit.wrong]


@dataclass
class Bench:
    """The plant that all cases share."""

    registry: Registry = field(default_factory=lambda: open_plant(PLANT))

    def play(self, case: Case, **more: object) -> Played:
        """Play a case."""
        quiet = logging.getLogger("taktwin")
        level, quiet.level = quiet.level, logging.CRITICAL  # each outage is a warning: they are meant
        try:
            return harness.play(
                self.registry,
                physics_files.load(case.physics),
                from_ns=case.from_ns,
                to_ns=case.to_ns,
                seed=case.seed,
                outages=case.outages,
                warm_up_h=case.warm_up_h,
                **more,  # type: ignore[arg-type]
            )
        finally:
            quiet.level = level

    def result(self, case: Case, played: Played, commit: str = "") -> Result:
        """Compare a case."""
        return Result(
            case=case.name,
            commit=commit,
            from_ns=case.from_ns,
            to_ns=case.to_ns,
            seed=case.seed,
            outages=len(case.outages),
            readings=played.readings,
            scans=played.scans,
            units=[_unit(comparison) for comparison in self.compare(case, played)],
        )

    def compare(
        self, case: Case, played: Played, intervals: Mapping[str, Sequence[IntervalMessage]] | None = None
    ) -> list[Comparison]:
        """Compare each unit that the truth knows."""
        found = []
        for unit in sorted(played.truth):
            if unit not in played.engine.timelines:
                continue
            kind, tolerance_ns = self.kind(unit)
            away = harness.hidden(self.registry, unit, case.outages)
            want = compare.expected(played.truth[unit], away, case.from_ns, case.to_ns)
            published = (intervals or played.intervals).get(unit, [])
            have = compare.published(published, case.from_ns, case.to_ns)
            found.append(
                compare.compare(
                    unit,
                    kind,
                    want,
                    have,
                    tolerance_ns=tolerance_ns,
                    shown_from_ns=0 if kind == "state" else tolerance_ns,
                    before=compare.expected(played.truth[unit], away, case.from_ns - SECOND_NS, case.from_ns),
                )
            )
        return found

    def kind(self, unit: str) -> tuple[str, int]:
        """Return how a unit's class reaches us, and how far its boundaries may be off, ns."""
        signal = harness.deciding_signal(self.registry, unit)
        assert signal is not None, f"{unit} tells nothing"
        connection = self.registry.connections[signal.connection]
        if signal.path == "power":
            return "inferred", round((signal.period_s or DEFAULT_PERIOD_S) * SECOND_NS)
        if connection.connector == "modbus-tcp":
            return "polled", round(float(connection.settings.get("poll_s", 1.0)) * SECOND_NS)
        return "state", SECOND_NS


def _unit(c: Comparison) -> UnitResult:
    return UnitResult(
        unit=c.unit,
        kind=c.kind,
        compared_s=c.compared_ns / SECOND_NS,
        boundaries=c.boundaries,
        true_s={name: ns / SECOND_NS for name, ns in c.expected_ns.items()},
        twin_s={name: ns / SECOND_NS for name, ns in c.found_ns.items()},
        moved_s=c.moved_ns / SECOND_NS,
        worst_s=c.worst_ns / SECOND_NS,
        worst_unknown_s=c.worst_unknown_ns / SECOND_NS,
        wrong_s=c.wrong_ns / SECOND_NS,
        wrong=[str(each) for each in c.wrong[:20]],
    )


# -- the cases -----------------------------------------------------------------------------------


def day() -> Case:
    """Return the day of `make test`."""
    return Case(name="day", from_ns=DAY_FROM_NS, to_ns=DAY_FROM_NS + DAY_NS, seed=7, outages=DAY_OUTAGES)


def week(registry: Registry, commit: str) -> Case:
    """Return a whole week, its seed and outages from a commit."""
    chance = random.Random(f"{commit}/week")
    to_ns = WEEK_FROM_NS + 7 * DAY_NS
    return Case(
        name="week",
        from_ns=WEEK_FROM_NS,
        to_ns=to_ns,
        seed=chance.randrange(1 << 31),
        # Each deciding signal is spoilt at most once, so there cannot be many more.
        outages=physics_generator.outages_of(registry, chance, WEEK_FROM_NS, to_ns, 60),
    )


def generated(registry: Registry, commit: str, number: int) -> Case:
    """Return a day of a generated plant."""
    chance = random.Random(f"{commit}/case/{number}")
    path = physics_generator.write_physics(commit, number, RESULTS / commit[:12])
    from_ns = physics_generator.day_of(commit, number)
    return Case(
        name=f"physics-{number:02d}",
        from_ns=from_ns,
        to_ns=from_ns + DAY_NS,
        seed=chance.randrange(1 << 31),
        outages=physics_generator.outages_of(registry, chance, from_ns, from_ns + DAY_NS, 12),
        physics=str(path),
        warm_up_h=physics_files.load(path).warm_up_h,
    )


def case_of(registry: Registry, commit: str, name: str) -> Case:
    """Return a case by its name: `day`, `week` or `physics-NN`."""
    if name == "day":
        return day()
    if name == "week":
        return week(registry, commit)
    return generated(registry, commit, int(name.removeprefix("physics-")))


# -- what is kept ----------------------------------------------------------------------------------


def kept(commit: str, name: str) -> Result | None:
    """Return the result of a case if it was run for this commit."""
    path = RESULTS / commit[:12] / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError):
        return None


def keep(result: Result) -> None:
    """Keep a result, so that a broken-off run goes on behind it."""
    path = RESULTS / result.commit[:12] / f"{result.case}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    aside.replace(path)
