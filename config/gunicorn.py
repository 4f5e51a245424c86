"""Configuration of gunicorn, which reads these names: ``gunicorn -c config/gunicorn.py``."""

import _thread
import logging
import signal
from importlib import import_module
from types import FrameType
from typing import Any

from config.logging import configure
from config.settings import Settings

_settings = Settings.of_process()

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_processes
worker_class = "config.web_worker.WebWorker"
# Every long poll and every socket holds one connection.
worker_connections = 5000
# A worker that says nothing for so long is taken for dead. Polls do not count: they yield.
timeout = 60
# Less than the supervisor gives: gunicorn itself has to end after its workers.
graceful_timeout = 2
keepalive = 75
accesslog = None
# The socket would lie in the home folder and be shared by all installations of the account.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """Log as all processes do.

    Not through ``logconfig_dict``: gunicorn takes that for a wish to log every request.
    """
    configure(_settings)
    log = logging.getLogger("gunicorn.error")
    log.handlers.clear()
    log.propagate = True


def post_worker_init(worker: Any) -> None:
    """Wake the waiters, and let idle connections go, when the worker is asked to stop.

    All of them would otherwise be cut off at the end of the graceful time.
    """
    stop = import_module("app.web").stop
    end_worker = signal.getsignal(signal.SIGTERM)

    def on_terminate(number: int, frame: FrameType | None) -> None:
        # Not a threading.Thread: starting one in a signal handler ends a gevent worker.
        _thread.start_new_thread(stop, ())
        _thread.start_new_thread(worker.release_idle, ())
        if callable(end_worker):
            end_worker(number, frame)

    signal.signal(signal.SIGTERM, on_terminate)
