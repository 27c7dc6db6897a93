"""Which part of the plant a command is about: a role that was given in one reaches nothing beside it.

A row for each command, and a test that says which is missing. A command that concerns no place at all
(`SITE`) belongs to the site as a whole; what anybody with the role may do wherever they are is
`ANYWHERE`, with the reason beside it. A name that nobody knows is left to the decider, which says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData
from taktwin.identity import reaches
from taktwin.mes.assets.tables import Asset
from taktwin.mes.collection.tables import SetAside
from taktwin.mes.decision import Asking, Refused
from taktwin.mes.definitions.versions import followed
from taktwin.mes.execution.tables import JobOrder, ScrapReport
from taktwin.mes.maintenance.tables import MaintenanceOrder
from taktwin.mes.performance.tables import ShiftNote, Stop
from taktwin.mes.quality.tables import Nonconformance
from taktwin.mes.resources.stays import stay_of
from taktwin.mes.tooling.tables import Tool
from taktwin.mes.tracking.tables import LoadedLot, Passage
from taktwin.storage.book import Reading

# Work units and stores that a command is about; () = none in particular; None = the site as a whole.
Places = tuple[str, ...] | None
Where = Callable[[Reading, Any, Asking], Places]


def anywhere(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return no place: the role alone counts."""
    return ()


def site(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return the whole site."""
    return None


def at(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return the work unit that the command names; none where it may be left out, and is."""
    return (wish.work_unit,) if wish.work_unit else ()


def of_job(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where a job order runs, or every work unit where it may; and the one that it is given."""
    job = book.get(JobOrder, wish.job)
    named = getattr(wish, "work_unit", "")
    if job is None:
        return (named,) if named else ()
    now = (job.work_unit,) if job.work_unit else () if named else _candidates(book, job, asking)
    return (*now, *((named,) if named else ()))


def _candidates(book: Reading, job: JobOrder, asking: Asking) -> tuple[str, ...]:
    product = followed(book, asking.definitions, job)
    return () if product is None else product.operation(job.operation).work_units


def of_report(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where the job order of a report runs."""
    report = book.get(ScrapReport, wish.report)
    job = None if report is None else book.get(JobOrder, report.job)
    return () if job is None or not job.work_unit else (job.work_unit,)


def of_held(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where a lot stands or a unit was last; a lot in stock is the site's."""
    if wish.kind == "lot":
        return tuple(row.work_unit for row in book.where(LoadedLot, lot=wish.id)) or None
    last = book.newest(Passage, "at_ns", 1, unit=wish.id)
    return tuple(row.work_unit for row in last) or None


def of_nonconformance(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where it was found."""
    row = book.get(Nonconformance, wish.nonconformance)
    return () if row is None else (row.work_unit,) if row.work_unit else None


def of_person(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where a person is logged on."""
    stay = stay_of(book, wish.person)
    named = (wish.work_unit,) if wish.work_unit else ()
    return (*named, *((stay.work_unit,) if stay is not None and stay.work_unit else ()))


def of_note(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where a note was left."""
    note = book.get(ShiftNote, wish.note)
    return () if note is None else (note.work_unit,)


def of_order(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return the work unit of a maintenance order."""
    order = book.get(MaintenanceOrder, wish.order)
    return () if order is None else (order.work_unit,)


def of_tool(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where a tool is, and where it shall be."""
    tool = book.get(Tool, wish.tool)
    named = getattr(wish, "work_unit", "")
    now = tool.work_unit if tool is not None else ""
    return tuple(each for each in (now, named) if each)


def of_both_jobs(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where two job orders run that shall be one."""
    jobs = [book.get(JobOrder, name) for name in (wish.job, wish.into)]
    return tuple(
        place
        for job in jobs if job is not None
        for place in ((job.work_unit,) if job.work_unit else _candidates(book, job, asking))
    )  # fmt: skip


def of_stock(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return the machine to which a lot is brought; or the place where one comes in or is counted.

    From a store anybody fetches: it is whoever answers for the machine that takes.
    """
    if isinstance(wish, commands.MoveLot):
        return (wish.target,) if wish.target in asking.definitions.work_units else ()
    location = wish.location
    return (location,) if location else None if isinstance(wish, commands.CountStock) else ()


def of_asset(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return the equipment in which an asset is, and in which it shall be; one in a store is in no part."""
    asset = book.get(Asset, wish.asset)
    roles = [getattr(wish, "role", ""), "" if asset is None else asset.role]
    return tuple(role.partition("/")[0] for role in roles if role)


def of_lots(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where two lots stand; one in stock is in no part of the plant."""
    return tuple(row.work_unit for lot in (wish.lot, wish.into) for row in book.where(LoadedLot, lot=lot))


def of_photo(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where what a photo shows is: a job order, a nonconformance, or a unit, where it was last."""
    if wish.kind == "unit":
        return tuple(row.work_unit for row in book.newest(Passage, "at_ns", 1, unit=wish.record))
    row: JobOrder | Nonconformance | None
    row = book.get(JobOrder, wish.record) if wish.kind == "job" else book.get(Nonconformance, wish.record)
    return () if row is None or not row.work_unit else (row.work_unit,)


def of_booking(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where a late booking was touched."""
    row = book.get(SetAside, wish.booking)
    return () if row is None else (row.work_unit,) if row.work_unit else None


def of_stop(book: Reading, wish: Any, asking: Asking) -> Places:
    """Return where a machine stood; both, where two stops shall be one."""
    rows = [book.get(Stop, name) for name in (wish.stop, getattr(wish, "other", "")) if name]
    return tuple(row.work_unit for row in rows if row is not None)


PLACES: dict[str, Where] = {
    "order.drop": site,
    "order.change": site,
    "job.dispatch": of_job,
    "job.control": of_job,
    "job.begin": of_job,
    "scrap.report": of_job,
    "scrap.undo": of_report,
    "lot.receive": of_stock,
    "lot.load": at,
    "lot.move": of_stock,
    "stock.count": of_stock,
    "asset.register": site,
    "asset.mount": of_asset,
    "asset.dismount": of_asset,
    "asset.store": anywhere,  # whoever carries it says so
    "asset.retire": site,
    "hold.set": anywhere,  # whoever sees that something is wrong stops it
    "hold.release": of_held,
    "person.credentials": site,
    "certificate.grant": site,
    "certificate.revoke": site,
    "labour.log_on": at,
    "labour.log_off": of_person,
    "labour.indirect": of_person,
    "shift.note.write": at,
    "shift.note.read": of_note,
    "record.sign": anywhere,  # a signature is a person's, and proven each time
    "definition.receive": site,
    "definition.approve": site,
    "definition.withdraw": site,
    "document.release": site,
    "document.withdraw": site,
    "document.acknowledge": anywhere,  # one's own reading
    "maintenance.request": at,
    "maintenance.assign": of_order,
    "maintenance.start": of_order,
    "maintenance.complete": of_order,
    "maintenance.abort": of_order,
    "spare.receive": site,
    "spare.count": site,
    "tool.mount": of_tool,
    "tool.dismount": of_tool,
    "tool.service": of_tool,
    "tool.inspect": of_tool,
    "tool.change": of_order,
    "gauge.calibrate": site,
    "gauge.use": at,
    "result.record": of_job,
    "nonconformance.dispose": of_nonconformance,
    "checklist.answer": of_job,
    "photo.attach": of_photo,
    "booking.settle": of_booking,
    "booking.retry": of_booking,
    "scrap.restore": of_report,
    "job.split": of_job,
    "job.merge": of_both_jobs,
    "stop.recode": of_stop,
    "stop.split": of_stop,
    "stop.merge": of_stop,
    "lot.split": of_lots,
    "lot.merge": of_lots,
    "hold.suspects": anywhere,  # as a hold
    "hold.release_suspects": site,  # they may be anywhere
    "rework.report": at,
    "schedule.publish": site,
    "schedule.publish_frozen": site,
    "machine.jobs.report": anywhere,  # machines say it through the commander, and nobody through the page
    "account.open": site,
    "account.invite": site,
    "account.grant": site,
    "account.withdraw": site,
    "account.close": site,
    "account.end": site,
    "account.set_up": anywhere,  # the first one has no account yet
    "account.password": anywhere,  # one's own
    "account.sign_in": anywhere,
    "account.sign_out": anywhere,
    "token.issue": anywhere,  # a token may never more than its account
    "token.revoke": site,
}


def within(book: Reading, name: str, wish: CommandData, asking: Asking, parts: Sequence[str]) -> None:
    """Return only if all that a command is about lies in these parts of the plant.

    Raises
    ------
    Refused
        With the place that does not, and the parts that the person reaches.
    """
    places = PLACES.get(name, site)(book, wish, asking)
    mine = ", ".join(parts) or "no part of the plant"
    definitions = asking.definitions
    if places is None:
        if not any(reaches(part, definitions.site) for part in parts):
            raise Refused("denied", f"reach of {name}", mine, f"a role for all of {definitions.site}")
        return
    for unit in places:
        if unit not in definitions.places:
            continue  # the decider says that nobody knows it
        place = definitions.places[unit]
        if not any(reaches(part, place) for part in parts):
            raise Refused("denied", f"reach of {name}", mine, f"a role that reaches {place}")
