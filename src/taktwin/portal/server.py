"""Serve the app over HTTP inside this process: a socket chosen before, a stop that keeps its time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

STOP_S = 2  # pages that are still open are cut off after it; they come back by themselves
SEND_BUFFER_BYTES = 128 * 1024
MESSAGE_BYTES_MAX = 64 * 1024  # of what a browser says; it only asks


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 lets the system choose. Raises OSError where it is taken.

    Bound alone, it would keep nobody out until the first page is served: two products that start
    together would say the same address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, because asyncio sends small answers without delay only on sockets that say so.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every connection. Without it the system would queue megabytes of old frames
        # for a browser that has stopped reading.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        bound.bind((host, port))
        bound.listen()
    except OSError:
        bound.close()
        raise
    return bound


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: who runs us says when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def serve(app: FastAPI, bound: socket.socket, stop: asyncio.Event) -> None:
    """Serve until told to stop.

    Raises
    ------
    RuntimeError
        If the app did not start; the log has the reason.
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="websockets-sansio", ws_max_size=MESSAGE_BYTES_MAX,
        # Frames are small and many: compressing them would cost more time than the line.
        ws_per_message_deflate=False, ws_ping_interval=20.0, ws_ping_timeout=20.0, lifespan="on",
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=STOP_S,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]), name="portal-http")
    stopping = asyncio.create_task(stop.wait(), name="portal-stop")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        stopping.cancel()
        bound.close()
    if not server.started:
        raise RuntimeError("the portal's app did not start")
