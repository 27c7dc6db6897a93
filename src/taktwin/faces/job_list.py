"""The list of job orders that one machine keeps: what the receiver's methods do to it. No wire, no loop.

Comes in: calls of methods, and what the machine itself knows (begin, interrupt, finish, parts). Goes
out: return statuses, and each change to whoever listens. All decisions are those of
`standards.job_control`, the same as in the MES.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from taktwin.identity import EquipmentId
from taktwin.plant.registry import Registry
from taktwin.standards.job_control import (
    STORING,
    Cause,
    Method,
    ReturnStatus,
    State,
    SubState,
    decide,
)

JOBS_MAX = 16
ID_LENGTH_MAX = 200
WITH_ORDER = frozenset({Method.STORE, Method.STORE_AND_START, Method.UPDATE})


@dataclass(frozen=True, slots=True)
class Order:
    """What a job order says, as far as a machine needs it."""

    job: str
    product: str = ""  # "": it does not say
    quantity: int = 0  # 0: it does not say, and somebody has to stop it
    original: Any = None  # as it came


@dataclass(frozen=True, slots=True)
class Job:
    """A job order of the list, with its state."""

    order: Order
    state: State
    sub_state: SubState
    transition: int = 0  # number of the last one; 0: stored
    good: int = 0
    scrap: int = 0
    started_ns: int = 0  # 0: not yet
    ended_ns: int = 0


Listener = Callable[[Job | None, Job | None], None]  # before (None: stored), after (None: removed)
Heard = Callable[[Method, str, ReturnStatus], None]  # each call that a client made, and its answer


class JobList:
    """The job orders of one machine.

    Parameters
    ----------
    takes : says why the machine cannot do an order; "" if it can
    methods : what this machine offers; all others are answered InvalidCommand
    """

    def __init__(
        self,
        name: str,
        now_ns: Callable[[], int],
        *,
        takes: Callable[[Order], str] = lambda order: "",
        methods: frozenset[Method] = frozenset(Method),
        jobs_max: int = JOBS_MAX,
    ) -> None:
        self.name = name
        self.jobs_max = jobs_max
        self.jobs: dict[str, Job] = {}  # in the order in which they came
        self.listeners: list[Listener] = []
        self.on_called: Heard = lambda method, job, status: None
        self._untold: deque[tuple[Job | None, Job | None]] = deque()
        self._now_ns = now_ns
        self._takes = takes
        self._methods = methods

    @property
    def running(self) -> Job | None:
        """Return the job that runs or is interrupted: a machine has one in its hand."""
        return next((j for j in self.jobs.values() if j.state in (State.RUNNING, State.INTERRUPTED)), None)

    @property
    def next(self) -> Job | None:
        """Return the first job that is allowed to start."""
        return next((j for j in self.jobs.values() if j.state is State.ALLOWED_TO_START), None)

    def call(self, method: Method, job: str, order: Order | None = None) -> ReturnStatus:
        """Do what a method wants, and return its status. `order` comes with Store, StoreAndStart, Update."""
        status = self._called(method, job, order)
        self.on_called(method, job, status)
        return status

    def _called(self, method: Method, job: str, order: Order | None) -> ReturnStatus:
        if method not in self._methods:
            return ReturnStatus.INVALID_COMMAND
        if not job.strip() or len(job) > ID_LENGTH_MAX or (method in WITH_ORDER) != (order is not None):
            return ReturnStatus.INVALID_REQUEST
        if order is not None and (order.job != job or order.quantity < 0):
            return ReturnStatus.INVALID_REQUEST
        before = self.jobs.get(job)
        step = decide(
            None if before is None else before.state, SubState.NONE if before is None else before.sub_state,
            method, placed=True,
        )  # fmt: skip
        if not step.accepted:
            return step.status
        if order is not None and self._takes(order):
            return ReturnStatus.UNABLE_TO_ACCEPT
        if before is None:
            assert method in STORING and order is not None and step.state is not None, "what else makes one"
            if len(self.jobs) >= self.jobs_max:
                return ReturnStatus.UNABLE_TO_ACCEPT
            self._put(None, Job(order, step.state, step.sub_state))
        elif step.state is None:
            del self.jobs[job]
            self._tell(before, None)
        else:
            self._change(before, step.state, step.sub_state, step.number, order)
        return ReturnStatus.NO_ERROR

    def happens(self, job: str, cause: Cause) -> ReturnStatus:
        """Write down what the machine itself did: it begins, interrupts or finishes a job."""
        before = self.jobs.get(job)
        if before is None:
            return ReturnStatus.UNKNOWN_JOB_ORDER
        other = self.running
        if cause is Cause.BEGIN and other is not None:
            return ReturnStatus.UNABLE_TO_ACCEPT
        step = decide(before.state, before.sub_state, cause, placed=True)
        if step.accepted:
            assert step.state is not None, "an inner cause removes nothing"
            self._change(before, step.state, step.sub_state, step.number, None)
        return step.status

    def count(self, *, good: int = 0, scrap: int = 0) -> None:
        """Count parts for the job in the machine's hand; the last good one finishes it."""
        job = self.running
        if job is None:
            return
        made = dataclasses.replace(job, good=job.good + good, scrap=job.scrap + scrap)
        self.jobs[job.order.job] = made
        if made.state is State.RUNNING and 0 < made.order.quantity <= made.good:
            self.happens(made.order.job, Cause.FINISH)

    def _change(self, before: Job, state: State, sub: SubState, number: int, order: Order | None) -> None:
        over = state in (State.ENDED, State.ABORTED)
        started = state is State.RUNNING and not before.started_ns
        self._put(before, dataclasses.replace(
            before, state=state, sub_state=sub, transition=number, order=order or before.order,
            started_ns=self._now_ns() if started else before.started_ns,
            ended_ns=self._now_ns() if over else before.ended_ns,
        ))  # fmt: skip

    def _put(self, before: Job | None, after: Job) -> None:
        self.jobs[after.order.job] = after
        self._tell(before, after)

    def _tell(self, before: Job | None, after: Job | None) -> None:
        self._untold.append((before, after))
        if len(self._untold) > 1:
            return  # a listener made this change; everybody hears it after the one that is being told
        while self._untold:
            for listener in self.listeners:
                listener(*self._untold[0])
            self._untold.popleft()


def lists(registry: Registry, now_ns: Callable[[], int]) -> dict[str, JobList]:
    """Return an empty list of job orders for each cell whose plant model names a receiver."""
    return {
        str(name): JobList(str(name), now_ns, takes=_takes(registry, name))
        for name, equipment in sorted(registry.equipment.items())
        if equipment.job_control
    }


def _takes(registry: Registry, name: EquipmentId) -> Callable[[Order], str]:
    """Return what says why a cell cannot make a product: it is on none of its product's operations."""
    equipment = registry.equipment[name]

    def takes(order: Order) -> str:
        product = registry.products.get(order.product)
        routing = None if product is None else registry.routings.get(product.routing)
        if routing is None:
            return f"{order.product or 'nothing'} is not made here"
        for operation in routing.operations:
            if str(name) in operation.equipment or (
                not operation.equipment and operation.equipment_class == equipment.class_id
            ):
                return ""
        return f"{order.product} has no operation at {name}"

    return takes
