"""Every command in every status of an execution: what it leads to, or why it is refused."""

import datetime as dt
from typing import Any

import pytest

from app.domain import commands as c
from app.domain.blockers import Resolution
from app.domain.errors import (
    Conflict,
    DomainError,
    IllegalMove,
    NotFound,
    StaleLease,
    Terminal,
    UnknownTask,
)
from app.domain.events import AGENT_EVENT_TYPES, EventType
from app.domain.states import ExecutionStatus
from tests.executions import (
    NOON,
    Play,
    check,
    claim,
    claimant,
    completion,
    creation,
    facts,
    make_graph,
    report,
    started,
    step,
    types,
)

GRAPH = make_graph({"t": [step("a"), step("b"), step("c", "a", "b")]})
USER = {"actor": "user:1"}
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


def standing_at(status: str) -> Play:
    """Play an execution to a status; ``a`` is leased where it runs or was paused."""
    play = Play(GRAPH)
    if status == "CREATED":
        return play
    play.start()
    if status == "QUEUED":
        return play
    play.claim("a")
    if status == "BLOCKED":
        play.claim("b")
        play.do(report(EventType.TASK_BLOCKED, "a"))
        play.do(report(EventType.TASK_BLOCKED, "b"))
    elif status == "PAUSED":
        play.do(c.PauseExecution(**USER))
    elif status == "COMPLETED":
        play.do(completion("a"))
        play.complete("b", "c")
    elif status == "FAILED":
        play.fail("a", error_type="permanent")
        play.answer("a", "fail")
    elif status == "CANCELLED":
        play.do(c.CancelExecution(**USER))
    return play


def commands_for(play: Play) -> dict[str, c.Command]:
    lease, blocker = play.subtask("a").lease, play.subtask("a").blocker
    return {
        "create": creation(GRAPH),
        "start": c.StartExecution(**USER),
        "pause": c.PauseExecution(**USER),
        "resume": c.ResumeExecution(**USER),
        "cancel": c.CancelExecution(**USER),
        "claim": claim("b"),
        "report": report(EventType.TASK_PROGRESS, "a"),
        "note": report(EventType.NOTE),
        "expire": c.ExpireLease(subtask_id="a", lease_token=lease.token if lease else "1"),
        "end_delay": c.EndDelay(subtask_id="a"),
        "time_out": c.TimeOutSubtask(subtask_id="a"),
        "limit": c.TimeOutExecution(hours=168),
        "reassign": c.ReassignExecution(**USER, agent_id="agent_2"),
        "offline": c.NoteAgentOffline(agent_id="agent_1", last_contact_at=NOON),
        "online": c.NoteAgentOnline(agent_id="agent_1"),
        "resolve": c.ResolveBlocker(
            **USER,
            subtask_id="a",
            blocker_id=blocker.blocker_id if blocker else "blk_1",
            resolution=Resolution.RETRY,
        ),
        "skip": c.SkipSubtask(**USER, subtask_id="b", reason="not needed"),
        "retry": c.RetrySubtask(**USER, subtask_id="a"),
        "done": c.CompleteSubtask(**USER, subtask_id="b"),
    }


ALL = [status.value for status in ExecutionStatus]
Expected = dict[str, Any]


def everywhere(expected: Any, **others: Any) -> Expected:
    return {status: others.get(status, expected) for status in ALL}


def until_the_end(expected: Any, **others: Any) -> Expected:
    return everywhere(expected, **dict.fromkeys(ENDED, Terminal), **others)


OUTCOMES: dict[str, Expected] = {
    "create": everywhere(Conflict),
    "start": everywhere(IllegalMove, CREATED=["execution_queued"]),
    "pause": everywhere(
        IllegalMove, **{one: ["execution_paused"] for one in ("QUEUED", "RUNNING", "BLOCKED")}
    ),
    "resume": everywhere(IllegalMove, PAUSED=["execution_resumed"], FAILED=["execution_resumed"]),
    "cancel": everywhere(["execution_cancelled"], COMPLETED=IllegalMove, CANCELLED=IllegalMove),
    "claim": until_the_end(
        Conflict, QUEUED=["execution_started", "task_dispatched"], RUNNING=["task_dispatched"]
    ),
    "report": until_the_end(StaleLease, RUNNING=["task_progress"], PAUSED=["task_progress"]),
    "note": until_the_end(["note"]),
    "expire": until_the_end(
        StaleLease,
        RUNNING=["lease_expired", "retry_scheduled"],
        PAUSED=["lease_expired", "retry_scheduled"],
    ),
    "end_delay": until_the_end(Conflict, BLOCKED=["task_ready"]),
    "time_out": until_the_end(
        Conflict,
        RUNNING=["lease_expired", "blocker_opened"],
        PAUSED=["lease_expired", "blocker_opened"],
    ),
    "limit": until_the_end(["execution_failed"], CREATED=IllegalMove),
    "reassign": until_the_end(["execution_reassigned"]),
    "offline": until_the_end(
        ["agent_offline", "blocker_opened", "execution_blocked"],
        CREATED=["agent_offline", "blocker_opened"],
        BLOCKED=["agent_offline", "blocker_opened"],
        PAUSED=["agent_offline", "blocker_opened"],
    ),
    "online": until_the_end(Conflict),
    "resolve": until_the_end(NotFound, BLOCKED=["blocker_resolved", "task_released"]),
    "skip": until_the_end(["task_skipped"], BLOCKED=["blocker_resolved", "task_skipped"]),
    "retry": until_the_end(Conflict, BLOCKED=["blocker_resolved", "task_released"]),
    "done": until_the_end(
        ["task_complete"], CREATED=Conflict, BLOCKED=["blocker_resolved", "task_complete"]
    ),
}


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("name", OUTCOMES)
def test_each_command_in_each_status_has_one_outcome(name: str, status: str) -> None:
    play = standing_at(status)
    assert play.status.value == status
    play.now += dt.timedelta(hours=24)
    command, expected = commands_for(play)[name], OUTCOMES[name][status]
    before = facts(play.state)
    if isinstance(expected, list):
        assert types(play.do(command)) == expected
        check(play.state)
        return
    with pytest.raises(DomainError) as refusal:
        play.do(command)
    assert type(refusal.value) is expected
    assert facts(play.state) == before


LEGAL = {
    "CREATED": ("RUNNING", "CANCELLED"),
    "QUEUED": ("PAUSED", "CANCELLED"),
    "RUNNING": ("PAUSED", "CANCELLED"),
    "BLOCKED": ("PAUSED", "CANCELLED"),
    "PAUSED": ("RUNNING", "CANCELLED"),
    "COMPLETED": (),
    "FAILED": ("RUNNING", "CANCELLED"),
    "CANCELLED": (),
}


@pytest.mark.parametrize("status", ALL)
def test_an_illegal_move_names_the_legal_ones(status: str) -> None:
    play = standing_at(status)
    name = "pause" if status in ("PAUSED", "FAILED") else "resume"
    with pytest.raises(IllegalMove) as refusal:
        play.do(commands_for(play)[name])
    assert refusal.value.legal == LEGAL[status]
    assert str(refusal.value).startswith(f"{status} cannot become ")
    for legal in LEGAL[status] or ("none: it has ended",):
        assert legal in str(refusal.value)


@pytest.mark.parametrize(
    "command",
    [
        claim("ghost"),
        completion("ghost"),
        c.Report(event_type=EventType.TASK_STARTED, agent_id="agent_1", event_id="1"),
        report(EventType.NOTE, "ghost"),
        c.ExpireLease(subtask_id="ghost", lease_token="1"),
        c.EndDelay(subtask_id="ghost"),
        c.TimeOutSubtask(subtask_id="ghost"),
        c.SkipSubtask(**USER, subtask_id="ghost", reason="r"),
        c.RetrySubtask(**USER, subtask_id="ghost"),
        c.CompleteSubtask(**USER, subtask_id="ghost"),
        c.ResolveBlocker(
            **USER, subtask_id="ghost", blocker_id="blk_1", resolution=Resolution.SKIP
        ),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_subtask_that_is_not_in_the_plan_is_refused(command: c.Command) -> None:
    with pytest.raises(UnknownTask):
        standing_at("RUNNING").do(command)


@pytest.mark.parametrize("event_type", AGENT_EVENT_TYPES)
def test_a_foreign_agent_finds_no_execution(event_type: EventType) -> None:
    play = standing_at("RUNNING")
    with pytest.raises(NotFound, match="exec_1"):
        play.do(report(event_type, "a", agent_id="stranger"))


def test_a_foreign_agent_is_told_nothing_of_an_ended_execution_either() -> None:
    with pytest.raises(NotFound):
        standing_at("COMPLETED").do(completion("a", agent_id="stranger"))


def test_an_agent_cannot_claim_what_is_assigned_to_another() -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"})
    play = started(graph)
    with pytest.raises(Conflict, match="another agent's"):
        play.do(claim("b"))
    assert types(play.do(claim("b", claimant("agent_2")))) == [
        "execution_started",
        "task_dispatched",
    ]


def test_an_agent_of_one_task_may_report_and_note() -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"})
    play = started(graph)
    play.do(claim("b", claimant("agent_2")))
    play.do(report(EventType.NOTE, "u", agent_id="agent_2", message="on it"))
    play.do(completion("b", agent_id="agent_2"))
    assert play.subtask("b").status == "COMPLETED"


@pytest.mark.parametrize(
    "fields", [{"lease_token": "1"}, {"agent_id": "agent_2"}], ids=["token", "agent"]
)
def test_a_report_counts_only_under_the_current_lease(fields: dict[str, str]) -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"})
    play = started(graph)
    play.claim("a")
    with pytest.raises(StaleLease, match="a has passed on"):
        play.do(completion("a", **fields))


def test_a_lease_that_was_renewed_is_not_expired_by_the_old_token() -> None:
    play = standing_at("RUNNING")
    with pytest.raises(StaleLease):
        play.do(c.ExpireLease(subtask_id="a", lease_token="2"))


def test_a_delay_does_not_end_before_its_time() -> None:
    play = standing_at("BLOCKED")
    due = play.subtask("a").due_at
    assert due
    assert due > NOON
    play.now = due - dt.timedelta(microseconds=1)
    with pytest.raises(Conflict, match="not due"):
        play.do(c.EndDelay(subtask_id="a"))
    play.now = due
    play.do(c.EndDelay(subtask_id="a"))
    assert (play.status, play.subtask("a").status) == ("RUNNING", "READY")
