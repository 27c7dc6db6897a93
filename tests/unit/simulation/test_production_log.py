"""The page about the real production log says what the code says today, and the log is read whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))
try:
    import production_log
finally:
    sys.path.pop(0)

needs_log = pytest.mark.skipif(not production_log.LOG.exists(), reason="needs ../shared: the production log")


@needs_log
def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    rows, left_out = production_log.rows_of(production_log.LOG)
    assert (len(rows), left_out) == (4503, 0)
    verdict = production_log.february(rows)
    page = production_log.PAGE.read_text(encoding="utf-8")
    written = page.partition(production_log.BEGIN)[2].partition(production_log.END)[0].strip()
    today = f"{production_log.figures(verdict)}\n\n{production_log.waiting(rows)}"
    assert today == written, "python tools/production_log.py --write"
    assert production_log.picture(verdict) == production_log.PICTURE.read_text(encoding="utf-8")
    # What the issue asks for; a change that loses it shall not pass by writing the page anew.
    for said, _, low, high in verdict.within.values():
        assert low <= said <= high
    assert verdict.crps["this model"] < verdict.crps["January as measured"]
    assert sum(low <= said <= high for _, said, _, low, high in verdict.weeks) >= 8


def test_the_score_of_a_sure_and_right_prediction_is_nothing() -> None:
    import numpy as np

    assert production_log.crps(np.array([3.0, 3.0]), 3.0) == 0
    assert production_log.crps(np.array([0.0, 10.0]), 5.0) == pytest.approx(2.5)
    assert production_log.crps(np.array([4.0]), 1.0) == 3
