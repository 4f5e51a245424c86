"""The command ``planexe-ax``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app.commands.up import UpOptions, up
from app.embedded.errors import StartError
from config.settings import PROJECT, Settings, SettingsError

_CANNOT_START = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that is named; returns its exit code.

    Wrong settings and everything that cannot be started are told in a sentence, with code 2.
    """
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (SettingsError, StartError) as error:
        print(error, file=sys.stderr)
        return _CANNOT_START


def _run(options: argparse.Namespace) -> int:
    settings = Settings.load({**os.environ, **_overrides(options)}, PROJECT / ".env")
    # Imported where needed: the runner serves for months and shall stay small.
    match options.command:
        case "up":
            return up(settings, _up_options(options))
        case "prepare":
            from app.commands.prepare import prepare

            return prepare(settings)
        case "worker":
            from app.commands.worker import work

            return work(settings)
        case _:
            return _execute(settings, options)


def _execute(settings: Settings, options: argparse.Namespace) -> int:
    from app.commands.client import Client
    from app.commands.execute import Order, execute

    try:
        key = (settings.data_dir / "user_key").read_text().strip()
    except OSError as error:
        raise StartError(f"There is no user key in {settings.data_dir}: {error}") from error
    order = Order(options.plan, options.agent_id, options.auto_approve, options.give_up_blocked)
    return execute(Client(options.url, key), order)


def _overrides(options: argparse.Namespace) -> dict[str, str]:
    found: dict[str, str] = {}
    if getattr(options, "port", None) is not None:
        found["PLANEXE_PORT"] = str(options.port)
    if getattr(options, "data_dir", None) is not None:
        found["PLANEXE_DATA_DIR"] = str(options.data_dir)
    return found


def _up_options(options: argparse.Namespace) -> UpOptions:
    if options.plan and not options.plan.exists():
        raise StartError(f"There is no plan {options.plan}.")
    return UpOptions(
        plan=options.plan,
        agent=options.agent,
        once=options.once,
        fresh=options.fresh,
        speed=options.speed,
        auto_approve=options.auto_approve,
        ready_file=options.ready_file,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="planexe-ax", description="Carries out plans with autonomous agents."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="start everything and carry out a plan"))
    commands.add_parser("prepare", help="check the servers and bring the database up to date")
    commands.add_parser("worker", help="handle the messages of the queue")
    _add_execute(commands.add_parser("execute", help="carry out a plan on a running server"))
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", type=_path, help="plan to carry out (default: a small demo)")
    parser.add_argument(
        "--agent",
        choices=["simulated", "none"],
        default="simulated",
        help="agent that carries it out; none only imports the plan (default: simulated)",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="end when the plan is carried out: code 0 when COMPLETED, else the reason is told",
    )
    parser.add_argument("--port", type=int, help="port of the web server; 0 takes a free one")
    parser.add_argument("--data-dir", type=_path, help="folder of the servers' data and the keys")
    parser.add_argument("--fresh", action="store_true", help="empty the data folder before")
    parser.add_argument(
        "--speed", type=_factor, default=1.0, help="time factor of simulated actions (default: 1)"
    )
    _add_auto_approve(parser)
    parser.add_argument(
        "--ready-file", type=_path, help="file to write {url, user_key, pid} to once it serves"
    )


def _add_execute(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="address of the web server")
    parser.add_argument("--plan", type=_path, required=True, help="plan: a file or a folder")
    parser.add_argument("--agent-id", help="agent to carry it out (default: import only)")
    _add_auto_approve(parser)
    parser.add_argument(
        "--give-up-blocked", action="store_true", help="fail when it stays blocked for 30 seconds"
    )


def _add_auto_approve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--auto-approve",
        action="store_true",
        help="grant reviews, approvals and gates, and play the people; each is recorded as such",
    )


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _factor(text: str) -> float:
    factor = float(text)
    if not 0 < factor < float("inf"):
        raise ValueError(text)
    return factor


if __name__ == "__main__":
    sys.exit(main())
