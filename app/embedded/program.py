"""A program as the supervisor starts it: its own process group, ended with its supervisor."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.embedded.account import Account

_PR_SET_PDEATHSIG: Final = 1
# Loaded here, for between fork and exec nothing may be loaded.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to run and how to end it.

    ``orphan_signal`` is what it gets when the supervisor is killed. Where ``log`` is given its
    output goes there, anew at each start; otherwise the supervisor relays it. Servers end last.
    """

    name: str
    command: Sequence[str | Path]
    environ: Mapping[str, str]
    folder: Path
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    log: Path | None = None
    is_server: bool = False

    def spawn(self, inherited: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start a process of it, with the given descriptors passed on.

        Call it from the main thread only: the kernel sends ``orphan_signal`` when the thread
        ends that made the process.

        Raises:
            OSError: The program cannot be started.
        """
        output = self.log.open("wb") if self.log else None
        try:
            return subprocess.Popen(
                [os.fspath(part) for part in self.command],
                env=dict(self.environ),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=inherited,
                user=self.account and self.account.uid,
                group=self.account and self.account.gid,
                extra_groups=[] if self.account else None,
                preexec_fn=_dying_with(os.getpid(), self.orphan_signal),  # noqa: PLW1509 one thread
            )
        finally:
            if output:
                output.close()

    def last_words(self) -> str:
        """Read the end of its log."""
        if not self.log or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])


def _dying_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    """Prepare the call that ties a new process to its parent; only Linux can."""

    def tie() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, number.value, 0, 0, 0)
        # The parent may have died before the call above.
        if os.getppid() != parent:
            os._exit(1)

    return tie
