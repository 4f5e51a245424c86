"""What work leads to: unlocking, retries, lost leases, waits, pauses and ends."""

import datetime as dt

import msgspec
import pytest

from app.domain import commands as c
from app.domain.blockers import Resolution
from app.domain.decide import as_note, concerns_all, subject_of
from app.domain.errors import Conflict, StaleLease
from app.domain.events import EventType
from app.domain.plan import RetryPolicy
from tests.executions import (
    AGENT,
    NOON,
    Play,
    chain,
    check,
    claim,
    claimant,
    completion,
    make_graph,
    report,
    started,
    step,
    types,
)

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
USER = {"actor": "user:1"}


def alone(**fields: object) -> Play:
    """Start an execution of one subtask, ``a``, and lease it."""
    play = started(make_graph({"t": [step("a", **fields)]}))
    play.claim("a")
    return play


# Starting and unlocking


def test_a_start_makes_ready_what_waits_for_nothing() -> None:
    graph = make_graph(
        {"t": [step("a"), step("b", "a")], "u": [step("d"), step("e", "a")], "v": [step("f")]},
        {"v": ["t"]},
    )
    play = started(graph)
    ready, queued = "READY", "QUEUED"
    assert play.statuses() == {"a": ready, "b": queued, "d": ready, "e": queued, "f": queued}


def test_the_first_claim_starts_the_execution_once() -> None:
    play = started(chain(2))
    play.complete("s0")
    play.claim("s1")
    assert types(play.events).count("execution_started") == 1
    assert play.state.header.started_at == NOON


def test_completion_unlocks_dependents_across_tasks() -> None:
    play = started(make_graph({"t": [step("a"), step("b", "a")], "u": [step("d", "a")]}))
    play.complete("a")
    assert play.statuses() == {"a": "COMPLETED", "b": "READY", "d": "READY"}


def test_a_dependent_with_a_second_prerequisite_waits_on() -> None:
    play = started(make_graph({"t": [step("a"), step("b"), step("d", "a", "b")]}))
    play.complete("a")
    assert play.subtask("d").status == "QUEUED"
    play.complete("b")
    assert play.subtask("d").status == "READY"


def test_a_dependent_whose_task_waits_for_another_task_is_opened_with_its_task() -> None:
    graph = make_graph({"t": [step("a"), step("b")], "u": [step("d", "a")]}, {"u": ["t"]})
    play = started(graph)
    play.complete("a")
    assert play.subtask("d").status == "QUEUED"
    play.complete("b")
    assert play.subtask("d").status == "READY"


def test_the_last_subtask_completes_its_task_and_opens_the_tasks_behind_it() -> None:
    play = started(chain(2, width=2))
    play.complete("s0")
    assert play.state.tasks["t0"].status == "READY"
    play.complete("s1")
    assert play.state.tasks["t0"].status == "COMPLETED"
    assert play.state.tasks["t0"].completed_at == NOON
    assert play.state.header.tasks_done == 1
    assert play.subtask("s2").status == "READY"


def test_a_task_behind_two_others_waits_for_both() -> None:
    tasks = {"t": [step("a")], "u": [step("b")], "v": [step("d")]}
    play = started(make_graph(tasks, {"v": ["t", "u"]}))
    play.complete("b")
    assert play.subtask("d").status == "QUEUED"
    play.complete("a")
    assert play.subtask("d").status == "READY"


def test_the_last_task_completes_the_execution() -> None:
    play = started(chain(2))
    play.complete("s0", "s1")
    assert types(play.events)[-2:] == ["task_complete", "execution_completed"]
    assert play.status == "COMPLETED"
    assert play.state.header.status_message == "All 2 tasks are complete."
    assert play.state.header.completed_at == NOON
    assert play.state.header.current_subtask_id is None


def test_a_result_is_kept_and_an_earlier_error_forgotten() -> None:
    play = alone()
    play.do(report(EventType.TASK_ERROR, "a", error_type="timeout", jitter=0.0))
    play.do(c.EndDelay(subtask_id="a"))
    play.claim("a")
    play.do(completion("a", output_data={"found": [1, 2]}, message="done"))
    subtask = play.subtask("a")
    assert (subtask.result, subtask.message) == ({"found": [1, 2]}, "done")
    assert (subtask.error_type, subtask.error_message) == (None, None)
    assert subtask.progress_percent == 100


def test_nothing_is_completed_twice() -> None:
    play = started(make_graph({"t": [step("a"), step("b")]}))
    play.complete("a")
    with pytest.raises(StaleLease):
        play.do(completion("a", event_id="again"))


# A claim along with a completion


def test_a_completion_with_a_claimant_leases_what_it_unlocked() -> None:
    play = started(chain(3))
    play.claim("s0")
    events = play.do(completion("s0", claimant=claimant(instance="i", poll_id="p")))
    assert types(events) == ["task_complete", "task_dispatched"]
    lease = play.subtask("s1").lease
    assert lease
    assert (lease.agent_id, lease.instance, lease.poll_id) == (AGENT, "i", "p")
    assert lease.token == str(events[-1].seq)


def test_a_completion_claims_the_first_in_written_order() -> None:
    play = started(make_graph({"t": [step("a"), step("z", "a"), step("b", "a")]}))
    play.claim("a")
    play.do(completion("a", claimant=claimant()))
    assert play.statuses() == {"a": "COMPLETED", "z": "RUNNING", "b": "READY"}


@pytest.mark.parametrize(
    ("agents", "who"),
    [({}, claimant(AGENT, "sing")), ({"u": "agent_2"}, claimant())],
    ids=["action", "agent"],
)
def test_a_completion_claims_nothing_the_agent_may_not_do(
    agents: dict[str, str], who: c.Claimant
) -> None:
    play = started(make_graph({"t": [step("a")], "u": [step("b", "a")]}, agents=agents))
    play.claim("a")
    assert types(play.do(completion("a", claimant=who))) == ["task_complete"]
    assert play.subtask("b").status == "READY"


def test_a_completion_passes_over_what_the_agent_cannot_do_to_what_it_can() -> None:
    play = started(make_graph({"t": [step("a"), step("b", "a", action="sing"), step("d", "a")]}))
    play.claim("a")
    play.do(completion("a", claimant=claimant(AGENT, "noop")))
    assert play.statuses() == {"a": "COMPLETED", "b": "READY", "d": "RUNNING"}


def test_a_completion_claims_nothing_that_was_ready_before() -> None:
    play = started(make_graph({"t": [step("a"), step("b")]}))
    play.claim("a")
    play.do(completion("a", claimant=claimant()))
    assert play.subtask("b").status == "READY"


@pytest.mark.parametrize("command", [c.PauseExecution(**USER), None], ids=["paused", "ended"])
def test_nothing_is_claimed_along_where_nothing_is_dispatched(command: c.Command | None) -> None:
    play = started(chain(2 if command else 1))
    play.claim("s0")
    if command:
        play.do(command)
    events = play.do(completion("s0", claimant=claimant()))
    assert "task_dispatched" not in types(events)


# Progress


def test_progress_is_shown_and_keeps_the_lease() -> None:
    play = alone()
    play.do(report(EventType.TASK_PROGRESS, "a", progress_percent=40, message="warm"))
    play.do(report(EventType.TASK_STARTED, "a"))
    subtask = play.subtask("a")
    assert (subtask.progress_percent, subtask.message, subtask.status) == (40, "warm", "RUNNING")
    assert subtask.lease


def test_a_heartbeat_adds_to_the_log_only_what_is_new() -> None:
    play = alone()
    assert play.do(report(EventType.HEARTBEAT, "a")) == []
    assert types(play.do(report(EventType.HEARTBEAT, "a", progress_percent=10))) == ["heartbeat"]
    assert play.do(report(EventType.HEARTBEAT, "a", progress_percent=10)) == []


def test_a_heartbeat_may_name_no_subtask() -> None:
    assert alone().do(report(EventType.HEARTBEAT)) == []


def test_a_new_attempt_begins_without_the_progress_of_the_last() -> None:
    play = alone()
    play.do(report(EventType.TASK_PROGRESS, "a", progress_percent=40))
    play.do(report(EventType.TASK_ERROR, "a", jitter=0.0))
    play.do(c.EndDelay(subtask_id="a"))
    play.claim("a")
    assert play.subtask("a").progress_percent is None


# Errors and retries


def fail_at(play: Play, **fields: object) -> dt.timedelta:
    """Report an error and give the back-off that follows."""
    play.do(report(EventType.TASK_ERROR, "a", **fields))
    due = play.subtask("a").due_at
    assert due
    return due - play.now


def try_again(play: Play) -> None:
    due = play.subtask("a").due_at
    assert due
    play.now = due
    play.do(c.EndDelay(subtask_id="a"))
    play.claim("a")


def test_back_off_doubles_up_to_its_ceiling() -> None:
    play = alone(retry_policy=RetryPolicy(max_attempts=7))
    delays: list[dt.timedelta] = []
    for _ in range(6):
        delays.append(fail_at(play))
        try_again(play)
    assert delays == [minutes * MINUTE for minutes in (5, 10, 20, 40, 60, 60)]


def test_back_off_may_be_the_same_each_time() -> None:
    play = alone(retry_policy=RetryPolicy(backoff="fixed", backoff_seconds=60))
    assert fail_at(play) == MINUTE
    try_again(play)
    assert fail_at(play) == MINUTE


@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_full_jitter_draws_from_nothing_up_to_the_whole_back_off(jitter: float) -> None:
    assert fail_at(alone(), jitter=jitter) == 5 * MINUTE * jitter


def test_an_agent_may_ask_for_the_time_of_the_next_attempt() -> None:
    assert fail_at(alone(), retry_after_seconds=7200, jitter=0.5) == 2 * HOUR


def test_an_error_schedules_the_next_attempt_and_says_why_the_last_went_wrong() -> None:
    play = alone()
    events = play.do(report(EventType.TASK_ERROR, "a", error_type="timeout", error_message="slow"))
    assert types(events) == ["task_error", "retry_scheduled"]
    assert [event.attempt for event in events] == [1, 1]
    subtask = play.subtask("a")
    assert (subtask.status, subtask.error_type, subtask.error_message, subtask.lease) == (
        "RETRYING",
        "timeout",
        "slow",
        None,
    )
    assert play.status == "RUNNING"


def test_an_error_without_words_of_its_own_is_told_by_the_message() -> None:
    play = alone()
    play.do(report(EventType.TASK_ERROR, "a", message="it broke"))
    assert play.subtask("a").error_message == "it broke"


def test_the_next_attempt_counts_up_under_a_new_token() -> None:
    play = alone()
    first = play.token("a")
    fail_at(play)
    try_again(play)
    assert play.subtask("a").attempt == 2
    assert int(play.token("a")) > int(first)


@pytest.mark.parametrize(
    "fields",
    [
        {"error_type": "validation_error"},
        {"error_type": "permanent"},
        {"human_review_required": True},
    ],
    ids=["validation_error", "permanent", "human_review_required"],
)
def test_a_permanent_error_is_not_retried_and_a_person_is_asked(
    fields: dict[str, object],
) -> None:
    play = alone()
    told = report(EventType.TASK_ERROR, "a", message="no such door", suggestions=["dig"], **fields)
    assert types(play.do(told)) == ["task_error", "blocker_opened", "execution_blocked"]
    blocker = play.blocker("a")
    assert (blocker.kind, blocker.message) == ("human_input", "no such door")
    assert (blocker.owner, blocker.suggestions) == ("user:1", ["dig"])
    assert play.subtask("a").attempt == 1
    check(play.state)


def test_exhausted_attempts_ask_a_person_and_let_the_others_go_on() -> None:
    policy = RetryPolicy(max_attempts=2)
    steps = [step("a", retry_policy=policy), *(step(one) for one in "bcd"), step("e", "a")]
    play = started(make_graph({"t": steps}))
    play.complete("b")
    play.claim("c")
    play.exhaust("a")
    blocker = play.blocker("a")
    assert (blocker.kind, blocker.holds_up) == ("attempts_exhausted", 1)
    assert blocker.message == "Attempt 2 of 2 failed: no such door"
    assert play.status == "RUNNING"
    assert play.statuses() == {
        "a": "BLOCKED",
        "b": "COMPLETED",
        "c": "RUNNING",
        "d": "READY",
        "e": "QUEUED",
    }
    check(play.state)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"error_message": "slow", "message": "hm", "error_type": "timeout"}, "slow"),
        ({"message": "hm", "error_type": "timeout"}, "hm"),
        ({"error_type": "timeout"}, "timeout"),
        ({}, "No reason was given."),
    ],
)
def test_a_blocker_names_the_best_reason_it_has(fields: dict[str, object], reason: str) -> None:
    play = alone(retry_policy=RetryPolicy(max_attempts=1))
    play.fail("a", **fields)
    assert play.blocker("a").message == f"Attempt 1 of 1 failed: {reason}"


# Lost leases


def expire(play: Play, jitter: float = 1.0) -> list[str]:
    token = play.token("a")
    return types(play.do(c.ExpireLease(subtask_id="a", lease_token=token, jitter=jitter)))


def test_a_lost_lease_is_retried_with_back_off_and_jitter() -> None:
    play = alone()
    assert expire(play, jitter=0.5) == ["lease_expired", "retry_scheduled"]
    subtask = play.subtask("a")
    assert (subtask.status, subtask.lease) == ("RETRYING", None)
    assert subtask.error_type == "lease_expired"
    assert subtask.due_at == NOON + 2.5 * MINUTE
    assert AGENT in (subtask.error_message or "")


def test_leases_lost_on_every_attempt_ask_a_person() -> None:
    play = alone(retry_policy=RetryPolicy(max_attempts=1))
    assert expire(play) == ["lease_expired", "blocker_opened", "execution_blocked"]
    assert play.blocker("a").kind == "attempts_exhausted"


def test_a_result_after_the_lease_was_lost_does_not_count() -> None:
    play = alone()
    token = play.token("a")
    expire(play)
    with pytest.raises(StaleLease):
        play.do(completion("a", lease_token=token))
    try_again(play)
    with pytest.raises(StaleLease):
        play.do(completion("a", lease_token=token))
    play.do(completion("a", lease_token=play.token("a")))
    assert play.status == "COMPLETED"


def test_a_late_result_becomes_a_note_that_says_what_was_reported() -> None:
    late = completion("a", output_data={"n": 1}, message="there", claimant=claimant())
    note = as_note(late, StaleLease("The lease has passed on."))
    assert note.event_type == "note"
    assert note.message == "The lease has passed on. Reported: task_complete. there"
    assert (note.output_data, note.claimant, note.task_id) == ({"n": 1}, None, "a")
    play = alone()
    expire(play)
    assert types(play.do(note)) == ["note"]
    assert play.subtask("a").result is None


# External waits


def test_the_last_thing_to_wait_for_blocks_the_execution() -> None:
    play = started(make_graph({"t": [step("a"), step("b")]}))
    play.claim("a", "b")
    waits = report(EventType.TASK_BLOCKED, "a", message="no answer yet", suggestions=["call"])
    assert types(play.do(waits)) == ["task_blocked", "blocker_opened"]
    assert play.status == "RUNNING"
    events = play.do(report(EventType.TASK_BLOCKED, "b"))
    assert types(events) == ["task_blocked", "blocker_opened", "execution_blocked"]
    assert play.status == "BLOCKED"
    assert play.state.header.status_message
    check(play.state)


def test_a_wait_opens_a_blocker_that_its_agent_and_time_clear() -> None:
    play = alone()
    play.do(report(EventType.TASK_BLOCKED, "a", message="no answer yet", suggestions=["call"]))
    blocker = play.blocker("a")
    assert (blocker.kind, blocker.owner) == ("external_wait", "agent:agent_1")
    assert (blocker.message, blocker.suggestions) == ("no answer yet", ["call"])
    assert (blocker.next_check_at, blocker.expires_at) == (NOON + 5 * MINUTE, NOON + 48 * HOUR)


def test_a_wait_is_checked_again_without_counting_an_attempt() -> None:
    play = alone()
    play.do(report(EventType.TASK_BLOCKED, "a", message="no answer yet"))
    assert play.subtask("a").due_at == NOON + 5 * MINUTE
    assert play.subtask("a").message == "no answer yet"
    play.now += 5 * MINUTE
    play.do(c.EndDelay(subtask_id="a"))
    assert (play.status, play.state.header.status_message) == ("RUNNING", "")
    play.claim("a")
    lease = play.subtask("a").lease
    assert lease
    assert (lease.kind, play.subtask("a").attempt) == ("check", 1)
    assert play.state.header.open_blockers == 1


def test_a_check_that_finds_the_answer_completes_and_closes_the_wait() -> None:
    play = alone()
    waits(play)
    events = play.do(completion("a"))
    assert types(events) == ["blocker_resolved", "task_complete", "execution_completed"]
    assert events[0].data["resolution"] == "completed"
    assert (play.subtask("a").attempt, play.state.header.open_blockers) == (1, 0)


def test_a_check_that_finds_none_keeps_the_blocker_and_says_when_it_looks_again() -> None:
    play = alone()
    first = play.do(report(EventType.TASK_BLOCKED, "a")) and play.blocker("a")
    try_again(play)
    assert types(play.do(report(EventType.TASK_BLOCKED, "a"))) == [
        "task_blocked",
        "execution_blocked",
    ]
    again = play.blocker("a")
    assert again.blocker_id == first.blocker_id
    assert again.next_check_at == play.now + 10 * MINUTE
    assert play.subtask("a").blocks == 1


def waits(play: Play, **fields: object) -> dt.timedelta:
    """Report a wait, let it end, and give its length."""
    play.do(report(EventType.TASK_BLOCKED, "a", **fields))
    due = play.subtask("a").due_at
    assert due
    length = due - play.now
    try_again(play)
    return length


def test_checks_come_less_and_less_often_up_to_six_hours() -> None:
    play = alone()
    lengths = [waits(play) for _ in range(9)]
    assert lengths[:7] == [minutes * MINUTE for minutes in (5, 10, 20, 40, 80, 160, 320)]
    assert lengths[7:] == [6 * HOUR, 6 * HOUR]


def test_an_agent_may_say_how_soon_a_wait_is_checked() -> None:
    play = alone()
    lengths = [waits(play, retry_after_seconds=60) for _ in range(3)]
    assert lengths == [MINUTE, 2 * MINUTE, 4 * MINUTE]


def test_no_check_is_later_than_the_end_of_the_wait() -> None:
    play = alone()
    assert waits(play, max_wait_seconds=480) == 5 * MINUTE
    play.do(report(EventType.TASK_BLOCKED, "a", max_wait_seconds=9999))
    assert play.subtask("a").due_at == NOON + 8 * MINUTE
    assert play.subtask("a").wait_until == NOON + 8 * MINUTE


def test_a_wait_in_vain_ends_with_a_person() -> None:
    play = alone()
    play.do(report(EventType.TASK_BLOCKED, "a", message="no reply", max_wait_seconds=60))
    events = play.await_due("a")
    assert types(events) == ["blocker_resolved", "blocker_opened"]
    assert events[0].data["resolution"] == "superseded"
    blocker = play.blocker("a")
    assert (blocker.kind, blocker.owner) == ("human_input", "user:1")
    assert "no reply" in blocker.message
    assert (play.status, play.subtask("a").wait_until) == ("BLOCKED", None)
    check(play.state)


def test_a_check_that_was_due_before_the_end_of_the_wait_is_made_however_late() -> None:
    play = alone()
    play.do(report(EventType.TASK_BLOCKED, "a", max_wait_seconds=480))
    play.now += 10 * MINUTE
    assert types(play.do(c.EndDelay(subtask_id="a"))) == ["task_ready"]


def test_a_check_after_the_end_of_the_wait_is_the_last() -> None:
    play = alone()
    waits(play, max_wait_seconds=480)
    play.now += HOUR
    play.do(report(EventType.TASK_BLOCKED, "a"))
    assert play.subtask("a").due_at == play.now
    play.await_due("a")
    assert play.blocker("a").kind == "human_input"


@pytest.mark.parametrize("ends", ["error", "lost lease"])
def test_a_check_that_fails_is_looked_at_again_and_not_done_again(ends: str) -> None:
    play = alone()
    waits(play)
    if ends == "error":
        fail_at(play)
    else:
        expire(play)
    assert play.subtask("a").status == "RETRYING"
    assert play.blocker("a").next_check_at == play.subtask("a").due_at
    check(play.state)
    try_again(play)
    lease = play.subtask("a").lease
    assert lease
    assert (lease.kind, play.subtask("a").attempt) == ("check", 1)


def test_a_check_that_keeps_failing_ends_with_the_wait() -> None:
    play = alone()
    play.do(report(EventType.TASK_BLOCKED, "a", max_wait_seconds=3600))
    for _ in range(20):
        play.await_due("a")
        if play.subtask("a").status != "READY":
            break
        play.claim("a")
        play.fail("a")
    assert play.blocker("a").kind == "human_input"
    assert play.now < NOON + 2 * HOUR


def test_a_wait_that_goes_on_after_a_retry_is_a_new_one() -> None:
    play = alone()
    waits(play, max_wait_seconds=480)
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.answer("a", "retry")
    play.claim("a")
    assert play.subtask("a").lease == msgspec.structs.replace(play.subtask("a").lease, kind="run")
    play.do(report(EventType.TASK_BLOCKED, "a", max_wait_seconds=480))
    subtask = play.subtask("a")
    assert (subtask.wait_until, subtask.waits, subtask.blocks) == (play.now + 8 * MINUTE, 1, 2)


def test_other_branches_go_on_while_one_waits() -> None:
    play = started(make_graph({"t": [step("a")], "u": [step("b"), step("d", "b")]}))
    play.claim("a")
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.complete("b")
    assert (play.status, play.subtask("d").status) == ("RUNNING", "READY")
    play.complete("d")
    assert play.status == "BLOCKED"


# Pause, resume, cancel


def test_a_pause_keeps_ready_work_back_and_lets_running_work_report() -> None:
    play = started(make_graph({"t": [step("a"), step("b"), step("d", "a")]}))
    play.claim("a")
    play.do(c.PauseExecution(actor="user:1", reason="lunch"))
    assert play.state.header.status_message == "lunch"
    with pytest.raises(Conflict, match="PAUSED"):
        play.claim("b")
    play.do(completion("a"))
    assert play.statuses() == {"a": "COMPLETED", "b": "READY", "d": "READY"}
    assert play.status == "PAUSED"
    play.do(c.ResumeExecution(actor="user:1", reason="fed"))
    assert (play.status, play.state.header.status_message) == ("RUNNING", "")
    play.complete("b", "d")


def test_a_pause_before_the_first_dispatch_is_resumed_as_queued() -> None:
    play = started(chain(1))
    play.do(c.PauseExecution(**USER))
    play.do(c.ResumeExecution(**USER))
    assert play.status == "QUEUED"
    play.complete("s0")
    assert play.status == "COMPLETED"


def test_delays_end_during_a_pause() -> None:
    play = alone()
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.do(c.PauseExecution(**USER))
    play.now += HOUR
    play.do(c.EndDelay(subtask_id="a"))
    assert (play.status, play.subtask("a").status) == ("PAUSED", "READY")


def test_a_resumed_execution_in_which_nothing_can_go_on_is_blocked() -> None:
    play = alone()
    play.do(report(EventType.TASK_BLOCKED, "a"))
    play.do(c.PauseExecution(**USER))
    events = play.do(c.ResumeExecution(**USER))
    assert types(events) == ["execution_resumed", "execution_blocked"]


def test_the_last_result_completes_a_paused_execution() -> None:
    play = alone()
    play.do(c.PauseExecution(**USER))
    play.do(completion("a"))
    assert play.status == "COMPLETED"


def test_an_error_during_a_pause_asks_a_person_and_leaves_it_paused() -> None:
    play = alone()
    play.do(c.PauseExecution(**USER))
    play.fail("a", error_type="permanent")
    assert (play.status, play.blocker("a").kind) == ("PAUSED", "human_input")
    assert types(play.do(c.ResumeExecution(**USER))) == ["execution_resumed", "execution_blocked"]


def test_a_pause_holds_back_what_a_person_lets_go_on() -> None:
    play = started(make_graph({"t": [step("a", requires_approval=True)]}))
    play.do(c.PauseExecution(**USER))
    play.answer("a", "approve")
    assert (play.status, play.subtask("a").status) == ("PAUSED", "READY")
    with pytest.raises(Conflict, match="PAUSED"):
        play.claim("a")


def test_a_cancel_takes_leases_and_delays_away_and_keeps_results() -> None:
    play = started(make_graph({"t": [step("a"), step("b"), step("d"), step("e", "d")]}))
    play.complete("a")
    play.claim("b", "d")
    play.do(report(EventType.TASK_ERROR, "b"))
    play.do(c.CancelExecution(actor="user:1", reason="no need"))
    cancelled = "CANCELLED"
    assert play.statuses() == {"a": "COMPLETED", "b": cancelled, "d": cancelled, "e": cancelled}
    assert play.subtask("b").due_at is None
    assert play.state.tasks["t"].status == cancelled
    assert play.state.header.status_message == "no need"
    check(play.state)


def test_an_execution_may_be_cancelled_before_its_start() -> None:
    play = Play(chain(2))
    play.do(c.CancelExecution(**USER))
    assert play.statuses() == {"s0": "CANCELLED", "s1": "CANCELLED"}


# Events


def test_events_carry_the_reporters_words_and_the_clocks_apart() -> None:
    play = alone()
    years_off = NOON - dt.timedelta(days=3650)
    usage = {"model": "m", "input_tokens": 3}
    (event, *_) = play.do(
        completion("a", agent_timestamp=years_off, usage=usage, suggestions=["rest"], event_id="e1")
    )
    assert (event.recorded_at, event.agent_timestamp) == (NOON, years_off)
    assert (event.usage, event.suggestions, event.event_id) == (usage, ["rest"], "e1")
    assert (event.actor, event.agent_id, event.status) == ("agent:agent_1", AGENT, "COMPLETED")


def test_events_of_the_system_have_ids_that_tell_execution_and_place() -> None:
    play = started(chain(1))
    assert [event.event_id for event in play.events] == ["evt_1.1", "evt_1.2"]
    assert [event.seq for event in play.events] == [1, 2]


def test_a_note_changes_nothing_but_the_version() -> None:
    play = alone()
    before = play.statuses()
    (event,) = play.do(report(EventType.NOTE, "a", message="hm", progress_percent=5))
    assert play.statuses() == before
    assert (event.attempt, play.subtask("a").progress_percent) == (1, None)
    assert play.state.header.seq == event.seq
    assert play.do(report(EventType.NOTE, "t"))[0].attempt is None


@pytest.mark.parametrize(
    ("command", "subject"),
    [
        (claim("a"), "a"),
        (completion("a"), "a"),
        (report(EventType.NOTE), None),
        (c.ExpireLease(subtask_id="a", lease_token="1"), "a"),
        (c.EndDelay(subtask_id="a"), "a"),
        (c.TimeOutSubtask(subtask_id="a"), "a"),
        (c.SkipSubtask(**USER, subtask_id="a", reason="r"), "a"),
        (c.RetrySubtask(**USER, subtask_id="a"), "a"),
        (c.CompleteSubtask(**USER, subtask_id="a"), "a"),
        (
            c.ResolveBlocker(
                **USER, subtask_id="a", blocker_id="blk_1", resolution=Resolution.FAIL
            ),
            "a",
        ),
    ],
)
def test_commands_about_a_subtask_need_only_its_neighbourhood(
    command: c.Command, subject: str | None
) -> None:
    assert subject_of(command) == subject
    assert not concerns_all(command)


@pytest.mark.parametrize(
    "command",
    [
        *(kind(**USER) for kind in (c.StartExecution, c.PauseExecution, c.CancelExecution)),
        c.ResumeExecution(**USER),
        c.ReassignExecution(**USER, agent_id="agent_2"),
        c.TimeOutExecution(hours=1),
        c.NoteAgentOffline(agent_id="a", last_contact_at=NOON),
        c.NoteAgentOnline(agent_id="a"),
    ],
)
def test_commands_about_an_execution_need_all_of_it(command: c.Command) -> None:
    assert subject_of(command) is None
    assert concerns_all(command)
