"""A job order receiver on an OPC UA server (OPC 10031-4, ISA-95 Job Control V2): what a machine offers.

Each machine that takes job orders gets an object `JobOrderControl` (ISA95JobOrderReceiverObjectType)
with its list and its eleven methods, and an object `JobOrderResults` (ISA95JobResponseProviderObjectType)
that answers what became of them and says each change as an event. What a call does is decided by the
machine's `JobList`; here it is only said in the specification's words. The types are made from our own
table, so that no file of the specification is needed to run.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from asyncua import Node, Server, ua
from asyncua.common.events import get_event_obj_from_type_node
from asyncua.common.manage_nodes import create_encoding

from taktwin.faces.job_list import WITH_ORDER, Job, JobList, Listener, Order
from taktwin.faces.job_structures import (
    NAMESPACE,
    STRUCTURES,
    ISA95JobOrderAndStateDataType,
    ISA95JobOrderDataType,
    ISA95JobResponseDataType,
    ISA95MaterialDataType,
    ISA95ParameterDataType,
    ISA95StateDataType,
    ISA95WorkMasterDataType,
    NotThat,
    Structure,
    definition,
    packed,
    unpacked,
)
from taktwin.standards.job_control import SUB_STATES, Method, ReturnStatus, State, SubState

CONTROL, RESULTS = "JobOrderControl", "JobOrderResults"
RECEIVER_TYPE, PROVIDER_TYPE, EVENT_TYPE = 1002, 1003, 1006
BY_ID, BY_STATE = "RequestJobResponseByJobOrderID", "RequestJobResponseByJobOrderState"
PRODUCED = ("Material Produced", "Produced")
METHOD_IDS = {
    Method.STORE: 7001, Method.STORE_AND_START: 7004, Method.START: 7005, Method.STOP: 7006,
    Method.PAUSE: 7007, Method.RESUME: 7008, Method.UPDATE: 7009, Method.ABORT: 7010,
    Method.CANCEL: 7011, Method.CLEAR: 7012, Method.REVOKE_START: 7013,
}  # fmt: skip
STATE_IDS = {state: 5034 + state.number for state in State}
SUB_MACHINES = {
    State.NOT_ALLOWED_TO_START: "NotAllowedToStartSubstates",
    State.ALLOWED_TO_START: "AllowedToStartSubstates",
    State.INTERRUPTED: "InterruptedSubstates",
    State.ENDED: "EndedSubstates",
}
MALFORMED = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadInvalidArgument))
TOO_FEW = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadArgumentsMissing))
Answer = list[ua.Variant] | ua.StatusCode


def states_of(state: State, sub_state: SubState, namespace: int) -> list[ISA95StateDataType]:
    """Return a state as the specification says it: the state itself, then the state within it."""
    made = [ISA95StateDataType(StateText=ua.LocalizedText(state.value), StateNumber=ua.UInt32(state.number))]
    if sub_state is not SubState.NONE:
        element = ua.RelativePathElement()
        element.ReferenceTypeId = ua.NodeId(ua.Int32(ua.ObjectIds.HierarchicalReferences))
        element.IncludeSubtypes = True  # type: ignore[assignment]
        element.TargetName = ua.QualifiedName(SUB_MACHINES[state], namespace)
        made.append(
            ISA95StateDataType(
                BrowsePath=ua.RelativePath(Elements=[element]),
                StateText=ua.LocalizedText(sub_state.value),
                StateNumber=ua.UInt32(SUB_STATES[state].index(sub_state) + 1),
            )
        )
    return made


def state_of(said: Sequence[ISA95StateDataType]) -> tuple[State, SubState]:
    """Return state and sub-state of what a receiver says; a sub-state that it does not say is its first.

    Raises
    ------
    NotThat
        If there is no such state.
    """
    top = next((each for each in said if not each.BrowsePath.Elements), None)
    if top is None or not 1 <= top.StateNumber <= len(State):
        raise NotThat(f"a state {None if top is None else top.StateNumber}")
    state = list(State)[top.StateNumber - 1]
    subs = SUB_STATES[state]
    for each in said:
        if each.BrowsePath.Elements and 1 <= each.StateNumber <= len(subs):
            return state, subs[each.StateNumber - 1]
    return state, subs[0]


def order_of(said: ISA95JobOrderDataType) -> Order:
    """Return what a machine needs of an order: id, product, quantity.

    Raises
    ------
    NotThat
        If its quantity is no whole number of parts.
    """
    made = [each for each in said.MaterialRequirements or [] if each.MaterialUse in PRODUCED]
    if not made:
        return Order(said.JobOrderID or "", original=said)
    text = made[0].Quantity
    try:
        quantity = Decimal(text) if text is not None else Decimal(0)
    except InvalidOperation as bad:
        raise NotThat(f"a quantity of {text!r}") from bad
    if not quantity.is_finite() or quantity != int(quantity) or not 0 <= quantity < 2**31:
        raise NotThat(f"a quantity of {text!r}")
    return Order(said.JobOrderID or "", made[0].MaterialDefinitionID or "", int(quantity), said)


def response_of(job: Job, namespace: int) -> ISA95JobResponseDataType:
    """Return what became of a job order so far."""
    return ISA95JobResponseDataType(
        JobResponseID=ua.String(f"{job.order.job}/1"),
        JobOrderID=ua.String(job.order.job),
        StartTime=_moment(job.started_ns),
        EndTime=_moment(job.ended_ns),
        JobState=states_of(job.state, job.sub_state, namespace),
        JobResponseData=[
            ISA95ParameterDataType(
                ID=ua.String("Scrap"), Value=ua.Variant(job.scrap, ua.VariantType.UInt32)
            )
        ],
        MaterialActuals=[
            ISA95MaterialDataType(
                MaterialDefinitionID=ua.String(job.order.product) if job.order.product else None,
                MaterialUse=ua.String(PRODUCED[0]), Quantity=ua.String(str(job.good)),
            )
        ],
    )  # fmt: skip


def _moment(at_ns: int) -> Any:
    if not at_ns:
        return None
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


class _Change(NamedTuple):
    job: Job
    number: int


class _Machine:
    """One machine on the server: its list, and the nodes that show it."""

    def __init__(self, jobs: JobList) -> None:
        self.jobs = jobs
        self.told: list[_Change] = []  # changes that no event has said yet
        self.nodes: dict[str, Node] = {}
        self.events: list[Any] = []


class JobReceivers:
    """All job order receivers of one server."""

    def __init__(self, server: Server, own: int, now_ns: Callable[[], int]) -> None:
        self._server = server
        self._own = own
        self._now_ns = now_ns
        self.namespace = 0
        self._machines: dict[ua.NodeId, _Machine] = {}  # by control and by results object
        self._each: list[_Machine] = []
        self._ears: list[tuple[_Machine, Listener]] = []
        self._changed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._teller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the types, and say changes from now on."""
        self.namespace = await self._server.register_namespace(NAMESPACE)
        await self._types()
        self._teller = asyncio.create_task(self._tell_always())

    async def stop(self) -> None:
        """Say no more."""
        for machine, ear in self._ears:
            machine.jobs.listeners.remove(ear)
        self._ears.clear()
        if self._teller is not None:
            self._teller.cancel()
            await asyncio.gather(self._teller, return_exceptions=True)

    # The types, by the specification's ids.

    def _id(self, number: int) -> ua.NodeId:
        return ua.NodeId(ua.Int32(number), ua.Int16(self.namespace))

    def _name(self, name: str) -> ua.QualifiedName:
        return ua.QualifiedName(name, self.namespace)

    async def _types(self) -> None:
        base = self._server.get_node(ua.ObjectIds.Structure)
        for kind in STRUCTURES:
            made = await base.add_data_type(self._id(kind.data_type), self._name(kind.__name__))
            await create_encoding(made, self._id(kind.encoding), ua.QualifiedName("Default Binary", 0))
            described = definition(kind, self.namespace)
            value = ua.DataValue(ua.Variant(described, ua.VariantType.ExtensionObject))
            await made.write_attribute(ua.AttributeIds.DataTypeDefinition, value)
        machine = self._server.get_node(ua.ObjectIds.FiniteStateMachineType)
        receiver = await machine.add_object_type(
            self._id(RECEIVER_TYPE), self._name("ISA95JobOrderReceiverObjectType")
        )
        for state, number in STATE_IDS.items():
            node = await receiver.add_object(
                self._id(number), self._name(state.value), ua.ObjectIds.StateType
            )
            for each in await node.get_properties():
                if (await each.read_browse_name()).Name == "StateNumber":
                    await each.write_value(ua.Variant(state.number, ua.VariantType.UInt32))
        for method, number in METHOD_IDS.items():
            await self._method(receiver, self._id(number), method)
        objects = self._server.get_node(ua.ObjectIds.BaseObjectType)
        provider = await objects.add_object_type(
            self._id(PROVIDER_TYPE), self._name("ISA95JobResponseProviderObjectType")
        )
        await self._requests(provider, self._id(7002), self._id(7014))
        event = await self._server.get_node(ua.ObjectIds.BaseEventType).add_object_type(
            self._id(EVENT_TYPE), self._name("ISA95JobOrderStatusEventType")
        )
        properties: tuple[tuple[int, str, type[Structure], Any], ...] = (
            (6047, "JobOrder", ISA95JobOrderDataType, None),
            (6048, "JobState", ISA95StateDataType, []),
            (6049, "JobResponse", ISA95JobResponseDataType, None),
        )
        for number, name, kind, value in properties:
            empty = ua.Variant(value, ua.VariantType.ExtensionObject)
            await event.add_property(
                self._id(number), self._name(name), empty, datatype=self._id(kind.data_type)
            )

    async def _method(self, at: Node, node_id: ua.NodeId, method: Method) -> None:
        async def call(parent: ua.NodeId, *words: ua.Variant) -> Answer:
            return await self._call(parent, method, words)

        first = (
            _argument("JobOrder", self._id(ISA95JobOrderDataType.data_type))
            if method in WITH_ORDER
            else _argument("JobOrderID", ua.NodeId(ua.Int32(ua.ObjectIds.String)))
        )
        comment = _argument("Comment", ua.NodeId(ua.Int32(ua.ObjectIds.LocalizedText)), array=True)
        await at.add_method(node_id, self._name(method.value), call, [first, comment], [_STATUS])

    async def _requests(self, at: Node, by_id: ua.NodeId, by_state: ua.NodeId) -> None:
        response = self._id(ISA95JobResponseDataType.data_type)
        await at.add_method(
            by_id, self._name(BY_ID), self._by_id,
            [_argument("JobOrderID", ua.NodeId(ua.Int32(ua.ObjectIds.String)))],
            [_argument("JobResponse", response), _STATUS],
        )  # fmt: skip
        await at.add_method(
            by_state, self._name(BY_STATE), self._by_state,
            [_argument("JobOrderState", self._id(ISA95StateDataType.data_type), array=True)],
            [_argument("JobResponses", response, array=True), _STATUS],
        )  # fmt: skip

    # The objects of a machine.

    async def add(self, at: Node, jobs: JobList, *, products: Sequence[str] = ()) -> None:
        """Give a machine its two objects, below a node of it."""
        machine = _Machine(jobs)
        name = f"{jobs.name}.{CONTROL}"
        control = await at.add_object(self._own_id(name), ua.QualifiedName(CONTROL, self._own))
        await _typed(control, self._id(RECEIVER_TYPE))
        self._machines[control.nodeid] = machine
        text, unsigned, structure = (
            ua.VariantType.String, ua.VariantType.UInt16, ua.VariantType.ExtensionObject
        )  # fmt: skip
        for each, variant, kind, value in (
            ("JobOrderList", structure, self._id(ISA95JobOrderAndStateDataType.data_type), []),
            ("WorkMaster", structure, self._id(ISA95WorkMasterDataType.data_type), []),
            ("MaterialClassID", text, _STRING, []),
            ("MaterialDefinitionID", text, _STRING, list(products)),
            ("EquipmentID", text, _STRING, [jobs.name]),
            ("PhysicalAssetID", text, _STRING, []),
            ("PersonnelID", text, _STRING, []),
        ):
            node = await control.add_variable(
                self._own_id(f"{name}.{each}"), self._name(each), ua.Variant(value, variant, is_array=True),
                datatype=kind,
            )  # fmt: skip
            machine.nodes[each] = node
        await control.add_property(
            self._own_id(f"{name}.MaxDownloadableJobOrders"), self._name("MaxDownloadableJobOrders"),
            jobs.jobs_max, unsigned,
        )  # fmt: skip
        current = await control.add_variable(
            self._own_id(f"{name}.CurrentState"), ua.QualifiedName("CurrentState", 0),
            ua.LocalizedText(""), ua.VariantType.LocalizedText,
        )  # fmt: skip
        machine.nodes["CurrentState"] = current
        machine.nodes["Id"] = await current.add_property(
            self._own_id(f"{name}.CurrentState.Id"), ua.QualifiedName("Id", 0), ua.NodeId(),
            ua.VariantType.NodeId,
        )  # fmt: skip
        for method in Method:
            await self._method(control, self._own_id(f"{name}.{method.value}"), method)

        name = f"{jobs.name}.{RESULTS}"
        results = await at.add_object(self._own_id(name), ua.QualifiedName(RESULTS, self._own))
        await _typed(results, self._id(PROVIDER_TYPE))
        self._machines[results.nodeid] = machine
        machine.nodes["JobOrderResponseList"] = await results.add_variable(
            self._own_id(f"{name}.JobOrderResponseList"), self._name("JobOrderResponseList"),
            ua.Variant([], structure, is_array=True), datatype=self._id(ISA95JobResponseDataType.data_type),
        )  # fmt: skip
        ids = (self._own_id(f"{name}.{each}") for each in (BY_ID, BY_STATE))
        await self._requests(results, *ids)
        for source in (results, self._server.get_node(ua.ObjectIds.Server)):
            event: Any = await get_event_obj_from_type_node(self._server.get_node(self._id(EVENT_TYPE)))
            event.emitting_node = source.nodeid
            event.SourceNode, event.SourceName = results.nodeid, jobs.name
            event.Severity = 100
            await source.set_event_notifier([ua.EventNotifier.SubscribeToEvents])
            machine.events.append(event)
        self._each.append(machine)
        ear = functools.partial(self._heard, machine)
        jobs.listeners.append(ear)
        self._ears.append((machine, ear))
        await self._show(machine)

    def _own_id(self, name: str) -> ua.NodeId:
        return ua.NodeId(ua.String(name), ua.Int16(self._own))

    # Calls.

    async def _call(self, parent: ua.NodeId, method: Method, words: Sequence[ua.Variant]) -> Answer:
        machine = self._machines.get(parent)
        if machine is None:
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadMethodInvalid))
        if not words:
            return TOO_FEW
        order: Order | None = None
        job = words[0].Value
        if method in WITH_ORDER:
            try:
                order = order_of(unpacked(ISA95JobOrderDataType, job, self.namespace))
            except NotThat:
                return _answer(ReturnStatus.INVALID_REQUEST)
            job = order.job
        if job is not None and not isinstance(job, str):
            return MALFORMED
        status = machine.jobs.call(method, job or "", order)
        await self.tell()  # who has the answer finds the list as it says
        return _answer(status)

    async def _by_id(self, parent: ua.NodeId, *words: ua.Variant) -> Answer:
        machine = self._machines.get(parent)
        if machine is None:
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadMethodInvalid))
        if not words:
            return TOO_FEW
        job = machine.jobs.jobs.get(words[0].Value or "")
        if job is None:
            empty = packed(ISA95JobResponseDataType(), self.namespace)
            return [_structure(empty), *_answer(ReturnStatus.UNKNOWN_JOB_ORDER)]
        return [
            _structure(packed(response_of(job, self.namespace), self.namespace)),
            *_answer(ReturnStatus.NO_ERROR),
        ]

    async def _by_state(self, parent: ua.NodeId, *words: ua.Variant) -> Answer:
        machine = self._machines.get(parent)
        if machine is None:
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadMethodInvalid))
        if not words:
            return TOO_FEW
        try:
            said = [unpacked(ISA95StateDataType, each, self.namespace) for each in words[0].Value or []]
            state, sub_state = state_of(said)
        except NotThat:
            return [_structure([]), *_answer(ReturnStatus.INVALID_REQUEST)]
        within = any(each.BrowsePath.Elements for each in said)
        found = [
            packed(response_of(job, self.namespace), self.namespace)
            for job in machine.jobs.jobs.values()
            if job.state is state and (not within or job.sub_state is sub_state)
        ]
        return [_structure(found), *_answer(ReturnStatus.NO_ERROR)]

    # What is said.

    def _heard(self, machine: _Machine, before: Job | None, after: Job | None) -> None:
        if after is not None:
            machine.told.append(_Change(after, after.transition))
        self._changed.set()

    async def _tell_always(self) -> None:
        while True:
            await self._changed.wait()
            await self.tell()

    async def tell(self) -> None:
        """Show all lists as they are, and say what changed."""
        async with self._one_at_a_time:
            self._changed.clear()
            for machine in self._each:
                await self._show(machine)
                changes, machine.told = machine.told, []
                for change in changes:
                    await self._say(machine, change)

    async def _show(self, machine: _Machine) -> None:
        jobs = machine.jobs
        stamp = _moment(self._now_ns())
        shown = [
            packed(
                ISA95JobOrderAndStateDataType(
                    JobOrder=job.order.original or ISA95JobOrderDataType(JobOrderID=ua.String(job.order.job)),
                    State=states_of(job.state, job.sub_state, self.namespace),
                ),
                self.namespace,
            )
            for job in jobs.jobs.values()
        ]
        responses = [packed(response_of(job, self.namespace), self.namespace) for job in jobs.jobs.values()]
        newest = jobs.running or next(reversed(jobs.jobs.values()), None)
        state = newest.state if newest is not None else None
        values = {
            "JobOrderList": _structure(shown),
            "JobOrderResponseList": _structure(responses),
            "CurrentState": ua.Variant(ua.LocalizedText(state.value if state else "")),
            "Id": ua.Variant(self._id(STATE_IDS[state]) if state else ua.NodeId(), ua.VariantType.NodeId),
        }
        for name, value in values.items():
            await self._server.iserver.aspace.write_attribute_value(
                machine.nodes[name].nodeid, ua.AttributeIds.Value,
                ua.DataValue(value, SourceTimestamp=stamp, ServerTimestamp=stamp),
            )  # fmt: skip

    async def _say(self, machine: _Machine, change: _Change) -> None:
        job = change.job
        order = job.order.original or ISA95JobOrderDataType(JobOrderID=ua.String(job.order.job))
        stamp = _moment(self._now_ns())
        for event in machine.events:
            event.EventId = f"{machine.jobs.name}/{job.order.job}/{change.number}/{self._now_ns()}".encode()
            event.Time = event.ReceiveTime = stamp
            event.Message = ua.LocalizedText(
                f"{job.order.job}: {job.state.value} {job.sub_state.value}".strip()
            )
            event.JobOrder = packed(order, self.namespace)
            event.JobState = [
                packed(each, self.namespace)
                for each in states_of(job.state, job.sub_state, self.namespace)
            ]  # fmt: skip
            event.JobResponse = packed(response_of(job, self.namespace), self.namespace)
            await self._server.iserver.subscription_service.trigger_event(event)


def _argument(name: str, kind: ua.NodeId, *, array: bool = False) -> ua.Argument:
    made = ua.Argument()
    made.Name = ua.String(name)
    made.DataType = kind
    made.ValueRank = ua.Int32(1 if array else -1)
    made.ArrayDimensions = [ua.UInt32(0)] if array else []
    return made


def _structure(value: Any) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.ExtensionObject, is_array=isinstance(value, list))


def _answer(status: ReturnStatus) -> list[ua.Variant]:
    return [ua.Variant(int(status), ua.VariantType.UInt64)]


async def _typed(node: Node, kind: ua.NodeId) -> None:
    """Say which type an object is of: to instantiate it would copy what an instance does not have."""
    has_type = ua.NodeId(ua.Int32(ua.ObjectIds.HasTypeDefinition))
    await node.delete_reference(
        ua.NodeId(ua.Int32(ua.ObjectIds.BaseObjectType)), has_type, bidirectional=False
    )
    await node.add_reference(kind, has_type, bidirectional=False)


_STRING = ua.NodeId(ua.Int32(ua.ObjectIds.String))
_STATUS = _argument("ReturnStatus", ua.NodeId(ua.Int32(ua.ObjectIds.UInt64)))
