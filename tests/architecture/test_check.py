"""Who has a second chance in `make test`: few tests, that wait for processes, and never in silence."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTING = ("tests/browser", "tests/system")


def tool(name: str) -> ModuleType:
    """Return a module of `tools/`, which is no package."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ROOT / "tools"))


unsteady = tool("unsteady")
WALK = unsteady.Failed("tests/browser/test_mes.py", "test_a", "never came")
OTHER = unsteady.Failed("tests/browser/test_mes.py", "test_b[x]", "")
STOP = unsteady.Failed("tests/system/test_stop.py", "test_c", "late")
PURE = unsteady.Failed("tests/unit/test_units.py", "test_d", "wrong")


@pytest.mark.parametrize(
    ("code", "failed", "files", "again"),
    [
        (0, [], True, None),
        (1, [WALK], True, ["tests/browser/test_mes.py"]),
        (1, [WALK, OTHER, STOP], True, ["tests/browser/test_mes.py", "tests/system/test_stop.py"]),
        (1, [OTHER], False, ["tests/browser/test_mes.py::test_b[x]"]),
        (1, [WALK, OTHER, STOP, STOP._replace(name="test_e")], True, None),  # too many for an accident
        (1, [WALK, PURE], True, None),  # what computes has none, nor what failed beside it
        (1, [], True, None),  # nobody knows what failed
        (2, [WALK], True, None),  # interrupted
        (-9, [WALK], True, None),
    ],
)  # fmt: skip
def test_few_that_wait_for_processes_run_once_more_and_nobody_else(
    code: int, failed: list[object], files: bool, again: list[str] | None
) -> None:
    assert unsteady.second_chance(code, failed, STARTING, files=files) == again


def test_a_place_is_a_folder_and_not_the_begin_of_its_name() -> None:
    near = WALK._replace(path="tests/browser_of_mine/test_x.py")
    assert unsteady.second_chance(1, [near], STARTING, files=True) is None
    assert unsteady.second_chance(1, [WALK], (), files=True) is None


REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="1" tests="5">
<testcase classname="tests.architecture.test_house" name="test_good" time="0.1"/>
<testcase classname="tests.architecture.test_house" name="test_skipped"><skipped message="no"/></testcase>
<testcase classname="tests.architecture.test_house" name="test_bad[a b]"><failure message="AssertionError: 1 != 2&#10;more">x</failure></testcase>
<testcase classname="tests.architecture.test_check.TestThis" name="test_set_up"><error message="failed on setup">y</error></testcase>
<testcase classname="tests.architecture.test_house" name="test_bad[a b]"><error message="and its end">z</error></testcase>
</testsuite></testsuites>
"""  # noqa: E501


def test_what_failed_is_read_from_the_report_each_once_with_its_file(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert unsteady.failures(report) == [
        ("tests/architecture/test_house.py", "test_bad[a b]", "AssertionError: 1 != 2"),
        ("tests/architecture/test_check.py", "TestThis::test_set_up", "failed on setup"),
    ]
    report.write_text(REPORT[:300])
    assert unsteady.failures(report) == []
    assert unsteady.failures(tmp_path / "never written.xml") == []


def test_who_needed_it_is_named_with_what_was_said_first() -> None:
    assert unsteady.told([]) == ""
    block = unsteady.told([WALK, OTHER])
    assert block.startswith(
        "== UNSTEADY: tests/browser/test_mes.py::test_a, tests/browser/test_mes.py::test_b[x]"
    )
    assert "never came" in block


def test_only_steps_that_start_something_have_a_second_chance() -> None:
    check = tool("check")
    assert set(check.STARTING) == {"tests/browser", "tests/system"} and check.WAITING == ("tests/protocol",)
    rules = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "UNSTEADY" in rules and f"at most {unsteady.FAILED_AT_MOST} tests" in rules
