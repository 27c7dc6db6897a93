"""Who stands where: people by shift and work unit, out of the plant folder's people and their skills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from taktwin.plant.calendars import Calendar, Span
from taktwin.plant.registry import Registry
from taktwin.virtual_plant.written.routes import Route


class Crew:
    """One person for each work unit in each shift; one person has several work units."""

    def __init__(self, registry: Registry, routes: Mapping[str, Route]) -> None:
        skills: dict[str, set[str]] = {}
        for route in routes.values():
            for operation in route.operations:
                for unit in operation.work_units:
                    skills.setdefault(unit, set()).update(operation.skills)
        self.units = tuple(skills)
        used = Counter(each.calendar for each in registry.work_units)
        shifted = [
            name for name, _ in used.most_common()
            if name in registry.calendars and not registry.calendars[name].always
        ]  # fmt: skip
        self.calendar: Calendar | None = registry.calendars[shifted[0]] if shifted else None
        groups = sorted({person.shift_group for person in registry.people.values()} - {""})
        shifts = [] if self.calendar is None else [
            name for name, each in self.calendar.definition.shifts.items() if each.planned
        ]  # fmt: skip
        self._group_of = dict(zip(shifts, groups, strict=False))
        self._first = groups[0] if groups else ""
        self._groups: dict[str, str] = {number: each.shift_group for number, each in registry.people.items()}
        self._now: Span | None = None
        self._persons: dict[tuple[str, str], str] = {}
        for group in groups:
            load: Counter[str] = Counter()
            for unit, wanted in skills.items():
                person = self._suited(registry, group, unit, wanted, load)
                load[person] += 1
                self._persons[group, unit] = person

    @staticmethod
    def _suited(registry: Registry, group: str, unit: str, skills: set[str], load: Counter[str]) -> str:
        kind = registry.equipment[unit].class_id  # type: ignore[index]
        found = []
        for number, person in sorted(registry.people.items()):
            able = any(kind in registry.personnel_classes[each].qualified_for for each in person.classes)
            if person.shift_group == group and able and skills <= set(person.classes):
                found.append((load[number], number))
        return min(found)[1] if found else ""

    def shift(self, at_ns: int) -> Span | None:
        """Return the shift of an instant."""
        if self.calendar is None:
            return None
        if self._now is None or not self._now.from_ns <= at_ns < self._now.to_ns:
            self._now = self.calendar.shift_at(at_ns)
        return self._now

    def person(self, unit: str, at_ns: int) -> str:
        """Return who stands at a work unit; "" = the plant folder knows nobody who may."""
        return self._persons.get((self.group(at_ns) or self._first, unit), "")

    def group(self, at_ns: int) -> str:
        """Return the shift group that is at work, "" for none."""
        shift = self.shift(at_ns)
        return "" if shift is None else self._group_of.get(shift.id, "")

    def group_of(self, person: str) -> str:
        """Return the shift group of a person."""
        return self._groups[person]
