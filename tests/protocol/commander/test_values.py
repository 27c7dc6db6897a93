"""The commander against a real OPC UA server: written, read back, refused, away, silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import SystemClock
from taktwin.commander.opcua import Sessions
from taktwin.commander.service import CommanderService
from taktwin.commander.values import ValuesDriver
from taktwin.contracts.machine_commands import (
    AnswerInterlock,
    LoadParameters,
    MachineCommand,
    MachineResult,
    Outcome,
    Values,
    Wanted,
)
from taktwin.faces.base import Shown
from taktwin.faces.opcua import OpcUaFace
from taktwin.instants import SECOND_NS
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry

NORTHFIELD = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"


class Rig:
    """The demo's second line with its values shown, and a commander that may write there."""

    def __init__(self, registry: Registry, face: OpcUaFace, folder: Path) -> None:
        self.registry, self.face = registry, face
        self.clock = SystemClock()
        self.written: list[tuple[str, Any]] = []
        self.instead: Any = None
        face.on_written = self._heard
        self.sessions = Sessions(
            registry, {"line2": f"opc.tcp://127.0.0.1:{face.port}"}, self.clock, lambda text: text
        )
        for session in self.sessions._by_connection.values():
            session.access = msgspec.structs.replace(session.access, timeout_s=1.0)
        self.service = CommanderService(
            bus=MemoryBus(MemoryHub(self.clock)), registry=registry, clock=self.clock, folder=folder,
            drivers=[ValuesDriver(registry, self.sessions)], memory_mb=lambda: 0.0, pid=1,
        )  # fmt: skip
        self._number = 0

    def _heard(self, signal: Any, value: Any) -> Any:
        self.written.append((signal.path, value))
        return self.instead if signal.path == "set/torque" else None

    async def tell(self, work_unit: str, wish: Values) -> MachineResult:
        self._number += 1
        return await self.service.carry(
            MachineCommand(
                id=f"c-{self._number}", name=wish.command_name, work_unit=work_unit, actor="P08",
                reason="O-40 begins", deadline_ns=self.clock.now_ns() + 30 * SECOND_NS,
                data=msgspec.Raw(msgspec.json.encode(wish)),
            )
        )  # fmt: skip


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    registry = open_plant(NORTHFIELD)
    face = OpcUaFace(registry, "line2", endpoint="opc.tcp://127.0.0.1:0")
    first = {"set/torque": 0.0, "set/angle": 0.0, "interlock/answer": 0, "interlock/answer_serial": "",
             "interlock/answered": 0}  # fmt: skip
    signals = [registry.signals[index] for index in registry.connections["line2"].signals]
    await face.start([Shown(each, 1, first[each.path]) for each in signals if each.path in first])
    made = Rig(registry, face, tmp_path)
    yield made
    await made.sessions.close()
    await face.stop()


def torque(value: float = 42.1) -> LoadParameters:
    return LoadParameters(
        values=[Wanted(signal="set/torque", value=value), Wanted(signal="set/angle", value=68.0)]
    )


def answer(number: int) -> AnswerInterlock:
    return AnswerInterlock(
        values=[
            Wanted(signal="interlock/answer", value=1), Wanted(signal="interlock/answer_serial", value="A1"),
        ],
        then=[Wanted(signal="interlock/answered", value=number)],
    )  # fmt: skip


async def test_values_are_written_and_read_back_as_exactly_as_the_machine_can_say_them(rig: Rig) -> None:
    result = await rig.tell("tighten2", torque())
    assert result.outcome == Outcome.DONE, result
    assert [(each.signal, each.same) for each in result.values] == [("set/torque", True), ("set/angle", True)]
    assert result.values[0].found == pytest.approx(42.1, rel=1e-7)
    assert result.values[0].found != 42.1, "the machine holds 32 bits, and that is what is reported"


async def test_the_echo_of_a_question_is_written_last(rig: Rig) -> None:
    assert (await rig.tell("press2", answer(7))).outcome == Outcome.DONE
    assert rig.written == [
        ("interlock/answer", 1), ("interlock/answer_serial", "A1"), ("interlock/answered", 7)
    ]  # fmt: skip


async def test_a_machine_that_holds_something_else_is_said_so(rig: Rig) -> None:
    rig.instead = 40.0
    result = await rig.tell("tighten2", torque())
    assert (result.outcome, result.place) == (Outcome.DIFFERS, "tighten2/set/torque")
    assert (result.found, result.right) == ("40.0", "42.1")


async def test_what_is_not_permitted_is_not_written_and_its_node_takes_nothing(rig: Rig) -> None:
    wish = LoadParameters(values=[Wanted(signal="torque", value=1.0)])
    assert (await rig.tell("tighten2", wish)).outcome == Outcome.FORBIDDEN
    session = rig.sessions.of("line2")
    client = await session.client()
    node = client.get_node(session.node_id("nsu=urn:taktwin:virtual-plant;s=tighten2.torque"))
    with pytest.raises(Exception, match=r"BadUserAccessDenied|BadNotWritable"):
        await node.write_value(1.0)
    assert rig.written == []


async def test_a_cut_machine_is_away_and_is_found_again(rig: Rig) -> None:
    assert (await rig.tell("tighten2", torque())).outcome == Outcome.DONE
    await rig.face.cut()
    result = await rig.tell("tighten2", torque())
    assert result.outcome == Outcome.AWAY and result.found
    await rig.face.restore()
    assert (await rig.tell("tighten2", torque())).outcome == Outcome.DONE


async def test_a_machine_that_freezes_before_it_answers_is_silent(rig: Rig) -> None:
    assert (await rig.tell("press2", answer(1))).outcome == Outcome.DONE

    def freeze(signal: Any, value: Any) -> None:
        rig.face.freeze(True)

    rig.face.on_written = freeze
    result = await rig.tell("press2", answer(2))
    assert result.outcome == Outcome.SILENT and "not known" in result.right
    rig.face.on_written = lambda signal, value: None
    rig.face.freeze(False)
    await asyncio.sleep(0)
    assert (await rig.tell("press2", answer(3))).outcome == Outcome.DONE
