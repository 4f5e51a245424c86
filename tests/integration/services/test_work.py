"""Work and reports of several agents, and of one that lost an answer."""

import pytest

from app.domain.errors import Conflict
from app.domain.events import EventType
from app.services import Services
from app.services.identity import Principal

from ..stage import Stage, plan_document, wide_plan


def test_event_ids_of_different_agents_have_nothing_to_do_with_each_other(stage: Stage) -> None:
    one, other = stage.agent(), stage.agent()
    document = plan_document()
    document["phases"][0]["tasks"][1] |= {"agent_id": other.agent_id, "prerequisites": []}
    execution_id = stage.execution(one, document)
    for agent, subtask_id in ((one, "t0s0"), (other, "t1s0")):
        assert stage.poll(agent)
        stage.report(agent, execution_id, EventType.TASK_COMPLETE, subtask_id, event_id="1")
        assert stage.subtask(execution_id, subtask_id)["status"] == "COMPLETED"


def test_a_poll_whose_answer_was_lost_gives_all_its_leases_again(stage: Stage) -> None:
    agent = stage.agent(max_concurrent_tasks=5)
    stage.execution(agent, wide_plan(4))
    first = stage.poll(agent, most=3, poll_id="p1")
    again = stage.poll(agent, most=3, poll_id="p1")
    assert first
    assert again
    tokens = [[task["lease_token"] for task in one["tasks"]] for one in (first, again)]
    assert len(tokens[0]) == 3
    assert sorted(tokens[0]) == sorted(tokens[1])
    assert all(task["redelivered"] for task in again["tasks"])


def test_a_request_of_which_one_part_is_refused_does_nothing(
    services: Services, stage: Stage, owner: Principal
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    before = stage.status(execution_id)
    wanted = {"status": "CANCELLED", "agent_id": agent.agent_id}
    with pytest.raises(Conflict):
        services.executions.control(owner, execution_id, wanted)
    assert stage.status(execution_id) == before
