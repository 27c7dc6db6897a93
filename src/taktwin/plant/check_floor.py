"""What may be wrong in space: the floor, zones, positions, buffers, supplies."""

from __future__ import annotations

from taktwin.plant import schema
from taktwin.plant.load import Literally, Loaded
from taktwin.plant.references import PARTS_MAX, known


def check(loaded: Loaded, plant: schema.Plant) -> None:
    """Note the mistakes of floor, zones, buffers and supplies, and of positions of equipment."""
    if plant.floor is not None:
        _check_floor(loaded, plant, plant.floor)
    for zone_id, zone in plant.zones.items():
        at = f"zones.{zone_id}.polygon"
        if len(zone.polygon) < 3:
            loaded.add(
                at, Literally(f"{len(zone.polygon)} points"), "3 points or more, in order around the zone"
            )
        _check_points(loaded, plant, at, zone.polygon)
    for equipment_id, equipment in plant.equipment.items():
        if equipment.position is not None:
            check_position(loaded, plant, f"equipment.{equipment_id}.position", equipment.position)
        if equipment.size is not None:
            check_size(loaded, f"equipment.{equipment_id}.size", equipment.size)
    for buffer_id, buffer in plant.buffers.items():
        _check_buffer(loaded, plant, f"buffers.{buffer_id}", buffer)
    for supply_id, supply in plant.supplies.items():
        at = f"supplies.{supply_id}"
        known(loaded, f"{at}.source", supply.source, "equipment", plant.equipment)
        if not supply.targets:
            loaded.add(f"{at}.targets", Literally("an empty list"), "whom it serves")
        for number, target in enumerate(supply.targets):
            known(loaded, f"{at}.targets[{number}]", target, "equipment", plant.equipment)


def check_position(loaded: Loaded, plant: schema.Plant, at: str, position: schema.Position) -> None:
    """Note a position that is not on the floor plan."""
    if plant.floor is None:
        if "floor" not in loaded.broken:
            loaded.add(at, Literally("a position"), "a floor to stand on: floor: {width_m, depth_m}")
        return
    for field, value, limit in (
        ("x_m", position.x_m, plant.floor.width_m),
        ("y_m", position.y_m, plant.floor.depth_m),
    ):
        if not 0 <= value <= limit:
            loaded.add(f"{at}.{field}", value, f"0 to {limit:g}, inside the floor plan")


def check_size(loaded: Loaded, at: str, size: schema.Size) -> None:
    """Note a size that is none."""
    for field in ("width_m", "depth_m"):
        if getattr(size, field) <= 0:
            loaded.add(f"{at}.{field}", getattr(size, field), "metres above 0")


def _check_floor(loaded: Loaded, plant: schema.Plant, floor: schema.Floor) -> None:
    for field in ("width_m", "depth_m"):
        if getattr(floor, field) <= 0:
            loaded.add(f"floor.{field}", getattr(floor, field), "metres above 0")
    for field in ("drawing", "drawing_dxf"):
        name: str = getattr(floor, field)
        if name and not (loaded.folder / name).is_file():
            loaded.add(f"floor.{field}", name, "a file beside plant.yaml")
    for number, wall in enumerate(floor.walls):
        _check_points(loaded, plant, f"floor.walls[{number}]", wall)
    for path_id, path in floor.paths.items():
        _check_points(loaded, plant, f"floor.paths.{path_id}.points", path.points)
        if path.width_m <= 0:
            loaded.add(f"floor.paths.{path_id}.width_m", path.width_m, "metres above 0")


def _check_points(loaded: Loaded, plant: schema.Plant, at: str, points: list[list[float]]) -> None:
    for number, point in enumerate(points):
        if len(point) != 2:
            loaded.add(f"{at}[{number}]", point, "two numbers: [x, y] in metres")
        elif plant.floor is not None and not (
            0 <= point[0] <= plant.floor.width_m and 0 <= point[1] <= plant.floor.depth_m
        ):
            right = f"a point inside the floor plan, {plant.floor.width_m:g} by {plant.floor.depth_m:g}"
            loaded.add(f"{at}[{number}]", point, right)


def _check_buffer(loaded: Loaded, plant: schema.Plant, at: str, buffer: schema.Buffer) -> None:
    if not 1 <= buffer.capacity <= PARTS_MAX:
        loaded.add(f"{at}.capacity", buffer.capacity, f"1 to {PARTS_MAX} parts")
    for side in ("sources", "targets"):
        names: list[str] = getattr(buffer, side)
        if not names:
            loaded.add(f"{at}.{side}", Literally("an empty list"), "at least one work unit")
        for number, name in enumerate(names):
            known(loaded, f"{at}.{side}[{number}]", name, "equipment", plant.equipment)
    for number, name in enumerate(buffer.targets):
        if name in buffer.sources:
            loaded.add(f"{at}.targets[{number}]", name, "another unit than the source")
    if buffer.position is not None:
        check_position(loaded, plant, f"{at}.position", buffer.position)
