"""A mailbox: SMTP for what is sent, IMAP for what comes back."""

import imaplib
import logging
import re
import smtplib
import socket
import ssl
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from larry.markup import tree_of
from larry.notebook import Notebook
from larry.ports import Message, Refused, Unreachable
from larry.settings import Settings

_log = logging.getLogger(__name__)
_PAGE: Final = "mail sent"
_SECONDS: Final = 30.0
_LARGEST_READ: Final = 2_000_000
_MOST_REPLIES: Final = 50
_FIVE_HUNDRED: Final = 500
_SAFE_ID: Final = re.compile(r"<[A-Za-z0-9._%+=$-]+@[A-Za-z0-9.-]+>")
_LARGEST_HEAD: Final = 64_000
_BULK: Final = frozenset({"auto_reply", "bulk", "junk"})
_REPLY_HEADERS: Final = ("References", "In-Reply-To")


class Mailbox:
    """A mailbox by SMTP and IMAP, both over TLS with certificates checked.

    A sent ``Message-ID`` is noted, and sending it again does nothing. Where Larry is killed between
    the server's word and the note, the letter goes out again with the same ``Message-ID``, by which
    mailboxes know it for the same.
    """

    def __init__(self, settings: Settings, notebook: Notebook) -> None:
        self._settings = settings
        self._notebook = notebook
        ca = settings.mail_ca_file
        self._tls = ssl.create_default_context()
        if ca is not None:
            self._tls.load_verify_locations(cafile=str(ca))

    def send(self, message: Message) -> None:
        """Hand a message over; sending the same ``message_id`` again is harmless."""
        if self._notebook.get(_PAGE, message.message_id) is not None:
            return
        letter = _composed(message, self._settings.sender_name)
        with _translated("the mail server"), self._smtp() as server:
            server.send_message(letter, self._settings.sender_address, [message.to])
        self._notebook.put(_PAGE, message.message_id, {"to": message.to})

    def replies(self, message_id: str) -> Sequence[Message]:
        """Give the messages received in the thread of one that was sent, oldest first.

        Automatic answers, such as that somebody is on holiday, are no replies.

        Raises:
            Refused: The letter came back as undeliverable.
        """
        if not _SAFE_ID.fullmatch(message_id):
            raise Refused(f"{message_id!r} is no Message-ID")
        with _translated("the mailbox"), self._imap() as server:
            found = [opened(raw) for raw in _fetched(server, message_id)]
        own = self._settings.sender_address.lower()
        return [one for one in found if one is not None and one.sender.lower() != own]

    @contextmanager
    def _smtp(self) -> Generator[smtplib.SMTP]:
        settings = self._settings
        place = (settings.smtp_host, settings.smtp_port)
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(*place, timeout=_SECONDS, context=self._tls)
        else:
            server = smtplib.SMTP(*place, timeout=_SECONDS)
        with server:
            if settings.smtp_security == "starttls":
                server.starttls(context=self._tls)
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
            yield server

    @contextmanager
    def _imap(self) -> Generator[imaplib.IMAP4]:
        settings = self._settings
        place = (settings.imap_host, settings.imap_port)
        if settings.imap_security == "tls":
            server: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                *place, ssl_context=self._tls, timeout=_SECONDS
            )
        else:
            server = imaplib.IMAP4(*place, timeout=_SECONDS)
        try:
            if settings.imap_security == "starttls":
                server.starttls(self._tls)
            server.login(settings.imap_user, settings.imap_password)
            _expect(server.select(_quoted(settings.imap_folder), readonly=True))
            yield server
        finally:
            # After a fault the farewell fails too, and would hide what went wrong.
            with suppress(imaplib.IMAP4.error, OSError):
                server.logout()


def _composed(message: Message, sender_name: str) -> EmailMessage:
    letter = EmailMessage(policy=policy.SMTP)
    try:
        letter["From"] = Address(sender_name, addr_spec=message.sender)
        letter["To"] = Address(addr_spec=message.to)
        letter["Subject"] = " ".join(message.subject.split())
        letter["Message-ID"] = message.message_id
        if message.sent_at:
            letter["Date"] = format_datetime(message.sent_at)
        if message.in_reply_to:
            letter["In-Reply-To"] = message.in_reply_to
            letter["References"] = " ".join(message.references or [message.in_reply_to])
        letter.set_content(message.body)
        for each in message.attachments:
            _attach(letter, each.name, each.content_type, each.data)
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise Refused(f"this letter cannot be sent: {error}") from error
    return letter


def _attach(letter: EmailMessage, name: str, content_type: str, data: bytes) -> None:
    main, _, rest = content_type.partition("/")
    kind, _, _ = rest.partition(";")
    if (main, kind) == ("text", "calendar"):
        # Mail programs offer to accept an invitation only where it stands beside the text.
        letter.add_alternative(
            data.decode(), subtype="calendar", params={"method": "REQUEST"}, cte="base64"
        )
        return
    letter.add_attachment(data, maintype=main, subtype=kind or "octet-stream", filename=name)


def _fetched(server: imaplib.IMAP4, message_id: str) -> Iterator[bytes]:
    numbers: set[int] = set()
    for header in _REPLY_HEADERS:
        found = _expect(server.uid("SEARCH", "HEADER", header, f'"{message_id}"'))
        numbers |= {int(each) for line in found if line for each in line.split()}
    for number in sorted(numbers)[-_MOST_REPLIES:]:
        part = f"(BODY.PEEK[]<0.{_LARGEST_READ}>)"
        for piece in _expect(server.uid("FETCH", str(number), part)):
            if isinstance(piece, tuple):
                yield piece[1]


def opened(raw: bytes) -> Message | None:
    """Read what came; None where it is no reply, or nothing that can be read."""
    try:
        if _has_endless_head(raw):
            return None
        letter = message_from_bytes(raw, EmailMessage, policy=policy.default)
        if _came_back(letter):
            raise Refused(f"the letter came back: {letter.get('Subject', '')}")
        return None if _is_automatic(letter) else _read(letter)
    # What strangers write breaks the parser of the standard library in many ways: one such letter
    # must not hide the others.
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        _log.warning("letter not read: %s", type(error).__name__)
        return None


def _has_endless_head(raw: bytes) -> bool:
    """Tell a letter whose head is as long as a book: reading it takes minutes."""
    return len(raw) > _LARGEST_HEAD and not re.search(rb"\r?\n\r?\n", raw[:_LARGEST_HEAD])


def _came_back(letter: EmailMessage) -> bool:
    """Tell a letter that could not be delivered from one that is late, or was opened."""
    kind = str(letter.get_param("report-type", "delivery-status")).lower()
    if letter.get_content_type() != "multipart/report" or kind != "delivery-status":
        return False
    told = [part for part in letter.walk() if part.get_content_type() == "message/delivery-status"]
    actions = [str(one["Action"]) for part in told for one in part.walk() if "Action" in one]
    return not actions or any(action.strip().lower() == "failed" for action in actions)


def _is_automatic(letter: EmailMessage) -> bool:
    said = str(letter.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    bulk = str(letter.get("Precedence", "")).strip().lower() in _BULK
    marked = any(name in letter for name in ("X-Autoreply", "X-Autorespond"))
    return said != "no" or bulk or marked or letter.get_content_type() == "multipart/report"


def _read(letter: EmailMessage) -> Message:
    sent_at = getattr(letter.get("Date"), "datetime", None)
    return Message(
        message_id=str(letter.get("Message-ID", "")).strip(),
        sender=_address(letter, "From"),
        to=_address(letter, "To"),
        subject=str(letter.get("Subject", "")),
        body=_body(letter),
        in_reply_to=str(letter.get("In-Reply-To", "")).strip(),
        references=tuple(str(letter.get("References", "")).split()),
        sent_at=sent_at,
    )


def _address(letter: EmailMessage, header: str) -> str:
    addresses = getattr(letter.get(header), "addresses", ())
    return str(addresses[0].addr_spec) if addresses else ""


def _body(letter: EmailMessage) -> str:
    part = letter.get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, ValueError):
        payload = part.get_payload(decode=True)
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    if part.get_content_subtype() == "html":
        body = tree_of(text).body
        text = body.text(separator="\n", strip=True) if body else ""
    # Half a character can be kept nowhere.
    return text.replace("\r\n", "\n").encode(errors="replace").decode()


def _expect(answer: tuple[str, Any]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(str(data))
    return data


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def _translated(who: str) -> Generator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"{who} has a certificate nobody vouches for: {error}") from error
    except smtplib.SMTPRecipientsRefused as error:
        [(code, told)] = list(error.recipients.values())[:1]
        raise _by_code(code, f"{who} refuses the address: {told!r}") from error
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, f"{who} answers {error.smtp_code}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(f"{who} cannot do what is asked of it: {error}") from error
    except imaplib.IMAP4.abort as error:
        raise Unreachable(f"{who} hung up") from error
    except imaplib.IMAP4.error as error:
        raise Refused(f"{who} refuses: {error}") from error
    except (OSError, smtplib.SMTPException, socket.gaierror) as error:
        raise Unreachable(f"{who} cannot be reached: {type(error).__name__}") from error


def _by_code(code: int, told: str) -> Exception:
    return Refused(told) if code >= _FIVE_HUNDRED else Unreachable(told)
