"""The pages of agents."""

import ast
import re
import subprocess

import pytest
from flask.testing import FlaskClient

from app.dashboard.agents import registration
from app.dashboard.snippets import curl_snippet, python_snippet
from app.domain.errors import Invalid

from .conftest import Post
from .fakes import HOSTILE, NEW_KEY, FakeServices, agent

FORM = {"name": "Larry the second", "actions": "send_email\n call,send_email", "role": "Sales"}


def test_card_tells_load_queue_success_and_contact(browser: FlaskClient) -> None:
    text = browser.get("/agents").text

    assert "On line" in text
    assert re.search(r"<dt>Works on</dt><dd>1 <span class=\"hint\">of 2</span></dd>", text)
    assert "<dt>Queue</dt><dd>7</dd>" in text
    assert re.search(r"<dt>Success</dt><dd>75\s%</dd>", text)
    assert 'datetime="2026-03-01T12:00:00Z"' in text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"status": "PAUSED"}, "Paused"),
        ({"online": False}, "Off line"),
        ({"online": False, "last_contact_at": None}, "Never heard of"),
    ],
)
def test_presence_is_named(
    browser: FlaskClient, services: FakeServices, changes: dict[str, object], word: str
) -> None:
    services.agents.rows = [agent(**changes)]

    assert re.search(rf'class="presence [\w-]+">{word}<', browser.get("/agents").text)


def test_no_agent_leads_to_adding_one(browser: FlaskClient, services: FakeServices) -> None:
    services.agents.rows = []

    text = browser.get("/agents").text

    assert "No agent yet" in text
    assert 'href="/agents/new"' in text


def test_agent_that_is_away_while_work_waits_is_pointed_out(
    browser: FlaskClient, services: FakeServices
) -> None:
    services.agents.rows = [agent(online=False)]

    assert "7 subtasks are ready for it" in browser.get("/agents/larry").text


def test_pause_and_resume_come_back_to_the_agent(
    browser: FlaskClient, services: FakeServices, post: Post
) -> None:
    answer = post("/agents/larry/pause")
    assert (answer.status_code, answer.location) == (303, "/agents/larry")
    assert services.agents.rows[0]["status"] == "PAUSED"
    assert "nothing new is handed to it" in browser.get("/agents/larry").text

    post("/agents/larry/resume")
    assert services.agents.rows[0]["status"] == "ACTIVE"
    assert post("/agents/larry/stop").status_code == 404
    assert post("/agents/nobody/pause").status_code == 404


def test_new_key_is_shown_once_and_kept_by_nobody(browser: FlaskClient, post: Post) -> None:
    answer = post("/agents/larry/keys")

    assert answer.status_code == 201
    assert NEW_KEY in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert NEW_KEY not in browser.get("/agents/larry").text


def test_added_agent_is_shown_with_its_key_and_how_to_start_it(
    services: FakeServices, post: Post
) -> None:
    answer = post("/agents", FORM)

    assert answer.status_code == 201
    assert NEW_KEY in answer.text
    assert "@agent.action(&#34;call&#34;)" in answer.text
    added = services.agents.rows[-1]
    assert [one["action"] for one in added["capabilities"]] == ["send_email", "call"]


def test_refused_agent_keeps_what_was_filled_in(services: FakeServices, post: Post) -> None:
    answer = post("/agents", {**FORM, "agent_id": "larry"})

    assert answer.status_code == 422
    assert "exists" in answer.text
    assert 'value="Larry the second"' in answer.text
    assert len(services.agents.rows) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "Name"),
        ({"name": "x" * 201}, "Name"),
        ({"actions": " , \n"}, "Actions"),
        ({"actions": "x" * 201}, "Actions"),
        ({"actions": " ".join(f"a{number}" for number in range(501))}, "Actions"),
        ({"max_concurrent_tasks": "0"}, "Subtasks at once"),
        ({"max_concurrent_tasks": "1001"}, "Subtasks at once"),
        ({"max_concurrent_tasks": "9" * 5000}, "Subtasks at once"),
        ({"max_concurrent_tasks": "\N{SUPERSCRIPT TWO}"}, "Subtasks at once"),
        ({"max_concurrent_tasks": "-1"}, "Subtasks at once"),
    ],
)
def test_bad_field_of_a_new_agent_is_named(changes: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        registration({**FORM, **changes})
    assert [fault.where for fault in refused.value.faults] == [field]


def test_busy_agent_is_not_deleted_and_an_idle_one_is(
    browser: FlaskClient, services: FakeServices, post: Post
) -> None:
    assert "Delete Larry?" in browser.get("/agents/larry/delete").text
    services.agents.busy = True
    assert post("/agents/larry/delete").location == "/agents/larry"
    assert "It may still get work." in browser.get("/agents/larry").text

    services.agents.busy = False
    assert post("/agents/larry/delete").location == "/agents"
    assert services.agents.rows == []


def test_key_of_an_agent_is_revoked(
    browser: FlaskClient, services: FakeServices, post: Post
) -> None:
    assert "…x7Qz" in browser.get("/agents/larry").text

    assert post("/agents/larry/keys/key_1/revoke").location == "/agents/larry"

    assert services.keys.rows == []
    assert "It has no key that works." in browser.get("/agents/larry").text


def test_markup_in_an_agent_is_shown_not_run(browser: FlaskClient, services: FakeServices) -> None:
    capability = {"action": HOSTILE, "params": [], "description": HOSTILE}
    services.agents.rows = [agent(name=HOSTILE, role=HOSTILE, capabilities=[capability])]
    services.keys.rows[0]["name"] = f'"{HOSTILE}'

    for address in ("/agents", "/agents/larry", "/agents/larry/delete", "/settings"):
        assert HOSTILE not in browser.get(address).text


ODD = [
    {"action": name} for name in ("send_email", "1 & 2", '"); import os #', "*", "lambda", "agent")
]


def test_python_snippet_is_python_whatever_the_actions_are_called() -> None:
    written = ast.parse(python_snippet("http://host:1", agent(capabilities=ODD)))

    functions = [one for one in written.body if isinstance(one, ast.FunctionDef)]
    assert [ast.literal_eval(one.decorator_list[0].args[0]) for one in functions] == [  # type: ignore[attr-defined]
        one["action"] for one in ODD
    ]


def test_curl_snippet_is_a_shell_script() -> None:
    script = curl_snippet("http://host:1", agent())

    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "http://host:1/api/agents/larry/work?wait=50" in script
