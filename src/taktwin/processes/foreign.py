"""Start a program that is not ours so that it ends with us, whatever ends us, and can end in peace.

Two things would go wrong if this process were killed: the program would run on for ever, and the
first line it writes to its log afterwards would end it in the middle of its own shutdown, because
nobody reads that pipe any more. The first is the leash's; for the second the program itself holds
an end for reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")
LOG_BYTES_MAX = 16 * 1024 * 1024


async def start(program: Path, *arguments: str) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
    """Start a program in a session of its own and return it with what it writes to its error output.

    The process id is the program's. Ctrl-C in the terminal does not reach it.
    """
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(program), *arguments]
    else:
        command = [str(program), *arguments]
    if os.name != "posix":
        process = await _exec(command, error=asyncio.subprocess.PIPE)
        assert process.stderr is not None
        return process, process.stderr
    reads, writes = os.pipe()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reads, "rb", buffering=0)
    )
    try:
        process = await _exec(command, error=writes, kept=(reads,))
    finally:
        os.close(writes)
    return process, reader


async def keep_log(said: asyncio.StreamReader, path: Path, heard: Callable[[str], None]) -> None:
    """Write what a program says to its log, and hand on each line, until it says no more.

    The log is bounded, also in a storm of errors. It is not buffered: what a full disk refuses is
    given up at once, and the reading goes on. A program whose log nobody reads stands still.
    """
    with path.open("ab", buffering=0) as log:
        while True:
            try:
                line = await said.readline()
            except ValueError:  # a line over the limit of the reader
                continue
            if not line:
                return
            with contextlib.suppress(OSError):
                if log.tell() > LOG_BYTES_MAX:
                    log.truncate(0)
                    log.seek(0)
                log.write(line)
            heard(line.decode("utf-8", "replace").rstrip())


async def _exec(command: list[str], *, error: int, kept: tuple[int, ...] = ()) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=error,
        pass_fds=kept,
        start_new_session=True,
    )
