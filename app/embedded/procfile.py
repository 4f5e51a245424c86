"""The ``Procfile``: one ``name: command`` a line, ``#`` comments."""

import shlex
from pathlib import Path

from app.embedded.errors import StartError


def read_procfile(path: Path) -> dict[str, list[str]]:
    """Read the command of each process, in written order. No shell takes part.

    Raises:
        StartError: The file or one of its lines cannot be read; correct it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror}") from error
    found: dict[str, list[str]] = {}
    for count, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, command = line.partition(":")
        words = shlex.split(command)
        if not colon or not name.strip() or not words:
            raise StartError(f"{path}, line {count} is not name: command")
        found[name.strip()] = words
    return found
