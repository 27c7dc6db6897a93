"""A small plant that has one of everything and no mistake: tests spoil it in one place."""

from __future__ import annotations

from pathlib import Path

PLANT = """\
enterprise: acme
site: hill
name: Hill works
time_zone: Europe/Vienna
include: [parts/*.yaml]
floor:
  width_m: 40
  depth_m: 20
zones:
  hall: {name: Hall, polygon: [[0, 0], [40, 0], [40, 20], [0, 20]]}
"""

CLASSES = """\
classes:
  cell:
    name: Cell
    abstract: true
    state_model: packml
    signals:
      state: {role: state, type: int32}
      good_count: {role: good_count, type: uint32}
  mill:
    name: Mill
    extends: [cell]
    size: {width_m: 4, depth_m: 3}
    signals:
      spindle/load:
        role: process
        type: float32
        unit: "%"
        minimum: 0
        maximum: 150
        deadband: 0.5
        alarms:
          high:
            high: 120
            priority: 2
            message: "{name} is overloaded"
            consequence: The tool breaks.
            response: Lower the feed.
            owner_role: operator
      energy: {role: energy, type: float64, unit: kW.h}
  saw:
    name: Saw
    infer:
      - {above_kw: 2, class: production}
      - {above_kw: 0, class: waiting}
    signals:
      good_count: {role: good_count, type: uint32}
      power: {role: power, type: float32, unit: kW}
"""

EQUIPMENT = """\
equipment:
  shop: {level: Area, name: Shop}
  line1: {level: ProductionLine, parent: shop, name: Line 1, calendar: days}
  saw1:
    class: saw
    name: Saw
    parent: line1
    connection: plc
    position: {x_m: 5, y_m: 10}
  mill1:
    class: mill
    name: Mill 1
    parent: line1
    connection: plc
    standard_cycle_s: 40
    position: {x_m: 15, y_m: 10}
    signals:
      spindle/load: {address: "ns=1;s=load"}
"""

REST = """\
connections:
  plc:
    connector: opcua
    endpoint: opc.tcp://127.0.0.1:4840
    address: "ns=1;s={equipment}.{path.dotted}"
    settings: {user: twin, password: "env:PLC_PASSWORD"}
buffers:
  blanks: {sources: [saw1], targets: [mill1], capacity: 10}
supplies:
  air: {source: saw1, medium: air, targets: [mill1]}
calendars:
  days:
    name: Days
    shifts:
      early: {name: A, from: "06:00", to: "14:00", days: [mon, tue], breaks: [{from: "09:00", to: "09:15"}]}
      late: {name: Late, from: "14:00", to: "22:00", days: [mon, tue]}
personnel_classes:
  operator: {name: Operator, qualified_for: [mill]}
products:
  P-1: {name: Part, make: true, routing: part, bill_of_material: [{product: B-1, quantity: 2}]}
  B-1: {name: Bar, make: false}
routings:
  part:
    name: Make a part
    operations:
      - {name: Saw, class: saw, standard_time_s: 30}
      - {name: Mill, class: mill, standard_time_s: 40}
assets:
  SP-1: {name: Spindle, mounted_in: mill1, mounted_since: 2024-05-01}
characteristics:
  width: {name: Width, products: [P-1], unit: mm, nominal: 10, lower: 9.9, upper: 10.1}
economics:
  contribution_per_part: {P-1: 12}
authority:
  order.status: {authority: mes, peers: [twin]}
"""

FILES = {
    "plant.yaml": PLANT,
    "parts/classes.yaml": CLASSES,
    "parts/equipment.yaml": EQUIPMENT,
    "parts/rest.yaml": REST,
}


def write(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write a plant folder and return it."""
    for name, text in (FILES if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def spoiled(file: str, old: str, new: str) -> dict[str, str]:
    """Return the files of the plant with one text changed; it must stand there exactly once."""
    assert FILES[file].count(old) == 1, f"{old!r} stands {FILES[file].count(old)} times in {file}"
    return {**FILES, file: FILES[file].replace(old, new)}
