"""Processes on machines whose clocks are minutes apart."""

import functools
import time

import pytest
import redis
from sqlalchemy import Engine

from app import bootstrap
from app.live.pulse import Pulse
from app.services import Services
from config.settings import Settings

from ..conftest import _keeping
from ..stage import Stage


def process(settings: Settings, monkeypatch: pytest.MonkeyPatch, minutes: int) -> Services:
    """Wire a process on a machine whose clock is wrong."""
    wrong = functools.partial(Pulse, machine=lambda: time.time() + 60 * minutes)
    monkeypatch.setattr(bootstrap, "Pulse", wrong)
    return bootstrap.build(settings)


def test_no_process_ends_the_leases_of_another_whatever_their_machines_say(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines: list[Engine] = []
    clients: list[redis.Redis] = []
    monkeypatch.setattr(
        bootstrap, "connect_postgres", _keeping(engines, bootstrap.connect_postgres)
    )
    monkeypatch.setattr(bootstrap, "connect_redis", _keeping(clients, bootstrap.connect_redis))
    behind, ahead = (process(settings, monkeypatch, minutes) for minutes in (-30, 30))
    key = behind.identity.ensure_owner()
    owner = behind.identity.authenticate(key or "")
    assert owner
    stage = Stage(behind, owner)
    agent = stage.agent()
    execution_id = stage.execution(agent)
    assert stage.poll(agent)

    assert ahead.rounds.sweep(0, 1) == 0
    assert stage.subtask(execution_id, "t0s0")["status"] == "RUNNING"
    Stage(ahead, owner).carry_out(agent)
    assert stage.status(execution_id) == "COMPLETED"

    page = behind.history.page(owner.workspace_id, execution_id)
    times = [event["recorded_at"] for event in page.items]
    assert times == sorted(times)
    assert (times[-1] - times[0]).total_seconds() < 60
    for client in clients:
        client.close()
    for engine in engines:
        engine.dispose()
