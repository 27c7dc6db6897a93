"""Real processes that append and seal are killed at random points; nothing acknowledged is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from taktwin.history.hot import DuckHistory
from taktwin.history.store import HOUR_NS

# Appends scans for ever, on from its stored position, and seals now and then. It says each position
# once its commit has returned: that is what was acknowledged.
WRITER = """
import sys
from pathlib import Path
from taktwin.history.hot import DuckHistory
from taktwin.history.store import HOUR_NS
from tests.contract.history_model import ScanOf, batch

store = DuckHistory(Path(sys.argv[1]), site="s")
position = store.positions().get("SAMPLES", 0)
while True:
    # Each batch begins with scans that were stored before, as a redelivery would.
    scans = [
        ScanOf(n, [("a/x", n * HOUR_NS // 2000, n, 0), ("b/y", n, float(n), 0)])
        for n in range(max(1, position - 20), position + 60)
    ]
    position += 59
    store.append(batch(store, *scans, position=position))
    print(position, flush=True)
    if position % 5 == 0:
        for hour in store.hot_hours():
            store.seal(hour.hour_ns)
            store.merge(hour.hour_ns)
"""


@pytest.mark.parametrize("commits", [1, 4, 9, 13])
def test_a_killed_writer_leaves_each_acknowledged_row_once(tmp_path: Path, commits: int) -> None:
    folder = tmp_path / "h"
    acknowledged = 0
    for round_ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(commits + round_):
            acknowledged = int(writer.stdout.readline())
        writer.kill()
        # What it said between our last look and its death was acknowledged too.
        for line in writer.stdout.read().splitlines():
            acknowledged = int(line) if line.strip() else acknowledged
        writer.wait()
        store = DuckHistory(folder, site="s")
        stored = store.positions()["SAMPLES"]
        assert stored in (acknowledged, acknowledged + 59)
        expected = list(range(1, stored + 1))
        assert store.range(["a/x"])["sequence"].to_pylist() == expected
        assert store.range(["b/y"])["i64"].null_count == len(expected)
        assert store.counts().rows == 2 * stored
        named = set(store.range_parts(None)[1])
        on_disk = {path.relative_to(folder).as_posix() for path in (folder / "sealed").rglob("*.*")}
        assert on_disk == named
        store.close()
    assert acknowledged * HOUR_NS // 2000 > 0
