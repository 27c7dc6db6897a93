"""A set of parameters goes through its document unchanged, and a changed one is found."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.entropy import Entropy
from taktwin.errors import DomainError
from taktwin.simulation import parameters
from taktwin.simulation.distributions import Triangular
from taktwin.simulation.fitting import Fitted, Sample, fit
from taktwin.simulation.parameters import ParameterSet

durations = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=70).map(tuple)
running = st.lists(st.floats(0, 1e6), max_size=5).map(tuple)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(ended=durations, running=running, seed=st.integers(0, 5))
def test_a_fit_goes_through_text_unchanged(
    ended: tuple[float, ...], running: tuple[float, ...], seed: int
) -> None:
    found = fit(Sample(ended, running, 10, 20), Entropy(seed).generator("fit").random, replications=5)
    whole = ParameterSet(
        "a log", {"work/turn": found, "guess": Fitted(Triangular(1, 2, 3), 0, 0, "a person")}
    )
    again = parameters.from_json(json.loads(json.dumps(whole.as_json(), allow_nan=False)))
    assert again == whole
    assert again.hash == whole.hash
    assert (again.from_ns, again.to_ns) == (10, 20)


def test_another_content_has_another_hash_and_a_changed_document_is_refused() -> None:
    draw = Entropy(1).generator("fit").random
    one = ParameterSet("log", {"a": fit(Sample((1.0, 2.0, 3.0, 4.0)), draw, replications=0)})
    other = ParameterSet("log", {"a": fit(Sample((1.0, 2.0, 3.0, 4.1)), draw, replications=0)})
    assert one.hash != other.hash
    assert one.hash == ParameterSet("log", dict(one.fits)).hash
    document = one.as_json()
    document["fits"]["a"]["n"] = 400
    with pytest.raises(DomainError, match="changed by hand or cut"):
        parameters.from_json(document)
    with pytest.raises(DomainError, match=r"expected taktwin.parameters.v1"):
        parameters.from_json({**one.as_json(), "schema": "taktwin.parameters.v9"})
    missing = one.as_json()
    del missing["fits"]["a"]["method"]
    with pytest.raises(DomainError, match="method"):
        parameters.from_json(missing)
    unknown = one.as_json()
    unknown["fits"]["a"]["distribution"]["family"] = "cauchy"
    with pytest.raises(DomainError, match="'cauchy': expected one of fixed"):
        parameters.from_json(unknown)
