"""A job list becomes a schedule, and comes into force through the same door as any other.

What a list does not name keeps its place. A job order that cannot be placed as the list wants is named with
its reason, and keeps no other one out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, Command, ImportedRow, PlannedJob
from taktwin.mes.desk import Desk
from taktwin.mes.dispatching.queries import open_jobs
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.queries import Plan, plan_of, schedule_in_force
from taktwin.standards.b2mml import JobIn, JobOut, NotRead
from taktwin.standards.job_control import State, SubState
from taktwin.standards.job_control import b2mml as b2mml_state
from taktwin.storage.stores import Store

REFUSED_MAX = 200  # of one list, by what only the whole schedule shows; the rest is refused with the last one
RACES_MAX = 5  # how often somebody else may publish in between


@dataclass(slots=True)
class _List:
    """What is left of a list, and what was said of the rest."""

    wanted: dict[str, PlannedJob | None] = field(default_factory=dict)  # None: it leaves the schedule
    verdicts: dict[str, ImportedRow] = field(default_factory=dict)

    def refuse(self, job: str, code: str, reason: str) -> None:
        self.wanted.pop(job, None)
        self.verdicts[job] = ImportedRow(request=job, accepted=False, code=code, reason=reason)


class JobLists:
    """Places job orders as another program says. Every method raises StoreError: send it again."""

    def __init__(self, desk: Desk, store: Store) -> None:
        self._desk = desk
        self._store = store

    def take(
        self, jobs: Sequence[JobIn | NotRead], *, delete: bool, key: str, cause: str, actor: str,
        actor_type: str,
    ) -> list[ImportedRow]:  # fmt: skip
        """Return what became of each job order of a list; with `delete` they leave the schedule."""
        rows: list[ImportedRow | str] = []
        asked = _List()
        known, version, plan = self._now()
        for each in jobs:
            if isinstance(each, NotRead):
                rows.append(_row(each))
            elif each.job.job in asked.wanted or each.job.job in asked.verdicts:
                reason = f"job order {each.job.job}: found twice; expected once"
                rows.append(ImportedRow(request=each.job.job, accepted=False, code="invalid", reason=reason))
            else:
                _look(asked, each, known.get(each.job.job), delete=delete)
                rows.append(each.job.job)

        def publish(version: int, plan: Plan) -> Answer:
            wish = commands.PublishSchedule(
                version=version, cause=cause[:500], jobs=_whole(plan, asked.wanted)
            )
            said = msgspec.json.encode([key, [[name, each] for name, each in sorted(asked.wanted.items())]])
            return self._desk.execute(Command(
                id=f"jobs:{hashlib.sha256(said).hexdigest()[:40]}", name=wish.command_name, actor=actor,
                actor_type=actor_type, data=msgspec.Raw(msgspec.json.encode(wish)),
            ))  # fmt: skip

        self._settle(asked, publish, version, plan)
        return [row if isinstance(row, ImportedRow) else asked.verdicts[row] for row in rows]

    def _now(self) -> tuple[dict[str, JobOrder], int, Plan]:
        with self._store.begin() as transaction:
            book = transaction.book
            row = schedule_in_force(book)
            return (
                {job.job: job for job in open_jobs(book)},
                0 if row is None else row.version,
                {} if row is None else plan_of(row.jobs),
            )

    def _settle(self, asked: _List, publish: Callable[[int, Plan], Answer], version: int, plan: Plan) -> None:
        """Publish what can be; what stands in the way of the rest is refused, one after another."""
        races = refused = 0
        while asked.wanted and _changes(plan, asked.wanted):
            answer = publish(version, plan)
            if answer.accepted:
                break
            reason = f"{answer.place}: found {answer.found}; expected {answer.right}"
            if answer.code == "conflict" and races < RACES_MAX:
                races += 1
                known, version, plan = self._now()
                for name in [name for name in asked.wanted if name not in known]:
                    asked.refuse(name, "unknown", f"job order: found {name!r}; expected one that is not over")
                continue
            at_fault = _named(asked.wanted, (answer.place, answer.found, answer.right))
            refused += 1
            for name in [at_fault] if at_fault and refused < REFUSED_MAX else list(asked.wanted):
                asked.refuse(name, answer.code, reason)


def _look(asked: _List, each: JobIn, job: JobOrder | None, *, delete: bool) -> None:
    """Note what a list wants of one job order, or why it cannot be."""
    said = each.job
    if job is None:
        asked.refuse(said.job, "unknown", f"job order: found {said.job!r}; expected one that is not over")
        return
    for name, found, right in (
        ("WorkMasterID", said.product, job.product),
        ("MaterialRequirement/Quantity", said.quantity or "", job.quantity),
        ("WorkMasterVersion", said.definition, job.definition),
    ):
        if found != "" and found != right:
            asked.refuse(said.job, "invalid", f"{name}: found {found}; expected {right or 'nothing'}")
            return
    remark = "; ".join(text for text in (each.remark, _differs(said, job)) if text)
    if delete:
        asked.wanted[said.job] = None
    elif said.begin_ns and not said.equipment:
        asked.refuse(said.job, "invalid",
                     "EquipmentRequirement/EquipmentID: found nothing; expected the work unit")  # fmt: skip
        return
    elif said.begin_ns:
        asked.wanted[said.job] = PlannedJob(job=said.job, work_unit=said.equipment, begin_ns=said.begin_ns,
                                            end_ns=said.end_ns)  # fmt: skip
    else:
        remark = "; ".join(text for text in (remark, "no times: its place in the schedule stays") if text)
    asked.verdicts[said.job] = ImportedRow(request=said.job, accepted=True, remark=remark)


def _differs(said: JobOut, job: JobOrder) -> str:
    """Name what a list says of a job order that is not the list's to say."""
    state = b2mml_state(State(job.state), SubState(job.sub_state))
    found = [
        f"{name} {of_list} (it is {ours})"
        for name, of_list, ours in (
            ("Priority", said.priority, job.priority),
            ("DispatchStatus", said.state, state),
            ("Description", said.name, job.name),
        )
        if of_list and of_list != ours
    ]
    return f"not used: {', '.join(found)}" if found else ""


def _whole(plan: Plan, wanted: Mapping[str, PlannedJob | None]) -> list[PlannedJob]:
    stay = [
        PlannedJob(job=name, work_unit=each.work_unit, begin_ns=each.begin_ns, end_ns=each.end_ns)
        for name, each in plan.items()
        if name not in wanted
    ]
    return [*stay, *(each for each in wanted.values() if each is not None)]


def _changes(plan: Plan, wanted: Mapping[str, PlannedJob | None]) -> bool:
    for name, each in wanted.items():
        was = plan.get(name)
        if each is None or was is None:
            if each is not None or was is not None:
                return True
        elif (was.work_unit, was.begin_ns, was.end_ns) != (each.work_unit, each.begin_ns, each.end_ns):
            return True
    return False


def _named(wanted: Mapping[str, PlannedJob | None], words: Sequence[str]) -> str:
    """Return the first job order of the list that a refusal names; "" = it names none."""
    for text in words:
        found = [
            (match.start(), name)
            for name in wanted
            if (match := re.search(rf"(?<!\S){re.escape(name)}(?=[\s,:;']|$)", text))
        ]
        if found:
            return min(found)[1]
    return ""


def _row(each: NotRead) -> ImportedRow:
    return ImportedRow(request=each.request, accepted=False, code="invalid",
                       reason=f"{each.place}: found {each.found}; expected {each.right}")  # fmt: skip
