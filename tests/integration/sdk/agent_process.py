"""An agent as a process that tests kill: ``agent_process.py URL KEY FOLDER [die]``.

Each effect of an action on the world is a line in ``FOLDER/effects``. With ``die`` the process is
gone right after its first effect, before anybody could note it.
"""

import json
import os
import signal
import sys
from pathlib import Path

from planexe_agent import Agent, Backoff, Task

url, key, folder, *options = sys.argv[1:]
agent = Agent(
    url,
    key,
    agent_id="larry",
    outbox=Path(folder) / "outbox.db",
    backoff=Backoff(0.01, 0.1),
    stop_seconds=0.1,
)


@agent.action("noop")
def noop(task: Task) -> dict[str, str]:
    """Have an effect."""
    effect = {
        "task_id": task.task_id,
        "attempt": task.attempt,
        "redelivered": task.redelivered,
        "idempotency_key": task.idempotency_key,
    }
    with (Path(folder) / "effects").open("a") as effects:
        effects.write(json.dumps(effect) + "\n")
    if "die" in options:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"done": task.task_id}


agent.run()
