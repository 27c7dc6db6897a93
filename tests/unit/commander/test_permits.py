"""What the plant folder does not permit, the commander refuses: each reason by an example."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import msgspec
import pytest

from taktwin.commander.permits import expected, refusal
from taktwin.contracts.machine_commands import (
    AnswerInterlock,
    Calls,
    LoadParameters,
    MachineCommand,
    Outcome,
    Values,
    Wanted,
)
from taktwin.identity import SignalId
from taktwin.plant.compile import find_mistakes, open_plant
from taktwin.plant.registry import Registry
from taktwin.plant.schema import Permit
from tests.unit.plant import small_plant

PERMITS = """
permits:
  mill1:
    parameters.load: {writes: [spindle/load]}
"""


def with_permits(text: str) -> dict[str, str]:
    return {**small_plant.FILES, "plant.yaml": small_plant.FILES["plant.yaml"] + text}


def registry(folder: Path) -> Registry:
    return open_plant(small_plant.write(folder, with_permits(PERMITS)))


def command(wish: Values | Calls, **changes: object) -> MachineCommand:
    made = MachineCommand(
        id="c-1", name=wish.command_name, work_unit="mill1", actor="P08", reason="job A-10 begins",
        deadline_ns=1, data=msgspec.Raw(msgspec.json.encode(wish)),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


LOAD = LoadParameters(values=[Wanted(signal="spindle/load", value=80.0)])


def test_what_is_listed_is_permitted(tmp_path: Path) -> None:
    assert refusal(registry(tmp_path), command(LOAD), LOAD) is None


@pytest.mark.parametrize(
    ("wish", "changes", "outcome", "place", "right"),
    [
        (AnswerInterlock(values=LOAD.values), {}, Outcome.FORBIDDEN, "permits.mill1", "parameters.load"),
        (LOAD, {"work_unit": "saw1"}, Outcome.FORBIDDEN, "permits.saw1", "nothing"),
        (LOAD, {"work_unit": "nowhere"}, Outcome.FORBIDDEN, "permits.nowhere", "nothing"),
        (LoadParameters(values=[Wanted(signal="energy", value=1.0)]), {}, Outcome.FORBIDDEN,
         "permits.mill1.parameters.load.writes", "spindle/load"),
        (LoadParameters(values=LOAD.values, then=[Wanted(signal="energy", value=1.0)]), {},
         Outcome.FORBIDDEN, "permits.mill1.parameters.load.writes", "spindle/load"),
        (LoadParameters(values=[]), {}, Outcome.INVALID, "values", "what is to be written"),
        (LoadParameters(values=[Wanted(signal="spindle/load", value=151.0)]), {}, Outcome.FORBIDDEN,
         "mill1/spindle/load", "from 0 to 150"),
        (LOAD, {"actor": ""}, Outcome.INVALID, "actor", "printable"),
        (LOAD, {"reason": "  "}, Outcome.INVALID, "reason", "printable"),
        (LOAD, {"reason": "x" * 501}, Outcome.INVALID, "reason", "printable"),
        (LOAD, {"id": "a\nb"}, Outcome.INVALID, "id", "printable"),
    ],
)  # fmt: skip
def test_what_is_not_listed_is_refused_with_its_place(
    tmp_path: Path, wish: Values, changes: dict[str, object], outcome: Outcome, place: str, right: str
) -> None:
    found = refusal(registry(tmp_path), command(wish, **changes), wish)
    assert found is not None
    assert (found.outcome, found.place) == (outcome, place)
    assert right in found.right


class Start(Calls, frozen=True, kw_only=True):
    """A command that calls a method."""

    command_name = "parameters.load"


def test_a_method_is_permitted_by_its_name(tmp_path: Path) -> None:
    plant = registry(tmp_path)
    wish = Start(method="Start")
    found = refusal(plant, command(wish), wish)
    assert found is not None and found.place.endswith(".methods")
    permits = {"mill1": {"parameters.load": Permit(methods=["Start"])}}
    assert refusal(dataclasses.replace(plant, permits=permits), command(wish), wish) is None


@pytest.mark.parametrize(
    ("path", "value", "right"),
    [
        ("spindle/load", 80, ""),
        ("spindle/load", True, "a number"),
        ("spindle/load", "80", "a number"),
        ("spindle/load", math.nan, "can hold"),
        ("spindle/load", math.inf, "can hold"),
        ("good_count", 1.5, "can hold"),
        ("good_count", -1, "from 0"),
        ("good_count", 2**32, "to 4.29497e+09"),
        ("state", -(2**31), ""),
    ],
)
def test_a_value_fits_its_signal(tmp_path: Path, path: str, value: object, right: str) -> None:
    signal = registry(tmp_path).by_id[SignalId(f"mill1/{path}")]
    found = expected(signal, value)
    assert (right in found) if right else not found


@pytest.mark.parametrize(
    ("before", "after", "field", "expected"),
    [
        ("mill1:", "mill9:", "permits.mill9", "mill1"),
        ("parameters.load", "parameters.lode", "permits.mill1.parameters.lode", "parameters.load"),
        ("[spindle/load]", "[spindle/lod]", "permits.mill1.parameters.load.writes[0]", "spindle/load"),
        ("[spindle/load]", "[spindle/load, spindle/load]", "permits.mill1.parameters.load.writes[1]",
         "each signal once"),
        ("{writes: [spindle/load]}", "{}", "permits.mill1.parameters.load", "writes: [...]"),
        ("{writes: [spindle/load]}", "{methods: [Begin]}", "permits.mill1.parameters.load.methods[0]",
         "Start"),
        ("{writes: [spindle/load]}", "{methods: [Stop, Stop]}", "permits.mill1.parameters.load.methods[1]",
         "each method once"),
    ],
)  # fmt: skip
def test_a_mistake_in_permits_has_file_line_found_and_right(
    tmp_path: Path, before: str, after: str, field: str, expected: str
) -> None:
    text = with_permits(PERMITS.replace(before, after))
    [mistake] = find_mistakes(small_plant.write(tmp_path, text))
    assert mistake.field == field
    assert expected in mistake.expected
    assert mistake.file.endswith("plant.yaml") and mistake.line >= 12


def test_what_comes_over_another_connector_cannot_be_written(tmp_path: Path) -> None:
    files = dict(small_plant.FILES)
    files["plant.yaml"] += PERMITS
    rest = next(name for name, text in files.items() if "connector: opcua" in text)
    files[rest] = files[rest].replace("connector: opcua", "connector: modbus-tcp")
    [mistake] = find_mistakes(small_plant.write(tmp_path, files))
    assert mistake.field == "permits.mill1.parameters.load.writes[0]"
    assert "modbus-tcp" in mistake.expected


def test_a_secret_of_the_commander_is_no_clear_text(tmp_path: Path) -> None:
    files = dict(small_plant.FILES)
    rest = next(name for name, text in files.items() if "connector: opcua" in text)
    files[rest] = files[rest].replace(
        "    settings: {user: twin",
        "    commander: {user: writer, password: sesame-9417}\n    settings: {user: twin",
    )
    [mistake] = find_mistakes(small_plant.write(tmp_path, files))
    assert mistake.field == "connections.plc.commander.password"
    assert "sesame-9417" not in str(mistake)
