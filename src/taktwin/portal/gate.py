"""The second thing every request meets: nothing of the interface is said to nobody.

Refusing is the rule and each open address stands here: a route that forgets to ask who is there is
closed all the same, and so is the stream. A command that comes with a cookie must come from our own
page: the cookie's `SameSite` says so to browsers, and the `Origin` that they send is looked at again.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from taktwin.errors import BusError
from taktwin.portal.auth import RECOGNISED, Accounts, SignedIn
from taktwin.portal.problems import Problem, away, reply

# Below the interface's prefix: who is not signed in yet has to be able to.
OPEN = {
    ("GET", "/session"),
    ("POST", "/session"),
    ("POST", "/session/password"),
    ("POST", "/session/set-up"),
}
HARMLESS = ("GET", "HEAD", "OPTIONS")


class Gate:
    """ASGI middleware: says who is asking, and refuses whoever is nobody."""

    def __init__(self, app: ASGIApp, accounts: Accounts, prefix: str) -> None:
        self._app = app
        self._accounts = accounts
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        inside = scope["type"] in ("http", "websocket") and str(scope["path"]).startswith("/api/")
        if not inside or not isinstance(self._accounts, SignedIn):
            await self._app(scope, receive, send)
            return
        refused = await self._refusal(self._accounts, scope)
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await reply(refused, scope["path"])(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": refused.title})

    async def _refusal(self, accounts: SignedIn, scope: Scope) -> Problem | None:
        connection = HTTPConnection(scope)
        method = str(scope.get("method", "websocket"))
        is_open = (method, str(scope["path"]).removeprefix(self._prefix)) in OPEN
        try:
            person = await accounts.recognise(connection)
        except BusError as error:
            if not is_open:
                return away(error)
            person = None
        if person is None and not is_open:
            return Problem(
                401, "Nobody is signed in", place="session", found="none, or one that has ended",
                right="a signed-in person, or a token that counts",
            )  # fmt: skip
        by_cookie = person is not None and bool(person.session)
        if by_cookie and method not in HARMLESS and not _ours(Headers(scope=scope)):
            return Problem(
                403, "Pages of other sites may not ask here", place="header Origin", found="none",
                right="a request of our own page, or a token",
            )  # fmt: skip
        scope[RECOGNISED] = person
        return None


def _ours(headers: Headers) -> bool:
    """Return whether a page of ours asks; the door has refused every other origin before."""
    return bool(urlsplit(headers.get("origin", "")).netloc) or headers.get("sec-fetch-site") == "same-origin"
