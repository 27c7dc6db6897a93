"""What people decide about alarms, published once under their name.

Comes in: a person, an alarm, a decision with an idempotency key. Goes out: the id of the event that
came of it. The same key twice is the same event, also across a restart of the portal: the id is made
of person, alarm, action and key, and owners ignore an id that they know.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.contracts import events, topics
from taktwin.contracts.events import (
    AlarmAcknowledged,
    AlarmCommented,
    AlarmShelved,
    AlarmUnshelved,
    CloudEvent,
    EventData,
)
from taktwin.contracts.state import AlarmDocument
from taktwin.identity import EquipmentId, Place
from taktwin.instants import MILLISECOND_NS, SECOND_NS, rfc3339
from taktwin.plant.registry import Registry
from taktwin.portal import wire
from taktwin.portal.auth import Person
from taktwin.portal.live import Hub
from taktwin.portal.models.alarms import Decision
from taktwin.portal.problems import Problem
from taktwin.portal.questions import Questions
from taktwin.portal.tables import column

Verb = Literal["acknowledge", "shelve", "unshelve", "comment"]
REMEMBERED = 2000
HOUR_NS = 3600 * SECOND_NS
# What is urgent may not be put aside for a whole shift.
SHELVED_MAX_NS = {1: 4 * HOUR_NS, 2: 4 * HOUR_NS, 3: 24 * HOUR_NS}


class Decisions:
    """Publishes decisions, one after the other."""

    def __init__(self, registry: Registry, bus: Bus, clock: Clock, hub: Hub, questions: Questions) -> None:
        self._registry = registry
        self._bus = bus
        self._clock = clock
        self._hub = hub
        self._questions = questions
        self._source = f"/{registry.enterprise}/{registry.site}/portal"
        self._sequence = 0
        self._made: OrderedDict[tuple[str, str], tuple[tuple[object, ...], str]] = OrderedDict()
        self._unseen: OrderedDict[str, CloudEvent] = OrderedDict()  # by id: not yet found in the history
        self._one_at_a_time = asyncio.Lock()

    async def decide(self, person: Person, alarm: str, verb: Verb, decision: Decision) -> str:
        """Publish a decision and return its event's id.

        Raises
        ------
        Problem
            409 where the alarm is not what the person saw, or not there any more; 422 where the
            decision itself cannot be; 503 where the twin is silent.
        BusError
            Where the backbone did not store it: the same key may be sent again.
        """
        if decision.mode != "live":
            raise Problem(409, "The past cannot be changed", place="mode", found=decision.mode, right="live")
        wish = (alarm, verb, decision.comment, decision.until_ms)
        key = (person.id, decision.idempotency_key)
        async with self._one_at_a_time:
            if key in self._made:
                made, event_id = self._made[key]
                if made != wish:
                    raise Problem(
                        422, "This key was used for another decision", place="idempotency_key",
                        found=f"{made[1]} of {made[0]}", right="a new key for a new decision",
                    )  # fmt: skip
                return event_id
            event_id = _event_id(person, alarm, verb, decision)
            try:
                document = self._check(alarm, verb, decision)
            except Problem as refused:
                if refused.status == 409 and await self._is_stored(event_id, alarm, verb):
                    return self._remember(key, wish, event_id)
                raise
            await self._publish(person, document, verb, decision, event_id)
            return self._remember(key, wish, event_id)

    def forget(self) -> None:
        """Forget which keys were used: what a restart does."""
        self._made.clear()
        self._unseen.clear()

    def beside(self, stored: Sequence[CloudEvent], *, from_ns: int, to_ns: int) -> list[CloudEvent]:
        """Return the decisions of a window that are published, but not among the stored events yet.

        The backbone keeps them from the first moment, the history a moment later: whoever has just
        decided finds the decision in the journal all the same.
        """
        for event in stored:
            self._unseen.pop(event.id, None)
        return [event for event in self._unseen.values() if from_ns <= event.time_ns <= to_ns]

    def _remember(self, key: tuple[str, str], wish: tuple[object, ...], event_id: str) -> str:
        self._made[key] = (wish, event_id)
        while len(self._made) > REMEMBERED:
            self._made.popitem(last=False)
        return event_id

    def _check(self, alarm: str, verb: Verb, decision: Decision) -> AlarmDocument:
        """Return the alarm as it is now, or raise why this cannot be decided about it."""
        if self._hub.twin_silent:
            raise Problem(
                503, "The twin is silent", place="twin",
                found=f"nothing heard since {rfc3339(self._hub.twin_silent_since_ns)}",
                right="a picture of now: nobody should decide about an old one",
            )  # fmt: skip
        document = self._hub.picture.alarms.by_id.get(alarm)
        if document is None or (document.state == "NORM" and not document.active):
            raise _conflict(alarm, "no such alarm stands now", "an alarm of /api/v1/alarms", document)
        version = wire.alarm_version(document)
        if decision.version is not None and decision.version != version:
            raise _conflict(alarm, "the alarm changed meanwhile", "a look at what it is now", document)
        if verb == "acknowledge" and document.acknowledged_ns and document.state not in ("UNACK", "RTNUN"):
            found = f"acknowledged by {document.acknowledged_by} at {rfc3339(document.acknowledged_ns)}"
            raise _conflict(alarm, found, "an alarm that nobody has acknowledged", document)
        if verb == "unshelve" and document.state != "SHLVD":
            raise _conflict(alarm, f"state {document.state}", "a shelved alarm", document)
        if verb == "shelve":
            self._check_shelving(document, decision)
        if verb in ("shelve", "comment") and not decision.comment.strip():
            raise Problem(
                422, "A reason is missing", place="comment", found="nothing", right="why, in a few words"
            )
        return document

    def _check_shelving(self, document: AlarmDocument, decision: Decision) -> None:
        now_ns = self._clock.now_ns()
        longest_ns = SHELVED_MAX_NS.get(document.priority, 4 * HOUR_NS)
        until_ns = wire.ns(decision.until_ms or 0)
        if not now_ns < until_ns <= now_ns + longest_ns:
            found = "nothing" if decision.until_ms is None else rfc3339(until_ns)
            raise Problem(
                422, "An alarm is put aside until an instant", place="until_ms", found=found,
                right=f"after now and at most {longest_ns // HOUR_NS} h ahead for priority "
                f"{document.priority}",
            )  # fmt: skip

    async def _publish(
        self, person: Person, document: AlarmDocument, verb: Verb, decision: Decision, event_id: str
    ) -> None:
        now_ns = self._clock.now_ns()
        # Monotonic within the source, and across its restarts, because time is.
        self._sequence = max(self._sequence + 1, now_ns)
        content = _content(person, document.alarm, verb, decision)
        event = events.make(
            content, source=self._source, sequence=self._sequence, time_ns=now_ns, subject=document.alarm,
            event_id=event_id, authid=person.id,
        )  # fmt: skip
        equipment = self._registry.equipment.get(EquipmentId(document.equipment))
        place = equipment.place if equipment else Place(self._registry.enterprise, self._registry.site)
        await self._bus.publish_durable(
            topics.event(place, content.event_type), events.encode(event), message_id=event_id
        )
        self._unseen[event_id] = event
        while len(self._unseen) > REMEMBERED:
            self._unseen.popitem(last=False)

    async def _is_stored(self, event_id: str, alarm: str, verb: Verb) -> bool:
        """Return whether this very decision was published before, by an earlier run of the portal."""
        now_ns = self._clock.now_ns()
        table = await self._questions.events(
            from_ns=now_ns - HOUR_NS, to_ns=now_ns + SECOND_NS, types=[_TYPES[verb]], subjects=[alarm]
        )
        return event_id in column(table, "id")


_TYPES: dict[Verb, str] = {
    "acknowledge": AlarmAcknowledged.event_type,
    "shelve": AlarmShelved.event_type,
    "unshelve": AlarmUnshelved.event_type,
    "comment": AlarmCommented.event_type,
}


def _event_id(person: Person, alarm: str, verb: Verb, decision: Decision) -> str:
    parts = (person.id, alarm, verb, decision.idempotency_key)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _content(person: Person, alarm: str, verb: Verb, decision: Decision) -> EventData:
    match verb:
        case "acknowledge":
            return AlarmAcknowledged(alarm=alarm, person=person.id, comment=decision.comment)
        case "shelve":
            until_ns = (decision.until_ms or 0) * MILLISECOND_NS
            return AlarmShelved(alarm=alarm, person=person.id, until_ns=until_ns, comment=decision.comment)
        case "unshelve":
            return AlarmUnshelved(alarm=alarm, person=person.id)
        case "comment":
            return AlarmCommented(alarm=alarm, person=person.id, comment=decision.comment)


def _conflict(alarm: str, found: str, right: str, document: AlarmDocument | None) -> Problem:
    now = None if document is None else wire.alarm(document)
    return Problem(
        409, "The alarm is not what you saw", place=f"alarm {alarm}", found=found, right=right, alarm=now
    )
