"""The first thing every request meets: whose page is it from, and what may the answer do.

Two attacks are stopped here. *DNS rebinding*: a stranger's name that resolves to our loopback
arrives with that name in `Host`. *Cross-site requests*, WebSockets above all, which the browser
does not hold back: they arrive with the stranger's `Origin`. Both are refused before any route.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taktwin.portal.auth import is_loopback
from taktwin.portal.problems import Problem, reply

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Answers of the API are data: nothing in them may ever run, wherever a browser shows them.
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Door:
    """ASGI middleware: refuses foreign hosts and origins, sets security headers on every answer."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(hosts)  # further host names under which we are known
        self._origins = frozenset(origins)  # further origins whose pages may ask, such as a proxy's

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refusal(Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, _with_headers(scope, send))
        elif scope["type"] == "http":
            await reply(refused, scope["path"])(scope, receive, _with_headers(scope, send))
        else:
            # Closing before accepting answers the handshake with 403.
            await send({"type": "websocket.close", "code": 1008, "reason": refused.title})

    def _refusal(self, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if not self._known(host):
            return Problem(
                421, "This host name is not ours", place="header Host", found=repr(host),
                right="localhost or a loopback address",
            )  # fmt: skip
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins and urlsplit(origin).netloc != host:
            return Problem(
                403, "Pages of other sites may not ask here", place="header Origin", found=repr(origin),
                right=f"an origin on {host}",
            )  # fmt: skip
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return Problem(
                403, "Pages of other sites may not ask here", place="header Sec-Fetch-Site",
                found="cross-site", right="same-origin",
            )  # fmt: skip
        return None

    def _known(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        return is_loopback(name) or name in self._hosts


def _with_headers(scope: Scope, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if str(scope.get("path", "")).startswith("/api/"):
                headers.setdefault("Content-Security-Policy", API_POLICY)
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
