"""What services ask workers to do. ``workers`` carries it out through Dramatiq."""

from typing import Protocol


class Jobs(Protocol):
    """Hands work to the workers; returns at once."""

    def decompose(self, workspace_id: str, plan_id: str, version: int) -> None:
        """Have every task of a plan broken down as this version."""
        ...

    def decompose_task(self, workspace_id: str, plan_id: str, version: int, task_id: str) -> None:
        """Have a model break one task of a plan down as this version."""
        ...

    def answer_inquiry(self, workspace_id: str, inquiry_id: str) -> None:
        """Have a model answer an agent's inquiry."""
        ...

    def fetch(self, workspace_id: str, plan_id: str, delay_seconds: float) -> None:
        """Have the next step of an import taken, after a delay."""
        ...
