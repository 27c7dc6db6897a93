"""What the suite of connectors needs of a device: a rig is a small real server with three values.

A rig lives in `tests/contract/rigs/<connector>.py` (`-` becomes `_`) and is a class named `Rig`.
The suite finds it by the connector's name; nothing else is to be edited for a new connector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from taktwin.gateway.connector import Wanted
from tests.support_proxy import Proxy


class DeviceRig(ABC):
    """A device with three number addresses, reached through a proxy that can be cut and frozen."""

    wanted: ClassVar[tuple[Wanted, ...]]  # exactly three, float64
    bad: ClassVar[Wanted]  # an address that the device does not have
    reports_bad: ClassVar[bool] = True  # the protocol has a way to say so
    says_every_change: ClassVar[bool] = True  # no change is skipped, however fast
    repeats: ClassVar[bool] = False  # says a value again though it has not changed
    finite: ClassVar[bool] = False  # a recording: said before it is opened, cannot be cut
    settings: ClassVar[Mapping[str, Any]] = {}
    user: str = ""
    password: str = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proxy: Proxy | None = None

    @property
    def endpoint(self) -> str:
        """Return where the connector finds the device: the proxy."""
        assert self.proxy is not None, "started before it is used"
        return f"tcp://127.0.0.1:{self.proxy.port}"

    async def start(self) -> None:
        """Start the device and the proxy in front of it."""
        port = await self.listen()
        self.proxy = Proxy("127.0.0.1", port)
        await self.proxy.start()

    async def stop(self) -> None:
        """Stop both."""
        if self.proxy is not None:
            await self.proxy.stop()
        await self.end()

    @abstractmethod
    async def listen(self) -> int:
        """Start the device; return its port."""

    @abstractmethod
    async def end(self) -> None:
        """Stop the device."""

    @abstractmethod
    async def say(self, address: str, value: float) -> None:
        """Let an address have a new value."""

    async def say_at(self, address: str, value: float, source_ns: int) -> bool:
        """Let an address have a value of another instant; False where the device sends no stamps."""
        return False

    async def say_no_data(self, address: str) -> bool:
        """Let an address have no value; False where the protocol has no way to say so."""
        return False
