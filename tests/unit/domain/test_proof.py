"""A log against what is stored beside it, and every way to falsify either."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from app.domain.errors import DomainError
from app.domain.events import FIRST_HASH, seal
from app.domain.execution import Execution
from app.domain.proof import (
    MOST_TOLD,
    Claims,
    Difference,
    EventColumns,
    KeptEvent,
    Proof,
    Stored,
    Where,
    prove,
)
from tests.executions import EXECUTION, NOON, WORKSPACE, Play, chain, completion
from tests.walk import draw_command, varied


@pytest.fixture
def play() -> Play:
    """Three subtasks in a chain, two of them done."""
    play = Play(chain(1, 3))
    play.start()
    for one in ("s0", "s1"):
        play.claim(one)
        play.do(completion(one, output_data={"said": one}))
    return play


def kept(play: Play) -> list[KeptEvent]:
    return [
        KeptEvent(
            one.event.seq,
            one.body,
            one.hash,
            EventColumns(
                WORKSPACE,
                one.event.event_id,
                one.event.event_type,
                one.event.task_id,
                one.event.agent_id,
                one.event.recorded_at,
            ),
        )
        for one in seal(play.events, FIRST_HASH)
    ]


def stored(play: Play, events: Sequence[KeptEvent], **changes: Any) -> Stored:
    header = msgspec.structs.replace(play.state.header, head_hash=events[-1].hash)
    given: dict[str, Any] = {
        "header": header,
        "subtasks": dict(play.state.subtasks),
        "tasks": dict(play.state.tasks),
    }
    return Stored(**{**given, **changes})


def check(play: Play, events: Sequence[KeptEvent], **claims: Any) -> Proof:
    given: dict[str, Any] = {"last": len(play.events), **claims}
    unborn = Execution.unborn(play.state.graph, EXECUTION, WORKSPACE)
    return prove(unborn, events, Claims(**given))[0]


def changed(events: list[KeptEvent], seq: int, **fields: Any) -> list[KeptEvent]:
    events[seq - 1] = msgspec.structs.replace(events[seq - 1], **fields)
    return events


def named(proof: Proof) -> list[tuple[int, str, str]]:
    return [(one.seq, one.where.value, one.what) for one in proof.differences]


def test_true_log_proves_what_is_stored(play: Play) -> None:
    events = kept(play)
    all_of_it = stored(play, events)

    proof = check(play, events, live=all_of_it, record=all_of_it, recorded=len(events))

    assert proof == Proof(True, len(events), events[-1].hash, [], 0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_is_proven_at_every_moment(seed: int) -> None:
    rng = random.Random(seed)
    play = Play(varied())
    moments: list[Stored] = []
    for number in range(60):
        command = draw_command(play.state, play.now, rng.randrange, f"{number}")
        try:
            play.do(command)
        except DomainError:
            play.now += dt.timedelta(minutes=rng.randrange(30))
            continue
        moments.append(stored(play, kept(play)))

    events = kept(play)
    for moment in moments:
        assert moment.header
        proof = check(play, events, record=moment, recorded=moment.header.seq)
        assert proof.ok, proof.differences


def test_changed_byte_of_a_body_is_one_difference_in_the_chain(play: Play) -> None:
    events = kept(play)
    seq = next(one.seq for one in events if b'"RUNNING"' in one.body)
    false = events[seq - 1].body.replace(b'"RUNNING"', b'"RUNNINg"')

    proof = check(play, changed(events, seq, body=false))

    assert named(proof) == [(seq, "chain", "hash")]


@pytest.mark.parametrize("seq", [1, 4, 7])
def test_changed_hash_is_one_difference_in_the_chain(play: Play, seq: int) -> None:
    events = kept(play)

    proof = check(play, changed(events, seq, hash="f" * 64))

    assert named(proof) == [(seq, "chain", "hash")]
    assert proof.differences[0].expected == kept(play)[seq - 1].hash


def test_changed_result_is_found_in_chain_and_state(play: Play) -> None:
    events = kept(play)
    all_of_it = stored(play, events)
    seq = next(one.seq for one in events if b'"said":"s0"' in one.body)

    proof = check(
        play,
        changed(events, seq, body=events[seq - 1].body.replace(b'"said":"s0"', b'"said":"x0"')),
        live=all_of_it,
    )

    assert named(proof) == [(seq, "chain", "hash"), (seq, "live", "subtask s0.result")]
    assert proof.differences[1].expected == {"said": "x0"}
    assert proof.differences[1].found == {"said": "s0"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("workspace_id", "ws_2"),
        ("event_id", "evt_0"),
        ("event_type", "note"),
        ("task_id", None),
        ("agent_id", "agent_9"),
        ("recorded_at", NOON + dt.timedelta(days=1)),
    ],
)
def test_changed_column_of_an_event_is_found(play: Play, column: str, value: Any) -> None:
    events = kept(play)
    columns = events[3].columns
    assert columns
    false = msgspec.structs.replace(columns, **{column: value})

    proof = check(play, changed(events, 4, columns=false))

    assert named(proof) == [(4, "log", f"column {column}")]


def test_missing_event_is_named_once_and_ends_the_fold(play: Play) -> None:
    events = kept(play)
    all_of_it = stored(play, events)
    del events[4:6]

    proof = check(play, events, live=all_of_it)

    assert named(proof) == [(5, "log", "event"), (5, "log", "fold")]
    assert proof.differences[0].expected == "events 5 to 6"


def test_missing_end_is_found(play: Play) -> None:
    events = kept(play)

    proof = check(play, events[:-1])

    assert named(proof)[0] == (len(events), "log", "event")


def test_doubled_event_is_found_and_not_applied_twice(play: Play) -> None:
    events = kept(play)
    all_of_it = stored(play, events)

    proof = check(play, [*events[:5], events[4], *events[5:]], live=all_of_it)

    assert named(proof) == [(5, "log", "event")]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b'{"seq":1e9}'])
def test_body_that_is_no_event_ends_the_fold(play: Play, body: bytes) -> None:
    proof = check(play, changed(kept(play), 6, body=body))

    assert named(proof) == [(6, "chain", "hash"), (6, "log", "body"), (6, "log", "fold")]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"task_id":"s0"', b'"task_id":"sX"'), (b'"lease":', b'"laese":')],
)
def test_event_that_cannot_be_applied_ends_the_fold(play: Play, old: bytes, new: bytes) -> None:
    events = kept(play)
    seq = next(one.seq for one in events if old in one.body and b"dispatched" in one.body)

    proof = check(play, changed(events, seq, body=events[seq - 1].body.replace(old, new)))

    assert (seq, "log", "body") in named(proof)
    assert not proof.ok


def test_event_of_another_execution_is_found(play: Play) -> None:
    events = kept(play)
    false = events[2].body.replace(EXECUTION.encode(), b"exec_2")

    proof = check(play, changed(events, 3, body=false))

    assert (3, "log", "execution_id") in named(proof)


def test_copy_in_redis_that_differs_is_found(play: Play) -> None:
    events = kept(play)

    proof = check(play, changed(events, 3, copy=(events[2].body + b" ", events[2].hash)))

    assert named(proof) == [(3, "log", "copy in Redis")]


@pytest.mark.parametrize("where", [Where.LIVE, Where.RECORD])
@pytest.mark.parametrize(
    ("field", "value"), [("attempt", 7), ("agent_id", "agent_9"), ("result", {"said": "lie"})]
)
def test_changed_field_of_a_state_is_named_with_the_event_that_set_it(
    play: Play, where: Where, field: str, value: Any
) -> None:
    events = kept(play)
    state = play.state.subtasks["s1"]
    false = {**play.state.subtasks, "s1": msgspec.structs.replace(state, **{field: value})}

    proof = check(play, events, **{where: stored(play, events, subtasks=false)})

    assert proof.differences == [
        Difference(state.seq, where, f"subtask s1.{field}", getattr(state, field), value)
    ]


def test_changed_header_and_task_are_named(play: Play) -> None:
    events = kept(play)
    true = stored(play, events)
    assert true.header
    header = msgspec.structs.replace(true.header, tasks_done=1, head_hash="0" * 64)
    tasks = {"t0": msgspec.structs.replace(play.state.tasks["t0"], waiting_on=1)}

    proof = check(play, events, live=stored(play, events, header=header, tasks=tasks))

    assert {what for _, _, what in named(proof)} == {
        "header.tasks_done",
        "header.head_hash",
        "task t0.waiting_on",
    }


def test_lost_unreadable_and_unknown_states_are_named(play: Play) -> None:
    events = kept(play)
    subtasks = dict(play.state.subtasks)
    del subtasks["s0"], subtasks["s1"]
    subtasks["s9"] = play.state.subtasks["s2"]
    unreadable = {"subtask s1": "{broken"}

    proof = check(play, events, live=stored(play, events, subtasks=subtasks, unreadable=unreadable))

    found = {one.what: one.found for one in proof.differences}
    assert found["subtask s0"] is None
    assert found["subtask s1"] == "{broken"
    assert found["subtask s9"]


def test_rows_may_lag_behind_events_that_are_not_recorded_yet(play: Play) -> None:
    early = Play(chain(1, 3))
    early.start()
    behind = stored(early, kept(early))

    proof = check(play, kept(play), record=behind, recorded=len(early.events))

    assert proof.ok


def test_rows_that_lag_behind_recorded_events_are_found(play: Play) -> None:
    early = Play(chain(1, 3))
    early.start()
    behind = stored(early, kept(early))

    proof = check(play, kept(play), record=behind, recorded=len(play.events))

    assert {(where, what) for _, where, what in named(proof)} == {
        ("record", "header.seq"),
        ("record", "subtask s0.seq"),
        ("record", "subtask s1.seq"),
        ("record", "subtask s2.seq"),
        ("record", "task t0.seq"),
    }


def test_row_with_a_seq_it_never_had_is_found(play: Play) -> None:
    events = kept(play)
    state = play.state.subtasks["s0"]
    false = {**play.state.subtasks, "s0": msgspec.structs.replace(state, seq=state.seq + 1)}

    proof = check(play, events, record=stored(play, events, subtasks=false))

    assert named(proof) == [(state.seq + 1, "record", "subtask s0.seq")]


def test_live_state_behind_the_record_is_found(play: Play) -> None:
    early = Play(chain(1, 3))
    early.start()

    proof = check(play, kept(play), live=stored(early, kept(early)))

    assert named(proof) == [(len(early.events), "live", "header.seq")]


def test_differences_are_counted_beyond_those_that_are_told() -> None:
    long = Play(chain(1, MOST_TOLD + 1))
    long.start()
    events = kept(long)
    none = stored(long, events, subtasks={})

    proof = check(long, events, live=none, record=none, recorded=len(events))

    assert proof.differences_total == 2 * (MOST_TOLD + 1)
    assert len(proof.differences) == 2 * MOST_TOLD
    assert not proof.ok


def test_huge_value_is_told_by_its_beginning(play: Play) -> None:
    events = kept(play)
    state = msgspec.structs.replace(play.state.subtasks["s0"], result="x" * 100_000)

    proof = check(
        play, events, live=stored(play, events, subtasks={**play.state.subtasks, "s0": state})
    )

    assert len(proof.differences[0].found) < 1100
