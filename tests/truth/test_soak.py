"""The long comparison: a week, and a day each on twenty plants that nobody chose. Resumable.

Seeds, plants and outages follow from the last commit that touched the twin. What is done for it is
kept under `var/soak/truth` and not done again; `docs/truth.md` is written after each case.
"""

from __future__ import annotations

import pytest

from tests.truth import cases, report
from tests.truth.cases import PHYSICS_FILES, Bench
from tests.truth.physics_generator import ROOT, twin_commit

PAGE = ROOT / "docs" / "truth.md"
NAMES = ["day", *(f"physics-{number:02d}" for number in range(1, PHYSICS_FILES + 1)), "week"]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)  # a busy machine takes its time
@pytest.mark.parametrize("name", NAMES)
def test_the_timeline_equals_the_truth(name: str, bench: Bench) -> None:
    commit = twin_commit()
    result = cases.kept(commit, name)
    if result is None:
        case = cases.case_of(bench.registry, commit, name)
        result = bench.result(case, bench.play(case), commit)
        cases.keep(result)
        report.write_page(PAGE, commit)
    assert result.wrong == []
