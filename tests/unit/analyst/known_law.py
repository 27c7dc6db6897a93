"""Tools whose law is known exactly, and a model that knows it: what it says holds, by construction.

How long a tool lives, in parts, is the next integer above exp(x), with x normal. Every ten parts something is
measured that is x with scatter. So what is left, given all of that, is known in closed form. A part takes a
second. Advice, where there is any, takes a tool out once it would go within thirty parts with a chance of a
tenth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from taktwin.analyst.features import Column, Subject, Trace
from taktwin.analyst.model import Came, Distribution, Draw, Model, Prediction
from taktwin.entropy import Entropy
from taktwin.plant.registry import Registry

SECOND = 10**9
LIFE, SPREAD, SCATTER = 400.0, 0.15, 0.6
EVERY, INSTANTS = 10, (40, 160, 280)
RISK, SOON = 0.1, 30
AHEAD = 900
LOGS = np.log(np.maximum(np.arange(4 * AHEAD), 1))
GAP = 60  # parts that a change takes


@dataclass(frozen=True)
class Detail:
    """What is left."""

    left: Distribution


class Known(Model):
    """A model of these tools; `faster` is how much faster it believes them to wear than they do."""

    def __init__(self, faster: float = 1.0) -> None:
        self.faster = faster

    def law(self, seen: int, total: float) -> tuple[float, float]:
        """Return mean and deviation of x after so many values with that sum."""
        mean, precision = math.log(LIFE / self.faster), 1 / SPREAD**2
        weight = precision + seen / SCATTER**2
        return (mean * precision + total / SCATTER**2) / weight, weight**-0.5

    def predict(self, trace: Trace) -> Prediction:
        """Return how many more parts the tool that is in lives."""
        begin_ns = int(trace["begin"].at_ns[-1])
        hints = trace["hint"]
        mine = hints.values[np.searchsorted(hints.at_ns, begin_ns) :]
        mean, deviation = self.law(len(mine), float(mine.sum()))
        age = (trace.to_ns - begin_ns) // SECOND
        alive = ndtr((mean - LOGS[age : age + AHEAD]) / deviation)
        left = Distribution(alive / alive[0])
        return Prediction(
            subject=trace.subject, at_ns=trace.to_ns, unit="{part}", median=left.quantile(0.5),
            low=left.quantile(0.1), high=left.quantile(0.9), evidence=(), detail=Detail(left),
            life_ns=begin_ns,
        )  # fmt: skip

    @classmethod
    def outcomes(cls, trace: Trace) -> list[Came]:
        """Return what was left at each of the instants."""
        begins, ends, whole = trace["begin"].at_ns.tolist(), trace["end"].at_ns.tolist(), trace["end"].values
        found = []
        for place, begin_ns in enumerate(begins):
            is_over = place < len(ends)
            age = ((ends[place] if is_over else trace.to_ns) - begin_ns) // SECOND
            is_whole = is_over and bool(whole[place])
            found += [
                Came(begin_ns + at * SECOND, float(age - at), is_whole, begin_ns)
                for at in INSTANTS
                if at < age
            ]
        return found

    @classmethod
    def whole(cls, subject: Subject) -> float:
        """Return what errors are a share of."""
        return LIFE

    @classmethod
    def fit(cls, traces: Sequence[Trace], *, seed: int) -> Known:
        """Return the model: there is nothing to learn."""
        return cls()

    @classmethod
    def subjects(cls, registry: Registry) -> list[Subject]:
        """Return nothing: no plant has these."""
        return []

    @classmethod
    def example(cls, draw: Draw) -> list[Trace]:
        """Return nothing."""
        return []

    def state(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Known:
        """Return the model."""
        return cls()


def machine(
    name: str, *, seed: int, tools: int, advised: bool, faster_from: int | None = None, faster: float = 1.5
) -> Trace:
    """Return a machine with tools one after the other; from one of them on they wear faster."""
    chance = Entropy(seed).generator(f"known/{name}")
    model = Known()
    begins, ends, whole, hints, values = [], [], [], [], []
    at = 0
    for number in range(tools):
        at += GAP
        times = faster if faster_from is not None and number >= faster_from else 1.0
        x = math.log(LIFE / times) + SPREAD * float(chance.standard_normal())
        life = math.ceil(math.exp(x))
        told = x + SCATTER * chance.standard_normal(life // EVERY + 1)
        begins.append(at)
        age, total = EVERY, 0.0
        while age < life:
            total += float(told[age // EVERY])
            hints.append(at + age)
            values.append(float(told[age // EVERY]))
            mean, deviation = model.law(age // EVERY, total)
            alive, later = (
                1 + math.erf((mean - math.log(n)) / deviation / 2**0.5) for n in (age, age + SOON)
            )
            if advised and 1 - later / alive >= RISK:
                break
            age += EVERY
        is_whole = age >= life
        at += life if is_whole else age
        ends.append(at)
        whole.append(float(is_whole))

    def column(seconds: list[int], values: list[float]) -> Column:
        return Column(np.array(seconds, np.int64) * SECOND, np.array(values, np.float64))

    columns = {
        "begin": column(begins, [1.0] * tools),
        "end": column(ends, whole),
        "hint": column(hints, values),
    }
    return Trace(Subject(id=name, unit=name, signals={}), columns, at * SECOND)
