"""The worker's HTTP interface: a run is a folder on it and a process that fills the folder."""

from typing import Any, Final

from app.planexe.connection import Connection
from app.planexe.errors import SourceRefused
from app.planexe.source import Progress, Stage

_FRESH_SECONDS: Final = 600.0
"""A run whose process is not known (the worker was restarted) counts as alive for that long."""


class Worker:
    """Plans from a worker. ``model`` is the worker's name of a model, or ``auto``."""

    def __init__(self, connection: Connection, model: str) -> None:
        self._connection = connection
        self._model = model

    def begin(self, prompt: str) -> str:
        """Start a run with an id that is a UUID."""
        request = {
            "submit_or_retry": "submit",
            "plan_prompt": prompt,
            "llm_model": self._model,
            "speed_vs_detail": "all_details_but_slow",
            "use_uuid_as_run_id": True,
        }
        run_id = self._connection.json("POST", "/runs", request).get("run_id")
        if not isinstance(run_id, str) or not run_id:
            raise SourceRefused("The PlanExe worker began a run and named no id.")
        return run_id

    def progress(self, run_id: str) -> Progress:
        """Tell how far a run is: complete where its last file is there."""
        told = self._connection.json("GET", f"/runs/{run_id}")
        if not told.get("run_dir_exists", True):
            return Progress(Stage.FAILED, "the worker has no such run")
        if told.get("pipeline_complete") is True:
            return Progress(Stage.COMPLETED)
        if told.get("running") is True or _is_fresh(told):
            return Progress(Stage.WORKING, "the worker is writing")
        stopped = "was stopped" if told.get("stop_requested") else "ended before it was complete"
        return Progress(Stage.FAILED, f"the run {stopped} (exit code {told.get('returncode')})")

    def archive(self, run_id: str, limit: int) -> bytes:
        """Fetch the zip of a run."""
        return self._connection.download(f"/runs/{run_id}/zip", limit)


def _is_fresh(told: dict[str, Any]) -> bool:
    age = told.get("last_update_seconds_ago")
    unknown = told.get("pid") is None and told.get("returncode") is None
    return unknown and isinstance(age, int | float) and age < _FRESH_SECONDS
