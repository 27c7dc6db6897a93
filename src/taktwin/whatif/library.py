"""The library of questions for a new model as it fits a plant: comes in the present, go out scenarios. Pure.

What changes nothing here is left out. Shifts of the library are said by the day of the week; here they
begin so many seconds from now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from taktwin.contracts.whatif import LibraryScenario
from taktwin.instants import SECOND_NS
from taktwin.simulation.changes import DAY_S, Change, ShiftAdded
from taktwin.simulation.check import ModelError
from taktwin.simulation.library import LIBRARY
from taktwin.simulation.scenario import Scenario, applied
from taktwin.whatif.present import Present

HORIZON_S = 7 * DAY_S  # for what it is asked whether a question changes something
INSTANTS = ("from_s", "to_s", "first_s", "by_s", "every_s")


def scenarios(here: Present, time_zone: str) -> list[LibraryScenario]:
    """Return the questions that change something in this plant."""
    return [
        LibraryScenario(
            name=each.name, changes=[here.names.written(change) for change in each.changes], asks=each.asks,
            group=group, horizon_s=_horizon_s(each),
        )
        for group, told in LIBRARY.items()
        for each in _fitting(here, told, time_zone)
    ]  # fmt: skip


def _fitting(here: Present, told: tuple[Scenario, ...], time_zone: str) -> Iterator[Scenario]:
    for each in told:
        fitted = replace(
            each, changes=tuple(_from_now(change, here.at_ns, time_zone) for change in each.changes)
        )
        try:
            after = here.settled(applied(here.plant, fitted))
        except ModelError:  # it has no second product, nobody left with a skill ...: no question here
            continue
        if after != here.plant:
            yield fitted


def _from_now(change: Change, now_ns: int, time_zone: str) -> Change:
    """Return a shift of the next such day of the week."""
    if not isinstance(change, ShiftAdded):
        return change
    zone = ZoneInfo(time_zone)
    now = datetime.fromtimestamp(now_ns / SECOND_NS, zone)
    monday = datetime(now.year, now.month, now.day, tzinfo=zone) - timedelta(days=now.weekday())

    def after(second: float, weeks: int) -> float:
        local = monday + timedelta(weeks=weeks, seconds=second)  # on the clock of the wall
        return local.timestamp() - now_ns / SECOND_NS

    weeks = 0 if after(change.from_s, 0) > 0 else 1
    return replace(change, from_s=after(change.from_s, weeks), to_s=after(change.to_s, weeks))


def _horizon_s(scenario: Scenario) -> float:
    """Return a horizon within which a scenario can show something: a day beyond its last instant."""
    last_s = max(
        (
            abs(getattr(change, each.name) or 0.0)
            for change in scenario.changes
            for each in fields(change)
            if each.name in INSTANTS
        ),
        default=0.0,
    )
    return DAY_S * (1 if last_s < DAY_S / 2 else int(last_s // DAY_S) + 2)
