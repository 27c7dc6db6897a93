"""A desk over memory on the demo plant, and short words for its commands."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, CommandData
from taktwin.mes.collection.actions import Heard
from taktwin.mes.definitions.routes import Definitions, compiled
from taktwin.mes.desk import Desk
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.mes.resources import engine
from taktwin.plant import open_plant
from taktwin.storage.stores import MemoryStore
from tests.support_machines import obey

PLANT = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"
START_NS = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


class Shop:
    """A desk with a clock that goes on by a second a command, and machines that count."""

    def __init__(self, definitions: Definitions, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.now_ns = START_NS
        self.desk = Desk(self.store, definitions, lambda: self.now_ns)
        self.definitions = definitions
        self.counters: dict[str, int] = {}
        self.machines_obey = True
        self._numbers = itertools.count(1)

    def ask(
        self, wish: CommandData, *, actor: str = "P01", command_id: str = "", on_behalf_of: str = ""
    ) -> Answer:
        """Ask the desk, a second later than before."""
        self.now_ns += SECOND
        name = command_id or f"c{next(self._numbers)}"
        wanted = commands.make(wish, command_id=name, actor=actor, on_behalf_of=on_behalf_of)
        answer = self.desk.execute(wanted)
        if self.machines_obey and "command.given" in answer.events:
            obey(self.desk)
        return answer

    def granted(self, wish: CommandData) -> Answer:
        """Ask, and insist."""
        answer = self.ask(wish)
        assert answer.accepted, answer
        return answer

    def machine(self, unit: str, *, serial: str = "", kind: str = "good", parts: int = 1) -> None:
        """Let a machine make parts and say so, as the gateway would bring it."""
        self.now_ns += SECOND
        signal = f"{unit}/{'good_count' if kind == 'good' else 'reject_count'}"
        heard = []
        if signal not in self.counters:
            self.counters[signal] = 100
            heard.append(Heard(signal, 100, self.now_ns - SECOND // 2))
        if serial:
            heard.append(Heard(f"{unit}/serial", serial, self.now_ns - SECOND // 4))
        self.counters[signal] += parts
        heard.append(Heard(signal, self.counters[signal], self.now_ns))
        self.desk.hear(heard, stream="SAMPLES", position=self.now_ns)

    def instruct(self, document: str, *, actor: str = "P01") -> None:
        """Release the draft of a work instruction, and let somebody read it."""
        digest = self.definitions.documents.drafts().good[document].digest
        self.ask(commands.ReleaseDocument(document=document, digest=digest))
        newest = max(row.revision for row in self.store.book.where(DocumentRevision, document=document))
        self.ask(commands.AcknowledgeDocument(document=document, revision=newest), actor=actor)

    def begin(self, job: str, work_unit: str) -> None:
        """Dispatch a job order and begin it."""
        from taktwin.mes.execution.tables import JobOrder

        row = self.store.book.get(JobOrder, job)
        assert row is not None
        self.granted(commands.DispatchJob(job=job, work_unit=work_unit, version=row.version))
        self.granted(commands.BeginJob(job=job))


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a hash is no part of what is decided; one test looks at it by itself."""
    monkeypatch.setattr(engine, "COST", 1)


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    """The demo plant's products and routes."""
    return compiled(open_plant(PLANT))


@pytest.fixture
def shop(definitions: Definitions) -> Shop:
    """A shop with nothing in it."""
    return Shop(definitions)
