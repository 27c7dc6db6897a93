"""What the MES wrote down against what really happened: a difference is a listed mistake or a fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from taktwin.contracts import events
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import content_of
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.machines.parameters import set_points
from taktwin.mes.machines.tables import MachineOrder
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.tables import CLOSED, Consumption, Lot, Passage, Unit
from taktwin.storage.book import Reading
from taktwin.storage.journal import Entry
from taktwin.virtual_plant.truth import Fact, TruthHeld, TruthPassage, TruthTakenOut
from tests.lockstep.compare_people import labour, stops
from tests.lockstep.errors import OTHERS_COUNTS, Mistake
from tests.lockstep.floor import Site
from tests.lockstep.people import HOUR_NS
from tests.lockstep.result import Result

FOR_EVER = 1 << 62


class Journal:
    """What the journal says, gathered as it is read: counts, scrap, holds."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, int, str]] = Counter()  # (unit, job, hour, kind)
        self.scrap: dict[str, list[str]] = defaultdict(list)  # serial -> causes that people booked
        self.holds: dict[str, list[list[int]]] = defaultdict(list)  # serial -> [from, to]
        self.loaded: dict[tuple[str, str], list[tuple[int, str, float | None]]] = defaultdict(list)
        self.types: Counter[str] = Counter()

    def read(self, entries: Iterable[Entry]) -> None:
        """Take entries in."""
        for entry in entries:
            event = content_of(entry)
            self.types[entry.event_type] += 1
            if isinstance(event, events.MaterialCounted):
                self.counts[event.work_unit, event.job, entry.time_ns // HOUR_NS, event.kind] += (
                    event.quantity
                )
            elif isinstance(event, events.MaterialScrapped):
                self.scrap[event.unit].append(event.cause)
            elif isinstance(event, events.ParameterWritten):
                self.loaded[event.work_unit, event.signal].append((entry.time_ns, event.job, event.found))
            elif isinstance(event, events.UnitHeld):
                self.holds[event.unit].append([entry.recorded_ns, FOR_EVER])
            elif isinstance(event, events.UnitReleased | events.UnitScrapped) and self.holds[event.unit]:
                self.holds[event.unit][-1][1] = min(self.holds[event.unit][-1][1], entry.recorded_ns)


def compare(site: Site, facts: Iterable[Fact], journal: Journal) -> Result:
    """Return all differences between the truth and the MES of a run that is over."""
    result = Result()
    facts = list(facts)
    passages = [fact for fact in facts if isinstance(fact, TruthPassage)]
    taken_out = [fact for fact in facts if isinstance(fact, TruthTakenOut)]
    book, definitions, mistakes = site.book, site.definitions, site.people.mistakes
    _genealogy(result, mistakes, passages, book, definitions)
    _counts(result, mistakes, passages, journal)
    _lots(result, site, passages)
    _scrap(result, site, passages, taken_out, journal)
    _holds(result, passages, journal)
    stops(result, site)
    labour(result, site, passages)
    _parameters(result, site, passages, [fact for fact in facts if isinstance(fact, TruthHeld)], journal)
    requests = {row.request for row in book.where(Request)}
    wanted = {f"{number:06d}" for number in range(1, site.people.orders + 1)}
    if requests != wanted:
        result.fault(f"orders lost or doubled: {sorted(requests ^ wanted)[:9]}")
    result.explained = sum(mistake.explained for mistake in mistakes)
    return result


def _genealogy(
    result: Result, mistakes: list[Mistake], passages: list[TruthPassage], book: Reading,
    definitions: Definitions,
) -> None:  # fmt: skip
    saying = frozenset(definitions.serials.values())  # the others count, and name nobody
    true: dict[str, list[TruthPassage]] = defaultdict(list)
    for passage in passages:
        if passage.unit in saying:
            true[passage.serial].append(passage)
    known = {unit.unit for unit in book.where(Unit)}
    for serial in sorted(known ^ true.keys()):
        result.fault(f"unit {serial} is only in the {'MES' if serial in known else 'truth'}")
    by_place: dict[tuple[str, str], list[Mistake]] = defaultdict(list)
    for mistake in mistakes:
        if mistake.real:
            by_place[mistake.place, mistake.product].append(mistake)
    for serial in sorted(known & true.keys()):
        result.units += 1
        was = sorted((each.at_ns, each.unit, each.job, each.good) for each in true[serial])
        is_ = sorted(
            (row.at_ns, row.work_unit, row.job, row.good) for row in book.where(Passage, unit=serial)
        )
        result.passages += len(was)
        if was != is_:
            result.fault(f"way of {serial}: {was} but {is_}")
        eaten: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for row in book.where(Consumption, unit=serial):
            eaten[row.work_unit, row.component][row.lot] = round(row.quantity, 6)
        really = {
            (each.unit, product): ({source: round(quantity, 6)}, each.at_ns)
            for each in true[serial] for product, source, quantity in each.used
        }  # fmt: skip
        for key in sorted(eaten.keys() | really.keys()):
            result.components += 1
            there, at_ns = really.get(key, ({}, 0))
            if eaten.get(key) == there:
                continue
            cause = _lot_mistake(by_place[key], at_ns, there, eaten.get(key, {}))
            if cause is None:
                result.fault(f"{serial} at {key}: {there} went in, the MES says {eaten.get(key)}")
            else:
                cause.explained += 1


def _lot_mistake(
    mistakes: list[Mistake], at_ns: int, there: dict[str, float], said: dict[str, float]
) -> Mistake | None:
    for mistake in mistakes:
        while_wrong = mistake.at_ns <= at_ns < (mistake.to_ns or FOR_EVER)
        all_of_it = abs(sum(there.values()) - sum(said.values())) < 1e-6
        if while_wrong and all_of_it and set(there) == {mistake.real} and set(said) <= {mistake.said, ""}:
            return mistake
    return None


def _counts(result: Result, mistakes: list[Mistake], passages: list[TruthPassage], journal: Journal) -> None:
    late = [mistake for mistake in mistakes if mistake.kind in OTHERS_COUNTS]
    true: Counter[tuple[str, str, int, str]] = Counter()
    for passage in sorted(passages, key=lambda each: each.at_ns):
        job = passage.job
        for mistake in late:
            there = mistake.place == passage.unit and mistake.unit == job
            if there and mistake.at_ns <= passage.at_ns < (mistake.to_ns or FOR_EVER):
                job = mistake.said  # none: no job order ran there
                mistake.explained += 1
        true[passage.unit, job, passage.at_ns // HOUR_NS, "good" if passage.good else "reject"] += 1
    result.counted = sum(true.values())
    result.job_hours = len(true)
    for key in sorted(true.keys() | journal.counts.keys()):
        if true[key] != journal.counts[key]:
            result.fault(f"parts of {key}: {true[key]} made, the MES counted {journal.counts[key]}")


def _lots(result: Result, site: Site, passages: list[TruthPassage]) -> None:
    used: dict[str, float] = defaultdict(float)
    for passage in passages:
        for _, source, quantity in passage.used:
            used[source] += quantity
    excused = {lot: mistake for mistake in site.people.mistakes for lot in mistake.lots}
    for row in site.book.where(Lot):
        result.lots += 1
        left = row.quantity - used[row.lot]
        if abs(left - row.remaining) < 1e-6:
            continue
        if row.lot in excused:
            excused[row.lot].explained += 1
        else:
            result.fault(f"lot {row.lot}: {left} left, the MES says {row.remaining}")


def _scrap(
    result: Result, site: Site, passages: list[TruthPassage], taken_out: list[TruthTakenOut],
    journal: Journal,
) -> None:  # fmt: skip
    rejected = {passage.serial for passage in passages if not passage.good}
    fallen = {fact.serial: fact.cause for fact in taken_out}
    inside = {part.serial for unit in site.plant.units.values() for part in unit.inside}
    inside |= {part.serial for space in site.plant.world.spaces.values() for part in space.parts}
    excused = {mistake.unit: mistake for mistake in site.people.mistakes if mistake.real_cause}
    for row in site.book.where(Unit):
        gone = row.unit in rejected or row.unit in fallen
        result.scrapped += gone
        told = journal.scrap.get(row.unit, [])
        mistake = excused.get(row.unit)
        if (row.disposition == CLOSED) != gone and not (row.disposition == CLOSED and row.unit in inside):
            if mistake is None or mistake.said_cause:
                result.fault(
                    f"{row.unit} is {row.disposition}, and {'scrap' if gone else 'no scrap'} in truth"
                )
            else:
                mistake.explained += 1
        by_hand = fallen.get(row.unit, "scrap by quality") != "scrap by quality"
        if not by_hand:
            continue
        if told == [fallen[row.unit]]:
            if mistake is not None:
                mistake.explained += 1  # booked as it was, and in another hour
        elif mistake is None or told != [mistake.said_cause] * bool(mistake.said_cause):
            result.fault(f"{row.unit} was taken out ({fallen[row.unit]}), the MES was told {told}")
        elif mistake.said_cause:
            mistake.explained += 1


def _holds(result: Result, passages: list[TruthPassage], journal: Journal) -> None:
    taken: dict[str, list[TruthPassage]] = defaultdict(list)
    for passage in passages:
        taken[passage.serial].append(passage)
        for _, source, _ in passage.used:
            if source.startswith("S") and passage.unit.startswith("load"):
                taken[source].append(passage)
    for serial, spans in journal.holds.items():
        for from_ns, to_ns in spans:
            result.held += 1
            for passage in taken[serial]:
                if from_ns < passage.taken_ns < to_ns:
                    result.fault(f"{serial} was held, and {passage.unit} took it")


def _parameters(
    result: Result, site: Site, passages: list[TruthPassage], held: list[TruthHeld], journal: Journal
) -> None:
    """Compare what cells held while they made a part with what the MES says that it loaded for the job."""
    really: dict[tuple[str, str], list[tuple[int, Any]]] = defaultdict(list)
    for fact in held:
        really[fact.unit, fact.path].append((fact.at_ns, fact.value))
    panel = [mistake for mistake in site.people.mistakes if mistake.kind == "set at the panel"]
    for mistake in panel:
        again = [at_ns for at_ns, job, _ in journal.loaded[mistake.place, mistake.product]
                 if at_ns > mistake.at_ns]  # fmt: skip
        mistake.to_ns = min(again, default=0)
    for passage in passages:
        job = site.book.get(JobOrder, passage.job)
        assert job is not None, "a part is made for a job order"
        for path in (point.signal for point in set_points(site.book, site.definitions, job, job.operation)):
            result.values += 1
            there = [value for at_ns, value in really[passage.unit, path] if at_ns <= passage.from_ns]
            said = [value for at_ns, name, value in journal.loaded[passage.unit, path]
                    if name == passage.job and at_ns <= passage.from_ns]  # fmt: skip
            now, told = (there or [None])[-1], (said or [None])[-1]
            if now == told:
                continue
            cause = next((each for each in panel if each.place == passage.unit and each.product == path
                          and each.at_ns <= passage.from_ns < (each.to_ns or FOR_EVER)
                          and (each.real, each.said) == (str(now), str(told))), None)  # fmt: skip
            if cause is None:
                what = f"parameter {path} of {passage.unit} for {passage.serial}"
                result.fault(f"{what}: it held {now}, the MES says {told}")
            else:
                cause.explained += 1
    for row in site.book.where(MachineOrder):
        if row.outcome != "done":
            result.fault(f"command {row.command} to {row.work_unit}: {row.outcome or 'nobody knows'}")


def table(result: Result, mistakes: list[Mistake]) -> str:
    """Return the report in Markdown."""
    by_kind: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in mistakes:
        by_kind[mistake.kind].append(mistake)
    compared = {
        "units with their way and all that went into them": result.units,
        "passages of units": result.passages,
        "components, by lot or serial number": result.components,
        "parts counted": result.counted,
        "counts by job order, hour, good or reject": result.job_hours,
        "balances of lots": result.lots,
        "scrapped units": result.scrapped,
        "holds, during which nobody took the unit": result.held,
        "stops, with begin, end, class, code of the machine and reason": result.stops,
        "hours that machines stood": round(result.stop_times / HOUR_NS),
        "touches of people that gave a stop a reason": result.recodings,
        "pieces of labour time, by person, place and job order": result.labour,
        "hours of labour": round(result.labour_times / HOUR_NS),
        "values that cells held while they made a part": result.values,
        "differences that a listed mistake explains": result.explained,
        "**differences that nothing explains**": len(result.faults),
    }
    lines = ["| compared | |", "|---|---|"]
    lines += [f"| {words} | {number:,} |" for words, number in compared.items()]
    lines += ["", "| mistake | how often | differences |", "|---|---|---|"]
    for kind, of_it in sorted(by_kind.items()):
        lines.append(f"| {kind} | {len(of_it)} | {sum(mistake.explained for mistake in of_it)} |")
    return "\n".join(lines) + "\n"
