"""The published document against the routes, and the answers that belong to no route."""

import re
from typing import Any

import pytest
from flask import Flask

from .contract import Caller

# Not of flask-smorest: the documents themselves, and the WebSockets, which OpenAPI cannot tell of.
UNDOCUMENTED = {"/api/openapi.json", "/api/docs", "/api/docs/assets/{name}"} | {
    "/api/stream",
    "/api/executions/{execution_id}/stream",
}


def document(user: Caller) -> dict[str, Any]:
    return user.contract.document


def test_every_route_of_the_api_is_published(app: Flask, user: Caller) -> None:
    routes = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    routes = {one for one in routes if one.startswith("/api/")}

    assert routes - UNDOCUMENTED == document(user)["paths"].keys()


def test_document_is_openapi_3_1_without_a_dangling_reference(user: Caller) -> None:
    found = document(user)
    assert found["openapi"] == "3.1.0"
    assert found["security"] == [{"key": []}]
    text = str(found)
    for kind, name in re.findall(r"#/components/(\w+)/(\w+)", text):
        assert name in found["components"][kind]


def test_every_operation_promises_problem_documents(user: Caller) -> None:
    components = document(user)["components"]
    for response in components["responses"].values():
        assert response["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
    for operations in document(user)["paths"].values():
        for name, operation in operations.items():
            if name != "parameters":
                assert "default" in operation["responses"]


def test_request_bodies_are_published(user: Caller) -> None:
    plans = document(user)["paths"]["/api/plans"]["post"]["requestBody"]["content"]
    assert plans.keys() == {"application/json", "multipart/form-data"}
    events = document(user)["paths"]["/api/executions/{execution_id}/events"]["post"]
    assert events["requestBody"]["content"].keys() == {"application/json"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/executions/none/nothing", 404),
        ("PUT", "/api/plans", 405),
        ("DELETE", "/api/executions", 405),
    ],
)
def test_route_that_is_none_answers_with_a_problem(
    user: Caller, method: str, path: str, status: int
) -> None:
    response = user(method, path)

    assert response.status_code == status
    if status == 405:
        assert response.headers["Allow"]


def test_request_id_is_kept_where_it_is_usable(user: Caller) -> None:
    answer = user.get("/api/agents", headers={"X-Request-ID": "abc-1"})
    assert answer.headers["X-Request-ID"] == "abc-1"
    for bad in ("", "x" * 101, "café"):
        made = user.get("/api/agents", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert made not in ("", bad)
        assert len(made) <= 100


def test_health_asks_for_no_key_and_names_what_is_missing(user: Caller) -> None:
    assert user.client.get("/healthz").json == {"status": "ok"}
    assert user.client.get("/readyz").json == {"status": "ok", "missing": []}


def test_docs_page_and_its_assets_are_served(user: Caller) -> None:
    page = user.client.get("/api/docs")
    assert page.status_code == 200
    for asset in re.findall(r'(?:src|href)="(/api/docs/assets/[^"]+)"', page.text):
        assert user.client.get(asset, buffered=True).status_code == 200


def test_unknown_address_is_a_page_for_people_and_a_problem_for_programs(app: Flask) -> None:
    browser = app.test_client()
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    page = browser.get("/nowhere", headers=html)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "This page does not exist" in page.text
    assert "script-src" in page.headers["Content-Security-Policy"]

    for path, headers in (
        ("/api/nowhere", html),
        ("/nowhere", {}),
        ("/nowhere", {"Accept": "*/*"}),
    ):
        told = browser.get(path, headers=headers)
        assert (told.status_code, told.mimetype) == (404, "application/problem+json")
