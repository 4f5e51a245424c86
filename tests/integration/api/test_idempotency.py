"""``Idempotency-Key``: the same POST sent twice is carried out once and answered twice."""

import datetime as dt
import json
import threading
from typing import Any

import pytest
import redis

from app.live.answers import StoredAnswers
from app.live.errors import LiveUnavailable
from app.live.executions import LiveExecutions
from app.record.errors import RecordUnavailable
from app.record.plans import Plans
from app.services import answers as answer_service

from ..stage import plan_document, wait_until
from .conftest import AgentCaller, Scene
from .contract import Caller

KEY = {"Idempotency-Key": "once"}


def count(user: Caller, path: str) -> int:
    page: Any = user.get(path).json
    return len(page["items"])


def test_repeat_gets_the_same_answer_and_does_nothing(user: Caller) -> None:
    first, again = (user.post("/api/plans", plan_document(), headers=KEY) for _ in range(2))

    assert first.status_code == again.status_code == 202
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert count(user, "/api/plans") == 1


def test_other_body_under_the_same_key_is_refused(user: Caller) -> None:
    user.post("/api/plans", plan_document(), headers=KEY)

    answer = user.post("/api/plans", plan_document(goal="Other"), headers=KEY)

    assert answer.status_code == 422
    assert count(user, "/api/plans") == 1


def test_same_body_to_another_address_is_refused(user: Caller) -> None:
    request = {"name": "x", "capabilities": ["a"]}
    user.post("/api/agents", request, headers=KEY)

    assert user.post("/api/agents/register", request, headers=KEY).status_code == 422
    assert user.post("/api/agents?x=1", request, headers=KEY).status_code == 422


def test_uploads_are_repeatable(user: Caller) -> None:
    def send() -> Any:
        body = json.dumps(plan_document()).encode()
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="p.json"\r\n\r\n'
        data = head + body + b"\r\n--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        return user.post("/api/plans", data=data, content_type=kind, headers=KEY)

    assert send().json == send().json
    assert count(user, "/api/plans") == 1


def test_refusal_is_repeated_too(user: Caller) -> None:
    first, again = (user.post("/api/plans", {"title": 7}, headers=KEY) for _ in range(2))

    assert first.status_code == again.status_code == 422
    assert first.json["errors"] == again.json["errors"]


def test_events_are_repeatable_without_an_event_id(
    scene: Scene, agent: AgentCaller, execution_id: str
) -> None:
    note = {"event_type": "note", "message": "x"}
    first, again = (agent.report(execution_id, note, headers=KEY) for _ in range(2))

    assert first.json == again.json
    assert len(scene.get(execution_id, "/events?type=note")["items"]) == 1


def test_events_whose_answer_was_lost_are_applied_once(
    scene: Scene, agent: AgentCaller, execution_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = {"event_type": "note", "message": "x"}
    batch = {"events": [note, note]}
    execute = LiveExecutions.execute

    def lose_the_answer(*given: Any, **options: Any) -> None:
        execute(*given, **options)
        raise LiveUnavailable("Redis does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(LiveExecutions, "execute", lose_the_answer)
        assert agent.report(execution_id, batch, headers=KEY).status_code == 503

    first, again = (agent.report(execution_id, batch, headers=KEY) for _ in range(2))
    assert first.status_code == 207
    assert first.json == again.json
    assert len(scene.get(execution_id, "/events?type=note")["items"]) == 2


def test_each_caller_has_keys_of_its_own(scene: Scene, user: Caller) -> None:
    one, two = AgentCaller(user), AgentCaller(user)
    note = {"event_type": "note", "message": "x"}
    for agent in (one, two):
        assert agent.report(scene.execution(agent), note, headers=KEY).status_code == 201


def test_answer_to_our_own_failure_is_not_kept(
    user: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Plans, "add", _unavailable)
        answer = user.post("/api/plans", plan_document(), headers=KEY)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]

    assert user.post("/api/plans", plan_document(), headers=KEY).status_code == 202


def test_repeat_while_the_first_is_carried_out_is_told_so(
    scene: Scene, agent: AgentCaller, execution_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    execute = LiveExecutions.execute

    def slow(*args: Any, **options: Any) -> Any:
        began.set()
        assert go_on.wait(10)
        return execute(*args, **options)

    monkeypatch.setattr(LiveExecutions, "execute", slow)
    note = {"event_type": "note", "message": "x"}
    answers: list[Any] = []
    first = threading.Thread(
        target=lambda: answers.append(agent.report(execution_id, note, headers=KEY))
    )
    first.start()
    assert began.wait(10)
    assert agent.report(execution_id, note, headers=KEY).status_code == 409
    go_on.set()
    first.join()

    assert answers[0].status_code == 201
    assert agent.report(execution_id, note, headers=KEY).json == answers[0].json


def test_key_of_a_strange_length_is_refused(user: Caller) -> None:
    for key in ("", "x" * 201):
        answer = user.post("/api/plans", plan_document(), headers={"Idempotency-Key": key})
        assert answer.status_code == 422
    strange = {"Idempotency-Key": "{}:*?é"}
    assert user.post("/api/plans", plan_document(), headers=strange).status_code == 202


def test_tickets_are_repeatable_too(user: Caller) -> None:
    first, again = (user.post("/api/stream-tickets", headers=KEY) for _ in range(2))

    assert first.json == again.json


def _unavailable(*_: Any, **__: Any) -> None:
    raise RecordUnavailable("PostgreSQL does not answer.")


def test_execution_whose_answer_was_lost_is_made_once(
    scene: Scene, agent: AgentCaller, user: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = scene.plan(plan_document())
    request = {"plan_id": plan_id, "agent_id": agent.agent_id}
    create = LiveExecutions.create

    def lose_the_answer(*given: Any) -> None:
        create(*given)
        raise LiveUnavailable("Redis does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(LiveExecutions, "create", lose_the_answer)
        assert user.post("/api/executions", request, headers=KEY).status_code == 503

    first, again = (user.post("/api/executions", request, headers=KEY) for _ in range(2))
    assert (first.status_code, first.json["status"]) == (201, "QUEUED")
    assert first.json == again.json
    assert count(user, "/api/executions") == 1


@pytest.mark.parametrize("as_file", [False, True], ids=["json", "file"])
def test_plan_whose_answer_was_lost_is_imported_once(
    user: Caller, monkeypatch: pytest.MonkeyPatch, *, as_file: bool
) -> None:
    def send() -> Any:
        if not as_file:
            return user.post("/api/plans", plan_document(), headers=KEY)
        body = json.dumps(plan_document()).encode()
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="p.json"\r\n\r\n'
        kind = "multipart/form-data; boundary=x"
        data = head + body + b"\r\n--x--\r\n"
        return user.post("/api/plans", data=data, content_type=kind, headers=KEY)

    add = Plans.add

    def lose_the_answer(*given: Any) -> None:
        add(*given)
        raise RecordUnavailable("PostgreSQL does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(Plans, "add", lose_the_answer)
        assert send().status_code == 503

    first, again = send(), send()
    assert first.status_code == 202
    assert first.json == again.json
    assert count(user, "/api/plans") == 1


def test_key_is_held_for_as_long_as_its_request_runs(
    user: Caller, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_service, "RENEWED_EVERY", dt.timedelta(milliseconds=10))
    add = Plans.add

    def slow(*given: Any) -> None:
        with redis.Redis.from_url(redis_url) as client:
            (name,) = client.keys("*:idem:*")
            client.pexpire(name, 1000)  # As if it had been reserved nine seconds ago.
            wait_until("it is renewed", lambda: client.pttl(name) > 2000)
        add(*given)

    monkeypatch.setattr(Plans, "add", slow)

    assert user.post("/api/plans", plan_document(), headers=KEY).status_code == 202
    wait_until("nobody renews it any more", lambda: "reservation" not in _threads())


def _threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_answer_goes_out_although_it_cannot_be_kept(
    user: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoredAnswers, "keep", _unavailable_live)

    assert user.post("/api/plans", plan_document(), headers=KEY).status_code == 202


def test_failure_is_told_although_its_key_cannot_be_freed(
    user: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plans, "add", _unavailable)
    monkeypatch.setattr(StoredAnswers, "forget", _unavailable_live)

    answer = user.post("/api/plans", plan_document(), headers=KEY)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def _unavailable_live(*_: object) -> None:
    raise LiveUnavailable("Redis does not answer.")
