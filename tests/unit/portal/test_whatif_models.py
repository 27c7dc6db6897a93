"""A question of another kind than the one declared is refused, whatever it could have been taken for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from taktwin.portal.models.whatif import ReplayQuestionModel, SensitivityQuestionModel, WhatIfQuestion

QUESTION: dict[str, Any] = {
    "scenarios": [{"name": "down", "changes": [{"change": "unit_down", "unit": "mill1", "to_s": 60}]}],
    "horizon_s": 3600, "replications": 8, "seed": 7, "deadline_s": 2, "race": True, "at_ms": 0,
}  # fmt: skip
WRONG: list[tuple[str, Any]] = [
    ("replications", True), ("replications", "8"), ("replications", 8.0), ("horizon_s", "3600"),
    ("horizon_s", True), ("seed", "7"), ("deadline_s", "2"), ("race", "yes"), ("race", 1), ("at_ms", "0"),
    ("scenarios", [{"name": 3, "changes": QUESTION["scenarios"][0]["changes"]}]),
]  # fmt: skip


def mistakes(kind: type[BaseModel], said: dict[str, Any]) -> list[str]:
    """Return the fields that a model refuses."""
    try:
        kind.model_validate(said)
    except ValidationError as refused:
        return [".".join(str(each) for each in error["loc"]) for error in refused.errors()]
    return []


def test_a_whole_number_of_seconds_is_a_number() -> None:
    assert mistakes(WhatIfQuestion, QUESTION) == []
    assert WhatIfQuestion.model_validate(QUESTION).horizon_s == 3600.0


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_what_only_looks_like_the_right_kind_is_refused_by_its_field(field: str, value: Any) -> None:
    question = {**QUESTION, field: value}
    at = "scenarios.0.name" if field == "scenarios" else field
    assert mistakes(WhatIfQuestion, question) == [at]
    inside = {"question": question, "indicator": "wip"}
    assert mistakes(SensitivityQuestionModel, inside) == [f"question.{at}"]
    assert mistakes(ReplayQuestionModel, {"question": QUESTION, "replication": "0"}) == ["replication"]
