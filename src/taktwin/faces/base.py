"""What all faces have in common: they show values, and they can be cut or frozen like real devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from taktwin.plant.registry import Signal


class Shown(NamedTuple):
    """One value that a device shows from an instant on."""

    signal: Signal
    source_ns: int  # as the device's own clock says
    value: Any


class Face(Protocol):
    """One server, device or publisher of one connection."""

    async def start(self, first: Sequence[Shown]) -> None:
        """Open, showing these values. Raises OSError where the address is taken."""
        ...

    async def show(self, values: Sequence[Shown]) -> None:
        """Show values, in the order given."""
        ...

    async def show_malformed(self, signal: Signal, source_ns: int) -> None:
        """Show something that is no value of this signal: an injection."""
        ...

    async def cut(self) -> None:
        """Drop every connection and refuse new ones, as if the cable or the power were gone."""
        ...

    async def restore(self) -> None:
        """Accept connections again."""
        ...

    def freeze(self, frozen: bool) -> None:
        """Keep connections open and say nothing (or speak again)."""
        ...

    async def stop(self) -> None:
        """Close for good."""
        ...


@runtime_checkable
class Writable(Protocol):
    """A face into which clients may write what the plant folder permits."""

    # Told of each value that a client has written; returns what the machine holds instead, None: that value.
    on_written: Callable[[Signal, Any], Any]


class PartedAddress(NamedTuple):
    """Host and port of an endpoint."""

    host: str
    port: int


def parted(endpoint: str, default_port: int) -> PartedAddress:
    """Return host and port of `scheme://host:port/path`, `host:port` or `host`.

    Raises
    ------
    ValueError
        If the port is no number.
    """
    text = endpoint.split("://", 1)[-1].split("/", 1)[0]
    host, colon, port = text.rpartition(":")
    if not colon:
        return PartedAddress(text or "127.0.0.1", default_port)
    return PartedAddress(host or "127.0.0.1", int(port))
