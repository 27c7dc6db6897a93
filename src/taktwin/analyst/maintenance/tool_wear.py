"""Tool wear: how many more parts until a measured characteristic leaves its window.

For every tool with a life of parts whose machine measures a characteristic on each part. What is predicted is
an observable: the first part outside of its window. Beside it stand naive rivals, so that whoever reads the
figures sees what the model adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from taktwin.analyst.features import Column, FloatArray, Subject, Trace, mounting
from taktwin.analyst.maintenance import degradation
from taktwin.analyst.maintenance.degradation import Paths, Shape
from taktwin.analyst.maintenance.rivals import AHEAD, PARTS_LEAST, RIVALS, deviation
from taktwin.analyst.maintenance.tool_runs import ToolRun, cycle_s, tool_runs, whole
from taktwin.analyst.model import (
    Came,
    Card,
    Distribution,
    Draw,
    Evidence,
    Model,
    Need,
    NotEnough,
    Prediction,
    Rival,
)
from taktwin.identity import SignalId
from taktwin.plant.registry import Registry

TOOLS_LEAST = 3  # to learn from


@dataclass(frozen=True, slots=True)
class Outlook:
    """What proposals need beside the figure: the tool that is in, and how any tool goes."""

    age: float  # parts that the tool has made
    last_ns: int  # when the last of them was measured
    life: float  # parts, of the plant folder
    scale: float
    left: Distribution  # parts until the first one outside
    present: Paths  # of the tool that is in
    fresh: Paths  # of one that would go in
    cycle_s: float  # that a part takes while the unit works


class ToolWear(Model, name="tool_wear"):
    """When a measured characteristic leaves its window because a tool wears."""

    card: ClassVar[Card] = Card(
        purpose="Says after how many more parts a characteristic that is measured on each part leaves its "
        "window because of the tool that is in, as a distribution.",
        not_for="Sudden breakage of a tool; characteristics that are measured on samples only; a machine "
        "whose drift has another cause (heat, an adjusted offset): it is taken for wear.",
        owner="maintenance",
        source="Lu and Meeker (1993), degradation with random coefficients, by expectation and maximisation",
    )
    needs: ClassVar[tuple[Need, ...]] = (
        Need("measured", "result", "the characteristic, of each part"),
        Need("tool", "tool", "the number of the tool in use: it changes when another goes in"),
        Need("mounted", "tool.mounted", "when somebody told the MES that another tool is in", needed=False),
        Need("good", "good_count", "parts, for the age of the tool"),
        Need("reject", "reject_count", "parts that were bad age the tool too", needed=False),
    )
    code_version: ClassVar[str] = "1"

    def __init__(self, shapes: Sequence[Shape], *, scale: float, tools: int, parts: int) -> None:
        """Hold what was learnt; `fit` and `restored` make one."""
        self._shapes, self._scale, self._tools, self._parts = list(shapes), scale, tools, parts

    @classmethod
    def subjects(cls, registry: Registry) -> list[Subject]:
        """Return each tool with a life whose machine measures a characteristic with limits on each part."""
        found: dict[str, Subject] = {}
        for operation in (each for routing in registry.routings.values() for each in routing.operations):
            kinds = [k for k in operation.tools if getattr(registry.tools.get(k), "life_parts", None)]
            for unit in registry.work_units:
                there = unit.class_id == operation.equipment_class
                if not kinds or not (
                    str(unit.id) in operation.equipment or (there and not operation.equipment)
                ):
                    continue
                for name, each in sorted(registry.characteristics.items()):
                    subject = _subject(registry, str(unit.id), kinds[0], name, each)
                    if subject is not None:
                        found[subject.id] = subject
        return [found[each] for each in sorted(found)]

    @classmethod
    def example(cls, draw: Draw) -> list[Trace]:
        """Return three weeks of two machines with inserts that wear at speeds of their own."""
        return [_example(f"turn{n}", draw, speed=0.9 + 0.15 * n) for n in (1, 2)]

    @classmethod
    def fit(cls, traces: Sequence[Trace], *, seed: int) -> ToolWear:
        """Return what was learnt of all tools whose beginning was seen. The seed is not used: nothing is
        drawn."""
        tools: list[tuple[str, FloatArray, FloatArray]] = []
        lives = []
        for trace in traces:
            lives.append(trace.subject.facts["life_parts"])
            for run in whole(tool_runs(trace), least=PARTS_LEAST):
                tools.append((run.unit, run.ages, deviation(run.values, trace.subject)))
        if len(tools) < TOOLS_LEAST:
            raise NotEnough(
                f"{len(tools)} tools with {PARTS_LEAST} measured parts and a beginning that was seen: "
                f"expected {TOOLS_LEAST}"
            )
        scale = float(max(lives))
        shapes = degradation.fitted(tools, scale=scale)
        return cls(shapes, scale=scale, tools=len(tools), parts=sum(len(z) for _, _, z in tools))

    def predict(self, trace: Trace) -> Prediction:
        """Return how many more parts until the first one outside of its window."""
        run, outlook = self._outlook(trace)
        left = outlook.left
        return Prediction(
            subject=trace.subject, at_ns=trace.to_ns, unit="{part}", median=left.quantile(0.5),
            low=left.quantile(0.1), high=left.quantile(0.9), evidence=self._evidence(trace, run, outlook),
            detail=outlook, pace_s=outlook.cycle_s,
            life_ns=run.begin_ns,
        )  # fmt: skip

    def _outlook(self, trace: Trace) -> tuple[ToolRun, Outlook]:
        runs = tool_runs(trace)
        if not runs or not runs[-1].is_whole:
            raise NotEnough(f"{trace.subject.id}: how old the tool is has not been seen")
        run = runs[-1]
        z = deviation(run.values, trace.subject)
        present, _ = degradation.paths(self._shapes, run.unit, run.ages, z, scale=self._scale)
        none = np.empty(0, np.float64)
        fresh, _ = degradation.paths(self._shapes, run.unit, none, none, scale=self._scale)
        life = trace.subject.facts["life_parts"]
        ahead = np.arange(1, int(AHEAD * life) + 1, dtype=np.float64)
        outside = present.outside(run.parts + ahead, scale=self._scale)
        survival = present.weights @ np.cumprod(1 - outside, axis=1)
        left = Distribution(np.concatenate([[1.0], survival]))
        last_ns = int(run.at_ns[-1]) if len(run.at_ns) else run.begin_ns
        return run, Outlook(run.parts, last_ns, life, self._scale, left, present, fresh, cycle_s(trace, runs))

    def _evidence(self, trace: Trace, run: ToolRun, outlook: Outlook) -> tuple[Evidence, ...]:
        subject = trace.subject
        half = (subject.facts["upper"] - subject.facts["lower"]) / 2
        present, fresh = outlook.present, outlook.fresh
        now = _mean(present, run.parts, self._scale)
        usual = _mean(fresh, run.parts, self._scale)
        speed = float(present.weights @ present.speed) / max(abs(float(fresh.weights @ fresh.speed)), 1e-9)
        return (
            Evidence("deviation", "of the window's half is used up by the drift", abs(now), "1"),
            Evidence("beyond_usual", "further than tools of this age usually are", (now - usual) * half,
                     str(subject.names.get("unit", ""))),
            Evidence("speed", "times as fast as tools here usually wear", speed, "1"),
            Evidence("age", "parts made with this tool", run.parts, "{part}"),
            Evidence("learnt", "tools that the model has learnt from", float(self._tools), "1"),
        )  # fmt: skip

    @classmethod
    def outcomes(cls, trace: Trace) -> list[Came]:
        """Return how many parts were left at each tenth of the life of each tool that was seen whole."""
        lower, upper = trace.subject.facts["lower"], trace.subject.facts["upper"]
        every = max(1, int(trace.subject.facts["life_parts"] / 10))
        found = []
        for run in tool_runs(trace):
            if not run.is_whole:
                continue
            first = run.leaves(lower, upper)
            end = run.parts if first is None else first
            for age, at_ns in zip(run.ages[every - 1 :: every], run.at_ns[every - 1 :: every], strict=True):
                if age < end:
                    found.append(Came(int(at_ns), end - float(age), first is not None, run.begin_ns))
        return found

    @classmethod
    def whole(cls, subject: Subject) -> float:
        """Return the life of the tool in parts."""
        return subject.facts["life_parts"]

    @classmethod
    def rivals(cls) -> Mapping[str, Rival]:
        """Return fixed life, earlier tools and a regression on age."""
        return RIVALS

    def state(self) -> dict[str, Any]:
        """Return what was learnt, as JSON has it."""
        return {"scale": self._scale, "tools": self._tools, "parts": self._parts,
                "shapes": degradation.shapes_state(self._shapes)}  # fmt: skip

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> ToolWear:
        """Return a model out of what `state` gave."""
        shapes = degradation.shapes_restored(state["shapes"])
        return cls(shapes, scale=state["scale"], tools=state["tools"], parts=state["parts"])


def _mean(ways: Paths, age: float, scale: float) -> float:
    return float(ways.weights @ (ways.level + ways.speed * (age / scale) ** ways.power))


def _subject(registry: Registry, unit: str, kind: str, name: str, each: Any) -> Subject | None:
    equipment = registry.equipment[unit]  # type: ignore[index]
    if not each.signal or each.measured_by != equipment.class_id or None in (each.lower, each.upper):
        return None
    measured = SignalId(f"{unit}/{each.signal}")
    signals = [registry.signals[index] for index in equipment.signals]
    of_role = {
        column: tuple(s.id for s in signals if s.role == role and (role != "tool" or not s.unit))
        for column, role in (("tool", "tool"), ("good", "good_count"), ("reject", "reject_count"))
    }
    if measured not in registry.by_id or not of_role["good"]:
        return None
    tool = registry.tools[kind]
    columns = {"measured": (measured,), **of_role, "mounted": (mounting(unit, kind),)}
    return Subject(
        id=f"{unit}.{kind}.{name}", unit=unit, signals=columns,
        facts={"lower": each.lower, "upper": each.upper, "life_parts": float(tool.life_parts)},
        names={"tool": kind, "tool_name": tool.name, "characteristic": name, "characteristic_name": each.name,
               "unit": each.unit, "unit_name": equipment.name},
    )  # fmt: skip


def _example(unit: str, draw: Draw, *, speed: float) -> Trace:
    """Return a machine that makes a part every 90 s and changes its insert after 400."""
    life, tools, cycle_ns = 400, 12, 90 * 10**9
    n = np.arange(life * tools)
    age = n % life + 1
    at_ns = (n + 1) * cycle_ns
    own = speed * np.exp(0.2 * draw(f"{unit}/speed", tools))[n // life]
    z = 0.95 * own * (age / life) ** 1.5 + 0.1 * draw(f"{unit}/scatter", len(n))
    subject = Subject(
        id=f"{unit}.insert.diameter", unit=unit,
        signals={c: (SignalId(f"{unit}/{c}"),) for c in ("measured", "tool", "good")},
        facts={"lower": 29.975, "upper": 30.025, "life_parts": float(life)},
        names={"tool": "insert", "tool_name": "Insert", "characteristic": "diameter",
               "characteristic_name": "Diameter", "unit": "mm", "unit_name": unit},
    )  # fmt: skip
    numbers = Column(np.concatenate([[0], at_ns[life - 1 :: life] + cycle_ns // 2]),
                     np.arange(1, tools + 2, dtype=np.float64))  # fmt: skip
    counts = Column(np.concatenate([[0], at_ns + 10**9]), np.concatenate([[0], n + 1]).astype(np.float64))
    columns = {"measured": Column(at_ns, 30.0 + 0.025 * z), "tool": numbers, "good": counts}
    return Trace(subject, columns, int(at_ns[-1] + cycle_ns))
