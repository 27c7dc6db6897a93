"""The life of a connection: every state, every event, time only as numbers."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.gateway.engine import ALIVE, Close, Connect, Effect, Lifecycle, Patience, Report, State

S = 1_000_000_000
PATIENCE = Patience(connect_s=5, silence_s=2, retry_first_s=0.5, retry_max_s=4, jitter=0.0, trouble_s=60)
PLANT = 1_000_000 * S  # plant time and monotonic time are different numbers on purpose


class Life:
    """A lifecycle with a clock, remembering its effects."""

    def __init__(self, patience: Patience = PATIENCE, draw: float = 0.5) -> None:
        self.engine = Lifecycle(patience, lambda: draw)
        self.mono = 0
        self.effects: list[Effect] = []

    @property
    def now(self) -> int:
        return PLANT + self.mono

    def after(self, seconds: float) -> Life:
        end = self.mono + int(seconds * S)
        while (deadline := self.engine.next_deadline_mono_ns()) is not None and deadline <= end:
            self.mono = max(self.mono, deadline)
            self.effects += self.engine.advance(self.now, self.mono)
        self.mono = end
        return self

    def start(self) -> Life:
        self.effects += self.engine.start(self.now, self.mono)
        return self

    def connected(self) -> Life:
        self.effects += self.engine.connected(self.now, self.mono)
        return self

    def failed(self, reason: str = "refused") -> Life:
        self.effects += self.engine.failed(reason, self.now, self.mono)
        return self

    def heard(self) -> Life:
        self.engine.heard(self.now, self.mono)
        return self

    def stop(self) -> Life:
        self.effects += self.engine.stop(self.now)
        return self

    @property
    def reports(self) -> list[State]:
        return [effect.state for effect in self.effects if isinstance(effect, Report)]

    @property
    def last(self) -> Report:
        return [effect for effect in self.effects if isinstance(effect, Report)][-1]

    def count(self, kind: type[Effect]) -> int:
        return sum(isinstance(effect, kind) for effect in self.effects)


def test_it_begins_by_connecting_and_runs_once_connected() -> None:
    life = Life().start()
    assert life.effects == [Report(State.CONNECTING, "", PLANT), Connect()]
    life.after(1).connected()
    assert life.last == Report(State.RUNNING, "", PLANT + S)
    assert life.engine.losses == 0


def test_silence_is_a_loss_as_of_the_last_sign_of_life() -> None:
    life = Life().start().connected().after(1.5).heard().after(1.9)
    assert life.engine.state is State.RUNNING
    life.after(0.2)
    assert life.last == Report(State.LOST, "silent for 2 s", PLANT + 3 * S // 2)
    assert isinstance(life.effects[-2], Close)
    assert life.engine.losses == 1


def test_while_there_are_signs_of_life_it_runs() -> None:
    life = Life().start().connected()
    for _ in range(100):
        life.after(1.9).heard()
    assert life.reports == [State.CONNECTING, State.RUNNING]


def test_a_first_connection_that_does_not_come_is_told_once_and_tried_for_ever() -> None:
    life = Life().start()
    for _ in range(20):
        life.failed().after(4)
    assert life.reports == [State.CONNECTING, State.LOST]
    assert life.count(Connect) == 21
    assert life.engine.losses == 0  # it was never there
    life.connected()
    assert life.reports[-1] is State.RUNNING
    assert life.engine.reconnects == 0


def test_an_attempt_that_hangs_is_ended_and_made_again() -> None:
    life = Life().start().after(5)
    assert (life.count(Connect), life.count(Close)) == (1, 1)
    assert life.last.reason == "no connection within 5 s"
    life.after(0.5)
    assert life.count(Connect) == 2


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_success() -> None:
    life = Life().start()
    waits = []
    for _ in range(6):
        life.failed()
        deadline = life.engine.next_deadline_mono_ns()
        assert deadline is not None
        waits.append((deadline - life.mono) / S)
        life.after(waits[-1])
    assert waits == [0.5, 1, 2, 4, 4, 4]
    life.connected().failed()
    deadline = life.engine.next_deadline_mono_ns()
    assert deadline is not None
    assert (deadline - life.mono) / S == 0.5


def test_jitter_spreads_each_wait_by_its_share() -> None:
    for draw, wait in ((0.0, 0.375), (0.5, 0.5), (1.0 - 1e-9, 0.625)):
        life = Life(Patience(retry_first_s=0.5, jitter=0.25), draw).start().failed()
        deadline = life.engine.next_deadline_mono_ns()
        assert deadline is not None
        assert abs((deadline - life.mono) / S - wait) < 1e-6


def test_a_return_counts_and_forgets_the_bad_addresses_of_before() -> None:
    life = Life().start().connected()
    life.effects += life.engine.refused("a1", "BadNodeIdUnknown", life.now)
    assert life.engine.state is State.DEGRADED
    assert "a1: BadNodeIdUnknown" in life.engine.reason
    life.after(1).failed("cut").after(0.5).connected()
    assert life.reports == [State.CONNECTING, State.RUNNING, State.DEGRADED, State.LOST, State.RUNNING]
    assert life.engine.bad_addresses == {}
    assert (life.engine.losses, life.engine.reconnects) == (1, 1)


def test_a_bad_address_degrades_until_it_is_good_again() -> None:
    life = Life().start().connected()
    life.effects += life.engine.refused("a1", "unknown", life.now)
    life.effects += life.engine.refused("a2", "unknown", life.now)
    assert life.engine.reason == "a1: unknown and 1 more"
    life.effects += life.engine.refused("a1", "", life.now)
    assert life.engine.state is State.DEGRADED
    life.effects += life.engine.refused("a2", "", life.now)
    assert life.reports[-2:] == [State.DEGRADED, State.RUNNING]


def test_a_refused_message_degrades_for_a_while() -> None:
    life = Life().start().connected()
    for _ in range(40):
        life.after(1).heard()
        if life.mono == 10 * S:
            life.effects += life.engine.quarantined("x: malformed", life.now, life.mono)
    assert life.reports == [State.CONNECTING, State.RUNNING, State.DEGRADED]
    for _ in range(40):
        life.after(1).heard()
    assert life.reports[-1] is State.RUNNING
    assert life.last.time_ns == PLANT + 70 * S


def test_a_stopped_connection_does_nothing_more() -> None:
    life = Life().start().connected().stop()
    assert life.last.state is State.STOPPED
    assert life.count(Close) == 1
    before = list(life.effects)
    life.failed().connected().heard().after(100).stop()
    life.effects += life.engine.quarantined("x", life.now, life.mono)
    life.effects += life.engine.refused("a", "b", life.now)
    assert life.effects == before
    assert life.engine.next_deadline_mono_ns() is None


def test_what_a_closed_conversation_still_says_changes_nothing() -> None:
    life = Life().start().connected().failed("cut")
    before = list(life.effects)
    life.failed("late").connected()
    life.heard()
    assert life.effects == before
    assert life.engine.state is State.LOST


STEPS = ("connected", "failed", "heard", "refused", "mended", "quarantined", "advance", "stop")


def do(life: Life, step: str) -> None:
    engine = life.engine
    match step:
        case "refused":
            life.effects += engine.refused("a", "bad", life.now)
        case "mended":
            life.effects += engine.refused("a", "", life.now)
        case "quarantined":
            life.effects += engine.quarantined("x", life.now, life.mono)
        case "advance":
            life.after(0.7)
        case _:
            getattr(life, step)()


def check(life: Life) -> None:
    """What holds after any history."""
    engine = life.engine
    opened, closed = life.count(Connect), life.count(Close)
    assert opened - closed in (0, 1), "never two conversations at a time"
    assert life.reports[-1] is engine.state, "the last report is the state"
    assert all(a is not b for a, b in itertools.pairwise(life.reports)), "each change is told once"
    if engine.state is State.STOPPED:
        assert opened == closed
        assert engine.next_deadline_mono_ns() is None
    elif engine.state in ALIVE:
        assert opened == closed + 1
        deadline = engine.next_deadline_mono_ns()
        assert deadline is not None, "a running connection is always watched"
        assert deadline <= life.mono + 2 * S
    else:
        assert engine.next_deadline_mono_ns() is not None, "a connection that is not there is tried again"


def test_every_history_of_five_steps_keeps_the_rules() -> None:
    for steps in itertools.product(STEPS, repeat=5):
        life = Life().start()
        for step in steps:
            do(life, step)
        check(life)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    steps=st.lists(st.sampled_from(STEPS[:-1]), max_size=80),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_long_histories_keep_the_rules_and_time_never_runs_back(steps: list[str], draw: float) -> None:
    life = Life(Patience(silence_s=2, jitter=0.25), draw).start()
    for step in steps:
        do(life, step)
        check(life)
    for report in (effect for effect in life.effects if isinstance(effect, Report)):
        assert report.time_ns <= life.now
