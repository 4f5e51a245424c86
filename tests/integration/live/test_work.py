"""Work streams hold exactly what may be claimed; leases are counted, found and extended."""

import datetime as dt

import pytest

from app.domain import commands as c
from app.domain.errors import StaleLease
from app.domain.events import EventType
from app.live.work import PAGE, AgentFigures
from tests.executions import (
    AGENT,
    EXECUTION,
    NOON,
    WORKSPACE,
    claim,
    claimant,
    completion,
    creation,
    make_graph,
    report,
    step,
)

from .scene import LEASE, OFFLINE, USER, Scene

WIDE = make_graph({"t": [step("a"), step("b"), step("d", "a"), step("e", "d")]})
OTHERS = make_graph({"t": [step("a")], "u": [step("b"), step("d")]}, agents={"u": "agent_2"})


def test_a_created_execution_queues_nothing(scene: Scene) -> None:
    scene.live.create(WORKSPACE, EXECUTION, WIDE.pack(), [creation(WIDE)], NOON)
    assert scene.queued() == []
    scene.do(c.StartExecution(**USER))
    assert scene.queued() == ["a", "b"]
    scene.verify()


def test_a_stream_is_in_written_order_and_then_in_the_order_of_readiness(scene: Scene) -> None:
    scene.start(WIDE)
    scene.start(WIDE, "exec_2")
    scene.complete("a")
    assert scene.queued() == ["b", "a", "b", "d"]


def test_an_entry_says_what_it_takes_to_do_it(scene: Scene) -> None:
    scene.start(make_graph({"t": [step("a", action="sing")]}))
    (entry,) = scene.work.look(WORKSPACE, AGENT, NOON).entries
    assert (entry.execution_id, entry.subtask_id, entry.action) == (EXECUTION, "a", "sing")


def test_each_agent_finds_its_own_work_and_prerequisites_hold_across_agents(scene: Scene) -> None:
    graph = make_graph(
        {"t": [step("a")], "u": [step("b")]}, after={"u": ["t"]}, agents={"u": "agent_2"}
    )
    scene.start(graph)
    assert (scene.queued(), scene.queued("agent_2")) == (["a"], [])
    scene.complete("a")
    assert (scene.queued(), scene.queued("agent_2")) == ([], ["b"])


def test_a_claimed_entry_is_gone_and_its_lease_can_be_found(scene: Scene) -> None:
    scene.start(WIDE)
    scene.do(claim("a", claimant(instance="i", poll_id="p")))
    desk = scene.work.look(WORKSPACE, AGENT, NOON)
    assert [entry.subtask_id for entry in desk.entries] == ["b"]
    (held,) = desk.leases
    assert (held.execution_id, held.subtask_id, held.lease) == (EXECUTION, "a", scene.lease("a"))
    assert (held.lease.instance, held.lease.poll_id) == ("i", "p")


def test_a_pause_empties_the_stream_and_a_resume_fills_it(scene: Scene) -> None:
    scene.start(WIDE)
    scene.start(WIDE, "exec_2")
    scene.claim("a")
    scene.do(c.PauseExecution(**USER))
    assert scene.queued() == ["a", "b"]
    scene.verify()
    scene.do(completion("a"))
    assert scene.queued() == ["a", "b"]
    scene.verify()
    scene.do(c.ResumeExecution(**USER))
    assert scene.queued() == ["a", "b", "b", "d"]
    scene.verify()
    scene.verify("exec_2")


def test_nothing_is_queued_twice_by_pausing_and_resuming_again(scene: Scene) -> None:
    scene.start(WIDE)
    for _ in range(3):
        scene.do(c.PauseExecution(**USER))
        scene.do(c.ResumeExecution(**USER))
    assert scene.queued() == ["a", "b"]
    scene.verify()


def test_a_delay_that_ends_during_a_pause_is_queued_by_the_resume(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a", "b")
    scene.do(report(EventType.TASK_BLOCKED, "a"))
    scene.do(c.PauseExecution(**USER))
    scene.now += dt.timedelta(hours=1)
    scene.do(c.EndDelay(subtask_id="a"))
    assert scene.queued() == []
    scene.do(c.ResumeExecution(**USER))
    assert scene.queued() == ["a"]
    scene.verify()


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_cancel_leaves_no_entry_and_no_lease(scene: Scene, paused: bool) -> None:
    scene.start(WIDE)
    scene.start(WIDE, "exec_2")
    scene.claim("a")
    if paused:
        scene.do(c.PauseExecution(**USER))
    scene.do(c.CancelExecution(**USER))
    assert (scene.queued(), scene.held()) == (["a", "b"], [])
    scene.verify()
    scene.verify("exec_2")


def test_a_completed_execution_leaves_no_entry_and_no_lease(scene: Scene) -> None:
    scene.start(WIDE)
    scene.complete("a", "b", "d", "e")
    assert (scene.queued(), scene.held()) == ([], [])
    assert scene.verify().header.status == "COMPLETED"


def test_streams_of_several_agents_are_cleared_together(scene: Scene) -> None:
    scene.start(OTHERS)
    scene.do(claim("d", claimant("agent_2")))
    scene.verify()
    scene.do(c.CancelExecution(**USER))
    assert (scene.queued(), scene.queued("agent_2"), scene.held("agent_2")) == ([], [], [])


def test_an_agent_that_can_do_none_of_the_first_page_walks_on(scene: Scene) -> None:
    graph = make_graph({"t": [step(f"s{number}") for number in range(2 * PAGE + 1)]})
    scene.start(graph)
    first = scene.work.look(WORKSPACE, AGENT, NOON).entries
    beyond = scene.work.beyond(WORKSPACE, AGENT, first[-1])
    walked = [*first, *beyond]
    assert [entry.subtask_id for entry in walked] == list(graph.subtasks)
    assert list(scene.work.beyond(WORKSPACE, AGENT, walked[-1])) == []


# Leases


def test_a_lease_ends_at_its_timer(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    assert scene.work.lease_end(WORKSPACE, EXECUTION, "a") == NOON + LEASE
    assert scene.work.lease_end(WORKSPACE, EXECUTION, "b") is None


def test_a_heartbeat_extends_all_leases_or_those_it_names(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a", "b")
    later, latest = NOON + LEASE * 2, NOON + LEASE * 3
    assert scene.work.extend(WORKSPACE, AGENT, NOON, later) == 2
    named = [(EXECUTION, "b"), (EXECUTION, "d")]
    assert scene.work.extend(WORKSPACE, AGENT, NOON, latest, named) == 1
    assert scene.work.lease_end(WORKSPACE, EXECUTION, "a") == later
    assert scene.work.lease_end(WORKSPACE, EXECUTION, "b") == latest


def test_an_extension_never_shortens_a_lease_nor_brings_one_back(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    scene.work.extend(WORKSPACE, AGENT, NOON, NOON)
    assert scene.work.lease_end(WORKSPACE, EXECUTION, "a") == NOON + LEASE
    scene.do(completion("a"))
    assert scene.work.extend(WORKSPACE, AGENT, NOON, NOON + LEASE * 2, [(EXECUTION, "a")]) == 0
    assert scene.work.lease_end(WORKSPACE, EXECUTION, "a") is None


def test_an_agent_without_leases_extends_none(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    assert scene.work.extend(WORKSPACE, "agent_2", NOON, NOON + LEASE * 2) == 0


def test_looking_for_work_counts_as_contact(scene: Scene) -> None:
    scene.work.look(WORKSPACE, AGENT, NOON)
    contacts = scene.work.last_contacts(WORKSPACE, [AGENT, "never"])
    assert contacts == {AGENT: NOON}


def test_a_heartbeat_counts_as_contact_and_puts_off_the_look_for_the_agent(scene: Scene) -> None:
    scene.start(WIDE)
    later = NOON + LEASE
    scene.work.extend(WORKSPACE, AGENT, later, later + LEASE)
    assert scene.work.last_contacts(WORKSPACE, [AGENT]) == {AGENT: later}
    assert scene.timed("offline") == {f"offline|{AGENT}|": later + OFFLINE}


def test_a_report_counts_as_contact_where_it_says_so(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    scene.now += LEASE
    scene.do(report(EventType.TASK_PROGRESS, "a"), contact=AGENT)
    assert scene.work.last_contacts(WORKSPACE, [AGENT]) == {AGENT: scene.now}
    assert scene.timed("offline") == {f"offline|{AGENT}|": scene.now + OFFLINE}


def test_loads_and_queues_are_counted(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    assert scene.work.loads(WORKSPACE, [AGENT, "agent_2"]) == {AGENT: 1, "agent_2": 0}
    assert scene.work.queued(WORKSPACE, AGENT) == 1


def test_figures_of_an_agent_tell_contact_leases_and_queue(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    scene.work.look(WORKSPACE, AGENT, NOON)
    scene.work.mark_offline(WORKSPACE, "agent_2")
    assert scene.work.figures(WORKSPACE, [AGENT, "agent_2"]) == [
        AgentFigures(NOON, given_up=False, running=1, queued=1),
        AgentFigures(None, given_up=True, running=0, queued=0),
    ]
    assert scene.work.figures(WORKSPACE, []) == []


# Agents that were away, and their executions


def test_an_agent_knows_its_unfinished_executions(scene: Scene) -> None:
    scene.start(WIDE)
    scene.start(WIDE, "exec_2")
    assert scene.work.executions(WORKSPACE, AGENT) == [EXECUTION, "exec_2"]
    scene.do(c.CancelExecution(**USER))
    assert scene.work.executions(WORKSPACE, AGENT) == ["exec_2"]
    scene.do(c.ReassignExecution(**USER, agent_id="agent_2"), execution_id="exec_2")
    assert scene.work.executions(WORKSPACE, AGENT) == []
    assert scene.work.executions(WORKSPACE, "agent_2") == ["exec_2"]


def test_an_agent_is_watched_from_its_first_execution_on(scene: Scene) -> None:
    scene.start(WIDE)
    scene.now += LEASE
    scene.start(WIDE, "exec_2")
    assert scene.timed("offline") == {f"offline|{AGENT}|": NOON + OFFLINE}


def test_an_agent_is_told_at_its_next_contact_that_it_was_away(scene: Scene) -> None:
    scene.work.mark_offline(WORKSPACE, AGENT)
    assert scene.work.look(WORKSPACE, AGENT, NOON).was_offline
    scene.work.mark_online(WORKSPACE, AGENT, NOON)
    assert scene.work.last_contacts(WORKSPACE, [AGENT]) == {AGENT: NOON}
    assert scene.timed("offline") == {f"offline|{AGENT}|": NOON + OFFLINE}
    assert not scene.work.look(WORKSPACE, AGENT, NOON).was_offline


def test_a_reassignment_moves_the_queue_and_revokes_the_leases_of_the_first(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    token = scene.lease("a").token
    scene.do(c.ReassignExecution(**USER, agent_id="agent_2"))
    assert (scene.queued(), scene.held()) == ([], [])
    assert scene.queued("agent_2") == ["a", "b"]
    late = scene.one(completion("a", lease_token=token))
    assert isinstance(late.refusal, StaleLease)
    assert [event.event_type for event in late.events] == ["note"]
    scene.do(claim("a", claimant("agent_2")))
    scene.verify()


def test_one_subtask_is_given_to_another_agent(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    scene.do(report(EventType.TASK_ERROR, "a", human_review_required=True))
    scene.answer("a", "reassign", agent_id="agent_2")
    assert (scene.queued(), scene.queued("agent_2")) == (["b"], ["a"])
    scene.verify()


# What was passed over early


def test_a_subtask_behind_one_that_was_passed_over_early_is_queued_with_its_task(
    scene: Scene,
) -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b"), step("d", "b")]}, {"u": ["t"]})
    scene.start(graph)
    scene.do(c.SkipSubtask(**USER, subtask_id="b", reason="not needed"))
    assert scene.queued() == ["a"]
    scene.complete("a")
    assert scene.queued() == ["d"]
    scene.verify()
