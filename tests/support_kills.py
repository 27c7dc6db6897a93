"""What must hold after kills, over what was asked, written, said and told. Pure: each check names each fault.

The running product is looked at with these, and so are small parts of it with a mistake planted in them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from taktwin.contracts.events import (
    CloudEvent,
    CommandExecuted,
    CommandFailed,
    CommandGiven,
    CounterRestarted,
    MaterialCounted,
)
from taktwin.contracts.machine_commands import NOTHING_SENT, ControlMachineJob, Outcome, Values
from taktwin.mes.desk import content_of
from taktwin.storage.journal import Entry
from taktwin.virtual_plant.truth import TruthTold


@dataclass(slots=True)
class Asked:
    """One wish of a person under one key, and what it was answered each time; None: nobody answered."""

    key: str
    name: str
    data: dict[str, Any]
    answers: list[tuple[bool, Any] | None] = field(default_factory=list)  # (accepted, its words)

    @property
    def answered(self) -> tuple[bool, Any] | None:
        """Return the first answer that came."""
        return next((each for each in self.answers if each is not None), None)


def booked_wrongly(asked: Iterable[Asked], entries: Iterable[Entry]) -> list[str]:
    """Return what was accepted and is not there once, refused and is there, or answered in two ways."""
    written: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        written[entry.correlation].append(entry)
    wrong = []
    for each in asked:
        there = written.get(each.key, [])
        sequences = [entry.sequence for entry in there]
        if sequences and sequences != list(range(sequences[0], sequences[0] + len(sequences))):
            wrong.append(f"{each.key} {each.name}: written in pieces, {sequences}")
        accepted = [one for one in each.answers if one is not None and one[0]]
        said = [one for one in each.answers if one is not None]
        if accepted and any(one != accepted[0] for one in said[said.index(accepted[0]) :]):
            wrong.append(f"{each.key} {each.name}: granted, and answered otherwise: {said}")
        if accepted:
            words = accepted[0][1]
            if [entry.event_type for entry in there] != words["events"]:
                found = [entry.event_type for entry in there]
                wrong.append(f"{each.key} {each.name}: answered {words['events']}, written {found}")
            elif sequences and sequences[-1] != words["sequence"]:
                wrong.append(f"{each.key} {each.name}: answered {words['sequence']}, written {sequences}")
        elif there and each.answered is not None:
            wrong.append(f"{each.key} {each.name}: refused, and written as {sequences}")
    return wrong


def out_of_sequence(said: Sequence[CloudEvent], entries: Sequence[Entry]) -> list[str]:
    """Return where the backbone's events of the MES are not the journal, each once, in its order."""
    wrong = []
    sequences = [int(event.sequence) for event in said]
    for before, after in zip([0, *sequences], sequences, strict=False):
        if after != before + 1:
            wrong.append(f"event {after} follows event {before}")
    contents: dict[str, set[bytes]] = defaultdict(set)
    for event in said:
        contents[event.id].add(msgspec.json.encode(event))
    wrong += [f"event {name} has {len(each)} contents" for name, each in contents.items() if len(each) > 1]
    journal = {entry.sequence: entry for entry in entries}
    for event in said:
        entry = journal.get(int(event.sequence))
        if entry is None or (entry.event_type, entry.content) != (event.name, bytes(event.data).decode()):
            wrong.append(f"event {event.sequence} {event.name}: the journal has {entry}")
    return wrong


def miscounted(entries: Iterable[Entry]) -> list[str]:
    """Return which counters' parts are in the journal more than once, or not at all."""
    wrong, at = [], dict[str, int]()
    for event in map(content_of, entries):
        if isinstance(event, CounterRestarted):
            if event.signal in at:
                wrong.append(
                    f"{event.signal}: taken for restarted at {event.counter}, was {at[event.signal]}"
                )
            at[event.signal] = event.counter
        elif isinstance(event, MaterialCounted):
            if event.counter - at[event.signal] != event.quantity:
                wrong.append(
                    f"{event.signal}: {event.quantity} parts from {at[event.signal]} to {event.counter}"
                )
            at[event.signal] = event.counter
    return wrong


def told_wrongly(
    entries: Iterable[Entry], told: Iterable[TruthTold], *, twice: bool = True, done: bool = True,
    ended: bool = True,
) -> list[str]:  # fmt: skip
    """Return which commands machines were told twice, or not though it was said so, or by nobody's wish.

    Parameters
    ----------
    told : what the machines themselves say that they were told
    twice, done, ended : look whether one was told more often than given, whether what is said to be done
        was told, whether all have ended
    """
    given: dict[str, CommandGiven] = {}
    became: dict[str, Outcome] = {}
    for event in map(content_of, entries):
        if isinstance(event, CommandGiven):
            given[event.command] = event
        elif isinstance(event, CommandExecuted):
            became[event.command] = Outcome.DONE
        elif isinstance(event, CommandFailed):
            became[event.command] = Outcome(event.outcome)
    at_most, at_least = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for command, event in given.items():
        outcome = became.get(command)
        for spot in _spots(event):
            at_most[spot] += outcome not in NOTHING_SENT
            at_least[spot] += outcome is Outcome.DONE
    found = Counter((each.unit, each.what, each.about) for each in told)
    wrong = []
    if twice:
        wrong += [
            f"{' '.join(spot)}: told {number} times, by {at_most[spot]} commands"
            for spot, number in found.items() if number > at_most[spot]
        ]  # fmt: skip
    if done:
        wrong += [
            f"{' '.join(spot)}: told {found[spot]} times, {number} commands are said to be done"
            for spot, number in at_least.items() if found[spot] < number
        ]  # fmt: skip
    if ended:
        wrong += [f"{command}: nobody says what came of it" for command in given if command not in became]
    return wrong


def _spots(event: CommandGiven) -> list[tuple[str, str, str]]:
    """Return what a machine hears of a command: unit, what, about; once each."""
    if event.name == ControlMachineJob.command_name:
        call = msgspec.json.decode(event.content, type=ControlMachineJob)
        return [(event.work_unit, call.method, call.job)]
    values = msgspec.json.decode(event.content, type=Values)
    return [(event.work_unit, each.signal, str(each.value)) for each in [*values.values, *values.then]]


def orders_wrongly(
    dropped: Mapping[str, int], entries: Iterable[Entry], jobs: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return which orders are lost or doubled: `dropped` with their operations, `jobs` as they are listed."""
    taken = Counter(e.subject for e in entries if e.event_type == "operations.request.received")
    wrong = [f"order {name}: taken in {taken[name]} times" for name in dropped if taken[name] != 1]
    for name, operations in dropped.items():
        listed = jobs.get(name, ())
        if len(listed) != operations or len(set(listed)) != operations:
            wrong.append(f"order {name}: its job orders are {listed}")
    return wrong
