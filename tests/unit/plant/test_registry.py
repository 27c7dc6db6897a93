"""What a compiled plant knows: inheritance, addresses, places, neighbours, alarms of one cause."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from taktwin.cli.check import check
from taktwin.identity import EquipmentId, Place, SignalId
from taktwin.plant import layout, open_plant
from taktwin.plant.patterns import Subject, UnknownWord, compiled
from taktwin.plant.registry import Registry
from tests.unit.plant import small_plant


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_plant(small_plant.write(tmp_path), valid_from_ns=5)


def test_signals_are_numbered_by_their_sorted_ids(registry: Registry) -> None:
    ids = [signal.id for signal in registry.signals]
    assert ids == sorted(ids)
    assert [signal.index for signal in registry.signals] == list(range(len(ids)))
    assert all(registry.by_id[signal.id] is signal for signal in registry.signals)
    for equipment in registry.equipment.values():
        assert [registry.signals[i].equipment for i in equipment.signals] == [equipment.id] * len(
            equipment.signals
        )


def test_equipment_has_the_signals_of_its_class_and_of_what_that_extends(registry: Registry) -> None:
    mill = registry.equipment[EquipmentId("mill1")]
    assert [registry.signals[i].path for i in mill.signals] == [
        "energy",
        "good_count",
        "spindle/load",
        "state",
    ]
    assert mill.state_model == "packml"
    assert registry.by_id[SignalId("mill1/state")].words["6"] == "Execute"
    saw = registry.equipment[EquipmentId("saw1")]
    assert (saw.state_model, [(b.above_kw, b.time_class) for b in saw.bands]) == (
        "",
        [(2.0, "production"), (0.0, "waiting")],
    )


def test_addresses_come_from_the_pattern_or_by_hand(registry: Registry) -> None:
    assert registry.by_id[SignalId("mill1/energy")].address == "ns=1;s=mill1.energy"
    assert registry.by_id[SignalId("mill1/spindle/load")].address == "ns=1;s=load"
    assert registry.by_address["plc", "ns=1;s=load"].id == "mill1/spindle/load"
    assert registry.connections["plc"].settings["endpoint"] == "opc.tcp://127.0.0.1:4840"
    assert len(registry.connections["plc"].signals) == len(registry.signals)


def test_places_have_five_levels_and_calendars_are_inherited(registry: Registry) -> None:
    mill = registry.equipment[EquipmentId("mill1")]
    assert mill.place == Place("acme", "hill", "shop", "line1", "mill1")
    assert registry.equipment[EquipmentId("line1")].place == Place("acme", "hill", "shop", "line1", "-")
    assert mill.calendar == "days"
    assert mill.described_in == "parts/equipment.yaml:10"
    assert (mill.zone, mill.assets, mill.width_m) == ("hall", ("SP-1",), 4.0)


def test_neighbours_and_supplies_are_found(registry: Registry) -> None:
    near = layout.neighbours(registry, EquipmentId("mill1"))
    assert (near.before, near.after) == (("saw1",), ())
    assert [supply.id for supply in layout.served_by(registry, EquipmentId("mill1"))] == ["air"]
    assert [supply.id for supply in layout.serves(registry, EquipmentId("saw1"))] == ["air"]


def test_alarm_texts_are_filled_and_alarms_of_one_medium_have_its_source_as_cause(tmp_path: Path) -> None:
    files = small_plant.spoiled("parts/classes.yaml", "priority: 2", "priority: 2\n            medium: air")
    limit = open_plant(small_plant.write(tmp_path, files)).limits[0]
    assert (limit.id, limit.message, limit.cause) == (
        "mill1/spindle/load:high",
        "Mill 1 is overloaded",
        "saw1",
    )


def test_a_change_of_one_field_keeps_the_others(tmp_path: Path) -> None:
    files = small_plant.spoiled("parts/equipment.yaml", 'address: "ns=1;s=load"', "maximum: 140, decimals: 1")
    load = open_plant(small_plant.write(tmp_path, files)).by_id[SignalId("mill1/spindle/load")]
    assert (load.minimum, load.maximum, load.decimals, load.unit) == (0.0, 140.0, 1, "%")
    assert load.address == "ns=1;s=mill1.spindle.load"
    assert len(load.limits) == 1


def test_equipment_can_lack_and_add_signals(tmp_path: Path) -> None:
    files = small_plant.spoiled(
        "parts/equipment.yaml",
        'spindle/load: {address: "ns=1;s=load"}',
        "spindle/load: {absent: true}\n      door: {role: process, type: bool}",
    )
    registry = open_plant(small_plant.write(tmp_path, files))
    paths = [registry.signals[i].path for i in registry.equipment[EquipmentId("mill1")].signals]
    assert paths == ["door", "energy", "good_count", "state"]


def test_one_topic_may_carry_several_signals_that_differ_in_their_options(tmp_path: Path) -> None:
    two = '{address: "t/x", options: {json_path: a}}\n      energy: {address: "t/x", options: {json_path: b}}'
    files = small_plant.spoiled("parts/equipment.yaml", '{address: "ns=1;s=load"}', two)
    registry = open_plant(small_plant.write(tmp_path, files))
    assert registry.by_id[SignalId("mill1/energy")].options == {"json_path": "b"}


def test_a_registry_travels_between_processes(registry: Registry) -> None:
    copy = pickle.loads(pickle.dumps(registry))
    assert (copy.hash, copy.signals, copy.calendars) == (registry.hash, registry.signals, registry.calendars)


def test_patterns_add_to_variables_and_name_what_they_do_not_know() -> None:
    subject = Subject("m1", Place("e", "s", "a", "l", "m1"), "zone1/temperature", {"base": 100, "tag": "X"})
    assert compiled("hr:{base+12}:float32")(subject) == "hr:112:float32"
    assert compiled("{topic}/_raw/{path.underscored}")(subject) == "uns/v1/e/s/a/l/m1/_raw/zone1_temperature"
    assert compiled("{tag}.{path.last}")(subject) == "X.temperature"
    assert compiled("plain")(subject) == "plain"
    for pattern in ("{tag+1}", "{bse}", "{}"):
        with pytest.raises(UnknownWord):
            compiled(pattern)(subject)


def test_check_says_what_a_plant_compiles_to_or_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = small_plant.write(tmp_path / "good")
    assert check(str(good)) == 0
    assert "Hill works, 4 equipment (2 work units), 6 signals, 1 connections" in capsys.readouterr().out
    bad = small_plant.write(tmp_path / "bad", small_plant.spoiled("plant.yaml", "site: hill", "site: no"))
    assert check(str(bad)) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{bad}/plant.yaml:2: site = 'no': expected text; YAML reads no as a boolean, write \"no\"",
        f"1 mistake in {bad}",
    ]
