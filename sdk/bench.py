"""Measures the SDK against a real server: ``python sdk/bench.py`` starts one, ``--url`` takes one.

``idle``: memory and CPU of one process in which many agents wait for work. ``outbox``: what keeping
results on disk costs, as a ratio of two runs of no-op tasks beside each other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from planexe_agent import Agent, AsyncAgent, run_all

if TYPE_CHECKING:
    from collections.abc import Generator

PROJECT = Path(__file__).parents[1]
CHAIN = 20
POLL_SECONDS = 50
STARTED_SECONDS = 120


class Server:
    """What the benchmark needs of a server besides agents."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call the API."""
        answer = self._http.request(method, path, json=body or None)
        answer.raise_for_status()
        return answer.json()

    def start_chains(self, agent_id: str, chains: int) -> list[str]:
        """Start executions of one chain of no-op subtasks each."""
        steps = [{"title": f"Step {number}", "action": "noop"} for number in range(CHAIN)]
        phases = [{"name": "Bench", "tasks": [{"title": "Chain", "subtasks": steps}]}]
        plan_id = self.call("POST", "/api/plans", title="Bench", phases=phases)["plan_id"]
        until(lambda: self.call("GET", f"/api/plans/{plan_id}")["status"] == "READY")
        wanted = {"plan_id": plan_id, "agent_id": agent_id}
        return [
            self.call("POST", "/api/executions", **wanted)["execution_id"] for _ in range(chains)
        ]

    def are_done(self, executions: list[str]) -> bool:
        """Tell whether executions are complete."""
        while executions:
            if self.call("GET", f"/api/executions/{executions[-1]}")["status"] != "COMPLETED":
                return False
            executions.pop()
        return True


def until(holds: Any, seconds: float = 60) -> None:
    """Look again and again until something holds."""
    ends_at = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends_at:
            raise SystemExit(f"not within {seconds} seconds")
        time.sleep(0.01)


async def idle(server: Server, count: int, seconds: float) -> None:
    """Print what waiting agents cost."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    before = memory_bytes()
    agents = [
        AsyncAgent(
            server.url, server.key, agent_id=f"idle-{number}", outbox=None, poll_seconds=seconds
        )
        for number in range(count)
    ]
    for agent in agents:
        agent.action("noop")(_noop_async)
    running = asyncio.ensure_future(run_all(agents))
    began = time.monotonic()
    while server_connections() < count and not running.done():
        await asyncio.sleep(0.1)
        if time.monotonic() - began > STARTED_SECONDS:
            raise SystemExit(f"only {server_connections()} of {count} agents wait")
    took, used = time.monotonic() - began, time.process_time()
    print(f"{count} agents wait after {took:.1f} s, {used:.1f} s of them computing")
    spent = time.process_time()
    await asyncio.sleep(seconds)  # Each agent's poll ends once in that time.
    poll_seconds = (time.process_time() - spent) / count
    memory = memory_bytes()
    print(f"memory: {memory / 2**20:.0f} MiB, {(memory - before) / count / 1024:.1f} KiB per agent")
    share = poll_seconds * count / POLL_SECONDS
    print(
        f"CPU: {poll_seconds * 1000:.2f} ms a poll; {share:.1%} of a core at {POLL_SECONDS} s each"
    )
    for agent in agents:
        agent.stop()
    await running


def _noop(_task: object) -> None:
    """Do nothing."""


async def _noop_async(_task: object) -> None:
    """Do nothing."""


def server_connections() -> int:
    """Count the sockets of this process."""
    folder = Path("/proc/self/fd")
    found = 0
    for each in folder.iterdir():
        with contextlib.suppress(OSError):
            found += str(each.readlink()).startswith("socket:")
    return found


def memory_bytes() -> int:
    """Tell how much memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def outbox(server: Server, chains: int, slots: int, rounds: int) -> None:
    """Print what the outbox costs; both ways take turns, since the machine may change its pace."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds * 2):
            kept = bool(turn % 2)
            path = Path(folder) / "outbox.db" if kept else None
            rates[kept].append(chain_rate(server, path, chains, slots))
    without, with_it = statistics.median(rates[False]), statistics.median(rates[True])
    print(f"{slots} slots, without: {without:.0f} tasks/s, with outbox: {with_it:.0f} tasks/s")
    print(
        f"ratio {with_it / without:.2f}; {1000 * slots * (1 / with_it - 1 / without):.2f} ms a task"
    )


def chain_rate(server: Server, path: Path | None, chains: int, slots: int) -> float:
    """Perform chains of no-op tasks; give tasks per second."""
    agent_id = f"bench-{os.getpid()}-{slots}"
    agent = Agent(
        server.url, server.key, agent_id=agent_id, max_concurrent_tasks=slots, outbox=path
    )
    agent.action("noop")(_noop)
    with contextlib.suppress(httpx.HTTPStatusError):
        fields = {"capabilities": ["noop"], "max_concurrent_tasks": slots}
        server.call("POST", "/api/agents", agent_id=agent_id, name="Bench", **fields)
    executions = server.start_chains(agent_id, chains)
    thread = threading.Thread(target=agent.run)
    began = time.monotonic()
    thread.start()
    until(lambda: server.are_done(executions))
    rate = chains * CHAIN / (time.monotonic() - began)
    agent.stop()
    thread.join()
    return rate


@contextlib.contextmanager
def serving() -> Generator[Server, None, None]:
    """Start a server of our own, with data of its own."""
    with tempfile.TemporaryDirectory(prefix="planexe-bench-") as folder:
        Path(folder).chmod(0o711)
        ready = Path(folder) / "ready.json"
        words = ["up", "--agent", "none", "--port", "0", "--data-dir", f"{folder}/data"]
        command = [sys.executable, "-m", "app.cli", *words, "--ready-file", str(ready)]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)
        try:
            until(ready.exists, STARTED_SECONDS)
            told = json.loads(ready.read_text())
            yield Server(told["url"], told["user_key"])
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["idle", "outbox"])
    parser.add_argument("--url", help="a running server (default: one is started)")
    parser.add_argument("--key", default=os.environ.get("PLANEXE_KEY", ""), help="a user key")
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chosen = contextlib.nullcontext(Server(options.url, options.key)) if options.url else serving()
    with chosen as server:
        if options.what == "idle":
            asyncio.run(idle(server, options.agents, options.seconds))
        else:
            outbox(server, options.chains, options.slots, options.rounds)


if __name__ == "__main__":
    main()
