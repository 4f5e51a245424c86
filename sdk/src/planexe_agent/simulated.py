"""An agent that performs anything, in appearance: for demonstrations and tests.

Run it with ``python -m planexe_agent.simulated --url URL --key KEY``.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
from typing import TYPE_CHECKING, Any

from planexe_agent.actions import ANY
from planexe_agent.agent import Agent
from planexe_agent.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planexe_agent.task import Task

_LEAST_SECONDS, _MOST_SECONDS = 2.0, 20.0
_SHOWN_FROM_SECONDS = 1.0
_STOP_SECONDS = 3.0


class SimulatedWork:
    """Pretends to work: takes its time and says that all is done.

    Args:
        speed: How many simulated seconds pass in a real one.
        seed: The same seed gives each task the same duration again.
    """

    def __init__(self, speed: float = 1.0, seed: int = 0) -> None:
        self._speed = speed
        self._seed = seed

    def perform(self, task: Task) -> dict[str, Any]:
        """Take the task's time, show progress half-way where that is long, and give a result.

        Ends early, with its result, when the agent is to stop: no real work is lost.
        """
        seconds = self.duration_seconds(task.task_id)
        real_seconds = seconds / self._speed
        if real_seconds > _SHOWN_FROM_SECONDS:
            task.wait(real_seconds / 2)
            task.progress(50, f"Half-way: {task.title}")
            real_seconds /= 2
        task.wait(real_seconds)
        summary = f"{task.title or task.action}: done in {seconds:.0f} simulated seconds."
        return {"summary": summary, "simulated": True}

    def duration_seconds(self, task_id: str) -> float:
        """Tell how many simulated seconds a task takes: 2 to 20."""
        draw = random.Random(f"{self._seed}:{task_id}")  # noqa: S311 - a simulation, no secret
        return draw.uniform(_LEAST_SECONDS, _MOST_SECONDS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the simulated agent until it is told to stop."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else one line per request
    agent = Agent(
        options.url,
        options.key,
        agent_id=options.agent_id,
        name=options.name,
        max_concurrent_tasks=options.slots,
        instance=options.instance,
        outbox=options.outbox,
        stop_seconds=_STOP_SECONDS,
    )
    work = SimulatedWork(options.speed, options.seed)
    agent.action(ANY, params=[], description="Simulated: performs anything in appearance only.")(
        work.perform
    )
    try:
        agent.run()
    except (AgentError, ValueError) as error:
        raise SystemExit(f"simulated agent: {error}") from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="planexe_agent.simulated", description=__doc__)
    parser.add_argument("--url", required=True, help="the server's address")
    parser.add_argument(
        "--key",
        default=os.environ.get("PLANEXE_KEY", ""),
        help="user key or agent key (default: the environment's PLANEXE_KEY)",
    )
    parser.add_argument("--agent-id", default="simulated")
    parser.add_argument("--name", default="Simulated agent")
    parser.add_argument("--speed", type=_positive, default=1.0, help="time factor (default 1)")
    parser.add_argument("--instance", help="a stable name resumes the leases after a restart")
    parser.add_argument("--outbox", help="a file to keep results in (default: none is kept)")
    parser.add_argument("--slots", type=int, default=4, help="tasks at once (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the durations")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        message = "must be above 0"
        raise argparse.ArgumentTypeError(message)
    return number


if __name__ == "__main__":
    main()
