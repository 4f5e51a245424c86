"""Letters: writing them, and waiting for answers."""

import datetime as dt
import mimetypes
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from planexe_agent import NeedsHuman, Task, Wait

from larry.people import Contact, fill
from larry.ports import Attachment, Message
from larry.reading import UNCLEAR, YES, deal, interest, own_words
from larry.tools import (
    Result,
    Tools,
    answer_of_person,
    count_of,
    gathered,
    identity,
    results,
    several,
)

_PAGE: Final = "letters"
_ENCLOSED: Final = frozenset({"quote", "screens", "document"})
"""Results that are there to be sent; a ``.md`` goes as the PDF that stands beside it."""

_LONGEST_SUBJECT: Final = 150
_LONGEST_NOTE: Final = 500


class Letters:
    """The actions of a mailbox."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def send_email(
        self,
        task: Task,
        recipient: str = "",
        purpose: str = "",
        to: str = "",
        subject: str = "",
        body: str = "",
        attachments: str | Sequence[str] = (),
        among: Mapping[str, Any] | None = None,
    ) -> Result:
        """Write and send one email to each of those who are meant.

        ``{name}``, ``{town}`` and the other columns of the table stand for what is known of each.
        """
        contacts = self._addressees(task, recipient, to, among)
        text = body or _drafted(task) or _composed(purpose or task.title)
        sent: list[Result] = []
        for number, contact in enumerate(contacts):
            files = self._attached(task, contact, several(attachments), alone=len(contacts) == 1)
            about = fill(subject or purpose or task.title, contact.known)[:_LONGEST_SUBJECT]
            sent.append(self._send(task, contact, about, fill(text, contact.known), files))
            task.progress(100 * (number + 1) / len(contacts), f"Written to {contact.name}")
        return {"sent": sent, "metrics": {"emails": len(sent)}}

    def wait_for_reply(
        self,
        task: Task,
        about: str = "",
        enough: int | str | None = None,
        among: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Result:
        """Wait until somebody has answered; reported as blocked until then.

        Where several were written to, all have to answer, or as many as ``enough`` says.
        """
        told = answer_of_person(task)
        letters = self._letters(task, str(params.get("from", "")), among)
        if not letters:
            raise NeedsHuman(f"Nothing was sent to {params.get('from') or 'anybody'} yet.")
        replies = [reply for letter in letters if (reply := self._reply(task, letter))]
        if len(replies) < min(count_of(enough, 0) or len(letters), len(letters)) and not told:
            self._wait(about, letters, replies)
        result: Result = {"replies": replies, "silent": _silent(letters, replies)}
        if told:
            result["told_by_owner"] = told
        interested = sum(reply["interested"] == YES for reply in replies)
        metrics = {"replies": len(replies), "interested_replies": interested}
        closed = [reply["deal"] for reply in replies if reply.get("deal") is not None]
        if closed:
            metrics |= {"closed": len(closed), "revenue": sum(closed)}
        return {**result, "metrics": metrics}

    def _addressees(
        self, task: Task, recipient: str, to: str, among: Mapping[str, Any] | None
    ) -> list[Contact]:
        people = self._tools.people(task)
        known = people.find(recipient, "email", among) if recipient or among else []
        if to:
            stated = people.find(to, "email")
            return stated and [
                Contact(recipient or one.name, one.email, one.phone, one.table, one.row)
                for one in stated
            ]
        if known:
            return known
        answered = people.find(answer_of_person(task), "email")
        if answered:
            return answered
        raise NeedsHuman(f"Which address has {recipient or 'the recipient'}?")

    def _send(
        self,
        task: Task,
        contact: Contact,
        subject: str,
        body: str,
        attachments: Sequence[Attachment],
    ) -> Result:
        settings = self._tools.settings
        domain = settings.sender_address.rpartition("@")[2] or "localhost"
        message_id = f"<{identity(task, contact.email.lower())}@{domain}>"
        kept = self._tools.notebook.page(_PAGE)
        before = _thread(kept, task.execution_id, contact.email, until=message_id)
        message = Message(
            message_id=message_id,
            sender=settings.sender_address,
            to=contact.email,
            subject=subject,
            body=f"{body.strip()}\n\n{settings.sender_name}\n",
            in_reply_to=before[-1] if before else "",
            references=before,
            attachments=attachments,
            sent_at=self._tools.now(),
        )
        self._tools.mail.send(message)
        letter: Result = {
            "message_id": message.message_id,
            "name": contact.name,
            "to": contact.email,
            "subject": subject,
        }
        known = {"execution_id": task.execution_id, "table": contact.table, "row": contact.row}
        self._tools.notebook.put(_PAGE, message_id, {**letter, **known})
        if attachments:
            letter["attachments"] = [one.name for one in attachments]
        return letter

    def _attached(
        self, task: Task, contact: Contact, attachments: Sequence[str], *, alone: bool
    ) -> list[Attachment]:
        """Read what goes along: the files named, else what was made for this person before."""
        names = attachments or [
            link["name"]
            for before in results(task)
            for result in (before, *before.get("quotes", ()))
            if _ENCLOSED & result.keys() and (alone or _is_for(result, contact))
            for link in result.get("evidence", ())
            if not link["name"].endswith(".md")
        ]
        folder = self._tools.folder(task)
        return [Attachment(name, _content_type(name), folder.read(name)) for name in names]

    def _letters(
        self, task: Task, whom: str, among: Mapping[str, Any] | None
    ) -> list[dict[str, Any]]:
        """Find the letters whose answers are awaited: those just sent, else all to the person."""
        kept = self._tools.notebook.page(_PAGE)
        mine = {k: v for k, v in kept.items() if v["execution_id"] == task.execution_id}
        just_sent = [
            mine[one["message_id"]] for one in gathered(task, "sent") if one["message_id"] in mine
        ]
        meant = {one.email.lower() for one in self._tools.people(task).find(whom, "email", among)}
        letters = just_sent or list(mine.values())
        named = [one for one in letters if one["to"].lower() in meant or _names(one, whom)]
        newest = {one["to"].lower(): one for one in named or just_sent}
        return list(newest.values())

    def _reply(self, task: Task, letter: Mapping[str, Any]) -> Result | None:
        replies = self._tools.mail.replies(letter["message_id"])
        if not replies:
            return None
        last = replies[-1]
        text = own_words(last.body)
        found = {"name": letter["name"], "from": last.sender, "text": text}
        judged = interest(text)
        contact = Contact(letter["name"], letter["to"], "", letter["table"], letter["row"])
        noted = {"reply": text[:_LONGEST_NOTE]}
        if judged != UNCLEAR:
            noted["interested"] = judged
        self._tools.people(task).note(contact, noted)
        at = last.sent_at.isoformat() if isinstance(last.sent_at, dt.datetime) else None
        if (closed := deal(text)) is not None:
            found["deal"] = closed
        return {**found, "interested": judged, "received_at": at, "message_id": last.message_id}

    def _wait(self, about: str, letters: Sequence[Any], replies: Sequence[Any]) -> None:
        settings = self._tools.settings
        silent = ", ".join(_silent(letters, replies))
        told = f"No answer yet from {silent}{f' about {about}' if about else ''}"
        if len(letters) > 1:
            told += f" ({len(replies)} of {len(letters)} have answered)"
        raise Wait(
            f"{told}.",
            retry_after_seconds=self._tools.real_seconds(settings.reply_look_seconds),
            max_wait_seconds=self._tools.real_seconds(settings.reply_wait_hours * 3600),
        )


def _thread(kept: Mapping[str, Any], execution_id: str, address: str, until: str) -> list[str]:
    """Give the letters of an execution that went to an address before this one."""
    thread = [
        message_id
        for message_id, letter in kept.items()
        if letter["execution_id"] == execution_id and letter["to"].lower() == address.lower()
    ]
    return thread[: thread.index(until)] if until in thread else thread


def _composed(purpose: str) -> str:
    opening = purpose.strip().rstrip(".")
    return (
        f"Hello {{name}},\n\nI am writing about this: {opening}.\n\n"
        "Please answer to this letter: I read every reply.\n"
    )


def _drafted(task: Task) -> str:
    """Give the message that an earlier step wrote, if one did."""
    drafts = [str(each["message"]) for each in results(task) if each.get("message")]
    return drafts[-1] if drafts else ""


def _is_for(result: Mapping[str, Any], contact: Contact) -> bool:
    return bool(contact.name) and _names({"name": contact.name}, str(result.get("for", "")))


def _names(letter: Mapping[str, Any], whom: str) -> bool:
    first = str(letter["name"]).partition(" ")[0].lower()
    return len(first) > 1 and bool(re.search(rf"\b{re.escape(first)}\b", whom.lower()))


def _silent(letters: Sequence[Any], replies: Sequence[Any]) -> list[str]:
    heard = {reply["name"] for reply in replies}
    return [letter["name"] for letter in letters if letter["name"] not in heard]


def _content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
