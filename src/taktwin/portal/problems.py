"""Errors as RFC 9457 problem documents that name the place, what was found and what would be right."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from taktwin.errors import BusError

MEDIA_TYPE = "application/problem+json"
SECRETS = ("password", "before", "code", "pin", "badge")  # fields that no answer says again


class Problem(Exception):
    """Something that a request wants and cannot have."""

    def __init__(self, status: int, title: str, *, place: str, found: str, right: str, **extra: Any) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.place = place
        self.found = found
        self.right = right
        self.extra = extra

    def document(self, instance: str = "") -> dict[str, Any]:
        """Return the document's members."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": f"{self.place}: found {self.found}; expected {self.right}.",
            "instance": instance,
            "place": self.place,
            "found": self.found,
            "right": self.right,
            **self.extra,
        }


def unknown(kind: str, name: str, right: str) -> Problem:
    """Return the problem of an id that the plant does not have."""
    return Problem(404, f"No such {kind}", place=f"{kind} id", found=repr(name), right=right)


def reply(problem: Problem, instance: str = "") -> Response:
    """Return the HTTP answer of a problem."""
    return Response(
        msgspec.json.encode(problem.document(instance)), status_code=problem.status, media_type=MEDIA_TYPE
    )


def away(error: BusError) -> Problem:
    """Return the problem of an owner that does not answer."""
    return Problem(
        503, "The owner of this does not answer now", place="backbone", found=str(error),
        right="an answer in time; the page asks again by itself",
    )  # fmt: skip


def install(app: FastAPI) -> None:
    """Make every error of an app a problem document."""

    @app.exception_handler(Problem)
    async def ours(request: Request, problem: Problem) -> Response:
        return reply(problem, request.url.path)

    @app.exception_handler(BusError)
    async def backbone(request: Request, error: BusError) -> Response:
        return reply(away(error), request.url.path)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        # What a whole request holds may be a secret: only a value of one field is said again.
        secret = first["loc"][-1] in SECRETS
        whole = (
            secret
            or first["type"] in ("missing", "extra_forbidden")
            or isinstance(first.get("input"), dict | list)
        )
        found = first["type"] if whole else repr(first.get("input"))[:200]
        problem = Problem(
            422, "The request does not fit its schema", place=place, found=found, right=first["msg"]
        )
        return reply(problem, request.url.path)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        problem = Problem(
            error.status_code, str(error.detail), place=request.url.path, found=request.method,
            right="an address and a method of /api/v1/openapi.json",
        )  # fmt: skip
        answer = reply(problem, request.url.path)
        for name, value in (error.headers or {}).items():
            answer.headers[name] = value
        return answer
