"""The actors, the clock and the desk on real servers, in this process."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis
from rq import Queue, SimpleWorker
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from app.planexe.connection import Connection
from app.planexe.worker import Worker
from app.services import Services
from config.settings import Settings
from tests.planexe_server import PlanExe, serving
from tests.replay import assert_record_proves_itself
from tests.unit.decomposer.samples import packed, run
from workers.broker import make_broker
from workers.clock import BEATS_AHEAD, Clock
from workers.dead_letters import DESK_QUEUE

from ..stage import Stage, plan_document, wait_until

SHARDS = 2


@pytest.fixture
def worker(broker: RedisBroker) -> Iterator[dramatiq.Worker]:
    """A worker at work."""
    worker = dramatiq.Worker(broker, worker_timeout=20, worker_threads=2)
    worker.start()
    yield worker
    worker.stop(timeout=5000)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def clock_of(redis_url: str, client: redis.Redis) -> Clock:
    return Clock(client, make_broker(redis_url), SHARDS)


def test_imported_plan_is_broken_down_by_the_worker(
    worker: dramatiq.Worker, services: Services, stage: Stage
) -> None:
    plan_id = services.plans.import_json(stage.owner, plan_document())["plan_id"]

    plan = wait_until("the plan is ready", lambda: _ready(services, stage, plan_id))

    assert plan["decomposition_version"] == 1


def test_plan_from_a_planexe_server_is_fetched_and_broken_down_by_the_worker(
    worker: dramatiq.Worker,
    services: Services,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(PlanExe("worker", packed(run()))) as planexe:
        planexe.states = ["processing", "processing", "completed"]
        monkeypatch.setattr(
            services.imports, "_server", Worker(Connection(planexe.url), "auto"), raising=True
        )
        monkeypatch.setattr(services.imports, "_poll", 0.05)
        view = services.imports.begin(stage.owner, {"prompt": "Open a kiosk"}, "plan_kiosk")

        plan = wait_until(
            "the plan is broken down", lambda: _broken_down(services, stage, view["plan_id"])
        )

    assert plan["title"] == "Kiosk"
    assert planexe.paths().count("/runs") == 1


def _broken_down(services: Services, stage: Stage, plan_id: str) -> Any:
    plan = services.plans.get(stage.workspace_id, plan_id)
    return plan if plan["status"] in {"READY", "NEEDS_REVIEW"} else None


def test_clock_has_the_log_recorded_and_ended_executions_put_away(
    worker: dramatiq.Worker,
    services: Services,
    settings: Settings,
    stage: Stage,
    clock: Any,
    client: redis.Redis,
    redis_url: str,
) -> None:
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    clock.advance(seconds=61)
    beat = clock_of(redis_url, client)

    def gone() -> bool:
        beat.beat()
        return not [*client.scan_iter(f"*{execution_id}*", count=1000)]

    wait_until("nothing of it is in Redis", gone, seconds=20)

    header = assert_record_proves_itself(
        settings.database_url or "", stage.workspace_id, execution_id
    )
    assert header.status == "COMPLETED"


def test_worker_whose_clock_is_minutes_ahead_records_as_any_other(
    worker: dramatiq.Worker,
    services: Services,
    stage: Stage,
    client: redis.Redis,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ahead_ms = current_millis() + 120_000
    monkeypatch.setattr("dramatiq.middleware.age_limit.current_millis", lambda: ahead_ms)
    stage.execution(stage.agent())
    backlog = functools.partial(services.persistence.backlog, stage.workspace_id)
    assert backlog().entries

    clock_of(redis_url, client).beat()

    wait_until("its events are recorded", lambda: not backlog().entries)


def test_two_clocks_send_one_beat_per_second(
    broker: RedisBroker, stage: Stage, client: redis.Redis, redis_url: str, monkeypatch: Any
) -> None:
    stage.execution(stage.agent())
    now = [1_000_000.0]
    monkeypatch.setattr("workers.clock.time.time", lambda: now[0])
    one, two = (clock_of(redis_url, client) for _ in range(2))
    for step in (0.0, 0.4, 0.9, 1.1, 1.5):
        now[0] = 1_000_000.0 + step
        one.beat()
        two.beat()

    sent = broker.client.hlen("dramatiq:upkeep.msgs")
    assert sent == 2 * SHARDS * len(("persist", "sweep"))


def test_beats_wait_for_no_worker_but_what_comes_each_minute_does(
    broker: RedisBroker, stage: Stage, client: redis.Redis, redis_url: str, monkeypatch: Any
) -> None:
    stage.execution(stage.agent())
    clock = clock_of(redis_url, client)
    full_minute = 12 * 3600
    for second in range(61):
        monkeypatch.setattr("workers.clock.time.time", lambda at=second: full_minute + at)
        clock.beat()

    waiting = [json.loads(one)["actor_name"] for one in client.hvals("dramatiq:upkeep.msgs")]
    assert waiting.count("persist") == waiting.count("sweep") == BEATS_AHEAD * SHARDS
    assert waiting.count("maintain") == 2


def test_months_of_the_log_are_looked_at_every_hour(
    broker: RedisBroker,
    services: Services,
    client: redis.Redis,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("workers.clock.time.time", lambda: now[0])
    for now[0] in (7200.0, 7200.5, 7201.0, 7260.0, 10_800.0):
        clock_of(redis_url, client).beat()
    sent: Any = broker.client.hvals("dramatiq:upkeep.msgs")
    assert [json.loads(one)["actor_name"] for one in sent].count("retain") == 2

    looked: list[str] = []
    monkeypatch.setattr(type(services.retention), "put_away_due", lambda _: looked.append("") or [])
    broker.get_actor("retain").fn()
    assert looked


def test_night_has_executions_verified(
    worker: dramatiq.Worker,
    services: Services,
    stage: Stage,
    client: redis.Redis,
    redis_url: str,
) -> None:
    execution_id = stage.execution(stage.agent())
    beat = clock_of(redis_url, client)
    place = stage.workspace_id, execution_id
    noon = 1_000_000 // 86_400 * 86_400 + 43_200
    for time_of_day, verified in ((noon, False), (noon - 9 * 3600 + 60, True)):
        beat._send(time_of_day)
        worker.broker.join("upkeep", timeout=20_000)
        assert bool(services.verification.last(*place)) is verified


def test_clock_says_nothing_where_there_is_no_workspace(
    broker: RedisBroker, client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not at the full minute, when it asks for maintenance.
    monkeypatch.setattr("workers.clock.time.time", lambda: 1_000_000.0)

    clock_of(redis_url, client).beat()

    assert broker.client.hlen("dramatiq:upkeep.msgs") == 0


def test_clock_survives_a_redis_that_does_not_answer(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0")

    Clock(nowhere, make_broker(redis_url), SHARDS).beat()

    assert "the next beat tries again" in caplog.text
    nowhere.close()


def test_message_that_is_given_up_becomes_a_dead_letter_and_can_be_sent_again(
    broker: RedisBroker,
    services: Services,
    stage: Stage,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan_id = services.plans.import_json(stage.owner, plan_document())["plan_id"]
    for middleware in broker.middleware:
        if isinstance(middleware, dramatiq.middleware.Retries):
            monkeypatch.setattr(middleware, "max_retries", 0)
    with monkeypatch.context() as broken:
        broken.setattr(type(services.decomposition), "decompose", _fail)
        worker = dramatiq.Worker(broker, worker_timeout=20, worker_threads=1)
        worker.start()
        queue = Queue(DESK_QUEUE, connection=client, serializer=JSONSerializer)
        registry = queue.failed_job_registry
        (job_id,) = wait_until("a dead letter lies on the desk", registry.get_job_ids)
        worker.stop()
    job = queue.fetch_job(job_id)
    assert job
    assert job.get_status() is JobStatus.FAILED
    result = job.latest_result()
    assert result
    assert "the disk is full" in str(result.exc_string)
    assert job.description.startswith("decompose ")

    registry.requeue(job_id)
    desk = SimpleWorker([queue], connection=client, serializer=JSONSerializer)
    desk.work(burst=True, logging_level="WARNING")
    worker = dramatiq.Worker(broker, worker_timeout=20, worker_threads=1)
    worker.start()
    wait_until("the plan is ready", lambda: _ready(services, stage, plan_id))
    worker.stop()
    assert registry.get_job_ids() == []


def test_beat_that_fails_is_no_dead_letter(
    worker: dramatiq.Worker,
    services: Services,
    stage: Stage,
    client: redis.Redis,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage.execution(stage.agent())
    failed: list[int] = []

    def fail(_: Any, shard: int, shards: int) -> None:
        failed.append(shard)
        raise RuntimeError(f"shard {shard} of {shards} fails")

    monkeypatch.setattr(type(services.rounds), "sweep", fail)
    clock_of(redis_url, client).beat()
    wait_until("the sweep has failed", lambda: failed)
    worker.broker.join("upkeep", timeout=10_000)

    assert Queue(DESK_QUEUE, connection=client).failed_job_registry.get_job_ids() == []


def test_messages_of_an_earlier_version_do_no_harm(
    worker: dramatiq.Worker, stage: Stage, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for duty in ("persist", "sweep"):
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name="upkeep", actor_name=duty, args=(stage.workspace_id,), kwargs={}, options={}
        )
        worker.broker.enqueue(message)
    worker.broker.join("upkeep", timeout=10_000)

    assert Queue(DESK_QUEUE, connection=client).failed_job_registry.get_job_ids() == []
    assert "Failed to process message" not in caplog.text


def _ready(services: Services, stage: Stage, plan_id: str) -> dict[str, Any] | None:
    plan = services.plans.get(stage.workspace_id, plan_id)
    return plan if plan["status"] == "READY" else None


def _fail(*_: Any) -> None:
    raise RuntimeError("the disk is full")
