"""What can go wrong before everything serves.

StartError
├── FolderError                 the data folder cannot be used
│   ├── FolderInUse             another run holds it; names its pid
│   ├── FolderNotWritable       its owner or mode forbids writing
│   └── FolderOfAnotherVersion  laid out or filled by another version
├── PortTaken                   something else listens on the port
├── ServerError                 PostgreSQL, Redis or Valkey cannot be used
│   ├── BinariesMissing         no binaries for this platform
│   ├── ServerTooOld            its version is below the floor
│   ├── WrongCredentials        it refuses the user or the password
│   └── ServerUnreachable       nothing answers at its address
└── ProgramFailed               a program ended before it was ready
"""


class StartError(Exception):
    """Base of all; ``str(error)`` says what is wrong and what to do about it."""


class FolderError(StartError):
    """The data folder cannot be used."""


class FolderInUse(FolderError):
    """Another run holds the data folder; stop it, or choose another folder."""

    def __init__(self, folder: str, pid: int) -> None:
        self.pid = pid
        super().__init__(
            f"The data folder {folder} is in use by process {pid}. Stop that run, or choose "
            "another folder with --data-dir."
        )


class FolderNotWritable(FolderError):
    """This account may not write to the data folder."""


class FolderOfAnotherVersion(FolderError):
    """The data folder was laid out, or its database filled, by another version."""


class PortTaken(StartError):
    """The web server's port cannot be had."""


class ServerError(StartError):
    """PostgreSQL, Redis or Valkey cannot be used."""


class BinariesMissing(ServerError):
    """There are no binaries of an embedded server for this platform."""


class ServerTooOld(ServerError):
    """The server's version is below the floor."""


class WrongCredentials(ServerError):
    """The server refuses the user or the password of its URL."""


class ServerUnreachable(ServerError):
    """Nothing answers at the address of the URL."""


class ProgramFailed(StartError):
    """A program ended, or stayed silent, before it was ready."""
