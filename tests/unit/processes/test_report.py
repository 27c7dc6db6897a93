"""The headless report: counts that do not add up are named, silences have honest ends."""

import json

import msgspec
import pytest

from taktwin.contracts import events
from taktwin.contracts.samples import Scan
from taktwin.contracts.state import ConnectorHealth, Health
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.processes import report
from taktwin.processes.supervisor import BACKOFF_S, backoff_s

T0 = 1_700_000_000 * SECOND_NS


TWIN = report.Twin(scans=3, samples=7, events=1, duplicates_ignored=0)
HISTORIAN = report.Historian(scans=3, rows=7, duplicates_ignored=1, last_position=3)
replace = msgspec.structs.replace


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
        sources=sources(), backbone=report.Backbone(messages=4, distinct=3, values=7),
        twin=TWIN, historian=HISTORIAN, latency_ms={}, memory_mb={}, restarts={},
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
            {"twin": replace(TWIN, samples=6)},
            "twin applied 6 values, published were 7",
        ),
        (
            {"historian": replace(HISTORIAN, rows=8)},
            "historian stored 8 rows, published were 7",
        ),
        ({"historian": replace(HISTORIAN, rows=6)}, "historian stored 6 rows, published were 7"),
        ({"twin": replace(TWIN, samples=8)}, "twin applied 8 values, published were 7"),
        (
            {"historian": replace(HISTORIAN, duplicates_ignored=0)},
            "historian ignored 0 duplicates, delivered again were 1",
        ),
        (
            {"historian": replace(HISTORIAN, scans=4)},
            "historian stored 4 scans, different ones in the stream were 3",
        ),
        ({"twin": replace(TWIN, scans=2)}, "twin applied 2 scans, different ones in the stream were 3"),
        (
            {"backbone": report.Backbone(messages=4, distinct=3, values=6)},
            "the stream held 6 different values, published were 7",
        ),
        ({"state_hash": ""}, "state hash is ''"),
    ],
)
def test_every_count_that_does_not_add_up_is_named(change: dict[str, object], said: str) -> None:
    assert any(said in line for line in report.problems(a_report(**change)))


def test_a_scan_is_counted_once_however_often_it_was_delivered() -> None:
    def scan(sequence: int, epoch_ns: int = 1) -> Scan:
        return Scan(
            registry="r", connector="line1", epoch_ns=epoch_ns, sequence=sequence, t0_ns=0, values=[1, 2]
        )

    deliveries = [
        ("a", scan(1)),
        ("a", scan(2)),
        ("b", scan(1)),
        ("a", scan(1)),
        ("a", scan(1, 2)),
        ("b", scan(1)),
    ]
    tally = report.Tally()
    for subject, each in deliveries:
        tally.add(subject, each)
    assert tally.counts() == report.Backbone(messages=6, distinct=4, values=8)


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


def test_only_running_ends_a_silence() -> None:
    states = ["lost", "connecting", "lost", "connecting", "running"]
    said = [
        event(events.ConnectorStateChanged(connector="line1", state=state), 10 * n, n)
        for n, state in enumerate(states, start=1)
    ]
    assert [(s.from_, s.to) for s in report.silences(said, {})["line1"]] == [
        (rfc3339(T0 + 10 * SECOND_NS), rfc3339(T0 + 50 * SECOND_NS))
    ]


def silent(signal: str = "") -> events.AlarmRaised:
    return events.AlarmRaised(
        alarm=f"{signal or 'line1'}:silent", equipment="mill1", kind="silence", priority=2, message="",
        response="", consequence="", owner_role="", cause="line1", signal=signal,
    )  # fmt: skip


def test_a_silence_that_only_the_twin_noticed_counts_and_one_that_both_did_counts_once() -> None:
    cleared = events.AlarmCleared(alarm="line1:silent", equipment="mill1")
    lost = events.ConnectorStateChanged(connector="line1", state="lost")
    back = events.ConnectorStateChanged(connector="line1", state="running")
    alone = report.silences([event(silent(), 10, 1, 0.2), event(cleared, 20, 2)], {})
    assert [(s.noticed_after_s, s.to) for s in alone["line1"]] == [(0.2, rfc3339(T0 + 20 * SECOND_NS))]
    both = [event(lost, 5, 1), event(silent(), 10, 2), event(back, 18, 3), event(cleared, 18, 4)]
    assert len(report.silences(both, {})["line1"]) == 1
    twin_first = [event(silent(), 10, 1), event(lost, 5, 2), event(back, 18, 3), event(cleared, 18, 4)]
    assert [s.to for s in report.silences(twin_first, {})["line1"]] == [rfc3339(T0 + 18 * SECOND_NS)]
    stopped = event(events.ConnectorStateChanged(connector="line1", state="stopped"), 5, 1)
    assert report.silences([stopped, event(silent(), 10, 2)], {}) == {}
    one = [event(silent("mill1/spindle"), 10, 1)]
    assert [s.signal for s in report.silences(one, {"mill1/spindle": "plc7"})["plc7"]] == ["mill1/spindle"]


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
