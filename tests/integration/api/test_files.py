"""Over HTTP: files as evidence."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.settings import Settings

from ..stage import Stage, wide_plan
from .conftest import AgentCaller, Scene
from .contract import Caller


def upload(user: Caller, content: bytes, name: str = "door.png", kind: str = "image/png") -> Any:
    data = {"file": (io.BytesIO(content), name, kind)}
    return user.post("/api/files", data=data, content_type="multipart/form-data")


def download(client: FlaskClient, path: str, key: str | None) -> TestResponse:
    return client.get(path, headers={"Authorization": f"Bearer {key}"})


def test_file_comes_back_as_a_download_that_runs_nothing(user: Caller) -> None:
    content = bytes(range(256)) * 4
    answer = upload(user, content)
    assert answer.status_code == 201
    told: Any = answer.json
    assert (told["name"], told["content_type"], told["size_bytes"]) == (
        "door.png",
        "image/png",
        1024,
    )
    assert answer.headers["Location"] == told["url"] == f"/api/files/{told['file_id']}"

    given = download(user.client, told["url"], user.key)
    assert given.data == content
    assert given.mimetype == "image/png"
    assert given.headers["Content-Disposition"] == "attachment; filename=door.png"
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in given.headers["Content-Security-Policy"]
    assert given.headers["X-Request-ID"]


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/javascript", "x"])
def test_types_that_a_browser_might_run_are_not_kept(user: Caller, kind: str) -> None:
    told = upload(user, b"<script>", "page.html", kind).json
    assert told["content_type"] == "application/octet-stream"
    given = download(user.client, told["url"], user.key)
    assert given.mimetype == "application/octet-stream"


def test_file_may_be_as_large_as_set_and_not_a_byte_more(user: Caller, settings: Settings) -> None:
    most = settings.max_file_bytes
    assert most == 10 * 1024 * 1024
    told = upload(user, b"x" * most).json
    assert told["size_bytes"] == most
    assert upload(user, b"x" * (most + 1)).status_code == 413


def test_upload_needs_the_field(user: Caller) -> None:
    assert user.post("/api/files", {"file": "x"}).status_code == 400
    answer = user.post("/api/files", data={"other": "x"}, content_type="multipart/form-data")
    assert answer.status_code == 400


def test_only_users_of_the_workspace_see_a_file(
    user: Caller, agent: AgentCaller, stage: Stage
) -> None:
    told = upload(user, b"x").json
    assert download(user.client, told["url"], agent.key).status_code == 403
    assert download(user.client, told["url"], "nobody").status_code == 401
    assert download(user.client, "/api/files/file_none", user.key).status_code == 404


def test_agent_brings_what_it_made_and_the_owner_opens_it(user: Caller, agent: AgentCaller) -> None:
    answer = upload(user.with_key(agent.key), b"%PDF", "quote.pdf", "application/pdf")
    told: Any = answer.json
    assert (answer.status_code, told["created_by"]) == (201, f"agent:{agent.agent_id}")
    assert download(user.client, told["url"], user.key).data == b"%PDF"


def test_upload_with_a_key_is_kept_once(user: Caller) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    more: Any = {
        "data": head + b"x\r\n--b--\r\n",
        "content_type": "multipart/form-data; boundary=b",
        "headers": {"Idempotency-Key": "one"},
    }
    first, again = user.post("/api/files", **more), user.post("/api/files", **more)
    assert first.status_code == 201
    assert first.json == again.json


def test_uploaded_file_is_evidence(user: Caller, scene: Scene, agent: AgentCaller) -> None:
    told = upload(user, b"png").json
    execution_id = scene.execution(agent, wide_plan(1, assignee="human"))
    path = f"/api/executions/{execution_id}/tasks/t0s0/complete"
    assert user.post(path, {"evidence": [told["file_id"]]}).status_code == 200
    page: Any = user.get(f"/api/executions/{execution_id}/events?type=task_complete").json
    assert page["items"][0]["evidence"] == [
        {"name": "door.png", "file_id": told["file_id"], "url": told["url"]}
    ]
