"""The port: what a bus can do. `client.py` is NATS, `memory.py` the same inside one process;
one contract suite runs over both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from taktwin.errors import BusError


class Message(NamedTuple):
    """One delivery. `sequence` is the stream position, 0 on the live road, which carries none."""

    subject: str
    payload: bytes
    headers: Mapping[str, str]
    sequence: int = 0
    received_mono_ns: int = 0


class Sending(NamedTuple):
    """One message on its way to a stream."""

    subject: str
    payload: bytes
    message_id: str


class MessageTooLarge(BusError):
    """The backbone takes no message of this size: sending it again is of no use."""


Handler = Callable[[Message], None]
Answerer = Callable[[Message], Awaitable[bytes]]


class Subscription(Protocol):
    """A running subscription."""

    async def close(self) -> None:
        """Stop deliveries."""
        ...


class Bus(Protocol):
    """One connection of one process under its own account."""

    @property
    def connected(self) -> bool:
        """Whether the backbone can be reached now."""
        ...

    @property
    def server_id(self) -> str:
        """Which backbone this is: another one after the server was restarted."""
        ...

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send on the live road: nothing is kept, nobody acknowledges. Raises BusError when away."""
        ...

    async def publish_durable(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> int:
        """Send and wait until the stream has stored it; return its sequence.

        Live subscribers of the subject hear the same message. Raises BusError when the backbone is
        away or did not answer in time: the caller sends again with the same id.
        """
        ...

    async def send_durable(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> Awaitable[int]:
        """Send on the durable road; the awaitable it returns has the sequence, or raises BusError.

        For many messages under way at a time; waits itself only while there are too many.
        """
        ...

    async def publish_together(self, messages: Sequence[Sending]) -> int:
        """Send up to a thousand messages to one stream, which stores all in this order, or none of them.

        Returns the sequence of the last. Raises BusError when they were refused, as they are where the
        stream knows the id of one already, or when nobody answered in time: then all may be there. Live
        subscribers hear them in either case, those who sent them once more twice.
        """
        ...

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Hear a subject on the live road. The handler is synchronous and must not block."""
        ...

    def on_slow(self, callback: Callable[[], None]) -> None:
        """Be told that deliveries were dropped because the handler was slow: resync from the stream."""
        ...

    def on_state(self, callback: Callable[[bool], None]) -> None:
        """Be told when the connection is lost (False) and made again (True)."""
        ...

    async def request(self, subject: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Ask and return the answer; large answers are fetched by reference behind the scenes."""
        ...

    async def serve(self, subject: str, answer: Answerer) -> Subscription:
        """Answer requests on a subject; answers over 256 KiB go through the object store."""
        ...

    def read_stream(
        self,
        stream: str,
        *,
        from_sequence: int = 1,
        subjects: Sequence[str] = (),
        follow: bool = True,
        batch: int = 500,
    ) -> AsyncIterator[list[Message]]:
        """Yield batches of a stream in order, from a position on.

        With `follow` it goes on for ever, over cuts of the connection; without it ends at what was
        last when it started. Positions below the stream's first are skipped (retention).
        """
        ...

    async def last_sequence(self, stream: str) -> int:
        """Return the position of the newest message of a stream, 0 if it is empty.

        Everything up to it was handed to this connection's live subscriptions before this returns,
        unless `on_slow` said otherwise.
        """
        ...

    async def last_values(self, stream: str, subject: str) -> list[Message]:
        """Return the newest message of each subject that matches."""
        ...

    async def flush(self) -> None:
        """Wait until the backbone has taken everything sent so far."""
        ...

    async def close(self) -> None:
        """End the connection, sending what is still waiting."""
        ...
