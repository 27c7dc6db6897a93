"""How an installation is chosen: the demo starts at work, and foreign folders are left alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from taktwin.errors import ConfigError
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes import installations
from taktwin.processes.supervisor import addressed

HOUR_NS = 3600 * SECOND_NS


@pytest.fixture(scope="module")
def northfield() -> Registry:
    return open_plant(installations.example_plant("northfield"))


@pytest.mark.parametrize(
    "now",
    [
        "2026-11-19T12:40:00Z",
        "2026-11-19T10:45:00Z",
        "2026-11-21T10:35:00Z",
        "2026-11-22T03:10:00Z",
        "2026-10-25T00:30:00Z",
    ],
)
def test_a_demo_starts_while_the_plant_works_and_goes_on_to_work(northfield: Registry, now: str) -> None:
    wall_ns = parse_rfc3339(now)
    start_ns = installations.working_epoch_ns(northfield, wall_ns)
    shifts = northfield.calendars["three_shifts"]
    assert shifts.planned(start_ns)
    assert shifts.planned(start_ns + HOUR_NS)
    assert wall_ns - 8 * 24 * HOUR_NS <= start_ns <= wall_ns + 2 * HOUR_NS


def test_on_a_working_day_it_starts_now(northfield: Registry) -> None:
    now_ns = parse_rfc3339("2026-11-19T12:40:00Z")
    assert installations.working_epoch_ns(northfield, now_ns) == now_ns


def test_an_unknown_plant_is_told_with_those_that_exist() -> None:
    with pytest.raises(
        ConfigError,
        match=r"--plant = atlantis: expected a plant folder, or one of eastgate, nist-testbed, northfield",
    ):
        installations.plant_folder("atlantis")


def test_a_demo_empties_its_own_folder_and_no_other(northfield: Registry, tmp_path: Path) -> None:
    own = tmp_path / "own"
    first = installations.demo(northfield, data_dir=own, speed=1, seed=1)
    (own / "left-over").write_text("x")
    installations.demo(northfield, data_dir=own, speed=1, seed=1)
    assert not (own / "left-over").exists()
    assert first.epoch_ns > 0
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="expected an empty folder"):
        installations.demo(northfield, data_dir=foreign, speed=1, seed=1)
    assert (foreign / "thesis.txt").exists()


def test_a_demo_finds_addresses_for_what_is_played_and_leaves_a_recorded_file_where_it_is(
    northfield: Registry, tmp_path: Path
) -> None:
    recorded = replace(northfield.connections["line1"], connector="files")
    plant = replace(northfield, connections={**northfield.connections, "line1": recorded})
    made = installations.demo(plant, data_dir=tmp_path / "demo", speed=1.0, seed=1)
    found = addressed(made, plant).endpoints
    assert "line1" not in found and "sensors" not in found
    assert found.keys() == {
        name for name, each in plant.connections.items() if each.connector in ("opcua", "modbus-tcp", "shdr")
    }
    assert found["line2"].startswith("opc.tcp://127.0.0.1:")
