"""``planexe-ax worker``: handle the messages of the queue, in one process."""

import argparse
import logging
import signal
import threading
from importlib import import_module
from typing import Final

import dramatiq

from config.logging import configure
from config.settings import Settings

# Dramatiq looks for new messages so often; its own 1000 ms would show on the dashboard.
_IDLE_MS: Final = 50
_STOP_MS: Final = 2500


def add_options(parser: argparse.ArgumentParser) -> None:
    """Offer nothing: the settings say it all."""


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Do what the command is for."""
    return work(settings)


def work(settings: Settings) -> int:
    """Handle messages until SIGTERM or SIGINT; what is not done by then is done by another.

    Not through Dramatiq's own command: it would hold a second process only to watch this one,
    which the supervisor does already.
    """
    configure(settings)
    # It would say each three seconds that it will try again.
    logging.getLogger("dramatiq.worker").setLevel(logging.WARNING)
    import_module("workers.main")
    broker = dramatiq.get_broker()
    broker.emit_after("process_boot")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    worker = dramatiq.Worker(
        broker, worker_timeout=_IDLE_MS, worker_threads=settings.worker_threads
    )
    worker.start()
    stop.wait()
    worker.stop(timeout=_STOP_MS)
    broker.close()
    return 0
