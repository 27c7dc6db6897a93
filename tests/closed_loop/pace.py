"""A wall that slows down while a process of the product computes, for weeks that are played in minutes.

At 200 times, a second without a processor is three minutes of the plant: what a computation costs would be
paid in plant time, 200 times as dear as in a factory. So the product's processes, and those who play its
people, are shown a wall that all but stands still while one of them computes or waits for a processor, or one
of the people for an answer, and goes as fast as the real one otherwise. Of the product only `taktwin.clock`
reads the wall, by `time.time_ns`; that is what is replaced, from outside, in each process that starts with
`environment` (Linux). What waits for spans of the real wall, as timeouts and heartbeats do, waits for those.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

PACE = "TAKTWIN_TESTS_PACE"  # the file by which processes are shown the wall
ROOT = Path(__file__).resolve().parents[2]
LAYOUT = struct.Struct("=qqqdq")  # turn; the real wall, the shown one and how fast it goes since; turn again
EVERY_S = 0.05
BUSY = 0.8  # of that span, by one thread: it computes, or waits for a processor
SLOW = 0.02  # of its speed: what waits for the next second of the plant still gets there
FAMILY_S = 2.0  # who belongs to the product is looked up again after that


class Wall:
    """The wall as a file shows it."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._shown = mmap.mmap(opened.fileno(), LAYOUT.size)
        self._real_ns = time.time_ns  # before anybody replaces it
        self._latest_ns = 0

    def now_ns(self) -> int:
        """Return what the wall shows, nanoseconds since 1970."""
        while True:
            turn, real_ns, shown_ns, rate, again = LAYOUT.unpack_from(self._shown)
            if turn == again:  # else it was being written
                now_ns = int(shown_ns + (self._real_ns() - real_ns) * rate)
                self._latest_ns = max(
                    self._latest_ns, now_ns
                )  # it was read before it was slowed: it stands still
                return self._latest_ns

    @property
    def rate(self) -> float:
        """Return how fast it goes, by the real one."""
        return float(LAYOUT.unpack_from(self._shown)[3])

    def set(self, rate: float) -> None:
        """Let it go at another speed from now on; one thread at a time does that, of one process."""
        turn = LAYOUT.unpack_from(self._shown)[0] + 1
        real_ns, shown_ns = self._real_ns(), self.now_ns()
        struct.pack_into("=q", self._shown, 0, turn)
        struct.pack_into("=qqd", self._shown, 8, real_ns, shown_ns, rate)
        struct.pack_into("=q", self._shown, 32, turn)


def hung(file: Path) -> Wall:
    """Return a wall that goes as the real one so far."""
    now_ns = time.time_ns()
    file.write_bytes(LAYOUT.pack(0, now_ns, now_ns, 1.0, 0))
    return Wall(file)


def environment(file: Path) -> dict[str, str]:
    """Return with what a process must start, and so all that it starts, to be shown that wall."""
    path = [str(ROOT / "tests" / "closed_loop" / "paced"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, PACE: str(file), "PYTHONPATH": os.pathsep.join(filter(None, path))}


def hand_over() -> None:
    """Show this process that wall."""
    if file := os.environ.get(PACE):
        time.time_ns = Wall(Path(file)).now_ns


class Brake:
    """Slows a wall down while a process computes that an ancestor started; use as a context manager."""

    def __init__(self, wall: Wall, ancestor: int) -> None:
        self._wall, self._ancestor = wall, ancestor
        self._stop = threading.Event()
        self._watcher = ThreadPoolExecutor(1)
        self._watching: Future[None] | None = None
        self._lock = threading.Lock()
        self._rate, self._computes, self._asked = 1.0, False, 0
        self.slow_s: dict[str, float] = {}  # for whom, by the name of the process; of the real wall

    def __enter__(self) -> Brake:
        self._watching = self._watcher.submit(self._watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watcher.shutdown()
        self._set(computes=False)
        if self._watching is not None and error is None:
            self._watching.result()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Slow it down while somebody waits for an answer, which comes at once in one process."""
        self._set(asked=1)
        try:
            yield
        finally:
            self._set(asked=-1)

    def told(self) -> str:
        """Return for whom it went slowly, and for how many seconds of the real wall."""
        longest = sorted(self.slow_s.items(), key=lambda each: -each[1])
        return ", ".join(f"{name} {slow_s:.0f} s" for name, slow_s in longest) or "nobody"

    def _set(self, *, computes: bool | None = None, asked: int = 0) -> None:
        with self._lock:
            self._asked += asked
            if computes is not None:
                self._computes = computes
            if (rate := SLOW if self._computes or self._asked else 1.0) != self._rate:
                self._rate = rate
                self._wall.set(rate)

    def _watch(self) -> None:
        looked_ns = 0
        family: dict[int, str] = {}
        before: dict[tuple[int, int], int] = {}
        was_ns = time.monotonic_ns()
        while not self._stop.wait(EVERY_S):
            if (now_ns := time.monotonic_ns()) - looked_ns > FAMILY_S * 1e9:
                looked_ns, family = now_ns, descendants(self._ancestor)
            taken: dict[tuple[int, int], int] = {}
            for process in family:
                taken.update(_taken(process))
            span_ns, was_ns = now_ns - was_ns, now_ns
            busy = {family[key[0]] for key, ns in taken.items() if ns - before.get(key, ns) > BUSY * span_ns}
            before = taken
            for name in busy:
                self.slow_s[name] = self.slow_s.get(name, 0.0) + span_ns / 1e9
            self._set(computes=bool(busy))


def _taken(process: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield how long each thread of a process ran or waited for a processor (nanoseconds)."""
    with suppress(OSError):  # it has ended
        for thread in Path(f"/proc/{process}/task").iterdir():
            ran, waited, _ = (thread / "schedstat").read_text("ascii").split()
            yield (process, int(thread.name)), int(ran) + int(waited)


def descendants(ancestor: int) -> dict[int, str]:
    """Return who was started by a process or by what that started, and by what names."""
    names: dict[int, str] = {}
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                said = (entry / "stat").read_text("utf-8", errors="replace")
                began, ended = said.index("("), said.rindex(")")
                words = (entry / "cmdline").read_text("utf-8", errors="replace")
                ours = words.partition("taktwin.processes.")[2].partition("\0")[0]
                names[int(entry.name)] = ours or said[began + 1 : ended]
                children.setdefault(int(said[ended + 2 :].split()[1]), []).append(int(entry.name))
    found: dict[int, str] = {}
    todo = [ancestor]
    while todo:
        for child in children.get(todo.pop(), []):
            found[child] = names[child]
            todo.append(child)
    return found
