"""Input that nobody sends in good faith: refused or kept, never a 500, never half stored."""

import datetime as dt
import json
from typing import Any
from urllib.parse import quote

import pytest

from ..stage import plan_document
from .conftest import AgentCaller, Scene
from .contract import Caller

STRANGE_IDS = [
    *("\0", "a\0b", "'", '"; DROP TABLE plans; --', "{x}", "a|b", "*", "%", "..", "exec_\u202e"),
    *(
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "é",
        "🗼",
        " ",
        "\n",
        "x" * 4000,
    ),
    *("__proto__", "-1", "NaN", "null", "exec_" + "0" * 26),
]


def raw(agent: AgentCaller, execution_id: str, body: str | bytes) -> Any:
    path = f"/api/executions/{execution_id}/events"
    return agent.call.post(path, data=body, content_type="application/json")


@pytest.mark.parametrize("strange", STRANGE_IDS, ids=range(len(STRANGE_IDS)))
def test_strange_id_in_a_path_is_not_found(user: Caller, agent: AgentCaller, strange: str) -> None:
    named = quote(strange, safe="")
    note = {"event_type": "note", "message": "x"}
    pause = {"status": "PAUSED"}
    calls: list[tuple[Caller, str, str, Any]] = [
        (user, "GET", f"/api/executions/{named}", None),
        (user, "GET", f"/api/executions/{named}/tasks", None),
        (user, "GET", f"/api/executions/{named}/events", None),
        (user, "PATCH", f"/api/executions/{named}", pause),
        (user, "GET", f"/api/plans/{named}", None),
        (user, "GET", f"/api/plans/{named}/tasks", None),
        (user, "DELETE", f"/api/plans/{named}", None),
        (user, "POST", f"/api/plans/{named}/tasks/{named}/approve", None),
        (user, "GET", f"/api/agents/{named}", None),
        (user, "POST", f"/api/agents/{named}/keys", None),
        (agent.call, "GET", f"/api/agents/{named}/work", None),
        (agent.call, "GET", f"/api/executions/{named}/status", None),
        (agent.call, "POST", f"/api/executions/{named}/events", note),
    ]
    for caller, method, path, body in calls:
        answer = caller(method, path, body)
        assert answer.status_code in (404, 405, 422), (method, path, answer.json)


@pytest.mark.parametrize("strange", STRANGE_IDS, ids=range(len(STRANGE_IDS)))
def test_strange_value_in_a_query_or_body_is_no_failure(
    user: Caller, agent: AgentCaller, execution_id: str, strange: str
) -> None:
    value = quote(strange, safe="")
    queries = [
        *(f"/api/executions?{name}={value}" for name in ("plan_id", "agent_id", "cursor")),
        *(
            f"/api/plans?{name}={value}"
            for name in ("assigned_to", "cursor", "status", "q", "sort")
        ),
        *(
            f"/api/executions/{execution_id}/events?{name}={value}"
            for name in ("type", "task_id", "agent_id", "cursor", "after")
        ),
    ]
    for path in queries:
        assert user.get(path).status_code in (200, 422), path
    for name in ("supported_actions", "instance", "poll_id"):
        path = f"/api/agents/{agent.agent_id}/work?{name}={value}"
        assert agent.call.get(path).status_code in (200, 204, 422), path
    for body in (
        {"plan_id": strange, "agent_id": agent.agent_id},
        {"plan_id": "plan_none", "agent_id": strange},
    ):
        assert user.post("/api/executions", body).status_code in (400, 404, 422)


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_type": "note", "message": "a\\u0000b"}',
        b'{"event_type": "note", "output_data": {"\\u0000": 1}}',
        b'{"event_type": "note", "output_data": [["\\u0000"]]}',
        b'{"event_type": "note", "message": "\\ud800"}',
        b'{"event_type": "note", "message": "\\udc00\\ud800"}',
        b'{"event_type": "note", "message": "\xff"}',
        b'{"event_type": "note", "message": "\xed\xa0\x80"}',
        b'{"event_type": "note", "progress_percent": NaN}',
        b'{"event_type": "note", "progress_percent": Infinity}',
        b'{"event_type": "note", "output_data": NaN}',
        b'{"event_type": "note", "output_data": 1e999}',
        b'{"event_type": "note", "output_data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"event_type": "note"',
        b"",
        b"\xef\xbb\xbf{}",
    ],
)
def test_text_that_is_no_clean_json_is_refused_with_the_reason(
    scene: Scene, agent: AgentCaller, execution_id: str, body: bytes
) -> None:
    before = scene.get(execution_id)["seq"]

    answer = raw(agent, execution_id, body)

    assert answer.status_code in (400, 422)
    assert answer.json["detail"]
    assert "browser" not in answer.json["detail"]
    assert scene.get(execution_id)["seq"] == before


@pytest.mark.parametrize(
    "document", [None, True, 7, 1.5, "text", [], [{"event_type": "note"}]], ids=repr
)
def test_json_that_is_no_object_is_refused(
    agent: AgentCaller, user: Caller, execution_id: str, document: Any
) -> None:
    body = json.dumps(document)
    assert raw(agent, execution_id, body).status_code == 422
    kind = "application/json"
    assert user.post("/api/agents", data=body, content_type=kind).status_code == 422
    assert user.post("/api/executions", data=body, content_type=kind).status_code == 422
    path = f"/api/executions/{execution_id}"
    assert user.patch(path, data=body, content_type=kind).status_code == 422


@pytest.mark.parametrize(
    "value",
    [
        "10" * 400,
        "-99999999999999999999999999",
        "18446744073709551616",
        "1e308",
        "5e-324",
        "123456789012345678901234567890.5",
        "[" * 60 + "]" * 60,
        '"\\u2028\\u202e\\ufffe\\ud83d\\uddfc"',
        '{"__proto__": {"a": 1}, "": "", "a.b": null, "$ref": 1}',
        '{"a": 1, "a": 2}',
    ],
    ids=range(10),
)
def test_any_json_result_is_kept_or_refused_and_never_breaks_the_log(
    scene: Scene, agent: AgentCaller, services: Any, execution_id: str, value: str
) -> None:
    agent.poll()
    event = f'{{"event_type": "task_complete", "task_id": "t0s0", "output_data": {value}}}'

    answer = raw(agent, execution_id, event)

    assert answer.status_code in (201, 400, 422), answer.json
    if answer.status_code == 201:
        assert agent.poll()["next_task"]["context"]["prerequisite_results"].keys() == {"t0s0"}
    scene.get(execution_id, "/tasks")
    before = scene.get(execution_id, "/events")["items"]
    services.persistence.drain("default", dt.timedelta())
    assert scene.get(execution_id, "/events")["items"] == before


@pytest.mark.parametrize("depth", [100, 400, 900, 1100, 5000])
def test_deep_nesting_is_kept_or_refused_and_the_log_stays_readable(
    scene: Scene, agent: AgentCaller, services: Any, execution_id: str, depth: int
) -> None:
    deep = "[" * depth + "]" * depth
    answer = raw(agent, execution_id, f'{{"event_type": "note", "output_data": {deep}}}')

    assert answer.status_code in (201, 400, 422)
    services.persistence.drain("default", dt.timedelta())
    assert agent.call.get(f"/api/executions/{execution_id}/status").status_code == 200
    scene.get(execution_id, "/events")


@pytest.mark.parametrize("strange", ["a|b", "{x}", "é 🗼", "a/b", "x" * 100, "a\tb", "s:a"])
def test_plan_with_strange_ids_is_refused_or_carried_out(
    user: Caller, scene: Scene, agent: AgentCaller, services: Any, strange: str
) -> None:
    document = plan_document(1, 1)
    document["phases"][0]["tasks"][0]["subtasks"][0]["subtask_id"] = strange
    answer: Any = user.post("/api/plans", document)
    assert answer.status_code in (202, 422)
    if answer.status_code == 422:
        return
    services.decomposition.decompose("default", answer.json["plan_id"], 1)
    request = {"plan_id": answer.json["plan_id"], "agent_id": agent.agent_id}
    execution_id = user.post("/api/executions", request).json["execution_id"]
    scene.carry_out(agent)
    assert scene.get(execution_id)["status"] == "COMPLETED"


def test_strange_text_is_given_back_as_it_came(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    text = "<script>alert(1)</script> ' \" \\ \u202e 🗼 \r\n\t"
    answer = agent.report(execution_id, {"event_type": "note", "message": text, "event_id": text})

    assert answer.status_code == 201
    (kept,) = scene.get(execution_id, "/events?type=note")["items"]
    assert (kept["message"], kept["event_id"]) == (text, text)


def test_control_characters_in_headers_and_names_do_no_harm(user: Caller) -> None:
    agent = AgentCaller(user, name="\x07\x1b[31m", role="\u202e")
    assert agent.call.get(f"/api/agents/{agent.agent_id}").json["name"] == "\x07\x1b[31m"


def test_unsupported_content_type_is_refused(agent: AgentCaller, execution_id: str) -> None:
    path = f"/api/executions/{execution_id}/events"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        answer = agent.call.post(path, data=b'{"event_type": "note"}', content_type=kind)
        assert answer.status_code == 415
