"""Endpoints as people write them: `scheme://host:port` or `host:port`."""

from __future__ import annotations

from taktwin.errors import ConnectError


def host_and_port(endpoint: str, default_port: int) -> tuple[str, int]:
    """Return host and port of an endpoint. Raises ConnectError where it is none."""
    rest = endpoint.rpartition("://")[2].partition("/")[0]
    host, colon, port = rest.rpartition(":")
    if not colon:
        host, port = rest, str(default_port)
    if not host or not port.isdigit():
        raise ConnectError(f"endpoint {endpoint!r}: expected scheme://host:port")
    return host.strip("[]"), int(port)
