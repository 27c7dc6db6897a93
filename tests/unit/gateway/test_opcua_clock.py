"""A server whose clock stands still is no living server; one that we did not listen to may well be."""

from __future__ import annotations

from datetime import UTC, datetime

from asyncua import ua

from taktwin.clock import VirtualClock
from taktwin.gateway.connector import Context
from taktwin.gateway.connectors.opcua import CURRENT_TIME_HANDLE, OpcUa, OpcUaSettings
from taktwin.instants import SECOND_NS

NOW = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)


def answer(*, with_time: bool) -> ua.PublishResult:
    """Return what a subscription says: a keep-alive, or that the server's clock has moved."""
    result = ua.PublishResult()
    result.NotificationMessage.PublishTime = NOW
    if with_time:
        change = ua.MonitoredItemNotification()
        change.ClientHandle = CURRENT_TIME_HANDLE
        change.Value = ua.DataValue(ua.Variant(NOW))
        result.NotificationMessage.NotificationData = [ua.DataChangeNotification(MonitoredItems=[change])]
    return result


def connected() -> OpcUa:
    """Return a connector as it is right after its server took the subscription."""
    made = OpcUa(Context("line1", "opc.tcp://127.0.0.1:1", OpcUaSettings(), [], VirtualClock()))
    made._time_watched = True
    made._begin(0)
    return made


def hear(connector: OpcUa, *answers: tuple[float, bool]) -> str:
    """Let it hear answers (wall second, with the server's time) and return why it ended, if it did."""
    for at_s, with_time in answers:
        connector._items(int(at_s * SECOND_NS), answer(with_time=with_time))
    return connector._ended


def test_a_server_that_answers_while_its_clock_stands_is_lost() -> None:
    answers = [(0.25 * n, n < 4) for n in range(1, 16)]
    assert "stands still" in hear(connected(), *answers)


def test_a_stretch_in_which_we_did_not_listen_is_no_clock_that_stands() -> None:
    # The first answer after a stall was made at its beginning: it cannot tell of a later time.
    assert hear(connected(), (0.5, True), (6.0, False), (6.05, False), (6.3, True), (12.0, False)) == ""


def test_stalls_do_not_hide_a_clock_that_stands() -> None:
    answers = [(0.5, True), *((0.5 + 3.0 * n, False) for n in range(1, 8))]
    assert "stands still" in hear(connected(), *answers)
