"""What people did by hand and saw: answers to checklists, photos."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

from taktwin.contracts import commands, events
from taktwin.mes.checklists.engine import Answered, NoPhotoError, cleaned, verdict
from taktwin.mes.collection.tables import Counter
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.execution.actions import finish, under_way
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.quality.tables import Nonconformance
from taktwin.mes.tracking.tables import Unit
from taktwin.plant.schema import ChecklistItem
from taktwin.standards.job_control import ReturnStatus, State
from taktwin.storage.book import Reading

TEXT_MAX = 1000
SAID = {"step": "that it was done", "yes_no": "yes or no", "number": "a number", "text": "some words"}


def answer_checklist(book: Reading, wish: commands.AnswerChecklist, asking: Asking) -> Iterator[Fact]:
    """Note what a person answered; the last answer that a job order waited for ends it if all is made."""
    job, item = _asked(book, wish.job, wish.checklist, wish.item, asking)
    _fits(item, wish)
    yield _answer(job, wish.checklist, wish.item, item, asking,
                  Answered(wish.done, wish.value, wish.text.strip()))  # fmt: skip
    yield from _over(book, job, asking)


def attach_photo(book: Reading, wish: commands.AttachPhoto, asking: Asking) -> Iterator[Fact]:
    """Keep a photo of something that is there; one that a checklist asks for is its answer too."""
    job, work_unit, item = _of(book, wish, asking)
    if len(wish.caption) > TEXT_MAX:
        raise _invalid("caption", f"{len(wish.caption)} letters", f"{TEXT_MAX} letters at most")
    try:
        suffix, content = cleaned(wish.content)
    except NoPhotoError as wrong:
        raise _invalid("photo", wrong.found, wrong.right) from wrong
    name = f"{hashlib.sha256(content).hexdigest()}{suffix}"
    # The file before the fact that names it; kept without it it does no harm.
    asking.definitions.documents.files.keep(name, content)
    yield Fact(
        events.PhotoAttached(
            photo=asking.command, file=name, record_kind=wish.kind, record=wish.record,
            job="" if job is None else job.job, work_unit=work_unit, caption=wish.caption.strip(),
            person=asking.person, checklist=wish.checklist, item=wish.item,
        ),
        asking.now_ns,
    )  # fmt: skip
    if item is not None:
        assert job is not None, "items belong to job orders"
        yield _answer(job, wish.checklist, wish.item, item, asking, Answered(True, None, name))
        yield from _over(book, job, asking)


def _of(
    book: Reading, wish: commands.AttachPhoto, asking: Asking
) -> tuple[JobOrder | None, str, ChecklistItem | None]:
    if wish.checklist or wish.item:
        if wish.kind != "job":
            raise _invalid("kind", repr(wish.kind), "job, where a checklist asks for the photo")
        asked, item = _asked(book, wish.record, wish.checklist, wish.item, asking)
        if item.kind != "photo":
            raise _invalid(f"item {wish.item}", "a photo", SAID[item.kind])
        return asked, asked.work_unit, item
    if wish.kind == "job":
        job = _job(book, wish.record)
        return job, job.work_unit, None
    if wish.kind == "unit":
        if book.get(Unit, wish.record) is None:
            raise unknown("unit", wish.record)
        return None, "", None
    if wish.kind == "nonconformance":
        row = book.get(Nonconformance, wish.record)
        if row is None:
            raise unknown("nonconformance", wish.record)
        return book.get(JobOrder, row.job), row.work_unit, None
    raise _invalid("kind", repr(wish.kind), "unit, job or nonconformance")


def _asked(
    book: Reading, name: str, checklist: str, item: str, asking: Asking
) -> tuple[JobOrder, ChecklistItem]:
    job = _job(book, name)
    if not under_way(job, asking) and State(job.state) is not State.ENDED:
        raise Refused("state", f"job order {job.job}", job.state, "one that has begun",
                      status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    if asking.late and job.started_ns > asking.now_ns:
        raise Refused("state", f"job order {job.job}", "not begun then", "one that had begun",
                      status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    lists = asking.definitions.checklists
    found = lists.get(checklist)
    if found is None or found.operation != job.name or (found.products and job.product not in found.products):
        own = sorted(name for name, each in lists.items() if each.operation == job.name) or ["none"]
        raise _invalid("checklist", repr(checklist), f"one of operation {job.name}: {', '.join(own)}")
    if item not in found.items:
        raise _invalid("item", repr(item), f"one of {', '.join(found.items)}")
    return job, found.items[item]


def _job(book: Reading, name: str) -> JobOrder:
    job = book.get(JobOrder, name)
    if job is None:
        raise unknown("job order", name, status=ReturnStatus.UNKNOWN_JOB_ORDER)
    return job


def _fits(item: ChecklistItem, wish: commands.AnswerChecklist) -> None:
    """Return only if what was said is of the kind that was asked for."""
    if item.kind == "photo":
        raise _invalid(f"item {wish.item}", "an answer without one", "a photo (photo.attach)")
    given = {
        "step": wish.done is True, "yes_no": wish.done is not None, "number": wish.value is not None,
        "text": bool(wish.text.strip()),
    }  # fmt: skip
    others = (wish.done is not None, wish.value is not None, bool(wish.text.strip()))
    if not given[item.kind] or sum(others) != 1:
        raise _invalid(f"item {wish.item}", "something else, or nothing", SAID[item.kind])
    if len(wish.text) > TEXT_MAX:
        raise _invalid(f"item {wish.item}", f"{len(wish.text)} letters", f"{TEXT_MAX} letters at most")
    if wish.value is not None:
        if not math.isfinite(wish.value) or abs(wish.value) > 1e12:
            raise _invalid(f"item {wish.item}", f"{wish.value:.7g}", "a number that somebody can have read")
        if wish.unit_of_measure != item.unit:
            raise _invalid(f"unit of item {wish.item}", repr(wish.unit_of_measure), repr(item.unit))


def _answer(
    job: JobOrder, checklist: str, name: str, item: ChecklistItem, asking: Asking, answered: Answered
) -> Fact:
    return Fact(
        events.ChecklistAnswered(
            answer=asking.command, checklist=checklist, item=name, question=item.text, job=job.job,
            operation=job.operation, work_unit=job.work_unit, person=asking.person,
            verdict=verdict(item, answered), done=answered.done, value=answered.value, text=answered.text,
            unit_of_measure=item.unit, lower=item.lower, upper=item.upper,
        ),
        asking.now_ns,
    )  # fmt: skip


def _over(book: Reading, job: JobOrder, asking: Asking) -> Iterator[Fact]:
    """End a job order that has its parts and waited for this answer; not before its last part was made."""
    at_ns = asking.now_ns
    if asking.late:
        counters = book.where(Counter, work_unit=job.work_unit)
        at_ns = max([at_ns, *(row.source_ns for row in counters)])
    yield from finish(book, job.job, Asking(asking.definitions, at_ns, asking.command))


def _invalid(place: str, found: str, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


RULES = Rules(
    deciders={
        commands.AnswerChecklist.command_name: answer_checklist,
        commands.AttachPhoto.command_name: attach_photo,
    }
)
