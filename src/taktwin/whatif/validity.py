"""How far answers may be trusted: the record of the latest back-test, where there is one.

The record is a file in the data folder, written whole by whoever back-tests:
`{"version": 1, "errors": [{"indicator": ..., "error": ..., "limit": ..., "epochs": ..., "covered_80": ...,
"covered_95": ...}]}`. Nothing may be recommended without one, nor if an indicator is beyond its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from taktwin.contracts.whatif import Note, PastError, Validity
from taktwin.errors import StoreError

FILE = Path("whatif") / "backtest.json"  # in the data folder
VERSION = 1
UNCALIBRATED = "standard-times"


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a back-test leaves behind."""

    version: int
    errors: list[PastError]


def read(path: Path | None) -> list[PastError]:
    """Return the errors of the latest back-test, [] where there was none.

    Raises
    ------
    StoreError
        If the file is none.
    """
    if path is None or not path.exists():
        return []
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except msgspec.DecodeError as error:
        raise StoreError(f"{path}: {error}: expected the record of a back-test") from error
    if record.version != VERSION:
        raise StoreError(f"{path}: version {record.version}: expected {VERSION}")
    return record.errors


def validity(calibration: str, errors: Sequence[PastError], notes: Sequence[Note]) -> Validity:
    """Return how far an answer may be trusted."""
    within = all(each.error <= each.limit for each in errors)
    return Validity(
        back_tested=bool(errors), calibrated=calibration != UNCALIBRATED,
        may_recommend=bool(errors) and within, errors=list(errors), notes=list(notes),
    )  # fmt: skip
