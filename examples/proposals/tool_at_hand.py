"""Tool at hand: have the next tool at the machine before it is needed, so that nobody has to fetch it."""

from __future__ import annotations

from typing import ClassVar

from taktwin.analyst.features import Trace
from taktwin.analyst.model import Prediction
from taktwin.analyst.proposal import NOTHING, Ahead, Course, ProposalClass, Trial
from taktwin.contracts.recommendation import (
    Action,
    AdviceClass,
    Cost,
    Evidence,
    Forecast,
    Range,
    Risk,
    Watch,
    Words,
)
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry

FETCH_S = (480.0, 720.0)  # two ways that it may be: the store is near, or busy
CHANGE_S = 240.0


def says(text: str) -> Words:
    """Return a sentence of this class."""
    return Words(code="tool_at_hand", text=text)


class ToolAtHand(ProposalClass, name="tool_at_hand"):
    """Bring the next tool to the machine shortly before it is changed."""

    model: ClassVar[str] = "tool_wear"  # whose predictions it looks at
    error_max: ClassVar[float] = 0.15

    @classmethod
    def declared(cls) -> AdviceClass:
        """Return how the ledger knows it."""
        return AdviceClass(
            name=cls.name, says=says("Having the next tool at the machine in time"), risk=Risk.LOW,
            commands=["maintenance.request"], signature=False, indicator="remaining_life",
            backtest_error_max=cls.error_max,
        )  # fmt: skip

    @classmethod
    def worth_asking(cls, prediction: Prediction) -> bool:
        """Return whether few parts are left until the tool is changed by its life."""
        return bool(prediction.detail.life - prediction.detail.age <= 30)

    @classmethod
    def horizon_s(cls, prediction: Prediction, trace: Trace) -> float:
        """Return how far the twin looks."""
        return 3 * 3600.0

    @classmethod
    def trial(cls, prediction: Prediction, trace: Trace, ahead: Ahead, registry: Registry) -> Trial | None:
        """Return the two courses: fetch it when the machine stands, or have it there."""
        unit, now_s = trace.subject.unit, ahead.at_ns / SECOND_NS
        left = prediction.detail.life - prediction.detail.age
        cycle_s = registry.equipment[unit].standard_cycle_s or 60.0  # type: ignore[index]
        stands_s = ahead.when(max(left, 0) * cycle_s)

        def course(name: str, text: str, wait_s: tuple[float, ...], action: Action | None) -> Course:
            down = tuple(
                (
                    {"change": "unit_down", "unit": unit, "from_s": stands_s,
                     "to_s": stands_s + wait + CHANGE_S},
                )
                for wait in wait_s
            )  # fmt: skip
            minutes = tuple((wait + CHANGE_S) / 60 for wait in wait_s)
            return Course(name, says(text), ahead.at_ns, down, minutes, action)

        # A tool change waits beside the machine's work; a corrective order would stop it meanwhile.
        bring = Action(command="maintenance.request", says=says(f"Bring the next tool to {unit}."),
                       data={"work_unit": unit, "about": "bring the next tool", "kind": "tool_change",
                             "tool_kind": trace.subject.names["tool"],
                             "due_ns": round((now_s + stands_s) * SECOND_NS)})  # fmt: skip
        stands = Range(mean=stands_s, p10=0.8 * stands_s, p90=1.2 * stands_s)
        return Trial(
            courses=(course(NOTHING, "Fetch it when the machine stands.", FETCH_S, None),
                     course("at_hand", "Have it at the machine.", (0.0, 0.0), bring)),
            horizon_s=cls.horizon_s(prediction, trace), weights={}, unit="min", least_gain=1.0,
            forecast=Forecast(says=says(f"{unit} will stand for a new tool."), indicator="stop", in_s=stands),
            evidence=(Evidence(says=says(f"{left:.0f} parts are left of the tool's life."), kind="signal",
                               reference=str(trace.subject.signals["tool"][0]),
                               from_ns=prediction.life_ns, to_ns=trace.to_ns),),
            against=(says("Somebody walks once more if another tool is needed after all."),),
            headline={"at_hand": says(f"Bring the next tool to {unit} within {stands_s / 60:.0f} min.")},
            roll_back=says("Carry it back."),
            watches=(Watch(event_type="tool.mounted", where={"work_unit": unit}),),
            expires_ns={"at_hand": round((now_s + max(stands_s, 300.0)) * SECOND_NS)},
            waiting=Cost(minutes=Range(mean=10.0, p10=8.0, p90=12.0)), ahead_s=3600.0,
        )  # fmt: skip
