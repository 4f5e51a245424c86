"""Real servers for every test that asks for them, started once and ended with the session."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from app.embedded.servers import ServerUrls, running_servers
from tests.distribution import ByFile, turn


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Spread tests over processes file by file."""
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest where there are several processes; else all is shuffled."""
    if hasattr(config, "workerinput"):
        items.sort(key=turn)


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let agents keep their results away from the folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write what no text file holds in ASCII: processes tell each other of tests in UTF-8."""
    report = yield
    report.sections = [(name, _encodable(text)) for name, text in report.sections]
    if report.failed and report.longrepr and (told := str(report.longrepr)) != _encodable(told):
        report.longrepr = _encodable(told)
    return report


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


@pytest.fixture(scope="session")
def embedded_servers() -> Iterator[ServerUrls]:
    """Serve PostgreSQL and Valkey for the session, both without waiting for the disk."""
    # Not under pytest's own folder, which the account that PostgreSQL runs as may not enter.
    folder = Path(tempfile.mkdtemp(prefix="planexe-ax-test-"))
    folder.chmod(0o711)
    try:
        with running_servers(folder) as urls:
            _hurry(urls)
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


def _hurry(urls: ServerUrls) -> None:
    """Have the servers wait for no disk, and connections not for thousands of hashes."""
    with psycopg.connect(urls.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SET scram_iterations = 1")
        password = sql.Literal(connection.info.password)
        connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(password))
    with redis.Redis.from_url(urls.redis_url) as client:
        client.config_set("appendonly", "no")
