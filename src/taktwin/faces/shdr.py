"""An MTConnect adapter: a TCP server that speaks SHDR lines `time|key|value`, and plays recordings.

A client that connects gets the newest value of every key first, each with its own stamp, as real
adapters do. `* PING` is answered with `* PONG <milliseconds>`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from taktwin.clock import Clock
from taktwin.faces.base import Shown, parted
from taktwin.instants import SECOND_NS, parse_rfc3339, rfc3339
from taktwin.plant.registry import Registry, Signal

PONG_MS = 10_000
_STAYS_S = 2.0
BACKLOG_BYTES = 8_000_000  # a client that is so far behind is gone
DAY_NS = 86_400 * SECOND_NS


def stamp(at_ns: int, digits: int = 3) -> str:
    """Return an instant as adapters write it, with a number of digits after the second."""
    text = rfc3339(at_ns)
    return f"{text[:19]}.{text[20:29][:digits]}Z" if digits else f"{text[:19]}Z"


def line_of(source_ns: int, key: str, value: object) -> str:
    """Return one line; an unknown value is UNAVAILABLE, and a bar inside a text would end the field."""
    if value is None:
        shown = "UNAVAILABLE"
    elif isinstance(value, float):
        shown = f"{value:g}" if value == int(value) else repr(value)
    else:
        shown = str(value).replace("\n", " ")
    return f"{stamp(source_ns)}|{key}|{shown}"


class ShdrServer:
    """The TCP side: any number of clients hear the same lines."""

    def __init__(self, endpoint: str) -> None:
        self._address = parted(endpoint, 7878)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._conversations: set[asyncio.Task[None]] = set()
        self._newest: dict[str, str] = {}
        self.somebody = asyncio.Event()  # a client has said something, or stayed for a while
        self._frozen: list[str] | None = None

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self._address.port

    async def listen(self) -> None:
        """Open the port. Raises OSError where it is taken."""
        self._server = await asyncio.start_server(
            self._serve, self._address.host, self._address.port, limit=1 << 16
        )
        self._address = self._address._replace(port=self._server.sockets[0].getsockname()[1])

    def say(self, lines: Sequence[str]) -> None:
        """Send lines to all clients, in order."""
        for line in lines:
            parts = line.split("|", 2)
            if len(parts) == 3:
                self._newest[parts[1]] = line
        if self._frozen is not None:
            self._frozen.extend(lines)
            return
        self._write(self._writers, lines)

    def _write(self, writers: Iterable[asyncio.StreamWriter], lines: Sequence[str]) -> None:
        if not lines:
            return
        payload = ("\n".join(lines) + "\n").encode()
        for writer in list(writers):
            if writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
                writer.transport.abort()
            elif not writer.is_closing():
                writer.write(payload)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._conversations.add(task)
        if self._frozen is None:
            self._write([writer], list(self._newest.values()))
        self._writers.add(writer)
        # Somebody who only looks whether the port is open is not yet a listener.
        stays = asyncio.get_running_loop().call_later(_STAYS_S, self.somebody.set)
        try:
            while line := await reader.readline():
                self.somebody.set()
                if line.strip().upper().startswith(b"* PING") and self._frozen is None:
                    writer.write(f"* PONG {PONG_MS}\n".encode())
        except (ConnectionError, ValueError):
            pass  # the client is gone, or talks no lines at all: either way this conversation is over
        finally:
            stays.cancel()
            self._writers.discard(writer)
            self._conversations.discard(task)
            writer.close()

    def freeze(self, frozen: bool) -> None:
        """Stop speaking with all connections open, or say what was held back."""
        if frozen and self._frozen is None:
            self._frozen = []
        elif not frozen and self._frozen is not None:
            held, self._frozen = self._frozen, None
            self._write(self._writers, held)

    async def drop(self) -> None:
        """Close the port and every connection at once."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await server.wait_closed()


class ShdrFace:
    """The adapter of one connection of a virtual plant."""

    def __init__(self, registry: Registry, connection: str, *, endpoint: str) -> None:
        self.connection = connection
        self._signals = frozenset(registry.connections[connection].signals)
        self.server = ShdrServer(endpoint)
        self._last: dict[int, object] = {}

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self.server.port

    async def start(self, first: Sequence[Shown]) -> None:
        await self.show(first)
        await self.server.listen()

    async def show(self, values: Sequence[Shown]) -> None:
        lines = []
        for signal, source_ns, value in values:
            if signal.index in self._signals and self._last.get(signal.index, self) != value:
                self._last[signal.index] = value  # an adapter says what has changed
                lines.append(line_of(source_ns, signal.address, value))
        self.server.say(lines)

    async def show_malformed(self, signal: Signal, source_ns: int) -> None:
        """Say a line that is none."""
        self.server.say([f"{stamp(source_ns)[:13]}|{signal.address}"])

    async def cut(self) -> None:
        await self.server.drop()

    async def restore(self) -> None:
        await self.server.listen()

    def freeze(self, frozen: bool) -> None:
        self.server.freeze(frozen)

    async def stop(self) -> None:
        await self.server.drop()


class ShdrPlayer:
    """A recording, shifted in time as a whole, line by line in the order in which it was received.

    The recording's day begins at `epoch_ns`: when somebody listens for the first time. A line is due
    once plant time has reached the largest stamp so far, so lines with older stamps (standing values,
    clocks that step back) keep their place and their honest age.
    """

    def __init__(self, path: Path, *, epoch_ns: int, day_starts_ns: int | None = None) -> None:
        self._path = path
        starts_ns = day_start_ns(path) if day_starts_ns is None else day_starts_ns
        # Whole milliseconds, so that a shifted stamp has no more digits than the recorded one.
        self.offset_ns = (epoch_ns - starts_ns) // 1_000_000 * 1_000_000
        self._lines = self._shifted()
        self._next: tuple[int, str] | None = next(self._lines, None)
        self.lines_played = 0

    @property
    def over(self) -> bool:
        """Whether all lines were played."""
        return self._next is None

    def due(self, now_ns: int, at_most: int = 20_000) -> list[str]:
        """Return the lines that are due, in order; a few at a time, for the loop's sake."""
        found: list[str] = []
        while self._next is not None and self._next[0] <= now_ns and len(found) < at_most:
            found.append(self._next[1])
            self._next = next(self._lines, None)
        self.lines_played += len(found)
        return found

    def _shifted(self) -> Iterator[tuple[int, str]]:
        due_ns = -(1 << 62)
        for line in read_lines(self._path):
            time, bar, rest = line.partition("|")
            try:
                at_ns = parse_rfc3339(time) + self.offset_ns
            except ValueError:
                yield due_ns, line  # not ours to mend: the receiver has to cope with it as it did
                continue
            fraction = time.partition(".")[2]
            digits = max(3, len(fraction) - len(fraction.lstrip("0123456789"))) if fraction else 0
            if not digits and self.offset_ns % SECOND_NS:
                digits = 3
            due_ns = at_ns
            yield due_ns, f"{stamp(at_ns, digits)}{bar}{rest}"


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a recording, plain or gzip, without their ends; empty ones are none."""
    packed = path.suffix == ".gz"
    with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as source:
        for line in source:
            text = line.rstrip("\r\n")
            if text:
                yield text


def day_start_ns(path: Path) -> int:
    """Return when the day of a recording begins: the first stamp of the day of its middle line.

    What stands before it are standing values of earlier days.

    Raises
    ------
    ValueError
        If no line has a stamp.
    """
    days: list[int] = []
    for line in read_lines(path):
        with contextlib.suppress(ValueError):  # a line that is none is played all the same
            days.append(parse_rfc3339(line.partition("|")[0]))
    if days:
        middle = days[len(days) // 2] // DAY_NS
        return next(at_ns for at_ns in days if at_ns // DAY_NS == middle)
    raise ValueError(
        f"{path}: no line begins with a time; expected lines such as 2017-05-01T09:16:55.761Z|key|value"
    )


async def play(
    player: ShdrPlayer, server: ShdrServer, clock: Clock, stop: asyncio.Event, *, step_s: float = 0.05
) -> None:
    """Say each line when it is due, until the recording is over or somebody says stop."""
    while not stop.is_set() and not player.over:
        server.say(player.due(clock.now_ns()))
        await clock.wall_sleep(step_s)
