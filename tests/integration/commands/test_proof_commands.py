"""``planexe-ax verify`` and ``planexe-ax replay`` on real servers."""

import json
from pathlib import Path

import pytest
import redis

from app import cli
from app.live.keys import Keys
from config.settings import Settings

from ..stage import Stage, plan_document


@pytest.fixture(autouse=True)
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the servers of the test."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("REDIS_URL", settings.redis_url or "")


@pytest.fixture
def execution_id(stage: Stage) -> str:
    agent = stage.agent()
    execution_id = stage.execution(agent, plan_document(1, 2))
    stage.carry_out(agent, 1)
    return execution_id


def test_verify_tells_what_is_proven(execution_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", execution_id]) == 0
    assert f"{execution_id}: " in capsys.readouterr().out
    assert cli.main(["verify", "--all"]) == 0
    assert capsys.readouterr().out == "1 verified, 0 with differences.\n"


def test_verify_tells_each_difference_and_fails(
    execution_id: str, stage: Stage, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset(Keys(stage.workspace_id).header(execution_id), "seq", "77")

    assert cli.main(["verify"]) == 1
    out = capsys.readouterr().out
    assert "live, header field seq: expected" in out
    assert out.endswith("1 verified, 1 with differences.\n")
    assert cli.main(["verify", execution_id, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["differences"][0]["found"] == 77


def test_replay_shows_the_tree_at_an_event(
    execution_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", execution_id]) == 0
    now = capsys.readouterr().out
    assert cli.main(["replay", execution_id, "--until", "1"]) == 0
    then = capsys.readouterr().out

    assert "✓ Step 0 of task 0 [t0s0] COMPLETED" in now
    assert "· Step 0 of task 0 [t0s0] QUEUED" in then


def test_replay_gives_the_state_as_json_and_as_a_page(
    execution_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", execution_id, "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["subtasks"]["t0s0"]["status"] == "COMPLETED"
    assert state["header"]["seq"] == state["event"]["seq"] == state["events"]
    page = tmp_path / "state.html"
    assert cli.main(["replay", execution_id, "--html", str(page)]) == 0
    assert "Step 0 of task 0" in page.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["verify", "exec_0"], "There is no execution 'exec_0'."),
        (["replay", "exec_0"], "There is no execution 'exec_0'."),
        (["replay", "{id}", "--until", "99"], "Event 99 is out of range"),
        (["replay", "{id}", "--html", "/nowhere/x.html"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    execution_id: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word.format(id=execution_id) for word in words]) == 2
    assert told in capsys.readouterr().err
