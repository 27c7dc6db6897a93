"""What one class, model, ledger or twin does wrong stays with it: it is shown, and the others go on."""

from __future__ import annotations

import gc
import importlib
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin import plugins
from taktwin.analyst import model, proposal
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.model import Prediction
from taktwin.analyst.service import AnalystService
from taktwin.bus.port import Message
from taktwin.contracts import recommendation, topics
from taktwin.contracts.analyst import Predicted, Status
from taktwin.contracts.recommendation import Decide, State
from taktwin.contracts.state import Health
from tests.unit.analyst.lathe import values
from tests.unit.analyst.test_closed_loop import SITE, House

LATHES = values("turn1", drift_um=36.0, age=285, tools=22), values("turn2", drift_um=36.0, age=285, tools=22)
AT = "tool_change at {}.insert.turned_diameter"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def health(house: House) -> Health:
    """Return the next heartbeat of the analyst."""
    heard: list[Health] = []

    def hear(message: Message) -> None:
        heard.append(msgspec.msgpack.decode(message.payload, type=Health))

    subscription = await house.others.subscribe(topics.health(*SITE, "analyst"), hear)
    await house.until(lambda: bool(heard))
    await subscription.close()
    return heard[-1]


async def test_a_class_that_breaks_down_at_one_machine_is_silent_there_and_nowhere_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ToolChange.horizon_s

    def horizon_s(prediction: Prediction, trace: Any) -> float:
        if trace.subject.unit == "turn1":
            raise ValueError("no such horizon")
        return right(prediction, trace)

    monkeypatch.setattr(ToolChange, "horizon_s", horizon_s)
    await house.stand_in()
    async with house.open(*LATHES):
        await house.until(lambda: bool(house.advice))
        assert house.recommended().proposal.work_unit == "turn2"
        status = await house.ask("status", Status)
        assert status.silent[AT.format("turn1")] == "it broke down: ValueError: no such horizon"
        told = await health(house)
        assert told.state == "degraded" and "turn1" in told.reason and "no such horizon" in told.reason
        await house.analyst.round()
        assert (await health(house)).state == "degraded", "it is not well for being asked again later"
        assert len(await house.ask("predictions", list[Predicted])) == 2


async def test_a_model_that_breaks_down_is_named_and_well_again_once_it_answers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.stand_in()
    async with house.open(*LATHES):
        await house.until(lambda: len(house.advice) > 1)

        def predict(self: ToolWear, trace: Any) -> Prediction:
            raise ZeroDivisionError("of nothing")

        with monkeypatch.context() as patched:
            patched.setattr(ToolWear, "predict", predict)
            await house.analyst.round()
            status = await house.ask("status", Status)
            said = [why for name, why in status.silent.items() if name.startswith("tool_wear at ")]
            assert said == ["it broke down: ZeroDivisionError: of nothing"] * 2
            assert (await health(house)).state == "degraded"
        await house.analyst.round()
        told = await health(house)
        assert (told.state, told.reason) == ("running", "")


async def test_what_the_ledger_refuses_is_shown(house: House) -> None:
    house.refuses = {"declare"}
    await house.stand_in()
    async with house.open(*LATHES):
        status = await house.round_over()
        why = "the ledger did not take it: here: found x, expected y"
        assert status.silent["tool_change, declare"] == why
        house.refuses = {"check"}
        await house.promote()
        await house.analyst.round()
        status = await house.ask("status", Status)
        assert status.silent["tool_change, check"] == why and "tool_change, declare" not in status.silent
        house.refuses = set()
        await house.analyst.round()
        assert "tool_change, check" not in (await house.ask("status", Status)).silent


async def test_an_answer_of_the_twin_that_nobody_can_read_is_no_answer(house: House) -> None:
    await house.stand_in()
    async with house.open(*LATHES):
        await house.until(lambda: len(house.advice) > 1)
        await house.promote()

        async def wrong(subject: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
            if ".whatif." in subject:
                return b"\xc1"
            return await right(subject, payload, timeout_s=timeout_s)

        bus = house.analyst._bus
        right = bus.request
        bus.request = wrong  # type: ignore[method-assign]
        await house.analyst.round()
        status = await house.ask("status", Status)
        assert "the twin has no answer: what-if's answer to" in status.silent[AT.format("turn1")]
        assert (await health(house)).state == "running"


async def test_after_a_restart_what_was_rejected_and_what_stands_is_known(
    house: House, tmp_path: Path
) -> None:
    await house.stand_in()
    async with house.open(*LATHES):
        await house.until(lambda: len(house.advice) > 1)
        await house.promote()
        await house.analyst.round()
        await house.until(lambda: len(house.advice) > 3)
        mine = {house.recommended(place).proposal.work_unit: house.recommended(place) for place in (-1, -2)}
        assert {each.state for each in mine.values()} == {State.PROPOSED}
        no = Decide(recommendation=mine["turn1"].id, version=mine["turn1"].version, accept=False, reason="no")
        said = recommendation.make(no, message_id="no", actor="P01", actor_type="human")
        assert house.ledger.execute(said).accepted
        await house.analyst.round()
        again = AnalystService(
            bus=house.hub.connect(), folder=tmp_path / "models", rest_s=0.0, registry=house.analyst._registry,
            clock=house.clock, memory_mb=lambda: 1.0, pid=2,
        )  # fmt: skip
        await again._remember()
        await again.round()
        for analyst in (house.analyst, again):
            silent = analyst._desk.silent
            assert f"a person rejected {mine['turn1'].id}" in silent[AT.format("turn1")]
        assert again._desk.silent[AT.format("turn2")] == f"{mine['turn2'].id} stands"
        assert len(house.advice) == 4 and len(again._desk._counted) == 2


BROKEN_PLUGINS: dict[str, tuple[str, str]] = {
    "does not load": ("import nothing_of_that_name\n", "ModuleNotFoundError"),
    "is no Python": ("class (\n", "SyntaxError"),
    "raises": ("raise RuntimeError('no licence')\n", "no licence"),
    "has no name": (
        "from taktwin.analyst.maintenance.tool_change import ToolChange\n"
        "class Mine(ToolChange):\n    'Mine.'\n", "it has no name",
    ),
    "has no model": (
        "from taktwin.analyst.maintenance.tool_change import ToolChange\n"
        "class Mine(ToolChange, name='mine'):\n    'Mine.'\n    model = 'no_such_model'\n", "no_such_model",
    ),
    "says too little": (
        "from taktwin.analyst.proposal import ProposalClass\n"
        "class Mine(ProposalClass, name='mine'):\n    'Mine.'\n    model = 'tool_wear'\n",
        "it lacks declared, horizon_s, trial, worth_asking, error_max",
    ),
    "has its name at the wrong place": (
        "from taktwin.analyst.maintenance.tool_change import ToolChange\n"
        "class Mine(ToolChange):\n    'Mine.'\n    name = 'mine'\n", "it has no name",
    ),
    "ends the process": ("import sys\nsys.exit('no licence')\n", "SystemExit"),
    "rests on several": (
        "from taktwin.analyst.maintenance.tool_change import ToolChange\n"
        "class Mine(ToolChange, name='mine'):\n    'Mine.'\n    model = ['tool_wear']\n",
        "model is ['tool_wear']",
    ),
    "says how far off in words": (
        "from taktwin.analyst.maintenance.tool_change import ToolChange\n"
        "class Mine(ToolChange, name='mine'):\n    'Mine.'\n    error_max = '10 %'\n", "error_max is '10 %'",
    ),
    "raises once its class is there": (
        "from taktwin.analyst.maintenance.tool_change import ToolChange\n"
        "class Mine(ToolChange, name='mine'):\n    'Mine.'\nraise ValueError('half')\n", "half",
    ),
    "is a model with a version that is no text": (
        "from taktwin.analyst.maintenance.tool_wear import ToolWear\n"
        "class Mine(ToolWear, name='mine'):\n    'Mine.'\n    code_version = 3\n", "code_version is 3",
    ),
    "is a model that knows no subjects": (
        "from taktwin.analyst.maintenance.tool_wear import ToolWear\n"
        "class Mine(ToolWear, name='mine'):\n    'Mine.'\n"
        "    @classmethod\n    def subjects(cls, registry): return None\n", "NoneType",
    ),
    "is a model that says too little": (
        "from taktwin.analyst.model import Model\n"
        "class Mine(Model, name='mine'):\n    'Mine.'\n    code_version = '1'\n", "it lacks example, fit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_PLUGINS)
async def test_what_somebody_brought_and_cannot_be_used_is_shown_and_the_others_work(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, why = BROKEN_PLUGINS[name]
    brought = f"brought_{abs(hash(name))}"
    (tmp_path / f"{brought}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("mine", brought, "taktwin.analyst")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == "taktwin.analyst" else [])
    monkeypatch.setattr(proposal, "CLASSES", dict(proposal.CLASSES))
    monkeypatch.setattr(model, "MODELS", dict(model.MODELS))
    house = House(tmp_path)
    await house.stand_in()
    async with house.open(*LATHES):
        await house.until(lambda: bool(house.advice))
        status = await house.ask("status", Status)
        [shown] = [
            each for about, each in status.silent.items() if about in (brought, "mine", f"{brought}.Mine")
        ]
        assert why in shown
        said = await health(house)
        assert said.state == "degraded" and why in said.reason
        assert house.recommended().proposal.advice_class == "tool_change"
    sys.modules.pop(brought, None)
    gc.collect()  # a class that is gone is nobody's base any more


async def test_a_base_that_others_share_needs_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brought_base.py").write_text(
        "from taktwin.analyst.maintenance.tool_change import ToolChange\n"
        "class Base(ToolChange):\n    'Base.'\n"
        "class Mine(Base, name='mine'):\n    'Mine.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("mine", "brought_base", "taktwin.analyst")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == "taktwin.analyst" else [])
    monkeypatch.setattr(proposal, "CLASSES", dict(proposal.CLASSES))
    loaded = model.load_all()
    good, bad = proposal.usable(loaded, model.usable(loaded)[0])
    assert "mine" in good and bad == {}
    sys.modules.pop("brought_base")
    del good
    gc.collect()


def test_a_use_case_whose_folder_raises_takes_nobody_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logistics"
    folder.mkdir()
    (folder / "__init__.py").write_text("import nothing_of_that_name\n")
    package = importlib.import_module(model.PACKAGE)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    loaded = model.load_all()
    assert "ModuleNotFoundError" in loaded.broken["taktwin.analyst.logistics"]
    assert "tool_wear" in model.usable(loaded)[0]


async def test_a_class_that_cannot_say_what_it_concerns_breaks_nothing_down(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even after a start, when the ledger still has what it proposed: it would end for ever."""

    def concerns(document: Any, subject: Any) -> bool:
        raise KeyError("tool_kind")

    await house.stand_in()
    async with house.open(*LATHES):
        await house.until(lambda: bool(house.advice))
        monkeypatch.setattr(ToolChange, "concerns", concerns)
        house.analyst._recalled = False
        await house.analyst.round()
        assert "KeyError" in repr((await house.ask("status", Status)).silent)
        assert house.analyst._recalled
