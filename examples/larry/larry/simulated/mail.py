"""The twin of the mailbox: letters to people of the world."""

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

from larry.notebook import Notebook
from larry.ports import Answer, Message, Refused, World
from larry.simulated.pace import Pace

_PAGE: Final = "simulated letters"


class SimulatedMail:
    """A mailbox in which the answers of the world's people are there when they are due."""

    def __init__(self, world: World, notebook: Notebook, pace: Pace) -> None:
        self._world = world
        self._notebook = notebook
        self._pace = pace
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Hand a message over; sending the same ``message_id`` again is harmless.

        Raises:
            Refused: The address is none.
        """
        if "@" not in message.to:
            raise Refused(f"{message.to!r} is no address")
        with self._lock:
            # The world is asked once for each letter, or its course would depend on repeats.
            if self._notebook.get(_PAGE, message.message_id) is None:
                answers = [self._kept(one) for one in self._world.written_to(message)]
                letter = _kept_letter(message) | {"answers": answers}
                self._notebook.put(_PAGE, message.message_id, letter)

    def replies(self, message_id: str) -> Sequence[Message]:
        """Give the messages received in the thread of one that was sent, oldest first."""
        letters = self._notebook.page(_PAGE).items()
        found = [
            reply
            for sent_id, letter in letters
            if message_id in (sent_id, *letter["references"])
            for reply in self._arrived(sent_id, letter)
        ]
        return sorted(found, key=lambda reply: str(reply.sent_at))

    def _kept(self, answer: Answer) -> dict[str, Any]:
        return {"body": answer.body, "due_at": self._pace.after(answer.delay_seconds)}

    def _arrived(self, sent_id: str, letter: dict[str, Any]) -> Iterator[Message]:
        now = self._pace.now()
        for number, answer in enumerate(letter["answers"]):
            if answer["due_at"] > now:
                continue
            yield Message(
                message_id=f"<{sha256(f'{sent_id}{number}'.encode()).hexdigest()[:24]}@simulated>",
                sender=letter["to"],
                to=letter["sender"],
                subject=f"Re: {letter['subject']}",
                body=answer["body"],
                in_reply_to=sent_id,
                references=(*letter["references"], sent_id),
                sent_at=dt.datetime.fromtimestamp(answer["due_at"], dt.UTC),
            )


def _kept_letter(message: Message) -> dict[str, Any]:
    return {
        "to": message.to,
        "sender": message.sender,
        "subject": message.subject,
        "body": message.body,
        "references": list(message.references),
    }
