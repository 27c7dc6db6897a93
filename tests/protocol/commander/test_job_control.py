"""The commander's job control client against a real receiver: all arrows, all codes, and silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asyncua import ua

from taktwin.clock import SystemClock
from taktwin.commander.driver import MachineAway, MachineRefused, MachineSilent
from taktwin.commander.job_control import JobsDriver, MachineJobs, Receiver
from taktwin.commander.opcua import Access, Session
from taktwin.contracts.machine_commands import ControlMachineJob, MachineCommand
from taktwin.faces.job_list import JobList, Order
from taktwin.faces.opcua import OpcUaFace
from taktwin.standards.job_control import TRANSITIONS, Cause, Method, ReturnStatus, State, SubState
from tests.protocol.faces.support import until
from tests.unit.virtual_plant.plants import plant

ADDRESS = "nsu=urn:taktwin:virtual-plant;s=turn1.JobOrderControl"
OK = ReturnStatus.NO_ERROR
ANSWER_S = 0.7  # of a machine that is in this process; on a busy one still


class Pair:
    """A machine with a receiver, and our client of it."""

    def __init__(self) -> None:
        self.jobs = JobList("turn1", lambda: 7, takes=lambda order: "" if order.product == "P" else "no")
        self.face = OpcUaFace(plant(("line1",)), "line1", endpoint="opc.tcp://127.0.0.1:0", jobs=[self.jobs])
        self.heard: list[MachineJobs] = []

    async def open(self) -> None:
        await self.face.start([])
        self.session = Session(
            f"opc.tcp://127.0.0.1:{self.face.port}", Access(timeout_s=2.0), ".", SystemClock()
        )
        self.receiver = self.client()

    def client(self, *, address: str = ADDRESS, answer_s: float = 10.0) -> Receiver:
        return Receiver("turn1", address, self.session, SystemClock(), answer_s=answer_s,
                        changed=lambda _, said: self.heard.append(said))  # fmt: skip

    async def call(
        self, method: Method, job: str = "A", quantity: int = 3, product: str = "P"
    ) -> ReturnStatus:
        wish = ControlMachineJob(method=method.value, job=job, product=product, quantity=quantity, priority=1)
        return await self.receiver.call(method, wish, "because")

    async def close(self) -> None:
        await self.session.drop()
        await self.face.stop()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    await made.open()
    yield made
    await made.close()


def equal(pair: Pair) -> Callable[[], bool]:
    return lambda: (
        pair.receiver.said.reachable
        and pair.receiver.said.jobs
        == {name: (job.state, job.sub_state) for name, job in pair.jobs.jobs.items()}
    )


async def test_both_sides_are_equal_over_all_thirteen_arrows(pair: Pair) -> None:
    seen: set[int] = set()
    pair.jobs.listeners.append(lambda was, now: seen.add(0 if now is None else now.transition))
    watching = asyncio.create_task(pair.receiver.watch())
    try:
        ways: tuple[tuple[Method | Cause, ...], ...] = (
            (Method.STORE, Method.UPDATE, Method.START, Method.REVOKE_START, Method.ABORT, Method.CLEAR),
            (Method.STORE_AND_START, Method.UPDATE, Cause.BEGIN, Method.PAUSE, Method.RESUME, Cause.FINISH,
             Method.CLEAR),
            (Method.STORE_AND_START, Method.ABORT, Method.CLEAR),
            (Method.STORE_AND_START, Cause.BEGIN, Method.ABORT, Method.CLEAR),
            (Method.STORE_AND_START, Cause.BEGIN, Cause.INTERRUPT, Method.ABORT, Method.CLEAR),
            (Method.STORE_AND_START, Cause.BEGIN, Cause.INTERRUPT, Method.STOP, Method.CLEAR),
            (Method.STORE, Method.CANCEL),
        )  # fmt: skip
        for way in ways:
            for step in way:
                found = await pair.call(step) if isinstance(step, Method) else pair.jobs.happens("A", step)
                assert found == OK, (step, found)
                await until(equal(pair))
        assert seen - {0} == {each.number for each in TRANSITIONS}
        original = Order("A", "P", 3)
        assert await pair.call(Method.STORE) == OK
        taken = pair.jobs.jobs["A"].order
        assert (taken.job, taken.product, taken.quantity) == (original.job, original.product, 3)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_each_refusal_comes_back_as_what_it_is(pair: Pair) -> None:
    assert await pair.call(Method.START, "nobody") == ReturnStatus.UNKNOWN_JOB_ORDER
    assert await pair.call(Method.STORE) == OK
    assert await pair.call(Method.STORE) == ReturnStatus.UNABLE_TO_ACCEPT
    assert await pair.call(Method.STORE, "B", product="Q") == ReturnStatus.UNABLE_TO_ACCEPT
    assert await pair.call(Method.RESUME) == ReturnStatus.INVALID_STATE
    assert await pair.call(Method.START, "") == ReturnStatus.INVALID_REQUEST
    nowhere = pair.client(address="nsu=urn:taktwin:virtual-plant;s=hob1.JobOrderControl")
    with pytest.raises(MachineRefused, match="hob1"):
        await nowhere.call(Method.START, ControlMachineJob(method="Start", job="A"))
    elsewhere = pair.client(address="nsu=urn:not:there;s=x")
    with pytest.raises(MachineRefused, match="no namespace"):
        await elsewhere.look()


async def test_a_machine_that_does_not_answer_is_silent_and_one_that_is_gone_is_away(pair: Pair) -> None:
    pair.receiver = pair.client(answer_s=ANSWER_S)
    assert await pair.call(Method.STORE) == OK
    nodes, method = await pair.receiver._method(Method.START)
    # Frozen between the last look and the call: what was sent may have arrived, or not.
    assert nodes.client is await pair.session.client()

    async def found(_: Method) -> Any:
        return nodes, method

    pair.receiver._method = found  # type: ignore[method-assign]
    pair.face.freeze(True)
    with pytest.raises(MachineSilent):
        await pair.call(Method.START)
    pair.face.freeze(False)
    await pair.face.cut()
    pair.receiver = pair.client(answer_s=ANSWER_S)
    with pytest.raises(MachineAway):
        await pair.call(Method.START)
    assert not pair.receiver.said.reachable


async def test_who_watches_says_that_a_machine_is_gone_and_what_it_says_when_it_is_back(pair: Pair) -> None:
    pair.receiver = pair.client(answer_s=ANSWER_S)
    watching = asyncio.create_task(pair.receiver.watch())
    try:
        assert await pair.call(Method.STORE_AND_START) == OK
        await until(equal(pair))
        await pair.face.cut()
        await until(lambda: not pair.receiver.said.reachable)
        assert pair.receiver.said.reason and pair.receiver.said.jobs, "what it said last, and that it is old"
        assert pair.jobs.happens("A", Cause.BEGIN) == OK, "a machine goes on by itself"
        await pair.face.restore()
        await until(equal(pair))
        assert pair.receiver.said.jobs["A"] == (State.RUNNING, SubState.NONE)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_what_a_killed_commander_had_sent_is_not_given_twice(pair: Pair) -> None:
    """The call reached the machine and its answer nobody: whoever asks again is told that it has it."""

    class Registered:
        equipment: dict[str, Any] = {}  # noqa: RUF012 - a driver without a plant

    driver = JobsDriver(Registered(), None, SystemClock())  # type: ignore[arg-type]
    driver.receivers = {"turn1": pair.receiver}
    wish = ControlMachineJob(method="StoreAndStart", job="A", product="P", quantity=3)
    command = MachineCommand(
        id="1", name="job.control", work_unit="turn1", actor="P01", reason="A", deadline_ns=1,
        data=b"{}",  # type: ignore[arg-type]
    )  # fmt: skip
    calls: list[str] = []
    pair.jobs.listeners.append(lambda was, now: calls.append(now.state if now is not None else ""))
    killed = asyncio.create_task(driver.carry(command, wish))
    await until(lambda: "A" in pair.jobs.jobs)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)

    carried = await driver.carry(command, wish)
    assert "already" in carried.status
    assert carried.returned == {"state": "AllowedToStart", "sub_state": "Ready"}
    assert calls == [State.ALLOWED_TO_START], "stored once"
    with pytest.raises(MachineRefused, match="UnableToAccept"):
        await driver.carry(command, ControlMachineJob(method="Store", job="B", product="Q"))


class Registered:
    """A plant without machines: what its driver has, a test gives it."""

    equipment: dict[str, Any] = {}  # noqa: RUF012


CODES = (
    *(each for each in ReturnStatus if each is not OK), OK | ReturnStatus.INVALID_STATE, OK | 1 << 40,
    ReturnStatus(0),
)  # fmt: skip


async def test_nothing_but_no_error_is_a_yes(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not a machine that has the job order already, where it was asked for something else than that."""
    driver = JobsDriver(Registered(), None, SystemClock())  # type: ignore[arg-type]
    driver.receivers = {"turn1": pair.receiver}
    assert await pair.call(Method.STORE) == OK
    original = pair.jobs.jobs["A"].order.original
    assert (original.JobOrderID, original.Priority) == ("A", 1)
    for method in Method:
        wish = ControlMachineJob(method=method.value, job="A", product="P", quantity=3)
        command = MachineCommand(
            id="1", name="job.control", work_unit="turn1", actor="P01", reason="A", deadline_ns=1,
            data=b"{}",  # type: ignore[arg-type]
        )  # fmt: skip
        for code in (OK, *CODES):
            monkeypatch.setattr(pair.jobs, "call", lambda *_, code=code: code)
            has_it = code == ReturnStatus.UNABLE_TO_ACCEPT and method in (
                Method.STORE,
                Method.STORE_AND_START,
            )
            if code == OK or has_it:
                carried = await driver.carry(command, wish)
                assert carried.returned == {"state": "NotAllowedToStart", "sub_state": "Ready"}
                assert ("already" in carried.status) == has_it
                continue
            with pytest.raises(MachineRefused) as refused:
                await driver.carry(command, wish)
            assert refused.value.right == "NoError" and refused.value.status != "NoError"


@pytest.mark.parametrize("code", ["BadSessionIdInvalid", "BadConnectionClosed", "BadTimeout"])
async def test_a_session_that_ends_under_a_call_leaves_open_what_was_done(pair: Pair, code: str) -> None:
    nodes, _ = await pair.receiver._method(Method.STORE)

    driver = JobsDriver(Registered(), None, SystemClock())  # type: ignore[arg-type]
    driver.receivers = {"turn1": pair.receiver}
    wish = ControlMachineJob(method="Store", job="A", product="P", quantity=3)
    command = MachineCommand(
        id="1", name="job.control", work_unit="turn1", actor="P01", reason="A", deadline_ns=1,
        data=b"{}",  # type: ignore[arg-type]
    )  # fmt: skip
    sent: list[object] = []

    async def breaks(method: object, *_: object) -> Any:
        sent.append(method)
        raise ua.UaStatusCodeError(getattr(ua.StatusCodes, code))

    nodes.control.call_method = breaks  # type: ignore[method-assign]
    with pytest.raises(MachineSilent):
        await driver.carry(command, wish)
    assert len(sent) == 1 and not pair.jobs.jobs, "what may have arrived is not sent again"
    assert await pair.session.client() is not nodes.client, "a session that broke is not used again"
    assert await pair.call(Method.STORE) == OK, "and the next call finds the machine"
