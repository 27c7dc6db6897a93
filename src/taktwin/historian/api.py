"""Answers: each question of `history.requests` over the store, as Arrow IPC or MessagePack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from taktwin.historian.gaps import gaps_of
from taktwin.history import requests
from taktwin.history.hot import DuckHistory
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
from taktwin.identity import SignalId
from taktwin.plant.registry import Registry


class Api:
    """Answers questions; thread-safe, because each question reads through a cursor of its own."""

    def __init__(
        self,
        store: DuckHistory,
        registry: Registry,
        status: Callable[[], StatusAnswer],
        *,
        now_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._registry = registry
        self._status = status
        self._now_ns = now_ns

    def answer(self, name: str, payload: bytes) -> bytes:
        """Return the answer to a request.

        Raises
        ------
        KeyError, msgspec.ValidationError, ValueError
            If the request is none that can be answered; the bus tells the asker.
        StoreError
            If history cannot be read.
        """
        request = requests.decode(name, payload)
        if isinstance(request, StatusRequest):
            return msgspec.msgpack.encode(self._status())
        return requests.table_bytes(self._table(request))

    def _table(self, request: msgspec.Struct) -> pa.Table:
        store = self._store
        match request:
            case RangeRequest():
                return self._range(request)
            case BucketsRequest():
                return self._buckets(request)
            case LastRequest():
                return store.last(_names(request.signals))
            case AsOfRequest():
                return store.as_of(_names(request.signals), request.at_ns)
            case AsOfJoinRequest():
                times_ns = np.array(request.times_ns, dtype=np.int64)
                return store.as_of_join(_names(request.signals) or [], times_ns)
            case VouchedRequest():
                return store.vouched(
                    request.from_ns, request.to_ns, connector=request.connector, unit=request.unit
                )
            case EventsRequest():
                return store.events(
                    request.from_ns,
                    request.to_ns,
                    types=request.types,
                    subjects=request.subjects,
                    limit=request.limit,
                    newest_first=request.newest_first,
                )
            case IntervalsRequest():
                return store.intervals(request.from_ns, request.to_ns, units=request.units, kind=request.kind)
            case RejectedRequest():
                return store.rejected(request.from_ns, request.to_ns, limit=request.limit)
        raise ValueError(f"no answer to {type(request).__name__}")

    def _range(self, request: RangeRequest) -> pa.Table:
        table, segments = self._store.range_parts(
            _names(request.signals),
            request.from_ns,
            request.to_ns,
            limit=request.limit,
            newest_first=request.newest_first,
            by_time=request.by_time,
            hot_only=request.hot_only,
        )
        return _with_metadata(table, {"segments": segments})

    def _buckets(self, request: BucketsRequest) -> pa.Table:
        if request.to_ns <= request.from_ns or request.columns < 1:
            raise ValueError(
                f"a window from {request.from_ns} to {request.to_ns} with {request.columns} columns: "
                "expected from before to, and at least one column"
            )
        signals = _names(request.signals) or []
        table = self._store.buckets(signals, request.from_ns, request.to_ns, columns=request.columns)
        gaps = gaps_of(
            self._registry,
            self._store,
            signals,
            request.from_ns,
            request.to_ns,
            silent_ns=self._store.join_ns,
            now_ns=self._now_ns(),
        )
        return _with_metadata(table, {"gaps": gaps})


def _names(names: list[str] | None) -> list[SignalId] | None:
    return None if names is None else [SignalId(name) for name in names]


def _with_metadata(table: pa.Table, more: Mapping[str, Any]) -> pa.Table:
    return table.replace_schema_metadata({key: msgspec.json.encode(value) for key, value in more.items()})
