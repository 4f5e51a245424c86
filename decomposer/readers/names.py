"""Which files of a PlanExe run are read, found by the stem of their names.

The prefix of a name moved from month to month and went away in April 2026, and fixtures put the
plan's name before the stem; the stem is all that can be relied on.
"""

import enum
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from app.domain.errors import Fault, InvalidPlan
from decomposer.readers.findings import Findings


class Role(enum.StrEnum):
    """What a file of a run holds; the value is its stem, as shown in faults and warnings."""

    LEVEL1 = "wbs_level1.json"
    TITLE = "wbs_level1_project_title.json"
    LEVEL2 = "wbs_level2.json"
    LEVEL3 = "wbs_level3.json"
    TREE = "wbs_project_level1_and_level2_and_level3.json"
    SMALL_TREE = "wbs_project_level1_and_level2.json"
    DEPENDENCIES = "task_dependencies_raw.json"
    DURATIONS = "task_durations.json"
    PROJECT_PLAN = "project_plan_raw.json"
    RISKS = "identify_risks_raw.json"
    TEAM = "enrich_team_members_environment_info.json"
    TO_CREATE = "draft_documents_to_create.json"
    TO_FIND = "draft_documents_to_find.json"
    REDLINE = "redline_gate.json"
    GO_NO_GO = "pre_project_assessment.json"
    START = "start_time.json"
    TARGETS = "targets.json"
    REPORT = "report.html"
    TABLE = "wbs_project_level1_and_level2_and_level3.csv"


STRUCTURE = (Role.LEVEL2, Role.TREE, Role.SMALL_TREE)
"""One of these should be there."""

STRUCTURE_ELSE = (Role.REPORT, Role.TABLE)
"""Else one of these, which are not read where one of those is there."""

_OTHER_STEMS = {
    "wbs_project.json": Role.TREE,
    "task_dependencies.json": Role.DEPENDENCIES,
    "project_plan.json": Role.PROJECT_PLAN,
    "identify_risks.json": Role.RISKS,
    "roles_list.json": Role.TEAM,
    "redline_gate_raw.json": Role.REDLINE,
    "pre_project_assessment_raw.json": Role.GO_NO_GO,
}
_STEMS = {role.value: role for role in Role} | _OTHER_STEMS
_PREFIX = re.compile(r"^\d{3}-(?:\d+-)*(?=[a-z])")
_SEPARATOR = re.compile(r"[_-]")


def match(name: str) -> tuple[Role, int] | None:
    """Tell a file's role by its base name, and how roughly it matched.

    0 is the stem itself, 1 another stem of the same content, 2 and 3 the same behind a plan's
    name (``solarfarm_wbs_level3.json``).
    """
    stem = _PREFIX.sub("", name.lower())
    if stem in _STEMS:
        return _STEMS[stem], int(stem in _OTHER_STEMS)
    for separator in _SEPARATOR.finditer(stem):
        rest = stem[separator.end() :]
        if rest in _STEMS:
            return _STEMS[rest], 2 + int(rest in _OTHER_STEMS)
    return None


def select(paths: Iterable[str], source: str, findings: Findings) -> dict[Role, str]:
    """Choose the files of the one run among paths with ``/``, at the root or in one folder.

    Raises:
        InvalidPlan: There is no run, or there are several.
    """
    folders: dict[str, dict[Role, list[tuple[int, str]]]] = {}
    for path in paths:
        pure = PurePosixPath(path)
        found = None if _is_clutter(pure) else match(pure.name)
        if found:
            role, rank = found
            roles = folders.setdefault(str(pure.parent), {})
            roles.setdefault(role, []).append((rank, path))
    chosen = folders[_run_folder(folders, source)]
    if chosen.keys() & {*STRUCTURE}:
        chosen = {role: found for role, found in chosen.items() if role not in STRUCTURE_ELSE}
    return {role: _best(role, candidates, findings) for role, candidates in chosen.items()}


def _is_clutter(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _run_folder(folders: dict[str, dict[Role, list[tuple[int, str]]]], source: str) -> str:
    runs = _holding(folders, STRUCTURE) or _holding(folders, STRUCTURE_ELSE)
    if not runs:
        wanted = " nor ".join(role.value for role in (Role.LEVEL2, Role.TREE))
        message = f"holds no work breakdown: neither {wanted}"
        raise InvalidPlan(f"{source} {message}.", [Fault(source, message)])
    depth = min(len(PurePosixPath(folder).parts) for folder in runs)
    outermost = sorted(run for run in runs if len(PurePosixPath(run).parts) == depth)
    if len(outermost) > 1:
        message = f"holds several runs: {', '.join(outermost)}. Send one"
        raise InvalidPlan(f"{source} {message}.", [Fault(run, "a run") for run in outermost])
    return outermost[0]


def _holding(
    folders: dict[str, dict[Role, list[tuple[int, str]]]], wanted: Iterable[Role]
) -> list[str]:
    return [folder for folder, roles in folders.items() if roles.keys() & {*wanted}]


def _best(role: Role, candidates: list[tuple[int, str]], findings: Findings) -> str:
    ordered = [path for _, path in sorted(candidates)]
    same_stem = [path for rank, path in candidates if rank == min(candidates)[0]]
    if len(same_stem) > 1:
        names = ", ".join(PurePosixPath(path).name for path in ordered)
        findings.warn("ambiguous-file", "Several files fit; the first was read.", role, names)
    return ordered[0]
