"""The account PostgreSQL runs as: it refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.embedded.errors import ServerError

UNPRIVILEGED: Final = "nobody"


@dataclass(frozen=True)
class Account:
    """An account of this machine."""

    uid: int
    gid: int

    def owns(self, path: Path) -> None:
        """Create a folder that only this account may enter."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(path, self.uid, self.gid)
        path.chmod(0o700)

    def reaches(self, path: Path) -> bool:
        """Tell whether it may pass through to a folder and see what lies there."""
        try:
            tried = subprocess.run(
                ["/bin/sh", "-c", 'cd "$1"', "sh", path],
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=[],
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise ServerError(
                f"PostgreSQL does not run as root, and no process can be started as "
                f"{UNPRIVILEGED}: {error}. Run as another account, or set DATABASE_URL."
            ) from error
        return tried.returncode == 0


def unprivileged_account() -> Account | None:
    """Find the account to run as where this process is root; None where it is not.

    Raises:
        ServerError: There is no such account on this machine.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise ServerError(
            f"PostgreSQL does not run as root, and there is no account {UNPRIVILEGED}. Run as "
            "another account, or set DATABASE_URL."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)
