"""The tables of moves, and the page that draws them."""

import ast
import enum
import inspect
import itertools
import pathlib
import re
from collections.abc import Mapping, Sequence

import pytest

from app.domain import states
from app.domain.states import EXECUTION_MOVES, SUBTASK_MOVES, ExecutionStatus, SubtaskStatus

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "state-machine.md"
MACHINES = {"Execution": EXECUTION_MOVES, "Subtask": SUBTASK_MOVES}
FIRST = {"Execution": "CREATED", "Subtask": "QUEUED"}
ENUMS: dict[str, type[enum.StrEnum]] = {"Execution": ExecutionStatus, "Subtask": SubtaskStatus}

Moves = Mapping[enum.StrEnum, Sequence[enum.StrEnum]]


def section(machine: str) -> str:
    """Give the part of the page below a machine's heading."""
    return PAGE.read_text().partition(f"\n## {machine}\n")[2].partition("\n## ")[0]


def docstrings(kind: type[enum.StrEnum]) -> dict[str, str]:
    """Read the sentences below an enum's members, in one line each."""
    source = ast.parse(inspect.getsource(states))
    classes = {one.name: one.body for one in source.body if isinstance(one, ast.ClassDef)}
    body = classes[kind.__name__]
    found: dict[str, str] = {}
    for before, after in itertools.pairwise(body):
        if isinstance(before, ast.Assign) and isinstance(after, ast.Expr):
            (target,) = before.targets
            assert isinstance(target, ast.Name)
            assert isinstance(after.value, ast.Constant)
            found[target.id] = " ".join(str(after.value.value).split())
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_the_page_draws_the_table(machine: str) -> None:
    moves: Moves = MACHINES[machine]
    drawn = re.findall(r"^ +(\S+) --> (\S+)$", section(machine), re.MULTILINE)
    table = [(source.value, target.value) for source in moves for target in moves[source]]
    final = [(status.value, "[*]") for status in moves if not moves[status]]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {("[*]", FIRST[machine]), *table, *final}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_page_says_of_each_status_what_the_code_says(machine: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section(machine), re.MULTILINE)
    assert rows == list(docstrings(ENUMS[machine]).items())


@pytest.mark.parametrize("machine", MACHINES)
def test_every_status_has_a_row_and_a_docstring(machine: str) -> None:
    kind = ENUMS[machine]
    assert set(MACHINES[machine]) == set(kind)
    assert list(docstrings(kind)) == [status.value for status in kind]


@pytest.mark.parametrize("machine", MACHINES)
def test_every_status_but_the_first_can_be_entered(machine: str) -> None:
    moves: Moves = MACHINES[machine]
    entered = {target for targets in moves.values() for target in targets}
    missing = {status.value for status in moves if status not in entered}
    assert missing <= {FIRST[machine]}


def test_what_has_ended_takes_no_events() -> None:
    assert [one for one in ExecutionStatus if one.ended] == ["COMPLETED", "FAILED", "CANCELLED"]


def test_what_is_done_lets_others_go_on() -> None:
    assert [one for one in SubtaskStatus if one.done] == ["COMPLETED", "SKIPPED"]


def test_final_subtasks_have_no_moves_and_a_failed_one_waits_for_a_person() -> None:
    ended = [one for one in SubtaskStatus if one.ended]
    assert ended == ["COMPLETED", "SKIPPED", "FAILED", "CANCELLED"]
    assert [one for one in ended if SUBTASK_MOVES[one]] == ["FAILED"]
