"""A way to a server that a test can cut, or let go silent."""

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """Passes on what comes to a port of its own.

    Used as a context: leaving it ends every connection.
    """

    def __init__(self, url: str, port: int = 0) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname or "", parts.port or 6379)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.url = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{self.port}")
        self._links: list[_Link] = []
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)

    def __enter__(self) -> Self:
        """Begin to pass on."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        self.close()

    def close(self) -> None:
        """End every connection and take no more; doing it again changes nothing."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.cut()

    def silence(self) -> None:
        """Leave all connections open and let nothing more through: the other side is gone."""
        for link in self._links:
            link.silent = True

    def cut(self) -> None:
        """End all connections at once."""
        while self._links:
            self._links.pop().close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            link = _Link(near, socket.create_connection(self._to))
            self._links.append(link)
            link.start()


class _Link:
    """One connection, with a thread for each direction."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.silent = False
        self._ends = (near, far)
        self._threads = [
            threading.Thread(target=self._pass_on, args=ends, name="relay", daemon=True)
            for ends in ((near, far), (far, near))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.silent:
                    target.sendall(data)
            if not self.silent:
                target.shutdown(socket.SHUT_RDWR)
