"""The life of one connection: connecting, running, degraded, lost, stopped. Pure.

Comes in: what happened, with its plant time and its monotonic instant, in which stretches without a
turn of our own do not count (`gateway.attention`). Goes out: what to do next (connect, close) and what
to tell (a state, with the time at which it became so). It never trusts a socket: what has not been
heard for `silence_s` is lost, whatever the operating system says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

SECOND_NS = 1_000_000_000


class State(StrEnum):
    """What a connection is in. DEGRADED runs, but something of it is refused."""

    CONNECTING = "connecting"
    RUNNING = "running"
    DEGRADED = "degraded"
    LOST = "lost"
    STOPPED = "stopped"


ALIVE = frozenset({State.RUNNING, State.DEGRADED})


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a new conversation now."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the conversation, however it is."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tell everybody: the state changed. `time_ns` is the plant time at which it became so."""

    state: State
    reason: str
    time_ns: int


Effect: TypeAlias = Connect | Close | Report


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the engine waits for what, in wall seconds."""

    connect_s: float = 5.0
    silence_s: float = 2.0
    retry_first_s: float = 0.5
    retry_max_s: float = 5.0
    jitter: float = 0.25  # each wait is spread by this share, so that a plant does not knock at once
    trouble_s: float = 60.0  # a refused message keeps the connection degraded for so long


class Lifecycle:
    """The state machine of one connection.

    `draw` returns a number in [0, 1): the jitter, from a stream that the caller owns.
    """

    def __init__(self, patience: Patience, draw: Callable[[], float]) -> None:
        self.state = State.CONNECTING
        self.reason = ""
        self.since_ns = 0
        self.losses = 0  # how often it was lost after it had been running
        self.reconnects = 0  # how often it came back
        self.last_heard_ns = 0  # plant time of the last sign of life
        self._patience = patience
        self._draw = draw
        self._attempts = 0
        self._conversing = False  # a conversation is open or being opened
        self._retry_mono_ns: int | None = None
        self._watch_mono_ns: int | None = None
        self._calm_mono_ns: int | None = None
        self._lasting: dict[str, str] = {}  # address -> why it is refused
        self._passing = ""

    def start(self, now_ns: int, mono_ns: int) -> list[Effect]:
        """Begin: connect for the first time."""
        self.since_ns = now_ns
        return [Report(State.CONNECTING, "", now_ns), *self._attempt(mono_ns)]

    def connected(self, now_ns: int, mono_ns: int) -> list[Effect]:
        """The conversation is open."""
        if self.state is State.STOPPED or not self._conversing:
            return []
        self._attempts = 0
        self.reconnects += self.losses > 0
        self._lasting.clear()
        self._passing, self._calm_mono_ns = "", None
        self._hear(now_ns, mono_ns)
        return self._become(State.RUNNING, "", now_ns)

    def heard(self, now_ns: int, mono_ns: int) -> None:
        """The other side gave a sign of life at plant time `now_ns`."""
        if self.state in ALIVE:
            self._hear(now_ns, mono_ns)

    def refused(self, address: str, reason: str, now_ns: int) -> list[Effect]:
        """The device refuses an address (or, with an empty reason, takes it again)."""
        if self.state not in ALIVE:
            return []
        if reason:
            self._lasting[address] = reason
        else:
            self._lasting.pop(address, None)
        return self._judge(now_ns)

    def quarantined(self, reason: str, now_ns: int, mono_ns: int) -> list[Effect]:
        """A message was refused: degraded for a while."""
        if self.state not in ALIVE:
            return []
        self._passing = reason
        self._calm_mono_ns = mono_ns + int(self._patience.trouble_s * SECOND_NS)
        return self._judge(now_ns)

    def failed(self, reason: str, now_ns: int, mono_ns: int) -> list[Effect]:
        """The conversation could not be opened, or has ended."""
        if self.state is State.STOPPED or not self._conversing:
            return []
        return self._lose(reason, now_ns, mono_ns)

    def stop(self, now_ns: int) -> list[Effect]:
        """End for good."""
        if self.state is State.STOPPED:
            return []
        open_before, self._conversing = self._conversing, False
        self._retry_mono_ns = self._watch_mono_ns = self._calm_mono_ns = None
        return [*([Close()] if open_before else []), *self._become(State.STOPPED, "", now_ns)]

    def advance(self, now_ns: int, mono_ns: int) -> list[Effect]:
        """Let deadlines pass: silence, the end of a wait, the end of a passing trouble."""
        effects: list[Effect] = []
        if self._watch_mono_ns is not None and mono_ns >= self._watch_mono_ns:
            was_open = self.state in ALIVE
            seconds = self._patience.silence_s if was_open else self._patience.connect_s
            said = f"silent for {seconds:g} s" if was_open else f"no connection within {seconds:g} s"
            effects += self._lose(said, now_ns, mono_ns)
        if self._retry_mono_ns is not None and mono_ns >= self._retry_mono_ns:
            effects += self._attempt(mono_ns)
        if self._calm_mono_ns is not None and mono_ns >= self._calm_mono_ns:
            self._calm_mono_ns, self._passing = None, ""
            effects += self._judge(now_ns)
        return effects

    def next_deadline_mono_ns(self) -> int | None:
        """Return the monotonic instant at which `advance` has something to do."""
        waits = (self._watch_mono_ns, self._retry_mono_ns, self._calm_mono_ns)
        return min((wait for wait in waits if wait is not None), default=None)

    @property
    def bad_addresses(self) -> dict[str, str]:
        """Return the refused addresses with their reasons."""
        return dict(self._lasting)

    def _attempt(self, mono_ns: int) -> list[Effect]:
        self._retry_mono_ns = None
        self._conversing = True
        self._watch_mono_ns = mono_ns + int(self._patience.connect_s * SECOND_NS)
        return [Connect()]

    def _hear(self, now_ns: int, mono_ns: int) -> None:
        self.last_heard_ns = max(self.last_heard_ns, now_ns)
        self._watch_mono_ns = mono_ns + int(self._patience.silence_s * SECOND_NS)

    def _lose(self, reason: str, now_ns: int, mono_ns: int) -> list[Effect]:
        was_alive = self.state in ALIVE
        self._conversing = False
        self._watch_mono_ns = self._calm_mono_ns = None
        self._passing = ""
        wait_s = min(self._patience.retry_first_s * 2.0**self._attempts, self._patience.retry_max_s)
        self._attempts = min(self._attempts + 1, 30)
        spread = 1.0 + self._patience.jitter * (2.0 * self._draw() - 1.0)
        self._retry_mono_ns = mono_ns + int(wait_s * spread * SECOND_NS)
        if was_alive:
            self.losses += 1
            return [Close(), *self._become(State.LOST, reason, self.last_heard_ns)]
        if self.state is State.LOST:
            self.reason = reason  # the same loss: told once on the way down
            return [Close()]
        return [Close(), *self._become(State.LOST, reason, now_ns)]

    def _judge(self, now_ns: int) -> list[Effect]:
        assert self.state in ALIVE, "only a conversation that runs can be troubled"
        if self._lasting:
            address, why = next(iter(self._lasting.items()))
            more = f" and {len(self._lasting) - 1} more" if len(self._lasting) > 1 else ""
            return self._become(State.DEGRADED, f"{address}: {why}{more}", now_ns)
        if self._passing:
            return self._become(State.DEGRADED, self._passing, now_ns)
        return self._become(State.RUNNING, "", now_ns)

    def _become(self, state: State, reason: str, time_ns: int) -> list[Effect]:
        if state is self.state:
            self.reason = reason
            return []
        self.state, self.reason, self.since_ns = state, reason, time_ns
        return [Report(state, reason, time_ns)]
