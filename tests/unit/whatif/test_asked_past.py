"""The room asked about the past over a bus: a question from an instant, and a back-test from end to end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from taktwin.bus.port import Message
from taktwin.clock import VirtualClock
from taktwin.contracts import events, state
from taktwin.contracts.backtest import Wish
from taktwin.contracts.whatif import PastError
from taktwin.history import requests
from taktwin.instants import rfc3339
from taktwin.simulation.run import warm_up
from taktwin.whatif.backtest_run import Predictor
from taktwin.whatif.backtests import Backtests
from taktwin.whatif.model import Parameters
from taktwin.whatif.past import Fact, Past
from tests.unit.whatif.played import HOUR, came_in, played
from tests.unit.whatif.test_actual import ASSEMBLY, LAST, ORDERS, what_came
from tests.unit.whatif.test_backtests import working
from tests.unit.whatif.test_past import Keeper
from tests.unit.whatif.test_service import QUESTION, House
from tests.unit.whatif.test_whatif import NOON, REGISTRY, SECOND, picture

TO = NOON + 6 * HOUR
WRONG = PastError(indicator="lead_time_h", error=0.17, limit=0.1, epochs=9, covered_80=0.4, covered_95=0.6)


def rows(told: list[Fact]) -> list[tuple[int, str, bytes]]:
    """Return facts as history keeps them."""
    found = []
    for fact in told:
        event = events.make(fact.content, source="/a/b/mes", sequence=fact.sequence, time_ns=fact.at_ns)
        found.append((fact.at_ns, event.sequence, events.encode(event)))
    return found


class Kept(Keeper):
    """A historian that has a course of the plant, and a twin that is silent by now."""

    stays: dict[str, Any]

    async def intervals(self, message: Message) -> bytes:
        flat = [(unit, *span) for unit, spans in self.stays.items() for span in spans]
        names = ("unit", "from_ns", "to_ns", "time_class")
        return requests.table_bytes(
            pa.table({name: [each[k] for each in flat] for k, name in enumerate(names)})
        )

    async def snapshot(self, message: Message) -> bytes:
        return state.encode(picture(TO, **{str(unit.id): "unknown" for unit in REGISTRY.work_units}))

    async def open(self, message: Message) -> bytes:
        self.sessions.append(msgspec.msgpack.decode(message.payload)["session"])
        return state.encode(ASSEMBLY)


async def test_a_back_test_asks_recorder_history_and_twin_and_scores_what_came(tmp_path: Path) -> None:
    warm_up()
    course = played(ASSEMBLY, ORDERS[:-LAST], to_ns=TO)
    keeper = Kept(rows(course.told))
    keeper.stays = course.stays
    await keeper.serve()

    async def at_once(work: Any) -> Any:
        return work()

    model = Predictor(REGISTRY, Parameters())
    tests = Backtests(
        registry=REGISTRY, clock=VirtualClock(TO + HOUR), past=Past(keeper.hub.connect(), REGISTRY),
        folder=tmp_path, do=at_once, model=lambda: model,
    )  # fmt: skip
    assert (await tests.begin(Wish(from_ns=NOON, days=0.25, every_s=6 * 3600.0, runs=19))).state == "begun"
    async with working(tests), asyncio.timeout(60):
        while (known := tests.known()).last is None:  # noqa: ASYNC110 - the answer is waited for
            await asyncio.sleep(0.01)
    (epoch,) = known.epochs
    assert not epoch.left_out and not keeper.sessions
    came = what_came(course).figures
    assert {each.indicator: each.actual for each in epoch.scored} == {
        each.indicator: came[each.indicator] for each in epoch.scored
    }
    assert len(epoch.scored) == 4 and known.model_version == model.version


async def test_a_question_from_an_instant_begins_with_the_plant_of_then_and_says_what_back_tests_say() -> (
    None
):
    house = House()
    house.service._errors = lambda: [WRONG]
    keeper = Keeper(rows([
        Fact(number, at_ns, content)
        for number, (at_ns, content) in enumerate(came_in("then", 20, at_ns=NOON - HOUR, good=(20, 20, 12)))
    ]))  # fmt: skip
    keeper.bus, keeper.hub = house.hub.connect(), house.hub
    await keeper.serve()
    async with house.open():
        await house.ready()
        at_ns = NOON + 60 * SECOND
        answer = await house.ask(msgspec.structs.replace(QUESTION, at_ns=at_ns))
        assert answer.state == "ready" and answer.snapshot is not None and answer.validity is not None
        assert answer.snapshot.state_ns == at_ns and [each.order for each in answer.orders] == ["then"]
        validity = answer.validity
        assert validity.back_tested and not validity.may_recommend and validity.errors == [WRONG]
        assert validity.notes[0].text == (
            "I do not advise on lead time today: my error was 17 %, the limit is 10 %."
        )
        later = await house.ask(msgspec.structs.replace(QUESTION, at_ns=2**62))
        assert later.state == "refused" and "expected an instant before" in later.reason
        before = await house.ask(msgspec.structs.replace(QUESTION, at_ns=NOON - 2 * HOUR))
        found, right = rfc3339(NOON - 2 * HOUR), f"{rfc3339(NOON - HOUR)} or later"
        assert before.state == "refused"
        assert before.reason == f"at_ns: {found}: expected {right}: history begins then"
        # History has a value from before anybody listened, as a server gives one with a stamp of yesterday.
        keeper.classes = {str(unit.id): "unknown" for unit in REGISTRY.work_units}
        unseen = await house.ask(msgspec.structs.replace(QUESTION, at_ns=at_ns))
        assert unseen.state == "refused" and "an instant at which the twin knew a work unit" in unseen.reason
        keeper.classes.pop(str(REGISTRY.work_units[0].id))
        assert (await house.ask(msgspec.structs.replace(QUESTION, at_ns=at_ns))).state == "ready"
