"""Rows of the ledger. Only the ledger's own actions write them."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.recommendation import ClassRecord, Proposal, Recommendation, State
from taktwin.storage.book import Row

MEASURE, ASSESS = "measure", "assess"


class RecommendationRow(Row, frozen=True, kw_only=True):
    """One recommendation: what is searched for, its proof, and the whole document."""

    table: ClassVar[str] = "recommendations"
    recommendation: str
    advice_class: str
    work_unit: str
    state: str
    version: int
    expires_ns: int
    changed_ns: int
    due: str  # measure | assess | ""
    due_ns: int  # since when: its class's time for it counts from here; 0: nothing is to be found out
    life: str  # what it is about, the same for all that are about it; "": nothing that another shares
    effect_p10: float
    effect_p90: float
    proof: str  # JSON
    document: str  # JSON

    @property
    def whole(self) -> Recommendation:
        """Return the document."""
        return msgspec.json.decode(self.document, type=Recommendation)


class ClassRow(Row, frozen=True, kw_only=True):
    """One class, with what came of its advice."""

    table: ClassVar[str] = "advice_classes"
    advice_class: str
    level: str
    document: str  # JSON

    @property
    def whole(self) -> ClassRecord:
        """Return the document."""
        return msgspec.json.decode(self.document, type=ClassRecord)


class Grant(Row, frozen=True, kw_only=True):
    """The portal's seals of all who approved it. They stand in no journal, and are gone once nobody needs
    them."""

    table: ClassVar[str] = "grants"
    recommendation: str
    seals: str  # a space between two


class Heard(Row, frozen=True, kw_only=True):
    """What the MES said."""

    table: ClassVar[str] = "heard"
    heard: str  # its position in the stream, so that keys sort by it
    event_type: str
    subject: str
    at_ns: int
    data: str  # JSON


class Position(Row, frozen=True, kw_only=True):
    """How far a stream was read."""

    table: ClassVar[str] = "positions"
    stream: str
    sequence: int


def row_of(document: Recommendation) -> RecommendationRow:
    """Return the row of a document."""
    proposal, first = document.proposal, document.proposal.effects[0].difference
    due, due_ns = _due(document)
    return RecommendationRow(
        recommendation=document.id, advice_class=proposal.advice_class, work_unit=proposal.work_unit,
        state=document.state.value, version=document.version, expires_ns=proposal.expires_ns,
        changed_ns=document.changed_ns, due=due, due_ns=due_ns, life=life_of(proposal),
        effect_p10=first.p10, effect_p90=first.p90,
        proof=msgspec.json.encode(proposal.proof).decode(), document=msgspec.json.encode(document).decode(),
    )  # fmt: skip


def life_of(proposal: Proposal) -> str:
    """Return what a recommendation is about: its class, its work unit and where its first evidence begins,
    such as the life of one tool. "" where that was not asked for yet: it shares that with no other.
    """
    begin_ns = proposal.evidence[0].from_ns if proposal.evidence else 0
    return f"{proposal.advice_class}/{proposal.work_unit}/{begin_ns}" if begin_ns else ""


def _due(document: Recommendation) -> tuple[str, int]:
    """Return what is still to be found out about a recommendation, and since when."""
    execution = document.execution
    if document.abandoned_ns:
        return "", 0
    if document.state is State.ACKNOWLEDGED and execution is not None and execution.done_ns:
        return MEASURE, execution.done_ns
    nobody_acted = document.state in (State.VALIDATED, State.REJECTED, State.EXPIRED)
    return (ASSESS, document.changed_ns) if nobody_acted and document.came_true is None else ("", 0)


def class_row(record: ClassRecord) -> ClassRow:
    """Return the row of a class."""
    return ClassRow(advice_class=record.advice_class.name, level=record.level.value,
                    document=msgspec.json.encode(record).decode())  # fmt: skip
