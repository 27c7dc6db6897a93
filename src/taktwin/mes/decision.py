"""What deciding is made of: what a decider is handed, how it refuses, how a fact becomes rows.

A decider looks at a `Reading` and yields events, one after another; each is applied to the book
before the decider goes on. It raises `Refused` where the wish cannot be granted: then nothing of it
happened. A projector makes rows of one event and is the only writer of its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from taktwin.contracts.events import EventData
from taktwin.contracts.mistake import Mistake
from taktwin.mes.definitions.routes import Definitions
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading, Row


@dataclass(frozen=True, slots=True)
class Looked:
    """What was computed of a PIN or a password before the transaction began: that takes long."""

    kept: str = ""  # the hash that was compared with
    matched: bool = False
    hashed: str = ""  # of a new one

    def __repr__(self) -> str:
        return f"Looked(matched={self.matched})"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, when, with which knowledge of the plant."""

    definitions: Definitions
    now_ns: int
    command: str = ""  # id of the command
    person: str = ""  # the person who asks; "": a machine, or another program
    logged_on: str = ""  # who stands at the terminal that asks; "" = nobody says so
    actor: str = ""  # the account or program under whose name it is written down
    late: bool = False  # it was asked at `now_ns` at a terminal, and comes only now: what was then counts
    looked: Looked = Looked()  # what was computed of a PIN or a password before
    locked_until_ns: int = 0  # of a name under which nobody can sign in, and somebody tried
    setup_code: str = ""  # fingerprint of the code that makes the first admin; "" = nobody was given one


class Refused(Exception):
    """A wish that cannot be granted: place, found, right; the transaction is rolled back.

    `noted` is what is written down nevertheless, such as a wrong PIN; who notes has yielded nothing.
    """

    def __init__(
        self, code: str, place: str, found: object, right: str, *,
        status: ReturnStatus = ReturnStatus.UNABLE_TO_ACCEPT, row: Row | None = None,
        noted: tuple[Fact, ...] = (), also: tuple[Mistake, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(f"{place}: found {found}; expected {right}")
        self.code = code
        self.place = place
        self.found = str(found)
        self.right = right
        self.status = status
        self.row = row  # the thing as it is now, where somebody else was faster
        self.noted = noted
        self.also = also  # what else is wrong


@dataclass(frozen=True, slots=True)
class Fact:
    """An event and when it happened. A `secret` row is kept with it, and stands in no journal."""

    event: EventData
    time_ns: int
    secret: Row | None = None


Decider: TypeAlias = Callable[[Reading, Any, Asking], Iterator[Fact]]
Projector: TypeAlias = Callable[[Book, Any, int], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """All deciders and projectors of the MES, by what they take."""

    deciders: dict[str, Decider] = field(default_factory=dict)
    projectors: dict[type[EventData], Projector] = field(default_factory=dict)

    def joined(self, other: Rules) -> Rules:
        """Return both; nobody decides a command twice, and an event has one writer."""
        assert not self.deciders.keys() & other.deciders.keys(), "one decider a command"
        assert not self.projectors.keys() & other.projectors.keys(), "one projector an event"
        return Rules({**self.deciders, **other.deciders}, {**self.projectors, **other.projectors})


def unknown(kind: str, name: str, *, status: ReturnStatus = ReturnStatus.UNABLE_TO_ACCEPT) -> Refused:
    """Return the refusal of a name that nobody knows."""
    return Refused("unknown", kind, repr(name), f"a {kind} that exists", status=status)
