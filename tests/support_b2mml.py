"""The official schemas of B2MML, read once a process: it takes seconds. Tests that need them skip without."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

SCHEMAS = Path(__file__).resolve().parents[1].parent / "shared" / "standards" / "b2mml" / "Schema"


@functools.cache
def _schema() -> Any:
    import xmlschema

    return xmlschema.XMLSchema(SCHEMAS / "B2MML-OperationsSchedule.xsd")  # includes all the others


def valid(message: bytes | str) -> None:
    """Insist that a message is valid by the official schema; skip where that is not at hand."""
    if not SCHEMAS.is_dir():
        pytest.skip("needs ../shared: the official schemas of B2MML")
    _schema().validate(message.decode() if isinstance(message, bytes) else message)
