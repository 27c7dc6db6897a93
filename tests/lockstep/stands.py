"""Why machines stood: what those who stand there tell the MES, right and wrong, and what would be right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from taktwin.contracts import commands, events
from taktwin.instants import SECOND_NS
from taktwin.mes.desk import content_of
from taktwin.mes.performance.states import STOPS
from taktwin.mes.performance.tables import Stop
from taktwin.standards.iso22400 import TimeClass
from taktwin.virtual_plant.activity import Activity
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import TruthInterval
from tests.lockstep.crew import CREW
from tests.lockstep.errors import Mistake

if TYPE_CHECKING:
    from tests.lockstep.floor import Site
    from tests.lockstep.people import People

# What people on the floor call what they see: the plant's own words -> the reason of the plant folder.
REASONS = {
    "Axis drive fault": "axis_drive", "Bar feed not in place": "bar_feed", "Hob head overload": "hob_head",
    "Wash pump pressure low": "pump", "Burner 3 flame lost": "burner", "Balancer out of range": "balancer",
    "Part not seated": "not_seated", "Nozzle blocked": "nozzle", "Press ram not in home position": "ram",
    "Screw feed empty": "screws", "Seal worn": "seal", "Camera does not answer": "camera",
    "Drive inverter trip": "inverter", "spindle bearing failed": "other_technical",
    "tool at the end of its life": "tool_change", "dressing": "adjusting", "start of work": "adjusting",
}  # fmt: skip
ENDING = (events.StopBegun, events.StopEnded, events.StopCorrected)
BEARING = {"spindle bearing failed": 7301}


@dataclass(frozen=True)
class Stood:
    """A stop as it really was, or as the MES has it."""

    unit: str
    from_ns: int
    to_ns: int  # 0: it still stood
    time_class: str
    code: str
    reason: str


def codes_of(physics: Physics) -> dict[str, int]:
    """Return the machines' own code of each trouble, by what the plant calls it."""
    troubles = [trouble for unit in physics.units.values() for trouble in (unit.failure, unit.jam)]
    return {trouble.text: trouble.code for trouble in troubles if trouble.code} | BEARING


def groups_of(intervals: Sequence[TruthInterval]) -> list[tuple[int, int, str]]:
    """Return the reasons of a stop one after the other: (from, to, reason)."""
    found: list[tuple[int, int, str]] = []
    for each in intervals:
        reason = REASONS.get(each.reason, "other_technical")
        if found and found[-1][2] == reason:
            found[-1] = (found[-1][0], each.to_ns, reason)
        else:
            found.append((each.from_ns, each.to_ns, reason))
    return found


def rightly(intervals: Sequence[TruthInterval], short_ns: int) -> list[tuple[int, int, str]]:
    """Return how a stop is rightly told: as two where it had two reasons of some length, else as one.

    Of several reasons in one stop the one that lasted longest counts.
    """
    groups = groups_of(intervals)
    if len(groups) == 2 and all(to_ns - from_ns >= short_ns for from_ns, to_ns, _ in groups):
        return groups
    lasted: dict[str, int] = defaultdict(int)
    for from_ns, to_ns, reason in groups:
        lasted[reason] += to_ns - from_ns
    return [(groups[0][0], groups[-1][1], max(lasted, key=lambda reason: lasted[reason]))]


def runs_of(intervals: Sequence[TruthInterval]) -> list[list[TruthInterval]]:
    """Return intervals of one class that touch, together."""
    found: list[list[TruthInterval]] = []
    for each in intervals:
        last = found[-1][-1] if found else None
        if last is not None and last.to_ns == each.from_ns and last.time_class == each.time_class:
            found[-1].append(each)
        else:
            found.append([each])
    return found


class Stands:
    """Those who tell the MES why a machine stood."""

    def __init__(self, site: Site, people: People) -> None:
        self.site = site
        self.people = people
        self.waiting: set[str] = set()  # stops that nobody has got round to yet
        self.told: set[str] = set()
        self._read = 0

    def look(self) -> None:
        """See which machines have stood; whoever stands there says why, some minutes later."""
        entries = self.site.entries
        for entry in entries[self._read :]:
            if entry.event_type.startswith("equipment.stop."):
                event = content_of(entry)
                if (
                    isinstance(event, events.StopBegun | events.StopEnded | events.StopCorrected)
                    and event.to_ns
                ):
                    self._over(event.stop)
        self._read = len(entries)

    def _over(self, stop: str) -> None:
        row = self.site.book.get(Stop, stop)
        assert row is not None, "it has just ended"
        mine = row.time_class == TimeClass.DELAY_OWN and row.work_unit in CREW
        if mine and stop not in self.waiting | self.told:
            self.waiting.add(stop)
            self.people.later(self.people.chance.uniform(60, 900), "tell_why", stop)

    def tell(self, stop: str) -> None:
        """Say why a machine stood."""
        self.waiting.discard(stop)
        self.told.add(stop)
        row = self.site.book.get(Stop, stop)
        if row is None or row.withdrawn or row.reason:
            return  # there is nothing to be said any more
        there = [each for each in self.site.intervals[row.work_unit] if row.from_ns < each.to_ns]
        there = [replace_within(each, row.from_ns, row.to_ns) for each in there if each.from_ns < row.to_ns]
        if not there:
            return  # nobody saw it stand
        right = rightly(there, self.site.definitions.machines[row.work_unit].short_stop_ns)
        if len(right) == 1:
            self._one(row, right[0][2])
        else:
            self._code(row.stop, right[0][2])
            self._code(self._split(row.stop, right[1][0]), right[1][2], cause="another reason")

    def _one(self, row: Stop, reason: str) -> None:
        wrong = "jam" if reason == "other_technical" else "other_technical"
        chance = self.people.chance.random() if self.people.mistakes_on else 1.0
        person = self.people.person(row.work_unit)
        if chance < 0.1:
            self._note("stop not coded", row, f"{reason}, {person} said nothing", reason, "")
        elif chance < 0.2:
            self._code(row.stop, wrong)
            self._note("stop coded wrongly", row, f"{reason}, {person} said {wrong}", reason, wrong)
        elif chance < 0.3 and row.to_ns - row.from_ns > 200 * SECOND_NS:
            cut_ns = (row.from_ns + (row.to_ns - row.from_ns) // 2) // SECOND_NS * SECOND_NS
            self._code(row.stop, reason)
            self._code(self._split(row.stop, cut_ns), wrong, cause="something else then")
            words = f"{reason} all the time, {person} split it into {reason} and {wrong}"
            self._note("stop split wrongly", row, words, reason, wrong, cut_ns=cut_ns)
        elif chance < 0.45:
            self._code(row.stop, wrong)
            mistake = self._note(
                "stop recoded late", row, f"{reason}, {person} first said {wrong}", reason, wrong
            )
            self.people.later(
                self.people.chance.uniform(3600, 14400), "tell_again", mistake, row.stop, reason
            )
        else:
            self._code(row.stop, reason)

    def again(self, mistake: Mistake, stop: str, reason: str) -> None:
        """Say after hours what was right."""
        self._code(stop, reason, cause="it was not that")
        mistake.to_ns = self.site.now()

    def _note(self, kind: str, row: Stop, words: str, real: str, said: str, **more: Any) -> Mistake:
        return self.people.note(kind, row.work_unit, words, real=real, said=said, unit=row.stop,
                                stood_ns=row.from_ns, **more)  # fmt: skip

    def _code(self, stop: str, reason: str, cause: str = "") -> None:
        row = self.site.book.get(Stop, stop)
        assert row is not None, "it was found"
        wish = commands.RecodeStop(stop=stop, reason=reason, version=row.version, cause=cause)
        self.people.insist(wish, self.people.person(row.work_unit))

    def _split(self, stop: str, at_ns: int) -> str:
        """Cut a stop, and return the name of what comes behind the cut."""
        row = self.site.book.get(Stop, stop)
        assert row is not None, "it was found"
        wish = commands.SplitStop(stop=stop, at_ns=at_ns, version=row.version, cause="two reasons")
        self.people.insist(wish, self.people.person(row.work_unit))
        rows = self.site.book.where(Stop, work_unit=row.work_unit, from_ns=at_ns)
        return rows[-1].stop


def replace_within(interval: TruthInterval, from_ns: int, to_ns: int) -> TruthInterval:
    """Return the part of an interval that lies within [from, to)."""
    return TruthInterval(
        unit=interval.unit, from_ns=max(interval.from_ns, from_ns), to_ns=min(interval.to_ns, to_ns),
        time_class=interval.time_class, activity=interval.activity, reason=interval.reason,
    )  # fmt: skip


def true_stops(site: Site) -> list[list[TruthInterval]]:
    """Return the stops of the truth that last long enough to be recorded, of units that say a state."""
    found = []
    for unit, machine in sorted(site.definitions.machines.items()):
        for run in runs_of(site.intervals.get(unit, [])):
            stood = run[0].time_class in STOPS
            if stood and run[-1].to_ns - run[0].from_ns >= machine.short_stop_ns:
                found.append(run)
    return found


def as_told(site: Site, intervals: Sequence[TruthInterval]) -> list[Stood]:
    """Return what the MES must say of a stop of which everybody said what is right."""
    first, last = intervals[0], intervals[-1]
    codes = codes_of(site.physics)
    faults = (Activity.JAMMED.value, Activity.BROKEN.value)
    code = next((str(codes[each.reason]) for each in intervals if each.activity in faults), "")
    still = last.to_ns >= site.plant.now_ns
    whole = Stood(first.unit, first.from_ns, 0 if still else last.to_ns, first.time_class, code, "")
    if first.time_class != TimeClass.DELAY_OWN or still or first.unit not in CREW:
        return [whole]
    right = rightly(intervals, site.definitions.machines[first.unit].short_stop_ns)
    return [replace(whole, from_ns=from_ns, to_ns=to_ns, reason=reason) for from_ns, to_ns, reason in right]
