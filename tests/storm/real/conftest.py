"""What all storms over real processes share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from taktwin.plant import open_plant
from taktwin.plant.registry import Registry

NORTHFIELD = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """The demo plant, as a copy that nobody edits while a storm runs."""
    folder = tmp_path_factory.mktemp("plant") / "northfield"
    shutil.copytree(NORTHFIELD, folder)
    return open_plant(folder)
