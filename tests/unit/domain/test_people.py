"""What people do without being asked, and tasks that are people's."""

import pytest

from app.domain import commands as c
from app.domain.errors import Conflict, StaleLease
from app.domain.events import EventType
from app.domain.plan import Assignee, RetryPolicy
from tests.executions import (
    NOON,
    Play,
    chain,
    check,
    completion,
    make_graph,
    report,
    started,
    step,
    types,
)

USER = {"actor": "user:1"}
THREE = make_graph({"t": [step("a"), step("b", "a")], "u": [step("d")]}, {"u": ["t"]})


def skip(subtask_id: str) -> c.SkipSubtask:
    return c.SkipSubtask(**USER, subtask_id=subtask_id, reason="not needed", output_data={"n": 0})


def done(subtask_id: str) -> c.CompleteSubtask:
    evidence = [{"name": "photo", "file_id": "file_1"}]
    return c.CompleteSubtask(
        **USER, subtask_id=subtask_id, notes="by hand", output_data={"n": 1}, evidence=evidence
    )


def standing(status: str) -> Play:
    """Play until ``a`` stands at a status."""
    play = started(THREE)
    if status != "READY":
        play.claim("a")
    if status == "RETRYING":
        play.fail("a")
    elif status == "BLOCKED":
        play.fail("a", error_type="permanent")
    assert play.subtask("a").status.value == status
    return play


UNFINISHED = ("READY", "RUNNING", "RETRYING", "BLOCKED")


@pytest.mark.parametrize("status", UNFINISHED)
def test_whatever_is_unfinished_may_be_skipped(status: str) -> None:
    play = standing(status)
    event = play.do(skip("a"))[-1]
    assert (event.event_type, event.actor, event.message) == (
        "task_skipped",
        "user:1",
        "not needed",
    )
    subtask = play.subtask("a")
    assert (subtask.status, subtask.result, subtask.lease) == ("SKIPPED", {"n": 0}, None)
    assert subtask.completed_at == NOON
    assert play.subtask("b").status == "READY"
    assert play.state.header.open_blockers == 0
    check(play.state)


@pytest.mark.parametrize("status", UNFINISHED)
def test_whatever_could_be_done_may_be_completed_by_a_person(status: str) -> None:
    play = standing(status)
    event = play.do(done("a"))[-1]
    assert (event.event_type, event.actor, event.message) == ("task_complete", "user:1", "by hand")
    assert event.data == {"evidence": [{"name": "photo", "file_id": "file_1"}]}
    assert (play.subtask("a").status, play.subtask("a").result) == ("COMPLETED", {"n": 1})
    assert play.subtask("b").status == "READY"
    check(play.state)


@pytest.mark.parametrize("command", [skip("a"), done("a")], ids=["skip", "complete"])
def test_a_result_after_a_persons_word_does_not_count(command: c.Command) -> None:
    play = standing("RUNNING")
    token = play.token("a")
    play.do(command)
    with pytest.raises(StaleLease):
        play.do(completion("a", lease_token=token))


@pytest.mark.parametrize("command", [skip("a"), done("a")], ids=["skip", "complete"])
def test_what_is_done_is_neither_skipped_nor_completed(command: c.Command) -> None:
    for first in (skip("a"), done("a")):
        play = started(THREE)
        play.do(first)
        with pytest.raises(Conflict, match="already"):
            play.do(command)


def test_the_last_skip_completes_the_execution() -> None:
    play = started(THREE)
    for one in "abd":
        play.do(skip(one))
    assert (play.status, play.state.header.started_at) == ("COMPLETED", None)
    assert play.state.tasks["t"].status == "SKIPPED"


def test_nobody_completes_what_waits_for_others() -> None:
    play = started(THREE)
    for one in "bd":
        with pytest.raises(Conflict, match="waits for others"):
            play.do(done(one))


def test_nobody_completes_what_waits_for_others_though_it_is_blocked() -> None:
    play = Play(THREE)
    play.start(b="Nobody does it.")
    assert play.subtask("b").status == "BLOCKED"
    with pytest.raises(Conflict, match="waits for others"):
        play.do(done("b"))


def test_a_subtask_behind_one_that_was_passed_over_early_goes_with_its_task() -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b"), step("d", "b")]}, {"u": ["t"]})
    play = started(graph)
    play.do(skip("b"))
    assert play.subtask("d").status == "QUEUED"
    play.complete("a")
    assert play.statuses() == {"a": "COMPLETED", "b": "SKIPPED", "d": "READY"}


def test_what_is_passed_over_before_the_start_readies_nothing_yet() -> None:
    play = Play(chain(2))
    play.do(skip("s0"))
    assert play.statuses() == {"s0": "SKIPPED", "s1": "QUEUED"}
    check(play.state)
    play.start()
    assert play.subtask("s1").status == "READY"


def test_an_execution_of_which_all_was_passed_over_completes_at_its_start() -> None:
    play = Play(chain(1))
    play.do(skip("s0"))
    assert types(play.start()) == ["execution_queued", "execution_completed"]


def test_nothing_is_completed_before_the_start() -> None:
    with pytest.raises(Conflict, match="not been started"):
        Play(chain(1)).do(done("s0"))


# Retry


@pytest.mark.parametrize("status", ["RETRYING", "BLOCKED"])
def test_a_retry_gives_all_attempts_again_at_once(status: str) -> None:
    play = standing(status)
    play.do(c.RetrySubtask(**USER, subtask_id="a", message="now it is open"))
    subtask = play.subtask("a")
    assert (subtask.status, subtask.attempt, subtask.due_at) == ("READY", 0, None)
    assert subtask.resolution == {"resolution": "retry", "message": "now it is open"}
    assert subtask.blocker is None
    check(play.state)


def test_a_retry_without_words_says_nothing() -> None:
    play = standing("RETRYING")
    play.do(c.RetrySubtask(**USER, subtask_id="a"))
    assert play.subtask("a").resolution is None


@pytest.mark.parametrize("status", ["READY", "RUNNING"])
def test_what_goes_on_by_itself_is_not_retried(status: str) -> None:
    with pytest.raises(Conflict, match="nothing to retry"):
        standing(status).do(c.RetrySubtask(**USER, subtask_id="a"))


def test_a_retry_of_what_nobody_performs_is_blocked_at_once() -> None:
    play = standing("RETRYING")
    play.do(c.RetrySubtask(**USER, subtask_id="a", unmatched="Nobody does it."))
    assert (play.blocker("a").kind, play.blocker("a").message) == (
        "no_capable_agent",
        "Nobody does it.",
    )


def test_a_retry_of_what_nobody_performs_is_blocked_although_others_come_first() -> None:
    play = Play(THREE)
    play.start(b="Nobody does it.")
    play.answer("b", "retry", unmatched="Still nobody.")
    assert play.blocker("b").message == "Still nobody."
    play.answer("b", "retry")
    assert (play.subtask("b").status, play.events[-1].status) == ("QUEUED", "QUEUED")
    check(play.state)


# Tasks of people


def human(**fields: object) -> Play:
    graph = make_graph({"t": [step("a"), step("h", "a", assignee=Assignee.HUMAN, **fields)]})
    return started(graph)


def test_a_persons_task_is_asked_for_when_its_turn_has_come() -> None:
    play = human(description="Sign it", success_criteria=["it is signed"])
    assert play.subtask("h").status == "QUEUED"
    play.complete("a")
    blocker = play.blocker("h")
    assert (blocker.kind, blocker.message) == ("human_task", "Sign it")
    assert (blocker.owner, blocker.suggestions) == ("user:1", ["it is signed"])
    assert play.status == "BLOCKED"


def test_a_persons_task_without_instructions_is_told_by_its_title() -> None:
    play = human()
    play.complete("a")
    assert play.blocker("h").message == "H"


def test_an_execution_of_people_alone_is_blocked_from_the_start() -> None:
    play = Play(make_graph({"t": [step("h", assignee=Assignee.HUMAN)]}))
    assert types(play.start()) == ["execution_queued", "blocker_opened", "execution_blocked"]
    play.do(done("h"))
    assert play.status == "COMPLETED"


def test_a_persons_input_completes_a_persons_task() -> None:
    play = human()
    play.complete("a")
    play.answer("h", "provide_input", "signed", output_data={"page": 3})
    subtask = play.subtask("h")
    assert (subtask.status, subtask.message, subtask.result) == ("COMPLETED", "signed", {"page": 3})
    assert play.status == "COMPLETED"


def test_a_persons_task_is_never_retried_as_an_agents() -> None:
    play = human()
    play.complete("a")
    with pytest.raises(Conflict, match="provide_input"):
        play.do(c.RetrySubtask(**USER, subtask_id="h"))


def test_a_check_that_a_person_ends_is_late_for_the_agent() -> None:
    play = started(make_graph({"t": [step("a", retry_policy=RetryPolicy(max_attempts=1))]}))
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.await_due("a")
    play.claim("a")
    play.do(done("a"))
    assert play.status == "COMPLETED"
    assert play.state.header.open_blockers == 0
