"""The time in which a process listened: all of it, less what it missed of its own turns."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from taktwin.clock import VirtualClock
from taktwin.gateway.attention import BEAT_S, LATE_NS_MAX, Attention
from taktwin.instants import MILLISECOND_NS, SECOND_NS


class Hands(VirtualClock):
    """A clock that a test sets forward, as if nobody had been woken meanwhile."""

    def forward(self, seconds: float) -> None:
        self._now_ns += int(seconds * SECOND_NS)


def test_a_process_that_has_its_turns_listens_all_the_time() -> None:
    clock = Hands()
    attention = Attention(clock)
    for _ in range(100):
        clock.forward(BEAT_S + 0.1)  # a little late, as on every machine
        attention.beat()
    assert attention.listened_ns() == clock.monotonic_ns()
    assert attention.stalled_s == 0.0


def test_a_stall_does_not_count_from_the_moment_on_at_which_we_have_a_turn_again() -> None:
    clock = Hands()
    attention = Attention(clock)
    clock.forward(BEAT_S)
    attention.beat()
    before_ns = attention.listened_ns()
    clock.forward(10.0)
    missed_ns = 10 * SECOND_NS - int(BEAT_S * SECOND_NS) - LATE_NS_MAX
    # Whoever comes before the beat that notes it must not count it either.
    assert attention.listened_ns() - before_ns == 10 * SECOND_NS - missed_ns
    attention.beat()
    assert attention.listened_ns() - before_ns == 10 * SECOND_NS - missed_ns
    clock.forward(0.05)
    assert attention.listened_ns() - before_ns == 10 * SECOND_NS - missed_ns + 50 * MILLISECOND_NS


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60))
def test_it_never_runs_backwards_and_never_faster_than_time(steps: list[tuple[float, bool]]) -> None:
    clock = Hands()
    attention = Attention(clock)
    heard_ns, at_ns = attention.listened_ns(), clock.monotonic_ns()
    for seconds, beats in steps:
        clock.forward(seconds)
        if beats:
            attention.beat()
        now_ns, listened_ns = clock.monotonic_ns(), attention.listened_ns()
        assert 0 <= listened_ns - heard_ns <= now_ns - at_ns
        heard_ns, at_ns = listened_ns, now_ns


async def test_it_beats_by_itself() -> None:
    clock = VirtualClock()
    attention = Attention(clock)
    running = asyncio.create_task(attention.run())
    await clock.advance(5.0)
    assert attention.listened_ns() == clock.monotonic_ns()
    running.cancel()
