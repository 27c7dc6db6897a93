"""History for whoever reads it: over the bus, or beside the historian on the same machine.

The historian is asked for the hot part; sealed files are read directly where they can be reached,
so that a long training run costs the historian nothing. Answers are Arrow tables; `frames` makes
data frames of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa

from taktwin.contracts import topics
from taktwin.entropy import unique_id
from taktwin.errors import StoreError
from taktwin.history import door, layout, requests
from taktwin.history.requests import (
    AsOfJoinRequest,
    AsOfRequest,
    BucketsRequest,
    EventsRequest,
    IntervalsRequest,
    LastRequest,
    RangeRequest,
    RejectedRequest,
    StatusAnswer,
    StatusRequest,
    VouchedRequest,
)
from taktwin.history.store import EARLIEST_NS, I64, LATEST_NS
from taktwin.identity import SignalId

if TYPE_CHECKING:
    from taktwin.history.reading import Reader


def pause(seconds: float) -> None:
    """Wait for a span of wall time: for tools and notebooks, which have no clock of an installation."""
    threading.Event().wait(seconds)


class Asker(Protocol):
    """What is needed of a bus."""

    async def request(self, subject: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Ask and return the answer."""
        ...


class HistoryClient:
    """Questions to the historian over the bus. Every method raises BusError where it does not answer."""

    def __init__(
        self, bus: Asker, *, enterprise: str, site: str, folder: Path | None = None, timeout_s: float = 30.0
    ) -> None:
        """`folder`: the historian's folder if this machine can read it; sealed rows then come from there."""
        self._bus = bus
        self._enterprise, self._site = enterprise, site
        self._folder = folder
        self._timeout_s = timeout_s

    async def ask(self, request: msgspec.Struct) -> bytes:
        """Return the answer to any request of `history.requests` as bytes."""
        name = requests.NAMES[type(request)]
        subject = topics.query(self._enterprise, self._site, requests.OWNER, name)
        return await self._bus.request(subject, requests.encode(request), timeout_s=self._timeout_s)

    async def table(self, request: msgspec.Struct) -> pa.Table:
        """Return the answer to a request as a table."""
        return requests.table_of(await self.ask(request))

    async def range(
        self, signals: Sequence[SignalId] | None, from_ns: int = EARLIEST_NS, to_ns: int = LATEST_NS
    ) -> pa.Table:
        """Return rows with `from_ns <= source_ns < to_ns`, by signal and time."""
        request = RangeRequest(
            signals=_list(signals), from_ns=from_ns, to_ns=to_ns, hot_only=self._folder is not None
        )
        table = await self.table(request)
        return table if self._folder is None else _with_sealed(table, self._folder, request)

    async def buckets(
        self, signals: Sequence[SignalId], from_ns: int, to_ns: int, *, columns: int
    ) -> pa.Table:
        """Return at most `columns` buckets a signal; see the port."""
        names = [str(name) for name in signals]
        return await self.table(BucketsRequest(signals=names, from_ns=from_ns, to_ns=to_ns, columns=columns))

    async def last(self, signals: Sequence[SignalId] | None = None) -> pa.Table:
        """Return the newest row of each signal."""
        return await self.table(LastRequest(signals=_list(signals)))

    async def as_of(self, signals: Sequence[SignalId] | None, at_ns: int) -> pa.Table:
        """Return of each signal the newest row at an instant."""
        return await self.table(AsOfRequest(signals=_list(signals), at_ns=at_ns))

    async def as_of_join(self, signals: Sequence[SignalId], times_ns: I64) -> pa.Table:
        """Return for each instant and signal the row that was true then."""
        times = np.asarray(times_ns, np.int64).tolist()
        return await self.table(AsOfJoinRequest(signals=[str(name) for name in signals], times_ns=times))

    async def vouched(self, from_ns: int = EARLIEST_NS, to_ns: int = LATEST_NS) -> pa.Table:
        """Return the spans over which sources vouched for their units."""
        return await self.table(VouchedRequest(from_ns=from_ns, to_ns=to_ns))

    async def events(
        self, from_ns: int = EARLIEST_NS, to_ns: int = LATEST_NS, *, types: Sequence[str] = ()
    ) -> pa.Table:
        """Return events by time."""
        return await self.table(EventsRequest(from_ns=from_ns, to_ns=to_ns, types=list(types)))

    async def intervals(self, from_ns: int, to_ns: int, *, units: Sequence[str] = ()) -> pa.Table:
        """Return the intervals that touch a window."""
        return await self.table(IntervalsRequest(from_ns=from_ns, to_ns=to_ns, units=list(units)))

    async def rejected(self, *, limit: int = 1000) -> pa.Table:
        """Return what was refused, newest first."""
        return await self.table(RejectedRequest(limit=limit))

    async def status(self) -> StatusAnswer:
        """Return how much there is, and whether the historian is well."""
        return msgspec.msgpack.decode(await self.ask(StatusRequest()), type=StatusAnswer)


class History:
    """History in a folder on this machine, whether a historian is running or not.

    Where none runs, the files are read; where one does, it is asked through its door.
    """

    def __init__(self, reader: Reader | None, folder: Path, patience_s: float) -> None:
        self._reader = reader
        self._folder = folder
        self._patience_s = patience_s

    @classmethod
    def open(cls, folder: Path | str, *, patience_s: float = 60.0) -> History:
        """Return the history of an installation's data folder, or of the historian's own folder in it.

        Parameters
        ----------
        patience_s : how long an answer of a running historian may take, wall seconds

        Raises
        ------
        StoreError
            If there is no history.
        """
        own = Path(folder)
        own = own / requests.OWNER if (own / requests.OWNER / layout.FILE).exists() else own
        if not (own / layout.FILE).exists():
            raise StoreError(f"no history in {folder}: expected {requests.OWNER}/{layout.FILE}")
        return cls(_reader_of(own), own, patience_s)

    @property
    def asks(self) -> bool:
        """Whether a running historian is asked."""
        return self._reader is None

    def range(
        self, signals: Sequence[SignalId] | None, from_ns: int = EARLIEST_NS, to_ns: int = LATEST_NS
    ) -> pa.Table:
        """Return rows with `from_ns <= source_ns < to_ns`, by signal and time."""
        if self._reader is not None:
            return self._reader.range(signals, from_ns, to_ns)
        request = RangeRequest(signals=_list(signals), from_ns=from_ns, to_ns=to_ns, hot_only=True)
        return _with_sealed(self._table(request), self._folder, request)

    def buckets(self, signals: Sequence[SignalId], from_ns: int, to_ns: int, *, columns: int) -> pa.Table:
        """Return at most `columns` buckets a signal; see the port."""
        if self._reader is not None:
            return self._reader.buckets(signals, from_ns, to_ns, columns=columns)
        names = [str(name) for name in signals]
        return self._table(BucketsRequest(signals=names, from_ns=from_ns, to_ns=to_ns, columns=columns))

    def last(self, signals: Sequence[SignalId] | None = None) -> pa.Table:
        """Return the newest row of each signal."""
        if self._reader is not None:
            return self._reader.last(signals)
        return self._table(LastRequest(signals=_list(signals)))

    def as_of(self, signals: Sequence[SignalId] | None, at_ns: int) -> pa.Table:
        """Return of each signal the newest row at an instant."""
        if self._reader is not None:
            return self._reader.as_of(signals, at_ns)
        return self._table(AsOfRequest(signals=_list(signals), at_ns=at_ns))

    def as_of_join(self, signals: Sequence[SignalId], times_ns: I64) -> pa.Table:
        """Return for each instant and signal the row that was true then."""
        if self._reader is not None:
            return self._reader.as_of_join(signals, times_ns)
        times = np.asarray(times_ns, np.int64).tolist()
        return self._table(AsOfJoinRequest(signals=[str(name) for name in signals], times_ns=times))

    def events(
        self, from_ns: int = EARLIEST_NS, to_ns: int = LATEST_NS, *, types: Sequence[str] = ()
    ) -> pa.Table:
        """Return events by time."""
        if self._reader is not None:
            return self._reader.events(from_ns, to_ns, types=types)
        return self._table(EventsRequest(from_ns=from_ns, to_ns=to_ns, types=list(types)))

    def intervals(self, from_ns: int, to_ns: int, *, units: Sequence[str] = ()) -> pa.Table:
        """Return the intervals that touch a window."""
        if self._reader is not None:
            return self._reader.intervals(from_ns, to_ns, units=units)
        return self._table(IntervalsRequest(from_ns=from_ns, to_ns=to_ns, units=list(units)))

    def status(self) -> StatusAnswer:
        """Return how much there is, and whether a historian is running and well."""
        if self._reader is None:
            return msgspec.msgpack.decode(self._ask(StatusRequest()), type=StatusAnswer)
        return requests.status_of(self._reader.status(), state="stopped", folder=str(self._folder))

    def _table(self, request: msgspec.Struct) -> pa.Table:
        return requests.table_of(self._ask(request))

    def _ask(self, request: msgspec.Struct) -> bytes:
        name = requests.NAMES[type(request)]
        number = unique_id()
        door.knock(self._folder, number, door.Ask(name=name, payload=requests.encode(request)))
        waited = 0.0
        while waited < self._patience_s:
            try:
                answer = door.collect(self._folder, number)
            except ValueError as fault:
                raise StoreError(f"the historian refused {name}: {fault}") from fault
            if answer is not None:
                return answer
            pause(0.05)
            waited += 0.05
        raise StoreError(f"the historian of {self._folder} did not answer {name} in {self._patience_s} s")


def _reader_of(folder: Path) -> Reader | None:
    """Return a reader of the files, None if a running historian holds them."""
    import duckdb  # who only asks over the bus does not pay for the engine

    from taktwin.history.reading import Reader

    try:
        connection = duckdb.connect(str(folder / layout.FILE), read_only=True)
    except duckdb.IOException:
        return None
    return Reader(connection, folder, "")


def _with_sealed(hot: pa.Table, folder: Path, request: RangeRequest) -> pa.Table:
    metadata: Any = hot.schema.metadata or {}
    segments = msgspec.json.decode(metadata.get(b"segments", b"[]"), type=list[str])
    hot = hot.replace_schema_metadata(None)
    if not segments:
        return hot
    from taktwin.history.reading import read_sealed  # nor who asks for what is not sealed yet

    files = [str(folder / name) for name in segments]
    sealed = read_sealed(files, request.signals, request.from_ns, request.to_ns)
    keys = ("signal", *layout.KEY.split(", "))
    return pa.concat_tables([sealed, hot]).sort_by([(key, "ascending") for key in keys])


def _list(names: Sequence[SignalId] | None) -> list[str] | None:
    return None if names is None else [str(name) for name in names]
