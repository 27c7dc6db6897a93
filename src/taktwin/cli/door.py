"""How the command line asks a running installation: over the page's own interface, with a token.

`TAKTWIN_TOKEN` holds it; a demo on this machine asks for none. A name can be given instead: then its
password is asked for, and the session ends with the command.
"""

from __future__ import annotations

import contextlib
import getpass
import http.cookies
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taktwin.errors import ConfigError, Mistake, WorldError
from taktwin.settings import ADDRESS_FILE

TOKEN_VARIABLE = "TAKTWIN_TOKEN"
WAITED_S = 45.0  # longer than the installation waits for any room of its own: its words say more than ours
_cookie: dict[str, str] = {}  # of the session that this command began


def base_url(data: str | None) -> str:
    """Return where the page of the running installation is.

    Raises
    ------
    ConfigError
        If none runs with that data folder, or with any in var/.
    """
    folders = [Path(data)] if data else sorted(Path("var").glob("*")) if Path("var").is_dir() else []
    for folder in folders:
        path = folder / "run" / ADDRESS_FILE
        if not path.exists():
            continue
        base = str(json.loads(path.read_bytes())["url"]).rstrip("/")
        try:
            get(base, "/session")
        except WorldError:
            continue
        return base
    found = data or "var/*"
    raise ConfigError(
        [Mistake("command line", 1, "--data", found, "the data folder of a running installation")]
    )


def shown() -> dict[str, str]:
    """Return the headers that say who asks."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if _cookie:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in _cookie.items())}
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextlib.contextmanager
def signed_in(base: str, account: str) -> Iterator[None]:
    """Be signed in for a while: by the token, or as an account whose password is asked for.

    Raises
    ------
    WorldError
        If the sign-in is refused.
    """
    if not account:
        yield
        return
    password = getpass.getpass(f"password of {account}: ")
    request = _request(base, "/session", {"account": account, "password": password})
    with _open(base, "/session", request) as answer:
        cookie = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])
    _cookie.update({name: morsel.value for name, morsel in cookie.items()})
    try:
        yield
    finally:
        post(base, "/session/end", {})
        _cookie.clear()


def get(base: str, path: str) -> Any:
    """Return the JSON of an address. Raises WorldError with the installation's own words."""
    with _open(base, path, _request(base, path, None)) as answer:
        return json.loads(answer.read())


def post(base: str, path: str, body: dict[str, Any]) -> Any:
    """Return the JSON answer to what was sent. Raises WorldError with the installation's own words."""
    with _open(base, path, _request(base, path, body)) as answer:
        return json.loads(answer.read())


def send(base: str, path: str, content: bytes, kind: str) -> Any:
    """Return the JSON answer to a document of another kind. Raises WorldError as `post` does."""
    headers = {"Content-Type": kind, "Accept": "application/json", "Origin": base, **shown()}
    request = urllib.request.Request(f"{base}/api/v1{path}", data=content, headers=headers)
    with _open(base, path, request) as answer:
        return json.loads(answer.read())


def _request(base: str, path: str, body: dict[str, Any] | None) -> urllib.request.Request:
    said = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Origin": base, **shown()}
    return urllib.request.Request(f"{base}/api/v1{path}", data=said, headers=headers)


@contextlib.contextmanager
def _open(base: str, path: str, request: urllib.request.Request) -> Iterator[Any]:
    try:
        with urllib.request.urlopen(request, timeout=WAITED_S) as answer:
            yield answer
    except urllib.error.HTTPError as refused:
        try:
            words = _words(json.loads(refused.read()))
        except (ValueError, KeyError):
            words = str(refused)
        hint = f" (a token in {TOKEN_VARIABLE}, or --as ACCOUNT)" if refused.code == 401 else ""
        raise WorldError(f"{words}{hint}") from refused
    except TimeoutError as failure:
        right = "ask again, or for less; `taktwin doctor` says what runs"
        raise WorldError(f"{base}{path}: no answer within {WAITED_S:g} s: {right}") from failure
    except urllib.error.URLError as failure:
        raise WorldError(f"{base}{path}: {failure}") from failure


def _words(problem: dict[str, Any]) -> str:
    """Return a problem as a person reads it: a line each where several things are wrong."""
    others = (f"{each['place']}: found {each['found']}; expected {each['right']}."
              for each in problem.get("also", ()))  # fmt: skip
    return "\n".join([str(problem["detail"]), *others])
