"""Small runs made for tests, and the way to the real ones."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import InvalidPlan
from app.domain.plan import Plan, PlanWarning
from decomposer.readers import PlanSource, ReadLimits, read_plan

_BESIDE = [parent / "shared" / "plans" for parent in Path(__file__).parents]
PLANS = next((folder for folder in _BESIDE if folder.is_dir()), _BESIDE[-1])
needs_plans = pytest.mark.skipif(not PLANS.is_dir(), reason="the real plans are not here")

P1, P2, T1, T2, T3 = (f"0000000{n}-aaaa-4bbb-8ccc-123456789ab{n}" for n in range(5))
ROOT = "99999999-aaaa-4bbb-8ccc-123456789abc"


def subtask(name: str, parent: str, /, **changes: Any) -> dict[str, Any]:
    row = {"id": f"s-{name}", "name": name, "description": f"Do {name}.", "parent_id": parent}
    return row | {"resources_needed": ["Desk"]} | changes


def duration(item_id: str, days: int = 2, **changes: Any) -> dict[str, Any]:
    row = {"task_id": item_id, "delay_risks": "Rain", "mitigation_strategy": "A roof"}
    return row | {"days_min": 1, "days_realistic": days, "days_max": 9} | changes


def needs(dependent: object, *prerequisites: object, told: int | None = None) -> dict[str, Any]:
    explanations = ["because"] * (len(prerequisites) if told is None else told)
    return {
        "dependent_task_id": dependent,
        "depends_on_task_id_list": list(prerequisites),
        "depends_on_task_explanation_list": explanations,
    }


def run(**changes: Any) -> dict[str, Any]:
    """A run with nothing odd in it; a keyword is a stem, None takes the file away."""
    files: dict[str, Any] = {
        "wbs_level1": {"id": ROOT, "project_title": "Kiosk", "final_deliverable": "Open kiosk"},
        "wbs_level2": [
            {
                "id": P1,
                "major_phase_title": "Plan",
                "subtasks": [
                    {"id": T1, "description": "Find a place"},
                    {"id": T2, "description": "Get a permit"},
                ],
            },
            {
                "id": P2,
                "major_phase_title": "Build",
                "subtasks": [{"id": T3, "description": "Put it up"}],
            },
        ],
        "wbs_level3": [
            subtask("look", T1),
            subtask("ask", T1),
            subtask("apply", T2),
            subtask("hammer", T3),
        ],
        "task_dependencies_raw": {"task_dependency_details": [needs(T2, T1), needs(T3, T2)]},
        "task_durations": [duration(item, 2) for item in (P1, P2, T1, T2, T3)],
    }
    files |= changes
    return {f"{stem}.json": content for stem, content in files.items() if content is not None}


def edges(*rows: Mapping[str, Any]) -> dict[str, Any]:
    return {"task_dependency_details": list(rows)}


def encoded(content: object) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def packed(files: Mapping[str, object], folder: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, encoded(content))
    return buffer.getvalue()


def read_bytes(data: bytes, name: str = "plan.zip", **limits: Any) -> Plan:
    return read_plan(PlanSource.from_upload(name, data), ReadLimits(**limits), "plan_1")


def read_run(_limits: Mapping[str, Any] | None = None, **changes: Any) -> Plan:
    return read_bytes(packed(run(**changes)), **(_limits or {}))


def attempt(data: bytes, name: str = "plan.zip") -> Plan | InvalidPlan:
    try:
        return read_bytes(data, name)
    except InvalidPlan as error:
        return error


def read_document(document: object, **limits: Any) -> Plan:
    return read_plan(PlanSource.from_json(document), ReadLimits(**limits), "plan_1")


def told(plan: Plan, code: str) -> list[PlanWarning]:
    return [warning for warning in plan.warnings if warning.code == code]


def codes(plan: Plan) -> set[str]:
    return {warning.code for warning in plan.warnings}
