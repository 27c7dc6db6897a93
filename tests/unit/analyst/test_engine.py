"""When the twin is asked, and when the analyst is silent: with its reason."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from taktwin.analyst import proving
from taktwin.analyst.alert_budget import HOUR_NS
from taktwin.analyst.engine import Analyst
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model import Prediction
from taktwin.contracts.recommendation import Decision, Level, Proposal, Recommendation, State
from taktwin.contracts.whatif import PastError, Validity
from taktwin.entropy import Entropy
from tests.support_advice import proposal
from tests.unit.analyst.test_proving import answer, trial

TRACE = ToolWear.example(lambda name, n: Entropy(1).generator(name).standard_normal(n))[0]
MODEL = ToolWear.fit([TRACE], seed=1)
ERROR = PastError(
    indicator="remaining_life", error=0.04, limit=0.1, epochs=20, covered_80=0.8, covered_95=0.95
)
TWIN = PastError(indicator="parts_done", error=0.03, limit=0.1, epochs=9, covered_80=0.8, covered_95=1.0)
LIFE_NS = 400 * 90 * 10**9


def made(age: int) -> Prediction:
    """Return what is said of the tenth tool when it has made so many parts; it wears out at about 400."""
    return MODEL.predict(TRACE.until(9 * LIFE_NS + age * 90 * 10**9 + 60 * 10**9))


def test_the_twin_is_not_asked_long_before_anything_could_be_done() -> None:
    early, late = made(60), made(370)
    assert ToolChange.still_holds(early) and not ToolChange.worth_asking(early)
    assert ToolChange.worth_asking(late) and late.median < 60 < early.median


@pytest.mark.parametrize(
    ("error", "drifting", "words"),
    [
        (None, "", "never judged"),
        (PastError(**{**{f: getattr(ERROR, f) for f in ERROR.__struct_fields__}, "error": 0.17}), "",
         "its error was 17.0%, the limit is 10.0%"),
        (PastError(**{**{f: getattr(ERROR, f) for f in ERROR.__struct_fields__}, "error": float("nan")}), "",
         "limit"),
        (ERROR, "its last 9 outcomes", "the model drifts: its last 9 outcomes"),
    ],
)  # fmt: skip
def test_who_errs_or_drifts_is_silent_and_says_so(error: PastError | None, drifting: str, words: str) -> None:
    analyst, late = Analyst(), made(370)
    assert not analyst.asks(ToolChange, late, error, now_ns=0, drifting=drifting)
    assert words in analyst.silent[f"tool_change at {late.subject.id}"]


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ([], ""),  # never compared: the advice says that it is unproven
        ([TWIN], ""),
        ([TWIN, msgspec.structs.replace(TWIN, indicator="scrap", error=0.17)],
         "the twin's error of scrap was 17.0%, the limit is 10.0%"),
        ([msgspec.structs.replace(TWIN, error=float("nan"))], "the limit is 10.0%"),
    ],
)  # fmt: skip
def test_nothing_is_proposed_from_answers_of_a_twin_that_errs_beyond_its_limit(
    errors: list[PastError], words: str
) -> None:
    analyst, late = Analyst(), made(370)
    tried = replace(trial(), expires_ns={"now": HOUR_NS, "later": HOUR_NS})
    told = answer([-5.0, -6, -5, -6], [-3.0, -3, -4, -3])
    validity = Validity(back_tested=bool(errors), calibrated=True, may_recommend=False, errors=errors)
    told = msgspec.structs.replace(told, validity=validity)
    verdict = proving.verdict(tried, told)
    assert verdict.chosen is not None
    said = analyst.speaks(ToolChange, late, tried, verdict, told, now_ns=0)
    assert (said is None) == bool(words)
    assert words in analyst.silent.get(f"tool_change at {late.subject.id}", "")


def test_it_asks_again_after_a_while_and_not_while_its_advice_stands() -> None:
    analyst, late = Analyst(), made(370)
    assert analyst.asks(ToolChange, late, ERROR, now_ns=0)
    assert not analyst.asks(ToolChange, late, ERROR, now_ns=HOUR_NS // 8)
    assert analyst.asks(ToolChange, late, ERROR, now_ns=HOUR_NS // 4)
    assert analyst.asks(ToolChange, late, ERROR, now_ns=HOUR_NS)
    analyst.unanswered(ToolChange, late.subject.id, "the simulation is being loaded")
    assert "the twin has no answer" in analyst.silent[f"tool_change at {late.subject.id}"]
    assert analyst.asks(ToolChange, late, ERROR, now_ns=HOUR_NS + 1), "what nobody answered is asked anew"
    analyst.said(ToolChange, late, proposal("r1", 0, expires_ns=4 * HOUR_NS), now_ns=HOUR_NS)
    assert not analyst.asks(ToolChange, late, ERROR, now_ns=2 * HOUR_NS)
    assert analyst.void(ToolChange, late, now_ns=2 * HOUR_NS) is None
    another = replace(late, life_ns=late.life_ns + 1)
    gone = analyst.void(ToolChange, another, now_ns=2 * HOUR_NS)
    assert gone is not None and gone.recommendation == "r1"
    assert analyst.asks(ToolChange, another, ERROR, now_ns=2 * HOUR_NS)


def test_a_class_asks_for_attention_three_times_a_shift() -> None:
    analyst, late = Analyst(), made(370)
    for n in range(3):
        analyst.said(ToolChange, late, proposal(f"r{n}", 0, expires_ns=1), now_ns=n * HOUR_NS)
        assert analyst.void(ToolChange, late, now_ns=n * HOUR_NS + 1) is None  # it expired by itself
    assert not analyst.asks(ToolChange, late, ERROR, now_ns=3 * HOUR_NS)
    assert "share of attention" in analyst.silent[f"tool_change at {late.subject.id}"]
    assert analyst.asks(ToolChange, late, ERROR, now_ns=9 * HOUR_NS)


def test_what_a_version_in_the_shadow_says_takes_nobodys_attention() -> None:
    analyst, late = Analyst(), made(370)
    unseen = msgspec.structs.replace(proposal().model, shadow=True)
    for n in range(3):
        told = proposal(f"r{n}", 0, expires_ns=1, model=unseen)
        analyst.said(ToolChange, late, told, now_ns=n * HOUR_NS)
        assert analyst.void(ToolChange, late, now_ns=n * HOUR_NS + 1) is None
    assert analyst.asks(ToolChange, late, ERROR, now_ns=3 * HOUR_NS)


def kept(
    made: Proposal, state: State, *, proposed_ns: int, level: Level = Level.ADVISE, reason: str = ""
) -> Recommendation:
    """Return what the ledger has of a recommendation."""
    decision = Decision(accepted=False, person="P01", at_ns=proposed_ns, reason=reason) if reason else None
    return Recommendation(
        id=made.id, proposal=made, state=state, version=1, level=level, approvals_needed=1,
        signature_needed=False, proposed_ns=proposed_ns, changed_ns=proposed_ns, decision=decision,
    )  # fmt: skip


def test_another_version_looks_anew_and_leaves_standing_what_people_see() -> None:
    analyst, late = Analyst(), made(370)
    assert analyst.asks(ToolChange, late, ERROR, now_ns=late.at_ns)
    analyst.anew(ToolChange)
    assert analyst.asks(ToolChange, late, ERROR, now_ns=late.at_ns + 1), "it has another opinion"
    told = proposal("r1", 0, expires_ns=late.at_ns + 4 * HOUR_NS)
    analyst.said(ToolChange, late, told, now_ns=late.at_ns)
    analyst.anew(ToolChange)
    assert not analyst.asks(ToolChange, late, ERROR, now_ns=late.at_ns + HOUR_NS)
    calm = replace(made(60), life_ns=late.life_ns, detail=replace(
        made(60).detail, left=type(late.detail.left)(np.ones(2 * 400 + 1))
    ))  # fmt: skip
    gone = analyst.void(ToolChange, calm, now_ns=late.at_ns + HOUR_NS)
    assert gone is not None and gone.recommendation == "r1", "the new version does not expect it: withdrawn"

    unseen = msgspec.structs.replace(told, model=msgspec.structs.replace(told.model, shadow=True))
    analyst.said(ToolChange, late, unseen, now_ns=late.at_ns)
    analyst.anew(ToolChange)
    assert analyst.asks(ToolChange, late, ERROR, now_ns=late.at_ns + HOUR_NS), "the shadow makes way"


def test_what_a_person_rejected_is_not_proposed_again_for_the_same_tool() -> None:
    analyst, late = Analyst(), made(370)
    now_ns, subject = late.at_ns, late.subject.id
    told = proposal("r1", 0, expires_ns=now_ns + HOUR_NS)
    analyst.said(ToolChange, late, told, now_ns=now_ns)
    rejected = kept(told, State.REJECTED, proposed_ns=now_ns, reason="it still runs well")
    analyst.heard(ToolChange, subject, rejected, now_ns=now_ns + 1)
    assert analyst.standing(ToolChange, subject) is None
    for later_ns in (now_ns + 2, now_ns + 9 * HOUR_NS):
        assert not analyst.asks(ToolChange, late, ERROR, now_ns=later_ns)
        assert "a person rejected r1" in analyst.silent[f"tool_change at {subject}"]
    another = replace(late, life_ns=now_ns + HOUR_NS)
    assert analyst.asks(ToolChange, another, ERROR, now_ns=now_ns + 9 * HOUR_NS), "another tool is in"
    timeless = replace(late, life_ns=0)
    assert analyst.asks(ToolChange, timeless, ERROR, now_ns=now_ns + 18 * HOUR_NS), "it knows no lives"


def test_after_a_restart_the_ledger_says_what_stands_and_what_was_asked_for() -> None:
    late = made(370)
    now_ns, subject = late.at_ns, late.subject.id
    documents = [
        kept(proposal(f"r{n}", 0, expires_ns=now_ns - 1), State.EXPIRED, proposed_ns=now_ns - n * HOUR_NS)
        for n in (3, 2, 1)
    ]
    analyst = Analyst()
    for document in [*documents, documents[0]]:
        analyst.heard(ToolChange, subject, document, now_ns=now_ns)
    assert not analyst.asks(ToolChange, late, ERROR, now_ns=now_ns)
    assert "share of attention" in analyst.silent[f"tool_change at {subject}"]
    assert analyst.asks(ToolChange, late, ERROR, now_ns=now_ns + 5 * HOUR_NS), "the oldest is a shift ago"

    unseen = Analyst()
    for document in documents:
        observed = msgspec.structs.replace(document, level=Level.OBSERVE)
        unseen.heard(ToolChange, subject, observed, now_ns=now_ns)
    assert unseen.asks(ToolChange, late, ERROR, now_ns=now_ns), "nobody was shown them"

    waits = kept(
        proposal("r9", 0, expires_ns=now_ns + HOUR_NS), State.PROPOSED, proposed_ns=now_ns - HOUR_NS // 2
    )
    again = Analyst()
    again.heard(ToolChange, subject, waits, now_ns=now_ns)
    assert not again.asks(ToolChange, late, ERROR, now_ns=now_ns)
    assert again.void(ToolChange, late, now_ns=now_ns) is None
    newer = replace(late, life_ns=now_ns - HOUR_NS // 4)
    gone = again.void(ToolChange, newer, now_ns=now_ns)
    assert gone is not None and gone.recommendation == "r9", "another tool went in since"
    over = Analyst()
    over.heard(ToolChange, subject, waits, now_ns=now_ns + 2 * HOUR_NS)
    assert over.standing(ToolChange, subject) is None, "its time is over"


def test_an_answer_that_was_cut_and_a_course_far_ahead_say_nothing_yet() -> None:
    analyst, late = Analyst(), made(370)
    tried = replace(trial(), expires_ns={"now": 9 * HOUR_NS, "later": 9 * HOUR_NS})
    told = answer([-5.0, -6, -5, -6], [-3.0, -3, -4, -3])
    told = msgspec.structs.replace(told, validity=Validity(
        back_tested=False, calibrated=True, may_recommend=False, errors=[]
    ))  # fmt: skip
    verdict = proving.verdict(tried, told)
    chosen = verdict.chosen
    assert chosen is not None
    key = f"tool_change at {late.subject.id}"
    assert analyst.speaks(ToolChange, late, tried, verdict, told, now_ns=0) is chosen

    cut = msgspec.structs.replace(told, is_cut=True)
    assert analyst.speaks(ToolChange, late, tried, verdict, cut, now_ns=0) is None
    assert "no time for all runs" in analyst.silent[key]

    edge_ns = chosen.at_ns - round(tried.ahead_s * 1e9)
    assert analyst.speaks(ToolChange, late, tried, verdict, told, now_ns=edge_ns) is chosen
    assert analyst.speaks(ToolChange, late, tried, verdict, told, now_ns=edge_ns - 1) is None
    assert "not yet due" in analyst.silent[key]

    late_ns = tried.expires_ns[chosen.name]
    assert analyst.speaks(ToolChange, late, tried, verdict, told, now_ns=late_ns) is None
    assert "too late" in analyst.silent[key]
