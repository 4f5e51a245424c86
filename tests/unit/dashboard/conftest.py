"""A site that consists of the pages alone, over fake services."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.dashboard import create_blueprint
from tests.unit.dashboard.fakes import FakeServices

Post = Callable[..., TestResponse]


@pytest.fixture
def services() -> FakeServices:
    """Give the fake services; tests change what they hold."""
    return FakeServices()


@pytest.fixture
def stranger(services: FakeServices) -> FlaskClient:
    """Give a browser that is not signed in."""
    site = Flask("site")
    site.config.update(SECRET_KEY="secret", TESTING=True, MAX_CONTENT_LENGTH=100_000)
    site.register_blueprint(create_blueprint(services))
    return site.test_client()


@pytest.fixture
def browser(stranger: FlaskClient) -> FlaskClient:
    """Give a browser whose user is signed in."""
    assert stranger.get("/sign-in?ticket=once").status_code == 303
    return stranger


@pytest.fixture
def post(browser: FlaskClient) -> Post:
    """Give a function that posts a form as a browser without script would."""

    def send(address: str, fields: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        return browser.post(address, data={"csrf_token": token(browser), **(fields or {})}, **more)

    return send


def token(browser: FlaskClient) -> str:
    """Read the CSRF token out of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/plans").text)
    assert found
    return found[1]
