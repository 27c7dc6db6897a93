"""The commander of the product between the MES and the cells of the virtual plant, in process.

What is open at the desk goes as a request over the bus in memory to the commander's own service: its
permits, its book of what was begun, its deadlines, its comparison of what is read back. Only the last
step is not the product's: values are written into the plant itself and not over OPC UA, because a server
that keeps wall time cannot stand still while plant time does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
from asyncua import ua

from taktwin.bus.memory import MemoryHub
from taktwin.clock import VirtualClock
from taktwin.commander.driver import Carried
from taktwin.commander.permits import signal_of
from taktwin.commander.service import COMPONENT, CommanderService
from taktwin.commander.values import same
from taktwin.contracts import machine_commands, topics
from taktwin.contracts.machine_commands import MachineCommand, MachineData, ReadBack, Values
from taktwin.mes.desk import Desk
from taktwin.mes.machines.actions import envelope
from taktwin.virtual_plant.model import VirtualPlant

Write = Callable[[str, object], None]  # (signal id, value): somebody writes into a cell


class PlantClock(VirtualClock):
    """The time of a plant that stands still while it is asked."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        super().__init__(now_ns())
        self._plant_ns = now_ns

    def now_ns(self) -> int:
        """Return plant time."""
        return self._plant_ns()


class Cells:
    """Writes values into the cells of a plant, and reads back what they hold then."""

    carries: tuple[type[MachineData], ...] = (Values,)

    def __init__(self, plant: VirtualPlant, write: Write) -> None:
        self._plant = plant
        self._write = write
        self.lies = False  # mutant: it says that it holds what it was told, and does not

    async def carry(self, command: MachineCommand, wish: MachineData) -> Carried:
        """Write, read back, and write the rest only where the first came back as wanted."""
        assert isinstance(wish, Values), "asked only for what it carries"
        found: list[ReadBack] = []
        for part in filter(None, (wish.values, wish.then)):
            for wanted in part:
                signal = signal_of(self._plant.registry, command.work_unit, wanted.signal)
                assert signal is not None, "permitted, so it is a signal of the plant"
                if not self.lies:
                    self._write(str(signal.id), wanted.value)
                held = wanted.value if self.lies else self._plant.last[signal.index][1]
                found.append(ReadBack(signal=wanted.signal, wanted=wanted.value, found=held,
                                      same=same(wanted, held, ua.VariantType.Float)))  # fmt: skip
            if not all(each.same for each in found):
                break
        return Carried(values=tuple(found))


class Carrier:
    """Brings what the desk wants of machines to the commander, and what came of it back."""

    def __init__(self, desk: Desk, plant: VirtualPlant, folder: Path, write: Write) -> None:
        self._desk = desk
        self._site = (plant.registry.enterprise, plant.registry.site)
        self.cells = Cells(plant, write)
        self.carried = 0
        folder.mkdir(parents=True, exist_ok=True)
        clock = PlantClock(lambda: plant.world.now_ns)
        hub = MemoryHub(clock)
        self._bus = hub.connect()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        service = CommanderService(
            bus=hub.connect(), registry=plant.registry, clock=clock, folder=folder, drivers=[self.cells],
            memory_mb=lambda: 0.0, pid=1,
        )  # fmt: skip
        self._service = self._loop.create_task(service.run(self._stop))
        self._loop.run_until_complete(asyncio.sleep(0))

    def carry(self) -> None:
        """Let everything be carried that is open."""
        for row in self._desk.open_commands():
            command = envelope(row)
            subject = topics.command(*self._site, COMPONENT, command.name)
            answer = self._loop.run_until_complete(
                self._bus.request(subject, machine_commands.encode(command), timeout_s=15.0)
            )
            result = msgspec.structs.replace(machine_commands.decode_result(answer), id=command.id)
            self._desk.told(result)
            self.carried += 1

    def close(self) -> None:
        """End the commander."""
        self._stop.set()
        self._loop.run_until_complete(self._service)
        self._loop.close()
