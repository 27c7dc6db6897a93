"""The plants that we ship are without mistakes, and hold what they promise."""

from __future__ import annotations

import gzip
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from taktwin.identity import EquipmentId, SignalId
from taktwin.plant import layout, open_plant
from taktwin.plant.registry import Equipment, Registry

PLANTS = Path(__file__).parents[3] / "examples/plants"


@pytest.fixture(scope="module")
def northfield() -> Registry:
    return open_plant(PLANTS / "northfield")


@pytest.fixture(scope="module")
def nist() -> Registry:
    return open_plant(PLANTS / "nist-testbed")


def test_northfield_has_its_lines_cells_and_signals(northfield: Registry) -> None:
    cells = {unit.id: str(unit.place).split("/", 2)[2] for unit in northfield.work_units}
    assert cells["turn1"] == "machining/line1/turn1"
    assert cells["furnace1"] == "heat/hardening/furnace1"
    assert {"load2", "adhesive2", "press2", "tighten2", "leak2", "vision2", "load3", "vision3"} <= set(cells)
    assert {"hob1", "wash1", "grind1", "grind2", "eol1", "eol2", "pack5", "deburr1", "compressor1"} <= set(
        cells
    )
    assert 500 <= len(northfield.signals) <= 650
    kinds = {name: c.connector for name, c in northfield.connections.items()}
    assert kinds == {
        "line1": "opcua", "line2": "opcua", "line3": "opcua", "line4": "opcua", "line5": "opcua",
        "furnace": "modbus-tcp", "utilities": "modbus-tcp", "sensors": "mqtt", "turn1-shdr": "shdr",
    }  # fmt: skip


def test_two_old_cells_are_inferred_and_have_nothing_but_counter_and_power(northfield: Registry) -> None:
    inferred = [unit for unit in northfield.work_units if unit.bands]
    assert [unit.id for unit in inferred] == ["deburr1", "pack5"]
    for unit in inferred:
        assert [northfield.signals[i].path for i in unit.signals] == ["good_count", "power"]
        assert not unit.state_model
    for unit in northfield.work_units:
        states = [i for i in unit.signals if northfield.signals[i].role == "state"]
        assert len(states) == (0 if unit.bands else 1)


def test_addresses_have_the_form_that_their_protocol_speaks(northfield: Registry) -> None:
    by_id = northfield.by_id
    assert (
        by_id[SignalId("turn1/spindle/load")].address == "nsu=urn:taktwin:virtual-plant;s=turn1.spindle.load"
    )
    assert by_id[SignalId("furnace1/zone1/temperature")].address == "ir:0:float32"
    west = by_id[SignalId("zone_c/temperature_west")]
    assert west.address == "uns/v1/aurora/northfield/facility/-/zone_c/_raw/sensors/t_west"
    spectrum = by_id[SignalId("turn1/spindle/spectrum")]
    assert spectrum.options["decoder"] == "spectrum-1024"
    assert (spectrum.equipment, spectrum.connection, spectrum.period_s) == ("turn1", "sensors", 600)


REGISTERS = {"bool": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2, "float64": 4}


def test_no_two_modbus_signals_share_a_register(northfield: Registry) -> None:
    for name in ("furnace", "utilities"):
        used: dict[tuple[str, int], str] = {}
        for index in northfield.connections[name].signals:
            signal = northfield.signals[index]
            kind, first, value_type = signal.address.split(":")
            for register in range(int(first), int(first) + REGISTERS[value_type]):
                owner = used.setdefault((kind, register), signal.id)
                assert owner == signal.id, f"{kind}:{register} belongs to {owner} and {signal.id}"


def test_the_hall_has_the_sensors_that_it_should(northfield: Registry) -> None:
    hall = [s for s in northfield.signals if s.equipment.startswith("zone_")]
    count = {
        kind: sum(s.path.startswith(kind) for s in hall)
        for kind in ("temperature", "humidity", "vibration", "particulate", "occupancy")
    }
    assert count == {"temperature": 14, "humidity": 14, "vibration": 4, "particulate": 2, "occupancy": 6}
    assert all(s.period_s for s in hall), "a sensor that cannot vouch needs a period"
    for signal in hall:
        if signal.x_m is not None:
            assert layout.zone_of(northfield.zones, signal.x_m, signal.y_m) == signal.equipment


def box(equipment: Equipment) -> tuple[float, float, float, float]:
    assert equipment.x_m is not None and equipment.y_m is not None
    half_width, half_depth = equipment.width_m / 2, equipment.depth_m / 2
    return (
        equipment.x_m - half_width, equipment.y_m - half_depth,
        equipment.x_m + half_width, equipment.y_m + half_depth,
    )  # fmt: skip


def test_nothing_on_the_floor_overlaps_and_all_stands_in_its_zone(northfield: Registry) -> None:
    placed = [e for e in northfield.equipment.values() if e.x_m is not None]
    assert len(placed) == len(northfield.work_units) + 7
    for first, second in combinations(placed, 2):
        a, b = box(first), box(second)
        apart = a[2] + 1 <= b[0] or b[2] + 1 <= a[0] or a[3] + 1 <= b[1] or b[3] + 1 <= a[1]
        assert apart, f"{first.id} and {second.id} are less than 1 m apart"
    for equipment in placed:
        left, top, right, bottom = box(equipment)
        corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
        assert {layout.zone_of(northfield.zones, x, y) for x, y in corners} == {equipment.zone}
    for buffer in northfield.buffers:
        assert buffer.x_m is not None and buffer.y_m is not None
        for equipment in placed:
            left, top, right, bottom = box(equipment)
            inside = left - 1 < buffer.x_m < right + 1 and top - 0.5 < buffer.y_m < bottom + 0.5
            assert not inside, f"{buffer.id} stands on {equipment.id}"


def test_material_flows_from_bar_to_box(northfield: Registry) -> None:
    reached, waiting = set[str](), [EquipmentId("turn1")]
    while waiting:
        unit = waiting.pop()
        if unit not in reached:
            reached.add(unit)
            waiting += layout.neighbours(northfield, unit).after
    assert "pack5" in reached
    assert {"load2", "load3", "furnace1", "eol2"} <= reached


def test_one_compressor_is_the_cause_of_three_lines(northfield: Registry) -> None:
    causes = {limit.id: limit.cause for limit in northfield.limits}
    assert causes["press2/air/pressure:low"] == causes["press3/air/pressure:low"] == "compressor1"
    assert causes["hob1/air/pressure:low"] == causes["compressor1/pressure:low"] == "compressor1"
    assert causes["zone_c/temperature_west:high"] == "zone_c"
    priorities = [limit.priority for limit in northfield.limits]
    assert priorities.count(1) < priorities.count(2) < len(priorities) * 0.6


def test_every_work_unit_with_a_machine_alarm_says_what_to_do(northfield: Registry) -> None:
    machine = [limit for limit in northfield.limits if limit.kind == "machine"]
    assert len(machine) == 22, "all but the two old cells and the ventilation"
    assert all(limit.response and limit.consequence and limit.machine_acknowledge for limit in machine)


def test_people_products_and_money_are_there(northfield: Registry) -> None:
    assert len(northfield.people) == 36
    assert set(northfield.products) == {
        "EA-100",
        "EA-200",
        "SH-100",
        "SH-200",
        "HS-1",
        "BR-7",
        "AD-3",
        "SC-12",
        "ST-42",
    }
    assert northfield.economics.currency == "EUR"
    assert northfield.authority["equipment.state"].authority == "l2"
    assert northfield.demo["physics"] == "physics.yaml"


def test_the_drawings_are_drawings(northfield: Registry) -> None:
    assert northfield.floor is not None
    drawing = ElementTree.parse(PLANTS / "northfield" / northfield.floor.drawing).getroot()
    assert drawing.tag.endswith("svg")
    lines = (PLANTS / "northfield" / northfield.floor.drawing_dxf).read_text(encoding="ascii").splitlines()
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    assert all(code.strip().isdecimal() for code, _ in pairs)
    assert pairs[-1] == ("0", "EOF")
    assert "AC1009" in lines, "R12, which every program reads"
    walls = sum(len(wall) - 1 for wall in northfield.floor.walls)
    assert sum(pair == ("8", "WALLS") for pair in pairs) == walls, "the same walls as in plant.yaml"


def test_every_key_of_the_recorded_day_is_a_signal(nist: Registry) -> None:
    recording = PLANTS / "nist-testbed" / nist.demo["recording"]
    with gzip.open(recording, "rt", encoding="utf-8") as lines:
        keys = {line.split("|")[1] for line in lines}
    assert keys == {signal.address for signal in nist.signals}
    assert len(keys) == 65
    assert nist.connections[nist.demo["connection"]].connector == "shdr"
    machine = nist.equipment[EquipmentId("mazak03")]
    assert machine.state_model == "mtconnect"
    assert {"state", "mode", "program", "good_count"} <= {nist.signals[i].role for i in machine.signals}
