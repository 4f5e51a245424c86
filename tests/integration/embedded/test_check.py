"""Real servers by URL: unreachable, wrong credentials, too old."""

import socket
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest

from app.embedded.check import check_servers
from app.embedded.errors import ServerError, ServerTooOld, ServerUnreachable, WrongCredentials
from app.embedded.ports import free_port
from app.embedded.servers import ServerUrls

Dialogue = Callable[[socket.socket], None]


def test_servers_that_serve_are_accepted(servers: ServerUrls) -> None:
    check_servers(servers.database_url, servers.redis_url)


def test_database_that_is_not_there_is_named_without_its_password(servers: ServerUrls) -> None:
    port = free_port()

    with pytest.raises(ServerUnreachable, match=f"127.0.0.1:{port}") as caught:
        check_servers(f"postgresql://ann:hidden-word@127.0.0.1:{port}/x", servers.redis_url)

    assert "hidden-word" not in str(caught.value)


def test_wrong_database_password_is_told(servers: ServerUrls) -> None:
    url = servers.database_url.replace("planexe:", "planexe:x", 1)

    with pytest.raises(WrongCredentials, match="DATABASE_URL"):
        check_servers(url, servers.redis_url)


def test_database_that_does_not_exist_is_told(servers: ServerUrls) -> None:
    with pytest.raises(ServerError, match='"planexe_else" does not exist'):
        check_servers(f"{servers.database_url}_else", servers.redis_url)


def test_redis_that_is_not_there_is_named(servers: ServerUrls) -> None:
    port = free_port()

    with pytest.raises(ServerUnreachable, match=f"127.0.0.1:{port}"):
        check_servers(servers.database_url, f"redis://127.0.0.1:{port}/0")


@pytest.mark.parametrize("user", ["", ":wrong@"])
def test_wrong_or_missing_redis_password_is_told(servers: ServerUrls, user: str) -> None:
    place = servers.redis_url.rpartition("@")[2]

    with pytest.raises(WrongCredentials, match="REDIS_URL"):
        check_servers(servers.database_url, f"redis://{user}{place}")


def test_redis_before_7_is_too_old(servers: ServerUrls) -> None:
    with answering(_redis_6) as port, pytest.raises(ServerTooOld, match=r"version 6\.2\.14"):
        check_servers(servers.database_url, f"redis://127.0.0.1:{port}/0")


def test_postgres_before_14_is_too_old(servers: ServerUrls) -> None:
    with answering(_postgres_13) as port, pytest.raises(ServerTooOld, match="version 13"):
        check_servers(f"postgresql://ann@127.0.0.1:{port}/x?sslmode=disable", servers.redis_url)


@contextmanager
def answering(dialogue: Dialogue) -> Generator[int]:
    """Listen on a free port and hold one dialogue there."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            dialogue(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def _redis_6(connection: socket.socket) -> None:
    info = b"# Server\r\nredis_version:6.2.14\r\n"
    while received := connection.recv(4096):
        if b"INFO" in received:
            connection.sendall(b"$%d\r\n%s\r\n" % (len(info), info))
        else:
            connection.sendall(b"+OK\r\n" * received.count(b"*"))


def _postgres_13(connection: socket.socket) -> None:
    """Greet as PostgreSQL 13 does: authenticated, version, encoding, ready."""
    connection.recv(4096)
    greeting = _message(b"R", struct.pack("!i", 0))
    greeting += _message(b"S", b"server_version\x0013.4\x00")
    greeting += _message(b"S", b"client_encoding\x00UTF8\x00")
    greeting += _message(b"Z", b"I")
    connection.sendall(greeting)
    while connection.recv(4096):
        continue


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
