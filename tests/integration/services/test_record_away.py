"""PostgreSQL is away: those who are known go on working, nobody unknown gets in."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.domain.errors import NotFound
from app.domain.events import EventType
from app.record.errors import RecordUnavailable
from app.services import Services
from app.services.identity import Identity
from config.settings import Settings

from ..relay import Relay
from ..stage import Process, Stage, TurnedClock, plan_document, wait_until


@dataclass
class Scene:
    """An agent that has worked in a process whose way to PostgreSQL can be cut."""

    services: Services
    stage: Stage
    identity: Identity
    key: str
    execution_id: str


@pytest.fixture
def relay(settings: Settings) -> Iterator[Relay]:
    with Relay(settings.database_url or "") as relay:
        yield relay


@pytest.fixture
def scene(stage: Stage, process: Process, clock: TurnedClock, relay: Relay) -> Scene:
    request = {"name": "Worker", "capabilities": [{"action": "noop"}]}
    welcome = stage.services.agents.register(stage.owner, request)
    far = process(clock, database_url=relay.url)
    principal = far.identity.authenticate(welcome["api_key"])
    assert principal
    execution_id = stage.execution(principal, plan_document(1, 4))
    there = Stage(far, stage.owner)
    assert there.carry_out(principal, 1) == 1
    return Scene(far, there, far.identity, welcome["api_key"], execution_id)


def test_an_agent_that_is_known_works_on_for_as_long_as_it_takes(
    scene: Scene, relay: Relay, clock: TurnedClock
) -> None:
    relay.close()
    clock.advance(minutes=10)

    agent = scene.identity.authenticate(scene.key)
    assert agent
    work = scene.stage.poll(agent)
    assert work
    task_id = work["next_task"]["task_id"]
    scene.stage.report(agent, scene.execution_id, EventType.HEARTBEAT, task_id)
    scene.stage.report(agent, scene.execution_id, EventType.TASK_COMPLETE, task_id)
    assert scene.stage.status(scene.execution_id) == "RUNNING"
    assert scene.stage.carry_out(agent) == 2
    assert scene.stage.status(scene.execution_id) == "COMPLETED"


def test_a_key_that_is_not_known_does_not_get_in(
    scene: Scene, stage: Stage, relay: Relay, clock: TurnedClock
) -> None:
    other = stage.services.agents.new_key(stage.owner, stage.agent().agent_id or "")
    relay.close()
    clock.advance(minutes=10)

    assert scene.identity.authenticate(scene.key)
    for key in (other["api_key"], "ax_agent_made-up"):
        with pytest.raises(RecordUnavailable):
            scene.identity.authenticate(key)


def test_a_revoked_key_ends_once_the_record_answers_again(
    scene: Scene, stage: Stage, relay: Relay, clock: TurnedClock, settings: Settings
) -> None:
    agent = scene.identity.authenticate(scene.key)
    assert agent
    scene.stage.carry_out(agent)
    assert stage.services.executions.get(stage.workspace_id, scene.execution_id)
    stage.services.agents.delete(stage.owner, agent.agent_id or "")
    relay.close()
    clock.advance(minutes=10)
    assert scene.identity.authenticate(scene.key)

    with Relay(settings.database_url or "", relay.port):
        wait_until("the key is refused", lambda: scene.identity.authenticate(scene.key) is None)
        with pytest.raises(NotFound):
            scene.services.agents.find(stage.workspace_id, agent.agent_id or "")
