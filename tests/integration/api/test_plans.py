"""Plans over HTTP: import in every form, look up, approve, delete; and what is refused."""

import gc
import io
import json
import re
import zipfile
from typing import Any

import pytest
from flask import Flask

from config.settings import Settings
from tests.unit.decomposer.samples import PLANS, needs_plans, packed, run

from ..stage import plan_document
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of


def upload(user: Caller, data: bytes, name: str = "plan.zip", field: str = "file") -> Any:
    parts = {field: (io.BytesIO(data), name)}
    return user.post("/api/plans", data=parts, content_type="multipart/form-data")


def zipped(files: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def assert_refused(user: Caller, answer: Any, status: int = 422) -> None:
    assert answer.status_code == status, answer.json
    assert answer.json["detail"]
    assert user.get("/api/plans").json["items"] == []


def test_json_plan_is_stored_and_broken_down(user: Caller, scene: Scene) -> None:
    answer: Any = user.post("/api/plans", plan_document(plan_id="plan_mine"))
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/api/plans/plan_mine"
    assert answer.json["status"] == "DECOMPOSING"
    assert answer.json["warnings"] == []

    scene._stage.services.decomposition.decompose("default", "plan_mine", 1)

    plan: Any = user.get("/api/plans/plan_mine").json
    assert (plan["status"], plan["decomposition_version"]) == ("READY", 1)
    task = plan["phases"][0]["tasks"][0]
    assert task["decomposition_confidence"] == 1.0
    assert (task["needs_review"], task["strategy"]) == (False, "given")
    tree: Any = user.get("/api/plans/plan_mine/tasks").json
    steps = tree["phases"][0]["tasks"][0]["executable_subtasks"]
    assert [one["dependencies"] for one in steps] == [[], ["t0s0"]]
    assert {*steps[0]} >= {
        *("subtask_id", "title", "description", "action", "params", "dependencies"),
        *("timeout_hours", "retry_policy", "success_criteria", "requires_approval", "assignee"),
    }


def test_zip_of_a_run_is_stored(user: Caller) -> None:
    answer = upload(user, packed(run()))

    assert answer.status_code == 202
    assert answer.json["title"] == "Kiosk"
    assert answer.json["source_format"] == "planexe-zip"
    assert sum(len(phase["tasks"]) for phase in answer.json["phases"]) == 3


def test_json_file_is_stored(user: Caller) -> None:
    assert upload(user, json.dumps(plan_document()).encode(), "plan.json").status_code == 202


@needs_plans
def test_real_archives_are_stored_with_their_warnings(user: Caller) -> None:
    for path in sorted((PLANS / "zips").glob("*.zip")):
        answer = upload(user, path.read_bytes(), path.name)
        assert answer.status_code == 202
        for warning in answer.json["warnings"]:
            assert {"code", "message", "where", "value"} <= warning.keys()


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"no zip at all", "plan.zip"),
        (b"", "plan.zip"),
        (b"PK\x03\x04 broken", "plan.zip"),
        (zipped({}), "plan.zip"),
        (zipped({"../evil.json": "{}"}), "../evil.json"),
        (zipped({"run/../../wbs_level1.json": "{}"}), "run/../../wbs_level1.json"),
        (zipped({"/etc/passwd": "x"}), "/etc/passwd"),
        (zipped({"C:\\wbs.json": "x"}), "C:\\wbs.json"),
        (zipped({"readme.txt": "no plan"}), "plan.zip"),
    ],
)
def test_bad_archive_is_refused_with_its_place(user: Caller, data: bytes, where: str) -> None:
    answer = upload(user, data)

    assert_refused(user, answer)
    assert answer.json["type"] == "/api/problems/invalid-plan"
    assert where in fields_of(answer)


def test_archive_bomb_is_refused(user: Caller) -> None:
    bomb = zipped({"wbs_level1.json": b"0" * 300_000_000})
    assert len(bomb) < 1_000_000

    answer = upload(user, bomb)

    assert_refused(user, answer)
    assert "bomb" in answer.json["detail"]


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ([], None),
        ("text", None),
        (7, None),
        (None, None),
        ({}, None),
        ({"title": "x"}, {"phases"}),
        ({"title": "x", "phases": []}, None),
        ({"title": "x", "phases": [{"name": "A", "tasks": []}]}, None),
        ({"title": 7, "phases": {}}, {"title", "phases"}),
        (plan_document(colour=1, size=2), {"colour", "size"}),
        (plan_document(plan_id="../x"), {"plan_id"}),
    ],
)
def test_json_of_another_shape_is_refused(
    user: Caller, document: Any, fields: set[str] | None
) -> None:
    body = json.dumps(document)
    answer = user.post("/api/plans", data=body, content_type="application/json")

    assert_refused(user, answer)
    if fields is not None:
        assert fields_of(answer) == fields


def test_unknown_field_deep_inside_is_named_with_its_place(user: Caller) -> None:
    document = plan_document()
    document["phases"][0]["tasks"][1]["subtasks"][0]["colour"] = "red"

    answer = user.post("/api/plans", document)

    assert_refused(user, answer)
    assert fields_of(answer) == {"phases[0].tasks[1].subtasks[0].colour"}


@pytest.mark.parametrize("level", ["tasks", "subtasks"])
def test_cycle_is_refused_and_named(user: Caller, level: str) -> None:
    document = plan_document()
    first, second = document["phases"][0]["tasks"]
    if level == "tasks":
        first["prerequisites"] = [second["task_id"]]
        members = ("t0", "t1")
    else:
        one, two = first["subtasks"]
        one["prerequisites"], two["prerequisites"] = [two["subtask_id"]], [one["subtask_id"]]
        members = ("t0s0", "t0s1")

    answer = user.post("/api/plans", document)

    assert_refused(user, answer)
    assert "cycle" in answer.json["detail"].lower()
    told = answer.json["detail"] + str(answer.json["errors"])
    titles = {"t0": "Task 0", "t1": "Task 1", "t0s0": "Step 0", "t0s1": "Step 1"}
    for member in members:
        assert member in told or titles[member] in told


def test_broken_json_is_refused(user: Caller) -> None:
    for body in (b"{", b"", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 100_000):
        answer = user.post("/api/plans", data=body, content_type="application/json")
        assert_refused(user, answer, 400)
        assert "JSON" in answer.json["detail"]
        assert "browser" not in answer.json["detail"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"data": b"x", "content_type": "text/plain"}, 415),
        ({"data": b"x"}, 415),
        ({"data": {"other": (io.BytesIO(b"x"), "a")}, "content_type": "multipart/form-data"}, 400),
        ({"data": {"file": "a text"}, "content_type": "multipart/form-data"}, 400),
    ],
)
def test_body_in_another_form_is_refused(user: Caller, more: dict[str, Any], status: int) -> None:
    assert_refused(user, user.post("/api/plans", **more), status)


def test_second_plan_of_an_id_is_refused(user: Caller) -> None:
    user.post("/api/plans", plan_document(plan_id="plan_mine"))
    other = plan_document(plan_id="plan_mine")
    other["title"] = "Other"

    assert user.post("/api/plans", other).status_code == 409
    assert user.get("/api/plans/plan_mine").json["title"] == "Build a lighthouse"


class TestLimits:
    @pytest.fixture
    def settings(self, database_url: str, redis_url: str) -> Settings:
        return Settings(
            database_url=database_url,
            redis_url=redis_url,
            secret_key="s" * 32,
            max_json_body_bytes=10_000,
            max_body_bytes=20_000,
        )

    @pytest.mark.parametrize("chunked", [False, True])
    def test_json_over_its_limit_is_refused(self, user: Caller, chunked: bool) -> None:
        body = json.dumps(plan_document(goal="x" * 10_000)).encode()
        self._refuse(user, body, "application/json", chunked)

    # Werkzeug leaves what it has read of a refused upload to the garbage collector.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("chunked", [False, True])
    def test_upload_over_its_limit_is_refused(self, user: Caller, chunked: bool) -> None:
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
            + b"x" * 20_000
            + b"\r\n--x--\r\n"
        )
        self._refuse(user, body, "multipart/form-data; boundary=x", chunked)
        gc.collect()

    def test_upload_may_be_larger_than_json(self, user: Caller) -> None:
        document = json.dumps(plan_document(goal="x" * 12_000)).encode()

        assert upload(user, document, "plan.json").status_code == 202

    def test_events_over_the_limit_are_refused(self, agent: AgentCaller, execution_id: str) -> None:
        event = {"event_type": "note", "message": "x" * 10_000}

        assert agent.report(execution_id, event).status_code == 413

    def _refuse(self, user: Caller, body: bytes, content_type: str, chunked: bool) -> None:
        more: dict[str, Any] = {"data": body}
        if chunked:
            more = {
                "input_stream": io.BytesIO(body),
                "environ_overrides": {"wsgi.input_terminated": True},
                "headers": {"Transfer-Encoding": "chunked"},
            }
        answer = user.post("/api/plans", content_type=content_type, **more)
        assert_refused(user, answer, 413)
        assert re.fullmatch(r"At most [\d,]+00 bytes are accepted\.", answer.json["detail"])


def test_default_limits_are_those_of_the_settings(settings: Settings, app: Flask) -> None:
    assert app.config["MAX_CONTENT_LENGTH"] == settings.max_body_bytes


def test_list_pages_and_filters(user: Caller, scene: Scene) -> None:
    ready = [scene.plan() for _ in range(3)]
    fresh: Any = user.post("/api/plans", plan_document()).json["plan_id"]

    page: Any = user.get("/api/plans?limit=3").json
    rest: Any = user.get(f"/api/plans?limit=3&cursor={page['next_cursor']}").json
    found = [one["plan_id"] for one in page["items"] + rest["items"]]
    assert found == [fresh, *ready[::-1]]
    assert rest["next_cursor"] is None
    only: Any = user.get("/api/plans?status=DECOMPOSING").json
    assert [one["plan_id"] for one in only["items"]] == [fresh]
    assert user.get("/api/plans?status=NOTHING").status_code == 422
    assert user.get("/api/plans?q=LightHouse&sort=changed").json["items"][1]["subtasks_total"] == 4
    assert user.get("/api/plans?q=nothing").json["items"] == []
    assert user.get("/api/plans?sort=dog").status_code == 422


def test_agent_sees_the_plans_assigned_to_it(
    user: Caller, scene: Scene, agent: AgentCaller
) -> None:
    document = plan_document()
    document["phases"][0]["tasks"][0]["agent_id"] = agent.agent_id
    mine = scene.plan(document)
    scene.plan()

    found: Any = agent.call.get("/api/plans").json
    assert [one["plan_id"] for one in found["items"]] == [mine]
    other: Any = AgentCaller(user).call.get(f"/api/plans?assigned_to={agent.agent_id}").json
    assert other["items"] == []


def test_breakdown_is_approved(user: Caller, scene: Scene) -> None:
    vague = {"title": "V", "phases": [{"name": "A", "tasks": [{"task_id": "v", "title": "Do it"}]}]}
    plan_id = scene.plan(vague)
    assert user.get(f"/api/plans/{plan_id}").json["status"] == "NEEDS_REVIEW"

    shown: Any = user.post(f"/api/plans/{plan_id}/tasks/v/approve")

    assert shown.status_code == 200
    assert shown.json["needs_review"] is False
    assert shown.json["decomposition_confidence"] < 0.8
    assert len(shown.json["confidence_reasons"]) > 1
    assert user.get(f"/api/plans/{plan_id}").json["status"] == "READY"
    assert user.post(f"/api/plans/{plan_id}/tasks/none/approve").status_code == 404


def test_deleted_plan_is_gone(user: Caller, scene: Scene) -> None:
    plan_id = scene.plan()

    assert user("DELETE", f"/api/plans/{plan_id}").status_code == 204

    assert user.get(f"/api/plans/{plan_id}").status_code == 404
    assert user("DELETE", f"/api/plans/{plan_id}").status_code == 404


def test_plan_with_a_live_execution_is_not_deleted(
    user: Caller, scene: Scene, execution_id: str
) -> None:
    plan_id = scene.get(execution_id)["plan_id"]

    assert user("DELETE", f"/api/plans/{plan_id}").status_code == 409
    assert user.get(f"/api/plans/{plan_id}").status_code == 200


def test_file_of_every_form_is_stored_by_its_content(user: Caller) -> None:
    files = {
        "plan.md": b"# Kiosk\n## Phase 1\n- Find a place\n",
        "plan.csv": b"Task,Phase\nFind a place,Plan\n",
        "plan.txt": b"1. Find a place\n2. Build\n",
        "report.html": b'<html>gantt_data = {"tasks": [{"id": "r"}, {"id": "p", "parent": "r"},'
        b'{"id": "t", "parent": "p"}]};</html>',
    }
    for name, data in files.items():
        answer = upload(user, data, name)
        assert answer.status_code == 202, answer.json
        assert answer.json["phases"][0]["tasks"]


def test_what_comes_along_is_shown_before_a_start(user: Caller) -> None:
    files = run() | {
        "identify_risks_raw.json": {"risks": [{"risk_description": "Rain", "action": "A roof"}]},
        "draft_documents_to_find.json": [{"document_name": "Map"}],
        "redline_gate.json": {"verdict": "ALLOW"},
    }
    plan_id = upload(user, packed(files)).json["plan_id"]
    plan: Any = user.get(f"/api/plans/{plan_id}").json
    assert plan["risks"][0]["mitigation"] == "A roof"
    assert plan["context"]["documents_to_find"] == [{"document_name": "Map"}]
    assert plan["gates"]["redline"] == "ALLOW"
    assert plan["phases"][0]["tasks"][0]["context"]["delay_risks"] == "Rain"


def test_generation_without_a_server_answers_what_to_set(user: Caller) -> None:
    answer = user.post("/api/plans/generate", {"prompt": "Open a kiosk"})
    assert answer.status_code == 501
    assert answer.json["type"].endswith("not-configured")
    assert "PLANEXE_SOURCE_URL" in answer.json["detail"]


@pytest.mark.parametrize(
    "body", [{}, {"prompt": ""}, {"prompt": "x", "planexe_id": "y"}, {"promt": "x"}, {"prompt": 1}]
)
def test_wish_that_asks_for_nothing_or_too_much_is_refused(user: Caller, body: Any) -> None:
    assert user.post("/api/plans/generate", body).status_code == 422
