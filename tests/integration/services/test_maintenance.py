"""What was left half-way is mended: unborn executions, plans nobody breaks down."""

import datetime as dt
from collections.abc import Iterator

import pytest

from app.live.errors import LiveUnavailable
from app.services import Services
from app.services.identity import Principal

from ..stage import Stage, TurnedClock, plan_document


def test_an_execution_that_was_never_born_is_forgotten(
    services: Services,
    stage: Stage,
    owner: Principal,
    clock: TurnedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execution_id = stage.execution(stage.agent())
    born = services.executions.header(owner.workspace_id, execution_id)

    def unavailable(*_: object, **__: object) -> None:
        raise LiveUnavailable("Redis does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(services.executions._live, "create", unavailable)
        with pytest.raises(LiveUnavailable):
            services.executions.create(owner, {"plan_id": born.plan_id, "agent_id": born.agent_id})
    assert len(services.executions.page(owner.workspace_id).items) == 2

    clock.advance(minutes=3)
    services.maintenance.maintain()
    (left,) = services.executions.page(owner.workspace_id).items
    assert left["execution_id"] == execution_id


def test_a_plan_whose_breakdown_was_never_asked_for_is_broken_down(
    services: Services, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, int]] = []

    def unavailable(*_: object) -> None:
        raise LiveUnavailable("Redis does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(services.plans._jobs, "decompose", unavailable)
        services.plans.import_json(owner, plan_document())
    (stuck,) = services.plans.page(owner.workspace_id).items
    assert stuck["status"] == "DECOMPOSING"

    patched = services.maintenance
    monkeypatch.setattr(patched, "_clock", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    monkeypatch.setattr(patched._jobs, "decompose", lambda *args: asked.append(args))
    services.maintenance.maintain()
    assert asked == [(owner.workspace_id, stuck["plan_id"], 1)]
    services.decomposition.decompose(*asked[0])
    assert services.plans.get(owner.workspace_id, stuck["plan_id"])["status"] != "DECOMPOSING"


def test_one_timer_that_cannot_be_carried_out_holds_up_no_other(
    services: Services, stage: Stage, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = stage.agent(), stage.agent()
    first, second = stage.execution(broken), stage.execution(sound)
    assert stage.poll(broken)
    assert stage.poll(sound)
    execute = services.upkeep._live.execute

    def breaking(workspace_id: str, execution_id: str, *rest: object, **more: object) -> object:
        if execution_id == first:
            raise ValueError("a fault of the program")
        return execute(workspace_id, execution_id, *rest, **more)

    monkeypatch.setattr(services.upkeep._live, "execute", breaking)
    clock.advance(minutes=16)
    services.upkeep.sweep(sound.workspace_id)
    assert stage.subtask(second, "t0s0")["status"] == "RETRYING"
    assert stage.subtask(first, "t0s0")["status"] == "RUNNING"


def test_an_execution_that_comes_while_its_agent_is_looked_at_is_watched_too(
    services: Services, stage: Stage, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    known = services.upkeep._work.executions
    answers: Iterator[list[str]] = iter([[]])

    clock.advance(minutes=31)
    with monkeypatch.context() as patch:
        patch.setattr(services.upkeep._work, "executions", lambda *a: next(answers, known(*a)))
        services.upkeep.sweep(agent.workspace_id)
    assert stage.status(execution_id) == "QUEUED"

    clock.advance(minutes=31)
    services.upkeep.sweep(agent.workspace_id)
    assert stage.status(execution_id) == "BLOCKED"


def test_partitions_of_the_coming_months_are_made(services: Services, clock: TurnedClock) -> None:
    clock.advance(days=40_000)
    services.maintenance.maintain()
    assert services.maintenance._partitions.make_ahead(clock()) == []
