"""Every address of the Unified Namespace, built and parsed in one place.

A subject is the NATS form (dots), a topic the MQTT form (slashes) of the same address. Names of
levels hold neither, so the two differ in nothing else.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from taktwin.identity import Place

ROOT = "uns.v1"
SAMPLES = f"{ROOT}.*.*.*.*.*._sample_v1"
EVENTS = f"{ROOT}.*.*.*.*.*._evt_v1.>"
ACCOUNTS = f"{ROOT}.*.*.*.*.*._evt_v1.account.>"  # who may sign in has changed
INTERVALS = f"{ROOT}.*.*.*.*.*._interval_v1.>"
STATES = f"{ROOT}.*.*.*.*.*._state_v1.>"
REJECTED = f"{ROOT}.*.*.*.*.*._dlq_v1.>"
HEALTH = f"{ROOT}.*.*.-.-.-._sys_v1.*.health"
RAW = f"{ROOT}.*.*.*.*.*._raw.>"

STREAM_SAMPLES = "SAMPLES"
STREAM_EVENTS = "EVENTS"
STREAM_INTERVALS = "INTERVALS"
STREAM_STATES = "STATES"
STREAM_REJECTED = "REJECTED"

# Header names. Plant times and monotonic wall times never share a name.
H_INGEST_NS = "Tw-Ingest-Ns"  # plant time of the first platform hop
H_RECEIVED_MONO = "Tw-Received-Mono-Ns"  # monotonic: the connector had the bytes
H_PUBLISHED_MONO = "Tw-Published-Mono-Ns"  # monotonic: handed to the backbone
H_MSG_ID = "Nats-Msg-Id"


class Address(NamedTuple):
    """One parsed subject: place, kind (`_sample_v1`, `_evt_v1`, ...) and what follows the kind."""

    place: Place
    kind: str
    rest: tuple[str, ...]


@functools.lru_cache(maxsize=1024)
def _pattern(filter_: str) -> re.Pattern[str]:
    levels = filter_.split(".")
    rest = levels[-1] == ">"
    known = (r"[^.]+" if level == "*" else re.escape(level) for level in levels[: len(levels) - rest])
    return re.compile(r"\.".join((*known, *([r".+"] if rest else ()))))


def matches(filter_: str, subject: str) -> bool:
    """Return whether a subject fits a filter with `*` (one level) and `>` (all the rest)."""
    return _pattern(filter_).fullmatch(subject) is not None


def base(place: Place) -> str:
    """Return the subject prefix of a place: always five levels, an absent one is `-`."""
    return f"{ROOT}." + ".".join(place)


def sample(place: Place) -> str:
    """Return the subject on which the scans of a work unit travel."""
    return f"{base(place)}._sample_v1"


def event(place: Place, event_type: str) -> str:
    """Return the subject of an event type such as `connector.state.changed`."""
    return f"{base(place)}._evt_v1.{event_type}"


def any_event(enterprise: str, site: str, event_type: str) -> str:
    """Return the pattern of an event type wherever in a site it happens."""
    return f"{ROOT}.{enterprise}.{site}.*.*.*._evt_v1.{event_type}"


def interval(place: Place, kind: str) -> str:
    """Return the subject of the intervals of one kind (`class`)."""
    return f"{base(place)}._interval_v1.{kind}"


def state(place: Place, entity_kind: str, entity_id: str) -> str:
    """Return the subject that keeps the last state document of an entity."""
    return f"{base(place)}._state_v1.{entity_kind}.{entity_id}"


def rejected(place: Place, reason: str) -> str:
    """Return the quarantine subject of a reason code."""
    return f"{base(place)}._dlq_v1.{reason}"


def raw(place: Place, connector: str, path: str) -> str:
    """Return the subject of what a device delivered under its own name; `path` may hold dots."""
    return f"{base(place)}._raw.{connector}.{path}"


def health(enterprise: str, site: str, component: str) -> str:
    """Return the subject of a component's heartbeat."""
    return f"{base(Place(enterprise, site))}._sys_v1.{component}.health"


def frame(enterprise: str, site: str, session: str = "live") -> str:
    """Return the core subject of the twin's frames: `live`, or the id of a replay session."""
    return f"{base(Place(enterprise, site))}._frame_v1.{session}"


def query(enterprise: str, site: str, owner: str, name: str) -> str:
    """Return the request subject of a question to an owner (`twin`, `historian`, `recorder`)."""
    return f"{base(Place(enterprise, site))}._qry_v1.{owner}.{name}"


def command(enterprise: str, site: str, target: str, name: str) -> str:
    """Return the request subject of a command to an owner that can change something (`mes`)."""
    return f"{base(Place(enterprise, site))}._cmd_v1.{target}.{name}"


def mirror(place: Place, class_id: str, version: int, path: str) -> str:
    """Return the MQTT topic of a signal's mirror; `path` has slashes (`spindle/load`)."""
    return to_topic(base(place)) + f"/_{class_id}_v{version}/{path}"


def to_topic(subject: str) -> str:
    """Return the MQTT form of a subject."""
    return subject.replace(".", "/")


def to_subject(topic: str) -> str:
    """Return the NATS form of a topic of ours (which holds no dot and no space)."""
    return topic.replace("/", ".")


def parse(subject: str) -> Address:
    """Return the parts of a subject.

    Raises
    ------
    ValueError
        If it is none of ours.
    """
    parts = subject.split(".")
    if len(parts) < 8 or parts[0] != "uns" or parts[1] != "v1":
        raise ValueError(
            f"{subject!r} is no address of the namespace; expected uns.v1.<five levels>.<kind>..."
        )
    return Address(Place(*parts[2:7]), parts[7], tuple(parts[8:]))
