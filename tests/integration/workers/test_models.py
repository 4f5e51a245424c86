"""Workers that ask a model: as many at once as set, beside other work, and killed in the middle."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq.brokers.redis import RedisBroker

from app.commands.worker import workers_of
from app.services import Services
from config.settings import Settings
from tests.model_server import ModelServer, Reply, serving

from ..stage import Stage, plan_document, wait_until

CONCURRENCY = 3


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model's server."""
    with serving() as state:
        yield state


@pytest.fixture
def settings(settings: Settings, server: ModelServer) -> Settings:
    """Settings with a model."""
    return dataclasses.replace(
        settings,
        decomposition_model="test-model",
        decomposition_base_url=server.url,
        decomposition_concurrency=CONCURRENCY,
    )


@pytest.fixture
def at_work(broker: RedisBroker, settings: Settings) -> Iterator[None]:
    """All that a worker process runs, in this one."""
    workers = workers_of(broker, settings)
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        worker.stop(timeout=5000)


@contextlib.contextmanager
def worker_process(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker in a process of its own, which a test may kill."""
    command = [sys.executable, "-c", "from app.cli import main; main(['worker'])"]
    process = subprocess.Popen(command, env={**os.environ, **settings.environ()})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def imported(services: Services, stage: Stage, tasks: int) -> str:
    listed = [{"task_id": f"t{n}", "title": f"Find harbour number {n}"} for n in range(tasks)]
    document = {"title": "Harbours", "phases": [{"name": "A", "tasks": listed}]}
    return str(services.plans.import_json(stage.owner, document)["plan_id"])


def shown(services: Services, stage: Stage, plan_id: str) -> dict[str, Any]:
    return services.plans.get(stage.workspace_id, plan_id)


def ended(services: Services, stage: Stage, plan_id: str) -> dict[str, Any] | None:
    plan = shown(services, stage, plan_id)
    return plan if plan["status"] != "DECOMPOSING" else None


def done(services: Services, stage: Stage, plan_id: str) -> list[str]:
    """Name the titles of the tasks that have a breakdown."""
    return [
        task["title"]
        for phase in shown(services, stage, plan_id)["phases"]
        for task in phase["tasks"]
        if task["strategy"]
    ]


@pytest.mark.usefixtures("at_work")
def test_as_many_calls_run_at_once_as_are_set(
    services: Services, stage: Stage, server: ModelServer
) -> None:
    server.seconds = 0.1
    server.gate.clear()
    plan_id = imported(services, stage, 12)
    wait_until("all places are taken", lambda: len(server.calls) == CONCURRENCY)
    server.gate.set()

    plan = wait_until("the plan is broken down", lambda: ended(services, stage, plan_id))

    assert plan["decomposition"]["strategies"] == {"llm": 12}
    assert server.peak == CONCURRENCY
    assert sorted(server.titles) == sorted(set(server.titles))


@pytest.mark.usefixtures("at_work")
def test_task_made_anew_goes_through_the_queue_with_its_note(
    services: Services, stage: Stage, server: ModelServer
) -> None:
    plan_id = imported(services, stage, 3)
    wait_until("the plan is broken down", lambda: ended(services, stage, plan_id))

    asked = {"message": "smaller steps", "version": 1}
    assert services.review.regenerate(stage.owner, plan_id, "t1", asked) is None
    plan = wait_until("the task is made anew", lambda: ended(services, stage, plan_id))

    assert (plan["status"], plan["decomposition_version"]) == ("NEEDS_REVIEW", 2)
    assert plan["decomposition"]["strategies"] == {"llm": 1}
    assert [call.wish for call in server.calls] == [None, None, None, "smaller steps"]


@pytest.mark.usefixtures("at_work")
def test_waiting_calls_hold_up_no_other_work(
    services: Services, stage: Stage, server: ModelServer
) -> None:
    server.gate.clear()
    plan_id = imported(services, stage, 12)
    wait_until("all places are taken", lambda: len(server.calls) == CONCURRENCY)

    other = services.plans.import_json(stage.owner, plan_document())["plan_id"]
    wait_until("the other plan is ready", lambda: ended(services, stage, other))

    assert not ended(services, stage, plan_id)
    server.gate.set()
    wait_until("the plan is broken down", lambda: ended(services, stage, plan_id))


@pytest.mark.usefixtures("at_work")
def test_busy_model_is_asked_again_when_it_said(
    services: Services, stage: Stage, server: ModelServer
) -> None:
    server.next.append(Reply("slow down", status=429, headers={"Retry-After": "0.2"}))
    server.next.append(Reply("oops", status=502))
    plan_id = imported(services, stage, 1)

    plan = wait_until("the plan is broken down", lambda: ended(services, stage, plan_id))

    assert plan["decomposition"]["strategies"] == {"llm": 1}
    assert len(server.calls) == 3


def test_killed_worker_loses_no_task_and_repeats_no_finished_one(
    services: Services, stage: Stage, server: ModelServer, settings: Settings
) -> None:
    server.seconds = 0.2
    plan_id = imported(services, stage, 10)
    with worker_process(settings) as process:
        wait_until(
            "some tasks are done",
            lambda: len(done(services, stage, plan_id)) >= 4,
            seconds=30,
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
    finished = done(services, stage, plan_id)
    assert not ended(services, stage, plan_id)

    with worker_process(settings):
        plan = wait_until(
            "the plan is broken down", lambda: ended(services, stage, plan_id), seconds=60
        )

    assert plan["decomposition"]["strategies"] == {"llm": 10}
    assert plan["decomposition"]["tasks_done"] == 10
    for title in finished:
        assert server.titles.count(title) == 1
    assert len(server.calls) <= 10 + CONCURRENCY


def test_worker_ends_when_asked_though_the_model_does_not_answer(
    services: Services, stage: Stage, server: ModelServer, settings: Settings
) -> None:
    server.always(Reply(hangs=True))
    imported(services, stage, 5)
    with worker_process(settings) as process:
        wait_until("calls are under way", lambda: len(server.calls) == CONCURRENCY, seconds=30)

        process.terminate()

        assert process.wait(timeout=10) == 0
