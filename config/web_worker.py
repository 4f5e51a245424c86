"""The worker class of the web: gunicorn's for gevent, which ends without waiting for idle clients.

Gunicorn's own counts a kept-alive connection as busy until it times out, so one open browser
would hold every stop up to the end of the graceful time.
"""

import contextlib
from collections.abc import Generator
from typing import Any, Final

import gevent
from gevent import Timeout, getcurrent
from gunicorn.workers.ggevent import GeventWorker

LAST_SECONDS: Final = 0.1
"""How long a stop waits for a request that is on its way."""


class WebWorker(GeventWorker):
    """Lets connections go on which no request is being carried out, once it is to stop."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin with no connection."""
        super().__init__(*args, **options)
        self._idle: dict[Any, Timeout] = {}

    @contextlib.contextmanager
    def timeout_ctx(self) -> Generator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Limit the wait for the next request of a connection."""
        seconds = self.cfg.keepalive if self.alive else LAST_SECONDS
        # With False it ends the block and no more.
        with Timeout(seconds, False) as timeout:  # pyright: ignore[reportArgumentType]
            self._idle[getcurrent()] = timeout
            try:
                yield
            finally:
                del self._idle[getcurrent()]

    def release_idle(self) -> None:
        """Close the connections that wait for a request; call it once the worker is to stop."""
        gevent.sleep(LAST_SECONDS)
        for waiting in list(self._idle):
            gevent.get_hub().loop.run_callback(self._release, waiting)

    def _release(self, waiting: Any) -> None:
        # In the hub, where nothing comes in between: it is thrown into no request.
        if timeout := self._idle.get(waiting):
            waiting.throw(timeout)
