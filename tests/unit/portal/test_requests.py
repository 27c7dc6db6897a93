"""What is sent in is taken as it is or refused: place, what was found, what would be right, apart."""

from __future__ import annotations

import json
import typing
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import SystemClock
from taktwin.contracts.mistake import Mistake
from taktwin.contracts.whatif import Comparison
from taktwin.errors import ConfigError, DomainError, Refusal
from taktwin.errors import Mistake as Line
from taktwin.plant import open_plant
from taktwin.portal import problems
from taktwin.portal.app import create_app
from taktwin.portal.auth import Person
from taktwin.portal.models.base import Request
from taktwin.settings import Installation
from taktwin.simulation.check import Finding, ModelError
from taktwin.whatif.refusals import mistakes_of, refused

REGISTRY = open_plant(Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield")
QUESTION: dict[str, Any] = {"scenarios": [{"name": "a", "changes": [{"change": "unit_down"}]}]}


class Engineer:
    """Whoever asks is an engineer: how people sign in is tested elsewhere."""

    loopback_only = True

    def person_of(self, connection: HTTPConnection) -> Person | None:
        """Return who asks."""
        return Person("P1", ("engineer",))


def application(folder: Path) -> Any:
    """Return the portal over a backbone where nobody answers: what is refused goes no further."""
    installation = Installation(data_dir=str(folder), plant_dir="")
    bus = MemoryBus(MemoryHub(SystemClock()))
    return create_app(REGISTRY, bus, SystemClock(), installation, accounts=Engineer(), static=folder)


@pytest_asyncio.fixture
async def page(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=application(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        yield browser


def models_in(kind: Any) -> Iterator[type[BaseModel]]:
    """Return a model and all that its fields hold."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from models_in(field.annotation)
    for inner in typing.get_args(kind):
        yield from models_in(inner)


def routes_in(router: Any) -> Iterator[APIRoute]:
    """Return the routes of a router and of all that it includes."""
    for each in router.routes:
        if isinstance(each, APIRoute):
            yield each
        elif hasattr(each, "original_router"):
            yield from routes_in(each.original_router)


def test_every_body_is_of_the_one_strict_kind(tmp_path: Path) -> None:
    routes = routes_in(application(tmp_path))
    bodies = [each.body_field.field_info.annotation for each in routes if each.body_field is not None]
    found = {kind for body in bodies for kind in models_in(body)}
    assert len(found) >= 15
    assert not [kind.__name__ for kind in found if not issubclass(kind, Request)]


UNKNOWN = "a field that is not known here"
SCENARIO = QUESTION["scenarios"][0]
WRONG: list[tuple[str, Any, str, str, str]] = [
    ("whatif", {**QUESTION, "at_ns": 5}, "at_ns", UNKNOWN, "'at_ms', or one of"),
    ("whatif", {"scenarios": [{"name": "a", "change": []}]}, "scenarios.0.changes", "nothing", "a value"),
    ("whatif", {"scenarios": [{**SCENARIO, "asked": ""}]}, "scenarios.0.asked", UNKNOWN,
     "'asks', or one of name, changes, asks, against"),
    ("whatif/sensitivity", {"question": {**QUESTION, "runs": 9}, "indicator": "wip"}, "question.runs",
     UNKNOWN, "one of scenarios, horizon_s, replications"),
    ("whatif/calibration", {"days": "2"}, "days", "'2'", "Input should be a valid number"),
    ("whatif/backtest", {"runs": True}, "runs", "True", "Input should be a valid integer"),
    ("whatif/backtest", {"form_ms": 0}, "form_ms", UNKNOWN, "'from_ms', or one of"),
    ("mes/commands/order.drop", {"data": {}, "idempotency_key": 12345678}, "idempotency_key", "12345678",
     "Input should be a valid string"),
    ("session", {"account": "a", "password": 1234}, "password", "a value that is not shown",
     "Input should be a valid"),
    ("session", {"account": "a", "pasword": "open"}, "password", "nothing", "a value"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "place", "found", "right"), WRONG)
async def test_what_does_not_fit_is_named(
    page: httpx.AsyncClient, path: str, body: Any, place: str, found: str, right: str
) -> None:
    answer = await page.post(f"/api/v1/{path}", json=body, headers={"Origin": "http://localhost"})
    said = answer.json()
    assert (answer.status_code, said["place"], said["found"]) == (422, f"body.{place}", found)
    assert said["right"].startswith(right)
    assert "1234" not in said["detail"] or found == "12345678", "what proves somebody is said by nobody"


def test_a_refusal_has_its_parts_from_where_they_are_known() -> None:
    several = ModelError([
        Finding("scenario a, change 1, unit", "unknown work unit 'mill9'", "one of mill1"),
        Finding("machine mill1", "busy for 99 %", "less", is_error=False),
        Finding("scenario b", "0 changes", "1 to 20"),
    ])  # fmt: skip
    answer = refused(Comparison, *mistakes_of(several))
    assert (answer.state, answer.reason.count("\n")) == ("refused", 1)
    document = problems.refused("No such question", answer).document()
    assert (document["status"], document["place"]) == (422, "scenario a, change 1, unit")
    assert (document["found"], document["right"]) == ("unknown work unit 'mill9'", "one of mill1")
    assert document["also"] == [{"place": "scenario b", "found": "0 changes", "right": "1 to 20"}]
    assert json.loads(bytes(problems.reply(problems.refused("x", answer)).body))["also"] == document["also"]

    instant = refused(Comparison, *mistakes_of(Refusal("at_ns", "2026", "0: now")))
    assert problems.refused("x", instant).place == "at_ms", "as whoever asks over HTTP has called it"
    assert mistakes_of(ConfigError([Line("plan.yaml", 4, "name", "''", "a name")])) == (
        Mistake(place="plan.yaml:4: name", found="''", right="a name"),
    )
    assert mistakes_of(DomainError("no start: 3"))[0].found == "no start: 3"
