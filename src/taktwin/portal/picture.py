"""The plant as the twin last described it, with a version on each thing that changed. Pure.

Comes in: the twin's full picture and the frames after it. Goes out: arrays and documents that
`compose` cuts to what one browser wants, since the version that this browser has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from taktwin.contracts.state import AlarmDocument, BufferDocument, ConnectionDocument, Frame, UnitDocument
from taktwin.portal.wire import safe
from taktwin.quality import Quality

Document = TypeVar("Document")
Int64Array = npt.NDArray[np.int64]


class Documents(Generic[Document]):
    """Documents by id, each with the version at which it changed last."""

    def __init__(self) -> None:
        self.by_id: dict[str, Document] = {}
        self._changed: dict[str, int] = {}

    def put(self, key: str, document: Document, version: int) -> None:
        """Keep the newest of a document."""
        self.by_id[key] = document
        self._changed[key] = version

    def since(self, version: int) -> list[Document]:
        """Return the documents that changed after a version, in order of their ids."""
        return [self.by_id[key] for key in sorted(self.by_id) if self._changed[key] > version]

    def clear(self) -> None:
        """Forget everything."""
        self.by_id.clear()
        self._changed.clear()


class Picture:
    """One state of the plant. `version` counts the frames, `epoch` the full pictures.

    Who has another epoch needs everything again: something may have disappeared meanwhile.
    """

    def __init__(self, signals: int, registry_prefix: str) -> None:
        self.epoch = 0
        self.version = 0
        self.sequence = 0
        self.at_ns = 0
        self.state_hash = ""
        self._registry = registry_prefix
        self.values: list[Any] = [None] * signals
        self.quality = np.full(signals, Quality.GOOD_NO_DATA, dtype=np.int8)
        self.source_ns = np.zeros(signals, dtype=np.int64)
        self.confirmed_ns = np.zeros(signals, dtype=np.int64)
        self.ingest_ns = np.zeros(signals, dtype=np.int64)
        self.stale = np.zeros(signals, dtype=np.bool_)
        self.changed = np.zeros(signals, dtype=np.int64)
        # The version that brought a new message for the signal: a confirmation or an ageing brings none.
        self.valued = np.zeros(signals, dtype=np.int64)
        # Monotonic stamps of the message that brought each value; 0 where unknown.
        self.received_mono = np.zeros(signals, dtype=np.int64)
        self.published_mono = np.zeros(signals, dtype=np.int64)
        self.applied_mono = np.zeros(signals, dtype=np.int64)
        self.framed_mono = np.zeros(signals, dtype=np.int64)
        self.units: Documents[UnitDocument] = Documents()
        self.buffers: Documents[BufferDocument] = Documents()
        self.alarms: Documents[AlarmDocument] = Documents()
        self.connections: Documents[ConnectionDocument] = Documents()
        self.stale_count = 0
        self.signal_count = signals
        self.oldest_stale_ns = 0

    @property
    def known(self) -> bool:
        """Return whether the twin has described the plant at least once."""
        return self.epoch > 0

    def fits(self, frame: Frame) -> bool:
        """Return whether a frame speaks of the same registry: else its indices mean something else."""
        return not frame.registry or self._registry.startswith(frame.registry[: len(self._registry)])

    def follows(self, frame: Frame) -> bool:
        """Return whether a frame is the next one; a gap or a restart of the twin is not."""
        return self.known and frame.sequence == self.sequence + 1

    def replace(self, frame: Frame) -> None:
        """Take a full picture: what is not in it does not exist any more."""
        self.epoch += 1
        for documents in (self.units, self.buffers, self.alarms, self.connections):
            documents.clear()
        n = len(self.values)
        self.values = [None] * n
        self.quality[:] = Quality.GOOD_NO_DATA
        for column in (
            self.source_ns, self.confirmed_ns, self.ingest_ns, self.received_mono, self.published_mono,
            self.applied_mono, self.framed_mono,
        ):  # fmt: skip
            column[:] = 0
        self.stale[:] = False
        self.changed[:] = self.version + 1
        self.apply(frame)
        # What stood already when we came says nothing about how fast the way is.
        self.valued[:] = 0

    def apply(self, frame: Frame) -> Int64Array:
        """Take what changed; return the indices of the signals for which another message came.

        The first message of a signal is none of them: it stood in the source, nobody knows how long.
        """
        self.version += 1
        version = self.version
        self.sequence = frame.sequence
        self.at_ns = frame.at_ns
        self.state_hash = frame.state_hash or self.state_hash
        index = np.array(frame.signals, dtype=np.int64)
        news = arrived = index[:0]
        if len(index):
            if frame.received_mono:
                received = np.array(frame.received_mono, dtype=np.int64)
                news = index[(self.received_mono[index] != received) & (self.source_ns[index] != 0)]
                arrived = index[self.received_mono[index] != received]
                self.valued[news] = version
            for position, value in zip(frame.signals, frame.values, strict=True):
                self.values[position] = safe(value)
            self.changed[index] = version
            self.quality[index] = frame.qualities if frame.qualities else Quality.GOOD
            for target, column in (
                (self.source_ns, frame.source_ns), (self.confirmed_ns, frame.confirmed_ns),
                (self.ingest_ns, frame.ingest_ns), (self.stale, frame.stale),
                (self.received_mono, frame.received_mono), (self.published_mono, frame.published_mono),
                (self.applied_mono, frame.applied_mono),
            ):  # fmt: skip
                if column:
                    target[index] = column
            self.framed_mono[arrived] = frame.mono_ns
        _put(self.units, ((u.unit, u) for u in frame.units), version)
        _put(self.buffers, ((b.buffer, b) for b in frame.buffers), version)
        _put(self.alarms, ((a.alarm, a) for a in frame.alarms), version)
        _put(self.connections, ((c.connector, c) for c in frame.connections), version)
        self.stale_count = frame.stale_count
        self.signal_count = frame.signal_count or self.signal_count
        self.oldest_stale_ns = frame.oldest_stale_ns
        return news

    def standing_alarms(self) -> list[AlarmDocument]:
        """Return the alarms that stand or wait for a person, in order of their ids."""
        return [a for _, a in sorted(self.alarms.by_id.items()) if a.state != "NORM" or a.active]

    def silent_connections(self) -> list[str]:
        """Return the names of connections through which nothing fresh comes."""
        return [
            c.connector
            for _, c in sorted(self.connections.by_id.items())
            if c.state == "lost" or (c.signals > 0 and c.fresh == 0)
        ]


def _put(documents: Documents[Document], items: Iterable[tuple[str, Document]], version: int) -> None:
    for key, document in items:
        documents.put(key, document, version)
