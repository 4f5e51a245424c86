"""Gates and the order of tasks in a plan."""

import pytest

from app.domain.plan import Gates, Phase, Plan, Task


@pytest.mark.parametrize(
    ("gates", "refusals"),
    [
        (Gates(), []),
        (Gates(redline="ALLOW", go_no_go="Execute"), []),
        (Gates(redline="ALLOW_WITH_SAFETY_FRAMING"), []),
        (Gates(redline=" refuse "), ["redline"]),
        (Gates(go_no_go="Do Not Execute (yet)"), ["go_no_go"]),
        (Gates(go_no_go=" No Go "), ["go_no_go"]),
        (Gates(go_no_go="NO-GO"), ["go_no_go"]),
        (Gates(go_no_go="No gold was found"), []),
        (Gates(redline="REFUSE", go_no_go="no go"), ["redline", "go_no_go"]),
    ],
)
def test_gates_refuse_only_in_clear_words(gates: Gates, refusals: list[str]) -> None:
    assert gates.refusals == refusals


def test_tasks_stand_in_written_order_over_all_phases() -> None:
    phases = [Phase("p", "P", [Task("b", "B"), Task("a", "A")]), Phase("q", "Q", [Task("c", "C")])]
    assert [task.task_id for task in Plan("plan", "Plan", phases).tasks] == ["b", "a", "c"]
