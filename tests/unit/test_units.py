"""Units: codes, symbols, conversion."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin import units
from taktwin.errors import DomainError


@pytest.mark.parametrize(
    ("value", "source", "target", "right"),
    [
        (20.0, "Cel", "K", 293.15),
        (212.0, "[degF]", "Cel", 100.0),
        (1.0, "bar", "kPa", 100.0),
        (3.6, "kW.h", "kJ", 12960.0),
        (60.0, "/min", "Hz", 1.0),
        (1.0, "m3/h", "L/min", 1000 / 60),
        (5.0, "mm/s", "mm/s", 5.0),
    ],
)
def test_a_value_is_converted(value: float, source: str, target: str, right: float) -> None:
    assert units.convert(value, from_unit=source, to_unit=target) == pytest.approx(right)


@given(st.sampled_from(sorted(units.UNITS)), st.sampled_from(sorted(units.UNITS)), st.floats(-1e6, 1e6))
@settings(derandomize=True, deadline=None)
def test_there_and_back_is_the_same_or_refused(first: str, second: str, value: float) -> None:
    if units.UNITS[first].dimension != units.UNITS[second].dimension:
        with pytest.raises(DomainError):
            units.convert(value, from_unit=first, to_unit=second)
        return
    there = units.convert(value, from_unit=first, to_unit=second)
    assert units.convert(there, from_unit=second, to_unit=first) == pytest.approx(value, abs=1e-6, rel=1e-9)


def test_codes_are_unique_and_every_spelling_leads_to_one() -> None:
    assert len(units.UNITS) == len(units._ALL)
    assert set(units.SPELLINGS.values()) <= set(units.UNITS)
    assert not set(units.SPELLINGS) & set(units.UNITS)


def test_people_read_symbols() -> None:
    assert units.symbol("Cel") == "°C"
    assert units.symbol("kW.h") == "kWh"
    assert units.symbol("furlong") == "furlong"
    assert units.BY_UNECE["CEL"].code == "Cel"
