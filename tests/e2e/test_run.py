"""The main job, with all processes of the Procfile: a plan goes in and ends COMPLETED."""

import os
import re
import signal
import stat
import subprocess
import threading
from pathlib import Path
from socket import create_connection

import httpx
import pytest
from simple_websocket import Client, ConnectionClosed

from config.settings import PROJECT
from tests.integration.embedded.runs import lock_holders
from tests.replay import assert_record_proves_itself

from .running import UP, Serving, folder, serving, until

PLANS = PROJECT.parent / "shared" / "plans"
REAL_PLANS = [
    *sorted(PLANS.glob("20*")),
    *sorted((PLANS / "zips").glob("*.zip")),
    *PLANS.glob("testdata/solarfarm"),
]
DEMO = ("--agent", "simulated", "--auto-approve")
BAD_PLANS = [
    ("plan.zip", b"no zip", "is no zip archive"),
    ("plan.json", b"[]", "another shape"),
    ("plan.json", b'{"title": "x", "phases": []}', "no task"),
]


@pytest.mark.skipif(not REAL_PLANS, reason="the real plans are not beside the project")
@pytest.mark.parametrize("plan", REAL_PLANS, ids=lambda plan: plan.name)
def test_real_plan_is_carried_out_recorded_without_gap_and_leaves_redis(
    run: Serving, plan: Path
) -> None:
    ended = run.execute(plan)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "COMPLETED" in ended.stdout
    assert re.search(r"warnings +\d+", ended.stdout)
    assert re.search(r"duration +\d", ended.stdout)
    execution_id, events = told(ended.stdout)
    until("it has left Redis", lambda: not run.live_keys(execution_id), seconds=15)
    url = run.addresses["database_url"]
    header = assert_record_proves_itself(url, "default", execution_id)
    assert (header.status, header.seq) == ("COMPLETED", events)
    assert header.tasks_done == header.tasks_total > 0


@pytest.mark.parametrize(("name", "content", "reason"), BAD_PLANS)
def test_bad_plan_ends_with_the_reason(
    run: Serving, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)

    ended = run.execute(tmp_path / name)

    assert ended.returncode == 1
    assert re.search(r"The plan was not carried out: \S", ended.stdout)
    assert reason in ended.stdout


def test_ready_file_tells_where_it_serves_and_lets_nobody_else_read_the_key(run: Serving) -> None:
    ready = run.ready

    assert ready.keys() == {"url", "user_key", "pid"}
    assert ready["pid"] == run.process.pid
    ready_file = next(run.data_dir.parent.glob("*.ready"))
    assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
    with run.api() as api:
        assert api.get("/api/agents/simulated").status_code == 200
    with httpx.Client(trust_env=False) as nobody:
        assert nobody.get(f"{run.url}/healthz").status_code == 200
        assert nobody.get(f"{run.url}/api/agents").status_code == 401


def test_second_run_on_the_same_folder_is_refused_with_the_pid_of_the_first(run: Serving) -> None:
    second = subprocess.run(
        [*UP, "--data-dir", run.data_dir],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 2
    assert str(run.process.pid) in second.stderr
    assert run.process.poll() is None


@pytest.mark.parametrize("megabytes", [9, 80])
def test_body_over_the_limit_is_answered_413_over_a_real_connection(
    run: Serving, megabytes: int
) -> None:
    with run.api() as api:
        answer = api.post(
            "/api/plans",
            content=b"x" * megabytes * 1024 * 1024,
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_chunked_body_over_the_limit_is_answered_413(run: Serving) -> None:
    with run.api() as api:
        answer = api.post(
            "/api/plans",
            content=(b"x" * 1024 * 1024 for _ in range(9)),
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code == 413


def test_run_once_ends_with_a_summary_although_its_agent_is_killed() -> None:
    with (
        folder() as path,
        serving(path, *DEMO, "--once", "--speed", "10") as run,
    ):
        run.await_ready()
        run.until("two tasks are done", lambda: "RUNNING: 2 of 6 tasks" in run.said())
        os.kill(run.agent_pid(), signal.SIGKILL)
        code = run.process.wait(timeout=60)

        said = run.said()
        assert code == 0, said
        assert "agent ended by SIGKILL" in said
        assert "COMPLETED: Open a community tool library" in said
        assert "tasks     6 of 6" in said
        assert "subtasks  16 of 16" in said
        assert said.count("Started exec_") == 1
        assert lock_holders(run.data_dir) == []


@pytest.mark.parametrize(("name", "content", "reason"), BAD_PLANS[:1])
def test_run_once_with_a_bad_plan_ends_with_the_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    plan = tmp_path / name
    plan.write_bytes(content)
    with folder() as path, serving(path, "--once", "--plan", str(plan)) as run:
        assert run.process.wait(timeout=60) == 1
        assert reason in run.said()
        assert lock_holders(run.data_dir) == []


def test_run_that_is_killed_goes_on_where_it_was_and_ends_with_ctrl_c() -> None:
    with folder() as path:
        with serving(path, *DEMO, "--speed", "8") as first:
            first.await_ready()
            first.until("two tasks are done", lambda: "RUNNING: 2 of 6 tasks" in first.said())
            (execution,) = first.executions()
            port = first.url.rpartition(":")[2]
            first.end(signal.SIGKILL)

        # At once, and on the same port: what the first one left behind has to make way.
        with serving(path, *DEMO, "--speed", "100", "--port", port) as second:
            second.await_ready()
            wanted = {execution["execution_id"]}
            second.until("the first execution is complete", lambda: wanted <= completed(second))
            _end_with_waiters(second)


def _end_with_waiters(run: Serving) -> None:
    """Press Ctrl-C while polls and sockets are open: both get a proper end.

    Nor do connections hold it up on which nothing is asked, as browsers keep them.
    """
    with run.api() as api:
        body = {"name": "Waiting", "capabilities": ["nothing"]}
        agent = api.post("/api/agents", json=body).json()
    headers = {"Authorization": f"Bearer {run.ready['user_key']}"}
    socket = Client(run.url.replace("http", "ws") + "/api/stream", headers=headers)
    assert socket.receive(timeout=10)
    statuses: list[int] = []

    def wait_for_work() -> None:
        with run.api(agent["api_key"]) as api:
            path = f"/api/agents/{agent['agent_id']}/work?wait=60"
            statuses.append(api.get(path).status_code)

    poll = threading.Thread(target=wait_for_work)
    poll.start()
    with run.api() as api:
        path = f"/api/agents/{agent['agent_id']}"
        until("the poll waits", lambda: api.get(path).json()["last_contact_at"])

    parts = httpx.URL(run.url)
    with run.api() as browser, create_connection((parts.host, parts.port or 80)):
        assert browser.get("/healthz").status_code == 200
        assert run.end(signal.SIGINT) == 0
    assert "it is killed" not in run.said()
    assert lock_holders(run.data_dir) == []
    poll.join(timeout=5)
    assert statuses == [204]
    assert reason_of_end(socket) == 1012


def reason_of_end(socket: Client) -> int:
    """Read a socket to its end; give the code."""
    try:
        while socket.receive(timeout=5) is not None:
            pass
    except ConnectionClosed as closed:
        return int(closed.reason)
    raise AssertionError("the socket stays open")


def completed(run: Serving) -> set[str]:
    """Name the executions that are complete."""
    return {one["execution_id"] for one in run.executions() if one["status"] == "COMPLETED"}


def told(summary: str) -> tuple[str, int]:
    """Read the execution's id and number of events from what a client printed."""
    started = re.search(r"Started (\S+):", summary)
    events = re.search(r"events +(\d+)", summary)
    assert started
    assert events
    return started[1], int(events[1])
