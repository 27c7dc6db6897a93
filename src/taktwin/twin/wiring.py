"""From the registry to the engine's tables: who decides a class, who watches a limit, who vouches.

All look-ups by name happen here, once; the engine only follows numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Buffer, Equipment, Limit, Registry, Signal
from taktwin.twin.alarms import Alarm, Declared
from taktwin.twin.apply_samples import LimitWatch
from taktwin.twin.state import PlantState, Series, Source
from taktwin.twin.timeline import Neighbour, UnitFacts, UnitTimeline

# In the order of the fields of UnitFacts.
ROLES_WITH_PAST = ("state", "mode", "set_up", "blocked", "starved", "program", "job", "alarm_code", "power")


def owners(registry: Registry) -> dict[object, str]:
    """Return which equipment owns a place: the subject's unit of its scans."""
    return {equipment.place: str(equipment.id) for equipment in registry.equipment.values()}


def sources(registry: Registry, state: PlantState, gap_ns: int) -> None:
    """Make a source for each (connection, unit) that the registry knows."""
    by_place = owners(registry)
    found: dict[tuple[str, str], list[int]] = {}
    for signal in registry.signals:
        if signal.connection:
            unit = by_place.get(signal.place, str(signal.equipment))
            found.setdefault((signal.connection, unit), []).append(signal.index)
    for (connector, unit), indices in found.items():
        state.sources[connector, unit] = Source(connector, unit, tuple(indices), gap_ns)


def by_role(registry: Registry, equipment: Equipment) -> dict[str, Signal]:
    """Return the first signal of each role of a work unit; its own connection before a second one.

    A unit may speak twice (OPC UA and SHDR): the shorter path is its own, `mtc/execution` is not.
    """
    found: dict[str, Signal] = {}
    for index in equipment.signals:
        signal = registry.signals[index]
        known = found.get(signal.role)
        if known is None or (signal.path.count("/"), signal.path) < (known.path.count("/"), known.path):
            found[signal.role] = signal
    return found


def series(registry: Registry, state: PlantState) -> None:
    """Make a series for each signal whose past decides a class."""
    counted = {unit for buffer in registry.buffers for unit in (*buffer.sources, *buffer.targets)}
    for equipment in registry.work_units:
        roles = by_role(registry, equipment)
        inferred = "state" not in roles
        for role in ROLES_WITH_PAST:
            if role == "power" and not (inferred and equipment.bands):
                continue
            if role in roles:
                state.series.setdefault(roles[role].index, Series())
        if equipment.id in counted:
            for role in ("good_count", "reject_count"):
                if role in roles:
                    state.series.setdefault(roles[role].index, Series())


def timelines(registry: Registry, state: PlantState, gap_ns: int, period_ns: int) -> dict[str, UnitTimeline]:
    """Make the timeline of each work unit whose class can be told: by a state signal or by power.

    period_ns : how often a source that names no period of its own tells what changed
    """
    by_place = owners(registry)
    found: dict[str, UnitTimeline] = {}
    for equipment in registry.work_units:
        roles = by_role(registry, equipment)
        deciding = roles.get("state") or (roles.get("power") if equipment.bands else None)
        if deciding is None:
            continue

        def past(role: str, roles: Mapping[str, Signal] = roles) -> Series | None:
            signal = roles.get(role)
            return None if signal is None else state.series.get(signal.index)

        alarm_signal = roles.get("alarm_code")
        facts = UnitFacts(*(past(role) for role in ROLES_WITH_PAST))
        found[str(equipment.id)] = UnitTimeline(
            equipment,
            facts,
            state.source_of(deciding.connection, by_place.get(deciding.place, str(deciding.equipment))),
            registry.calendars.get(equipment.calendar) if equipment.calendar else None,
            gap_ns=gap_ns,
            lag_ns=period_ns if deciding.period_s is None else int(deciding.period_s * SECOND_NS),
            words=deciding.words,
            alarm_words=alarm_signal.words if alarm_signal is not None else {},
            before=tuple(
                neighbour(registry, state, buffer)
                for buffer in registry.buffers
                if equipment.id in buffer.targets
            ),
            after=tuple(
                neighbour(registry, state, buffer)
                for buffer in registry.buffers
                if equipment.id in buffer.sources
            ),
        )
    return found


def counters(registry: Registry, buffer: Buffer) -> tuple[list[int], list[int]]:
    """Return the signals that fill a buffer and those that empty it.

    A rejected part was taken out of the buffer too, so a target's rejects count where it tells them.
    """
    fills: list[int] = []
    empties: list[int] = []
    for unit in buffer.sources:
        roles = by_role(registry, registry.equipment[unit])
        fills.extend(roles[role].index for role in ("good_count",) if role in roles)
    for unit in buffer.targets:
        roles = by_role(registry, registry.equipment[unit])
        empties.extend(roles[role].index for role in ("good_count", "reject_count") if role in roles)
    return fills, empties


def neighbour(registry: Registry, state: PlantState, buffer: Buffer) -> Neighbour:
    """Return a buffer with the counters on both of its sides."""
    fills, empties = counters(registry, buffer)
    return Neighbour(
        buffer.id,
        buffer.capacity,
        tuple(state.series[index] for index in fills if index in state.series),
        tuple(state.series[index] for index in empties if index in state.series),
    )


def dependents(
    state: PlantState, lines: Mapping[str, UnitTimeline]
) -> tuple[dict[int, UnitTimeline], dict[int, list[UnitTimeline]]]:
    """Return which timeline a signal decides as its main one, and which ones it touches at all."""
    number_of = {id(kept): index for index, kept in state.series.items()}
    main_of: dict[int, UnitTimeline] = {}
    touched_by: dict[int, list[UnitTimeline]] = {}
    for timeline in lines.values():
        if timeline.main is not None:
            main_of[number_of[id(timeline.main)]] = timeline
        for kept in {id(kept) for kept in timeline.series}:
            touched_by.setdefault(number_of[kept], []).append(timeline)
    return main_of, touched_by


def limit_watches(registry: Registry) -> dict[int, LimitWatch]:
    """Return the watch of each signal that has limits."""
    return {signal.index: LimitWatch(signal.limits) for signal in registry.signals if signal.limits}


def limit_alarms(registry: Registry) -> dict[str, Alarm]:
    """Return the alarm of each limit of the plant, by id."""
    suppliers = {supply.source for supply in registry.supplies}
    found: dict[str, Alarm] = {}
    for signal in registry.signals:
        for limit in signal.limits:
            # A supplier's own alarm stands in the group of those that suffer from it.
            cause = limit.cause or (str(signal.equipment) if signal.equipment in suppliers else "")
            found[limit.id] = Alarm(_declared(limit, signal, cause))
    return found


def _declared(limit: Limit, signal: Signal, cause: str) -> Declared:
    return Declared(
        alarm=limit.id,
        equipment=str(signal.equipment),
        kind="machine" if limit.kind == "machine" else "limit",
        priority=limit.priority,
        message=limit.message,
        response=limit.response,
        consequence=limit.consequence,
        owner_role=limit.owner_role,
        cause=cause,
        signal=str(signal.id),
        limit=limit.value,
        unit=signal.unit,
        machine_acknowledge=limit.machine_acknowledge,
        suppress_planned_down=limit.suppress_planned_down,
        in_service=limit.in_service,
    )


def unit_roles(registry: Registry) -> dict[str, dict[str, int]]:
    """Return the signal of each role of each work unit, units in order of their ids."""
    return {
        str(equipment.id): {role: signal.index for role, signal in by_role(registry, equipment).items()}
        for equipment in registry.work_units
    }


def unit_of_signal(registry: Registry) -> list[str]:
    """Return for each signal the equipment it belongs to."""
    return [str(signal.equipment) for signal in registry.signals]
