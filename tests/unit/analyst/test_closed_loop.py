"""From live values to a proven recommendation in the ledger: real historian, what-if and ledger, one bus.

Twin and MES are stood in for by a picture and a board, as they say them; everything else is the product's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.analyst import service
from taktwin.analyst.maintenance.tool_change import ToolChange, watched
from taktwin.analyst.proposal import Course
from taktwin.analyst.service import PATIENCE_NS, AnalystService
from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Message
from taktwin.clock import ScaledClock
from taktwin.contracts import recommendation, samples, state, topics
from taktwin.contracts.analyst import UNMEASURED, Predicted, Promote, Promoted, Status, Unmeasured
from taktwin.contracts.recommendation import (
    AdviceMessage,
    Answer,
    Carry,
    Decide,
    Observed,
    Outcome,
    Range,
    Recommendation,
    Result,
    State,
    Words,
    command_id,
)
from taktwin.contracts.samples import Scan
from taktwin.contracts.vouching import silent_after_ns
from taktwin.errors import BusError
from taktwin.historian.engine import Policy
from taktwin.historian.service import HistorianService
from taktwin.history.hot import DuckHistory
from taktwin.identity import SignalId
from taktwin.ledger import api
from taktwin.ledger.carrying import MesFact
from taktwin.ledger.desk import Desk
from taktwin.ledger.engine import Told
from taktwin.storage.stores import MemoryStore
from taktwin.whatif.service import WhatIfService
from tests import support_advice
from tests.unit.analyst.lathe import values
from tests.unit.whatif.test_whatif import NOON, REGISTRY, order, picture

SITE = (REGISTRY.enterprise, REGISTRY.site)
SECOND = 10**9


class House:
    """A bus with everybody who takes part."""

    def __init__(self, folder: Path, *, speed: float = 1.0, rest_s: float = 0.0) -> None:
        self.clock = ScaledClock(epoch_ns=NOON, wall_epoch_ns=time.time_ns(), speed=speed)
        self.hub = MemoryHub(self.clock)
        self.others = self.hub.connect()
        self.store = DuckHistory(folder / "history", site=SITE[1], join_ns=silent_after_ns(1.0))
        common: dict[str, Any] = {
            "registry": REGISTRY,
            "clock": self.clock,
            "memory_mb": lambda: 1.0,
            "pid": 1,
        }
        self.historian = HistorianService(
            bus=self.hub.connect(), store=self.store, policy=Policy(commit_s=0.01), disk_free=lambda: 10**12,
            **common,
        )  # fmt: skip
        self.whatif = WhatIfService(bus=self.hub.connect(), **common)
        self.analyst = AnalystService(
            bus=self.hub.connect(), folder=folder / "models", round_s=86_400.0, rest_s=rest_s, **common
        )
        self.memory = MemoryStore()
        self.ledger = Desk(self.memory, self.clock.now_ns)
        self.advice: list[str] = []
        self.told: list[str] = []  # what the analyst said to the ledger
        self.refuses: set[str] = set()  # what of it the ledger does not take
        self.sequence = 0

    async def say(self, rows: list[tuple[str, int, float]]) -> None:
        """Publish values as a gateway does."""
        place = REGISTRY.equipment[rows[0][0].partition("/")[0]].place  # type: ignore[index]
        for first in range(0, len(rows), 2000):
            batch = rows[first : first + 2000]
            self.sequence += 1
            scan = Scan(
                registry=REGISTRY.prefix, connector="line1", epoch_ns=1, sequence=self.sequence, t0_ns=NOON,
                signals=[REGISTRY.by_id[SignalId(name)].index for name, _, _ in batch],
                dt_ns=[at_ns - NOON for _, at_ns, _ in batch], values=[value for _, _, value in batch],
            )  # fmt: skip
            await self.others.publish_durable(topics.sample(place), samples.encode(scan))

    async def stand_in(self, *, quantity: int = 60) -> None:
        """Let twin, MES and ledger answer."""
        board = {"lines": order("o1", quantity, product="SH-100"), "over": [], "at_ns": NOON}
        answers = {
            ("twin", "snapshot"): lambda: state.encode(
                picture(self.clock.now_ns(), turn1="production", turn2="production")
            ),
            ("mes", "board"): lambda: msgspec.msgpack.encode(board),
        }

        def answering(make: Callable[[], bytes]) -> Callable[[Message], Any]:
            async def answer(message: Message) -> bytes:
                return make()

            return answer

        for (owner, name), make in answers.items():
            await self.others.serve(topics.query(*SITE, owner, name), answering(make))

        def asked(query: Callable[..., Any]) -> Callable[[Message], Any]:
            async def answer(message: Message) -> bytes:
                wish = msgspec.msgpack.decode(message.payload)
                return msgspec.msgpack.encode(query(self.memory.book, wish, self.clock.now_ns()))

            return answer

        for name in (recommendation.DUE, recommendation.INBOX, recommendation.ONE, recommendation.RECORD):
            await self.others.serve(topics.query(*SITE, "ledger", name), asked(api.QUERIES[name]))

        async def decide(message: Message) -> bytes:
            said = recommendation.decode(message.payload)
            assert (said.actor, said.actor_type) == ("analyst", "ai")
            self.told.append(said.name)
            if said.name in self.refuses:
                return recommendation.encode(Answer(accepted=False, place="here", found="x", right="y"))
            if said.name == "propose":
                self.advice.append(msgspec.json.decode(said.data)["proposal"]["id"])
            return recommendation.encode(self.ledger.execute(said))

        await self.others.serve(topics.command(*SITE, "ledger", ">"), decide)

    @asynccontextmanager
    async def open(self, *rows: list[tuple[str, int, float]]) -> AsyncIterator[None]:
        """Let everybody run, with a history."""
        stop = asyncio.Event()
        running = [asyncio.create_task(each.run(stop)) for each in (self.historian, self.whatif)]
        try:
            for each in rows:
                await self.say(each)
            last = await self.others.last_sequence("SAMPLES")
            await self.until(lambda: self.store.positions().get("SAMPLES", 0) == last)
            await self.until(lambda: self.whatif.api is not None)
            running.append(asyncio.create_task(self.analyst.run(stop)))
            yield
        finally:
            stop.set()
            await asyncio.gather(*running)
            self.store.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something."""
        async with self.clock.timeout(240):
            while not condition():
                await self.clock.wall_sleep(0.01)

    async def ask(self, name: str, kind: Any) -> Any:
        """Ask the analyst."""
        return msgspec.msgpack.decode(
            await self.others.request(topics.query(*SITE, "analyst", name), b""), type=kind
        )

    async def round_over(self) -> Status:
        """Return the status once the analyst has something to say."""
        async with self.clock.timeout(240):
            while True:
                with contextlib.suppress(BusError):  # it has not begun to answer
                    status: Status = await self.ask("status", Status)
                    if status.silent or self.advice:
                        return status
                await self.clock.wall_sleep(0.02)

    def recommended(self, place: int = -1) -> Recommendation:
        """Return a recommendation as the ledger has it."""
        found = self.ledger.document(self.advice[place])
        assert found is not None
        return found

    async def promote(self) -> None:
        """Let the newest version go live."""
        version = (await self.ask("status", Status)).versions[-1].version
        promote = topics.command(*SITE, "analyst", "promote")
        wish = Promote(model="tool_wear", version=version, person="P07")
        said = await self.others.request(promote, msgspec.json.encode(wish))
        assert msgspec.json.decode(said, type=Promoted).accepted

    async def proposed_and_carried_out(self) -> None:
        """Wait for advice, take its model into use, and have what it then recommends done."""
        await self.until(lambda: bool(self.advice))
        await self.promote()
        await self.analyst.round()
        await self.until(lambda: len(self.advice) > 1)
        self.carried_out()

    def carried_out(self) -> None:
        """Let a person accept what was recommended, the MES have it done, and the ledger hear of it."""
        name = self.recommended().id

        def say(content: AdviceMessage) -> None:
            said = recommendation.make(content, message_id=f"{name}-{content.message_name}", actor="P01",
                                       actor_type="human")  # fmt: skip
            assert self.ledger.execute(said).accepted

        say(Decide(recommendation=name, version=self.recommended().version, accept=True, grant="seal"))
        say(Carry(recommendation=name))
        words = (("maintenance.order.opened", command_id(name)), ("maintenance.order.completed", ""))
        for place, (word, correlation) in enumerate(words, 1):
            fact = MesFact(
                word, "M1", self.clock.now_ns(), correlation, {"order": "M1", "work_unit": "turn1"}
            )
            self.ledger.hear([(place, Told(fact, f"/mes:{place}"))], stream="EVENTS", position=place)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_drifting_insert_becomes_a_proven_recommendation_that_a_person_may_decide_on(
    house: House,
) -> None:
    await house.stand_in()
    async with house.open(
        values("turn1", drift_um=36.0, age=285, tools=22), values("turn2", drift_um=8.0, age=40)
    ):
        await house.until(lambda: bool(house.advice))
        # Nobody has let the model go live: the ledger keeps what it says, and shows it to nobody.
        shadow = house.recommended()
        assert (shadow.state, shadow.proposal.model.shadow) == (State.VALIDATED, True)
        assert house.told.count("check") == 0, "how a version errs that is not in use is nobody's trust"
        [version] = (await house.ask("status", Status)).versions
        assert (
            version.stage == "shadow" and version.error is not None and version.error < ToolChange.error_max
        )
        assert {each.name for each in version.scores} >= {"tool_wear", "fixed life", "earlier tools"}

        promote = topics.command(*SITE, "analyst", "promote")
        nobody = Promote(model="tool_wear", version=version.version, person=" ")
        said = await house.others.request(promote, msgspec.json.encode(nobody))
        assert not msgspec.json.decode(said, type=Promoted).accepted
        wish = Promote(model="tool_wear", version=version.version, person="P07")
        said = await house.others.request(promote, msgspec.json.encode(wish))
        assert msgspec.json.decode(said, type=Promoted).accepted

        await house.analyst.round()
        await house.until(lambda: len(house.advice) > 1)
        made = house.recommended()
        proposal, proof = made.proposal, made.proposal.proof
        assert house.told.count("check") == 1
        assert made.state == State.PROPOSED and proposal.work_unit == "turn1" and not proposal.model.shadow
        assert house.recommended(0).state == State.SUPERSEDED
        assert proposal.action.data["kind"] == "tool_change" and proposal.action.data["work_unit"] == "turn1"
        assert proposal.watches == list(watched("turn1", "insert"))
        assert {"nothing", "now", "never"} <= {each.name for each in proof.alternatives}
        loss, scrap = proposal.effects[0], next(e for e in proposal.effects if e.indicator == "scrap")
        assert loss.unit == "EUR" and loss.difference.mean + loss.difference.half_width < 0
        assert scrap.difference.mean < -5 and scrap.nothing.mean > scrap.action.mean
        assert (
            0
            < proposal.forecast.in_s.p10
            <= proposal.forecast.in_s.mean
            <= proposal.forecast.in_s.p90
            < 4 * 3600
        )
        assert proof.validity.epochs >= 5 and proof.common_random_numbers

        # A round later it stands: nobody is told twice.
        await house.analyst.round()
        assert len(house.advice) == 2
        predicted = {each.work_unit: each for each in await house.ask("predictions", list[Predicted])}
        assert predicted["turn1"].median is not None and not predicted["turn1"].shadow

        # The machine says that another tool is in: what was to be prevented is over, and the ledger hears it.
        after = NOON + SECOND
        await house.say([("turn1/tool/number", after, 77)])
        await house.until(lambda: house.clock.now_ns() > after)
        await house.analyst.round()
        assert house.recommended().state == State.SUPERSEDED


async def test_what_was_carried_out_says_what_its_measure_waits_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.stand_in()
    async with house.open(
        values("turn1", drift_um=36.0, age=285, tools=22), values("turn2", drift_um=8.0, age=40)
    ):
        await house.proposed_and_carried_out()

        await house.analyst.round()
        [told] = await house.ask(UNMEASURED, list[Unmeasured])
        assert (told.recommendation, told.says.code) == (house.recommended().id, "tool_change.waits_change")
        after = NOON + SECOND
        await house.say([("turn1/tool/number", after, 77)])
        await house.until(lambda: house.clock.now_ns() > after)
        await house.analyst.round()
        [told] = await house.ask(UNMEASURED, list[Unmeasured])
        proof = house.recommended().proposal.proof
        assert (told.says.code, told.says.values) == ("tool_change.waits_span", {"made": 0.0})
        assert not [key for key in (await house.ask("status", Status)).silent if "withdraw" in key], (
            "what a person has accepted is nobody's to withdraw, and that is no fault"
        )
        assert told.until_ns == proof.state_ns + round(proof.horizon_s * SECOND) and not told.over

        # What the ledger does not take is no secret either.
        wrong = support_advice.outcome(house.recommended(), -9.0, now_ns=house.clock.now_ns())
        monkeypatch.setattr(ToolChange, "outcome", lambda *_: wrong)
        await house.analyst.round()
        [told] = await house.ask(UNMEASURED, list[Unmeasured])
        assert told.says.code == "analyst.ledger_refused" and told.says.values["place"] == "observed_effect"


async def measured_by_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let what was carried out be measured over a minute of parts, and return when that is over."""
    promised = house.recommended().proposal.effects[0].difference
    to_ns = house.recommended().execution.done_ns + 60 * SECOND  # type: ignore[union-attr]
    await house.until(lambda: house.clock.now_ns() > to_ns)

    def found(*_: object) -> Outcome:
        """Stand in for hours of parts: what they came to is tested beside this."""
        done_ns = house.recommended().execution.done_ns  # type: ignore[union-attr]
        loss = Observed(
            indicator="loss", unit="EUR", measured=Range(mean=-9.0, p10=-10.0, p90=-8.0),
            promised=Range(mean=promised.mean, p10=promised.p10, p90=promised.p90),
        )  # fmt: skip
        return Outcome(
            result=Result.EFFECTIVE, observed_effect=[loss], counterfactual_id="parts", from_ns=done_ns,
            measured_how=Words(code="tool_change.measured", text="By its parts."), to_ns=to_ns,
        )  # fmt: skip

    def again(*_: object) -> tuple[Course, Course]:
        says, down = Words(code="x", text="x"), {"change": "unit_down", "unit": "turn1", "from_s": 0.0}
        bad = {"change": "yield_scaled", "product": "SH-100", "step": "10", "times": 0.5}
        good = {**bad, "times": 0.9}
        return (
            Course("nothing", says, 0, ((bad, {**down, "to_s": 60.0}),) * 8, (0.0,) * 8),
            Course("done", says, 0, ((good, {**down, "to_s": 300.0}),) * 8, (0.0,) * 8),
        )

    monkeypatch.setattr(ToolChange, "outcome", found)
    monkeypatch.setattr(ToolChange, "again", again)
    return to_ns


async def test_a_measured_effect_is_played_again_by_the_twin_from_the_picture_of_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, speed=30.0)
    await house.stand_in()
    async with house.open(
        values("turn1", drift_um=36.0, age=285, tools=22), values("turn2", drift_um=8.0, age=40)
    ):
        await house.proposed_and_carried_out()
        proof, name = house.recommended().proposal.proof, house.recommended().id
        to_ns = await measured_by_parts(house, monkeypatch)
        # Nobody remembers the instant yet: it waits for that, and says so.
        await house.analyst.round()
        [told] = await house.ask(UNMEASURED, list[Unmeasured])
        assert told.says.code == "analyst.waits_twin" and not told.over
        assert to_ns + PATIENCE_NS < told.until_ns <= told.at_ns + PATIENCE_NS, "counted from the first try"

        shown: list[int] = []

        async def show(message: Message) -> bytes:
            shown.append(msgspec.msgpack.decode(message.payload)["at_ns"])
            return state.encode(picture(shown[-1], turn1="production", turn2="production"))

        async def close(message: Message) -> bytes:
            return b""

        await house.others.serve(topics.query(*SITE, "recorder", "open"), show)
        await house.others.serve(topics.query(*SITE, "recorder", "close"), close)
        await house.analyst.round()
        assert shown == [proof.state_ns]
        document = house.ledger.document(name)
        assert document is not None and document.state is State.MEASURED and document.outcome is not None
        outcome = document.outcome
        assert outcome.measured_how.code == "tool_change.measured_again", outcome.measured_how
        assert outcome.counterfactual_id not in ("parts", proof.scenario_id)
        assert {each.indicator for each in outcome.observed_effect} == {
            "loss", "scrap", "late_orders", "parts_done"
        }  # fmt: skip
        assert await house.ask(UNMEASURED, list[Unmeasured]) == []


async def test_what_the_twin_cannot_play_again_in_time_is_measured_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PATIENCE_NS", 300 * SECOND)
    house = House(tmp_path, speed=30.0)
    await house.stand_in()
    async with house.open(
        values("turn1", drift_um=36.0, age=285, tools=22), values("turn2", drift_um=8.0, age=40)
    ):
        await house.proposed_and_carried_out()
        await measured_by_parts(house, monkeypatch)
        name = house.recommended().id
        await house.analyst.round()  # nobody remembers the instant of the proof, and nobody ever will
        [told] = await house.ask(UNMEASURED, list[Unmeasured])
        assert (told.recommendation, told.says.code) == (name, "analyst.waits_twin")
        await house.until(lambda: house.clock.now_ns() >= told.until_ns)
        await house.analyst.round()
        assert await house.ask(UNMEASURED, list[Unmeasured]) == []
        document = house.ledger.document(name)
        assert document is not None and document.state is State.MEASURED and document.outcome is not None
        assert document.outcome.counterfactual_id == "parts"
        assert "was not played again" in document.outcome.measured_how.text


@pytest.mark.parametrize(("speed", "wall_s"), [(1.0, 60.0), (10.0, 6.0), (240.0, 1.0)])
def test_the_twin_is_left_to_others_in_plant_time_and_a_moment_at_least(
    tmp_path: Path, speed: float, wall_s: float
) -> None:
    house = House(tmp_path, speed=speed, rest_s=60.0)
    assert house.analyst._rest_ns == round(wall_s * 1e9)


async def test_the_twin_is_left_to_others_between_two_questions(tmp_path: Path) -> None:
    house = House(tmp_path, rest_s=3600.0)
    await house.stand_in()
    async with house.open(*(values(unit, drift_um=36.0, age=285, tools=22) for unit in ("turn1", "turn2"))):
        await house.until(lambda: bool(house.advice))
        for _ in range(2):
            await house.analyst.round()
        assert house.analyst._counts["asked"] == 1.0 and len(house.advice) == 1


async def test_a_plant_without_drift_hears_nothing(house: House) -> None:
    await house.stand_in()
    async with house.open(values("turn1", drift_um=0.0, age=385), values("turn2", drift_um=0.0, age=200)):
        status = await house.round_over()
        assert not house.advice
        assert "nothing is expected" in status.silent["tool_change at turn1.insert.turned_diameter"]


async def test_with_the_historian_away_it_says_so_and_goes_on_living(house: House) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(house.analyst.run(stop))
    status = await house.round_over()
    assert "historian does not answer" in status.silent["all"]
    stop.set()
    await running
    house.store.close()
