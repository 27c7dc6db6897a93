"""What OPC UA says reaches people by its name and in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from asyncua import ua

from taktwin.gateway.connectors import opcua
from taktwin.gateway.connectors.opcua import OpcUa


def test_a_status_is_named_and_said_in_plain_words() -> None:
    assert (
        opcua.status_words(ua.StatusCode(ua.StatusCodes.BadTimeout)) == "BadTimeout: the operation timed out"
    )
    assert opcua.status_words(ua.StatusCode(ua.StatusCodes.Good)).startswith("Good: ")


@pytest.mark.parametrize("code", [ua.StatusCodes.BadTimeout, ua.StatusCodes.BadSessionClosed])
def test_a_failed_request_names_its_status_once(code: int) -> None:
    words = opcua._words(ua.UaStatusCodeError(code))
    assert words == opcua.status_words(ua.StatusCode(code))
    assert str(code) not in words


def test_an_ended_subscription_names_its_status() -> None:
    notification = ua.StatusChangeNotification(Status=ua.StatusCode(ua.StatusCodes.BadTimeout))
    result = SimpleNamespace(
        NotificationMessage=ua.NotificationMessage(
            NotificationData=[notification], PublishTime=datetime(2026, 1, 1, tzinfo=UTC)
        )
    )
    connector: Any = OpcUa.__new__(OpcUa)
    connector._time_watched = False
    connector._answered_mono_ns = 0
    connector._stands_ns = 0
    connector._silent = set()
    connector._ended = ""
    connector._items(0, cast(ua.PublishResult, result))
    assert connector._ended == "the server ended the subscription: BadTimeout: the operation timed out"


def test_a_status_as_a_value_is_its_name() -> None:
    assert opcua._plain(ua.StatusCode(ua.StatusCodes.BadNoData)) == "BadNoData"
