"""The mailbox and its twin keep the same promises."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import pytest
import trustme
from larry import settings
from larry.connectors import Mailbox
from larry.connectors.mailbox import opened
from larry.notebook import Notebook
from larry.ports import Answer, Attachment, Mail, Message, Refused, Unreachable
from larry.simulated import Pace, SimulatedMail

from tests.mail_servers import ADDRESS, MailServers, answer_to

from .conftest import Town, TurnedTime

CAROL = "carol@farm.example"
MARIE = "marie@farm.example"


class Post(Protocol):
    """A way to send letters, and the people at its other end."""

    def mail(self, notebook: Notebook) -> Mail:
        """Open the mailbox, as after a start of Larry."""
        ...

    def will_answer(self, address: str, text: str) -> None:
        """Have somebody answer the next letter."""
        ...

    def let_answers_come(self) -> None:
        """Let time pass until the answers are there."""
        ...

    def arrived(self) -> list[str]:
        """Name who got a letter, in order."""
        ...


class SimulatedPost:
    def __init__(self, town: Town, pace: Pace, time_passes: TurnedTime) -> None:
        self._town, self._pace, self._time = town, pace, time_passes

    def mail(self, notebook: Notebook) -> Mail:
        return SimulatedMail(self._town, notebook, self._pace)

    def will_answer(self, address: str, text: str) -> None:
        self._town.answers[address] = [Answer(text, delay_seconds=600)]

    def let_answers_come(self) -> None:
        self._time.now += 60

    def arrived(self) -> list[str]:
        return self._town.asked


class RealPost:
    def __init__(self, servers: MailServers, security: str) -> None:
        self._servers, self._security = servers, security
        self._texts: dict[str, str] = {}
        self._waiting: list[EmailMessage] = []
        servers.on_letter = self._take

    def mail(self, notebook: Notebook) -> Mail:
        read = settings.read(self._servers.settings(self._security), environment={})
        return Mailbox(read, notebook)

    def will_answer(self, address: str, text: str) -> None:
        self._texts[address] = text

    def let_answers_come(self) -> None:
        for letter in self._waiting:
            self._servers.deliver(letter)
        self._waiting.clear()

    def arrived(self) -> list[str]:
        return [letter["To"] for letter in self._servers.received]

    def _take(self, letter: EmailMessage) -> None:
        if letter["To"] in self._texts:
            self._waiting.append(answer_to(letter, self._texts[letter["To"]]))


@pytest.fixture(params=["simulated", "starttls", "tls"])
def post(request: pytest.FixtureRequest) -> Post:
    if request.param == "simulated":
        names = ("town", "pace", "time_passes")
        return SimulatedPost(*(request.getfixturevalue(name) for name in names))
    return RealPost(request.getfixturevalue("servers"), request.param)


def letter(name: str = "one", to: str = CAROL, **fields: object) -> Message:
    given: dict[str, object] = {
        "message_id": f"<{name}@example.com>",
        "sender": ADDRESS,
        "to": to,
        "subject": "Alpacas: 'Löwe' & yours",
        "body": "Hello Carol,\n\nmay I call?\n",
    }
    return Message(**{**given, **fields})  # type: ignore[arg-type]


class TestMail:
    def test_repeated_letter_is_sent_once_even_by_another_process(
        self, post: Post, notebook: Notebook
    ) -> None:
        mail = post.mail(notebook)
        mail.send(letter())
        mail.send(letter())
        post.mail(notebook).send(letter())
        assert post.arrived() == [CAROL]

    def test_reply_is_there_once_it_has_come(self, post: Post, notebook: Notebook) -> None:
        post.will_answer(CAROL, "Thursday 2 PM?")
        mail = post.mail(notebook)
        mail.send(letter())
        assert mail.replies("<one@example.com>") == []

        post.let_answers_come()
        [reply] = mail.replies("<one@example.com>")
        assert reply.body.startswith("Thursday 2 PM?")
        assert reply.sender == CAROL
        assert reply.in_reply_to == "<one@example.com>"
        assert reply.sent_at is not None

    def test_reply_belongs_to_its_own_thread_alone(self, post: Post, notebook: Notebook) -> None:
        post.will_answer(MARIE, "Later, please.")
        mail = post.mail(notebook)
        mail.send(letter("one"))
        mail.send(letter("two", to=MARIE))
        post.let_answers_come()
        assert mail.replies("<one@example.com>") == []
        assert len(mail.replies("<two@example.com>")) == 1

    def test_reply_to_a_later_letter_belongs_to_the_thread_of_the_first(
        self, post: Post, notebook: Notebook
    ) -> None:
        mail = post.mail(notebook)
        mail.send(letter("one"))
        post.will_answer(CAROL, "Yes.")
        thread = {"in_reply_to": "<one@example.com>", "references": ["<one@example.com>"]}
        mail.send(letter("two", **thread))
        post.let_answers_come()
        [to_first] = mail.replies("<one@example.com>")
        [to_second] = mail.replies("<two@example.com>")
        assert to_first == to_second
        assert set(to_first.references) == {"<one@example.com>", "<two@example.com>"}

    def test_awaited_reply_survives_a_restart(self, post: Post, notebook: Notebook) -> None:
        post.will_answer(CAROL, "Yes.")
        post.mail(notebook).send(letter())
        post.let_answers_come()
        [reply] = post.mail(notebook).replies("<one@example.com>")
        assert reply.body.startswith("Yes.")

    def test_address_that_is_none_is_refused(self, post: Post, notebook: Notebook) -> None:
        with pytest.raises(Refused):
            post.mail(notebook).send(letter(to="nobody"))
        assert post.arrived() == []


@pytest.fixture
def open_mailbox(servers: MailServers, notebook: Notebook) -> Callable[..., Mailbox]:
    """Open the real mailbox with some settings changed."""

    def opened(**changes: str) -> Mailbox:
        given = {**servers.settings(), **changes}
        return Mailbox(settings.read(given, environment={}), notebook)

    return opened


def test_letter_arrives_as_it_was_written(
    open_mailbox: Callable[..., Mailbox], servers: MailServers
) -> None:
    quote = Attachment("quote.pdf", "application/pdf", b"%PDF-1.7")
    open_mailbox(sender_name="Larry Löwe").send(letter(attachments=[quote]))
    [got] = servers.received
    assert got["From"] == f"Larry Löwe <{ADDRESS}>"
    assert got["Subject"] == "Alpacas: 'Löwe' & yours"
    assert got["Message-ID"] == "<one@example.com>"
    body = got.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Hello Carol,", "", "may I call?"]
    [attached] = got.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("quote.pdf", b"%PDF-1.7")


def test_invitation_stands_beside_the_text(
    open_mailbox: Callable[..., Mailbox], servers: MailServers
) -> None:
    kind = "text/calendar; method=REQUEST; charset=utf-8"
    invitation = Attachment("invitation.ics", kind, b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    open_mailbox().send(letter(attachments=[invitation]))
    [got] = servers.received
    assert got.get_content_type() == "multipart/alternative"
    part = list(got.iter_parts())[-1]
    assert part.get_content_type() == "text/calendar"
    assert part.get_param("method") == "REQUEST"


def test_address_that_the_server_refuses_is_not_tried_again(
    open_mailbox: Callable[..., Mailbox], servers: MailServers
) -> None:
    servers.refused.add(CAROL)
    with pytest.raises(Refused, match="No such user here"):
        open_mailbox().send(letter())


@pytest.mark.parametrize("field", ["to", "message_id", "subject"])
def test_header_cannot_be_smuggled_in(
    open_mailbox: Callable[..., Mailbox], servers: MailServers, field: str
) -> None:
    value = f"{getattr(letter(), field)}\r\nBcc: victim@example.com"
    mail = open_mailbox()
    try:
        mail.send(letter(**{field: value}))
    except Refused:
        assert servers.received == []
    else:
        [got] = servers.received
        assert "Bcc" not in got


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_unknown_authority_is_not_trusted(
    servers: MailServers, notebook: Notebook, tmp_path: Path, security: str
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    given = {**servers.settings(security), "mail_ca_file": str(stranger)}
    mail = Mailbox(settings.read(given, environment={}), notebook)
    with pytest.raises(Refused, match="certificate") as refused:
        mail.send(letter())
    assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
    with pytest.raises(Refused, match="certificate"):
        mail.replies("<one@example.com>")
    assert servers.received == []


def test_wrong_password_is_refused_and_not_shown(open_mailbox: Callable[..., Mailbox]) -> None:
    mail = open_mailbox(smtp_password="wrong one", imap_password="wrong one")
    for act in (lambda: mail.send(letter()), lambda: mail.replies("<one@example.com>")):
        with pytest.raises(Refused) as refused:
            act()
        assert "wrong one" not in str(refused.value)


def test_absent_server_is_worth_another_attempt(
    open_mailbox: Callable[..., Mailbox], unused_port: int
) -> None:
    mail = open_mailbox(smtp_port=str(unused_port), imap_port=str(unused_port))
    with pytest.raises(Unreachable):
        mail.send(letter())
    with pytest.raises(Unreachable):
        mail.replies("<one@example.com>")


def test_automatic_answer_is_no_reply(
    open_mailbox: Callable[..., Mailbox], servers: MailServers
) -> None:
    mail = open_mailbox()
    mail.send(letter())
    away = answer_to(servers.received[0], "I am away until Monday.")
    away["Auto-Submitted"] = "auto-replied"
    servers.deliver(away)
    assert mail.replies("<one@example.com>") == []


def test_letter_that_came_back_is_refused(
    open_mailbox: Callable[..., Mailbox], servers: MailServers
) -> None:
    mail = open_mailbox()
    mail.send(letter())
    bounce = EmailMessage()
    bounce["From"] = "MAILER-DAEMON@example.com"
    bounce["Subject"] = "Undelivered"
    bounce["In-Reply-To"] = "<one@example.com>"
    bounce.set_content("No such user.")
    bounce.make_mixed()
    bounce.replace_header("Content-Type", 'multipart/report; report-type="delivery-status"')
    servers.deliver(bounce)
    with pytest.raises(Refused, match="Undelivered"):
        mail.replies("<one@example.com>")


def test_reply_in_html_is_read_as_text(
    open_mailbox: Callable[..., Mailbox], servers: MailServers
) -> None:
    mail = open_mailbox()
    mail.send(letter())
    answer = answer_to(servers.received[0], "")
    answer.set_content("<html><style>p {}</style><p>Let's <b>talk</b></p></html>", subtype="html")
    servers.deliver(answer)
    [reply] = mail.replies("<one@example.com>")
    assert reply.body.split() == ["Let's", "talk"]


def test_reply_in_an_unknown_alphabet_is_read_all_the_same(
    open_mailbox: Callable[..., Mailbox], servers: MailServers
) -> None:
    mail = open_mailbox()
    mail.send(letter())
    answer = answer_to(servers.received[0], "Yes.")
    answer.set_param("charset", "x-klingon")
    servers.deliver(answer)
    [reply] = mail.replies("<one@example.com>")
    assert reply.body.startswith("Yes.")


@pytest.mark.parametrize("name", ['<a"@b>', "<a@b> OR ALL", "", "<a\r\n@b>"])
def test_message_id_cannot_carry_a_command(open_mailbox: Callable[..., Mailbox], name: str) -> None:
    with pytest.raises(Refused, match="no Message-ID"):
        open_mailbox().replies(name)


@pytest.mark.parametrize(
    "kind", ["disposition-notification; Action: displayed", "delivery-status; Action: delayed"]
)
def test_letter_that_was_opened_or_is_late_did_not_come_back(
    open_mailbox: Callable[..., Mailbox], servers: MailServers, kind: str
) -> None:
    mail = open_mailbox()
    mail.send(letter())
    report, _, told = kind.partition("; ")
    servers.deliver(
        message_from_string(
            "From: MAILER-DAEMON@example.com\nSubject: Receipt\nIn-Reply-To: <one@example.com>\n"
            f"Content-Type: multipart/report; report-type={report}; boundary=b\n\n"
            f"--b\n\nWords.\n--b\nContent-Type: message/{report}\n\n"
            f"Reporting-MTA: dns; example.com\n\n{told}\n\n--b--\n",
            EmailMessage,
            policy=policy.default,
        )
    )
    assert mail.replies("<one@example.com>") == []


@pytest.mark.parametrize(
    "head",
    [
        "Message-ID: <@",
        'From: "',
        "From: a@[",
        f"From: {'(' * 5000}",
        f"Content-Type: text/plain{'; a=b' * 20_000}",
    ],
)
def test_letter_that_nobody_can_read_does_not_hide_the_reply(head: str) -> None:
    assert opened(f"{head}\nIn-Reply-To: <one@example.com>\n\nx".encode()) is None


def test_half_a_character_is_replaced() -> None:
    found = opened(b"Content-Type: text/plain; charset=unicode_escape\n\nYes \\ud800")
    assert found is not None
    assert found.body == "Yes ?"


def test_address_that_is_none_is_not_written_to(
    open_mailbox: Callable[..., Mailbox],
) -> None:
    with pytest.raises(Refused, match="cannot be sent"):
        open_mailbox().send(replace(letter(), to="carol"))
