"""Exactly one cause, and the right one, for whatever is not running."""

import datetime as dt

import pytest

from app.domain import commands as c
from app.domain.errors import DomainError
from app.domain.events import EventType
from app.domain.execution import Execution
from app.domain.plan import Assignee
from app.domain.why import NAMED_AT_MOST, AgentSituation, Cause, Why, explain
from tests.causes import SITUATIONS, assert_why
from tests.executions import (
    AGENT,
    NOON,
    Play,
    chain,
    completion,
    make_graph,
    report,
    started,
    step,
)

USER = {"actor": "user:1"}
HOUR = dt.timedelta(hours=1)
TWO = make_graph({"t": [step("a"), step("b", "a")]})
HERE = AgentSituation(AGENT, NOON)


def why(play: Play, subtask_id: str = "a", agent: AgentSituation = HERE) -> Why:
    return explain(play.state, subtask_id, agent, play.now)


def calls(found: Why) -> list[tuple[str, str]]:
    return [(action.method, action.path) for action in found.actions]


WHOLE = ("PATCH", "/api/executions/exec_1")


def test_what_is_done_waits_for_nobody() -> None:
    play = started(TWO)
    play.complete("a")
    found = why(play)
    assert (found.cause, found.cleared_by, found.since) == ("done", "nobody", NOON)
    assert found.detail == "It is COMPLETED."


def test_before_the_start_everything_waits_for_it() -> None:
    found = why(Play(TWO), "b")
    assert (found.cause, found.cleared_by, calls(found)) == ("not_started", "user", [WHOLE])


def test_what_runs_says_who_does_it() -> None:
    play = started(TWO)
    play.claim("a")
    found = why(play)
    assert (found.cause, found.cleared_by) == ("running", "agent")
    assert found.detail == "agent_1 works on it, attempt 1."


def test_what_waits_for_others_names_some_of_them() -> None:
    play = started(TWO)
    assert (why(play, "b").cause, why(play, "b").detail) == ("prerequisites", "It waits for 'A'.")
    assert why(play).holds_up == 1
    many = [step(f"s{number}") for number in range(NAMED_AT_MOST + 2)]
    last = step("z", *(one.subtask_id for one in many))
    assert "'S2' and 2 more" in why(started(make_graph({"t": [*many, last]})), "z").detail


def test_what_waits_for_another_task_names_that() -> None:
    assert why(started(chain(2)), "s1").detail == "It waits for 'T0'."


def test_prerequisites_that_are_not_loaded_are_not_named() -> None:
    state = started(TWO).state
    alone = Execution(state.graph, state.header, {"b": state.subtasks["b"]}, {})
    assert "what comes before it" in explain(alone, "b", HERE, NOON).detail


def test_a_failed_attempt_says_when_the_next_one_comes() -> None:
    play = started(TWO)
    play.claim("a")
    play.fail("a", error_message="slow")
    found = why(play)
    assert (found.cause, found.cleared_by) == ("retry_later", "time")
    assert (found.until, found.detail) == (play.subtask("a").due_at, "Attempt 1 failed: slow.")
    assert calls(found) == [("POST", "/api/executions/exec_1/tasks/a/retry")]


def test_a_pause_holds_up_what_could_go_on() -> None:
    play = started(TWO)
    play.now += HOUR
    play.do(c.PauseExecution(**USER, reason="lunch"))
    found = why(play)
    assert (found.cause, found.cleared_by, found.since) == ("paused", "user", play.now)
    assert (found.detail, calls(found)) == ("The execution is paused. lunch", [WHOLE])
    assert why(play, "b").cause == "prerequisites"


def test_a_failed_execution_asks_to_be_taken_up_again() -> None:
    play = started(TWO)
    play.do(c.TimeOutExecution(hours=168))
    found = why(play)
    assert (found.cause, found.cleared_by, calls(found)) == ("human_input", "user", [WHOLE])
    assert "168 hours" in found.detail


def test_nothing_of_a_cancelled_execution_waits() -> None:
    play = started(TWO)
    play.do(c.CancelExecution(**USER, reason="enough"))
    found = why(play)
    assert (found.cause, found.cleared_by) == ("done", "nobody")
    assert found.detail == "The execution is CANCELLED. enough"


def test_a_wait_says_what_for_and_when_it_is_looked_at_again() -> None:
    play = started(TWO)
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a", message="no reply"))
    found = why(play)
    assert (found.cause, found.cleared_by) == ("external_wait", "time")
    assert (found.until, found.detail) == (play.subtask("a").due_at, "no reply")


def test_a_wait_that_is_due_is_held_up_as_anything_ready() -> None:
    play = started(TWO)
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.await_due("a")
    assert why(play, agent=AgentSituation(AGENT, play.now)).cause == "queued"


def test_a_persons_task_offers_to_say_that_it_is_done() -> None:
    play = started(make_graph({"t": [step("a", assignee=Assignee.HUMAN)]}))
    found = why(play)
    assert (found.cause, found.cleared_by) == ("human_task", "user")
    assert calls(found)[0] == ("POST", "/api/executions/exec_1/tasks/a/complete")
    assert calls(found)[1][1].endswith(f"/blockers/{play.blocker('a').blocker_id}/resolve")


AGENTS = [
    ({}, "queued", "agent"),
    ({"paused_at": NOON}, "paused", "user"),
    ({"actions": frozenset({"sing"})}, "no_capable_agent", "user"),
    ({"last_contact_at": NOON - HOUR}, "no_contact", "operator"),
    ({"last_contact_at": None}, "no_contact", "operator"),
    ({"leases": 1}, "at_capacity", "agent"),
]


@pytest.mark.parametrize(("fields", "cause", "by"), AGENTS)
def test_what_is_ready_is_held_up_by_its_agent(
    fields: dict[str, object], cause: str, by: str
) -> None:
    given: dict[str, object] = {"agent_id": AGENT, "last_contact_at": NOON, **fields}
    found = why(started(TWO), agent=AgentSituation(**given))  # pyright: ignore[reportArgumentType]
    assert (found.cause, found.cleared_by) == (cause, by)
    assert AGENT in found.detail
    assert found.since in (NOON, NOON - HOUR)


def test_an_agent_is_silent_only_after_a_while() -> None:
    heard = NOON - dt.timedelta(minutes=5)
    assert why(started(TWO), agent=AgentSituation(AGENT, heard)).cause == "queued"
    assert (
        "2026-11-22 11:00 UTC" in why(started(TWO), agent=AgentSituation(AGENT, NOON - HOUR)).detail
    )
    assert "yet" in why(started(TWO), agent=AgentSituation(AGENT)).detail


def test_an_absent_agent_holds_up_only_its_own() -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b")]}, agents={"u": "agent_2"})
    play = started(graph)
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    found = why(play)
    assert (found.cause, found.cleared_by, calls(found)) == ("agent_offline", "operator", [WHOLE])
    assert why(play, "b", AgentSituation("agent_2", NOON)).cause == "queued"


def test_what_is_held_up_may_be_counted_by_the_caller() -> None:
    assert explain(started(TWO).state, "a", HERE, NOON, holds_up=7).holds_up == 7


def everywhere() -> list[Play]:
    """Play to executions of every status, with subtasks in every status between them."""
    steps = [step("a"), step("b", "a"), step("d"), step("h", assignee=Assignee.HUMAN)]
    plays: list[Play] = []
    commands: list[c.Command] = [
        c.PauseExecution(**USER),
        c.CancelExecution(**USER),
        c.TimeOutExecution(hours=1),
        c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON),
        completion("a"),
        report(EventType.TASK_ERROR, "a"),
        report(EventType.TASK_ERROR, "a", error_type="permanent"),
        report(EventType.TASK_BLOCKED, "a"),
    ]
    for first in commands:
        for second in commands:
            play = started(make_graph({"t": steps, "u": [step("e")]}, {"u": ["t"]}))
            play.claim("a")
            for command in (first, second):
                try:
                    play.do(command)
                except DomainError:
                    continue
            plays.append(play)
    return [Play(TWO), *plays]


def test_there_is_one_cause_everywhere() -> None:
    causes: set[str] = set()
    for play in everywhere():
        for subtask_id in play.state.subtasks:
            for situation in SITUATIONS:
                assert_why(play.state, subtask_id, situation, play.now)
                causes.add(explain(play.state, subtask_id, situation, play.now).cause)
    # The others need more than two steps, or are opened by nothing in an execution.
    assert set(Cause) - causes == {
        "approval",
        "review",
        "attempts_exhausted",
        "decomposition_failed",
    }
