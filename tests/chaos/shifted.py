"""Starts a process of ours whose clock is wrong: ``python -m tests.chaos.shifted SECONDS NAME``.

``time.time`` is replaced before the program is loaded. Redis and PostgreSQL keep their own time,
as they do when the machines of an installation disagree.
"""

import sys
import time
from importlib import import_module
from typing import Final

_COMMANDS: Final = {
    "web": ["gunicorn", "-c", "config/gunicorn.py", "app.web:app"],
    "worker": ["planexe-ax", "worker"],
    "clock": ["clock"],
}
_MAINS: Final = {
    "web": ("gunicorn.app.wsgiapp", "run"),
    "worker": ("app.cli", "main"),
    "clock": ("workers.clock", "main"),
}


def shift(seconds: float) -> None:
    """Set this process's clock forward, or with a negative number back."""
    true_time, true_nanoseconds = time.time, time.time_ns
    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_nanoseconds() + int(seconds * 1e9)


def main() -> None:
    """Run the named process with the shifted clock."""
    seconds, name = float(sys.argv[1]), sys.argv[2]
    if name == "web":
        # Before anything is imported that makes a lock; gunicorn would do it too late for us.
        import_module("gevent.monkey").patch_all()
    shift(seconds)
    sys.argv = _COMMANDS[name]
    module, function = _MAINS[name]
    sys.exit(getattr(import_module(module), function)())


if __name__ == "__main__":
    main()
