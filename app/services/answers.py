"""Answers to requests that carried an ``Idempotency-Key``."""

import contextlib
import logging
import threading
from collections.abc import Generator
from typing import Final

from app.live.answers import RESERVED_FOR, StoredAnswer, StoredAnswers
from app.services.errors import LiveUnavailable
from app.services.identity import Principal

__all__ = ["AnswerService", "StoredAnswer"]

logger = logging.getLogger(__name__)

RENEWED_EVERY: Final = RESERVED_FOR / 3
_SERVER_ERROR = 500


class AnswerService:
    """Keeps answers per caller for a day."""

    def __init__(self, answers: StoredAnswers) -> None:
        self._answers = answers

    def begin(self, principal: Principal, key: str, body_hash: str) -> StoredAnswer | None:
        """Reserve a key; give what is stored where it was used before."""
        return self._answers.begin(principal.workspace_id, principal.actor, key, body_hash)

    @contextlib.contextmanager
    def held(self, principal: Principal, key: str) -> Generator[None]:
        """Keep a key reserved for as long as the block runs, and the process lives."""
        place, done = (principal.workspace_id, principal.actor, key), threading.Event()

        def renew() -> None:
            while not done.wait(RENEWED_EVERY.total_seconds()):
                with contextlib.suppress(LiveUnavailable):
                    self._answers.renew(*place)

        threading.Thread(target=renew, name="reservation", daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def made_id(self, principal: Principal, key: str, proposed: str) -> str:
        """Give the id of what a request makes: the same for each try with this key."""
        return self._answers.made_id(principal.workspace_id, principal.actor, key, proposed)

    def finish(self, principal: Principal, key: str, answer: StoredAnswer) -> None:
        """Keep an answer; one that tells of our own failure is not kept, so a retry may succeed.

        Where Redis cannot keep it the answer leaves all the same: what it tells of is done.
        """
        try:
            if answer.status >= _SERVER_ERROR:
                self._answers.forget(principal.workspace_id, principal.actor, key)
            else:
                self._answers.keep(principal.workspace_id, principal.actor, key, answer)
        except LiveUnavailable as error:
            logger.warning("an answer could not be kept for repeats: %s", error)
