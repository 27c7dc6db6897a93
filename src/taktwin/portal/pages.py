"""The built page: its files from memory, compressed once; its own address for every place in it.

Files under `assets/` carry a hash of their content in their names and are kept by the browser for
ever; `index.html` is asked for again each time, because it names them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import Headers

from taktwin.portal.problems import Problem

STATIC = Path(__file__).parent / "static"
IMMUTABLE = "public, max-age=31536000, immutable"
COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml", "application/manifest")
INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>taktwin: the page is not built</title>
<body style="font: 16px/24px sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em">
<h1>The page is not built yet</h1>
<p>The portal runs and its interface answers (<a href="/api/v1/openapi.json">/api/v1/openapi.json</a>),
but the page itself is missing. In the source tree, <code>make setup</code> installs what is needed and
builds it into <code>src/taktwin/portal/static</code>. Then reload this page.</p>
"""


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    compressed: bytes | None
    media_type: str
    tag: str
    policy: str


class Pages:
    """The files of the built page."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._files: dict[tuple[str, int], _File] = {}
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/{path:path}", self._serve, methods=["GET", "HEAD"])

    async def _serve(self, request: Request, path: str) -> Response:
        if path.startswith("api/"):
            raise Problem(
                404, "No such address", place="path", found=f"/{path}",
                right="an address of /api/v1/openapi.json",
            )  # fmt: skip
        file = self._find(path)
        asset = path.startswith("assets/")
        if file is None and (asset or "." in path.rpartition("/")[2]):
            raise Problem(404, "No such file", place="path", found=f"/{path}", right="a file of the page")
        # Everything else is a place within the page, which finds its way by itself.
        file = file or self._find("index.html")
        if file is None:
            return Response(
                NOT_BUILT, media_type="text/html", headers={"Content-Security-Policy": _policy(b"")}
            )
        return _answer(file, request.headers, IMMUTABLE if asset else "no-cache")

    def _find(self, path: str) -> _File | None:
        file = (self._folder / path).resolve()
        if not file.is_file() or not file.is_relative_to(self._folder.resolve()):
            return None
        key = (str(file), file.stat().st_mtime_ns)
        if key not in self._files:
            self._files[key] = _load(file)
        return self._files[key]


def _load(file: Path) -> _File:
    body = file.read_bytes()
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if file.suffix in (".js", ".mjs"):
        media_type = "text/javascript"
    compressed = None
    if media_type.startswith(COMPRESSED):
        compressed = gzip.compress(body, 9, mtime=0)
    policy = _policy(body) if media_type == "text/html" else ""
    return _File(body, compressed, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"', policy)


def _answer(file: _File, wishes: Headers, caching: str) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if file.policy:
        headers["Content-Security-Policy"] = file.policy
    if wishes.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    if file.compressed is not None and "gzip" in wishes.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, media_type=file.media_type, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


def _policy(page: bytes) -> str:
    """Return the policy of a page: only its own files, and the inline scripts that it was built with.

    Style attributes are allowed, because they cannot run anything and the floor plan lives by them.
    """
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in INLINE_SCRIPT.findall(page)
    ]
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *hashes)),
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )
