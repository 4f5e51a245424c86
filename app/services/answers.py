"""Answers to requests that carried an ``Idempotency-Key``."""

from app.live.answers import StoredAnswer, StoredAnswers
from app.services.identity import Principal

__all__ = ["AnswerService", "StoredAnswer"]

_SERVER_ERROR = 500


class AnswerService:
    """Keeps answers per caller for a day."""

    def __init__(self, answers: StoredAnswers) -> None:
        self._answers = answers

    def begin(self, principal: Principal, key: str, body_hash: str) -> StoredAnswer | None:
        """Reserve a key; give what is stored where it was used before."""
        return self._answers.begin(principal.workspace_id, principal.actor, key, body_hash)

    def made_id(self, principal: Principal, key: str, proposed: str) -> str:
        """Give the id of what a request makes: the same for each try with this key."""
        return self._answers.made_id(principal.workspace_id, principal.actor, key, proposed)

    def finish(self, principal: Principal, key: str, answer: StoredAnswer) -> None:
        """Keep an answer; one that tells of our own failure is not kept, so a retry may succeed."""
        if answer.status >= _SERVER_ERROR:
            self._answers.forget(principal.workspace_id, principal.actor, key)
        else:
            self._answers.keep(principal.workspace_id, principal.actor, key, answer)
