"""``planexe-agent check``: against the real server, and against it behind bad proxies."""

import functools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
from planexe_agent.check.command import exit_code
from planexe_agent.check.scene import Options
from planexe_agent.check.verdicts import Verdict
from planexe_agent.check.walk import PROBES, walk

from ..running import Serving
from .proxy import Asked, Given, Pass, Trouble, proxy

MADE = "planexe-agent-check"
TAKES_TIME = {"idle poll", "wake-up", "clock"}


def check(run: Serving, url: str | None = None, **options: Any) -> dict[str, Verdict]:
    """Walk with the owner's key, or as the options say; give the verdicts by probe."""
    given = {"key": run.ready["user_key"], "poll_seconds": 0.3, **options}
    return {one.probe: one for one in walk(Options(url or run.url, **given))}


def wrong(verdicts: dict[str, Verdict]) -> set[str]:
    """Name the probes that found something wrong."""
    return {one.probe for one in verdicts.values() if one.state == "wrong"}


def agent(run: Serving, **fields: Any) -> tuple[str, str]:
    """Register an agent; give its id and key."""
    body = {"agent_id": f"author-{token_hex(3)}", "name": "A", "capabilities": ["greet"], **fields}
    with run.api() as api:
        answer = api.post("/api/agents", json=body).json()
    return answer["agent_id"], answer["api_key"]


def left_behind(run: Serving) -> list[str]:
    """List what checks have left at the server."""
    with run.api() as api:
        agents = api.get("/api/agents?limit=500").json()["items"]
        plans = api.get("/api/plans?limit=500").json()["items"]
        executions = api.get("/api/executions?limit=500").json()["items"]
    ids = [one["agent_id"] for one in agents] + [one["plan_id"] for one in plans]
    live = [one for one in executions if one["status"] not in ("CANCELLED", "COMPLETED")]
    return [each for each in ids + [one["agent_id"] for one in live] if each.startswith(MADE)]


def test_command_finds_nothing_wrong_with_a_good_server_and_leaves_nothing(run: Serving) -> None:
    words = [sys.executable, "-m", "planexe_agent.check.command", "check", run.url, "--json"]
    key = ["--key", run.ready["user_key"], "--poll-seconds", "1"]

    ended = subprocess.run([*words, *key], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    states = {one["probe"]: one["state"] for one in json.loads(ended.stdout)["verdicts"]}
    assert states.keys() == {*PROBES, "clean-up", "patience"}
    skipped = {"your agent", "capabilities", "note"}
    for probe, state in states.items():
        allowed = {"skipped"} if probe in skipped else {"ok"}
        assert state in allowed | ({"doubt"} if probe in TAKES_TIME else set()), probe
    assert left_behind(run) == []


def test_interrupted_command_leaves_nothing(run: Serving) -> None:
    words = [sys.executable, "-m", "planexe_agent.check.command", "check", run.url]
    key = ["--key", run.ready["user_key"], "--poll-seconds", "30"]

    # What a shell starts in the background ignores this signal, and so does what that starts.
    heeds = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [*words, *key]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        preexec_fn=heeds,  # noqa: PLW1509 - one call, which no other thread can hold up
    ) as process:
        run.until("its agent is registered", lambda: left_behind(run))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130

    assert left_behind(run) == []


def test_own_key_of_an_agent_is_checked_without_taking_its_work(run: Serving) -> None:
    agent_id, key = agent(run)
    execution_id = waiting_work(run, agent_id)

    verdicts = check(run, key=key, agent_id=agent_id, execution_id=execution_id)

    assert wrong(verdicts) == set()
    assert verdicts["key"].said == "an agent's own key"
    assert verdicts["note"].state == verdicts["idle poll"].state == "ok"
    assert verdicts["plan"].state == "skipped"
    with run.api() as api:
        events = api.get(f"/api/executions/{execution_id}/events").json()["items"]
        assert [one["event_type"] for one in events].count("note") == 1
        assert "task_dispatched" not in {one["event_type"] for one in events}
        api.patch(f"/api/executions/{execution_id}", json={"status": "CANCELLED"})


def test_key_of_another_agent_is_told(run: Serving) -> None:
    _, key = agent(run)
    other_id, _ = agent(run)

    verdicts = check(run, key=key, agent_id=other_id)

    assert wrong(verdicts) == {"your agent"}
    assert "another agent's" in verdicts["your agent"].said
    assert "your agent" in verdicts["the rest"].said


def test_agent_that_is_not_there_is_told_once(run: Serving) -> None:
    verdicts = check(run, agent_id="nobody")

    assert wrong(verdicts) == {"your agent"}
    assert verdicts["capabilities"].state == "skipped"


def test_agent_key_without_the_agents_id_asks_for_it(run: Serving) -> None:
    _, key = agent(run)

    assert "--agent-id" in check(run, key=key)["your agent"].to_do


@pytest.mark.parametrize("key", ["", "ax_user_nobodys"])
def test_unknown_key_is_told(run: Serving, key: str) -> None:
    verdicts = check(run, key=key)

    assert wrong(verdicts) == {"key"}
    assert exit_code(list(verdicts.values())) == 1


def test_schema_of_params_that_nothing_can_satisfy_is_told(run: Serving) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "text"}}, "required": ["to", "body"]}
    agent_id, _ = agent(run, capabilities=[{"action": "send_email", "params": schema}])

    said = check(run, agent_id=agent_id)["capabilities"].said

    assert "send_email: `required` names body" in said
    assert "send_email: to has no known type" in said


def test_paused_agent_is_told(run: Serving) -> None:
    agent_id, key = agent(run)
    with run.api() as api:
        assert api.patch(f"/api/agents/{agent_id}", json={"status": "PAUSED"}).status_code == 200

    verdicts = check(run, key=key, agent_id=agent_id)

    assert verdicts["your agent"].state == "doubt"
    assert "is paused" in verdicts["your agent"].said


def knows_no_websockets(_run: Serving) -> Trouble:
    return lambda asked, passed: passed(asked)


def caches(_run: Serving) -> Trouble:
    kept: dict[str, Given] = {}

    def trouble(asked: Asked, passed: Pass) -> Given:
        if asked.method != "GET":
            return passed(asked)
        return kept.setdefault(asked.path, passed(asked))

    return trouble


def forgets_queries(_run: Serving) -> Trouble:
    return lambda asked, passed: passed(asked._replace(path=asked.path.partition("?")[0]))


def gives_up_on_polls(_run: Serving) -> Trouble:
    page = Given(504, {"Content-Type": "text/html"}, b"<h1>504 Gateway Time-out</h1>")
    return lambda asked, passed: page if asked.is_poll else passed(asked)


def holds_work_back(_run: Serving) -> Trouble:
    def trouble(asked: Asked, passed: Pass) -> Given:
        given = passed(asked)
        if asked.is_poll and given.status == 200:
            threading.Event().wait(1.2)
        return given

    return trouble


def writes_error_pages(_run: Serving) -> Trouble:
    def trouble(asked: Asked, passed: Pass) -> Given:
        given = passed(asked)
        page = Given(given.status, {"Content-Type": "text/html"}, b"<h1>Sorry</h1>")
        return page if given.status >= 400 else given

    return trouble


def cuts_reports(_run: Serving) -> Trouble:
    return lambda asked, passed: None if asked.path.endswith("/events") else passed(asked)


def never_breaks_down(_run: Serving) -> Trouble:
    def trouble(asked: Asked, passed: Pass) -> Given:
        given = passed(asked)
        is_plan = asked.method == "GET" and asked.path.startswith("/api/plans/")
        return given._replace(body=b'{"status": "DECOMPOSING"}') if is_plan else given

    return trouble


def asks_for_patience(_run: Serving) -> Trouble:
    busy = [Given(503, {"Retry-After": "0"}), Given(429, {"Retry-After": "1"})]

    def trouble(asked: Asked, passed: Pass) -> Given:
        return busy.pop() if busy and asked.method == "POST" else passed(asked)

    return trouble


def asks_for_a_login(_run: Serving) -> Trouble:
    page = Given(403, {"Content-Type": "text/html"}, b"<h1>Who are you?</h1>")

    def trouble(asked: Asked, passed: Pass) -> Given:
        is_known = "authorization" in asked.headers and asked.path.startswith("/api/agents")
        return page if is_known else passed(asked)

    return trouble


@pytest.mark.parametrize(
    ("kind", "probe", "state", "to_do"),
    [
        (caches, "freshness", "wrong", "cache nothing"),
        (forgets_queries, "idle poll", "wrong", "pass the query on"),
        (gives_up_on_polls, "idle poll", "wrong", "longer than 60 seconds"),
        (holds_work_back, "wake-up", "doubt", "holds answers back"),
        (writes_error_pages, "headers", "wrong", "pass error pages on"),
        (cuts_reports, "report", "wrong", "nothing cuts connections"),
        (asks_for_a_login, "key", "wrong", "what stands before it"),
        (never_breaks_down, "plan", "wrong", "worker runs"),
        (asks_for_patience, "patience", "doubt", "Retry-After"),
        (knows_no_websockets, "stream", "doubt", "Upgrade"),
    ],
)
def test_proxy_in_the_way_is_found_and_nothing_stays_behind(
    run: Serving,
    kind: Callable[[Serving], Trouble],
    probe: str,
    state: str,
    to_do: str,
) -> None:
    # Whoever gives up on polls does so at once: then a long one costs nothing.
    options = {"idle poll": {"poll_seconds": 3}, "plan": {"breakdown_seconds": 0.5}}
    with proxy(run.url, kind(run)) as url:
        verdicts = check(run, url, **options.get(probe, {}))

    assert verdicts[probe].state == state, verdicts[probe]
    assert to_do in verdicts[probe].to_do
    assert left_behind(run) == []


def waiting_work(run: Serving, agent_id: str) -> str:
    """Start an execution of one subtask with an agent; give its id."""
    plan_id = f"own-{token_hex(3)}"
    steps = [{"title": "Greet", "action": "greet"}]
    task = {"title": "Greet", "subtasks": steps}
    plan = {"plan_id": plan_id, "title": "Own", "phases": [{"name": "P", "tasks": [task]}]}
    with run.api() as api:
        assert api.post("/api/plans", json=plan).status_code == 202
        ready = lambda: api.get(f"/api/plans/{plan_id}").json()["status"] == "READY"  # noqa: E731
        run.until("the plan is broken down", ready)
        body = {"plan_id": plan_id, "agent_id": agent_id}
        return str(api.post("/api/executions", json=body).json()["execution_id"])
