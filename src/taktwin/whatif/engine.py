"""The answer to a question: comes in a picture of the plant and scenarios, goes out all futures side by side.

Replication n of every future has the same luck; what is compared is the difference within a run. Pure but
for the clock of the deadline, which is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import Comparison, PastError, Question, Snapshot
from taktwin.plant.registry import Registry
from taktwin.simulation import experiment
from taktwin.simulation.scenario import fingerprint
from taktwin.whatif import answering, asking, indicators
from taktwin.whatif.model import VERSION, Parameters
from taktwin.whatif.present import Present, present
from taktwin.whatif.validity import validity

REPLICATIONS_MIN = 8  # also beyond the deadline: fewer say nothing
FEW = 20  # scenarios; of more, half as many runs must do
THREADS = 2


def answered(
    question: Question, registry: Registry, frame: Frame, board: Mapping[str, Any], *,
    parameters: Parameters, clock_s: Callable[[], float], errors: Sequence[PastError] = (),
    threads: int = THREADS,
) -> Comparison:  # fmt: skip
    """Return what the scenarios would come to, beside doing nothing.

    Parameters
    ----------
    frame : the twin's full picture
    board : the MES's open job orders; {} where there is no MES
    clock_s : of wall time; the deadline of the question counts from the call
    errors : of the latest back-test

    Raises
    ------
    DomainError, ModelError
        If the question cannot be answered; it says why.
    """
    began_s = clock_s()
    asking.checked(question)
    here = present(registry, frame, board, parameters=parameters, horizon_s=question.horizon_s)
    scenarios = asking.scenarios(question.scenarios, here.names)
    requests = indicators.Requests(here.request_of)
    asked = indicators.chosen(question.indicators, indicators.figures(here.plant, requests))
    with asking.in_plain_names(here.names):
        answer = experiment.compare(
            here.plant, scenarios, horizon_s=question.horizon_s, kpis=asked, start=here.begin,
            settle=here.settled, watch=indicators.watch(here.plant, question.horizon_s), seed=question.seed,
            replications=question.replications, racing=question.race,
            deadline_s=question.deadline_s - (clock_s() - began_s), clock=clock_s,
            at_least=at_least(len(scenarios)), threads=threads,
        )  # fmt: skip
    snapshot = snapshot_of(here)
    notes = [*here.model.notes, *indicators.missing(here.plant)]
    told = [each for each in answer.kpis if each in asked]
    return Comparison(
        state="ready", snapshot=snapshot, scenario_id=_identity(here, question, answer, parameters),
        model_version=f"{VERSION}-{registry.prefix}", calibration_id=parameters.calibration,
        scenarios=question.scenarios, horizon_s=question.horizon_s,
        replications=len(answer.runs[experiment.AS_IT_IS]), seed=question.seed,
        indicators=[answering.indicator(answer, each) for each in told],
        orders=answering.orders(answer, here, requests), orders_open=len(here.fork.wanted),
        units=answering.units(answer, here), bottleneck=answering.bottleneck(answer, here),
        is_cut=answer.is_cut, validity=validity(parameters.calibration, errors, notes),
        took_s=clock_s() - began_s,
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
