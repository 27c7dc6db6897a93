"""Kills in the running product while machines make parts and people book: nothing is lost or doubled.

One start of the demo plant. People book side by side; in between the MES with its relay, the commander,
a backend of PostgreSQL inside a transaction and PostgreSQL as a whole are killed, at drawn moments. Then
everything is compared: what people were answered, the journal, the tables, the backbone, and what the
machines themselves say that they made and were told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin import settings
from taktwin.bus.client import NatsBus
from taktwin.clock import SystemClock
from taktwin.contracts import events, topics
from taktwin.contracts.events import CloudEvent
from taktwin.mes.desk import rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.storage import database, journal
from taktwin.storage.book import Row, SqlBook
from taktwin.storage.journal import Entry
from taktwin.virtual_plant import truth
from taktwin.virtual_plant.truth import TruthReject, TruthTold
from tests.support_kills import (
    Asked,
    booked_wrongly,
    miscounted,
    orders_wrongly,
    out_of_sequence,
    told_wrongly,
)
from tests.system.product import TAKTWIN, Product, until
from tests.unit.mes.test_random_commands import UNTOLD

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="what is killed is found in /proc"),
]
SEED = 4
KILLS = ("mes", "commander", "backend", "commander", "server", "mes")
OPERATIONS = 8  # of the route of EA-100
BACK_S = 60.0  # until what was killed is back, on a busy machine
NAP_S = 0.05
PATIENCE_S = 0.5  # of people whom nobody answers


class People:
    """Some who book all the time, each under keys of their own; what nobody answered they try again later."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._over = threading.Event()
        self._hold = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.asked: list[Asked] = []

    def ask(self, name: str, /, **data: Any) -> Asked:
        """Ask under a new key, once."""
        with self._hold:
            one = Asked(f"kills-{len(self.asked):06d}", name, data)
            self.asked.append(one)
        self.send(one)
        return one

    def send(self, one: Asked) -> None:
        """Send it (again) and note what was answered."""
        body = {"data": one.data, "idempotency_key": one.key}
        try:
            one.answers.append((True, self._product.api(f"/mes/commands/{one.name}", body)))
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}")
            one.answers.append(None if error.code >= 500 else (False, said.get("found", "")))
        except (OSError, json.JSONDecodeError):
            one.answers.append(None)

    def work(self, *does: Callable[[int], Asked]) -> None:
        """Let each do its work, again and again, until all have to stop."""

        def go(do: Callable[[int], Asked]) -> None:
            number, nap_s = 0, NAP_S
            while not self._over.wait(nap_s):
                number += 1
                one = do(number)
                nap_s = NAP_S if one.answered is not None else PATIENCE_S
                if one.answered is None and number % 2 and not self._over.wait(PATIENCE_S):
                    self.send(one)  # the same touch once more; others go on with something else

        for do in does:
            thread = threading.Thread(target=go, args=(do,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let them go home."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def accepted(self) -> int:
        """Return how many wishes were granted so far."""
        return sum(1 for each in list(self.asked) if each.answered is not None and each.answered[0])


class Inside:
    """What lies behind the product's doors: its files, its database, its backbone."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.installation = settings.read(product.data / "run" / "installation.json")

    def secret(self, process: str, name: str) -> str:
        """Return a process's own password, from its environment."""
        text = Path(f"/proc/{self.product.process_id(process)}/environ").read_bytes()
        pairs = (pair.decode().partition("=") for pair in text.split(b"\0") if pair)
        return next(value for key, _, value in pairs if key == name)

    def connect(self) -> database.Connection:
        """Return a connection as the MES has them."""
        password = self.secret("mes", database.PASSWORD_VARIABLE)
        return database.connect(self.installation.mes_database_url, password=password)

    def postmaster(self) -> int:
        """Return the main process of PostgreSQL."""
        path = self.product.data / "database" / "cluster" / "postmaster.pid"
        return int(path.read_text().partition("\n")[0])

    def begun(self) -> int:
        """Return how many commands the commander has begun and not ended, by its own file."""
        open_: set[str] = set()
        for line in (self.product.data / "commander" / "begun.jsonl").read_bytes().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                words = json.loads(line)
                (open_.discard if "result" in words else open_.add)(words["id"])
        return len(open_)

    def backend_at_work(self) -> int:
        """Return a process of PostgreSQL that is inside a transaction of the MES; 0: none is just now."""
        main = self.postmaster()
        for task in Path(f"/proc/{main}/task/{main}/children").read_text().split():
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{task}/cmdline").read_bytes().rstrip(b"\0 ").decode()
                if "mes taktwin" in title and not title.endswith("idle"):
                    return int(task)
        return 0

    def told(self) -> list[TruthTold]:
        """Return what the machines were told, by their own record: whole lines of its file."""
        whole = (self.product.data / "virtual_plant" / "truth.jsonl").read_bytes()
        return [fact for fact in _facts(whole) if isinstance(fact, TruthTold)]

    def rejects(self) -> list[TruthReject]:
        """Return which parts the machines rejected, by their own record."""
        whole = (self.product.data / "virtual_plant" / "truth.jsonl").read_bytes()
        return [fact for fact in _facts(whole) if isinstance(fact, TruthReject)]

    def said(self) -> list[CloudEvent]:
        """Return the events of the MES that the backbone's stream holds, in its order."""
        password, found = self.secret("historian", settings.PASSWORD_VARIABLE), list[CloudEvent]()

        async def read() -> None:
            bus = NatsBus(clock=SystemClock(), url=self.installation.nats_url, user="historian",
                          password=password)  # fmt: skip
            await bus.connect()
            async for batch in bus.read_stream(topics.STREAM_EVENTS, follow=False):
                found.extend(events.decode(message.payload) for message in batch)
            await bus.close()

        # The browser's tests leave a loop in this thread.
        thread = threading.Thread(target=lambda: asyncio.run(read()))
        thread.start()
        thread.join(60)
        return [event for event in found if event.source.endswith("/mes")]


def _facts(whole: bytes) -> list[truth.Fact]:
    decoder = msgspec.json.Decoder(truth.Fact)
    return [decoder.decode(line) for line in whole[: whole.rfind(b"\n") + 1].splitlines()]


@dataclass(slots=True)
class Killed:
    """What was killed, and what it left."""

    what: str
    under_way: int = 0  # commands that the commander had begun


@dataclass
class Aftermath:
    """The product after all kills, people gone home."""

    product: Product
    inside: Inside
    people: People
    killed: list[Killed] = field(default_factory=list)


def kill(inside: Inside, what: str, chance: random.Random) -> Killed:
    """Kill something without any warning, in the middle of its work."""
    product = inside.product
    if what == "commander":
        process = product.process_id(what)
        while True:
            until(inside.begun, BACK_S)
            time.sleep(chance.uniform(0.0, 0.01))
            # Held still for a moment, so that it is killed while it has something in its hand.
            os.kill(process, signal.SIGSTOP)
            until(lambda: _condition(process) == "T", BACK_S)
            under_way = inside.begun()
            os.kill(process, signal.SIGKILL if under_way else signal.SIGCONT)
            if under_way:
                return Killed(what, under_way)
    if what == "backend":
        found = 0
        end = time.monotonic() + BACK_S
        while not found and time.monotonic() < end:
            found = inside.backend_at_work()
        assert found, "no backend was ever at work"
        os.kill(found, signal.SIGKILL)
        return Killed(what)
    process = inside.postmaster() if what == "server" else product.process_id(what)
    time.sleep(chance.uniform(0.0, 0.5))
    os.kill(process, signal.SIGKILL)
    return Killed(what)


def _condition(process: int) -> str:
    """Return whether a process runs (R), sleeps (S), is held (T), ..., as the system says it."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def processes(product: Product) -> dict[str, tuple[int, int]]:
    """Return process id and restarts of each process, by its name."""
    return {p["component"]: (p["pid"], p["restarts"]) for p in product.api("/system")["processes"]}


def back(product: Product, people: People, what: str, before: tuple[int, int] | None) -> None:
    """Return once what was killed works again, and people were granted something since."""

    def is_back() -> bool:
        found = {p["component"]: p for p in product.api("/system")["processes"]}
        if before is not None and (found[what]["pid"] == before[0] or found[what]["restarts"] == before[1]):
            return False  # not noticed yet, or started again and not heard yet
        return all(found[name]["state"] == "running" for name in ("mes", "commander"))

    until(is_back, BACK_S, lambda: str(product.api("/system")["processes"]))
    granted = people.accepted()
    until(lambda: people.accepted() > granted + 3, BACK_S, lambda: str(people.asked[-5:]))


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    words = ("--speed", "10", "--seed", "3", "--at", "2026-11-18T09:20:00Z")
    with Product(tmp_path_factory.mktemp("kills") / "data", *words) as product:
        inside, people, chance = Inside(product), People(product), random.Random(SEED)
        until(lambda: (product.api("/mes/told/press2") or {}).get("question"), BACK_S)
        for request, operation, unit in (("K-0", 10, "load2"), ("K-1", 20, "adhesive2")):
            assert people.ask(
                "order.drop", request=request, product="EA-100", quantity=500, due_ms=0
            ).answered
            people.ask("job.dispatch", job=f"{request}-{operation}", work_unit=unit, version=1)
            people.ask("job.begin", job=f"{request}-{operation}")
        until(lambda: _state(product, "K-0-10") == _state(product, "K-1-20") == "Running", BACK_S)

        people.work(
            lambda n: people.ask("order.drop", request=f"K-{n + 1}", product="EA-100", quantity=n, due_ms=0),
            lambda n: people.ask("lot.receive", lot=f"AD-K-{n}", product="AD-3", quantity=float(n)),
            lambda n: people.ask("scrap.report", job="K-1-20", quantity=1, cause="damaged"),
            lambda n: people.ask("job.control", job="K-0-10", method="Pause" if n % 2 else "Resume"),
        )
        aftermath = Aftermath(product, inside, people)
        for what in KILLS:
            component = "database" if what == "server" else what
            before = processes(product).get(component)
            aftermath.killed.append(kill(inside, what, chance))
            back(product, people, component, before)
        people.stop()
        yield aftermath


def _state(product: Product, job: str) -> str:
    jobs = product.api(f"/mes/orders/{job.rpartition('-')[0]}")["jobs"]
    return next(str(each["state"]) for each in jobs if each["job"] == job)


def test_what_was_answered_is_there_once_and_what_was_not_is_done_once_when_asked_again(
    after: Aftermath,
) -> None:
    unanswered = [each for each in after.people.asked if each.answered is None]
    print(f"{len(after.people.asked)} asked, {len(unanswered)} unanswered, {after.killed}")
    assert unanswered, "nobody was in the middle of anything"
    for each in unanswered:
        after.people.send(each)
    assert all(each.answered is not None for each in unanswered)
    # Who is not sure asks again: the newest, and some that had no answer at first.
    granted = [each for each in after.people.asked if each.answered is not None and each.answered[0]]
    for each in [*granted[-5:], *[one for one in unanswered if one in granted][:10]]:
        after.people.send(each)
    assert booked_wrongly(after.people.asked, _entries(after)) == []


def test_no_order_is_lost_and_none_is_doubled(after: Aftermath) -> None:
    orders = [
        each for each in after.people.asked
        if each.name == "order.drop" and each.answered is not None and each.answered[0]
    ]  # fmt: skip
    assert len(orders) > 10
    names = [each.data["request"] for each in orders]
    jobs: dict[str, list[str]] = defaultdict(list)
    with after.inside.connect() as connection:
        for row in SqlBook(connection).where(JobOrder):
            jobs[row.request].append(row.job)
    assert orders_wrongly(dict.fromkeys(names, OPERATIONS), _entries(after), jobs) == []
    assert sorted(jobs) == sorted(names), "an order that nobody was promised"


def test_the_tables_are_what_the_journal_makes_and_the_chain_holds(after: Aftermath, tmp_path: Path) -> None:
    with after.inside.connect() as connection, database.transaction(connection):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        entries, book = list(journal.everything(connection)), SqlBook(connection)
        alone = rebuilt(entries)
        looked = 0
        for kind in Row.__subclasses__():
            # The ledger's store is another one; its tables are known here if another test has asked for them.
            ours = kind.__module__.startswith("taktwin.mes.")
            if ours and getattr(kind, "table", "") and kind.table not in UNTOLD:
                assert book.where(kind) == alone.where(kind), kind.table
                looked += bool(alone.where(kind))
        scrap = [e for e in entries if e.event_type == "material.scrapped"]
    assert looked > 10
    reported = [each for each in after.people.asked if each.name == "scrap.report"]
    assert len(scrap) == sum(1 for each in reported if each.answered is not None and each.answered[0]) > 0
    path = tmp_path / "audit.jsonl"
    with urllib.request.urlopen(f"{after.product.url}api/v1/mes/audit.jsonl", timeout=30) as answer:
        path.write_bytes(answer.read())
    anchors = after.product.data / "mes" / "anchors.jsonl"
    assert len(anchors.read_bytes().splitlines()) >= KILLS.count("mes"), "one at each start"
    words = [str(TAKTWIN), "verify-audit", str(path), "--anchors", str(anchors)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_the_backbone_has_every_fact_once_and_exactly_in_sequence(after: Aftermath) -> None:
    entries = _entries(after)

    def said() -> list[CloudEvent]:
        found = after.inside.said()
        return found if found and int(found[-1].sequence) >= entries[-1].sequence else []

    found = until(said, BACK_S)
    assert out_of_sequence(found, _entries(after)) == []


def test_parts_that_were_made_meanwhile_are_counted_once(after: Aftermath) -> None:
    assert miscounted(_entries(after)) == []
    # What the machines themselves rejected since their counters were heard first is in the journal.
    rejects, wanted = after.inside.rejects(), {}
    first: dict[str, int] = {}
    for entry in _entries(after):
        if entry.event_type == "counter.restarted":
            content = json.loads(entry.content)
            first[content["signal"]] = entry.time_ns
    for signal_id, from_ns in first.items():
        unit, _, path = signal_id.partition("/")
        if path == "reject_count":
            wanted[unit] = {each.at_ns for each in rejects if each.unit == unit and each.at_ns > from_ns}

    def missing() -> dict[str, int]:
        counted: dict[str, int] = dict.fromkeys(wanted, 0)
        for entry in _entries(after):
            if entry.event_type == "material.counted" and '"reject"' in entry.content:
                content = json.loads(entry.content)
                counted[content["work_unit"]] += content["quantity"] * (
                    entry.time_ns in wanted[content["work_unit"]]
                )
        return {
            unit: len(each) - counted[unit] for unit, each in wanted.items() if len(each) != counted[unit]
        }

    until(lambda: not missing(), BACK_S, lambda: str(missing()))


def test_no_machine_was_told_anything_twice_and_what_nobody_answered_is_said_so(after: Aftermath) -> None:
    given = {entry.subject for entry in _entries(after) if entry.event_type == "command.given"}

    def ended() -> bool:
        over = {e.subject for e in _entries(after) if e.event_type in ("command.executed", "command.failed")}
        return given <= over

    until(ended, BACK_S, lambda: "a command of which nobody says what came of it")
    # What the machines were told by now was given before; what is said to be done by now, they were told.
    told = after.inside.told()
    entries = _entries(after)
    assert told_wrongly([*entries], told, ended=False, done=False) == []
    until(lambda: told_wrongly(entries, after.inside.told(), ended=False, twice=False) == [], 10)
    unknown = [e for e in entries if e.event_type == "command.failed" and '"unknown"' in e.content]
    assert len(unknown) == sum(each.under_way for each in after.killed) > 0, "said so, each, and not repeated"


def _entries(after: Aftermath) -> list[Entry]:
    with after.inside.connect() as connection:
        return list(journal.everything(connection))
