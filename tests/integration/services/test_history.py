"""The log read over the seam between Redis and PostgreSQL."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import Invalid, NotFound
from app.domain.events import EventType
from app.services import Services
from app.services import history as history_module

from ..stage import Stage, wide_plan

NO_TIME = dt.timedelta()


def persist(services: Services, stage: Stage) -> int:
    return services.persistence.drain(stage.workspace_id, NO_TIME)


@pytest.mark.parametrize("limit", [1, 3, 1000])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_hold_every_event_once_before_while_and_after_it_is_recorded(
    services: Services, stage: Stage, order: str, limit: int
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent, 2)

    def expected() -> list[int]:
        last = services.executions.header(stage.workspace_id, execution_id).seq
        seqs = list(range(1, last + 1))
        return seqs if order == "asc" else seqs[::-1]

    assert stage.seqs(execution_id, order=order, limit=limit) == expected()

    persist(services, stage)
    stage.carry_out(agent, 1)

    assert stage.seqs(execution_id, order=order, limit=limit) == expected()

    stage.carry_out(agent)
    persist(services, stage)

    assert stage.status(execution_id) == "COMPLETED"
    assert stage.seqs(execution_id, order=order, limit=limit) == expected()


def test_page_that_is_read_while_events_are_recorded_has_no_gap(
    services: Services, stage: Stage
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent, 2)
    first = services.history.page(stage.workspace_id, execution_id, limit=3)

    persist(services, stage)
    stage.carry_out(agent)
    rest = services.history.page(stage.workspace_id, execution_id, cursor=first.next_cursor)

    last = services.executions.header(stage.workspace_id, execution_id).seq
    seqs = [one["seq"] for one in (*first.items, *rest.items)]
    assert seqs == list(range(1, last + 1))


@pytest.mark.parametrize("recorded", [False, True])
def test_filters_hold_on_both_sides_of_the_seam(
    services: Services, stage: Stage, recorded: bool
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    if recorded:
        persist(services, stage)

    def found(**wanted: str) -> list[tuple[str, str | None]]:
        page = services.history.page(stage.workspace_id, execution_id, **wanted)
        return [(str(one["event_type"]), one["task_id"]) for one in page.items]

    assert found(event_type="task_complete") == [
        ("task_complete", one) for one in ("t0s0", "t0s1", "t1s0", "t1s1")
    ]
    assert {one for _, one in found(task_id="t0")} == {"t0s0", "t0s1"}
    assert {one for _, one in found(task_id="t1s1")} == {"t1s1"}
    assert {kind for kind, _ in found(agent_id=agent.agent_id or "")} >= {
        "task_dispatched",
        "task_complete",
    }
    assert found(agent_id="somebody_else") == []


@pytest.mark.parametrize("recorded", [False, True])
def test_errors_are_found_on_both_sides_of_the_seam_and_pages_end_before_a_seq(
    services: Services, stage: Stage, recorded: bool
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    task = (stage.poll(agent) or {})["next_task"]["task_id"]
    stage.report(agent, execution_id, EventType.TASK_ERROR, task, error_type="network")
    if recorded:
        persist(services, stage)

    def kinds(**wanted: Any) -> list[str]:
        page = services.history.page(stage.workspace_id, execution_id, **wanted)
        return [str(one["event_type"]) for one in page.items]

    assert kinds(errors=True) == ["task_error"]
    assert kinds(errors=True, event_type="task_error") == ["task_error"]
    assert kinds(errors=True, event_type="note") == []
    (failed,) = stage.seqs(execution_id, event_type="task_error")
    assert stage.seqs(execution_id, before=failed) == list(range(1, failed))
    assert stage.seqs(execution_id, before=failed, order="desc", limit=2) == list(
        range(failed - 1, 0, -1)
    )


def test_after_gives_only_what_came_later(services: Services, stage: Stage) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent, 1)
    persist(services, stage)
    stage.carry_out(agent)

    assert stage.seqs(execution_id, after=4, limit=2)[0] == 5
    walked = [one.event.seq for one in services.history.after(stage.workspace_id, execution_id, 4)]
    assert walked == stage.seqs(execution_id, after=4)


def test_unknown_execution_and_foreign_cursor_are_refused(services: Services, stage: Stage) -> None:
    execution_id = stage.execution(stage.agent())

    with pytest.raises(NotFound):
        services.history.page(stage.workspace_id, "exec_none")
    with pytest.raises(NotFound):
        services.history.page("ws_other", execution_id)
    with pytest.raises(Invalid):
        services.history.page(stage.workspace_id, execution_id, cursor="-1")


class Counted:
    """Calls a function and adds up how much it gave."""

    def __init__(self, inner: Callable[..., Any], size: Callable[[Any], int]) -> None:
        self._inner = inner
        self._size = size
        self.total = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        found = self._inner(*args, **options)
        self.total += self._size(found)
        return found


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("wanted", "most_read"), [({}, 11), ({"event_type": "task_complete"}, 1000)]
)
def test_page_reads_and_decodes_no_more_than_it_shows(
    services: Services,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    order: str,
    wanted: dict[str, Any],
    most_read: int,
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, wide_plan(400))
    stage.carry_out(agent)
    read = Counted(services.history._log.events, len)
    decoded = Counted(history_module.parse_event, lambda _: 1)
    monkeypatch.setattr(services.history._log, "events", read)
    monkeypatch.setattr(history_module, "parse_event", decoded)

    page = services.history.page(stage.workspace_id, execution_id, order=order, limit=10, **wanted)

    assert len(page.items) == 10
    assert decoded.total == 11
    assert read.total <= most_read


def test_filter_finds_what_lies_far_behind_in_redis(services: Services, stage: Stage) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent, wide_plan(600))
    stage.carry_out(agent)
    last = services.executions.header(stage.workspace_id, execution_id).seq
    assert last > history_module.PAGE
    assert stage.seqs(execution_id, event_type="execution_completed") == [last]
    assert stage.seqs(execution_id, event_type="execution_created", order="desc") == [1]
    found = stage.seqs(execution_id, event_type="task_complete", limit=7)
    assert len(found) == 600
    assert stage.seqs(execution_id, event_type="task_complete", order="desc") == found[::-1]
