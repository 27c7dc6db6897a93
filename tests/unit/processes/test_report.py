"""The headless report: counts that do not add up are named, silences have honest ends."""

import json

import msgspec
import pytest

from taktwin.contracts import events
from taktwin.contracts.state import ConnectorHealth, Health
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.processes import report
from taktwin.processes.supervisor import BACKOFF_S, backoff_s

T0 = 1_700_000_000 * SECOND_NS


def sources(**changes: int) -> dict[str, report.Source]:
    counts = {
        "received": 10,
        "published": 7,
        "quarantined": 1,
        "deadband": 1,
        "unmapped": 1,
        "gaps": 0,
        **changes,
    }
    connector = ConnectorHealth(
        name="line1", protocol="opcua", endpoint="opc.tcp://x", state="running", **counts
    )
    return report.sources(Health(component="gateway", state="running", connectors=[connector]), {})


def a_report(**changes: object) -> report.Report:
    base = report.Report(
        version="0", plant=report.Plant(hash="a", name=""), seed=1, speed=1.0, ran_s=1.0,
        state_hash="0" * 64,
        sources=sources(), twin=report.Twin(samples=7, events=1, duplicates_ignored=0),
        historian=report.Historian(rows=7, last_position=3), latency_ms={}, memory_mb={}, restarts={},
        exit_reasons={}, problems=[],
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def test_counts_that_add_up_are_no_problem() -> None:
    assert report.problems(a_report()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sources": sources(received=11)}, "source line1: received 11, accounted for 10"),
        (
            {"twin": report.Twin(samples=6, events=1, duplicates_ignored=0)},
            "twin applied 6 values, published were 7",
        ),
        (
            {"historian": report.Historian(rows=8, last_position=3)},
            "historian stored 8 rows, published were 7",
        ),
        ({"state_hash": ""}, "state hash is ''"),
    ],
)
def test_every_count_that_does_not_add_up_is_named(change: dict[str, object], said: str) -> None:
    assert any(said in line for line in report.problems(a_report(**change)))


def event(content: events.EventData, at_s: float, sequence: int, noticed_s: float = 0.0) -> events.CloudEvent:
    made = events.make(content, source="/a/b/gateway", sequence=sequence, time_ns=T0 + int(at_s * SECOND_NS))
    return msgspec.structs.replace(made, ingesttime=rfc3339(T0 + int((at_s + noticed_s) * SECOND_NS)))


def test_a_silence_lasts_from_the_last_sign_of_life_to_the_return() -> None:
    lost = events.ConnectorStateChanged(connector="line1", state="lost")
    back = events.ConnectorStateChanged(connector="line1", state="running")
    found = report.silences([event(lost, 10, 1, 2.5), event(lost, 11, 2), event(back, 40, 3)], {})
    assert found == {
        "line1": [
            report.Silence(
                from_=rfc3339(T0 + 10 * SECOND_NS), to=rfc3339(T0 + 40 * SECOND_NS), noticed_after_s=2.5
            )
        ]
    }


def test_a_silence_that_lasts_has_no_end_and_a_first_connect_is_none() -> None:
    back = events.ConnectorStateChanged(connector="line1", state="running")
    lost = events.ConnectorStateChanged(connector="line1", state="lost")
    found = report.silences([event(back, 1, 1), event(lost, 5, 2)], {})
    assert [s.to for s in found["line1"]] == [None]


def test_the_document_has_the_names_that_its_page_promises() -> None:
    document = json.loads(report.encode(a_report()))
    assert set(document) == set(report.Report.__struct_fields__)
    quiet = json.loads(msgspec.json.encode(report.Silence(from_="a", to=None, noticed_after_s=1.0)))
    assert set(quiet) == {"from", "to", "noticed_after_s", "signal"}


def test_back_off_grows_and_has_an_end() -> None:
    waits = [backoff_s(n) for n in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] == BACKOFF_S[0]
    assert waits[-1] == BACKOFF_S[-1]
