"""The comparison can fail: twins with one fault each, on the same messages, are all found wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import pytest

from taktwin.contracts.samples import Scan
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.plant.registry import PowerBand, Registry
from taktwin.standards import packml
from taktwin.standards.iso22400 import TimeClass
from taktwin.twin.engine import TwinEngine
from taktwin.twin.state import Source
from taktwin.twin.timeline import UnitTimeline
from tests.truth import harness
from tests.truth.cases import Bench, Case
from tests.truth.harness import Heard, Outage, Played

FROM_NS = parse_rfc3339("2026-06-17T06:30:00Z")  # half an hour before a break


def at(seconds: float) -> int:
    return FROM_NS + round(seconds * SECOND_NS)


CASE = Case(
    name="mutants",
    from_ns=FROM_NS,
    to_ns=at(5400),
    seed=7,
    outages=(
        Outage("kill_gateway", "", at(600.2), at(602.9)),
        Outage("bad_signal", "wash1/state", at(700.3), at(760.3)),
        Outage("cut_server", "line2", at(900.4), at(903.8)),
        Outage("cut_server", "line1", at(1200.4), at(1500.1)),
        Outage("freeze_server", "furnace", at(2000.6), at(2060.2)),
    ),
)


class Recorded(NamedTuple):
    bench: Bench
    played: Played
    heard: list[Heard]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    bench = Bench()
    heard: list[Heard] = []
    return Recorded(bench, bench.play(CASE, keep=heard), heard)


Mutation = Callable[[TwinEngine, pytest.MonkeyPatch], None]


def of_each_timeline(change: Callable[[UnitTimeline], None]) -> Mutation:
    def mutate(engine: TwinEngine, _: pytest.MonkeyPatch) -> None:
        for timeline in engine.timelines.values():
            change(timeline)

    return mutate


def of_each_scan(change: Callable[[Scan], Scan]) -> Mutation:
    def mutate(engine: TwinEngine, patch: pytest.MonkeyPatch) -> None:
        apply = engine.apply_scan
        patch.setattr(engine, "apply_scan", lambda unit, scan, *stamps: apply(unit, change(scan), *stamps))

    return mutate


def without(*roles: str) -> Mutation:
    def change(timeline: UnitTimeline) -> None:
        timeline.facts = timeline.facts._replace(**dict.fromkeys(roles))

    return of_each_timeline(change)


def bridges_gaps(engine: TwinEngine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(UnitTimeline, "unknown_gaps", lambda timeline, from_ns: [])
    patch.setattr(Source, "unheard", lambda source, from_ns: [])
    patch.setattr(engine.staleness, "losses_of", lambda connector, unit: [])


def forgets_restarts(engine: TwinEngine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Source, "unheard", lambda source, from_ns: [])


def ignores_losses(engine: TwinEngine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "apply_fact", lambda event: True)


def starves_by_itself(engine: TwinEngine, patch: pytest.MonkeyPatch) -> None:
    right = packml.time_class

    def wrong(state: int, **flags: Any) -> TimeClass:
        found = right(state, **flags)
        return TimeClass.DELAY_OWN if found is TimeClass.STARVED else found

    patch.setattr(packml, "time_class", wrong)


def _no_calendar(timeline: UnitTimeline) -> None:
    timeline.calendar = None


def _no_neighbours(timeline: UnitTimeline) -> None:
    timeline.before = timeline.after = ()


def _no_lag(timeline: UnitTimeline) -> None:
    timeline.lag_ns = 0


def _coarse_bands(timeline: UnitTimeline) -> None:
    timeline.equipment = replace(timeline.equipment, bands=(PowerBand(0.5, "production"),))


def _later(scan: Scan) -> Scan:
    return msgspec.structs.replace(scan, t0_ns=scan.t0_ns + 3 * SECOND_NS // 2)


def _bad_is_good(scan: Scan) -> Scan:
    if scan.qualities is None:
        return scan
    good = [place for place, quality in enumerate(scan.qualities) if quality != 3]
    return msgspec.structs.replace(
        scan,
        signals=[scan.signals[place] for place in good],
        dt_ns=[scan.dt_ns[place] for place in good],
        values=[scan.values[place] for place in good],
        qualities=None,
    )


MUTANTS: dict[str, tuple[Mutation, set[str]]] = {
    "ignores that a unit is blocked": (without("blocked"), {"blocked"}),
    "calls starving a unit's own trouble": (starves_by_itself, {"starved"}),
    "ignores set-ups": (without("set_up", "mode"), {"set_up"}),
    "bridges gaps": (bridges_gaps, {"unknown"}),
    "believes that a restarted gateway missed nothing": (forgets_restarts, {"unknown"}),
    "ignores what connections say of themselves": (ignores_losses, {"unknown"}),
    "does not know the calendar": (of_each_timeline(_no_calendar), {"planned_down"}),
    "does not look at the neighbours": (of_each_timeline(_no_neighbours), {"starved"}),
    "does not wait for the power to tell": (of_each_timeline(_no_lag), {"production"}),
    "knows too few steps of power": (of_each_timeline(_coarse_bands), {"starved"}),
    "stamps a second and a half late": (of_each_scan(_later), {"production"}),
    "takes bad values for no news": (of_each_scan(_bad_is_good), {"unknown"}),
}


def test_without_a_fault_nothing_is_wrong(recorded: Recorded) -> None:
    assert recorded.bench.result(CASE, recorded.played).wrong == []


@pytest.mark.parametrize("fault", sorted(MUTANTS))
def test_a_twin_with_a_fault_is_found(
    fault: str, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate, missed = MUTANTS[fault]

    def twin(registry: Registry) -> TwinEngine:
        engine = TwinEngine(registry)
        mutate(engine, monkeypatch)
        return engine

    intervals = harness.hear_again(recorded.bench.registry, recorded.heard, twin)
    compared = recorded.bench.compare(CASE, recorded.played, intervals)
    wrong = [each for comparison in compared for each in comparison.wrong]
    assert wrong, f"a twin that {fault} passes"
    assert missed <= {each.expected for each in wrong}
