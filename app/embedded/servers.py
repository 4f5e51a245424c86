"""Starts the embedded servers under a supervisor."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from app.embedded.console import Console
from app.embedded.data_folder import DataFolder
from app.embedded.postgres import Postgres
from app.embedded.program import Program
from app.embedded.supervisor import Child, Supervisor
from app.embedded.valkey import Valkey

REDIS_MIB: Final = 512
_READY_SECONDS: Final = 60.0


class EmbeddedServer(Protocol):
    """What the two servers have in common."""

    @property
    def url(self) -> str:
        """Address with its password."""
        ...

    def prepare(self) -> None:
        """Make what the process needs on disk."""
        ...

    def program(self) -> Program:
        """Describe the process."""
        ...

    def is_ready(self) -> bool:
        """Tell whether it serves."""
        ...

    def open(self) -> None:
        """Do what can be done only once it serves."""
        ...


@dataclass(frozen=True)
class ServerUrls:
    """Addresses of both servers, with their passwords."""

    database_url: str
    redis_url: str


def start_servers(
    folder: DataFolder,
    supervisor: Supervisor,
    database_url: str | None = None,
    redis_url: str | None = None,
    redis_mib: int = REDIS_MIB,
) -> ServerUrls:
    """Start the server for which there is no address, and wait until it serves.

    ``redis_mib`` is the memory of an embedded Valkey.

    Raises:
        StartError: One cannot be started; its last words are given.
    """
    postgres = None if database_url else Postgres(folder)
    valkey = None if redis_url else Valkey(folder, redis_mib)
    chosen: list[EmbeddedServer] = [server for server in (postgres, valkey) if server]
    for server, child in [(server, _launch(server, supervisor)) for server in chosen]:
        supervisor.await_ready(child, server.is_ready, _READY_SECONDS)
        server.open()
    urls = ServerUrls(
        database_url or (postgres.url if postgres else ""),
        redis_url or (valkey.url if valkey else ""),
    )
    folder.note_servers({"database_url": urls.database_url, "redis_url": urls.redis_url})
    return urls


@contextmanager
def running_servers(
    path: Path, database_url: str | None = None, redis_url: str | None = None
) -> Generator[ServerUrls]:
    """Serve from a data folder while the context lasts, without any other program.

    A server for which there is an address is not started.

    Raises:
        StartError: The folder is in use or a server cannot be started.
    """
    folder = DataFolder(path)
    try:
        with Supervisor(Console(), [folder.lock.descriptor]) as supervisor:
            yield start_servers(folder, supervisor, database_url, redis_url)
    finally:
        folder.release()


def _launch(server: EmbeddedServer, supervisor: Supervisor) -> Child:
    server.prepare()
    return supervisor.start(server.program())
