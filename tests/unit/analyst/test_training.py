"""How far a version is off: by lives that it had not seen, each one vote, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from taktwin.analyst import evaluate, training
from taktwin.analyst.features import NOTHING, Subject, Tape, Trace
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model import Came, Prediction
from tests.unit.analyst.known_law import SECOND, Known, machine
from tests.unit.analyst.lathe import values
from tests.unit.whatif.test_whatif import NOON, REGISTRY


class Told(Known):
    """Says that 100 are left, whatever comes; what came is handed over."""

    came: Sequence[Came] = ()

    def predict(self, trace: Trace) -> Prediction:
        """Return 100."""
        return Prediction(trace.subject, trace.to_ns, "1", 100.0, 90.0, 110.0, ())

    @classmethod
    def outcomes(cls, trace: Trace) -> list[Came]:
        """Return what was handed over."""
        return list(cls.came)

    @classmethod
    def whole(cls, subject: Subject) -> float:
        """Return what errors are a share of."""
        return 200.0


def error(monkeypatch: pytest.MonkeyPatch, *lives: tuple[list[float], bool], after_ns: int = 0) -> Any:
    """Return error and count of lives: what was left at their instants, and whether the end was seen."""
    came = [
        Came(1000 * number + place + 1, value, is_whole, 1000 * number)
        for number, (left, is_whole) in enumerate(lives, 1)
        for place, value in enumerate(left)
    ]
    monkeypatch.setattr(Told, "came", came)
    trace = Trace(Subject(id="s", unit="u", signals={}), {}, 10**6)
    votes, ended = training.voted(Told(), [trace], kind=Told, after_ns=after_ns, until_ns=10**6)
    return pytest.approx(float(np.mean(votes))), ended


RIGHT = ([100.0], True)


def test_each_life_has_one_vote_however_many_instants_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    off = ([120.0, 100.0, 80.0, 60.0], True)  # by 20, 0, 20 and 40 of 200: 10 %
    assert error(monkeypatch, off, RIGHT, RIGHT, RIGHT, RIGHT) == (pytest.approx(0.02), 5)
    assert error(monkeypatch, ([900.0], True), RIGHT, RIGHT, RIGHT, RIGHT) == (pytest.approx(0.2), 5), (
        "at most all"
    )


def test_a_lower_bound_is_no_life_that_was_seen_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    many = ([100.0 - n for n in range(9)], True)
    assert error(monkeypatch, many, many, many, many)[1] == 4
    bound = ([300.0], False)
    assert error(monkeypatch, many, many, many, many, bound, bound)[1] == 4


def test_a_lower_bound_speaks_only_where_it_proves_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    five = [([120.0], True)] * 5  # 10 %
    assert error(monkeypatch, *five) == (pytest.approx(0.1), 5)
    held = ([80.0, 40.0], False)  # it lived at least so long: nobody knows whether 100 was right
    assert error(monkeypatch, *five, held, held, held) == (pytest.approx(0.1), 5)
    beyond = ([160.0, 40.0], False)  # it lived longer than that: 30 % at least
    assert error(monkeypatch, *five, beyond) == (pytest.approx((5 * 0.1 + 0.3) / 6), 5)


def test_a_life_that_began_before_is_seen_already(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = [([200.0, 100.0], True), *[RIGHT] * 5]
    assert error(monkeypatch, *lives, after_ns=999) == (pytest.approx(0.25 / 6), 6)
    assert error(monkeypatch, *lives, after_ns=1001) == (0.0, 5), "it was in when the model learnt"


class Learner(Known):
    """Knows by heart what became of each tool that it was shown from its beginning on, and nothing else."""

    name, card, code_version = "by heart", ToolWear.card, "1"

    def __init__(self, by_heart: Mapping[int, int]) -> None:
        super().__init__()
        self.by_heart = by_heart

    @classmethod
    def fit(cls, traces: Sequence[Trace], *, seed: int) -> Learner:
        """Return what knows these tools, those that are still in among them."""
        return cls({
            int(at): int(end) for trace in traces for at, end in
            zip(trace["begin"].at_ns, [*trace["end"].at_ns, trace.to_ns], strict=False)
        })  # fmt: skip

    def predict(self, trace: Trace) -> Prediction:
        """Return the end of a tool that it knows; else that none will ever come."""
        begin_ns = int(trace["begin"].at_ns[-1])
        end_ns = self.by_heart.get(begin_ns)
        median = float("inf") if end_ns is None else (end_ns - trace.to_ns) / SECOND
        return replace(super().predict(trace), median=median)


def test_the_error_is_that_of_a_model_on_tools_that_it_has_not_seen() -> None:
    traces = [machine(f"m{n}", seed=2, tools=40, advised=False) for n in range(2)]
    about, _ = training.learnt(Learner, traces, now_ns=0)
    from_ns, to_ns = training.span(traces)
    cut_ns = to_ns - round(training.HELD_OUT * (to_ns - from_ns))
    unseen = [(t["begin"].at_ns > cut_ns) & (t["end"].at_ns <= to_ns) for t in traces]
    assert (about.error, about.judged) == (1.0, sum(int(each.sum()) for each in unseen)), "it knows none"
    seen = Learner.fit([trace.until(cut_ns) for trace in traces], seed=1)
    votes, _ = training.voted(seen, traces, kind=Learner, after_ns=0, until_ns=to_ns)
    assert np.mean(votes) < 0.5, "and those before by heart"


def test_where_too_few_lives_are_at_the_end_it_looks_further_back_and_never_at_what_was_seen() -> None:
    few = [machine("m0", seed=2, tools=9, advised=False)]
    from_ns, to_ns = training.span(few)
    cut_ns = to_ns - round(training.HELD_OUT * (to_ns - from_ns))
    assert (few[0]["begin"].at_ns > cut_ns).sum() < training.LIVES_LEAST
    about, _ = training.learnt(Learner, few, now_ns=0)
    assert about.judged == training.LIVES_LEAST and about.error == 1.0, "each by what had seen none of it"
    [score, *_] = about.scores
    unseen = sorted(few[0]["begin"].at_ns)[-training.LIVES_LEAST :]
    assert score.predictions == sum(each.life_ns in unseen for each in Learner.outcomes(few[0]))


def test_fewer_than_five_lives_that_were_seen_to_their_end_say_nothing() -> None:
    about, _ = training.learnt(Learner, [machine("m0", seed=2, tools=5, advised=False)], now_ns=0)
    assert 0 < about.judged < training.LIVES_LEAST and about.error is None


def lathes(*rows: tuple[str, list[tuple[str, int, float]]]) -> list[Trace]:
    """Return what is known of the demo plant's lathes at noon."""
    subjects = ToolWear.subjects(REGISTRY)
    tape = Tape([signal for each in subjects for signals in each.signals.values() for signal in signals])
    for _, said in rows:
        for signal, at_ns, value in said:
            tape.add(signal, at_ns, value)
    return [tape.trace(each, NOON) for each in subjects]


WORKS = ("turn1", values("turn1", drift_um=36.0, age=285, tools=22))


@pytest.mark.parametrize("beside", ["idle", "one tool for ever", "no number", "works"])
def test_a_lathe_that_stands_or_has_no_tool_number_leaves_the_others_judged(beside: str) -> None:
    traces = lathes(WORKS, ("turn2", values("turn2", drift_um=36.0, age=285, tools=22)))
    one, other = traces
    if beside == "idle":
        other = replace(other, columns=dict.fromkeys(other.columns, NOTHING))
    if beside == "one tool for ever":
        other = other.until(int(other["tool"].at_ns[2]) - 1)
        other = replace(other, to_ns=one.to_ns)
    if beside == "no number":
        turns = other["tool"]
        mounted = replace(turns, at_ns=turns.at_ns[1:], values=np.ones(len(turns) - 1))
        other = replace(other, columns={**other.columns, "tool": NOTHING, "mounted": mounted})
    about, _ = training.learnt(ToolWear, [one, other], now_ns=NOON)
    both = beside in ("no number", "works")
    assert about.judged >= (10 if both else 5)
    assert about.error is not None and about.error < 0.1
    mine = about.scores[0]
    assert mine.name == "tool_wear" and mine.predictions > 35 * (1 + both)


def test_a_lathe_without_a_number_is_judged_as_one_with_it() -> None:
    """Where each life begins is asked of the lives, not of one column."""
    one, other = lathes(WORKS, ("turn2", values("turn2", drift_um=36.0, age=285, tools=22)))
    turns = other["tool"]
    mounted = replace(turns, at_ns=turns.at_ns[1:], values=np.ones(len(turns) - 1))
    silent = replace(other, columns={**other.columns, "tool": NOTHING, "mounted": mounted})
    said = [training.learnt(ToolWear, [one, each], now_ns=NOON)[0] for each in (other, silent)]
    assert said[0].error == said[1].error and said[0].judged == said[1].judged >= 10


def test_all_instants_of_unseen_lives_are_scored() -> None:
    [one, _] = lathes(WORKS)
    cut_ns = int(one["tool"].at_ns[15])
    model = ToolWear.fit([one.until(cut_ns)], seed=1)
    score = evaluate.judged("", evaluate.of_model(model), [one], kind=ToolWear, after_ns=cut_ns)
    there = [each for each in ToolWear.outcomes(one) if each.life_ns > cut_ns]
    assert score.predictions == len(there) and score.whole == sum(each.is_whole for each in there)
