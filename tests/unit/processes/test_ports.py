"""Ports that are given out are free, differ, and are none that an outgoing connection could have."""

import socket

from taktwin.processes.ports import FIRST, LAST, free_port


def test_ports_differ_and_are_out_of_the_range_of_outgoing_connections() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert all(FIRST <= port < LAST for port in ports)


def test_a_port_that_somebody_listens_on_is_not_given_out() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wanted = free_port()
        taken.bind(("127.0.0.1", wanted))
        taken.listen()
        assert free_port(preferred=wanted) != wanted


def test_a_preferred_port_is_taken_if_it_is_free() -> None:
    wanted = free_port()
    assert free_port(preferred=wanted) == wanted
