"""When the twin is asked, and when the analyst is silent: with its reason."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from taktwin.analyst import proving
from taktwin.analyst.alert_budget import HOUR_NS
from taktwin.analyst.engine import Analyst
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model import Prediction
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
