"""The page of settings."""

from flask.testing import FlaskClient

from .conftest import Post
from .fakes import NEW_KEY, FakeServices


def test_only_key_cannot_be_revoked(
    browser: FlaskClient, services: FakeServices, post: Post
) -> None:
    text = browser.get("/settings").text
    assert "Marie" in text
    assert "your only key" in text
    assert "/revoke" not in text

    assert post("/settings/keys/key_1/revoke").location == "/settings"

    assert len(services.keys.rows) == 1
    assert "This is your only key." in browser.get("/settings").text


def test_new_key_is_shown_once_and_the_old_one_may_go(
    browser: FlaskClient, services: FakeServices, post: Post
) -> None:
    answer = post("/settings/keys", {"name": " Phone "})

    assert answer.status_code == 201
    assert NEW_KEY in answer.text
    text = browser.get("/settings").text
    assert NEW_KEY not in text
    assert "Phone" in text
    assert post("/settings/keys/key_1/revoke").status_code == 303
    assert [row["name"] for row in services.keys.rows] == ["Phone"]


def test_too_long_a_name_is_refused(
    browser: FlaskClient, services: FakeServices, post: Post
) -> None:
    assert post("/settings/keys", {"name": "x" * 201}).status_code == 303
    assert "at most 200 characters" in browser.get("/settings").text
    assert len(services.keys.rows) == 1
