"""The sockets of a client, so that a waiting request can be ended from another thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPENED = (".connect_tcp.complete", ".start_tls.complete")


class Sockets:
    """Collects the sockets httpx opens and shuts them down together.

    Closing a client does not wake a thread that reads from one of its sockets; shutting the socket
    down does. Pass ``trace`` as the request extension of that name.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._shut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember a new connection's socket; one opened after ``shut_down`` is shut at once."""
        if not event.endswith(_OPENED):
            return
        opened: socket.socket = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._open.add(opened)
            if self._shut:
                _shut(opened)

    def shut_down(self) -> None:
        """End every present and future connection; readers see the end of the stream."""
        with self._lock:
            self._shut = True
            for each in self._open:
                _shut(each)


def _shut(opened: socket.socket) -> None:
    # The plain method also for TLS: SSLSocket.shutdown would take the session from its reader.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
