"""Run a program that ends when its parent does: `python leash.py <parent pid> <program> <argument>...`

The supervisor's Python children notice its end by their standard input; a foreign program does not.
Linux sends it a signal instead, if it asks for that itself and before it begins: so this small
program asks, and becomes the other. Nothing is done between fork and exec of the parent, where only
little is allowed. Elsewhere the program runs without a leash, and the next start ends what is left.

A file of its own that imports nothing of ours: it is run by its path and costs 20 ms.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(words: list[str]) -> None:
    """Become the program, to be ended by SIGTERM with the parent."""
    parent, program = int(words[0]), words[1]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            sys.exit(f"leash: the system refuses: {os.strerror(ctypes.get_errno())}")
        if os.getppid() != parent:  # it ended before we had asked
            sys.exit(f"leash: process {parent}, whom {program} serves, has ended")
    os.execv(program, words[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
