"""`/mes/erp`: what an ERP sends and asks for, as it speaks: CSV and B2MML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from taktwin.contracts import commands, topics
from taktwin.contracts.commands import Command, ImportOrders, ImportReport
from taktwin.errors import BusError
from taktwin.portal.auth import Person
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.models.scheduling import ImportModel
from taktwin.portal.problems import Problem, unknown
from taktwin.portal.roles import Action
from taktwin.portal.routes.mes import OWNER

router = APIRouter(tags=["erp"], prefix="/mes/erp")
# The answer repeats the message, with a prefix at every name: it has to fit on the backbone too.
BYTES_MAX = 3_000_000
# Classes of events, as `mes.exchange.telling` has them (a test compares): rooms do not import each other.
CLASSES = (
    "order", "schedule", "job", "stop", "hold", "nonconformance", "scrap", "maintenance", "material",
)  # fmt: skip
USUAL = ("stop", "hold", "nonconformance")
FORMATS = {"text/csv": "csv", "application/xml": "b2mml", "text/xml": "b2mml"}
XML: dict[int | str, dict[str, Any]] = {200: {"content": {"application/xml": {}}}}


@router.post(
    "/orders",
    response_model=ImportModel,
    responses=XML,
    openapi_extra={"requestBody": {"required": True, "content": {
        "text/csv": {"schema": {"type": "string"}}, "application/xml": {"schema": {"type": "string"}},
    }}},
)  # fmt: skip
async def take_orders(request: Request, portal: PortalOf, person: PersonOf) -> Response:
    """Take orders: CSV is answered with a report of each row, B2MML with its AcknowledgeOperationsSchedule.

    A good order goes in also beside bad ones. The same message again changes nothing.
    """
    return await _take(request, portal, person, FORMATS)


@router.post(
    "/messages",
    response_model=ImportModel,
    responses=XML,
    openapi_extra={"requestBody": {"required": True, "content": {
        "application/xml": {"schema": {"type": "string"}},
    }}},
)  # fmt: skip
async def take_message(request: Request, portal: PortalOf, person: PersonOf) -> Response:
    """Take any B2MML transaction that an MES understands, and answer with its Acknowledge.

    Whoever accepts JSON only is answered with a row for each part instead.
    """
    return await _take(
        request, portal, person, {key: kind for key, kind in FORMATS.items() if kind == "b2mml"}
    )


async def _take(request: Request, portal: Portal, person: Person, formats: Mapping[str, str]) -> Response:
    require(person, Action.MES_PLAN)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in formats:
        raise Problem(415, "The message is in another form", place="header Content-Type", found=repr(kind),
                      right=f"one of {', '.join(formats)}")  # fmt: skip
    content = await _body(request)
    report = await _import(portal, formats[kind], content, person.id)
    if report.place:
        status = 503 if report.place == "database" else 422
        raise Problem(status, "The message cannot be read", place=report.place, found=report.found,
                      right=report.right)  # fmt: skip
    if report.document and request.headers.get("accept", "") != "application/json":
        return Response(report.document, media_type="application/xml")
    return JSONResponse({"rows": [msgspec.structs.asdict(row) for row in report.rows]})


async def _body(request: Request) -> bytes:
    """Return the body of a request, without reading more of it than may be."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BYTES_MAX:
            raise Problem(413, "The message is too large", place="body",
                          found=f"more than {BYTES_MAX:,} bytes", right="a smaller one")  # fmt: skip
    return bytes(content)


async def _import(portal: Portal, kind: str, content: bytes, actor: str) -> ImportReport:
    wish = ImportOrders(format=kind, content=content)
    asked = Command(
        id=portal.unique_id(), name=commands.IMPORT_ORDERS, actor=actor,
        data=msgspec.Raw(msgspec.json.encode(wish)),
    )  # fmt: skip
    registry = portal.registry
    subject = topics.command(registry.enterprise, registry.site, OWNER, commands.IMPORT_ORDERS)
    answer = await portal.bus.request(subject, commands.encode(asked), timeout_s=60.0)
    try:
        return msgspec.json.decode(answer, type=ImportReport)
    except msgspec.DecodeError as error:
        raise BusError(f"the MES answered something else: {error}") from error


@router.get("/orders.xml", response_class=Response, responses=XML)
async def orders(portal: PortalOf, person: PersonOf) -> Response:
    """Return all orders as a B2MML ShowOperationsSchedule; sent back in, it gives the same orders."""
    return Response(await _ask(portal, "b2mml_orders"), media_type="application/xml")


@router.get("/jobs.xml", response_class=Response, responses=XML)
async def jobs(portal: PortalOf, person: PersonOf) -> Response:
    """Return the job orders as the schedule in force says: a B2MML ShowJobList."""
    return Response(await _ask(portal, "b2mml_jobs"), media_type="application/xml")


@router.get("/stock.xml", response_class=Response, responses=XML)
async def stock(portal: PortalOf, person: PersonOf) -> Response:
    """Return what is left of every lot, and where it stands: a B2MML ShowMaterialLot."""
    content = await _ask(portal, "b2mml_stock")
    if content is None:
        raise unknown("stock", "nothing", "a lot with something left")
    return Response(content, media_type="application/xml")


@router.get("/definitions.xml", response_class=Response, responses=XML)
async def definitions(portal: PortalOf, person: PersonOf) -> Response:
    """Return how each product is made and from what, as the plant folder says: a ShowOperationsDefinition."""
    content = await _ask(portal, "b2mml_definitions")
    if content is None:
        raise unknown("definitions", "nothing", "a plant that makes something")
    return Response(content, media_type="application/xml")


@router.get("/orders/{request}/performance.xml", response_class=Response, responses=XML)
async def performance(request: str, portal: PortalOf, person: PersonOf) -> Response:
    """Return what was made of an order, from what: a B2MML ShowOperationsPerformance."""
    content = await _ask(portal, "b2mml_performance", request=request)
    if content is None:
        raise unknown("order", request, "an order that came in")
    return Response(content, media_type="application/xml")


@router.get("/orders/{request}/work-performance.xml", response_class=Response, responses=XML)
async def work_performance(request: str, portal: PortalOf, person: PersonOf) -> Response:
    """Return what became of each job order of an order, with all that took part: a ShowWorkPerformance."""
    content = await _ask(portal, "b2mml_work", request=request)
    if content is None:
        raise unknown("order", request, "an order with job orders in the list")
    return Response(content, media_type="application/xml")


@router.get("/events.xml", response_class=Response, responses={**XML, 204: {"description": "none yet"}})
async def events(
    portal: PortalOf, person: PersonOf,
    after: Annotated[int, Query(ge=0, le=2**62, description="the last sequence that was read")] = 0,
    classes: Annotated[str, Query(description=", ".join(CLASSES))] = ",".join(USUAL),
) -> Response:  # fmt: skip
    """Return what happened behind a sequence, at most 1,000 facts: a B2MML NotifyOperationsEvent.

    The answer's header `Last-Sequence` is what to ask for next. 204: nothing has happened since.
    """
    wanted = [name.strip() for name in classes.split(",") if name.strip()]
    wrong = [name for name in wanted if name not in CLASSES]
    if wrong or not wanted:
        found = repr(wrong[0]) if wrong else "none"
        raise Problem(422, "A class of events that nobody knows", place="query classes", found=found,
                      right=f"some of {', '.join(CLASSES)}")  # fmt: skip
    told = await _found(portal, "b2mml_events", after=after, classes=wanted)
    if "content" not in told:
        return Response(status_code=204)
    return Response(told["content"], media_type="application/xml",
                    headers={"Last-Sequence": str(told["last"])})  # fmt: skip


async def _ask(portal: Portal, question: str, **wish: Any) -> Any:
    return (await _found(portal, question, **wish)).get("content")


async def _found(portal: Portal, question: str, **wish: Any) -> dict[str, Any]:
    asked = {**wish, "sender": portal.registry.site}
    found: dict[str, Any] = await portal.questions.ask_values(OWNER, question, asked, timeout_s=20.0)
    if "away" in found:
        raise BusError(f"the MES's database: {found['away']}")
    return found
