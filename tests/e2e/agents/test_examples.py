"""Each example of an agent, started as its first lines say, carries out a plan of its own."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from config.settings import PROJECT
from tests import model_server

from ..running import Serving
from .proxy import Asked, Given, Pass, Trouble, proxy

EXAMPLES = PROJECT / "examples"
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}
Steps = list[dict[str, Any]]


class Work:
    """One execution of a plan made for an example."""

    def __init__(self, run: Serving, agent_id: str, steps: Steps) -> None:
        self._run, self._api = run, run.api()
        plan_id = f"for-{agent_id}-{token_hex(3)}"
        task = {"title": "All of it", "subtasks": steps}
        plan = {"plan_id": plan_id, "title": "P", "phases": [{"name": "P", "tasks": [task]}]}
        self._post("/api/plans", plan, 202)
        run.until(
            "the plan is ready", lambda: self._get(f"/api/plans/{plan_id}")["status"] == "READY"
        )
        body = {"plan_id": plan_id, "agent_id": agent_id}
        self.path = f"/api/executions/{self._post('/api/executions', body, 201)['execution_id']}"

    def close(self) -> None:
        """Cancel what has not ended."""
        self._api.patch(self.path, json={"status": "CANCELLED"})
        self._api.close()

    def status(self) -> str:
        """Tell where it stands."""
        return str(self._get(self.path)["status"])

    def results(self) -> list[Any]:
        """Wait until it is carried out; give the subtasks' results in their order."""
        self._run.until("it has ended", lambda: self.status() in ENDED)
        assert self.status() == "COMPLETED"
        return [one["result"] for one in self._steps()]

    def blocker(self, kind: str) -> dict[str, Any]:
        """Wait for a blocker of a kind."""
        found = self._run.until(
            f"there is a {kind}",
            lambda: [
                one
                for one in self._get(f"{self.path}/blockers")["items"]
                if one["kind"] == kind and one["status"] == "OPEN"
            ],
        )
        return dict(found[0])

    def resolve(self, blocker: dict[str, Any], **answer: Any) -> None:
        """Answer a blocker."""
        self._post(f"{self.path}/blockers/{blocker['blocker_id']}/resolve", answer, 200)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """List the events of a kind."""
        return list(self._get(f"{self.path}/events?type={kind}&limit=1000")["items"])

    def _steps(self) -> list[dict[str, Any]]:
        tree = self._get(f"{self.path}/tasks")
        return list(tree["phases"][0]["tasks"][0]["subtasks"])

    def _get(self, path: str) -> dict[str, Any]:
        return dict(self._api.get(path).raise_for_status().json())

    def _post(self, path: str, body: Any, status: int) -> dict[str, Any]:
        answer = self._api.post(path, json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())


@pytest.fixture
def work(run: Serving) -> Iterator[Callable[..., Work]]:
    """Start executions; those that have not ended are cancelled after the test."""
    begun: list[Work] = []

    def begin(agent_id: str, *steps: dict[str, Any]) -> Work:
        begun.append(Work(run, agent_id, list(steps)))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


@contextmanager
def example(run: Serving, name: str, agent_id: str, **environ: str) -> Iterator[None]:
    """Start an example by the command in its head; it ends in time, and well, on SIGTERM."""
    command = start_command(EXAMPLES / name)
    settings = {"PLANEXE_URL": run.url, "PLANEXE_KEY": run.ready["user_key"]}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with subprocess.Popen(
        command, cwd=PROJECT, env={**os.environ, "PATH": path, **settings, **environ}
    ) as process:
        try:
            with run.api() as api:
                found = lambda: api.get(f"/api/agents/{agent_id}").status_code == 200  # noqa: E731
                run.until("it is registered", lambda: found() or process.poll() is not None)
            assert process.poll() is None
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            code = ended(process)
    assert code == 0


def ended(process: subprocess.Popen[bytes]) -> int:
    """Give the exit code; what does not end is killed."""
    try:
        return process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def start_command(program: Path) -> list[str]:
    """Read how to start it: its own words behind the settings, with this Python."""
    told = re.search(r"Start it: +((?:.*\\\n)*.*)", program.read_text())
    assert told, f"{program.name} does not say how to start it"
    words = shlex.split(re.sub(r"\$\(.*?\)", "KEY", told[1].replace("\\\n", " ")))
    assert words[0] == "PLANEXE_KEY=KEY"
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    assert words[-1] == f"examples/{program.name}"
    return [sys.executable if word == ".venv/bin/python" else word for word in words]


def test_minimal_agent_counts_words_in_twenty_lines(
    run: Serving, work: Callable[..., Work]
) -> None:
    assert len((EXAMPLES / "minimal_agent.py").read_text().splitlines()) <= 20

    with example(run, "minimal_agent.py", "minimal"):
        begun = work("minimal", step("count_words", text="to be or not to be"))

        assert begun.results() == [{"words": 6}]


def test_host_sends_what_a_person_agreed_to_once_and_waits_for_the_reply(
    run: Serving, work: Callable[..., Work], tmp_path: Path
) -> None:
    (tmp_path / "received").mkdir()
    with example(run, "human_in_the_loop_agent.py", "host", POST_DIR=str(tmp_path)):
        invite, reply = (
            step("invite", guest="Ada", occasion="tea"),
            step("await_reply", guest="Ada"),
        )
        begun = work("host", invite, reply)

        asked = begun.blocker("human_input")
        assert "Dear Ada, please come to tea." in asked["message"]
        assert asked["suggestions"] == ["Send it"]
        assert not (tmp_path / "sent").exists()
        begun.resolve(asked, resolution="provide_input", message="Ada! Tea?")

        begun.blocker("external_wait")
        assert (tmp_path / "sent" / "Ada.txt").read_text() == "Ada! Tea?"
        (tmp_path / "received" / "Ada.txt").write_text("With pleasure.\n")

        assert begun.results() == [{"sent": "Ada! Tea?"}, {"reply": "With pleasure."}]

        again = work("host", step("invite", guest="Ada", occasion="supper"))
        assert again.results() == [{"sent": "Ada! Tea?"}]


def test_host_refuses_a_name_that_leads_out_of_its_folder(
    run: Serving, work: Callable[..., Work], tmp_path: Path
) -> None:
    with example(run, "human_in_the_loop_agent.py", "host", POST_DIR=str(tmp_path / "post")):
        begun = work("host", step("invite", guest="../../x", occasion="tea"))

        assert "no name that a file could have" in begun.blocker("human_input")["message"]
    assert list(tmp_path.iterdir()) == []


def test_llm_agent_uses_tools_asks_a_person_and_tells_what_it_used(
    run: Serving, work: Callable[..., Work], tmp_path: Path
) -> None:
    (tmp_path / "zoo.txt").write_text("Elephants: 7\nHay per elephant: 150 kg\n")
    says = [
        tool_call("search_notes", {"word": "elephant"}),
        tool_call("calculate", {"expression": "__import__('os')"}),
        tool_call("calculate", {"expression": "7 * (150 + 0)"}),
        tool_call("ask_person", {"question": "Hay or straw?", "suggestions": ["Hay"]}),
        model_server.Reply("1,050 kg of hay"),
    ]
    with model_server.serving() as model:
        model.next.extend(says)
        settings = {"MODEL_URL": model.url, "MODEL_KEY": "secret", "NOTES_DIR": str(tmp_path)}
        with example(run, "llm_agent.py", "thinker", **settings):
            begun = work("thinker", step("think", question="How much hay a day?"))
            begun.resolve(begun.blocker("human_input"), resolution="alternative", option="Hay")

            assert begun.results() == [{"answer": "1,050 kg of hay", "tool_rounds": 0}]
        found = [call.body["messages"][-1]["content"] for call in model.calls]
        keys = {call.key for call in model.calls}

    assert found[1] == "zoo.txt: Elephants: 7\nzoo.txt: Hay per elephant: 150 kg"
    assert "ValueError" in found[2]
    assert found[3] == "1050"
    assert json.loads(found[4])["resolution"]["option"] == "Hay"
    assert keys == {"secret"}
    (failed,) = begun.events("task_error")
    (done,) = begun.events("task_complete")
    assert failed["usage"]["input_tokens"] == 4 * model_server.USAGE["prompt_tokens"]
    assert done["usage"]["output_tokens"] == model_server.USAGE["completion_tokens"]


def test_llm_agent_leaves_a_refusal_of_the_model_to_a_person(
    run: Serving, work: Callable[..., Work]
) -> None:
    with model_server.serving() as model:
        model.always(model_server.Reply("no such model", status=404))
        with example(run, "llm_agent.py", "thinker", MODEL_URL=model.url):
            begun = work("thinker", step("think", question="Why?"))

            assert "no such model" in begun.blocker("human_input")["message"]


def test_batch_agent_reports_many_results_at_once(run: Serving, work: Callable[..., Work]) -> None:
    words = [f"{'x' * number}" for number in range(1, 31)]
    with example(run, "batch_agent.py", "batcher"):
        begun = work("batcher", *(step("look_up", prerequisites=[], word=one) for one in words))

        assert begun.results() == [{"word": one, "letters": len(one)} for one in words]
        moments = {one["recorded_at"] for one in begun.events("task_complete")}
        assert len(moments) < len(words)

        bad = work("batcher", step("look_up", word=""))
        assert "There is no word." in bad.blocker("human_input")["message"]


def test_shell_agent_tells_checksums_and_reports_what_it_cannot_do(
    run: Serving, work: Callable[..., Work], tmp_path: Path
) -> None:
    name = """it's "odd" $(touch x).txt"""
    (tmp_path / name).write_text("content")
    with example(run, "shell_agent.sh", "checksummer", FILES_DIR=str(tmp_path)):
        begun = work("checksummer", step("checksum", file=name))
        assert begun.results() == [sha256(b"content").hexdigest()]

        out = work("checksummer", step("checksum", file="../secret"))
        assert "No file of mine: ../secret" in out.blocker("human_input")["message"]

        missing = work("checksummer", step("checksum", file="none.txt"))
        assert "none.txt" in missing.blocker("human_input")["message"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "agent_id", "action", "params"),
    [
        # Agents of their own: a poll that is lost on its way still takes the work of its agent.
        ("batch_agent.py", "lost-batcher", "look_up", {"word": "twice"}),
        ("shell_agent.sh", "lost-checksummer", "checksum", {"file": "LICENSE"}),
    ],
)
def test_answers_that_are_lost_make_no_agent_do_or_tell_anything_twice(
    run: Serving, work: Callable[..., Work], name: str, agent_id: str, action: str, params: Any
) -> None:
    lost: list[str] = []
    with proxy(run.url, loses_the_first_answers(lost)) as url:
        settings = {"AGENT_ID": agent_id, "PLANEXE_URL": url, "FILES_DIR": str(PROJECT)}
        with example(run, name, agent_id, **settings):
            begun = work(agent_id, step(action, **params))

            assert len(begun.results()) == 1
        assert len(begun.events("task_dispatched")) == len(begun.events("task_complete")) == 1
    assert lost == ["work", "events"]


def loses_the_first_answers(lost: list[str]) -> Trouble:
    """Let everything reach the server, and cut off its first work and its first acknowledgement."""

    def trouble(asked: Asked, passed: Pass) -> Given | None:
        given = passed(asked)
        kind = asked.path.partition("?")[0].rpartition("/")[2]
        if kind not in {"work", "events"} or kind in lost or given.status == 204:
            return given
        lost.append(kind)
        return None

    return trouble


def step(action: str, prerequisites: list[str] | None = None, **params: Any) -> dict[str, Any]:
    """Write a subtask; without prerequisites given it waits for the one before it."""
    waits = {} if prerequisites is None else {"prerequisites": prerequisites}
    return {"title": action, "action": action, "params": params, **waits}


def tool_call(name: str, arguments: dict[str, Any]) -> model_server.Reply:
    """Write a model's answer that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body = {"object": "chat.completion", "choices": [choice], "usage": model_server.USAGE}
    return model_server.Reply(raw=json.dumps(body).encode())
