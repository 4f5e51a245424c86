"""What actions are called with, and how their ends are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest
from planexe_agent import Agent, NeedsHuman, Permanent, Stopped, Task, Wait
from planexe_agent.actions import Action, perform
from planexe_agent.running import Running

if TYPE_CHECKING:
    from planexe_agent.reports import Reports


class SilentReports:
    """Stands where nothing is reported."""


def _task(action: str = "act", **params: object) -> Task:
    reports: Reports = SilentReports()  # type: ignore[assignment]
    work = {"task_id": "t1", "action": action, "params": params, "lease_token": "lease"}
    return Task(work, {"execution_id": "exec_1"}, reports, lease_seconds=900.0)


def _performed(function: Callable[..., Any], task: Task, name: str = "act") -> dict[str, Any]:
    event = perform({name: Action.of(function, name, None, None)}, task)
    assert event is not None
    return event


def _raising(error: BaseException) -> Callable[[Task], None]:
    def act(_task: Task) -> None:
        raise error

    return act


def test_completion_carries_task_lease_and_an_id_of_its_own() -> None:
    task = _task()
    first, second = (_performed(lambda _task: {"a": 1}, task) for _ in range(2))
    assert first["event_id"] != second["event_id"]
    assert first["event_type"] == "task_complete"
    assert (first["task_id"], first["lease_token"]) == ("t1", "lease")
    assert first["agent_timestamp"].endswith("Z")
    assert first["output_data"] == {"a": 1}


@pytest.mark.parametrize(
    ("result", "output"), [(None, {}), ("text", {"result": "text"}), ([1], {"result": [1]})]
)
def test_result_becomes_an_object(result: object, output: dict[str, object]) -> None:
    assert _performed(lambda _task: result, _task())["output_data"] == output


@pytest.mark.parametrize("result", [object(), {"ratio": float("nan")}])
def test_result_that_is_no_json_is_a_permanent_error(result: object) -> None:
    event = _performed(lambda _task: result, _task())
    assert (event["event_type"], event["error_type"]) == ("task_error", "permanent")
    assert "no JSON" in event["error_message"]


def test_permanent_error_is_told() -> None:
    event = _performed(_raising(Permanent("no such mailbox")), _task())
    assert (event["event_type"], event["error_type"]) == ("task_error", "permanent")
    assert event["error_message"] == "no such mailbox"


def test_wait_becomes_task_blocked_with_its_times() -> None:
    wait = Wait("no reply yet", retry_after_seconds=60, max_wait_seconds=3600)
    event = _performed(_raising(wait), _task())
    assert (event["event_type"], event["message"]) == ("task_blocked", "no reply yet")
    assert (event["retry_after_seconds"], event["max_wait_seconds"]) == (60, 3600)


def test_wait_without_times_leaves_them_to_the_server() -> None:
    event = _performed(_raising(Wait("no reply yet")), _task())
    assert "retry_after_seconds" not in event
    assert "max_wait_seconds" not in event


def test_question_for_a_person_carries_its_suggestions() -> None:
    event = _performed(_raising(NeedsHuman("which date?", suggestions=["Thursday"])), _task())
    assert event["event_type"] == "task_error"
    assert event["human_review_required"] is True
    assert (event["error_message"], event["suggestions"]) == ("which date?", ["Thursday"])


@pytest.mark.parametrize(
    ("error", "error_type", "message"),
    [
        (TimeoutError("slow"), "TimeoutError", "slow"),
        (KeyError(), "KeyError", "KeyError"),
        (SystemExit(3), "SystemExit", "3"),
        (Stopped("of its own accord"), "Stopped", "of its own accord"),
    ],
)
def test_any_other_error_is_told_by_type_and_message(
    error: BaseException, error_type: str, message: str
) -> None:
    event = _performed(_raising(error), _task())
    assert (event["event_type"], event["error_type"]) == ("task_error", error_type)
    assert event["error_message"] == message


def test_action_that_stops_when_told_reports_nothing() -> None:
    task = _task()
    task.signal.set("cancelled")
    assert perform({"act": Action.of(_raising(Stopped()), "act", None, None)}, task) is None


def test_usage_is_summed_and_sent_with_the_result() -> None:
    def act(task: Task) -> None:
        task.usage("m", input_tokens=10, output_tokens=1, cost_usd=0.5)
        task.usage("m", input_tokens=5, output_tokens=2, cost_usd=0.25)

    total = {"model": "m", "input_tokens": 15, "output_tokens": 3, "cost_usd": 0.75}
    assert _performed(act, _task())["usage"] == total


def test_missing_params_are_named() -> None:
    def act(_task: Task, to: str, body: str, cc: str = "") -> None:
        pytest.fail(f"called with {to}{body}{cc}")

    event = _performed(act, _task(subject="s"))
    assert event["error_type"] == "validation_error"
    assert event["error_message"] == "act needs to, body"


def test_function_gets_the_params_it_asks_for() -> None:
    def act(_task: Task, to: str, cc: str = "nobody") -> dict[str, str]:
        return {"to": to, "cc": cc}

    event = _performed(act, _task(to="carol", title="t"))
    assert event["output_data"] == {"to": "carol", "cc": "nobody"}


def test_function_with_keywords_gets_all_params_but_one_of_its_own_name() -> None:
    def act(task: Task, **params: object) -> dict[str, object]:
        assert task.params["task"] == "x"
        return params

    assert _performed(act, _task(a=1, task="x"))["output_data"] == {"a": 1}


def test_star_performs_what_no_other_action_does() -> None:
    assert _performed(lambda task: task.action, _task("dance"), "*")["output_data"] == {
        "result": "dance"
    }


def test_unknown_action_is_a_permanent_error() -> None:
    event = _performed(lambda _task: None, _task("dance"))
    assert (event["error_type"], "'dance'" in event["error_message"]) == ("permanent", True)


def test_params_are_read_off_the_function_where_none_are_given() -> None:
    def act(_task: Task, to: str, *, cc: str = "", **_rest: object) -> None:
        """Act."""
        del to, cc

    capability = Action.of(act, "act", None, None).capability()
    assert capability == {"action": "act", "params": ["to", "cc"], "description": "Act."}


@pytest.mark.parametrize(
    ("given", "announced"),
    [
        (["a"], ["a"]),
        ({"properties": {"a": {}}}, {"properties": {"a": {}}}),
        (
            {"a": "string", "b": {"enum": [1]}},
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"enum": [1]}},
                "required": ["a"],
            },
        ),
    ],
)
def test_given_params_are_announced_as_names_or_schema(given: Any, announced: object) -> None:
    def act(_task: Task, a: str, b: int = 1) -> None:
        del a, b

    assert Action.of(act, "act", given, "").capability()["params"] == announced


def _without_task() -> None:
    pytest.fail("called")


async def _coroutine(_task: Task) -> None:
    pytest.fail("called")


@pytest.mark.parametrize(
    ("function", "reason"),
    [(_without_task, "takes the task first"), (_coroutine, "needs a plain function")],
)
def test_function_that_cannot_be_an_action_is_refused_at_once(
    function: Callable[..., Any], reason: str
) -> None:
    agent = Agent("http://localhost", "key", outbox=None)
    with pytest.raises(ValueError, match=f"act: .*{reason}"):
        agent.action("act")(function)


@pytest.mark.parametrize("percent", [-1, 101])
def test_impossible_progress_is_refused_before_it_is_sent(percent: float) -> None:
    with pytest.raises(ValueError, match="0 to 100"):
        _task().progress(percent)


def test_graver_reason_to_stop_replaces_a_lighter_one_and_stays() -> None:
    task = _task()
    for reason in ("paused", "lost", "stopping"):
        task.signal.set(reason)
    task.signal.clear_pause()
    assert (task.should_stop, task.stop_reason) == (True, "lost")


def test_task_that_begins_while_the_agent_ends_is_told_so() -> None:
    running, task = Running(), _task()
    running.stop("stopping")
    running.add(task)
    assert task.stop_reason == "stopping"


class Unspeakable(Exception):
    """An error that fails to be told."""

    def __str__(self) -> str:
        raise RuntimeError


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    "error",
    [
        Wait("later", retry_after_seconds=float("nan")),
        Wait("later", retry_after_seconds=object()),  # type: ignore[arg-type]
        NeedsHuman("which?", suggestions=[object()]),  # type: ignore[list-item]
    ],
)
def test_end_that_is_no_json_is_a_permanent_error(error: Exception) -> None:
    event = _performed(_raising(error), _task())
    assert (event["event_type"], event["error_type"]) == ("task_error", "permanent")
    assert "no JSON" in event["error_message"]


def test_result_too_deep_for_json_is_a_permanent_error() -> None:
    event = _performed(lambda _task: _deep(), _task())
    assert (event["event_type"], event["error_type"]) == ("task_error", "permanent")


def test_usage_that_is_no_json_is_a_permanent_error() -> None:
    def act(task: Task) -> None:
        task.usage("model", cost_usd=float("inf"))

    assert _performed(act, _task())["error_type"] == "permanent"


def test_result_is_kept_as_it_was_returned() -> None:
    result = {"found": [1]}
    event = _performed(lambda _task: result, _task())
    result["found"].append(2)
    assert event["output_data"] == {"found": [1]}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), BaseException("odd")])
def test_what_is_no_exception_is_reported_too(error: BaseException) -> None:
    event = _performed(_raising(error), _task())
    assert (event["event_type"], event["error_type"]) == ("task_error", type(error).__name__)


def test_error_that_cannot_be_told_is_reported_by_its_name() -> None:
    event = _performed(_raising(Unspeakable()), _task())
    assert event["error_message"] == "Unspeakable"


def test_missing_param_is_named_also_where_the_function_takes_all() -> None:
    def act(_task: Task, to: str, **_rest: object) -> str:
        return to

    event = _performed(act, _task(other=1))
    assert (event["error_type"], event["error_message"]) == ("validation_error", "act needs to")


def test_single_suggestion_is_one() -> None:
    assert NeedsHuman("whom?", suggestions="Ada").suggestions == ["Ada"]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_error_is_told_without_what_the_server_refuses(text: str) -> None:
    event = _performed(_raising(ValueError(text)), _task())
    assert (event["error_type"], event["error_message"]) == ("ValueError", "a?b")


def test_name_of_an_error_is_told_as_far_as_the_server_takes_it() -> None:
    event = _performed(_raising(type("E" * 300, (Exception,), {})("x")), _task())
    assert event["error_type"] == "E" * 100
