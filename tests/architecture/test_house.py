"""The house is as ARCHITECTURE.md says, and says nothing about the machine that it was built on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from taktwin.contracts import events
from taktwin.plant import open_plant

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "taktwin"
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".yaml",
    ".yml",
    ".json",
    ".lock",
    ".txt",
    ".ts",
    ".svelte",
    ".css",
    ".html",
    ".cfg",
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def test_architecture_shows_the_tree_of_today() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import docs
    finally:
        sys.path.pop(0)
    assert docs.architecture() == (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), (
        "ARCHITECTURE.md is behind the source: python tools/docs.py"
    )


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_every_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lstrip()
    assert text.startswith('"""'), f"{path.name} has no docstring"


@pytest.mark.parametrize("name", sorted(events.CATALOGUE))
def test_every_event_of_the_catalogue_has_an_emitter(name: str) -> None:
    kind = events.CATALOGUE[name].__name__
    emitters = [
        path
        for path in SOURCE.rglob("*.py")
        if "contracts" not in path.parts and re.search(rf"\b{kind}\(", path.read_text(encoding="utf-8"))
    ]
    assert emitters, f"nobody makes {kind}"


def test_no_lock_file_names_a_registry() -> None:
    locks = [p for p in tracked() if p.name.endswith((".lock", "-lock.json", ".npmrc"))]
    assert locks, "no lock file is tracked"
    for path in locks:
        found = re.findall(
            r'("resolved": *"https?:[^"]*"|--(?:extra-)?index-url.*|registry *=.*https?:.*)', path.read_text()
        )
        assert not found, f"{path.name}: {found[:3]}"


def test_no_file_names_a_path_of_one_machine() -> None:
    # Not inside another path: `varies/work/UNIT` is none of a machine, wherever its clones lie.
    here = re.compile(r"(?<!\w)" + re.escape(str(ROOT.parent) + "/"))
    for path in tracked():
        if path.suffix in TEXT:
            found = here.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)} names a path of this machine"


def test_the_must_run_list_names_tests_that_exist() -> None:
    lines = (ROOT / "tests" / "must_run.txt").read_text(encoding="utf-8").splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    assert names
    for name in names:
        module, _, rest = name.partition("::")
        path = ROOT / (module.replace(".", "/") + ".py")
        assert path.exists(), f"{name}: no file {path.name}"
        if rest:
            assert f"def {rest.split('::')[-1]}(" in path.read_text(encoding="utf-8"), f"{name}: no such test"


@pytest.mark.parametrize("page", ["README.md", "docs/status.md"])
def test_pages_count_the_demo_plant_as_it_is(page: str) -> None:
    plant = open_plant(ROOT / "examples" / "plants" / "northfield")
    text = (ROOT / page).read_text(encoding="utf-8")
    for count in (f"{len(plant.work_units)} work units", f"{len(plant.signals)} signals"):
        assert count in text, f"{page} does not say: {count}"
