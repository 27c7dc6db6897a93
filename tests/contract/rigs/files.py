"""A recording, written before it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from taktwin.clock import SystemClock
from taktwin.gateway.connector import Wanted
from taktwin.instants import rfc3339
from tests.contract.rigs.rig import DeviceRig


class Rig(DeviceRig):
    wanted = tuple(Wanted(f"v{n}", "float64") for n in range(3))
    bad = Wanted("nothing", "float64")
    reports_bad = False
    finite = True
    settings: ClassVar[Mapping[str, Any]] = {"pace": "fast", "begin": "recorded"}

    @property
    def endpoint(self) -> str:
        return f"file:{self.folder / 'recording.csv'}"

    async def start(self) -> None:
        (self.folder / "recording.csv").write_text("time,address,value,quality\n")

    async def stop(self) -> None:
        return

    async def listen(self) -> int:
        return 0

    async def end(self) -> None:
        return

    def _write(self, address: str, text: str, quality: str, source_ns: int | None = None) -> None:
        with (self.folder / "recording.csv").open("a") as file:
            file.write(f"{rfc3339(source_ns or SystemClock().now_ns())},{address},{text},{quality}\n")

    async def say_at(self, address: str, value: float, source_ns: int) -> bool:
        self._write(address, repr(value), "Good", source_ns)
        return True

    async def say(self, address: str, value: float) -> None:
        self._write(address, repr(value), "Good")

    async def say_no_data(self, address: str) -> bool:
        self._write(address, "", "Bad")
        return True
