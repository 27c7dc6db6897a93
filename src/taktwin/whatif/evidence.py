"""A calibration as people look at it: comes in a set, goes out each parameter with what it rests on. Pure.

Two sets are held against each other by the intervals of their parameters: one has *moved* where both lie
apart. Where no interval is known, chance is not told from change, and a tenth of the value is taken for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from taktwin.contracts.calibration import CalibrationSet, Head, Parameter
from taktwin.contracts.whatif import Note
from taktwin.plant.registry import Registry
from taktwin.plant.routes import made_at
from taktwin.simulation.distributions import quantiles
from taktwin.simulation.fitting import SHARES, Fitted, named
from taktwin.simulation.parameters import FAMILIES, Figure, ParameterSet
from taktwin.whatif.calibrate import ANY, DRIFTED
from taktwin.whatif.kept import SHORT
from taktwin.whatif.measured import heard_share
from taktwin.whatif.model import Parameters, translated

WIDE = 3.0  # relative standard error of a mean from which nothing is known of it
APART = 0.1  # of a value without an interval
FEW = "too few to choose a family"
POOR = ("no family fits", "as measured")
TOLD = frozenset({"share", "heard"})  # kinds that say what a unit did, and that no answer is made with
HOUR_S = 3600.0
FAMILY = {kind: name for name, kind in FAMILIES.items()}


def head(found: ParameterSet, *, is_proposed: bool) -> Head:
    """Return a set at a glance."""
    whole = found.hash  # over the whole content: worked out once
    return Head(
        calibration=whole[:SHORT], hash=whole, source=found.source, from_ns=found.from_ns or 0,
        to_ns=found.to_ns or 0, parameters=len(found.fits) + len(found.figures),
        observations=sum(fit.n_own for fit in found.fits.values()),
        drifted=sum(DRIFTED in fit.method for fit in found.fits.values()),
        pooled=sum(fit.pooled for fit in found.fits.values()), is_proposed=is_proposed,
        heard=heard_share(found),
    )  # fmt: skip


def evidence(
    found: ParameterSet, registry: Registry, *, now_ns: int, is_proposed: bool = False,
    beside: ParameterSet | None = None,
) -> CalibrationSet:  # fmt: skip
    """Return a set with all that each of its parameters rests on.

    Parameters
    ----------
    beside : another set that it is held against
    """
    mine = parameters(found, registry)
    others = {} if beside is None else parameters(beside, registry)
    return CalibrationSet(
        state="ready", head=head(found, is_proposed=is_proposed),
        beside=None if beside is None else head(beside, is_proposed=False),
        parameters=[_beside(each, others.get(name)) for name, each in mine.items()],
        gone=[name for name in others if name not in mine], missing=list(missing(found, registry, now_ns)),
    )  # fmt: skip


def moved(found: ParameterSet, before: ParameterSet, registry: Registry) -> tuple[list[str], int, int]:
    """Return the names of what has moved, and how many parameters are new and gone."""
    mine, others = parameters(found, registry), parameters(before, registry)
    names = [name for name, each in mine.items() if name in others and _beside(each, others[name]).moved]
    return names, len(mine.keys() - others.keys()), len(others.keys() - mine.keys())


def parameters(found: ParameterSet, registry: Registry) -> dict[str, Parameter]:
    """Return name -> parameter."""
    class_of = {str(unit.id): unit.class_id for unit in registry.work_units}
    fits = {name: _of_fit(name, fit, class_of) for name, fit in sorted(found.fits.items())}
    return fits | {name: _of_figure(name, each) for name, each in sorted(found.figures.items())}


def _of_fit(name: str, fit: Fitted, class_of: Mapping[str, str]) -> Parameter:
    kind, *subjects = name.split("/")
    known = fit.errors.get("mean_s", WIDE) < WIDE
    low, high = fit.mean_between_s() if known else (0.0, 0.0)
    pooled, pooled_of = _pooled(fit)
    return Parameter(
        name=name, kind=kind, subjects=subjects, unit="s", value=fit.distribution.mean_s,
        low=low if known else None, high=high if known else None,
        family=FAMILY[type(fit.distribution)], says=named(fit.distribution), n=fit.n,
        running=fit.running, n_own=fit.n_own, pooled=pooled, pooled_of=pooled_of,
        pooled_units=sum(each == pooled_of for each in class_of.values()) if pooled == "class" else 0,
        drifted=DRIFTED in fit.method, few=FEW in fit.method,
        fits=not any(each in fit.method for each in POOR),
        p=None if fit.goodness is None else fit.goodness.p,
        far_out=0 if fit.outliers is None else len(fit.outliers.values_s), from_ns=fit.from_ns or 0,
        to_ns=fit.to_ns or 0, seen=list(fit.quantiles_s),
        fitted=quantiles(fit.distribution, SHARES).tolist() if fit.quantiles_s else [],
    )  # fmt: skip


def _pooled(fit: Fitted) -> tuple[str, str]:
    """Return what a fit was pooled from: the machines of a class, or all products of a unit."""
    if not fit.pooled:
        return "", ""
    first, _, rest = fit.level.partition(" ")
    return ("class", rest) if first == "class" and rest else ("unit", fit.level)


def _of_figure(name: str, figure: Figure) -> Parameter:
    kind, *subjects = name.split("/")
    # The low of a charge is the smallest one, that of a step where the plant has it, and those of lateness
    # are units beside each other.
    known = kind not in ("batch", "late", "beyond", "band")
    return Parameter(
        name=name, kind=kind, subjects=subjects, unit=figure.unit, value=figure.value,
        low=figure.low if known else None, high=figure.high if known else None, n=figure.n, n_own=figure.n,
        from_ns=figure.from_ns or 0, to_ns=figure.to_ns or 0,
    )  # fmt: skip


def _beside(mine: Parameter, other: Parameter | None) -> Parameter:
    if other is None:
        return mine
    return msgspec.structs.replace(
        mine, beside=other.value, moved=mine.kind not in TOLD and _is_apart(mine, other)
    )


def _is_apart(mine: Parameter, other: Parameter) -> bool:
    if mine.low is None or mine.high is None or other.low is None or other.high is None:
        return abs(mine.value - other.value) > APART * max(abs(mine.value), abs(other.value))
    return mine.low > other.high or other.low > mine.high


def missing(found: ParameterSet, registry: Registry, now_ns: int) -> Iterable[Note]:
    """Return what was not measured, and what is taken instead."""
    works: dict[str, set[str]] = {}
    for name in found.fits:
        kind, *subjects = name.split("/")
        if kind == "work":
            works.setdefault(subjects[0], set()).add(subjects[1])
    for unit, said in sorted(made_at(registry).items()):
        never = sorted(set(said.values()) - works.get(unit, set()))
        if unit in works and ANY not in works[unit] and never:
            yield Note(
                code="never_made", subjects=[unit, *never],
                text=f"{unit} was never seen making {', '.join(never)}: the time of the machines beside it, "
                "or else the standard time",
            )  # fmt: skip
    for name, figure in sorted(found.figures.items()):
        kind, unit, *word = name.split("/")
        if kind == "band":
            yield Note(
                code="band", subjects=[unit, *word, f"{figure.low or 0:.3g}", f"{figure.value:.3g}"],
                text=f"{unit}: {word[0]} from {figure.low or 0:.3g} kW on in the plant folder, from "
                f"{figure.value:.3g} kW on by what it draws: until the folder says so, the twin errs",
            )  # fmt: skip
    for note in translated(registry, Parameters(measured=found), now_ns=now_ns, horizon_s=HOUR_S).notes:
        if note.code not in ("measured", "pooled"):  # the rows say so
            yield note
