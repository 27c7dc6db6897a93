"""The app: one FastAPI application with all routes, the stream, the page, and one way of erring.

Comes in: plant, bus, clock, settings. Goes out: an ASGI application whose lifespan keeps the live
picture; who runs it decides where it listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from taktwin import __version__
from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.entropy import secret_token
from taktwin.entropy import unique_id as system_unique_id
from taktwin.plant.registry import Registry
from taktwin.portal import problems
from taktwin.portal.auth import Accounts, LoopbackAccounts, SignedIn
from taktwin.portal.carrier import Carrier
from taktwin.portal.context import Portal
from taktwin.portal.decisions import Decisions
from taktwin.portal.door import Door
from taktwin.portal.gate import Gate
from taktwin.portal.grants import Grants
from taktwin.portal.health import HealthBook
from taktwin.portal.live import Hub
from taktwin.portal.models.base import Problem as ProblemModel
from taktwin.portal.models.live import MESSAGES
from taktwin.portal.pages import STATIC, Pages
from taktwin.portal.questions import Questions
from taktwin.portal.raw import RawBook
from taktwin.portal.routes import accounts as account_routes
from taktwin.portal.routes import (
    advice,
    alarms,
    analyst,
    backtest,
    bar,
    calibration,
    demo,
    entrance,
    erp,
    mes,
    plant,
    search,
    signals,
    stream,
    system,
    units,
    whatif,
)
from taktwin.settings import Installation

PREFIX = "/api/v1"
DESCRIPTION = """The browser's interface. Times are integer milliseconds of plant time, UTC; not-finite
numbers and integers beyond 2^53 travel as strings; bytes as {hex, size}. Errors are RFC 9457 documents.
The stream is the WebSocket /api/v1/live; its messages are the schemas Live*, and Subscribe, SetMode,
Seek, SetSpeed, Step, Drawn from the page."""


def create_app(
    registry: Registry,
    bus: Bus,
    clock: Clock,
    installation: Installation,
    *,
    accounts: Accounts | None = None,
    grants: Grants | None = None,
    static: Path = STATIC,
    unique_id: Callable[[], str] = system_unique_id,
) -> FastAPI:
    """Return the portal's application; `app.state.portal` is the portal behind it.

    `grants`: the seals under which it carries what people accept; None: of this run alone.
    """
    questions = Questions(bus, enterprise=registry.enterprise, site=registry.site)
    hub = Hub(registry, bus, clock, questions)
    portal = Portal(
        registry=registry, bus=bus, clock=clock, installation=installation,
        accounts=accounts or LoopbackAccounts(demo=installation.demo), hub=hub, health=HealthBook(),
        questions=questions, decisions=Decisions(registry, bus, clock, hub, questions), raw=RawBook(bus),
        carrier=Carrier(registry, bus, clock, questions, grants or Grants(secret_token(32).encode())),
        search=search.index(registry), unique_id=unique_id,
    )  # fmt: skip

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        heard = [
            await bus.subscribe(topics.HEALTH, _hear_health(portal)),
            await bus.subscribe(topics.REJECTED, _hear_refused(portal)),
        ]
        if isinstance(portal.accounts, SignedIn):
            heard.append(await bus.subscribe(topics.ACCOUNTS, _hear_accounts(portal.accounts)))
        await hub.start()
        carrying = asyncio.create_task(portal.carrier.run(), name="carrier")
        try:
            yield
        finally:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)
            await hub.close()
            await portal.raw.close()
            for subscription in heard:
                await subscription.close()

    app = FastAPI(
        title="taktwin portal", version=__version__, description=DESCRIPTION, lifespan=lifespan,
        openapi_url=None, docs_url=None, redoc_url=None,
        middleware=[
            Middleware(Door, **_known_as(installation.public_url)),
            Middleware(Gate, accounts=portal.accounts, prefix=PREFIX),
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=4),
        ],
    )  # fmt: skip
    app.state.portal = portal
    problems.install(app)
    api = APIRouter(prefix=PREFIX, responses={"default": {"model": ProblemModel}})
    for module in (
        plant,
        units,
        signals,
        alarms,
        bar,
        search,
        system,
        demo,
        mes,
        erp,
        entrance,
        account_routes,
        whatif,
        backtest,
        advice,
        analyst,
        calibration,
        stream,
    ):
        api.include_router(module.router)

    @api.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:  # in a thread: made when first asked for, it takes a second or two
        return document(app)

    app.include_router(api)
    app.include_router(Pages(static).router)
    return app


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the HTTP interface, with the stream's messages among its schemas."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, definitions = models_json_schema(
            [(message, "serialization") for message in MESSAGES],
            ref_template="#/components/schemas/{model}",
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in definitions["$defs"].items():
            schemas.setdefault(name, schema)
        app.openapi_schema = made
    return app.openapi_schema


def _known_as(public_url: str) -> dict[str, Any]:
    """Return under which further name, and to whose pages, the portal answers."""
    if not public_url:
        return {}
    return {"hosts": [urlsplit(public_url).hostname or ""], "origins": [public_url.rstrip("/")]}


def _hear_health(portal: Portal) -> Callable[[Any], None]:
    return lambda message: portal.health.hear(message.payload, now_mono=portal.clock.monotonic_ns())


def _hear_accounts(accounts: SignedIn) -> Callable[[Any], None]:
    return lambda message: accounts.forget()


def _hear_refused(portal: Portal) -> Callable[[Any], None]:
    return lambda message: portal.health.hear_refused(message.payload)
