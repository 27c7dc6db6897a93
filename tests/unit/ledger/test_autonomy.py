"""How much a class may do: it climbs by a person on measured outcomes, and falls by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from taktwin.contracts.recommendation import (
    AdviceClass,
    Assess,
    Carry,
    Check,
    ClassRecord,
    Cost,
    Decide,
    Declare,
    Level,
    Measure,
    Move,
    Range,
    Risk,
    State,
)
from taktwin.ledger import api, engine
from taktwin.ledger.desk import rebuilt
from taktwin.ledger.tables import ClassRow
from tests.support_advice import (
    CLASS,
    HOUR,
    SECOND,
    START_NS,
    Office,
    alternative,
    card,
    effect,
    error,
    of_tool,
    outcome,
    proof,
    words,
)


def record(office: Office) -> ClassRecord:
    found = api.record(office.store.book, {"advice_class": CLASS}, office.now_ns)  # type: ignore[attr-defined]
    assert isinstance(found, ClassRecord)
    return found


def move(office: Office, level: Level, **who: Any) -> Any:
    return office.say(Move(advice_class=CLASS, level=level, reason="We have seen enough."), **who)


@pytest.fixture
def office() -> Office:
    return Office().begun()


def test_a_class_climbs_by_a_person_on_measured_outcomes(office: Office) -> None:
    for number in range(5):
        answer = move(office, Level.ONE_CLICK)
        assert answer.code == "not_ready" and f"{number} of 5 cases" in answer.found, answer
        office.measured(f"r{number}", -9.0, f"M{number}")
    assert record(office).obstacles == []
    assert move(office, Level.ONE_CLICK).level == Level.ONE_CLICK
    found = record(office)
    assert (found.moves[-1].person, found.moves[-1].before, found.since_move) == ("P01", Level.ADVISE, 0)
    assert (found.effective, found.promised, found.measured) == (5, -12.0, -9.0)


def test_it_is_told_in_the_journal_who_let_it_climb(office: Office) -> None:
    move(office, Level.OBSERVE)
    entry = office.store.entries[-1]  # type: ignore[attr-defined]
    assert (entry.event_type, entry.subject, entry.on_behalf_of) == ("advice.class.moved", CLASS, "P01")


@pytest.mark.parametrize("kind", ["service", "ai"])
def test_no_program_lets_a_class_climb(office: Office, kind: str) -> None:
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    assert move(office, Level.ONE_CLICK, actor_type=kind).code == "denied"
    assert record(office).level is Level.ADVISE


def test_a_climb_needs_a_reason_one_step_and_another_level(office: Office) -> None:
    assert office.say(Move(advice_class=CLASS, level=Level.OBSERVE, reason=" ")).place == "reason"
    assert move(office, Level.AUTO_WITH_VETO).code == "state"
    assert move(office, Level.ADVISE).code == "state"
    assert office.say(Move(advice_class="other", level=Level.OBSERVE, reason="x")).code == "unknown"


def test_auto_with_veto_is_off_for_everybody(office: Office) -> None:
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    assert move(office, Level.ONE_CLICK).accepted
    for number in range(5, 10):
        office.measured(f"r{number}", -9.0, f"M{number}")
    answer = move(office, Level.AUTO_WITH_VETO)
    assert answer.code == "state" and "off" in answer.right and record(office).level is Level.ONE_CLICK


def test_outcomes_that_were_not_as_promised_let_nothing_climb(office: Office) -> None:
    for number in range(3):
        office.measured(f"r{number}", -9.0, f"M{number}")
    for number in range(3, 5):
        office.measured(f"r{number}", 0.0, f"M{number}")
    answer = move(office, Level.ONE_CLICK)
    assert answer.code == "not_ready" and "3 of 5" in answer.found, "80 % are needed"


def test_harm_lets_it_fall_by_one_at_once_and_what_came_before_counts_no_more(office: Office) -> None:
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    move(office, Level.ONE_CLICK)
    office.measured("bad", 9.0, "M9")
    found = record(office)
    assert found.level is Level.ADVISE and found.harmful == 1
    assert found.moves[-1].person == "" and found.moves[-1].why.code == "autonomy.harm"
    assert move(office, Level.ONE_CLICK).code == "not_ready", "earned anew"
    office.measured("worse", 9.0, "M10")
    assert record(office).level is Level.OBSERVE


def test_above_the_back_test_limit_it_observes_and_takes_back_what_waits(office: Office) -> None:
    office.propose("r1")
    office.propose("r2", work_unit="turn2")
    office.accept("r2")
    office.granted(Check(advice_class=CLASS, error=error(0.17)))
    found = record(office)
    assert found.level is Level.OBSERVE and found.moves[-1].why.code == "autonomy.backtest"
    assert office.of("r1").state is State.SUPERSEDED and office.of("r2").state is State.ACCEPTED
    assert "17%" in office.of("r1").ended_by.text  # type: ignore[union-attr]
    inbox = api.inbox(office.store.book, {}, office.now_ns)  # type: ignore[attr-defined]
    assert inbox.waiting == [] and [why.code for why in inbox.silent] == ["autonomy.backtest"]


def test_at_its_limit_it_still_advises(office: Office) -> None:
    office.granted(Check(advice_class=CLASS, error=error(0.15)))
    assert record(office).level is Level.ADVISE


@pytest.mark.parametrize("share", [0.151, 0.9])
def test_the_limit_is_the_tighter_of_the_two(office: Office, share: float) -> None:
    office.granted(Check(advice_class=CLASS, error=error(share, limit=1.0)))
    assert record(office).level is Level.OBSERVE


def test_drift_lets_it_fall_and_it_must_be_said_what_drifts(office: Office) -> None:
    assert office.say(Check(advice_class=CLASS, error=error(), drifting=True)).place == "why"
    office.granted(Check(advice_class=CLASS, error=error(), drifting=True, why="spindle load"))
    assert record(office).level is Level.OBSERVE
    assert office.propose().code == "not_ready"
    office.granted(Check(advice_class=CLASS, error=error()))
    assert record(office).level is Level.OBSERVE, "it does not rise by itself"


def test_what_observes_is_kept_shown_to_nobody_and_earns_advising_by_what_it_foretold(
    office: Office,
) -> None:
    office.granted(Check(advice_class=CLASS, error=error(0.17)))
    office.granted(Check(advice_class=CLASS, error=error()))
    for number in range(5):
        assert move(office, Level.ADVISE).code == "not_ready"
        office.foretold(f"r{number}")
        assert office.propose("newer").code == "state", (
            "a newer one would take its place before it is compared"
        )
        office.now_ns = office.of(f"r{number}").proposal.expires_ns
        office.desk.tick()
        inbox = api.inbox(office.store.book, {}, office.now_ns)  # type: ignore[attr-defined]
        assert inbox.waiting == []
    office.propose("r5")
    assert office.of("r5").state is State.VALIDATED
    decide = Decide(recommendation="r5", version=1, accept=True, grant="seal")
    assert office.say(decide).code == "state", "nobody can accept what only observes"
    assert move(office, Level.ADVISE).accepted
    assert record(office).level is Level.ADVISE and record(office).came_true == 5


def test_what_did_not_come_lets_nothing_climb() -> None:
    office = Office().begun(starts_at=Level.OBSERVE)
    for number in range(5):
        office.foretold(f"r{number}", came_true=number > 1, work_unit=f"turn{number}")
    assert move(office, Level.ADVISE).code == "not_ready"


def test_a_class_that_was_never_tested_does_not_climb() -> None:
    office = Office()
    office.granted(Declare(advice_class=card(starts_at=Level.OBSERVE)))
    for number in range(5):
        office.foretold(f"r{number}", work_unit=f"turn{number}")
    answer = move(office, Level.ADVISE)
    assert answer.code == "not_ready" and "never back-tested" in answer.found


def test_high_risk_goes_no_higher_than_advise() -> None:
    office = Office().begun(risk=Risk.HIGH)
    assert any(why.code == "autonomy.risk" for why in record(office).obstacles)
    assert move(office, Level.ONE_CLICK).code == "not_ready"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"commands": []}, {"commands": ["machine.start"]}, {"starts_at": Level.ONE_CLICK},
        {"starts_at": Level.AUTO_WITH_VETO}, {"backtest_error_max": 0.3}, {"backtest_error_max": 0.0},
        {"cases": 4}, {"effective_share": 0.5}, {"effective_share": 1.1}, {"measure_within_s": 0.0},
    ],
)  # fmt: skip
def test_what_an_analyst_declares_goes_not_below_the_floor(wrong: dict[str, Any]) -> None:
    office = Office()
    answer = office.say(Declare(advice_class=card(**wrong)))
    assert answer.code == "invalid", answer
    assert not office.store.entries  # type: ignore[attr-defined]


def test_declared_again_it_is_the_same_and_other_rules_lift_no_class(office: Office) -> None:
    move(office, Level.OBSERVE)
    before = len(office.store.entries)  # type: ignore[attr-defined]
    office.granted(Declare(advice_class=card()))
    assert len(office.store.entries) == before  # type: ignore[attr-defined]
    other: AdviceClass = card(signature=True)
    office.granted(Declare(advice_class=other))
    assert record(office).level is Level.OBSERVE and record(office).advice_class == other


ASKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a lower risk": ({"risk": Risk.HIGH}, {"risk": Risk.MEDIUM}),
    "no signature": ({"signature": True}, {"signature": False}),
    "a larger error": ({"backtest_error_max": 0.10}, {"backtest_error_max": 0.15}),
    "fewer cases": ({"cases": 10}, {"cases": 5}),
    "a smaller share": ({"effective_share": 0.9}, {"effective_share": 0.7}),
    "one more command": (
        {"commands": ["maintenance.request"]},
        {"commands": ["maintenance.request", "spare.count"]},
    ),
}


@pytest.mark.parametrize("name", ASKS)
def test_declared_anew_it_asks_for_no_less_and_for_more_where_it_says_so(name: str) -> None:
    more, less = ASKS[name]
    office = Office().begun(**more)
    before = len(office.store.entries)  # type: ignore[attr-defined]
    office.granted(Declare(advice_class=card(**less)))
    assert record(office).advice_class == card(**more)
    assert len(office.store.entries) == before  # type: ignore[attr-defined]
    raised = Office().begun(**less)
    raised.granted(Declare(advice_class=card(**more)))
    assert record(raised).advice_class == card(**more)


def test_what_is_raised_is_taken_beside_what_is_not_lowered() -> None:
    office = Office().begun(risk=Risk.HIGH, signature=True)
    office.granted(Declare(advice_class=card(backtest_error_max=0.1)))
    kept = card(risk=Risk.HIGH, signature=True, backtest_error_max=0.1)
    assert record(office).advice_class == kept
    office.propose()
    assert (office.of().approvals_needed, office.of().signature_needed) == (2, True)


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"indicator": "wip"}, "indicator of tool_change"),
        ({"commands": ["spare.count"]}, "commands of tool_change"),
    ],
)
def test_what_makes_it_another_class_is_refused(office: Office, other: dict[str, Any], place: str) -> None:
    answer = office.say(Declare(advice_class=card(**other)))
    assert (answer.code, answer.place) == ("invalid", place)
    assert record(office).advice_class == card()


# What counts


def test_one_tool_is_one_case_however_often_it_was_advised_on() -> None:
    office = Office().begun(starts_at=Level.OBSERVE)
    for number in range(6):
        office.foretold(f"r{number}", came_true=number != 1, evidence=of_tool(START_NS))
        over(office, f"r{number}")
    found = record(office)
    assert (found.foretold, found.came_true, found.since_move, found.good_since_move) == (1, 1, 1, 1)
    assert "1 of 5 cases" in move(office, Level.ADVISE).found
    for number in range(4):
        office.foretold(f"s{number}", evidence=of_tool(START_NS + (number + 1) * HOUR))
        over(office, f"s{number}")
    office.foretold("other-unit", evidence=of_tool(START_NS), work_unit="turn2")
    assert record(office).since_move == 6 and move(office, Level.ADVISE).accepted


def over(office: Office, name: str) -> None:
    """Let the time of a recommendation be over."""
    office.now_ns = office.of(name).proposal.expires_ns
    office.desk.tick()


def test_the_first_outcome_of_a_tool_is_the_one_that_counts_and_harm_counts_each_time(office: Office) -> None:
    same = of_tool(START_NS)
    office.measured("r1", 0.0, "M1", evidence=same)
    office.measured("r2", -9.0, "M2", evidence=same)
    found = record(office)
    assert (found.effective, found.neutral, found.since_move, found.good_since_move) == (0, 1, 1, 0)
    assert (found.measured, found.covered_80) == (0.0, 0.0)
    office.measured("r3", 9.0, "M3", evidence=same)
    assert record(office).harmful == 1 and record(office).level is Level.OBSERVE
    again = rebuilt(office.store.entries)  # type: ignore[attr-defined]
    assert again.where(ClassRow)[0].whole == msgspec.structs.replace(
        record(office), obstacles=[], outcomes=[]
    )


def test_what_was_foretold_of_a_tool_takes_no_place_from_what_was_measured_of_it(office: Office) -> None:
    same = of_tool(START_NS)
    office.propose("r1", evidence=same)
    office.granted(Decide(recommendation="r1", version=2, accept=False, reason="We wait."))
    office.granted(Assess(recommendation="r1", came_true=True, how=words("It came.")))
    office.measured("r2", -9.0, "M2", evidence=same)
    found = record(office)
    assert (found.foretold, found.effective, found.since_move) == (1, 1, 1)


def test_what_a_person_saw_and_rejected_is_no_case_at_any_level(office: Office) -> None:
    for name in ("r1", "r2"):
        office.propose(name)
        version = office.of(name).version
        office.granted(Decide(recommendation=name, version=version, accept=False, reason="We wait."))
    office.granted(Assess(recommendation="r1", came_true=True, how=words("It came.")))
    assert (record(office).foretold, record(office).since_move) == (1, 0)
    move(office, Level.OBSERVE)
    office.granted(Assess(recommendation="r2", came_true=True, how=words("It came.")))
    found = record(office)
    assert (found.foretold, found.came_true, found.since_move, found.good_since_move) == (2, 2, 0, 0)
    assert found.rejected == 2


def test_what_people_reject_or_nobody_measures_keeps_a_class_from_climbing(office: Office) -> None:
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    assert record(office).obstacles == []
    office.propose("no1")
    office.granted(Decide(recommendation="no1", version=2, accept=False, reason="Not so."))
    assert record(office).unproven_since_move == 1 and record(office).obstacles == [], "5 of 6 are enough"
    office.carried_out("lost", "M9")
    office.now_ns += round(card().measure_within_s * SECOND) + engine.ABANDON_AFTER_NS + HOUR
    office.desk.tick()
    office.now_ns += engine.ABANDON_AFTER_NS
    office.desk.tick()
    assert (record(office).abandoned, record(office).unproven_since_move) == (1, 2)
    office.propose("no2")
    office.granted(Decide(recommendation="no2", version=2, accept=False, reason="Not so."))
    (why,) = record(office).obstacles
    assert (why.code, why.values["good"], why.values["cases"]) == ("autonomy.share", 5, 8)
    assert move(office, Level.ONE_CLICK).code == "not_ready"
    move(office, Level.OBSERVE)
    assert record(office).unproven_since_move == 0, "each rung anew"


def test_a_tool_that_was_rejected_again_and_again_counts_once(office: Office) -> None:
    same = of_tool(START_NS)
    for name in ("r1", "r2", "r3"):
        office.propose(name, evidence=same)
        office.granted(Decide(recommendation=name, version=2, accept=False, reason="Later."))
    assert (record(office).rejected, record(office).unproven_since_move) == (3, 1)
    assert "autonomy.share" in [why.code for why in record(office).obstacles]
    office.propose("r4", work_unit="turn2")
    office.granted(Decide(recommendation="r4", version=2, accept=False, reason="No."))
    assert record(office).unproven_since_move == 2


def test_what_was_done_before_a_class_fell_counts_not_against_its_next_climb(office: Office) -> None:
    office.carried_out("lost", "M9")
    move(office, Level.OBSERVE)
    office.desk.tick()
    office.now_ns += round(card().measure_within_s * SECOND) + 2 * engine.ABANDON_AFTER_NS
    office.desk.tick()
    assert (record(office).abandoned, record(office).unproven_since_move) == (1, 0)


def test_what_only_observed_and_was_given_up_counts_against_nothing() -> None:
    office = Office().begun(starts_at=Level.OBSERVE)
    office.propose()
    office.now_ns = office.of().proposal.expires_ns
    office.desk.tick()
    for _ in range(2):
        office.now_ns += round(card().measure_within_s * SECOND) + engine.ABANDON_AFTER_NS
        office.desk.tick()
    assert office.of().abandoned_ns and record(office).unproven_since_move == 0


def test_what_was_seen_without_advising_is_no_case_once_it_advises(office: Office) -> None:
    move(office, Level.OBSERVE)
    office.propose("late", work_unit="mill1")
    for number in range(5):
        office.foretold(f"r{number}", work_unit=f"turn{number}")
    assert move(office, Level.ADVISE).accepted
    office.granted(Assess(recommendation="late", came_true=True, how=words("It came.")))
    assert (record(office).foretold, record(office).since_move) == (6, 0)


def test_what_its_advice_came_to_is_no_case_while_it_observes(office: Office) -> None:
    office.carried_out("r1", "M1")
    move(office, Level.OBSERVE)
    office.now_ns += HOUR
    found = outcome(office.of("r1"), -9.0, now_ns=office.now_ns)
    office.granted(Measure(recommendation="r1", outcome=found))
    after = record(office)
    assert (after.effective, after.since_move, after.good_since_move) == (1, 0, 0)


def test_what_expired_is_told_and_is_no_case(office: Office) -> None:
    office.propose("r1")
    over(office, "r1")
    assert (record(office).expired, record(office).since_move) == (1, 0)
    move(office, Level.OBSERVE)
    office.propose("r2")
    over(office, "r2")
    assert office.of("r2").state is State.EXPIRED
    assert (record(office).expired, record(office).since_move) == (1, 0), "nobody was asked"


@pytest.mark.parametrize(
    ("mean", "share"), [(-12.0, 1.0), (-14.0, 1.0), (-10.0, 1.0), (-14.1, 0.0), (-9.9, 0.0)]
)
def test_a_promise_is_kept_between_both_of_its_ends(office: Office, mean: float, share: float) -> None:
    office.measured("r1", mean, "M1")
    spread = office.of("r1").proposal.effects[0].difference
    assert (spread.p10, spread.p90) == (-14.0, -10.0)
    assert record(office).covered_80 == share


def test_what_was_promised_and_measured_are_means_over_all(office: Office) -> None:
    for number, (gain, mean) in enumerate([(12.0, -12.0), (12.0, -9.0), (6.0, -3.0), (6.0, -2.0)]):
        alternatives = [alternative("nothing", 0.0, significant=False), alternative("next_setup", gain)]
        office.measured(
            f"r{number}", mean, f"M{number}", effects=[effect(gain)],
            proof=proof(office.now_ns, alternatives=alternatives),
        )  # fmt: skip
    found = record(office)
    assert (found.promised, found.measured) == (pytest.approx(-9.0), pytest.approx(-6.5))
    assert found.covered_80 == pytest.approx(0.25)


def test_only_a_fall_to_observing_takes_back_what_waits(office: Office) -> None:
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    office.propose("waits")
    assert move(office, Level.ONE_CLICK).accepted and office.of("waits").state is State.PROPOSED
    assert move(office, Level.ADVISE).accepted and office.of("waits").state is State.PROPOSED
    assert move(office, Level.OBSERVE).accepted and office.of("waits").state is State.SUPERSEDED


def test_drift_alone_lets_it_fall_and_an_error_that_nobody_measured_does_not(office: Office) -> None:
    office.granted(Check(advice_class=CLASS))
    assert record(office).level is Level.ADVISE
    office.granted(Check(advice_class=CLASS, drifting=True, why="spindle load"))
    found = record(office)
    assert found.level is Level.OBSERVE and "spindle load" in found.moves[-1].why.text


def test_what_is_of_high_risk_from_now_on_falls_to_advising(office: Office) -> None:
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    assert move(office, Level.ONE_CLICK).accepted
    office.granted(Declare(advice_class=card(risk=Risk.MEDIUM)))
    assert record(office).level is Level.ONE_CLICK
    office.granted(Declare(advice_class=card(risk=Risk.HIGH)))
    found = record(office)
    assert found.level is Level.ADVISE and found.moves[-1].person == ""
    assert found.moves[-1].why.code == "autonomy.risk"
    office.granted(Declare(advice_class=card(risk=Risk.HIGH, signature=True)))
    assert len(record(office).moves) == 2, "there is nothing to fall from any more"


def test_at_one_click_no_signature_is_asked_for() -> None:
    office = Office().begun(signature=True)
    office.propose("r0", work_unit="turn9")
    assert office.of("r0").signature_needed
    for number in range(1, 6):
        office.propose(f"r{number}")
        office.accept(f"r{number}", wish={"signature": f"s{number}"}, signer="7001")
        _finish(office, f"r{number}", f"M{number}")
    assert move(office, Level.ONE_CLICK).accepted
    office.propose("r9")
    assert not office.of("r9").signature_needed


def test_what_waits_is_taken_back_where_its_class_asks_for_more_than_it_shows() -> None:
    office = Office().begun(signature=True)
    for number in range(5):
        office.propose(f"r{number}")
        office.accept(f"r{number}", wish={"signature": f"s{number}"}, signer="7001")
        _finish(office, f"r{number}", f"M{number}")
    assert move(office, Level.ONE_CLICK).accepted
    office.propose("waits")
    assert move(office, Level.ADVISE).accepted
    waited = office.of("waits")
    assert waited.state is State.SUPERSEDED and waited.ended_by is not None
    assert waited.ended_by.code == "ledger.asks_for_more"
    office.propose("signed")
    office.granted(Declare(advice_class=card(signature=True)))
    assert office.of("signed").signature_needed and office.of("signed").state is State.PROPOSED
    office.granted(Declare(advice_class=card(signature=True, risk=Risk.HIGH)))
    assert office.of("signed").state is State.SUPERSEDED, "one of two persons is not enough"
    office.propose("two")
    assert office.of("two").approvals_needed == 2


def test_good_and_bad_cases_count_anew_on_each_rung(office: Office) -> None:
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    assert move(office, Level.ONE_CLICK).accepted and move(office, Level.ADVISE).accepted
    for number in range(5, 10):
        office.measured(f"r{number}", 0.0, f"M{number}")
    answer = move(office, Level.ONE_CLICK)
    assert answer.code == "not_ready" and "0 of 5" in answer.found, answer
    office.measured("bad", 9.0, "M10")
    found = record(office)
    assert found.level is Level.OBSERVE and found.harmful_since_move == 0


def test_nobody_climbs_two_rungs_and_a_bad_back_test_is_a_fall_to_the_ground(office: Office) -> None:
    assert move(office, Level.OBSERVE).accepted
    for number in range(5):
        office.foretold(f"f{number}", work_unit=f"turn{number}")
    answer = move(office, Level.ONE_CLICK)
    assert answer.code == "state" and "one step at a time" in answer.right
    assert move(office, Level.ADVISE).accepted
    for number in range(5):
        office.measured(f"r{number}", -9.0, f"M{number}")
    assert move(office, Level.ONE_CLICK).accepted
    office.granted(Check(advice_class=CLASS, error=error(0.9)))
    assert record(office).level is Level.OBSERVE


def test_the_limit_of_the_model_counts_where_it_is_the_tighter(office: Office) -> None:
    office.granted(Check(advice_class=CLASS, error=error(0.12, limit=0.10)))
    assert record(office).level is Level.OBSERVE
    assert any("the limit is 10%" in each.text for each in record(office).obstacles)


def _finish(office: Office, name: str, order: str) -> None:
    office.granted(Carry(recommendation=name))
    office.opened(name, order)
    office.mes("maintenance.order.completed", order, order=order)
    office.now_ns += HOUR
    office.granted(Measure(recommendation=name, outcome=outcome(office.of(name), -9.0, now_ns=office.now_ns)))


def test_the_list_is_by_what_waiting_costs(office: Office) -> None:
    def cost(units: float) -> Cost:
        return Cost(units=Range(mean=units, p10=units, p90=units))

    for name, units in (("a", 2.0), ("b", 9.0), ("c", 4.0)):
        office.propose(name, work_unit=name, waiting=cost(units))
    inbox = api.inbox(office.store.book, {}, office.now_ns)  # type: ignore[attr-defined]
    assert [row.id for row in inbox.waiting] == ["b", "c", "a"]
