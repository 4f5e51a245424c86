"""``planexe-agent check URL``: its options, what it prints, its exit codes."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from planexe_agent.check.scene import Options
from planexe_agent.check.verdicts import OK, Doubt, Skipped, Verdict, Wrong
from planexe_agent.check.walk import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN: Final = {OK: "ok", Doubt.state: "doubt", Wrong.state: "WRONG", Skipped.state: "-"}
_CODES: Final = """exit codes:
  0  nothing is wrong; doubts do not count
  1  something is wrong
  2  the options cannot be right
  3  no PlanExe-AX server that works answers there, so nothing else was looked at"""
_NO_SERVER: Final = 3
_INTERRUPTED: Final = 130
_GROUND: Final = frozenset({"address", "health", "version"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk, print each verdict as it comes, and give the exit code."""
    options, as_json = _options(arguments)
    verdicts: list[Verdict] = []
    try:
        with contextlib.closing(walk(options)) as steps:
            for verdict in steps:
                verdicts.append(verdict)
                if not as_json:
                    _print(verdict)
    except KeyboardInterrupt:
        print("Interrupted; what was made is removed.", file=sys.stderr)
        return _INTERRUPTED
    if as_json:
        document = {"url": options.url, "verdicts": [one.document() for one in verdicts]}
        print(json.dumps(document, indent=2))
    else:
        print(_summary(verdicts))
    return exit_code(verdicts)


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """Give the exit code for these verdicts."""
    wrong = {one.probe for one in verdicts if one.state == Wrong.state}
    if wrong & _GROUND:
        return _NO_SERVER
    return 1 if wrong else 0


def _print(verdict: Verdict) -> None:
    print(f"{_SHOWN[verdict.state]:5}  {verdict.probe:12}  {verdict.said}", flush=True)
    if verdict.to_do:
        print(f"{'':19}  > {verdict.to_do}", flush=True)


def _summary(verdicts: Sequence[Verdict]) -> str:
    states = [one.state for one in verdicts]
    counts = [f"{states.count(state)} {state}" for state in _SHOWN if state in states]
    return ", ".join(counts)


def _options(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(prog="planexe-agent", description="For authors of agents.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check",
        help="walk a server and a key through the contract",
        description="Walks a server and a key through the contract, and says what is wrong. With "
        "a user key it makes an agent, a plan and an execution, and removes them. With an agent's "
        "own key it takes no work and changes nothing.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("url", help="the server's address")
    check.add_argument(
        "--key",
        default=os.environ.get("PLANEXE_KEY", ""),
        help="user key or agent key (default: the environment's PLANEXE_KEY)",
    )
    check.add_argument("--agent-id", help="your agent; an agent's key needs it")
    check.add_argument("--execution-id", help="an execution of your agent that may get a note")
    check.add_argument(
        "--poll-seconds",
        type=_seconds,
        default=5.0,
        help="how long the idle poll waits, up to 60: 50, as the SDK does, finds the limit of a "
        "proxy (default 5)",
    )
    check.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args(arguments)
    if not _is_address(given.url):
        parser.error(f"{given.url!r} is no address: it should look like http://localhost:8000")
    if not given.key.isascii() or not given.key.isprintable():
        parser.error("the key holds characters that no key has")
    url, poll = given.url.rstrip("/"), given.poll_seconds
    return Options(url, given.key, given.agent_id, given.execution_id, poll), given.json


def _is_address(text: str) -> bool:
    try:
        httpx.URL(text)
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except (httpx.InvalidURL, ValueError):
        return False


def _seconds(text: str) -> float:
    number = float(text)
    if not 1 <= number <= 60:  # noqa: PLR2004 - the contract's longest poll
        message = "must be between 1 and 60"
        raise argparse.ArgumentTypeError(message)
    return number


if __name__ == "__main__":
    sys.exit(main())
