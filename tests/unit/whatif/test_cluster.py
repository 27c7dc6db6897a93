"""A real Ray cluster of two nodes on this machine gives what threads give, to the bit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count

import pytest

from taktwin.errors import DomainError
from taktwin.simulation.experiment import compare
from taktwin.simulation.inference import Precision, Racing
from taktwin.whatif.cluster import Cluster
from tests.unit.simulation.test_experiment import ALL, DAY_S, SOME, columns
from tests.unit.simulation.test_state import workshop

WHY = "the extra taktwin[ray] is not installed"


def test_no_cluster_at_the_address_is_said() -> None:
    pytest.importorskip("ray", reason=WHY)
    with pytest.raises(DomainError, match=r"127\.0\.0\.1:1"):
        Cluster("127.0.0.1:1")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("ray", reason=WHY)
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes.add_node(num_cpus=1)
        nodes.wait_for_nodes()
        with Cluster(nodes.address) as connected:
            yield connected
    finally:
        nodes.shutdown()


def test_two_nodes_change_not_a_bit(cluster: Cluster) -> None:
    asked = {"horizon_s": DAY_S, "seed": 3, "replications": 40, "kpis": ALL}
    here = compare(workshop(), SOME, **asked)  # type: ignore[arg-type]
    there = compare(workshop(), SOME, **asked, away=cluster)  # type: ignore[arg-type]
    assert columns(there) == columns(here)
    for name, runs in here.runs.items():
        for column, values in runs.columns().items():
            assert (there.runs[name].columns()[column] == values).all(), (name, column)
    assert len(cluster.ran) == 2, "both nodes have worked"
    assert sum(cluster.ran.values()) == 6 * 3  # 16 + 16 + 8 replications of each scenario


def test_a_race_to_a_precision_ends_the_same(cluster: Cluster) -> None:
    asked = {
        "horizon_s": DAY_S, "seed": 3, "racing": Racing(first=20), "precision": Precision(0.1, at_most=60),
        "kpis": ("flow_h", "wip"),
    }  # fmt: skip
    here = compare(workshop(), SOME, **asked)  # type: ignore[arg-type]
    there = compare(workshop(), SOME, **asked, away=cluster)  # type: ignore[arg-type]
    assert columns(there) == columns(here)
    assert there.eliminated == here.eliminated and here.eliminated


def test_a_deadline_cuts_what_is_not_back(cluster: Cluster) -> None:
    # A clock that moves by a second whenever it is asked: five shares or fewer come back in time.
    seconds = count()
    answer = compare(
        workshop(), SOME, horizon_s=DAY_S, seed=3, replications=400, kpis=("wip",), away=cluster,
        deadline_s=5.0, clock=lambda: float(next(seconds)),
    )  # fmt: skip
    assert answer.is_cut and answer.replications < 6 * 400


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DomainError, match=r"taktwin\[ray\]"):
        Cluster("auto")
