"""Store and forward: messages that wait on disk while the backbone is away.

An append-only log in segments. What was appended survives `kill -9` (the operating system has it);
`fsync` follows at least every `sync_interval_s` for the loss of power. Order is kept. The log is
bounded in bytes; declared policy when it is full: the oldest segment goes, and what it held is
counted in `dropped` and stands in `gaps`, for everybody to see. The same where the disk itself has no
room; with only one segment left it is what comes new that goes. Nothing ends by it, and with room
again it goes on.

A record: length and CRC-32 (big-endian), then MessagePack (subject, id, headers, payload). A torn
record at the end of a segment is cut off when it is opened again.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from taktwin.errors import StoreError
from taktwin.instants import SECOND_NS

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_HEAD = struct.Struct(">II")
RECORD_BYTES_MAX = 64 * 1024 * 1024


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message that is still to be published."""

    subject: str
    message_id: str
    headers: dict[str, str]
    payload: bytes
    values: int = 0  # samples in it, for the count of what waits

    @property
    def connection(self) -> str:
        """Return the connection that it comes from: ids begin with it."""
        return self.message_id.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages that were given up because the log was full."""

    first_id: str
    last_id: str
    messages: int
    values: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


@dataclass(slots=True)
class _Segment:
    path: Path
    bytes: int = 0
    messages: int = 0
    values: Counter[str] = field(default_factory=Counter)  # by connection
    first_id: str = ""
    last_id: str = ""


class DiskBuffer:
    """A first-in-first-out queue of records in a folder of its own.

    Raises
    ------
    StoreError
        From any method, if the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bytes_max: int = 2_000_000_000,
        segment_bytes: int = 8 * 1024 * 1024,
        sync_interval_s: float = 1.0,
    ) -> None:
        assert segment_bytes * 2 <= bytes_max, "one segment is written while an older one may go"
        self._folder = folder
        self._bytes_max = bytes_max
        self._segment_bytes = segment_bytes
        self._sync_ns = int(sync_interval_s * SECOND_NS)
        self._synced_mono_ns = 0
        self._unsynced = False
        self._segments: deque[_Segment] = deque()
        self._head: deque[Record] = deque()  # what of the first segment is not done
        self._writer: int | None = None
        self.messages = 0
        self.waiting: Counter[str] = Counter()  # values by connection
        self.bytes = 0
        self.dropped = 0
        self.gaps: deque[Gap] = deque(maxlen=1000)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._recover()
        except OSError as error:
            raise StoreError(f"{folder}: {error}") from error

    def _recover(self) -> None:
        skip_name, skip = self._read_done()
        for path in sorted(self._folder.glob("*.log")):
            records, good = _read(path)
            if good < path.stat().st_size:
                with path.open("r+b") as file:
                    file.truncate(good)
            if path.name == skip_name:
                records = records[skip:]
            if not records:
                path.unlink()
                continue
            segment = _Segment(path, good, len(records))
            for record in records:
                segment.values[record.connection] += record.values
            segment.first_id, segment.last_id = records[0].message_id, records[-1].message_id
            self._segments.append(segment)
            if len(self._segments) == 1:
                self._head.extend(records)
                self._taken = skip if path.name == skip_name else 0
            self._count(segment, +1)

    def _count(self, segment: _Segment, sign: int) -> None:
        self.messages += sign * segment.messages
        self.bytes += sign * segment.bytes
        for connection, values in segment.values.items():
            self.waiting[connection] += sign * values

    @property
    def values(self) -> int:
        """Return how many values wait in all."""
        return self.waiting.total()

    _taken = 0  # records of the first segment that are done
    _refusing = False  # the last record found no room on disk

    def __len__(self) -> int:
        return self.messages

    def append(self, records: Iterable[Record], *, mono_ns: int) -> None:
        """Write records behind the last; the oldest segment goes if the log would be too large."""
        try:
            for record in records:
                self._append(record)
            if self._unsynced and mono_ns - self._synced_mono_ns >= self._sync_ns:
                self.sync(mono_ns=mono_ns)
        except OSError as error:
            raise StoreError(f"{self._folder}: {error}") from error

    def _append(self, record: Record) -> None:
        body = _encoder.encode(record)
        framed = _HEAD.pack(len(body), zlib.crc32(body)) + body
        while not self._written(framed):
            if len(self._segments) < 2:
                self._give_up(record)
                return
            self._drop_oldest()
        self._refusing = False
        segment = self._segments[-1]
        segment.bytes += len(framed)
        segment.messages += 1
        segment.values[record.connection] += record.values
        segment.first_id = segment.first_id or record.message_id
        segment.last_id = record.message_id
        self.messages += 1
        self.waiting[record.connection] += record.values
        self.bytes += len(framed)
        self._unsynced = True
        if len(self._segments) == 1:
            self._head.append(record)

    def _written(self, framed: bytes) -> bool:
        """Write a record whole, or nothing of it: then the disk has no room for it."""
        try:
            if self._writer is None or (
                self._segments[-1].bytes and self._segments[-1].bytes + len(framed) > self._segment_bytes
            ):
                self._roll()
            while self.bytes + len(framed) > self._bytes_max and len(self._segments) > 1:
                self._drop_oldest()
            assert self._writer is not None
            if os.write(self._writer, framed) == len(framed):
                return True
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
        if self._writer is not None:  # half a record would hide all that follow it
            os.ftruncate(self._writer, self._segments[-1].bytes)
        return False

    def _give_up(self, record: Record) -> None:
        self.dropped += 1
        if self._refusing:
            gap = self.gaps.pop()
            first, messages, values = gap.first_id, gap.messages + 1, gap.values + record.values
        else:
            first, messages, values = record.message_id, 1, record.values
        self._refusing = True
        self.gaps.append(Gap(first, record.message_id, messages, values))

    def _roll(self) -> None:
        self._close_writer()
        number = int(self._segments[-1].path.stem) + 1 if self._segments else self._next_number()
        path = self._folder / f"{number:012d}.log"
        self._writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._segments.append(_Segment(path))
        if len(self._segments) == 1:
            self._taken = 0

    def _next_number(self) -> int:
        # Never reuse the name of a segment that `done` may still speak of.
        name = self._read_done()[0]
        return int(name.partition(".")[0]) + 1 if name else 1

    def _read_done(self) -> tuple[str, int]:
        # Torn by a kill it reads as nothing: then some records are sent twice, under the same ids.
        path = self._done_path()
        name, _, count = path.read_text().partition(" ") if path.exists() else ("", "", "")
        return (name, int(count)) if name.partition(".")[0].isdigit() and count.isdigit() else ("", 0)

    def _drop_oldest(self) -> None:
        oldest = self._segments.popleft()
        self._count(oldest, -1)
        self.dropped += oldest.messages
        first = self._head[0].message_id if self._head else oldest.first_id
        self.gaps.append(Gap(first, oldest.last_id, oldest.messages, oldest.values.total()))
        oldest.path.unlink(missing_ok=True)
        self._open_head()

    def _open_head(self) -> None:
        self._head.clear()
        self._taken = 0
        if self._segments:
            self._head.extend(_read(self._segments[0].path)[0])

    def peek(self, count: int) -> list[Record]:
        """Return the oldest records, at most `count` and at most one segment's."""
        return [self._head[at] for at in range(min(count, len(self._head)))]

    def done(self, records: Iterable[Record]) -> None:
        """Forget records that `peek` gave: they are stored elsewhere now. Others are left alone."""
        try:
            taken = 0
            for record in records:
                if not self._head or self._head[0].message_id != record.message_id:
                    continue  # the log was full meanwhile and gave it up
                self._head.popleft()
                taken += 1
                segment = self._segments[0]
                segment.messages -= 1
                segment.values[record.connection] -= record.values
                self.messages -= 1
                self.waiting[record.connection] -= record.values
            self._taken += taken
            if self._segments and not self._head:
                self._finish_head()
            elif taken:
                self._note_done(self._segments[0].path.name)
        except OSError as error:
            raise StoreError(f"{self._folder}: {error}") from error

    def _finish_head(self) -> None:
        finished = self._segments.popleft()
        if not self._segments:
            self._close_writer()
        self.bytes -= finished.bytes
        self._note_done(finished.path.name)
        finished.path.unlink(missing_ok=True)
        self._open_head()

    def _note_done(self, segment: str) -> None:
        try:
            self._done_path().write_text(f"{segment} {self._taken}")
        except OSError as error:
            # Without the note a restart sends some again, under the same ids: nobody counts them twice.
            if error.errno not in _NO_ROOM:
                raise

    def _done_path(self) -> Path:
        return self._folder / "done"

    def sync(self, *, mono_ns: int) -> None:
        """Flush to the disk itself."""
        if self._writer is not None and self._unsynced:
            _flush(self._writer)
        self._unsynced = False
        self._synced_mono_ns = mono_ns

    def _close_writer(self) -> None:
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None

    def close(self) -> None:
        """Flush and close; what waits stays for the next start."""
        try:
            if self._writer is not None and self._unsynced:
                _flush(self._writer)
            self._close_writer()
        except OSError as error:
            raise StoreError(f"{self._folder}: {error}") from error


def _flush(writer: int) -> None:
    try:
        os.fsync(writer)
    except OSError as error:
        if error.errno not in _NO_ROOM:  # what found no room was counted when it was written
            raise


def _read(path: Path) -> tuple[list[Record], int]:
    """Return the whole records of a segment and the length of the part that is good."""
    records: list[Record] = []
    content = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(content):
        length, checksum = _HEAD.unpack_from(content, at)
        body = content[at + _HEAD.size : at + _HEAD.size + length]
        if length > RECORD_BYTES_MAX or len(body) < length or zlib.crc32(body) != checksum:
            break
        try:
            records.append(_decoder.decode(body))
        except msgspec.DecodeError:
            break
        at += _HEAD.size + length
    return records, at
