"""Each kind's own examples, as its data file states them."""

import pytest

from app.domain.plan import Phase, Plan, Subtask, Task
from decomposer.rules import RuleStrategy
from decomposer.rules.rulebook import Example, Kind, default_rulebook
from decomposer.strategy import Frame

BOOK = default_rulebook()
EXAMPLES = [
    *((kind, example) for kind in BOOK.kinds.values() for example in kind.examples),
    *((BOOK.kinds["generic"], example) for example in BOOK.people.examples),
]


def steps_of(text: str, kind: Kind) -> list[Subtask]:
    """Break one task down in a plan whose words are of a kind."""
    task = Task("t", text)
    plan = Plan("p", " ".join(kind.words.values()), [Phase("a", "A", [task])])
    return RuleStrategy().propose(task, Frame(plan)).subtasks


@pytest.mark.parametrize(
    ("kind", "example"), EXAMPLES, ids=[f"{kind.name}: {one.text}" for kind, one in EXAMPLES]
)
def test_example_becomes_what_its_file_says(kind: Kind, example: Example) -> None:
    steps = steps_of(example.text, kind)
    params = {name: value for step in steps for name, value in step.params.items()}
    assert [step.action for step in steps] == example.actions
    assert {name: params.get(name) for name in example.params} == example.params


@pytest.mark.parametrize("kind", BOOK.kinds.values(), ids=lambda kind: kind.name)
def test_every_kind_brings_three_examples(kind: Kind) -> None:
    assert len(kind.examples) >= 3
