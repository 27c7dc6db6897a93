"""Versions of models over HTTP and by command line: who lets one go live, and what a refusal says.

The analyst is the real one over a real store; the historian is away, which it says.
"""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from starlette.requests import HTTPConnection

from taktwin.analyst import training
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model_store import Kept, ModelStore
from taktwin.analyst.service import AnalystService
from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Message
from taktwin.bus.rights import RIGHTS
from taktwin.cli import door, models
from taktwin.clock import SystemClock
from taktwin.contracts import topics
from taktwin.contracts.analyst import VersionDocument
from taktwin.entropy import Entropy
from taktwin.errors import ConfigError, WorldError
from taktwin.instants import SECOND_NS
from taktwin.portal.app import create_app
from taktwin.portal.auth import Person
from taktwin.settings import Installation
from tests.unit.whatif.test_whatif import REGISTRY

HERE = {"Origin": "http://localhost"}
SITE = (REGISTRY.enterprise, REGISTRY.site)
DAY = 86_400 * SECOND_NS


class Named:
    """Whoever asks is who they say they are: how people sign in is tested elsewhere."""

    loopback_only = True

    def person_of(self, connection: HTTPConnection) -> Person | None:
        role = connection.headers.get("role")
        only = frozenset({"model.promote"}) if "token" in connection.headers else None
        return Person("P1", (role,), printed_name="Ada Byron", only=only) if role else None


@cache
def learnt() -> tuple[VersionDocument, dict[str, Any]]:
    traces = ToolWear.example(lambda name, n: Entropy(1).generator(name).standard_normal(n))
    return training.learnt(ToolWear, traces, now_ns=max(trace.to_ns for trace in traces))


class World:
    """A browser before the portal, and the analyst's own store."""

    def __init__(self, http: httpx.AsyncClient, store: ModelStore, kept: list[Kept]) -> None:
        self.http, self.store = http, store
        self.versions = [each.about.version for each in kept]

    async def look(self, role: str = "viewer") -> httpx.Response:
        return await self.http.get("/api/v1/models", headers={"role": role})

    async def promote(
        self, role: str, place: int = 0, model: str = "tool_wear", **wish: str
    ) -> httpx.Response:
        headers = {"role": role} | ({"token": "1"} if wish.pop("token", "") else {})
        body = {"version": self.versions[place], "instead_of": "", "why": "better on the last week"} | wish
        return await self.http.post(f"/api/v1/models/{model}/live", json=body, headers=headers)

    def stages(self) -> list[str]:
        return [each.about.stage for each in self.store.versions("tool_wear")]


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = SystemClock()
    hub, stop = MemoryHub(clock), asyncio.Event()
    store = ModelStore(tmp_path / "models")
    about, state = learnt()
    kept = []
    for day, code in ((0, about.code_version), (1, about.code_version), (2, "of another time")):
        end = about.data_to_ns + day * DAY
        made = msgspec.structs.replace(about, data_to_ns=end, made_ns=clock.now_ns(), code_version=code)
        kept.append(store.add(made, state))
    analyst = AnalystService(
        bus=hub.connect(),
        registry=REGISTRY,
        clock=clock,
        folder=tmp_path / "models",
        memory_mb=lambda: 1.0,
        pid=1,
    )
    running = asyncio.ensure_future(analyst.run(stop))
    while hub.answerer(topics.command(*SITE, "analyst", "promote")) is None:  # noqa: ASYNC110 - it begins
        await asyncio.sleep(0)
    app = create_app(
        REGISTRY, hub.connect(), clock, Installation(data_dir=str(tmp_path), plant_dir=""), accounts=Named(),
        static=tmp_path,
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HERE) as http:
        yield World(http, store, kept)
    stop.set()
    await running


async def test_whoever_may_look_sees_each_version_with_its_card_data_and_scores(world: World) -> None:
    assert (await world.http.get("/api/v1/models")).status_code == 401
    seen = (await world.look()).json()
    [model] = seen["models"]
    assert (
        model["model"] == "tool_wear" and model["limits"] == {"tool_change": 0.10} and model["subjects"] > 0
    )
    first = seen["versions"][0]
    assert first["version"] == world.versions[0] and first["stage"] == "shadow" and first["promoted_by"] == ""
    assert "breakage" in first["not_for"] and first["owner"] == "maintenance"
    assert first["data_from_ms"] < first["data_to_ms"] and first["judged"] >= 5
    assert {"tool_wear", "fixed life"} <= {each["name"] for each in first["scores"]}
    assert (await world.http.get("/api/v1/predictions", headers={"role": "viewer"})).json() == []


async def test_only_a_person_with_the_role_lets_one_go_live_and_the_name_is_kept(world: World) -> None:
    for role in ("viewer", "operator", "leader", "planner", "quality", "manager", "admin"):
        refused = await world.promote(role)
        assert refused.status_code == 403 and "model.promote" in refused.text, role
    by_token = await world.promote("engineer", token="1")
    assert by_token.status_code == 403 and "a person who is signed in" in by_token.text
    assert (await world.promote("engineer", why="")).status_code == 422
    assert world.stages() == ["shadow", "shadow", "shadow"]

    live = await world.promote("engineer")
    assert live.status_code == 200, live.text
    first = live.json()["versions"][0]
    assert (first["stage"], first["promoted_by"], first["promoted_why"]) == (
        "live", "Ada Byron", "better on the last week",
    )  # fmt: skip
    # Said twice it is done once, also by somebody else.
    again = await world.promote("maintenance", why="me too")
    assert (
        again.status_code == 200 and again.json()["versions"][0]["promoted_why"] == "better on the last week"
    )


async def test_who_saw_another_one_live_decides_again_and_the_one_before_may_come_back(world: World) -> None:
    first, second, _ = world.versions
    assert (await world.promote("maintenance")).status_code == 200
    missed = await world.promote("engineer", 1)
    assert missed.status_code == 409 and first in missed.json()["found"]
    assert world.stages() == ["live", "shadow", "shadow"]
    assert (await world.promote("engineer", 1, instead_of=first)).status_code == 200
    assert world.stages() == ["retired", "live", "shadow"]
    assert (await world.promote("engineer", instead_of=second, why="it was worse")).status_code == 200
    assert world.stages() == ["live", "retired", "shadow"]


async def test_what_cannot_go_live_is_refused_in_words(world: World) -> None:
    other = await world.promote("engineer", 2)
    assert other.status_code == 422 and "of another time" in other.json()["found"]
    none = await world.promote("engineer", version="19700101T000000Z-0")
    assert none.status_code == 404 and world.versions[0] in none.json()["right"]
    nobody = await world.promote("engineer", model="oracle")
    assert nobody.status_code == 404 and "tool_wear" in nobody.json()["right"]
    assert world.stages() == ["shadow", "shadow", "shadow"]


async def test_where_the_analyst_is_away_it_is_said(tmp_path: Path) -> None:
    hub = MemoryHub(SystemClock())
    app = create_app(
        REGISTRY, hub.connect(), SystemClock(), Installation(data_dir=str(tmp_path), plant_dir=""),
        accounts=Named(), static=tmp_path,
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HERE) as http:
        for path in ("models", "predictions"):
            assert (await http.get(f"/api/v1/{path}", headers={"role": "viewer"})).status_code == 503
        body = {"version": "v", "instead_of": "", "why": "why"}
        said = await http.post("/api/v1/models/tool_wear/live", json=body, headers={"role": "engineer"})
        assert said.status_code == 503


async def test_an_answer_that_is_none_is_an_owner_that_is_away(tmp_path: Path) -> None:
    hub = MemoryHub(SystemClock())
    others = hub.connect()

    async def babble(message: Message) -> bytes:
        return b"\xc1"

    await others.serve(topics.query(*SITE, "analyst", ">"), babble)
    await others.serve(topics.command(*SITE, "analyst", "promote"), babble)
    app = create_app(
        REGISTRY, hub.connect(), SystemClock(), Installation(data_dir=str(tmp_path), plant_dir=""),
        accounts=Named(), static=tmp_path,
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HERE) as http:
        assert (await http.get("/api/v1/models", headers={"role": "viewer"})).status_code == 503
        body = {"version": "v", "instead_of": "", "why": "why"}
        said = await http.post("/api/v1/models/tool_wear/live", json=body, headers={"role": "engineer"})
        assert said.status_code == 503


def test_on_the_backbone_the_portal_alone_may_promote() -> None:
    may = {
        name for name, rights in RIGHTS.items() if any("analyst.promote" in each for each in rights.publish)
    }
    assert may == {"portal"}


class Wire:
    """The command line's door, straight to the portal of the test, as one person."""

    def __init__(self, world: World, role: str, loop: asyncio.AbstractEventLoop) -> None:
        self.world, self.role, self.loop = world, role, loop

    def _said(self, answer: httpx.Response) -> Any:
        if answer.status_code >= 400:
            raise WorldError(answer.json()["detail"])
        return answer.json()

    def get(self, base: str, path: str) -> Any:
        asked = self.world.http.get(f"/api/v1{path}", headers={"role": self.role})
        return self._said(asyncio.run_coroutine_threadsafe(asked, self.loop).result(10))

    def post(self, base: str, path: str, body: dict[str, Any]) -> Any:
        asked = self.world.http.post(f"/api/v1{path}", json=body, headers={"role": self.role})
        return self._said(asyncio.run_coroutine_threadsafe(asked, self.loop).result(10))


async def command(world: World, monkeypatch: pytest.MonkeyPatch, *words: str, role: str = "engineer") -> int:
    wire = Wire(world, role, asyncio.get_running_loop())
    monkeypatch.setattr(door, "base_url", lambda data: "http://localhost")
    monkeypatch.setattr(door, "get", wire.get)
    monkeypatch.setattr(door, "post", wire.post)
    parser = ArgumentParser()
    models.add_arguments(parser)
    return await asyncio.to_thread(models.models, parser.parse_args(words))


async def test_the_command_line_shows_a_version_beside_the_live_one_and_lets_it_go_live(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = world.versions
    assert await command(world, monkeypatch) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("tool_wear: ") and "rests on it up to an error of 10%" in listed
    assert [line.split()[1] for line in listed.splitlines() if line.startswith("  shadow")] == [
        *reversed(world.versions)
    ]
    await command(world, monkeypatch, "promote", "tool_wear", first, "--why", "the first")
    assert "no version is live" in capsys.readouterr().out
    await command(world, monkeypatch, "show", "tool_wear", second)
    shown = capsys.readouterr().out
    assert (
        "not for: Sudden breakage" in shown and f"{first} (in use)" in shown and "CRPS, fixed life" in shown
    )
    assert world.stages() == ["live", "shadow", "shadow"], "looking changes nothing"
    await command(world, monkeypatch, "promote", "tool_wear", second, "--why", "a day newer")
    assert "by Ada Byron: a day newer" in capsys.readouterr().out
    assert world.stages() == ["retired", "live", "shadow"]
    await command(world, monkeypatch, "--json", "list")
    assert json.loads(capsys.readouterr().out)["versions"][1]["promoted_by"] == "Ada Byron"


async def test_the_command_line_says_what_it_does_not_know_and_who_may_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="tool_wear"):
        await command(world, monkeypatch, "show", "oracle", "x")
    with pytest.raises(ConfigError, match=world.versions[0]):
        await command(world, monkeypatch, "promote", "tool_wear", "none", "--why", "x")
    with pytest.raises(WorldError, match=r"model\.promote"):
        await command(
            world, monkeypatch, "promote", "tool_wear", world.versions[0], "--why", "x", role="viewer"
        )
    # Whoever looked before another one went live is told.
    await command(world, monkeypatch, "promote", "tool_wear", world.versions[0], "--why", "x")
    with pytest.raises(WorldError, match="is live"):
        await command(
            world, monkeypatch, "promote", "tool_wear", world.versions[1], "--why", "x", "--instead-of", ""
        )
