"""The ledger's answers (contracts.recommendation). Looks only.

| query | request | answer |
|---|---|---|
| `inbox` | {} | an `Inbox` |
| `one` | {recommendation} | a `Recommendation`, {} where nobody knows it |
| `classes` | {} | `ClassRecord`s |
| `record` | {advice_class} | a `ClassRecord` with its outcomes, {} where nobody knows it |
| `due` | {} | `Recommendation`s of which something is to be found out |
| `uncarried` | {} | ids |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from taktwin.contracts import recommendation as contract
from taktwin.contracts.recommendation import (
    ClassRecord,
    Inbox,
    InboxRow,
    Range,
    Recommendation,
    State,
)
from taktwin.ledger import autonomy
from taktwin.ledger.tables import ASSESS, MEASURE, ClassRow, RecommendationRow
from taktwin.storage.book import Reading

DECIDED_SHOWN = 50
OUTCOMES_SHOWN = 100
DUE_MAX = 200
LINES_KEPT = 256  # the list is asked for all the time, and most of it is as it was
DECIDED = (
    State.ACCEPTED, State.DISPATCHED, State.ACKNOWLEDGED, State.MEASURED, State.FAILED, State.REJECTED,
    State.EXPIRED, State.SUPERSEDED,
)  # fmt: skip


def inbox(book: Reading, wish: dict[str, Any], now_ns: int) -> Inbox:
    """Return what waits, the dearest to leave first, and what was decided, the newest first."""
    proposed = book.where(RecommendationRow, state=State.PROPOSED.value)
    waiting = [_line(row.document) for row in proposed if row.expires_ns > now_ns]
    decided = [
        row
        for state in DECIDED
        for row in book.newest(RecommendationRow, "changed_ns", DECIDED_SHOWN, state=state.value)
    ]  # fmt: skip
    decided.sort(key=lambda row: (-row.changed_ns, row.recommendation))
    shown = [_line(row.document) for row in decided[:DECIDED_SHOWN]]
    records = [row.whole for row in book.where(ClassRow)]
    return Inbox(
        waiting=sorted(waiting, key=urgency), decided=shown,
        observed=book.count(RecommendationRow, state=State.VALIDATED.value),
        silent=[
            why for record in records if record.trust.error is not None or record.trust.drifting
            for why in autonomy.doubts_of(record)
        ],
        at_ns=now_ns,
    )  # fmt: skip


def urgency(row: InboxRow) -> tuple[float, float, float, int, str]:
    """Return what the list is sorted by: money of an hour's waiting, then parts, then minutes, then time."""
    cost = row.waiting
    return (-_mean(cost.money), -_mean(cost.units), -_mean(cost.minutes), row.expires_ns, row.id)


def _mean(amount: Range | None) -> float:
    return 0.0 if amount is None else amount.mean


def one(book: Reading, wish: dict[str, Any], now_ns: int) -> Recommendation | dict[str, Any]:
    """Return one recommendation, whole."""
    row = book.get(RecommendationRow, str(wish.get("recommendation", "")))
    return {} if row is None else row.whole


def classes(book: Reading, wish: dict[str, Any], now_ns: int) -> list[ClassRecord]:
    """Return all classes, and what stands against a climb of each."""
    return [_with_obstacles(row.whole) for row in book.where(ClassRow)]


def record(book: Reading, wish: dict[str, Any], now_ns: int) -> ClassRecord | dict[str, Any]:
    """Return a class with what came of its advice, the newest first."""
    row = book.get(ClassRow, str(wish.get("advice_class", "")))
    if row is None:
        return {}
    found = [
        each
        for state in (State.MEASURED, State.FAILED, State.REJECTED, State.EXPIRED, State.ACKNOWLEDGED)
        for each in book.newest(RecommendationRow, "changed_ns", OUTCOMES_SHOWN, state=state.value,
                                advice_class=row.advice_class)
        if state is not State.ACKNOWLEDGED or each.whole.abandoned_ns
    ]  # fmt: skip
    found.sort(key=lambda each: (-each.changed_ns, each.recommendation))
    outcomes = [_line(each.document) for each in found[:OUTCOMES_SHOWN]]
    return msgspec.structs.replace(_with_obstacles(row.whole), outcomes=outcomes)


def due(book: Reading, wish: dict[str, Any], now_ns: int) -> list[Recommendation]:
    """Return what is to be measured, by when it was carried out, then what nobody acted upon and is to be
    compared, by when it came to its end. What is given up is not among them.
    """
    rows = [row for what in (MEASURE, ASSESS)
            for row in book.oldest(RecommendationRow, "due_ns", DUE_MAX, due=what)]  # fmt: skip
    return [row.whole for row in rows[:DUE_MAX]]


def uncarried(book: Reading, wish: dict[str, Any], now_ns: int) -> list[str]:
    """Return what a person accepted and of which nobody knows yet that the MES has it."""
    return [
        row.recommendation
        for state in (State.ACCEPTED, State.DISPATCHED)
        for row in book.where(RecommendationRow, state=state.value)
    ]


def _with_obstacles(found: ClassRecord) -> ClassRecord:
    return msgspec.structs.replace(found, obstacles=autonomy.obstacles(found))


@lru_cache(maxsize=LINES_KEPT)
def _line(document_json: str) -> InboxRow:
    document = msgspec.json.decode(document_json, type=Recommendation)
    proposal, outcome, decision = document.proposal, document.outcome, document.decision
    first = proposal.effects[0].difference
    return InboxRow(
        id=document.id, advice_class=proposal.advice_class, work_unit=proposal.work_unit,
        state=document.state, version=document.version, says=proposal.says, effect=proposal.effects[0],
        waiting=proposal.waiting, expires_ns=proposal.expires_ns,
        signature_needed=document.signature_needed, changed_ns=document.changed_ns,
        person="" if decision is None else decision.person,
        reason="" if decision is None else decision.reason,
        result="" if outcome is None else outcome.result.value,
        promised=Range(mean=first.mean, p10=first.p10, p90=first.p90),
        measured=None if outcome is None else outcome.observed_effect[0].measured,
        abandoned_ns=document.abandoned_ns,
    )  # fmt: skip


QUERIES: dict[str, Callable[[Reading, dict[str, Any], int], Any]] = {
    contract.INBOX: inbox, contract.ONE: one, contract.CLASSES: classes, contract.RECORD: record,
    contract.DUE: due, contract.UNCARRIED: uncarried,
}  # fmt: skip
