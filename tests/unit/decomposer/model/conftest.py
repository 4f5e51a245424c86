"""A model's server on loopback, and one task asked about."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from app.domain.agents import Capability
from app.domain.plan import Breakdown, Phase, Plan, Task, WrittenSubtask
from decomposer.breakdown import Decomposer
from decomposer.model import Completion, ModelStrategy, Usage
from decomposer.model.client import ModelClient
from decomposer.model.prompt import Question
from decomposer.rules import RuleStrategy
from decomposer.strategy import Frame, Wished
from tests.model_server import ModelServer, serving

KEY = "sk-secret-of-the-test"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model's server."""
    with serving() as state:
        yield state


def client_of(server: ModelServer, deadline_seconds: float = 10, **options: Any) -> ModelClient:
    """Make a client of the server."""
    return ModelClient("test-model", server.url, KEY, deadline_seconds, **options)


class Straight:
    """A conversation without limits that remembers in memory."""

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self.kept: dict[str, tuple[str, Usage]] = {}

    def remembered(self, question: Question) -> Completion | None:
        found = self.kept.get(question.digest("test-model", "test"))
        return Completion(found[0], Usage("test-model", cached=True)) if found else None

    def call(self, messages: Sequence[dict[str, str]]) -> Completion:
        return self._client.call(messages)

    def remember(self, question: Question, text: str, usage: Usage) -> None:
        self.kept[question.digest("test-model", "test")] = (text, usage)


class Asker:
    """Has tasks broken down by the model of a server."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.conversation = Straight(client_of(server))
        self.rules = RuleStrategy()

    def task(
        self,
        task: Task,
        *capabilities: Capability,
        compare: bool = False,
        wished: Wished | None = None,
    ) -> Breakdown:
        """Break one task down."""
        strategy = ModelStrategy(self.conversation, self.rules, compare=compare)
        decomposer = Decomposer(strategy, self.rules.rulebook.catalogue, threshold=0.8)
        plan = Plan("plan_1", "Build a lighthouse", [Phase("p1", "Build", [task])], goal="Light")
        return decomposer.task(task, Frame(plan, capabilities, wished=wished))


@pytest.fixture
def asker(server: ModelServer) -> Asker:
    """Breaks tasks down by the model."""
    return Asker(server)


TASK = Task("t1", "Find a site", "Search the web for coastal sites and note three of them.")


def with_items(*titles: str, **fields: Any) -> Task:
    """Write a task with written subtasks s1, s2 …"""
    items = [WrittenSubtask(f"s{number}", one) for number, one in enumerate(titles, 1)]
    return msgspec.structs.replace(TASK, written_subtasks=items, **fields)
