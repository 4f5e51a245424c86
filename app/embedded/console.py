"""What a run shows: the supervisor's own lines, and those of each program under its name."""

import sys
from typing import TextIO

_OWN_NAME = "planexe-ax"


class Console:
    """Writes lines headed by the name of who says them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def say(self, text: str) -> None:
        """Write lines of the runner itself."""
        for line in text.splitlines():
            self._write(_OWN_NAME, line)

    def relay(self, name: str, line: bytes) -> None:
        """Write a line that a program wrote."""
        self._write(name, line.decode(errors="replace").rstrip("\r"))

    def _write(self, name: str, line: str) -> None:
        try:
            print(f"{name:{len(_OWN_NAME)}} | {line}", file=self._stream, flush=True)
        except (BrokenPipeError, ValueError):
            return  # Nobody reads any more; that is no reason to stop serving.
