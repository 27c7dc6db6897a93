"""Recorded files: values that were written down, said again at their time."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

from taktwin.errors import ConnectError
from taktwin.gateway.connector import Confirmed, Connector, Context, Item, Malformed, Reading, Settings
from taktwin.gateway.shdr_lines import LINE_BYTES_MAX, parse
from taktwin.gateway.texts import text_value
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.quality import BY_LABEL, Quality

BATCH = 500


class FilesSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a recorded file."""

    format: Literal["csv", "shdr"] = "csv"
    begin: Literal["now", "recorded"] = "now"  # shift the first stamp to now, or keep all as they are
    pace: Literal["recorded", "fast"] = "recorded"  # wait for each stamp in plant time, or do not wait
    silence_s: float = 5.0


class Files(Connector, name="files", settings=FilesSettings, ends=True):
    """A recorded file, said again: endpoint `file:recording.csv.gz`, relative to the plant folder.

    `format: csv` has the columns `time` (RFC 3339 with zone), `address`, `value` and, if wanted,
    `quality` (Good, GoodNoData, Uncertain, Bad); `format: shdr` is the line protocol of MTConnect
    adapters. Files that end in `.gz` are unpacked as they are read.

    With `begin: now` all stamps are shifted by one offset, so that the first
    stamp is now; with `pace: recorded` each value waits for its time in plant time, so a scaled clock
    plays it faster. Stamps that run backwards are kept and do not wait. At its end the connection
    stops; that is no loss.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings: FilesSettings = context.settings
        self._types = {wanted.address: wanted.type for wanted in context.wanted}
        self._file: Any = None

    async def connect(self) -> None:
        """Open the file."""
        path = Path(self.context.folder) / self.context.endpoint.removeprefix("file://").removeprefix("file:")
        try:
            raw = path.open("rb")
        except OSError as error:
            raise ConnectError(f"{path}: {error.strerror}") from error
        self._file = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw

    async def read(self) -> AsyncIterator[list[Item]]:
        """Yield the recorded values, each at its time."""
        assert self._file is not None, "connected before it is read"
        shift_ns: int | None = None if self._settings.begin == "now" else 0
        latest_ns: int | None = None
        batch: list[Item] = []
        beat_ns = self.clock.monotonic_ns()
        observations = self._observations()
        while True:
            item = (
                await asyncio.to_thread(next, observations, None) if not batch else next(observations, None)
            )
            if item is None:
                break
            if isinstance(item, Reading) and item.source_ns is not None:
                if shift_ns is None:
                    shift_ns = self.clock.now_ns() - item.source_ns
                due_ns = item.source_ns + shift_ns
                item = item._replace(source_ns=due_ns)
                if self._settings.pace == "recorded" and (latest_ns is None or due_ns > latest_ns):
                    latest_ns = due_ns
                    if due_ns > self.clock.now_ns():
                        if batch:
                            yield [*batch, Confirmed(self.clock.now_ns())]
                            batch = []
                        async for beat in self._wait_for(due_ns):
                            yield [beat]
                item = item._replace(received_mono_ns=self.clock.monotonic_ns())
            batch.append(item)
            now = self.clock.monotonic_ns()
            if len(batch) >= BATCH or now - beat_ns > SECOND_NS // 20:
                beat_ns = now
                yield batch
                batch = []
        if batch:
            yield batch

    async def _wait_for(self, due_ns: int) -> AsyncIterator[Item]:
        step_s = max(1.0, 0.25 * self.clock.speed)
        while (now_ns := self.clock.now_ns()) < due_ns:
            await self.clock.sleep_until(min(due_ns, now_ns + int(step_s * SECOND_NS)))
            yield Confirmed(min(self.clock.now_ns(), due_ns))

    def _observations(self) -> Iterator[Item]:
        assert self._file is not None, "connected before it is read"
        if self._settings.format == "shdr":
            for line in self._file:
                if len(line) > LINE_BYTES_MAX:
                    yield Malformed(
                        "line", "too_large", f"{len(line)} bytes", f"at most {LINE_BYTES_MAX}", line
                    )
                else:
                    yield from parse(line.rstrip(b"\r\n"), 0, types=self._types)
            return
        with io.TextIOWrapper(self._file, encoding="utf-8", errors="surrogateescape", newline="") as text:
            for row in csv.DictReader(text):
                yield self._row(row)

    def _row(self, row: dict[str | None, str | None]) -> Item:
        time, address, value = row.get("time"), row.get("address"), row.get("value")
        shown = ",".join(str(cell) for cell in row.values())
        original = shown.encode("utf-8", "surrogateescape")
        if not time or not address or value is None:
            return Malformed("row", "malformed", shown[:200], "columns time, address, value", original)
        quality = BY_LABEL.get(row.get("quality") or "Good")
        try:
            source_ns = parse_rfc3339(time)
        except ValueError as error:
            return Malformed("row", "malformed", str(error), "RFC 3339 with its zone", original, address)
        if quality is None:
            return Malformed(
                "row", "schema", f"quality {row.get('quality')!r}", f"one of {', '.join(BY_LABEL)}", original
            )
        if quality in (Quality.BAD, Quality.GOOD_NO_DATA) and not value:
            return Reading(address, None, source_ns, 0, quality, raw=original)
        return Reading(
            address, text_value(value, self._types.get(address, "")), source_ns, 0, quality, raw=original
        )

    async def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
