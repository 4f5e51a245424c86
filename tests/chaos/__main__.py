"""``scripts/chaos``: breaks a system of its own for some minutes, and tells whether it held."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from tests.chaos.run import Run
from tests.chaos.schedule import Budget, choose

_INTERRUPTED = 130
_MISUSED = 2


def main() -> int:
    """Run; the exit code is 0 only where everything held."""
    options = _parser().parse_args()
    budget = Budget(options.minutes)
    try:
        faults = choose([name for name in options.faults.split(",") if name], budget)
    except ValueError as error:
        print(error, file=sys.stderr)
        return _MISUSED
    folder = _folder(options.data_dir)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        held = Run(folder, budget, options.seed).go(faults)
    except KeyboardInterrupt:
        print("Interrupted.")
        held = None
    if held or (held is None and options.data_dir is None):
        shutil.rmtree(folder)
    else:
        print(f"Everything it left is in {folder}", file=sys.stderr)
    return _INTERRUPTED if held is None else int(not held)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Breaks a running system on purpose and proves that nothing was lost.",
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long, about (default: 10)")
    parser.add_argument(
        "--seed",
        type=int,
        default=random.randrange(10_000),
        help="decides order and kinds; drawn where it is not given",
    )
    parser.add_argument("--data-dir", type=Path, help="new folder for all data; kept on a failure")
    parser.add_argument("--faults", default="", help="only these kinds, in commas")
    return parser


def _folder(wanted: Path | None) -> Path:
    if wanted is None:
        folder = Path(tempfile.mkdtemp(prefix="planexe-ax-chaos-"))
    else:
        folder = wanted.absolute()
        folder.mkdir(parents=True)
    # The account that PostgreSQL runs as must pass through.
    folder.chmod(0o711)
    return folder


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
