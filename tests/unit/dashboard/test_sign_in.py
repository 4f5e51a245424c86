"""Signing in and out, and who is kept out."""

import re

import pytest
from flask.testing import FlaskClient

from app.dashboard.sign_in import is_local
from tests.unit.dashboard.conftest import Post
from tests.unit.dashboard.fakes import AGENT_KEY, USER_KEY


def _submit(browser: FlaskClient, key: str, **more: str) -> tuple[int, str, str]:
    page = browser.get("/sign-in").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    answer = browser.post("/sign-in", data={"csrf_token": found[1], "key": key, **more})
    return answer.status_code, answer.headers.get("Location", ""), answer.text


def test_key_of_a_user_opens_the_executions(stranger: FlaskClient) -> None:
    assert _submit(stranger, f"  {USER_KEY}\n")[:2] == (303, "/executions")
    assert "Marie" in stranger.get("/executions").text


def test_sign_in_leads_back_to_the_wanted_page(stranger: FlaskClient) -> None:
    answer = stranger.get("/plans/plan_1")
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/plans/plan_1")
    assert _submit(stranger, USER_KEY, next="/plans/plan_1")[1] == "/plans/plan_1"


@pytest.mark.parametrize("key", ["", "wrong", AGENT_KEY])
def test_other_keys_are_refused(stranger: FlaskClient, key: str) -> None:
    status, _, text = _submit(stranger, key)
    assert status == 401
    assert 'role="alert"' in text
    assert stranger.get("/executions").status_code == 303


def test_ticket_signs_in_once(stranger: FlaskClient) -> None:
    assert stranger.head("/sign-in?ticket=once").status_code == 200
    assert stranger.get("/sign-in?ticket=once").location == "/executions"
    stranger.delete_cookie("session")
    answer = stranger.get("/sign-in?ticket=once", follow_redirects=True)
    assert "has been used" in answer.text


def test_sign_out_ends_the_session(browser: FlaskClient, post: Post) -> None:
    assert post("/sign-out").location == "/sign-in"
    assert browser.get("/executions").status_code == 303


@pytest.mark.parametrize("path", ["/", "/executions", "/executions/exec_1", "/inbox", "/plans"])
def test_strangers_are_sent_to_the_door(stranger: FlaskClient, path: str) -> None:
    assert stranger.get(path).location.startswith("/sign-in")


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "/\telsewhere",
        "javascript:alert(1)",
        "plans",
        "",
    ],
)
def test_sign_in_leads_nowhere_else(address: str) -> None:
    assert not is_local(address)
