"""The data folder: what lies where, whose version it is, and who holds it.

==================  ===========================================================================
``version``         layout of the folder; another number is refused
``lock``            held by the processes of a run, with the pid of its runner
``secrets.json``    passwords of the embedded servers, key of the session cookies (0600)
``user_key``        key of the first user (0600)
``servers.json``    addresses with passwords of the servers while a run serves (0600)
``postgres/``       the database cluster; belongs to another account where the runner is root
``valkey/``         append-only file and configuration
``log/``            what the embedded servers say
==================  ===========================================================================
"""

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, Final

from app.embedded.errors import FolderNotWritable, FolderOfAnotherVersion
from app.embedded.lock import FolderLock

LAYOUT: Final = "1"
_KEPT: Final = frozenset({"lock", "version"})


class DataFolder:
    """A data folder that this process holds until ``release``."""

    def __init__(self, path: Path) -> None:
        """Create the folder where it is missing and take its lock.

        Raises:
            FolderError: It is in use, not writable, or not a data folder of this version.
        """
        self.path = path
        try:
            _create(path)
            self.lock = FolderLock(path / "lock")
        except OSError as error:
            raise FolderNotWritable(
                f"The data folder {path} cannot be written: {error.strerror}. Give this account "
                "access, or choose another folder with --data-dir."
            ) from error
        self.lock.take()

    @property
    def user_key(self) -> Path:
        """File of the first user's key."""
        return self.path / "user_key"

    def empty(self) -> None:
        """Delete all that was stored, servers' data and keys included."""
        for entry in self.path.iterdir():
            if entry.name in _KEPT:
                continue
            if entry.is_dir():
                # The database may lie elsewhere, behind a link.
                shutil.rmtree(entry.resolve())
            if entry.is_symlink() or entry.is_file():
                entry.unlink()

    def log(self, server: str) -> Path:
        """Name the log file of a server."""
        (self.path / "log").mkdir(mode=0o700, exist_ok=True)
        return self.path / "log" / f"{server}.log"

    def secret(self, name: str) -> str:
        """Read a secret; the first call makes it: 256 random bits, safe in URLs."""
        path = self.path / "secrets.json"
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in found:
            found[name] = secrets.token_hex(32)
            write_private(path, json.dumps(found))
        return found[name]

    def note_servers(self, addresses: dict[str, Any]) -> None:
        """Write where the servers answer, for tools that look into a run."""
        write_private(self.path / "servers.json", json.dumps(addresses))

    def release(self) -> None:
        """Forget the servers' addresses and give the folder up."""
        (self.path / "servers.json").unlink(missing_ok=True)
        self.lock.release()


def write_private(path: Path, content: str) -> None:
    """Replace a file in one step by one that only this account may read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _create(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    marker = path / "version"
    if not marker.exists():
        _refuse_foreign(path)
        # As root the database runs as another account, which must pass through this folder.
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        write_private(marker, f"{LAYOUT}\n")
    found = marker.read_text().strip()
    if found != LAYOUT:
        raise FolderOfAnotherVersion(
            f"The data folder {path} has layout {found[:20]!r}; this version reads layout "
            f"{LAYOUT}. Use the version that made it, or choose another folder with --data-dir."
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied")


def _refuse_foreign(path: Path) -> None:
    # --fresh deletes what lies in a data folder: one must never be taken for it by mistake.
    if any(
        entry.name != "lock" and not entry.name.startswith(".version") for entry in path.iterdir()
    ):
        raise FolderOfAnotherVersion(
            f"{path} is not empty and no data folder of this project. Choose an empty or a new "
            "folder with --data-dir."
        )
