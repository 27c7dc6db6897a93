"""`/mes/erp`: orders in and confirmations out, as an ERP speaks: CSV and B2MML."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from taktwin.contracts import commands, topics
from taktwin.contracts.commands import Command, ImportOrders, ImportReport
from taktwin.errors import BusError
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.models.scheduling import ImportModel
from taktwin.portal.problems import Problem, unknown
from taktwin.portal.roles import Action
from taktwin.portal.routes.mes import OWNER

router = APIRouter(tags=["erp"], prefix="/mes/erp")
BYTES_MAX = 5_000_000
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
    require(person, Action.MES_PLAN)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORMATS:
        raise Problem(415, "Orders come as CSV or XML", place="header Content-Type", found=repr(kind),
                      right=f"one of {', '.join(FORMATS)}")  # fmt: skip
    content = await _body(request)
    report = await _import(portal, FORMATS[kind], content, person.id)
    if report.place:
        status = 503 if report.place == "database" else 422
        raise Problem(status, "The message cannot be read", place=report.place, found=report.found,
                      right=report.right)  # fmt: skip
    if report.document:
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


@router.get("/orders/{request}/performance.xml", response_class=Response, responses=XML)
async def performance(request: str, portal: PortalOf, person: PersonOf) -> Response:
    """Return what was made of an order, from what: a B2MML ShowOperationsPerformance."""
    content = await _ask(portal, "b2mml_performance", request=request)
    if content is None:
        raise unknown("order", request, "an order that came in")
    return Response(content, media_type="application/xml")


async def _ask(portal: Portal, question: str, **wish: str) -> Any:
    asked = {**wish, "sender": portal.registry.site}
    found = await portal.questions.ask_values(OWNER, question, asked, timeout_s=20.0)
    if "away" in found:
        raise BusError(f"the MES's database: {found['away']}")
    return found.get("content")
