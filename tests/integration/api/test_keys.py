"""The keys of a user: which there are, one more, and one less."""

from typing import Any

from .conftest import AgentCaller
from .contract import Caller, fields_of


def test_new_key_signs_in_and_is_told_apart_by_name_ending_and_last_use(user: Caller) -> None:
    made = user.post("/api/keys", {"name": "Laptop"})

    assert made.status_code == 201
    key: str = made.json["api_key"]
    newest: Any = user.get("/api/keys").json["items"][0]
    assert (newest["name"], newest["ending"], newest["last_used_at"]) == ("Laptop", key[-4:], None)
    assert key not in user.get("/api/keys").text

    assert user.with_key(key).get("/api/plans").status_code == 200

    assert user.get("/api/keys").json["items"][0]["last_used_at"] is not None


def test_revoked_key_is_worthless_at_once_in_the_same_process(user: Caller) -> None:
    key = user.post("/api/keys", {}).json["api_key"]
    assert user.with_key(key).get("/api/plans").status_code == 200
    newest, first = user.get("/api/keys").json["items"]

    assert user("DELETE", f"/api/keys/{newest['key_id']}").status_code == 204

    assert user.with_key(key).get("/api/plans").status_code == 401
    assert [one["key_id"] for one in user.get("/api/keys").json["items"]] == [first["key_id"]]


def test_only_key_is_kept(user: Caller) -> None:
    (only,) = user.get("/api/keys").json["items"]

    answer = user("DELETE", f"/api/keys/{only['key_id']}")

    assert answer.status_code == 409
    assert user("DELETE", "/api/keys/key_none").status_code == 404
    assert user.get("/api/keys").status_code == 200


def test_key_with_too_long_a_name_is_refused(user: Caller) -> None:
    assert fields_of(user.post("/api/keys", {"name": "x" * 201})) == {"name"}


def test_agents_have_no_business_with_keys_of_users(user: Caller, agent: AgentCaller) -> None:
    (only,) = user.get("/api/keys").json["items"]

    assert agent.call.get("/api/keys").status_code == 403
    assert agent.call.post("/api/keys", {}).status_code == 403
    assert agent.call("DELETE", f"/api/keys/{only['key_id']}").status_code == 403
