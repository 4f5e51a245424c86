"""``planexe-ax worker``: handle the messages of the queue, in one process."""

import argparse
import datetime as dt
import logging
import signal
import threading
from importlib import import_module
from typing import Final

import dramatiq

from app.bootstrap import of_process
from config.logging import configure
from config.settings import Settings
from workers.broker import DECOMPOSITION, MODEL, UPKEEP

logger = logging.getLogger(__name__)

# Dramatiq looks for new messages so often; its own 1000 ms would show on the dashboard.
_IDLE_MS: Final = 50
_STOP_MS: Final = 2500
_LOOK_SECONDS: Final = 5.0
"""How often the worker looks for logs that no message led to."""


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
    # Told of each call by our own line already; and that one broker has two workers is meant so.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("dramatiq.broker.RedisBroker").setLevel(logging.ERROR)
    if settings.decomposition_model:
        import_module("decomposer.model.client")  # Now, and not while the first tasks wait.
    workers = workers_of(broker, settings)
    for worker in workers:
        worker.start()
    # A full Redis takes no messages, and a clock may be away; the log is recorded all the same.
    while not stop.wait(_LOOK_SECONDS):
        _look()
    for worker in workers:
        worker.stop(timeout=_STOP_MS // len(workers))
    broker.close()
    return 0


def workers_of(broker: dramatiq.Broker, settings: Settings) -> list[dramatiq.Worker]:
    """Make what handles the queues: calls to a model wait on threads of their own.

    Two workers that share no queue share nothing but the broker.
    """
    shares = [({DECOMPOSITION, UPKEEP}, settings.worker_threads)]
    if settings.decomposition_model:
        shares.append(({MODEL}, settings.decomposition_concurrency))
    return [
        dramatiq.Worker(broker, queues=queues, worker_timeout=_IDLE_MS, worker_threads=threads)
        for queues, threads in shares
    ]


def _look() -> None:
    try:
        of_process().persistence.drain_shard(0, 1, dt.timedelta())
    except Exception:  # The edge of the process: its threads go on handling messages.
        logger.exception("the log could not be looked through")
