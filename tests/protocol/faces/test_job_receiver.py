"""The job order receiver on a real OPC UA server, called by a client that holds nothing of ours."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from taktwin.faces.job_list import JobList, Order
from taktwin.faces.opcua import OpcUaFace
from taktwin.standards.job_control import SUB_STATES, TRANSITIONS, Cause, Method, ReturnStatus, State
from tests.unit.virtual_plant.plants import plant

FOREIGN = Path(__file__).with_name("foreign_job_client.py")
OK, UNKNOWN, STATE = 1 << 0, 1 << 1, 1 << 3
UNABLE, REQUEST, COMMAND = 1 << 4, 1 << 32, 1 << 2


class Foreign:
    """The other client's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def __call__(self, *words: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write((json.dumps(words) + "\n").encode())
        line = await self.process.stdout.readline()
        assert line, "the foreign client ended"
        return json.loads(line)


def takes(order: Order) -> str:
    return "" if order.product in ("", "SH-100") else f"{order.product} is not made here"


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[OpcUaFace, JobList]]:
    registry = plant(("line1",))
    jobs = JobList("turn1", lambda: 1_781_503_200_123_000_000, takes=takes, jobs_max=3)
    face = OpcUaFace(registry, "line1", endpoint="opc.tcp://127.0.0.1:0", jobs=[jobs])
    await face.start([])
    yield face, jobs
    await face.stop()


@pytest.fixture
async def foreign(receiver: tuple[OpcUaFace, JobList]) -> AsyncIterator[Foreign]:
    face, _ = receiver
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(FOREIGN), f"opc.tcp://127.0.0.1:{face.port}",
        "ns=2;s=turn1.JobOrderControl", "ns=2;s=turn1.JobOrderResults",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={"PATH": ""},
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    try:
        assert (await process.stdout.readline()).strip() == b"ready"
        yield Foreign(process)
    finally:
        process.stdin.close()
        await process.wait()


def listed(jobs: JobList) -> list[Any]:
    """Return what the list holds, in the words that the foreign client uses."""
    made = []
    for job in jobs.jobs.values():
        state = [[job.state.value, job.state.number]]
        if job.sub_state.value:
            state.append([job.sub_state.value, SUB_STATES[job.state].index(job.sub_state) + 1])
        made.append([job.order.job, state])
    return made


async def test_a_foreign_client_takes_a_job_order_over_all_thirteen_arrows(
    receiver: tuple[OpcUaFace, JobList], foreign: Foreign
) -> None:
    _, jobs = receiver
    seen: set[int] = set()
    jobs.listeners.append(lambda before, after: seen.add(0 if after is None else after.transition))
    name, number, children = await foreign("types")
    assert (name, number) == ("ISA95JobOrderReceiverObjectType", 1002)
    assert {method.value for method in Method} | {"JobOrderList", "MaxDownloadableJobOrders"} <= set(children)

    async def does(*words: Any, becomes: State | None) -> None:
        assert await foreign(*words) == OK, words
        job = jobs.jobs.get(words[1])
        assert (None if job is None else job.state) is becomes
        assert await foreign("list") == listed(jobs)

    async def machine(job: str, cause: Cause) -> None:
        assert jobs.happens(job, cause) == ReturnStatus.NO_ERROR
        async with asyncio.timeout(10):
            while await foreign("list") != listed(jobs):
                pass  # each look is a round trip to the server

    await does("Store", "A", "SH-100", "2", becomes=State.NOT_ALLOWED_TO_START)
    await does("Update", "A", "SH-100", "3", becomes=State.NOT_ALLOWED_TO_START)  # 1
    await does("Start", "A", becomes=State.ALLOWED_TO_START)  # 2
    await does("RevokeStart", "A", becomes=State.NOT_ALLOWED_TO_START)  # 3
    await does("Start", "A", becomes=State.ALLOWED_TO_START)
    await does("Update", "A", "SH-100", "2", becomes=State.ALLOWED_TO_START)  # 4
    await machine("A", Cause.BEGIN)  # 5
    await does("Pause", "A", becomes=State.INTERRUPTED)  # 6
    await does("Resume", "A", becomes=State.RUNNING)  # 10
    jobs.count(good=2)  # 7: the last part of two
    assert jobs.jobs["A"].state is State.ENDED
    assert await foreign("response", "A") == [OK, ["A", [["Ended", 5], ["Completed", 1]], ["2"]]]
    await does("Clear", "A", becomes=None)

    await does("StoreAndStart", "B", "SH-100", "9", becomes=State.ALLOWED_TO_START)
    await machine("B", Cause.BEGIN)
    await machine("B", Cause.INTERRUPT)
    await does("Stop", "B", becomes=State.ENDED)  # 11
    await does("Clear", "B", becomes=None)
    for job, way in (("C", ()), ("D", (Cause.BEGIN,)), ("E", (Cause.BEGIN, Cause.INTERRUPT))):
        await does("StoreAndStart", job, "SH-100", "1", becomes=State.ALLOWED_TO_START)
        for cause in way:
            await machine(job, cause)
        await does("Abort", job, becomes=State.ABORTED)  # 13, 8, 9
        if job == "C":
            found = await foreign("responses", 6)
            assert found == [OK, [["C", [["Aborted", 6]], ["0"]]]]
        await does("Clear", job, becomes=None)
    await does("Store", "F", "SH-100", "1", becomes=State.NOT_ALLOWED_TO_START)
    await does("Abort", "F", becomes=State.ABORTED)  # 12
    await does("Store", "G", "SH-100", "1", becomes=State.NOT_ALLOWED_TO_START)
    await does("Cancel", "G", becomes=None)

    assert seen - {0} == {transition.number for transition in TRANSITIONS}
    said = await foreign("events")
    async with asyncio.timeout(10):  # an event comes with the next publishing, after the answer to the call
        while said[-1][0] != "G":
            said = await foreign("events")
    assert [job for job, _ in said].count("A") == 10, "stored, and nine arrows"
    assert ["F", [["Aborted", 6]]] in said
    await each_refusal_has_its_own_code(jobs, foreign)


async def each_refusal_has_its_own_code(jobs: JobList, foreign: Foreign) -> None:
    jobs.jobs.clear()
    assert await foreign("Start", "nobody") == UNKNOWN
    assert await foreign("Store", "A", "SH-100", "2") == OK
    assert await foreign("Store", "A", "SH-100", "2") == UNABLE, "the id is in the list"
    assert await foreign("StoreAndStart", "A", "SH-100", "2") == UNABLE
    assert await foreign("Store", "B", "SH-999", "2") == UNABLE, "not made here"
    assert await foreign("Pause", "A") == STATE
    assert await foreign("Clear", "A") == STATE
    assert await foreign("Start", "") == REQUEST
    for quantity in ("-1", "1.5", "many", "1e400", "NaN"):
        assert await foreign("Store", "B", "SH-100", quantity) == REQUEST, quantity
    assert await foreign("Store", "B", "SH-100", "1") == OK
    assert await foreign("Store", "C", "SH-100", "1") == OK
    assert await foreign("Store", "D", "SH-100", "1") == UNABLE, "the list is full"
    assert await foreign("response", "D") == [UNKNOWN, ["", [], []]]
    assert await foreign("responses", 9) == [REQUEST, []]
    jobs._methods = frozenset(Method) - {Method.PAUSE}
    assert await foreign("Pause", "A") == COMMAND
    assert await foreign("list") == listed(jobs)
