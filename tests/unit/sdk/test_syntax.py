"""What the SDK promises of itself: the oldest Python it runs on, and one dependency."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import planexe_agent
import pytest

FOLDER = Path(planexe_agent.__file__).parent
FILES = sorted(FOLDER.glob("*.py"))
# Of the standard library and of dataclasses, what came after Python 3.9.
TOO_NEW_NAMES = frozenset({"TaskGroup", "Runner", "ExceptionGroup", "StrEnum", "Self", "anext"})
TOO_NEW_KEYWORDS = frozenset({("zip", "strict"), ("dataclass", "slots"), ("dataclass", "kw_only")})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(), path.name, feature_version=(3, 9))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Match)
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = node.id if isinstance(node, ast.Name) else node.attr
            assert name not in TOO_NEW_NAMES
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            used = {(node.func.id, keyword.arg or "") for keyword in node.keywords}
            assert not used & TOO_NEW_KEYWORDS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_annotations_are_not_evaluated(path: Path) -> None:
    # ``X | None`` is no value in Python 3.9.
    tree = ast.parse(path.read_text())
    futures = [each for each in tree.body if isinstance(each, ast.ImportFrom)]
    names = {alias.name for each in futures if each.module == "__future__" for alias in each.names}
    has_annotations = any(isinstance(node, (ast.arg, ast.AnnAssign)) for node in ast.walk(tree))
    assert not has_annotations or "annotations" in names


def test_httpx_is_the_only_dependency() -> None:
    found: set[str] = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    assert found - sys.stdlib_module_names == {"httpx", "planexe_agent"}
