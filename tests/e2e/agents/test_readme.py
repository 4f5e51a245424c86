"""The README, typed from an empty folder against a fresh server: its agent, and the one by curl."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import PROJECT

from ..running import Serving, folder, serving
from . import pages
from .test_protocol import assert_answers_are_as_shown

README = PROJECT / "README.md"
WRITTEN = "http://127.0.0.1:8000"


@pytest.fixture
def fresh() -> Iterator[Serving]:
    """Everything as the README starts it, on a port of its own."""
    with folder() as path, serving(path, "--agent", "none") as run:
        yield run.await_ready()


def test_agent_and_curl_of_the_readme_work_at_first_try(fresh: Serving, tmp_path: Path) -> None:
    plan, agent, start, execute, said = agent_section(fresh)
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "user_key").write_text(fresh.ready["user_key"])
    (tmp_path / "hello.json").write_text(plan)
    (tmp_path / "greeter.py").write_text(agent)
    assert len(agent.splitlines()) <= 20

    with subprocess.Popen(["bash", "-c", f"exec env {start}"], cwd=tmp_path) as greeter:
        fresh.until("the agent is registered", lambda: "greeter" in agents(fresh))
        ended = typed(execute, tmp_path)
        greeter.send_signal(signal.SIGTERM)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    # A slow machine is told of the way in between as well.
    heard = "".join(re.findall(r"^(?!RUNNING|QUEUED).*\n", ended.stdout, re.MULTILINE))
    assert re.fullmatch(".*".join(map(re.escape, said.split("…"))), heard, re.DOTALL), heard
    assert greeter.returncode == 0

    curl = pages.commands(pages.blocks(README, "The same by curl"))
    pointed = [pages.Command(here(one.typed, fresh), one.shown) for one in curl]
    assert_answers_are_as_shown(fresh, tmp_path, pointed)


def agent_section(run: Serving) -> list[str]:
    """Give the section's plan, agent, command to start it, command to execute, and answer."""
    found = [here(one.text, run) for one in pages.blocks(README, "An agent")]
    assert found[0] == "./scripts/run --agent none\n"
    return found[1:6]


def here(text: str, run: Serving) -> str:
    """Put in the addresses of this run, and of the programs under test."""
    return text.replace(WRITTEN, run.url.rstrip("/")).replace(".venv/bin/", f"{sys.prefix}/bin/")


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type a command into a shell."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PLANEXE_DATA_DIR": str(folder / ".data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def agents(run: Serving) -> set[str]:
    """List the ids of the agents."""
    with run.api() as api:
        return {one["agent_id"] for one in api.get("/api/agents").json()["items"]}
