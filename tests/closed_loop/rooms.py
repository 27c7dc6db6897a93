"""The rooms beside plant and MES, in one process over the bus in memory, in plant time.

What-if and the analyst are the product's services. The twin is its engine behind the same question; the
historian its store and its answers; the ledger its desk over a store in memory, which PostgreSQL's has been
proven to equal. Plant time stands still while they talk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from taktwin.analyst.remembering import FACTS
from taktwin.analyst.service import AnalystService
from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Message
from taktwin.bus.streams import plans
from taktwin.clock import VirtualClock
from taktwin.contracts import commands, events, samples, state, topics
from taktwin.contracts import recommendation as contract
from taktwin.contracts.analyst import STATUS, Status
from taktwin.contracts.commands import Answer as MesAnswer
from taktwin.errors import BusError
from taktwin.historian import columns
from taktwin.historian.api import Api
from taktwin.historian.columns import Decoder
from taktwin.history.hot import DuckHistory
from taktwin.history.requests import OWNER as HISTORIAN
from taktwin.history.requests import StatusAnswer, status_of
from taktwin.history.store import Batch, EventRow, IntervalRow
from taktwin.identity import EquipmentId, Place
from taktwin.ledger import actions
from taktwin.ledger.api import QUERIES as LEDGER_QUERIES
from taktwin.ledger.carrying import MesFact
from taktwin.ledger.desk import Desk as Ledger
from taktwin.ledger.engine import Told
from taktwin.mes.api import QUERIES as MES_QUERIES
from taktwin.mes.desk import Desk as Mes
from taktwin.mes.desk import event_of
from taktwin.plant.registry import Registry
from taktwin.portal.carrier import Carrier
from taktwin.portal.grants import Grants
from taktwin.portal.questions import Questions
from taktwin.storage.journal import Entry
from taktwin.storage.stores import MemoryStore
from taktwin.twin import snapshot
from taktwin.twin.engine import TwinEngine
from taktwin.twin.frames import Framer
from taktwin.whatif.service import WhatIfService

KEY = b"the seal of a portal that goes with its process"
HOUR_NS = 3600 * 10**9
KEPT_NS = 48 * HOUR_NS  # of what the twin showed: an effect is measured within that
REST_S = 60.0  # plant seconds that the twin is left to others between two questions, as in the product
T = TypeVar("T")


class PlantTime(VirtualClock):
    """Plant time, which stands still while somebody talks. Who sleeps is never woken: rounds are called."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        super().__init__(now_ns())
        self._plant_ns = now_ns

    def now_ns(self) -> int:
        """Return plant time."""
        return self._plant_ns()

    def monotonic_ns(self) -> int:
        """Return the same: nothing lasts here."""
        return self._plant_ns()


@dataclass
class Historian:
    """What machines, MES and twin said, in the product's store."""

    store: DuckHistory
    registry: Registry
    _waiting: list[Message] = field(default_factory=list)
    _events: list[EventRow] = field(default_factory=list)
    _intervals: list[IntervalRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        units = {topics.sample(e.place): str(e.id) for e in self.registry.equipment.values() if e.signals}
        self._decoder = Decoder(units)
        self._subjects = {unit: subject for subject, unit in units.items()}
        names = [signal.id for signal in self.registry.signals]
        self._decoder.learn(self.registry.prefix, self.store.learn(self.registry.prefix, names))

    def hear(self, unit: str, payload: bytes) -> None:
        """Take a scan."""
        self._waiting.append(Message(self._subjects[unit], payload, {}, 0, 0))

    def told(self, subject: str, payload: bytes, now_ns: int) -> None:
        """Take an event of the MES."""
        row = columns.event_row(Message(subject, payload, {}, 0, 0), now_ns)
        assert isinstance(row, EventRow), row
        self._events.append(row)

    def stayed(self, subject: str, payload: bytes, now_ns: int) -> None:
        """Take an interval of the twin."""
        row = columns.interval_row(Message(subject, payload, {}, 0, 0), now_ns)
        assert isinstance(row, IntervalRow), row
        self._intervals.append(row)

    def commit(self, now_ns: int) -> None:
        """Write down what was heard."""
        self._decoder.hear(self._waiting)
        self._waiting = []
        found, refused = self._decoder.take(now_ns)
        assert not refused, refused[:1]
        self.store.append(Batch(samples=found, events=self._events, intervals=self._intervals))
        self._events, self._intervals = [], []

    def status(self) -> StatusAnswer:
        """Return how much there is."""
        return status_of(self.store.status(), state="running")


class Rooms:
    """Twin, what-if, historian, analyst, ledger, and the portal's way from the ledger to the MES."""

    def __init__(
        self, registry: Registry, mes: Mes, entries: Sequence[Entry], book: Any, definitions: Any,
        now_ns: Callable[[], int], folder: Path, *, pace: float,
    ) -> None:  # fmt: skip
        self.registry, self.now_ns = registry, now_ns
        self._mes, self._entries, self._book, self._definitions = mes, entries, book, definitions
        self._told = 0  # entries of the MES that the ledger has heard
        self.clock = PlantTime(now_ns)
        self.hub = MemoryHub(self.clock, [each for each in plans() if each.name != topics.STREAM_SAMPLES])
        self.bus = self.hub.connect()
        self.site = (registry.enterprise, registry.site)
        self.twin = TwinEngine(registry, speed=pace)
        self._framer = Framer(self.twin)
        store = DuckHistory(folder / "history", site=registry.site, join_ns=self.twin.gap_ns)
        self.historian = Historian(store, registry)
        self._answers = Api(store, registry, self.historian.status, now_ns=now_ns)
        self._pictures: dict[int, bytes] = {}  # plant time -> what the twin showed then: the recorder's part
        self.ledger_store = MemoryStore()
        self.ledger = Ledger(self.ledger_store, now_ns)
        common: dict[str, Any] = {
            "registry": registry, "clock": self.clock, "memory_mb": lambda: 0.0, "pid": 1,
        }  # fmt: skip
        self.whatif = WhatIfService(bus=self.hub.connect(), **common)
        self.analyst = AnalystService(
            bus=self.hub.connect(), folder=folder / "models", round_s=1e9, rest_s=REST_S, **common
        )
        questions = Questions(self.bus, enterprise=self.site[0], site=self.site[1])
        self.carrier = Carrier(registry, self.bus, self.clock, questions, Grants(KEY))
        self.asked: list[tuple[int, str]] = []  # when the twin was asked for what
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []
        self.do(self._open())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Let something be talked over; plant time stands still meanwhile."""
        return self._loop.run_until_complete(work)

    async def _open(self) -> None:
        serve, query, command = self.bus.serve, self.query, self.command
        await serve(query("twin", "snapshot"), self._picture)
        for name in ("range", "as_of", "events", "intervals", "status"):
            await serve(query(HISTORIAN, name), self._remember(name))
        await serve(query("recorder", "open"), self._show_again)
        await serve(query("recorder", "close"), self._nothing)
        for name in LEDGER_QUERIES:
            await serve(query(contract.OWNER, name), self._look_up(name))
        await serve(query("mes", "board"), self._board)
        await serve(command(contract.OWNER, ">"), self._decide)
        await serve(command("mes", ">"), self._request)
        self._running.append(asyncio.create_task(self.whatif.run(self._stop)))
        # The compiler takes seconds of the wall, of which the clock here knows nothing.
        while self.whatif.api is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self._running.append(asyncio.create_task(self.analyst.run(self._stop)))
        while (await self.analyst_says()).state != "running":  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def analyst_says(self) -> Status:
        """Return what the analyst says of itself."""
        while True:
            with contextlib.suppress(BusError):  # it has not begun to answer
                said = await self.bus.request(self.query("analyst", STATUS), b"")
                return msgspec.msgpack.decode(said, type=Status)
            await asyncio.sleep(0.01)

    def query(self, owner: str, name: str) -> str:
        """Return the subject of a question."""
        return topics.query(*self.site, owner, name)

    def command(self, owner: str, name: str) -> str:
        """Return the subject of a command."""
        return topics.command(*self.site, owner, name)

    # What they hear

    def hear(self, unit: str, scan: samples.Scan) -> None:
        """Let everybody hear what a machine says."""
        self.twin.apply_scan(unit, scan)
        payload = samples.encode(scan)
        self.historian.hear(unit, payload)
        if scan.signals:
            place = self.registry.equipment[unit].place  # type: ignore[index]
            self.hub.say(topics.sample(place), payload, {})

    def hear_mes(self) -> None:
        """Let the ledger hear what the MES has written since."""
        source, found = f"/{self.site[0]}/{self.site[1]}/mes", []
        for entry in self._entries[self._told :]:
            data = msgspec.json.decode(entry.content, type=dict[str, Any])
            unit = self.registry.equipment.get(EquipmentId(data.get("work_unit", "")))
            place = Place(*self.site) if unit is None else unit.place
            subject, event = topics.event(place, entry.event_type), events.encode(event_of(entry, source))
            self.historian.told(subject, event, self.now_ns())
            if entry.event_type in FACTS:
                self.hub.say(subject, event, {})
            if not _may_matter(entry):
                continue
            fact = MesFact(entry.event_type, entry.subject, entry.time_ns, entry.correlation, data)
            if actions.matters(fact):
                found.append((entry.sequence, Told(fact, f"{source}:{entry.sequence:020d}")))
        self._told = len(self._entries)
        if found:
            self.ledger.hear(found, stream=topics.STREAM_EVENTS, position=self._told)

    def round(self) -> None:
        """Let the analyst go through one round, and the ledger see what time has brought."""
        now_ns = self.now_ns()
        self._advance()
        if now_ns % HOUR_NS == 0:
            self.historian.commit(now_ns)
        self.hear_mes()
        self.ledger.tick()
        self.do(self.analyst.round())

    def _advance(self) -> None:
        """Let the twin see what time has brought, and history keep how long units were in what state."""
        now_ns = self.now_ns()
        for interval in self.twin.advance(now_ns).intervals:
            place = self.registry.equipment[EquipmentId(interval.unit)].place
            self.historian.stayed(topics.interval(place, "class"), msgspec.json.encode(interval), now_ns)

    # What they answer

    async def _picture(self, message: Message) -> bytes:
        now_ns = self.now_ns()
        self.asked.append((now_ns, "picture"))
        self._advance()
        frame = self._framer.full(at_ns=now_ns, mono_ns=now_ns, state_hash=snapshot.state_hash(self.twin))
        self._pictures = {at: each for at, each in self._pictures.items() if at > now_ns - KEPT_NS}
        self._pictures[now_ns] = state.encode(frame)
        return self._pictures[now_ns]

    async def _show_again(self, message: Message) -> bytes:
        """Play the recorder's part: whoever wants to see an instant again was shown it then."""
        return self._pictures[msgspec.msgpack.decode(message.payload)["at_ns"]]

    async def _nothing(self, message: Message) -> bytes:
        return b""

    def _remember(self, name: str) -> Callable[[Message], Coroutine[Any, Any, bytes]]:
        async def answer(message: Message) -> bytes:
            self.hear_mes()
            self.historian.commit(self.now_ns())
            return self._answers.answer(name, message.payload)

        return answer

    def _look_up(self, name: str) -> Callable[[Message], Coroutine[Any, Any, bytes]]:
        async def answer(message: Message) -> bytes:
            wish = msgspec.msgpack.decode(message.payload, type=dict[str, Any]) if message.payload else {}
            found = LEDGER_QUERIES[name](self.ledger_store.book, wish, self.now_ns())
            return msgspec.msgpack.encode(found)

        return answer

    async def _board(self, message: Message) -> bytes:
        found = MES_QUERIES["board"](self._book, self._definitions, {}, self.now_ns())
        return msgspec.msgpack.encode(found)

    async def _decide(self, message: Message) -> bytes:
        return contract.encode(self.ledger.execute(contract.decode(message.payload)))

    async def _request(self, message: Message) -> bytes:
        answer: MesAnswer = self._mes.execute(commands.decode(message.payload))
        self.hear_mes()
        return commands.encode(answer)

    def close(self) -> None:
        """End; the history stays in its folder."""
        self.historian.commit(self.now_ns())
        self._stop.set()

        async def end() -> None:
            await asyncio.gather(*self._running)

        self.do(end())
        self._loop.close()
        self.historian.store.close()


def _may_matter(entry: Entry) -> bool:
    kind = entry.event_type
    return kind.startswith(("tool.", "maintenance.", "schedule.", "operations.", "job.")) or bool(
        entry.correlation.startswith(contract.COMMAND_IDS)
    )
