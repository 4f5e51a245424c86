"""What Larry has to remember over restarts: one SQLite file in the work folder."""

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any, Final

from larry.ports import LarryError

_BUSY_SECONDS: Final = 3.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS notes (
    number INTEGER PRIMARY KEY, page TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    UNIQUE (page, key)
)
"""


class NotebookError(LarryError):
    """The notebook cannot be used; the message says why."""


class Notebook:
    """JSON values by page and key, on disk before a call returns. Safe to use from any thread.

    Args:
        path: The file; it is this process's alone until it is closed.

    Raises:
        NotebookError: Another process has it, or it is no notebook.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
        except (OSError, sqlite3.Error) as error:
            raise NotebookError(f"{path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._file.close()
            told = "another process uses it" if "locked" in str(error) else str(error)
            raise NotebookError(f"{path} cannot be used: {told}") from error

    def _prepare(self) -> None:
        # Two Larrys with one notebook would each do what neither has noted yet.
        self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
        # A note says what the world was made to do: it has to survive a power cut.
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute(_SCHEMA)

    def get(self, page: str, key: str) -> Any:
        """Give the value, None where there is none."""
        with self._lock:
            row = self._file.execute(
                "SELECT value FROM notes WHERE page = ? AND key = ?", (page, key)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, page: str, key: str, value: Any) -> None:
        """Write a value, over the one that is there."""
        with self._lock:
            self._file.execute(
                "INSERT INTO notes (page, key, value) VALUES (?, ?, ?) "
                "ON CONFLICT (page, key) DO UPDATE SET value = excluded.value",
                (page, key, json.dumps(value)),
            )

    def page(self, page: str) -> dict[str, Any]:
        """Give all values of a page, in the order in which their keys came."""
        with self._lock:
            rows = self._file.execute(
                "SELECT key, value FROM notes WHERE page = ? ORDER BY number", (page,)
            ).fetchall()
        return {key: json.loads(value) for key, value in rows}

    def close(self) -> None:
        """Close the file."""
        self._file.close()
