"""Plans broken down by a model, task by task: limits, budget, cache, and being killed half-way."""

import dataclasses
import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from app.domain.errors import Conflict, Invalid, NotFound
from app.live.keys import MODEL_CALLS
from app.live.model_limits import ModelLimits
from app.live.scripts import Scripts
from app.services import Services
from app.services.errors import ModelBusy
from config.settings import Settings
from tests.model_server import Call, ModelServer, Reply, good, serving

from ..stage import Stage, plan_document, wait_until


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model's server."""
    with serving() as state:
        yield state


@pytest.fixture
def settings(settings: Settings, server: ModelServer) -> Settings:
    """Settings with a model."""
    return with_model(settings, server)


def with_model(settings: Settings, server: ModelServer, **changes: Any) -> Settings:
    model = {"decomposition_model": "test-model", "decomposition_base_url": server.url}
    return dataclasses.replace(settings, **(model | changes))


class Sent:
    """Keeps what services ask workers to do, in place of the queue."""

    def __init__(self) -> None:
        self.plans: list[tuple[Any, ...]] = []
        self.tasks: list[tuple[Any, ...]] = []

    def decompose(self, *args: Any) -> None:
        self.plans.append(args)

    def decompose_task(self, *args: Any) -> None:
        self.tasks.append(args)

    def answer_inquiry(self, *args: Any) -> None:
        raise AssertionError(args)


@pytest.fixture
def sent(services: Services) -> Sent:
    """The messages of decompositions."""
    sent = Sent()
    services.decomposition._jobs = sent
    services.plans._jobs = sent
    services.review._jobs = sent
    return sent


def plan_of(tasks: int, **fields: Any) -> dict[str, Any]:
    """Write a plan of so many tasks without subtasks."""
    listed = [{"task_id": f"t{n}", "title": f"Find harbour number {n}"} for n in range(tasks)]
    return {"title": "Harbours", "phases": [{"name": "A", "tasks": listed}], **fields}


def begun(stage: Stage, document: dict[str, Any]) -> str:
    """Import a plan and carry out its first message."""
    return stage.plan(document)


def carry_out(services: Services, messages: list[tuple[Any, ...]], **options: Any) -> None:
    """Carry messages of tasks out, one after the other."""
    for number, message in enumerate(messages):
        services.decomposition.decompose_task(*message, f"message-{number}", **options)


def shown(services: Services, stage: Stage, plan_id: str) -> dict[str, Any]:
    return services.plans.get(stage.workspace_id, plan_id)


def tasks_of(services: Services, stage: Stage, plan_id: str) -> list[dict[str, Any]]:
    tree = services.plans.tasks(stage.workspace_id, plan_id)
    return [task for phase in tree["phases"] for task in phase["tasks"]]


def test_progress_is_seen_and_the_last_task_says_how_it_ended(
    services: Services, stage: Stage, sent: Sent, server: ModelServer
) -> None:
    plan_id = begun(stage, plan_of(3))
    assert shown(services, stage, plan_id)["status_message"] == "0 of 3 tasks broken down"
    assert [message[-1] for message in sent.tasks] == ["t0", "t1", "t2"]

    carry_out(services, sent.tasks[:2])
    half = shown(services, stage, plan_id)
    carry_out(services, sent.tasks[2:])
    whole = shown(services, stage, plan_id)

    assert (half["status"], half["status_message"]) == ("DECOMPOSING", "2 of 3 tasks broken down")
    assert half["decomposition"]["tasks_done"] == 2
    assert half["decomposition"]["tasks_total"] == 3
    assert whole["status"] in ("READY", "NEEDS_REVIEW")
    assert whole["decomposition"]["strategies"] == {"llm": 3}
    assert whole["decomposition"]["usage"] == {
        "input_tokens": 300,
        "output_tokens": 60,
        "cost_usd": None,
        "calls": 3,
    }


def test_tasks_that_end_at_once_end_the_plan_once(
    services: Services, stage: Stage, sent: Sent, server: ModelServer
) -> None:
    plan_id = begun(stage, plan_of(8))
    ended: list[bool] = []
    finish = services.decomposition._decompositions.finish
    services.decomposition._decompositions.finish = lambda *args: ended.append(finish(*args))  # type: ignore[method-assign,return-value,func-returns-value]
    server.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(carry_out, services, [message]) for message in sent.tasks]
        wait_until("all calls are under way", lambda: len(server.calls) == 8)
        server.gate.set()
        for future in futures:
            future.result()

    assert ended.count(True) == 1
    assert shown(services, stage, plan_id)["status"] != "DECOMPOSING"


def test_repeated_messages_repeat_no_finished_task(
    services: Services, stage: Stage, sent: Sent, server: ModelServer
) -> None:
    plan_id = begun(stage, plan_of(3))
    carry_out(services, sent.tasks[:2])
    before = tasks_of(services, stage, plan_id)

    services.decomposition.decompose(stage.workspace_id, plan_id, 1)
    carry_out(services, sent.tasks)

    assert [message[-1] for message in sent.tasks[3:]] == ["t2"]
    assert len(server.calls) == 3
    assert tasks_of(services, stage, plan_id)[:2] == before[:2]
    assert shown(services, stage, plan_id)["status"] != "DECOMPOSING"


def test_second_message_for_a_task_under_way_is_let_go_and_the_first_may_come_back(
    services: Services, stage: Stage, sent: Sent, server: ModelServer
) -> None:
    begun(stage, plan_of(1))
    (message,) = sent.tasks
    server.gate.clear()
    thread = threading.Thread(target=carry_out, args=(services, [message]))
    thread.start()
    wait_until("the call is under way", lambda: server.calls)

    services.decomposition.decompose_task(*message, "another")
    assert len(server.calls) == 1

    # The same message again, as when the worker that had it was killed.
    again = threading.Thread(target=carry_out, args=(services, [message]))
    again.start()
    wait_until("the call is made again", lambda: len(server.calls) == 2)
    server.gate.set()
    for one in (thread, again):
        one.join()


def test_worker_killed_between_call_and_record_pays_once_and_counts_it(
    services: Services, stage: Stage, sent: Sent, server: ModelServer, monkeypatch: Any
) -> None:
    plan_id = begun(stage, plan_of(1))
    with monkeypatch.context() as killed:
        killed.setattr(type(services.decomposition._breakdowns), "add", _die)
        with pytest.raises(KeyboardInterrupt):
            carry_out(services, sent.tasks)

    carry_out(services, sent.tasks)

    assert len(server.calls) == 1
    usage = shown(services, stage, plan_id)["decomposition"]["usage"]
    assert (usage["calls"], usage["input_tokens"]) == (1, 100)


def _die(*_: Any) -> None:
    raise KeyboardInterrupt


def test_same_plan_again_costs_nothing_and_says_so(
    services: Services, stage: Stage, sent: Sent, server: ModelServer
) -> None:
    begun(stage, plan_of(2))
    carry_out(services, sent.tasks)
    sent.tasks.clear()

    plan_id = begun(stage, plan_of(2))
    carry_out(services, sent.tasks)

    assert len(server.calls) == 2
    assert [task["usage"]["cached"] for task in tasks_of(services, stage, plan_id)] == [True, True]
    assert shown(services, stage, plan_id)["decomposition"]["usage"]["input_tokens"] == 0


def test_busy_model_is_tried_later_and_at_last_the_rules_do_it(
    services: Services, stage: Stage, sent: Sent, server: ModelServer
) -> None:
    plan_id = begun(stage, plan_of(1))
    server.always(Reply("oops", status=500))
    with pytest.raises(ModelBusy):
        carry_out(services, sent.tasks)
    assert shown(services, stage, plan_id)["decomposition"]["tasks_done"] == 0

    carry_out(services, sent.tasks, last_try=True)

    (task,) = tasks_of(services, stage, plan_id)
    assert task["strategy"] == "rules"
    assert [one["code"] for one in task["warnings"]] == ["model-unavailable"]
    assert "500" in task["warnings"][0]["message"]


def test_plan_deleted_meanwhile_ends_the_work(
    services: Services, stage: Stage, sent: Sent, server: ModelServer
) -> None:
    plan_id = begun(stage, plan_of(2))

    def delete(call: Call) -> Reply:
        services.plans.delete(stage.owner, plan_id)
        return good(call)

    server.next.append(delete)
    carry_out(services, sent.tasks)

    assert len(server.calls) == 1


class TestBudget:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return dataclasses.replace(settings, decomposition_budget_tokens=200)

    def test_calls_end_with_the_budget_and_the_rules_do_the_rest(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(4))
        carry_out(services, sent.tasks)

        assert len(server.calls) == 2
        tasks = tasks_of(services, stage, plan_id)
        assert [task["strategy"] for task in tasks] == ["llm", "llm", "rules", "rules"]
        assert [one["code"] for one in tasks[3]["warnings"]] == ["model-budget-spent"]
        assert "200 tokens" in tasks[3]["warnings"][0]["message"]

    def test_repair_counts_too(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        usage = {"prompt_tokens": 500, "completion_tokens": 1}
        server.always(Reply("prose", usage=usage))
        plan_id = begun(stage, plan_of(1))
        carry_out(services, sent.tasks)

        assert len(server.calls) == 1
        (task,) = tasks_of(services, stage, plan_id)
        assert task["usage"]["input_tokens"] == 500


class TestCost:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return dataclasses.replace(
            settings, decomposition_input_usd=1000.0, decomposition_budget_usd=0.15
        )

    def test_cost_is_summed_and_held_to_its_budget(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(4))
        carry_out(services, sent.tasks)

        assert len(server.calls) == 2
        usage = shown(services, stage, plan_id)["decomposition"]["usage"]
        assert usage["cost_usd"] == pytest.approx(0.2)


class TestRequest:
    def test_some_tasks_anew_by_rules_keep_the_others(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(3))
        carry_out(services, sent.tasks)
        request = {"strategy": "rules", "agent_id": None, "task_ids": ["t1"]}
        services.decomposition.request(stage.owner, plan_id, request)
        assert shown(services, stage, plan_id)["status"] == "DECOMPOSING"
        services.decomposition.decompose(*sent.plans[-1])

        plan = shown(services, stage, plan_id)
        assert plan["decomposition_version"] == 2
        assert plan["status"] != "DECOMPOSING"
        assert plan["decomposition"]["tasks_total"] == 1
        strategies = [task["strategy"] for task in tasks_of(services, stage, plan_id)]
        assert strategies == ["llm", "rules", "llm"]

    def test_tasks_without_a_breakdown_are_done_besides(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(3))
        carry_out(services, sent.tasks[:1])
        request = {"strategy": "rules", "task_ids": ["t0"]}
        services.decomposition.request(stage.owner, plan_id, request)
        services.decomposition.decompose(*sent.plans[-1])
        carry_out(services, sent.tasks)

        assert shown(services, stage, plan_id)["decomposition"]["tasks_done"] == 3
        assert len(server.calls) == 1

    def test_agents_capabilities_are_the_ones_that_count(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        stage.agent(capabilities=[{"action": "dig"}])
        agent = stage.agent(capabilities=[{"action": "crawl"}])
        plan_id = begun(stage, plan_of(1))
        request = {"strategy": "llm", "agent_id": agent.agent_id}
        services.decomposition.request(stage.owner, plan_id, request)
        sent.tasks.clear()
        services.decomposition.decompose(*sent.plans[-1])
        carry_out(services, sent.tasks)

        actions = [one["action"] for one in server.calls[-1].question["agent_actions"]]
        assert actions == ["crawl"]

    def test_tasks_own_agent_counts_where_none_is_asked_for(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        stage.agent(capabilities=[{"action": "dig"}])
        own = stage.agent(capabilities=[{"action": "crawl"}]).agent_id
        document = plan_of(3)
        tasks = document["phases"][0]["tasks"]
        tasks[1]["agent_id"], tasks[2]["agent_id"] = own, "agent_none"
        begun(stage, document)
        carry_out(services, sent.tasks)

        asked = [[one["action"] for one in call.question["agent_actions"]] for call in server.calls]
        assert asked == [["crawl", "dig"], ["crawl"], []]

    def test_what_does_not_exist_is_named(
        self, services: Services, stage: Stage, sent: Sent
    ) -> None:
        plan_id = begun(stage, plan_of(1))
        request = {"strategy": "llm", "agent_id": "agent_none", "task_ids": ["t0", "t9"]}

        with pytest.raises(Invalid) as caught:
            services.decomposition.request(stage.owner, plan_id, request)

        assert {fault.where for fault in caught.value.faults} == {"agent_id", "task_ids"}
        assert shown(services, stage, plan_id)["decomposition_version"] == 1
        with pytest.raises(NotFound):
            services.decomposition.request(stage.owner, "plan_none", {})


class TestWish:
    def again(
        self, services: Services, stage: Stage, sent: Sent, plan_id: str, **asked: Any
    ) -> None:
        """Have t1 made anew, as a person asks for it and workers do it."""
        sent.tasks.clear()
        assert services.review.regenerate(stage.owner, plan_id, "t1", asked) is None
        services.decomposition.decompose(*sent.plans[-1])
        carry_out(services, sent.tasks)

    def test_one_task_is_asked_for_with_the_note_and_waits_for_review(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(3))
        carry_out(services, sent.tasks)
        note = 'smaller "steps"\nand more'

        self.again(services, stage, sent, plan_id, message=note, version=1)

        assert [call.wish for call in server.calls] == [None, None, None, note]
        earlier = server.calls[-1].question["earlier_steps"]
        assert [one["title"] for one in earlier] == ["Search the web: Find harbour number 1"]
        tasks = tasks_of(services, stage, plan_id)
        assert [task["version"] for task in tasks] == [1, 2, 1]
        made = tasks[1]
        assert (made["strategy"], made["needs_review"], made["note"]) == ("llm", True, note)
        assert (made["edited_by"], made["changes"]) == (stage.owner.actor, ["Broken down anew."])
        assert made["warnings"] == []
        assert shown(services, stage, plan_id)["status"] == "NEEDS_REVIEW"

    def test_progress_is_seen_and_no_other_change_comes_between(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(2))
        carry_out(services, sent.tasks)
        services.review.regenerate(stage.owner, plan_id, "t1", {"version": 1})
        services.decomposition.decompose(*sent.plans[-1])

        plan = shown(services, stage, plan_id)

        assert (plan["status"], plan["decomposition_version"]) == ("DECOMPOSING", 2)
        assert plan["status_message"] == "0 of 1 tasks broken down"
        for task_id in ("t0", "t1"):
            with pytest.raises(Conflict):
                services.review.regenerate(stage.owner, plan_id, task_id, {})
        assert shown(services, stage, plan_id)["decomposition_version"] == 2

    def test_rules_make_it_anew_at_once_where_they_are_asked_for(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(2))
        carry_out(services, sent.tasks)
        calls = len(server.calls)

        asked = {"strategy": "rules", "version": 1}
        made = services.review.regenerate(stage.owner, plan_id, "t1", asked)

        assert made
        assert (made["strategy"], made["needs_review"], made["version"]) == ("rules", True, 2)
        assert len(server.calls) == calls

    def test_version_that_was_replaced_is_not_made_anew(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(2))
        carry_out(services, sent.tasks)
        self.again(services, stage, sent, plan_id, version=1)

        with pytest.raises(Conflict, match="replaced by version 2"):
            services.review.regenerate(stage.owner, plan_id, "t1", {"version": 1})

        assert shown(services, stage, plan_id)["status"] == "NEEDS_REVIEW"

    def test_step_of_another_task_that_waited_waits_for_what_is_new(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(3))
        carry_out(services, sent.tasks)
        mine: dict[str, Any] = {"subtasks": [{"title": "Mine", "subtask_id": "mine"}]}
        services.review.write(stage.owner, plan_id, "t1", mine)
        # Named as what the model's steps of the other task would be named.
        waits = {"title": "Wait", "subtask_id": "t1_s1", "dependencies": ["mine"]}
        other = {"subtasks": [waits], "approve": True}
        services.review.write(stage.owner, plan_id, "t2", other)

        self.again(services, stage, sent, plan_id, message="other steps")

        _, made, mended = tasks_of(services, stage, plan_id)
        ids = [step["subtask_id"] for step in made["executable_subtasks"]]
        assert ids
        assert not {"mine", "t1_s1"} & set(ids)
        (step,) = mended["executable_subtasks"]
        assert (step["subtask_id"], step["dependencies"]) == ("t1_s1", ids)
        assert (mended["version"], mended["needs_review"]) == (made["version"], False)
        progress = shown(services, stage, plan_id)["decomposition"]
        assert (progress["tasks_done"], progress["tasks_total"]) == (1, 1)

    def test_rules_that_take_over_say_that_they_did_not_read_the_note(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_of(2))
        carry_out(services, sent.tasks)
        server.always(Reply("prose"))

        self.again(services, stage, sent, plan_id, message="smaller steps")

        made = tasks_of(services, stage, plan_id)[1]
        codes = [one["code"] for one in made["warnings"]]
        assert (made["strategy"], made["needs_review"]) == ("rules", True)
        assert codes == ["model-bad-answer", "note-unused"]

    def test_task_whose_steps_the_plan_brings_is_made_anew_at_once(
        self, services: Services, stage: Stage, sent: Sent, server: ModelServer
    ) -> None:
        plan_id = begun(stage, plan_document())

        made = services.review.regenerate(stage.owner, plan_id, "t0", {"message": "other"})

        assert made
        assert (made["strategy"], made["version"]) == ("given", 2)
        assert server.calls == []


class TestLimits:
    @pytest.fixture
    def client(self, redis_url: str) -> Iterator[redis.Redis]:
        with redis.Redis.from_url(redis_url, protocol=2) as client:
            yield client

    def limits(self, client: redis.Redis, most: int, per_minute: int = 0) -> ModelLimits:
        life = dt.timedelta(milliseconds=300)
        return ModelLimits(client, Scripts(client), most, per_minute, life)

    def test_places_are_shared_and_given_back(self, client: redis.Redis) -> None:
        one, two = self.limits(client, 2), self.limits(client, 2)
        assert not one.admit("a")
        assert not two.admit("b")
        assert one.admit("c")

        two.leave("b")

        assert not one.admit("c")

    def test_place_of_a_killed_worker_comes_back(self, client: redis.Redis) -> None:
        limits = self.limits(client, 1)
        assert not limits.admit("killed")

        wait_until("its place is free", lambda: not limits.admit("next"))

    def test_place_of_a_call_that_lasts_is_kept(self, client: redis.Redis) -> None:
        limits = self.limits(client, 1)
        assert not limits.admit("long")

        with limits.kept("long"):
            after = (client.zscore(MODEL_CALLS, "long") or 0) + 300
            wait_until(
                "it was kept twice", lambda: (client.zscore(MODEL_CALLS, "long") or 0) > after
            )
            assert limits.admit("next")

        assert not limits.admit("next")

    def test_calls_of_a_minute_are_counted_whatever_became_of_them(
        self, client: redis.Redis
    ) -> None:
        limits = self.limits(client, 10, per_minute=2)
        for name in ("a", "b"):
            assert not limits.admit(name)
            limits.leave(name)

        wait = limits.admit("c")

        assert 50 < wait.total_seconds() <= 60

    def test_server_that_asks_for_a_pause_is_left_alone_by_all(self, client: redis.Redis) -> None:
        one, two = self.limits(client, 2), self.limits(client, 2)

        one.pause(0.2)

        assert 0 < two.admit("a").total_seconds() <= 0.2
        wait_until("the pause is over", lambda: not two.admit("a"))

    def test_busy_answer_with_a_time_pauses_all(
        self,
        services: Services,
        stage: Stage,
        sent: Sent,
        server: ModelServer,
        client: redis.Redis,
    ) -> None:
        begun(stage, plan_of(1))
        server.next.append(Reply("slow", status=429, headers={"Retry-After": "30"}))
        with pytest.raises(ModelBusy) as caught:
            carry_out(services, sent.tasks)

        assert caught.value.retry_after == 30
        assert self.limits(client, 9).admit("x").total_seconds() > 20
        assert client.zcard(MODEL_CALLS) == 0
