"""Results on disk before they are sent.

A result that is kept survives the end of the process, and is sent until the server says what
became of it. One row per subtask: the newest result of an agent for it.

One file, one process: SQLite's exclusive lock ends with its holder, however that ended. WAL with
``synchronous=FULL`` waits for the disk once per commit; with ``NORMAL`` a power cut could take the
last results, and what was done would be done again. Results of several threads share a commit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from planexe_agent.errors import OutboxError, OutboxInUse
from planexe_agent.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Generator

    from planexe_agent.task import Lease

_FORMAT = 1
_TOLD_DAYS = 7
_DAY_SECONDS = 86_400.0
_TABLE = """
CREATE TABLE IF NOT EXISTS results (
  agent_id TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event TEXT NOT NULL,
  kept_at REAL NOT NULL,
  said TEXT,
  PRIMARY KEY (agent_id, execution_id, task_id)
)"""
_KEEP = "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM results WHERE agent_id=? AND execution_id=? AND task_id=? AND event_id=?"
_READ = "SELECT agent_id, execution_id, task_id, idempotency_key, event, said FROM results"
_TIDY = "DELETE FROM results WHERE said IS NOT NULL AND kept_at < ?"


class _Batch:
    """Results on their way to the disk in one commit."""

    def __init__(self) -> None:
        self.results: list[Kept] = []
        self.is_over = False
        self.error: sqlite3.Error | None = None


class Outbox:
    """A file of results; safe to share between threads, and between agents of one process.

    Args:
        path: The file; made, with its folder, where it does not exist.

    Raises:
        OutboxInUse: Another process, or another outbox of this one, has it open.
        OutboxError: It cannot be used; the message says why.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._batch = _Batch()
        self._over: list[Kept] = []
        self._lock, self._writing = threading.Lock(), threading.Lock()
        with self._translated():
            self._database, found = self._opened()
        self._index = {kept.place: kept for kept in found}
        # Found in the file: a poll under way may still bring their leases after they were sent.
        self._found = frozenset(self._index)

    def keep(self, kept: Kept) -> None:
        """Write a result; it is on disk when this returns.

        Raises:
            OutboxError: It could not be written.
        """
        with self._lock:
            batch = self._batch
            batch.results.append(kept)
            self._index[kept.place] = kept
        # Whoever comes first writes for all who wait.
        with self._writing:
            if not batch.is_over:
                self._write()
        if batch.error is not None:
            raise OutboxError(f"{self.path}: {batch.error}") from batch.error

    def settle(self, kept: Kept, said: str | None = None) -> None:
        """Note what became of a result; on disk with the next one that is kept, or at the close.

        Lost by a crash, it costs one request: the result is sent again, which is harmless.

        Args:
            kept: The result.
            said: Why the server did not take it; None where it did, which forgets the result.
        """
        with self._lock:
            newest = self._index.get(kept.place)
            if newest is None or newest.event["event_id"] != kept.event["event_id"]:
                return  # Another has taken its place.
            told = replace(kept, said=said)
            self._over.append(told)
            if said is not None or kept.place in self._found:
                self._index[kept.place] = told
            else:
                self._index.pop(kept.place, None)

    def find(self, agent_id: str, task: Lease) -> Kept | None:
        """Give the newest result of an agent for a subtask; None where none is kept."""
        return self._index.get((agent_id, task.execution_id, task.task_id))

    def unsent(self, agent_id: str) -> list[Kept]:
        """List an agent's results of which is not known what became, oldest first."""
        with self._lock:
            return [
                kept
                for kept in self._index.values()
                if kept.agent_id == agent_id and kept.said is None
            ]

    def adopt(self, other: Outbox) -> None:
        """Take over the results of another outbox, and empty that; the newest of a place stays."""
        for kept in other._index.values():
            own = self._index.get(kept.place)
            if own is None or own.age < kept.age:
                self.keep(kept)
        with other._translated():
            other._database.execute("DELETE FROM results")

    def close(self) -> None:
        """Write what is noted and let the file go."""
        with self._writing, contextlib.suppress(sqlite3.Error):
            self._write()
            self._database.close()

    def _write(self) -> None:
        with self._lock:
            batch, self._batch = self._batch, _Batch()
            over, self._over = self._over, []
        try:
            with _transaction(self._database):
                told = [each for each in over if each.said is not None]
                taken = [each for each in over if each.said is None]
                self._database.executemany(_FORGET, [_name(each) for each in taken])
                # In this order: a new result may be for the place of one that is over.
                self._database.executemany(_KEEP, [_row(each) for each in told + batch.results])
        except sqlite3.Error as error:
            batch.error = error
            with self._lock:
                self._over[:0] = over
        finally:
            batch.is_over = True

    def _opened(self) -> tuple[sqlite3.Connection, list[Kept]]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Results may be confidential: nobody else reads them. A file that exists is not opened
        # here: closing it again would end the lock of another outbox of this process.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))
        database = sqlite3.connect(
            str(self.path), timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(database)
            return database, [_kept(row) for row in database.execute(f"{_READ} ORDER BY rowid")]
        except BaseException:
            database.close()
            raise

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found > _FORMAT:
            raise OutboxError(f"{self.path}: written by a newer planexe-agent (format {found})")
        with _transaction(database):
            database.execute(_TABLE)
            database.execute(_TIDY, (time.time() - _TOLD_DAYS * _DAY_SECONDS,))
            database.execute(f"PRAGMA user_version={_FORMAT}")

    @contextlib.contextmanager
    def _translated(self) -> Generator[None, None, None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                told = f"{self.path}: in use; each process needs an outbox of its own"
                raise OutboxInUse(told) from error
            raise OutboxError(f"{self.path}: {error}") from error
        except (sqlite3.Error, OSError, ValueError) as error:
            raise OutboxError(f"{self.path}: cannot be used as an outbox: {error}") from error


def open_default(url: str, agent_id: str) -> Outbox:
    """Open the outbox of an agent below the user's folder for state.

    A second process of the same agent gets the second file, and so on. What processes that are
    gone have left in others is taken over.

    Raises:
        OutboxError: The folder cannot be used.
    """
    digest = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:12]
    folder = state_folder() / re.sub(r"[^A-Za-z0-9._-]", "-", agent_id) / digest
    outbox = _first_free(folder)
    for path in sorted(set(folder.glob("outbox-*.db")) - {outbox.path}):
        # Those in use are of processes that live.
        with contextlib.suppress(OutboxInUse):
            left = Outbox(path)
            outbox.adopt(left)
            left.close()
    return outbox


def state_folder() -> Path:
    """Give the folder for state of this package, as the system has it."""
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        place = Path.home() / "Library" / "Application Support"
    else:
        place = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(place) / "planexe-agent"


def _first_free(folder: Path) -> Outbox:
    number = 1
    while True:
        with contextlib.suppress(OutboxInUse):
            return Outbox(folder / f"outbox-{number}.db")
        number += 1


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Generator[None, None, None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def _row(kept: Kept) -> tuple[str | float | None, ...]:
    event = json.dumps(kept.event)
    return (
        *kept.place,
        kept.idempotency_key,
        kept.event["event_id"],
        event,
        time.time(),
        kept.said,
    )


def _name(kept: Kept) -> tuple[str, ...]:
    return (*kept.place, kept.event["event_id"])


def _kept(row: tuple[str, str, str, str, str, str | None]) -> Kept:
    agent_id, execution_id, task_id, idempotency_key, event, said = row
    return Kept(agent_id, execution_id, task_id, idempotency_key, json.loads(event), said)
