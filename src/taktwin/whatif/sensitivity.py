"""What an answer depends on: comes in a question, goes out an indicator's mean with each guess wrong.

Every run has the same luck, so a bar is what the guess does and not chance. The bars of the plant's own
numbers are one experiment; those of another picture are one each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from taktwin.contracts.whatif import Bar, Question, Sensitivity, SensitivityQuestion
from taktwin.contracts.whatif import Scenario as Asked
from taktwin.simulation import experiment
from taktwin.simulation.changes import Change
from taktwin.simulation.inference import FloatArray, half_width
from taktwin.simulation.scenario import Scenario, applied
from taktwin.whatif import asking, indicators
from taktwin.whatif.engine import THREADS, at_least
from taktwin.whatif.guesses import Guess, guesses
from taktwin.whatif.present import Present
from taktwin.whatif.situation import Situation


def tornado(asked: SensitivityQuestion, now: Situation, *, threads: int = THREADS) -> Sensitivity:
    """Return how far each guess moves an indicator.

    Raises
    ------
    DomainError, ModelError
        If the question cannot be answered; it says why.
    """
    began_s = now.clock_s()
    question = asked.question
    asking.checked(question)
    here = now.present(question.horizon_s)
    scenario = asking.known(question, asked.scenario)
    study = _Study(question, asked.indicator, now.clock_s, began_s + question.deadline_s, threads)
    found = tuple(guesses(here))
    variants = {
        f"{place} {side}": way
        for place, guess in enumerate(found)
        for side, way in (("low", guess.low), ("high", guess.high))
        if not callable(way) and way
    }
    base, values = study.run(here, scenario, variants)
    for place, guess in enumerate(found):
        for side, way in (("low", guess.low), ("high", guess.high)):
            if callable(way):
                other = now.present(question.horizon_s, frame=way(now.frame))
                values[f"{place} {side}"], _ = study.run(other, scenario, {})
    bars = [
        _bar(guess, values.get(f"{place} low", base), values.get(f"{place} high", base))
        for place, guess in enumerate(found)
    ]
    return Sensitivity(
        state="ready", scenario=asked.scenario, indicator=asked.indicator, unit=study.unit,
        mean=float(base.mean()), bars=sorted(bars, key=lambda bar: -abs(bar.high - bar.low)),
        replications=len(base), is_cut=study.is_cut, took_s=now.clock_s() - began_s,
    )  # fmt: skip


class _Study:
    """Runs of one scenario for one indicator, to a deadline that all of them share."""

    def __init__(
        self, question: Question, indicator: str, clock_s: Callable[[], float], ends_s: float, threads: int
    ) -> None:
        self._question, self._indicator = question, indicator
        self._clock_s, self._ends_s, self._threads = clock_s, ends_s, threads
        self.unit = ""
        self.is_cut = False

    def run(
        self, here: Present, scenario: tuple[Asked, ...], variants: Mapping[str, tuple[Change, ...]]
    ) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Return the indicator of each run: of the scenario, and of each variant of it."""
        changes = [change for each in asking.scenarios(scenario, here.names) for change in each.changes]
        able = indicators.figures(here.plant, here.requests)
        kpis = indicators.chosen([self._indicator], able)
        self.unit = kpis[0].unit
        with asking.in_plain_names(here.names):
            plant = applied(here.plant, Scenario(scenario[0].name if scenario else "", tuple(changes)))
            answer = experiment.compare(
                plant, [Scenario(name, told) for name, told in variants.items()],
                horizon_s=self._question.horizon_s, kpis=kpis, start=here.begin, settle=here.settled,
                watch=indicators.watch(here.plant, self._question.horizon_s, kpis), seed=self._question.seed,
                replications=self._question.replications, deadline_s=self._ends_s - self._clock_s(),
                clock=self._clock_s, at_least=at_least(len(variants)), threads=self._threads,
            )  # fmt: skip
        self.is_cut |= answer.is_cut
        name = self._indicator
        return answer.values(experiment.AS_IT_IS, name), {
            each: answer.values(each, name) for each in variants
        }


def _bar(guess: Guess, low: FloatArray, high: FloatArray) -> Bar:
    n = min(len(low), len(high))
    difference = np.asarray(high[:n] - low[:n], np.float64)
    return Bar(
        code=guess.code, text=guess.text, subjects=list(guess.subjects), low_says=guess.low_says,
        high_says=guess.high_says, low=float(low[:n].mean()), high=float(high[:n].mean()),
        half_width=half_width(difference) if n > 1 else 0.0,
    )  # fmt: skip
