"""Nothing that needs approval starts without it, whatever leads to it."""

from collections.abc import Callable

import pytest

from app.domain import commands as c
from app.domain.errors import Conflict
from app.domain.execution_graph import compile_graph
from app.domain.plan import Assignee, Ordering, RetryPolicy
from tests.executions import (
    AGENT,
    NOON,
    Play,
    check,
    claim,
    claimant,
    completion,
    make_graph,
    make_plan,
    started,
    step,
    types,
)

USER = {"actor": "user:1"}
PARAMS = {"to": "everybody"}
ONCE = RetryPolicy(max_attempts=1)


def risky() -> Play:
    """Start an execution in which ``b`` needs approval, behind ``a``."""
    steps = [step("a"), step("b", "a", requires_approval=True, retry_policy=ONCE)]
    return started(make_graph({"t": steps}))


def by_promotion(play: Play) -> None:
    play.complete("a")


def by_claim_along(play: Play) -> None:
    play.claim("a")
    play.do(completion("a", claimant=claimant()))


def by_skip(play: Play) -> None:
    play.do(c.SkipSubtask(**USER, subtask_id="a", reason="not needed"))


def by_a_person(play: Play) -> None:
    play.do(c.CompleteSubtask(**USER, subtask_id="a"))


def by_reassignment(play: Play) -> None:
    play.complete("a")
    play.do(c.ReassignExecution(**USER, agent_id="agent_2"))


def by_resume_after_pause(play: Play) -> None:
    play.claim("a")
    play.do(c.PauseExecution(**USER))
    play.do(completion("a"))
    play.do(c.ResumeExecution(**USER))


def by_resume_after_failure(play: Play) -> None:
    play.complete("a")
    play.answer("b", "fail")
    play.do(c.ResumeExecution(**USER))


def by_alternative(play: Play) -> None:
    play.complete("a")
    play.answer("b", "alternative", params=PARAMS)


def by_return_of_the_agent(play: Play) -> None:
    play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))
    by_skip(play)
    play.do(c.NoteAgentOnline(agent_id=AGENT))


WAYS = (
    by_promotion,
    by_claim_along,
    by_skip,
    by_a_person,
    by_reassignment,
    by_resume_after_pause,
    by_resume_after_failure,
    by_alternative,
    by_return_of_the_agent,
)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_becomes_ready_unapproved(way: Callable[[Play], None]) -> None:
    play = risky()
    way(play)
    assert play.blocker("b").kind == "approval"
    assert play.status == "BLOCKED"
    agent = play.state.header.agent_id
    with pytest.raises(Conflict):
        play.do(claim("b", claimant(agent)))
    check(play.state)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_approved_starts(way: Callable[[Play], None]) -> None:
    play = risky()
    way(play)
    play.answer("b", "approve")
    play.do(claim("b", claimant(play.state.header.agent_id)))
    assert play.subtask("b").status == "RUNNING"


def approved() -> Play:
    """Play until ``b`` was approved, tried, and its only attempt failed."""
    play = risky()
    play.complete("a")
    play.answer("b", "approve")
    play.exhaust("b")
    return play


def test_an_approval_lasts_over_retries() -> None:
    play = approved()
    play.answer("b", "retry")
    assert play.subtask("b").status == "READY"


def test_an_approval_lasts_over_a_failure() -> None:
    play = approved()
    play.answer("b", "fail")
    play.do(c.ResumeExecution(**USER))
    assert (play.subtask("b").status, play.subtask("b").attempt) == ("READY", 0)


@pytest.mark.parametrize("resolution", ["alternative", "provide_input", "retry", "reassign"])
def test_an_approval_is_lost_with_the_params_it_was_for(resolution: str) -> None:
    play = approved()
    play.answer("b", resolution, params=PARAMS, agent_id="agent_2")
    assert play.blocker("b").kind == "approval"
    check(play.state)


def changed() -> Play:
    """Play until ``b`` failed with other params than those that were written, and approved."""
    play = risky()
    play.complete("a")
    play.answer("b", "alternative", params=PARAMS)
    play.answer("b", "approve")
    play.exhaust("b")
    return play


def test_what_was_approved_is_what_is_done_again() -> None:
    play = changed()
    play.answer("b", "retry", "once more")
    told = {"params": PARAMS, "resolution": "retry", "message": "once more"}
    assert (play.subtask("b").status, play.subtask("b").resolution) == ("READY", told)


def test_a_retry_without_an_answer_keeps_what_was_approved_too() -> None:
    play = changed()
    play.do(c.RetrySubtask(**USER, subtask_id="b"))
    assert (play.subtask("b").status, play.subtask("b").resolution) == ("READY", {"params": PARAMS})


def test_a_refusal_asks_what_to_do_instead() -> None:
    play = risky()
    play.complete("a")
    play.answer("b", "reject", "too dear")
    blocker = play.blocker("b")
    assert (blocker.kind, blocker.message) == ("human_input", "Approval was refused. too dear")
    assert blocker.options == ["alternative", "skip", "fail"]
    play.answer("b", "alternative")
    assert play.blocker("b").kind == "approval"


def test_an_execution_may_relax_an_action() -> None:
    steps = [step(one, action=f"{one}_letter", requires_approval=True) for one in ("send", "burn")]
    play = Play(make_graph({"t": steps}), "send_letter")
    play.start()
    assert play.statuses() == {"send": "READY", "burn": "BLOCKED"}


def test_what_nobody_performs_needs_its_approval_all_the_same() -> None:
    play = Play(make_graph({"t": [step("a", requires_approval=True)]}))
    play.start(a="Nobody does it.")
    assert play.blocker("a").kind == "no_capable_agent"
    play.answer("a", "reassign", agent_id="agent_2")
    assert play.blocker("a").kind == "approval"
    play.answer("a", "approve", unmatched="Nobody does it yet.")
    assert play.blocker("a").kind == "no_capable_agent"


def test_risky_words_in_an_action_ask_for_approval_unless_a_person_does_it() -> None:
    names = ("send_email", "Sign", "resend", "noop")
    steps = [step(f"s{place}", action=name) for place, name in enumerate(names)]
    steps.append(step("h", action="sign_contract", assignee=Assignee.HUMAN))
    plan, breakdowns = make_plan({"t": steps})
    graph = compile_graph(plan, breakdowns, Ordering.DEPENDENCIES, ("send", "sign"))
    flags = [node.requires_approval for node in graph.subtasks.values()]
    assert flags == [True, True, False, False, False]


def test_the_events_of_an_approval_name_the_person() -> None:
    play = risky()
    play.complete("a")
    events = play.answer("b", "approve", "go")
    assert types(events) == ["blocker_resolved", "task_released"]
    assert [event.actor for event in events] == ["user:1", "user:1"]
    assert events[0].message == "go"
