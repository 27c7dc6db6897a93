"""Free ports: the product never collides with what runs on a machine already."""

from __future__ import annotations

import itertools
import os
import socket

# Below the ports that systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere).
# A server that is away for a moment would find such a port taken, even by a client of its own: who
# connects to a free port out of that range again and again ends up connected to itself.
FIRST, LAST = 20_000, 32_000
_numbers = itertools.count(os.getpid() * 61)


def free_port(host: str = "127.0.0.1", *, preferred: int = 0) -> int:
    """Return a port nobody listens on: the preferred one if it is free, else one that we pick."""
    tries = (FIRST + next(_numbers) % (LAST - FIRST) for _ in range(500))
    for port in (preferred, *tries) if preferred else tries:
        with socket.socket() as probe:
            if os.name == "posix":  # there a port may be taken again at once after its server ended
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port on {host}")
