"""Verification and report over HTTP."""

from typing import Any

import pytest
import redis
from flask import Flask

from app.live.keys import Keys

from ..stage import Stage
from .conftest import AgentCaller, Scene
from .contract import Caller


def test_verification_is_answered_with_what_differs(
    user: Caller, scene: Scene, stage: Stage, execution_id: str, redis_url: str
) -> None:
    proven = scene.get(execution_id, "/verify")
    with redis.Redis.from_url(redis_url) as client:
        client.hset(Keys(stage.workspace_id).header(execution_id), "seq", "77")
    found = scene.get(execution_id, "/verify")

    assert proven["ok"] is True
    assert proven["differences"] == []
    assert found["ok"] is False
    assert found["differences"] == [
        {
            "seq": proven["events"],
            "where": "live",
            "what": "header field seq",
            "expected": proven["events"],
            "found": 77,
        }
    ]


def test_report_is_json_by_default_and_as_asked(
    app: Flask, user: Caller, scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    scene.carry_out(agent)
    path = f"/api/executions/{execution_id}/report"
    report: Any = user.get(path).json
    assert report["status"] == "COMPLETED"
    assert user.get(path, headers={"Accept": "*/*"}).json == report

    def fetch(accept: str) -> Any:
        headers = {"Accept": accept, "Authorization": f"Bearer {user.key}"}
        return app.test_client().get(path, headers=headers)

    page = fetch("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert page.mimetype == "text/html"
    assert report["head_hash"] in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    text = fetch("text/markdown")
    assert text.mimetype == "text/markdown"
    assert text.text.startswith("# Build a lighthouse")


def test_report_in_another_form_is_refused(user: Caller, execution_id: str) -> None:
    answer = user.get(
        f"/api/executions/{execution_id}/report", headers={"Accept": "application/pdf"}
    )

    assert answer.status_code == 406


@pytest.mark.parametrize("call", ["verify", "report"])
def test_only_users_may_ask_and_only_for_their_own(
    user: Caller, agent: AgentCaller, execution_id: str, call: str
) -> None:
    assert agent.call.get(f"/api/executions/{execution_id}/{call}").status_code == 403
    assert user.get(f"/api/executions/exec_0/{call}").status_code == 404
