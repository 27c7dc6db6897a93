"""The process of the demo's machines stops in the middle of its start."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from taktwin.clock import SystemClock
from taktwin.faces.base import Face, Shown
from taktwin.faces.shdr import ShdrFace
from taktwin.plant.registry import Registry
from taktwin.processes import installations, virtual_plant
from taktwin.settings import Installation
from taktwin.stopping import Stopped


async def test_told_to_stop_while_its_servers_open_it_does_not_wait_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()

    class Slow(ShdrFace):
        async def start(self, first: Sequence[Shown]) -> None:
            stop.set()
            await asyncio.Event().wait()

    def slow_faces(registry: Registry, _: Installation, *jobs: object) -> dict[str, Face]:
        (name,) = registry.connections
        return {name: Slow(registry, name, endpoint="127.0.0.1:0")}

    monkeypatch.setattr(virtual_plant, "make_faces", slow_faces)
    here = Installation(data_dir=str(tmp_path), plant_dir=str(installations.example_plant("nist-testbed")))
    with pytest.raises(Stopped):
        await asyncio.wait_for(virtual_plant.main(here, SystemClock(), stop), 5.0)
