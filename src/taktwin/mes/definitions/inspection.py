"""The inspection plan and the defect codes of the plant model, as the MES needs them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One line of the inspection plan (ISA-95 TestSpecification of one property)."""

    id: str
    name: str
    products: tuple[str, ...]
    equipment_class: str  # where it is measured
    unit_of_measure: str = ""  # UCUM
    nominal: float | None = None
    lower: float | None = None
    upper: float | None = None
    minimum: float | None = None  # what is beyond was never measured
    maximum: float | None = None
    attribute: bool = False  # yes or no, without limits
    signal: str = ""  # path below the work unit; "" = people measure
    sample_every: int = 1  # good parts, where people measure


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect code: what scrap is reported with."""

    code: str
    name: str
    classes: tuple[str, ...] = ()  # () = at all
    products: tuple[str, ...] = ()  # () = of all

    def seen_at(self, equipment_class: str, product: str) -> bool:
        """Return whether people at such a work unit may see it on such a product."""
        return (not self.classes or equipment_class in self.classes) and (
            not self.products or product in self.products
        )


def characteristic(name: str, declared: Any) -> Characteristic:
    """Return a line of the plan as the plant model (plant.schema.Characteristic) declares it."""
    return Characteristic(
        id=name, name=declared.name, products=tuple(declared.products),
        equipment_class=declared.measured_by, unit_of_measure=declared.unit, nominal=declared.nominal,
        lower=declared.lower, upper=declared.upper, minimum=declared.minimum, maximum=declared.maximum,
        attribute=declared.attribute, signal=declared.signal, sample_every=declared.sample_every,
    )  # fmt: skip
