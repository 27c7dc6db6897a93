"""What every class of proposals keeps, over whatever classes there are: a new file is in here by itself.

Each is tried over the example that its model brings, on the plant that comes with the product, up to where
the twin is asked; twin, ledger and MES are the real ones.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import msgspec
import pytest

from taktwin.analyst import advice, model, proposal, proving
from taktwin.analyst.features import Trace
from taktwin.analyst.model import NotEnough, Prediction
from taktwin.analyst.promises import Promises
from taktwin.analyst.proposal import Ahead, ProposalClass, Trial
from taktwin.analyst.proving import Verdict
from taktwin.analyst.training import learnt
from taktwin.contracts import commands, events
from taktwin.contracts import recommendation as contract
from taktwin.contracts.recommendation import Check, Declare, Propose
from taktwin.contracts.whatif import Comparison
from taktwin.entropy import Entropy
from taktwin.instants import SECOND_NS
from taktwin.ledger.carrying import WATCHABLE
from taktwin.ledger.desk import Desk
from taktwin.mes import desk as mes
from taktwin.mes.definitions.routes import compiled
from taktwin.storage.stores import MemoryStore
from taktwin.whatif.api import Situation, compare
from tests.support_advice import spread
from tests.unit.whatif.test_whatif import REGISTRY, order, picture

CLASSES = proposal.classes()
SHARES = [each / 40 for each in range(16, 41)]


@pytest.fixture(params=sorted(CLASSES), name="kind", scope="module")
def _kind(request: pytest.FixtureRequest) -> type[ProposalClass]:
    return CLASSES[request.param]


def examples(kind: type[ProposalClass]) -> list[Trace]:
    of = model.found()[kind.model]
    return of.example(lambda name, n: Entropy(1).generator(name).standard_normal(n))


@pytest.fixture(name="seen", scope="module")
def _seen(kind: type[ProposalClass]) -> list[tuple[Trace, Prediction]]:
    """Return what its model says at some instants of its example."""
    traces = examples(kind)
    fitted = model.found()[kind.model].fit(traces, seed=1)
    found = []
    for trace in traces:
        begin_ns = min(int(column.at_ns[0]) for column in trace.columns.values() if len(column.at_ns))
        for share in SHARES:
            until = trace.until(begin_ns + round((trace.to_ns - begin_ns) * share))
            try:
                found.append((until, fitted.predict(until)))
            except NotEnough:
                continue
    assert found, "the example of its model says nothing at any instant"
    return found


@pytest.fixture(name="trials", scope="module")
def _trials(
    kind: type[ProposalClass], seen: list[tuple[Trace, Prediction]]
) -> list[tuple[Prediction, Trial]]:
    """Return what it tries where it finds a question worth it, with work all the time."""
    found = []
    for trace, prediction in seen:
        if kind.worth_asking(prediction) and trace.subject.unit in REGISTRY.equipment:
            made = trial_of(kind, trace, prediction)
            if made is not None:
                found.append((prediction, made))
    if not found:
        pytest.skip(f"{kind.name} finds nothing to try in the example of {kind.model}")
    return found


def trial_of(kind: type[ProposalClass], trace: Trace, prediction: Prediction) -> Trial | None:
    end_ns = trace.to_ns + round(kind.horizon_s(prediction, trace) * SECOND_NS)
    ahead = Ahead(trace.to_ns, end_ns, work=((trace.to_ns, end_ns),), set_ups=(), share=1.0)
    return kind.trial(prediction, trace, ahead, REGISTRY)


def test_everything_that_is_here_can_be_used() -> None:
    loaded = model.load_all()
    models, wrong = model.usable(loaded)
    assert wrong == {} and proposal.usable(loaded, models)[1] == {} and CLASSES


def test_the_ledger_takes_what_it_declares(kind: type[ProposalClass]) -> None:
    said = contract.make(Declare(advice_class=kind.declared()), message_id="d", actor="analyst",
                         actor_type="ai")  # fmt: skip
    answer = Desk(MemoryStore(), lambda: 1).execute(said)
    assert answer.accepted, (answer.place, answer.found, answer.right)
    assert kind.declared().name == kind.name and 0 < kind.error_max < 1 and kind.__doc__


def test_it_says_whether_a_question_is_worth_it_and_how_far_to_look(
    kind: type[ProposalClass], seen: list[tuple[Trace, Prediction]]
) -> None:
    for trace, prediction in seen:
        assert isinstance(bool(kind.worth_asking(prediction)), bool)
        if kind.worth_asking(prediction):
            assert kind.still_holds(prediction), "what is worth a question has its reason"
        horizon_s = kind.horizon_s(prediction, trace)
        assert math.isfinite(horizon_s) and horizon_s > 0


def test_what_it_tries_can_be_asked_told_and_carried(
    kind: type[ProposalClass], trials: list[tuple[Prediction, Trial]]
) -> None:
    allowed = kind.declared().commands
    for prediction, trial in trials:
        question = proving.question(trial, deadline_s=1.0)
        assert len({each.name for each in question.scenarios}) == len(question.scenarios)
        assert any(course.action is not None for course in trial.courses), "nothing that could be done"
        for course in trial.courses:
            if course.action is None:
                continue
            assert course.action.command in allowed
            msgspec.convert(course.action.data, commands.CATALOGUE[course.action.command])
            assert trial.headline[course.name].text and trial.expires_ns[course.name] > prediction.at_ns
        for watch in trial.watches:
            assert watch.event_type in WATCHABLE
            assert set(watch.where) <= set(events.CATALOGUE[watch.event_type].__struct_fields__)
        assert trial.evidence[0].from_ns > 0, "one life is one case"
        cost = trial.waiting
        assert cost.units or cost.minutes or cost.money, "what waiting costs"
        assert trial.roll_back.text and trial.against and trial.forecast.says.text


@pytest.fixture(name="asked", scope="module")
def _asked(trials: list[tuple[Prediction, Trial]]) -> tuple[Comparison, Verdict]:
    """Return what the real twin says of a trial, and what follows from it."""
    twin = Situation(REGISTRY, picture(), {"lines": order("o1", 60, product="SH-100")}, time.monotonic)
    _, trial = trials[-1]
    answer = compare(proving.question(trial, deadline_s=30.0), twin)
    assert answer.state == "ready", answer.reason
    return answer, proving.verdict(trial, answer)


def test_the_twin_knows_what_it_tries(
    trials: list[tuple[Prediction, Trial]], asked: tuple[Comparison, Verdict]
) -> None:
    """Each figure that is weighed and each change are asked about for real."""
    assert [each.name for each in asked[1].alternatives] == [each.name for each in trials[-1][1].courses]


def test_the_ledger_takes_each_course_that_wins_and_the_mes_knows_what_it_is_asked_for(
    kind: type[ProposalClass],
    trials: list[tuple[Prediction, Trial]],
    asked: tuple[Comparison, Verdict],
) -> None:
    prediction, trial = trials[-1]
    now_ns = prediction.at_ns
    about, _ = learnt(model.found()[kind.model], examples(kind), now_ns=now_ns)
    error = advice.past_error(kind, about)
    assert error is not None and error.error <= error.limit, "its example is learnt within its own limit"
    answer, verdict = asked
    for course in trial.courses:
        if course.action is None:
            continue
        won = replace(verdict, chosen=course, alternatives=tuple(
            _told(each, has_won=each.name == course.name) for each in verdict.alternatives
        ))  # fmt: skip
        proposal = advice.composed(
            kind, trial, won, course, answer, prediction, about, error, Promises.of([])
        )
        proof = msgspec.structs.replace(proposal.proof, state_ns=now_ns)  # the picture is of another instant
        ledger = Desk(MemoryStore(), lambda: now_ns + 1)
        for content in (
            Declare(advice_class=kind.declared()), Check(advice_class=kind.name, error=error),
            Propose(proposal=msgspec.structs.replace(proposal, proof=proof)),
        ):  # fmt: skip
            said = contract.make(content, message_id=type(content).__name__, actor="analyst", actor_type="ai")
            taken = ledger.execute(said)
            assert taken.accepted, (taken.place, taken.found, taken.right)
        wish = commands.make(
            msgspec.convert(course.action.data, commands.CATALOGUE[course.action.command]),
            command_id=f"advice:{proposal.id}", actor="P01",
        )  # fmt: skip
        done = mes.Desk(MemoryStore(), compiled(REGISTRY), lambda: now_ns).execute(wish)
        # What has to be there first, such as an order, is not there in a plant that has just begun.
        assert done.accepted or done.code in ("state", "conflict", "not_ready"), (done.place, done.found)


def _told(one: contract.Alternative, *, has_won: bool) -> contract.Alternative:
    """Return an alternative as it would be had it won beyond chance, or had not."""
    if not has_won:
        return msgspec.structs.replace(one, significant=False)
    loss, *others = one.effects
    sure = msgspec.structs.replace(loss, nothing=spread(20.0), action=spread(8.0), difference=spread(-12.0),
                                   better=0.95, same=0.0, worse=0.05)  # fmt: skip
    return msgspec.structs.replace(one, effects=[sure, *others], significant=True)


def test_the_same_is_tried_of_the_same(
    kind: type[ProposalClass], seen: list[tuple[Trace, Prediction]], trials: list[tuple[Prediction, Trial]]
) -> None:
    trace, prediction = next(
        each for each in seen if kind.worth_asking(each[1]) and trial_of(kind, *each) is not None
    )
    assert repr(trial_of(kind, trace, prediction)) == repr(trial_of(kind, trace, prediction))
