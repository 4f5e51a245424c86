"""What to paste to start an agent: in Python with the SDK, and as a loop around curl."""

import json
import keyword
import re
from typing import Final

from app.dashboard.ports import Wire

_TAKEN: Final = frozenset({"agent", "os"})
_NO_NAME: Final = re.compile(r"\W+|^(?=\d)")


def python_snippet(url: str, agent: Wire) -> str:
    """Give an agent of the SDK that performs each of its actions."""
    actions = "\n\n\n".join(
        f"@agent.action({json.dumps(action)})\n"
        f"def {_function(action, number)}(task):\n"
        "    ...  # do it; what you return is kept as the result\n"
        '    return {"done": True}'
        for number, action in enumerate(_actions(agent), 1)
    )
    slots = agent["max_concurrent_tasks"]
    many = f", max_concurrent_tasks={slots}" if slots > 1 else ""
    return f"""# pip install planexe-agent
import os
from planexe_agent import Agent

agent = Agent({json.dumps(url)}, key=os.environ["PLANEXE_KEY"],
              agent_id={json.dumps(agent["agent_id"])}{many})


{actions}

agent.run()
"""


def curl_snippet(url: str, agent: Wire) -> str:
    """Give a loop that asks for work and reports it as complete; it needs jq."""
    work = f"{url}/api/agents/{agent['agent_id']}/work?wait=50"
    return f"""call() {{ curl -sS -H "Authorization: Bearer $PLANEXE_KEY" "$@"; }}

while true; do
  work=$(call "{work}")
  [ -n "$work" ] || continue
  echo "$work" | jq -r .next_task.title

  # Do it here. Then say that it is done:
  echo "$work" |
    jq '.next_task | {{event_type: "task_complete", task_id, lease_token}}' |
    call -H "Content-Type: application/json" -d @- \\
      "{url}/api/executions/$(echo "$work" | jq -r .execution_id)/events"
done
"""


def _actions(agent: Wire) -> list[str]:
    return [str(capability["action"]) for capability in agent["capabilities"]]


def _function(action: str, number: int) -> str:
    if action == "*":
        return "perform"
    name = _NO_NAME.sub("_", action).strip("_").lower()
    is_free = name.isidentifier() and not keyword.iskeyword(name) and name not in _TAKEN
    return name if is_free else f"action_{number}"
