"""How long this process really listened: monotonic time without the stretches in which it had no turn.

On a machine with too much to do a process may get no turn for seconds. Whatever arrived meanwhile waits
in its sockets, and whatever it wanted to ask was never asked: that is our lateness and not the silence
of a machine. So silence is counted in the time in which somebody listened.
"""

from __future__ import annotations

from taktwin.clock import Clock
from taktwin.instants import MILLISECOND_NS, SECOND_NS

BEAT_S = 0.1
# Beats come a little late on any machine; only what is more is a stall. So a machine that is merely
# busy keeps its deadlines, and one that is silent is noticed a stall later at the most.
LATE_NS_MAX = 150 * MILLISECOND_NS


class Attention:
    """The time in which this process listened; `run` has to run beside whoever asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat_ns = int(BEAT_S * SECOND_NS)
        self._last_ns = clock.monotonic_ns()
        self._stalled_ns = 0

    def listened_ns(self) -> int:
        """Return the monotonic instant less all stalls, also the one that may just have ended."""
        now_ns = self._clock.monotonic_ns()
        return now_ns - self._stalled_ns - self._excess_ns(now_ns)

    @property
    def stalled_s(self) -> float:
        """Return for how long in all this process had no turn, in seconds."""
        return self._stalled_ns / SECOND_NS

    async def run(self) -> None:
        """Beat until cancelled."""
        self._last_ns = self._clock.monotonic_ns()
        while True:
            await self._clock.wall_sleep(BEAT_S)
            self.beat()

    def beat(self) -> None:
        """Note that we have a turn now."""
        now_ns = self._clock.monotonic_ns()
        self._stalled_ns += self._excess_ns(now_ns)
        self._last_ns = now_ns

    def _excess_ns(self, now_ns: int) -> int:
        return max(0, now_ns - self._last_ns - self._beat_ns - LATE_NS_MAX)
