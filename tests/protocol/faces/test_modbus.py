"""The Modbus face, with a real client."""

from __future__ import annotations

import asyncio
import dataclasses
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from taktwin.faces.base import Shown
from taktwin.faces.modbus import ModbusFace, cell_of, words_of
from taktwin.plant.registry import Registry
from tests.unit.virtual_plant.plants import plant

LAYOUT: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("hr:0:int32", "int32", {}),
    ("hr:2:float32", "float32", {"word_order": "CDAB"}),
    ("hr:10:float64", "float64", {}),
    ("ir:4:uint32", "uint32", {"word_order": "BADC"}),
    ("ir:6:float32", "float32", {"word_order": "DCBA"}),
    ("di:0:bool", "bool", {}),
    ("di:19:bool", "bool", {}),
    ("co:3:bool", "bool", {}),
    ("hr:20:int16", "float64", {"scale": 0.1, "offset": -40.0}),
    ("hr:30:uint64", "uint64", {"unit_id": 7}),
)
VALUES = (-17, 925.5, 123456.789, 4_000_000_000, -0.25, True, True, True, 21.5, 2**63 + 5)


def device() -> Registry:
    small = plant(("line1",))
    pattern = small.signals[0]
    signals = tuple(
        dataclasses.replace(
            pattern, index=i, id=f"d/{i}", path=str(i), address=address, type=kind, options=options,  # type: ignore[arg-type]
            connection="device",
        )
        for i, (address, kind, options) in enumerate(LAYOUT)
    )  # fmt: skip
    connection = dataclasses.replace(
        small.connections["line1"], name="device", connector="modbus-tcp", signals=tuple(range(len(LAYOUT)))
    )
    return dataclasses.replace(small, signals=signals, connections={"device": connection})


def showing(registry: Registry, values: tuple[Any, ...] = VALUES) -> list[Shown]:
    return [Shown(signal, 0, value) for signal, value in zip(registry.signals, values, strict=True)]


@pytest.fixture
async def face() -> AsyncIterator[ModbusFace]:
    registry = device()
    made = ModbusFace(registry, "device", endpoint="tcp://127.0.0.1:0")
    await made.start(showing(registry))
    yield made
    await made.stop()


@pytest.fixture
async def client(face: ModbusFace) -> AsyncIterator[AsyncModbusTcpClient]:
    made = AsyncModbusTcpClient("127.0.0.1", port=face.port, timeout=1, retries=0)
    await made.connect()
    yield made
    made.close()


def raw(words: Sequence[int], form: str) -> Any:
    return struct.unpack(form, b"".join(word.to_bytes(2, "big") for word in words))[0]


async def test_registers_hold_the_values_in_their_word_orders(client: AsyncModbusTcpClient) -> None:
    holding = (await client.read_holding_registers(0, count=4)).registers
    assert raw(holding[:2], ">i") == -17
    assert raw([holding[3], holding[2]], ">f") == 925.5  # CDAB: low word first
    assert raw((await client.read_holding_registers(10, count=4)).registers, ">d") == 123456.789
    inputs = (await client.read_input_registers(4, count=4)).registers
    swapped = [((word & 0xFF) << 8) | word >> 8 for word in inputs]
    assert raw(swapped[:2], ">I") == 4_000_000_000  # BADC: bytes swapped
    assert raw([swapped[3], swapped[2]], ">f") == -0.25  # DCBA: both
    assert raw((await client.read_holding_registers(20, count=1)).registers, ">h") == 615  # (21.5 + 40) / 0.1
    other = await client.read_holding_registers(30, count=4, device_id=7)
    assert raw(other.registers, ">Q") == 2**63 + 5


async def test_bits_stand_at_their_addresses(client: AsyncModbusTcpClient) -> None:
    inputs = (await client.read_discrete_inputs(0, count=20)).bits[:20]
    assert [place for place, bit in enumerate(inputs) if bit] == [0, 19]
    coils = (await client.read_coils(0, count=8)).bits[:8]
    assert [place for place, bit in enumerate(coils) if bit] == [3]


async def test_what_changes_is_read_at_the_next_poll(face: ModbusFace, client: AsyncModbusTcpClient) -> None:
    registry = device()
    await face.show([Shown(registry.signals[0], 0, 99), Shown(registry.signals[5], 0, False)])
    assert raw((await client.read_holding_registers(0, count=2)).registers, ">i") == 99
    assert not (await client.read_discrete_inputs(0, count=1)).bits[0]


async def test_registers_that_do_not_exist_answer_with_an_exception(client: AsyncModbusTcpClient) -> None:
    assert (await client.read_holding_registers(5, count=2)).exception_code == 2
    assert (await client.read_holding_registers(500, count=1)).exception_code == 2


async def test_nobody_can_write(client: AsyncModbusTcpClient) -> None:
    answer = await client.write_register(0, 1)
    assert answer.isError()
    assert raw((await client.read_holding_registers(0, count=2)).registers, ">i") == -17


async def test_a_cut_device_refuses_and_comes_back(face: ModbusFace, client: AsyncModbusTcpClient) -> None:
    await client.read_holding_registers(0, count=2)
    await face.cut()
    with pytest.raises(ModbusException):
        await client.read_holding_registers(0, count=2)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", face.port)
    await face.restore()
    again = AsyncModbusTcpClient("127.0.0.1", port=face.port, timeout=2)
    await again.connect()
    assert raw((await again.read_holding_registers(0, count=2)).registers, ">i") == -17
    again.close()


async def test_a_frozen_device_does_not_answer(face: ModbusFace, client: AsyncModbusTcpClient) -> None:
    face.freeze(True)
    with pytest.raises(ModbusException):
        await client.read_holding_registers(0, count=2)
    face.freeze(False)
    again = AsyncModbusTcpClient("127.0.0.1", port=face.port, timeout=2)
    await again.connect()
    assert not (await again.read_holding_registers(0, count=2)).isError()
    again.close()


async def test_a_value_that_no_register_can_hold_is_counted(face: ModbusFace) -> None:
    registry = device()
    await face.show([Shown(registry.signals[0], 0, 2**40), Shown(registry.signals[3], 0, "text")])
    assert face.refused == 2


def test_an_address_that_is_none_says_what_would_be_right() -> None:
    wrong = dataclasses.replace(device().signals[0], address="holding 5")
    with pytest.raises(ValueError, match="hr:100:float32"):
        cell_of(wrong)


@settings(derandomize=True, deadline=None)
@given(value=st.floats(allow_nan=False, width=64), order=st.sampled_from(("ABCD", "CDAB", "BADC", "DCBA")))
def test_word_orders_can_be_turned_back(value: float, order: str) -> None:
    signal = dataclasses.replace(device().signals[0], address="hr:0:float64", options={"word_order": order})
    words = words_of(value, cell_of(signal))
    if order in ("BADC", "DCBA"):
        words = [((word & 0xFF) << 8) | word >> 8 for word in words]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    assert raw(words, ">d") == value
