"""The report of a headless run: counts that must add up, silences, latencies, memory, exit reasons.

Comes in: the last heartbeat of each process, the events of the run, the answers of twin and
historian. Goes out: one JSON document whose schema is documented (docs/reference/report.md) and
tested. Nothing here is estimated: what a process did not say is absent, and `problems` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from taktwin.contracts import events
from taktwin.contracts.events import AlarmCleared, AlarmRaised, CloudEvent, ConnectorStateChanged
from taktwin.contracts.samples import Scan
from taktwin.contracts.state import Health
from taktwin.instants import SECOND_NS, parse_rfc3339


class Silence(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One stretch in which a source said nothing. Times are plant time; `to` is null while it lasts."""

    from_: str
    to: str | None
    noticed_after_s: float
    signal: str = ""  # "" where the whole source was silent


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Values of one connection: received = published + quarantined + deadband + unmapped."""

    received: int
    published: int
    quarantined: int
    deadband: int
    unmapped: int
    gaps: int
    silences: list[Silence]


class Backbone(msgspec.Struct, frozen=True, kw_only=True):
    """What the sample stream held at the end: deliveries, different scans among them, and their values.

    A scan is the same if connection, work unit, start of the gateway and sequence are: not by the
    identity that the backbone itself goes by.
    """

    messages: int
    distinct: int
    values: int

    @property
    def redelivered(self) -> int:
        """Return how many messages brought a scan that had been there before."""
        return self.messages - self.distinct


class Twin(msgspec.Struct, frozen=True, kw_only=True):
    """What the twin applied: scans, their values, events, and messages that it had heard before."""

    scans: int
    samples: int
    events: int
    duplicates_ignored: int


class Historian(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored: scans, rows of values, scans heard again, and up to which position of the stream."""

    scans: int
    rows: int
    duplicates_ignored: int
    last_position: int


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Wall milliseconds of one hop."""

    p50: float
    p99: float
    max: float


class Plant(msgspec.Struct, frozen=True, kw_only=True):
    """Which plant it was."""

    hash: str
    name: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document."""

    version: str
    plant: Plant
    seed: int
    speed: float
    ran_s: float
    state_hash: str
    sources: dict[str, Source]
    backbone: Backbone | None
    twin: Twin
    historian: Historian
    latency_ms: dict[str, Latency]
    memory_mb: dict[str, float]
    restarts: dict[str, int]
    exit_reasons: dict[str, str]
    problems: list[str]


def silences(stream: Iterable[CloudEvent], owner_of_signal: Mapping[str, str]) -> dict[str, list[Silence]]:
    """Return the silences of each connection, from the events of a run in order of their sequence.

    `owner_of_signal` maps a signal id to its connection, for the silence of single signals.
    """
    found: dict[str, list[Silence]] = {}
    open_since: dict[str, tuple[str, str, str, float]] = {}
    ended: set[str] = set()  # connections that the gateway ended in order: that nothing is heard is no news
    for event in stream:
        content = events.content_of(event)
        if isinstance(content, ConnectorStateChanged):
            key = content.connector
            (ended.add if content.state == "stopped" else ended.discard)(key)
            if content.state == "lost" and f"{key}:silent" in open_since:
                open_since[key] = open_since.pop(f"{key}:silent")  # the twin noticed it first: one silence
            elif content.state == "lost" and key not in open_since:
                open_since[key] = (key, "", event.time, _noticed_after_s(event))
            elif content.state == "running" and key in open_since:
                _close(found, open_since.pop(key), event.time)
        elif isinstance(content, AlarmRaised) and content.kind == "silence":
            owner = owner_of_signal.get(content.signal, content.cause)
            # A gateway that is there says itself that a source is lost; one that was killed does not.
            alone = content.alarm == f"{owner}:silent" and owner not in open_since
            if (content.signal or alone) and owner not in ended:
                standing = (owner, content.signal, event.time, _noticed_after_s(event))
                open_since.setdefault(content.alarm, standing)
        elif isinstance(content, AlarmCleared) and content.alarm in open_since:
            _close(found, open_since.pop(content.alarm), event.time)
    for standing in open_since.values():
        _close(found, standing, None)
    return found


def _close(found: dict[str, list[Silence]], standing: tuple[str, str, str, float], to: str | None) -> None:
    owner, signal, since, noticed_after_s = standing
    silence = Silence(from_=since, to=to, noticed_after_s=noticed_after_s, signal=signal)
    found.setdefault(owner, []).append(silence)


def _noticed_after_s(event: CloudEvent) -> float:
    noticed = event.ingesttime or event.recordedtime or event.time
    return round((parse_rfc3339(noticed) - event.time_ns) / SECOND_NS, 3)


def sources(gateway: Health | None, quiet: Mapping[str, list[Silence]]) -> dict[str, Source]:
    """Return the counts of each connection from the gateway's last heartbeat."""
    if gateway is None:
        return {}
    return {
        c.name: Source(
            received=c.received, published=c.published, quarantined=c.quarantined, deadband=c.deadband,
            unmapped=c.unmapped, gaps=c.gaps, silences=quiet.get(c.name, []),
        )
        for c in gateway.connectors
    }  # fmt: skip


def problems(report: Report) -> list[str]:
    """Return every count of a report that does not add up, in words; empty if all do."""
    wrong = []
    for name, s in report.sources.items():
        accounted = s.published + s.quarantined + s.deadband + s.unmapped
        if s.received != accounted:
            wrong.append(f"source {name}: received {s.received}, accounted for {accounted}")
    published = sum(s.published for s in report.sources.values())
    if report.twin.samples != published:
        wrong.append(f"twin applied {report.twin.samples} values, published were {published}")
    if report.historian.rows != published:
        wrong.append(f"historian stored {report.historian.rows} rows, published were {published}")
    if report.backbone is not None:
        wrong += _redeliveries(report, report.backbone, published)
    if len(report.state_hash) != 64:
        wrong.append(f"state hash is {report.state_hash!r}, expected 64 hex digits")
    return wrong


def _redeliveries(report: Report, held: Backbone, published: int) -> list[str]:
    wrong = []
    if held.values != published:
        wrong.append(f"the stream held {held.values} different values, published were {published}")
    for name, scans in (("twin applied", report.twin.scans), ("historian stored", report.historian.scans)):
        if scans != held.distinct:
            wrong.append(f"{name} {scans} scans, different ones in the stream were {held.distinct}")
    ignored = report.historian.duplicates_ignored
    if ignored != held.redelivered:
        wrong.append(f"historian ignored {ignored} duplicates, delivered again were {held.redelivered}")
    return wrong


class Tally:
    """Counts a sample stream from its first message on."""

    def __init__(self) -> None:
        self._messages = self._values = 0
        self._seen: dict[tuple[str, str, int], set[int]] = {}

    def add(self, subject: str, scan: Scan) -> None:
        """Take one message."""
        self._messages += 1
        heard = self._seen.setdefault((scan.connector, subject, scan.epoch_ns), set())
        if scan.sequence not in heard:
            heard.add(scan.sequence)
            self._values += len(scan.values)

    def counts(self) -> Backbone:
        """Return what was held."""
        distinct = sum(map(len, self._seen.values()))
        return Backbone(messages=self._messages, distinct=distinct, values=self._values)


def encode(report: Report) -> bytes:
    """Return the document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(report))
