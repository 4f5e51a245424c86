import datetime as dt

import pytest
from sqlalchemy import Engine

from app.domain.errors import NotFound
from app.domain.plan import Plan
from app.domain.states import ExecutionStatus
from app.record.batches import Batch, BatchWriter
from app.record.errors import AlreadyExists
from app.record.executions import Executions

from .builders import NOON, WORKSPACE, make_header


@pytest.fixture
def executions(engine: Engine, plan: Plan) -> Executions:
    """Executions beside a stored plan, none yet."""
    del plan
    return Executions(engine)


def test_execution_is_found_in_its_own_workspace_only(executions: Executions) -> None:
    header = make_header(title="Build")
    executions.add(header, "user_1", b"graph")
    assert executions.get(WORKSPACE, "exec_1") == header
    assert executions.created_by(WORKSPACE, "exec_1") == "user_1"
    assert executions.get("ws_2", "exec_1") is None
    assert executions.created_by("ws_2", "exec_1") is None


def test_execution_without_a_plan_is_refused(executions: Executions) -> None:
    with pytest.raises(NotFound):
        executions.add(make_header(plan_id="plan_unknown"), "user_1", b"graph")


def test_execution_cannot_be_added_twice(executions: Executions) -> None:
    executions.add(make_header(), "user_1", b"graph")
    with pytest.raises(AlreadyExists):
        executions.add(make_header(), "user_2", b"graph")


def test_only_an_unborn_execution_is_forgotten(executions: Executions, engine: Engine) -> None:
    for execution_id in ("exec_1", "exec_2"):
        executions.add(make_header(execution_id), "user_1", b"graph")
    BatchWriter(engine).write(Batch(headers=[make_header("exec_2", seq=1)]))
    assert executions.forget_unborn("exec_1")
    assert not executions.forget_unborn("exec_1")
    assert not executions.forget_unborn("exec_2")
    assert [it.execution_id for it in executions.page(WORKSPACE).items] == ["exec_2"]


def test_executions_are_listed_by_plan_agent_and_status(executions: Executions) -> None:
    for number in range(4):
        header = make_header(
            f"exec_{number}",
            agent_id=f"agent_{number % 2}",
            status=ExecutionStatus.RUNNING if number == 3 else ExecutionStatus.CREATED,
            created_at=NOON + dt.timedelta(seconds=number),
        )
        executions.add(header, "user_1", b"graph")

    def ids(
        plan_id: str | None = None,
        agent_id: str | None = None,
        status: ExecutionStatus | None = None,
    ) -> list[str]:
        page = executions.page(WORKSPACE, plan_id=plan_id, agent_id=agent_id, status=status)
        return [header.execution_id for header in page.items]

    assert ids(plan_id="plan_1") == ["exec_3", "exec_2", "exec_1", "exec_0"]
    assert ids(agent_id="agent_1") == ["exec_3", "exec_1"]
    assert ids(status=ExecutionStatus.CREATED, agent_id="agent_1") == ["exec_1"]
    assert ids(plan_id="plan_2") == []
    first = executions.page(WORKSPACE, limit=3)
    rest = executions.page(WORKSPACE, limit=3, cursor=first.next_cursor)
    assert [it.execution_id for it in rest.items] == ["exec_0"]
    assert executions.page("ws_2").items == []


def test_newest_execution_of_each_plan_is_found(executions: Executions) -> None:
    for number in range(3):
        header = make_header(f"exec_{number}", created_at=NOON + dt.timedelta(seconds=number))
        executions.add(header, "user_1", b"graph")
    found = executions.latest(WORKSPACE, ["plan_1", "plan_2"])
    assert {plan: one.execution_id for plan, one in found.items()} == {"plan_1": "exec_2"}
    assert executions.latest("ws_2", ["plan_1"]) == {}
