"""Maintenance orders, plans, spare parts: deciders of their commands, the only writers of their tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.maintenance.engine import standing
from taktwin.mes.maintenance.tables import MaintenanceOrder, Number, PlanState, Spare, SpareUse
from taktwin.mes.tooling.tables import ToolPlace
from taktwin.standards.job_control import BY_CAUSE, SUB_STATES, Cause, ReturnStatus, State, SubState
from taktwin.storage.book import Book, Reading

CORRECTIVE, PREVENTIVE, TOOL_CHANGE = "corrective", "preventive", "tool_change"
OPEN = (State.RUNNING, State.INTERRUPTED, State.ALLOWED_TO_START, State.NOT_ALLOWED_TO_START)
NUMBER = "maintenance"
TEXT_MAX = 500
SPARES_MAX = 1_000_000


# Deciders


def request(book: Reading, wish: commands.RequestMaintenance, asking: Asking) -> Iterator[Fact]:
    """Open an order for a repair or a tool change; what is open already is not opened twice."""
    if wish.work_unit not in asking.definitions.work_units:
        raise unknown("work unit", wish.work_unit)
    if wish.kind not in (CORRECTIVE, TOOL_CHANGE):
        raise _invalid("kind", repr(wish.kind), f"{CORRECTIVE} or {TOOL_CHANGE}; plans open the others")
    if wish.kind == TOOL_CHANGE:
        kinds = asking.definitions.tools_at.get(wish.work_unit, ())
        if wish.tool_kind not in kinds:
            right = f"one of {', '.join(kinds)}" if kinds else "a work unit that works with tools"
            raise _invalid(f"kind of tool of {wish.work_unit}", repr(wish.tool_kind), right)
        _same_tool(book, wish)
    elif not wish.about.strip():
        raise _invalid("what is wrong", "nothing", "a word or a sentence")
    elif wish.tool_kind or wish.tool:
        raise _invalid("kind of tool", repr(wish.tool_kind or wish.tool), "nothing: this is no tool change")
    _short("what is wrong", wish.about)
    if not -100 <= wish.priority <= 100:
        raise _invalid("priority", wish.priority, "a whole number from -100 to 100")
    if not 0 <= wish.due_ns < 1 << 62:
        raise _invalid("due", wish.due_ns, "an instant, or 0 for as soon as somebody can")
    about = wish.about.strip()
    for row in open_at(book, wish.work_unit):
        same = row.tool_kind == wish.tool_kind if wish.kind == TOOL_CHANGE else row.about == about
        if row.kind == wish.kind and same:
            raise Refused("state", f"{wish.kind} of {wish.work_unit}", f"{row.order} is open for it",
                          "something that is not asked for already", row=row)  # fmt: skip
    yield _opened(book, wish.kind, wish.work_unit, about, asking, tool_kind=wish.tool_kind,
                  priority=wish.priority, due_ns=wish.due_ns, stops=wish.kind == CORRECTIVE)  # fmt: skip


def _same_tool(book: Reading, wish: commands.RequestMaintenance) -> None:
    """Refuse where the tool that is to come out is not there: whoever asks saw another plant."""
    place = book.get(ToolPlace, f"{wish.work_unit}:{wish.tool_kind}")
    mounted = "" if place is None else place.tool
    if wish.tool and mounted != wish.tool:
        raise Refused("conflict", f"{wish.tool_kind} of {wish.work_unit}", mounted or "none is mounted",
                      f"{wish.tool}: it was changed meanwhile", row=place)  # fmt: skip


def assign(book: Reading, wish: commands.AssignMaintenance, asking: Asking) -> Iterator[Fact]:
    """Give an order to somebody, who may then start it."""
    row = _order(book, wish.order)
    _same_version(row, wish.version)
    if not wish.person.strip() or len(wish.person) > 80:
        raise _invalid("person", repr(wish.person), "1 to 80 characters")
    first = State(row.state) is State.NOT_ALLOWED_TO_START
    _may(row, Cause.START if first else Cause.UPDATE)
    assigned = events.MaintenanceOrderAssigned(
        order=row.order, work_unit=row.work_unit, person=wish.person.strip()
    )
    yield Fact(assigned, asking.now_ns)


def start(book: Reading, wish: commands.StartMaintenance, asking: Asking) -> Iterator[Fact]:
    """Begin work. What runs at the work unit is execution's business, which decides the command."""
    row = _order(book, wish.order)
    if row.kind == TOOL_CHANGE:
        raise Refused("state", f"order {row.order}", "a tool change", "tool.change: the new tool confirms it",
                      status=ReturnStatus.INVALID_COMMAND, row=row)  # fmt: skip
    yield from _begun(book, row, asking, stops=row.stops if wish.stops is None else wish.stops)


def complete(book: Reading, wish: commands.CompleteMaintenance, asking: Asking) -> Iterator[Fact]:
    """End work: what was found and done, and the spare parts that it took out of the store."""
    row = _order(book, wish.order)
    _may(row, Cause.FINISH)
    if not wish.done.strip():
        raise _invalid("what was done", "nothing", "a word or a sentence")
    _short("what was done", wish.done)
    _short("what was found", wish.found)
    for name, quantity in sorted(wish.spare_parts.items()):
        spare = _spare(book, name, asking)
        _quantity(quantity, least=1)
        _enough(spare, quantity)
        yield Fact(
            events.SpareConsumed(spare=name, quantity=quantity, order=row.order, work_unit=row.work_unit),
            asking.now_ns,
        )  # fmt: skip
    yield from ended(row, asking, found=wish.found.strip(), done=wish.done.strip())


def abort(book: Reading, wish: commands.AbortMaintenance, asking: Asking) -> Iterator[Fact]:
    """Give an order up, with the reason."""
    row = _order(book, wish.order)
    _same_version(row, wish.version)
    if not wish.cause.strip():
        raise _invalid("reason", "nothing", "why it is given up")
    _short("reason", wish.cause)
    _may(row, Cause.ABORT)
    yield Fact(
        events.MaintenanceOrderAborted(order=row.order, work_unit=row.work_unit, cause=wish.cause.strip()),
        asking.now_ns,
    )


def receive_spare(book: Reading, wish: commands.ReceiveSpare, asking: Asking) -> Iterator[Fact]:
    """Put spare parts into the store."""
    spare = _spare(book, wish.spare, asking)
    _quantity(wish.quantity, least=1)
    _quantity(spare.quantity + wish.quantity, least=1)
    yield Fact(events.SpareReceived(spare=wish.spare, quantity=wish.quantity), asking.now_ns)


def count_spare(book: Reading, wish: commands.CountSpare, asking: Asking) -> Iterator[Fact]:
    """Enter what was counted in the store."""
    _spare(book, wish.spare, asking)
    _quantity(wish.quantity, least=0)
    yield Fact(events.SpareCounted(spare=wish.spare, quantity=wish.quantity), asking.now_ns)


# What time and counts bring about: the desk asks after each count and each tick.


def due(book: Reading, asking: Asking, work_units: Collection[str] | None = None) -> Iterator[Fact]:
    """Yield the preventive orders that are due and not yet open, each exactly once.

    Parameters
    ----------
    work_units : only these, which have just counted; None: all, and plans that are new begin
    """
    for name, plan in asking.definitions.maintenance_plans.items():
        for work_unit in plan.equipment:
            if work_units is not None and work_unit not in work_units:
                continue
            row = book.get(PlanState, f"{name}:{work_unit}")
            if row is None:
                if work_units is None:
                    begun = events.MaintenancePlanBegun(plan=name, work_unit=work_unit)
                    yield Fact(begun, asking.now_ns)
                continue
            # The open order stands in the row that the interval is read from: it cannot come twice.
            if row.order:
                continue
            if standing(plan, parts=row.parts, since_ns=row.since_ns, now_ns=asking.now_ns).due:
                yield _opened(book, PREVENTIVE, work_unit, plan.name, asking, plan=name,
                              due_ns=asking.now_ns, stops=plan.stops)  # fmt: skip


# Steps that tool changes go through too.


def open_at(book: Reading, work_unit: str) -> list[MaintenanceOrder]:
    """Return the orders of a work unit that are not over."""
    return [
        row for state in OPEN for row in book.where(MaintenanceOrder, work_unit=work_unit, state=state.value)
    ]


def changed_tool(book: Reading, row: MaintenanceOrder, tool: str, asking: Asking) -> Iterator[Fact]:
    """Yield the end of a tool change order: the new tool is in."""
    yield from _begun(book, row, asking, stops=False)
    yield from ended(row, asking, found="", done=tool)


def ended(row: MaintenanceOrder, asking: Asking, *, found: str, done: str) -> Iterator[Fact]:
    """Yield the end of an order that runs."""
    completed = events.MaintenanceOrderCompleted(
        order=row.order, work_unit=row.work_unit, found=found, done=done
    )
    yield Fact(completed, asking.now_ns)


def _begun(book: Reading, row: MaintenanceOrder, asking: Asking, *, stops: bool) -> Iterator[Fact]:
    waits = State(row.state) is State.NOT_ALLOWED_TO_START
    another = State(row.state) is State.ALLOWED_TO_START and asking.person not in ("", row.person)
    if waits or another:  # whoever begins it has it
        yield Fact(
            events.MaintenanceOrderAssigned(order=row.order, work_unit=row.work_unit, person=asking.person),
            asking.now_ns,
        )
    _may(_order(book, row.order), Cause.BEGIN)
    started = events.MaintenanceOrderStarted(order=row.order, work_unit=row.work_unit, stops=stops)
    yield Fact(started, asking.now_ns)


def _opened(
    book: Reading, kind: str, work_unit: str, about: str, asking: Asking, *, stops: bool, plan: str = "",
    tool_kind: str = "", priority: int = 0, due_ns: int = 0,
) -> Fact:  # fmt: skip
    last = book.get(Number, NUMBER)
    number = 1 if last is None else last.last + 1
    return Fact(
        events.MaintenanceOrderOpened(
            order=f"M{number}", number=number, kind=kind, work_unit=work_unit, about=about, plan=plan,
            tool_kind=tool_kind, priority=priority, due_ns=due_ns, stops=stops, by=asking.person,
        ),
        asking.now_ns,
    )  # fmt: skip


def _may(row: MaintenanceOrder, wish: Cause) -> None:
    if (State(row.state), wish) not in BY_CAUSE:
        raise Refused("state", f"order {row.order}", f"{row.state} {row.sub_state}".strip(),
                      f"a state in which {wish.value} is possible", status=ReturnStatus.INVALID_STATE,
                      row=row)  # fmt: skip


def _order(book: Reading, name: str) -> MaintenanceOrder:
    row = book.get(MaintenanceOrder, name)
    if row is None:
        raise unknown("maintenance order", name, status=ReturnStatus.UNKNOWN_JOB_ORDER)
    return row


def _same_version(row: MaintenanceOrder, version: int) -> None:
    if version and row.version != version:
        raise Refused("conflict", f"order {row.order}", f"version {row.version}",
                      f"version {version}: somebody changed it meanwhile", row=row)  # fmt: skip


def _spare(book: Reading, name: str, asking: Asking) -> Spare:
    if name not in asking.definitions.spare_parts:
        raise unknown("spare part", name)
    return book.get(Spare, name) or Spare(spare=name, quantity=0, version=0)


def _enough(spare: Spare, quantity: int) -> None:
    if quantity > spare.quantity:
        raise Refused("not_ready", f"spare part {spare.spare}", f"{spare.quantity} in the store",
                      f"{quantity}; count the store if there are more")  # fmt: skip


def _quantity(quantity: int, *, least: int) -> None:
    if not least <= quantity <= SPARES_MAX:
        raise _invalid("quantity", quantity, f"a whole number from {least} to {SPARES_MAX:,}")


def _short(place: str, text: str) -> None:
    if len(text) > TEXT_MAX:
        raise _invalid(place, f"{len(text)} characters", f"at most {TEXT_MAX}")


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


# Projectors


def _plan_begun(book: Book, event: events.MaintenancePlanBegun, at_ns: int) -> None:
    _anew(book, event.plan, event.work_unit, at_ns)


def _anew(book: Book, plan: str, work_unit: str, at_ns: int) -> None:
    book.put(PlanState(due=f"{plan}:{work_unit}", plan=plan, work_unit=work_unit, since_ns=at_ns,
                       parts=0, order=""))  # fmt: skip


def worked(book: Book, work_unit: str, parts: int) -> None:
    """Add counted parts to the intervals of a work unit: the projection of `material.counted`."""
    for row in book.where(PlanState, work_unit=work_unit):
        book.put(msgspec.structs.replace(row, parts=row.parts + parts))


def _is_open(book: Book, event: events.MaintenanceOrderOpened, at_ns: int) -> None:
    book.put(Number(name=NUMBER, last=event.number))
    book.put(MaintenanceOrder(
        order=event.order, kind=event.kind, work_unit=event.work_unit, about=event.about, plan=event.plan,
        tool_kind=event.tool_kind, priority=event.priority, due_ns=event.due_ns, stops=event.stops,
        state=State.NOT_ALLOWED_TO_START, sub_state=SubState.WAITING, person="", opened_by=event.by,
        opened_ns=at_ns, started_ns=0, ended_ns=0, found="", done="", reason="", version=1,
    ))  # fmt: skip
    _opened_by_plan(book, event)


def _opened_by_plan(book: Book, event: events.MaintenanceOrderOpened) -> None:
    plan = book.get(PlanState, f"{event.plan}:{event.work_unit}") if event.plan else None
    if plan is not None:
        book.put(msgspec.structs.replace(plan, order=event.order))


def _changes(book: Book, name: str, **changes: object) -> MaintenanceOrder:
    row = book.get(MaintenanceOrder, name)
    assert row is not None, "decided on an order that is there"
    changed = msgspec.structs.replace(row, version=row.version + 1, **changes)
    assert SubState(changed.sub_state) in SUB_STATES[State(changed.state)], "a sub-state of its state"
    book.put(changed)
    return changed


def _assigned(book: Book, event: events.MaintenanceOrderAssigned, at_ns: int) -> None:
    _changes(book, event.order, state=State.ALLOWED_TO_START.value, sub_state=SubState.READY.value,
             person=event.person)  # fmt: skip


def _started(book: Book, event: events.MaintenanceOrderStarted, at_ns: int) -> None:
    _changes(book, event.order, state=State.RUNNING.value, sub_state="", started_ns=at_ns, stops=event.stops)


def _completed(book: Book, event: events.MaintenanceOrderCompleted, at_ns: int) -> None:
    row = _changes(book, event.order, state=State.ENDED.value, sub_state=SubState.COMPLETED.value,
                   ended_ns=at_ns, found=event.found, done=event.done)  # fmt: skip
    if row.plan:
        _anew(book, row.plan, row.work_unit, at_ns)


def _aborted(book: Book, event: events.MaintenanceOrderAborted, at_ns: int) -> None:
    row = _changes(book, event.order, state=State.ABORTED.value, sub_state="", ended_ns=at_ns,
                   reason=event.cause)  # fmt: skip
    if row.plan:
        _anew(book, row.plan, row.work_unit, at_ns)


def _stock(book: Book, spare: str, quantity: int) -> None:
    row = book.get(Spare, spare)
    book.put(Spare(spare=spare, quantity=quantity, version=1 if row is None else row.version + 1))


def _in_store(book: Book, spare: str) -> int:
    row = book.get(Spare, spare)
    return 0 if row is None else row.quantity


def _received(book: Book, event: events.SpareReceived, at_ns: int) -> None:
    _stock(book, event.spare, _in_store(book, event.spare) + event.quantity)


def _spare_counted(book: Book, event: events.SpareCounted, at_ns: int) -> None:
    _stock(book, event.spare, event.quantity)


def _consumed(book: Book, event: events.SpareConsumed, at_ns: int) -> None:
    _stock(book, event.spare, _in_store(book, event.spare) - event.quantity)
    book.put(SpareUse(use=f"{event.order}:{event.spare}", order=event.order, spare=event.spare,
                      quantity=event.quantity))  # fmt: skip


RULES = Rules(
    deciders={
        commands.RequestMaintenance.command_name: request,
        commands.AssignMaintenance.command_name: assign,
        commands.CompleteMaintenance.command_name: complete,
        commands.AbortMaintenance.command_name: abort,
        commands.ReceiveSpare.command_name: receive_spare,
        commands.CountSpare.command_name: count_spare,
    },
    projectors={
        events.MaintenancePlanBegun: _plan_begun,
        events.MaintenanceOrderOpened: _is_open,
        events.MaintenanceOrderAssigned: _assigned,
        events.MaintenanceOrderStarted: _started,
        events.MaintenanceOrderCompleted: _completed,
        events.MaintenanceOrderAborted: _aborted,
        events.SpareReceived: _received,
        events.SpareCounted: _spare_counted,
        events.SpareConsumed: _consumed,
    },
)
