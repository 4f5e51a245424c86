"""The live feed: what happens in executions, to everybody who watches, once serialised."""

import contextlib
import datetime as dt
import logging
import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, Final

import msgspec

from app.domain.errors import Archived
from app.domain.events import parse_event
from app.domain.execution import Header
from app.live.errors import LiveError
from app.live.log import Log, LogEntry
from app.services.executions import ExecutionService
from app.services.history import HistoryService, LoggedEvent, event_view
from app.services.views import View, open_blocker_views, progress_view

logger = logging.getLogger(__name__)

QUEUE_LENGTH: Final = 2000
"""Messages a slow watcher may be behind before it gets a fresh snapshot instead."""

TAIL_WAIT: Final = dt.timedelta(milliseconds=500)
RETRY_SECONDS: Final = 0.5
ALL: Final = ""
"""Stands for all executions of a workspace."""

_HEADER: Final = msgspec.json.Decoder(Header)


class Item(msgspec.Struct, frozen=True):
    """One event for watchers, with the update that its commit brought, if it was the last."""

    seq: int
    event: str
    update: str | None


class Subscription:
    """One watcher's queue."""

    def __init__(self) -> None:
        self._items: queue.Queue[Item] = queue.Queue(QUEUE_LENGTH)
        self.overflowed = False

    def put(self, item: Item) -> None:
        """Hand an item over; a full queue is given up, since nothing may be missing from it."""
        try:
            self._items.put_nowait(item)
        except queue.Full:
            self.overflowed = True

    def get(self, seconds: float) -> Item | None:
        """Take the next item, or None where none came within the time."""
        try:
            return self._items.get(timeout=seconds)
        except queue.Empty:
            return None


class Feed:
    """Follows the log in one thread per process and hands its entries to the watchers."""

    def __init__(self, log: Log, executions: ExecutionService, history: HistoryService) -> None:
        self._log = log
        self._executions = executions
        self._history = history
        self._lock = threading.Lock()
        self._watchers: dict[tuple[str, str], set[Subscription]] = {}
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._positions: dict[str, str] = {}

    @property
    def stopped(self) -> bool:
        """The process is about to end: streams close."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Let every watcher go."""
        self._stopped.set()

    def watching(self) -> int:
        """Count the watchers."""
        with self._lock:
            return sum(len(watchers) for watchers in self._watchers.values())

    def follow(
        self, workspace_id: str, execution_id: str, after: int | None, tick_seconds: float = 1.0
    ) -> Iterator[str | None]:
        """Yield an execution's messages as JSON text, and None now and then in a silence.

        First a snapshot, or with ``after`` the events since; then every event in ``seq`` order,
        none missing and none twice.

        Raises:
            NotFound: This workspace has no such execution.
        """
        subscription = self._subscribe(workspace_id, execution_id)
        try:
            last = yield from self._catch_up(workspace_id, execution_id, after)
            while not self.stopped:
                if subscription.overflowed:
                    yield _encode({"type": "resync"})
                    self._leave(workspace_id, execution_id, subscription)
                    subscription = self._subscribe(workspace_id, execution_id)
                    last = yield from self._catch_up(workspace_id, execution_id, None)
                item = subscription.get(tick_seconds)
                if item is None:
                    yield None
                    continue
                if item.seq == last + 1:
                    last = item.seq
                    yield item.event
                elif item.seq > last:
                    last = yield from self._missed(workspace_id, execution_id, last)
                if item.update and item.seq == last:
                    yield item.update
        finally:
            self._leave(workspace_id, execution_id, subscription)

    def follow_all(self, workspace_id: str, tick_seconds: float = 1.0) -> Iterator[str | None]:
        """Yield a snapshot of the newest executions, then every update of the workspace."""
        subscription = self._subscribe(workspace_id, ALL)
        try:
            yield self._overview(workspace_id)
            while not self.stopped:
                if subscription.overflowed:
                    yield _encode({"type": "resync"})
                    self._leave(workspace_id, ALL, subscription)
                    subscription = self._subscribe(workspace_id, ALL)
                    yield self._overview(workspace_id)
                item = subscription.get(tick_seconds)
                yield item.update if item else None
        finally:
            self._leave(workspace_id, ALL, subscription)

    def _overview(self, workspace_id: str) -> str:
        page = self._executions.page(workspace_id, limit=100)
        return _encode({"type": "snapshot", "executions": page.items})

    def _snapshot(self, workspace_id: str, execution_id: str) -> View:
        execution = self._executions.execution(workspace_id, execution_id)
        return {
            "type": "snapshot",
            "seq": execution.header.seq,
            "execution": self._executions.view_of(execution),
            "tasks": self._executions.tree_of(execution),
            "blockers": open_blocker_views(execution),
        }

    def _catch_up(
        self, workspace_id: str, execution_id: str, after: int | None
    ) -> Generator[str, None, int]:
        """Yield a snapshot, or what came after a ``seq``; return the ``seq`` reached."""
        header = self._executions.header(workspace_id, execution_id)
        if after is not None and after <= header.seq:
            # Where the events have been put away, it is still known what they came to.
            with contextlib.suppress(Archived):
                last = yield from self._missed(workspace_id, execution_id, after)
                yield _encode(_update_view(header, {}))
                return last
        snapshot = self._snapshot(workspace_id, execution_id)
        yield _encode(snapshot)
        return snapshot["seq"]

    def _missed(self, workspace_id: str, execution_id: str, last: int) -> Generator[str, None, int]:
        for logged in self._history.after(workspace_id, execution_id, last):
            last = logged.event.seq
            yield _encode({"type": "event", **event_view(logged)})
        return last

    def _subscribe(self, workspace_id: str, execution_id: str) -> Subscription:
        subscription = Subscription()
        with self._lock:
            if workspace_id not in self._positions:
                self._positions[workspace_id] = self._log.position(workspace_id)
            self._watchers.setdefault((workspace_id, execution_id), set()).add(subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._tail, name="feed", daemon=True)
                self._thread.start()
        return subscription

    def _leave(self, workspace_id: str, execution_id: str, subscription: Subscription) -> None:
        with self._lock:
            watchers = self._watchers.get((workspace_id, execution_id), set())
            watchers.discard(subscription)
            if not watchers:
                self._watchers.pop((workspace_id, execution_id), None)

    def _tail(self) -> None:
        while not self.stopped:
            try:
                for workspace_id, entries in self._log.tail(dict(self._positions), TAIL_WAIT):
                    self._positions[workspace_id] = entries[-1].entry_id
                    for entry in entries:
                        self._hand_out(workspace_id, entry)
            except LiveError:
                logger.warning("feed: the log cannot be read; trying again", exc_info=True)
                self._stopped.wait(RETRY_SECONDS)
            except Exception:  # The edge of the thread: without it every stream would go silent.
                logger.exception("feed: an entry of the log could not be handed out")
                self._stopped.wait(RETRY_SECONDS)

    def _hand_out(self, workspace_id: str, entry: LogEntry) -> None:
        with self._lock:
            own = list(self._watchers.get((workspace_id, entry.execution_id), ()))
            general = list(self._watchers.get((workspace_id, ALL), ()))
        if not own and not (general and entry.header):
            return
        item = _item(entry)
        for subscription in own:
            subscription.put(item)
        if entry.header:
            for subscription in general:
                subscription.put(item)


def _item(entry: LogEntry) -> Item:
    event = parse_event(entry.body)
    view = {"type": "event", **event_view(LoggedEvent(event, entry.hash))}
    update = None
    if entry.header:
        changes = msgspec.to_builtins(entry.changes) if entry.changes else {}
        update = _encode(_update_view(_HEADER.decode(entry.header), changes))
    return Item(event.seq, _encode(view), update)


def _update_view(header: Header, changes: dict[str, Any]) -> View:
    return {
        "type": "execution_update",
        "execution_id": header.execution_id,
        "seq": header.seq,
        "status": header.status,
        "status_message": header.status_message,
        "progress": progress_view(header),
        "open_blockers": header.open_blockers,
        "changes": changes,
        "timestamp": header.updated_at,
    }


def _encode(view: View) -> str:
    return msgspec.json.encode(view).decode()
