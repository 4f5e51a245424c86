"""Breakdowns after a person's hand was on them: judged anew by code, decisions kept."""

import msgspec
import pytest

from app.domain.agents import Capability
from app.domain.plan import (
    Assignee,
    Breakdown,
    ConfidencePart,
    Phase,
    Plan,
    PlanWarning,
    Subtask,
    Task,
    WrittenSubtask,
)
from decomposer.breakdown import Decomposer
from decomposer.revision import Revision
from decomposer.rules import RuleStrategy
from decomposer.strategy import Frame

TASK = Task("t", "Ask Carol for a quote", "Send an email to Carol. Paint the fence.")
PLAN = Plan("p", "Plan", [Phase("ph", "Phase", [TASK])])
CODE = {"structure", "action", "params", "coverage", "specificity"}


@pytest.fixture
def decomposer() -> Decomposer:
    """The rules that come along."""
    strategy = RuleStrategy()
    return Decomposer(strategy, strategy.rulebook.catalogue, 0.8)


@pytest.fixture
def base(decomposer: Decomposer) -> Breakdown:
    """What the rules make of the task, with what a model would have said of it."""
    made = decomposer.task(TASK, Frame(PLAN))
    said = [ConfidencePart(name, 0.1, 0.25, "said") for name in ("estimate", "agreement")]
    return msgspec.structs.replace(
        made,
        parts=[*made.parts, *said],
        needs_review=False,
        approved_by="user:1",
        warnings=[PlanWarning("note-unused", "m", "t")],
        usage={"calls": 1},
    )


def revised(
    decomposer: Decomposer, base: Breakdown, steps: list[Subtask], *actions: str
) -> Breakdown:
    frame = Frame(PLAN, [Capability(name) for name in actions])
    return decomposer.revise(Revision(TASK, base, steps, {"elsewhere"}), frame)


def shares(breakdown: Breakdown) -> dict[str, float]:
    return {part.name: part.share for part in breakdown.parts}


def test_changed_breakdown_is_judged_by_what_code_can_find_out(
    decomposer: Decomposer, base: Breakdown
) -> None:
    paint = Subtask("new", "Paint the fence", "perform_task", "Paint the fence.")

    ask = Subtask("ask", "Ask Carol for a quote", "send_email", params={"to": "carol@b.example"})
    fewer = revised(decomposer, base, [ask])
    found = revised(decomposer, base, [ask, paint])

    assert found.needs_review
    assert found.approved_by is None
    assert (found.warnings, found.usage) == ([], {})
    assert found.strategy == "rules"
    assert shares(found).keys() == CODE
    assert sum(part.weight for part in found.parts) == pytest.approx(1, abs=0.001)
    assert shares(found)["coverage"] > shares(fewer)["coverage"]
    assert "Paint the fence" in fewer.uncovered
    assert "Paint the fence" not in found.uncovered
    assert len(found.confidence_reasons) == len(CODE)


def test_what_a_strategy_said_holds_while_the_steps_are_the_same(
    decomposer: Decomposer, base: Breakdown
) -> None:
    parallel = [msgspec.structs.replace(step, dependencies=[]) for step in base.subtasks]

    same = revised(decomposer, base, parallel[::-1])
    other = revised(decomposer, base, [msgspec.structs.replace(one, title="x") for one in parallel])

    assert shares(same)["estimate"] == shares(same)["agreement"] == 0.25
    assert sum(part.weight for part in same.parts) == pytest.approx(1, abs=0.001)
    assert shares(other).keys() == CODE


def test_brought_breakdown_is_manual_once_it_is_changed(
    decomposer: Decomposer, base: Breakdown
) -> None:
    brought = msgspec.structs.replace(base, strategy="given")

    assert revised(decomposer, brought, brought.subtasks[:1]).strategy == "manual"
    assert revised(decomposer, brought, brought.subtasks).strategy == "given"


def test_step_asks_by_the_word_of_the_agent_and_stays_whose_it_is(
    decomposer: Decomposer, base: Breakdown
) -> None:
    synonym = RuleStrategy().rulebook.catalogue.synonyms["send_email"][0]
    steps = [
        Subtask("a", "Send an email", "send_email"),
        Subtask("b", "Dance", "dance"),
        Subtask("c", "Dance along", "dance", assignee=Assignee.HUMAN),
    ]

    first, second, third = revised(decomposer, base, steps, synonym).subtasks

    assert first.action == synonym
    assert (second.action, second.assignee) == ("dance", Assignee.AGENT)
    assert second.reasons == ["no known agent performs dance: it waits for one"]
    assert third.reasons == []
    again = revised(decomposer, base, [second], synonym).subtasks[0]
    assert again.reasons == second.reasons


def test_step_may_wait_for_a_step_of_another_task(decomposer: Decomposer, base: Breakdown) -> None:
    def structure(*waits: str) -> float:
        step = Subtask("a", "Send an email", "send_email", dependencies=list(waits))
        return shares(revised(decomposer, base, [step]))["structure"]

    assert structure("elsewhere") == structure() > 0
    assert structure("nowhere") == 0


def test_action_that_nobody_knows_is_told_anew_after_a_change(
    decomposer: Decomposer, base: Breakdown
) -> None:
    odd = msgspec.structs.replace(base.subtasks[0], action="frobnicate")

    for actions, told in (((), ["unknown-action"]), (("frobnicate",), [])):
        found = revised(decomposer, base, [odd, *base.subtasks[1:]], *actions)
        assert [one.code for one in found.warnings] == told


def test_action_that_the_plan_brought_is_not_told_after_a_change(decomposer: Decomposer) -> None:
    task = Task("t", "Ask", written_subtasks=[WrittenSubtask("s", "Ask", action="frobnicate")])
    frame = Frame(Plan("p", "Plan", [Phase("ph", "Phase", [task])]))
    base = decomposer.task(task, frame)

    for action, told in (("frobnicate", []), ("juggle", ["unknown-action"])):
        step = msgspec.structs.replace(base.subtasks[0], title="Ask again", action=action)
        found = decomposer.revise(Revision(task, base, [step]), frame)
        assert [one.code for one in found.warnings] == told
