"""The embedded servers: what they promise, and clusters they refuse."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from app.embedded import postgres
from app.embedded.errors import FolderOfAnotherVersion
from app.embedded.servers import ServerUrls, running_servers


def test_valkey_keeps_every_write_and_drops_none(servers: ServerUrls) -> None:
    with redis.Redis.from_url(servers.redis_url) as client:
        found = client.config_get(
            "appendonly", "appendfsync", "maxmemory", "maxmemory-policy", "bind"
        )

    assert found == {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory": str(512 * 1024 * 1024),
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


def test_postgres_listens_on_loopback_only_and_asks_for_scram_passwords(
    servers: ServerUrls,
) -> None:
    with psycopg.connect(servers.database_url) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN "
            "('listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit')"
        ).fetchall()
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules")

        assert dict(rows) == {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on",
            "synchronous_commit": "on",
        }
        assert methods.fetchall() == [("scram-sha-256",)]


def test_cluster_of_another_major_version_is_refused(data_dir: Path) -> None:
    with running_servers(data_dir):
        pass
    (data_dir / "postgres/cluster/PG_VERSION").write_text("13\n")

    with (
        pytest.raises(FolderOfAnotherVersion, match="filled by PostgreSQL 13"),
        running_servers(data_dir),
    ):
        pass


def test_set_up_that_was_cut_off_is_done_again(data_dir: Path) -> None:
    with running_servers(data_dir):
        pass
    cluster = data_dir / "postgres/cluster"
    cluster.rename(cluster.with_name("draft"))

    with running_servers(data_dir) as urls, psycopg.connect(urls.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has ended")
def test_server_whose_death_nobody_has_noted_is_no_obstacle(data_dir: Path) -> None:
    with running_servers(data_dir):
        pass
    cluster = data_dir / "postgres/cluster"
    with subprocess.Popen(["sleep", "0.3"]) as dying:
        (cluster / "postmaster.pid").write_text(f"{dying.pid}\n{cluster}\n0\n0\n\n\n\n")

        with running_servers(data_dir) as urls, psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the database as another account")
def test_root_serves_from_folders_that_are_closed_to_the_databases_account(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_place = data_dir.parent / "open"
    closed = data_dir.parent / "closed"
    closed.mkdir(mode=0o700)
    open_place.mkdir()
    package = postgres.find_binaries().parent.parent
    shutil.copytree(package, closed / package.name)
    shutil.copytree(f"{package}.libs", closed / f"{package.name}.libs")
    binaries = closed / package.name / "pginstall/bin"
    monkeypatch.setattr(postgres, "_OPEN_PLACE", open_place)
    monkeypatch.setattr(postgres, "find_binaries", lambda: binaries)

    with running_servers(closed / "data") as urls, psycopg.connect(urls.database_url) as connection:
        found = connection.execute("SHOW data_directory").fetchone()

    assert found
    assert Path(found[0]).is_relative_to(open_place)
    assert (closed / "data/postgres").resolve().is_relative_to(open_place)
