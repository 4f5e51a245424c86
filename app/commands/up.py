"""``planexe-ax up``: servers, database, processes, plan and agent in one command."""

import argparse
import json
import os
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.commands.options import add_auto_approve, factor, path
from app.embedded.console import Console
from app.embedded.data_folder import DataFolder, write_private
from app.embedded.errors import ProgramFailed, StartError
from app.embedded.ports import require_port
from app.embedded.procfile import read_procfile
from app.embedded.program import Program
from app.embedded.servers import start_servers
from app.embedded.supervisor import Child, Stopped, Supervisor
from config.settings import PROJECT, Settings

PLANS: Final = {
    "larry": PROJECT / "examples" / "larry" / "prospecting",
    "simulated": PROJECT / "examples" / "demo_plan.json",
}
"""The plan that each agent carries out where none is given."""

USUAL_SPEED: Final = {"larry": 3600.0, "simulated": 1.0}
"""To Larry's world an hour goes by in a second."""

_READY_SECONDS: Final = 60.0
_INTERRUPTED: Final = 130


@dataclass(frozen=True)
class UpOptions:
    """What the command was asked for, apart from the settings; the agent is ``none`` for none."""

    plan: Path | None = None
    agent: str = "larry"
    once: bool = False
    fresh: bool = False
    speed: float | None = None
    auto_approve: bool = False
    ready_file: Path | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument("--plan", type=path, help="plan to carry out (default: the agent's own)")
    parser.add_argument(
        "--agent",
        choices=["larry", "simulated", "none"],
        help="agent that carries it out; none only imports the plan given (default: larry, and "
        "simulated for a plan of your own)",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="end when the plan is carried out: code 0 when COMPLETED, else the reason is told",
    )
    parser.add_argument("--port", type=int, help="port of the web server; 0 takes a free one")
    parser.add_argument("--fresh", action="store_true", help="empty the data folder before")
    parser.add_argument(
        "--speed",
        type=factor,
        help="seconds of the simulated world in a real one (default: 3600, an hour, with larry, "
        "else 1)",
    )
    add_auto_approve(parser)
    parser.add_argument(
        "--ready-file", type=path, help="file to write {url, user_key, pid} to once it serves"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do what the options ask for."""
    if options.plan and not options.plan.exists():
        raise StartError(f"There is no plan {options.plan}.")
    asked = UpOptions(
        plan=options.plan,
        agent=options.agent or ("simulated" if options.plan else "larry"),
        once=options.once,
        fresh=options.fresh,
        speed=options.speed,
        auto_approve=options.auto_approve,
        ready_file=options.ready_file,
    )
    return up(settings, asked)


def up(settings: Settings, options: UpOptions) -> int:
    """Serve until a signal asks to stop, or with ``once`` until the plan is carried out.

    Returns:
        The exit code: with ``once`` 0 only when the execution ended COMPLETED.

    Raises:
        StartError: Something cannot be started; the message says what to do.
    """
    console = Console()
    # The folder first: taking it ends what a killed run left behind, which may hold the port.
    folder = DataFolder(settings.data_dir)
    try:
        settings = replace(settings, port=require_port(settings.host, settings.port))
        with Supervisor(console, [folder.lock.descriptor]) as supervisor:
            supervisor.obey_signals()
            return _Run(settings, options, console, folder, supervisor).serve()
    except Stopped as stopped:
        console.say(f"Stopped by {stopped}.")
        return _INTERRUPTED if options.once else 0
    finally:
        if options.ready_file:
            options.ready_file.unlink(missing_ok=True)
        folder.release()


class _Run:
    """One run of the command, with what all its steps need."""

    def __init__(
        self,
        settings: Settings,
        options: UpOptions,
        console: Console,
        folder: DataFolder,
        supervisor: Supervisor,
    ) -> None:
        self._settings = settings
        self._options = options
        self._console = console
        self._folder = folder
        self._supervisor = supervisor

    def serve(self) -> int:
        """Go through all the steps, then serve."""
        self._start_servers()
        self._prepare()
        self._start_processes()
        if self._options.agent != "none":
            self._start_agent()
        order = self._order()
        if order and self._options.once:
            return self._supervisor.run(order)
        if order:
            self._supervisor.start(order, restart=False)
        self._console.say("Serving; Ctrl-C ends it.")
        while True:
            self._supervisor.pump()

    @property
    def _url(self) -> str:
        host = self._settings.host
        # What is listened on everywhere is reached here.
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
        return f"http://{shown}:{self._settings.port}"

    def _start_servers(self) -> None:
        if self._options.fresh:
            self._console.say(f"Emptying {self._folder.path}.")
            self._folder.empty()
        given = self._settings.database_url, self._settings.redis_url
        if not all(given):
            self._console.say(f"Starting the embedded servers in {self._folder.path}.")
        urls = start_servers(
            self._folder, self._supervisor, *given, redis_mib=self._settings.embedded_redis_mib
        )
        self._settings = replace(
            self._settings,
            database_url=urls.database_url,
            redis_url=urls.redis_url,
            secret_key=self._settings.secret_key or self._folder.secret("session"),
        )

    def _prepare(self) -> None:
        self._console.say("Bringing the database up to date.")
        if code := self._supervisor.run(self._command("prepare")):
            raise ProgramFailed(f"The servers cannot be used (exit code {code}); see above.")

    def _start_processes(self) -> None:
        procfile = read_procfile(PROJECT / "Procfile")
        self._console.say(f"Starting {', '.join(procfile)}.")
        children = {name: self._start(name, words) for name, words in procfile.items()}
        self._supervisor.await_ready(children["web"], self._answers, _READY_SECONDS)
        self._console.say(f"Dashboard: {self._url}/   user key: {self._folder.user_key}")
        if self._options.ready_file:
            write_private(self._options.ready_file, json.dumps(self._ready()))

    def _ready(self) -> dict[str, str | int]:
        key = self._folder.user_key
        shown = key.read_text().strip() if key.exists() else ""
        return {"url": self._url, "user_key": shown, "pid": os.getpid()}

    def _start(self, name: str, words: Sequence[str]) -> Child:
        return self._supervisor.start(Program(name, words, self._environ(), PROJECT))

    def _answers(self) -> bool:
        try:
            # Not a file: the address is of our own making. An error status raises.
            urllib.request.urlopen(f"{self._url}/healthz", timeout=0.5).close()  # noqa: S310
        except OSError:
            return False
        return True

    def _start_agent(self) -> None:
        """Start the agent, which registers itself with the user's key.

        The key goes by the environment: options can be read by every account of the machine. It is
        a client as any other: it gets its key, and none of the servers' passwords.
        """
        agent = self._options.agent
        speed = f"{self._options.speed or USUAL_SPEED[agent]:g}"
        environ = {**_tools(), "PLANEXE_KEY": self._folder.user_key.read_text().strip()}
        words = [sys.executable, "-m", "planexe_agent.simulated", "--url", self._url]
        words += ["--agent-id", agent, "--instance", agent, "--speed", speed]
        if agent == "larry":
            words = [sys.executable, "-m", "larry", "--url", self._url, "--speed", speed]
            environ = {**larry_settings(self._folder.path), **environ}
        self._supervisor.start(Program("agent", words, environ, PROJECT))

    def _order(self) -> Program | None:
        """Describe the program that carries out the plan; None where there is nothing to do."""
        with_agent = self._options.agent != "none"
        if not with_agent and self._options.plan is None:
            return None
        plan = self._options.plan or PLANS[self._options.agent]
        words = ["--url", self._url, "--plan", str(plan)]
        words += ["--agent-id", self._options.agent] if with_agent else []
        words += ["--auto-approve"] if self._options.auto_approve else []
        words += ["--give-up-blocked"] if self._options.once else []
        return self._command("execute", *words)

    def _command(self, name: str, *words: str) -> Program:
        command = [sys.executable, "-m", "app.cli", name, *words]
        return Program(name, command, self._environ(), PROJECT)

    def _environ(self) -> dict[str, str]:
        return {**_tools(), **self._settings.environ()}


def larry_settings(data_dir: Path) -> dict[str, str]:
    """Give the settings of a Larry who lives in a simulated world; the environment goes before."""
    return {
        "LARRY_WORLD": "larry.world:hill_country",
        "LARRY_WORK_DIR": str(data_dir / "larry"),
        "LARRY_INSTANCE": "larry",
        "LARRY_INTERVIEWER": "simulated",
        # The websites of the world are served on loopback, and wait for nobody.
        "LARRY_WEB_ALLOW": "127.0.0.0/8",
        "LARRY_WEB_DELAY_SECONDS": "0",
    }


def _tools() -> dict[str, str]:
    """Spell the environment in which the commands are those of the one this runs in."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}
