"""Keep one foreign program: start it, pass the end on to it, and end it when our own input closes.

A server that is no child of Python's own kind (a database) does not notice that its supervisor was
killed. This small process does: `python -S keeper.py <signal number> <program> <words>...` holds
the program as its child, and sends it the signal of a clean end when its standard input closes or
when it is told to stop. It imports nothing but the standard library's smallest parts.
"""

import os
import signal
import subprocess
import sys
import threading


def main(words: list[str]) -> int:
    """Run a program until it ends by itself, or until our input closes; return its exit code."""
    ending = signal.Signals(int(words[0]))
    child = subprocess.Popen(words[1:], stdin=subprocess.DEVNULL)

    def end(*_: object) -> None:
        if child.poll() is None:
            child.send_signal(ending)

    signal.signal(signal.SIGTERM, end)
    # A Ctrl-C in the terminal is the supervisor's to pass on, in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait_for_end() -> None:
        # Not through sys.stdin: its lock would be held by this thread when the interpreter ends.
        while os.read(0, 4096):
            pass
        end()

    threading.Thread(target=wait_for_end, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
