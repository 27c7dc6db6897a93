"""What every model keeps, over whatever models there are: a new file in a use case's folder is in here."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from taktwin.analyst import evaluate, features
from taktwin.analyst.features import Column, Tape, Trace
from taktwin.analyst.model import Model, NotEnough, Prediction, found
from taktwin.entropy import Entropy

MODELS = found()


@pytest.fixture(params=sorted(MODELS), name="kind")
def _kind(request: pytest.FixtureRequest) -> type[Model]:
    return MODELS[request.param]


def example(kind: type[Model], seed: int = 1) -> list[Trace]:
    return kind.example(lambda name, n: Entropy(seed).generator(name).standard_normal(n))


def cut(traces: list[Trace], share: float) -> tuple[list[Trace], int]:
    """Return traces up to a share of their time, and that instant."""
    end_ns = max(trace.to_ns for trace in traces)
    at_ns = round(end_ns * share)
    return [trace.until(at_ns) for trace in traces], at_ns


def said(prediction: Prediction) -> tuple[Any, ...]:
    return (
        prediction.median,
        prediction.low,
        prediction.high,
        [(e.code, e.value) for e in prediction.evidence],
    )


def test_there_are_models_and_each_has_a_card(kind: type[Model]) -> None:
    card = kind.card
    assert all((card.purpose, card.not_for, card.owner, card.source, kind.code_version, kind.needs))
    assert kind.__doc__


def test_inputs_stay_as_they_are(kind: type[Model]) -> None:
    traces = example(kind)
    before = copy.deepcopy(traces)
    kind.fit(traces, seed=1).predict(traces[0])
    for one, other in zip(traces, before, strict=True):
        for name, column in one.columns.items():
            assert np.array_equal(column.values, other[name].values)
            assert np.array_equal(column.at_ns, other[name].at_ns)


def test_the_same_data_and_seed_give_the_same_model_and_prediction(kind: type[Model]) -> None:
    one, other = (kind.fit(example(kind), seed=3) for _ in range(2))
    assert msgspec.json.encode(one.state()) == msgspec.json.encode(other.state())
    trace = cut(example(kind), 0.7)[0][0]
    assert said(one.predict(trace)) == said(other.predict(trace)) == said(one.predict(trace))


def test_it_survives_being_kept_and_a_clone_is_independent(kind: type[Model]) -> None:
    model = kind.fit(example(kind), seed=1)
    trace = cut(example(kind), 0.6)[0][0]
    before = said(model.predict(trace))
    kept = msgspec.json.decode(msgspec.json.encode(model.state()))
    clone = kind.restored(kept)
    assert said(clone.predict(trace)) == before
    kept.clear()
    kind.fit(example(kind, seed=9), seed=1).predict(trace)
    assert said(model.predict(trace)) == said(clone.predict(trace)) == before


def test_columns_that_are_missing_or_new_are_survived(kind: type[Model]) -> None:
    model = kind.fit(example(kind), seed=1)
    trace = cut(example(kind), 0.6)[0][0]
    more = replace(trace, columns={**trace.columns, "new": Column(np.array([1]), np.array([1.0]))})
    assert said(model.predict(more)) == said(model.predict(trace))
    for need in kind.needs:
        left = {name: column for name, column in trace.columns.items() if name != need.column}
        try:
            model.predict(replace(trace, columns=left))
        except NotEnough as lack:
            assert need.needed and str(lack)


def from_history_and_live(trace: Trace) -> tuple[Trace, Trace]:
    """Return a trace as training has it, and as it comes in live: scattered, late and twice."""
    roads = []
    for shuffled in (False, True):
        tape = Tape([signal for signals in trace.subject.signals.values() for signal in signals])
        words = [
            (int(at), str(trace.subject.signals[name][0]), float(value))
            for name, column in trace.columns.items()
            for at, value in zip(column.at_ns, column.values, strict=True)
        ]
        words.sort()
        if shuffled:
            words = [words[n ^ 1] if n ^ 1 < len(words) else words[n] for n in range(len(words))] + words[::7]
        for at_ns, signal, value in words:
            tape.add(signal, at_ns, value)
        roads.append(tape.trace(trace.subject, trace.to_ns))
    return roads[0], roads[1]


def test_training_and_live_are_one_road(kind: type[Model]) -> None:
    model = kind.fit(example(kind), seed=1)
    trace = cut(example(kind), 0.6)[0][0]
    history, live = from_history_and_live(trace)
    assert said(model.predict(live)) == said(model.predict(history)) == said(model.predict(trace))


def with_another_future(trace: Trace, at_ns: int) -> Trace:
    """Return a trace in which everything after an instant is otherwise."""
    columns = {}
    for name, column in trace.columns.items():
        later = column.at_ns > at_ns
        columns[name] = Column(column.at_ns, np.where(later, column.values + 977.0, column.values))
    return replace(trace, columns=columns)


def looks_ahead(kind: type[Model]) -> bool:
    """Return whether a change of data after an instant changes a prediction at that instant."""
    traces = example(kind)
    seen, at_ns = cut(traces, 0.55)
    model = kind.fit(seen, seed=1)
    other = kind.fit([with_another_future(trace, at_ns).until(at_ns) for trace in traces], seed=1)
    return any(
        said(model.predict(trace.until(at_ns)))
        != said(other.predict(with_another_future(trace, at_ns).until(at_ns)))
        for trace in traces
    )


def test_changing_what_comes_later_changes_no_prediction(kind: type[Model]) -> None:
    assert not looks_ahead(kind)


@pytest.mark.parametrize("leak", ["all", "a little"])
def test_a_trace_that_leaks_the_future_is_found(
    kind: type[Model], leak: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right: Callable[[Trace, int], Trace] = features.Trace.until
    late_ns = 3600 * 10**9

    def leaking(trace: Trace, at_ns: int) -> Trace:
        return trace if leak == "all" else replace(right(trace, at_ns + late_ns), to_ns=at_ns)

    monkeypatch.setattr(features.Trace, "until", leaking)
    assert looks_ahead(kind)


def test_intervals_cover_what_they_claim_on_time_that_was_not_seen(kind: type[Model]) -> None:
    scores = []
    for seed in range(2):
        traces = example(kind, seed=seed)
        seen, at_ns = cut(traces, 0.6)
        model = kind.fit(seen, seed=1)
        scores.append(evaluate.judged("", evaluate.of_model(model), traces, kind=kind, after_ns=at_ns))
    judged = sum(score.predictions for score in scores)
    covered = sum(score.coverage * score.predictions for score in scores) / judged
    assert judged >= 40 and 0.65 <= covered <= 0.97


def test_it_says_that_there_is_not_enough_instead_of_guessing(kind: type[Model]) -> None:
    none, _ = cut(example(kind), 0.02)
    with pytest.raises(NotEnough):
        kind.fit(none, seed=1)


def test_a_prediction_has_an_interval_around_its_middle_and_ranked_reasons(kind: type[Model]) -> None:
    traces = example(kind)
    made = kind.fit(traces, seed=1).predict(cut(traces, 0.6)[0][0])
    assert made.low <= made.median <= made.high and made.evidence
    assert all(each.code and each.text for each in made.evidence)
