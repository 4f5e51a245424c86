"""Breakdowns over HTTP: written, changed, made anew, accepted and compared."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from app.services import Services
from config.settings import Settings
from tests.model_server import ModelServer, serving

from ..stage import Stage, plan_document
from .conftest import AgentCaller, Scene
from .contract import Caller, fields_of

VAGUE = {"task_id": "v", "title": "Clarify the thing", "description": "Buy paint. Sing a song."}


@pytest.fixture
def plan_id(scene: Scene) -> str:
    """A plan of three tasks, the last of which waits for review."""
    document = plan_document()
    tasks = document["phases"][0]["tasks"]
    tasks.append(VAGUE)
    return scene.plan(document)


class Task:
    """One task of a plan, and calls that concern it."""

    def __init__(self, user: Caller, plan_id: str, task_id: str) -> None:
        self._user = user
        self.path = f"/api/plans/{plan_id}/tasks/{task_id}"
        self._tree = f"/api/plans/{plan_id}/tasks"
        self.task_id = task_id

    @property
    def now(self) -> Any:
        """The task as the tree shows it."""
        tree: Any = self._user.get(self._tree).json
        tasks = [task for phase in tree["phases"] for task in phase["tasks"]]
        return next(task for task in tasks if task["task_id"] == self.task_id)

    @property
    def edges(self) -> dict[str, list[str]]:
        """Who waits for whom."""
        return {one["subtask_id"]: one["dependencies"] for one in self.now["executable_subtasks"]}

    def revise(self, version: int, *operations: Any, **more: Any) -> Any:
        """Ask for operations."""
        body = {"version": version, "operations": operations, **more}
        return self._user.post(f"{self.path}/subtasks/operations", body)

    def write(self, *subtasks: Any, **more: Any) -> Any:
        """Put a manual breakdown."""
        return self._user("PUT", f"{self.path}/subtasks", {"subtasks": subtasks, **more})

    def approve(self, **body: Any) -> Any:
        """Accept."""
        return self._user.post(f"{self.path}/approve", body or None)


@pytest.fixture
def task(user: Caller, plan_id: str) -> Task:
    """The first task: two steps in a chain."""
    return Task(user, plan_id, "t0")


@pytest.fixture
def vague(user: Caller, plan_id: str) -> Task:
    """The task that waits for review."""
    return Task(user, plan_id, "v")


def status(user: Caller, plan_id: str) -> str:
    plan: Any = user.get(f"/api/plans/{plan_id}").json
    return plan["status"]


DROP = {"op": "drop", "subtask_id": "t0s0"}
RENAME = {"op": "edit", "subtask_id": "t0s1", "title": "Paint the door"}


def test_operations_make_a_new_version_that_waits_for_review(
    user: Caller, plan_id: str, task: Task
) -> None:
    split = {"op": "split", "subtask_id": "t0s1", "parts": [{"title": "Brush"}, {"title": "Dry"}]}

    answer = task.revise(1, RENAME, split, note="too coarse")

    assert answer.status_code == 200, answer.json
    made = answer.json
    assert (made["version"], made["needs_review"], made["strategy"]) == (2, True, "manual")
    assert made["edited_by"].startswith("user:")
    assert made["edited_at"]
    assert made["note"] == "too coarse"
    assert len(made["changes"]) == 2
    assert task.edges == {"t0s0": [], "t0s1.1": ["t0s0"], "t0s1": ["t0s1.1"]}
    names = {part["name"] for part in made["confidence_parts"]}
    assert names == {"structure", "action", "params", "coverage", "specificity"}
    assert status(user, plan_id) == "NEEDS_REVIEW"


def test_person_who_approves_at_once_leaves_nothing_to_review(
    user: Caller, plan_id: str, task: Task, vague: Task
) -> None:
    vague.approve()
    assert status(user, plan_id) == "READY"

    made = task.revise(1, RENAME, approve=True).json

    assert made["needs_review"] is False
    assert made["approved_by"] == made["edited_by"]
    assert status(user, plan_id) == "READY"


def test_dropped_step_is_mended_in_other_tasks_of_the_same_version(
    user: Caller, plan_id: str, task: Task
) -> None:
    other = Task(user, plan_id, "t1")
    wait = {"op": "edit", "subtask_id": "t1s0", "dependencies": ["t0s0"]}
    assert other.revise(1, wait, approve=True).status_code == 200

    answer = task.revise(1, {"op": "drop", "subtask_id": "t0s0"})

    assert answer.json["also_changed"] == ["t1"]
    assert task.edges == {"t0s1": []}
    assert other.edges == {"t1s0": [], "t1s1": ["t1s0"]}
    assert other.now["version"] == task.now["version"] == 3
    assert other.now["needs_review"] is False


def test_change_of_a_version_that_was_replaced_is_refused(task: Task) -> None:
    assert task.revise(1, RENAME).status_code == 200

    late = task.revise(1, DROP)

    assert late.status_code == 409
    assert "Version 1 was replaced by version 2 of user:" in late.json["detail"]
    assert task.write({"title": "x"}, version=1).status_code == 409
    assert task.edges == {"t0s0": [], "t0s1": ["t0s0"]}


def test_approval_of_a_version_that_was_replaced_is_refused(vague: Task) -> None:
    step = vague.now["executable_subtasks"][0]["subtask_id"]
    vague.revise(1, {"op": "edit", "subtask_id": step, "title": "Something else"})

    assert vague.approve(version=1).status_code == 409
    assert vague.now["needs_review"] is True
    assert vague.approve(version=2).json["needs_review"] is False


def test_refused_operation_changes_nothing(task: Task) -> None:
    answer = task.revise(1, RENAME, {"op": "drop", "subtask_id": "none"})

    assert answer.status_code == 422
    assert fields_of(answer) == {"operations[1]"}
    assert task.now["version"] == 1


def test_circle_over_two_tasks_is_refused_with_its_members(task: Task) -> None:
    # t1 as a whole waits for t0, so nothing of t0 can wait for a step of it.
    edit = {"op": "edit", "subtask_id": "t0s0", "dependencies": ["t1s1"]}

    answer = task.revise(1, edit)

    assert answer.status_code == 422
    assert {"t0s0", "t1s1"} <= fields_of(answer)


def test_step_cannot_wait_for_what_does_not_exist(task: Task) -> None:
    answer = task.revise(1, {"op": "edit", "subtask_id": "t0s0", "dependencies": ["nobody"]})

    assert answer.status_code == 422
    assert "nobody" in str(answer.json["errors"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": 1},
        {"version": 1, "operations": []},
        {"version": 1, "operations": [5]},
        {"version": 1, "operations": [DROP] * 101},
        {"version": -1, "operations": [DROP]},
        {"version": 2**40, "operations": [DROP]},
        {"version": 1, "operations": [{"op": "drop"}]},
        {"version": 1, "operations": [{"op": "explode"}]},
        {"version": 1, "operations": [DROP], "more": 1},
        {"version": 1, "operations": [{**RENAME, "title": "x" * 301}]},
        {"version": 1, "operations": [{**RENAME, "timeout_hours": 1e9}]},
    ],
)
def test_strange_operations_are_refused_with_their_place(
    user: Caller, task: Task, body: dict[str, Any]
) -> None:
    answer = user.post(f"{task.path}/subtasks/operations", body)

    assert answer.status_code == 422
    assert fields_of(answer)
    assert task.now["version"] == 1


def test_manual_breakdown_replaces_the_generated_one(
    user: Caller, plan_id: str, vague: Task
) -> None:
    before = vague.edges
    answer = vague.write(
        {"title": "Buy paint", "action": "purchase", "params": {"item": "paint"}},
        {"title": "Sing a song", "assignee": "human", "subtask_id": "song"},
        approve=True,
    )

    assert answer.status_code == 200, answer.json
    assert (answer.json["strategy"], answer.json["version"]) == ("manual", 2)
    (first, _) = vague.edges
    assert first not in before
    assert vague.edges == {first: [], "song": [first]}
    assert status(user, plan_id) == "READY"


@pytest.mark.parametrize(
    ("subtasks", "field"),
    [
        ([{"title": "x", "subtask_id": "t1s0"}], "subtasks.t1s0"),
        ([{"title": "x", "subtask_id": "t1"}], "subtasks.t1"),
        ([{"title": "x", "subtask_id": "a"}] * 2, "subtasks.a"),
        ([{"action": "x"}], "subtasks[0]"),
        ([{"title": "x", "assignee": "dog"}], "subtasks[0].assignee"),
        ([{"title": "x"}] * 201, "subtasks"),
        ([{"title": "x", "subtask_id": "a", "dependencies": ["z"]}], "a"),
    ],
)
def test_manual_breakdown_that_cannot_be_is_refused(
    task: Task, subtasks: list[Any], field: str
) -> None:
    answer = task.write(*subtasks)

    assert answer.status_code == 422
    assert field in fields_of(answer)
    assert task.now["version"] == 1


def test_circle_in_a_manual_breakdown_is_named(task: Task) -> None:
    one = {"title": "x", "subtask_id": "a", "dependencies": ["b"]}
    other = {"title": "y", "subtask_id": "b", "dependencies": ["a"]}

    answer = task.write(one, other)

    assert answer.status_code == 422
    assert "a waits for b waits for a" in answer.json["detail"]


def test_regenerated_breakdown_keeps_the_note_and_says_that_rules_do_not_read_it(
    user: Caller, vague: Task
) -> None:
    vague.write({"title": "Mine", "subtask_id": "mine"}, approve=True)

    answer: Any = user.post(f"{vague.path}/regenerate", {"message": "smaller steps"})

    assert answer.status_code == 200
    made = answer.json
    assert (made["version"], made["strategy"], made["needs_review"]) == (3, "rules", True)
    assert made["note"] == "smaller steps"
    assert [one["code"] for one in made["warnings"]] == ["note-unused"]
    assert "mine" not in vague.edges
    assert user.post(f"{vague.path}/regenerate", {"version": 2}).status_code == 409


class TestModel:
    @pytest.fixture
    def server(self) -> Iterator[ModelServer]:
        """A model's server."""
        with serving() as state:
            yield state

    @pytest.fixture
    def settings(self, settings: Settings, server: ModelServer) -> Settings:
        """Settings with a model."""
        model = {"decomposition_model": "m", "decomposition_base_url": server.url}
        return dataclasses.replace(settings, **model)

    def test_task_that_a_model_makes_anew_is_accepted_with_the_plans_progress(
        self, services: Services, stage: Stage, user: Caller, plan_id: str, vague: Task
    ) -> None:
        place = (stage.workspace_id, plan_id)
        services.decomposition.decompose_task(*place, 1, "v", "first")
        assert vague.now["version"] == 1

        asked = {"message": "smaller steps", "version": 1}
        answer: Any = user.post(f"{vague.path}/regenerate", asked)

        assert answer.status_code == 202, answer.json
        assert answer.headers["Location"] == f"/api/plans/{plan_id}"
        told = answer.json
        assert (told["status"], told["decomposition_version"]) == ("DECOMPOSING", 2)
        assert told["decomposition"]["tasks_total"] == 1
        assert user.post(f"{vague.path}/regenerate", asked).status_code == 409
        services.decomposition.decompose(*place, 2)
        services.decomposition.decompose_task(*place, 2, "v", "second")
        made = vague.now
        assert (made["version"], made["strategy"], made["note"]) == (2, "llm", "smaller steps")
        assert made["needs_review"] is True


def test_nothing_is_changed_while_the_plan_is_broken_down(user: Caller) -> None:
    plan: Any = user.post("/api/plans", plan_document()).json
    task = Task(user, plan["plan_id"], "t0")

    assert task.write({"title": "x"}).status_code == 409
    assert task.revise(0, DROP).status_code == 409
    assert user.post(f"{task.path}/regenerate").status_code == 409
    assert task.approve().status_code == 404


def test_versions_are_kept_and_compared(user: Caller, plan_id: str, task: Task) -> None:
    task.revise(1, RENAME)
    task.revise(2, DROP, {"op": "add", "subtask": {"title": "n"}})

    versions: Any = user.get(f"{task.path}/versions").json["items"]
    assert [(one["version"], one["subtasks_total"]) for one in versions] == [(3, 2), (2, 2), (1, 2)]
    assert versions[2]["edited_by"] is None
    found: Any = user.get(f"{task.path}/compare?from=1&to=3").json
    assert (found["from"], found["to"], found["different"]) == (1, 3, True)
    assert [one["title"] for one in found["added"]] == ["n"]
    assert [one["subtask_id"] for one in found["removed"]] == ["t0s0"]
    (changed,) = found["changed"]
    titles = next(one for one in changed["fields"] if one["field"] == "title")
    assert (titles["from"], titles["to"]) == ("Step 1 of task 0", "Paint the door")
    same: Any = user.get(f"{task.path}/compare?from=2&to=2").json
    assert same["different"] is False

    whole: Any = user.get(f"/api/plans/{plan_id}/compare?from=1&to=3").json
    assert [one["task_id"] for one in whole["tasks"]] == ["t0"]
    of_plan: Any = user.get(f"/api/plans/{plan_id}/versions").json["items"]
    assert [one["version"] for one in of_plan] == [3, 2, 1]
    assert of_plan[1]["task_ids"] == ["t0"]
    assert of_plan[2]["tasks_total"] == 3


def test_versions_are_paged(user: Caller, plan_id: str, task: Task) -> None:
    for version in (1, 2, 3):
        assert task.revise(version, {**RENAME, "title": f"Title {version}"}).status_code == 200
    for path in (f"{task.path}/versions", f"/api/plans/{plan_id}/versions"):
        page: Any = user.get(f"{path}?limit=3").json
        assert [one["version"] for one in page["items"]] == [4, 3, 2]
        rest: Any = user.get(f"{path}?limit=3&cursor={page['next_cursor']}").json
        assert [one["version"] for one in rest["items"]] == [1]
        assert rest["next_cursor"] is None
        assert user.get(f"{path}?cursor=x").status_code == 422


@pytest.mark.parametrize("query", ["", "?from=1", "?from=1&to=9", "?from=0&to=1", "?from=x&to=1"])
def test_versions_that_do_not_exist_are_not_compared(
    user: Caller, plan_id: str, task: Task, query: str
) -> None:
    for path in (task.path, f"/api/plans/{plan_id}"):
        assert user.get(f"{path}/compare{query}").status_code in (404, 422)


def test_unknown_plans_tasks_and_other_peoples_are_404(user: Caller, plan_id: str) -> None:
    for path in (f"/api/plans/{plan_id}/tasks/none", "/api/plans/none/tasks/t0"):
        body = {"version": 1, "operations": [DROP]}
        assert user.post(f"{path}/subtasks/operations", body).status_code == 404
        assert user("PUT", f"{path}/subtasks", {"subtasks": [{"title": "x"}]}).status_code == 404
        assert user.post(f"{path}/regenerate").status_code == 404
        assert user.get(f"{path}/versions").status_code == 404
        assert user.get(f"{path}/compare?from=1&to=1").status_code == 404


def test_agents_change_no_breakdowns(agent: AgentCaller, task: Task) -> None:
    body = {"version": 1, "operations": [DROP]}
    assert agent.call.post(f"{task.path}/subtasks/operations", body).status_code == 403
    body = {"subtasks": [{"title": "x"}]}
    assert agent.call("PUT", f"{task.path}/subtasks", body).status_code == 403


def test_execution_keeps_the_version_it_was_started_with(
    scene: Scene, user: Caller, agent: AgentCaller
) -> None:
    execution_id = scene.execution(agent)
    started = scene.get(execution_id)
    task = Task(user, started["plan_id"], "t0")

    assert task.write({"title": "Other", "action": "noop"}, approve=True).status_code == 200

    assert started["plan_version"] == 1
    assert scene.get(execution_id)["plan_version"] == 1
    scene.carry_out(agent)
    assert scene.get(execution_id)["progress"]["subtasks_completed"] == 4
    request = {"plan_id": started["plan_id"], "agent_id": agent.agent_id}
    second: Any = user.post("/api/executions", request).json
    assert (second["plan_version"], second["progress"]["subtasks_total"]) == (2, 3)
