"""A WebSocket's handshake and first message: enough to see whether both come through.

RFC 6455, sections 4.1 and 5.2.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import struct
from typing import IO, Any, Final
from urllib.parse import SplitResult, urlsplit

from planexe_agent.check.verdicts import Wrong

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MOST_BYTES: Final = 16 * 1024 * 1024
_SWITCHING: Final = 101
_TEXT_OR_REST: Final = (0x0, 0x1)
_TO_DO: Final = (
    "Let the proxy pass WebSockets on (HTTP/1.1 with the Upgrade and Connection headers). Agents "
    "work without; the dashboard does not."
)


def first_message(url: str, path: str, key: str, seconds: float) -> Any:
    """Open a WebSocket, give its first message, and close it.

    Raises:
        Wrong: It is refused, cut, or no WebSocket.
    """
    parts = urlsplit(url)
    nonce = base64.b64encode(os.urandom(16))
    try:
        with _connected(parts, seconds) as connection, connection.makefile("rb") as file:
            connection.sendall(_request(parts, path, key, nonce))
            _accepted(file, nonce)
            return json.loads(_message(file))
    except (OSError, ValueError, http.client.HTTPException, struct.error) as error:
        raise Wrong(f"the WebSocket was cut: {error or type(error).__name__}", _TO_DO) from error


def _connected(parts: SplitResult, seconds: float) -> socket.socket:
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    plain = socket.create_connection((host, parts.port or (443 if secure else 80)), seconds)
    return (
        ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
    )


def _request(parts: SplitResult, path: str, key: str, nonce: bytes) -> bytes:
    head = (
        f"GET {parts.path.rstrip('/')}{path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {key}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce.decode()}\r\n\r\n"
    )
    return head.encode()


def _accepted(file: IO[bytes], nonce: bytes) -> None:
    line = file.readline(1000).decode(errors="replace").split(maxsplit=2)
    headers = http.client.parse_headers(file)
    if line[1:2] != [str(_SWITCHING)]:
        raise Wrong(f"the upgrade was answered {' '.join(line[1:]).strip() or 'nothing'}", _TO_DO)
    # What the RFC asks for, no secret.
    proof = base64.b64encode(hashlib.sha1(nonce + _GUID).digest()).decode()  # noqa: S324
    if headers.get("Sec-WebSocket-Accept") != proof:
        raise Wrong("the upgrade was accepted by somebody who speaks no WebSocket", _TO_DO)


def _message(file: IO[bytes]) -> bytes:
    """Read frames up to the end of the first text message."""
    text = b""
    while len(text) < _MOST_BYTES:
        first, second = struct.unpack("!BB", file.read(2))
        length = second & 0x7F
        if length > 125:  # noqa: PLR2004 - the length stands in the next 2 or 8 bytes
            form, size = ("!H", 2) if length == 126 else ("!Q", 8)  # noqa: PLR2004
            (length,) = struct.unpack(form, file.read(size))
        payload = file.read(min(length, _MOST_BYTES))
        if first & 0x0F in _TEXT_OR_REST:
            text += payload
            if first & 0x80:
                return text
    raise ValueError("the first message does not end")
