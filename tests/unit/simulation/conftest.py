"""The kernel is compiled once, by whichever worker comes first; the others load it from the cache."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from taktwin.simulation import kernel
from taktwin.simulation.run import warm_up


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    cache = Path(kernel.__file__).parent / "__pycache__"
    cache.mkdir(exist_ok=True)
    with (cache / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        warm_up()
