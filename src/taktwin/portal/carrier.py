"""Carries what people accepted to the MES, under their names, each once.

The ledger keeps what was accepted; this comes for it, at once where the person waits and again and again
where something was away or died in between. The command has always the same id, so the MES does it once.
"""

from __future__ import annotations

import logging

import msgspec

from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.contracts import commands, topics
from taktwin.contracts import recommendation as contract
from taktwin.contracts.commands import Command
from taktwin.contracts.recommendation import UNCARRIED, AdviceMessage, Answer, Carried, Carry, Refuse
from taktwin.errors import BusError
from taktwin.plant.registry import Registry
from taktwin.portal.grants import Grants, Wanted
from taktwin.portal.questions import Questions

LOOK_EVERY_S = 2.0
ASK_S = 5.0
PORTAL = "portal"
log = logging.getLogger(__name__)


class Carrier:
    """The way from the ledger to the MES, for this site."""

    def __init__(
        self, registry: Registry, bus: Bus, clock: Clock, questions: Questions, grants: Grants
    ) -> None:
        self._registry = registry
        self._bus = bus
        self._clock = clock
        self._questions = questions
        self.grants = grants
        self.forged = 0  # what the ledger had, and too few people wanted
        self._away = False

    async def run(self) -> None:
        """Carry for ever whatever waits."""
        while True:
            failed = ""
            try:
                waiting = await self._questions.ask_values(contract.OWNER, UNCARRIED, {})
            except BusError as error:
                failed, waiting = str(error), []
            for recommendation in waiting if isinstance(waiting, list) else ():
                try:
                    await self.carry(str(recommendation))
                except BusError as error:  # the others do not wait for this one
                    failed = f"{recommendation}: {error}"
            if failed and not self._away:  # once on the way down
                log.warning("what was accepted waits: %s", failed)
            self._away = bool(failed)
            await self._clock.wall_sleep(LOOK_EVERY_S)

    async def carry(self, recommendation: str) -> None:
        """Carry one, or find that it is not to be carried. Raises BusError where somebody is away."""
        answer = await self.tell(Carry(recommendation=recommendation), message_id=f"carry:{recommendation}")
        carried = answer.carried
        if carried is None:
            return  # superseded meanwhile, or the MES has it already
        wanted = self.grants.all_opened(carried.grants, recommendation, carried.action)
        if carried.command_id != contract.command_id(recommendation):
            wanted = f"the command {carried.command_id}"
        if isinstance(wanted, str):
            self.forged += 1
            log.error("%s is not carried: found %s", recommendation, wanted)
            await self._refuse(recommendation, "seal", wanted, "the seal of each who must want it, made here")
            return
        if self._clock.now_ns() >= wanted.until_ns:  # the ledger lets it fail, unless the MES has it already
            return
        await self._to_mes(recommendation, carried, wanted)

    async def _to_mes(self, recommendation: str, carried: Carried, wanted: Wanted) -> None:
        command = Command(
            id=carried.command_id, name=carried.action.command, actor=wanted.person, actor_type="human",
            reason=f"recommendation {recommendation}", reach=wanted.reach,
            data=msgspec.Raw(msgspec.json.encode(carried.action.data)),
        )  # fmt: skip
        subject = topics.command(self._registry.enterprise, self._registry.site, "mes", command.name)
        said = await self._bus.request(subject, commands.encode(command), timeout_s=ASK_S)
        try:
            answer = commands.decode_answer(said)
        except msgspec.DecodeError as error:
            raise BusError(f"the MES answered something else: {error}") from error
        if answer.code == "away":
            raise BusError(f"the MES: {answer.place}: {answer.found}")
        if not answer.accepted:
            await self._refuse(recommendation, answer.place, answer.found, answer.right)
        elif not answer.events:  # it would be waited for without end what becomes of it
            await self._refuse(
                recommendation, command.name, "that the MES took it and had nothing to do: it is so",
                "something that is not done yet",
            )  # fmt: skip

    async def _refuse(self, recommendation: str, place: str, found: str, right: str) -> None:
        wish = Refuse(recommendation=recommendation, place=place, found=found, right=right)
        await self.tell(wish, message_id=f"refuse:{recommendation}")

    async def tell(
        self, content: AdviceMessage, *, message_id: str, actor: str = PORTAL, actor_type: str = "service"
    ) -> Answer:
        """Tell the ledger something. Raises BusError where it is away."""
        message = contract.make(content, message_id=message_id, actor=actor, actor_type=actor_type)
        subject = topics.command(self._registry.enterprise, self._registry.site, contract.OWNER, message.name)
        said = await self._bus.request(subject, contract.encode(message), timeout_s=2 * ASK_S)
        try:
            answer = contract.decode_answer(said)
        except msgspec.DecodeError as error:
            raise BusError(f"the ledger answered something else: {error}") from error
        if answer.code == "away":
            raise BusError(f"the ledger: {answer.place}: {answer.found}")
        return answer
