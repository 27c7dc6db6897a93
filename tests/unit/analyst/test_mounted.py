"""A tool that the MES was told of begins a life, beside the machine's number; what a plant folder brings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from taktwin.analyst import training
from taktwin.analyst.features import Column, Subject, Tape, Trace, mounting
from taktwin.analyst.maintenance.tool_runs import tool_runs
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model_store import ModelStore, taken
from taktwin.analyst.remembering import FACTS, remember, told
from taktwin.contracts import events
from taktwin.contracts.events.tooling import ToolDismounted, ToolMounted
from taktwin.entropy import Entropy
from taktwin.history.store import ROW_SCHEMA
from taktwin.identity import SignalId
from tests.unit.whatif.test_whatif import REGISTRY

MINUTE = 60 * 10**9


def trace(*, number: list[tuple[int, float]], mounted: list[int], parts: int = 240) -> Trace:
    """Return a lathe that makes a part every minute; instants in minutes."""
    at_ns = (np.arange(parts) + 1) * MINUTE
    columns = {
        "measured": Column(at_ns, np.full(parts, 30.0)),
        "good": Column(np.concatenate([[0], at_ns + 1]), np.arange(parts + 1, dtype=np.float64)),
        "tool": Column(np.array([m * MINUTE for m, _ in number], np.int64), np.array([v for _, v in number])),
        "mounted": Column(np.array(mounted, np.int64) * MINUTE, np.ones(len(mounted))),
    }
    return Trace(Subject(id="s", unit="turn1", signals={}), columns, int(at_ns[-1]))


def lives(made: Trace) -> list[tuple[float, float, bool]]:
    """Return of each tool its begin in minutes, its parts, and whether its beginning was seen."""
    return [(run.begin_ns / MINUTE, run.parts, run.is_whole) for run in tool_runs(made)]


def test_at_a_machine_without_a_number_the_mes_says_when_a_life_begins() -> None:
    assert lives(trace(number=[], mounted=[100])) == [(1, 99, False), (100, 140, True)]


def test_what_machine_and_terminal_both_say_is_one_change_at_the_machines_instant() -> None:
    both = trace(number=[(0, 1), (104, 2)], mounted=[100])
    late = trace(number=[(0, 1), (104, 2)], mounted=[150])
    assert lives(both) == lives(late) == [(0, 103, False), (104, 136, True)]


def test_a_yes_at_the_terminal_is_no_other_tool_however_late_it_comes() -> None:
    late = trace(number=[(0, 1), (240, 2)], mounted=[330], parts=480)
    assert lives(late) == [(0, 239, False), (240, 240, True)]
    # Each change is confirmed 90 minutes late, the third one not at all.
    each = trace(number=[(0, 1), (100, 2), (220, 3), (340, 4)], mounted=[190, 310], parts=480)
    assert [begin for begin, _, _ in lives(each)] == [0, 100, 220, 340]
    twice = trace(number=[(0, 1), (100, 2)], mounted=[110, 150], parts=240)
    assert [begin for begin, _, _ in lives(twice)] == [0, 100]


def test_a_change_that_the_machine_was_not_told_of_counts_too() -> None:
    untold = trace(number=[(0, 1), (20, 2)], mounted=[22, 200])
    assert [begin for begin, _, _ in lives(untold)] == [0, 20, 200]
    never = trace(number=[(0, 1)], mounted=[80, 160])
    assert [begin for begin, _, _ in lives(never)] == [0, 80, 160], "its number never turns"


def test_live_and_history_put_the_same_onto_the_tape() -> None:
    contents = [
        ToolMounted(tool="T-1", kind="insert", work_unit="turn1"),
        ToolMounted(tool="T-2", kind="hob", work_unit="hob1"),
        ToolDismounted(tool="T-1", kind="insert", work_unit="turn1", cause="changed"),
    ]
    said = [
        events.encode(events.make(each, source="/a/b/mes", sequence=n + 1, time_ns=(n + 1) * MINUTE))
        for n, each in enumerate(contents)
    ]
    name = mounting("turn1", "insert")
    live, past = Tape([name]), Tape([name])
    for body in [*said, said[0]]:
        told(live, body)
    remember(past, ROW_SCHEMA.empty_table(), pa.table({"body": pa.array(said, pa.binary())}))
    subject = Subject(id="s", unit="turn1", signals={"mounted": (name,)})
    for tape in (live, past):
        assert tape.trace(subject, 1 << 60)["mounted"].at_ns.tolist() == [MINUTE]
    assert set(FACTS) <= set(events.CATALOGUE)


def test_the_demo_plants_lathes_hear_of_the_mes() -> None:
    subjects = ToolWear.subjects(REGISTRY)
    assert {each.unit: each.signals["mounted"] for each in subjects} == {
        unit: (SignalId(f"tool.mounted:{unit}:insert"),) for unit in ("turn1", "turn2")
    }


def test_what_a_plant_folder_brings_begins_in_the_shadow_once(tmp_path: Path) -> None:
    traces = ToolWear.example(lambda name, n: Entropy(1).generator(name).standard_normal(n))
    now_ns = max(each.to_ns for each in traces)
    about, state = training.learnt(ToolWear, traces, now_ns=now_ns, learnt_from="a generated past")
    brought, own = ModelStore(tmp_path / "plant"), ModelStore(tmp_path / "own")
    version = brought.add(about, state).about.version
    brought.promote("tool_wear", version, person="P07", now_ns=now_ns, code_version=ToolWear.code_version)
    [first] = taken(own, tmp_path / "plant", ["tool_wear"])
    assert (first.about.stage, first.about.promoted_by) == ("shadow", ""), "live elsewhere is not live here"
    assert first.about.learnt_from == "a generated past"
    own.promote("tool_wear", version, person="P09", now_ns=now_ns, code_version=ToolWear.code_version)
    assert taken(own, tmp_path / "plant", ["tool_wear"]) == []
    live = own.live("tool_wear")
    assert live is not None and live.about.promoted_by == "P09", "a restart changes nothing"
    assert taken(own, tmp_path / "nowhere", ["tool_wear"]) == []

    path = tmp_path / "plant" / "tool_wear" / f"{version}.json"
    bent: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    bent["state"]["tools"] += 1
    path.write_bytes(msgspec.json.encode(bent))
    assert taken(ModelStore(tmp_path / "third"), tmp_path / "plant", ["tool_wear"]) == [], "changed by hand"
