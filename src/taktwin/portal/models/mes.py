"""A command of a person to the MES, and what came of it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from taktwin.portal.models.base import Model, Request


class Wish(Request):
    """A command of a person. Fields of `data` are those of the command; its times are `..._ms`."""

    data: dict[str, Any]
    reason: str = ""
    on_behalf_of: str = ""  # number of whoever stands at the terminal; must be logged on there
    idempotency_key: str = Field(min_length=8, max_length=100)


class Granted(Model):
    """The facts that came of a command."""

    status: int
    sequence: int
    events: list[str]
    subject: str
