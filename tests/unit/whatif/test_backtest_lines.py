"""What `taktwin backtest` prints of spans that were left out."""

from __future__ import annotations

from typing import Any

from taktwin.cli.backtest import lines

HOUR_MS = 3_600_000


def epoch(hour: int, *why: tuple[str, str]) -> dict[str, Any]:
    """Return a span of an hour, left out for notes of (code, subject)."""
    notes = [{"code": code, "subjects": [subject], "text": f"{subject} at {hour}"} for code, subject in why]
    return {"from_ms": hour * HOUR_MS, "to_ms": (hour + 1) * HOUR_MS, "left_out": notes}


def told(*epochs: dict[str, Any]) -> list[str]:
    """Return the lines about what was left out."""
    answer: dict[str, Any] = {
        "warnings": [], "reason": "", "epochs": list(epochs), "model_version": "1",
        "calibration_id": "2", "days": 30, "figures": [], "damaged": [],
    }  # fmt: skip
    return [line for line in lines(answer) if line.startswith("- ")]


def test_spans_left_out_for_the_same_one_after_the_other_are_one_line() -> None:
    before = [epoch(hour, ("unseen", "pack5")) for hour in range(48)]
    later = [epoch(50, ("unseen", "hob1")), epoch(51, ("unseen", "hob1"), ("refused", "x")), epoch(52)]
    again = [epoch(60, ("unseen", "pack5"))]
    assert told(*before, *later, *again) == [
        "- left out, 48 from 1970-01-01T00:00Z to 1970-01-03T00:00Z, the first: pack5 at 0",
        "- left out, from 1970-01-03T02:00Z: hob1 at 50",
        "- left out, from 1970-01-03T03:00Z: hob1 at 51",
        "- left out, from 1970-01-03T03:00Z: x at 51",
        "- left out, from 1970-01-03T12:00Z: pack5 at 60",
    ]
