"""Back-pressure: what is refused while Redis is nearly full, and that nothing is half-applied."""

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from app.domain.ids import new_id
from app.live import pulse as pulse_module
from app.services import Services
from config.settings import Settings
from tests.replay import assert_record_proves_itself

from ..stage import Stage, plan_document, wait_until, wide_plan
from .conftest import AgentCaller, Scene
from .contract import Caller

NO_TIME = dt.timedelta()


BALLAST = 32 << 20


class Room:
    """Sets how full Redis is."""

    def __init__(self, client: redis.Redis, services: Services) -> None:
        self.client = client
        self._pulse = services.capacity._pulse

    def fill(self, share: float) -> None:
        """Move the limit so that what is there makes this share of it."""
        # Of an all but empty Redis one request would be several percent.
        self.client.config_set("maxmemory", 0)
        self.client.set("ballast", bytes(BALLAST))
        used = self.client.info("memory")["used_memory"]
        self.limit(int(used / share))

    def limit(self, size: int) -> None:
        self.client.config_set("maxmemory", size)
        self._pulse.measure()

    def used(self) -> int:
        return int(self.client.info("memory")["used_memory"])


@pytest.fixture
def room(redis_url: str, services: Services) -> Iterator[Room]:
    """Redis' memory, given back after the test."""
    with redis.Redis.from_url(redis_url) as client:
        before = client.config_get("maxmemory*")
        client.config_set("maxmemory-policy", "noeviction")
        yield Room(client, services)
        client.delete("ballast")
        client.config_set("maxmemory", before["maxmemory"])
        client.config_set("maxmemory-policy", before["maxmemory-policy"])


def assert_full(answer: Any) -> None:
    assert answer.status_code == 503, answer.json
    assert answer.json["type"].endswith("/full")
    assert answer.headers["Retry-After"]
    assert "operator" in answer.json["detail"]


def test_nothing_new_is_begun_from_80_percent_while_work_goes_on(
    room: Room, user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    plan_id = user.get("/api/plans").json["items"][0]["plan_id"]
    room.fill(0.85)
    assert_full(user.post("/api/plans", plan_document()))
    request = {"plan_id": plan_id, "agent_id": agent.agent_id}
    assert_full(user.post("/api/executions", request, headers={"Idempotency-Key": "k"}))
    assert_full(user.post("/api/files", headers={"Content-Type": "multipart/form-data"}))
    scene.carry_out(agent)
    assert scene.get(execution_id)["status"] == "COMPLETED"

    room.fill(0.3)
    again = user.post("/api/executions", request, headers={"Idempotency-Key": "k"})
    assert again.status_code == 201


def test_reports_and_claims_wait_from_92_percent_and_people_can_still_clear_it(
    room: Room, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    work = agent.poll()
    seq = scene.get(execution_id)["seq"]
    room.fill(0.95)
    event_id = new_id("evt")
    assert_full(agent.complete(work, event_id=event_id))
    assert_full(agent.call.get(f"/api/agents/{agent.agent_id}/work"))
    assert scene.get(execution_id)["seq"] == seq

    room.fill(0.3)
    assert agent.complete(work, event_id=event_id).status_code == 201
    room.fill(0.95)
    assert scene.control(execution_id, "CANCELLED").status_code == 200


def test_the_pages_are_held_back_as_well(room: Room, app: Any) -> None:
    room.fill(0.85)
    for path in ("/plans", "/plans/plan_1/start"):
        assert app.test_client().post(path).status_code == 503


def test_a_redis_that_fills_up_under_load_loses_nothing_and_comes_back(
    room: Room,
    services: Services,
    settings: Settings,
    stage: Stage,
    user: Caller,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse_module, "EVERY", dt.timedelta(milliseconds=10))
    agents = [AgentCaller(user) for _ in range(3)]
    executions = [scene.execution(agent, wide_plan(30)) for agent in agents]
    work = [agent.poll() for agent in agents]
    room.limit(room.used() + 6 * 1024 * 1024)
    services.capacity.follow()
    told: list[list[tuple[str, int]]] = [[] for _ in agents]
    load = [
        threading.Thread(target=_report_until_full, args=(agents[one], work[one], told[one]))
        for one in range(3)
    ]
    for thread in load:
        thread.start()
    for thread in load:
        thread.join()
    # Nothing was recorded so far, so it is the log that fills it; now all but the log is stuck.
    for answers in told:
        assert [status for _, status in answers][-1] == 503
    assert_full(user.post("/api/executions", {}))

    def room_again() -> bool:
        services.persistence.drain_shard(0, 1, NO_TIME)
        services.persistence.mend()
        return agents[0].complete(work[0]).status_code == 201

    wait_until("a report is taken again", room_again)
    services.capacity.stop()
    services.persistence.drain(stage.workspace_id, NO_TIME)
    for execution_id, answers in zip(executions, told, strict=True):
        assert_record_proves_itself(settings.database_url or "", stage.workspace_id, execution_id)
        kept = {one["event_id"] for one in _events(user, execution_id)}
        assert kept >= {event_id for event_id, status in answers if status == 201}
        assert not kept & {event_id for event_id, status in answers if status == 503}
        assert sum(status == 201 for _, status in answers) > 10


def _report_until_full(agent: AgentCaller, work: Any, told: list[tuple[str, int]]) -> None:
    task = work["next_task"]
    event = {
        "event_type": "task_progress",
        "task_id": task["task_id"],
        "output_data": {"text": "x" * 20_000},
    }
    while not told or told[-1][1] == 201:
        event["event_id"] = new_id("evt")
        answer = agent.report(task["execution_id"], event)
        told.append((event["event_id"], answer.status_code))


def _events(user: Caller, execution_id: str) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        page: Any = user.get(f"/api/executions/{execution_id}/events?limit=500{cursor}").json
        found += page["items"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"
