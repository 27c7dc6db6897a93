"""Writes values over OPC UA and reads them back: what the machine holds afterwards is what is reported.

Before anything is written the signals are read: a machine that is not there, or a node that it does not
have, is found out while nothing was sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from asyncua import Client, ua

from taktwin.commander.driver import Carried, MachineAway, MachineRefused, MachineSilent
from taktwin.commander.opcua import WORLD, Session, Sessions, status_words, words
from taktwin.commander.permits import signal_of
from taktwin.contracts.machine_commands import MachineCommand, MachineData, ReadBack, Values, Wanted
from taktwin.plant.registry import Registry

FLOAT32_STEP = 2.0**-23  # relative: what a 32-bit number cannot tell apart
TRIES = 2  # of reaching the server: a session may have died since the last command


class _Slot(NamedTuple):
    wanted: Wanted
    node_id: ua.NodeId
    variant: ua.VariantType


class ValuesDriver:
    """Carries `Values` commands to OPC UA servers."""

    carries: tuple[type[MachineData], ...] = (Values,)

    def __init__(self, registry: Registry, sessions: Sessions) -> None:
        self._registry = registry
        self._sessions = sessions

    async def carry(self, command: MachineCommand, wish: MachineData) -> Carried:
        """Write, read back, and write the rest only where the first came back as wanted."""
        assert isinstance(wish, Values), "asked only for what it carries"
        session, client, slots = await self._found(command, [*wish.values, *wish.then])
        first, then = slots[: len(wish.values)], slots[len(wish.values) :]
        found: list[ReadBack] = []
        try:
            for part in filter(None, (first, then)):
                found += await self._written(command, client, part)
                if not all(each.same for each in found):
                    break
        except WORLD as error:
            await session.drop()
            raise MachineSilent(f"{session.endpoint}: {words(error)}") from error
        left = [ReadBack(signal=each.signal, wanted=each.value)
                for each in [*wish.values, *wish.then][len(found) :]]  # fmt: skip
        return Carried(values=(*found, *left))

    async def _found(
        self, command: MachineCommand, wanted: Sequence[Wanted]
    ) -> tuple[Session, Client, list[_Slot]]:
        """Return session and nodes, each read once; raise where the machine does not have them."""
        signals = [signal_of(self._registry, command.work_unit, each.signal) for each in wanted]
        assert all(signals), "permitted, so it is a signal of the plant"
        session = self._sessions.of(next(each.connection for each in signals if each is not None))
        for left in reversed(range(TRIES)):
            client = await session.client()
            try:
                ids = [session.node_id(each.address) for each in signals if each is not None]
                held = await client.uaclient.read_attributes(ids, ua.AttributeIds.Value)
            except ValueError as error:
                raise MachineRefused(command.work_unit, str(error), "a node that the server has") from error
            except WORLD as error:
                await session.drop()
                if not left:
                    raise MachineAway(f"{session.endpoint}: {words(error)}") from error
                continue
            break
        slots = []
        for each, node_id, value in zip(wanted, ids, held, strict=True):
            if value.StatusCode is not None and value.StatusCode.is_bad():
                raise MachineRefused(f"{command.work_unit}/{each.signal}", status_words(value.StatusCode),
                                     "a node that can be read")  # fmt: skip
            assert value.Value is not None, "a good value has one"
            slots.append(_Slot(each, node_id, value.Value.VariantType))
        return session, client, slots

    async def _written(
        self, command: MachineCommand, client: Client, slots: Sequence[_Slot]
    ) -> list[ReadBack]:
        parameters = ua.WriteParameters()
        parameters.NodesToWrite = [_write(slot) for slot in slots]
        statuses = await client.uaclient.write(parameters)
        bad = [(slot, status) for slot, status in zip(slots, statuses, strict=True) if not status.is_good()]
        if bad:
            slot, status = bad[0]
            raise MachineRefused(
                f"{command.work_unit}/{slot.wanted.signal}", status_words(status),
                "a value that the machine takes",
                tuple(ReadBack(signal=each.wanted.signal, wanted=each.wanted.value, status=status_words(said))
                      for each, said in bad),
            )  # fmt: skip
        ids = [slot.node_id for slot in slots]
        held = await client.uaclient.read_attributes(ids, ua.AttributeIds.Value)
        return [_read_back(slot, value) for slot, value in zip(slots, held, strict=True)]


def _write(slot: _Slot) -> ua.WriteValue:
    value: Any = slot.wanted.value
    if slot.variant in (ua.VariantType.Float, ua.VariantType.Double):
        value = float(value)
    # Without stamps of ours: most servers take no value that carries them.
    written = ua.DataValue(ua.Variant(value, slot.variant), SourceTimestamp=None, ServerTimestamp=None)
    return ua.WriteValue(NodeId=slot.node_id, AttributeId=ua.AttributeIds.Value, Value=written)


def _read_back(slot: _Slot, value: ua.DataValue) -> ReadBack:
    wanted = slot.wanted
    if value.Value is None or (value.StatusCode is not None and not value.StatusCode.is_good()):
        status = "" if value.StatusCode is None else status_words(value.StatusCode)
        return ReadBack(signal=wanted.signal, wanted=wanted.value, status=status)
    found = value.Value.Value
    if not isinstance(found, bool | int | float | str):
        found = str(found)
    return ReadBack(
        signal=wanted.signal, wanted=wanted.value, found=found, same=same(wanted, found, slot.variant)
    )


def same(wanted: Wanted, found: bool | int | float | str, variant: ua.VariantType) -> bool:
    """Return whether what was read back is what was wanted, as exactly as its type can say it."""
    numbers = isinstance(wanted.value, int | float) and isinstance(found, int | float)
    if not numbers or isinstance(wanted.value, bool) or isinstance(found, bool):
        return type(found) is type(wanted.value) and found == wanted.value
    value, other = float(wanted.value), float(found)
    rounding = abs(value) * FLOAT32_STEP if variant is ua.VariantType.Float else 0.0
    return math.isfinite(other) and abs(other - value) <= wanted.tolerance + rounding
