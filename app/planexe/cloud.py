"""The cloud's interface: tools called by name, each with its arguments."""

import hashlib
import json
from typing import Any, cast

from app.planexe.connection import Connection
from app.planexe.errors import SourceRefused, SourceTroubled
from app.planexe.source import Progress, Stage

_STAGES = {
    "pending": Stage.WORKING,
    "processing": Stage.WORKING,
    "completed": Stage.COMPLETED,
    "failed": Stage.FAILED,
    "stopped": Stage.FAILED,
}


class Cloud:
    """Plans from the cloud."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, prompt: str) -> str:
        """Create a plan; this costs credits."""
        plan_id = self._call("plan_create", prompt=prompt).get("plan_id")
        if not isinstance(plan_id, str) or not plan_id:
            raise SourceRefused("PlanExe created a plan and named no id.")
        return plan_id

    def progress(self, run_id: str) -> Progress:
        """Tell how far a plan is; a state that is not known counts as failed."""
        told = self._call("plan_status", plan_id=run_id)
        state = str(told.get("state"))
        stage = _STAGES.get(state, Stage.FAILED)
        if stage is Stage.FAILED:
            return Progress(stage, f"its state is {state!r}{_message(told)}")
        percent, step = told.get("progress_percentage"), told.get("current_step")
        words = [state]
        words += [f"{percent:.0f} %"] if isinstance(percent, int | float) else []
        words += [str(step)[:200]] if step else []
        return Progress(stage, ", ".join(words))

    def archive(self, run_id: str, limit: int) -> bytes:
        """Fetch the zip of a plan, and compare it with what the server says of it."""
        told = self._call("plan_file_info", plan_id=run_id, artifact="zip")
        address, size = told.get("download_url"), told.get("download_size")
        if not isinstance(address, str) or not address:
            raise SourceTroubled("PlanExe names no address for the archive yet.")
        if isinstance(size, int) and size > limit:
            raise SourceRefused(f"The archive has {size:,} bytes, allowed are {limit:,}.")
        content = self._connection.download(address, limit)
        if isinstance(size, int) and size != len(content):
            raise SourceTroubled(
                f"The archive has {len(content):,} bytes, announced were {size:,}."
            )
        found, wanted = hashlib.sha256(content).hexdigest(), told.get("sha256")
        if isinstance(wanted, str) and wanted.lower() != found:
            raise SourceTroubled(f"The archive is damaged: its SHA-256 is {found}, not {wanted}.")
        return content

    def _call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = self._connection.json(
            "POST", "/mcp/tools/call", {"tool": tool, "arguments": arguments}
        )
        told = _payload(answer, tool)
        if error := answer.get("error") or (told.get("error") if "state" not in told else None):
            raise SourceRefused(f"PlanExe refuses {tool}{_message({'error': error})}.")
        return told


def _payload(answer: dict[str, Any], tool: str) -> dict[str, Any]:
    """Take the result out of the envelope: structured, or as text in the first block."""
    structured = answer.get("structuredContent")
    if isinstance(structured, dict):
        return cast("dict[str, Any]", structured)
    try:
        document: object = json.loads(answer["content"][0]["text"])
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        if answer.get("error"):
            return {}
        raise SourceRefused(f"PlanExe answered {tool} in a form that is not known.") from error
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _message(told: dict[str, Any]) -> str:
    error = told.get("error")
    if isinstance(error, dict):
        fields = cast("dict[str, Any]", error)
        words = [str(fields[name]) for name in ("code", "message") if fields.get(name)]
        return ": " + ", ".join(words)[:500] if words else ""
    return f": {str(error)[:500]}" if error else ""
