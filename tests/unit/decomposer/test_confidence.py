"""Confidence: what each part says, and that no part asks which strategy it was."""

from typing import Any

import pytest

from app.domain.agents import Capability
from app.domain.plan import Assignee, Breakdown, Estimate, Phase, Plan, Source, Subtask, Task
from decomposer.breakdown import Decomposer
from decomposer.calibration import Outcome, calibrate
from decomposer.confidence import WEIGHTS, agreement, confidence_of
from decomposer.coverage import coverage_of
from decomposer.rules import load_rulebook
from decomposer.strategy import Frame, Proposal

CATALOGUE = load_rulebook().catalogue


class Fixed:
    """A strategy that proposes what it is told to."""

    def __init__(self, *subtasks: Subtask, **fields: Any) -> None:
        self.proposal = Proposal("fixed", list(subtasks), **fields)

    def propose(self, task: Task, frame: Frame) -> Proposal:
        return self.proposal


def step(
    subtask_id: str,
    action: str,
    title: str = "",
    text: str = "",
    params: dict[str, Any] | None = None,
    **fields: Any,
) -> Subtask:
    return Subtask(subtask_id, title or subtask_id, action, text, params or {}, **fields)


def judge(task: Task, *steps: Subtask, capabilities: Any = (), **fields: Any) -> Breakdown:
    frame = Frame(Plan("p", "P", [Phase("a", "A", [task])]), list(capabilities))
    return Decomposer(Fixed(*steps, **fields), CATALOGUE, 0.8).task(task, frame)


def share(breakdown: Breakdown, name: str) -> float:
    return next(part.share for part in breakdown.parts if part.name == name)


SEARCH = step("s", "web_search", "Research clay", "Look.", {"query": "clay"})
TASK = Task("t", "Research clay")


def test_confidence_is_the_weighted_mean_of_its_parts() -> None:
    found = judge(TASK, SEARCH)
    assert [part.name for part in found.parts] == [
        "structure",
        "action",
        "params",
        "coverage",
        "specificity",
    ]
    assert sum(part.weight for part in found.parts) == pytest.approx(1, abs=0.001)
    total = sum(part.weight * part.share for part in found.parts)
    assert found.confidence == pytest.approx(total, abs=0.006)
    assert [reason.split(":")[0] for reason in found.confidence_reasons] == [
        part.name for part in found.parts
    ]


def test_parts_of_one_strategy_alone_make_the_whole_and_others_join_by_weight() -> None:
    found = judge(TASK, SEARCH, estimate=0.0, rival=[SEARCH])
    assert [part.name for part in found.parts] == list(WEIGHTS)
    assert share(found, "agreement") == 1
    assert share(found, "estimate") == 0
    assert found.confidence < judge(TASK, SEARCH, estimate=1.0, rival=[SEARCH]).confidence


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([step("a", "negotiate"), step("b", "negotiate", dependencies=["a"])], 1.0),
        ([step("a", "negotiate"), step("a", "negotiate")], 0.0),
        ([step("a", "negotiate", dependencies=["nowhere"])], 0.0),
        (
            [
                step("a", "negotiate", dependencies=["b"]),
                step("b", "negotiate", dependencies=["a"]),
            ],
            0.0,
        ),
        ([step("a", "negotiate", "Same"), step("b", "negotiate", "same ")], 0.5),
        ([], 0.0),
        ([step("a", "negotiate")], 0.5),
        ([step(str(n), "negotiate") for n in range(40)], 0.5),
    ],
)
def test_structure_is_broken_by_circles_loose_ends_and_repeats(
    steps: list[Subtask], expected: float
) -> None:
    assert share(judge(TASK, *steps), "structure") == expected


@pytest.mark.parametrize(
    ("action", "title", "quote", "expected"),
    [
        ("web_search", "Research clay", "", 0.9),
        ("web_search", "Clay", "Look for clay", 0.8),
        ("web_search", "Clay", "Clay", 0.5),
        ("perform_task", "Research clay", "", 0.2),
        ("fly_to_the_moon", "Fly to the moon", "", 0.0),
    ],
)
def test_an_action_is_as_sure_as_words_speak_for_it(
    action: str, title: str, quote: str, expected: float
) -> None:
    made = step("s", action, title, source=Source("t", None, quote) if quote else None)
    assert share(judge(TASK, made), "action") == pytest.approx(expected)


def test_one_bad_step_weighs_as_much_as_the_mean_of_all() -> None:
    good = [step(str(n), "web_search", f"Research {n}") for n in range(9)]
    found = judge(TASK, *good, step("x", "perform_task"))
    assert share(found, "action") == pytest.approx((0.83 + 0.2) / 2)


@pytest.mark.parametrize(
    ("declared", "how", "named", "expected"),
    [
        ([Capability("web_search")], "name", "web_search", 1.0),
        ([Capability("*")], "any", "web_search", 1.0),
        ([Capability("google_search")], "synonym", "google_search", 0.95),
        ([Capability("look", description="A web search")], "description", "look", 0.7),
        ([Capability("noop")], "none", "web_search", 0.0),
    ],
)
def test_how_an_agent_matches_counts(
    declared: list[Capability], how: str, named: str, expected: float
) -> None:
    found = judge(TASK, SEARCH, capabilities=declared)
    assert found.subtasks[0].action == named, how
    assert share(found, "action") == pytest.approx(expected)


def test_an_unmatched_step_becomes_a_persons_where_one_can_do_it_else_it_waits() -> None:
    mail = step(
        "m",
        "send_email",
        "Email Ann",
        params={"recipient": "Ann", "purpose": "x"},
        requires_approval=True,
    )
    found = judge(TASK, SEARCH, mail, capabilities=[Capability("noop")])
    search, email = found.subtasks
    assert (search.assignee, email.assignee) == (Assignee.AGENT, Assignee.HUMAN)
    assert search.reasons == ["no known agent performs web_search: it waits for one"]
    assert email.reasons == ["no known agent performs send_email: a person does it"]
    assert email.requires_approval is False


def test_no_agent_known_is_neutral_and_said() -> None:
    found = judge(TASK, SEARCH)
    assert share(found, "action") == 1
    assert "no agent is known yet" in found.confidence_reasons[1]
    assert (
        "no agent" not in judge(TASK, SEARCH, capabilities=[Capability("*")]).confidence_reasons[1]
    )


def test_missing_params_and_those_an_agent_wants_lower_it() -> None:
    schema = {"type": "object", "required": ["depth"], "properties": {"query": {"type": "integer"}}}
    wants = [Capability("web_search", params=schema)]
    assert share(judge(TASK, SEARCH), "params") == 1
    assert share(judge(TASK, step("s", "web_search", "Research")), "params") == 0
    found = judge(TASK, SEARCH, capabilities=wants)
    assert share(found, "params") == 0.5
    assert "depth is missing" in found.confidence_reasons[2]
    assert "query is to be integer" in found.confidence_reasons[2]


def test_what_would_have_to_be_found_out_counts_half() -> None:
    known = {"recipient": "Ann", "purpose": "x"}
    without, with_address = (
        judge(TASK, step("m", "send_email", "Email", params=params))
        for params in (known, {**known, "to": "a@b.c"})
    )
    assert share(without, "params") == pytest.approx(0.8)
    assert share(with_address, "params") == 1


def test_a_sentence_that_no_step_serves_is_named() -> None:
    task = Task("t", "Research clay", description="Buy forty bags of plaster. Research clay.")
    found = judge(task, SEARCH)
    assert found.uncovered == ["Buy forty bags of plaster"]
    assert 0 < share(found, "coverage") < 1
    assert coverage_of(task, [step("x", "a", "Buy forty plaster bags, research clay")]).share == 1


def test_specific_steps_are_surer_than_vague_ones() -> None:
    vague = step("s", "web_search", "Research clay", text="Find various suitable sources.")
    clear = step(
        "s",
        "web_search",
        "Research clay",
        text="Find 12 makers in Nuuk by March 3, 2026, with prices in sources.csv.",
        success_criteria=["12 rows"],
    )
    assert share(judge(TASK, clear), "specificity") > share(judge(TASK, vague), "specificity") + 0.3


@pytest.mark.parametrize(("hours", "more"), [(8, 40), (40, 160), (160, 640)])
def test_a_step_of_weeks_is_less_sure_than_one_of_a_day(hours: int, more: int) -> None:
    day, weeks = (
        judge(Task("t", "T", estimate=Estimate(realistic_hours=h)), SEARCH) for h in (hours, more)
    )
    assert share(day, "specificity") > share(weeks, "specificity")


def test_no_part_asks_which_strategy_it_was() -> None:
    one = judge(TASK, SEARCH)
    frame = Frame(Plan("p", "P", [Phase("a", "A", [TASK])]))
    other = Decomposer(Fixed(), CATALOGUE, 0.8).judge(TASK, frame, Proposal("llm", [SEARCH]))
    assert (one.confidence, one.parts) == (other.confidence, other.parts)
    assert confidence_of.__module__ == "decomposer.confidence"


def test_agreement_compares_actions_and_words() -> None:
    other = step("x", "draft_document", "Write poem")
    assert agreement([SEARCH], [SEARCH]) == 1
    assert agreement([SEARCH], [other]) == 0
    assert agreement([SEARCH], [step("y", "web_search", "Study glaze")]) == pytest.approx(0.7)


def test_calibration_holds_predictions_against_outcomes() -> None:
    found = calibrate(
        [
            Outcome(0.9, "rules", 4, 4),
            Outcome(0.9, "rules", 4, 4),
            Outcome(0.5, "rules", 4, 1),
            Outcome(1.0, "llm", 2, 2),
            Outcome(1.0, "given", 2, 0),
        ]
    )
    assert (found.tasks, found.given) == (4, 1)
    assert found.brier == pytest.approx((0.01 + 0.01 + 0.25 + 0) / 4)
    assert [(b.low, b.tasks, b.predicted, b.tasks_smooth) for b in found.buckets] == [
        (0.5, 1, 0.5, 0.0),
        (0.9, 3, 0.9333, 1.0),
    ]
    assert found.buckets[0].subtasks_smooth == 0.25


def test_calibration_of_nothing_has_no_score() -> None:
    assert calibrate([Outcome(1.0, "given", 1, 1)]).brier is None
