"""Ports: free ones, and those that something listens on."""

import socket

import pytest

from app.embedded.errors import PortTaken
from app.embedded.ports import free_port, require_port


def test_taken_port_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(PortTaken, match=rf"Port {port} on 127\.0\.0\.1 is taken.*--port"):
            require_port("127.0.0.1", port)


def test_free_port_is_granted() -> None:
    port = free_port()

    assert require_port("127.0.0.1", port) == port


def test_port_0_becomes_a_free_one() -> None:
    assert require_port("127.0.0.1", 0) > 0


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(PortTaken, match="cannot be had"):
        require_port("192.0.2.1", 8000)
