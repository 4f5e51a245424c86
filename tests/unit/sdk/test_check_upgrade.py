"""The check's WebSocket: what it reads, and what it says of whoever speaks none."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable

import pytest
from planexe_agent.check.upgrade import first_message
from planexe_agent.check.verdicts import Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
END, MORE, TEXT, PING = 0x80, 0x00, 0x01, 0x09


@contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """Answer one connection with what is made of its nonce, then close it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as file:
                head = iter(file.readline, b"\r\n")
                fields = dict(line.strip().split(b": ", 1) for line in head if b": " in line)
                connection.sendall(answer(fields[b"Sec-WebSocket-Key"]))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def accepted(nonce: bytes) -> bytes:
    """Accept as RFC 6455 wants it."""
    proof = base64.b64encode(hashlib.sha1(nonce + GUID).digest())
    return b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"


def frame(first: int, payload: bytes) -> bytes:
    """Write a frame as servers do, unmasked."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", first, length) + payload
    if length < 65536:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


@pytest.mark.parametrize("length", [1, 125, 126, 65535, 65536])
def test_message_of_any_length_is_read(length: int) -> None:
    message = json.dumps("x" * (length - 2) if length > 1 else 7).encode()
    assert len(message) == length

    with answering(lambda nonce: accepted(nonce) + frame(END | TEXT, message)) as url:
        assert first_message(url, "/", "key", 5) == json.loads(message)


def test_message_in_pieces_is_read_past_a_ping() -> None:
    frames = [
        frame(END | PING, b"?"),
        frame(MORE | TEXT, b'{"type":'),
        frame(END | PING, b"?"),
        frame(END | MORE, b'"snapshot"}'),
    ]
    with answering(lambda nonce: accepted(nonce) + b"".join(frames)) as url:
        assert first_message(url, "/", "key", 5) == {"type": "snapshot"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: b"", "answered nothing"),
        (lambda _: b"HTTP/1.1 426 Upgrade Required\r\n\r\n", "answered 426 Upgrade Required"),
        (lambda _: accepted(b"another"), "speaks no WebSocket"),
        (lambda _: b"\x00\xff\x00", "answered nothing"),
        (accepted, "was cut"),
        (lambda nonce: accepted(nonce) + b"\x81", "was cut"),
        (lambda nonce: accepted(nonce) + frame(END | TEXT, b"no JSON"), "was cut"),
        (lambda nonce: accepted(nonce) + frame(END | TEXT, b"\xff"), "was cut"),
    ],
)
def test_what_is_no_websocket_is_told(answer: Callable[[bytes], bytes], said: str) -> None:
    with answering(answer) as url, pytest.raises(Wrong) as wrong:
        first_message(url, "/", "key", 5)

    assert said in wrong.value.said
    assert "Upgrade" in wrong.value.to_do


def test_port_where_nobody_listens_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Wrong, match="was cut"):
            first_message(url, "/", "key", 5)
