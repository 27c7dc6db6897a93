"""What an MES would write down of a plant: orders, job orders, counts, units, lots, people, stops.

In comes what people do and what machines count; out goes the same event as that the desk of the MES
writes, with the same times, in the same order. It decides nothing and refuses nothing: whoever calls it
does only what the desk would have taken. A test runs both side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taktwin.contracts import events
from taktwin.contracts.events.envelope import EventData
from taktwin.plant.registry import Registry
from taktwin.standards.job_control import State, SubState
from taktwin.virtual_plant.flow import Task
from taktwin.virtual_plant.written.ledger import Ledger
from taktwin.virtual_plant.written.routes import Operation, Route

COLLECTION = "collection"
ERP = "erp"
COUNTERS = {"good": "good_count", "reject": "reject_count"}


@dataclass(slots=True, eq=False)
class JobOrder:
    """One operation of an order."""

    job: str
    request: Request
    place: int  # along the route, from 0
    operation: Operation
    work_unit: str = ""
    state: State = State.NOT_ALLOWED_TO_START
    good: int = 0
    scrap: int = 0
    unheard: int = 0  # rejects of a machine that has no counter for them: nobody tells the MES
    task: Task = field(init=False)  # what the cell is told of it

    def __post_init__(self) -> None:
        self.task = Task(self.job, self.request.request, self.request.product)


@dataclass(slots=True, eq=False)
class Request:
    """An order."""

    request: str
    number: int
    product: str
    quantity: int
    due_ns: int
    priority: int
    jobs: list[JobOrder] = field(default_factory=list)
    open: int = 0


class Written:
    """The MES as far as a past needs it."""

    def __init__(self, registry: Registry, routes: Mapping[str, Route], ledger: Ledger) -> None:
        self._routes = routes
        self._ledger = ledger
        roles: dict[str, set[str]] = {}
        self.counters: dict[tuple[str, str], str] = {}
        for signal in registry.signals:
            roles.setdefault(str(signal.equipment), set()).add(signal.role)
            for kind, role in COUNTERS.items():
                if signal.role == role:
                    self.counters[str(signal.equipment), kind] = str(signal.id)
        self._naming = frozenset(unit for unit, of_it in roles.items() if "serial" in of_it)
        self._known: set[str] = set()
        self._stays: dict[str, tuple[str, str]] = {}  # person -> (stay, work unit)
        self._number = 0
        self.open: dict[str, Request] = {}
        self.running: dict[str, JobOrder] = {}  # work unit -> what runs there
        self.allowed: dict[str, dict[str, JobOrder]] = {}  # work unit -> order -> what may run there

    def _say(
        self, content: EventData, at_ns: int, actor: str, correlation: str = "", noted_ns: int = 0
    ) -> None:
        self._ledger.write(
            content, at_ns, recorded_ns=noted_ns or at_ns, actor=actor, correlation=correlation
        )

    def _wish(self) -> str:
        """Return the name of what somebody wants, as the id of a command would be."""
        self._number += 1
        return f"w{self._number}"

    # Orders.

    def drop(self, request: Request, customer: str, at_ns: int) -> None:
        """Take an order in: one job order for each operation of its product's route."""
        wish = self._wish()
        self._say(
            events.OperationsRequestReceived(
                request=request.request, product=request.product, quantity=request.quantity,
                due_ns=request.due_ns, priority=request.priority, customer=customer,
            ),
            at_ns, ERP, wish,
        )  # fmt: skip
        for place, step in enumerate(self._routes[request.product].operations):
            job = JobOrder(f"{request.request}-{step.number}", request, place, step)
            request.jobs.append(job)
            self._say(
                events.JobOrderStored(
                    job=job.job, request=request.request, operation=step.number, name=step.name,
                    product=request.product, equipment_class=step.equipment_class, quantity=request.quantity,
                    due_ns=request.due_ns, priority=request.priority, last_operation=step.last,
                ),
                at_ns, ERP, wish,
            )  # fmt: skip
        request.open = len(request.jobs)
        self.open[request.request] = request

    def dispatch(self, job: JobOrder, work_unit: str, person: str, at_ns: int) -> None:
        """Give a job order its work unit, and permit it to start."""
        wish = self._wish()
        job.work_unit, job.state = work_unit, State.ALLOWED_TO_START
        request = job.request
        self._say(
            events.JobOrderUpdated(
                job=job.job, work_unit=work_unit, due_ns=request.due_ns, priority=request.priority
            ),
            at_ns, person, wish,
        )  # fmt: skip
        self._say(events.JobOrderAllowed(job=job.job, work_unit=work_unit), at_ns, person, wish)
        self.allowed.setdefault(work_unit, {})[request.request] = job

    def begin(self, job: JobOrder, person: str, at_ns: int) -> None:
        """Begin execution, or go on with what was interrupted."""
        kind = events.JobOrderResumed if job.state is State.INTERRUPTED else events.JobOrderStarted
        self._say(kind(job=job.job, work_unit=job.work_unit), at_ns, person, self._wish())
        job.state = State.RUNNING
        self.running[job.work_unit] = job
        del self.allowed[job.work_unit][job.request.request]

    def pause(self, job: JobOrder, person: str, at_ns: int) -> None:
        """Interrupt execution."""
        paused = events.JobOrderPaused(
            job=job.job, work_unit=job.work_unit, sub_state=SubState.SUSPENDED.value
        )
        self._say(paused, at_ns, person, self._wish())
        job.state = State.INTERRUPTED
        del self.running[job.work_unit]
        self.allowed[job.work_unit][job.request.request] = job

    def stop(self, job: JobOrder, person: str, at_ns: int) -> None:
        """End execution before all its parts were made."""
        self._end(job, SubState.CLOSED, at_ns, person, self._wish())

    def _end(self, job: JobOrder, how: SubState, at_ns: int, actor: str, correlation: str) -> None:
        ended = events.JobOrderEnded(
            job=job.job, work_unit=job.work_unit, sub_state=how.value, good=job.good, scrap=job.scrap
        )
        self._say(ended, at_ns, actor, correlation)
        if job.state is State.RUNNING:
            del self.running[job.work_unit]
        else:
            del self.allowed[job.work_unit][job.request.request]
        job.state = State.ENDED
        request = job.request
        request.open -= 1
        if not request.open:
            done = events.OperationsRequestCompleted(request=request.request)
            self._say(done, at_ns, actor, correlation)
            del self.open[request.request]

    # What machines say.

    def first_heard(self, at_ns: int) -> None:
        """Note where counters stood when they were heard first."""
        for (unit, _), signal in sorted(self.counters.items(), key=lambda each: each[1]):
            self._say(
                events.CounterRestarted(work_unit=unit, signal=signal, counter=0), at_ns, COLLECTION
            )  # fmt: skip

    def counted(
        self, job: JobOrder, *, good: bool, quantity: int, counter: int, at_ns: int, serial: str = "",
        used: tuple[tuple[str, str, float], ...] = (),
    ) -> None:  # fmt: skip
        """Take a count of a machine in, and all that follows for the unit, the job order and the order."""
        unit, kind = job.work_unit, "good" if good else "reject"
        if (unit, kind) not in self.counters:
            job.unheard += quantity
            return
        said = serial if unit in self._naming else ""
        self._say(
            events.MaterialCounted(
                work_unit=unit, signal=self.counters[unit, kind], kind=kind, quantity=quantity,
                counter=counter, job=job.job, unit=said,
            ),
            at_ns, COLLECTION,
        )  # fmt: skip
        job.good += quantity if good else 0
        job.scrap += 0 if good else quantity
        if said:
            self._passed(job, said, used, good, at_ns)
        if good and job.good >= job.request.quantity:
            self._end(job, SubState.COMPLETED, at_ns, COLLECTION, "")

    def _passed(
        self, job: JobOrder, serial: str, used: tuple[tuple[str, str, float], ...], good: bool, at_ns: int
    ) -> None:
        unit, number = job.work_unit, job.operation.number
        if serial not in self._known:
            self._known.add(serial)
            created = events.UnitCreated(
                unit=serial, product=job.request.product, request=job.request.request, job=job.job,
                work_unit=unit,
            )  # fmt: skip
            self._say(created, at_ns, COLLECTION)
        for component, source, quantity in used:
            self._say(
                events.UnitConsumed(
                    unit=serial, component=component, lot=source, quantity=quantity, job=job.job,
                    operation=number, work_unit=unit,
                ),
                at_ns, COLLECTION,
            )  # fmt: skip
        moved = events.UnitMoved(unit=serial, job=job.job, operation=number, work_unit=unit, good=good)
        self._say(moved, at_ns, COLLECTION)
        if not good:
            self._known.discard(serial)
            self._say(events.UnitScrapped(unit=serial, cause=f"rejected by {unit}"), at_ns, COLLECTION)
        elif job.operation.last:
            self._known.discard(serial)
            self._say(events.UnitFinished(unit=serial, work_unit=unit), at_ns, COLLECTION)

    # What people say.

    def scrapped(self, job: JobOrder, serial: str, cause: str, person: str, at_ns: int) -> None:
        """Book scrap that no machine counted."""
        wish = self._wish()
        job.scrap += 1
        scrap = events.MaterialScrapped(report=wish, job=job.job, quantity=1, cause=cause, unit=serial)
        self._say(scrap, at_ns, person, wish)
        self._known.discard(serial)
        self._say(events.UnitScrapped(unit=serial, cause=cause), at_ns, person, wish)

    def log_on(self, person: str, work_unit: str, at_ns: int) -> None:
        """Log a person on; wherever they were before ends with it."""
        before = self._stays.get(person)
        if before is not None and before[1] == work_unit:
            return
        wish = self._wish()
        if before is not None:
            self._log_off(person, before, at_ns, wish)
        self._stays[person] = (wish, work_unit)
        on = events.LabourLoggedOn(stay=wish, person=person, work_unit=work_unit, proof="badge")
        self._say(on, at_ns, person, wish)

    def log_off(self, person: str, at_ns: int) -> None:
        """End a person's stay."""
        before = self._stays.pop(person, None)
        if before is not None:
            self._log_off(person, before, at_ns, self._wish())

    def _log_off(self, person: str, stay: tuple[str, str], at_ns: int, wish: str) -> None:
        off = events.LabourLoggedOff(stay=stay[0], person=person, work_unit=stay[1])
        self._say(off, at_ns, person, wish)

    @property
    def people(self) -> tuple[str, ...]:
        """Return who is logged on."""
        return tuple(sorted(self._stays))

    def receive(self, lot: str, product: str, quantity: float, person: str, at_ns: int) -> None:
        """Take a lot into stock."""
        self._say(
            events.LotReceived(lot=lot, product=product, quantity=quantity), at_ns, person, self._wish()
        )

    def load(self, lot: str, product: str, work_unit: str, quantity: float, person: str, at_ns: int) -> None:
        """Put a lot at a work unit: all that is there of it comes along."""
        wish = self._wish()
        loaded = events.LotLoaded(lot=lot, product=product, work_unit=work_unit)
        self._say(loaded, at_ns, person, wish)
        moved = events.LotMoved(lot=lot, product=product, source="", target=work_unit, quantity=quantity)
        self._say(moved, at_ns, person, wish)

    # Stops.

    def stands(
        self, stop: str, work_unit: str, from_ns: int, to_ns: int, time_class: str, code: str, noted_ns: int
    ) -> None:
        """Note that a machine stands for longer than its threshold; `to_ns` 0: it still does."""
        begun = events.StopBegun(
            stop=stop, work_unit=work_unit, from_ns=from_ns, to_ns=to_ns, time_class=time_class, code=code
        )
        self._say(begun, from_ns, COLLECTION, noted_ns=noted_ns)

    def stands_no_longer(self, stop: str, work_unit: str, to_ns: int, noted_ns: int) -> None:
        """Note the end of a stop that was noted before it ended."""
        ended = events.StopEnded(stop=stop, work_unit=work_unit, to_ns=to_ns)
        self._say(ended, to_ns, COLLECTION, noted_ns=noted_ns)

    def recode(self, stop: str, work_unit: str, reason: str, person: str, at_ns: int) -> None:
        """Give a stop its reason."""
        told = events.StopRecoded(stop=stop, work_unit=work_unit, before="", reason=reason, person=person)
        self._say(told, at_ns, person, self._wish())
