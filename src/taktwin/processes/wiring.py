"""The few builders that every process shares: its installation, clock, stop signal and heartbeat.

A process module reads top to bottom: settings, plant, clock, bus, stores, engine, service, run
until told to stop. It is told by SIGTERM, by Ctrl-C, or by its standard input closing: the
supervisor holds the other end, so that no process outlives a supervisor that was killed. Whatever
it waits for then, it ends in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from taktwin import settings
from taktwin.bus.client import NatsBus
from taktwin.clock import Clock, ScaledClock, SystemClock
from taktwin.errors import ConfigError, Mistake
from taktwin.settings import Installation
from taktwin.stopping import Stopped, unless

SUPERVISED = "TAKTWIN_SUPERVISED"
STOP_S = 4.8  # a process that was told to stop has ended by then, or says why not; before it is killed
ORPHAN_S = 8.0  # a process without supervisor has ended by then
SAY_WHERE = getattr(signal, "SIGUSR1", signal.SIGTERM)

Main = Callable[[Installation, Clock, asyncio.Event], Awaitable[None]]


def clock_of(installation: Installation) -> Clock:
    """Return the clock that all processes of an installation share."""
    if installation.wall_epoch_ns == 0:
        return SystemClock()
    return ScaledClock(
        epoch_ns=installation.epoch_ns, wall_epoch_ns=installation.wall_epoch_ns, speed=installation.speed
    )


def memory_mb(pid: int = 0) -> float:
    """Return the resident memory of a process (0: this one) in MB of 10^6 bytes; 0.0 where the system
    does not say."""
    status = Path(f"/proc/{pid or 'self'}/status")
    if not status.exists():
        return 0.0
    for line in status.read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def settle() -> None:
    """Let the collector of garbage leave alone what stays for ever: the registry and the libraries.

    It looked through all of them some ten times for each large page: a third of that page's work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def joined(installation: Installation, clock: Clock, stop: asyncio.Event, *, user: str) -> NatsBus:
    """Return a connection to the backbone under a process's own account.

    Raises
    ------
    Stopped
        If the process was told to stop while the backbone could not be reached.
    BusError
        If the backbone could not be reached in time; PermissionRefused for a wrong account.
    """
    bus = NatsBus(clock=clock, url=installation.nats_url, user=user, password=settings.bus_password())
    await unless(stop, bus.connect())
    return bus


def secret(text: str) -> str:
    """Return what a reference means: `env:NAME`, `file:PATH`; any other text stands for itself.

    Raises
    ------
    ConfigError
        If the variable or the file does not exist.
    """
    kind, _, name = text.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise ConfigError([Mistake("environment", 0, name, "nothing", "the secret that the plant names")])
        return os.environ[name]
    if kind == "file":
        if not Path(name).exists():
            raise ConfigError([Mistake(name, 0, "secret", "no such file", "a file with the secret")])
        return Path(name).read_text(encoding="utf-8").strip()
    return text


@contextlib.contextmanager
def ends_at_once(stop: asyncio.Event) -> Iterator[None]:
    """Let a signal end the process at once during long work of the start, which holds the loop.

    For work that leaves nothing behind. Raises Stopped if the process was told to stop before.
    """
    if stop.is_set():
        raise Stopped
    _mind_signals(None)
    try:
        yield
    finally:
        _mind_signals(stop)


def _mind_signals(stop: asyncio.Event | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has no loop signal handlers; there the closing input alone ends the process.
        with contextlib.suppress(NotImplementedError):
            if stop is None:
                loop.remove_signal_handler(number)
            else:
                loop.add_signal_handler(number, stop.set)


def run(main: Main) -> None:
    """Run a process: read its installation, hand it clock and stop event, leave with 0 on a clean stop.

    An exception ends the process with its traceback and exit code 1: the supervisor restarts it. One
    that does not end in time when it was told to is ended with 1, and its log says what it waited for.
    """
    if len(sys.argv) != 2:
        sys.exit("usage: python -m taktwin.processes.<name> <installation.json>")
    if hasattr(faulthandler, "register"):  # the supervisor asks so what a process does before it kills it
        faulthandler.register(SAY_WHERE, all_threads=True)
    sys.exit(asyncio.run(_run(main, settings.read(sys.argv[1]))))


async def _run(main: Main, installation: Installation) -> int:
    stop, ended = asyncio.Event(), threading.Event()
    _mind_signals(stop)
    if os.environ.get(SUPERVISED):
        _stop_when_input_closes(asyncio.get_running_loop(), stop, ended)
    work = asyncio.create_task(_working(main, installation, stop))
    try:
        return await _until_ended(work, stop)
    finally:
        ended.set()


async def _working(main: Main, installation: Installation, stop: asyncio.Event) -> None:
    with contextlib.suppress(Stopped):
        await main(installation, clock_of(installation), stop)


async def _until_ended(work: asyncio.Task[None], stop: asyncio.Event) -> int:
    """Wait until the work has ended, which is soon once it was told to, and return the exit code."""
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        await asyncio.wait((work,), timeout=STOP_S)
    if work.done():
        work.result()
        return 0
    print(f"did not stop within {STOP_S:g} s; these were still at it:", file=sys.stderr)
    for task in asyncio.all_tasks():
        print(f"- {task.get_name()}: {' > '.join(_places(task))}", file=sys.stderr)
    work.cancel()
    return 1


def _places(task: asyncio.Task[Any]) -> list[str]:
    """Return where a task waits, from the outermost function to the innermost."""
    places: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None:
            code = frame.f_code
            places.append(f"{code.co_qualname} {Path(code.co_filename).name}:{frame.f_lineno}")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return places


def _stop_when_input_closes(
    loop: asyncio.AbstractEventLoop, stop: asyncio.Event, ended: threading.Event
) -> None:
    def wait_for_end() -> None:
        # Not through sys.stdin: its lock, held by a thread at the end, would abort the process.
        while os.read(0, 4096):
            pass
        # The loop may be closed already when the process is ending anyway.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        # Nobody is left who would kill a process that hangs.
        if not ended.wait(ORPHAN_S):
            faulthandler.dump_traceback(all_threads=True)
            os._exit(1)

    threading.Thread(target=wait_for_end, name="supervisor-watch", daemon=True).start()
