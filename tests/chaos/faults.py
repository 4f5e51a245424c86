"""The faults: what each does to the site, and undoes, within its time."""

import contextlib
import math
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from app.embedded.ports import free_port
from tests.chaos import proof
from tests.chaos.processes import children, frozen, send, tree
from tests.chaos.site import Site, until

PROCESSES: Final = ("web", "worker", "clock", "desk", "redis", "postgres")
_APART_SECONDS: Final = 120
_FSYNC_DELAY_US: Final = 100_000
_PULSE_SECONDS: Final = 0.1
_TAKE_AGAIN_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    ``hold_s`` is how long it lasts where it does not end by itself, ``shortest_s`` in short runs;
    ``around_s`` is about what it takes besides.
    """

    name: str
    do: Callable[[Site, random.Random, float], None]
    hold_s: float = 0
    shortest_s: float = 0
    around_s: float = 3
    in_short_runs: bool = True


def kill_together(site: Site, chance: random.Random, _hold_s: float) -> None:
    """Kill two to five processes in the same moment."""
    site.kill(*chance.sample(PROCESSES, chance.randint(2, 5)))


def kill_supervisor(site: Site, _chance: random.Random, _hold_s: float) -> None:
    """Kill the supervisor alone: all others notice, and end."""
    site.kill_supervisor()


def cut_power(site: Site, _chance: random.Random, _hold_s: float) -> None:
    """Kill everything in the same moment."""
    site.kill_supervisor(everything=True)


def kill_one_of_the_web(site: Site, chance: random.Random, _hold_s: float) -> None:
    """Kill one of the web's processes; gunicorn starts another."""
    send(signal.SIGKILL, [chance.choice(_web_processes(site))])


def stop(name: str) -> Callable[[Site, random.Random, float], None]:
    """Make the fault that leaves a server stopped: connections are refused."""

    def stop_it(site: Site, _chance: random.Random, hold_s: float) -> None:
        with site.unsupervised():
            site.kill(name)
            time.sleep(hold_s)

    return stop_it


def fill_pool(site: Site, _chance: random.Random, hold_s: float) -> None:
    """Take every connection that PostgreSQL gives, also those that get free meanwhile."""
    taken: list[psycopg.Connection[Any]] = []
    deadline = time.monotonic() + hold_s
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            taken.append(psycopg.connect(site.addresses["database_url"], connect_timeout=5))
            continue
        time.sleep(_TAKE_AGAIN_SECONDS)
    for one in taken:
        one.close()


def slow_disk(site: Site, _chance: random.Random, hold_s: float) -> None:
    """Delay every fsync of both servers; without strace they are frozen in pulses instead."""
    servers = [*tree(site.pid("redis")), *tree(site.pid("postgres"))]
    if may_trace():
        with _traced(servers):
            time.sleep(hold_s)
        return
    deadline = time.monotonic() + hold_s
    while time.monotonic() < deadline:
        with frozen(servers):
            time.sleep(_PULSE_SECONDS)
        time.sleep(_PULSE_SECONDS)


def freeze_worker(site: Site, _chance: random.Random, hold_s: float) -> None:
    """Freeze the worker with whatever it holds; another goes on, until it wakes."""
    site.start_extra("worker")
    with frozen([site.pid("worker")]):
        time.sleep(hold_s)
    site.end_extra()


def freeze_one_of_the_web(site: Site, chance: random.Random, hold_s: float) -> None:
    """Freeze one of the web's processes with the requests it has."""
    with frozen([chance.choice(_web_processes(site))]):
        time.sleep(hold_s)


def set_clocks_back(site: Site, _chance: random.Random, hold_s: float) -> None:
    """Run a web, a worker and a clock that are minutes apart: the web behind, the worker ahead."""
    _clocks_apart(site, -1, hold_s)


def set_clocks_forward(site: Site, _chance: random.Random, hold_s: float) -> None:
    """The same the other way round: what the web sets a time for comes minutes late."""
    _clocks_apart(site, 1, hold_s)


def _clocks_apart(site: Site, sign: float, hold_s: float) -> None:
    apart_s = math.copysign(_APART_SECONDS, sign)
    port = free_port()
    shown = {"PLANEXE_PORT": str(port), "PLANEXE_WEB_PROCESSES": "1"}
    master = site.start_extra("web", apart_s, **shown)
    site.start_extra("worker", -apart_s)
    site.start_extra("clock", apart_s)
    until("the other web has a process", lambda: children(master))
    site.urls.append(f"http://127.0.0.1:{port}")
    time.sleep(hold_s / 2)
    # Half of the time only the others work: nothing may rest on clocks that agree.
    with frozen([site.pid("worker")]):
        before = recorded(site)
        until("the others record what happens", lambda: recorded(site) > before or idle(site))
        time.sleep(hold_s / 2)
    site.end_extra()


def may_trace() -> bool:
    """Tell whether fsync can be delayed here: by strace, which must be allowed to attach."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    with subprocess.Popen(["sleep", "60"]) as probe:
        tried = subprocess.Popen(
            [strace, "-qq", "-e", "trace=fsync", "-p", str(probe.pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            tried.wait(0.5)
        except subprocess.TimeoutExpired:
            tried.terminate()
            tried.wait()
            return True
        finally:
            probe.kill()
    return False


@contextlib.contextmanager
def _traced(pids: list[int]) -> Generator[None]:
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]
    command += ["-e", f"inject=fsync,fdatasync:delay_enter={_FSYNC_DELAY_US}"]
    command += [word for pid in pids for word in ("-p", str(pid))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as strace:
        try:
            yield
        finally:
            strace.terminate()


def recorded(site: Site) -> int:
    """Count the events that PostgreSQL holds."""
    with psycopg.connect(site.addresses["database_url"]) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM execution_events").fetchall()
    return int(count)


def idle(site: Site) -> bool:
    """Tell whether nothing goes on that could be recorded: plans may all be waiting."""
    return not proof.unfinished(site)


def _web_processes(site: Site) -> list[int]:
    master = site.pid("web")
    until("the web has processes", lambda: children(master))
    return children(master)


def _kill(name: str) -> Fault:
    return Fault(
        f"kill {name}",
        lambda site, _chance, _hold_s: site.kill(name),
        in_short_runs=name in ("web", "redis"),
    )


FAULTS: Final = (
    *map(_kill, PROCESSES),
    Fault("kill one of the web", kill_one_of_the_web, in_short_runs=False),
    Fault("kill several", kill_together),
    Fault("kill supervisor", kill_supervisor, around_s=9, in_short_runs=False),
    Fault("power cut", cut_power, around_s=9),
    Fault("stop postgres", stop("postgres"), 60, 4),
    Fault("stop redis", stop("redis"), 20, 3),
    Fault("full pool", fill_pool, 20, 3),
    Fault("slow disk", slow_disk, 20, 3),
    Fault("freeze worker", freeze_worker, 25, 3),
    Fault("freeze one of the web", freeze_one_of_the_web, 15, 2, in_short_runs=False),
    Fault("clocks back", set_clocks_back, 30, 4, around_s=8),
    Fault("clocks forward", set_clocks_forward, 30, 4, around_s=8, in_short_runs=False),
)
"""Every kind, in no order."""
