"""The door of the page."""

import pytest

from taktwin.portal.server import listen


def test_a_port_is_somebodys_from_the_moment_that_it_was_given() -> None:
    with listen("127.0.0.1", 0) as mine, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", mine.getsockname()[1])
