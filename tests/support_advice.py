"""A recommendation with its proof, and a ledger over memory that it is told to. All figures are invented."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from taktwin.contracts.recommendation import (
    Action,
    AdviceClass,
    AdviceMessage,
    Alternative,
    Answer,
    Assess,
    Carry,
    Check,
    Cost,
    Decide,
    Declare,
    Effect,
    Evidence,
    Forecast,
    Measure,
    Model,
    Observed,
    Outcome,
    Proof,
    Proposal,
    Propose,
    Range,
    Recommendation,
    Result,
    Risk,
    Watch,
    Words,
    command_id,
    make,
)
from taktwin.contracts.whatif import PastError, Spread
from taktwin.ledger.carrying import MesFact
from taktwin.ledger.desk import Desk
from taktwin.ledger.engine import Told
from taktwin.storage.stores import MemoryStore, Store

START_NS = 1_800_000_000_000_000_000
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
CLASS, INDICATOR = "tool_change", "scrap"
LIMIT = 0.15


def words(text: str, code: str = "test") -> Words:
    """Return a sentence."""
    return Words(code=code, text=text)


def spread(mean: float, half: float = 1.0) -> Spread:
    """Return a figure over all runs."""
    low, high = mean - 2 * half, mean + 2 * half
    return Spread(mean=mean, half_width=half, p10=low, p25=mean - half, p50=mean, p75=mean + half, p90=high,
                  dots=[low + (high - low) * place / 19 for place in range(20)])  # fmt: skip


def effect(gain: float = 12.0, *, indicator: str = INDICATOR, better: float = 0.9) -> Effect:
    """Return fewer scrapped parts, so many of them."""
    return Effect(indicator=indicator, unit="1", more_is_better=False, nothing=spread(20.0),
                  action=spread(20.0 - gain), difference=spread(-gain), better=better, same=0.0,
                  worse=1.0 - better)  # fmt: skip


def alternative(name: str, gain: float, *, significant: bool = True, runs: int = 30) -> Alternative:
    """Return what was tried."""
    effects = [] if name == "nothing" else [effect(gain)]
    return Alternative(name=name, says=words(name), effects=effects, replications=runs,
                       significant=significant)  # fmt: skip


def error(share: float = 0.08, *, limit: float = LIMIT, indicator: str = INDICATOR) -> PastError:
    """Return a back-test."""
    return PastError(indicator=indicator, error=share, limit=limit, epochs=20, covered_80=0.8,
                     covered_95=0.95)  # fmt: skip


def proof(now_ns: int = START_NS, **changes: Any) -> Proof:
    """Return a proof that holds."""
    whole = Proof(
        scenario_id="s1", snapshot_id="x1", snapshot_hash="a" * 64, state_ns=now_ns, model_version="m1",
        calibration_id="c1", seed=7, horizon_s=28_800.0, common_random_numbers=True, chosen="next_setup",
        alternatives=[
            alternative("nothing", 0.0, significant=False), alternative("now", 8.0),
            alternative("next_setup", 12.0), alternative("end_of_shift", 1.0, significant=False),
        ],
        validity=error(),
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def proposal(name: str = "r1", now_ns: int = START_NS, **changes: Any) -> Proposal:
    """Return a recommendation to change the insert of turn1."""
    whole = Proposal(
        id=name, advice_class=CLASS, work_unit="turn1",
        says=words("Change the insert of turn1 at the next set-up."),
        evidence=[Evidence(says=words("The diameter drifts."), kind="result", reference="shaft_diameter",
                           from_ns=now_ns - HOUR)],  # each is about something else
        against=[words("The insert has a third of its life left.")],
        forecast=Forecast(says=words("It leaves its window in 95 min."), indicator="shaft_diameter",
                          in_s=Range(mean=5700, p10=4200, p90=7500)),
        action=Action(command="maintenance.request", says=words("Change the insert."),
                      data={"work_unit": "turn1", "kind": "tool_change", "tool_kind": "insert"}),
        effects=[effect(12.0)],
        inaction=Cost(units=Range(mean=12, p10=8, p90=16)), waiting=Cost(units=Range(mean=2, p10=1, p90=3)),
        expires_ns=now_ns + HOUR, risk=Risk.LOW, roll_back=words("The order can be given up."),
        watches=[Watch(event_type="tool.mounted", where={"work_unit": "turn1", "kind": "insert"})],
        model=Model(name="wear", version="1", data_from_ns=START_NS - 9 * HOUR, data_to_ns=START_NS),
        proof=proof(now_ns),
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def of_tool(begin_ns: int) -> list[Evidence]:
    """Return evidence that begins with the life of a tool."""
    return [Evidence(says=words("The diameter drifts."), kind="result", reference="shaft_diameter",
                     from_ns=begin_ns, to_ns=begin_ns + HOUR)]  # fmt: skip


def card(**changes: Any) -> AdviceClass:
    """Return the class of tool changes."""
    whole = AdviceClass(
        name=CLASS, says=words("Changes of tools"), commands=["maintenance.request"], risk=Risk.LOW,
        signature=False, indicator=INDICATOR, backtest_error_max=LIMIT, cases=5,
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def outcome(
    document: Recommendation, mean: float, *, half: float = 1.0, result: Result | None = None, now_ns: int
) -> Outcome:
    """Return a measured effect: `mean` is the difference of scrapped parts, less is better."""
    promised = document.proposal.effects[0].difference
    found = Result.EFFECTIVE if mean + half < 0 else Result.HARMFUL if mean - half > 0 else Result.NEUTRAL
    done_ns = document.execution.done_ns if document.execution is not None else 0
    return Outcome(
        result=result or found, measured_how=words("Against the twin's run without the change."),
        observed_effect=[Observed(
            indicator=INDICATOR, unit="1",
            promised=Range(mean=promised.mean, p10=promised.p10, p90=promised.p90),
            measured=Range(mean=mean, p10=mean - half, p90=mean + half),
        )],
        counterfactual_id="cf1", from_ns=done_ns, to_ns=now_ns,
    )  # fmt: skip


class Office:
    """A ledger with a clock that goes on by a second a message."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or MemoryStore()
        self.now_ns = START_NS
        self.desk = Desk(self.store, lambda: self.now_ns)
        self._numbers = itertools.count(1)
        self.position = 0  # of what the MES said last, in its journal

    def say(self, content: AdviceMessage, *, actor: str = "", actor_type: str = "", message: str = "",
            signer: str = "") -> Answer:  # fmt: skip
        """Tell the ledger something, a second later than before."""
        self.now_ns += SECOND
        by = "analyst" if content.sender == "analyst" else "P01"
        kind = "ai" if content.sender == "analyst" else "human"
        sent = make(content, message_id=message or f"m{next(self._numbers)}", actor=actor or by,
                    actor_type=actor_type or kind)  # fmt: skip
        return self.desk.execute(sent, signer=signer)

    def granted(self, content: AdviceMessage, **who: Any) -> Answer:
        """Tell it, and insist."""
        answer = self.say(content, **who)
        assert answer.accepted, answer
        return answer

    def of(self, name: str = "r1") -> Recommendation:
        """Return a recommendation."""
        document = self.desk.document(name)
        assert document is not None, name
        return document

    def begun(self, **changes: Any) -> Office:
        """Declare the class, tested."""
        self.granted(Declare(advice_class=card(**changes)))
        self.granted(Check(advice_class=CLASS, error=error()))
        return self

    def propose(self, name: str = "r1", **changes: Any) -> Answer:
        """Propose something that is proven now."""
        return self.say(Propose(proposal=proposal(name, self.now_ns, **changes)))

    def accept(self, name: str = "r1", person: str = "P01", **more: Any) -> Answer:
        """Accept what a person sees."""
        wish = Decide(recommendation=name, version=self.of(name).version, accept=True, grant="seal")
        return self.say(msgspec.structs.replace(wish, **more.pop("wish", {})), actor=person, **more)

    def mes(
        self, event_type: str, subject: str, *, correlation: str = "", at_ns: int = 0, **data: Any
    ) -> int:
        """Let the MES say something that happens now, or happened before."""
        self.now_ns += SECOND
        self.position += 1
        fact = MesFact(event_type, subject, at_ns or self.now_ns, correlation, data)
        told = Told(fact, f"/northfield/mes:{self.position}")
        return self.desk.hear([(self.position, told)], stream="EVENTS", position=self.position)

    def opened(self, name: str = "r1", order: str = "M1", **more: Any) -> int:
        """Let the MES have it."""
        return self.mes("maintenance.order.opened", order, correlation=command_id(name), order=order,
                        work_unit="turn1", tool_kind="insert", kind="tool_change", **more)  # fmt: skip

    def carried_out(self, name: str = "r1", order: str = "M1", **changes: Any) -> Recommendation:
        """Bring a recommendation from its proposal to the terminal's yes."""
        assert self.propose(name, **changes).accepted
        assert self.accept(name).accepted
        self.granted(Carry(recommendation=name))
        assert self.opened(name, order) == 1
        assert self.mes("maintenance.order.completed", order, order=order, work_unit="turn1") == 1
        return self.of(name)

    def measured(self, name: str, mean: float, order: str, **changes: Any) -> Answer:
        """Bring a recommendation to its measured effect."""
        self.carried_out(name, order, **changes)
        self.now_ns += HOUR
        found = outcome(self.of(name), mean, now_ns=self.now_ns)
        return self.granted(Measure(recommendation=name, outcome=found))

    def foretold(self, name: str, came_true: bool = True, **changes: Any) -> Answer:
        """Bring a recommendation of a class that observes to its comparison."""
        assert self.propose(name, **changes).accepted
        return self.granted(Assess(recommendation=name, came_true=came_true, how=words("It came.")))
