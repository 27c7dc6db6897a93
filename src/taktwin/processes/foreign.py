"""Start a program that is not ours so that it ends with us, whatever ends us, and can end in peace.

Two things would go wrong if this process were killed: the program would run on for ever, and the
first line it writes to its log afterwards would end it in the middle of its own shutdown, because
nobody reads that pipe any more. The first is the leash's; for the second the program itself holds
an end for reading.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")


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


async def _exec(command: list[str], *, error: int, kept: tuple[int, ...] = ()) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=error,
        pass_fds=kept,
        start_new_session=True,
    )
