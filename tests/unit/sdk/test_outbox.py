"""The file of results: what it keeps, for how long, and for whom."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import planexe_agent
import pytest
from planexe_agent import Outbox, OutboxError, OutboxInUse, Task
from planexe_agent.kept import Kept
from planexe_agent.outbox import open_default

if TYPE_CHECKING:
    from planexe_agent.reports import Reports

SOURCE = Path(planexe_agent.__file__).parents[1]
OPEN = "import sys; from planexe_agent import Outbox; Outbox(sys.argv[1]); print('opened')"
KEEP_AND_DIE = """
import os, signal, sys
from planexe_agent.kept import Kept; from planexe_agent import Outbox
outbox = Outbox(sys.argv[1])
outbox.keep(Kept("larry", "exec_1", "t1", "key", {"event_id": "e1", "event_type": "task_complete"}))
os.kill(os.getpid(), signal.SIGKILL)
"""


def _task(task_id: str = "t1", token: str = "1", **work: Any) -> Task:
    reports: Reports = None  # type: ignore[assignment]
    work = {"task_id": task_id, "action": "act", "lease_token": token, **work}
    return Task(work, {"execution_id": "exec_1"}, reports, lease_seconds=900.0)


def _kept(task: Task | None = None, agent_id: str = "larry", **fields: Any) -> Kept:
    task = task or _task()
    return Kept.of(agent_id, task, task.event("task_complete", output_data={"a": 1}, **fields))


def _process(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


def test_result_outlives_the_outbox(path: Path) -> None:
    kept = _kept()
    outbox = Outbox(path)
    outbox.keep(kept)
    outbox.close()
    again = Outbox(path)
    assert again.unsent("larry") == [kept]
    assert again.find("larry", _task()) == kept
    again.close()


def test_result_outlives_a_process_that_is_killed(path: Path) -> None:
    killed = _process(KEEP_AND_DIE, path)
    assert killed.returncode == -9, killed.stderr
    outbox = Outbox(path)
    [kept] = outbox.unsent("larry")
    assert kept.event == {"event_id": "e1", "event_type": "task_complete"}
    outbox.close()


def test_results_come_oldest_first_and_to_their_agent_alone(path: Path) -> None:
    outbox = Outbox(path)
    for number in (3, 1, 2):
        outbox.keep(_kept(_task(f"t{number}")))
    outbox.keep(_kept(agent_id="moe"))
    outbox.close()
    again = Outbox(path)
    assert [kept.task_id for kept in again.unsent("larry")] == ["t3", "t1", "t2"]
    assert [kept.agent_id for kept in again.unsent("moe")] == ["moe"]
    again.close()


def test_accepted_result_is_forgotten(path: Path) -> None:
    outbox, kept = Outbox(path), _kept()
    outbox.keep(kept)
    outbox.settle(kept)
    assert outbox.find("larry", _task()) is None
    outbox.close()
    again = Outbox(path)
    assert (again.unsent("larry"), again.find("larry", _task())) == ([], None)
    again.close()


def test_result_that_the_server_did_not_take_stays_with_what_it_said(path: Path) -> None:
    outbox, kept = Outbox(path), _kept()
    outbox.keep(kept)
    outbox.settle(kept, "the lease has passed on")
    outbox.close()
    again = Outbox(path)
    found = again.find("larry", _task())
    assert again.unsent("larry") == []
    assert found is not None
    assert found.said == "the lease has passed on"
    again.close()


def test_word_on_an_old_result_leaves_the_new_one_alone(path: Path) -> None:
    outbox, old, new = Outbox(path), _kept(), _kept(_task(token="2"))
    outbox.keep(old)
    outbox.keep(new)
    outbox.settle(old, "the lease has passed on")
    outbox.settle(old)
    assert outbox.unsent("larry") == [new]
    outbox.close()


def test_new_result_follows_an_old_one_of_the_same_commit(path: Path) -> None:
    outbox, old, new = Outbox(path), _kept(), _kept(_task(token="2"))
    outbox.keep(old)
    outbox.settle(old, "the lease has passed on")
    outbox.keep(new)
    outbox.close()
    again = Outbox(path)
    assert again.unsent("larry") == [new]
    again.close()


def test_accepted_result_of_an_earlier_run_is_known_until_the_end_of_this_one(path: Path) -> None:
    first, kept = Outbox(path), _kept()
    first.keep(kept)
    first.close()
    second = Outbox(path)
    second.settle(kept)
    assert second.find("larry", _task()) is not None, "a poll under way may bring its lease"
    second.close()
    third = Outbox(path)
    assert third.find("larry", _task()) is None
    third.close()


def test_told_results_are_deleted_after_a_week(path: Path) -> None:
    outbox = Outbox(path)
    for number in (1, 2, 3):
        outbox.keep(_kept(_task(f"t{number}")))
    for number in (1, 2):
        outbox.settle(_kept_in(outbox, f"t{number}"), "ended")
    outbox.close()
    with sqlite3.connect(path) as database:
        old = time.time() - 8 * 86_400
        database.execute("UPDATE results SET kept_at=? WHERE task_id IN ('t1', 't3')", (old,))
    database.close()
    again = Outbox(path)
    found = [again.find("larry", _task(f"t{number}")) for number in (1, 2, 3)]
    assert [kept is not None for kept in found] == [False, True, True]
    again.close()


def _kept_in(outbox: Outbox, task_id: str) -> Kept:
    kept = outbox.find("larry", _task(task_id))
    assert kept is not None
    return kept


def test_results_of_many_threads_are_all_on_disk(path: Path) -> None:
    outbox, together = Outbox(path), threading.Barrier(16)

    def keep(number: int) -> None:
        together.wait(10)
        for part in range(10):
            outbox.keep(_kept(_task(f"t{number}.{part}")))

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.close()
    again = Outbox(path)
    assert len(again.unsent("larry")) == 160
    again.close()


def test_file_is_for_one_process(path: Path) -> None:
    outbox = Outbox(path)
    with pytest.raises(OutboxInUse, match="needs an outbox of its own"):
        Outbox(path)
    # The refused attempt must not have taken the lock away: closing a file does that on POSIX.
    other = _process(OPEN, path)
    assert "OutboxInUse" in other.stderr
    outbox.close()
    assert _process(OPEN, path).stdout == "opened\n"


def test_file_is_for_the_eyes_of_its_user(path: Path) -> None:
    outbox = Outbox(path)
    outbox.keep(_kept())
    for each in path.parent.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
    outbox.close()


def test_file_that_is_no_outbox_is_named_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("my diary, which is long enough to be taken for something" * 20)
    with pytest.raises(OutboxError, match=r"outbox\.db: cannot be used as an outbox"):
        Outbox(path)
    assert path.read_text().startswith("my diary")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="file"):
        Outbox(tmp_path / "file" / "outbox.db")


def test_file_of_a_newer_format_is_refused(path: Path) -> None:
    Outbox(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=2")
    database.close()
    with pytest.raises(OutboxError, match="newer planexe-agent"):
        Outbox(path)


def test_result_that_cannot_be_written_is_told(path: Path) -> None:
    outbox = Outbox(path)
    outbox.close()
    with pytest.raises(OutboxError, match=r"outbox\.db"):
        outbox.keep(_kept())


class TestDefault:
    """Where nothing is said: below the user's folder for state."""

    URL = "http://localhost:8000"

    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("planexe_agent.outbox.state_folder", lambda: tmp_path)

    def test_each_process_of_an_agent_has_a_file_of_its_own(self) -> None:
        first, second = (open_default(self.URL, "larry") for _ in range(2))
        assert first.path.name == "outbox-1.db"
        assert second.path.name == "outbox-2.db"
        assert first.path.parent == second.path.parent
        first.close()
        second.close()

    def test_each_agent_and_each_server_has_a_folder_of_its_own(self) -> None:
        places = [(self.URL, "larry"), (self.URL, "moe"), ("https://elsewhere", "larry")]
        opened = [open_default(*place) for place in places]
        assert len({outbox.path.parent for outbox in opened}) == 3
        for outbox in opened:
            outbox.close()

    def test_what_a_process_that_is_gone_has_left_is_taken_over(self) -> None:
        first, second = (open_default(self.URL, "larry") for _ in range(2))
        first.keep(_kept(_task("t1")))
        second.keep(_kept(_task("t2")))
        first.close()
        second.close()
        again = open_default(self.URL, "larry")
        assert [kept.task_id for kept in again.unsent("larry")] == ["t1", "t2"]
        other = open_default(self.URL, "larry")
        assert other.unsent("larry") == []
        again.close()
        other.close()

    def test_newest_result_of_a_subtask_is_taken_over(self) -> None:
        first, second = (open_default(self.URL, "larry") for _ in range(2))
        stale = _kept()
        first.keep(stale)
        first.settle(stale, "stale-lease")
        newest = _kept(_task(token="2"))
        second.keep(newest)
        first.close()
        second.close()
        again = open_default(self.URL, "larry")
        assert [kept.event for kept in again.unsent("larry")] == [newest.event]
        again.close()


def test_idempotency_key_is_the_same_over_attempts_and_another_for_other_params() -> None:
    keys = [
        _task(attempt=1, params={"a": 1, "b": 2}).idempotency_key,
        _task(attempt=2, token="9", params={"b": 2, "a": 1}, kind="check").idempotency_key,
        _task(params={"a": 1, "b": 3}).idempotency_key,
        _task("t2", params={"a": 1, "b": 2}).idempotency_key,
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert len(keys[0]) <= 64
