"""What a task or subtask asks for."""

import pytest

from app.domain.errors import NotFound
from app.services import Services

from ..stage import Stage


def test_item_tells_what_it_asks_for_and_what_stands_around_it(
    services: Services, stage: Stage
) -> None:
    execution_id = stage.execution(stage.agent())

    step = services.items.get(stage.workspace_id, execution_id, "t0s1")
    task = services.items.get(stage.workspace_id, execution_id, "t1")

    assert (step["action"], step["task_id"]) == ("noop", "t0")
    assert [one["item_id"] for one in step["after"]] == ["t0s0"]
    assert [one["item_id"] for one in task["after"]] == ["t0"]
    assert task["title"]
    for unknown in ("nonsense", ""):
        with pytest.raises(NotFound):
            services.items.get(stage.workspace_id, execution_id, unknown)
