"""The application on real servers, a caller with the owner's key, and one agent at work."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask

from app.services import Services
from app.web import create
from config.settings import Settings

from ..stage import Stage, plan_document
from .contract import Caller, Contract


class Present:
    """Stands for the services of whichever test runs, in an application that outlives it."""

    def __init__(self) -> None:
        self.services: Services | None = None

    def __getattr__(self, name: str) -> "PresentService":
        return PresentService(self, name)


class PresentService:
    """Stands for one of them: what is asked of it, the present test's is asked."""

    def __init__(self, present: Present, name: str) -> None:
        self._present = present
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._present.services, self._name), name)


class Site:
    """An application, whose services change from test to test, and its OpenAPI document."""

    def __init__(self, settings: Settings) -> None:
        self.present = Present()
        self.app = create(settings, cast("Services", self.present))
        document: Any = self.app.test_client().get("/api/openapi.json").json
        self.contract = Contract(document)


@pytest.fixture(scope="session")
def sites() -> dict[Settings, Site]:
    """Applications by their settings: to build one takes longer than most tests."""
    return {}


@pytest.fixture
def site(sites: dict[Settings, Site], settings: Settings, services: Services) -> Iterator[Site]:
    """The application with these settings, upon the services of this test."""
    known = replace(settings, data_dir=Path())
    site = sites[known] = sites.get(known) or Site(known)
    site.present.services = services
    yield site
    site.present.services = None


@pytest.fixture
def app(site: Site) -> Flask:
    """The web application."""
    return site.app


@pytest.fixture
def user(site: Site, owner_key: str) -> Caller:
    """A caller with the owner's key."""
    return Caller(site.app, site.contract, owner_key)


class AgentCaller:
    """An agent that calls the API."""

    def __init__(self, user: Caller, **fields: Any) -> None:
        request = {"name": "Worker", "capabilities": [{"action": "noop"}], **fields}
        told: Any = user.post("/api/agents", request).json
        self.agent_id: str = told["agent_id"]
        self.key: str = told["api_key"]
        self.call = user.with_key(self.key)

    def poll(self, query: str = "") -> Any:
        """Ask for work; None where there is none."""
        return self.call.get(f"/api/agents/{self.agent_id}/work{query}").json

    def report(self, execution_id: str, body: Any, query: str = "", **more: Any) -> Any:
        """Send events; give the answer."""
        return self.call.post(f"/api/executions/{execution_id}/events{query}", body, **more)

    def complete(self, work: Any, query: str = "", **fields: Any) -> Any:
        """Report that the first task of some work is complete."""
        task = work["next_task"]
        event = {"event_type": "task_complete", "task_id": task["task_id"], **fields}
        return self.report(task["execution_id"], event, query)


@pytest.fixture
def agent(user: Caller) -> AgentCaller:
    """An agent that takes one task at a time."""
    return AgentCaller(user)


class Scene:
    """Makes plans and executions over HTTP; breakdowns are carried out here and now."""

    def __init__(self, user: Caller, stage: Stage) -> None:
        self.user = user
        self._stage = stage

    def plan(self, document: dict[str, Any] | None = None) -> str:
        """Import a plan and break it down."""
        plan: Any = self.user.post("/api/plans", document or plan_document()).json
        plan_id: str = plan["plan_id"]
        self._stage.services.decomposition.decompose(self._stage.workspace_id, plan_id, 1)
        return plan_id

    def execution(self, agent: AgentCaller, document: Any = None, **fields: Any) -> str:
        """Start a plan with an agent."""
        request = {"plan_id": self.plan(document), "agent_id": agent.agent_id, **fields}
        answer: Any = self.user.post("/api/executions", request)
        assert answer.status_code == 201, answer.json
        return str(answer.json["execution_id"])

    def control(self, execution_id: str, status: str, **fields: Any) -> Any:
        """Ask for another status."""
        return self.user.patch(f"/api/executions/{execution_id}", {"status": status, **fields})

    def get(self, execution_id: str, rest: str = "") -> Any:
        """Read something of an execution."""
        return self.user.get(f"/api/executions/{execution_id}{rest}").json

    def carry_out(self, agent: AgentCaller) -> None:
        """Complete everything there is for an agent."""
        while work := agent.poll():
            assert agent.complete(work).status_code == 201


@pytest.fixture
def scene(user: Caller, stage: Stage) -> Scene:
    """Plans and executions over HTTP."""
    return Scene(user, stage)


@pytest.fixture
def execution_id(scene: Scene, agent: AgentCaller) -> str:
    """An execution that has been started with the agent."""
    return scene.execution(agent)
