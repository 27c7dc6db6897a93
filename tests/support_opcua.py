"""OPC UA servers for tests, without the second of computing that each standard address space costs."""

from __future__ import annotations

from asyncua import Server

from taktwin.faces.opcua import CopiedSpace


def opcua_server() -> Server:
    """Return a server that is not begun yet; the first one of a process makes the space that others copy."""
    return Server(iserver=CopiedSpace())
