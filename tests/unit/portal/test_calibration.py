"""Calibrations over HTTP, answered by the room itself: who may do what, and what a refusal says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from starlette.requests import HTTPConnection

from taktwin.bus.memory import MemoryHub
from taktwin.clock import SystemClock, VirtualClock
from taktwin.contracts import topics
from taktwin.contracts.calibration import CALIBRATION_USE
from taktwin.portal.app import create_app
from taktwin.portal.auth import Person
from taktwin.settings import Installation
from taktwin.stopping import until
from taktwin.whatif import chosen, kept
from taktwin.whatif.calibrations import Calibrator
from tests.unit.whatif.test_backtests import MORNING, SITE, at_once
from tests.unit.whatif.test_calibrate import MEASURED
from tests.unit.whatif.test_calibrations import Remembers, later
from tests.unit.whatif.test_whatif import REGISTRY

SET = MEASURED.hash[:12]
HERE = {"Origin": "http://localhost"}


class Named:
    """Whoever asks is who they say they are: how people sign in is tested elsewhere."""

    loopback_only = True

    def person_of(self, connection: HTTPConnection) -> Person | None:
        role = connection.headers.get("role")
        return Person("P1", (role,), printed_name="Ada Byron") if role else None


@pytest_asyncio.fixture
async def page(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    hub, stop, clock = MemoryHub(SystemClock()), asyncio.Event(), VirtualClock(MORNING)
    past = Remembers(MORNING)
    past.now_ns = clock.now_ns
    where = tmp_path / "calibration"
    room = Calibrator(
        registry=REGISTRY,
        clock=clock,
        where=where,
        history=past,
        do=at_once,
        every_days=0.0,
        is_automatic=False,
    )
    kept.keep(MEASURED, chosen.proposed(where))
    kept.keep(later(MEASURED, 3), chosen.proposed(where))
    running = asyncio.ensure_future(until(stop, room.run(hub.connect(), stop)))
    while hub.answerer(topics.query(*SITE, "whatif", CALIBRATION_USE)) is None:  # noqa: ASYNC110 - it begins
        await asyncio.sleep(0)
    app = create_app(
        REGISTRY, hub.connect(), clock, Installation(data_dir=str(tmp_path), plant_dir=""), accounts=Named(),
        static=tmp_path,
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=HERE) as browser:
        yield browser
    stop.set()
    await running


def as_(role: str) -> dict[str, str]:
    return {"role": role}


async def test_whoever_may_look_sees_the_sets_and_may_ask_for_one(page: httpx.AsyncClient) -> None:
    path = "/api/v1/whatif/calibration"
    for asking in (page.get(path), page.get(f"{path}/{SET}"), page.post(path, json={})):
        assert (await asking).status_code == 401
    known = (await page.get(path, headers=as_("viewer"))).json()
    assert known["in_use"] == "standard-times" and known["sets"][1]["calibration"] == SET
    assert known["newer"]["calibration"] == known["sets"][0]["calibration"] and known["every_days"] == 0
    one = (await page.get(f"{path}/{SET}", headers=as_("viewer"))).json()
    assert {"work/hob1/SH-100", "scrap/hob1/SH-100"} <= {each["name"] for each in one["parameters"]}
    beside = {"beside": known["newer"]["calibration"]}
    both = (await page.get(f"{path}/{SET}", params=beside, headers=as_("viewer"))).json()
    assert both["beside"]["to_ms"] - both["head"]["to_ms"] == 3 * 86_400_000
    assert all(each["beside"] == each["value"] for each in both["parameters"])
    begun = await page.post(path, json={"days": 2}, headers=as_("viewer"))
    assert begun.json()["state"] in ("begun", "running")
    wrong = await page.get(f"{path}/0123456789ab", headers=as_("viewer"))
    assert wrong.status_code == 422 and SET in wrong.text and "0123456789ab" in wrong.text
    assert (await page.post(path, json={"days": -1}, headers=as_("viewer"))).status_code == 422


async def test_only_an_engineer_takes_a_set_into_use_and_the_name_is_written_down(
    page: httpx.AsyncClient,
) -> None:
    path = "/api/v1/whatif/calibration"
    wish = {"calibration": SET, "instead_of": "standard-times", "why": "held against the last week"}
    for role in ("viewer", "operator", "planner", "manager", "admin"):
        refused = await page.post(f"{path}/use", json=wish, headers=as_(role))
        assert refused.status_code == 403 and "whatif.calibration" in refused.text
    assert (await page.get(path, headers=as_("viewer"))).json()["in_use"] == "standard-times"
    taken = await page.post(f"{path}/use", json=wish, headers=as_("engineer"))
    assert taken.status_code == 200 and taken.json()["who"] == "Ada Byron"
    known = (await page.get(path, headers=as_("viewer"))).json()
    assert known["in_use"] == SET and known["used"]["why"] == wish["why"]
    # Whoever had seen another one in use decides again.
    again = await page.post(
        f"{path}/use", json={**wish, "calibration": "standard-times"}, headers=as_("engineer")
    )
    assert again.status_code == 409 and SET in again.text
    back = {"calibration": "standard-times", "instead_of": SET}
    assert (await page.post(f"{path}/use", json=back, headers=as_("engineer"))).status_code == 200
