"""One replay for one browser: the recorder plays the past on a session's own subject.

A page cannot tell replay from live but by its mode: the same frames, another source. Wishes that
come faster than the recorder can fulfil them (a playhead that is dragged) melt into the newest one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from taktwin.bus.port import Bus, Message, Subscription
from taktwin.contracts import topics
from taktwin.contracts.state import Frame
from taktwin.errors import BusError
from taktwin.plant.registry import Registry
from taktwin.portal.compose import Composer
from taktwin.portal.picture import Picture
from taktwin.portal.questions import Questions, decode_frame

ANSWER_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 2.0


class _Sequence(msgspec.Struct):
    sequence: int | None = None


_sequences = msgspec.msgpack.Decoder(_Sequence)


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a page wants to be. `live` ends the replay; None leaves what it is."""

    op: str  # the operation that a refusal names
    live: bool = False
    at_ns: int | None = None
    speed: float | None = None
    step: int = 0  # 1: the next event, -1: the one before

    def then(self, later: Wish) -> Wish:
        """Return one wish for two: what the later one leaves open, the earlier one says."""
        if later.live or (later.at_ns is not None and later.speed is not None):
            return later
        if self.live:
            return self  # steering makes no sense any more
        return replace(
            later,
            op=self.op if self.op == "mode" else later.op,
            at_ns=self.at_ns if later.at_ns is None and not later.step else later.at_ns,
            speed=self.speed if later.speed is None else later.speed,
        )


class Replay:
    """A session with the recorder."""

    def __init__(
        self, registry: Registry, bus: Bus, questions: Questions, *, session: str, changed: Callable[[], None]
    ) -> None:
        self.picture = Picture(len(registry.signals), registry.prefix)
        self.composer = Composer(self.picture)
        self.session = session
        self.speed = 1.0
        self.lost = asyncio.Event()  # a frame is missing: the instant must be asked for again
        self._registry = registry
        self._bus = bus
        self._questions = questions
        self._changed = changed
        self._subscription: Subscription | None = None
        self._moving = False
        self._early: list[Frame] = []

    async def open(self, *, at_ns: int, speed: float) -> None:
        """Begin at an instant.

        Raises
        ------
        BusError
            If the recorder is away, or knows nothing of that instant.
        """
        if self._subscription is None:
            subject = topics.frame(self._registry.enterprise, self._registry.site, self.session)
            self._subscription = await self._bus.subscribe(subject, self._hear)
        self.speed = speed
        await self._move("open", {"session": self.session, "at_ns": at_ns, "speed": speed})

    async def control(self, *, at_ns: int | None, speed: float | None, step: int = 0) -> None:
        """Go to another instant or event, or play at another speed. Raises BusError."""
        request: dict[str, object] = {"session": self.session}
        if speed is not None:
            request["speed"] = self.speed = speed
        if step:
            request["step"] = step
        elif at_ns is not None:
            request["at_ns"] = at_ns
        await self._move("control", request)

    async def keep(self) -> None:
        """Tell the recorder that somebody still looks; open the session again if it was lost.

        Raises
        ------
        BusError
            If the recorder is away: the picture stands still, and the next call tries again.
        """
        try:
            await self._questions.ask_values("recorder", "keep", {"session": self.session}, timeout_s=2.0)
        except BusError:
            await self.open(at_ns=self.picture.at_ns, speed=self.speed)

    async def close(self) -> None:
        """End the session. A recorder that does not hear this ends it by itself."""
        if self._subscription is not None:
            await self._subscription.close()
            self._subscription = None
        try:
            request = {"session": self.session}
            await self._questions.ask_values("recorder", "close", request, timeout_s=CLOSE_TIMEOUT_S)
        except BusError:
            return

    async def _move(self, name: str, request: dict[str, object]) -> None:
        """Ask the recorder; its answer to a new instant is the full picture of it."""
        self._moving = True
        self._early.clear()
        try:
            answer = await self._questions.ask(
                "recorder", name, msgspec.msgpack.encode(request), timeout_s=ANSWER_TIMEOUT_S
            )
            # Another speed, or a step beyond the last event, moves nothing and has no picture.
            if _is_picture(answer):
                self.picture.replace(decode_frame(answer))
                self.lost.clear()
        finally:
            self._moving = False
        for frame in self._early:
            self._take(frame)
        self._early.clear()
        self._changed()

    def _hear(self, message: Message) -> None:
        frame = decode_frame(message.payload)
        if self._moving:
            self._early.append(frame)
        else:
            self._take(frame)
            self._changed()

    def _take(self, frame: Frame) -> None:
        if self.picture.follows(frame):
            self.picture.apply(frame)
        elif frame.sequence > self.picture.sequence:
            self.lost.set()
            self._changed()


def _is_picture(answer: bytes) -> bool:
    try:
        return _sequences.decode(answer).sequence is not None
    except msgspec.DecodeError as error:
        raise BusError(f"recorder answered no MessagePack: {error}") from error
