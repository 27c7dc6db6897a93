"""Search: what a person types and what they meant."""

from __future__ import annotations

import pytest

from taktwin.portal.search import Entry, SearchIndex

ENTRIES = [
    Entry("machine", "turn1", "Lathe M1", "lathe in machining/line1", "/machine/turn1", "drehmaschine"),
    Entry("machine", "turn10", "Lathe M10", "lathe in machining/line1", "/machine/turn10"),
    Entry("machine", "compressor1", "Compressor", "utilities", "/machine/compressor1"),
    Entry("signal", "turn1/spindle/load", "Spindle load", "turn1/spindle/load process", "/signal/a"),
    Entry("signal", "turn1/spindle/temperature", "Spindle temperature", "turn1 process", "/signal/b"),
    Entry("signal", "zone_c/temperature_west", "Temperature west", "zone_c ambient", "/signal/c"),
    Entry("page", "alarms", "Alarms", "active", "/alarms", "alarme"),
    Entry("connection", "line1", "line1", "opcua", "/system#line1"),
]


def found(query: str) -> list[str]:
    """Return the ids that a query finds."""
    return [entry.id for entry in SearchIndex(ENTRIES).find(query)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("turn1", "turn1"),
        ("TURN1", "turn1"),
        ("turn10", "turn10"),
        ("m1", "turn1"),
        ("line1", "line1"),
        ("spindle load", "turn1/spindle/load"),
        ("load spindle", "turn1/spindle/load"),
        ("turn1/spindle/temperature", "turn1/spindle/temperature"),
        ("temp west", "zone_c/temperature_west"),
        ("zone_c", "zone_c/temperature_west"),
        ("press", "compressor1"),
        ("compresor", "compressor1"),
        ("spindel load", "turn1/spindle/load"),
        ("drehm", "turn1"),
        ("alarme", "alarms"),
    ],
)
def test_the_first_result_is_what_was_meant(query: str, first: str) -> None:
    assert found(query)[0] == first


@pytest.mark.parametrize("query", ["", "   ", "/", "zzz", "turn1 compressor"])
def test_what_means_nothing_finds_nothing(query: str) -> None:
    assert found(query) == []


def test_what_comes_and_goes_is_found_too() -> None:
    alarm = Entry("alarm", "turn1/x:high", "Spindle is hot", "turn1, priority 2", "/alarms?alarm=x")
    results = SearchIndex(ENTRIES).find("spindle hot", further=[alarm])
    assert [entry.id for entry in results] == ["turn1/x:high"]


def test_a_letter_that_is_everywhere_still_answers_with_the_limit() -> None:
    many = [Entry("signal", f"u{i}/a", f"A {i}", "a", "/") for i in range(20_000)]
    assert len(SearchIndex(many).find("a", limit=20)) == 20
