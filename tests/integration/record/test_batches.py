import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import Connection, Engine

from app.domain.errors import Invalid, NotFound
from app.domain.events import FIRST_HASH, EventType, chain
from app.domain.execution import Header, SubtaskState, TaskState
from app.domain.plan import Plan
from app.domain.states import ExecutionStatus, SubtaskStatus
from app.record import batches
from app.record.batches import Batch, BatchWriter, SubtaskRow, TaskRow
from app.record.copying import Merge
from app.record.errors import RecordUnavailable
from app.record.executions import Executions
from app.record.history import History

from .builders import NOON, WORKSPACE, logged, make_events, make_header


@pytest.fixture
def writer(engine: Engine, plan: Plan) -> BatchWriter:
    """A writer, with an execution that is about to begin."""
    del plan
    Executions(engine).add(make_header(), "user_1", b"graph")
    return BatchWriter(engine)


def header_at(seq: int, **fields: Any) -> Header:
    return make_header(seq=seq, head_hash=f"{seq:064}", updated_at=NOON, **fields)


def subtask_at(seq: int, status: SubtaskStatus = SubtaskStatus.RUNNING, **more: Any) -> SubtaskRow:
    state = SubtaskState(status=status, seq=seq, attempt=1, agent_id="agent_1", **more)
    return SubtaskRow(WORKSPACE, "exec_1", "task_0_0", "task_0_0.0", state)


def test_events_come_back_byte_for_byte(engine: Engine, writer: BatchWriter) -> None:
    odd = {"é": "\u0000 \u2028 \\ \t\n\U0001f600", "b": 1.50, "a": [1e300, None]}
    sealed = make_events(3, output_data=odd, message="a\tb\\N\nc", task_id="t", agent_id="a")
    assert writer.write(Batch(events=logged(sealed))) == 3
    stored = list(History(engine).stream("exec_1"))
    assert [(it.body, it.hash) for it in stored] == [(it.body, it.hash) for it in sealed]
    head = FIRST_HASH
    for event in stored:
        head = chain(head, event.body)
        assert head == event.hash


def test_repeated_batch_changes_nothing(engine: Engine, writer: BatchWriter) -> None:
    batch = Batch(
        events=logged(make_events(5)),
        headers=[header_at(5)],
        subtasks=[subtask_at(5)],
        tasks=[TaskRow(WORKSPACE, "exec_1", "task_0_0", TaskState(seq=5))],
    )
    assert writer.write(batch) == 5
    before = Executions(engine).states("exec_1")
    assert writer.write(batch) == 0
    assert Executions(engine).states("exec_1") == before
    assert before == ({"task_0_0.0": batch.subtasks[0].state}, {"task_0_0": TaskState(seq=5)})
    assert History(engine).last_seq("exec_1") == 5


def test_overlapping_batch_adds_only_what_is_new(engine: Engine, writer: BatchWriter) -> None:
    events = logged(make_events(10))
    assert writer.write(Batch(events=events[:6])) == 6
    assert writer.write(Batch(events=[*events[3:], *events[3:]])) == 4
    assert [it.seq for it in History(engine).stream("exec_1")] == list(range(1, 11))


def test_older_state_does_not_replace_a_newer_one(engine: Engine, writer: BatchWriter) -> None:
    done = subtask_at(9, SubtaskStatus.COMPLETED, result={"text": "\u0000"})
    writer.write(Batch(headers=[header_at(9, status=ExecutionStatus.RUNNING)], subtasks=[done]))
    writer.write(Batch(headers=[header_at(4)], subtasks=[subtask_at(4)]))
    assert Executions(engine).get(WORKSPACE, "exec_1") == header_at(
        9, status=ExecutionStatus.RUNNING
    )
    assert Executions(engine).states("exec_1")[0] == {"task_0_0.0": done.state}


def test_highest_seq_counts_within_a_batch(engine: Engine, writer: BatchWriter) -> None:
    rows = [subtask_at(seq) for seq in (2, 7, 3)]
    writer.write(Batch(headers=[header_at(seq) for seq in (2, 7, 3)], subtasks=rows))
    found = Executions(engine).get(WORKSPACE, "exec_1")
    assert found
    assert found.seq == 7
    assert Executions(engine).states("exec_1")[0]["task_0_0.0"].seq == 7


def test_header_brings_back_a_lost_row_and_keeps_who_made_it(
    engine: Engine, writer: BatchWriter
) -> None:
    executions = Executions(engine)
    writer.write(Batch(headers=[header_at(1)]))
    assert executions.created_by(WORKSPACE, "exec_1") == "user_1"
    other = make_header("exec_2", seq=1)
    writer.write(Batch(headers=[other]))
    assert executions.get(WORKSPACE, "exec_2") == other
    assert executions.created_by(WORKSPACE, "exec_2") == ""


def test_batch_is_all_or_nothing(engine: Engine, writer: BatchWriter) -> None:
    stray = msgspec.structs.replace(subtask_at(1), execution_id="exec_unknown")
    with pytest.raises(NotFound):
        writer.write(Batch(events=logged(make_events(3)), subtasks=[stray]))
    assert History(engine).last_seq("exec_1") == 0


def test_id_that_the_database_cannot_hold_is_refused(writer: BatchWriter) -> None:
    with pytest.raises(Invalid):
        writer.write(Batch(events=logged(make_events(1, task_id="a\0b"))))


def test_writers_of_the_same_rows_do_not_block_each_other(
    engine: Engine, writer: BatchWriter
) -> None:
    rows = [
        SubtaskRow(WORKSPACE, "exec_1", "task", f"s{number}", SubtaskState(seq=1))
        for number in range(300)
    ]
    writer.write(Batch(headers=[header_at(1)], subtasks=rows))

    def write_shuffled(seq: int) -> None:
        shuffled = random.Random(seq).sample(rows, len(rows))
        state = SubtaskState(seq=seq)
        writer.write(Batch(subtasks=[msgspec.structs.replace(it, state=state) for it in shuffled]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_shuffled, range(2, 34)))
    assert {it.seq for it in Executions(engine).states("exec_1")[0].values()} == {33}


class Frost:
    """Stops the first to come by until it is thawed."""

    def __init__(self) -> None:
        self.reached, self.thawed = threading.Event(), threading.Event()

    def pass_by(self) -> None:
        """Wait, where nobody has come by before."""
        if not self.reached.is_set():
            self.reached.set()
            assert self.thawed.wait(20)


def test_writer_that_is_frozen_between_its_statements_holds_no_other_up(
    engine: Engine, writer: BatchWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    frost, move = Frost(), Merge.move

    def move_and_freeze(merge: Merge, connection: Connection) -> int:
        moved = move(merge, connection)
        frost.pass_by()
        return moved

    monkeypatch.setattr(Merge, "move", move_and_freeze)
    monkeypatch.setattr(batches, "LONGEST_PAUSE_MS", 200)
    batch = Batch(events=logged(make_events(3)), headers=[header_at(3)])
    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(writer.write, batch)
        assert frost.reached.wait(20)
        monkeypatch.setattr(batches, "LONGEST_PAUSE_MS", 20_000)
        assert writer.write(batch) == 3
        frost.thawed.set()
        with pytest.raises(RecordUnavailable):
            frozen.result(20)
    assert History(engine).last_seq("exec_1") == 3


def test_writer_that_is_frozen_within_a_copy_holds_no_other_up(
    engine: Engine, writer: BatchWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    frost, write_row = Frost(), psycopg.Copy.write_row

    def freeze_at_a_header(copy: psycopg.Copy, row: Sequence[Any]) -> None:
        if row[0] == "exec_1" and not isinstance(row[1], int):
            frost.pass_by()
        write_row(copy, row)

    monkeypatch.setattr(psycopg.Copy, "write_row", freeze_at_a_header)
    batch = Batch(events=logged(make_events(3)), headers=[header_at(3)])
    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(writer.write, batch)
        assert frost.reached.wait(20)
        # No limit of time ends a COPY that waits for rows: the other must not need one.
        assert writer.write(batch) == 3
        frost.thawed.set()
        assert frozen.result(20) == 0
    assert History(engine).last_seq("exec_1") == 3


def test_history_is_filtered_and_paged(engine: Engine, writer: BatchWriter) -> None:
    notes = make_events(4)
    starts = make_events(
        4, first=5, event_type=EventType.TASK_STARTED, task_id="t1", agent_id="agent_2"
    )
    writer.write(Batch(events=logged([*notes, *starts])))
    history = History(engine)

    def seqs(**query: Any) -> list[int]:
        return [it.seq for it in history.page("exec_1", **query)]

    assert seqs(limit=3) == [1, 2, 3]
    assert seqs(after=3, limit=2) == [4, 5]
    assert seqs(newest_first=True, before=7, limit=2) == [6, 5]
    assert seqs(kinds=["task_started"], after=5) == [6, 7, 8]
    assert seqs(task_ids=["t0", "t1"], limit=1) == [5]
    assert seqs(task_ids=[]) == []
    assert seqs(agent_id="agent_2", before=7) == [5, 6]
    assert history.page("exec_other") == []
