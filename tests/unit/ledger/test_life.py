"""The life of a recommendation: what follows what, and every way to be refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from taktwin.contracts import events
from taktwin.contracts.recommendation import (
    Assess,
    Carry,
    Check,
    ClassRecord,
    Cost,
    Decide,
    Forecast,
    Level,
    Measure,
    Model,
    Propose,
    Range,
    Recommendation,
    Refuse,
    Result,
    Risk,
    State,
    Watch,
    Withdraw,
    command_id,
    digest,
)
from taktwin.ledger import api, engine
from taktwin.ledger.actions import signer_of
from taktwin.ledger.carrying import MesFact
from taktwin.ledger.desk import Desk, rebuilt
from taktwin.ledger.engine import FOLLOWS, Told
from taktwin.ledger.tables import ClassRow, Grant, Heard, RecommendationRow
from taktwin.storage.journal import verify
from taktwin.storage.stores import MemoryStore
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
    proposal,
    spread,
    words,
)


@pytest.fixture
def office() -> Office:
    return Office().begun()


def test_from_proof_to_measured_effect(office: Office) -> None:
    assert office.propose().state == State.PROPOSED
    assert office.accept().state == State.ACCEPTED
    carried = office.granted(Carry(recommendation="r1")).carried
    assert carried is not None and carried.person == "P01" and carried.grants == ["seal"]
    assert carried.command_id == command_id("r1") and carried.action == office.of().proposal.action
    assert office.of().state is State.DISPATCHED
    assert office.opened() == 1
    document = office.of()
    assert document.state is State.ACKNOWLEDGED and document.execution is not None
    assert document.execution.subject == "M1" and not document.execution.done_ns
    assert office.mes("maintenance.order.completed", "M1", order="M1", work_unit="turn1") == 1
    assert office.of().execution.done_ns == office.now_ns  # type: ignore[union-attr]
    office.now_ns += HOUR
    office.granted(Measure(recommendation="r1", outcome=outcome(office.of(), -9.0, now_ns=office.now_ns)))
    document = office.of()
    assert document.state is State.MEASURED and document.outcome is not None
    assert document.outcome.result is Result.EFFECTIVE


def test_the_journal_is_a_chain_and_all_there_is(office: Office) -> None:
    office.measured("r1", -9.0, "M1")
    assert office.propose("r2").accepted
    store = office.store
    assert isinstance(store, MemoryStore)
    assert verify(store.entries).broken is None
    again = rebuilt(store.entries)
    for kind in (RecommendationRow, ClassRow):
        assert again.where(kind) == store.book.where(kind), "the tables are what the journal makes"


NAN = float("nan")
REFUSED_PROOFS: dict[str, tuple[dict[str, Any], str]] = {
    "no scenario": ({"scenario_id": ""}, "proof: scenario_id"),
    "no snapshot": ({"snapshot_id": " "}, "proof: snapshot_id"),
    "no hash": ({"snapshot_hash": ""}, "proof: snapshot_hash"),
    "no model": ({"model_version": ""}, "proof: model_version"),
    "other luck in each": ({"common_random_numbers": False}, "proof: common_random_numbers"),
    "an old plant": ({"state_ns": START_NS - 2 * HOUR}, "proof: state_ns"),
    "a plant to come": ({"state_ns": START_NS + HOUR}, "proof: state_ns"),
    "nothing tried": ({"alternatives": []}, "proof: alternatives"),
    "not against doing nothing": ({"alternatives": [alternative("next_setup", 12.0)]}, "proof: alternatives"),
    "not tried itself": ({"chosen": "tomorrow"}, "proof: alternatives"),
    "doing nothing": ({"chosen": "nothing"}, "proof: chosen"),
    "another effect": ({"chosen": "now"}, "proof: chosen"),
    "a better one was found": (
        {"alternatives": [alternative("nothing", 0), alternative("now", 13), alternative("next_setup", 12)]},
        "proof: chosen",
    ),
    "too few runs": (
        {"alternatives": [alternative("nothing", 0), alternative("next_setup", 12.0, runs=19)]},
        "proof: replications",
    ),
    "by chance": (
        {"alternatives": [alternative("nothing", 0), alternative("next_setup", 12.0, significant=False)]},
        "proof: next_setup against nothing",
    ),
    "never back-tested": ({"validity": msgspec.structs.replace(error(), epochs=0)}, "back-test of scrap"),
    "back-test of another figure": ({"validity": error(indicator="wip")}, "proof: back-test"),
    "above its own limit": ({"validity": error(0.12, limit=0.1)}, "back-test of scrap"),
    "above the class's limit": ({"validity": error(0.16, limit=0.5)}, "back-test of scrap"),
    "an error that is no number": ({"validity": error(NAN)}, "back-test of scrap"),
    "simulated above its limit": (
        {"simulation": [error(), error(0.16, indicator="wip")]},
        "back-test of wip",
    ),
    "simulated with an error that is no number": (
        {"simulation": [error(NAN, indicator="wip")]},
        "back-test of wip",
    ),
}


@pytest.mark.parametrize("name", REFUSED_PROOFS)
def test_what_is_not_proven_is_not_kept(office: Office, name: str) -> None:
    changes, place = REFUSED_PROOFS[name]
    unproven = msgspec.structs.replace(proposal("r1"), proof=proof(**changes))
    from taktwin.ledger.actions import Asking, _propose  # the decider: NaN does not travel in JSON
    from taktwin.ledger.engine import Refused

    with office.store.begin() as transaction, pytest.raises(Refused) as refused:
        list(_propose(transaction.book, Propose(proposal=unproven), Asking(START_NS + SECOND)))
    assert refused.value.place == place
    assert office.desk.document("r1") is None


def promising(*, unit: str = "1", **changes: Any) -> dict[str, Any]:
    """Return a proposal's effects and proof with a promise that is changed."""
    bare = effect(12.0)
    whole = msgspec.structs.replace(
        bare, unit=unit, difference=msgspec.structs.replace(bare.difference, **changes)
    )
    chosen = msgspec.structs.replace(alternative("next_setup", 12.0), effects=[whole])
    return {"effects": [whole], "proof": proof(alternatives=[alternative("nothing", 0), chosen])}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"id": " "}, "id"),
    "no such class": ({"advice_class": "other"}, "class"),
    "no headline": ({"says": words(" ")}, "headline"),
    "no way back": ({"roll_back": words("")}, "roll_back"),
    "no evidence": ({"evidence": []}, "evidence"),
    "nothing against it": ({"against": []}, "against"),
    "rests on nothing": ({"watches": []}, "watches"),
    "rests on what nobody remembers": ({"watches": [Watch(event_type="material.counted")]}, "watches"),
    "costs nothing": ({"inaction": Cost(), "waiting": Cost()}, "inaction"),
    "doing nothing costs nothing": ({"inaction": Cost()}, "inaction"),
    "waiting costs nothing": ({"waiting": Cost()}, "waiting"),
    "money of no country": ({"inaction": Cost(money=Range(mean=1, p10=1, p90=1))}, "currency of inaction"),
    "money of no currency": (
        {"waiting": Cost(money=Range(mean=1, p10=1, p90=1), currency="euro")}, "currency of waiting",
    ),
    "rests on a field that no event has": (
        {"watches": [Watch(event_type="tool.mounted", where={"wrk_unit": "turn1"})]}, "watches tool.mounted",
    ),
    "a width below nothing": (promising(half_width=-13.0), "proof: mean of scrap"),
    "counted in nothing": (promising(unit=" "), "proof: unit of scrap"),
    "against a better one in another unit": (
        {"proof": proof(alternatives=[
            alternative("nothing", 0.0, significant=False), alternative("next_setup", 12.0),
            msgspec.structs.replace(
                alternative("now", 13.0), effects=[msgspec.structs.replace(effect(13.0), unit="kg")]
            ),
        ])},
        "proof: alternative now",
    ),
    "an interval upside down": ({"inaction": Cost(units=Range(mean=1, p10=2, p90=1))}, "interval"),
    "quantiles out of order": (promising(p50=-99.0), "proof: interval of scrap"),
    "a forecast upside down": (
        {"forecast": Forecast(says=words("x"), indicator="d", in_s=Range(mean=1, p10=2, p90=1))}, "interval",
    ),
    "about nothing that began": ({"evidence": of_tool(0)}, "evidence"),
    "over already": ({"expires_ns": START_NS}, "expires_ns"),
    "for ever": ({"expires_ns": START_NS + 9 * 24 * HOUR}, "expires_ns"),
    "worse than doing nothing": (
        {"effects": [effect(-12.0)],
         "proof": proof(alternatives=[alternative("nothing", 0), alternative("next_setup", -12.0)])},
        "proof: next_setup against nothing",
    ),
    "better in fewer runs than worse": (
        {"effects": [effect(12.0, better=0.4)],
         "proof": proof(alternatives=[
             alternative("nothing", 0),
             msgspec.structs.replace(alternative("next_setup", 12.0), effects=[effect(12.0, better=0.4)]),
         ])},
        "proof: next_setup against nothing",
    ),
    "within the noise of its mean": (
        {"effects": [msgspec.structs.replace(effect(12.0), difference=spread(-12.0, 13.0))],
         "proof": proof(alternatives=[
             alternative("nothing", 0),
             msgspec.structs.replace(
                 alternative("next_setup", 12.0),
                 effects=[msgspec.structs.replace(effect(12.0), difference=spread(-12.0, 13.0))],
             ),
         ])},
        "proof: next_setup against nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_person_could_not_decide_on_is_not_kept(office: Office, name: str) -> None:
    changes, place = REFUSED[name]
    answer = office.say(Propose(proposal=msgspec.structs.replace(proposal("r1"), **changes)))
    assert not answer.accepted and answer.place == place, answer
    assert office.desk.document("r1") is None


def _action(command: str, **data: Any) -> dict[str, Any]:
    return {"action": msgspec.structs.replace(proposal().action, command=command, data=data)}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (_action("spare.count", spare="x", quantity=1), "action"),
        (_action("no.such"), "action"),
        (_action("maintenance.request", work_unit="turn1", knd="tool_change"), "data of maintenance.request"),
        (_action("maintenance.request"), "data of maintenance.request"),
    ],
)
def test_an_action_is_a_command_of_its_class_that_the_mes_can_read(
    office: Office, changes: dict[str, Any], place: str
) -> None:
    answer = office.propose(**changes)
    assert not answer.accepted and answer.place == place, answer


def test_said_again_it_is_the_same_and_another_of_its_id_is_refused(office: Office) -> None:
    first = proposal("r1", office.now_ns)
    assert office.say(Propose(proposal=first)).accepted
    version = office.of().version
    assert office.say(Propose(proposal=first)).accepted and office.of().version == version
    other = msgspec.structs.replace(first, expires_ns=first.expires_ns + 1)
    answer = office.say(Propose(proposal=other))
    assert answer.code == "conflict" and office.of().proposal == first


def test_a_newer_proof_takes_the_place_of_the_older(office: Office) -> None:
    assert office.propose("r1").accepted and office.propose("r2").accepted
    assert office.of("r1").state is State.SUPERSEDED and office.of("r2").state is State.PROPOSED
    assert office.propose("r3", work_unit="turn2").accepted
    assert office.of("r2").state is State.PROPOSED, "another work unit's stands beside it"


def test_while_one_is_under_way_no_other_is_proposed(office: Office) -> None:
    assert office.propose("r1").accepted and office.accept("r1").accepted
    answer = office.propose("r2")
    assert answer.code == "state" and "r1 is Accepted" in answer.found
    assert office.of("r1").state is State.ACCEPTED


def test_what_was_carried_out_and_is_not_measured_stands_in_nobodys_way(office: Office) -> None:
    assert office.propose().accepted and office.accept().accepted
    office.granted(Carry(recommendation="r1"))
    assert office.opened() == 1
    assert not office.propose("r2").accepted
    assert office.mes("maintenance.order.completed", "M1", order="M1", work_unit="turn1") == 1
    office.now_ns += HOUR
    assert office.propose("r2").accepted, "the next tool is another matter, whatever the first one came to"
    assert (office.of("r1").state, office.of("r2").state) == (State.ACKNOWLEDGED, State.PROPOSED)
    found = outcome(office.of("r1"), -9.0, now_ns=office.now_ns)
    office.granted(Measure(recommendation="r1", outcome=found))
    assert (office.of("r1").state, office.of("r2").state) == (State.MEASURED, State.PROPOSED)


def test_a_shadow_model_is_kept_and_shown_to_nobody(office: Office) -> None:
    shadow = Model(name="wear", version="2", data_from_ns=1, data_to_ns=2, shadow=True)
    assert office.propose(model=shadow).state == State.VALIDATED
    assert office.of().level is Level.OBSERVE


# Deciding


def test_who_decides_saw_what_it_is_now(office: Office) -> None:
    office.propose()
    answer = office.accept(wish={"version": 1})
    assert answer.code == "conflict" and office.of().state is State.PROPOSED


def test_no_program_decides(office: Office) -> None:
    office.propose()
    for kind in ("service", "ai"):
        answer = office.accept(actor_type=kind)
        assert answer.code == "denied", kind
    assert office.of().state is State.PROPOSED


def test_nobody_but_the_analyst_proposes(office: Office) -> None:
    answer = office.say(Propose(proposal=proposal("r1", office.now_ns)), actor="P01", actor_type="human")
    assert answer.code == "denied" and office.desk.document("r1") is None


def test_an_acceptance_without_the_portals_seal_is_none(office: Office) -> None:
    office.propose()
    assert office.accept(wish={"grant": ""}).code == "denied"
    assert office.of().state is State.PROPOSED


def test_a_rejection_says_why(office: Office) -> None:
    office.propose()
    no = Decide(recommendation="r1", version=2, accept=False)
    assert office.say(no).place == "reason"
    office.granted(msgspec.structs.replace(no, reason="No insert is left."))
    document = office.of()
    assert document.state is State.REJECTED and document.decision is not None
    assert (document.decision.person, document.decision.reason) == ("P01", "No insert is left.")


def test_a_class_that_asks_for_a_signature_takes_no_other_yes() -> None:
    office = Office().begun(signature=True)
    office.propose()
    assert office.accept().code == "denied"
    assert office.accept(wish={"signature": "s1"}).code == "denied", "the MES knows of no such signature"
    assert office.accept(wish={"signature": "s1"}, signer="7001").state == State.ACCEPTED
    decision = office.of().decision
    assert decision is not None
    assert (decision.approvals[0].signature, decision.approvals[0].signer) == ("s1", "7001")


def test_a_signature_is_of_this_proposal_under_its_id_and_means_yes(office: Office) -> None:
    office.propose()
    document = office.of()
    good = {"signature": "s1", "person": "7001", "digest": digest(document.proposal), "meaning": "approved"}
    assert signer_of([good], document, "s1") == "7001"
    for wrong in ({"meaning": "reviewed"}, {"digest": "0" * 64}, {"signature": "s2"}):
        assert signer_of([{**good, **wrong}], document, "s1") == "", wrong
    assert signer_of([{**good, "signature": ""}], document, "") == ""
    assert signer_of([{**good, "meaning": "reviewed"}, {**good, "person": "7002"}], document, "s1") == "7002"


def test_high_risk_takes_two_persons_and_two_signatures() -> None:
    office = Office().begun(risk=Risk.HIGH)
    office.propose()
    assert office.of().approvals_needed == 2 and office.of().signature_needed
    assert office.accept(signer="7001", wish={"signature": "s1"}).state == State.PROPOSED
    assert office.accept(signer="7002", wish={"signature": "s2"}).code == "state", "the same account"
    assert office.accept(person="P02", signer="7001", wish={"signature": "s3"}).code == "state"
    assert office.accept(person="P02", signer="7002", wish={"signature": "s3"}).state == State.ACCEPTED


def test_one_accepted_is_decided_on_once(office: Office) -> None:
    office.propose()
    assert office.accept(message="k1").accepted
    assert office.say(
        Decide(recommendation="r1", version=2, accept=True, grant="seal"), message="k1"
    ).accepted
    assert office.of().state is State.ACCEPTED
    answer = office.accept(person="P02")
    assert answer.code == "state" and "Accepted" in answer.found


# Time


def test_nobody_decided_in_time(office: Office) -> None:
    office.propose()
    office.now_ns = office.of().proposal.expires_ns - 1
    assert office.desk.tick() == 0
    office.now_ns += 1
    answer = office.desk.execute(_decide(office), signer="")
    assert answer.code == "state" and "expired" in answer.found, "before anybody has noted it"
    assert office.desk.tick() == 1 and office.desk.tick() == 0
    assert office.of().state is State.EXPIRED and office.accept().code == "state"


def _decide(office: Office) -> Any:
    from taktwin.contracts.recommendation import make

    wish = Decide(recommendation="r1", version=office.of().version, accept=True, grant="seal")
    return make(wish, message_id="late", actor="P01", actor_type="human")


def test_what_was_accepted_is_carried_as_long_as_it_stands_and_then_failed(office: Office) -> None:
    """Nobody proved what it does an hour after it stood last, and nobody waits for it without end."""
    office.propose()
    office.accept()
    office.now_ns = office.of().proposal.expires_ns - 2 * SECOND
    assert office.desk.tick() == 0 and office.granted(Carry(recommendation="r1")).carried is not None
    expires_ns = office.of().proposal.expires_ns
    office.now_ns = expires_ns - SECOND  # saying it takes a second
    assert "it stood until" in office.say(Carry(recommendation="r1")).found
    assert office.desk.tick() == 0 and office.of().state is State.DISPATCHED, "it may have arrived"
    office.now_ns = expires_ns + engine.UNHEARD_NS - 1
    assert office.desk.tick() == 0, "its events may come late"
    office.now_ns += 1
    assert office.desk.tick() == 1 and office.of().state is State.FAILED
    assert "not heard of" in office.of().execution.found  # type: ignore[union-attr]

    office.propose("r2")
    office.accept("r2")
    office.now_ns = office.of("r2").proposal.expires_ns - SECOND
    assert office.say(Carry(recommendation="r2")).carried is None, "however late time passes"
    assert office.desk.tick() == 1 and office.of("r2").state is State.FAILED
    assert "not reached" in office.of("r2").execution.found  # type: ignore[union-attr]


def test_what_the_mes_had_is_not_failed_because_the_ledger_stood_still(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    office.now_ns += 9 * HOUR  # the ledger stands still, and starts again
    again = Office(office.store)
    again.now_ns, again.position = office.now_ns, 1
    assert again.desk.tick() == 0 and again.of().state is State.DISPATCHED, "it has not heard yet"
    assert again.opened() == 1 and again.of().state is State.ACKNOWLEDGED


def test_what_the_mes_may_have_said_is_waited_for_while_it_cannot_be_heard(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    office.now_ns = office.of().proposal.expires_ns + 9 * HOUR
    for _ in range(3):
        office.now_ns += HOUR
        assert office.desk.tick(hears=False) == 0 and office.of().state is State.DISPATCHED
    assert office.desk.tick() == 0, "it hears again, and what was said may be behind what it hears first"
    office.now_ns += engine.UNHEARD_NS
    assert office.desk.tick() == 1 and office.of().state is State.FAILED


@pytest.mark.parametrize("given_up", ["overtaken", "unheard", "refused"])
def test_what_was_given_up_and_the_mes_had_after_all_goes_on(office: Office, given_up: str) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    if given_up == "overtaken":
        office.mes("tool.mounted", "T9", work_unit="turn1", kind="insert", tool="T9")
    elif given_up == "refused":
        office.granted(Refuse(recommendation="r1", place="seal", found="none", right="one"))
    else:
        office.desk.tick()
        office.now_ns += 9 * HOUR
        office.desk.tick()
    assert office.of().state is State.FAILED
    assert office.opened("r2") == 0 and office.of().state is State.FAILED, "another one's"
    assert office.opened() == 1 and office.opened() == 0
    execution = office.of().execution
    assert office.of().state is State.ACKNOWLEDGED and office.of().ended_by is None
    assert execution is not None and (execution.failed_ns, execution.found) == (0, "")
    assert office.mes("maintenance.order.aborted", "M1", order="M1", cause="no insert") == 1
    assert office.of().state is State.FAILED
    assert office.opened() == 0, "it is over"
    assert rebuilt(office.store.entries).where(RecommendationRow)[0].whole == office.of()  # type: ignore[attr-defined]


def test_seals_are_gone_once_nobody_needs_them(office: Office) -> None:
    def seals() -> list[str]:
        return [row.seals for row in office.store.book.where(Grant)]  # type: ignore[attr-defined]

    office.propose(risk=Risk.HIGH)
    office.accept("r1", "P01", signer="7001", wish={"signature": "s1", "grant": "one"})
    assert seals() == ["one"] and office.of().state is State.PROPOSED
    no = Decide(recommendation="r1", version=office.of().version, accept=False, reason="No.")
    office.granted(no, actor="P02")
    assert seals() == []
    for name, ends in (
        ("r2", lambda: office.granted(Refuse(recommendation="r2", place="x", found="y", right="z"))),
        ("r3", lambda: office.mes("tool.mounted", "T9", work_unit="turn1", kind="insert", tool="T9")),
    ):  # fmt: skip
        office.propose(name)
        office.accept(name)
        assert seals() == ["seal"]
        ends()
        assert seals() == [], name


def test_a_yes_said_again_is_the_same_whatever_seal_and_signature_it_bears(office: Office) -> None:
    office.propose()
    first = office.accept(message="k1", wish={"grant": "one", "signature": "s1"})
    wish = Decide(recommendation="r1", version=2, accept=True, grant="", signature="")
    assert office.say(wish, message="k1") == first
    assert office.say(msgspec.structs.replace(wish, reason="x"), message="k1").code == "conflict"


def test_the_first_evidence_says_what_it_is_about(office: Office) -> None:
    known, unknown = of_tool(START_NS)[0], of_tool(0)[0]
    assert not office.propose(evidence=[unknown, known]).accepted
    assert office.propose(evidence=[known, unknown]).accepted


def test_what_the_plant_overtakes_on_its_way_is_failed_and_not_carried_again(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    assert office.mes("tool.mounted", "T9", work_unit="turn2", kind="insert", tool="T9") == 0
    assert office.mes("tool.mounted", "T9", work_unit="turn1", kind="insert", tool="T9") == 1
    found = office.of().execution
    assert office.of().state is State.FAILED and found is not None
    assert found.place == "the plant" and "tool.mounted of T9" in found.found
    assert '"cause":"/northfield/mes:2"' in office.store.entries[-1].content  # type: ignore[attr-defined]
    assert office.say(Carry(recommendation="r1")).carried is None


def test_a_tool_mounted_once_the_mes_has_it_is_its_own(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    office.opened()
    assert office.mes("tool.mounted", "T9", work_unit="turn1", kind="insert", tool="T9") == 0
    assert office.of().state is State.ACKNOWLEDGED


# The MES


def test_a_planner_who_changes_something_supersedes_an_open_proposal(office: Office) -> None:
    office.propose()
    assert office.mes("tool.mounted", "T-x", work_unit="turn2", kind="insert", tool="T-x") == 0
    assert office.of().state is State.PROPOSED, "of another machine"
    assert office.mes("tool.mounted", "T-1", work_unit="turn1", kind="insert", tool="T-1") == 1
    document = office.of()
    assert document.state is State.SUPERSEDED and document.ended_by is not None
    assert document.ended_by.values["event"] == "tool.mounted"
    assert office.accept().code == "state", "never applied"


def test_a_change_before_it_is_carried_supersedes_an_accepted_one_and_it_is_not_carried(
    office: Office,
) -> None:
    office.propose()
    office.accept()
    assert office.mes("tool.mounted", "T-1", work_unit="turn1", kind="insert", tool="T-1") == 1
    assert office.of().state is State.SUPERSEDED
    assert office.say(Carry(recommendation="r1")).code == "state"


def test_a_change_between_the_copy_and_the_proposal_refuses_it(office: Office) -> None:
    stale = proposal("r1", office.now_ns)
    office.mes("tool.mounted", "T-1", work_unit="turn1", kind="insert", tool="T-1")
    answer = office.say(Propose(proposal=stale))
    assert answer.code == "conflict" and "tool.mounted" in answer.found
    assert office.propose("r2").accepted, "one that was proven after it stands"


def test_what_is_booked_late_happened_before_the_copy_and_is_not_in_it(office: Office) -> None:
    stale = proposal("r1", office.now_ns)
    late = MesFact("tool.mounted", "T-1", office.now_ns - HOUR, "", {"work_unit": "turn1", "kind": "insert"})
    office.now_ns += SECOND
    office.desk.hear([(1, Told(late, "/northfield/mes:1"))], stream="EVENTS", position=1)
    assert office.say(Propose(proposal=stale)).code == "conflict"


def test_what_was_heard_is_remembered_for_as_long_as_a_proof_may_be_old_and_not_much_longer(
    office: Office,
) -> None:
    stale = proposal("r1", office.now_ns)
    office.mes("tool.mounted", "T-1", work_unit="turn1", kind="insert", tool="T-1")
    office.now_ns += HOUR - 60 * SECOND
    office.mes("tool.mounted", "T-2", work_unit="turn2", kind="insert", tool="T-2")
    stale = msgspec.structs.replace(stale, expires_ns=office.now_ns + HOUR)
    answer = office.say(Propose(proposal=stale))
    assert answer.code == "conflict" and "tool.mounted" in answer.found
    office.now_ns += 2 * HOUR
    office.mes("tool.mounted", "T-3", work_unit="turn2", kind="insert", tool="T-3")
    heard = office.store.book.where(Heard)  # type: ignore[attr-defined]
    assert [row.subject for row in heard] == ["T-3"]


def test_the_seal_is_gone_once_nothing_is_left_to_be_carried(office: Office) -> None:
    office.propose()
    office.accept()
    grants = office.store.book  # type: ignore[attr-defined]
    assert [row.seals for row in grants.where(Grant)] == ["seal"]
    office.granted(Carry(recommendation="r1"))
    office.opened()
    assert grants.where(Grant) == []


def test_the_mes_refuses_and_people_read_why(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    no = Refuse(recommendation="r1", place="insert of turn1", found="T-9", right="T-1")
    office.granted(no)
    office.granted(no)  # said again
    document = office.of()
    assert document.state is State.FAILED and document.ended_by is not None
    assert document.ended_by.values == {"place": "insert of turn1", "found": "T-9", "right": "T-1"}
    assert office.say(Carry(recommendation="r1")).code == "state", "never again"


def test_an_order_that_is_given_up_fails_with_its_reason(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    office.opened()
    office.mes("maintenance.order.aborted", "M2", order="M2", cause="another order")
    assert office.of().state is State.ACKNOWLEDGED
    office.mes("maintenance.order.aborted", "M1", order="M1", cause="no insert is left")
    document = office.of()
    assert document.state is State.FAILED and "no insert is left" in document.ended_by.text  # type: ignore[union-attr]


def test_what_is_riskier_than_its_class_asks_for_what_that_takes(office: Office) -> None:
    office.propose(risk=Risk.HIGH)
    assert (office.of().approvals_needed, office.of().signature_needed) == (2, True)


def test_what_the_mes_has_taken_it_has_not_refused(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    office.opened()
    wish = Refuse(recommendation="r1", place="MES", found="no", right="yes")
    assert office.say(wish).code == "state" and office.of().state is State.ACKNOWLEDGED


def test_only_the_mes_acknowledges_and_only_what_was_carried(office: Office) -> None:
    office.propose()
    assert office.opened() == 0 and office.of().state is State.PROPOSED
    office.accept()
    assert office.opened() == 0 and office.of().state is State.ACCEPTED, "nobody was asked yet"
    office.granted(Carry(recommendation="r1"))
    assert office.mes("maintenance.order.opened", "M7", correlation="advice:r2", order="M7") == 0
    assert office.of().state is State.DISPATCHED
    assert office.opened() == 1 and office.opened() == 0, "said again it is nothing new"


def test_it_may_be_carried_again_until_the_mes_has_it(office: Office) -> None:
    office.propose()
    office.accept()
    first = office.granted(Carry(recommendation="r1"), message="c1")
    again = office.granted(Carry(recommendation="r1"), message="c1")
    assert first.carried == again.carried, "the same command, under the same id"
    office.opened()
    assert office.say(Carry(recommendation="r1"), message="c1").code == "state"


def test_a_proof_that_no_longer_holds_is_withdrawn_but_not_what_a_person_accepted(office: Office) -> None:
    office.propose()
    office.granted(Withdraw(recommendation="r1", why=words("The drift is gone.")))
    assert office.of().ended_by == words("The drift is gone.")
    office.propose("r2")
    office.accept("r2")
    assert office.say(Withdraw(recommendation="r2", why=words("x"))).code == "state"


# Measuring


def test_what_was_not_carried_out_is_not_measured(office: Office) -> None:
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    office.opened()
    found = msgspec.structs.replace(
        outcome(office.of(), -9.0, now_ns=office.now_ns), from_ns=office.now_ns - SECOND
    )
    assert office.say(Measure(recommendation="r1", outcome=found)).code == "state"


def test_an_outcome_follows_from_its_interval_and_keeps_the_promise(office: Office) -> None:
    office.carried_out()
    office.now_ns += HOUR
    good = outcome(office.of(), -9.0, now_ns=office.now_ns)

    def refused(**changes: Any) -> str:
        wrong = msgspec.structs.replace(good, **changes)
        answer = office.say(Measure(recommendation="r1", outcome=wrong))
        assert not answer.accepted
        return answer.place

    first = good.observed_effect[0]
    other = msgspec.structs.replace(first, promised=Range(mean=-1.0, p10=-2.0, p90=-0.5))
    assert refused(result=Result.HARMFUL) == "result" and refused(result=Result.NEUTRAL) == "result"
    assert refused(observed_effect=[]) == "observed_effect"
    assert refused(observed_effect=[msgspec.structs.replace(first, unit="kg")]) == "unit of observed_effect"
    assert refused(observed_effect=[other]) == "promised", "no promise is mended afterwards"
    assert (
        refused(counterfactual_id="") == "measured_how" and refused(measured_how=words("")) == "measured_how"
    )
    assert refused(from_ns=good.from_ns - 1) == "span" and refused(to_ns=office.now_ns + HOUR) == "span"
    office.granted(Measure(recommendation="r1", outcome=good))
    office.granted(Measure(recommendation="r1", outcome=good))
    again = msgspec.structs.replace(good, counterfactual_id="cf2")
    assert office.say(Measure(recommendation="r1", outcome=again)).code == "state"


def test_what_the_ledger_heard_hours_later_was_done_when_the_mes_says(office: Office) -> None:
    assert office.propose().accepted and office.accept().accepted
    office.granted(Carry(recommendation="r1"))
    opened_ns, done_ns = office.now_ns + 60 * SECOND, office.now_ns + 600 * SECOND
    office.now_ns += 6 * HOUR  # the ledger was down
    assert office.opened(at_ns=opened_ns) == 1
    assert office.mes("maintenance.order.completed", "M1", at_ns=done_ns, order="M1") == 1
    execution = office.of().execution
    assert execution is not None
    assert (execution.acknowledged_ns, execution.done_ns) == (opened_ns, done_ns)
    store = office.store
    assert isinstance(store, MemoryStore)
    assert rebuilt(store.entries).where(RecommendationRow) == store.book.where(RecommendationRow)
    found = outcome(office.of(), -9.0, now_ns=office.now_ns)
    assert found.from_ns == done_ns
    office.granted(Measure(recommendation="r1", outcome=found))


def test_a_command_that_is_done_once_it_is_taken_was_done_when_it_was_taken() -> None:
    document = _dispatched()
    told = Told(MesFact("spare.counted", "x", START_NS, command_id("r1"), {}), "/northfield/mes:1")
    for event in engine.hear(document, told, None):
        document = engine.apply(document, event, START_NS + HOUR)
    assert document.execution is not None
    assert document.execution.acknowledged_ns == document.execution.done_ns == START_NS


def test_an_entry_from_before_the_instant_was_noted_is_read_as_it_was_meant() -> None:
    document = _dispatched()
    old = {"recommendation": "r1", "work_unit": "turn1", "cause": "/northfield/mes:1"}
    acknowledged = msgspec.convert({**old, "made": "M1"}, events.RecommendationAcknowledged)
    for event in (acknowledged, msgspec.convert(old, events.RecommendationDone)):
        document = engine.apply(document, event, START_NS + HOUR)
    assert document.execution is not None
    assert document.execution.acknowledged_ns == document.execution.done_ns == START_NS + HOUR


def _dispatched() -> Recommendation:
    office = Office().begun()
    office.propose()
    office.accept()
    office.granted(Carry(recommendation="r1"))
    return office.of()


def test_a_comparison_said_again_is_nothing_new(office: Office) -> None:
    office.propose()
    office.granted(Decide(recommendation="r1", version=2, accept=False, reason="We wait."))
    wish = Assess(recommendation="r1", came_true=True, how=words("It left its window."))
    office.granted(wish)
    version, entries = office.of().version, len(office.store.entries)  # type: ignore[attr-defined]
    office.granted(wish)
    assert office.of().version == version
    assert len(office.store.entries) == entries  # type: ignore[attr-defined]
    [row] = office.store.book.where(ClassRow)  # type: ignore[attr-defined]
    assert (row.whole.foretold, row.whole.came_true) == (1, 1)


# What is still to be found out


def _due(office: Office) -> list[str]:
    return [each.id for each in api.due(office.store.book, {}, office.now_ns)]  # type: ignore[attr-defined]


def test_what_is_found_out_is_no_longer_due(office: Office) -> None:
    office.carried_out("r1", "M1")
    office.propose("r2", work_unit="turn2")
    office.granted(Decide(recommendation="r2", version=2, accept=False, reason="We wait."))
    assert _due(office) == ["r1", "r2"]
    office.now_ns += HOUR
    found = outcome(office.of("r1"), -9.0, now_ns=office.now_ns)
    office.granted(Measure(recommendation="r1", outcome=found))
    assert _due(office) == ["r2"]
    office.granted(Assess(recommendation="r2", came_true=False, how=words("It did not come.")))
    assert _due(office) == []


def test_what_is_due_is_told_by_when_it_was_carried_out_and_a_new_one_gets_its_turn(office: Office) -> None:
    names = ["z", "m", "a"]  # by name it would be the other way round
    for number, name in enumerate(names):
        office.carried_out(name, f"M{number}")
        office.now_ns += SECOND
    assert _due(office) == names
    for number in range(api.DUE_MAX + 5):
        office.propose(f"b{number:03d}", work_unit=f"u{number}")
        version = office.of(f"b{number:03d}").version
        office.granted(Decide(recommendation=f"b{number:03d}", version=version, accept=False, reason="No."))
    assert len(_due(office)) == api.DUE_MAX and _due(office)[:4] == [*names, "b000"]
    office.desk.tick()
    office.now_ns += 54 * HOUR
    office.desk.tick()
    office.propose("new", work_unit="turn7")
    office.granted(Decide(recommendation="new", version=2, accept=False, reason="We wait."))
    assert _due(office) == ["new"], "what nobody could measure in its time is in nobody's way"


def test_what_nobody_measured_in_its_time_is_given_up_and_says_so(office: Office) -> None:
    office.carried_out("r1", "M1")
    office.desk.tick()
    done_ns = office.of().execution.done_ns  # type: ignore[union-attr]
    within_ns = round(card().measure_within_s * SECOND)
    late = outcome(office.of(), -9.0, now_ns=done_ns + HOUR)
    office.now_ns = done_ns + within_ns + 6 * HOUR - SECOND
    assert office.desk.tick() == 0 and _due(office) == ["r1"], "who measures has some hours more"
    office.now_ns += SECOND
    assert office.desk.tick() == 1 and office.desk.tick() == 0
    assert _due(office) == []
    document = office.of()
    assert document.state is State.ACKNOWLEDGED and document.abandoned_ns == office.now_ns
    answer = office.say(Measure(recommendation="r1", outcome=late))
    assert answer.code == "state" and "given up" in answer.found, "nobody picks what to measure days later"
    book = office.store.book  # type: ignore[attr-defined]
    inbox = api.inbox(book, {}, office.now_ns)
    record = api.record(book, {"advice_class": CLASS}, office.now_ns)
    assert isinstance(record, ClassRecord)
    assert inbox.decided[0].abandoned_ns == record.outcomes[0].abandoned_ns == document.abandoned_ns
    assert (record.abandoned, record.since_move, record.effective) == (1, 0, 0)
    assert rebuilt(office.store.entries).where(RecommendationRow) == book.where(RecommendationRow)  # type: ignore[attr-defined]


def test_what_nobody_compared_in_its_time_is_given_up_too_but_nothing_that_is_open() -> None:
    office = Office().begun(measure_within_s=3600.0)
    shadow = Model(name="wear", version="2", data_from_ns=1, data_to_ns=2, shadow=True)
    office.propose("r1", expires_ns=office.now_ns + 40 * HOUR)
    office.propose("seen", expires_ns=office.now_ns + 40 * HOUR, work_unit="turn2", model=shadow)
    office.desk.tick()
    office.now_ns += 19 * HOUR
    assert office.desk.tick() == 0 and office.of().state is State.PROPOSED
    assert office.of("seen").state is State.VALIDATED and not office.of("seen").abandoned_ns
    office.granted(Decide(recommendation="r1", version=2, accept=False, reason="We wait."))
    office.now_ns += 7 * HOUR
    assert office.desk.tick() == 1 and office.of().abandoned_ns and _due(office) == ["seen"]
    answer = office.say(Assess(recommendation="r1", came_true=True, how=words("It came.")))
    assert answer.code == "state" and "given up" in answer.found
    [row] = office.store.book.where(ClassRow)  # type: ignore[attr-defined]
    assert (row.whole.abandoned, row.whole.foretold) == (0, 0), "nothing was carried out"


def test_what_the_ledger_heard_late_or_was_not_there_for_is_not_given_up_at_once(office: Office) -> None:
    assert office.propose().accepted and office.accept().accepted
    office.granted(Carry(recommendation="r1"))
    office.opened()
    office.desk.tick()
    done_ns = office.now_ns + SECOND
    office.now_ns += 72 * HOUR
    assert office.mes("maintenance.order.completed", "M1", at_ns=done_ns, order="M1") == 1
    assert office.desk.tick() == 0 and _due(office) == ["r1"], "it was heard only now"
    office.now_ns += 72 * HOUR  # nobody was there
    office.desk = Desk(office.store, lambda: office.now_ns)
    assert office.desk.tick() == 0 and _due(office) == ["r1"]
    office.now_ns += 6 * HOUR
    assert office.desk.tick() == 1 and _due(office) == []


@pytest.mark.parametrize(
    ("mean", "half", "result"),
    [
        (-9.0, 1.0, Result.EFFECTIVE),
        (-1.0, 2.0, Result.NEUTRAL),
        (1.0, 2.0, Result.NEUTRAL),
        (9.0, 1.0, Result.HARMFUL),
    ],
)
def test_effective_neutral_harmful(office: Office, mean: float, half: float, result: Result) -> None:
    office.carried_out()
    office.now_ns += HOUR
    found = outcome(office.of(), mean, half=half, now_ns=office.now_ns)
    assert found.result is result
    office.granted(Measure(recommendation="r1", outcome=found))
    assert office.of().outcome.result is result  # type: ignore[union-attr]


def test_what_nobody_acted_upon_is_compared_with_what_came(office: Office) -> None:
    office.propose()
    assert office.say(Assess(recommendation="r1", came_true=True, how=words("x"))).code == "state"
    office.granted(Decide(recommendation="r1", version=2, accept=False, reason="We wait."))
    office.granted(Assess(recommendation="r1", came_true=True, how=words("It left its window.")))
    assert office.of().came_true is True
    assert office.say(Assess(recommendation="r1", came_true=False, how=words("x"))).code == "state"


# Trust


def test_above_its_limit_the_twin_proposes_nothing(office: Office) -> None:
    office.granted(Check(advice_class=CLASS, error=error(0.17)))
    answer = office.propose()
    assert answer.code == "not_ready" and "17.0%" in answer.found, answer
    assert office.desk.document("r1") is None


def test_what_follows_is_the_table(office: Office) -> None:
    ends = {state for state, after in FOLLOWS.items() if not after}
    assert ends == {State.REJECTED, State.EXPIRED, State.SUPERSEDED, State.MEASURED}
    assert FOLLOWS[State.FAILED] == {State.ACKNOWLEDGED}, "the MES had it after all"
    assert set(FOLLOWS) == set(State) - {State.DRAFT}, "a draft is kept nowhere"
    assert card().name == CLASS


def test_a_persons_key_stands_for_one_wish(office: Office) -> None:
    office.propose("r1")
    office.propose("r2", work_unit="turn2")
    no = Decide(recommendation="r1", version=2, accept=False, reason="no")
    first = office.say(no, message="P01:k")
    assert first.accepted and office.say(no, message="P01:k") == first
    other = office.say(Decide(recommendation="r2", version=2, accept=True, grant="seal"), message="P01:k")
    assert other.code == "conflict" and other.place == "idempotency key"
    office.store.answers["P01:old"] = '{"accepted":true,"state":"Rejected"}'  # type: ignore[attr-defined]
    assert office.say(no, message="P01:old").state == "Rejected", "kept before it was known of what"
    assert office.of("r2").state is State.PROPOSED
