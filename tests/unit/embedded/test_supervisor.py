"""The supervisor, with small programs."""

import io
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from app.embedded.console import Console
from app.embedded.errors import ProgramFailed
from app.embedded.program import Program
from app.embedded.supervisor import Stopped, Supervisor


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(shown: io.StringIO) -> Generator[Supervisor]:
    with Supervisor(Console(shown)) as supervisor:
        yield supervisor


def python(code: str, log: Path | None = None) -> Program:
    return Program("tool", [sys.executable, "-c", code], os.environ, Path("/"), log=log)


def test_program_is_run_to_its_end_and_its_output_relayed(
    supervisor: Supervisor, shown: io.StringIO
) -> None:
    code = supervisor.run(python("print('one'); print('two', end=''); raise SystemExit(4)"))

    assert code == 4
    assert shown.getvalue() == "tool       | one\ntool       | two\n"


def test_program_that_ends_before_it_is_ready_is_told_with_its_last_words(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    child = supervisor.start(python("raise SystemExit('no disk')", tmp_path / "log"))

    with pytest.raises(ProgramFailed, match=r"(?s)before it was ready with exit code 1.*no disk"):
        supervisor.await_ready(child, lambda: False, 30)


def test_program_that_never_gets_ready_is_told(supervisor: Supervisor) -> None:
    child = supervisor.start(python("input()"), restart=False)

    with pytest.raises(ProgramFailed, match="tool"):
        supervisor.await_ready(child, lambda: False, 0)


def test_program_that_does_not_exist_is_told(supervisor: Supervisor) -> None:
    with pytest.raises(ProgramFailed, match="tool cannot be started"):
        supervisor.start(Program("tool", ["/nowhere/tool"], {}, Path("/")))


def test_signal_ends_pumping(supervisor: Supervisor) -> None:
    before = {number: signal.getsignal(number) for number in (2, 15, 1)}
    try:
        supervisor.obey_signals()
        os.kill(os.getpid(), signal.SIGTERM)

        with pytest.raises(Stopped, match="SIGTERM"):
            supervisor.pump()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_console_whose_reader_is_gone_is_no_reason_to_stop() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.TextIOWrapper(io.FileIO(writer, "w"), write_through=True)

    with stream:
        Console(stream).say("nobody hears this")
