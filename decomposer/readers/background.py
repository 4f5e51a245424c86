"""What comes along with a run: goal, risks, roles, documents, gates, start time.

Context helps people, agents and models, so a bad file costs a warning, not the plan. The gates
are another matter: a gate that cannot be read must not look like a gate that is not there.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

import msgspec

from app.domain.errors import InvalidPlan
from app.domain.plan import Gates, Risk, Target
from decomposer.readers.findings import Findings
from decomposer.readers.names import Role
from decomposer.readers.shapes import convert, decode_json

T = TypeVar("T")

# How the file was made, not what it says; prompts repeat other files at length.
_MAKING = ("metadata", "query", "system_prompt", "user_prompt")


class RiskStrategies(msgspec.Struct):
    """Risks as the project plan lists them, without a link to their mitigation."""

    key_risks: list[str] | None = None
    diverse_risks: list[str] | None = None


class ProjectPlan(msgspec.Struct):
    """The fields of ``project_plan_raw.json`` that have a place in a plan."""

    goal_statement: str | None = None
    risk_assessment_and_mitigation_strategies: RiskStrategies | None = None


class RiskRow(msgspec.Struct):
    """One identified risk."""

    risk_description: str | None = None
    action: str | None = None


class RiskFile(msgspec.Struct):
    """``identify_risks_raw.json``."""

    risks: list[RiskRow]


class TeamRow(msgspec.Struct):
    """A team member; its category is the role."""

    category: str | None = None


class RedlineFile(msgspec.Struct):
    """``redline_gate.json``."""

    verdict: str | None = None


class GoNoGoFile(msgspec.Struct):
    """``pre_project_assessment.json``."""

    go_no_go_recommendation: str | None = None


class StartFile(msgspec.Struct):
    """``start_time.json``; the second name is the older one."""

    server_iso_utc: str | None = None
    utc_timestamp: str | None = None


class TargetRow(msgspec.Struct):
    """One number to reach, in ``targets.json``: a file of ours, PlanExe writes none."""

    metric: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=100)]
    target: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
    unit: Annotated[str, msgspec.Meta(max_length=100)] | None = None


_TARGETS = cast("type[list[TargetRow]]", Annotated[list[TargetRow], msgspec.Meta(max_length=100)])


class Background(msgspec.Struct):
    """All of it, as a plan takes it."""

    goal: str = ""
    risks: list[Risk] = []
    roles_required: list[str] = []
    gates: Gates = Gates()
    targets: list[Target] = []
    context: dict[str, Any] = {}


def read_background(files: Mapping[Role, bytes], findings: Findings) -> Background:
    """Read what there is; faults are noted for the gates alone."""
    documents = {role: _document(files, role, findings) for role in _CONTEXT if role in files}
    context = {name: documents[role] for role, name in _CONTEXT.items() if documents.get(role)}
    project = _typed(documents, Role.PROJECT_PLAN, ProjectPlan, findings) or ProjectPlan()
    team = _typed(documents, Role.TEAM, list[TeamRow], findings) or []
    targets = _typed(documents, Role.TARGETS, _TARGETS, findings) or []
    start = _typed(documents, Role.START, StartFile, findings) or StartFile()
    if moment := start.server_iso_utc or start.utc_timestamp:
        context["start_time"] = moment
    return Background(
        goal=project.goal_statement or "",
        risks=_risks(_typed(documents, Role.RISKS, RiskFile, findings), project),
        roles_required=list(dict.fromkeys(row.category for row in team if row.category)),
        gates=read_gates(files, findings),
        targets=[Target(row.metric, row.target, row.unit or "") for row in targets],
        context=context,
    )


_CONTEXT = {
    Role.PROJECT_PLAN: "project_plan",
    Role.RISKS: "risks",
    Role.TEAM: "team",
    Role.TO_CREATE: "documents_to_create",
    Role.TO_FIND: "documents_to_find",
    Role.START: "start_time",
    Role.TARGETS: "targets",
}


def _document(files: Mapping[Role, bytes], role: Role, findings: Findings) -> Any:
    try:
        document = decode_json(files[role], role, findings)
    except InvalidPlan as error:
        findings.demote(error.faults, "unreadable-file")
        return None
    if isinstance(document, dict):
        fields = cast("dict[str, object]", document)
        return {name: value for name, value in fields.items() if name not in _MAKING}
    return document


def _typed(
    documents: Mapping[Role, Any], role: Role, shape: type[T], findings: Findings
) -> T | None:
    if documents.get(role) is None:
        return None
    attempt = Findings()
    typed = convert(documents[role], shape, role, attempt)
    findings.demote(attempt.faults, "unreadable-file")
    return typed


def _risks(file: RiskFile | None, project: ProjectPlan) -> list[Risk]:
    rows = file.risks if file else []
    told = [(row.risk_description, row.action or "") for row in rows]
    listed = project.risk_assessment_and_mitigation_strategies or RiskStrategies()
    if not told:
        told = [(text, "") for text in [*(listed.key_risks or []), *(listed.diverse_risks or [])]]
    return [
        Risk(f"risk_{number}", text, mitigation)
        for number, (text, mitigation) in enumerate(told, 1)
        if text
    ]


def read_gates(files: Mapping[Role, bytes], findings: Findings) -> Gates:
    """Read what the plan's own tools say about starting it; a file that says nothing is told.

    Raises:
        InvalidPlan: A gate file is there and is no JSON.
    """
    redline = _gate(files, Role.REDLINE, RedlineFile, findings)
    go_no_go = _gate(files, Role.GO_NO_GO, GoNoGoFile, findings)
    gates = Gates(
        redline=redline.verdict if redline else None,
        go_no_go=go_no_go.go_no_go_recommendation if go_no_go else None,
    )
    for role, said in ((Role.REDLINE, gates.redline), (Role.GO_NO_GO, gates.go_no_go)):
        if role in files and said is None:
            findings.warn("silent-gate", "The file is there and holds no verdict.", role)
    return gates


def _gate(files: Mapping[Role, bytes], role: Role, shape: type[T], findings: Findings) -> T | None:
    if role not in files:
        return None
    return convert(decode_json(files[role], role, findings), shape, role, findings)
