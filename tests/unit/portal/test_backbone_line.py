"""The backbone cannot speak for itself: its supervisor tells of it, and the System page shows it."""

from taktwin.contracts import state
from taktwin.contracts.state import Health
from taktwin.instants import SECOND_NS
from taktwin.portal.health import HealthBook


def beat(pid: float, restarts: float) -> bytes:
    counters = {"pid.backbone": pid, "restarts.backbone": restarts, "memory_mb.backbone": 12.5}
    return state.encode(
        Health(component="supervisor", state="running", started_ns=5, pid=1, counters=counters)
    )


def test_the_backbone_has_a_line_of_its_own_with_its_restarts() -> None:
    book = HealthBook()
    book.hear(beat(77, 0), now_mono=0)
    (backbone, word, reason, restarts), (supervisor, *_) = book.components(now_mono=SECOND_NS)
    assert (backbone.component, backbone.pid, backbone.memory_mb) == ("backbone", 77, 12.5)
    assert (word, reason, restarts) == ("running", "", 0)
    assert supervisor.component == "supervisor"
    book.hear(beat(78, 1), now_mono=2 * SECOND_NS)
    _, word, reason, restarts = book.components(now_mono=3 * SECOND_NS)[0]
    assert (word, restarts) == ("running", 1)
    assert "started again" in reason


def test_the_database_has_one_too_and_only_where_it_is_ours() -> None:
    book = HealthBook()
    book.hear(beat(77, 0), now_mono=0)
    assert [health.component for health, *_ in book.components(now_mono=1)] == ["backbone", "supervisor"]
    counters = {"pid.database": 80.0, "restarts.database": 2.0, "memory_mb.database": 20.0}
    supervisor = Health(component="supervisor", state="running", started_ns=5, pid=1, counters=counters)
    book.hear(state.encode(supervisor), now_mono=2)
    (database, word, reason, restarts), _ = book.components(now_mono=3)
    assert (database.component, database.pid, database.memory_mb) == ("database", 80, 20.0)
    assert (word, restarts) == ("running", 2)
    assert "2 times" in reason


def test_a_backbone_that_is_gone_or_of_which_nobody_tells_is_silent() -> None:
    book = HealthBook()
    book.hear(beat(0, 1), now_mono=0)
    assert book.components(now_mono=SECOND_NS)[0][1] == "silent"
    book.hear(beat(79, 1), now_mono=2 * SECOND_NS)
    assert book.components(now_mono=10 * SECOND_NS)[0][1] == "silent"
