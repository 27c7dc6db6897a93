"""The answer to a question: comes in a picture of the plant and scenarios, goes out all futures side by side.

Replication n of every future has the same luck; what is compared is the difference within a run. Pure but
for the clock of the deadline, which is handed in.
"""

from __future__ import annotations

from taktwin.contracts.whatif import Comparison, Question, Snapshot
from taktwin.simulation import experiment
from taktwin.simulation.changes import YieldScaled, YieldSet
from taktwin.simulation.scenario import fingerprint
from taktwin.whatif import answering, asking, indicators
from taktwin.whatif.model import VERSION, Parameters
from taktwin.whatif.present import Present
from taktwin.whatif.situation import Situation
from taktwin.whatif.validity import validity

REPLICATIONS_MIN = 8  # also beyond the deadline: fewer say nothing
FEW = 20  # scenarios; of more, half as many runs must do
THREADS = 2


def answered(question: Question, now: Situation, *, threads: int = THREADS) -> Comparison:
    """Return what the scenarios would come to, beside doing nothing.

    The deadline of the question counts from the call.

    Raises
    ------
    DomainError, ModelError
        If the question cannot be answered; it says why.
    """
    began_s = now.clock_s()
    asking.checked(question)
    parameters = now.parameters
    here = now.present(question.horizon_s)
    scenarios = asking.scenarios(question.scenarios, here.names)
    requests = here.requests
    scraps = any(isinstance(change, YieldSet | YieldScaled) for each in scenarios for change in each.changes)
    able = indicators.figures(here.plant, requests, scraps=scraps)
    asked = indicators.chosen(question.indicators, able)
    with asking.in_plain_names(here.names):
        idle = asking.idle(question.scenarios, here)
        answer = experiment.compare(
            here.plant, scenarios, horizon_s=question.horizon_s, kpis=asked, start=here.begin,
            settle=here.settled, watch=indicators.watch(here.plant, question.horizon_s, asked),
            seed=question.seed, replications=question.replications, racing=question.race,
            deadline_s=question.deadline_s - (now.clock_s() - began_s), clock=now.clock_s,
            at_least=at_least(len(scenarios)), threads=threads,
        )  # fmt: skip
    snapshot = snapshot_of(here)
    notes = [*here.model.notes, *indicators.missing(here.plant)]
    notes += [*asking.stay(question.scenarios, here.names), *idle]
    told = [each for each in answer.kpis if each in asked]
    against = {each.name: each.against for each in question.scenarios}
    return Comparison(
        state="ready", snapshot=snapshot, scenario_id=_identity(here, question, answer, parameters),
        model_version=f"{VERSION}-{now.registry.prefix}", calibration_id=parameters.calibration,
        scenarios=question.scenarios, horizon_s=question.horizon_s,
        replications=len(answer.runs[experiment.AS_IT_IS]), seed=question.seed,
        indicators=[answering.indicator(answer, each, against) for each in told],
        orders=answering.orders(answer, here, requests), orders_open=len(here.fork.wanted),
        units=answering.units(answer, here), bottleneck=answering.bottleneck(answer, here),
        is_cut=answer.is_cut, validity=validity(parameters.calibration, now.errors, notes),
        took_s=now.clock_s() - began_s,
    )  # fmt: skip


def at_least(scenarios: int) -> int:
    """Return how many runs of each scenario are made whatever the deadline is."""
    return REPLICATIONS_MIN if scenarios <= FEW else REPLICATIONS_MIN // 2


def snapshot_of(here: Present) -> Snapshot:
    """Return the picture that an answer is made from."""
    frame = here.frame
    return Snapshot(
        snapshot_id=f"{frame.at_ns}-{frame.state_hash[:12]}", state_ns=frame.at_ns, hash=frame.state_hash,
        unknowns=list(here.fork.notes),
    )  # fmt: skip


def _identity(
    here: Present, question: Question, answer: experiment.Comparison, parameters: Parameters
) -> str:
    """Return the hash of the records of all scenarios: of everything that the answer follows from."""
    records = answer.records(snapshot=snapshot_of(here).snapshot_id, calibration=parameters.calibration)
    return fingerprint([asked["scenarioId"] for asked, _ in records])
