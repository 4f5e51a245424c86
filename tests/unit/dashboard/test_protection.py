"""What keeps pages from running or sending what is not theirs."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.dashboard import security
from app.domain.blockers import BlockerKind
from tests.unit.dashboard.fakes import FakeServices, blocker

PAGES = [
    "/sign-in",
    "/executions",
    "/executions/exec_1",
    "/executions/exec_1/waiting",
    "/executions/exec_1/reassign",
    "/inbox",
    "/plans",
    "/plans/plan_1",
    "/plans/none",
]


@pytest.mark.parametrize("path", PAGES)
def test_pages_allow_only_their_own_scripts(
    browser: FlaskClient, services: FakeServices, path: str
) -> None:
    services.blockers.rows = [blocker(kind, kind) for kind in BlockerKind]
    services.inbox.rows = [row | {"plan_title": "Tea"} for row in services.blockers.rows]
    answer = browser.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "ws://localhost" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for script in re.findall(
        r"<script(?![^>]* (?:src=|type=\"application/json\"))[^>]*>", answer.text
    ):
        nonce = re.search(r'nonce="([^"]+)"', script)
        assert nonce
        assert f"'nonce-{nonce[1]}'" in policy
    assert not re.search(r"<[^>]+ (on\w+|style)=", answer.text)


def test_nonce_is_new_for_every_response(browser: FlaskClient) -> None:
    policies = {browser.get("/plans").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_odd_host_does_not_reach_the_policy() -> None:
    site = Flask("site")
    with site.test_request_context(headers={"Host": "a; script-src *"}):
        policy = security.protect(site.response_class()).headers["Content-Security-Policy"]
    assert "*" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in",
        "/sign-out",
        "/plans",
        "/plans/plan_1/approve",
        "/plans/plan_1/start",
        "/executions/exec_1/pause",
        "/executions/exec_1/reassign",
        "/executions/exec_1/blockers/blk_1",
    ],
)
@pytest.mark.parametrize("token", [None, "", "wrong", "ü"])
def test_form_of_another_site_is_refused(
    browser: FlaskClient, services: FakeServices, path: str, token: str | None
) -> None:
    services.blockers.rows = [blocker()]
    fields = {"key": "user-key", "answer": "approve"}
    if token is not None:
        fields["csrf_token"] = token
    answer = browser.post(path, data=fields)
    assert answer.status_code == 400
    assert "expired" in answer.text
    assert services.executions.asked == []
    assert services.blockers.answers == []


def test_assets_are_kept_for_good_under_their_version(browser: FlaskClient) -> None:
    found = re.search(r'href="(/assets/\w+/css/base\.css)"', browser.get("/plans").text)
    assert found
    assert "immutable" in browser.get(found[1], buffered=True).headers["Cache-Control"]
    old = browser.get("/assets/0/css/base.css", buffered=True)
    assert "immutable" not in old.headers["Cache-Control"]
    assert browser.get("/assets/0/../words.json").status_code == 404


def test_import_map_names_files_that_exist(browser: FlaskClient) -> None:
    addresses = re.findall(r'": "(/assets/[^"]+)"', browser.get("/plans").text)
    assert len(addresses) == 5
    for address in addresses:
        answer = browser.get(address, buffered=True)
        assert answer.status_code == 200
        assert answer.mimetype in ("text/javascript", "application/javascript")


@pytest.mark.parametrize(
    "path", ["/executions/exec_1/pause", "/executions/exec_1/blockers/blk_1", "/plans"]
)
def test_script_is_told_that_the_session_has_ended_instead_of_being_led_away(
    stranger: FlaskClient, services: FakeServices, path: str
) -> None:
    answer = stranger.post(path, headers={"Accept": "application/problem+json"})
    assert answer.status_code == 401
    assert "signed out, and nothing was done" in answer.get_json()["detail"]
    assert services.executions.asked == []
    assert stranger.post(path).headers["Location"].startswith("/sign-in")
