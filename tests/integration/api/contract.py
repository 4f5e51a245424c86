"""A caller that holds every answer against the published OpenAPI document."""

import datetime as dt
import json
import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Json = Any


class Contract:
    """The OpenAPI document, as far as answers are checked against it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations)
            for path, operations in document["paths"].items()
        ]

    def check(self, method: str, path: str, response: TestResponse) -> None:
        """Fail unless an answer is one that the document promises."""
        assert response.headers["X-Request-ID"]
        if response.status_code >= 400:
            self._check_problem(path, response)
            return
        described = self._operation(method, path)["responses"][str(response.status_code)]
        if "content" in described:
            assert response.mimetype == "application/json"
            schema = described["content"]["application/json"]["schema"]
            self._check_value(json.loads(response.data), schema, "answer")
        else:
            assert response.data == b""

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                return operations[method.lower()]
        raise AssertionError(f"{method} {path} is not in the OpenAPI document")

    def _check_problem(self, path: str, response: TestResponse) -> None:
        assert response.content_type == "application/problem+json", response.data
        problem: Json = json.loads(response.data)
        self._check_value(problem, {"$ref": "#/components/schemas/Problem"}, "problem")
        assert {"type", "title", "status", "detail", "instance", "errors"} <= problem.keys()
        assert problem["status"] == response.status_code
        assert problem["type"].startswith("/api/problems/")
        assert problem["title"]
        assert problem["instance"] == response.request.path
        repeated = "Idempotency-Key" in response.request.headers
        assert repeated or problem["request_id"] == response.headers["X-Request-ID"]

    def _check_value(self, value: Json, schema: dict[str, Any], where: str) -> None:
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        kinds = schema.get("type", ())
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds:
            assert any(_is(value, kind) for kind in kinds), f"{where} is no {kinds}: {value!r}"
        if schema.get("format") == "date-time" and value is not None:
            assert value.endswith("Z"), f"{where} is not UTC: {value}"
            dt.datetime.fromisoformat(value)
        if isinstance(value, list):
            for place, item in enumerate(value):
                self._check_value(item, schema.get("items", {}), f"{where}[{place}]")
        if isinstance(value, dict) and "properties" in schema:
            missing = set(schema.get("required", ())) - value.keys()
            undeclared = value.keys() - schema["properties"].keys()
            assert not missing, f"{where} lacks {missing}"
            assert not undeclared, f"{where} has undeclared {undeclared}"
            for name, item in value.items():
                self._check_value(item, schema["properties"][name], f"{where}.{name}")


def _is(value: Json, kind: str) -> bool:
    types: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "null": type(None),
    }
    return isinstance(value, types[kind]) and (kind == "boolean" or not isinstance(value, bool))


class Caller:
    """Calls the API with a key; every answer is checked against the contract.

    Each call has a client of its own, so that threads may share a caller, unless one with cookies
    is given.
    """

    def __init__(
        self, app: Flask, contract: Contract, key: str | None, browser: FlaskClient | None = None
    ) -> None:
        self._app = app
        self._browser = browser
        self.contract = contract
        self.key = key

    @property
    def client(self) -> FlaskClient:
        """What calls are made with."""
        return self._browser or self._app.test_client(use_cookies=False)

    def with_key(self, key: str | None) -> "Caller":
        """Call as somebody else."""
        return Caller(self._app, self.contract, key)

    def in_browser(self, browser: FlaskClient) -> "Caller":
        """Call with a session cookie in place of a key."""
        return Caller(self._app, self.contract, None, browser)

    def __call__(self, method: str, path: str, body: Json = None, **more: Any) -> TestResponse:
        """Call and check."""
        headers = dict(more.pop("headers", {}))
        if self.key is not None:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        if body is not None:
            more["json"] = body
        response = self.client.open(path, method=method, headers=headers, **more)
        # The test client keeps the file that it made of a long body.
        response.request.environ["wsgi.input"].close()
        self.contract.check(method, path.partition("?")[0], response)
        return response

    def get(self, path: str, **more: Any) -> TestResponse:
        """GET."""
        return self("GET", path, **more)

    def post(self, path: str, body: Json = None, **more: Any) -> TestResponse:
        """POST."""
        return self("POST", path, body, **more)

    def patch(self, path: str, body: Json = None, **more: Any) -> TestResponse:
        """PATCH."""
        return self("PATCH", path, body, **more)


def fields_of(response: TestResponse) -> set[str]:
    """Name the fields that a problem document complains of."""
    problem: Json = response.json
    return {one["field"] for one in problem["errors"]}
