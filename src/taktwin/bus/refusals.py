"""What the backbone's server refused to its clients, read from the lines of its log. Pure.

MQTT 3.1.1 has no answer that says no: a publish that is not permitted is acknowledged like any
other, and a topic with a space ends the connection without a word. Only the server's log tells. So
that a person sees it where everything refused is seen, each such line becomes a rejection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from taktwin.contracts.quarantine import Rejection
from taktwin.instants import SECOND_NS

CONNECTOR = "backbone"
AGAIN_NS = 60 * SECOND_NS  # a client that tries the same again and again is named once a minute
KNOWN_MAX = 1000
REASONS = ("not_permitted", "bad_topic", "too_large")  # keys of contracts.quarantine.REASONS

_LINE = re.compile(r'\[ERR\] (?P<peer>\S+) - [cm]id:\d+ - (?P<names>(?:"[^"]*" - )*)(?P<what>.*)')
_PUBLISH = re.compile(r'Publish Violation - Subject "(?P<subject>[^"]*)"')
_SUBSCRIBE = re.compile(r'Subscription Violation - Subject "(?P<subject>[^"]+)"')
_ACCOUNT = re.compile(r'authentication error - User "(?P<user>[^"]*)"')
_TOPIC = re.compile(r'(?:invalid topic "(?P<topic>[^"]*)": )?character not supported for MQTT topics')
_SIZE = re.compile(r"maximum payload exceeded: (?P<size>\d+) vs (?P<limit>\d+)")


def refusal(line: str) -> Rejection | None:
    """Return what a line of the server's log says it refused, None where it says something else.

    The origin is the client as it names itself, with its account where it has one, and its address.
    """
    match = _LINE.search(line)
    if match is None:
        return None
    origin = " ".join([*re.findall(r'"([^"]+)"', match["names"]), f"at {match['peer']}"])
    what = match["what"]
    if publish := _PUBLISH.match(what):
        return _rejection(
            "not_permitted", f"a publish to {publish['subject']}", "a subject of its rights", origin
        )
    if subscribe := _SUBSCRIBE.match(what):
        found = f"a subscription of {subscribe['subject']}"
        return _rejection("not_permitted", found, "a subject of its rights", origin)
    if account := _ACCOUNT.match(what):
        found = f"the account {account['user']!r} with a wrong password, or unknown"
        return _rejection("not_permitted", found, "an account of the plant and its password", origin)
    if topic := _TOPIC.match(what):
        named = f" in {topic['topic']!r}" if topic["topic"] else ""
        return _rejection(
            "bad_topic",
            f"a character in a topic that is not supported{named}",
            "topics without spaces",
            origin,
        )
    if size := _SIZE.match(what):
        return _rejection("too_large", f"{size['size']} bytes", f"at most {size['limit']} bytes", origin)
    return None


def _rejection(reason: str, found: str, expected: str, origin: str) -> Rejection:
    return Rejection(
        reason=reason, found=found[:200], expected=expected, origin=origin[:200], connector=CONNECTOR
    )


@dataclass(slots=True)
class _Known:
    said_mono_ns: int
    since: int = 0  # how often it came since it was said


@dataclass(slots=True)
class Repetitions:
    """Which refusals were said already: a client in a loop must not fill the quarantine."""

    _known: dict[tuple[str, str, str], _Known] = field(default_factory=dict)

    def news(self, found: Rejection, *, mono_ns: int) -> str | None:
        """Return what to say of a refusal, None where the same was said within the last minute."""
        # The port of the client's address is another one with each of its tries.
        key = (found.reason, found.found, found.origin.rpartition(":")[0])
        known = self._known.get(key)
        if known is not None and mono_ns - known.said_mono_ns < AGAIN_NS:
            known.since += 1
            return None
        if known is None and len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[key] = _Known(mono_ns)
        since = 0 if known is None else known.since
        return f"{found.found}, {since} times more since it was last said" if since else found.found
