"""`/mes`: orders, the board, terminals, units; and every command, under the person's name."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Query
from fastapi import Path as PathWord
from fastapi.responses import Response, StreamingResponse

from taktwin.contracts import commands, device_history, topics
from taktwin.contracts.commands import Answer, Command
from taktwin.contracts.recommendation import COMMAND_IDS
from taktwin.errors import BusError
from taktwin.plant.instructions import MEDIA_TYPES
from taktwin.portal import wire
from taktwin.portal.auth import Person
from taktwin.portal.context import PersonOf, Portal, PortalOf, reach_of
from taktwin.portal.models.collection import BroughtModel, LateModel, SyncModel
from taktwin.portal.models.definitions import DefinitionsModel
from taktwin.portal.models.documents import DocumentsModel
from taktwin.portal.models.execution import BoardModel
from taktwin.portal.models.machines import ToldModel
from taktwin.portal.models.maintenance import MaintenanceModel, UpkeepModel
from taktwin.portal.models.mes import Granted, Wish
from taktwin.portal.models.people import CrewModel, LabourModel, PeopleModel
from taktwin.portal.models.performance import PerformanceModel, StandingModel, StopPage
from taktwin.portal.models.quality import HoldsModel, NonconformancePage, QualityModel, SuspicionsModel
from taktwin.portal.models.records import AuditModel, RecordModel, SignaturesModel
from taktwin.portal.models.resources import AssetHistory, AssetsModel, AvailabilityModel, StockModel
from taktwin.portal.models.scheduling import MovesModel, OrdersModel, ScheduleModel
from taktwin.portal.models.terminal import TerminalModel
from taktwin.portal.models.tracking import LotsModel, OrderPage, RecallModel, RouteStateModel, SerialPage
from taktwin.portal.problems import Problem, unknown
from taktwin.portal.roles import Action

router = APIRouter(tags=["mes"], prefix="/mes")
OWNER = "mes"
SYNC_S = 20.0  # a piece of what a terminal kept is up to 200 transactions
NEEDS: dict[str, Action] = {
    commands.DropOrder.command_name: Action.MES_PLAN,
    commands.ChangeOrder.command_name: Action.MES_PLAN,
    commands.DispatchJob.command_name: Action.MES_DISPATCH,
    commands.ControlJob.command_name: Action.MES_DISPATCH,
    commands.BeginJob.command_name: Action.MES_WORK,
    commands.ReportScrap.command_name: Action.MES_WORK,
    commands.UndoScrap.command_name: Action.MES_WORK,
    commands.ReceiveLot.command_name: Action.MES_WORK,
    commands.LoadLot.command_name: Action.MES_WORK,
    commands.MoveLot.command_name: Action.MES_WORK,
    commands.CountStock.command_name: Action.MES_STOCK,
    commands.RegisterAsset.command_name: Action.MES_MAINTAIN,
    commands.MountAsset.command_name: Action.MES_MAINTAIN,
    commands.DismountAsset.command_name: Action.MES_MAINTAIN,
    commands.StoreAsset.command_name: Action.MES_MAINTAIN,
    commands.RetireAsset.command_name: Action.MES_MAINTAIN,
    commands.InspectTool.command_name: Action.MES_CALIBRATE,
    commands.Hold.command_name: Action.MES_HOLD,
    commands.Release.command_name: Action.MES_RELEASE,
    commands.SetCredentials.command_name: Action.MES_PEOPLE,
    commands.GrantCertificate.command_name: Action.MES_PEOPLE,
    commands.RevokeCertificate.command_name: Action.MES_PEOPLE,
    commands.LogOn.command_name: Action.MES_WORK,
    commands.LogOff.command_name: Action.MES_WORK,
    commands.StartIndirect.command_name: Action.MES_WORK,
    commands.WriteNote.command_name: Action.MES_WORK,
    commands.ReadNote.command_name: Action.MES_WORK,
    commands.Sign.command_name: Action.MES_SIGN,
    commands.ReceiveDefinition.command_name: Action.MES_PLAN,
    commands.ApproveDefinition.command_name: Action.MES_DEFINE,
    commands.WithdrawDefinition.command_name: Action.MES_DEFINE,
    commands.ReleaseDocument.command_name: Action.MES_DOCUMENT,
    commands.WithdrawDocument.command_name: Action.MES_DOCUMENT,
    commands.AcknowledgeDocument.command_name: Action.MES_WORK,
    commands.RequestMaintenance.command_name: Action.MES_REQUEST,
    commands.AssignMaintenance.command_name: Action.MES_MAINTAIN,
    commands.StartMaintenance.command_name: Action.MES_MAINTAIN,
    commands.CompleteMaintenance.command_name: Action.MES_MAINTAIN,
    commands.AbortMaintenance.command_name: Action.MES_MAINTAIN,
    commands.ReceiveSpare.command_name: Action.MES_MAINTAIN,
    commands.CountSpare.command_name: Action.MES_MAINTAIN,
    commands.MountTool.command_name: Action.MES_TOOL,
    commands.DismountTool.command_name: Action.MES_TOOL,
    commands.ServiceTool.command_name: Action.MES_TOOL,
    commands.ChangeTool.command_name: Action.MES_TOOL,
    commands.CalibrateGauge.command_name: Action.MES_CALIBRATE,
    commands.UseGauge.command_name: Action.MES_TOOL,
    commands.RecordResult.command_name: Action.MES_MEASURE,
    commands.Dispose.command_name: Action.MES_DISPOSE,
    commands.RecodeStop.command_name: Action.MES_STOP,
    commands.SplitStop.command_name: Action.MES_STOP,
    commands.MergeStops.command_name: Action.MES_STOP,
    commands.GrantRole.command_name: Action.ACCOUNTS,
    commands.WithdrawRole.command_name: Action.ACCOUNTS,
    commands.CloseAccount.command_name: Action.ACCOUNTS,
    commands.EndSessions.command_name: Action.ACCOUNTS,
    commands.RestoreScrap.command_name: Action.MES_DISPOSE,
    commands.HoldSuspects.command_name: Action.MES_HOLD,
    commands.ReleaseSuspects.command_name: Action.MES_RELEASE,
    commands.ReportRework.command_name: Action.MES_WORK,
    commands.SplitLot.command_name: Action.MES_WORK,
    commands.MergeLots.command_name: Action.MES_WORK,
    commands.SplitJob.command_name: Action.MES_DISPATCH,
    commands.MergeJobs.command_name: Action.MES_DISPATCH,
    commands.AnswerChecklist.command_name: Action.MES_WORK,
    commands.AttachPhoto.command_name: Action.MES_MEASURE,
    commands.SettleBooking.command_name: Action.MES_SETTLE,
    commands.RetryBooking.command_name: Action.MES_RETRY,
    commands.PublishSchedule.command_name: Action.MES_PLAN,
    commands.PublishFrozen.command_name: Action.MES_FROZEN,
}
After = Annotated[str, Query(max_length=120)]
Limit = Annotated[int, Query(ge=1, le=1000)]
STATUS = {
    "unknown": 404,
    "invalid": 422,
    "away": 503,
    "denied": 403,
}  # everything else: 409, the thing is otherwise


@router.get("/board", response_model=BoardModel)
async def board(portal: PortalOf, person: PersonOf) -> Any:
    """Return every job order that is not over, with what is in its way, and those that ended last."""
    return await ask(portal, "board")


@router.get("/schedule", response_model=ScheduleModel)
async def schedule(portal: PortalOf, person: PersonOf) -> Any:
    """Return the schedule in force, what it will come to, and the one that would follow it now."""
    return await ask(portal, "schedule")


@router.post("/schedule/proposal", response_model=ScheduleModel)
async def proposal(wish: MovesModel, portal: PortalOf, person: PersonOf) -> Any:
    """Return the same with the schedule that would come of some moves. Nothing is changed by asking."""
    moves = [_in_ns(move.model_dump()) for move in wish.moves]
    return await ask(portal, "schedule", moves=moves)


@router.get("/terminal/{work_unit}", response_model=TerminalModel)
async def terminal(work_unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return what an operator needs at a work unit."""
    found = await ask(portal, "terminal", work_unit=work_unit)
    if not found:
        raise unknown("work unit", work_unit, "a work unit of this plant")
    return found


@router.get("/orders", response_model=OrdersModel)
async def orders(portal: PortalOf, person: PersonOf, after: After = "", limit: Limit = 200) -> Any:
    """Return orders page by page: `next` of an answer is `after` of the next question."""
    return await ask(portal, "orders", after=after, limit=limit)


@router.get("/orders/{request}", response_model=OrderPage)
async def order(request: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return an order with its job orders and units."""
    found = await ask(portal, "order", request=request)
    if not found:
        raise unknown("order", request, "an order that came in")
    return found


@router.get("/units/{unit}", response_model=SerialPage)
async def unit(unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return a unit, its way, and all that went into it."""
    found = await ask(portal, "unit", unit=unit)
    if not found:
        raise unknown("unit", unit, "a serial number that was made here")
    return found


@router.get("/lots", response_model=LotsModel)
async def lots(portal: PortalOf, person: PersonOf, after: After = "", limit: Limit = 200) -> Any:
    """Return lots page by page: `next` of an answer is `after` of the next question."""
    return await ask(portal, "lots", after=after, limit=limit)


@router.get("/stock", response_model=StockModel)
async def stock(portal: PortalOf, person: PersonOf) -> Any:
    """Return how much of which lot lies where, and what was counted last."""
    return await ask(portal, "stock")


@router.get("/assets", response_model=AssetsModel)
async def assets(
    portal: PortalOf, person: PersonOf, at_ms: Annotated[int, Query(ge=0, lt=1 << 43)] = 0,
    equipment: str = "",
) -> Any:  # fmt: skip
    """Return the physical assets and what each fulfils, now or then; of one machine or of all."""
    return await ask(portal, "assets", at_ns=str(wire.ns(at_ms)), equipment=equipment)


@router.get("/assets/history", response_model=AssetHistory)
async def asset(portal: PortalOf, person: PersonOf, asset: str = "", role: str = "") -> Any:
    """Return where an asset ever was, or what ever fulfilled a role, the newest first."""
    found = await ask(portal, "asset", asset=asset, role=role)
    if not found:
        raise unknown("asset or role", asset or role, "an asset that was registered, or a role of equipment")
    return found


@router.get("/availability", response_model=AvailabilityModel)
async def availability(portal: PortalOf, person: PersonOf) -> Any:
    """Return machines, assets, tools, gauges, people and material with why they are not available."""
    return await ask(portal, "availability")


@router.get("/lots/{lot}/recall", response_model=RecallModel)
async def recall(lot: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return every unit that a lot went into, through all levels."""
    found = await ask(portal, "recall", lot=lot)
    if not found:
        raise unknown("lot", lot, "a lot that was received here")
    return found


@router.get("/crew/{work_unit}", response_model=CrewModel)
async def crew(work_unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return who works at a work unit, and the notes of the shift before that nobody has read."""
    found = await ask(portal, "crew", work_unit=work_unit)
    if not found:
        raise unknown("work unit", work_unit, "a work unit of this plant")
    return found


@router.get("/people", response_model=PeopleModel)
async def people(portal: PortalOf, person: PersonOf) -> Any:
    """Return everybody: where they are, their certificates, and what expires within 30 days."""
    return await ask(portal, "people")


@router.get("/labour", response_model=LabourModel)
async def labour(
    portal: PortalOf, person: PersonOf, hours: Annotated[int, Query(ge=1, le=168)] = 24, job: str = ""
) -> Any:
    """Return who worked on what from when to when: of the last hours, or on one job order."""
    found = await ask(portal, "labour", hours=str(hours), job=job)
    if not found:
        raise unknown("job order", job, "a job order of the list")
    return found


@router.get("/signatures/{kind}/{record}", response_model=SignaturesModel)
async def signatures(kind: str, record: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return the signatures of a record, the oldest first."""
    return await ask(portal, "signatures", kind=kind, record=record)


@router.get("/definitions", response_model=DefinitionsModel)
async def definitions(portal: PortalOf, person: PersonOf) -> Any:
    """Return how each product is made: the version in force, and all that came in, with their differences."""
    return await ask(portal, "definitions")


@router.get("/documents", response_model=DocumentsModel)
async def documents(portal: PortalOf, person: PersonOf) -> Any:
    """Return all work instructions with their revisions, and what is wrong with drafts."""
    return await ask(portal, "documents")


@router.get(
    "/files/{name}",
    response_class=Response,
    responses={200: {"content": {"image/*": {}, "application/pdf": {}}}},
)
async def file(name: str, portal: PortalOf, person: PersonOf) -> Response:
    """Return a file of a released document; its name is the hash of its content."""
    media_type = MEDIA_TYPES.get(Path(name).suffix, "")
    found = await ask(portal, "file", name=name) if media_type else {}
    if not found:
        raise unknown("file", name, "a file that a released document names")
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    if media_type == "image/svg+xml":  # a drawing may hold a script; opened by itself it runs none
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return Response(found["content"], media_type=media_type, headers=headers)


@router.get("/maintenance", response_model=MaintenanceModel)
async def maintenance(portal: PortalOf, person: PersonOf) -> Any:
    """Return maintenance orders, what falls due, tools, gauges and spare parts."""
    return await ask(portal, "maintenance")


@router.get("/maintenance/{work_unit}", response_model=UpkeepModel)
async def upkeep(work_unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return what maintenance has open at a work unit, and its tools."""
    found = await ask(portal, "upkeep", work_unit=work_unit)
    if not found:
        raise unknown("work unit", work_unit, "a work unit of this plant")
    return found


@router.get("/told/{work_unit}", response_model=ToldModel)
async def told(work_unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return what a machine asked, which parameters it holds, what it was told and what came of it."""
    found = await ask(portal, "told", work_unit=work_unit)
    if not found:
        raise unknown("work unit", work_unit, "a work unit of this plant")
    return found


@router.get("/quality", response_model=QualityModel)
async def quality(portal: PortalOf, person: PersonOf) -> Any:
    """Return the nonconformances, open ones first, and each characteristic with its last results."""
    return await ask(portal, "quality")


@router.get("/nonconformances/{nonconformance}", response_model=NonconformancePage)
async def nonconformance(nonconformance: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return a nonconformance with its results and the units that are suspect with it."""
    found = await ask(portal, "nonconformance", nonconformance=nonconformance)
    if not found:
        raise unknown("nonconformance", nonconformance, "one such as NC-1")
    return found


@router.get("/performance/{scope}", response_model=PerformanceModel)
async def performance(
    scope: str, portal: PortalOf, person: PersonOf, at_ms: Annotated[int, Query(ge=0, lt=1 << 43)] = 0,
    span: Literal["shift", "day", "week"] = "shift",
) -> Any:  # fmt: skip
    """Return a shift, a production day or a week of a machine or a line: stops, figures, their evidence."""
    found = await ask(portal, "performance", scope=scope, at_ns=str(wire.ns(at_ms)), span=span)
    if not found:
        raise unknown("machine or line", scope, "a work unit or a line of this plant")
    return found


@router.get("/stops/{stop}", response_model=StopPage)
async def stop(stop: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return a stop with all that ever became of it."""
    found = await ask(portal, "stop", stop=stop)
    if not found:
        raise unknown("stop", stop, "a stop of a machine")
    return found


@router.get("/standing/{work_unit}", response_model=StandingModel)
async def standing(work_unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return the stop of now at a work unit, and those that still have no reason."""
    found = await ask(portal, "standing", work_unit=work_unit)
    if not found:
        raise unknown("work unit", work_unit, "a work unit of this plant")
    return found


@router.get("/holds", response_model=HoldsModel)
async def holds(portal: PortalOf, person: PersonOf) -> Any:
    """Return the lots and units that nobody may use now: why, since when, by whom, what decides first."""
    return await ask(portal, "holds")


@router.get("/suspicions", response_model=SuspicionsModel)
async def suspicions(portal: PortalOf, person: PersonOf) -> Any:
    """Return what was held at once, the newest first, with the units that are still held."""
    return await ask(portal, "suspicions")


@router.get("/units/{unit}/at/{work_unit}", response_model=RouteStateModel)
async def route_state(unit: str, work_unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return whether a unit may be worked on at a work unit now: no operation skipped or repeated."""
    found = await ask(portal, "route_state", unit=unit, work_unit=work_unit)
    if not found:
        raise unknown("work unit", work_unit, "a work unit of this plant")
    return found


@router.get("/units/{unit}/record", response_model=RecordModel)
async def record(unit: str, portal: PortalOf, person: PersonOf) -> Any:
    """Return what a reviewer reads first of a unit's device history record: the exceptions."""
    content = await _record(portal, unit)
    file = msgspec.json.decode(content, type=device_history.DeviceHistoryFile)
    return {
        "unit": unit, "digest": file.digest,
        "exceptions": msgspec.to_builtins(file.record.exceptions),
        "looked": msgspec.to_builtins(file.record.looked),
        "reviews": [
            {"printed_name": each.printed_name, "person": each.person, "meaning": each.meaning, "at": each.at,
             "current": each.digest == file.digest}
            for each in file.reviews
        ],
    }  # fmt: skip


@router.get(
    "/units/{unit}/record.json",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def record_json(unit: str, portal: PortalOf, person: PersonOf) -> Response:
    """Return a unit's device history record: the contract `device-history.v1`."""
    return _download(await _record(portal, unit), "application/json", f"{unit}.json")


@router.get(
    "/units/{unit}/record.pdf", response_class=Response, responses={200: {"content": {"application/pdf": {}}}}
)
async def record_pdf(
    unit: str, portal: PortalOf, person: PersonOf, language: Literal["en", "de"] = "en"
) -> Response:
    """Return a unit's device history record as it is printed."""
    content = await _record(portal, unit, "unit_record_pdf", language=language)
    return _download(content, "application/pdf", f"{unit}.pdf")


async def _record(portal: Portal, unit: str, question: str = "unit_record", **wish: str) -> bytes:
    found = await ask(portal, question, unit=unit, site=portal.registry.site, **wish)
    if not found:
        raise unknown("unit", unit, "a serial number that was made here")
    return bytes(found["content"])


def _download(content: bytes, media_type: str, name: str) -> Response:
    # A serial number may hold any letter: the header's own form for those is that of RFC 8187.
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return Response(content, media_type=media_type, headers=headers)


@router.get("/audit", response_model=AuditModel)
async def audit_view(
    portal: PortalOf, person: PersonOf, subject: str = "", who: str = "",
    from_ms: Annotated[int, Query(ge=0)] = 0, to_ms: Annotated[int, Query(ge=0)] = 0,
    before: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Any:  # fmt: skip
    """Return who changed what, the newest first: of a thing, by a person, between two instants."""
    return await ask(
        portal, "trail", subject=subject, person=who, from_ns=str(wire.ns(from_ms)),
        to_ns=str(wire.ns(to_ms)), before=str(before), limit=str(limit),
    )  # fmt: skip


@router.get(
    "/audit.jsonl",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}},
)
async def audit(portal: PortalOf, person: PersonOf) -> StreamingResponse:
    """Return the whole journal, an entry a line: what `taktwin verify-audit` proves without any server."""
    first = await _entries(portal, 0)

    async def lines() -> AsyncIterator[bytes]:
        entries = first
        while entries:
            yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
            entries = await _entries(portal, int(entries[-1]["sequence"]))

    return StreamingResponse(lines(), media_type="application/jsonl")


async def _entries(portal: Portal, after: int) -> list[dict[str, Any]]:
    found = await portal.questions.ask_values(OWNER, "audit", {"after": after}, timeout_s=10.0)
    if isinstance(found, dict):
        raise BusError(f"the MES's database: {found.get('away', 'no answer')}")
    assert isinstance(found, list), "the journal is a list"
    return found


@router.post("/commands/{name}", response_model=Granted)
async def command(name: str, wish: Wish, portal: PortalOf, person: PersonOf) -> dict[str, Any]:
    """Ask the MES to change something. The same idempotency key is answered again and done once."""
    if name not in NEEDS:
        raise unknown("command", name, f"one of {', '.join(sorted(NEEDS))}")
    asked = Command(
        id=wish.idempotency_key, name=name, actor=person.id, reason=wish.reason,
        actor_type="service" if person.program else "human", reach=reach_of(person, NEEDS[name]),
        on_behalf_of=wish.on_behalf_of, data=msgspec.Raw(msgspec.json.encode(_in_ns(wish.data))),
    )  # fmt: skip
    answer = await send(portal, asked)
    return {
        "status": answer.status, "sequence": answer.sequence, "events": answer.events,
        "subject": answer.subject,
    }  # fmt: skip


def _own_key(key: str) -> None:
    """Refuse a key that only accepted advice is carried under: used before, it would be carried never."""
    if key.startswith(COMMAND_IDS):
        raise Problem(422, "This key is kept for accepted advice", place="idempotency_key", found=key,
                      right=f"one that does not begin with {COMMAND_IDS}")  # fmt: skip


async def send(portal: Portal, asked: Command, *, timeout_s: float = 5.0) -> Answer:
    """Return the MES's answer to a command that it accepted.

    Raises
    ------
    Problem
        If it refused, with its words.
    BusError
        If it did not answer.
    """
    _own_key(asked.id)
    registry = portal.registry
    subject = topics.command(registry.enterprise, registry.site, OWNER, asked.name)
    said = await portal.bus.request(subject, commands.encode(asked), timeout_s=timeout_s)
    try:
        answer = commands.decode_answer(said)
    except msgspec.DecodeError as error:
        raise BusError(f"the MES answered something else: {error}") from error
    if not answer.accepted:
        raise _problem(asked.name, answer)
    return answer


@router.get("/late-bookings", response_model=LateModel)
async def late_bookings(portal: PortalOf, person: PersonOf) -> Any:
    """Return what terminals kept while the server was away and what somebody has to look at."""
    return await ask(portal, "late")


@router.post("/terminals/{terminal}/bookings", response_model=SyncModel)
async def bring(
    terminal: Annotated[str, PathWord(pattern=r"^[!-~]{8,60}$")],
    brought: BroughtModel, portal: PortalOf, person: PersonOf,
) -> Any:  # fmt: skip
    """Book what a terminal kept: each once, by the time at which it was touched, in that order.

    In pieces, in any order and as often as anybody likes: the ids make it harmless. What whoever brings it
    may not, and what needs the server, is set aside with the rest that somebody has to look at.
    """
    reach_of(person, Action.MES_WORK)
    for each in brought.bookings:
        _own_key(each.id)
    kept = commands.BookLate(
        terminal=terminal, first=brought.first,
        bookings=[
            commands.LateBooking(
                id=each.id, sequence=each.sequence, name=each.name, at_ns=wire.ns(each.at_ms),
                on_behalf_of=each.on_behalf_of, account=each.account, denied=_denied(person, each.name),
                reach=person.reach(NEEDS[each.name]) if each.name in NEEDS else [],
                data=msgspec.Raw(msgspec.json.encode(_in_ns(each.data))),
            )
            for each in brought.bookings
        ],
    )  # fmt: skip
    asked = Command(id=f"sync:{terminal}", name=commands.SYNC, actor=person.id,
                    data=msgspec.Raw(msgspec.json.encode(kept)))  # fmt: skip
    registry = portal.registry
    subject = topics.command(registry.enterprise, registry.site, OWNER, commands.SYNC)
    try:
        answer = await portal.bus.request(subject, commands.encode(asked), timeout_s=SYNC_S)
        report = msgspec.json.decode(answer, type=commands.SyncReport)
    except msgspec.DecodeError as error:
        raise BusError(f"the MES answered something else: {error}") from error
    if report.code:
        raise Problem(STATUS.get(report.code, 409), "The MES took nothing of it", place=report.place,
                      found=report.found, right=report.right, code=report.code)  # fmt: skip
    return {"bookings": [msgspec.structs.asdict(each) for each in report.bookings]}


def _denied(person: Person, name: str) -> str:
    """Return what a person may nowhere, "" where they may somewhere; the MES looks whether it is there."""
    return "" if name in NEEDS and person.reach(NEEDS[name]) != [] else str(NEEDS.get(name, name))


def _problem(name: str, answer: Answer) -> Problem:
    return Problem(
        STATUS.get(answer.code, 409), f"The MES refused {name}", place=answer.place, found=answer.found,
        right=answer.right, code=answer.code, return_status=answer.status, current=_in_ms(answer.current),
        changed_by=answer.changed_by, changed_ms=wire.ms(answer.changed_ns),
        also=[msgspec.structs.asdict(each) for each in answer.also],
    )  # fmt: skip


async def ask(portal: Portal, question: str, /, **wish: Any) -> Any:
    found = await portal.questions.ask_values(OWNER, question, wish)
    if "away" in found:
        raise BusError(f"the MES's database: {found['away']}")
    return _in_ms(found)


def _in_ms(value: Any) -> Any:
    """Return a document with its times in milliseconds, and their names saying so."""
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, each in value.items():
            renamed = _ms_name(name)
            if renamed and isinstance(each, dict):  # of several, by name
                found[renamed] = {key: wire.ms(at_ns) for key, at_ns in each.items()}
            elif renamed:
                found[renamed] = wire.ms(each)
            else:  # a board has tens of thousands of values: only those that hold others are looked into
                found[name] = _in_ms(each) if isinstance(each, dict | list) else each
        return found
    return [_in_ms(each) for each in value] if isinstance(value, list) else value


@functools.lru_cache(maxsize=4096)
def _ms_name(name: str) -> str:
    return f"{name[:-3]}_ms" if name.endswith("_ns") else ""


def _in_ns(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, each in data.items():
        if name.endswith("_ms") and isinstance(each, int):
            found[f"{name[:-3]}_ns"] = wire.ns(each)
        elif isinstance(each, list):
            found[name] = [_in_ns(one) if isinstance(one, dict) else one for one in each]
        else:
            found[f"{name[:-3]}_ns" if name.endswith("_ms") else name] = each
    return found
