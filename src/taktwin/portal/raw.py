"""The newest bytes of a device as it sent them, for the signals that somebody has looked at.

Only what comes over the backbone's own listener can be seen here; other protocols do not show
their bytes, and then nothing is invented.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from taktwin.bus.port import Bus, Message, Subscription
from taktwin.contracts import topics

WATCHED_MAX = 32
TEXT_MAX = 600


@dataclass
class _Watched:
    subscription: Subscription | None = None
    payload: bytes | None = None


class RawBook:
    """Listens to the raw subjects of lately opened signals."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._watched: OrderedDict[str, _Watched] = OrderedDict()

    async def newest(self, topic: str) -> str | None:
        """Return the newest bytes on a topic as text, None until some came; starts to listen."""
        watched = self._watched.get(topic)
        if watched is None:
            watched = self._watched[topic] = _Watched()
            while len(self._watched) > WATCHED_MAX:
                _, oldest = self._watched.popitem(last=False)
                if oldest.subscription is not None:
                    await oldest.subscription.close()
            watched.subscription = await self._bus.subscribe(
                topics.to_subject(topic), lambda message: _keep(watched, message)
            )
        self._watched.move_to_end(topic)
        return None if watched.payload is None else as_text(watched.payload)

    async def close(self) -> None:
        """Stop listening."""
        for watched in self._watched.values():
            if watched.subscription is not None:
                await watched.subscription.close()
        self._watched.clear()


def _keep(watched: _Watched, message: Message) -> None:
    watched.payload = message.payload


def as_text(payload: bytes) -> str:
    """Return bytes as text: UTF-8 where they are that, else hex; at most 600 characters."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = payload[: TEXT_MAX // 3].hex(" ")
    return text[:TEXT_MAX]
