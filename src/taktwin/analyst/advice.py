"""From what a trial came to, the recommendation as the ledger takes it; what the schedule brings. Pure."""

from __future__ import annotations

import hashlib
import math

from taktwin.analyst.model import Prediction
from taktwin.analyst.promises import Promises
from taktwin.analyst.proposal import MINUTES, NOTHING, Ahead, Course, ProposalClass, Trial
from taktwin.analyst.proving import LOSS, Verdict
from taktwin.contracts import recommendation as advice
from taktwin.contracts.analyst import Predicted, VersionDocument
from taktwin.contracts.recommendation import Cost, Proof, Proposal, Range, Words
from taktwin.contracts.whatif import Comparison, PastError, Replay, Spread


def ahead(film: Replay, unit: str, group: tuple[str, ...]) -> Ahead:
    """Return what the schedule will bring to a unit.

    Parameters
    ----------
    film : one run of the plant as it is
    group : the units that stand in for it, itself included
    """
    spans = (
        (each.unit, span.from_ns, span.to_ns, span.time_class) for each in film.units for span in each.spans
    )
    return Ahead.of(spans, unit, group, at_ns=film.start_ns, end_ns=film.end_ns)


def past_error(kind: type[ProposalClass], about: VersionDocument) -> PastError | None:
    """Return how far the model was off on what it had not seen, as the ledger judges a class; None:
    nobody knows."""
    if about.error is None or not about.judged:
        return None
    mine = next((each for each in about.scores if each.name == about.model), None)
    covered = mine.coverage if mine is not None and mine.coverage is not None else 0.0
    return PastError(
        indicator=kind.declared().indicator, error=about.error, limit=kind.error_max, epochs=about.judged,
        covered_80=covered, covered_95=0.0,
    )  # fmt: skip


def predicted(prediction: Prediction, about: VersionDocument) -> Predicted:
    """Return a prediction as it is published."""
    subject = prediction.subject
    return Predicted(
        id=f"{about.model}.{subject.id}", model=about.model, version=about.version,
        shadow=about.stage != "live", work_unit=subject.unit, subject=subject.id, at_ns=prediction.at_ns,
        unit=prediction.unit, median=_finite(prediction.median), low=_finite(prediction.low),
        high=_finite(prediction.high),
        evidence=[Words(code=f"{about.model}.{e.code}", text=f"{e.value:.3g} {e.text}.",
                        values={"value": e.value, "unit": e.unit}) for e in prediction.evidence],
        facts=dict(subject.facts), names=dict(subject.names), pace_s=_known(prediction.pace_s),
    )  # fmt: skip


def composed(
    kind: type[ProposalClass], trial: Trial, verdict: Verdict, chosen: Course, answer: Comparison,
    prediction: Prediction, about: VersionDocument, validity: PastError, promises: Promises,
) -> Proposal:  # fmt: skip
    """Return the recommendation of a course that won its trial.

    What each alternative promises is as wide as the luck of its runs and earlier promises say together.
    """
    assert answer.snapshot is not None and answer.validity is not None, "an answer that is ready has both"
    assert chosen.action is not None, "what is proposed can be done"
    alternatives = [promises.carried(each, {LOSS, *trial.weights}) for each in verdict.alternatives]
    effects = next(each.effects for each in alternatives if each.name == chosen.name)
    loss = effects[0]
    assert loss.indicator == LOSS, "the first figure decides"
    unit = prediction.subject.unit
    # What is lost in pieces: of what is made, more is better, and it is no loss.
    lost = next((e for e in effects if e.indicator in trial.weights and not e.more_is_better), None)
    rests_on = (
        kind.name,
        prediction.subject.id,
        answer.snapshot.snapshot_id,
        answer.scenario_id,
        chosen.name,
    )
    identity = hashlib.sha256("/".join(rests_on).encode()).hexdigest()[:16]
    units, minutes = None if lost is None else _of(lost.nothing), trial.stands_min(unit)
    if trial.unit == MINUTES:  # the loss itself is told in what it is counted in, and never twice
        minutes = minutes or _of(loss.nothing)
    elif not trial.currency:
        units = units or _of(loss.nothing)
    inaction = Cost(
        units=units, minutes=minutes, money=_of(loss.nothing) if trial.currency else None,
        currency=trial.currency,
    )  # fmt: skip
    return Proposal(
        id=f"{kind.name}-{identity}", advice_class=kind.name,
        work_unit=unit, says=trial.headline[chosen.name], evidence=list(trial.evidence),
        against=[*trial.against, promises.says()], forecast=trial.forecast, action=chosen.action,
        effects=effects,
        inaction=inaction, waiting=trial.waiting, expires_ns=trial.expires_ns[chosen.name],
        risk=kind.declared().risk, roll_back=trial.roll_back, roll_back_until_ns=chosen.at_ns,
        watches=list(trial.watches),
        model=advice.Model(
            name=about.model, version=about.version, data_from_ns=about.data_from_ns,
            data_to_ns=about.data_to_ns, shadow=about.stage != "live",
        ),
        proof=Proof(
            scenario_id=answer.scenario_id, snapshot_id=answer.snapshot.snapshot_id,
            snapshot_hash=answer.snapshot.hash, state_ns=answer.snapshot.state_ns,
            model_version=answer.model_version, calibration_id=answer.calibration_id, seed=answer.seed,
            horizon_s=answer.horizon_s, common_random_numbers=answer.common_random_numbers,
            chosen=chosen.name, alternatives=alternatives, validity=validity,
            simulation=list(answer.validity.errors),
            unknowns=[*answer.snapshot.unknowns, *answer.validity.notes],
        ),
    )  # fmt: skip


def _of(spread: Spread) -> Range:
    return Range(mean=spread.mean, p10=spread.p10, p90=spread.p90)


def _known(pace_s: float | None) -> float | None:
    return None if pace_s is None or not math.isfinite(pace_s) or pace_s <= 0 else pace_s


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


assert NOTHING == "nothing", "the ledger asks for it by this name"
