"""Forks through Arrow and a Parquet file: bit for bit, many in one table, refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.errors import DomainError
from taktwin.simulation.arrow import from_arrow, to_arrow
from taktwin.simulation.compile import compiled
from taktwin.simulation.model import Plant, WorkCenter
from taktwin.simulation.run import advance
from taktwin.simulation.state import fresh, roomier
from tests.unit.simulation.plants import plants
from tests.unit.simulation.test_state import END, workshop


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(plant=plants(), seed=st.integers(0, 99), cut=st.integers(0, 300))
def test_a_run_goes_on_behind_arrow_as_if_it_had_not_been_there(plant: Plant, seed: int, cut: int) -> None:
    built = compiled(plant)
    whole = advance(built, fresh(built, seed=seed), until=plant.ticks(300))
    part = advance(built, fresh(built, seed=seed), until=plant.ticks(cut))
    (again,) = from_arrow(built, to_arrow([part]))
    assert again.digest() == part.digest()
    assert advance(built, again, until=plant.ticks(300)).digest() == whole.digest()


def test_many_forks_of_different_sizes_lie_in_one_file(tmp_path: Path) -> None:
    built = compiled(workshop())
    states = [advance(built, fresh(built, seed=1, replication=number), until=END // 3) for number in range(4)]
    states.append(roomier(built, states[0]))
    table = to_arrow(states)
    pq.write_table(table, tmp_path / "forks.parquet")
    read = from_arrow(built, pq.read_table(tmp_path / "forks.parquet"))
    assert [state.digest() for state in read] == [state.digest() for state in states]
    assert len({state.digest() for state in read}) == 5
    # What an analyst looks at: the state of each unit, by replication.
    assert table.column("units.state").to_pylist()[0] == states[0]["units"]["state"].tolist()
    assert from_arrow(built, table.slice(2, 1))[0].digest() == states[2].digest()


def test_what_does_not_fit_is_refused_by_name() -> None:
    plant = workshop()
    built = compiled(plant)
    table = to_arrow([fresh(built, seed=1)])
    other = compiled(replace(plant, orders=(), centers=(*plant.centers, WorkCenter("x", 9))))
    wide = table.column("units.state").cast(pa.list_(pa.int64()))
    place = table.column_names.index("units.state")
    for wrong, words in (
        (
            table.replace_schema_metadata({b"taktwin.state": b"0"}),
            "taktwin.state 0, taktwin.keys none, taktwin.plant none: expected",
        ),
        (table.drop_columns(["units.job"]), r"without units\.job"),
        (table.set_column(place, "units.state", wide), r"units\.state: int64, expected int32"),
    ):
        with pytest.raises(DomainError, match=words):
            from_arrow(built, wrong)
    slower = compiled(replace(plant, centers=(replace(plant.centers[0], pace=0.5), *plant.centers[1:])))
    for of_another in (other, slower):  # also one of the same sizes
        with pytest.raises(
            DomainError, match=rf"taktwin\.plant {built.digest()}: expected .*{of_another.digest()}"
        ):
            from_arrow(of_another, table)
        with pytest.raises(DomainError, match="several plants"):
            to_arrow([fresh(built, seed=1), fresh(of_another, seed=1)])
    as_its_own = table.replace_schema_metadata(to_arrow([fresh(other, seed=1)]).schema.metadata)
    with pytest.raises(DomainError, match=r"tree: \d+ places, this plant has \d+"):
        from_arrow(other, as_its_own)
    with pytest.raises(DomainError, match="no state"):
        to_arrow([])
