"""The streams of the backbone as values: what each keeps, for how long, and how it is flushed.

Samples are acknowledged before they are flushed (`persist_mode: async`); everything else is on
disk before the acknowledgement, because the server runs with `sync_interval: always`. The two
streams of the MQTT listener are made by us before its first client: made by the server, each
retained publish would cost one flush (626 instead of 7 for 600 of them).
"""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.bus.rights import ANSWERS, STREAM_ANSWERS
from taktwin.contracts import topics

# A server that was killed may have lost the newest samples that it had handed out already; they are
# sent again and stand at other positions then. A forwarder keeps no more than this for sending again.
UNSURE = {topics.STREAM_SAMPLES: 20_000}
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream as the server should have it."""

    name: str
    subjects: tuple[str, ...]
    max_age_ns: int = 0
    max_bytes: int = -1
    max_msgs_per_subject: int = -1
    durable: bool = True  # flushed before the acknowledgement
    duplicate_window_ns: int = 120 * SECOND
    retention: str = "limits"
    together: bool = False  # takes many messages all or none

    def configuration(self) -> dict[str, object]:
        """Return the body of the server's create and update requests."""
        body: dict[str, object] = {
            "name": self.name,
            "subjects": list(self.subjects),
            "retention": self.retention,
            "storage": "file",
            "discard": "old",
            "num_replicas": 1,
            "max_consumers": -1,
            "max_msgs": -1,
            "max_bytes": self.max_bytes,
            "max_age": self.max_age_ns,
            "max_msgs_per_subject": self.max_msgs_per_subject,
            "max_msg_size": -1,
            "allow_direct": True,
            "duplicate_window": min(self.duplicate_window_ns, self.max_age_ns or self.duplicate_window_ns),
        }
        if not self.durable:
            body["persist_mode"] = "async"
        if self.together:
            body["allow_atomic"] = True
        return body


def plans(*, samples_bytes_max: int = 8_000_000_000, samples_age_ns: int = 7 * DAY) -> tuple[StreamPlan, ...]:
    """Return all streams of an installation."""
    return (
        # The window bounds the server's memory of ids: at 5,000 messages/s a minute is 300,000 of them.
        StreamPlan(
            topics.STREAM_SAMPLES,
            (topics.SAMPLES,),
            max_age_ns=samples_age_ns,
            max_bytes=samples_bytes_max,
            durable=False,
            duplicate_window_ns=60 * SECOND,
        ),
        StreamPlan(topics.STREAM_EVENTS, (topics.EVENTS,), duplicate_window_ns=3600 * SECOND, together=True),
        StreamPlan(
            topics.STREAM_INTERVALS, (topics.INTERVALS,), max_bytes=4_000_000_000, max_age_ns=400 * DAY
        ),
        StreamPlan(topics.STREAM_STATES, (topics.STATES,), max_msgs_per_subject=1, durable=False),
        StreamPlan(topics.STREAM_REJECTED, (topics.REJECTED,), max_age_ns=30 * DAY, max_bytes=500_000_000),
        StreamPlan(
            STREAM_ANSWERS, (ANSWERS,), max_age_ns=300 * SECOND, max_bytes=1_000_000_000, durable=False
        ),
    )


_SUBJECTS = {plan.name: plan.subjects for plan in plans()}


def is_of(stream: str, subject: str) -> bool:
    """Return whether a message of this subject was said to a stream, if it is one of ours."""
    return stream not in _SUBJECTS or any(topics.matches(each, subject) for each in _SUBJECTS[stream])


def sure_position(stream: str, position: int) -> int:
    """Return the position up to which a stream is surely as it was, if its server was killed since.

    Who reads on from there hears some messages twice, and misses none.
    """
    return max(0, position - UNSURE.get(stream, 0))


def mqtt_plans() -> tuple[StreamPlan, ...]:
    """Return the two streams of the MQTT listener that would be slow if the server made them."""
    return (
        StreamPlan("$MQTT_msgs", ("$MQTT.msgs.>",), retention="interest", durable=False),
        StreamPlan("$MQTT_rmsgs", ("$MQTT.rmsgs.>",), max_msgs_per_subject=1, durable=False),
    )
