"""The life of a recommendation: what may follow what, and why not. Pure.

Comes in: the document as it stands, what somebody says, what is known of the class, now. Goes out: the
events that follow, or `Refused` with place, found and right. `apply` makes the document of the events
alone, so that the journal is all there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.contracts.recommendation import (
    Alternative,
    Approval,
    Assess,
    ClassRecord,
    Cost,
    Decide,
    Decision,
    Effect,
    Execution,
    Level,
    Measure,
    Outcome,
    Proof,
    Proposal,
    Range,
    Recommendation,
    Refuse,
    Result,
    Risk,
    State,
    Withdraw,
    Words,
    command_id,
)
from taktwin.instants import rfc3339
from taktwin.ledger.carrying import WATCHABLE, CarriedOut, MesFact

S = State
# What may follow what. A draft is not here: what has no proof does not reach the ledger.
FOLLOWS: dict[State, frozenset[State]] = {
    S.VALIDATED: frozenset({S.PROPOSED, S.SUPERSEDED, S.EXPIRED}),
    S.PROPOSED: frozenset({S.ACCEPTED, S.REJECTED, S.EXPIRED, S.SUPERSEDED}),
    S.ACCEPTED: frozenset({S.DISPATCHED, S.FAILED, S.SUPERSEDED}),
    S.REJECTED: frozenset(),
    S.EXPIRED: frozenset(),
    S.SUPERSEDED: frozenset(),
    S.DISPATCHED: frozenset({S.ACKNOWLEDGED, S.FAILED}),
    S.ACKNOWLEDGED: frozenset({S.MEASURED, S.FAILED}),
    S.FAILED: frozenset({S.ACKNOWLEDGED}),  # the MES had it after all
    S.MEASURED: frozenset(),
}
OPEN = (S.VALIDATED, S.PROPOSED)
UNDER_WAY = (S.ACCEPTED, S.DISPATCHED, S.ACKNOWLEDGED)
NOTHING = "nothing"  # the alternative of doing nothing, in every proof
PROOF_AGE_NS_MAX = 3_600_000_000_000  # of plant time: the plant has gone on since
# What nobody measured within its class's time waits so much longer: three times as long as the analyst waits
# for a twin that does not answer, and a night's repair of the analyst fits in. It counts from when the ledger
# knew of it and was there to be told, so that its own standing still costs nobody a measure.
ABANDON_AFTER_NS = 6 * 3_600_000_000_000
# What went to the MES and is not heard of fails so long after it stood last: its events may come late.
UNHEARD_NS = 3_600_000_000_000
EXPIRY_NS_MAX = 7 * 86_400_000_000_000
REPLICATIONS_MIN = 20
APPROVALS = {Risk.LOW: 1, Risk.MEDIUM: 1, Risk.HIGH: 2}
TEXT_MAX = 500
_CURRENCY = re.compile("[A-Z]{3}")


class Refused(Exception):
    """What cannot be: place, found, right; nothing of it happened."""

    def __init__(self, code: str, place: str, found: object, right: str) -> None:
        super().__init__(f"{place}: found {found}; expected {right}")
        self.code = code
        self.place = place
        self.found = str(found)
        self.right = right


@dataclass(frozen=True, slots=True)
class Told:
    """A fact of the MES, with what names it."""

    fact: MesFact
    cause: str  # <source>:<id>


# Proposing


def propose(
    proposal: Proposal, record: ClassRecord | None, *, now_ns: int, known: Recommendation | None,
    others: Sequence[Recommendation], heard: Sequence[Told],
) -> Iterator[EventData]:  # fmt: skip
    """Keep a recommendation whose proof holds; offer it where its class may.

    Parameters
    ----------
    known : the recommendation of that id, if there is one: said again, nothing happens
    others : those of the same class and work unit that are not over
    heard : what the MES said in the last hour
    """
    if known is not None:
        if known.proposal != proposal:
            raise Refused("conflict", f"recommendation {proposal.id}", "another one of that id", "a new id")
        return
    if record is None:
        raise Refused("unknown", "class", repr(proposal.advice_class), "one that was declared")
    _readable(proposal, record)
    _proven(proposal, now_ns)
    _trusted(proposal, record)
    _still_so(proposal, heard)
    observes = record.level is Level.OBSERVE or proposal.model.shadow
    # What was carried out waits for its measure only, and stands in nobody's way.
    others = [each for each in others if each.execution is None or not each.execution.done_ns]
    for other in others:
        # What only observes is compared with what came: a newer one would take its place before that.
        if other.state in UNDER_WAY or (observes and other.state in OPEN):
            raise Refused("state", f"{proposal.advice_class} at {proposal.work_unit or 'the site'}",
                          f"{other.id} is {other.state}", "one at a time")  # fmt: skip
    for other in others:
        why = Words(code="ledger.newer", text=f"{proposal.id} has a newer proof.",
                    values={"recommendation": proposal.id})  # fmt: skip
        yield _superseded(other, why, "")
    approvals, signature = needs(proposal, record)
    yield events.RecommendationValidated(
        recommendation=proposal.id, work_unit=proposal.work_unit, proposal=proposal,
        level=Level.OBSERVE if observes else record.level, approvals_needed=approvals,
        signature_needed=signature,
    )  # fmt: skip
    if not observes:
        yield events.RecommendationProposed(
            recommendation=proposal.id, work_unit=proposal.work_unit, expires_ns=proposal.expires_ns
        )


def needs(proposal: Proposal, record: ClassRecord) -> tuple[int, bool]:
    """Return how many people must approve it as its class stands, and whether they must sign."""
    card, risk = record.advice_class, worse(record.advice_class.risk, proposal.risk)
    signs = risk is Risk.HIGH or (card.signature and record.level is not Level.ONE_CLICK)
    return APPROVALS[risk], signs


def worse(one: Risk, other: Risk) -> Risk:
    """Return the worse of two risks."""
    rising = (Risk.LOW, Risk.MEDIUM, Risk.HIGH)
    return max(one, other, key=rising.index)


def _readable(proposal: Proposal, record: ClassRecord) -> None:
    """Refuse what a person could not decide on."""
    if not proposal.id.strip() or len(proposal.id) > 100 or proposal.id != proposal.id.strip():
        raise _invalid("id", repr(proposal.id[:100]), "1 to 100 characters")
    for place, words in (("headline", proposal.says), ("roll_back", proposal.roll_back),
                         ("action", proposal.action.says)):  # fmt: skip
        if not words.text.strip():
            raise _invalid(place, "nothing", "a sentence")
    for place, each in (("evidence", proposal.evidence), ("against", proposal.against),
                        ("effects", proposal.effects), ("watches", proposal.watches)):  # fmt: skip
        if not each:
            raise _invalid(place, "nothing", "at least one")
    if proposal.action.command not in record.advice_class.commands:
        raise _invalid("action", proposal.action.command, f"one of {', '.join(record.advice_class.commands)}")
    for watch in proposal.watches:
        if watch.event_type not in WATCHABLE:
            raise _invalid("watches", watch.event_type, f"one of {', '.join(WATCHABLE)}")
        fields = events.CATALOGUE[watch.event_type].__struct_fields__
        if strange := sorted(set(watch.where) - set(fields)):
            raise _invalid(f"watches {watch.event_type}", ", ".join(strange), f"one of {', '.join(fields)}")
    for place, cost in (("inaction", proposal.inaction), ("waiting", proposal.waiting)):
        if not _ranges(cost):
            raise _invalid(place, "nothing", "units, minutes or money")
        if cost.money is not None and not _CURRENCY.fullmatch(cost.currency):
            raise _invalid(f"currency of {place}", repr(cost.currency), "its ISO 4217 code")
    for span in (*_ranges(proposal.inaction), *_ranges(proposal.waiting), proposal.forecast.in_s):
        if not span.p10 <= span.p90:
            raise _invalid("interval", f"{span.p10} to {span.p90}", "p10 <= p90")
    first = proposal.evidence[0]
    if first.from_ns <= 0:  # what it is about: one life is one case, however often it is advised on
        raise _invalid("evidence", f"{first.kind} {first.reference} since {first.from_ns}",
                       "from_ns of the first: since when that is so")  # fmt: skip


def _ranges(cost: Cost) -> list[Range]:
    return [each for each in (cost.units, cost.minutes, cost.money) if each is not None]


def _proven(proposal: Proposal, now_ns: int) -> None:
    """Refuse what the twin did not prove."""
    proof = proposal.proof
    for name in ("scenario_id", "snapshot_id", "snapshot_hash", "model_version"):
        if not getattr(proof, name).strip():
            raise _unproven(name, "nothing", "what names the proof, so that it can be made again")
    if not proof.common_random_numbers:
        raise _unproven("common_random_numbers", "False", "the same luck with the action and without")
    if not 0 <= now_ns - proof.state_ns <= PROOF_AGE_NS_MAX:
        raise _unproven("state_ns", rfc3339(proof.state_ns), f"within the hour before {rfc3339(now_ns)}")
    if not now_ns < proposal.expires_ns <= now_ns + EXPIRY_NS_MAX:
        raise _invalid("expires_ns", rfc3339(proposal.expires_ns), "after now, and within a week")
    by_name = {each.name: each for each in proof.alternatives}
    if len(by_name) != len(proof.alternatives) or NOTHING not in by_name or proof.chosen not in by_name:
        raise _unproven("alternatives", ", ".join(each.name for each in proof.alternatives),
                        f"each name once, {NOTHING} and {proof.chosen} among them")  # fmt: skip
    chosen = by_name[proof.chosen]
    if proof.chosen == NOTHING or chosen.effects != proposal.effects:
        raise _unproven("chosen", proof.chosen, "the alternative whose effects are promised")
    if chosen.replications < REPLICATIONS_MIN:
        raise _unproven("replications", chosen.replications, f"at least {REPLICATIONS_MIN}")
    for effect in chosen.effects:
        spread = effect.difference
        if not spread.p10 <= spread.p50 <= spread.p90:
            raise _unproven(f"interval of {effect.indicator}", f"{spread.p10} to {spread.p90}", "p10 <= p90")
        if spread.half_width < 0:
            raise _unproven(f"mean of {effect.indicator}", _said(effect), "± 0 or more")
        if not effect.unit.strip():
            raise _unproven(f"unit of {effect.indicator}", "nothing", "what it is counted in")
    if not (chosen.significant and _is_better(chosen.effects[0])):
        raise _unproven(f"{proof.chosen} against {NOTHING}", _said(chosen.effects[0]), "better beyond chance")
    _the_best(proof, chosen)


def _the_best(proof: Proof, chosen: Alternative) -> None:
    mean = _gain(chosen.effects[0])
    for each in proof.alternatives:
        if each.name in (NOTHING, chosen.name) or not each.significant:
            continue
        first, ours = each.effects[0] if each.effects else None, chosen.effects[0]
        if first is None or (first.indicator, first.unit) != (ours.indicator, ours.unit):
            raise _unproven(f"alternative {each.name}", "another deciding figure",
                            f"{ours.indicator} in {ours.unit}")  # fmt: skip
        if _gain(each.effects[0]) > mean:
            raise _unproven("chosen", f"{chosen.name}, though {each.name} is better", each.name)


def _gain(effect: Effect) -> float:
    return effect.difference.mean if effect.more_is_better else -effect.difference.mean


def _is_better(effect: Effect) -> bool:
    """Return whether the 95 % interval of the mean lies on the good side, and more runs too."""
    return _gain(effect) - effect.difference.half_width > 0 and effect.better > effect.worse


def _said(effect: Effect) -> str:
    return f"{effect.difference.mean:g} ± {effect.difference.half_width:g} {effect.unit}"


def _trusted(proposal: Proposal, record: ClassRecord) -> None:
    """Refuse what the twin may not advise on: its error is too great or unknown, or its model drifts."""
    card, validity = record.advice_class, proposal.proof.validity
    if validity.indicator != card.indicator:
        raise _unproven("back-test", validity.indicator, card.indicator)
    if validity.epochs < 1:
        raise Refused("not_ready", f"back-test of {card.indicator}", "none", "an error that was measured")
    limit = min(card.backtest_error_max, validity.limit)
    if not validity.error <= limit:  # also where it is not a number
        raise Refused("not_ready", f"back-test of {card.indicator}", f"an error of {validity.error:.1%}",
                      f"at most {limit:.1%}: above it the twin does not advise")  # fmt: skip
    beyond = next((each for each in proposal.proof.simulation if each.is_beyond), None)
    if beyond is not None:
        raise Refused("not_ready", f"back-test of {beyond.indicator}", f"an error of {beyond.error:.1%}",
                      f"at most {beyond.limit:.1%}: above it nothing is proven on the twin")  # fmt: skip
    error = record.trust.error
    if error is not None and not error.error <= min(card.backtest_error_max, error.limit):
        raise Refused("not_ready", f"last back-test of {card.indicator}", f"an error of {error.error:.1%}",
                      "one within its limit: above it the twin does not advise")  # fmt: skip
    if record.trust.drifting:
        raise Refused("not_ready", f"model of {card.name}", f"it drifts: {record.trust.why}",
                      "a model that sees what it was trained on")  # fmt: skip


def _still_so(proposal: Proposal, heard: Sequence[Told]) -> None:
    for told in heard:
        if told.fact.at_ns > proposal.proof.state_ns and rests_on(proposal, told.fact):
            raise Refused("conflict", f"proof of {proposal.id}", f"{told.fact.event_type} since then",
                          "a copy of the plant as it is now")  # fmt: skip


def rests_on(proposal: Proposal, fact: MesFact) -> bool:
    """Return whether a fact of the MES makes a proof void."""
    return any(
        watch.event_type == fact.event_type
        and all(fact.data.get(name) == value for name, value in watch.where.items())
        for watch in proposal.watches
    )


# Deciding


def decide(
    document: Recommendation, wish: Decide, person: str, *, now_ns: int, signer: str
) -> Iterator[EventData]:
    """Take a person's yes or no.

    `signer`: who signed this very proposal under `wish.signature`, by what the MES says; "" if nobody.
    """
    if not person:
        raise Refused("denied", "person", "nobody", "a person's account: no program decides")
    if document.state is not State.PROPOSED:
        raise _otherwise(document, "Proposed")
    if wish.version != document.version:
        raise Refused("conflict", f"recommendation {document.id}", f"version {document.version}",
                      f"version {wish.version}: it changed meanwhile")  # fmt: skip
    if now_ns >= document.proposal.expires_ns:
        found = f"it expired {rfc3339(document.proposal.expires_ns)}"
        raise Refused("state", f"recommendation {document.id}", found, "one that still stands")
    if len(wish.reason) > TEXT_MAX:
        raise _invalid("reason", f"{len(wish.reason)} characters", f"at most {TEXT_MAX}")
    reason = wish.reason.strip()
    where = {"recommendation": document.id, "work_unit": document.proposal.work_unit, "person": person}
    if not wish.accept:
        if not reason:
            raise _invalid("reason", "nothing", "why not, in a word or a sentence")
        yield events.RecommendationRejected(reason=reason, **where)
        return
    if not wish.grant:
        raise Refused("denied", "grant", "nothing", "the portal's seal: without it nobody would carry it")
    if document.signature_needed and not signer:
        raise Refused("denied", f"signature of {person}", repr(wish.signature),
                      "one of this very proposal, in the MES")  # fmt: skip
    before = document.decision.approvals if document.decision is not None else []
    if any(each.person == person or (signer and each.signer == signer) for each in before):
        raise Refused("state", f"recommendation {document.id}", f"{person} has approved it", "another person")
    yield events.RecommendationApproved(
        signature=wish.signature if signer else "", signer=signer, reason=reason, **where
    )
    if len(before) + 1 >= document.approvals_needed:
        yield events.RecommendationAccepted(**where)


# Carrying it out


def carry(document: Recommendation, *, now_ns: int) -> Iterator[EventData]:
    """Let it go on its way to the MES; it may be taken up again as long as it stands and nobody knows that
    it arrived."""
    if document.state not in (State.ACCEPTED, State.DISPATCHED):
        raise _otherwise(document, "Accepted or Dispatched")
    if now_ns >= document.proposal.expires_ns:
        found = f"it stood until {rfc3339(document.proposal.expires_ns)}"
        raise Refused("state", f"recommendation {document.id}", found, "one that still stands")
    if document.state is State.DISPATCHED:
        return
    assert document.decision is not None, "accepted by somebody"
    yield events.RecommendationDispatched(
        recommendation=document.id, work_unit=document.proposal.work_unit,
        carried_as=command_id(document.id), person=document.decision.person,
    )  # fmt: skip


def refuse(document: Recommendation, wish: Refuse) -> Iterator[EventData]:
    """Note that the MES does not do it."""
    if document.state is State.FAILED:
        return
    if document.state not in (State.ACCEPTED, State.DISPATCHED):
        raise _otherwise(document, "Accepted or Dispatched")
    yield _failed(document, wish.place, wish.found, wish.right, "")


def hear(document: Recommendation, told: Told, way: CarriedOut | None) -> Iterator[EventData]:
    """Return what follows of a fact of the MES for one recommendation.

    way : how the MES says that this recommendation's command was carried out, None where it has no more
        to say than that it took it
    """
    fact, where = told.fact, {"recommendation": document.id, "work_unit": document.proposal.work_unit}
    asked = (State.ACCEPTED, State.DISPATCHED, State.FAILED)
    if document.state in asked and fact.correlation == command_id(document.id):
        execution = document.execution
        if execution is None or not execution.dispatched_ns or execution.acknowledged_ns:
            return  # nobody was asked yet: whoever uses this id is not ours; or said again
        yield events.RecommendationAcknowledged(
            made=fact.subject, cause=told.cause, at_ns=fact.at_ns, **where
        )
        if way is None:
            yield events.RecommendationDone(cause=told.cause, at_ns=fact.at_ns, **where)
        return
    if document.state is State.ACKNOWLEDGED and way is not None and document.execution is not None:
        if document.execution.done_ns or fact.subject != document.execution.subject:
            return
        if fact.event_type == way.done:
            yield events.RecommendationDone(cause=told.cause, at_ns=fact.at_ns, **where)
        elif fact.event_type in way.given_up:
            found = str(fact.data.get("cause", "")) or "no reason"
            yield _failed(document, fact.subject, f"given up: {found}", "carried out", told.cause)
        return
    if not rests_on(document.proposal, fact):
        return
    if document.state is State.DISPATCHED:
        # The MES says things in their order: it had not taken the command when this happened.
        found = f"{fact.event_type} of {fact.subject} while it was on its way"
        yield _failed(document, "the plant", found, "as it was when this was proven", told.cause)
    elif document.state in (State.VALIDATED, State.PROPOSED, State.ACCEPTED):
        text = f"The MES says {fact.event_type} of {fact.subject}: the plant is not what this was proven for."
        values: dict[str, str | int | float] = {"event": fact.event_type, "subject": fact.subject}
        yield _superseded(document, Words(code="ledger.changed", text=text, values=values), told.cause)


def withdraw(document: Recommendation, wish: Withdraw) -> Iterator[EventData]:
    """Take a recommendation back whose proof no longer holds. What a person accepted stays theirs."""
    if document.state is State.SUPERSEDED:
        return
    if document.state not in OPEN:
        raise _otherwise(document, "Validated or Proposed")
    if not wish.why.text.strip():
        raise _invalid("why", "nothing", "a sentence")
    yield _superseded(document, wish.why, "")


def silence(document: Recommendation, why: Words) -> Iterator[EventData]:
    """Take back what waits for a person: its class advises no more."""
    if document.state is State.PROPOSED:
        yield _superseded(document, why, "")


def pass_time(document: Recommendation, now_ns: int, there_ns: int) -> Iterator[EventData]:
    """Let a recommendation expire on which nobody decided in time, and fail of which the MES said nothing.

    there_ns : since when the ledger is there to be told
    """
    expires_ns = document.proposal.expires_ns
    if document.state in OPEN and now_ns >= expires_ns:
        yield events.RecommendationExpired(recommendation=document.id, work_unit=document.proposal.work_unit)
    elif document.state is State.ACCEPTED and now_ns >= expires_ns:
        found = f"not reached by {rfc3339(expires_ns)}"
        yield _failed(document, "the MES", found, "asked while this stands", "")
    elif document.state is State.DISPATCHED and now_ns >= max(expires_ns, there_ns) + UNHEARD_NS:
        found = f"asked {rfc3339(document.changed_ns)}, and not heard of since"
        yield _failed(document, "the MES", found, "its answer: see there whether it has it", "")


# Measuring


def measure(document: Recommendation, wish: Measure, *, now_ns: int) -> Iterator[EventData]:
    """Keep what a recommendation that was carried out really came to."""
    if document.state is State.MEASURED and document.outcome is not None:
        if msgspec.structs.replace(wish.outcome, at_ns=document.outcome.at_ns) == document.outcome:
            return
        raise _otherwise(document, "one that is not measured yet")
    _not_abandoned(document)
    execution = document.execution
    if document.state is not State.ACKNOWLEDGED or execution is None or not execution.done_ns:
        raise _otherwise(document, "Acknowledged, and carried out")
    outcome, promised = wish.outcome, document.proposal.effects[0]
    if not execution.done_ns <= outcome.from_ns < outcome.to_ns <= now_ns:
        raise _invalid("span", f"{outcome.from_ns} to {outcome.to_ns}",
                       f"after {execution.done_ns}, when it was carried out, and over")  # fmt: skip
    if not outcome.counterfactual_id.strip() or not outcome.measured_how.text.strip():
        raise _invalid("measured_how", "nothing", "the counterfactual, and how it was compared")
    if not outcome.observed_effect or outcome.observed_effect[0].indicator != promised.indicator:
        raise _invalid("observed_effect", "another figure", promised.indicator)
    if outcome.observed_effect[0].unit != promised.unit:
        raise _invalid("unit of observed_effect", outcome.observed_effect[0].unit, promised.unit)
    spread, said = promised.difference, outcome.observed_effect[0].promised
    if (said.mean, said.p10, said.p90) != (spread.mean, spread.p10, spread.p90):
        raise _invalid("promised", f"{said.mean:g} [{said.p10:g} to {said.p90:g}]",
                       f"{spread.mean:g} [{spread.p10:g} to {spread.p90:g}], as it was proposed")  # fmt: skip
    found = result_of(outcome, more_is_better=promised.more_is_better)
    if outcome.result is not found:
        measured = outcome.observed_effect[0].measured
        raise _invalid("result", outcome.result, f"{found}: {measured.p10:g} to {measured.p90:g}")
    yield events.RecommendationMeasured(
        recommendation=document.id, work_unit=document.proposal.work_unit, outcome=outcome
    )


def result_of(outcome: Outcome, *, more_is_better: bool) -> Result:
    """Return what a measured difference means: beyond its interval better, worse, or neither."""
    measured = outcome.observed_effect[0].measured
    if not measured.p10 <= measured.mean <= measured.p90:
        raise _invalid("measured", f"{measured.p10} to {measured.p90}", "an interval about its mean")
    above, below = measured.p10 > 0, measured.p90 < 0
    if not (above or below):
        return Result.NEUTRAL
    return Result.EFFECTIVE if above is more_is_better else Result.HARMFUL


def assess(document: Recommendation, wish: Assess) -> Iterator[EventData]:
    """Keep whether what was foretold came, where nobody acted on it."""
    if document.state not in (State.VALIDATED, State.REJECTED, State.EXPIRED):
        raise _otherwise(document, "Validated, Rejected or Expired: nobody acted")
    if document.came_true is not None:
        if document.came_true == wish.came_true:
            return
        raise Refused("state", f"recommendation {document.id}", "compared already", "one that is not")
    _not_abandoned(document)
    if not wish.how.text.strip():
        raise _invalid("how", "nothing", "against what it was compared")
    yield events.RecommendationAssessed(
        recommendation=document.id, work_unit=document.proposal.work_unit, came_true=wish.came_true,
        how=wish.how,
    )  # fmt: skip


def abandon(
    document: Recommendation, what: str, *, since_ns: int, within_ns: int, now_ns: int, there_ns: int
) -> Iterator[EventData]:
    """Give up to measure or compare what was not within its class's time.

    Parameters
    ----------
    what : measure | assess
    since_ns : when it was carried out, or came to its end
    within_ns : the class's time for it
    there_ns : since when the ledger is there to be told
    """
    if document.abandoned_ns or document.state in OPEN:
        return
    until_ns = max(since_ns + within_ns, document.changed_ns, there_ns) + ABANDON_AFTER_NS
    if now_ns >= until_ns:
        yield events.RecommendationAbandoned(
            recommendation=document.id, work_unit=document.proposal.work_unit, what=what, since_ns=since_ns
        )


def _not_abandoned(document: Recommendation) -> None:
    if document.abandoned_ns:
        found = f"given up {rfc3339(document.abandoned_ns)}: its class's time was over"
        raise Refused("state", f"recommendation {document.id}", found, "one whose time is not over")


def _superseded(document: Recommendation, why: Words, cause: str) -> EventData:
    return events.RecommendationSuperseded(
        recommendation=document.id, work_unit=document.proposal.work_unit, why=why, cause=cause
    )


def _failed(document: Recommendation, place: str, found: str, right: str, cause: str) -> EventData:
    return events.RecommendationFailed(
        recommendation=document.id, work_unit=document.proposal.work_unit, place=place, found=found,
        right=right, cause=cause,
    )  # fmt: skip


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right)


def _unproven(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", f"proof: {place}", found, right)


def _otherwise(document: Recommendation, right: str) -> Refused:
    return Refused("state", f"recommendation {document.id}", document.state, right)


# What the events make of it


def apply(document: Recommendation | None, event: EventData, at_ns: int) -> Recommendation:
    """Return the document after an event."""
    if isinstance(event, events.RecommendationValidated):
        assert document is None, "a recommendation begins once"
        return Recommendation(
            id=event.recommendation, proposal=event.proposal, state=State.VALIDATED, version=1,
            level=event.level, approvals_needed=event.approvals_needed,
            signature_needed=event.signature_needed, proposed_ns=at_ns, changed_ns=at_ns,
        )  # fmt: skip
    assert document is not None, "decided on a recommendation that is there"
    state, changes = _changed(document, event, at_ns)
    assert state is document.state or state in FOLLOWS[document.state], f"{document.state} -> {state}"
    return msgspec.structs.replace(
        document, state=state, version=document.version + 1, changed_ns=at_ns, **changes
    )


def _changed(document: Recommendation, event: EventData, at_ns: int) -> tuple[State, dict[str, object]]:
    decision = document.decision or Decision(accepted=False, person="", at_ns=0)
    execution = document.execution or Execution(command=command_id(document.id), dispatched_ns=0)
    replace = msgspec.structs.replace
    match event:
        case events.RecommendationProposed():
            return State.PROPOSED, {}
        case events.RecommendationApproved():
            yes = Approval(person=event.person, at_ns=at_ns, signature=event.signature,
                           signer=event.signer)  # fmt: skip
            return document.state, {"decision": replace(
                decision, person=event.person, at_ns=at_ns, reason=event.reason,
                approvals=[*decision.approvals, yes],
            )}  # fmt: skip
        case events.RecommendationAccepted():
            return State.ACCEPTED, {"decision": replace(decision, accepted=True, person=event.person)}
        case events.RecommendationRejected():
            return State.REJECTED, {"decision": replace(
                decision, person=event.person, at_ns=at_ns, reason=event.reason
            )}  # fmt: skip
        case events.RecommendationExpired():
            why = Words(code="ledger.expired", text="Nobody decided in time.")
            return State.EXPIRED, {"ended_by": why}
        case events.RecommendationSuperseded():
            return State.SUPERSEDED, {"ended_by": event.why}
        case events.RecommendationDispatched():
            return State.DISPATCHED, {"execution": replace(execution, dispatched_ns=at_ns)}
        case events.RecommendationAcknowledged():
            acknowledged = replace(
                execution, acknowledged_ns=event.at_ns or at_ns, subject=event.made, failed_ns=0, place="",
                found="", right="",
            )  # fmt: skip
            return State.ACKNOWLEDGED, {"execution": acknowledged, "ended_by": None}
        case events.RecommendationDone():
            return document.state, {"execution": replace(execution, done_ns=event.at_ns or at_ns)}
        case events.RecommendationFailed():
            text = f"{event.place}: {event.found}; expected {event.right}"
            why = Words(code="ledger.failed", text=text, values={
                "place": event.place, "found": event.found, "right": event.right
            })  # fmt: skip
            failed = replace(execution, failed_ns=at_ns, place=event.place, found=event.found,
                             right=event.right)  # fmt: skip
            return State.FAILED, {"ended_by": why, "execution": failed}
        case events.RecommendationMeasured():
            return State.MEASURED, {"outcome": replace(event.outcome, at_ns=at_ns)}
        case events.RecommendationAssessed():
            return document.state, {"came_true": event.came_true}
        case events.RecommendationAbandoned():
            return document.state, {"abandoned_ns": at_ns}
        case _:
            raise AssertionError(f"{event.event_type} is not about a recommendation")
