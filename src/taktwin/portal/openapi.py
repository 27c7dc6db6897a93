"""`python -m taktwin.portal.openapi > file`: the interface's document, always the same bytes."""

from __future__ import annotations

import json
import sys
from typing import cast

from taktwin.bus.port import Bus
from taktwin.clock import VirtualClock
from taktwin.plant.registry import Registry
from taktwin.portal.app import create_app, document
from taktwin.settings import Installation


def text() -> str:
    """Return the OpenAPI document of the portal as JSON with sorted keys."""
    registry = Registry(
        hash="0" * 64, valid_from_ns=0, enterprise="-", site="-", name="", time_zone="UTC", folder="",
        equipment={}, signals=(), connections={},
    )  # fmt: skip
    # Nothing is asked of the bus: an app that is not started only knows its routes.
    app = create_app(
        registry, cast(Bus, None), VirtualClock(), Installation(data_dir="", plant_dir="", demo=True)
    )
    return json.dumps(document(app), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
