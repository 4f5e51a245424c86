"""Real servers for every test that asks for them, started once and ended with the session."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from app.embedded.servers import ServerUrls, running_servers


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let agents keep their results away from the folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def embedded_servers() -> Iterator[ServerUrls]:
    """Serve PostgreSQL and Valkey for the session, both without waiting for the disk."""
    # Not under pytest's own folder, which the account that PostgreSQL runs as may not enter.
    folder = Path(tempfile.mkdtemp(prefix="planexe-ax-test-"))
    folder.chmod(0o711)
    try:
        with running_servers(folder) as urls:
            _stop_waiting_for_the_disk(urls)
            yield urls
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> str:
    """URL of a PostgreSQL database whose user is a superuser: only those may empty the log."""
    given = os.environ.get("TEST_DATABASE_URL")
    return given or request.getfixturevalue("embedded_servers").database_url


@pytest.fixture(scope="session")
def valkey_server(request: pytest.FixtureRequest) -> str:
    """URL of a Redis or Valkey database that may be emptied."""
    given = os.environ.get("TEST_REDIS_URL")
    return given or request.getfixturevalue("embedded_servers").redis_url


def _stop_waiting_for_the_disk(urls: ServerUrls) -> None:
    with psycopg.connect(urls.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    with redis.Redis.from_url(urls.redis_url) as client:
        client.config_set("appendonly", "no")
