"""How much a class may do by itself: it climbs by a person, on measured outcomes, and falls by itself. Pure.

| falls | from | to |
|---|---|---|
| a harmful outcome | any | one lower |
| the model drifts, or its back-test is above the limit | any | observe |

What was counted before a move counts for no climb after it: trust is earned on each rung anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.contracts.recommendation import (
    AdviceClass,
    Check,
    ClassRecord,
    Level,
    Move,
    Recommendation,
    Result,
    Risk,
    Rung,
    Trust,
    Words,
)
from taktwin.ledger.engine import Refused, worse

LADDER = (Level.OBSERVE, Level.ADVISE, Level.ONE_CLICK, Level.AUTO_WITH_VETO)
# No class gets round these, whatever it declares.
CASES_FLOOR = 5
SHARE_FLOOR = 0.7
BACKTEST_LIMIT_MAX = 0.25
NAME_MAX = 60


def declare(card: AdviceClass, record: ClassRecord | None) -> Iterator[EventData]:
    """Take a class as it is declared; the same again changes nothing, and no rules lift a class.

    Declared anew it may ask for more than before and never for less: where it does, what it asked for stays.
    That is not refused, because an analyst whose class is refused could no longer say that its model drifts.
    Another figure that is back-tested, or other commands altogether, are another class, which earns its own
    trust, and are refused.
    """
    if not card.name.strip() or len(card.name) > NAME_MAX or not card.says.text.strip():
        raise Refused("invalid", "class", repr(card.name[:NAME_MAX]), "a name and a sentence")
    if not card.commands:
        raise Refused("invalid", f"commands of {card.name}", "none", "what its actions may be")
    if card.starts_at not in (Level.OBSERVE, Level.ADVISE):
        raise Refused("invalid", f"starts_at of {card.name}", card.starts_at,
                      "observe or advise: higher only by climbing")  # fmt: skip
    if not 0 < card.backtest_error_max <= BACKTEST_LIMIT_MAX:
        raise Refused("invalid", f"backtest_error_max of {card.name}", card.backtest_error_max,
                      f"above 0 and at most {BACKTEST_LIMIT_MAX:.0%}")  # fmt: skip
    if card.cases < CASES_FLOOR or not SHARE_FLOOR <= card.effective_share <= 1:
        found = f"{card.cases} cases, {card.effective_share:.0%}"
        raise Refused("invalid", f"climbing of {card.name}", found,
                      f"at least {CASES_FLOOR} cases and {SHARE_FLOOR:.0%}")  # fmt: skip
    if not 0 < card.measure_within_s <= 30 * 86_400:
        raise Refused("invalid", f"measure_within_s of {card.name}", card.measure_within_s, "up to 30 days")
    if record is not None:
        card = _stricter(card, record.advice_class)
        if record.advice_class == card:
            return
    yield events.AdviceClassDeclared(advice_class=card.name, card=card)
    if record is None:
        return
    risky = card.risk is Risk.HIGH and LADDER.index(record.level) > LADDER.index(Level.ADVISE)
    if risky:
        text = f"{card.name} is of high risk now."
        yield _moved(record, Level.ADVISE, Words(code="autonomy.risk", text=text))


def _stricter(card: AdviceClass, before: AdviceClass) -> AdviceClass:
    """Return a class as it is declared anew, where it asks for less as it was before."""
    commands = [each for each in card.commands if each in before.commands]
    if not commands:
        raise Refused("invalid", f"commands of {card.name}", ", ".join(card.commands),
                      f"of {', '.join(before.commands)}: others are another class's")  # fmt: skip
    if card.indicator != before.indicator:
        raise Refused("invalid", f"indicator of {card.name}", card.indicator,
                      f"{before.indicator}: another one is another class's")  # fmt: skip
    return msgspec.structs.replace(
        card, commands=commands, risk=worse(card.risk, before.risk),
        signature=card.signature or before.signature,
        backtest_error_max=min(card.backtest_error_max, before.backtest_error_max),
        cases=max(card.cases, before.cases),
        effective_share=max(card.effective_share, before.effective_share),
    )  # fmt: skip


def check(wish: Check, record: ClassRecord | None, *, now_ns: int) -> Iterator[EventData]:
    """Keep how far a class may be trusted; where it may not, it falls to observing at once."""
    if record is None:
        raise Refused("unknown", "class", repr(wish.advice_class), "one that was declared")
    if wish.error is not None and wish.error.indicator != record.advice_class.indicator:
        raise Refused("invalid", "back-test", wish.error.indicator, record.advice_class.indicator)
    if wish.drifting and not wish.why.strip():
        raise Refused("invalid", "why", "nothing", "what drifts")
    yield events.AdviceClassChecked(advice_class=wish.advice_class, error=wish.error,
                                    drifting=wish.drifting, why=wish.why)  # fmt: skip
    checked = apply(record, events.AdviceClassChecked(
        advice_class=wish.advice_class, error=wish.error, drifting=wish.drifting, why=wish.why
    ), now_ns)  # fmt: skip
    doubts = doubts_of(checked)
    # Nobody measured it is no reason to fall, and a reason not to climb.
    if record.level is not Level.OBSERVE and (wish.error is not None or wish.drifting) and doubts:
        found = [each for each in doubts if each.code != "autonomy.untested"]
        yield _moved(checked, Level.OBSERVE, found[0])


def doubts_of(record: ClassRecord) -> list[Words]:
    """Return why the twin may not advise in a class today; []: it may."""
    card, trust, found = record.advice_class, record.trust, list[Words]()
    if trust.error is None:
        text = f"{card.indicator} was never back-tested."
        found.append(Words(code="autonomy.untested", text=text, values={"indicator": card.indicator}))
    else:
        limit = min(card.backtest_error_max, trust.error.limit)
        if not trust.error.error <= limit:  # also where it is not a number
            text = (
                f"The error of {card.indicator} in the last back-test was {trust.error.error:.0%}, "
                f"the limit is {limit:.0%}."
            )
            values: dict[str, str | int | float] = {"indicator": card.indicator, "limit": limit}
            if math.isfinite(trust.error.error):
                values["error"] = trust.error.error
            found.append(Words(code="autonomy.backtest", text=text, values=values))
    if trust.drifting:
        text = f"The model drifts: {trust.why}."
        found.append(Words(code="autonomy.drift", text=text, values={"why": trust.why}))
    return found


def fall_of(record: ClassRecord, event: events.RecommendationMeasured) -> Iterator[EventData]:
    """Let a class fall by one for harm; `record` is as it was before the outcome."""
    if event.outcome.result is Result.HARMFUL and record.level is not Level.OBSERVE:
        lower = LADDER[LADDER.index(record.level) - 1]
        text = f"{event.recommendation} did harm."
        values: dict[str, str | int | float] = {"recommendation": event.recommendation}
        yield _moved(record, lower, Words(code="autonomy.harm", text=text, values=values))


def move(wish: Move, record: ClassRecord | None, person: str) -> Iterator[EventData]:
    """Move a class by a person's decision: down at any time, up by one where its outcomes allow it."""
    if record is None:
        raise Refused("unknown", "class", repr(wish.advice_class), "one that was declared")
    if not person:
        raise Refused("denied", "person", "nobody", "a person's account: no program lets a class climb")
    if not wish.reason.strip():
        raise Refused("invalid", "reason", "nothing", "why, in a word or a sentence")
    place = f"autonomy of {record.advice_class.name}"
    here, there = LADDER.index(record.level), LADDER.index(wish.level)
    if there == here:
        raise Refused("state", place, record.level, "another level")
    if there > here + 1:
        raise Refused("state", place, record.level, f"one step at a time: {LADDER[here + 1]} comes next")
    if there > here:
        if wish.level is Level.AUTO_WITH_VETO:
            raise Refused("state", place, wish.level, "one-click at most: auto-with-veto is off")
        if why := obstacles(record):
            raise Refused("not_ready", place, why[0].text, "a class that has earned it")
    yield _moved(record, wish.level, Words(code="autonomy.person", text=wish.reason.strip()), person)


def obstacles(record: ClassRecord) -> list[Words]:
    """Return why a class may not climb by one now; []: a person may let it."""
    card, found = record.advice_class, doubts_of(record)
    if record.level in (Level.ONE_CLICK, Level.AUTO_WITH_VETO):
        return [Words(code="autonomy.top", text="auto-with-veto is off.")]
    if record.level is Level.ADVISE and card.risk is Risk.HIGH:
        found.append(Words(code="autonomy.risk", text="A class of high risk goes no higher than advise."))
    needed = needed_of(card)
    if record.since_move < needed:
        text = f"{record.since_move} of {needed} cases since it was moved last."
        found.append(Words(code="autonomy.cases", text=text,
                           values={"cases": record.since_move, "needed": needed}))  # fmt: skip
    share = max(SHARE_FLOOR, card.effective_share)
    # A class that observes is judged by what it foretold, one that advises by what its advice came to.
    good, bad = record.good_since_move, record.harmful_since_move
    # What people did not want, and what nobody can say anything of, promised something too.
    cases = record.since_move + record.unproven_since_move
    if cases and good < share * cases:
        text = (
            f"{good} of {cases} cases came as they were promised, {share:.0%} are needed; what was rejected "
            "or never measured did not."
        )
        found.append(Words(code="autonomy.share", text=text,
                           values={"good": good, "cases": cases, "share": share}))  # fmt: skip
    if bad:
        found.append(Words(code="autonomy.harmed", text=f"{bad} of them did harm.", values={"harmful": bad}))
    return found


def needed_of(card: AdviceClass) -> int:
    """Return how many cases a climb takes."""
    return max(CASES_FLOOR, card.cases)


def _moved(record: ClassRecord, after: Level, why: Words, person: str = "") -> EventData:
    return events.AdviceClassMoved(advice_class=record.advice_class.name, before=record.level, after=after,
                                   why=why, person=person)  # fmt: skip


# What the events make of it


def apply(record: ClassRecord | None, event: EventData, at_ns: int) -> ClassRecord:
    """Return the record after an event about the class itself."""
    replace = msgspec.structs.replace
    match event:
        case events.AdviceClassDeclared():
            needed = needed_of(event.card)
            if record is None:
                return ClassRecord(advice_class=event.card, level=event.card.starts_at, trust=Trust(),
                                   needed=needed)  # fmt: skip
            return replace(record, advice_class=event.card, needed=needed)
        case events.AdviceClassChecked():
            assert record is not None, "declared before it is checked"
            trust = Trust(error=event.error, drifting=event.drifting, why=event.why, at_ns=at_ns)
            return replace(record, trust=trust)
        case events.AdviceClassMoved():
            assert record is not None, "declared before it is moved"
            rung = Rung(at_ns=at_ns, before=event.before, after=event.after, why=event.why,
                        person=event.person)  # fmt: skip
            return replace(record, level=event.after, moves=[*record.moves, rung], since_move=0,
                           good_since_move=0, harmful_since_move=0, unproven_since_move=0)  # fmt: skip
        case _:
            raise AssertionError(f"{event.event_type} is not about a class")


def count(
    record: ClassRecord, document: Recommendation, event: EventData, *, is_first: bool = True
) -> ClassRecord:
    """Return the record after an event about one of its recommendations; `document` is as it is then.

    `is_first`: no other recommendation about the same thing, such as the life of one tool, was measured or
    compared before. One tool is one case, however often it was advised on: the first outcome counts, and so
    do the first comparison and, against a climb, the first rejection. Only harm counts each time.
    """
    replace = msgspec.structs.replace
    advised = record.level is not Level.OBSERVE
    match event:
        case events.RecommendationMeasured():
            outcome = event.outcome
            if not is_first and outcome.result is not Result.HARMFUL:
                return record
            counted = {
                Result.EFFECTIVE: "effective", Result.NEUTRAL: "neutral", Result.HARMFUL: "harmful"
            }[outcome.result]  # fmt: skip
            first, n = outcome.observed_effect[0], record.effective + record.neutral + record.harmful
            inside = first.promised.p10 <= first.measured.mean <= first.promised.p90
            return replace(
                record, **{counted: getattr(record, counted) + 1},
                promised=_mean(record.promised, first.promised.mean, n),
                measured=_mean(record.measured, first.measured.mean, n),
                covered_80=_mean(record.covered_80, float(inside), n),
                since_move=record.since_move + advised,
                good_since_move=record.good_since_move + (advised and outcome.result is Result.EFFECTIVE),
                harmful_since_move=record.harmful_since_move + (advised and outcome.result is Result.HARMFUL),
            )  # fmt: skip
        case events.RecommendationAssessed() if not is_first:
            return record
        case events.RecommendationAssessed():
            # What a person saw and rejected may have been rejected because it was right to wait.
            counts = record.level is Level.OBSERVE and document.level is Level.OBSERVE
            return replace(
                record, foretold=record.foretold + 1, came_true=record.came_true + event.came_true,
                since_move=record.since_move + counts,
                good_since_move=record.good_since_move + (counts and event.came_true),
            )  # fmt: skip
        case events.RecommendationRejected():
            against = record.unproven_since_move + (advised and is_first)
            return replace(record, rejected=record.rejected + 1, unproven_since_move=against)
        case events.RecommendationExpired():
            return replace(record, expired=record.expired + (document.level is not Level.OBSERVE))
        case events.RecommendationAbandoned():
            done = document.execution is not None  # else it was only to be compared with what came
            return replace(record, abandoned=record.abandoned + done,
                           unproven_since_move=record.unproven_since_move + (done and advised))  # fmt: skip
        case _:
            return record


def _mean(before: float | None, value: float, n: int) -> float:
    return value if before is None else (before * n + value) / (n + 1)
