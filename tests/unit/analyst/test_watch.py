"""When a version is said to drift: never by what advice did to the tools, nor by looking again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from taktwin.analyst import drift, watch
from taktwin.analyst.features import Trace
from taktwin.analyst.model import Came, Model
from taktwin.contracts.analyst import VersionDocument
from tests.unit.analyst.known_law import LIFE, SECOND, Known, machine

ABOUT = VersionDocument(
    model="known", version="1", stage="live", code_version="1", data_from_ns=0, data_to_ns=0, made_ns=0,
    error=0.05, judged=9, scores=[], purpose="", not_for="", owner="", source="",
)  # fmt: skip


def rings(
    traces: list[Trace], model: Known, monkeypatch: pytest.MonkeyPatch, *, every: int = 1
) -> int | None:
    """Return at which look a plant rings first; None: never.

    It is looked at whenever so many tools have gone in. What came of a tool is ranked once: it is the same at
    every look.
    """
    known: dict[tuple[str, Came], float | None] = {}
    right = watch.rank

    def kept(model: Model, trace: Trace, life: Sequence[Came]) -> float | None:
        key = (trace.subject.id, life[-1])
        if key not in known:
            known[key] = right(model, trace, life)
        return known[key]

    begins = sorted(int(at) for trace in traces for at in trace["begin"].at_ns)
    looked = 0
    with monkeypatch.context() as patched:
        patched.setattr(watch, "rank", kept)
        looks = [each + 100 * SECOND for each in begins[::every]]
        for at_ns in [*looks, max(each.to_ns for each in traces)]:
            then = [trace.until(at_ns) for trace in traces]
            looked, said = watch.drifting(Known, model, ABOUT, then, looked=looked)
            if said:
                return looked
    assert looked > len(begins) - 20, "it was looked at"
    return None


# Not at each tool, to save time: with all looks at all hundred it held both ways.
@pytest.mark.parametrize(("advised", "plants", "every"), [(True, 100, 5), (False, 15, 2)])
def test_without_drift_a_hundred_plants_ring_twice_at_most_in_160_tools(
    advised: bool, plants: int, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rang = 0
    for seed in range(plants):
        plant = [machine(f"m{n}", seed=seed, tools=80, advised=advised) for n in range(2)]
        early = np.mean([1 - trace["end"].values.mean() for trace in plant])
        assert early > 0.5 if advised else early == 0, "it is advice that takes them out"
        rang += rings(plant, Known(), monkeypatch, every=every) is not None
    assert rang <= 2


@pytest.mark.parametrize(("advised", "within", "of_ten"), [(False, 20, 10), (True, 40, 6)])
def test_tools_that_wear_half_again_as_fast_ring(
    advised: bool, within: int, of_ten: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Advice takes out early what goes soon, and much of what would have told of it is never seen."""
    rang = 0
    for seed in range(10):
        plant = [machine(f"m{n}", seed=seed, tools=40, advised=advised, faster_from=20) for n in range(2)]
        before = 40 - drift.RANKS_LEAST  # looks at tools that did not drift
        at = rings(plant, Known(), monkeypatch)
        assert at is None or at > before - 2
        rang += at is not None and at <= before + within
    assert rang >= of_ten


def test_many_machines_whose_first_tools_come_out_do_not_ring() -> None:
    """Of forty that began together, those are out first that lived short: beside them the others count."""
    plant = [machine(f"m{n}", seed=3, tools=2, advised=False) for n in range(40)]
    at_ns = round(0.93 * LIFE) * SECOND + 60 * SECOND
    then = [trace.until(at_ns) for trace in plant]
    out = sum(len(trace["end"]) for trace in then)
    assert 8 <= out <= 20
    begun = [trace.until(int(trace["end"].at_ns[0]) + 110 * SECOND) if len(trace.until(at_ns)["end"]) else
             trace.until(at_ns) for trace in plant]  # fmt: skip
    found = watch.look(Known, Known(), begun, after_ns=0)
    assert found.number > 0 and drift.ranks_drift(found.ranks) > drift.LEVEL


def test_ranks_are_even_and_the_same_for_the_same_tools() -> None:
    plant = [machine(f"m{n}", seed=9, tools=300, advised=True) for n in range(2)]
    lives = [(trace, life) for trace in plant for life in watch.evaluate.lives(Known, trace, after_ns=0)]
    ranks = [watch.rank(Known(), trace, life) for trace, life in lives]
    assert ranks == [watch.rank(Known(), trace, life) for trace, life in lives]
    assert drift.ranks_drift([each for each in ranks if each is not None]) > 0.05
    # Nor do they hang together with what was drawn for other tools.
    assert len(set(ranks)) == len(ranks)


def test_what_was_learnt_from_is_not_looked_at() -> None:
    trace = machine("m", seed=1, tools=40, advised=False)
    begins = trace["begin"].at_ns
    whole = watch.look(Known, Known(), [trace], after_ns=0)
    assert whole.number == 40 - 1 - drift.RANKS_LEAST + 1
    later = watch.look(Known, Known(), [trace], after_ns=int(begins[19]))
    assert later.number == 20 - 1 - drift.RANKS_LEAST + 1 and len(later.ranks) == 20
    assert watch.look(Known, Known(), [trace], after_ns=int(begins[-5])) == watch.Look(0, ())


def test_it_is_looked_only_when_something_new_came() -> None:
    trace = machine("m", seed=1, tools=40, advised=False)
    wrong = Known(faster=2.0)
    looked, said = watch.drifting(Known, wrong, ABOUT, [trace])
    assert looked == 32 and "rarely should" in said
    assert watch.drifting(Known, wrong, ABOUT, [trace], looked=looked) == (32, "")


def test_all_looks_together_ring_falsely_no_more_often_than_is_said() -> None:
    spent = sum(drift.level(number) for number in range(1, 100_000))
    assert 0.999 * drift.LEVEL < spent <= drift.LEVEL
