"""What the portal asks the owners over the bus: twin, historian, recorder, virtual plant.

Every method raises BusError where the owner does not answer in time, or answers something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from taktwin.bus.port import Bus
from taktwin.contracts import topics
from taktwin.contracts.state import Frame, HopStatistics
from taktwin.errors import BusError
from taktwin.history import requests
from taktwin.history.requests import (
    AsOfRequest,
    BucketsRequest,
    EventsRequest,
    IntervalsRequest,
    RangeRequest,
    RejectedRequest,
    StatusAnswer,
    StatusRequest,
)

_frames = msgspec.msgpack.Decoder(Frame)
_hops = msgspec.msgpack.Decoder(dict[str, list[HopStatistics]])


class Questions:
    """All questions of one portal to the owners of one plant."""

    def __init__(self, bus: Bus, *, enterprise: str, site: str) -> None:
        self._bus = bus
        self._enterprise = enterprise
        self._site = site

    async def ask(self, owner: str, name: str, request: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Return an owner's answer as bytes."""
        subject = topics.query(self._enterprise, self._site, owner, name)
        return await self._bus.request(subject, request, timeout_s=timeout_s)

    async def ask_values(self, owner: str, name: str, request: Any, *, timeout_s: float = 5.0) -> Any:
        """Ask in MessagePack and return the answer decoded from it; an empty answer is {}."""
        answer = await self.ask(owner, name, msgspec.msgpack.encode(request), timeout_s=timeout_s)
        try:
            return msgspec.msgpack.decode(answer) if answer else {}
        except msgspec.DecodeError as error:
            raise BusError(f"{owner}.{name} answered no MessagePack: {error}") from error

    async def snapshot(self) -> Frame:
        """Return the twin's full picture."""
        return decode_frame(await self.ask("twin", "snapshot", b""))

    async def twin_hops(self) -> dict[str, list[HopStatistics]]:
        """Return the twin's latency statistics of each connection."""
        answer = await self.ask("twin", "hops", b"")
        try:
            return _hops.decode(answer) if answer else {}
        except msgspec.DecodeError as error:
            raise BusError(f"twin.hops answered something else: {error}") from error

    async def table(self, request: msgspec.Struct, *, timeout_s: float = 10.0) -> pa.Table:
        """Return the historian's table to one of `history.requests`."""
        name = requests.NAMES[type(request)]
        answer = await self.ask(requests.OWNER, name, requests.encode(request), timeout_s=timeout_s)
        try:
            return requests.table_of(answer)
        except pa.ArrowInvalid as error:
            raise BusError(f"historian.{name} answered no Arrow stream: {error}") from error

    async def newest(self, signal: str, *, before_ns: int, limit: int) -> pa.Table:
        """Return the newest rows of a signal before an instant, newest first."""
        return await self.table(
            RangeRequest(signals=[signal], to_ns=before_ns, limit=limit, newest_first=True)
        )

    async def buckets(self, signals: Sequence[str], *, from_ns: int, to_ns: int, columns: int) -> pa.Table:
        """Return minimum, maximum, mean, last, count and worst quality per column of a picture."""
        return await self.table(
            BucketsRequest(signals=list(signals), from_ns=from_ns, to_ns=to_ns, columns=columns)
        )

    async def as_of(self, signals: Sequence[str], at_ns: int) -> pa.Table:
        """Return of each signal the newest row that was there at an instant."""
        return await self.table(AsOfRequest(signals=list(signals), at_ns=at_ns))

    async def events(
        self,
        *,
        from_ns: int,
        to_ns: int,
        types: Sequence[str],
        subjects: Sequence[str] = (),
        limit: int | None = None,
        newest_first: bool = False,
    ) -> pa.Table:
        """Return stored events of some types, by time."""
        return await self.table(
            EventsRequest(
                from_ns=from_ns, to_ns=to_ns, types=list(types), subjects=list(subjects), limit=limit,
                newest_first=newest_first,
            )
        )  # fmt: skip

    async def intervals(self, unit: str, *, from_ns: int, to_ns: int) -> pa.Table:
        """Return the intervals of a work unit's timeline that touch a window."""
        return await self.table(IntervalsRequest(from_ns=from_ns, to_ns=to_ns, units=[unit]))

    async def rejected(self, *, limit: int) -> pa.Table:
        """Return what was refused, newest first."""
        return await self.table(RejectedRequest(limit=limit), timeout_s=3.0)

    async def history_status(self) -> StatusAnswer:
        """Return how much history there is."""
        answer = await self.ask(requests.OWNER, "status", requests.encode(StatusRequest()), timeout_s=3.0)
        try:
            return msgspec.msgpack.decode(answer, type=StatusAnswer)
        except msgspec.DecodeError as error:
            raise BusError(f"historian.status answered something else: {error}") from error


def decode_frame(payload: bytes) -> Frame:
    """Return the frame of a payload. Raises BusError where it is none."""
    try:
        return _frames.decode(payload)
    except msgspec.DecodeError as error:
        raise BusError(f"no frame: {error}") from error
