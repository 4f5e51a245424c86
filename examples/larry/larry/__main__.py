"""Run Larry: ``python -m larry --url URL --key KEY``."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from planexe_agent import AgentError

from larry import settings
from larry.agent import build
from larry.ports import LarryError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run Larry until he is told to stop."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line per request
    given = {name: getattr(options, name) for name in ("url", "key", "world", "speed", "work_dir")}
    try:
        read = settings.read({k: v for k, v in given.items() if v}, file=options.config)
        build(read).run()
    except (AgentError, LarryError, ValueError) as error:
        raise SystemExit(f"larry: {error}") from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="larry", description=__doc__)
    parser.add_argument("--url", help="the server's address (LARRY_URL)")
    parser.add_argument(
        "--key",
        default=os.environ.get("LARRY_KEY") or os.environ.get("PLANEXE_KEY"),
        help="user key or agent key (LARRY_KEY, PLANEXE_KEY)",
    )
    parser.add_argument("--config", type=Path, help="a TOML file with settings (LARRY_CONFIG)")
    parser.add_argument("--world", help="the simulated world, as module:function (LARRY_WORLD)")
    parser.add_argument("--speed", help="time factor of the simulated world (LARRY_SPEED)")
    parser.add_argument("--work-dir", help="folder of files and notebook (LARRY_WORK_DIR)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
