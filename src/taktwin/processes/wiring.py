"""The few builders that every process shares: its installation, clock, stop signal and heartbeat.

A process module reads top to bottom: settings, plant, clock, bus, stores, engine, service, run
until told to stop. It is told by SIGTERM, by Ctrl-C, or by its standard input closing: the
supervisor holds the other end, so that no process outlives a supervisor that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TextIO

from taktwin import settings
from taktwin.clock import Clock, ScaledClock, SystemClock
from taktwin.settings import Installation

SUPERVISED = "TAKTWIN_SUPERVISED"

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


def run(main: Main) -> None:
    """Run a process: read its installation, hand it clock and stop event, leave with 0 on a clean stop.

    An exception ends the process with its traceback and exit code 1: the supervisor restarts it.
    """
    if len(sys.argv) != 2:
        sys.exit("usage: python -m taktwin.processes.<name> <installation.json>")
    asyncio.run(_run(main, settings.read(sys.argv[1])))


async def _run(main: Main, installation: Installation) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has no loop signal handlers; there the closing input alone ends the process.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    if os.environ.get(SUPERVISED):
        _stop_when_input_closes(sys.stdin, loop, stop)
    await main(installation, clock_of(installation), stop)


def _stop_when_input_closes(source: TextIO, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def wait_for_end() -> None:
        source.read()
        # The loop may be closed already when the process is ending anyway.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end, name="supervisor-watch", daemon=True).start()
