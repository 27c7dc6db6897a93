"""How far answers may be trusted: what back-tests say of the model that answers, in its own words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from taktwin.contracts.whatif import Note, PastError, Validity
from taktwin.whatif import backtest

UNCALIBRATED = "standard-times"


def validity(calibration: str, errors: Sequence[PastError], notes: Sequence[Note]) -> Validity:
    """Return how far an answer may be trusted; why nothing may be recommended comes first of its notes.

    Parameters
    ----------
    errors : of this model's back-tests; [] where nothing was compared
    """
    return Validity(
        back_tested=bool(errors), calibrated=calibration != UNCALIBRATED,
        may_recommend=backtest.may_recommend(errors), errors=list(errors),
        notes=[*backtest.warnings(errors), *notes],
    )  # fmt: skip
