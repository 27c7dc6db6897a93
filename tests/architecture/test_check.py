"""What `make test` demands of its reports, and who has a second chance: never anybody in silence."""

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


# ---- what must run


def reported(folder: Path, name: str, **tests: str) -> Path:
    """Write a report: test of `tests.unit.test_x` -> what is in its case, "" where it passed."""
    cases = "".join(
        f'<testcase classname="tests.unit.test_x" name="{test}">{said}</testcase>'
        for test, said in tests.items()
    )
    report = folder / f"{name}.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return report


MODULE = "tests.unit.test_x"
FAILED, BROKEN = '<failure message="1 != 2">x</failure>', '<error message="in its end">y</error>'


def skipped(why: str, kind: str = "pytest.skip") -> str:
    return f'<skipped type="{kind}" message="{why}">place: {why}</skipped>'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", None),
        (skipped("needs ../shared: the official schemas"), None),
        (skipped("the extra taktwin[ray] is not installed"), None),
        (skipped("passed before"), "skipped: passed before"),
        (skipped("needs ../shared: soon", "pytest.xfail"), "skipped: needs ../shared: soon"),
        (FAILED, "failed"),
        (BROKEN, "failed"),
    ],
)  # fmt: skip
def test_of_what_must_run_every_test_must_pass_and_not_any_one(
    tmp_path: Path, said: str, why: str | None
) -> None:
    report = reported(tmp_path, "parts", test_a="", test_b=said)
    missing = {} if why is None else {MODULE: [f"{MODULE}::test_b: {why}"]}
    assert tool("check").not_passed([MODULE], [report]) == missing


def test_what_must_run_is_gone_where_nothing_of_it_passed(tmp_path: Path) -> None:
    report = reported(tmp_path, "parts", test_a=skipped("needs ../shared: all"), test_ab="")
    wanted = [f"{MODULE}::test_a", "tests.unit.test", "tests.unit.test_x::test_b"]
    assert tool("check").not_passed(wanted, [report]) == {
        name: [f"{name}: no test of it passed"] for name in wanted
    }
    assert tool("check").not_passed([f"{MODULE}::test_ab"], [report]) == {}


def test_each_parameter_and_each_class_of_what_must_run_must_pass(tmp_path: Path) -> None:
    report = tmp_path / "parts.xml"
    report.write_text(REPORT)
    check, house = tool("check"), "tests.architecture.test_house"
    assert check.not_passed([f"{house}::test_bad", f"{house}::test_good", "tests.architecture.test_check"],
                            [report]) == {
        f"{house}::test_bad": [f"{house}::test_bad[a b]: failed"],
        "tests.architecture.test_check": ["tests.architecture.test_check.TestThis::test_set_up: failed"],
    }  # fmt: skip
    both = tmp_path / "both.xml"
    both.write_text(REPORT.replace("test_bad[a b]", "test_good", 1).replace("test_bad[a b]", "test_good"))
    assert check.not_passed([f"{house}::test_good"], [both]) == {
        f"{house}::test_good": [f"{house}::test_good: failed"]
    }, "passed, but its end did not"


def test_what_passed_when_it_ran_once_more_has_passed(tmp_path: Path) -> None:
    first = reported(tmp_path, "walks", test_a="", test_b=FAILED, test_c=FAILED)
    again = reported(tmp_path, "walks-again", test_a="", test_b="", test_c=FAILED)
    for reports in ((first, again), (again, first)):
        assert tool("check").not_passed([MODULE], reports) == {MODULE: [f"{MODULE}::test_c: failed"]}


def test_what_is_never_run_is_said_by_name_and_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check = tool("check")
    lines = (ROOT / "tests" / "must_run.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    assert not check.must_run()
    said = capsys.readouterr().out.splitlines()
    assert said[:-1] == [f"must run: {name}: no test of it passed" for name in wanted]
    assert said[-1] == f"== must run: 0 of {len(wanted)} ran and passed"
