"""Job control of machines: the client of one job order receiver (OPC 10031-4, ISA-95 Job Control V2).

A `Receiver` calls the methods of one machine and says what it answered; it keeps what the machine says
of its job orders by subscription, and says so plainly when the machine does not answer. `JobsDriver`
carries the MES's commands through it. Nothing here believes anything that a machine did not say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from asyncua import Client, Node, ua

from taktwin.clock import Clock
from taktwin.commander.driver import Carried, MachineAway, MachineRefused, MachineSilent
from taktwin.commander.opcua import WORLD, Sessions, words
from taktwin.contracts.machine_commands import ControlMachineJob, MachineCommand, MachineData
from taktwin.faces.job_receiver import PRODUCED, RECEIVER_TYPE, state_of
from taktwin.faces.job_structures import (
    NAMESPACE,
    ISA95JobOrderAndStateDataType,
    ISA95JobOrderDataType,
    ISA95MaterialDataType,
    NotThat,
    packed,
    unpacked,
)
from taktwin.plant.registry import Registry
from taktwin.standards.job_control import STORING, Method, ReturnStatus, State, SubState

LIST = "JobOrderList"
ANSWER_S = 3.0  # wall: a machine that has not answered by then is silent
WATCH_S = 1.0  # wall: how often a receiver that says nothing is asked whether it lives
PUBLISH_MS = 50.0
TRIES = 2  # of reaching the server: a session may have died since the last command
CURRENT_TIME = ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_CurrentTime))
# These end a connection; every other bad status is an answer of the machine.
ENDS = frozenset(
    {
        ua.StatusCodes.BadConnectionClosed, ua.StatusCodes.BadSecureChannelClosed,
        ua.StatusCodes.BadSessionIdInvalid, ua.StatusCodes.BadSessionClosed, ua.StatusCodes.BadTimeout,
        ua.StatusCodes.BadCommunicationError, ua.StatusCodes.BadServerHalted, ua.StatusCodes.BadShutdown,
        ua.StatusCodes.BadServerNotConnected, ua.StatusCodes.BadRequestTimeout,
    }
)  # fmt: skip
log = logging.getLogger(__name__)


class Door(Protocol):
    """The session on a machine's server."""

    endpoint: str

    async def client(self) -> Client:
        """Return the connected client. Raises MachineAway."""
        ...

    def node_id(self, address: str) -> ua.NodeId:
        """Return the node that an address means there. Raises ValueError."""
        ...

    async def drop(self) -> None:
        """End the session; the next call makes a new one."""
        ...


@dataclass(frozen=True, slots=True)
class MachineJobs:
    """What a machine last said of its job orders."""

    reachable: bool = False
    reason: str = "never reached"  # why it cannot be reached; "" if it can
    jobs: Mapping[str, tuple[State, SubState]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Nodes:
    client: Client
    namespace: int
    control: Node
    list: Node


class Receiver:
    """The job order receiver of one machine, as a client sees it.

    Parameters
    ----------
    address : of the receiver object, as the plant model has it
    changed : hears each change of what the machine says, and of whether it can be reached
    answer_s : wall seconds after which a machine counts as silent
    """

    def __init__(
        self,
        work_unit: str,
        address: str,
        door: Door,
        clock: Clock,
        *,
        changed: Callable[[str, MachineJobs], None] = lambda work_unit, said: None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.work_unit = work_unit
        self.said = MachineJobs()
        self._address = address
        self._door = door
        self._clock = clock
        self._changed = changed
        self._answer_s = answer_s
        self._nodes: _Nodes | None = None

    # Commands.

    async def call(self, method: Method, wish: ControlMachineJob, comment: str = "") -> ReturnStatus:
        """Call a method and return what the machine answered.

        Raises
        ------
        MachineAway
            If the machine could not be reached: nothing was sent.
        MachineSilent
            If it did not answer: what it did is not known.
        MachineRefused
            If it has no such receiver or method, or answered with a bad status of OPC UA.
        """
        nodes, method_id = await self._method(method)
        first: Any = wish.job
        if method in WITH_ORDER:
            first = ua.Variant(packed(order_of(wish), nodes.namespace), ua.VariantType.ExtensionObject)
        said = ua.Variant([ua.LocalizedText(comment)] if comment else [], ua.VariantType.LocalizedText,
                          is_array=True)  # fmt: skip
        try:
            async with self._clock.timeout(self._answer_s):
                answer = await nodes.control.call_method(method_id, first, said)
        except ua.UaStatusCodeError as error:
            if error.code not in ENDS:
                raise MachineRefused(
                    f"{self.work_unit} {method}", words(error), "a call that it takes"
                ) from error
            raise await self._silent(error) from error
        except WORLD as error:
            raise await self._silent(error) from error
        if isinstance(answer, bool) or not isinstance(answer, int):
            raise MachineRefused(f"{self.work_unit} {method}", f"answered {answer!r}", "a ReturnStatus")
        return ReturnStatus(answer)

    async def _silent(self, error: BaseException) -> MachineSilent:
        await self._door.drop()
        return MachineSilent(f"{self._door.endpoint}: {words(error)}")

    async def _method(self, method: Method) -> tuple[_Nodes, ua.NodeId]:
        """Return where a method is; a session that died meanwhile is made anew, for nothing was sent yet."""
        for left in reversed(range(TRIES)):
            nodes = await self._found()
            try:
                async with self._clock.timeout(self._answer_s):
                    node = await nodes.control.get_child(ua.QualifiedName(method.value, nodes.namespace))
                return nodes, node.nodeid
            except ua.UaStatusCodeError as error:
                if error.code not in ENDS:
                    raise MachineRefused(f"{self.work_unit} {self._address}", f"no method {method}",
                                         "a receiver that offers it") from error  # fmt: skip
                await self._door.drop()
                if not left:
                    raise MachineAway(f"{self._door.endpoint}: {words(error)}") from error
            except WORLD as error:
                await self._door.drop()
                if not left:
                    raise MachineAway(f"{self._door.endpoint}: {words(error)}") from error
        raise AssertionError("the last try raises")

    async def _found(self) -> _Nodes:
        """Return the receiver's nodes on the session that is open now. Raises MachineAway, MachineRefused."""
        client = await self._door.client()
        if self._nodes is not None and self._nodes.client is client:
            return self._nodes
        try:
            namespace = self._door.node_id(f"nsu={NAMESPACE};i={RECEIVER_TYPE}").NamespaceIndex
            control = client.get_node(self._door.node_id(self._address))
        except ValueError as error:
            raise MachineRefused(self.work_unit, str(error), "a server with a job order receiver") from error
        try:
            async with self._clock.timeout(self._answer_s):
                listed = await control.get_child(ua.QualifiedName(LIST, namespace))
        except ua.UaStatusCodeError as error:
            if error.code not in ENDS:
                raise MachineRefused(f"{self.work_unit} {self._address}", words(error),
                                     "the node of a job order receiver") from error  # fmt: skip
            await self._door.drop()
            raise MachineAway(f"{self._door.endpoint}: {words(error)}") from error
        except WORLD as error:
            await self._door.drop()
            raise MachineAway(f"{self._door.endpoint}: {words(error)}") from error
        self._nodes = _Nodes(client, namespace, control, listed)
        return self._nodes

    # What the machine says.

    async def look(self) -> MachineJobs:
        """Ask the machine for its list now. Raises as `call` does, and never MachineSilent."""
        nodes = await self._found()
        try:
            async with self._clock.timeout(self._answer_s):
                value = await nodes.list.read_value()
        except WORLD as error:
            await self._door.drop()
            raise MachineAway(f"{self._door.endpoint}: {words(error)}") from error
        self._take(value, nodes.namespace)
        return self.said

    async def watch(self) -> None:
        """Keep what the machine says, for ever: by subscription, and asking whether it lives."""
        while True:
            try:
                await self._watched()
            except (MachineAway, MachineRefused) as error:
                self._say(MachineJobs(False, str(error), self.said.jobs))
                await self._clock.wall_sleep(WATCH_S)
            except WORLD as error:
                # Of a session that broke just now; the next round says whether the machine is away.
                log.info("%s: %s", self.work_unit, words(error))

    async def _watched(self) -> None:
        nodes = await self._found()
        async with self._clock.timeout(self._answer_s):
            subscription = await nodes.client.create_subscription(PUBLISH_MS, _Ear(self._heard(nodes)))
        try:
            async with self._clock.timeout(self._answer_s):
                await subscription.subscribe_data_change(nodes.list)
            while True:
                await self._clock.wall_sleep(WATCH_S)
                # Asked of the door: whoever found the session broken has made a new one.
                if await self._door.client() is not nodes.client:
                    return
                try:
                    async with self._clock.timeout(self._answer_s):
                        await nodes.client.get_node(CURRENT_TIME).read_value()
                except WORLD:
                    await self._door.drop()
                    raise
                if not self.said.reachable:
                    await self.look()
        finally:
            with contextlib.suppress(*WORLD):
                async with self._clock.timeout(0.5):
                    await subscription.delete()

    def _heard(self, nodes: _Nodes) -> Callable[[Any], None]:
        return lambda value: self._take(value, nodes.namespace)

    def _take(self, value: Any, namespace: int) -> None:
        jobs: dict[str, tuple[State, SubState]] = {}
        try:
            for each in value or []:
                said = unpacked(ISA95JobOrderAndStateDataType, each, namespace)
                jobs[said.JobOrder.JobOrderID or ""] = state_of(said.State)
        except NotThat as error:
            self._say(MachineJobs(False, f"its list is none: {error}", self.said.jobs))
            return
        self._say(MachineJobs(True, "", jobs))

    def _say(self, said: MachineJobs) -> None:
        if said != self.said:
            self.said = said
            self._changed(self.work_unit, said)


class _Ear:
    """What a subscription of the library calls."""

    def __init__(self, hear: Callable[[Any], None]) -> None:
        self._hear = hear

    def datachange_notification(self, node: Node, value: Any, data: Any) -> None:
        """Take the list as it is now."""
        self._hear(value)


WITH_ORDER = frozenset({*STORING, Method.UPDATE})


def order_of(wish: ControlMachineJob) -> ISA95JobOrderDataType:
    """Return a job order as the specification says it."""
    return ISA95JobOrderDataType(
        JobOrderID=ua.String(wish.job),
        Priority=ua.Int16(max(-(2**15), min(wish.priority, 2**15 - 1))),
        MaterialRequirements=[
            ISA95MaterialDataType(
                MaterialDefinitionID=ua.String(wish.product), MaterialUse=ua.String(PRODUCED[0]),
                Quantity=ua.String(str(wish.quantity)),
            )
        ],
    )  # fmt: skip


class JobsDriver:
    """Carries the MES's job control to machines whose plant model names a receiver."""

    carries: tuple[type[MachineData], ...] = (ControlMachineJob,)

    def __init__(
        self,
        registry: Registry,
        sessions: Sessions,
        clock: Clock,
        *,
        changed: Callable[[str, MachineJobs], None] = lambda work_unit, said: None,
    ) -> None:
        self.receivers = {
            str(name): Receiver(
                str(name), equipment.job_control, sessions.of(equipment.connection), clock, changed=changed
            )
            for name, equipment in sorted(registry.equipment.items())
            if equipment.job_control
        }

    async def watch(self) -> None:
        """Keep what all machines say, for ever."""
        async with asyncio.TaskGroup() as group:
            for receiver in self.receivers.values():
                group.create_task(receiver.watch())

    async def carry(self, command: MachineCommand, wish: MachineData) -> Carried:
        """Call the method. What the machine had already, it is not given twice, and that is no mistake."""
        assert isinstance(wish, ControlMachineJob), "asked only for what it carries"
        receiver = self.receivers.get(command.work_unit)
        if receiver is None:
            raise MachineRefused(command.work_unit, "no job order receiver", "job_control in the plant model")
        method = Method(wish.method)
        status = await receiver.call(method, wish, command.reason)
        had = status == ReturnStatus.UNABLE_TO_ACCEPT and method in STORING
        if status == ReturnStatus.NO_ERROR or had:
            returned: dict[str, Any] = {}
            with contextlib.suppress(MachineAway, MachineRefused):  # it took it; what it says now comes later
                found = (await receiver.look()).jobs.get(wish.job)
                if found is not None:
                    returned = {"state": found[0].value, "sub_state": found[1].value}
            if not had:
                return Carried(status=said(status), returned=returned)
            if returned:
                return Carried(status=f"{said(status)}: it has this job order already", returned=returned)
        raise MachineRefused(f"{method} {wish.job} at {command.work_unit}", said(status), "NoError")


def said(status: ReturnStatus) -> str:
    """Return a return status in the specification's words."""
    names = [each.name or "" for each in ReturnStatus if each in status]
    known = " ".join(name.title().replace("_", "") for name in names)
    left = int(status) & ~sum(int(each) for each in ReturnStatus)
    return " ".join(filter(None, (known, f"{left:#x}" if left or not known else "")))
