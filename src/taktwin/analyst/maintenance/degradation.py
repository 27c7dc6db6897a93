"""How a measured characteristic drifts with the age of a tool: a random-coefficient model, fitted and asked.

    y = a + b (age / scale)^p + e,   (a, b) of each tool ~ N(mean of its unit, S),   e ~ N(0, s2)
    means of units ~ N(mean of all, O)

Every tool has a level and a speed of its own; those of one machine are alike, and machines share what they
have in common as far as their own data are thin (pooling). The shape p is not guessed: each of a few has a
weight by how well it explains all tools, and a tool that is in moves these weights by its own values.
Values are deviations from the middle of the window in half widths: the window is -1 ... 1.

Source: Lu and Meeker (1993), Using degradation measures to estimate a time-to-failure distribution; fitted by
expectation and maximisation (Laird and Ware 1982), with weak prior weight so that few tools fit too. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from taktwin.analyst.features import FloatArray

POWERS = (0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
ROUNDS = 60
PRIOR = np.diag([0.05**2, 0.15**2])  # of S and O, worth so many tools or units:
PRIOR_WEIGHT = 2.0
NOISE_LEAST = 1e-4  # of s2: nobody measures better than a hundredth of a half width
NODES = 7  # of the quadrature over (a, b), each way
WEIGHT_LEAST = 1e-3  # a shape with less weight is left out


@dataclass(frozen=True, slots=True)
class Sums:
    """What is needed of the parts of one tool for one shape, instead of the parts."""

    unit: str
    n: int
    xx: FloatArray  # (2, 2)
    xz: FloatArray  # (2,)
    zz: float


def sums(unit: str, ages: FloatArray, z: FloatArray, *, scale: float, power: float) -> Sums:
    """Return the sums of one tool: ages (n,) in parts, z (n,) in half widths."""
    x = np.stack([np.ones(len(ages)), (ages / scale) ** power])
    return Sums(unit, len(ages), x @ x.T, x @ z, float(z @ z))


@dataclass(frozen=True, slots=True)
class Shape:
    """What was learnt for one power."""

    power: float
    weight: float  # log: likelihood of all tools
    mean: FloatArray  # (2,) over units
    between: FloatArray  # (2, 2) O: of units
    within: FloatArray  # (2, 2) S: of tools of a unit
    noise: float  # s2
    units: Mapping[str, tuple[FloatArray, FloatArray]]  # unit -> mean (2,) and its uncertainty (2, 2)

    def prior(self, unit: str) -> tuple[FloatArray, FloatArray]:
        """Return mean and covariance of (a, b) of a new tool at a unit, also at one that is new."""
        mean, unsure = self.units.get(unit, (self.mean, self.between))
        return mean, self.within + unsure

    def posterior(self, seen: Sums) -> tuple[FloatArray, FloatArray, float]:
        """Return mean and covariance of (a, b) of a tool, and the log likelihood of what was seen of it."""
        mean, cov = self.prior(seen.unit)
        inverse = np.linalg.inv(cov)
        after = np.linalg.inv(seen.xx / self.noise + inverse)
        found = after @ (seen.xz / self.noise + inverse @ mean)
        return found, after, _likelihood(seen, mean, cov, self.noise)


def fitted(tools: Sequence[tuple[str, FloatArray, FloatArray]], *, scale: float) -> list[Shape]:
    """Return what was learnt of tools, one entry for each shape.

    Parameters
    ----------
    tools : of each its unit, ages (n,) and z (n,)
    scale : parts, of the order of a tool's life
    """
    return [
        _fitted([sums(unit, ages, z, scale=scale, power=power) for unit, ages, z in tools], power)
        for power in POWERS
    ]


def _fitted(seen: Sequence[Sums], power: float) -> Shape:
    units = sorted({each.unit for each in seen})
    place = np.array([units.index(each.unit) for each in seen])
    xx, xz = np.stack([each.xx for each in seen]), np.stack([each.xz for each in seen])  # (r, 2, 2), (r, 2)
    zz, n = np.array([each.zz for each in seen]), np.array([each.n for each in seen])
    per_unit = np.bincount(place, minlength=len(units)).astype(np.float64)
    mean: FloatArray = np.linalg.solve(xx.sum(0) + 1e-9 * np.eye(2), xz.sum(0))
    noise = max(float(_squares(xx, xz, zz, mean).sum() / n.sum()), NOISE_LEAST)
    within: FloatArray = PRIOR
    between: FloatArray = PRIOR
    centres: FloatArray = np.tile(mean, (len(units), 1))
    unsure: FloatArray = np.tile(between, (len(units), 1, 1))
    for _ in range(ROUNDS):
        inverse, outer = np.linalg.inv(within), np.linalg.inv(between)
        after = np.linalg.inv(xx / noise + inverse)
        found = _times(after, xz / noise + centres[place] @ inverse)
        squares = _squares(xx, xz, zz, found).sum() + float(np.einsum("rij,rji->", after, xx))
        total = np.zeros_like(centres)
        np.add.at(total, place, found)
        unsure = np.asarray(np.linalg.inv(outer + per_unit[:, None, None] * inverse), np.float64)
        centres = _times(unsure, mean @ outer + total @ inverse)
        off, far = found - centres[place], centres - mean
        spread = PRIOR_WEIGHT * PRIOR + after.sum(0) + off.T @ off + (per_unit[:, None, None] * unsure).sum(0)
        within = np.asarray(spread / (len(seen) + PRIOR_WEIGHT), np.float64)
        apart = PRIOR_WEIGHT * PRIOR + unsure.sum(0) + far.T @ far
        between = np.asarray(apart / (len(units) + PRIOR_WEIGHT), np.float64)
        mean = np.asarray(centres.mean(0), np.float64)
        noise = max(float(squares / n.sum()), NOISE_LEAST)
    # As a new tool of its unit each time: a shape that needs the tool's own values to fit earns no weight.
    weight = sum(
        _likelihood(each, centres[k], within, noise) for each, k in zip(seen, place.tolist(), strict=True)
    )
    means = {unit: (centres[k], unsure[k]) for k, unit in enumerate(units)}
    return Shape(power, weight, mean, between, within, noise, means)


def _times(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return (r, 2) products of (r, 2, 2) and (r, 2)."""
    return np.asarray(np.einsum("rij,rj->ri", matrices, vectors))


def _squares(xx: FloatArray, xz: FloatArray, zz: FloatArray, theta: FloatArray) -> FloatArray:
    """Return the sums of squared distances from a path; theta is (2,), or (r, 2): one for each tool."""
    return np.asarray(zz - 2 * (xz * theta).sum(-1) + np.einsum("...i,...ij,...j->...", theta, xx, theta))


def _likelihood(seen: Sums, mean: FloatArray, cov: FloatArray, noise: float) -> float:
    """Return the log likelihood of the parts of a tool with (a, b) unknown: Woodbury, two by two."""
    if not seen.n:
        return 0.0
    rest = seen.xz - seen.xx @ mean
    inner = np.linalg.inv(np.linalg.inv(cov) + seen.xx / noise)
    quadratic = (
        float(_squares(seen.xx, seen.xz, np.array(seen.zz), mean)) / noise - rest @ inner @ rest / noise**2
    )
    _, logdet = np.linalg.slogdet(np.eye(2) + cov @ seen.xx / noise)
    return -0.5 * float(seen.n * np.log(2 * np.pi * noise) + logdet + quadratic)


@dataclass(frozen=True, slots=True)
class Paths:
    """Ways that a tool may go, each with a weight; together 1."""

    weights: FloatArray  # (m,)
    level: FloatArray  # (m,) a
    speed: FloatArray  # (m,) b
    power: FloatArray  # (m,)
    noise: FloatArray  # (m,) s2

    def outside(self, ages: FloatArray, *, scale: float) -> FloatArray:
        """Return the chance of a part to lie outside of the window: (m, k) for ages (k,)."""
        centre = self.level[:, None] + self.speed[:, None] * (ages[None, :] / scale) ** self.power[:, None]
        sigma = np.sqrt(self.noise)[:, None]
        return np.asarray(ndtr((centre - 1) / sigma) + ndtr((-1 - centre) / sigma))


def paths(
    shapes: Sequence[Shape], unit: str, ages: FloatArray, z: FloatArray, *, scale: float
) -> tuple[Paths, FloatArray]:
    """Return the ways of a tool of which ages (n,) and z (n,) are known, and what each shape weighs.

    Exact sums over a grid of Gauss and Hermite instead of draws: the same values, the same ways. n may be 0.
    """
    seen = [sums(unit, ages, z, scale=scale, power=each.power) for each in shapes]
    after = [shape.posterior(mine) for shape, mine in zip(shapes, seen, strict=True)]
    logs = np.array([shape.weight + each[2] for shape, each in zip(shapes, after, strict=True)])
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    nodes, of_node = np.polynomial.hermite_e.hermegauss(NODES)
    of_node = of_node / of_node.sum()
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij")).reshape(2, -1)
    of_grid = np.outer(of_node, of_node).reshape(-1)
    parts: list[FloatArray] = []
    for shape, share, (mean, cov, _) in zip(shapes, shares, after, strict=True):
        if share < WEIGHT_LEAST:
            continue
        theta = mean[:, None] + np.linalg.cholesky(cov) @ grid
        same = np.ones(len(of_grid))
        parts.append(np.stack([share * of_grid, theta[0], theta[1], shape.power * same, shape.noise * same]))
    weights, level, speed, power, noise = np.concatenate(parts, axis=1)
    return Paths(weights / weights.sum(), level, speed, power, noise), shares


def shapes_state(shapes: Sequence[Shape]) -> list[dict[str, Any]]:
    """Return shapes as JSON has them."""
    return [
        {"power": s.power, "weight": s.weight, "mean": s.mean.tolist(), "between": s.between.tolist(),
         "within": s.within.tolist(), "noise": s.noise,
         "units": {unit: [mean.tolist(), cov.tolist()] for unit, (mean, cov) in s.units.items()}}
        for s in shapes
    ]  # fmt: skip


def shapes_restored(state: Sequence[Mapping[str, Any]]) -> list[Shape]:
    """Return shapes out of what `shapes_state` gave."""
    return [
        Shape(
            s["power"], s["weight"], np.array(s["mean"]), np.array(s["between"]), np.array(s["within"]),
            s["noise"], {u: (np.array(m), np.array(c)) for u, (m, c) in s["units"].items()},
        )
        for s in state
    ]  # fmt: skip
