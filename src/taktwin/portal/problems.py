"""Errors as RFC 9457 problem documents that name the place, what was found and what would be right."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from taktwin.contracts.mistake import Mistake
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


class Refused(Protocol):
    """An answer of a room that refuses what was asked."""

    @property
    def reason(self) -> str:
        """Return all mistakes as a text."""
        ...

    @property
    def mistakes(self) -> list[Mistake]:
        """Return what is wrong with what was asked."""
        ...


def refused(title: str, answer: Refused) -> Problem:
    """Return the problem of what a room has refused: its first mistake, and the others in `also`.

    A room counts in nanoseconds and a browser in milliseconds: a field is named as it was sent.
    """
    assert answer.mistakes, f"a refusal says what is wrong: {answer.reason}"
    first, *others = (
        {"place": re.sub(r"_ns\b", "_ms", each.place), "found": each.found, "right": each.right}
        for each in answer.mistakes
    )
    return Problem(422, title, **first, also=others)


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
        found, right = _said_of(first, _known(request, first["loc"]))
        place = ".".join(str(part) for part in first["loc"])
        problem = Problem(422, "The request does not fit its schema", place=place, found=found, right=right)
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


def _said_of(error: dict[str, Any], names: Sequence[str]) -> tuple[str, str]:
    """Return what was found in a field that does not fit, and what would be right there."""
    name, kind = str(error["loc"][-1]), error["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, names, 1, 0.5)
        listed = f"one of {', '.join(names)}" if names else "no field of that name"
        return "a field that is not known here", f"{near[0]!r}, or {listed}" if near else listed
    if kind == "missing":
        return "nothing", "a value: it cannot be left out"
    return "a value that is not shown" if name in SECRETS else _shown(error.get("input")), error["msg"]


def _shown(value: Any) -> str:
    """Return what was found, in words; what a whole request holds may be a secret, and is not said again."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return repr(value)[:200]


def _known(request: Request, place: Sequence[str | int]) -> list[str]:
    """Return the fields that there are beside a place of the request's body, as its model has them."""
    route = request.scope.get("route")
    if place[0] != "body" or not isinstance(route, APIRoute) or route.body_field is None:
        return []
    kinds: list[Any] = [route.body_field.field_info.annotation]
    for part in place[1:-1]:
        if isinstance(part, int):
            kinds = [inner for kind in kinds for inner in typing.get_args(kind)]
        else:
            fields = [kind.model_fields for kind in kinds if _is_model(kind)]
            kinds = [each[part].annotation for each in fields if part in each]
        # A field that may be nothing is a union.
        kinds = [one for kind in kinds for one in (kind, *typing.get_args(kind))]
    return [name for kind in kinds if _is_model(kind) for name in kind.model_fields]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
