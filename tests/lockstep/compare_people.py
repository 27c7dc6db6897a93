"""Stops and labour: what the MES says against what machines and people really did."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.performance.tables import Stop, StopChange
from taktwin.virtual_plant.truth import TruthPassage
from tests.lockstep.errors import OTHERS_COUNTS, Mistake
from tests.lockstep.floor import Site
from tests.lockstep.people import Place, place_words
from tests.lockstep.result import Result
from tests.lockstep.stands import Stood, as_told, true_stops

For: TypeAlias = tuple[str, str, str]  # (work unit, activity, job order)
Piece: TypeAlias = tuple[int, int, For]  # (from, to, for what)


def stops(result: Result, site: Site) -> None:
    """Compare each stop: its times and class, the machine's code, and what people said one after another."""
    about: dict[tuple[str, int], list[Mistake]] = defaultdict(list)
    for mistake in site.people.mistakes:
        if mistake.stood_ns:
            about[mistake.place, mistake.stood_ns].append(mistake)
    waiting = {
        (row.work_unit, row.from_ns) for row in site.book.where(Stop) if row.stop in site.stands.waiting
    }
    right: dict[Stood, list[str]] = {}  # what the MES must say -> what people said one after the other
    for run in true_stops(site):
        result.stop_times += run[-1].to_ns - run[0].from_ns
        rows = as_told(site, run)
        if (run[0].unit, run[0].from_ns) in waiting:
            result.not_yet_told += 1
            rows = [replace(rows[0], to_ns=rows[-1].to_ns, reason="")]
        for mistake in about.get((run[0].unit, run[0].from_ns), ()):
            rows, said = _wrongly(rows, mistake)
            right.update(zip(rows, said, strict=True))
            mistake.explained += 1
        for row in rows:
            right.setdefault(row, [row.reason] if row.reason else [])
    found = {}
    for stop in site.book.where(Stop):
        if not stop.withdrawn:
            changes = site.book.where(StopChange, stop=stop.stop)
            stood = Stood(stop.work_unit, stop.from_ns, stop.to_ns, stop.time_class, stop.code, stop.reason)
            found[stood] = [each.after for each in changes if each.what == "recoded"]
    result.stops = len(right)
    for stood in sorted(right.keys() | found.keys(), key=lambda each: (each.unit, each.from_ns)):
        if stood not in found or stood not in right:
            where = "MES" if stood in found else "truth"
            result.fault(f"stop of {stood.unit} only in the {where}: {stood}")
        elif found[stood] != right[stood]:
            result.fault(f"stop of {stood.unit} at {stood.from_ns}: {right[stood]} said, {found[stood]} kept")
        else:
            result.recodings += len(found[stood])


def _wrongly(rows: list[Stood], mistake: Mistake) -> tuple[list[Stood], list[list[str]]]:
    """Return what the MES must say of a stop after a mistake, and what people said of each row."""
    (row,) = rows
    assert row.reason == mistake.real, "who stands there knows why"
    match mistake.kind:
        case "stop not coded":
            return [replace(row, reason="")], [[]]
        case "stop coded wrongly":
            return [replace(row, reason=mistake.said)], [[mistake.said]]
        case "stop split wrongly":
            first = replace(row, to_ns=mistake.cut_ns)
            second = replace(row, from_ns=mistake.cut_ns, reason=mistake.said)
            return [first, second], [[row.reason], [mistake.said]]
        case "stop recoded late" if mistake.to_ns:
            return [row], [[mistake.said, row.reason]]
        case _:
            return [replace(row, reason=mistake.said)], [[mistake.said]]


def labour(result: Result, site: Site, passages: list[TruthPassage]) -> None:
    """Compare where each person was at each instant, and for which job order."""
    worked = _worked(site, passages)
    true: dict[str, list[Piece]] = defaultdict(list)
    for person, unit, activity, from_ns, to_ns in site.people.presences:
        edges = sorted({from_ns, to_ns, *(at_ns for at_ns, _ in worked[unit] if from_ns < at_ns < to_ns)})
        for start, end in itertools.pairwise(edges):
            job = "" if activity else _at(worked[unit], start)
            true[person].append((start, end, (unit, activity, job)))
    said: dict[str, list[Piece]] = defaultdict(list)
    for row in site.labour:
        what = (row["work_unit"], row["activity"], row["job"])
        said[row["person"]].append((row["from_ns"], row["to_ns"], what))
    wrong: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in site.people.mistakes:
        if mistake.person:
            wrong[mistake.person].append(mistake)
    counted = [mistake for mistake in site.people.mistakes if mistake.kind in OTHERS_COUNTS]
    for person in sorted(true.keys() | said.keys()):
        for start, end, was, is_ in _overlaid(true[person], said[person]):
            result.labour += was is not None
            result.labour_times += (end - start) * (was is not None)
            if was == is_:
                continue
            cause = _explained(wrong[person], counted, start, was, is_)
            if cause is None:
                result.fault(f"labour of {person} from {start} to {end}: {was}, the MES says {is_}")
            else:
                cause.explained += 1


def _explained(
    wrong: Iterable[Mistake], counted: Iterable[Mistake], at_ns: int, was: For | None, is_: For | None
) -> Mistake | None:
    real, said = _place(was), _place(is_)
    if real != said:
        return next((each for each in wrong if each.at_ns <= at_ns and (not each.to_ns or at_ns < each.to_ns)
                     and (each.real, each.said) == (place_words(real), place_words(said))), None)  # fmt: skip
    # Whose parts an old cell counts decides when a job order is over.
    assert was is not None and is_ is not None, "they differ, at one place"
    jobs = {was[2], is_[2]}
    return next((each for each in counted if each.place == was[0] and each.at_ns <= at_ns
                 and jobs & {each.unit, each.said} - {""}), None)  # fmt: skip


def _place(what: For | None) -> Place | None:
    return None if what is None else what[:2]


def _overlaid(true: list[Piece], said: list[Piece]) -> list[tuple[int, int, For | None, For | None]]:
    """Return the stretches in which neither changes: (from, to, true, said)."""
    edges = sorted({at_ns for piece in (*true, *said) for at_ns in piece[:2]})
    found: list[tuple[int, int, For | None, For | None]] = []
    places = [0, 0]
    lists = [sorted(true), sorted(said)]
    for start, end in itertools.pairwise(edges):
        now: list[For | None] = []
        for side, pieces in enumerate(lists):
            while places[side] < len(pieces) and pieces[places[side]][1] <= start:
                places[side] += 1
            here = pieces[places[side]] if places[side] < len(pieces) else None
            now.append(here[2] if here is not None and here[0] <= start else None)
        if now == [None, None]:
            continue
        if found and found[-1][1] == start and list(found[-1][2:]) == now:
            found[-1] = (found[-1][0], end, now[0], now[1])
        else:
            found.append((start, end, now[0], now[1]))
    return found


def _at(worked: list[tuple[int, str]], at_ns: int) -> str:
    return next((job for since_ns, job in reversed(worked) if since_ns <= at_ns), "")


def _worked(site: Site, passages: list[TruthPassage]) -> dict[str, list[tuple[int, str]]]:
    """Return which job order a unit was there for, as changes: (since, job order).

    It is the one that runs, else the one that ran last and is not over. People begin, pause and stop it;
    it is over by itself with its last good part.
    """
    what = [(at_ns, 1, number, unit, job, kind) for number, (at_ns, unit, job, kind)
            in enumerate(site.people.touches)]  # fmt: skip
    good: Counter[tuple[str, str]] = Counter()
    for passage in sorted(passages, key=lambda each: each.at_ns):
        order = site.book.get(JobOrder, passage.job)
        assert order is not None, "a part is made for a job order"
        good[passage.unit, passage.job] += passage.good
        if passage.good and good[passage.unit, passage.job] == order.quantity:
            what.append((passage.at_ns, 0, 0, passage.unit, passage.job, "stop"))
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    running: dict[str, str] = {}
    unfinished: dict[str, list[str]] = defaultdict(list)
    for at_ns, _, _, unit, job, kind in sorted(what):
        rest = unfinished[unit]
        if job in rest:
            rest.remove(job)
        if kind != "stop":
            rest.append(job)
        if kind == "begin":
            running[unit] = job
        elif running.get(unit) == job:
            running.pop(unit)
        found[unit].append((at_ns, running.get(unit, rest[-1] if rest else "")))
    return found
