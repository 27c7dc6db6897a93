"""A set of fitted parameters as one document: what was fitted, to what, with a hash that names it.

The hash is over the content alone, so the same fit of the same data has the same name everywhere, and a
result that says which parameters it used can be asked for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from taktwin.errors import DomainError
from taktwin.simulation.distributions import (
    Distribution,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    LogNormal,
    Triangular,
    Weibull,
)
from taktwin.simulation.fitting import Candidate, Fitted, Goodness, Outliers

SCHEMA = "taktwin.parameters.v1"
FAMILIES: dict[str, type[Distribution]] = {
    "fixed": Fixed, "exponential": Exponential, "lognormal": LogNormal, "weibull": Weibull,
    "gamma": Gamma, "triangular": Triangular, "empirical": Empirical,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number that is no duration to draw: a share, a power, a count; with its 95 % interval."""

    value: float
    unit: str  # UCUM; "1" for shares and counts
    n: int  # what it rests on: parts, stops, stretches
    low: float | None = None  # None: no interval is known
    high: float | None = None
    from_ns: int | None = None
    to_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """Fits by name, such as `work/mill/shaft`, and where the durations came from."""

    source: str
    fits: Mapping[str, Fitted]
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def from_ns(self) -> int | None:
        """Return the first instant of all that was fitted; None if no sample says when it was seen."""
        return min((each.from_ns for each in self.fits.values() if each.from_ns is not None), default=None)

    @property
    def to_ns(self) -> int | None:
        """Return the last instant of all that was fitted."""
        return max((each.to_ns for each in self.fits.values() if each.to_ns is not None), default=None)

    def _content(self) -> dict[str, Any]:
        content = {
            "schema": SCHEMA,
            "source": self.source,
            "from_ns": self.from_ns,
            "to_ns": self.to_ns,
            "fits": {name: _fitted_as_json(self.fits[name]) for name in sorted(self.fits)},
        }
        if self.figures:  # a set without them keeps the hash that it had before there were any
            content["figures"] = {name: asdict(self.figures[name]) for name in sorted(self.figures)}
        return content

    @property
    def hash(self) -> str:
        """Return the name of this content: SHA-256 of its canonical JSON, as hex."""
        canonical = json.dumps(self._content(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the document."""
        return {**self._content(), "hash": self.hash}


def from_json(document: Mapping[str, Any]) -> ParameterSet:
    """Return the set that `as_json` wrote.

    Raises
    ------
    DomainError
        If it is of another schema, names an unknown family, or is not what its hash says.
    """
    if document.get("schema") != SCHEMA:
        raise DomainError(f"a document of schema {document.get('schema')!r}: expected {SCHEMA}")
    try:
        found = ParameterSet(
            document["source"],
            {name: _fitted_from_json(each) for name, each in document["fits"].items()},
            {name: Figure(**each) for name, each in document.get("figures", {}).items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DomainError(
            f"a set of parameters that misses or misnames {error}: expected {SCHEMA}"
        ) from error
    if found.hash != document.get("hash"):
        raise DomainError(
            f"parameters with the hash {found.hash[:12]}: expected {str(document.get('hash'))[:12]}, "
            "as the document says; it was changed by hand or cut"
        )
    return found


def distribution_as_json(distribution: Distribution) -> dict[str, Any]:
    """Return a distribution as its family and its parameters."""
    (family,) = (name for name, kind in FAMILIES.items() if kind is type(distribution))
    return {"family": family, **asdict(distribution)}


def distribution_from_json(document: Mapping[str, Any]) -> Distribution:
    """Return the distribution of a document; a `DomainError` if no family is called so."""
    values = {name: value for name, value in document.items() if name != "family"}
    if document["family"] not in FAMILIES:
        raise DomainError(f"a family {document['family']!r}: expected one of {', '.join(FAMILIES)}")
    if "samples_s" in values:
        values["samples_s"] = tuple(values["samples_s"])
    return FAMILIES[document["family"]](**values)


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None


def _fitted_as_json(fitted: Fitted) -> dict[str, Any]:
    document = asdict(fitted)
    document["distribution"] = distribution_as_json(fitted.distribution)
    document["candidates"] = [
        {
            "distribution": distribution_as_json(each.distribution),
            "log_likelihood": each.log_likelihood,
            "aicc": _finite(each.aicc),
        }
        for each in fitted.candidates
    ]
    if fitted.outliers:
        document["outliers"]["above_s"] = _finite(fitted.outliers.above_s)
        document["outliers"]["values_s"] = list(fitted.outliers.values_s)
    document["errors"] = dict(fitted.errors)
    document["quantiles_s"] = list(fitted.quantiles_s)
    if not fitted.quantiles_s:  # a set of before there were any keeps its hash
        del document["quantiles_s"]
    return document


def _fitted_from_json(document: Mapping[str, Any]) -> Fitted:
    infinite = float("inf")
    values = dict(document)
    values["distribution"] = distribution_from_json(document["distribution"])
    values["candidates"] = tuple(
        Candidate(
            distribution_from_json(each["distribution"]),
            each["log_likelihood"],
            infinite if each["aicc"] is None else each["aicc"],
        )
        for each in document["candidates"]
    )
    if document["goodness"]:
        values["goodness"] = Goodness(**document["goodness"])
    if document["outliers"]:
        outliers = dict(document["outliers"])
        outliers["above_s"] = infinite if outliers["above_s"] is None else outliers["above_s"]
        values["outliers"] = Outliers(**{**outliers, "values_s": tuple(outliers["values_s"])})
    values["quantiles_s"] = tuple(document.get("quantiles_s", ()))
    return Fitted(**values)
