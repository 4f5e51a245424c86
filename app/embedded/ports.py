"""Ports to listen on."""

import errno
import socket

from app.embedded.errors import PortTaken


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port that nothing listens on now."""
    with _bound(host, 0) as probe:
        return int(probe.getsockname()[1])


def require_port(host: str, port: int) -> int:
    """Make sure that a server can listen here; 0 finds a free port.

    Raises:
        PortTaken: Something else listens there, or this account or host may not; choose another.
    """
    try:
        with _bound(host, port) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is taken by another process" if taken else f"cannot be had: {error.strerror}"
        raise PortTaken(f"Port {port} on {host} {reason}. Choose another with --port.") from error


def _bound(host: str, port: int) -> socket.socket:
    family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    probe = socket.socket(family, kind)
    try:
        # As servers do: a port whose last connections are only fading away counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
    except OSError:
        probe.close()
        raise
    return probe
