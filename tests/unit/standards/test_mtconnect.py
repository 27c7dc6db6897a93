"""MTConnect's words as classes of time."""

from __future__ import annotations

import pytest

from taktwin.standards.iso22400 import TimeClass
from taktwin.standards.mtconnect import time_class

P, S, E, B, V = (
    TimeClass.PRODUCTION, TimeClass.SET_UP, TimeClass.DELAY_OWN, TimeClass.BLOCKED, TimeClass.STARVED,
)  # fmt: skip
N, D, U = TimeClass.DOWN_NO_ORDER, TimeClass.PLANNED_DOWN, TimeClass.UNKNOWN


@pytest.mark.parametrize(
    ("execution", "mode", "planned", "right"),
    [
        ("ACTIVE", "AUTOMATIC", True, P),
        ("Active", "manual", False, P),
        ("INTERRUPTED", "AUTOMATIC", True, E),
        ("FEED_HOLD", "AUTOMATIC", True, E),
        ("PROGRAM_STOPPED", "AUTOMATIC", True, E),
        ("OPTIONAL_STOP", "AUTOMATIC", True, E),
        ("STOPPED", "AUTOMATIC", True, E),
        ("STOPPED", "MANUAL", True, S),
        ("READY", "MANUAL", True, S),
        ("READY", "MANUAL_DATA_INPUT", True, S),
        ("READY", "AUTOMATIC", True, N),
        ("READY", None, True, N),
        ("PROGRAM_COMPLETED", "AUTOMATIC", True, N),
        ("PROGRAM_COMPLETED", "MANUAL", True, N),
        ("WAIT", "AUTOMATIC", True, V),
        ("READY", "MANUAL", False, D),
        ("WAIT", "AUTOMATIC", False, D),
        ("UNAVAILABLE", "AUTOMATIC", True, U),
        ("Unavailable", "AUTOMATIC", False, U),
        (None, None, True, U),
        ("", None, True, U),
        ("DREAMING", "AUTOMATIC", False, U),
    ],
)
def test_an_execution_word_has_its_class(
    execution: str | None, mode: str | None, planned: bool, right: TimeClass
) -> None:
    assert time_class(execution, mode, planned) is right


def test_a_wait_before_a_full_buffer_is_blocked() -> None:
    assert time_class("WAIT", "AUTOMATIC", True, blocked=True) is B
