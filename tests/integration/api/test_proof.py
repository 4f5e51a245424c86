"""Verification and report over HTTP."""

from typing import Any

import pytest
import redis
from flask import Flask

from app.live.keys import Keys

from ..stage import Stage, plan_document
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


def test_report_holds_results_against_the_targets_of_the_plan(
    app: Flask, user: Caller, scene: Scene, agent: AgentCaller
) -> None:
    targets = [{"metric": "ships", "target": 50, "unit": "ships"}, {"metric": "lamps", "target": 1}]
    document = plan_document(tasks=1, subtasks=3, targets=targets)
    execution_id = scene.execution(agent, document)
    plan_id = scene.get(execution_id)["plan_id"]
    plan: Any = user.get(f"/api/plans/{plan_id}").json
    assert [one["metric"] for one in plan["targets"]] == [
        "ships",
        "lamps",
    ]
    for ships in (20, 3):
        work = agent.poll()
        assert agent.complete(work, output_data={"metrics": {"ships": ships}}).status_code == 201
    path = f"/api/executions/{execution_id}"
    done = user.post(f"{path}/tasks/t0s2/complete", {"notes": "seen", "minutes": 12.5})
    assert done.status_code == 200

    report: Any = user.get(f"{path}/report").json
    assert (report["answers"], report["human_minutes"]) == (1, 12.5)
    assert report["outcomes"] == [
        {"metric": "ships", "unit": "ships", "target": 50, "result": 23},
        {"metric": "lamps", "unit": "", "target": 1, "result": None},
        {"metric": "human_minutes", "unit": "min", "target": None, "result": 12.5},
    ]
    headers = {"Accept": "text/markdown", "Authorization": f"Bearer {user.key}"}
    text = app.test_client().get(f"{path}/report", headers=headers).text
    assert "| Ships | 50 | 23 | ships |" in text
    assert "| Human minutes | none | 12.5 | min |" in text
    headers["Accept"] = "text/html"
    assert "Targets and results" in app.test_client().get(f"{path}/report", headers=headers).text


@pytest.mark.parametrize("minutes", [-1, 1e9, "soon"])
def test_minutes_that_are_none_are_refused(
    user: Caller, execution_id: str, minutes: object
) -> None:
    path = f"/api/executions/{execution_id}/tasks/t0s0/skip"
    answer = user.post(path, {"reason": "enough", "minutes": minutes})
    assert answer.status_code == 422


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
