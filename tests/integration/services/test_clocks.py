"""Processes on machines whose clocks are minutes apart."""

import functools
import time

import pytest

from app import bootstrap
from app.live.pulse import Pulse
from app.services import Services

from ..stage import Process, Stage


def test_no_process_ends_the_leases_of_another_whatever_their_machines_say(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong_by(minutes: int) -> Services:
        machine = functools.partial(Pulse, machine=lambda: time.time() + 60 * minutes)
        monkeypatch.setattr(bootstrap, "Pulse", machine)
        return process(None)

    behind, ahead = wrong_by(-30), wrong_by(30)
    owner = behind.identity.authenticate(behind.identity.ensure_owner() or "")
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
