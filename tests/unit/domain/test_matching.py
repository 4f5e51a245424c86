"""Who can do what, before it starts."""

from typing import Any

import pytest

from app.domain import commands as c
from app.domain.agents import Capability
from app.domain.decide.draft import BLOCKERS_COUNTED_SINGLY
from app.domain.execution import Execution
from app.domain.matching import Matcher, mismatch, param_faults, unmatched
from app.domain.plan import Assignee
from tests.executions import AGENT, EXECUTION, WORKSPACE, Play, chain, make_graph, started, step

GRAPH = make_graph(
    {
        "t": [
            step("a"),
            step("b", action="sing"),
            step("h", action="sign", assignee=Assignee.HUMAN),
        ],
        "u": [step("d", action="sing")],
    },
    agents={"u": "agent_2"},
)


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        ({"sing"}, ""),
        ({"*"}, ""),
        ({"noop"}, "agent_1 does not perform 'sing'."),
        (set(), "agent_1 does not perform 'sing'."),
        (None, "There is no agent 'agent_1'."),
    ],
)
def test_an_agent_performs_what_it_names_or_everything(actions: set[str] | None, told: str) -> None:
    known = {} if actions is None else {AGENT: actions}
    assert mismatch("sing", AGENT, known) == told


def test_every_subtask_is_matched_with_the_agent_it_would_go_to() -> None:
    unborn = Execution.unborn(GRAPH, EXECUTION, WORKSPACE)
    actions = {AGENT: {"noop"}, "agent_2": {"noop"}, "agent_3": {"sing"}}
    assert unmatched(unborn, actions, AGENT) == {
        "b": "agent_1 does not perform 'sing'.",
        "d": "agent_2 does not perform 'sing'.",
    }
    assert list(unmatched(unborn, actions, "agent_3")) == ["a", "d"]


def test_what_people_do_and_what_is_done_needs_no_agent() -> None:
    play = started(GRAPH)
    play.do(c.SkipSubtask(actor="user:1", subtask_id="b", reason="r"))
    assert list(unmatched(play.state, {})) == ["a", "d"]


def test_a_subtask_is_matched_with_the_agent_a_person_gave_it_to() -> None:
    play = Play(GRAPH)
    play.start(d="agent_2 does not perform 'sing'.")
    play.answer("d", "reassign", agent_id="agent_3")
    actions = {AGENT: {"*"}, "agent_3": {"sing"}}
    assert unmatched(play.state, actions) == {}


def test_what_nobody_performs_is_told_before_its_turn() -> None:
    play = Play(make_graph({"t": [step("a"), step("b", "a", action="sing")]}))
    play.start(b="agent_1 does not perform 'sing'.", ghost="Nobody knows it.")
    blocker = play.blocker("b")
    assert (blocker.kind, blocker.message) == (
        "no_capable_agent",
        "agent_1 does not perform 'sing'.",
    )
    assert blocker.suggestions
    play.complete("a")
    assert (play.status, play.subtask("b").status) == ("BLOCKED", "BLOCKED")


def test_each_of_very_many_blockers_counts_what_is_behind_it() -> None:
    length = BLOCKERS_COUNTED_SINGLY + 5
    play = Play(chain(length))
    play.start(**{f"s{number}": "Nobody does." for number in range(length)})
    counted = [play.blocker(f"s{number}").holds_up for number in range(length)]
    assert counted == list(reversed(range(length)))


@pytest.mark.parametrize(
    ("declared", "how", "action"),
    [
        ([Capability("Sing")], "name", "Sing"),
        ([Capability("chant"), Capability("*")], "any", "sing"),
        ([Capability("chant")], "synonym", "chant"),
        ([Capability("perform", description="I sing songs")], "description", "perform"),
        ([Capability("dance")], "none", "sing"),
        ([], "unknown", "sing"),
    ],
)
def test_an_action_is_matched_by_name_any_synonym_or_description(
    declared: list[Capability], how: str, action: str
) -> None:
    found = Matcher(declared).fit("sing", {}, ["chant"])
    assert (found.how, found.action) == (how, action)


@pytest.mark.parametrize(
    "declared",
    [
        [Capability("Sing")],
        [Capability("*")],
        [Capability("chant")],
        [Capability("perform", description="I sing songs")],
        [Capability("dance")],
    ],
)
def test_what_was_matched_while_breaking_down_is_matched_at_the_start(
    declared: list[Capability],
) -> None:
    found = Matcher(declared).fit("sing", {}, ["chant"])
    performed = {one.action for one in declared}
    assert found.matched == (mismatch(found.action, AGENT, {AGENT: performed}) == "")


@pytest.mark.parametrize(
    ("schema", "faults"),
    [
        ({"required": ["n"]}, []),
        ({"required": ["m"]}, ["m is missing"]),
        ({"properties": {"n": {"type": "string"}}}, ["n is to be string"]),
        ({"properties": {"n": {"type": ["string", "integer"]}}}, []),
        ({"properties": {"flag": {"type": "integer"}}}, ["flag is to be integer"]),
        ({"properties": {"n": {"enum": [2, 3]}}}, ["n is none of its choices"]),
        ({"properties": {"n": {"$ref": "http://127.0.0.1:1/", "pattern": "(a+)+$"}}}, []),
        ({"required": 3, "properties": [1], "type": {}}, []),
        ({"properties": {"n": {"type": [{}], "enum": 7}}}, []),
        (["n", "m"], []),
    ],
)
def test_params_are_held_against_what_an_agent_declares(
    schema: dict[str, Any] | list[str], faults: list[str]
) -> None:
    assert param_faults({"n": 1, "flag": True}, schema) == faults
