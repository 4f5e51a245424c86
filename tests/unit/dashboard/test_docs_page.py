"""The page that shows the API."""

import re

from flask import Flask

from app.api import docs_page


def test_docs_page_serves_only_vendored_assets() -> None:
    site = Flask("site")
    site.register_blueprint(docs_page.create_blueprint())
    visitor = site.test_client()
    answer = visitor.get("/api/docs")
    assert "/api/openapi.json" in answer.text
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="(/api/docs/assets/[^"]+)"', answer.text):
        assert visitor.get(address, buffered=True).status_code == 200
