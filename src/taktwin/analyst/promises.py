"""How wide a promise is: by the luck of its runs, and by how earlier ones of its class came out. Pure.

The runs of a proof differ by luck, and by how the unknown may be as far as the class knows it. Promises err
by more: by how much work really comes, above all. What that does to them is measured with each outcome, as
measured over promised, and the next promise carries it. Before there are outcomes, it is assumed.

Source: errors of earlier forecasts as the distribution of the next one, as in conformal prediction (Vovk,
Gammerman and Shafer, Algorithmic Learning in a Random World, 2005), with some that are assumed beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.special import ndtri

from taktwin.analyst.features import FloatArray
from taktwin.contracts.recommendation import Alternative, Effect, InboxRow, Words
from taktwin.contracts.whatif import Spread

ASSUMED_SD = 0.45  # of the logarithm of measured over promised, before anything is measured
ASSUMED = 10  # outcomes that the assumption counts for
LAST = 40  # outcomes that count, the newest
FACTOR_MOST = 10.0  # an outcome says no more than that it was so many times as much, or as much harm
DOTS = 20


@dataclass(frozen=True, slots=True)
class Promises:
    """How promises of a class came out: measured over promised; below 0 where it harmed.

    That they all came to less, or to more, is in it: a promise that is too large by habit is told, and its
    interval lies where such promises came to.
    """

    measured: FloatArray  # (k,): what luck did to each is in it
    assumed: FloatArray  # (ASSUMED,): luck comes on top

    @classmethod
    def of(cls, outcomes: Iterable[InboxRow]) -> Promises:
        """Return what outcomes say, the newest first; one that was promised nothing says nothing."""
        times = [
            row.measured.mean / row.promised.mean for row in outcomes
            if row.promised is not None and row.measured is not None and row.promised.mean
        ]  # fmt: skip
        measured = np.clip(np.array(times[:LAST], np.float64), -FACTOR_MOST, FACTOR_MOST)
        return cls(measured, np.exp(ASSUMED_SD * ndtri((np.arange(ASSUMED) + 0.5) / ASSUMED)))

    def range(self) -> tuple[float, float]:
        """Return the factors below and above which a tenth of them lies."""
        low, high = np.quantile(np.concatenate([self.measured, self.assumed]), (0.1, 0.9))
        return float(low), float(high)

    def widened(self, effect: Effect) -> Effect:
        """Return an effect whose difference carries both; mean and half-width stay those of the runs."""
        bare = effect.difference
        return msgspec.structs.replace(effect, difference=self._mixed(bare))

    def carried(self, alternative: Alternative, indicators: Collection[str]) -> Alternative:
        """Return an alternative whose effects on these carry both."""
        effects = [
            self.widened(each) if each.indicator in indicators else each for each in alternative.effects
        ]
        return msgspec.structs.replace(alternative, effects=effects)

    def _mixed(self, bare: Spread) -> Spread:
        likely = np.multiply.outer(self.assumed, np.array(bare.dots, np.float64))
        came = np.repeat(bare.mean * self.measured, likely.shape[1])
        values = np.concatenate([likely.ravel(), came])
        p10, p25, p50, p75, p90 = (float(x) for x in np.quantile(values, (0.1, 0.25, 0.5, 0.75, 0.9)))
        levels = (np.arange(DOTS) + 0.5) / DOTS
        return msgspec.structs.replace(
            bare, p10=p10, p25=p25, p50=p50, p75=p75, p90=p90,
            dots=np.quantile(values, levels, method="inverted_cdf").tolist(),
        )  # fmt: skip

    def says(self) -> Words:
        """Return what a person should know of it."""
        low, high = self.range()
        values: dict[str, str | int | float] = {
            "low": round(100 * low), "high": round(100 * high), "measured": len(self.measured)
        }  # fmt: skip
        text = (
            f"What such advice comes to lies between {low:.0%} and {high:.0%} of what is promised, by "
            f"{len(self.measured)} that were measured and what is assumed beside them; the promise carries "
            "it."
        )
        return Words(code="analyst.promises", text=text, values=values)
