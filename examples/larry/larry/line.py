"""A line to one address, for a limited time."""

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class GuardedLine(httpcore.NetworkBackend):
    """Connects to the address that was checked, whatever the name says by now.

    All of it has to be over in time: a server that sends a byte now and then gains nothing.

    Args:
        address: What is connected to.
        seconds: From now until the last byte.
    """

    def __init__(self, address: str, seconds: float) -> None:
        self._address = address
        self._ends_at = time.monotonic() + seconds
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - it was looked up and checked before
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is narrower
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        left = _left(self._ends_at)
        stream = self._backend.connect_tcp(self._address, port, left, local_address, socket_options)
        return _GuardedStream(stream, self._ends_at)


class _GuardedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _left(self._ends_at))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._ends_at))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = _left(self._ends_at)
        return _GuardedStream(
            self._stream.start_tls(ssl_context, server_hostname, left), self._ends_at
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left
