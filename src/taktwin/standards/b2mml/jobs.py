"""JobList: job orders with where and when each is to run, in and out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taktwin.instants import rfc3339
from taktwin.standards.b2mml.message import (
    PRODUCED,
    B2mmlError,
    NotRead,
    Noun,
    Transaction,
    Unreadable,
    add,
    material,
    refused,
    start,
    written,
)

NOUN = "JobList"


@dataclass(frozen=True, slots=True)
class JobOut:
    """A job order as it is planned; times in nanoseconds since 1970 UTC, 0: in no schedule."""

    job: str
    name: str
    product: str
    quantity: int  # 0 = not said
    priority: int
    state: str  # B2MML's word, from job_control.b2mml; "" = not said
    equipment: str  # "" = not placed
    begin_ns: int
    end_ns: int
    version: int
    definition: str = ""  # version of its product's definition; "" = the plant's own


@dataclass(frozen=True, slots=True)
class JobIn:
    """One JobOrder that can be read."""

    job: JobOut
    remark: str = ""  # what of it was not used


def job_list(message: Transaction) -> tuple[JobIn | NotRead, ...]:
    """Return the job orders of a message, each by itself: a bad one keeps no good one out.

    Raises
    ------
    B2mmlError
        If it is another message, or has no job order.
    """
    if message.noun != NOUN or message.verb not in ("Process", "Sync", "Show", "Change"):
        raise B2mmlError("root element", repr(message.verb + message.noun), f"Process{NOUN} or Sync{NOUN}")
    found = [_read(each) for each in message.nouns("JobOrder")]
    if not found:
        raise B2mmlError("DataArea", "no JobOrder", f"{NOUN} with one or more")
    return tuple(found)


def _read(noun: Noun) -> JobIn | NotRead:
    try:
        return _job(noun)
    except Unreadable as wrong:
        return refused(noun, wrong)


def _job(noun: Noun) -> JobIn:
    name = noun.text("ID")
    if not name:
        raise Unreadable("ID", "''", "the job order's number")
    places = [
        each for need in noun.every("EquipmentRequirement") for each in need.texts("EquipmentID") if each
    ]
    if len(set(places)) > 1:
        raise Unreadable("EquipmentRequirement/EquipmentID", ", ".join(places), "one work unit")
    for need in noun.every("EquipmentRequirement"):
        if need.peek("ID") in places:
            need.text("ID")
    begin_ns = noun.instant("StartTime", "when it is to begin", needed=False)
    end_ns = noun.instant("EndTime", "when it is to end", needed=False)
    if bool(begin_ns) != bool(end_ns):
        raise Unreadable("StartTime" if end_ns else "EndTime", "nothing", "both times, or none")
    product, quantity = noun.text("WorkMasterID"), 0
    for each in noun.every("MaterialRequirement"):
        if each.peek("MaterialUse") == PRODUCED and each.peek("MaterialDefinitionID") == product:
            for path in ("ID", "MaterialDefinitionID", "MaterialUse", "Quantity/DataType"):
                each.text(path)
            quantity = each.whole("Quantity/QuantityString", "a whole number")
    if noun.peek("WorkType") in ("", "Production"):
        noun.text("WorkType")
    job = JobOut(
        job=name, name=noun.raw("Description"), product=product, quantity=quantity,
        priority=noun.whole("Priority", "a whole number; higher runs first", otherwise="0"),
        state=noun.text("DispatchStatus"), equipment=places[0] if places else "",
        begin_ns=begin_ns, end_ns=end_ns,
        version=noun.whole("Version", "a whole number", otherwise="0"),
        definition=noun.text("WorkMasterVersion"),
    )  # fmt: skip
    return JobIn(job, noun.remark())


def show_job_list(
    jobs: Iterable[JobOut], *, schedule: str, sender: str, at_ns: int, verb: str = "Show"
) -> bytes:
    """Return the job orders of a schedule, where and when each is to run; those in none have no times."""
    root, data = start(f"{verb}{NOUN}", sender=sender, at_ns=at_ns, bod=f"{sender}-{at_ns}", verb=verb)
    listed = add(data, NOUN)
    add(listed, "ID", schedule)
    add(listed, "PublishedDate", rfc3339(at_ns))
    add(listed, "WorkType", "Production")
    for each in jobs:
        job = add(listed, "JobOrder")
        add(job, "ID", each.job)
        add(job, "Description", each.name)
        add(job, "Version", str(each.version))
        if each.begin_ns:
            add(job, "StartTime", rfc3339(each.begin_ns))
            add(job, "EndTime", rfc3339(each.end_ns))
        add(job, "WorkType", "Production")
        add(job, "WorkMasterID", each.product)
        if each.definition:
            add(job, "WorkMasterVersion", each.definition)
        add(job, "Priority", str(each.priority))
        if each.state:
            add(job, "DispatchStatus", each.state)
        if each.equipment:
            equipment = add(job, "EquipmentRequirement")
            add(equipment, "ID", each.equipment)
            add(equipment, "EquipmentID", each.equipment)
        material(job, "MaterialRequirement", each.product, "", PRODUCED, each.quantity)
    return written(root)
