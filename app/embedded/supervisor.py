"""The supervisor: starts programs, relays what they say, restarts them, ends them all.

Everything happens in the main thread, in ``pump``: relay output, note ends, restart what is due.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Final, Self

from app.embedded.console import Console
from app.embedded.errors import ProgramFailed
from app.embedded.program import Program

STOP_SECONDS: Final = 5.0
"""Everything has ended this long after a stop was asked for."""

_PROGRAMS_SECONDS: Final = 3.0
_SERVERS_SECONDS: Final = 1.7
_TURN_SECONDS: Final = 0.1
_FIRST_DELAY_SECONDS: Final = 0.5
_LONGEST_DELAY_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 30.0


class Stopped(Exception):
    """A signal asked the supervisor to end."""


@dataclass
class Child:
    """A program with its present process. ``ended`` holds its exit code until it is restarted."""

    program: Program
    process: subprocess.Popen[bytes]
    restart: bool
    started_at_s: float = field(default_factory=time.monotonic)
    ended: int | None = None
    failures: int = 0
    due_at_s: float = 0.0
    rest: bytes = b""


class Supervisor:
    """Runs programs until it is told to stop.

    Used as a context: leaving it ends every program.
    """

    def __init__(self, console: Console, inherited: Sequence[int] = ()) -> None:
        """``inherited`` are descriptors every program gets, such as that of the folder's lock."""
        self._console = console
        self._inherited = inherited
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._asked: signal.Signals | None = None

    def __enter__(self) -> Self:
        """Enter; nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every program."""
        self.stop()

    def obey_signals(self) -> None:
        """Let Ctrl-C, ``kill`` and the end of the terminal stop the run, once it pumps."""

        def ask(number: int, _frame: FrameType | None) -> None:
            self._asked = signal.Signals(number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, ask)

    def start(self, program: Program, *, restart: bool = True) -> Child:
        """Start a program; where ``restart`` is set it is started again whenever it ends.

        Raises:
            ProgramFailed: There is no such program, or it may not be executed.
        """
        child = Child(program, self._spawn(program), restart)
        self._children.append(child)
        self._listen(child)
        return child

    def run(self, program: Program) -> int:
        """Run a program to its end, pumping meanwhile, and return its exit code."""
        child = self.start(program, restart=False)
        while child.ended is None:
            self.pump()
        return child.ended

    def await_ready(self, child: Child, check: Callable[[], bool], seconds: float) -> None:
        """Pump until ``check`` holds.

        Raises:
            ProgramFailed: The program ended before, or the time was over.
        """
        name, deadline = child.program.name, time.monotonic() + seconds
        while not check():
            if child.ended is not None or child.failures:
                raise ProgramFailed(_report(child, f"{name} ended before it was ready"))
            if time.monotonic() > deadline:
                raise ProgramFailed(_report(child, f"{name} was not ready in {seconds:g} seconds"))
            self.pump()

    def pump(self) -> None:
        """Do what is due now, or wait a moment for it.

        Raises:
            Stopped: A signal asks to end.
        """
        if self._asked is not None:
            raise Stopped(self._asked.name)
        self._turn()

    def stop(self) -> None:
        """End every program, servers last, within ``STOP_SECONDS``; those that hang are killed."""
        for child in self._children:
            child.restart = False
        servers = [child for child in self._children if child.program.is_server]
        others = [child for child in self._children if not child.program.is_server]
        self._end(others, _PROGRAMS_SECONDS)
        self._end(servers, _SERVERS_SECONDS)
        self._children.clear()

    def _turn(self) -> None:
        for key, _ in self._selector.select(_TURN_SECONDS):
            self._relay(key.data)
        for child in self._children:
            if child.ended is None:
                self._note_end(child)
            elif child.restart and time.monotonic() >= child.due_at_s:
                self._start_again(child)

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        try:
            return program.spawn(self._inherited)
        except OSError as error:
            raise ProgramFailed(f"{program.name} cannot be started: {error}") from error

    def _listen(self, child: Child) -> None:
        if pipe := child.process.stdout:
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, child)

    def _relay(self, child: Child) -> None:
        pipe = child.process.stdout
        if pipe is None or pipe.closed:
            return
        try:
            read = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return
        *lines, child.rest = (child.rest + read).split(b"\n")
        if not read:
            lines, child.rest = [child.rest] if child.rest else [], b""
            self._selector.unregister(pipe)
            pipe.close()
        for line in lines:
            self._console.relay(child.program.name, line)

    def _note_end(self, child: Child) -> None:
        code = child.process.poll()
        if code is None:
            return
        # What it started itself goes with it, and lets go of ports and of the output.
        _signal_group(child, signal.SIGKILL)
        while (pipe := child.process.stdout) and not pipe.closed:
            self._relay(child)
        child.ended = code
        if child.restart:
            self._plan_restart(child)

    def _plan_restart(self, child: Child) -> None:
        steady = time.monotonic() - child.started_at_s > _STEADY_SECONDS
        child.failures = 1 if steady else child.failures + 1
        delay = min(_FIRST_DELAY_SECONDS * 2 ** (child.failures - 1), _LONGEST_DELAY_SECONDS)
        child.due_at_s = time.monotonic() + delay
        self._console.say(_report(child, f"{child.program.name} ended"))
        self._console.say(f"{child.program.name} starts again in {delay:g} s")

    def _start_again(self, child: Child) -> None:
        try:
            child.process = self._spawn(child.program)
        except ProgramFailed as error:
            self._console.say(str(error))
            self._plan_restart(child)
            return
        child.ended, child.started_at_s = None, time.monotonic()
        self._listen(child)

    def _end(self, children: Sequence[Child], seconds: float) -> None:
        for child in children:
            if child.ended is None:
                child.process.send_signal(child.program.stop_signal)
        deadline = time.monotonic() + seconds
        while any(child.ended is None for child in children) and time.monotonic() < deadline:
            self._turn()
        for child in children:
            if child.ended is None:
                self._console.say(f"{child.program.name} does not end; it is killed")
                _signal_group(child, signal.SIGKILL)
                child.process.wait()
                self._note_end(child)


def _signal_group(child: Child, number: signal.Signals) -> None:
    try:
        os.killpg(child.process.pid, number)
    except (ProcessLookupError, PermissionError):
        return  # Nothing of it is left; macOS answers EPERM for a group of zombies.


def _report(child: Child, what: str) -> str:
    code = child.ended
    if code is None:
        how = ""
    elif code < 0:
        how = f" by {signal.Signals(-code).name}"
    else:
        how = f" with exit code {code}"
    words = child.program.last_words()
    return f"{what}{how}" + (f":\n{words}" if words else "")
