"""Which tests may stand side by side.

A test that starts the whole demo plant needs a machine's time for itself; one that starts the product
with a plant of a few signals mostly waits. So there are two lanes, each in order: `pytest -n 2 --dist
loadgroup` runs them side by side, and never two whole demo plants at once.
"""

from __future__ import annotations

import pytest

SMALL_PLANTS = {"test_bad_input", "test_disk_full", "test_nist_day", "test_own_server"}


@pytest.hookimpl(tryfirst=True)  # before the workers read the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put every test that starts the product into its lane."""
    for item in items:
        if item.get_closest_marker("system"):
            small = item.path.stem in SMALL_PLANTS
            item.add_marker(pytest.mark.xdist_group("small plants" if small else "whole demo"))
