"""Goal, risks, roles, documents and gates."""

from typing import Any

import pytest

from app.domain.errors import InvalidPlan
from app.domain.plan import Target
from tests.unit.decomposer.samples import read_run, told


def test_goal_and_context_come_along_without_prompts() -> None:
    project = {"goal_statement": "A kiosk.", "resources_required": ["Wood"], "user_prompt": "x"}
    plan = read_run(
        project_plan_raw=project,
        draft_documents_to_create=[{"document_name": "Permit"}],
        start_time={"utc_timestamp": "2025-08-08T10:00:00Z"},
    )
    assert plan.goal == "A kiosk."
    assert plan.context["project_plan"] == {
        "goal_statement": "A kiosk.",
        "resources_required": ["Wood"],
    }
    assert plan.context["documents_to_create"] == [{"document_name": "Permit"}]
    assert plan.context["start_time"] == "2025-08-08T10:00:00Z"


def test_risks_and_roles_are_read() -> None:
    risks = {"risks": [{"risk_description": "Rain", "action": "Roof"}, {"risk_description": ""}]}
    team = [{"id": 1, "category": "Builder", "count": "min 2, max 4"}, {"category": "Builder"}, {}]
    plan = read_run(identify_risks_raw=risks, enrich_team_members_environment_info=team)
    assert [(risk.description, risk.mitigation) for risk in plan.risks] == [("Rain", "Roof")]
    assert plan.roles_required == ["Builder"]


def test_risks_of_the_project_plan_serve_where_there_is_no_risk_file() -> None:
    strategies = {"key_risks": ["Rain"], "diverse_risks": ["Wind"]}
    plan = read_run(project_plan_raw={"risk_assessment_and_mitigation_strategies": strategies})
    assert [risk.description for risk in plan.risks] == ["Rain", "Wind"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", {"risks": "none"}, {"risk": []}, []])
def test_context_that_cannot_be_read_costs_a_warning(content: Any) -> None:
    plan = read_run(identify_risks_raw=content)
    assert told(plan, "unreadable-file")[0].where.startswith("identify_risks_raw.json")
    assert plan.risks == []


def test_targets_are_read() -> None:
    plan = read_run(targets=[{"metric": "calls", "target": 5}, {"metric": "usd", "target": 9.5}])
    assert plan.targets == [Target("calls", 5), Target("usd", 9.5)]
    assert told(plan, "unreadable-file") == []


@pytest.mark.parametrize("content", [b"{", {}, [{"metric": " ", "target": 1}], [{"metric": "a"}]])
def test_targets_that_cannot_be_read_cost_a_warning(content: Any) -> None:
    plan = read_run(targets=content)
    assert told(plan, "unreadable-file")[0].where.startswith("targets.json")
    assert plan.targets == []


@pytest.mark.parametrize("stem", ["redline_gate", "redline_gate_raw"])
def test_redline_verdict_is_kept(stem: str) -> None:
    plan = read_run(**{stem: {"verdict": "REFUSE", "rationale_short": "no"}})
    assert plan.gates.refusals == ["redline"]


def test_recommendation_is_kept_in_its_own_words() -> None:
    words = "Do Not Execute. Not feasible."
    plan = read_run(pre_project_assessment={"go_no_go_recommendation": words})
    assert plan.gates.go_no_go == words
    assert plan.gates.refusals == ["go_no_go"]


@pytest.mark.parametrize("content", [b"{", {"verdict": 1}, {"verdict": []}, []])
def test_gate_that_cannot_be_read_is_not_taken_for_an_open_one(content: Any) -> None:
    with pytest.raises(InvalidPlan, match=r"redline_gate\.json"):
        read_run(redline_gate=content)


@pytest.mark.parametrize("content", [{"verdict": None}, {}])
def test_gate_that_says_nothing_is_told(content: Any) -> None:
    plan = read_run(redline_gate=content)
    assert plan.gates.redline is None
    assert told(plan, "silent-gate")[0].where == "redline_gate.json"
