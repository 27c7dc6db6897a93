"""A compiled loop that never ends hears no signal: where the kernel runs, a thread keeps the time limit.

It ends the worker, and the test under way has failed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
WITH_KERNEL = ("simulation", "whatif", "analyst", "commissioning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose who keeps the limit."""
    limit_s = float(config.getini("timeout"))
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).parts[0] in WITH_KERNEL:
            own = item.get_closest_marker("timeout")
            item.add_marker(
                pytest.mark.timeout(own.args[0] if own else limit_s, method="thread"), append=False
            )
