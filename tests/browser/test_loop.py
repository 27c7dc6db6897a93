"""The closed loop as people see it: from a worn insert to what changing it came to, in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_mes import calm, command, shot, touch
from tests.system.product import TAKTWIN, Product, until

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(1800)]

LIFE = 40  # parts of an insert here: its whole life passes in an hour of the plant
SPEED = 12  # plant seconds a second
UNIT = "turn1"
SLOW_S = 600.0  # of the wall, on a machine with ten times its work


def short_lived(folder: Path) -> Path:
    """Return the calm demo plant with inserts that last a tenth as long, each wearing at its own speed."""
    calm(folder)
    shutil.rmtree(folder / "models")  # what was learnt of inserts that last
    path = folder / "physics.yaml"
    physics = path.read_text(encoding="utf-8").replace("insert_wear: {on: false", "insert_wear: {on: true")
    for before, after in (
        (r"tool: \{life: 400, change_s: 240\}", f"tool: {{life: {LIFE}, change_s: 240}}"),
        (r"drift_um: 22, tolerance_um: 25, scatter_um: 3, spread: [0-9.]+",
         "drift_um: 20, tolerance_um: 25, scatter_um: 2, spread: 0.3"),
    ):  # fmt: skip
        physics, found = re.subn(before, after, physics)
        assert found == 1, before
    path.write_text(physics, encoding="utf-8")
    products = folder / "products.yaml"
    text = products.read_text(encoding="utf-8")
    assert text.count("life_parts: 400") == 1
    products.write_text(text.replace("life_parts: 400", f"life_parts: {LIFE}"), encoding="utf-8")
    return folder


def taktwin(*words: str) -> str:
    """Run a command as a user does, and return what it printed."""
    done = subprocess.run([str(TAKTWIN), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("loop")
    plant = short_lived(folder / "plant")
    past = str(folder / "past")
    taktwin(
        "generate", str(plant), "--data", past, "--seed", "7", "--from", "2026-01-11T22:00:00+01:00",
        "--days", "2", "--roles", "result,tool,count",
    )  # fmt: skip
    said = taktwin("learn", str(plant), "--data", past)
    assert "in the shadow" in said and "no machine has made it" in said
    words = ("--speed", str(SPEED), "--seed", "3", "--at", "2026-11-18T13:05:00Z")
    with Product(folder / "data", "--plant", str(plant), *words) as running:
        yield running


def inject(running: Product, kind: str, **parameters: float) -> None:
    """Do something to the played plant as the panel of the demo does."""
    wish = {"kind": kind, "target": UNIT, "duration_s": 10, "parameters": parameters}
    assert running.api("/demo/injections", wish)["id"]


def predicted(running: Product) -> dict[str, Any]:
    """Return what is foretold of the insert that is in."""
    found = [each for each in running.api("/predictions") if each["work_unit"] == UNIT]
    return found[0] if found else {"reason": "nothing yet", "evidence": []}


def parts_made(running: Product) -> float | None:
    """Return how many parts the insert that is in has made, by what is foretold of it; None: nobody knows."""
    by_code = {each["code"]: each["values"]["value"] for each in predicted(running)["evidence"]}
    return by_code.get("tool_wear.age")


def explained(running: Product) -> str:
    """Return why nothing is proposed."""
    return json.dumps([running.api("/models")["silent"], predicted(running)])


def let_the_model_go_live(running: Product) -> None:
    """Promote what came with the plant, as an engineer does before anything rests on it."""
    version = until(lambda: running.api("/models")["versions"], SLOW_S)[-1]
    assert version["stage"] == "shadow" and version["learnt_from"]
    data = ("--data", str(running.data))
    told = taktwin("models", *data, "promote", "tool_wear", version["version"], "--why", "judged on 2 days")
    assert "learnt from" in told and "live since" in told


def test_from_a_worn_insert_to_its_measured_effect_by_advice_and_the_terminal_alone(
    page: Page, product: Product
) -> None:
    let_the_model_go_live(product)
    for number, made in (("91000", "SH-100"), ("92000", "SH-200")):
        command(product, "order.drop", request=number, product=made, quantity=200, due_ms=0)
    # Another insert goes in, whose life the twin sees from its beginning; it wears three times as fast.
    inject(product, "change_tool")
    until(lambda: parts_made(product) is not None, SLOW_S, lambda: explained(product))
    inject(product, "worn_insert", times=3.0)

    # Evidence, proof, advice: nobody does anything until it stands on the page.
    page.goto(product.url + "advice")
    row = page.locator("[data-row]").filter(has_text=UNIT)
    until(lambda: row.count() or page.wait_for_timeout(500), SLOW_S, lambda: explained(product))
    advice = str(row.first.get_attribute("data-row"))
    page.goto(product.url + f"advice?id={advice}")
    opened = page.locator(f"[data-advice='{advice}']")
    expect(opened.get_by_role("heading", level=1)).to_contain_text(f"Change the insert of {UNIT}")
    expect(opened.locator("[data-alternative=nothing]")).to_have_count(1)
    before = product.api(f"/advice/{advice}")
    assert before["proposal"]["effects"][0]["difference"]["mean"] < 0
    assert before["proposal"]["model"]["shadow"] is False
    shot(page, "loop-advice")
    assert not product.api(f"/mes/maintenance/{UNIT}")["orders"], "nothing is done until somebody says so"
    page.get_by_role("button", name="Accept").click()
    expect(opened).to_have_attribute("data-state", "Acknowledged")
    expect(page.locator("[data-step=mes]")).to_contain_text("The MES has it")

    # The operator at the cell: the order is there, the new insert is in, confirmed with two touches.
    old = parts_made(product)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(product.url + f"terminal/{UNIT}")
    (order,) = product.api(f"/mes/maintenance/{UNIT}")["orders"]
    card = page.locator(f"[data-order='{order['order']}']")
    shot(page, "loop-terminal")
    card.get_by_role("button", name="The new one is in").click()
    touch(page.get_by_role("dialog"), "New tool without a code is in")
    expect(card).to_have_count(0)
    assert old is not None and old > 3
    # No injection: the hand that confirmed it changed it, and the machine's own number says so.
    until(lambda: (parts_made(product) or 99.0) < old, SLOW_S, lambda: explained(product))

    # What it came to, beside what was promised, on the same page.
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(product.url + f"advice?id={advice}")

    def measured() -> dict[str, Any] | None:
        found: dict[str, Any] = product.api(f"/advice/{advice}")
        return found if found["state"] == "Measured" else None

    after = until(measured, SLOW_S, lambda: json.dumps(product.api(f"/advice/{advice}")["execution"]))
    assert after["outcome"]["result"] in ("Effective", "Neutral", "Harmful")
    loss = after["outcome"]["observed_effect"][0]
    assert loss["promised"]["mean"] < 0 and loss["measured"]["p10"] <= loss["measured"]["p90"]
    expect(page.locator(f"[data-outcome='{after['outcome']['result']}']").first).to_be_visible()
    expect(page.locator(f"[data-decided='{advice}']")).to_be_visible()
    shot(page, "loop-outcome")
