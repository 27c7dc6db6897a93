"""The pages about plants are true: the reference is the schema's own, the how-to's plant opens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from taktwin.identity import SignalId
from taktwin.plant import find_mistakes, open_plant, schema
from tests.unit.plant import small_plant
from tools import plant_reference

DOCS = Path(__file__).parents[3] / "docs"


def test_the_reference_is_generated_from_the_schema_of_today() -> None:
    assert plant_reference.PAGE.read_text(encoding="utf-8") == plant_reference.page(), (
        "run tools/plant_reference.py"
    )


def test_the_plant_of_the_how_to_opens(tmp_path: Path) -> None:
    page = (DOCS / "how-to/describe-a-plant.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```", page, flags=re.S))
    assert len(files) == 4
    registry = open_plant(small_plant.write(tmp_path, files))
    assert registry.by_id[SignalId("mill1/state")].address == "nsu=urn:hill:plc;s=mill1.state"
    # The mistake that the page shows is the one that is said.
    files["equipment.yaml"] = files["equipment.yaml"].replace("class: mill", "class: mil")
    folder = small_plant.write(tmp_path, files)
    said = [str(mistake).replace(str(folder), "my-plant") for mistake in find_mistakes(folder)]
    assert said == [line for line in page.splitlines() if line.startswith("my-plant/")]


def test_every_role_and_no_other_is_explained() -> None:
    assert tuple(schema.ROLES) == get_args(schema.Role)
